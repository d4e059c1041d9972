/* Sessions together: shards, what is kept of callers, what is left over. */
#include "bot_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/session.h"

static const char plain[] =
	"return bot { states = { S = { q = '$regex</start>', 'Hi.', "
	"function(call) call.session.n = 1 end },"
	"W = { ['q!'] = 'wait', function(call) call:sleep(60) end } } }";

static void shards(void **state)
{
	enum { CALLS = 1100 };
	struct caller *c = calloc(CALLS, sizeof(*c));
	struct bot_stats st, before;
	struct desk d;

	(void)state;
	assert_non_null(c);
	desk_open(&d, plain);
	d.sc->ops->stats(d.bot, &before);
	assert_int_equal(before.states, 1);
	for (int i = 0; i < CALLS; i++) {
		call_in(&d, &c[i], "1");
		start(&c[i]);
		expect(&c[i], "state /S\nsay Hi.");
	}
	d.sc->ops->stats(d.bot, &st);
	assert_int_equal(st.sessions, CALLS);
	assert_int_equal(st.states, 3);
	assert_int_equal(st.coroutines, 0);
	/* an idle session is small: its data, and its share of the states */
	assert_true((st.bytes - before.bytes) / CALLS < 1000);
	assert_true(sizeof(struct session_lua) < 400);
	for (int i = 0; i < CALLS; i += 2)
		say(&c[i], "wait");
	d.sc->ops->stats(d.bot, &st);
	assert_int_equal(st.coroutines, CALLS / 2);
	for (int i = 0; i < CALLS; i++)
		hang(&c[i]);
	d.sc->ops->stats(d.bot, &st);
	assert_int_equal(st.sessions, 0);
	assert_int_equal(st.coroutines, 0);
	assert_int_equal(st.states, 1);
	assert_true(st.bytes < 2 * before.bytes + 100000);
	desk_close(&d);
	free(c);
}

static void client_is_kept(void **state)
{
	struct desk d;
	struct caller a, b;

	(void)state;
	desk_open(&d, "return bot { states = { A = { ['q!'] = { 'set *', "
		  "'get', 'slow', 'del' }, noContext = true, function(call) "
		  "local q, c = call.request.query, call.client "
		  "if q == 'get' then return log(c) end "
		  "if q == 'del' then c.name = nil return end "
		  "if q == 'slow' then c.slow = 1 call:sleep(5) c.slow = 2 "
		  "return end "
		  "local k, v = q:match 'set (%w+) (%w+)' c[k] = v end } } }");
	call_in(&d, &a, "49301");
	say(&a, "set name Ann");
	say(&a, "get");
	expect(&a, "log {\"name\":\"Ann\"}");
	hang(&a);

	/* another call of the same caller; the last writer of a key wins */
	call_in(&d, &a, "49301");
	call_in(&d, &b, "49301");
	say(&a, "slow");
	say(&b, "get");
	expect(&b, "log {\"name\":\"Ann\",\"slow\":1}");
	say(&b, "set name Bob");
	loop_advance(d.loop, 5000);
	say(&b, "get");
	expect(&b, "log {\"name\":\"Bob\",\"slow\":2}");
	say(&b, "del");
	hang(&a);
	hang(&b);
	call_in(&d, &a, "49301");
	say(&a, "get");
	expect(&a, "log {\"slow\":2}");
	hang(&a);

	/* an anonymous caller's is his call's alone */
	call_in(&d, &a, "");
	call_in(&d, &b, "");
	say(&a, "set name Eve");
	say(&b, "get");
	expect(&b, "log {}");
	hang(&b);
	a.heard[0] = '\0';
	call_in(&d, &b, "");
	say(&a, "get");
	expect(&b, "log {\"name\":\"Eve\"}");
	hang(&a);
	hang(&b);
	desk_close(&d);
}

