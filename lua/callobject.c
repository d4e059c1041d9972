/**
 * @file callobject.c  `call`: what a handler sees of its call
 *
 * A userdata for one handler. It knows its run by number only, so that one
 * that was kept somewhere finds nothing later. Its parts are made when they
 * are first read.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callobject.h"
#include "listen.h"
#include "meter.h"
#include "plain.h"
#include "program.h"
#include "reaction.h"
#include "reply.h"
#include "session.h"
#include "shard.h"

static const char meta_key;

enum part {
	P_REQUEST = 1, P_RESPONSE, P_SESSION, P_CLIENT, P_TEMP, P_PARSE_TREE,
	P_CONTEXT, P_DIALER
};

void callobject_new(lua_State *L, struct run *run)
{
	struct call_ref *ref = lua_newuserdatauv(L, sizeof(*ref), CV_COUNT);

	ref->serial = run->serial;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
	lua_setmetatable(L, -2);
	lua_pushvalue(L, -1);
	lua_rawseti(L, LUA_REGISTRYINDEX, run->thread.slot);
}

void call_push(lua_State *L, struct run *run)
{
	luaL_checkstack(L, 8, "out of stack");
	lua_rawgeti(L, LUA_REGISTRYINDEX, run->thread.slot);
}

struct run *call_check(lua_State *L, int idx)
{
	const struct call_ref *ref = lua_touserdata(L, idx);
	struct run *run = shard_of(L)->run;
	bool is = false;

	if (ref && lua_getmetatable(L, idx)) {
		lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
		is = lua_rawequal(L, -1, -2);
		lua_pop(L, 2);
	}
	if (!is)
		luaL_typeerror(L, idx, "call");
	if (!run || run->serial != ref->serial)
		luaL_error(L, "this 'call' belongs to a handler that has "
			   "ended, or to another call");
	if (!run->s->call)
		luaL_error(L, "the call is over");
	return run;
}

/* Pushes uservalue `v`; a new table if it is not there yet (true). */
static bool part(lua_State *L, enum call_value v)
{
	if (lua_getiuservalue(L, 1, v) != LUA_TNIL)
		return false;
	lua_pop(L, 1);
	lua_newtable(L);
	lua_pushvalue(L, -1);
	lua_setiuservalue(L, 1, v);
	return true;
}

static void text(lua_State *L, const char *key, const char *s)
{
	if (!s)
		return;
	lua_pushstring(L, s);
	lua_setfield(L, -2, key);
}

void call_push_headers(lua_State *L, const struct bot_call *call)
{
	lua_newtable(L);
	for (unsigned i = 0; i < call->header_count; i++) {
		const struct header *h = &call->headers[i];

		lua_pushstring(L, h->name);
		lua_pushvalue(L, -1);
		if (lua_rawget(L, -3) == LUA_TSTRING) {
			/* one header in several lines is a list */
			lua_pushfstring(L, "%s, %s", lua_tostring(L, -1),
					h->value);
			lua_replace(L, -2);
		} else {
			lua_pop(L, 1);
			lua_pushstring(L, h->value);
		}
		lua_rawset(L, -3);
	}
}

static void request(lua_State *L, const struct run *run)
{
	const struct bot_call *c = run->s->call;
	const struct input *in = run->in;

	if (!part(L, CV_REQUEST))
		return;
	plain_callable(L);
	if (in->text) {
		lua_pushlstring(L, in->text, in->len);
		lua_setfield(L, -2, "query");
	}
	text(L, "event", in->event);
	if (in->data) {
		plain_push(L, in->data);
		lua_setfield(L, -2, "data");
	}
	text(L, "channel", c->channel);
	text(L, "from", c->from);
	text(L, "to", c->to);
	call_push_headers(L, c);
	lua_setfield(L, -2, "headers");
}

static void session(lua_State *L, struct run *run)
{
	struct session_lua *s = run->s;

	run->session_read = true;
	if (s->data != LUA_NOREF) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, s->data);
		return;
	}
	lua_newtable(L);
	lua_pushvalue(L, -1);
	s->data = luaL_ref(L, LUA_REGISTRYINDEX);
}

static void client(lua_State *L, struct run *run)
{
	struct session_lua *s = run->s;

	if (lua_getiuservalue(L, 1, CV_CLIENT) != LUA_TNIL)
		return;
	lua_pop(L, 1);
	if (!run->client) {
		if (*s->call->from && !s->kept.client)
			luaL_error(L, "no source of the bot names "
				   "call.client: it was not read");
		/* A copy: what a handler has read does not change under it. */
		run->client = *s->call->from ?
			json_copy((json_t *)client_data(&s->kept))
			: json_incref(s->client);
		if (!run->client)
			run->client = json_object();
		if (!run->client)
			luaL_error(L, "no memory");
	}
	plain_push(L, run->client);
	lua_pushvalue(L, -1);
	lua_setiuservalue(L, 1, CV_CLIENT);
}

