/**
 * @file plain.c  Plain data between Lua and JSON
 *
 * Tables become lists (keys 1 to n) or objects with their keys in byte order,
 * since Lua's own order changes from state to state. Nothing here raises while
 * it holds memory.
 */
#include <lauxlib.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "meter.h"
#include "plain.h"

#define DEPTH_MAX 32
#define TABLE_BYTES 40
#define VALUE_BYTES 16
#define BYTES_PER_INSTRUCTION 4

struct walk {
	lua_State *L;
	const struct plain_options *o;
	size_t bytes;
	char path[160];
	char *err;
	size_t size;
};

/* One entry of a table; `s` NULL: an integer key. */
struct entry {
	const char *s;
	size_t len;
	lua_Integer i;
	json_t *v;
};

static json_t *value(struct walk *w, int idx, unsigned depth);

static json_t *refuse(struct walk *w, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static json_t *refuse(struct walk *w, const char *fmt, ...)
{
	int n = snprintf(w->err, w->size, "%s: ", w->path);
	va_list ap;

	va_start(ap, fmt);
	if (n >= 0 && (size_t)n < w->size)
		vsnprintf(w->err + n, w->size - (size_t)n, fmt, ap);
	va_end(ap);
	return NULL;
}

static bool take(struct walk *w, size_t n)
{
	w->bytes += n;
	return w->bytes <= w->o->bytes;
}

/* Bytes that are no UTF-8 become '?', for people to read. */
static json_t *readable(const char *s, size_t len)
{
	json_t *v = json_stringn(s, len);
	char *copy;

	if (v || !(copy = malloc(len + 1)))
		return v;
	for (size_t i = 0; i < len; i++)
		copy[i] = (unsigned char)s[i] < 0x80 ? s[i] : '?';
	v = json_stringn(copy, len);
	free(copy);
	return v;
}

static json_t *number(struct walk *w, int idx)
{
	double d;
	char buf[32];

	if (lua_isinteger(w->L, idx))
		return json_integer(lua_tointeger(w->L, idx));
	d = lua_tonumber(w->L, idx);
	if (isfinite(d)) {
		if (d == floor(d) && fabs(d) <= 9007199254740992.0)
			return json_integer((json_int_t)d);
		return json_real(d);
	}
	if (!w->o->text)
		return refuse(w, "%s is not plain data",
			      isnan(d) ? "not a number" : "infinity");
	snprintf(buf, sizeof(buf), "%g", d);
	return json_string(buf);
}

static int by_key(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;
	size_t n;
	int c;

	if (!x->s || !y->s) {
		if (!x->s && !y->s)
			return (x->i > y->i) - (x->i < y->i);
		return x->s ? 1 : -1;
	}
	n = x->len < y->len ? x->len : y->len;
	c = memcmp(x->s, y->s, n);
	return c ? c : (x->len > y->len) - (x->len < y->len);
}

/* Appends ".name" to the path for messages; returns its old length. */
static size_t descend(struct walk *w, const struct entry *e)
{
	const size_t n = strlen(w->path), left = sizeof(w->path) - n;

	if (!e->s) {
		snprintf(w->path + n, left, "[%lld]", (long long)e->i);
	} else if (left > 1) {
		size_t len = e->len < left - 2 ? e->len : left - 2;

		w->path[n] = '.';
		memcpy(w->path + n + 1, e->s, len);
		w->path[n + 1 + len] = '\0';
	}
	return n;
}

/* The transfer status is shown in the contract's own order. */
static void order(struct entry *e, size_t n)
{
	struct entry first;

	qsort(e, n, sizeof(*e), by_key);
	if (n != 3 || !e[0].s || strcmp(e[0].s, "hangup") ||
	    strcmp(e[1].s, "number") || strcmp(e[2].s, "status"))
		return;
	first = e[0];
	e[0] = e[2];
	e[2] = e[1];
	e[1] = first;
}

static json_t *list(struct entry *e, size_t n)
{
	json_t *a = json_array();

	for (size_t i = 0; a && i < n; i++)
		if (json_array_append(a, e[i].v)) {
			json_decref(a);
			return NULL;
		}
	return a;
}

static json_t *object(struct walk *w, struct entry *e, size_t n)
{
	json_t *o = json_object();
	char name[32];

	for (size_t i = 0; o && i < n; i++) {
		int rc;

		if (!e[i].s) {
			if (!w->o->text) {
				json_decref(o);
				return refuse(w, "list items and keys are "
					      "mixed, or the list has a hole");
			}
			snprintf(name, sizeof(name), "%lld",
				 (long long)e[i].i);
			rc = json_object_set_nocheck(o, name, e[i].v);
		} else if (w->o->text) {
			json_t *k = readable(e[i].s, e[i].len);

			rc = !k || json_object_set_nocheck(o,
					json_string_value(k), e[i].v);
			json_decref(k);
		} else {
			rc = json_object_setn_new_nocheck(o, e[i].s, e[i].len,
						json_incref(e[i].v));
		}
		if (rc) {
			json_decref(o);
			return NULL;
		}
	}
	return o;
}

/* Reads the entry lua_next() left on the stack; false: refused. */
static bool entry(struct walk *w, struct entry *e, unsigned depth)
{
	lua_State *L = w->L;
	size_t was;

	*e = (struct entry){0};
	if (lua_type(L, -2) == LUA_TSTRING) {
		e->s = lua_tolstring(L, -2, &e->len);
		if (!w->o->text && memchr(e->s, '\0', e->len)) {
			refuse(w, "a key has a NUL byte");
			return false;
		}
	} else if (lua_isinteger(L, -2)) {
		e->i = lua_tointeger(L, -2);
	} else {
		refuse(w, "a %s cannot be a key", luaL_typename(L, -2));
		return false;
	}
	if (!take(w, VALUE_BYTES + e->len)) {
		refuse(w, "more than %zu bytes", w->o->bytes);
		return false;
	}
	was = descend(w, e);
	e->v = value(w, lua_gettop(L), depth + 1);
	if (e->v)
		w->path[was] = '\0';
	return e->v;
}

static const char callable_key;

void plain_callable_open(lua_State *L, lua_CFunction f)
{
	lua_createtable(L, 0, 2);
	lua_pushcfunction(L, f);
	lua_setfield(L, -2, "__call");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &callable_key);
}