/* What was refused does not stay to make the next handlers fail. */
static void unfit_data_is_dropped(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { noContext = true, states = {\n"
		  "F = { event = 'f', noContext = true, function(call)\n"
		  "  local s = call.session s.good = s.good or { 1 }\n"
		  "  s.f = log s.me = s s.big = ('x'):rep(70000)\n"
		  "  s[{}] = 1 setmetatable(s, {}) end },\n"
		  "S = { event = 'scriptError', noContext = true, "
		  "function(call)\n"
		  "  log(call.session) call.session.n = 2 end } } }");
	call_in(&d, &c, "49301");
	start(&c);
	raise_event(&c, "f");
	assert_int_equal(c.errors, 1);
	expect_part(&c, "log {\"good\":[1]}");
	raise_event(&c, "f");
	assert_int_equal(c.errors, 2);
	expect_part(&c, "log {\"good\":[1],\"n\":2}");
	hang(&c);
	desk_close(&d);
}

static void idle_and_drained(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, plain);
	call_in(&d, &c, "1");
	c.idle_lines = true;
	turn(&c);
	expect(&c, "");
	start(&c);
	expect(&c, "state /S\nsay Hi.\nidle");
	say(&c, "wait");
	expect(&c, "state /W");
	loop_advance(d.loop, 60000);
	expect(&c, "idle");
	leave(&c, "hangup");
	turn(&c);
	expect(&c, "drained");
	hang(&c);
	desk_close(&d);
}

static void closed_from_inside(void *arg, const char *path)
{
	struct caller *c = arg;

	(void)path;
	c->s->ops->close(c->s);
}

static int act_nothing(void *arg, struct action *a, struct action_error *err)
{
	(void)arg;
	(void)err;
	action_free(a);
	return 0;
}

static void no_more(void *arg)
{
	(void)arg;
	fail();
}

static void no_error(void *arg, const struct bot_error *e)
{
	(void)arg;
	(void)e;
	fail();
}

/* Where speech takes no time, one bot that never stops leaves the others
 * theirs. */
static void endless_speech(void **state)
{
	struct desk d;
	struct caller c[2];
	size_t before;

	(void)state;
	desk_open(&d, "return bot { states = { S = { q = '$regex</start>', "
		  "function(call) while call.request.from == '1' do "
		  "call:say 'x' end return 'Hi.' end } } }");
	call_in(&d, &c[0], "1");
	call_in(&d, &c[1], "2");
	start(&c[0]);		/* returns */
	start(&c[1]);
	expect(&c[1], "state /S\nsay Hi.");
	before = strlen(c[0].heard);
	assert_in_range(before, 100, 1000);
	loop_advance(d.loop, 1);
	assert_true(strlen(c[0].heard) > before);	/* and goes on */
	leave(&c[0], "hangup");
	turn(&c[0]);
	expect_part(&c[0], "drained");
	assert_int_equal(c[0].errors, 0);
	hang(&c[0]);
	hang(&c[1]);
	desk_close(&d);
}

/* A handler may go on for hours: what it used is not kept. */
static void endless_reactions(void **state)
{
	const struct bot_limits was = limits;
	struct caller c, several[3];
	struct desk d;

	(void)state;
	limits.handler_memory = 100000;
	desk_open(&d, "return bot { function(call) while true do "
		  "call:react(when(function() return false end) { 'x' }) "
		  "call:sleep(1) end end }");
	call_in(&d, &c, "1");
	start(&c);
	loop_advance(d.loop, 5000 * 1000);
	expect(&c, "");
	leave(&c, NULL);
	hang(&c);
	desk_close(&d);

	/* nor is it held against it that others' steps collect its garbage */
	desk_open(&d, "return bot { function(call) while true do "
		  "call:react(when(function() return false end) { 'x' }) "
		  "call:sleep(1) end end }");
	for (int i = 0; i < 3; i++) {
		call_in(&d, &several[i], "1");
		start(&several[i]);
	}
	loop_advance(d.loop, 20000 * 1000);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(several[i].errors, 0);
		hang(&several[i]);
	}
	desk_close(&d);

	/* what it did not use is still known */
	desk_open(&d, "return bot { function(call) local r = a 'x'\n"
		  "call:sleep(1) end }");
	call_in(&d, &c, "1");
	start(&c);
	loop_advance(d.loop, 1000);
	expect_part(&c, "bot.lua:1: a reaction was built and not used");
	hang(&c);
	desk_close(&d);
	limits = was;
}