static int l_index(lua_State *L)
{
	struct run *run = call_check(L, 1);

	lua_settop(L, 2);
	lua_pushvalue(L, 2);
	switch (lua_rawget(L, lua_upvalueindex(1))) {
	case LUA_TFUNCTION:
		return 1;
	case LUA_TNUMBER:
		break;
	default:
		return luaL_error(L, "'call' has no '%s'",
				  luaL_tolstring(L, 2, NULL));
	}
	switch ((enum part)lua_tointeger(L, -1)) {
	case P_REQUEST:
		request(L, run);
		break;
	case P_RESPONSE:
		replies_response(L, run);
		break;
	case P_SESSION:
		session(L, run);
		break;
	case P_CLIENT:
		client(L, run);
		break;
	case P_TEMP:
		part(L, CV_TEMP);
		break;
	case P_PARSE_TREE:
		if (lua_getiuservalue(L, 1, CV_PARSE_TREE) != LUA_TNIL)
			break;
		lua_pop(L, 1);
		if (run->in->tree)
			plain_push(L, run->in->tree);
		else
			lua_newtable(L);
		lua_pushvalue(L, -1);
		lua_setiuservalue(L, 1, CV_PARSE_TREE);
		break;
	case P_CONTEXT:
		lua_pushstring(L, run->s->context->path);
		break;
	case P_DIALER:
		if (lua_getiuservalue(L, 1, CV_DIALER) != LUA_TNIL)
			break;
		dialer_push(L, 1);
		lua_pushvalue(L, -1);
		lua_setiuservalue(L, 1, CV_DIALER);
		break;
	}
	return 1;
}

static int l_newindex(lua_State *L)
{
	return luaL_error(L, "'call.%s' cannot be set",
			  luaL_tolstring(L, 2, NULL));
}

void call_open(lua_State *L)
{
	static const luaL_Reg verbs[] = {
		{ "answer", l_call_answer },
		{ "http", l_call_http },
		{ "listen", l_call_listen },
		{ "play", l_call_play },
		{ "react", l_react },
		{ "reject", l_call_reject },
		{ "say", l_call_say },
		{ "sleep", l_call_sleep },
		{ "transfer", l_call_transfer },
		{ NULL, NULL },
	};
	static const struct { const char *name; enum part part; } parts[] = {
		{ "client", P_CLIENT },
		{ "context", P_CONTEXT },
		{ "dialer", P_DIALER },
		{ "parseTree", P_PARSE_TREE },
		{ "request", P_REQUEST },
		{ "response", P_RESPONSE },
		{ "session", P_SESSION },
		{ "temp", P_TEMP },
	};

	listen_open(L);
	/* call.request is a table, and call:request() a verb */
	plain_callable_open(L, l_call_request);
	lua_createtable(L, 0, 4);
	luaL_newlib(L, verbs);
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		lua_pushinteger(L, parts[i].part);
		lua_setfield(L, -2, parts[i].name);
	}
	lua_pushcclosure(L, l_index, 1);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, l_newindex);
	lua_setfield(L, -2, "__newindex");
	lua_pushliteral(L, "call");
	lua_setfield(L, -2, "__name");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &meta_key);
}

/* ---- what is kept is plain ---- */

/* Writes what the handler changed in call.client behind it. */
static void save_client(lua_State *L, struct run *run)
{
	struct session_lua *s = run->s;
	struct bot *bot = s->shard->bot;
	const struct plain_options o = { .bytes = bot->limits.session_bytes };
	char err[256];
	json_t *now = plain_json(L, -1, &o, "call.client", err, sizeof(err));

	if (now && json_is_array(now)) {
		snprintf(err, sizeof(err), "call.client: a list; it has named "
			 "keys only");
		json_decref(now);
		now = NULL;
	}
	if (!now) {
		meter_tick(L);
		luaL_error(L, "%s", err);
	}
	if (*s->call->from) {
		client_write(&s->kept, run->client, now);
		json_decref(run->client);
		run->client = now;
	} else {
		json_decref(s->client);
		s->client = now;
	}
}

/* Takes what cannot be kept out of call.session, which is on top, so that the
 * handlers after this one do not fail for it. */
static void drop_unfit(lua_State *L, size_t max)
{
	const int data = lua_gettop(L);
	char err[256];

	luaL_checkstack(L, 8, "out of stack");
	lua_pushnil(L);
	lua_setmetatable(L, data);
	lua_pushnil(L);
	while (lua_next(L, data)) {
		lua_pushvalue(L, -2);
		lua_newtable(L);		/* key value key entry */
		lua_pushvalue(L, -2);
		lua_pushvalue(L, -4);
		lua_rawset(L, -3);
		if (plain_check(L, -1, max, "", err, sizeof(err))) {
			lua_pushvalue(L, -2);
			lua_pushnil(L);
			lua_rawset(L, data);
		}
		lua_pop(L, 3);
	}
}

void run_checkpoint(lua_State *L, struct run *run, bool wait)
{
	struct session_lua *s = run->s;
	const size_t max = s->shard->bot->limits.session_bytes;
	char err[256] = "";

	if (run->session_read) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, s->data);
		if (plain_check(L, -1, max, "call.session", err,
				sizeof(err))) {
			drop_unfit(L, max);
			meter_tick(L);
			luaL_error(L, "%s", err);
		}
		lua_pop(L, 1);
	}
	call_push(L, run);
	if (lua_getiuservalue(L, -1, CV_TEMP) != LUA_TNIL &&
	    plain_check(L, -1, max, "call.temp", err, sizeof(err))) {
		meter_tick(L);
		luaL_error(L, "%s", err);
	}
	lua_pop(L, 1);
	if (lua_getiuservalue(L, -1, CV_CLIENT) != LUA_TNIL && s->call)
		save_client(L, run);
	lua_pop(L, 2);
	replies_send(L, run, wait);
	if (wait)
		reaction_prune(L, run);
}
