/* Which parts of bots have been reached. */
#include <lauxlib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "coverage_i.h"
#include "program.h"

#define BUCKETS 1024
#define UPVALUES_MAX 60

struct entry {
	struct cover_item item;		/* head: what others see */
	struct entry *next;		/* of its bucket */
};

struct coverage {
	struct entry *bucket[BUCKETS];
	struct entry **all;
	size_t count;
};

/* registry: lists, each with the numbers of its items' entries */
static const char lists_key;

struct coverage *coverage_new(void)
{
	return calloc(1, sizeof(struct coverage));
}

void coverage_free(struct coverage *c)
{
	for (size_t i = 0; c && i < c->count; i++) {
		free(c->all[i]->item.file);
		free(c->all[i]->item.text);
		free(c->all[i]);
	}
	if (c)
		free(c->all);
	free(c);
}

void coverage_watch(struct coverage *c, struct scripting *sc)
{
	((struct lua_scripting *)sc)->coverage = c;
}

static struct entry **bucket(struct coverage *c, const char *file, int line)
{
	unsigned h = (unsigned)line * 31;

	while (*file)
		h = h * 33 + (unsigned char)*file++;
	return &c->bucket[h % BUCKETS];
}

static struct entry *find(struct coverage *c, enum cover_kind kind,
			  const char *file, int line, const char *text)
{
	struct entry *e = *bucket(c, file, line);

	for (; e; e = e->next)
		if (e->item.kind == kind && e->item.line == line &&
		    !strcmp(e->item.file, file) &&
		    (!text || !strcmp(e->item.text, text)))
			return e;
	return NULL;
}

/* The entry, a new one if there is none yet; NULL: no memory. */
static struct entry *note(struct coverage *c, enum cover_kind kind,
			  const char *file, int line, const char *text)
{
	struct entry *e = find(c, kind, file, line,
			       kind == COVER_STATE ? text : NULL);
	struct entry **all, **b = bucket(c, file, line);

	if (e)
		return e;
	all = realloc(c->all, (c->count + 1) * sizeof(struct entry *));
	if (!all)
		return NULL;
	c->all = all;
	e = calloc(1, sizeof(*e));
	if (!e)
		return NULL;
	e->item = (struct cover_item){
		.kind = kind, .file = strdup(file), .line = line,
		.text = strdup(text),
	};
	if (!e->item.file || !e->item.text) {
		free(e->item.file);
		free(e->item.text);
		free(e);
		return NULL;
	}
	e->next = *b;
	*b = e;
	c->all[c->count++] = e;
	return e;
}

static int order(const void *a, const void *b)
{
	const struct cover_item *x = &(*(struct entry *const *)a)->item;
	const struct cover_item *y = &(*(struct entry *const *)b)->item;
	int d = strcmp(x->file, y->file);

	if (!d)
		d = x->line - y->line;
	if (!d)
		d = (int)x->kind - (int)y->kind;
	return d ? d : strcmp(x->text, y->text);
}

void coverage_sort(struct coverage *c)
{
	if (c->count)
		qsort(c->all, c->count, sizeof(struct entry *), order);
}

size_t coverage_count(const struct coverage *c)
{
	return c->count;
}

const struct cover_item *coverage_item(const struct coverage *c, size_t i)
{
	return &c->all[i]->item;
}

/* ---- loading ---- */

void cover_state(struct shard *sh, const struct state *st)
{
	struct coverage *c = cover_of(sh);

	if (c)
		note(c, COVER_STATE, st->file, st->line, st->path);
}

/* Entries of lists are kept by light userdata: what was sorted keeps them. */
void cover_item(lua_State *L, int list, lua_Integer i, const char *file,
		int line, const char *path)
{
	struct coverage *c = cover_of(shard_of(L));
	struct entry *e = c ? note(c, COVER_REACTION, file, line, path) : NULL;

	if (!e)
		return;
	list = lua_absindex(L, list);
	luaL_checkstack(L, 6, "lists nested too deep");
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &lists_key) != LUA_TTABLE) {
		lua_pop(L, 1);
		lua_newtable(L);
		lua_pushvalue(L, -1);
		lua_rawsetp(L, LUA_REGISTRYINDEX, &lists_key);
	}
	lua_pushvalue(L, list);
	if (lua_rawget(L, -2) != LUA_TTABLE) {
		lua_pop(L, 1);
		lua_newtable(L);
		lua_pushvalue(L, list);
		lua_pushvalue(L, -2);
		lua_rawset(L, -4);
	}
	lua_pushlightuserdata(L, e);
	lua_rawseti(L, -2, i);
	lua_pop(L, 2);
}

/* Whether a line only closes what others have opened: Lua has instructions
 * there that may never run, such as behind `return f { ... }`. */
static bool only_closes(const struct shard *sh, const char *file, int line)
{
	const struct source *src = sh->bot->sources;
	const char *s;

	while (src && strcmp(src->path, file))
		src = src->next;
	if (!src)
		return false;
	for (s = src->text; s && line > 1; line--) {
		s = strchr(s, '\n');
		s = s ? s + 1 : NULL;
	}
	if (!s)
		return false;
	s += strspn(s, " \t");
	if (!strncmp(s, "end", 3))
		s += 3;
	s += strspn(s, "}),; \t\r");
	return !*s || *s == '\n';
}

void cover_function(lua_State *L, int idx, const char *path)
{
	struct coverage *c = cover_of(shard_of(L));
	const size_t before = c ? c->count : 0;
	lua_Debug ar;

	if (!c || lua_iscfunction(L, idx) || !lua_isfunction(L, idx))
		return;
	idx = lua_absindex(L, idx);
	luaL_checkstack(L, 8, "functions nested too deep");
	lua_pushvalue(L, idx);
	lua_getinfo(L, ">SL", &ar);
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		lua_pop(L, 1);
		if (only_closes(shard_of(L), ar.source + 1,
				(int)lua_tointeger(L, -1)))
			continue;
		note(c, COVER_LINE, ar.source + 1, (int)lua_tointeger(L, -1),
		     path);
	}
	lua_pop(L, 1);
	if (c->count == before)
		return;		/* known, and so are those it calls */
	for (int i = 1; i < UPVALUES_MAX && lua_getupvalue(L, idx, i); i++) {
		cover_function(L, -1, path);
		lua_pop(L, 1);
	}
}

/* ---- running ---- */

void cover_enter(struct shard *sh, const struct state *st)
{
	struct coverage *c = cover_of(sh);
	struct entry *e = c ? find(c, COVER_STATE, st->file, st->line,
				   st->path) : NULL;

	if (e)
		e->item.hits++;
}

void cover_run(lua_State *L, int list, lua_Integer i)
{
	struct entry *e;

	if (!cover_of(shard_of(L)))
		return;
	list = lua_absindex(L, list);
	if (lua_rawgetp(L, LUA_REGISTRYINDEX, &lists_key) != LUA_TTABLE) {
		lua_pop(L, 1);
		return;
	}
	lua_pushvalue(L, list);
	if (lua_rawget(L, -2) == LUA_TTABLE) {
		lua_rawgeti(L, -1, i);
		e = lua_touserdata(L, -1);
		if (e)
			e->item.hits++;
		lua_pop(L, 1);
	}
	lua_pop(L, 2);
}

void cover_line(lua_State *L, lua_Debug *ar)
{
	struct coverage *c = cover_of(shard_of(L));
	struct entry *e;

	if (!c || !lua_getinfo(L, "S", ar) || *ar->source != '@')
		return;
	e = find(c, COVER_LINE, ar->source + 1, ar->currentline, NULL);
	if (e)
		e->item.hits++;
}
