/**
 * @file program.c  From the table a bot file returns to its states
 *
 * Every mistake is collected, with the line the scanner knows for it. Two
 * passes: the tree of states with their triggers, then the reactions, since
 * those name states by their path.
 */
#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coverage_i.h"
#include "match_index.h"
#include "meter.h"
#include "pattern.h"
#include "pattern_names.h"
#include "program.h"
#include "program_i.h"
#include "reaction.h"
#include "scan.h"
#include "template.h"

#define DEPTH_MAX STATE_DEPTH_MAX
#define STATES_MAX 100000

static const char *const state_keys[] = {
	"q", "q!", "intent", "intent!", "event", "event!", "states",
	"noContext", "modal", NULL
};

static const char *const bot_keys[] = {
	"q", "q!", "intent", "intent!", "event", "event!", "states",
	"noContext", "modal", "name", "fallback", "intents", "patterns", NULL
};

const char *const *program_keys(bool bot)
{
	return bot ? bot_keys : state_keys;
}

static bool one_of(const char *word, const char *const *words)
{
	for (; *words; words++)
		if (!strcmp(word, *words))
			return true;
	return false;
}

static int line_of(const struct state *st, const char *key)
{
	const struct scan_entry *e = scan_key(st->scan, key);

	return e && e->line ? e->line : st->line;
}

