/**
 * @file hours.c  The word `open` of bot files: opening hours
 *
 * While a bot is loaded it makes a condition, for `when` and for scripts to
 * call; in a handler it says at once whether it is open.
 */
#include <lauxlib.h>

#include "core/hours.h"
#include "core/loop.h"
#include "hours.h"
#include "meter.h"
#include "shard.h"

#define PARSE_COST 5000		/* instructions; a zone's file may be read */
#define ASK_COST 50

static const char meta_key;

struct box { struct hours *h; };

static bool is_open(lua_State *L, const struct hours *h)
{
	return hours_open(h, loop_wall(shard_of(L)->bot->sc->loop));
}

static int l_condition(lua_State *L)
{
	const struct box *b = lua_touserdata(L, lua_upvalueindex(1));

	meter_charge(L, ASK_COST);
	lua_pushboolean(L, is_open(L, b->h));
	return 1;
}

static int l_open(lua_State *L)
{
	const char *text = luaL_checkstring(L, 1);
	const char *zone = luaL_optstring(L, 2, NULL);
	struct box *b;
	char err[200];

	luaL_argcheck(L, lua_rawlen(L, 1) < 1000, 1, "too long");
	meter_charge(L, PARSE_COST);
	b = lua_newuserdatauv(L, sizeof(*b), 0);
	b->h = NULL;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
	lua_setmetatable(L, -2);
	if (hours_parse(&b->h, text, zone, err, sizeof(err)))
		return luaL_error(L, "open: %s", err);
	if (shard_of(L)->run)
		lua_pushboolean(L, is_open(L, b->h));
	else
		lua_pushcclosure(L, l_condition, 1);
	return 1;
}

static int l_gc(lua_State *L)
{
	struct box *b = lua_touserdata(L, 1);

	hours_free(b->h);
	b->h = NULL;
	return 0;
}

void hours_words(lua_State *L)
{
	lua_createtable(L, 0, 2);
	lua_pushcfunction(L, l_gc);
	lua_setfield(L, -2, "__gc");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &meta_key);
	lua_pushcfunction(L, l_open);
	lua_setfield(L, -2, "open");
}
