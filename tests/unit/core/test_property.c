/*
 * Property: over random schedules of what peers, timers, the bot and control
 * clients do, each transfer ends exactly once within its bound, and afterwards
 * nothing is left. TANDEM_SEED=n plays one schedule, TANDEM_SCHEDULES=n many.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "world.h"

#define SCHEDULES 20000
#define STEPS_MAX 40
/* timer transfer + join, return, grace and last events, and a step's wait */
#define BOUND_MS ((300 + 8 + 8 + 1 + 10) * 1000)

static uint64_t seed_state;
static unsigned long transfers;

static uint64_t roll(uint64_t n)
{
	/* a plain LCG: the schedule of a seed never changes */
	seed_state = seed_state * UINT64_C(6364136223846793005) +
		UINT64_C(1442695040888963407);
	return (seed_state >> 33) % n;
}

static int status_of(const int *codes, unsigned n)
{
	return codes[roll(n)];
}

static void customer_step(void)
{
	static const int offers[] = { 200, 200, 200, 488, 500, 408, 481 };
	static const int refers[] = { 200, 202, 202, 403, 408, 481, 0 };
	static const int notes[] = { 100, 180, 200, 486, 603, 0 };
	struct sim_leg *c = w.customer;

	if (!sim_has(w.sim, c))
		return;
	switch (roll(11)) {
	case 0: sim_ack(c); break;
	case 1: sim_bye(c); break;
	case 2: sim_offer_done(c, status_of(offers, 7)); break;
	case 3: sim_offer_differs(c); break;
	case 4: sim_refer_done(c, status_of(refers, 7), roll(4) == 0); break;
	case 5: sim_notify(c, status_of(notes, 6), roll(2)); break;
	case 6: sim_reinvite(c, (enum media_dir)roll(4)); break;
	case 7: sim_text(c, "text"); break;
	case 8: sim_reinvite_empty(c); break;
	case 9: sim_offer_ack(c, (enum sim_answer)roll(3)); break;
	default: sim_digit(c, '1'); break;
	}
}

static void agent_step(void)
{
	static const int finals[] = { 486, 603, 480, 503, 404, 302 };
	static const int offers[] = { 200, 200, 488, 481 };
	struct sim_leg *a = sim_dialled(w.sim, (unsigned)roll(3));

	if (!a)
		a = world_agent(&w);
	if (!a)
		return;
	switch (roll(12)) {
	case 10: sim_redirect(a, "sip:2001@127.0.0.2:5070"); break;
	case 11: sim_unavailable(a, (int)roll(3)); break;
	case 0: sim_progress(a, 100); break;
	case 1: sim_progress(a, roll(2) ? 180 : 183); break;
	case 2: sim_answer(a); break;
	case 3: sim_reject(a, status_of(finals, 6)); break;
	case 4: sim_bye(a); break;
	case 5: sim_offer_done(a, status_of(offers, 4)); break;
	case 6: sim_offer_differs(a); break;
	case 7: sim_reinvite_empty(a); break;
	case 8: sim_offer_ack(a, (enum sim_answer)roll(3)); break;
	default: sim_reinvite(a, (enum media_dir)roll(4)); break;
	}
}

/* Several destinations, in turn or together. */
static void hunt(void)
{
	static const char *const switches[] = {
		"{'destinations':['1001','1002']}",
		"{'phoneNumber':'1','destinations':['2',{'phoneNumber':'3',"
			"'timeout':1}],'continueCall':true}",
		"{'destinations':['1','2','3'],'strategy':'all'}",
		"{'destinations':['1','2'],'strategy':'all','timeout':30,"
			"'continueCall':true}",
	};

	world_switch_json(&w, switches[roll(4)]);
}