/* However a text comes, it has a bound. */
static void texts_are_bounded(void **state)
{
	static const char *const ways[] = {
		"call:say(s .. 'x')", "return s .. 'x'", "return a(s .. 'x')",
		"call.dialer.hangUp(s .. 'x')", "call.response.replies = "
		"{ { type = 'text', text = s .. 'x' } }",
	};
	char body[256];

	(void)state;
	for (size_t i = 0; i < sizeof(ways) / sizeof(*ways); i++) {
		struct desk d;
		struct caller c;

		snprintf(body, sizeof(body), "return bot { function(call) "
			 "local s = ('x'):rep(65536) %s end }", ways[i]);
		desk_open(&d, body);
		call_in(&d, &c, "");
		start(&c);
		assert_int_equal(c.errors, 1);
		hang(&c);
		desk_close(&d);
	}
}

static void close_in_a_callback(void **state)
{
	static const struct session_handlers h = {
		.act = act_nothing, .idle = no_more, .drained = no_more,
		.state = closed_from_inside, .error = no_error,
	};
	struct desk d;
	struct caller c = {0};

	(void)state;
	desk_open(&d, "return bot { function(call) call:react(enter '/A') "
		  "end, states = { A = { function(call) call:say 'x' end } } "
		  "}");
	c.d = &d;
	c.call = (struct bot_call){ .id = "c", .from = "", .to = "" };
	assert_int_equal(d.sc->ops->open(d.bot, &c.call, &h, &c, &c.s), 0);
	start(&c);
	desk_close(&d);
}

static void unload_in_mid_wait(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, plain);
	call_in(&d, &c, "1");
	say(&c, "wait");
	raise_event(&c, "x");
	c.s->ops->event(c.s, "x", NULL);
	d.sc->ops->unload(d.bot);
	d.bot = NULL;
	assert_int_equal(loop_timers(d.loop), 0);
	desk_close(&d);
}

static void count_gone(void *arg)
{
	++*(int *)arg;
}

/* A version that has been replaced goes with its last session. */
static void retired_is_freed_with_its_last_session(void **state)
{
	struct bot_stats st;
	struct caller a, b;
	struct desk d;
	int gone = 0;

	(void)state;
	desk_open(&d, plain);
	call_in(&d, &a, "1");
	call_in(&d, &b, "2");
	d.sc->ops->retire(d.bot, count_gone, &gone);
	start(&a);
	expect(&a, "state /S\nsay Hi.");
	say(&b, "wait");		/* a handler waits in it */
	hang(&a);
	turn(&a);
	d.sc->ops->stats(d.bot, &st);
	assert_int_equal(st.sessions, 1);
	assert_int_equal(gone, 0);
	hang(&b);
	assert_int_equal(gone, 1);
	assert_int_equal(loop_timers(d.loop), 0);
	d.bot = NULL;
	desk_close(&d);

	/* one without sessions goes at the end of the turn */
	gone = 0;
	desk_open(&d, plain);
	d.sc->ops->retire(d.bot, count_gone, &gone);
	assert_int_equal(gone, 0);
	loop_turn(d.loop);
	assert_int_equal(gone, 1);
	d.bot = NULL;
	desk_close(&d);

	/* and one that is unloaded before is freed once */
	gone = 0;
	desk_open(&d, plain);
	d.sc->ops->retire(d.bot, count_gone, &gone);
	d.sc->ops->unload(d.bot);
	loop_turn(d.loop);
	assert_int_equal(gone, 0);
	d.bot = NULL;
	desk_close(&d);
}

