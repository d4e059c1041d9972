/*
 * The property of test_property.c with the real scripting side: whatever peers
 * and bot do, each transfer ends exactly once and nothing is left, no handler
 * and no coroutine either. TANDEM_SEED=n plays one schedule.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/timers.h"
#include "lua/scripting.h"
#include "world.h"

#define SCHEDULES 20000
#define PER_WORLD 500	/* calls on one version of the bot, one after other */
#define STEPS_MAX 30
#define BOUND_MS ((300 + 8 + 8 + 1 + 10) * 1000)

static struct scripting *scripting;
static const struct bot_ops *ops;
static uint64_t seed_state;
static unsigned long transfers;

static struct bot *make(struct loop *loop, const struct bot_ops **opsp,
			void *arg)
{
	static const struct bot_limits limits = {
		.handler_instructions = 20000, .handler_memory = 4 << 20,
		.session_bytes = 64 << 10, .bot_memory = 64 << 20,
	};
	struct problems problems = { 0 };
	struct bot *bot;

	(void)arg;
	scripting = lua_scripting_open(loop, &limits);
	assert_non_null(scripting);
	ops = *opsp = scripting->ops;
	bot = ops->load(scripting, "property",
			"tests/unit/system/property_bot.lua", &problems);
	if (!bot) {
		char text[512];

		fail_msg("%s", problem_text(&problems, 0, text,
					    sizeof(text)));
	}
	problems_free(&problems);
	return bot;
}

static void unmake(struct bot *bot, void *arg)
{
	struct bot_stats st;

	(void)arg;
	ops->stats(bot, &st);
	assert_int_equal(st.sessions, 0);
	assert_int_equal(st.coroutines, 0);
	ops->unload(bot);
	ops->close(scripting);
}

static const struct world_bot lua_bot = { make, unmake, NULL };

static uint64_t roll(uint64_t n)
{
	seed_state = seed_state * UINT64_C(6364136223846793005) +
		UINT64_C(1442695040888963407);
	return (seed_state >> 33) % n;
}

static void customer_step(void)
{
	static const char *const texts[] = {
		"keep", "refer", "wait", "wait", "sleep", "boom", "loop",
		"twice", "bye", "something else", "listen", "listen", "keys",
		"keys", "operator", "operator", "quiet",
	};
	static const int offers[] = { 200, 200, 488, 481 };
	static const int refers[] = { 202, 202, 403, 481 };
	static const int notes[] = { 100, 200, 486, 0 };
	struct sim_leg *c = w.customer;

	if (!sim_has(w.sim, c))
		return;
	switch (roll(8)) {
	case 0: case 1: case 2: sim_text(c, texts[roll(17)]); break;
	case 3: sim_offer_done(c, offers[roll(4)]); break;
	case 4: sim_refer_done(c, refers[roll(4)], false); break;
	case 5: sim_notify(c, notes[roll(4)], roll(2)); break;
	case 6: sim_digit(c, '1'); break;
	default:
		if (!roll(3))
			sim_bye(c);
		break;
	}
}

static void agent_step(void)
{
	static const int finals[] = { 486, 603, 480, 503 };
	struct sim_leg *a = world_agent(&w);

	if (!a)
		return;
	switch (roll(4)) {
	case 0: sim_progress(a, 180); break;
	case 1: sim_answer(a); break;
	case 2: sim_reject(a, finals[roll(4)]); break;
	default: sim_bye(a); break;
	}
}

static void step(void)
{
	static const uint64_t waits[] = { 1, 500, 2000, 6000, 20000 };
	struct call *c = world_the_call(&w);

	switch (roll(8)) {
	case 0: case 1: case 2: customer_step(); break;
	case 3: case 4: agent_step(); break;
	case 5:
		if (c && !roll(6))
			call_hangup(c, BY_CONTROL, NULL);
		else if (c)
			call_event(c, "custom", NULL);
		break;
	default: world_wait(&w, waits[roll(5)]); break;
	}
	if (roll(3))
		world_turn(&w);
	assert_true(w.transfers_ended <= w.transfers_started);
	assert_true(w.transfers_started <= w.transfers_ended + 1);
}

static void settle(void)
{
	for (int i = 0; i < 4; i++) {
		world_wait(&w, BOUND_MS);
		if (world_agent(&w))
			sim_bye(world_agent(&w));
	}
	if (world_the_call(&w))
		call_hangup(world_the_call(&w), BY_CONTROL, NULL);
	/* The handler of "hangup" may wait, but not beyond its timer. */
	world_wait(&w, 10000);
	assert_int_equal(engine_calls(w.engine), 0);
	assert_int_equal(w.transfers_started, w.transfers_ended);
	assert_int_equal(sim_legs(w.sim), 0);
	assert_int_equal(loop_timers(w.loop), 0);
}

static void play(uint64_t seed)
{
	const int before = w.transfers_ended;
	struct bot_stats st;
	unsigned n;
	int status;

	seed_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	w.customer = sim_invite(w.sim, "4930123", "200", "127.0.0.1",
				&status);
	assert_int_equal(status, 0);
	world_turn(&w);
	sim_ack(w.customer);
	world_turn(&w);
	n = 1 + (unsigned)roll(STEPS_MAX);
	for (unsigned i = 0; i < n && engine_calls(w.engine); i++)
		step();
	settle();
	transfers += (unsigned long)(w.transfers_ended - before);
	ops->stats(w.bot, &st);
	assert_int_equal(st.sessions, 0);
	assert_int_equal(st.coroutines, 0);
}

static void every_schedule_ends_and_leaves_nothing(void **state)
{
	const char *one = getenv("TANDEM_SEED");
	const char *many = getenv("TANDEM_SCHEDULES");
	const uint64_t first = one ? strtoull(one, NULL, 10) : 1;
	const uint64_t n = one ? 1 : many ? strtoull(many, NULL, 10)
					  : SCHEDULES;

	(void)state;
	for (uint64_t i = 0; i < n; i++) {
		char text[32];

		if (i % PER_WORLD == 0) {
			if (i)
				world_close(&w);
			world_open_with(&w, &lua_bot);
			log_level_set(LOG_ERROR + 1);
		}
		snprintf(text, sizeof(text), "%llu",
			 (unsigned long long)(first + i));
		setenv("TANDEM_PLAYING", text, 1);
		play(first + i);
	}
	world_close(&w);
	printf("%llu schedules, %lu transfers\n", (unsigned long long)n,
	       transfers);
	assert_true(n < 1000 || transfers > n / 4);
}

static void name_the_schedule(void)
{
	const char *seed = getenv("TANDEM_PLAYING");

	if (seed)
		fprintf(stderr, "last schedule: TANDEM_SEED=%s\n", seed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_schedule_ends_and_leaves_nothing),
	};

	atexit(name_the_schedule);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
