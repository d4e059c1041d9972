/**
 * @file program_intents.c  The bot's key `intents`
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "classifier.h"
#include "meter.h"
#include "program.h"
#include "program_i.h"
#include "scan.h"

#define LEARN_COST 20	/* instructions for a byte of a phrase */

/* Where the table stands. */
struct place {
	const char *file;
	const struct scan_table *scan;
	int line;
};

static void no_memory(struct build *b)
{
	luaL_error(b->L, "no memory");
}

static int line_of(const struct place *at, const char *name)
{
	const struct scan_entry *e = scan_key(at->scan, name);

	return e && e->line ? e->line : at->line;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

enum known { UNKNOWN, STATE, TRIGGER };

/* Whether a state reacts to intent `name`, or at least has this path. */
static enum known known(const struct program *prog, const char *name)
{
	enum known is = UNKNOWN;

	for (size_t i = 0; i < prog->count; i++) {
		const struct state *st = prog->all[i];

		for (size_t k = 0; k < st->trigger_count; k++)
			if (st->triggers[k].kind == TRIGGER_INTENT &&
			    !strcmp(st->triggers[k].text, name))
				return TRIGGER;
		if (!strcmp(st->path, name))
			is = STATE;
	}
	return is;
}

/* The nearest intent or path to `name`, or NULL. */
static const char *nearest(struct build *b, const char *name)
{
	const struct program *prog = b->prog;
	size_t n = prog->count + 1, at = 0;
	const char **words, *near;

	for (size_t i = 0; i < prog->count; i++)
		n += prog->all[i]->trigger_count;
	words = malloc(n * sizeof(*words));
	if (!words)
		return NULL;
	for (size_t i = 0; i < prog->count; i++) {
		const struct state *st = prog->all[i];

		words[at++] = st->path;
		for (size_t k = 0; k < st->trigger_count; k++)
			if (st->triggers[k].kind == TRIGGER_INTENT)
				words[at++] = st->triggers[k].text;
	}
	words[at] = NULL;
	near = nearest_word(name, words);
	free(words);
	return near;
}

/* The phrases of intent `name`, in the list on top. */
static void phrases(struct build *b, const struct place *at, const char *name)
{
	const int line = line_of(at, name);
	struct state root = *b->prog->root;
	lua_State *L = b->L;
	char what[256], is[256];
	lua_Integer n;

	root.file = at->file;
	snprintf(what, sizeof(what), "the phrases of '%s'", name);
	snprintf(is, sizeof(is), "the phrases of '%s' are a list", name);
	n = program_list(b, &root, line, what, is);
	for (lua_Integer i = 1; i <= n; i++) {
		size_t len;
		const char *s;
		int rc;

		if (lua_rawgeti(L, -1, i) != LUA_TSTRING) {
			problem_add(b->p, at->file, line, "/: %s are texts, "
				    "not a %s", what, luaL_typename(L, -1));
			lua_pop(L, 1);
			continue;
		}
		s = lua_tolstring(L, -1, &len);
		meter_charge(L, LEARN_COST * (len + 1));
		rc = classifier_add(*b->from->learnt, name, s, len);
		if (rc == -2)
			no_memory(b);
		if (rc)
			problem_add(b->p, at->file, line, "/: %s: '%s' has "
				    "no words", what, s);
		lua_pop(L, 1);
	}
}

/* One intent; its value is on top. */
static void intent(struct build *b, const struct place *at, const char *name)
{
	const enum known is = known(b->prog, name);
	const int line = line_of(at, name);
	const char *near;

	meter_charge(b->L, 20 + b->prog->count);
	if (is == UNKNOWN) {
		near = nearest(b, name);
		problem_add(b->p, at->file, line, "/: there is no state or "
			    "intent '%s'%s%s%s", name,
			    near ? "; did you mean '" : "", near ? near : "",
			    near ? "'?" : "");
	} else if (!lua_istable(b->L, -1)) {
		problem_add(b->p, at->file, line, "/: the phrases of '%s' are "
			    "a list", name);
	} else {
		if (is == STATE)
			problem_warn(b->p, at->file, line, "no state has the "
				     "trigger intent = \"%s\": its phrases "
				     "lead nowhere", name);
		phrases(b, at, name);
	}
}

/* All of the table on top, by name, so that scores are always the same. */
static void read_all(struct build *b, const struct place *at)
{
	lua_State *L = b->L;
	const int table = lua_gettop(L);
	const char **names;
	size_t n = 0, count = 0;

	for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1))
		n++;
	names = lua_newuserdatauv(L, (n + 1) * sizeof(*names), 0);
	for (lua_pushnil(L); lua_next(L, table); lua_pop(L, 1)) {
		if (lua_type(L, -2) == LUA_TSTRING)
			names[count++] = lua_tostring(L, -2);
		else
			problem_add(b->p, at->file, at->line, "/: 'intents' "
				    "has an item without a name: [\"/Path\"] "
				    "= { ... }");
	}
	if (count)
		qsort(names, count, sizeof(*names), by_name);
	for (size_t i = 0; i < count; i++) {
		lua_pushstring(L, names[i]);
		lua_rawget(L, table);
		intent(b, at, names[i]);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

static void number_triggers(struct program *prog)
{
	for (size_t i = 0; i < prog->count; i++) {
		struct state *st = prog->all[i];

		for (size_t k = 0; k < st->trigger_count; k++)
			st->triggers[k].intent = st->triggers[k].kind ==
				TRIGGER_INTENT ?
				classifier_find(prog->classifier,
						st->triggers[k].text) : -1;
	}
}

/* The key's value is on top. What was learnt for one shard is good for all:
 * they come from the same file. */
static void learn(struct build *b, int idx)
{
	const struct state *root = b->prog->root;
	const struct scan_entry *e = scan_key(root->scan, "intents");
	struct place at = {
		.file = root->file, .scan = e ? e->table : NULL,
		.line = e && e->line ? e->line : root->line,
	};

	if (!lua_istable(b->L, idx)) {
		problem_add(b->p, at.file, at.line, "/: 'intents' is a table "
			    "of lists, not a %s", luaL_typename(b->L, idx));
		return;
	}
	program_scan(b->L, b->from, idx, &at.file, &at.scan);
	if (at.file != root->file)
		at.line = at.scan->line;
	*b->from->learnt = classifier_new();
	if (!*b->from->learnt)
		no_memory(b);
	read_all(b, &at);
	if (classifier_train(*b->from->learnt))
		no_memory(b);
}

void program_intents(struct build *b, int idx)
{
	lua_State *L = b->L;

	if (!*b->from->learnt) {
		lua_pushliteral(L, "intents");
		if (lua_rawget(L, idx) != LUA_TNIL)
			learn(b, lua_gettop(L));
		lua_pop(L, 1);
	}
	b->prog->classifier = *b->from->learnt;
	number_triggers(b->prog);
}