/* At most 500 sessions in a state, and what a bot keeps beside them is its. */
static void module_locals_are_of_a_state(void **state)
{
	enum { CALLS = 1001 };
	struct caller *c = calloc(CALLS, sizeof(*c));
	struct bot_stats st;
	struct desk d;
	int firsts = 0;
	char want[64];

	(void)state;
	assert_non_null(c);
	desk_open(&d, "local n = 0 return bot { function() n = n + 1 "
		  "return tostring(n) end }");
	for (int i = 0; i < CALLS; i++) {
		call_in(&d, &c[i], "1");
		start(&c[i]);
		snprintf(want, sizeof(want), "say %d", i % 500 + 1);
		firsts += i % 500 == 0;
		expect(&c[i], want);
	}
	d.sc->ops->stats(d.bot, &st);
	assert_int_equal(st.states, firsts);
	assert_int_equal(st.states, 3);
	for (int i = 0; i < CALLS; i++)
		hang(&c[i]);
	desk_close(&d);
	free(c);
}

/* The next state is there before the last one is full. */
static void a_spare_is_made_in_time(void **state)
{
	enum { CALLS = 600 };
	struct caller *c = calloc(CALLS, sizeof(*c));
	struct bot_stats st;
	struct desk d;

	(void)state;
	assert_non_null(c);
	desk_file("m.lua", "return { name = 'more' }");
	desk_open(&d, "local m = require 'm' return bot { function(call) "
		  "if call.request.query == 'bad' then error 'x' end "
		  "return m.name .. ' {{ 1 }}' end, states = { E = { ['q!'] "
		  "= 'bad', function() local x = nil + 1 end } } }");
	for (int i = 0; i < 401; i++)
		call_in(&d, &c[i], "");
	d.sc->ops->stats(d.bot, &st);
	assert_int_equal(st.states, 1);
	loop_turn(d.loop);
	d.sc->ops->stats(d.bot, &st);
	assert_int_equal(st.states, 2);
	for (int i = 401; i < CALLS; i++)
		call_in(&d, &c[i], "");
	loop_turn(d.loop);
	d.sc->ops->stats(d.bot, &st);
	assert_int_equal(st.states, 2);
	assert_int_equal(st.sessions, CALLS);
	/* one in the spare works as one in the first, and fails like it */
	for (int i = 1; i < CALLS; i += CALLS - 2) {
		start(&c[i]);
		expect_part(&c[i], "say more");
		say(&c[i], "bad");
		assert_non_null(strstr(c[i].message, "bot.lua:1: attempt to"));
	}
	for (int i = 0; i < CALLS; i++)
		hang(&c[i]);
	d.sc->ops->stats(d.bot, &st);
	assert_int_equal(st.states, 1);
	desk_close(&d);

	/* the bot goes while one is made for it */
	desk_open(&d, plain);
	for (int i = 0; i < 450; i++)
		call_in(&d, &c[i], "");
	d.sc->ops->unload(d.bot);
	d.bot = NULL;
	loop_turn(d.loop);
	desk_close(&d);

	/* and all of it */
	desk_open(&d, plain);
	for (int i = 0; i < 450; i++)
		call_in(&d, &c[i], "");
	d.bot = NULL;
	desk_close(&d);
	free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shards),
		cmocka_unit_test(client_is_kept),
		cmocka_unit_test(unfit_data_is_dropped),
		cmocka_unit_test(idle_and_drained),
		cmocka_unit_test(endless_speech),
		cmocka_unit_test(endless_reactions),
		cmocka_unit_test(texts_are_bounded),
		cmocka_unit_test(close_in_a_callback),
		cmocka_unit_test(unload_in_mid_wait),
		cmocka_unit_test(retired_is_freed_with_its_last_session),
		cmocka_unit_test(module_locals_are_of_a_state),
		cmocka_unit_test(a_spare_is_made_in_time),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
