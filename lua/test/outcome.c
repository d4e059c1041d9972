/* What a test expects of what the bot keeps, and of hand-overs. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "test.h"
#include "test_i.h"

/* ---- values ---- */

static char *dump(const json_t *v)
{
	char *s = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;

	return s ? s : strdup(v ? "?" : "nil");
}

/* 1 and 1.0 are the same to Lua's author. */
static bool same(const json_t *a, const json_t *b)
{
	if (json_is_number(a) && json_is_number(b))
		return !(json_number_value(a) < json_number_value(b)) &&
			!(json_number_value(a) > json_number_value(b));
	return json_equal(a, b);
}

/* Whether not all of `want` is in `is`; then the message is on the stack. */
static bool differs(lua_State *L, const char *what, const json_t *want,
		    const json_t *is)
{
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)want, key, v) {
		const json_t *have = json_object_get(is, key);
		char *a, *b;

		if (same(v, have))
			continue;
		a = dump(v);
		b = dump(have);
		lua_pushfstring(L, "%s.%s: expected %s, but it is %s", what,
				key, a, b);
		free(a);
		free(b);
		return true;
	}
	return false;
}

static int kept(lua_State *L, const char *key)
{
	struct play *p = test_play(L, "expect");
	json_t *want, *data;
	bool bad;

	luaL_checktype(L, 1, LUA_TTABLE);
	play_wait(p, 0);
	expect_no_errors(L, tester_of(L));
	if (tester_of(L)->hostile)
		return 0;
	want = test_json(L, 1, key);
	data = play_data(p);
	bad = differs(L, key, want, json_object_get(data, key));
	json_decref(want);
	json_decref(data);
	return bad ? lua_error(L) : 0;
}

int expect_client(lua_State *L)
{
	return kept(L, "client");
}

int expect_session(lua_State *L)
{
	return kept(L, "session");
}

/* ---- hand-overs ---- */

/* Headers an agent got, as an object of names and values. */
static json_t *headers_of(const struct play_dial *d)
{
	json_t *all = json_object();
	const char *s = d ? d->headers : "";

	while (*s) {
		const char *colon = strstr(s, ": ");
		const char *end = strchr(s, '\n');
		char name[256];

		if (!colon || !end || colon > end)
			break;
		snprintf(name, sizeof(name), "%.*s", (int)(colon - s), s);
		json_object_set_new(all, name, json_stringn(colon + 2,
					(size_t)(end - colon - 2)));
		s = end + 1;
	}
	return all;
}

/* Numbers in `headers` travel as text. */
static json_t *as_text(json_t *map)
{
	const char *key;
	void *next;
	json_t *v;

	json_object_foreach_safe(map, next, key, v) {
		char *s = json_is_integer(v) ? dump(v) : NULL;

		if (s)
			json_object_set_new(map, key, json_string(s));
		free(s);
	}
	return map;
}

/* Compares all of `want`, `headers` with what the agent got; both are given
 * up. Raises. */
static int compare(lua_State *L, const char *what, json_t *want, json_t *is,
		   const struct play_dial *d)
{
	json_t *headers = json_incref(json_object_get(want, "headers"));
	json_t *got = headers_of(d);
	bool bad;

	json_object_del(want, "headers");
	bad = differs(L, what, want, is) ||
		(headers && differs(L, "headers", as_text(headers), got));
	json_decref(headers);
	json_decref(got);
	json_decref(want);
	json_decref(is);
	return bad ? lua_error(L) : 0;
}

int expect_same(lua_State *L, const char *what, json_t *want, json_t *is)
{
	const bool bad = differs(L, what, want, is);

	json_decref(want);
	json_decref(is);
	return bad ? lua_error(L) : 0;
}

static const struct play_dial *dial_of(struct play *p, const char *number)
{
	const struct play_dial *d = NULL;

	for (size_t i = 0; i < play_dials(p); i++) {
		const struct play_dial *is = play_dial(p, i);

		if (!d || !number || !strcmp(is->number, number))
			d = is;
	}
	return d;
}

