/**
 * @file sandbox.c  The globals of a bot
 *
 * The safe part of Lua's library. Whatever can be changed by one call could be
 * seen by another, so libraries and globals are sealed: an empty table stands
 * before each, whose metatable reads the real one and refuses writes.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callobject.h"
#include "hours.h"
#include "meter.h"
#include "program.h"
#include "reaction.h"
#include "sandbox.h"
#include "session.h"
#include "shard.h"
#include "template.h"

#define TRACEBACK_MAX 4000

static const char sealed_mark;
static const char modules_key;

/* ---- sealing ---- */

static int l_sealed(lua_State *L)
{
	if (lua_type(L, 2) == LUA_TSTRING)
		return luaL_error(L, "'%s' cannot be set: globals and "
				  "libraries are read-only, use local",
				  lua_tostring(L, 2));
	return luaL_error(L, "globals and libraries are read-only");
}

void sandbox_seal(lua_State *L)
{
	lua_newtable(L);
	lua_createtable(L, 0, 4);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, l_sealed);
	lua_setfield(L, -2, "__newindex");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_pushboolean(L, 1);
	lua_rawsetp(L, -2, &sealed_mark);
	lua_setmetatable(L, -2);
	lua_replace(L, -2);
}

bool sandbox_is_sealed(lua_State *L, int idx)
{
	bool sealed;

	if (!lua_getmetatable(L, idx))
		return false;
	sealed = lua_rawgetp(L, -1, &sealed_mark) != LUA_TNIL;
	lua_pop(L, 2);
	return sealed;
}

/* Upvalue: the words there are. */
static int l_undefined(lua_State *L)
{
	const char *words[128], *near;
	const char *name = luaL_tolstring(L, 2, NULL);
	size_t n = 0;

	lua_pushnil(L);
	while (n < 127 && lua_next(L, 1)) {
		words[n++] = lua_tostring(L, -2);
		lua_pop(L, 1);
	}
	words[n] = NULL;
	near = !strcmp(name, "print") ? "log" : nearest_word(name, words);
	if (near)
		return luaL_error(L, "'%s' is not defined; did you mean '%s'?",
				  name, near);
	return luaL_error(L, "'%s' is not defined", name);
}

/* ---- sizes ---- */

static uint64_t string_bytes(lua_State *L, int from)
{
	uint64_t n = 0;

	for (int i = from; i <= lua_gettop(L); i++)
		if (lua_type(L, i) == LUA_TSTRING)
			n += lua_rawlen(L, i);
	return n;
}

static int l_sized(lua_State *L)
{
	lua_CFunction f = lua_tocfunction(L, lua_upvalueindex(1));
	int n;

	meter_charge(L, string_bytes(L, 1) / 32);
	n = f(L);
	meter_charge(L, string_bytes(L, lua_gettop(L) - n + 1) / 32 +
		     (uint64_t)n);
	return n;
}

void sandbox_sized(lua_State *L, lua_CFunction f)
{
	lua_pushcfunction(L, f);
	lua_pushcclosure(L, l_sized, 1);
}

/* Place `i` of a string, as Lua counts: from the end if negative. */
static lua_Integer place_of(lua_Integer i, size_t len)
{
	if (i >= 0)
		return i;
	return (size_t)-i > len ? 1 : (lua_Integer)len + i + 1;
}

static int l_spanned(lua_State *L)
{
	size_t len;
	lua_Integer i, j;

	luaL_checklstring(L, 1, &len);
	i = place_of(luaL_optinteger(L, 2, 1), len);
	j = place_of(luaL_optinteger(L, 3, i), len);
	if (j > (lua_Integer)len)
		j = (lua_Integer)len;
	if (j - i >= RESULTS_MAX)
		return luaL_error(L, "string slice too long");
	return l_sized(L);
}

void sandbox_spanned(lua_State *L, lua_CFunction f)
{
	lua_pushcfunction(L, f);
	lua_pushcclosure(L, l_spanned, 1);
}

/* ---- words that differ from Lua's ---- */

