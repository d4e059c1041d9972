/*
 * Races: from each state of a transfer, every order of up to four of the
 * events that can be pending there. Whatever the order, the transfer ends
 * exactly once, within its bound, and nothing is left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "world.h"

#define DEPTH 4
/* timer transfer, then join and return, then the grace and the last events */
#define BOUND_MS ((300 + 8 + 8 + 10 + 1) * 1000)

static unsigned long orders;

/* what may come, from whom, at any time */

static struct sim_leg *agent(void)
{
	return world_agent(&w);
}

static bool there(void)
{
	return sim_has(w.sim, w.customer);
}

static void c_ack(void) { if (there()) sim_ack(w.customer); }
static void c_bye(void) { if (there()) sim_bye(w.customer); }
static void c_202(void) { if (there()) sim_refer_done(w.customer, 202, 0); }
static void c_nosub(void) { if (there()) sim_refer_done(w.customer, 202, 1); }
static void c_403(void) { if (there()) sim_refer_done(w.customer, 403, 0); }
static void c_n100(void) { if (there()) sim_notify(w.customer, 100, false); }
static void c_n200(void) { if (there()) sim_notify(w.customer, 200, true); }
static void c_n486(void) { if (there()) sim_notify(w.customer, 486, true); }
static void c_nend(void) { if (there()) sim_notify(w.customer, 0, true); }
static void c_ok(void) { if (there()) sim_offer_done(w.customer, 200); }
static void c_488(void) { if (there()) sim_offer_done(w.customer, 488); }
static void c_other(void) { if (there()) sim_offer_differs(w.customer); }
static void c_hold(void) { if (there()) sim_reinvite(w.customer, 1); }
static void a_180(void) { if (agent()) sim_progress(agent(), 180); }
static void a_200(void) { if (agent()) sim_answer(agent()); }
static void a_486(void) { if (agent()) sim_reject(agent(), 486); }
static void a_bye(void) { if (agent()) sim_bye(agent()); }
static void a_ok(void) { if (agent()) sim_offer_done(agent(), 200); }
static void a_hold(void) { if (agent()) sim_reinvite(agent(), 1); }
static void t_1s(void) { world_wait(&w, 1000); }
static void t_8s(void) { world_wait(&w, 8000); }
static void t_60s(void) { world_wait(&w, 60000); }
static void hang(void)
{
	if (world_the_call(&w))
		call_hangup(world_the_call(&w), BY_CONTROL, NULL);
}

typedef void (event_f)(void);

struct base {
	const char *name;
	event_f *path[6];	/* how to get there from the switch      */
	bool keep;
	bool unacked;
	event_f *pending[12];
};

static const struct base bases[] = {
	{ "waiting for the ACK", { NULL }, true, true,
	  { c_ack, c_bye, hang, t_60s, a_180, a_200, c_ok, t_8s } },
	{ "REFER sent", { NULL }, false, false,
	  { c_202, c_nosub, c_403, c_n100, c_n200, c_n486, c_nend, c_bye,
	    hang, t_1s, t_8s } },
	{ "REFER accepted", { c_202 }, false, false,
	  { c_n100, c_n200, c_n486, c_nend, c_bye, c_hold, hang, t_1s, t_60s,
	    a_180, a_200 } },
	{ "REFER notified", { c_202, c_n100 }, false, false,
	  { c_n100, c_n200, c_n486, c_nend, c_bye, c_hold, hang, t_1s,
	    t_60s } },
	{ "fallback under way", { c_403 }, false, false,
	  { c_n200, c_n486, a_180, a_200, a_486, c_bye, c_ok, a_bye, hang,
	    t_60s } },
	{ "dialled", { NULL }, true, false,
	  { a_180, a_200, a_486, a_bye, c_bye, c_ok, c_488, c_hold, hang,
	    t_8s, t_60s } },
	{ "ringing", { a_180 }, true, false,
	  { a_200, a_486, a_bye, c_bye, c_ok, c_other, c_hold, hang, t_8s,
	    t_60s } },
	{ "joining", { a_180, a_200 }, true, false,
	  { c_ok, c_488, c_other, c_bye, a_bye, a_ok, a_hold, c_hold, hang,
	    t_1s, t_8s } },
	{ "rejoining", { a_180, a_200, c_other }, true, false,
	  { a_ok, c_bye, a_bye, c_hold, a_hold, c_ok, hang, t_8s } },
	{ "talking", { a_180, a_200, c_ok }, true, false,
	  { c_bye, a_bye, c_hold, a_hold, c_ok, a_ok, c_488, hang, t_8s,
	    t_60s } },
	{ "coming back", { a_180, a_200, c_ok, a_bye }, true, false,
	  { c_ok, c_488, c_other, c_bye, c_hold, hang, t_1s, t_8s } },
	{ "agent left while joining", { a_200, a_bye }, true, false,
	  { c_ok, c_488, c_bye, hang, t_8s, c_hold } },
};

static void play(const struct base *b, const int *order, int n)
{
	const struct switch_fields f = { .keep = b->keep };
	uint64_t begun;

	world_open(&w);
	world_call(&w, !b->unacked);
	assert_int_equal(world_switch(&w, &f), 0);
	begun = loop_now(w.loop);
	for (int i = 0; i < 6 && b->path[i]; i++) {
		b->path[i]();
		world_turn(&w);
	}
	for (int i = 0; i < n; i++) {
		b->pending[order[i]]();
		world_turn(&w);
		assert_in_range(w.transfers_ended, 0, 1);
	}
	/* A talk may go on for ever; everything else ends by itself. */
	if (!w.transfers_ended && !strcmp(w.phase, "joined"))
		a_bye();
	world_wait(&w, BOUND_MS);
	if (w.transfers_ended)
		assert_true(w.outcome_at - begun <= BOUND_MS +
			    (uint64_t)n * 60000);
	assert_int_equal(w.transfers_ended, 1);
	assert_int_equal(w.outcomes, 1);
	/* Nobody is kept in a call that has no more to offer. */
	if (!b->keep || w.hangup)
		assert_int_equal(w.ended, 1);
	world_close(&w);
	orders++;
}

static void all_orders(const struct base *b, int *order, int n)
{
	play(b, order, n);
	if (n == DEPTH)
		return;

	for (int i = 0; i < 12 && b->pending[i]; i++) {
		bool used = false;

		for (int k = 0; k < n; k++)
			used |= order[k] == i;
		if (used)
			continue;
		order[n] = i;
		all_orders(b, order, n + 1);
	}
}

static void every_order_ends_exactly_once(void **state)
{
	(void)state;
	for (unsigned i = 0; i < sizeof(bases) / sizeof(*bases); i++) {
		const unsigned long before = orders;
		int order[DEPTH];

		all_orders(&bases[i], order, 0);
		printf("%-26s %6lu orders\n", bases[i].name,
		       orders - before);
	}
	printf("%lu orders of up to %d pending events\n", orders, DEPTH);
	assert_true(orders > 10000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_order_ends_exactly_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
