/**
 * @file reply.c  The replies of a handler, from Lua to actions
 *
 * Until the handler looks at them they are kept as they came: texts and
 * reactions. `call.response.replies` turns them into tables the author may
 * change. They are sent together: all are validated before the first goes out.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/log.h"
#include "callobject.h"
#include "meter.h"
#include "operator.h"
#include "plain.h"
#include "program.h"
#include "reaction.h"
#include "reply.h"
#include "session.h"
#include "sound.h"

#define REPLIES_MAX 1000
#define REPLY_BYTES (64 * 1024)
#define REPLY_COST 20		/* instructions, */
#define TEXT_BYTES 32		/* and bytes of text for one more */

static const char response_meta;

/* Makes the value on top what an author may see. */
static void expand(lua_State *L)
{
	const struct reaction *r;

	if (lua_type(L, -1) == LUA_TSTRING) {
		lua_createtable(L, 0, 2);
		lua_insert(L, -2);
		lua_setfield(L, -2, "text");
		lua_pushliteral(L, "text");
		lua_setfield(L, -2, "type");
		return;
	}
	r = reaction_at(L, -1);
	if (!r)
		return;
	if (r->fields) {
		plain_push(L, r->fields);
	} else {
		lua_createtable(L, 0, 1);
		lua_pushliteral(L, "hangup");
		lua_setfield(L, -2, "type");
	}
	lua_replace(L, -2);
}

/* Pushes the list, and says whether the author sees it. */
static bool push_list(lua_State *L, struct run *run)
{
	call_push(L, run);
	if (lua_getiuservalue(L, -1, CV_RESPONSE) == LUA_TTABLE) {
		lua_pushliteral(L, "replies");
		if (lua_rawget(L, -2) != LUA_TTABLE)
			luaL_error(L, "call.response.replies is a %s, not a "
				   "list", luaL_typename(L, -1));
		lua_replace(L, -3);
		lua_pop(L, 1);
		return true;
	}
	lua_pop(L, 1);
	if (lua_getiuservalue(L, -1, CV_REPLIES) != LUA_TTABLE) {
		lua_pop(L, 1);
		lua_createtable(L, 2, 0);
		lua_pushvalue(L, -1);
		lua_setiuservalue(L, -3, CV_REPLIES);
	}
	lua_replace(L, -2);
	return false;
}

void replies_add(lua_State *L, struct run *run)
{
	lua_Integer n;

	if (push_list(L, run)) {
		lua_insert(L, -2);
		expand(L);
		lua_insert(L, -2);
	}
	n = (lua_Integer)lua_rawlen(L, -1);
	if (n >= REPLIES_MAX)
		luaL_error(L, "more than %d replies", REPLIES_MAX);
	lua_insert(L, -2);
	lua_rawseti(L, -2, n + 1);
	lua_pop(L, 1);
}

/* `response` has the one field. */
static int l_no_field(lua_State *L)
{
	const char *name = luaL_tolstring(L, 2, NULL);

	if (!strcmp(name, "replies")) {		/* assigned after a nil */
		lua_settop(L, 3);
		lua_rawset(L, 1);
		return 0;
	}
	return luaL_error(L, "'call.response' has no '%s', only 'replies'",
			  name);
}

static int l_no_value(lua_State *L)
{
	const char *name = luaL_tolstring(L, 2, NULL);

	if (!strcmp(name, "replies"))
		return 0;
	return l_no_field(L);
}

void replies_open(lua_State *L)
{
	static const luaL_Reg meta[] = {
		{ "__index", l_no_value },
		{ "__newindex", l_no_field },
		{ NULL, NULL },
	};

	luaL_newlib(L, meta);
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &response_meta);
}

void replies_response(lua_State *L, struct run *run)
{
	call_push(L, run);
	if (lua_getiuservalue(L, -1, CV_RESPONSE) == LUA_TTABLE) {
		lua_replace(L, -2);
		return;
	}
	lua_pop(L, 1);
	push_list(L, run);
	for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
		expand(L);
		lua_rawseti(L, -2, i);
	}
	lua_pop(L, 1);
	lua_createtable(L, 0, 1);		/* call list response */
	lua_insert(L, -2);
	lua_setfield(L, -2, "replies");
	lua_rawgetp(L, LUA_REGISTRYINDEX, &response_meta);
	lua_setmetatable(L, -2);
	lua_pushvalue(L, -1);
	lua_setiuservalue(L, -3, CV_RESPONSE);
	lua_replace(L, -2);
}

