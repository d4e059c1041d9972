/**
 * @file dialer.c  `call.dialer`: the telephone side of a call
 *
 * Both call.dialer.f(x) and call.dialer:f(x) work, so a function is bound to
 * its call when it is read.
 */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>

#include "callobject.h"
#include "core/log.h"
#include "meter.h"
#include "plain.h"
#include "reply.h"
#include "session.h"

#define RESULT_MAX 256		/* bytes of a call's result, */
#define RESULT_BYTES 4096	/* and of what goes with it  */

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

static int l_set_no_input_timeout(lua_State *L)
{
	struct run *run = self(L);
	const lua_Integer ms = luaL_checkinteger(L, 1);

	if (ms < NO_INPUT_MIN || ms > NO_INPUT_MAX)
		return luaL_error(L, "setNoInputTimeout: %I is not a number "
				  "of milliseconds from %d to %d",
				  (LUAI_UACINT)ms, NO_INPUT_MIN, NO_INPUT_MAX);
	if (ear_watch(run->s, (uint64_t)ms))
		return luaL_error(L, "no memory");
	return 0;
}

/* What came of the call, for whoever reads the log: there is no campaign that
 * would take it. */
static int l_set_call_result(lua_State *L)
{
	const struct run *run = self(L);
	const struct plain_options o = { .bytes = RESULT_BYTES };
	char err[256] = "";
	size_t len;
	const char *result = luaL_checklstring(L, 1, &len);
	json_t *v = NULL;
	char *json = NULL;

	luaL_argcheck(L, len && len <= RESULT_MAX, 1, "1 to 256 bytes");
	for (size_t i = 0; i < len; i++)
		luaL_argcheck(L, (unsigned char)result[i] >= ' ', 1,
			      "a control character");
	meter_charge(L, 200);
	if (!lua_isnoneornil(L, 2)) {
		v = plain_json(L, 2, &o, "setCallResult: payload", err,
			       sizeof(err));
		if (!v) {
			meter_tick(L);
			return luaL_error(L, "%s", err);
		}
		json = json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY |
				     JSON_SORT_KEYS);
		json_decref(v);
	}
	log_line(LOG_INFO, session_id(run->s), "call result: %s%s%s", result,
		 json ? " " : "", json ? json : "");
	free(json);
	return 0;
}

/* Nothing is spoken yet that could be interrupted: options are accepted. */
static int l_barge_in(lua_State *L)
{
	self(L);
	if (!lua_isnoneornil(L, 1) && !lua_isboolean(L, 1))
		luaL_checktype(L, 1, LUA_TTABLE);
	return 0;
}

static int l_index(lua_State *L)
{
	static const struct { const char *name; lua_CFunction f; } words[] = {
		{ "bargeIn", l_barge_in },
		{ "getCallRecordingPath", l_get_call_recording_path },
		{ "getCaller", l_get_caller },
		{ "getPayload", l_get_payload },
		{ "getSipHeaders", l_get_sip_headers },
		{ "getTransferDetails", l_get_transfer_details },
		{ "getTransferStatus", l_get_transfer_status },
		{ "getTrunk", l_get_trunk },
		{ "hangUp", l_hang_up },
		{ "setCallResult", l_set_call_result },
		{ "setNoInputTimeout", l_set_no_input_timeout },
	};
	const char *name = luaL_tolstring(L, 2, NULL);

	lua_getiuservalue(L, 1, 1);
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (!strcmp(name, words[i].name)) {
			lua_pushcclosure(L, words[i].f, 1);
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
