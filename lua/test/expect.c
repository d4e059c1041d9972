/*
 * What a test expects. Each waits for what it names, at most WITHIN of the
 * call's own time; what the bot says is expected in order, and strictly.
 */
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "test.h"
#include "test_i.h"

#define WITHIN (10 * 60 * 1000)

/* ---- waiting ---- */

static struct note *untaken(struct play *p, enum note_kind kind)
{
	for (size_t i = 0; i < play_notes(p); i++) {
		struct note *n = play_note(p, i);

		if (n->kind == kind && !n->taken)
			return n;
	}
	return NULL;
}

/* What the bot lets hear next: a text, or a sound. */
static struct note *heard(struct play *p)
{
	for (size_t i = 0; i < play_notes(p); i++) {
		struct note *n = play_note(p, i);

		if (!n->taken && (n->kind == NOTE_SAID ||
				  n->kind == NOTE_PLAYED))
			return n;
	}
	return NULL;
}

static const char *verb(const struct note *n)
{
	return n->kind == NOTE_PLAYED ? "plays" : "says";
}

/* A scriptError is never what a test wants, unless it says so. */
static void check_errors(lua_State *L, struct tester *t)
{
	const struct note *n = t->errors_expected || t->hostile ? NULL
		: untaken(t->play, NOTE_ERROR);

	if (n)
		test_fail(L, "scriptError: %s", n->text);
}

/* Goes on a little; false: nothing more comes until `until`. */
static bool goes_on(lua_State *L, struct tester *t, uint64_t until)
{
	check_errors(L, t);
	return play_calls(t->play) && play_step(t->play, until);
}

static const char *since(const struct play *p, uint64_t from, char *buf,
			 size_t size)
{
	const uint64_t ms = play_now(p) - from;

	if (!play_calls(p))
		snprintf(buf, size, "the call is over");
	else
		snprintf(buf, size, "waited %" PRIu64 ".%03u s; the bot is in "
			 "%s", ms / 1000, (unsigned)(ms % 1000),
			 play_state(p));
	return buf;
}

/* ---- texts ---- */

/* "One moment..." is the beginning, "...please." the end of a text. */
static bool text_is(const char *want, const char *said)
{
	const size_t n = strlen(want), len = strlen(said);
	const bool head = n > 3 && !strncmp(want, "...", 3);
	const bool tail = n > 3 && !strcmp(want + n - 3, "...");
	char part[4096];

	if (!strcmp(want, said))
		return true;
	if (head && tail && n > 6) {
		snprintf(part, sizeof(part), "%.*s", (int)(n - 6), want + 3);
		return strstr(said, part) != NULL;
	}
	if (tail)
		return len >= n - 3 && !strncmp(want, said, n - 3);
	return head && len >= n - 3 &&
		!strcmp(want + 3, said + len - (n - 3));
}

/* Whether argument 1, a text or a list of them, is what was said. */
static bool wanted(lua_State *L, const char *said)
{
	bool is = false;

	if (!lua_istable(L, 1))
		return text_is(lua_tostring(L, 1), said);
	for (lua_Integer i = 1; !is && lua_rawgeti(L, 1, i) != LUA_TNIL; i++) {
		is = text_is(lua_tostring(L, -1), said);
		lua_pop(L, 1);
	}
	return is;
}

static const char *show_wanted(lua_State *L)
{
	luaL_Buffer b;

	if (!lua_istable(L, 1))
		return lua_pushfstring(L, "\"%s\"", lua_tostring(L, 1));
	luaL_buffinit(L, &b);
	for (lua_Integer i = 1; lua_rawgeti(L, 1, i) != LUA_TNIL; i++) {
		lua_pushfstring(L, i > 1 ? " or \"%s\"" : "\"%s\"",
				lua_tostring(L, -1));
		lua_remove(L, -2);
		luaL_addvalue(&b);
	}
	lua_pop(L, 1);
	luaL_pushresult(&b);
	return lua_tostring(L, -1);
}