/* The list that is on top has been dealt with. An author's own table is left
 * alone, he may use it again. */
static void clear(lua_State *L, struct run *run, lua_Integer n)
{
	bool ours;

	call_push(L, run);
	lua_getiuservalue(L, -1, CV_REPLIES);
	ours = lua_rawequal(L, -1, -3);
	lua_pop(L, 1);
	if (ours) {
		for (lua_Integer i = n; i >= 1; i--) {
			lua_pushnil(L);
			lua_rawseti(L, -3, i);
		}
	} else if (lua_getiuservalue(L, -1, CV_RESPONSE) == LUA_TTABLE) {
		lua_newtable(L);
		lua_setfield(L, -2, "replies");
		lua_pop(L, 1);
	} else {
		lua_pop(L, 1);
	}
	lua_pop(L, 2);
}

/* Makes an action of a reply's fields; NULL and a message in `err`. */
static struct action *make(struct run *run, json_t *fields,
			   struct action_error *err)
{
	const struct program *prog = run->s->shard->program;
	const char *type = json_string_value(json_object_get(fields, "type"));
	const char *id = session_id(run->s);
	struct action *a = NULL;
	int rc;

	if (type && !strcmp(type, OPERATOR_WORD))
		return operator_parse(&a, fields, prog, run->state, id,
				      &run->op, err) ? NULL : a;
	if (action_parse(&a, fields, id, err))
		return NULL;
	rc = 0;
	if (a->type == ACT_PLAY)
		rc = sound_find(run->s->shard->bot, a, err);
	if (a->type == ACT_TIMEOUT &&
	    !program_find(prog, run->state, a->text)) {
		rc = UV_EINVAL;
		snprintf(err->text, sizeof(err->text), "timeout: there is no "
			 "state '%.150s'", a->text);
	}
	if (a->type == ACT_SWITCH)
		run->op = (struct operator_states){0};
	if (!rc)
		return a;
	action_free(a);
	return NULL;
}

/* Makes an action of the reply on top; NULL and a message in `err`. */
static struct action *parse(lua_State *L, struct run *run, lua_Integer i,
			    struct action_error *err)
{
	const struct plain_options o = { .bytes = REPLY_BYTES };
	const struct reaction *r = reaction_at(L, -1);
	struct action *a = NULL;
	char name[48];
	json_t *map;

	snprintf(err->text, sizeof(err->text), "no memory");
	if (r && r->kind == R_HANGUP)
		return action_new(ACT_HANGUP);
	if (r && r->fields)
		return make(run, r->fields, err);
	snprintf(name, sizeof(name), "reply %lld", (long long)i);
	if (!lua_istable(L, -1)) {
		snprintf(err->text, sizeof(err->text), "%s is a %s; a reply "
			 "is a table { type = ... }", name,
			 luaL_typename(L, -1));
		return NULL;
	}
	map = plain_json(L, -1, &o, name, err->text, sizeof(err->text));
	if (!map)
		return NULL;
	if (!json_is_object(map) || !json_object_get(map, "type"))
		snprintf(err->text, sizeof(err->text), "%s has no type; a "
			 "reply is a table { type = ... }", name);
	else
		a = make(run, map, err);
	json_decref(map);
	return a;
}

static void drop_actions(struct run *run)
{
	for (unsigned i = 0; i < run->action_count; i++)
		action_free(run->actions[i]);
	free(run->actions);
	run->actions = NULL;
	run->action_count = 0;
}

static struct action *say(const char *s, size_t len, struct action_error *err)
{
	if (len > ACTION_TEXT_MAX) {
		snprintf(err->text, sizeof(err->text), "text: text is longer "
			 "than %d bytes", ACTION_TEXT_MAX);
		return NULL;
	}
	snprintf(err->text, sizeof(err->text), "no memory");
	return action_say(s, len, 0);
}

