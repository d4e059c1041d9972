#include "config_sandbox.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#define INSTRUCTIONS 10000000
#define MEMORY (64u << 20)
#define HOOK_EVERY 1000

static void *alloc(void *arg, void *ptr, size_t osize, size_t nsize)
{
	struct config_sandbox *sb = arg;
	const size_t old = ptr ? osize : 0;
	void *out;

	if (!nsize) {
		free(ptr);
		sb->bytes -= old;
		return NULL;
	}
	if (nsize > old) {
		if (nsize - old > MEMORY - sb->bytes)
			return NULL;
		/* what C functions build is not seen by the hook */
		sb->left -= (int64_t)((nsize - old) / 16);
	}
	out = realloc(ptr, nsize);
	if (out)
		sb->bytes += nsize - old;
	return out;
}

/* `level` is that of who pays: 1 the caller of a C function, 0 in a hook. */
static void take(lua_State *L, uint64_t n, int level)
{
	struct config_sandbox *sb;
	void *arg;

	lua_getallocf(L, &arg);
	sb = arg;
	if (sb->left < 0 || n > (uint64_t)sb->left) {
		sb->left = -1;
		luaL_where(L, level);
		lua_pushfstring(L, "the %s runs too long", sb->what);
		lua_concat(L, 2);
		lua_error(L);
	}
	sb->left -= (int64_t)n;
}

static void charge(lua_State *L, uint64_t n)
{
	take(L, n, 1);
}

static void hook(lua_State *L, lua_Debug *ar)
{
	(void)ar;
	take(L, HOOK_EVERY, 0);
}

int config_sandbox_open(struct config_sandbox *sb)
{
	memset(sb, 0, sizeof(*sb));
	sb->left = INSTRUCTIONS;
	sb->what = "config";
	sb->L = lua_newstate(alloc, sb);
	if (!sb->L)
		return UV_ENOMEM;
	lua_sethook(sb->L, hook, LUA_MASKCOUNT, HOOK_EVERY);
	return 0;
}

void config_sandbox_close(struct config_sandbox *sb)
{
	if (sb->L)
		lua_close(sb->L);
	sb->L = NULL;
}

static uint64_t times(uint64_t a, uint64_t b)
{
	return b && a > (uint64_t)INT64_MAX / b ? INT64_MAX : a * b;
}

/* Bytes and items that a library function may walk over. */
static uint64_t size_of_arguments(lua_State *L)
{
	uint64_t n = 1;

	for (int i = 1; i <= lua_gettop(L); i++) {
		const int type = lua_type(L, i);

		if (type == LUA_TSTRING || type == LUA_TTABLE)
			n += lua_rawlen(L, i);
	}
	return n;
}

/* These take no upvalues, so they run in the frame of their wrapper. */
static int call_wrapped(lua_State *L)
{
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

static int l_sized(lua_State *L)
{
	charge(L, size_of_arguments(L));
	return call_wrapped(L);
}

static int l_sort(lua_State *L)
{
	charge(L, times(size_of_arguments(L), 32));
	return call_wrapped(L);
}

static int l_rep(lua_State *L)
{
	const lua_Integer n = luaL_checkinteger(L, 2);

	/* also "" costs its rounds */
	if (n > 0)
		charge(L, times(size_of_arguments(L), (uint64_t)n));
	return call_wrapped(L);
}

/*
 * Lua's patterns back-track: each of `* + -`, %b and %1 tries up to every
 * length, each `?` both ways, from every place. What it may cost at worst is
 * charged before, since nothing interrupts it.
 */
static int l_match(lua_State *L)
{
	size_t len, n;
	const char *p;
	uint64_t cost;

	luaL_checklstring(L, 1, &len);
	p = luaL_checklstring(L, 2, &n);
	cost = n + 1;
	if (n && p[0] == '^')
		p++, n--;
	else
		cost = times(cost, len + 2);
	for (size_t i = 0; i < n; i++) {
		if (strchr("*+-123456789", p[i]) && p[i])
			cost = times(cost, len + 2);
		else if (p[i] == '?')
			cost = times(cost, 2);
		else if (p[i] == '%' && i + 1 < n && p[i + 1] == 'b')
			cost = times(cost, len + 2);
	}
	charge(L, cost);
	return call_wrapped(L);
}

static const struct {
	const char *name;
	lua_CFunction wrapper;
} strings[] = {
	{ "byte", l_sized }, { "char", l_sized }, { "find", l_match },
	{ "format", l_sized }, { "gmatch", l_match }, { "gsub", l_match },
	{ "len", NULL }, { "lower", l_sized }, { "match", l_match },
	{ "rep", l_rep }, { "reverse", l_sized }, { "sub", l_sized },
	{ "upper", l_sized }, { NULL, NULL },
}, tables[] = {
	{ "concat", l_sized }, { "insert", l_sized }, { "pack", NULL },
	{ "remove", l_sized }, { "sort", l_sort }, { "unpack", l_sized },
	{ NULL, NULL },
};

/* Leaves only what is listed in the library on top of the stack. */
static void restrict_library(lua_State *L, bool is_string)
{
	lua_newtable(L);
	for (size_t i = 0;; i++) {
		const char *name = is_string ? strings[i].name
					     : tables[i].name;
		const lua_CFunction f = is_string ? strings[i].wrapper
						  : tables[i].wrapper;

		if (!name)
			break;
		lua_getfield(L, -2, name);
		if (f)
			lua_pushcclosure(L, f, 1);
		lua_setfield(L, -2, name);
	}
	lua_remove(L, -2);
}

static int l_env(lua_State *L)
{
	const char *value = getenv(luaL_checkstring(L, 1));

	lua_pushstring(L, value);	/* nil if it is not set */
	return 1;
}

static int l_undefined(lua_State *L)
{
	return luaL_error(L, "'%s' is not defined",
			  luaL_tolstring(L, 2, NULL));
}

void config_sandbox_env(lua_State *L)
{
	static const char *const base[] = {
		"assert", "error", "ipairs", "next", "pairs", "select",
		"tonumber", "tostring", "type", NULL,
	};

	luaL_checkstack(L, 10, NULL);
	lua_newtable(L);

	luaL_requiref(L, LUA_GNAME, luaopen_base, 0);
	for (size_t i = 0; base[i]; i++) {
		lua_getfield(L, -1, base[i]);
		lua_setfield(L, -3, base[i]);
	}
	lua_pop(L, 1);

	luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0);
	restrict_library(L, true);
	/* ("x"):upper() looks here */
	lua_pushliteral(L, "");
	lua_getmetatable(L, -1);
	lua_pushvalue(L, -3);
	lua_setfield(L, -2, "__index");
	lua_pop(L, 2);
	lua_setfield(L, -2, LUA_STRLIBNAME);

	luaL_requiref(L, LUA_TABLIBNAME, luaopen_table, 0);
	restrict_library(L, false);
	lua_setfield(L, -2, LUA_TABLIBNAME);

	luaL_requiref(L, LUA_MATHLIBNAME, luaopen_math, 0);
	lua_setfield(L, -2, LUA_MATHLIBNAME);

	lua_pushcfunction(L, l_env);
	lua_setfield(L, -2, "env");

	lua_newtable(L);
	lua_pushcfunction(L, l_undefined);
	lua_setfield(L, -2, "__index");
	lua_setmetatable(L, -2);
}