static int l_rawset(lua_State *L)
{
	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_checkany(L, 2);
	luaL_checkany(L, 3);
	if (sandbox_is_sealed(L, 1))
		return l_sealed(L);
	lua_settop(L, 3);
	lua_rawset(L, 1);
	return 1;
}

/* A finalizer would run on whoever's time the collector works. */
static int l_setmetatable(lua_State *L)
{
	int type = lua_type(L, 2);

	luaL_checktype(L, 1, LUA_TTABLE);
	luaL_argexpected(L, type == LUA_TNIL || type == LUA_TTABLE, 2,
			 "nil or table");
	if (luaL_getmetafield(L, 1, "__metatable") != LUA_TNIL)
		return luaL_error(L, "cannot change a protected metatable");
	if (type == LUA_TTABLE) {
		lua_pushliteral(L, "__gc");
		if (lua_rawget(L, 2) != LUA_TNIL)
			return luaL_error(L, "'__gc' is not available in a "
					  "bot");
	}
	lua_settop(L, 2);
	lua_setmetatable(L, 1);
	return 1;
}

static int l_load(lua_State *L)
{
	struct shard *sh = shard_of(L);
	size_t len;
	const char *s = luaL_checklstring(L, 1, &len);
	const char *name = luaL_optstring(L, 2, s);
	bool env = !lua_isnone(L, 4);
	int rc;

	meter_charge(L, len * 4);
	rc = luaL_loadbufferx(L, s, len, name, "t");
	if (rc) {
		meter_rethrow(L, rc);
		luaL_pushfail(L);
		lua_insert(L, -2);
		return 2;
	}
	if (env)
		lua_pushvalue(L, 4);
	else
		lua_rawgeti(L, LUA_REGISTRYINDEX, sh->env);
	if (!lua_setupvalue(L, -2, 1))
		lua_pop(L, 1);
	return 1;
}

int l_require(lua_State *L)
{
	struct shard *sh = shard_of(L);
	const char *name = luaL_checkstring(L, 1);
	struct source *src;
	char err[256], chunk[512];
	int rc;

	lua_settop(L, 1);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &modules_key);
	if (lua_getfield(L, 2, name) != LUA_TNIL) {
		if (lua_touserdata(L, -1) == &modules_key)
			return luaL_error(L, "require: '%s' requires itself",
					  name);
		return 1;
	}
	if (!sh->loading)
		return luaL_error(L, "require: '%s' must be required when "
				  "the bot is loaded", name);
	src = bot_source(sh->bot, name, true, err, sizeof(err));
	if (!src)
		return luaL_error(L, "require: %s", err);
	snprintf(chunk, sizeof(chunk), "@%s", src->path);
	rc = luaL_loadbufferx(L, src->text, src->len, chunk, "t");
	if (rc) {
		meter_rethrow(L, rc);
		return lua_error(L);
	}
	lua_pop(L, 1);
	shard_scan(L, src);
	shard_chunk(L, src, chunk);
	lua_rawgeti(L, LUA_REGISTRYINDEX, sh->env);
	lua_setupvalue(L, -2, 1);
	lua_pushlightuserdata(L, (void *)&modules_key);
	lua_setfield(L, 2, name);
	lua_pushvalue(L, 1);
	lua_call(L, 1, 1);
	shard_required(L, src);
	if (lua_isnil(L, -1)) {
		lua_pop(L, 1);
		lua_pushboolean(L, 1);
	}
	lua_pushvalue(L, -1);
	lua_setfield(L, 2, name);
	return 1;
}

/* ---- clock and chance are the engine's ---- */

static struct loop *loop_of(lua_State *L)
{
	return shard_of(L)->bot->sc->loop;
}

/* While a bot is loaded, on a thread of its own perhaps, it has a clock that
 * stands and a chance of its own. */
static struct bot *loading(lua_State *L)
{
	const struct shard *sh = shard_of(L);

	return sh->loading ? sh->bot : NULL;
}

static int l_clock(lua_State *L)
{
	const struct bot *bot = loading(L);

	lua_pushnumber(L, (lua_Number)(bot ? bot->born :
				       loop_now(loop_of(L))) / 1000);
	return 1;
}

