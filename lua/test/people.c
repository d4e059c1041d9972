/* The customer and the agents of a test, and time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/leg.h"
#include "test.h"
#include "test_i.h"

#define HEADERS_MAX 64
#define KEY_MS 100	/* from one key to the next */

/* ---- customer ---- */

/* Text of field `key`, or `otherwise`. */
static const char *text(lua_State *L, int idx, const char *key,
			const char *otherwise)
{
	const char *s = otherwise;

	if (lua_getfield(L, idx, key) != LUA_TNIL) {
		if (lua_type(L, -1) != LUA_TSTRING &&
		    !lua_isinteger(L, -1))
			test_fail(L, "%s: a text is needed", key);
		s = lua_tostring(L, -1);
	}
	return s;		/* stays on the stack, and so alive */
}

static unsigned headers(lua_State *L, int idx, struct header *list)
{
	unsigned n = 0;

	if (lua_getfield(L, idx, "headers") == LUA_TNIL)
		return 0;
	if (!lua_istable(L, -1))
		test_fail(L, "headers: a table is needed");
	idx = lua_gettop(L);
	luaL_checkstack(L, 2 * HEADERS_MAX + 8, "too many headers");
	lua_pushnil(L);
	while (lua_next(L, idx)) {
		if (n == HEADERS_MAX)
			test_fail(L, "headers: more than %d", HEADERS_MAX);
		if (lua_type(L, -2) != LUA_TSTRING ||
		    (lua_type(L, -1) != LUA_TSTRING &&
		     lua_type(L, -1) != LUA_TNUMBER))
			test_fail(L, "headers: names and texts are needed");
		/* The engine only reads them. */
		list[n].value = (char *)lua_tostring(L, -1);
		list[n++].name = (char *)lua_tostring(L, -2);
		lua_pushvalue(L, -2);
	}
	return n;
}

static int l_calls(lua_State *L)
{
	static const char *const keys[] = {
		"display", "from", "headers", "refer", "to", NULL
	};
	struct play *p = test_play(L, "customer.calls");
	struct tester *t = tester_of(L);
	struct header list[HEADERS_MAX];
	struct play_caller c = { .headers = list };

	if (lua_isnoneornil(L, 1)) {
		lua_settop(L, 0);
		lua_newtable(L);
	}
	test_check_keys(L, 1, keys);
	/* What the last call has left to do is done first. */
	while (play_calls(p) && !play_customer(p) &&
	       play_step(p, play_now(p) + 60000))
		;
	if (play_calls(p) && !t->hostile)
		return test_fail(L, "the customer is on the line already");
	if (play_calls(p))
		return 0;
	c.from = text(L, 1, "from", "+4930123456");
	if (!strcmp(c.from, "anonymous"))
		c.from = "";
	c.to = text(L, 1, "to", "100");
	c.display = text(L, 1, "display", NULL);
	lua_getfield(L, 1, "refer");
	c.no_refer = !lua_isnil(L, -1) && !lua_toboolean(L, -1);
	c.header_count = headers(L, 1, list);
	t->calls_made = true;
	play_call(p, &c);
	return 0;
}

/* Whether he is there to do something; raises if he should be. */
static bool there(lua_State *L, struct play *p)
{
	const struct tester *t = tester_of(L);

	if (play_customer(p))
		return true;
	if (!t->hostile)
		test_fail(L, t->calls_made ? "the customer is on the line no "
			  "longer" : "no customer has called yet: "
			  "customer.calls()");
	return false;
}

static int l_says(lua_State *L)
{
	struct play *p = test_play(L, "customer.says");

	luaL_checktype(L, 1, LUA_TSTRING);
	if (there(L, p))
		play_says(p, lua_tostring(L, 1));
	return 0;
}

static int l_dials(lua_State *L)
{
	struct play *p = test_play(L, "customer.dials");
	const char *keys = luaL_checkstring(L, 1);

	for (const char *k = keys; *k; k++)
		if (!strchr("0123456789*#ABCD", *k))
			return test_fail(L, "'%c' is no key: 0 to 9, *, # and "
					 "A to D are", *k);
	for (const char *k = keys; *k; k++) {
		if (!there(L, p))
			break;
		play_digit(p, *k);
		if (k[1])
			play_wait(p, KEY_MS);
	}
	return 0;
}

/* An option table with `after`, or the time itself. */
static uint64_t after(lua_State *L, int idx, uint64_t otherwise)
{
	if (lua_isnoneornil(L, idx))
		return otherwise;
	if (lua_istable(L, idx))
		return test_duration(L, idx, "after", otherwise);
	return test_duration_at(L, idx);
}

static int l_hangs_up(lua_State *L)
{
	static const char *const keys[] = { "after", NULL };
	struct play *p = test_play(L, "customer.hangs_up");

	if (lua_istable(L, 1))
		test_check_keys(L, 1, keys);
	if (there(L, p))
		play_hangs_up(p, after(L, 1, 0));
	return 0;
}

/* ---- agents; upvalue: his number, or "" ---- */

