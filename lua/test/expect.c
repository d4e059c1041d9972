/*
 * What a test expects. Each waits for what it names, at most WITHIN of the
 * call's own time; what the bot says is expected in order, and strictly.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "test.h"
#include "test_i.h"

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
void expect_no_errors(lua_State *L, struct tester *t)
{
	const struct note *n = t->errors_expected || t->hostile ? NULL
		: untaken(t->play, NOTE_ERROR);

	if (n)
		test_fail(L, "scriptError: %s", n->text);
}

/* Goes on a little; false: nothing more comes until `until`. */
bool expect_goes_on(lua_State *L, struct tester *t, uint64_t until)
{
	expect_no_errors(L, t);
	return play_calls(t->play) && play_step(t->play, until);
}

const char *expect_since(const struct play *p, uint64_t from, char *buf,
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
	while (!(n = heard(p)) && expect_goes_on(L, t, until))
		;
	expect_no_errors(L, t);
	if (n)
		n->taken = true;
	if (t->hostile)
		return 0;
	if (!n)
		return test_fail(L, "expected %s, but the bot %s nothing "
				 "(%s)", show_wanted(L), kind == NOTE_PLAYED
				 ? "plays" : "says",
				 expect_since(p, from, why, sizeof(why)));
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

	while (!(n = heard(p)) && expect_goes_on(L, t, until))
		;
	if (t->hostile)
		return 0;
	if (n)
		return test_fail(L, "expected silence, but the bot %s "
				 "\"%s\"", verb(n), n->text);
	if (play_now(p) < until)
		play_wait(p, until - play_now(p));
	expect_no_errors(L, t);
	return 0;
}

static int l_anything(lua_State *L)
{
	struct play *p = test_play(L, "expect.anything");
	struct note *n;

	if (!lua_isnoneornil(L, 1))
		play_wait(p, test_duration_at(L, 1));
	expect_no_errors(L, tester_of(L));
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
	} while (expect_goes_on(L, t, until));
	if (t->hostile)
		return 0;
	return test_fail(L, "%s: there is none with \"%s\" (%s)", what, part,
			 expect_since(p, from, why, sizeof(why)));
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

	while (strcmp(play_state(p), path) && expect_goes_on(L, t, until))
		;
	if (strcmp(play_state(p), path) && !t->hostile)
		return test_fail(L, "expected state %s, but it is %s (%s)",
				 path, play_state(p),
				 expect_since(p, from, why, sizeof(why)));
	expect_no_errors(L, t);
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
	while (expect_goes_on(L, t, until))
		;
	expect_no_errors(L, t);
	if (t->hostile)
		return 0;
	if (play_calls(p))
		return test_fail(L, "expected the call to be over, but it goes "
				 "on (%s)", expect_since(p, from, why, sizeof(why)));
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

	while (!play_rejected(p) && expect_goes_on(L, t, until))
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
		{ "asks", expect_asks },
		{ "client", expect_client },
		{ "dials", expect_dials },
		{ "ended", l_ended },
		{ "error", l_error },
		{ "logs", l_logs },
		{ "plays", l_plays },
		{ "rejected", l_rejected },
		{ "says", l_says },
		{ "session", expect_session },
		{ "silence", l_silence },
		{ "state", l_state },
		{ "transfer", expect_transfer },
		{ NULL, NULL },
	};

	test_open_words(L, "expect", verbs);
}
