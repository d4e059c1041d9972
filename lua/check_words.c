/*
 * Paths and patterns in functions. Outside of them loading has refused what is
 * wrong; inside a handler would fail when it gets there.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/problem.h"
#include "pattern.h"
#include "program.h"
#include "shard.h"
#include "source_table.h"

static void no_state(const struct check *c, int line, const char *path)
{
	const struct program *prog = c->prog;
	const char **words = calloc(prog->count + 1, sizeof(*words));
	const char *near;

	if (!words)
		return;
	for (size_t i = 0; i < prog->count; i++)
		words[i] = prog->all[i]->path;
	near = nearest_word(path, words);
	check_tell(c, false, line, "there is no state '%.200s'%s%.200s%s",
		   path, near ? "; did you mean '" : "", near ? near : "",
		   near ? "'?" : "");
	free(words);
}

static void check_path(const struct check *c, int line, const char *path)
{
	const struct state *from = check_state_at(c, c->src->path, line);

	/* Out of every state it is relative to who calls this, and a module
	 * may be another bot's as well. */
	if (!from && (*path != '/' || strcmp(c->src->path, c->bot->path)))
		return;
	if (!program_find(c->prog, from ? from : c->prog->root, path))
		no_state(c, line, path);
}

static void check_pattern(const struct check *c, int line, const char *text)
{
	char err[256];
	struct pattern *p = pattern_compile_with(c->prog->patterns, text, err,
						 sizeof(err));

	if (!p)
		check_tell(c, false, line, "listen: q: %s", err);
	pattern_free(p);
}

/* Whether the source calls something of its own by this name. */
static bool is_own(const struct source_tables *s, const char *word)
{
	for (size_t i = 0; s->tok[i].type != TOKEN_END; i++) {
		const int after = s->tok[i + 1].type;
		const int before = i ? s->tok[i - 1].type : ';';

		if (s->tok[i].type != TOKEN_NAME || before == '.' ||
		    before == ':' || !token_is(s->source, &s->tok[i], word))
			continue;
		if (before == TOKEN_LOCAL || before == TOKEN_OPEN ||
		    (after != TOKEN_STRING && after != '(' && after != '='))
			return true;
	}
	return false;
}

static void check_jumps(const struct check *c, const char *word)
{
	const struct source_tables *s = c->tables;

	if (is_own(s, word))
		return;
	for (size_t i = 0; s->tok[i].type != TOKEN_END; i++) {
		const int before = i ? s->tok[i - 1].type : ';';
		size_t at, len;
		char *path;

		if (s->tok[i].type != TOKEN_NAME || before == '.' ||
		    before == ':' || !token_is(s->source, &s->tok[i], word))
			continue;
		at = source_argument(s, i);
		path = at == SIZE_MAX ? NULL :
			token_string(s->source, &s->tok[at], &len);
		if (path)
			check_path(c, s->tok[at].line, path);
		free(path);
	}
}

static void check_field(const struct check *c, const struct source_table *t,
			const char *key)
{
	const struct source_value *v = source_value(t, key);

	if (v && v->kind == VALUE_TEXT && v->len)
		check_path(c, v->line, v->text);
}

static bool is_reply(const struct check *c, const struct source_table *t,
		     const char *type)
{
	return source_value_is(source_value(t, "type"), type) ||
		source_table_of(c->tables, t, type, false);
}

static void check_table(const struct check *c, const struct source_table *t)
{
	const struct source_value *q = source_value(t, "q");

	if (is_reply(c, t, "timeout"))
		check_field(c, t, "state");
	if (is_reply(c, t, "TransferCallToOperator")) {
		check_field(c, t, "thenState");
		check_field(c, t, "timeoutState");
		check_field(c, t, "errorState");
	}
	if (!q || !source_table_of(c->tables, t, "listen", true))
		return;
	if (q->kind == VALUE_TEXT)
		check_pattern(c, q->line, q->text);
	for (size_t i = 0; q->table && i < q->table->count; i++)
		if (q->table->values[i].kind == VALUE_TEXT)
			check_pattern(c, q->table->values[i].line,
				      q->table->values[i].text);
}

void check_words(struct check *c)
{
	check_jumps(c, "enter");
	check_jumps(c, "go");
	for (const struct source_table *t = c->tables->first; t; t = t->next)
		check_table(c, t);
}
