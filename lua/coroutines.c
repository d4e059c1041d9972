/**
 * @file coroutines.c  The bots' own coroutines, pcall and xpcall
 *
 * As in Lua, but a spent budget goes through all of them, and what a handler
 * does in coroutines is counted like the rest.
 */
#include <lauxlib.h>

#include "meter.h"
#include "sandbox.h"
#include "session.h"
#include "shard.h"

/* A new thread starts to count at zero: what it may run until its first hook
 * is charged when it is made. */
#define CREATE_COST 1000

/* Coroutines whose __close methods close one another. lua_resetthread() counts
 * the C stack anew in each, so what one may take of it is taken so often. */
#define CLOSING_MAX 5

static lua_State *checked(lua_State *L)
{
	lua_State *co = lua_tothread(L, 1);

	luaL_argexpected(L, co, 1, "coroutine");
	return co;
}

/* Registry: coroutines in which a turn was over, as weak keys. */
static const char turned_key;

static bool only_turned(lua_State *L, int idx)
{
	bool yes;

	lua_rawgetp(L, LUA_REGISTRYINDEX, &turned_key);
	lua_pushvalue(L, idx);
	lua_rawget(L, -2);
	yes = lua_toboolean(L, -1);
	lua_pop(L, 2);
	return yes;
}

/* Of the coroutine at `idx`. */
static const char *status(lua_State *L, int idx)
{
	lua_State *co = lua_tothread(L, idx);
	lua_Debug ar;

	if (L == co)
		return "running";
	switch (lua_status(co)) {
	case LUA_YIELD:
		return only_turned(L, idx) ? "normal" : "suspended";
	case LUA_OK:
		if (lua_getstack(co, 0, &ar))
			return "normal";
		return lua_gettop(co) ? "suspended" : "dead";
	default:
		return "dead";
	}
}

/* Keeps in mind, or forgets, that the coroutine at `idx` has only left its
 * turn to others: nobody else may resume it. */
static void mark(lua_State *L, int idx, bool turned)
{
	lua_rawgetp(L, LUA_REGISTRYINDEX, &turned_key);
	lua_pushvalue(L, idx);
	lua_pushboolean(L, turned);
	if (!turned) {
		lua_pop(L, 1);
		lua_pushnil(L);
	}
	lua_rawset(L, -3);
	lua_pop(L, 1);
}

/* Runs the coroutine at `idx` with the `n` values on top of `L`; their number,
 * or -1 and the error. Raises if the budget is spent. Where a turn is over in
 * it, whoever resumed it leaves as well, and goes on with `k`. */
static int resume(lua_State *L, int idx, int n, lua_KFunction k)
{
	lua_State *co = lua_tothread(L, idx);
	struct shard *sh = shard_of(L);
	int rc, nres = 0;

	if (!lua_checkstack(co, n)) {
		lua_pushliteral(L, "too many arguments to resume");
		return -1;
	}
	meter_charge(L, 20);
	lua_xmove(L, co, n);
	sh->running = co;
	meter_thread(co);
	rc = lua_resume(co, L, n, &nres);
	while (rc == LUA_YIELD && sh->run && sh->run->turned) {
		sh->running = L;
		if (lua_isyieldable(L)) {
			mark(L, idx, true);
			return lua_yieldk(L, 0, 0, k);
		}
		sh->run->turned = false;
		meter_keep_turn(sh->meter);
		sh->running = co;
		rc = lua_resume(co, L, 0, &nres);
	}
	sh->running = L;
	meter_thread(L);
	if (rc == LUA_OK || rc == LUA_YIELD) {
		if (!lua_checkstack(L, nres + 1)) {
			lua_pop(co, nres);
			lua_pushliteral(L, "too many results to resume");
			return -1;
		}
		lua_xmove(co, L, nres);
		return nres;
	}
	lua_xmove(co, L, 1);
	meter_rethrow(L, rc);
	return -1;
}

static int l_create(lua_State *L)
{
	lua_State *co;

	luaL_checktype(L, 1, LUA_TFUNCTION);
	meter_charge(L, CREATE_COST);
	co = lua_newthread(L);
	lua_pushvalue(L, 1);
	lua_xmove(L, co, 1);
	return 1;
}

/* The end of coroutine.resume, with what resume() says. */
static int results(lua_State *L, int n)
{
	lua_pushboolean(L, n >= 0);
	if (n < 0) {
		lua_insert(L, -2);
		return 2;
	}
	lua_insert(L, -(n + 1));
	return n + 1;
}

static int resume_goes_on(lua_State *L, int rc, lua_KContext ctx)
{
	(void)rc;
	(void)ctx;
	mark(L, 1, false);
	return results(L, resume(L, 1, 0, resume_goes_on));
}

static int l_resume(lua_State *L)
{
	checked(L);
	if (status(L, 1)[0] != 's') {
		lua_pushboolean(L, 0);
		lua_pushfstring(L, "cannot resume %s coroutine",
				status(L, 1)[0] == 'd' ? "dead"
				: "non-suspended");
		return 2;
	}
	return results(L, resume(L, 1, lua_gettop(L) - 1, resume_goes_on));
}

/* The end of a call of what coroutine.wrap made. */
static int wrapped_results(lua_State *L, int n)
{
	if (n >= 0)
		return n;
	if (lua_type(L, -1) == LUA_TSTRING) {
		luaL_where(L, 1);
		lua_insert(L, -2);
		lua_concat(L, 2);
	}
	return lua_error(L);
}