static uint64_t chance(lua_State *L)
{
	struct bot *bot = loading(L);
	uint64_t z;

	if (!bot)
		return loop_random(loop_of(L));
	/* splitmix64 */
	z = bot->chance += UINT64_C(0x9e3779b97f4a7c15);
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

/* Upvalue of both: Lua's own. */
static int l_time(lua_State *L)
{
	if (!lua_isnoneornil(L, 1))
		return lua_tocfunction(L, lua_upvalueindex(1))(L);
	lua_pushinteger(L, (lua_Integer)(loop_wall(loop_of(L)) / 1000));
	return 1;
}

static int l_date(lua_State *L)
{
	luaL_optstring(L, 1, "%c");
	meter_charge(L, string_bytes(L, 1) + 20);
	if (lua_isnoneornil(L, 2)) {
		lua_settop(L, 1);
		lua_pushinteger(L, (lua_Integer)(loop_wall(loop_of(L)) /
						 1000));
	}
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static int l_random_number(lua_State *L)
{
	uint64_t r = chance(L);
	lua_Integer low = 1, high;

	switch (lua_gettop(L)) {
	case 0:
		lua_pushnumber(L, (lua_Number)(r >> 11) *
			       (0.5 / ((uint64_t)1 << 52)));
		return 1;
	case 1:
		high = luaL_checkinteger(L, 1);
		if (!high) {
			lua_pushinteger(L, (lua_Integer)r);
			return 1;
		}
		break;
	case 2:
		low = luaL_checkinteger(L, 1);
		high = luaL_checkinteger(L, 2);
		break;
	default:
		return luaL_error(L, "wrong number of arguments");
	}
	luaL_argcheck(L, low <= high, lua_gettop(L), "interval is empty");
	if ((uint64_t)high - (uint64_t)low != UINT64_MAX)
		r %= (uint64_t)high - (uint64_t)low + 1;
	lua_pushinteger(L, (lua_Integer)((uint64_t)low + r));
	return 1;
}

/* The seed is the engine's: a bot that seeds gets the same sequence. */
static int l_seed(lua_State *L)
{
	(void)L;
	return 0;
}

/* ---- putting it together ---- */

/* Copies field `name` of the table on top into the one below it. */
static void take(lua_State *L, const char *name)
{
	lua_getfield(L, -1, name);
	lua_setfield(L, -3, name);
}

static void open_base(lua_State *L)
{
	static const char *const words[] = {
		"_VERSION", "assert", "error", "getmetatable", "ipairs",
		"next", "pairs", "rawequal", "rawget", "rawlen", "select",
		"tostring", "type",
	};
	static const luaL_Reg own[] = {
		{ "load", l_load },
		{ "log", l_log },
		{ "rawset", l_rawset },
		{ "require", l_require },
		{ "setmetatable", l_setmetatable },
		{ NULL, NULL },
	};

	luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		take(L, words[i]);
	lua_getfield(L, -1, "tonumber");
	sandbox_sized(L, lua_tocfunction(L, -1));
	lua_setfield(L, -4, "tonumber");
	lua_pop(L, 2);
	luaL_setfuncs(L, own, 0);
}

static void open_utf8(lua_State *L)
{
	static const char *const sized[] = {
		"char", "len", "offset",
	};

	luaL_requiref(L, LUA_UTF8LIBNAME, luaopen_utf8, 0);
	lua_getfield(L, -1, "codepoint");
	sandbox_spanned(L, lua_tocfunction(L, -1));
	lua_setfield(L, -3, "codepoint");
	lua_pop(L, 1);
	for (size_t i = 0; i < sizeof(sized) / sizeof(*sized); i++) {
		lua_getfield(L, -1, sized[i]);
		sandbox_sized(L, lua_tocfunction(L, -1));
		lua_setfield(L, -3, sized[i]);
		lua_pop(L, 1);
	}
	sandbox_seal(L);
	lua_setfield(L, -2, "utf8");
}

static void open_math(lua_State *L)
{
	/* they take any number of arguments, texts too */
	static const char *const sized[] = { "max", "min" };

	luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 0);
	for (size_t i = 0; i < sizeof(sized) / sizeof(*sized); i++) {
		lua_getfield(L, -1, sized[i]);
		sandbox_sized(L, lua_tocfunction(L, -1));
		lua_setfield(L, -3, sized[i]);
		lua_pop(L, 1);
	}
	lua_pushcfunction(L, l_random_number);
	lua_setfield(L, -2, "random");
	lua_pushcfunction(L, l_seed);
	lua_setfield(L, -2, "randomseed");
	sandbox_seal(L);
	lua_setfield(L, -2, "math");
}

static void open_os(lua_State *L)
{
	lua_createtable(L, 0, 4);
	luaL_requiref(L, LUA_OSLIBNAME, luaopen_os, 0);
	take(L, "difftime");
	lua_getfield(L, -1, "time");
	lua_pushcclosure(L, l_time, 1);
	lua_setfield(L, -3, "time");
	lua_getfield(L, -1, "date");
	lua_pushcclosure(L, l_date, 1);
	lua_setfield(L, -3, "date");
	lua_pop(L, 1);
	lua_pushcfunction(L, l_clock);
	lua_setfield(L, -2, "clock");
	sandbox_seal(L);
	lua_setfield(L, -2, "os");
}

void sandbox_open(lua_State *L)
{
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &modules_key);

	lua_newtable(L);
	open_base(L);
	strings_open(L);
	sandbox_seal(L);
	lua_setfield(L, -2, "string");
	tables_open(L);
	sandbox_seal(L);
	lua_setfield(L, -2, "table");
	coroutines_open(L);
	open_utf8(L);
	open_math(L);
	open_os(L);
	reaction_open(L);
	template_open(L);
	hours_words(L);

	/* What is in no library is an error, and a hint. */
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, l_undefined);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
	sandbox_seal(L);

	/* Nobody reaches Lua's own through the table of loaded libraries. */
	lua_pushnil(L);
	lua_setfield(L, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
}

