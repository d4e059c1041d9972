/**
 * @file dialer.c  `call.dialer`: the telephone side of a call
 *
 * Both call.dialer.f(x) and call.dialer:f(x) work, so a function is bound to
 * its call when it is read.
 */
#include <lauxlib.h>
#include <string.h>

#include "callobject.h"
#include "plain.h"
#include "reply.h"
#include "session.h"

static const char meta_key;

static bool is_dialer(lua_State *L, int idx)
{
	bool is;

	if (!lua_touserdata(L, idx) || !lua_getmetatable(L, idx))
		return false;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
	is = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return is;
}

/* The run of a function's call, with a `self` dropped. */
static struct run *self(lua_State *L)
{
	if (is_dialer(L, 1))
		lua_remove(L, 1);
	return call_check(L, lua_upvalueindex(1));
}

static int l_get_caller(lua_State *L)
{
	lua_pushstring(L, self(L)->s->call->from);
	return 1;
}

static int l_get_trunk(lua_State *L)
{
	lua_pushstring(L, self(L)->s->call->trunk);
	return 1;
}

static int l_get_payload(lua_State *L)
{
	self(L);
	lua_newtable(L);
	return 1;
}

static int l_get_sip_headers(lua_State *L)
{
	call_push_headers(L, self(L)->s->call);
	return 1;
}

static int l_get_call_recording_path(lua_State *L)
{
	self(L);
	lua_pushnil(L);
	return 1;
}

/* Sets the three fields of the status in the table on top. */
static void set_status(lua_State *L, const struct session_lua *s)
{
	lua_pushstring(L, s->success ? "SUCCESS" : "FAIL");
	lua_setfield(L, -2, "status");
	lua_pushboolean(L, s->hangup);
	lua_setfield(L, -2, "hangup");
	lua_pushstring(L, s->number);
	lua_setfield(L, -2, "number");
}

void dialer_push_status(lua_State *L, const struct session_lua *s)
{
	lua_createtable(L, 0, 3);
	set_status(L, s);
}

/* The status, and what the details add to it. */
void dialer_push_details(lua_State *L, const struct session_lua *s)
{
	if (s->details && json_is_object(s->details))
		plain_push(L, s->details);
	else
		lua_newtable(L);
	set_status(L, s);
}

static int l_get_transfer_status(lua_State *L)
{
	const struct session_lua *s = self(L)->s;

	if (s->had_transfer)
		dialer_push_status(L, s);
	else
		lua_pushnil(L);
	return 1;
}

static int l_get_transfer_details(lua_State *L)
{
	const struct session_lua *s = self(L)->s;

	if (s->had_transfer)
		dialer_push_details(L, s);
	else
		lua_pushnil(L);
	return 1;
}

/* The text is a reply of its own before it. */
static int l_hang_up(lua_State *L)
{
	struct run *run = self(L);

	if (!lua_isnoneornil(L, 1)) {
		luaL_checkstring(L, 1);
		lua_settop(L, 1);
		replies_add(L, run);
	}
	lua_createtable(L, 0, 1);
	lua_pushliteral(L, "hangup");
	lua_setfield(L, -2, "type");
	replies_add(L, run);
	return 0;
}

static int l_index(lua_State *L)
{
	static const struct { const char *name; lua_CFunction f; } words[] = {
		{ "getCallRecordingPath", l_get_call_recording_path },
		{ "getCaller", l_get_caller },
		{ "getPayload", l_get_payload },
		{ "getSipHeaders", l_get_sip_headers },
		{ "getTransferDetails", l_get_transfer_details },
		{ "getTransferStatus", l_get_transfer_status },
		{ "getTrunk", l_get_trunk },
		{ "hangUp", l_hang_up },
	};
	static const char *const missing[] = {
		"bargeIn", "setCallResult", "setNoInputTimeout",
	};
	const char *name = luaL_tolstring(L, 2, NULL);

	lua_getiuservalue(L, 1, 1);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(name, words[i].name)) {
			lua_pushcclosure(L, words[i].f, 1);
			return 1;
		}
	for (size_t i = 0; i < sizeof(missing) / sizeof(*missing); i++)
		if (!strcmp(name, missing[i])) {
			lua_pushstring(L, name);
			lua_pushcclosure(L, l_not_available, 1);
			return 1;
		}
	return luaL_error(L, "'call.dialer' has no '%s'", name);
}

static int l_newindex(lua_State *L)
{
	return luaL_error(L, "'call.dialer' cannot be changed");
}

void dialer_push(lua_State *L, int call)
{
	lua_newuserdatauv(L, 0, 1);
	lua_pushvalue(L, call);
	lua_setiuservalue(L, -2, 1);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
	lua_setmetatable(L, -2);
}

void dialer_open(lua_State *L)
{
	static const luaL_Reg meta[] = {
		{ "__index", l_index },
		{ "__newindex", l_newindex },
		{ NULL, NULL },
	};

	luaL_newlib(L, meta);
	lua_pushliteral(L, "dialer");
	lua_setfield(L, -2, "__name");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &meta_key);
}