static void problem(const struct build *b, const struct state *st, int line,
		    const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void problem(const struct build *b, const struct state *st, int line,
		    const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	problem_add(b->p, st->file, line, "%s: %s", st->path, text);
}

static void no_memory(const struct build *b)
{
	luaL_error(b->L, "no memory");
}

lua_Integer program_list(struct build *b, const struct state *st, int line,
			 const char *what, const char *is)
{
	lua_State *L = b->L;
	lua_Integer n = 0, max = 0, i;

	lua_pushnil(L);
	while (lua_next(L, -2)) {
		lua_pop(L, 1);
		i = lua_isinteger(L, -1) ? lua_tointeger(L, -1) : 0;
		if (i >= 1) {
			max = i > max ? i : max;
			n++;
		} else if (lua_type(L, -1) == LUA_TSTRING) {
			problem(b, st, line, "%s: it has no key '%s'", is,
				lua_tostring(L, -1));
		} else if (lua_isinteger(L, -1)) {
			problem(b, st, line, "%s: it has no key %lld", is,
				(long long)i);
		} else {
			problem(b, st, line, "%s: it has no key that is a "
				"%s", is, luaL_typename(L, -1));
		}
	}
	if (n == max)
		return n;
	for (i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++)
		lua_pop(L, 1);
	lua_pop(L, 1);
	problem(b, st, line, "%s: hole in the list: item %lld is nil", what,
		(long long)i);
	return i - 1;
}

/* ---- triggers ---- */

static void add_trigger(struct build *b, struct state *st, const char *key,
			unsigned place)
{
	const char *text;
	struct trigger *t;
	char err[256];

	if (lua_type(b->L, -1) != LUA_TSTRING) {
		problem(b, st, line_of(st, key), "'%s' takes a text or a list "
			"of texts, not a %s", key, luaL_typename(b->L, -1));
		return;
	}
	text = lua_tostring(b->L, -1);
	t = realloc(st->triggers, (st->trigger_count + 1) * sizeof(*t));
	if (!t)
		no_memory(b);
	st->triggers = t;
	t += st->trigger_count;
	*t = (struct trigger){
		.kind = *key == 'q' ? TRIGGER_Q :
			*key == 'i' ? TRIGGER_INTENT : TRIGGER_EVENT,
		.global = key[strlen(key) - 1] == '!',
		.place = place,
		.text = strdup(text),
	};
	st->trigger_count++;
	if (!t->text)
		no_memory(b);
	if (t->kind == TRIGGER_EVENT && !strcmp(text, "speechNotRecognized"))
		b->prog->hears_silence = true;
	if (t->kind == TRIGGER_Q) {
		t->pattern = pattern_compile_with(b->prog->patterns, text, err,
						  sizeof(err));
		/* Of a name that is wrong itself it has been told. */
		if (!t->pattern && *err)
			problem(b, st, line_of(st, key), "%s: %s", key, err);
		/* Its memory is not Lua's, so that loading pays for it. */
		meter_charge(b->L, 20 + (t->pattern ?
					 8 * pattern_size(t->pattern)
					 : PATTERN_STATES_MAX));
	}
}

/* The triggers under `key` of the table at `idx`. */
static void triggers(struct build *b, struct state *st, int idx,
		     const char *key)
{
	lua_State *L = b->L;
	char what[32], is[32];
	lua_Integer n;

	lua_pushstring(L, key);
	switch (lua_rawget(L, idx)) {
	case LUA_TNIL:
		break;
	case LUA_TTABLE:
		snprintf(what, sizeof(what), "'%s'", key);
		snprintf(is, sizeof(is), "'%s' is a list", key);
		n = program_list(b, st, line_of(st, key), what, is);
		if (!n)
			problem(b, st, line_of(st, key), "'%s' is an empty "
				"list", key);
		for (lua_Integer i = 1; i <= n; i++) {
			lua_rawgeti(L, -1, i);
			add_trigger(b, st, key, (unsigned)i - 1);
			lua_pop(L, 1);
		}
		break;
	default:
		add_trigger(b, st, key, 0);
	}
	lua_pop(L, 1);
}

static bool flag(struct build *b, struct state *st, int idx, const char *key)
{
	bool on = false;

	lua_pushstring(b->L, key);
	switch (lua_rawget(b->L, idx)) {
	case LUA_TNIL:
		break;
	case LUA_TBOOLEAN:
		on = lua_toboolean(b->L, -1);
		break;
	default:
		problem(b, st, line_of(st, key), "'%s' is true or false, not "
			"a %s", key, luaL_typename(b->L, -1));
	}
	lua_pop(b->L, 1);
	return on;
}

/* ---- the tree ---- */

static void check_keys(struct build *b, struct state *st, int idx)
{
	const char *const *words = st->parent ? state_keys : bot_keys;
	lua_State *L = b->L;

	lua_pushnil(L);
	while (lua_next(L, idx)) {
		const char *key, *near;

		lua_pop(L, 1);
		if (lua_type(L, -1) != LUA_TSTRING)
			continue;	/* the list's business */
		key = lua_tostring(L, -1);
		if (one_of(key, words))
			continue;
		near = nearest_word(key, words);
		if (near)
			problem(b, st, line_of(st, key), "unknown key '%s'; "
				"did you mean '%s'?", key, near);
		else
			problem(b, st, line_of(st, key), "unknown key '%s'",
				key);
	}
}

static struct state *add_state(struct build *b, struct state *parent,
			       const char *name)
{
	struct program *prog = b->prog;
	const char *base = parent && parent->parent ? parent->path : "";
	struct state *st = calloc(1, sizeof(*st)), **more;
	size_t size = strlen(base) + strlen(name) + 2;

	if (!st)
		no_memory(b);
	st->list = LUA_NOREF;
	st->parent = parent;
	st->depth = parent ? parent->depth + 1 : 0;
	more = realloc(prog->all, (prog->count + 1) * sizeof(*more));
	if (!more) {
		free(st);
		no_memory(b);
	}
	prog->all = more;
	prog->all[prog->count++] = st;		/* from here it owns it */
	st->name = strdup(name);
	st->path = malloc(size);
	if (!st->name || !st->path)
		no_memory(b);
	snprintf(st->path, size, "%s/%s", base, name);
	if (!parent) {
		prog->root = st;
		return st;
	}
	more = realloc(parent->children,
		       (parent->child_count + 1) * sizeof(*more));
	if (!more)
		no_memory(b);
	parent->children = more;
	parent->children[parent->child_count++] = st;
	return st;
}

static int by_path(const void *a, const void *b)
{
	const struct state *x = *(struct state *const *)a;
	const struct state *y = *(struct state *const *)b;

	return strcmp(x->path, y->path);
}

static bool good_name(lua_State *L, int idx)
{
	size_t len;
	const char *s = lua_tolstring(L, idx, &len);

	return len && len <= 200 && strlen(s) == len && !strchr(s, '/') &&
		strcmp(s, ".") && strcmp(s, "..");
}

void program_scan(lua_State *L, const struct program_source *from, int idx,
		  const char **file, const struct scan_table **scan)
{
	const void *table = lua_topointer(L, idx);

	for (const struct module_scan *m = from->modules; m; m = m->next)
		if (m->table == table && m->scan && scan_root(m->scan)) {
			*file = m->file;
			*scan = scan_root(m->scan);
			return;
		}
}

static void walk(struct build *b, struct state *st, int idx, unsigned depth);

static void nested(struct build *b, struct state *st, int idx,
		   unsigned depth)
{
	const struct scan_entry *e = scan_key(st->scan, "states");
	const struct scan_table *scan = e ? e->table : NULL;
	const char *file = st->file;
	lua_State *L = b->L;
	int states;

	lua_pushliteral(L, "states");
	if (lua_rawget(L, idx) == LUA_TNIL)
		return;
	states = lua_gettop(L);
	if (!lua_istable(L, states)) {
		problem(b, st, line_of(st, "states"), "'states' is a table of "
			"named states, not a %s", luaL_typename(L, states));
		return;
	}
	program_scan(L, b->from, states, &file, &scan);
	lua_pushnil(L);
	while (lua_next(L, states)) {
		const struct scan_entry *child;
		struct state *sub;

		if (lua_type(L, -2) != LUA_TSTRING) {
			child = lua_isinteger(L, -2) ?
				scan_item(scan, (int)lua_tointeger(L, -2))
				: NULL;
			problem(b, st, child ? child->line
				: line_of(st, "states"), "'states' has an "
				"item without a name: Name = { ... }");
		} else if (!good_name(L, -2)) {
			problem(b, st, line_of(st, "states"), "'%s' is no "
				"name for a state", lua_tostring(L, -2));
		} else if (b->prog->count >= STATES_MAX) {
			luaL_error(L, "more than %d states", STATES_MAX);
		} else {
			sub = add_state(b, st, lua_tostring(L, -2));
			child = scan_key(scan, sub->name);
			sub->line = child && child->line ? child->line
				: line_of(st, "states");
			sub->scan = child ? child->table : NULL;
			sub->file = file;
			if (file != st->file && !child)
				sub->line = 0;
			if (!lua_istable(L, -1))
				problem(b, sub, sub->line, "a state is a "
					"table, not a %s",
					luaL_typename(L, -1));
		}
		lua_pop(L, 1);
	}
	if (st->child_count)
		qsort(st->children, st->child_count, sizeof(*st->children),
		      by_path);
	for (size_t i = 0; i < st->child_count; i++) {
		lua_pushstring(L, st->children[i]->name);
		if (lua_rawget(L, states) == LUA_TTABLE)
			walk(b, st->children[i], lua_gettop(L), depth + 1);
		lua_settop(L, states);
	}
}

static void walk(struct build *b, struct state *st, int idx, unsigned depth)
{
	static const char *const keys[] = {
		"q", "q!", "intent", "intent!", "event", "event!",
	};

	const char *file = st->file;

	luaL_checkstack(b->L, 20, "states nested too deep");
	meter_charge(b->L, 20);
	program_scan(b->L, b->from, idx, &st->file, &st->scan);
	if (st->file != file)
		st->line = st->scan->line;
	if (depth > DEPTH_MAX) {
		problem(b, st, st->line, "states nested deeper than %d",
			DEPTH_MAX);
		return;
	}
	check_keys(b, st, idx);
	if (!st->parent)
		program_patterns(b, idx);
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++)
		triggers(b, st, idx, keys[i]);
	st->no_context = flag(b, st, idx, "noContext");
	st->modal = flag(b, st, idx, "modal");
	lua_pushvalue(b->L, idx);
	st->list = luaL_ref(b->L, LUA_REGISTRYINDEX);
	nested(b, st, idx, depth);
}