/* ---- errors ---- */

bool message_has_place(const char *s)
{
	const char *colon = strchr(s, ':');
	const char *p = colon;

	if (!p)
		return false;
	for (p++; *p >= '0' && *p <= '9'; p++)
		;
	return p > colon + 1 && *p == ':';
}

/* A traceback without the frames below every handler, which are ours. */
static char *trace_copy(const char *trace)
{
	static const char ours[] = "\n\t[C]: in ?";
	const size_t n = sizeof(ours) - 1;
	size_t len = strlen(trace);

	while (len > n && !strncmp(trace + len - n, ours, n))
		len -= n;
	return strndup(trace, len < TRACEBACK_MAX ? len : TRACEBACK_MAX);
}

int l_message(lua_State *L)
{
	struct shard *sh = shard_of(L);
	lua_Debug ar;

	if (lua_type(L, 1) != LUA_TSTRING) {
		if (lua_type(L, 1) == LUA_TNUMBER) {
			lua_tostring(L, 1);
		} else {
			lua_pushfstring(L, "the error is a %s, not a text",
					luaL_typename(L, 1));
			lua_replace(L, 1);
		}
	}
	if (!message_has_place(lua_tostring(L, 1))) {
		for (int i = 1; i < 16 && lua_getstack(L, i, &ar); i++) {
			lua_getinfo(L, "Sl", &ar);
			if (ar.currentline <= 0)
				continue;
			lua_pushfstring(L, "%s:%d: %s", ar.short_src,
					ar.currentline, lua_tostring(L, 1));
			lua_replace(L, 1);
			break;
		}
	}
	/* No script runs any more: the state has to do. */
	if (sh->run && !message_has_place(lua_tostring(L, 1))) {
		lua_pushfstring(L, "%s:%d: %s", sh->run->state->file,
				sh->run->state->line, lua_tostring(L, 1));
		lua_replace(L, 1);
	}
	if (sh->run) {
		luaL_traceback(L, L, NULL, 1);
		free(sh->run->traceback);
		sh->run->traceback = trace_copy(lua_tostring(L, -1));
		lua_pop(L, 1);
	}
	lua_settop(L, 1);
	return 1;
}