/* What a test is shown of an outcome: reasons of attempts, the SIP status. */
static json_t *outcome_of(const struct play_transfer *tr)
{
	json_t *o = json_copy(tr->outcome), *reasons = json_array(), *a;
	size_t i;

	json_array_foreach(json_object_get(o, "attempts"), i, a)
		json_array_append(reasons, json_object_get(a, "reason"));
	json_object_set_new(o, "attempts", reasons);
	json_object_set(o, "sip", json_object_get(json_object_get(o, "sip"),
						  "code"));
	json_object_set(o, "destinations", tr->destinations);
	return o;
}

int expect_transfer(lua_State *L)
{
	static const char *const keys[] = {
		"attempts", "destinations", "ended_by", "hangup", "headers",
		"method", "number", "reason", "ring_ms", "sip", "status",
		"talk_ms", NULL
	};
	struct play *p = test_play(L, "expect.transfer");
	struct tester *t = tester_of(L);
	const uint64_t from = play_now(p), until = from + WITHIN;
	struct play_transfer *tr = NULL;
	const struct play_dial *d;
	json_t *want;
	char why[256];

	if (lua_isnoneornil(L, 1)) {
		lua_settop(L, 0);
		lua_newtable(L);
	}
	test_check_keys(L, 1, keys);
	do {
		tr = NULL;
		for (size_t i = 0; !tr && i < play_transfers(p); i++)
			if (!play_transfer(p, i)->taken)
				tr = play_transfer(p, i);
	} while ((!tr || !tr->outcome) && expect_goes_on(L, t, until));
	if (tr)
		tr->taken = true;
	/* The bot is told at the end of the turn. */
	play_wait(p, 0);
	expect_no_errors(L, t);
	if (t->hostile)
		return 0;
	if (!tr)
		return test_fail(L, "expected a transfer, but none began (%s)",
				 expect_since(p, from, why, sizeof(why)));
	if (!tr->outcome)
		return test_fail(L, "expected the transfer to end, but it goes "
				 "on (%s)", expect_since(p, from, why, sizeof(why)));
	want = test_json(L, 1, "transfer");
	d = dial_of(p, json_string_value(json_object_get(tr->outcome,
							 "number")));
	return compare(L, "transfer", want, outcome_of(tr), d);
}

int expect_dials(lua_State *L)
{
	static const char *const keys[] = {
		"from", "headers", "method", "number", "uri", NULL
	};
	struct play *p = test_play(L, "expect.dials");
	struct tester *t = tester_of(L);
	const uint64_t from = play_now(p), until = from + WITHIN;
	struct play_dial *d = NULL;
	json_t *want;
	char why[256];

	if (lua_type(L, 1) == LUA_TSTRING) {	/* the number alone */
		lua_createtable(L, 0, 1);
		lua_pushvalue(L, 1);
		lua_setfield(L, -2, "number");
		lua_replace(L, 1);
	}
	if (lua_isnoneornil(L, 1)) {
		lua_settop(L, 0);
		lua_newtable(L);
	}
	test_check_keys(L, 1, keys);
	do {
		for (size_t i = 0; !d && i < play_dials(p); i++)
			if (!play_dial(p, i)->taken)
				d = play_dial(p, i);
	} while (!d && expect_goes_on(L, t, until));
	if (d)
		d->taken = true;
	if (t->hostile)
		return 0;
	if (!d)
		return test_fail(L, "expected an agent to be called, but none "
				 "is (%s)", expect_since(p, from, why, sizeof(why)));
	want = test_json(L, 1, "dials");
	return compare(L, "dials", want, json_pack("{s:s, s:s, s:s, s:s}",
		"number", d->number, "uri", d->uri, "from", d->from,
		"method", d->refer ? "refer" : "bridge"), d);
}