/* ---- what only the bot itself has ---- */

static char *text_key(struct build *b, int idx, const char *key)
{
	struct state *root = b->prog->root;
	char *s = NULL;

	lua_pushstring(b->L, key);
	switch (lua_rawget(b->L, idx)) {
	case LUA_TNIL:
		break;
	case LUA_TSTRING:
		s = strdup(lua_tostring(b->L, -1));
		if (!s)
			no_memory(b);
		break;
	default:
		problem(b, root, line_of(root, key), "'%s' is a text, not a "
			"%s", key, luaL_typename(b->L, -1));
	}
	lua_pop(b->L, 1);
	return s;
}

/* A fallback with a template is said by a handler of its own, which stands in
 * the root but is no state that anything leads to. */
static void fallback_template(struct build *b)
{
	struct state *root = b->prog->root, *st;
	const int line = line_of(root, "fallback");
	const struct template_place where = { root->file, line };
	lua_State *L = b->L;
	char err[256];

	lua_pushstring(L, b->prog->fallback);
	if (template_compile(L, -1, &where, err, sizeof(err))) {
		problem(b, root, line, "%s", err);
		lua_pop(L, 1);
		return;
	}
	st = calloc(1, sizeof(*st));
	if (!st)
		no_memory(b);
	b->prog->fallback_state = st;
	*st = (struct state){
		.path = root->path, .name = root->name, .parent = root,
		.list = LUA_NOREF, .file = root->file, .line = line,
	};
	reaction_of_template(L)->line = line;
	lua_createtable(L, 1, 0);
	lua_insert(L, -2);
	lua_rawseti(L, -2, 1);
	st->list = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pop(L, 1);
}