static void plan(lua_State *L, enum agent_does does, uint64_t usual)
{
	static const char *const keys[] = { "after", "status", "talks", NULL };
	static const char *const more[] = { "after", NULL };
	struct play *p = test_play(L, "agent");
	struct agent_plan a = {
		.does = does, .talks_ms = AGENT_TALKS, .status = 500,
	};

	snprintf(a.number, sizeof(a.number), "%s",
		 lua_tostring(L, lua_upvalueindex(1)));
	if (lua_istable(L, 1))
		test_check_keys(L, 1, does == AGENT_ANSWERS ||
				does == AGENT_REFUSES ? keys : more);
	if (does == AGENT_REFUSES && lua_isinteger(L, 1)) {
		a.status = (int)lua_tointeger(L, 1);
		a.after_ms = usual;
	} else {
		a.after_ms = after(L, 1, usual);
	}
	if (does == AGENT_REFUSES && lua_istable(L, 1)) {
		if (lua_getfield(L, 1, "status") == LUA_TNUMBER)
			a.status = (int)lua_tointeger(L, -1);
		lua_pop(L, 1);
	}
	if (a.status < 300 || a.status > 699)
		test_fail(L, "a refusal is a status from 300 to 699");
	if (does == AGENT_ANSWERS && lua_istable(L, 1)) {
		lua_getfield(L, 1, "talks");
		if (lua_type(L, -1) == LUA_TSTRING &&
		    !strcmp(lua_tostring(L, -1), "forever"))
			a.talks_ms = 0;
		else if (!lua_isnil(L, -1))
			a.talks_ms = test_duration_at(L, -1);
		lua_pop(L, 1);
	}
	play_agent(p, &a);
}

static int l_answers(lua_State *L)
{
	plan(L, AGENT_ANSWERS, AGENT_AFTER);
	return 0;
}

static int l_rings(lua_State *L)
{
	plan(L, AGENT_RINGS, 0);
	return 0;
}

static int l_busy(lua_State *L)
{
	plan(L, AGENT_BUSY, 100);
	return 0;
}

static int l_declines(lua_State *L)
{
	plan(L, AGENT_DECLINES, 100);
	return 0;
}

static int l_refuses(lua_State *L)
{
	plan(L, AGENT_REFUSES, 100);
	return 0;
}

static int l_silent(lua_State *L)
{
	plan(L, AGENT_SILENT, 0);
	return 0;
}

static int l_unreachable(lua_State *L)
{
	plan(L, AGENT_UNREACHABLE, 20);
	return 0;
}

static int l_agent_hangs_up(lua_State *L)
{
	static const char *const keys[] = { "after", NULL };
	struct play *p = test_play(L, "agent.hangs_up");

	if (lua_istable(L, 1))
		test_check_keys(L, 1, keys);
	if (!play_agent_hangs_up(p, after(L, 1, 0)) &&
	    !tester_of(L)->hostile)
		return test_fail(L, "no agent talks to the customer");
	play_wait(p, 0);
	return 0;
}

static const luaL_Reg agent_verbs[] = {
	{ "answers", l_answers },
	{ "busy", l_busy },
	{ "declines", l_declines },
	{ "hangs_up", l_agent_hangs_up },
	{ "refuses", l_refuses },
	{ "rings", l_rings },
	{ "silent", l_silent },
	{ "unreachable", l_unreachable },
	{ NULL, NULL },
};

static int l_agent_call(lua_State *L)
{
	if (lua_type(L, 2) != LUA_TSTRING && !lua_isinteger(L, 2))
		return test_fail(L, "agent \"1001\".busy(): a number is "
				 "needed");
	lua_createtable(L, 0, 8);
	luaL_tolstring(L, 2, NULL);
	luaL_setfuncs(L, agent_verbs, 1);
	lua_getmetatable(L, 1);
	lua_setmetatable(L, -2);
	return 1;
}

/* ---- time, events ---- */

static int l_wait(lua_State *L)
{
	struct play *p = test_play(L, "wait");

	play_wait(p, test_duration_at(L, 1));
	return 0;
}

static int l_event(lua_State *L)
{
	struct play *p = test_play(L, "event");
	json_t *data = NULL;
	int rc;

	luaL_checktype(L, 1, LUA_TSTRING);
	if (!lua_isnoneornil(L, 2))
		data = test_json(L, 2, "event");
	rc = play_event(p, lua_tostring(L, 1), data);
	json_decref(data);
	if (rc && !tester_of(L)->hostile)
		return test_fail(L, "there is no call to raise an event in");
	return 0;
}

void test_open_people(lua_State *L)
{
	static const luaL_Reg customer[] = {
		{ "calls", l_calls },
		{ "dials", l_dials },
		{ "hangs_up", l_hangs_up },
		{ "says", l_says },
		{ NULL, NULL },
	};
	static const luaL_Reg verbs[] = {
		{ "event", l_event },
		{ "wait", l_wait },
		{ NULL, NULL },
	};

	luaL_setfuncs(L, verbs, 0);
	test_open_words(L, "customer", customer);
	test_open_words(L, "agent", (const luaL_Reg[]){ { NULL, NULL } });
	lua_getfield(L, -1, "agent");
	lua_getmetatable(L, -1);
	lua_pushcfunction(L, l_agent_call);
	lua_setfield(L, -2, "__call");
	lua_pushnil(L);
	lua_setfield(L, -2, "__newindex");
	lua_pop(L, 1);
	lua_pushliteral(L, "");
	luaL_setfuncs(L, agent_verbs, 1);
	lua_pop(L, 1);
}
