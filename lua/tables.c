/**
 * @file tables.c  The bots' table library
 *
 * Everything is charged before it runs, by the number of places it touches;
 * what a metamethod takes at each of them is looked at in the loops.
 * The sort is a heap sort: a comparator that contradicts itself gives a
 * strange order, never an endless loop.
 */
#include <lauxlib.h>
#include <limits.h>

#include "meter.h"
#include "sandbox.h"

static uint64_t span(lua_Integer from, lua_Integer to)
{
	return from > to ? 0 : (uint64_t)to - (uint64_t)from + 1;
}

static int l_insert(lua_State *L)
{
	lua_Integer e, pos;

	luaL_checktype(L, 1, LUA_TTABLE);
	e = luaL_len(L, 1) + 1;
	switch (lua_gettop(L)) {
	case 2:
		pos = e;
		break;
	case 3:
		pos = luaL_checkinteger(L, 2);
		luaL_argcheck(L, pos >= 1 && pos <= e, 2,
			      "position out of bounds");
		meter_charge(L, span(pos, e));
		for (lua_Integer i = e; i > pos; i--) {
			meter_tick(L);
			lua_geti(L, 1, i - 1);
			lua_seti(L, 1, i);
		}
		break;
	default:
		return luaL_error(L, "wrong number of arguments to 'insert'");
	}
	lua_seti(L, 1, pos);
	return 0;
}

static int l_remove(lua_State *L)
{
	lua_Integer n, pos;

	luaL_checktype(L, 1, LUA_TTABLE);
	n = luaL_len(L, 1);
	pos = luaL_optinteger(L, 2, n);
	if (lua_gettop(L) > 1)
		luaL_argcheck(L, (n == 0 && pos == 0) || pos == n + 1 ||
			      (pos >= 1 && pos <= n), 2,
			      "position out of bounds");
	meter_charge(L, span(pos, n));
	lua_geti(L, 1, pos);
	for (; pos < n; pos++) {
		meter_tick(L);
		lua_geti(L, 1, pos + 1);
		lua_seti(L, 1, pos);
	}
	lua_pushnil(L);
	lua_seti(L, 1, pos);
	return 1;
}

static int l_move(lua_State *L)
{
	lua_Integer f = luaL_checkinteger(L, 2), e = luaL_checkinteger(L, 3);
	lua_Integer t = luaL_checkinteger(L, 4);
	int to = lua_isnoneornil(L, 5) ? 1 : 5;
	lua_Integer n;

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checktype(L, to, LUA_TTABLE);
	if (e >= f) {
		luaL_argcheck(L, f > 0 || e < LUA_MAXINTEGER + f, 3,
			      "too many elements to move");
		n = e - f + 1;
		luaL_argcheck(L, t <= LUA_MAXINTEGER - n + 1, 4,
			      "destination wrap around");
		meter_charge(L, (uint64_t)n);
		if (t > e || t <= f || to != 1) {
			for (lua_Integer i = 0; i < n; i++) {
				meter_tick(L);
				lua_geti(L, 1, f + i);
				lua_seti(L, to, t + i);
			}
		} else {
			for (lua_Integer i = n - 1; i >= 0; i--) {
				meter_tick(L);
				lua_geti(L, 1, f + i);
				lua_seti(L, to, t + i);
			}
		}
	}
	lua_pushvalue(L, to);
	return 1;
}

static int l_concat(lua_State *L)
{
	size_t len;
	const char *sep = luaL_optlstring(L, 2, "", &len);
	lua_Integer i = luaL_optinteger(L, 3, 1), j;
	luaL_Buffer b;

	luaL_checktype(L, 1, LUA_TTABLE);
	j = lua_isnoneornil(L, 4) ? luaL_len(L, 1) : luaL_checkinteger(L, 4);
	meter_charge(L, span(i, j));
	luaL_buffinit(L, &b);
	for (; i <= j; i++) {
		size_t n;

		lua_geti(L, 1, i);
		if (!lua_isstring(L, -1))
			return luaL_error(L, "invalid value (a %s) at index "
					  "%I in table for 'concat'",
					  luaL_typename(L, -1),
					  (LUAI_UACINT)i);
		lua_tolstring(L, -1, &n);
		meter_charge(L, (n + len) / 32);
		luaL_addvalue(&b);
		if (i == j)
			break;		/* j may be the largest integer */
		luaL_addlstring(&b, sep, len);
	}
	luaL_pushresult(&b);
	return 1;
}