void plain_callable(lua_State *L)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &callable_key);
	lua_setmetatable(L, -2);
}

/* Whether a table may do what plain data does not. */
static bool has_metatable(lua_State *L, int idx)
{
	bool ours;

	if (!lua_getmetatable(L, idx))
		return false;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &callable_key);
	ours = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return !ours;
}

static json_t *table(struct walk *w, int idx, unsigned depth)
{
	lua_State *L = w->L;
	struct entry *all = NULL;
	size_t n = 0, room = 0;
	json_t *v = NULL;
	bool listed = true;

	if (depth > DEPTH_MAX)
		return refuse(w, "nested deeper than %d, or in a cycle",
			      DEPTH_MAX);
	if (!lua_checkstack(L, 6) || !take(w, TABLE_BYTES))
		return refuse(w, "more than %zu bytes", w->o->bytes);
	if (!w->o->text && has_metatable(L, idx))
		return refuse(w, "a table with a metatable is not plain data");
	/* The table may have been large once. */
	if (!meter_goes_on(L))
		return refuse(w, "the budget is spent");

	lua_pushnil(L);
	while (lua_next(L, idx)) {
		if (n == room) {
			struct entry *more;

			room = room ? 2 * room : 8;
			more = realloc(all, room * sizeof(*all));
			if (!more) {
				lua_pop(L, 2);
				refuse(w, "no memory");
				goto out;
			}
			all = more;
		}
		if (!entry(w, &all[n], depth)) {
			lua_pop(L, 2);
			goto out;
		}
		if (all[n].s)
			listed = false;
		n++;
		lua_pop(L, 1);
	}
	if (n)
		order(all, n);
	for (size_t i = 0; listed && i < n; i++)
		listed = all[i].i == (lua_Integer)i + 1;
	v = listed && n ? list(all, n) : object(w, all, n);
out:
	for (size_t i = 0; i < n; i++)
		json_decref(all[i].v);
	free(all);
	return v;
}

static json_t *value(struct walk *w, int idx, unsigned depth)
{
	lua_State *L = w->L;
	const char *s;
	size_t len;

	switch (lua_type(L, idx)) {
	case LUA_TNIL:
		return json_null();
	case LUA_TBOOLEAN:
		return json_boolean(lua_toboolean(L, idx));
	case LUA_TNUMBER:
		return number(w, idx);
	case LUA_TSTRING:
		s = lua_tolstring(L, idx, &len);
		if (!take(w, len))
			return refuse(w, "more than %zu bytes", w->o->bytes);
		return w->o->text ? readable(s, len)
				  : json_stringn_nocheck(s, len);
	case LUA_TTABLE:
		return table(w, idx, depth);
	default:
		if (w->o->text)
			return json_sprintf("<%s>", luaL_typename(L, idx));
		return refuse(w, "a %s is not plain data",
			      luaL_typename(L, idx));
	}
}