void program_build(lua_State *L, struct program **pp,
		   const struct program_source *from)
{
	struct program *prog = calloc(1, sizeof(*prog));
	struct problems *p = from->p;
	struct build b = { .L = L, .prog = prog, .from = from, .p = p };
	const int idx = lua_gettop(L);
	char *name;

	*pp = prog;
	if (!prog)
		no_memory(&b);
	add_state(&b, NULL, "");
	prog->root->file = from->file;
	prog->root->scan = from->scan ? scan_root(from->scan) : NULL;
	prog->root->line = prog->root->scan ? prog->root->scan->line : 0;
	walk(&b, prog->root, idx, 0);
	qsort(prog->all, prog->count, sizeof(*prog->all), by_path);
	name = text_key(&b, idx, "name");
	free(name);
	prog->fallback = text_key(&b, idx, "fallback");
	if (prog->fallback && strstr(prog->fallback, "{{"))
		fallback_template(&b);
	program_intents(&b, idx);
	prog->index = match_index_new(prog);
	if (!prog->index)
		no_memory(&b);

	for (size_t i = 0; i < prog->count; i++) {
		struct state *st = prog->all[i];
		struct list_place at = {
			.p = p, .program = prog, .state = st, .file = st->file,
			.scan = st->scan, .line = st->line,
		};
		int table = st->list;

		if (table == LUA_NOREF)
			continue;
		lua_rawgeti(L, LUA_REGISTRYINDEX, table);
		list_freeze(L, lua_gettop(L), &at, true);
		st->list = LUA_NOREF;
		luaL_unref(L, LUA_REGISTRYINDEX, table);
		if (lua_rawlen(L, -1))
			st->list = luaL_ref(L, LUA_REGISTRYINDEX);
		lua_settop(L, idx);
		if (!from->keep_scan)
			st->scan = NULL;
	}
	for (size_t i = 0; i < prog->count; i++)
		if (prog->all[i]->trigger_count ||
		    prog->all[i]->list != LUA_NOREF)
			cover_state(shard_of(L), prog->all[i]);
}

void program_free(struct program *prog)
{
	if (!prog)
		return;
	for (size_t i = 0; i < prog->count; i++) {
		struct state *st = prog->all[i];

		for (size_t k = 0; k < st->trigger_count; k++) {
			free(st->triggers[k].text);
			pattern_free(st->triggers[k].pattern);
		}
		free(st->triggers);
		free(st->children);
		free(st->path);
		free(st->name);
		free(st);
	}
	match_index_free(prog->index);
	pattern_names_free(prog->patterns);
	free(prog->all);
	free(prog->fallback);
	free(prog->fallback_state);
	free(prog);
}

/* The absolute path that `path` means in `from`; false: too long. */
static bool resolve(const struct state *from, const char *path, char *buf,
		    size_t size)
{
	size_t len;

	if (*path == '/')
		return (size_t)snprintf(buf, size, "%s", path) < size;
	if ((size_t)snprintf(buf, size, "%s", from->path) >= size)
		return false;
	while (*path) {
		const char *slash = strchr(path, '/');
		size_t n = slash ? (size_t)(slash - path) : strlen(path);

		len = strlen(buf);
		if (n == 2 && !memcmp(path, "..", 2)) {
			char *last = strrchr(buf, '/');

			if (len <= 1)
				return false;	/* above the root */
			last[last == buf ? 1 : 0] = '\0';
		} else if (n && !(n == 1 && *path == '.')) {
			if (len + n + 2 > size)
				return false;
			if (len > 1)
				buf[len++] = '/';
			memcpy(buf + len, path, n);
			buf[len + n] = '\0';
		}
		path += n + (slash != NULL);
	}
	return true;
}

struct state *program_find(const struct program *prog,
			   const struct state *from, const char *path)
{
	struct state key, *k = &key, **hit;
	char buf[1024];

	if (!*path || !resolve(from, path, buf, sizeof(buf)))
		return NULL;
	key.path = buf;
	hit = bsearch(&k, prog->all, prog->count, sizeof(*prog->all),
		      by_path);
	return hit ? *hit : NULL;
}