static int l_pack(lua_State *L)
{
	int n = lua_gettop(L);

	meter_charge(L, (uint64_t)n);
	lua_createtable(L, n, 1);
	lua_insert(L, 1);
	for (int i = n; i >= 1; i--)
		lua_rawseti(L, 1, i);
	lua_pushinteger(L, n);
	lua_setfield(L, 1, "n");
	return 1;
}

static int l_unpack(lua_State *L)
{
	lua_Integer i = luaL_optinteger(L, 2, 1), j;
	uint64_t n;

	j = lua_isnoneornil(L, 3) ? luaL_len(L, 1) : luaL_checkinteger(L, 3);
	n = span(i, j);
	meter_charge(L, n);
	if (n > RESULTS_MAX || !lua_checkstack(L, (int)n))
		return luaL_error(L, "too many results to unpack");
	for (uint64_t k = 0; k < n; k++) {
		meter_tick(L);
		lua_geti(L, 1, i + (lua_Integer)k);
	}
	return (int)n;
}

/* Whether the value at `a` comes before the one at `b`. */
static bool before(lua_State *L, int a, int b)
{
	bool less;

	meter_charge(L, 4);
	if (lua_isnil(L, 2))
		return lua_compare(L, a, b, LUA_OPLT);
	lua_pushvalue(L, 2);
	lua_pushvalue(L, a);
	lua_pushvalue(L, b);
	lua_call(L, 2, 1);
	less = lua_toboolean(L, -1);
	lua_pop(L, 1);
	return less;
}

/* Lets the value on top of the stack sink from place `at`; pops it. */
static void sift(lua_State *L, lua_Integer at, lua_Integer n)
{
	int v = lua_gettop(L);

	for (lua_Integer c; (c = 2 * at) <= n; at = c) {
		lua_geti(L, 1, c);
		if (c < n) {
			lua_geti(L, 1, c + 1);
			if (before(L, v + 1, v + 2)) {
				lua_remove(L, v + 1);
				c++;
			} else {
				lua_settop(L, v + 1);
			}
		}
		if (!before(L, v, v + 1))
			break;
		lua_seti(L, 1, at);
	}
	lua_settop(L, v);
	lua_seti(L, 1, at);
}

static int l_sort(lua_State *L)
{
	lua_Integer n;

	luaL_checktype(L, 1, LUA_TTABLE);
	n = luaL_len(L, 1);
	if (n < 2)
		return 0;
	luaL_argcheck(L, n < INT_MAX, 1, "array too big");
	if (!lua_isnoneornil(L, 2))
		luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_settop(L, 2);
	meter_charge(L, (uint64_t)n);
	for (lua_Integer i = n / 2; i >= 1; i--) {
		lua_geti(L, 1, i);
		sift(L, i, n);
	}
	for (lua_Integer i = n; i > 1; i--) {
		lua_geti(L, 1, i);
		lua_geti(L, 1, 1);
		lua_seti(L, 1, i);
		sift(L, 1, i - 1);
	}
	return 0;
}

void tables_open(lua_State *L)
{
	static const luaL_Reg own[] = {
		{ "concat", l_concat },
		{ "insert", l_insert },
		{ "move", l_move },
		{ "pack", l_pack },
		{ "remove", l_remove },
		{ "sort", l_sort },
		{ "unpack", l_unpack },
		{ NULL, NULL },
	};

	luaL_newlib(L, own);
}