static void check_texts(lua_State *L)
{
	if (lua_type(L, 1) == LUA_TSTRING)
		return;
	luaL_checktype(L, 1, LUA_TTABLE);
	if (!lua_rawlen(L, 1))
		test_fail(L, "expect.says: a text is needed, or a list of "
			  "which it is one");
	for (lua_Integer i = 1; lua_rawgeti(L, 1, i) != LUA_TNIL; i++) {
		if (lua_type(L, -1) != LUA_TSTRING)
			test_fail(L, "expect.says: item %d is no text",
				  (int)i);
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}

static int next_heard(lua_State *L, enum note_kind kind)
{
	static const char *const keys[] = { "within", NULL };
	struct play *p = test_play(L, "expect.says");
	struct tester *t = tester_of(L);
	const uint64_t from = play_now(p);
	uint64_t until;
	struct note *n;
	char why[256];

	check_texts(L);
	if (!lua_isnoneornil(L, 2))
		test_check_keys(L, 2, keys);
	until = from + test_duration(L, 2, "within", WITHIN);
	while (!(n = heard(p)) && goes_on(L, t, until))
		;
	check_errors(L, t);
	if (n)
		n->taken = true;
	if (t->hostile)
		return 0;
	if (!n)
		return test_fail(L, "expected %s, but the bot %s nothing "
				 "(%s)", show_wanted(L), kind == NOTE_PLAYED
				 ? "plays" : "says",
				 since(p, from, why, sizeof(why)));
	if (n->kind != kind || !wanted(L, n->text))
		return test_fail(L, "expected %s, but the bot %s \"%s\"",
				 show_wanted(L), verb(n), n->text);
	return 0;
}

static int l_says(lua_State *L)
{
	return next_heard(L, NOTE_SAID);
}

static int l_plays(lua_State *L)
{
	return next_heard(L, NOTE_PLAYED);
}

static int l_silence(lua_State *L)
{
	struct play *p = test_play(L, "expect.silence");
	struct tester *t = tester_of(L);
	const uint64_t until = play_now(p) +
		(lua_isnoneornil(L, 1) ? 0 : test_duration_at(L, 1));
	struct note *n;

	while (!(n = heard(p)) && goes_on(L, t, until))
		;
	if (t->hostile)
		return 0;
	if (n)
		return test_fail(L, "expected silence, but the bot %s "
				 "\"%s\"", verb(n), n->text);
	if (play_now(p) < until)
		play_wait(p, until - play_now(p));
	check_errors(L, t);
	return 0;
}

static int l_anything(lua_State *L)
{
	struct play *p = test_play(L, "expect.anything");
	struct note *n;

	if (!lua_isnoneornil(L, 1))
		play_wait(p, test_duration_at(L, 1));
	check_errors(L, tester_of(L));
	while ((n = heard(p)))
		n->taken = true;
	return 0;
}

/* Waits for a note of this kind with argument 1 in its text. */
static int about(lua_State *L, enum note_kind kind, const char *what)
{
	struct tester *t = tester_of(L);
	struct play *p = test_play(L, what);
	const uint64_t from = play_now(p), until = from + WITHIN;
	const char *part = luaL_optstring(L, 1, "");
	char why[256];

	do {
		for (size_t i = 0; i < play_notes(p); i++) {
			struct note *n = play_note(p, i);

			if (n->kind != kind || n->taken ||
			    !strstr(n->text, part))
				continue;
			n->taken = true;
			return 0;
		}
	} while (goes_on(L, t, until));
	if (t->hostile)
		return 0;
	return test_fail(L, "%s: there is none with \"%s\" (%s)", what, part,
			 since(p, from, why, sizeof(why)));
}

static int l_error(lua_State *L)
{
	tester_of(L)->errors_expected = true;
	about(L, NOTE_ERROR, "expect.error");
	/* Only those that are named. */
	if (!tester_of(L)->hostile)
		tester_of(L)->errors_expected = false;
	return 0;
}

static int l_logs(lua_State *L)
{
	return about(L, NOTE_LOG, "expect.logs");
}

/* ---- states and ends ---- */

static int l_state(lua_State *L)
{
	struct play *p = test_play(L, "expect.state");
	struct tester *t = tester_of(L);
	const uint64_t from = play_now(p), until = from + WITHIN;
	const char *path = luaL_checkstring(L, 1);
	char why[256];

	while (strcmp(play_state(p), path) && goes_on(L, t, until))
		;
	if (strcmp(play_state(p), path) && !t->hostile)
		return test_fail(L, "expected state %s, but it is %s (%s)",
				 path, play_state(p),
				 since(p, from, why, sizeof(why)));
	check_errors(L, t);
	return 0;
}

static int l_ended(lua_State *L)
{
	static const char *const keys[] = { "by", NULL };
	struct play *p = test_play(L, "expect.ended");
	struct tester *t = tester_of(L);
	const uint64_t from = play_now(p), until = from + WITHIN;
	const char *by = NULL, *is;
	const struct note *n;
	char why[256];

	if (!lua_isnoneornil(L, 1)) {
		test_check_keys(L, 1, keys);
		lua_getfield(L, 1, "by");
		by = luaL_checkstring(L, -1);
	}
	while (goes_on(L, t, until))
		;
	check_errors(L, t);
	if (t->hostile)
		return 0;
	if (play_calls(p))
		return test_fail(L, "expected the call to be over, but it goes "
				 "on (%s)", since(p, from, why, sizeof(why)));
	is = play_ended_by(p);
	if (by && (!is || strcmp(by, is)))
		return test_fail(L, "expected the call to be ended by %s, but "
				 "it was by %s", by, is ? is : "nobody");
	n = heard(p);
	if (n)
		return test_fail(L, "the call is over, but the bot also %s "
				 "\"%s\"", n->kind == NOTE_PLAYED ? "played"
				 : "said", n->text);
	return 0;
}

static int l_rejected(lua_State *L)
{
	struct play *p = test_play(L, "expect.rejected");
	struct tester *t = tester_of(L);
	const uint64_t until = play_now(p) + WITHIN;
	const lua_Integer status = luaL_optinteger(L, 1, 0);

	while (!play_rejected(p) && goes_on(L, t, until))
		;
	t->reject_taken = true;
	if (t->hostile)
		return 0;
	if (!play_rejected(p))
		return test_fail(L, "expected the call to be refused, but it "
				 "is not");
	if (status && play_rejected(p) != status)
		return test_fail(L, "expected a refusal with %d, but it is %d",
				 (int)status, play_rejected(p));
	return 0;
}

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
	check_errors(L, tester_of(L));
	if (tester_of(L)->hostile)
		return 0;
	want = test_json(L, 1, key);
	data = play_data(p);
	bad = differs(L, key, want, json_object_get(data, key));
	json_decref(want);
	json_decref(data);
	return bad ? lua_error(L) : 0;
}