static int wrapped_goes_on(lua_State *L, int rc, lua_KContext ctx)
{
	const int co = lua_upvalueindex(1);

	(void)rc;
	(void)ctx;
	mark(L, co, false);
	return wrapped_results(L, resume(L, co, 0, wrapped_goes_on));
}

static int l_wrapped(lua_State *L)
{
	const int co = lua_upvalueindex(1);

	if (status(L, co)[0] != 's')
		return luaL_error(L, "cannot resume %s coroutine",
				  status(L, co)[0] == 'd' ? "dead"
				  : "non-suspended");
	return wrapped_results(L, resume(L, co, lua_gettop(L),
					 wrapped_goes_on));
}

static int l_wrap(lua_State *L)
{
	l_create(L);
	lua_pushcclosure(L, l_wrapped, 1);
	return 1;
}

static int l_yield(lua_State *L)
{
	const struct shard *sh = shard_of(L);

	if (L == sh->L || (sh->run && L == sh->run->thread.co))
		return luaL_error(L, "cannot yield outside a coroutine of "
				  "one's own");
	if (sh->closing)
		return luaL_error(L, "cannot yield in a __close method");
	return lua_yield(L, lua_gettop(L));
}

static int l_status(lua_State *L)
{
	checked(L);
	lua_pushstring(L, status(L, 1));
	return 1;
}

static int l_running(lua_State *L)
{
	const struct shard *sh = shard_of(L);

	lua_pushthread(L);
	lua_pushboolean(L, L == sh->L ||
			(sh->run && L == sh->run->thread.co));
	return 2;
}

static int l_isyieldable(lua_State *L)
{
	const struct shard *sh = shard_of(L);

	lua_pushboolean(L, L != sh->L &&
			!(sh->run && L == sh->run->thread.co) &&
			lua_isyieldable(L));
	return 1;
}

static int l_close(lua_State *L)
{
	lua_State *co = checked(L);
	struct shard *sh = shard_of(L);
	const char *st = status(L, 1);
	int rc;

	meter_charge(L, 20);
	if (st[0] != 's' && st[0] != 'd')
		return luaL_error(L, "cannot close a %s coroutine", st);
	if (meter_killed(co)) {
		lua_pushboolean(L, 0);
		lua_pushliteral(L, "the budget was spent in this coroutine");
		return 2;
	}
	if (sh->closing >= CLOSING_MAX)
		return luaL_error(L, "C stack overflow: coroutines that close "
				  "one another");
	sh->closing++;
	sh->running = co;
	meter_thread(co);
	rc = lua_resetthread(co);
	sh->running = L;
	meter_thread(L);
	sh->closing--;
	if (rc == LUA_OK) {
		lua_pushboolean(L, 1);
		return 1;
	}
	lua_xmove(co, L, 1);
	meter_rethrow(L, rc);
	lua_pushboolean(L, 0);
	lua_insert(L, -2);
	return 2;
}

static int pcall_done(lua_State *L, int rc, lua_KContext skip)
{
	if (rc == LUA_OK || rc == LUA_YIELD)
		return lua_gettop(L) - (int)skip;
	meter_rethrow(L, rc);
	lua_pushboolean(L, 0);
	lua_insert(L, -2);
	return 2;
}

static int l_pcall(lua_State *L)
{
	luaL_checkany(L, 1);
	lua_pushboolean(L, 1);
	lua_insert(L, 1);
	return pcall_done(L, lua_pcallk(L, lua_gettop(L) - 2, LUA_MULTRET, 0,
					0, pcall_done), 0);
}

/* The bot's message handler, unless nothing of the bot may run any more. */
static int l_bot_handler(lua_State *L)
{
	const struct meter *m = shard_of(L)->meter;

	if (m && m->spent)
		return 1;
	lua_pushvalue(L, lua_upvalueindex(1));
	lua_insert(L, 1);
	lua_call(L, 1, 1);
	return 1;
}

static int l_xpcall(lua_State *L)
{
	int n = lua_gettop(L);

	luaL_checktype(L, 2, LUA_TFUNCTION);
	lua_pushvalue(L, 2);
	lua_pushcclosure(L, l_bot_handler, 1);
	lua_replace(L, 2);
	lua_pushboolean(L, 1);		/* f msgh ... true */
	lua_pushvalue(L, 1);		/* f msgh ... true f */
	lua_rotate(L, 3, 2);		/* f msgh true f ... */
	return pcall_done(L, lua_pcallk(L, n - 2, LUA_MULTRET, 2, 2,
					pcall_done), 2);
}

void coroutines_open(lua_State *L)
{
	static const luaL_Reg own[] = {
		{ "close", l_close },
		{ "create", l_create },
		{ "isyieldable", l_isyieldable },
		{ "resume", l_resume },
		{ "running", l_running },
		{ "status", l_status },
		{ "wrap", l_wrap },
		{ "yield", l_yield },
		{ NULL, NULL },
	};
	static const luaL_Reg words[] = {
		{ "pcall", l_pcall },
		{ "xpcall", l_xpcall },
		{ NULL, NULL },
	};

	lua_newtable(L);
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "k");
	lua_setfield(L, -2, "__mode");
	lua_setmetatable(L, -2);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &turned_key);
	luaL_setfuncs(L, words, 0);
	luaL_newlib(L, own);
	sandbox_seal(L);
	lua_setfield(L, -2, "coroutine");
}
