/* Files that are played and are not there. */
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "check.h"
#include "shard.h"
#include "source_table.h"

static void check_file(const struct check *c, int line, const char *file)
{
	const char *slash = strrchr(c->bot->path, '/');
	const int folder = slash ? (int)(slash - c->bot->path) + 1 : 0;
	char path[PATH_MAX];

	if (strstr(file, "://"))
		return;		/* fetched when it is played */
	if ((size_t)snprintf(path, sizeof(path), "%.*s%s",
			     *file == '/' ? 0 : folder, c->bot->path, file) >=
	    sizeof(path) || access(path, R_OK))
		check_tell(c, false, line, "the file '%.200s' cannot be read",
			   file);
}

/* `audio "file"` and `call:play "file"`. */
static void check_word(const struct check *c, size_t i)
{
	const struct source_tables *s = c->tables;
	const int before = i ? s->tok[i - 1].type : ';';
	size_t at, len;
	char *file;

	if (token_is(s->source, &s->tok[i], "audio") ?
	    before == ':' || before == '.' :
	    !token_is(s->source, &s->tok[i], "play") || before != ':')
		return;
	at = source_argument(s, i);
	file = at == SIZE_MAX ? NULL : token_string(s->source, &s->tok[at],
						    &len);
	if (file)
		check_file(c, s->tok[at].line, file);
	free(file);
}

static void check_table(const struct check *c, const struct source_table *t)
{
	static const char *const words[] = {
		"ringback", "early", "none", NULL
	};
	const struct source_value *file = source_value(t, "file");
	const struct source_value *music = source_value(t, "music");

	if (file && file->kind == VALUE_TEXT &&
	    source_value_is(source_value(t, "type"), "audio"))
		check_file(c, file->line, file->text);
	if (!music || music->kind != VALUE_TEXT ||
	    !(source_value_is(source_value(t, "type"), "switch") ||
	      source_table_of(c->tables, t, "switch", false) ||
	      source_table_of(c->tables, t, "transfer", true)))
		return;
	for (size_t i = 0; words[i]; i++)
		if (!strcmp(music->text, words[i]))
			return;
	check_file(c, music->line, music->text);
}

void check_files(struct check *c)
{
	for (size_t i = 0; c->tables->tok[i].type != TOKEN_END; i++)
		if (c->tables->tok[i].type == TOKEN_NAME)
			check_word(c, i);
	for (const struct source_table *t = c->tables->first; t; t = t->next)
		check_table(c, t);
}
