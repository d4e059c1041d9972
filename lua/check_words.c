/*
 * Paths, patterns, fields and verbs in functions. Outside of them loading has
 * refused what is wrong; inside a handler would fail when it gets there.
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
#include "words.h"

#define FIELDS_MAX 64

static void no_state(const struct check *c, int line, const char *path)
{
	const struct program *prog = c->prog;
	const char **paths = calloc(prog->count + 1, sizeof(*paths));
	const char *near;

	if (!paths)
		return;
	for (size_t i = 0; i < prog->count; i++)
		paths[i] = prog->all[i]->path;
	near = nearest_word(path, paths);
	check_tell(c, false, line, "there is no state '%.200s'%s%.200s%s",
		   path, near ? "; did you mean '" : "", near ? near : "",
		   near ? "'?" : "");
	free(paths);
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

/* Names of the class `of` in `names`, FIELDS_MAX of them at most. */
static void class_names(const char *of, const char **names)
{
	size_t n = 0;

	for (const struct word *w = words; w->name; w++)
		if (w->of && !strcmp(w->of, of) && n + 1 < FIELDS_MAX)
			names[n++] = w->name;
	names[n] = NULL;
}

static bool is_one_of(const char *name, const char *const *names)
{
	for (; *names; names++)
		if (!strcmp(name, *names))
			return true;
	return false;
}

/* Fields that a table given to `what` does not have. */
static void check_fields(const struct check *c, const struct source_table *t,
			 const char *what, const char *const *names)
{
	for (size_t i = 0; i < t->count; i++) {
		const char *key = t->values[i].key, *near;

		if (!key || !strcmp(key, "type") || is_one_of(key, names))
			continue;
		near = nearest_word(key, names);
		check_tell(c, false, t->values[i].line,
			   "%s: unknown field '%.100s'%s%s%s", what, key,
			   near ? "; did you mean '" : "", near ? near : "",
			   near ? "'?" : "");
	}
}

/* `call.name` and `call:name` at token `i`, of the class `of`. */
static void check_member(const struct check *c, size_t i, const char *word,
			 const char *of)
{
	const struct source_tables *s = c->tables;
	const char *names[FIELDS_MAX], *near;
	char name[64];

	if (s->tok[i].type != TOKEN_NAME || s->tok[i].len >= sizeof(name))
		return;
	memcpy(name, s->source + s->tok[i].at, s->tok[i].len);
	name[s->tok[i].len] = '\0';
	class_names(of, names);
	if (is_one_of(name, names))
		return;
	near = nearest_word(name, names);
	check_tell(c, true, s->tok[i].line, "'%s' has no '%s'%s%s%s", word,
		   name, near ? "; did you mean '" : "", near ? near : "",
		   near ? "'?" : "");
}

static bool is_dot(int type)
{
	return type == '.' || type == ':';
}

static void check_call(const struct check *c)
{
	const struct source_tables *s = c->tables;

	for (size_t i = 0; s->tok[i].type != TOKEN_END; i++)
		if (s->tok[i].type == TOKEN_NAME && i &&
		    token_is(s->source, &s->tok[i], "call") &&
		    s->tok[i - 1].type == TOKEN_LOCAL)
			return;
	for (size_t i = 0; s->tok[i].type != TOKEN_END; i++) {
		const struct token *t = &s->tok[i];

		if (t->type != TOKEN_NAME || (i && is_dot(t[-1].type)) ||
		    !token_is(s->source, t, "call") || !is_dot(t[1].type))
			continue;
		check_member(c, i + 2, "call", "tandem.Call");
		if (t[2].type == TOKEN_NAME &&
		    token_is(s->source, &t[2], "dialer") && is_dot(t[3].type))
			check_member(c, i + 4, "call.dialer",
				     "tandem.Dialer");
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

static void check_listen(const struct check *c, const struct source_table *t)
{
	const struct source_value *q = source_value(t, "q");
	const char *names[FIELDS_MAX];

	class_names("tandem.Listen", names);
	check_fields(c, t, "listen", names);
	if (q && q->kind == VALUE_TEXT)
		check_pattern(c, q->line, q->text);
	for (size_t i = 0; q && q->table && i < q->table->count; i++)
		if (q->table->values[i].kind == VALUE_TEXT)
			check_pattern(c, q->table->values[i].line,
				      q->table->values[i].text);
}

static void check_table(const struct check *c, const struct source_table *t)
{
	static const char *const keys[] = { "max", "timeout", NULL };
	static const char *const timeout[] = { "interval", "state", NULL };
	const char *names[FIELDS_MAX];

	if (is_reply(c, t, "dtmf"))
		check_fields(c, t, "dtmf", keys);
	if (is_reply(c, t, "timeout")) {
		check_fields(c, t, "timeout", timeout);
		check_field(c, t, "state");
	}
	if (is_reply(c, t, "TransferCallToOperator")) {
		class_names("tandem.Operator", names);
		check_fields(c, t, "TransferCallToOperator", names);
		check_field(c, t, "thenState");
		check_field(c, t, "timeoutState");
		check_field(c, t, "errorState");
	}
	if (source_table_of(c->tables, t, "listen", true))
		check_listen(c, t);
}

void check_words(struct check *c)
{
	check_call(c);
	check_jumps(c, "enter");
	check_jumps(c, "go");
	for (const struct source_table *t = c->tables->first; t; t = t->next)
		check_table(c, t);
}