static void own_step(void)
{
	static const char *const methods[] = { NULL, "refer", "bridge" };
	static const char *const timeouts[] = { NULL, "1", "30" };
	struct switch_fields f = {
		.method = methods[roll(3)], .timeout = timeouts[roll(3)],
		.keep = roll(2),
	};
	struct call *c = world_the_call(&w);
	struct action_error err;

	if (!c)
		return;
	switch (roll(8)) {
	case 0:
	case 1:
	case 2:
		world_switch(&w, &f);
		break;
	case 6:
		hunt();
		break;
	case 7:
		call_cancel(c, BY_CONTROL);
		break;
	case 3:
		call_act(c, BY_BOT, action_say("hello", 5, roll(2)), &err,
			 NULL);
		break;
	case 4:
		if (!roll(4))
			call_act(c, BY_BOT, action_new(ACT_HANGUP), &err,
				 NULL);
		break;
	default:
		if (!roll(4))
			call_hangup(c, BY_CONTROL, NULL);
		break;
	}
}

static void step(void)
{
	static const uint64_t waits[] = { 1, 100, 999, 2000, 6000, 31000,
		70000 };
	const int ended = w.transfers_ended;

	switch (roll(8)) {
	case 0: case 1: case 2: customer_step(); break;
	case 3: case 4: agent_step(); break;
	case 5: own_step(); break;
	default: world_wait(&w, waits[roll(7)]); break;
	}
	if (roll(3))
		world_turn(&w);	/* else the next step is in the same turn */
	assert_true(w.transfers_ended <= ended + 1);
	assert_true(w.transfers_ended <= w.transfers_started);
	assert_true(w.transfers_started <= w.transfers_ended + 1);
}

static void settle(void)
{
	struct sim_leg *a;

	/* A talk may go on for ever; everything else ends by itself. */
	for (int i = 0; i < 2 && w.transfers_started > w.transfers_ended;
	     i++) {
		world_wait(&w, BOUND_MS);
		a = world_agent(&w);
		if (w.transfers_started > w.transfers_ended) {
			assert_non_null(a);
			assert_string_equal(w.phase, "joined");
			sim_bye(a);
		}
	}
	world_wait(&w, BOUND_MS);
	/* A peer always gets an answer. */
	if (sim_has(w.sim, w.customer))
		assert_false(w.customer->offered);
	assert_int_equal(w.transfers_started, w.transfers_ended);
	assert_true(w.outcomes >= w.transfers_ended);
}

/* Some begin with two who talk, which chance alone rarely brings about. */
static void talk(void)
{
	const struct switch_fields f = {
		.method = "bridge", .keep = roll(2),
	};

	if (world_switch(&w, &f) || !world_agent(&w))
		return;
	sim_answer(world_agent(&w));
	sim_offer_done(w.customer, 200);
}

static void play(uint64_t seed)
{
	int status;
	unsigned n;

	seed_state = seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
	world_open(&w);
	w.handles_ringing = !roll(4);
	w.customer = sim_invite(w.sim, "4930123", "200", "127.0.0.1",
				&status);
	assert_int_equal(status, 0);
	if (roll(8)) {
		world_turn(&w);
		sim_ack(w.customer);
		if (!roll(4))
			talk();
	}
	n = 1 + (unsigned)roll(STEPS_MAX);
	for (unsigned i = 0; i < n && engine_calls(w.engine); i++)
		step();
	settle();
	transfers += (unsigned long)w.transfers_ended;
	world_close(&w);
}

static void every_schedule_ends_and_leaves_nothing(void **state)
{
	const char *one = getenv("TANDEM_SEED");
	const char *many = getenv("TANDEM_SCHEDULES");
	const uint64_t n = many ? strtoull(many, NULL, 10) : SCHEDULES;

	(void)state;
	if (one) {
		play(strtoull(one, NULL, 10));
		return;
	}
	for (uint64_t seed = 1; seed <= n; seed++) {
		char text[32];

		/* A failure names its schedule. */
		snprintf(text, sizeof(text), "%llu",
			 (unsigned long long)seed);
		setenv("TANDEM_PLAYING", text, 1);
		play(seed);
	}
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
