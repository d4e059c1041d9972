/* HTTP servers and services of a test: what they answer, what they are asked. */
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "test_i.h"

#define USUAL_MS 50

static const char *text(lua_State *L, int idx, const char *key,
			const char *otherwise)
{
	const char *s = otherwise;

	if (lua_getfield(L, idx, key) != LUA_TNIL) {
		if (lua_type(L, -1) != LUA_TSTRING)
			test_fail(L, "%s: a text is needed", key);
		s = lua_tostring(L, -1);
	}
	return s;		/* stays on the stack, and so alive */
}

/* What call:http returns, of the fields of an answer. */
static json_t *response(lua_State *L)
{
	json_t *v = test_json(L, 1, "http"), *r = json_object();
	json_t *json = json_object_get(v, "json"), *h, *low = json_object();
	const char *name;
	char *body = json ? json_dumps(json, JSON_COMPACT | JSON_ENCODE_ANY)
		: NULL;
	json_t *x = json_object_get(v, "status");

	json_object_set(r, "status", x);
	if (!x)
		json_object_set_new(r, "status", json_integer(200));
	x = json_object_get(v, "body");
	json_object_set_new(r, "body", x ? json_incref(x)
			    : json_string(body ? body : ""));
	json_object_set(r, "json", json);
	json_object_foreach(json_object_get(v, "headers"), name, h) {
		char lower[256];
		size_t n = 0;

		for (; name[n] && n < sizeof(lower) - 1; n++)
			lower[n] = name[n] >= 'A' && name[n] <= 'Z'
				? (char)(name[n] + 32) : name[n];
		lower[n] = '\0';
		json_object_set(low, lower, h);
	}
	json_object_set_new(r, "headers", low);
	json_decref(v);
	free(body);
	return r;
}

static int http(lua_State *L, bool answers)
{
	static const char *const keys[] = {
		"after", "body", "headers", "json", "method", "status", "url",
		NULL
	};
	static const char *const failed[] = {
		"after", "method", "reason", "url", NULL
	};
	struct play *p = test_play(L, "http");
	struct play_reply r = { .http = true };

	test_check_keys(L, 1, answers ? keys : failed);
	r.name = text(L, 1, "url", "*");
	r.method = text(L, 1, "method", NULL);
	r.reason = text(L, 1, "reason", "unreachable");
	r.after_ms = test_duration(L, 1, "after", USUAL_MS);
	r.result = answers ? response(L) : NULL;
	play_reply(p, &r);
	json_decref(r.result);
	return 0;
}

static int l_http_answers(lua_State *L)
{
	return http(L, true);
}

static int l_http_fails(lua_State *L)
{
	return http(L, false);
}

/* service "crm".answers("find", { ... }, { after = "1s" }); upvalue: its name */
static int service(lua_State *L, bool answers)
{
	static const char *const keys[] = { "after", NULL };
	struct play *p = test_play(L, "service");
	struct play_reply r = {
		.name = lua_tostring(L, lua_upvalueindex(1)),
	};

	luaL_checktype(L, 1, LUA_TSTRING);
	r.method = lua_tostring(L, 1);
	r.reason = answers ? NULL : luaL_optstring(L, 2, "timeout");
	if (lua_istable(L, 3))
		test_check_keys(L, 3, keys);
	r.after_ms = test_duration(L, 3, "after", USUAL_MS);
	if (answers && lua_isnoneornil(L, 2))
		r.result = json_object();
	else if (answers)
		r.result = test_json(L, 2, "result");
	play_reply(p, &r);
	json_decref(r.result);
	return 0;
}

static int l_service_answers(lua_State *L)
{
	return service(L, true);
}

static int l_service_fails(lua_State *L)
{
	return service(L, false);
}

static int l_service(lua_State *L)
{
	static const luaL_Reg verbs[] = {
		{ "answers", l_service_answers },
		{ "fails", l_service_fails },
		{ NULL, NULL },
	};

	luaL_checktype(L, 1, LUA_TSTRING);
	lua_createtable(L, 0, 2);
	lua_pushvalue(L, 1);
	luaL_setfuncs(L, verbs, 1);
	return 1;
}

/* Waits for the next thing that is asked, and compares what is named. */
int expect_asks(lua_State *L)
{
	static const char *const keys[] = {
		"data", "method", "service", "url", NULL
	};
	struct play *p = test_play(L, "expect.asks");
	struct tester *t = tester_of(L);
	const uint64_t from = play_now(p), until = from + WITHIN;
	struct play_ask *a = NULL;
	char why[256];

	test_check_keys(L, 1, keys);
	do {
		for (size_t i = 0; !a && i < play_asks(p); i++)
			if (!play_ask(p, i)->taken)
				a = play_ask(p, i);
	} while (!a && expect_goes_on(L, t, until));
	if (a)
		a->taken = true;
	if (t->hostile)
		return 0;
	if (!a)
		return test_fail(L, "expected the bot to ask something outside, "
				 "but it does not (%s)",
				 expect_since(p, from, why, sizeof(why)));
	return expect_same(L, "asks", test_json(L, 1, "asks"),
			   json_pack("{s:s, s:s, s:O}", a->http ? "url"
				     : "service", a->name, "method",
				     a->method, "data", a->data));
}

void test_open_outside(lua_State *L)
{
	static const luaL_Reg verbs[] = {
		{ "answers", l_http_answers },
		{ "fails", l_http_fails },
		{ NULL, NULL },
	};

	lua_pushcfunction(L, l_service);
	lua_setfield(L, -2, "service");
	test_open_words(L, "http", verbs);
}