json_t *plain_json(lua_State *L, int idx, const struct plain_options *o,
		   const char *name, char *err, size_t size)
{
	struct walk w = { .L = L, .o = o, .err = err, .size = size };
	json_t *v;

	err[0] = '\0';
	strncpy(w.path, name, sizeof(w.path) - 1);
	v = lua_checkstack(L, 4) ? value(&w, lua_absindex(L, idx), 0) : NULL;
	meter_take(L, w.bytes / BYTES_PER_INSTRUCTION);
	if (!v && !*err)
		snprintf(err, size, "%s: no memory", name);
	return v;
}

/* What check() has counted; the path is built on the way back, on errors. */
struct tally {
	lua_State *L;
	size_t bytes, max;
	char *err;
	size_t size;
};

static int wrong(struct tally *t, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int wrong(struct tally *t, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(t->err, t->size, fmt, ap);
	va_end(ap);
	return -1;
}

/* Puts the key at `idx` before what is in the message. */
static void prepend(struct tally *t, int idx)
{
	char was[256], key[64];

	if (lua_type(t->L, idx) == LUA_TSTRING)
		snprintf(key, sizeof(key), ".%s", lua_tostring(t->L, idx));
	else if (lua_isinteger(t->L, idx))
		snprintf(key, sizeof(key), "[%lld]",
			 (long long)lua_tointeger(t->L, idx));
	else
		snprintf(key, sizeof(key), "[%s]", luaL_typename(t->L, idx));
	snprintf(was, sizeof(was), "%s", t->err);
	snprintf(t->err, t->size, "%s%s", key, was);
}

static int check(struct tally *t, int idx, unsigned depth)
{
	lua_State *L = t->L;
	int rc = 0;

	switch (lua_type(L, idx)) {
	case LUA_TNIL:
	case LUA_TBOOLEAN:
	case LUA_TNUMBER:
		return 0;
	case LUA_TSTRING:
		t->bytes += lua_rawlen(L, idx);
		break;
	case LUA_TTABLE:
		t->bytes += TABLE_BYTES;
		break;
	default:
		return wrong(t, ": a %s is not plain data",
			     luaL_typename(L, idx));
	}
	if (t->bytes > t->max)
		return wrong(t, ": more than %zu bytes", t->max);
	if (!lua_istable(L, idx))
		return 0;
	if (depth >= DEPTH_MAX || !lua_checkstack(L, 4))
		return wrong(t, ": nested deeper than %d, or in a cycle",
			     DEPTH_MAX);
	if (has_metatable(L, idx))
		return wrong(t, ": a table with a metatable is not plain "
			     "data");
	if (!meter_goes_on(L))
		return wrong(t, ": the budget is spent");
	lua_pushnil(L);
	while (lua_next(L, idx)) {
		const int v = lua_gettop(L);

		t->bytes += VALUE_BYTES;
		if (lua_istable(L, v - 1) || (lua_isnil(L, v - 1)))
			rc = wrong(t, ": a table cannot be a key");
		else
			rc = check(t, v - 1, depth + 1);
		if (!rc)
			rc = check(t, v, depth + 1);
		if (rc) {
			prepend(t, v - 1);
			lua_pop(L, 2);
			return rc;
		}
		lua_pop(L, 1);
	}
	return 0;
}

int plain_check(lua_State *L, int idx, size_t bytes, const char *name,
		char *err, size_t size)
{
	char path[256];
	struct tally t = {
		.L = L, .max = bytes, .err = path, .size = sizeof(path),
	};
	int rc;

	rc = check(&t, lua_absindex(L, idx), 0);
	meter_take(L, t.bytes / BYTES_PER_INSTRUCTION / 4);
	if (rc)
		snprintf(err, size, "%s%s", name, path);
	return rc;
}

void plain_push(lua_State *L, const json_t *v)
{
	const char *key;
	json_t *item;
	size_t i;

	luaL_checkstack(L, 6, "data nested too deep");
	switch (json_typeof(v)) {
	case JSON_OBJECT:
		lua_createtable(L, 0, (int)json_object_size(v));
		json_object_foreach((json_t *)v, key, item) {
			plain_push(L, item);
			lua_setfield(L, -2, key);
		}
		break;
	case JSON_ARRAY:
		lua_createtable(L, (int)json_array_size(v), 0);
		json_array_foreach(v, i, item) {
			plain_push(L, item);
			lua_rawseti(L, -2, (lua_Integer)i + 1);
		}
		break;
	case JSON_STRING:
		lua_pushlstring(L, json_string_value(v),
				json_string_length(v));
		break;
	case JSON_INTEGER:
		lua_pushinteger(L, json_integer_value(v));
		break;
	case JSON_REAL:
		lua_pushnumber(L, json_real_value(v));
		break;
	case JSON_TRUE:
	case JSON_FALSE:
		lua_pushboolean(L, json_is_true(v));
		break;
	case JSON_NULL:
		lua_pushnil(L);
		break;
	}
}