/* Turns the list on top into run->actions. */
static void parse_all(lua_State *L, struct run *run, lua_Integer n,
		      bool shown, bool wait)
{
	struct action_error err;
	bool over = false;
	struct action *a;

	if (n > REPLIES_MAX)
		luaL_error(L, "more than %d replies", REPLIES_MAX);
	lua_pushnil(L);
	for (lua_Integer k = 0; lua_next(L, -2); k++) {
		if (k >= n || !lua_isinteger(L, -2))
			luaL_error(L, "call.response.replies is no list: it "
				   "has named keys or holes");
		lua_pop(L, 1);
	}
	if (!n)
		return;
	run->actions = calloc((size_t)n, sizeof(*run->actions));
	if (!run->actions)
		luaL_error(L, "no memory");
	for (lua_Integer i = 1; i <= n; i++) {
		size_t len;
		const char *s;

		meter_charge(L, REPLY_COST);
		lua_rawgeti(L, -1, i);
		if (!shown && lua_type(L, -1) == LUA_TSTRING) {
			s = lua_tolstring(L, -1, &len);
			meter_charge(L, len / TEXT_BYTES);
			a = say(s, len, &err);
		} else {
			a = parse(L, run, i, &err);
		}
		lua_pop(L, 1);
		if (!a)
			luaL_error(L, "%s", err.text);
		run->actions[run->action_count++] = a;
		if (over)
			luaL_error(L, "nothing is said after a hangup: reply "
				   "%I of %I", (LUAI_UACINT)i, (LUAI_UACINT)n);
		over = a->type == ACT_HANGUP;
		if (a->type != ACT_SWITCH)
			continue;
		if (wait)
			luaL_error(L, "a handler cannot wait after a switch");
		if (i != n)
			luaL_error(L, "a switch must be the last reply, and "
				   "is number %I of %I", (LUAI_UACINT)i,
				   (LUAI_UACINT)n);
		if (run->s->transferring)
			luaL_error(L, "switch: a transfer is under way");
	}
}

int session_act(struct session_lua *s, struct action *a,
		struct action_error *err)
{
	const enum action_type type = a->type;
	int rc;

	snprintf(err->text, sizeof(err->text), "refused");
	if (s->closed || !s->call) {
		action_free(a);
		return UV_ENOTCONN;
	}
	/* The outcome may come as soon as it is asked for. */
	if (type == ACT_SWITCH) {
		s->transferring = true;
		s->unsaid = false;
		ear_stop(s);
	}
	rc = s->h->act(s->arg, a, err);
	if (type == ACT_SWITCH && rc)
		s->transferring = false;
	return rc;
}

/* Asks for one of them: it is said, or waited for, by the session itself. */
static int act_one(struct run *run, struct action *a,
		   struct action_error *err)
{
	struct session_lua *s = run->s;
	const struct operator_states op = s->op;
	struct state *to = NULL;
	int rc;

	switch (a->type) {
	case ACT_TIMEOUT:
		to = program_find(s->shard->program, run->state, a->text);
		/* fall through */
	case ACT_DTMF:
		return ear_take(s, a, to, err);
	case ACT_SWITCH:
		/* Its outcome may come as soon as it is asked for. */
		s->op = run->op;
		rc = session_act(s, a, err);
		if (rc)
			s->op = op;
		return rc;
	default:
		return session_act(s, a, err);
	}
}

/* Asks for all of run->actions, in order. */
static void act_all(lua_State *L, struct run *run)
{
	struct session_lua *s = run->s;
	struct action_error err;

	for (unsigned i = 0; i < run->action_count; i++) {
		struct action *a = run->actions[i];
		const bool speech = a->type != ACT_SWITCH &&
			a->type != ACT_HANGUP;
		int rc;

		run->actions[i] = NULL;
		if (speech && s->transferring) {
			action_free(a);
			rc = UV_EBUSY;
		} else {
			rc = act_one(run, a, &err);
		}
		if (rc == UV_EBUSY && speech)
			session_unsaid(s);
		else if (rc && rc != UV_ENOTCONN)
			luaL_error(L, "%s", err.text);
	}
}

void replies_send(lua_State *L, struct run *run, bool wait)
{
	struct session_lua *s = run->s;
	const int top = lua_gettop(L);
	lua_Integer n;
	bool shown;

	/* Most handlers that only listen to an event say nothing. */
	call_push(L, run);
	if (lua_getiuservalue(L, -1, CV_REPLIES) == LUA_TNIL &&
	    lua_getiuservalue(L, -2, CV_RESPONSE) == LUA_TNIL) {
		lua_settop(L, top);
		return;
	}
	lua_settop(L, top);

	shown = push_list(L, run);
	n = (lua_Integer)lua_rawlen(L, -1);
	if (s->gone || !s->call) {
		clear(L, run, n);
		return;
	}
	drop_actions(run);
	parse_all(L, run, n, shown, wait);
	act_all(L, run);
	drop_actions(run);
	clear(L, run, n);
}