static int l_client(lua_State *L)
{
	return kept(L, "client");
}

static int l_session(lua_State *L)
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

static int l_transfer(lua_State *L)
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
	} while ((!tr || !tr->outcome) && goes_on(L, t, until));
	if (tr)
		tr->taken = true;
	/* The bot is told at the end of the turn. */
	play_wait(p, 0);
	check_errors(L, t);
	if (t->hostile)
		return 0;
	if (!tr)
		return test_fail(L, "expected a transfer, but none began (%s)",
				 since(p, from, why, sizeof(why)));
	if (!tr->outcome)
		return test_fail(L, "expected the transfer to end, but it goes "
				 "on (%s)", since(p, from, why, sizeof(why)));
	want = test_json(L, 1, "transfer");
	d = dial_of(p, json_string_value(json_object_get(tr->outcome,
							 "number")));
	return compare(L, "transfer", want, outcome_of(tr), d);
}

static int l_dials(lua_State *L)
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
	} while (!d && goes_on(L, t, until));
	if (d)
		d->taken = true;
	if (t->hostile)
		return 0;
	if (!d)
		return test_fail(L, "expected an agent to be called, but none "
				 "is (%s)", since(p, from, why, sizeof(why)));
	want = test_json(L, 1, "dials");
	return compare(L, "dials", want, json_pack("{s:s, s:s, s:s, s:s}",
		"number", d->number, "uri", d->uri, "from", d->from,
		"method", d->refer ? "refer" : "bridge"), d);
}

/* ---- the end of a test ---- */

const char *test_leftover(struct tester *t, char *buf, size_t size)
{
	struct play *p = t->play;
	const struct note *n;

	if (t->hostile)
		return NULL;
	n = t->errors_expected ? NULL : untaken(p, NOTE_ERROR);
	if (n) {
		snprintf(buf, size, "scriptError: %s", n->text);
		return buf;
	}
	n = heard(p);
	if (n) {
		snprintf(buf, size, "the bot also %s \"%s\": expect it, or "
			 "ignore it by expect.anything()",
			 n->kind == NOTE_PLAYED ? "played" : "said", n->text);
		return buf;
	}
	if (play_rejected(p) && !t->reject_taken) {
		snprintf(buf, size, "the call was refused with %d",
			 play_rejected(p));
		return buf;
	}
	if (!play_plans(p))
		return NULL;
	snprintf(buf, size, "%zu agent%s been told what to do but never "
		 "called", play_plans(p), play_plans(p) > 1 ? "s have"
		 : " has");
	return buf;
}

void test_open_expect(lua_State *L)
{
	static const luaL_Reg verbs[] = {
		{ "anything", l_anything },
		{ "client", l_client },
		{ "dials", l_dials },
		{ "ended", l_ended },
		{ "error", l_error },
		{ "logs", l_logs },
		{ "plays", l_plays },
		{ "rejected", l_rejected },
		{ "says", l_says },
		{ "session", l_session },
		{ "silence", l_silence },
		{ "state", l_state },
		{ "transfer", l_transfer },
		{ NULL, NULL },
	};

	test_open_words(L, "expect", verbs);
}
