/* Several destinations: one after the other, or all together. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <uv.h>

#include "world.h"

#define HUNT "{'destinations':['1001','1002',{'phoneNumber':'1003'," \
	"'timeout':5}],'timeout':20,'continueCall':true}"
#define ALL "{'destinations':['1001','1002','1003'],'strategy':'all'," \
	"'timeout':20,'continueCall':true}"

/* The agent of this number who is called now, or NULL. */
static struct sim_leg *agent(const char *number)
{
	struct sim_leg *l;
	char uri[64];

	snprintf(uri, sizeof(uri), "sip:%s@127.0.0.2:5070", number);
	for (unsigned i = 0; (l = sim_dialled(w.sim, i)); i++)
		if (!strcmp(l->uri, uri))
			return l;
	return NULL;
}

static void start(const char *fields)
{
	world_call(&w, true);
	assert_int_equal(world_switch_json(&w, fields), 0);
	assert_string_equal(w.method, "bridge");
}

static void expect(bool success, bool hangup, const char *reason,
		   const char *number, const char *attempts)
{
	world_turn(&w);
	assert_int_equal(w.transfers_ended, 1);
	assert_int_equal(w.outcomes, 1);
	assert_string_equal(w.reason, reason);
	assert_int_equal(w.success, success);
	assert_int_equal(w.hangup, hangup);
	assert_string_equal(w.number, number);
	assert_string_equal(w.attempts, attempts);
}

static void join(struct sim_leg *a)
{
	sim_answer(a);
	assert_true(w.customer->offering);
	sim_offer_done(w.customer, 200);
	assert_string_equal(w.phase, "joined");
}

/* hunt */

static void the_second_answers(void **state)
{
	(void)state;
	start(HUNT);
	assert_null(agent("1002"));	/* one at a time */
	sim_progress(agent("1001"), 180);
	sim_reject(agent("1001"), 486);
	assert_null(agent("1001"));
	join(agent("1002"));
	assert_null(agent("1003"));
	sim_bye(agent("1002"));
	sim_offer_done(w.customer, 200);
	expect(true, false, "answered", "1002", "busy answered");
}

static void nobody_answers(void **state)
{
	(void)state;
	start(HUNT);
	sim_reject(agent("1001"), 486);
	sim_progress(agent("1002"), 180);
	world_wait(&w, 20000);			/* the switch's timeout */
	assert_null(agent("1002"));
	sim_progress(agent("1003"), 180);
	world_wait(&w, 4999);
	assert_int_equal(w.transfers_ended, 0);
	world_wait(&w, 1);			/* its own */
	expect(false, false, "no_answer", "1003", "busy no_answer no_answer");
}

static void the_last_refusal_is_told(void **state)
{
	(void)state;
	start(HUNT);
	sim_progress(agent("1001"), 180);
	world_wait(&w, 20000);
	sim_unreachable(agent("1002"));
	sim_reject(agent("1003"), 603);
	expect(false, false, "declined", "1003",
	       "no_answer unreachable declined");
}

static void I8_a_6xx_ends_that_destination_only(void **state)
{
	(void)state;
	start(HUNT);
	sim_reject(agent("1001"), 603);
	sim_reject(agent("1002"), 600);
	join(agent("1003"));
	sim_bye(w.customer);
	expect(true, true, "answered", "1003", "declined busy answered");
}

static void the_bound_is_of_the_whole(void **state)
{
	(void)state;
	w.config.timers[TIMER_TRANSFER] = 30000;
	start(HUNT);
	sim_progress(agent("1001"), 180);
	world_wait(&w, 20000);
	sim_progress(agent("1002"), 180);
	world_wait(&w, 10000);
	expect(false, false, "no_answer", "1002", "no_answer no_answer");
}

static void phoneNumber_comes_first(void **state)
{
	(void)state;
	start("{'phoneNumber':'1000','destinations':['1001']}");
	sim_reject(agent("1000"), 404);
	sim_reject(agent("1001"), 404);
	expect(false, false, "rejected", "1001", "rejected rejected");
}

static void I12_customer_leaves_between_two(void **state)
{
	(void)state;
	start(HUNT);
	sim_reject(agent("1001"), 486);
	sim_bye(w.customer);
	expect(false, true, "caller_gone", "1002", "busy caller_gone");
	assert_null(sim_dialled(w.sim, 0));
}

/* an agent who answers and is gone (cases I10, O15) */

static void I10_gone_before_the_join_next_destination(void **state)
{
	(void)state;
	start(HUNT);
	sim_answer(agent("1001"));
	assert_true(w.customer->offering);
	sim_bye(agent("1001"));
	assert_null(agent("1002"));	/* our re-INVITE is not answered yet */
	sim_offer_done(w.customer, 200);
	/* The customer is on his way back, and the next one rings. */
	assert_true(w.customer->offering);
	assert_null(w.customer->to_peer->body);
	sim_answer(agent("1002"));
	sim_offer_done(w.customer, 200);	/* home */
	assert_true(w.customer->offering);	/* and to the second */
	assert_non_null(w.customer->to_peer->body);
	sim_offer_done(w.customer, 200);
	assert_string_equal(w.phase, "joined");
	sim_bye(agent("1002"));
	sim_offer_done(w.customer, 200);
	expect(true, false, "answered", "1002", "agent_gone answered");
}

static void I10_gone_during_the_second_reinvite(void **state)
{
	(void)state;
	start(HUNT);
	sim_answer(agent("1001"));
	sim_offer_differs(w.customer);
	assert_true(agent("1001")->offering);
	sim_bye(agent("1001"));
	assert_non_null(agent("1002"));
	sim_offer_done(w.customer, 200);
	sim_reject(agent("1002"), 486);
	sim_reject(agent("1003"), 486);
	expect(false, false, "busy", "1003", "agent_gone busy busy");
}

static void I10_the_last_one_gone(void **state)
{
	(void)state;
	start("{'destinations':['1001','1002'],'continueCall':true}");
	sim_reject(agent("1001"), 486);
	sim_answer(agent("1002"));
	sim_bye(agent("1002"));
	sim_offer_done(w.customer, 200);
	sim_offer_done(w.customer, 200);
	expect(false, false, "agent_gone", "1002", "busy agent_gone");
}

static void the_bound_passes_while_one_is_joined(void **state)
{
	(void)state;
	w.config.timers[TIMER_TRANSFER] = 10000;
	start(HUNT);
	world_wait(&w, 4000);
	sim_answer(agent("1001"));
	world_wait(&w, 7000);
	assert_int_equal(w.transfers_ended, 0);
	sim_bye(agent("1001"));
	sim_offer_done(w.customer, 200);
	assert_null(agent("1002"));
	sim_offer_done(w.customer, 200);
	expect(false, false, "agent_gone", "1001", "agent_gone");
}

static void O14_refuses_to_come_home_afterwards(void **state)
{
	(void)state;
	start(HUNT);
	sim_answer(agent("1001"));
	sim_bye(agent("1001"));
	sim_offer_done(w.customer, 200);
	sim_offer_done(w.customer, 488);	/* home: he will not */
	sim_reject(agent("1002"), 486);
	sim_reject(agent("1003"), 486);
	expect(false, false, "busy", "1003", "agent_gone busy busy");
	assert_true(w.customer->offering);	/* once more */
	sim_offer_done(w.customer, 488);
	world_turn(&w);
	assert_int_equal(w.ended, 1);
}

/* all */

static void all_ring_the_first_takes_it(void **state)
{
	struct sim_leg *first, *third;

	(void)state;
	start(ALL);
	first = agent("1001");
	third = agent("1003");
	sim_progress(first, 180);
	sim_progress(third, 180);
	sim_answer(agent("1002"));
	/* The others ring on until the customer has taken the join. */
	assert_true(sim_has(w.sim, first));
	assert_true(sim_has(w.sim, third));
	sim_offer_done(w.customer, 200);
	assert_false(sim_has(w.sim, first));
	assert_false(sim_has(w.sim, third));
	assert_int_equal(sim_last_reason(w.sim), 200);
	sim_bye(agent("1002"));
	sim_offer_done(w.customer, 200);
	expect(true, false, "answered", "1002",
	       "answered cancelled cancelled");
}

static void all_two_answer(void **state)
{
	struct sim_leg *second;

	(void)state;
	start(ALL);
	sim_answer(agent("1001"));
	second = agent("1002");
	sim_answer(second);
	assert_false(sim_has(w.sim, second));
	assert_int_equal(sim_last_reason(w.sim), 200);
	sim_offer_done(w.customer, 200);
	sim_bye(agent("1001"));
	sim_offer_done(w.customer, 200);
	expect(true, false, "answered", "1001",
	       "answered cancelled cancelled");
}

static void I10_all_first_vanishes_the_others_ring_on(void **state)
{
	(void)state;
	start(ALL);
	sim_answer(agent("1001"));
	sim_bye(agent("1001"));
	sim_reject(agent("1003"), 486);
	sim_answer(agent("1002"));		/* before the customer's 200 */
	sim_offer_done(w.customer, 200);
	assert_true(w.customer->offering);
	sim_offer_done(w.customer, 200);
	assert_string_equal(w.phase, "joined");
	sim_bye(w.customer);
	expect(true, true, "answered", "1002", "agent_gone busy answered");
}

static void I10_all_both_vanish(void **state)
{
	(void)state;
	start(ALL);
	sim_answer(agent("1001"));
	sim_bye(agent("1001"));
	sim_answer(agent("1002"));
	sim_bye(agent("1002"));
	sim_progress(agent("1003"), 180);
	sim_offer_done(w.customer, 200);
	sim_offer_done(w.customer, 200);
	sim_reject(agent("1003"), 480);
	expect(false, false, "no_answer", "1003",
	       "agent_gone agent_gone no_answer");
}

static void all_refuse(void **state)
{
	(void)state;
	start(ALL);
	sim_reject(agent("1002"), 486);
	sim_reject(agent("1001"), 603);
	assert_int_equal(w.transfers_ended, 0);
	sim_reject(agent("1003"), 404);
	expect(false, false, "rejected", "1003", "busy declined rejected");
}

static void all_ring_out(void **state)
{
	(void)state;
	start(ALL);
	sim_progress(agent("1001"), 180);
	sim_progress(agent("1002"), 180);
	sim_progress(agent("1003"), 180);
	world_wait(&w, 20000);
	world_turn(&w);
	assert_int_equal(w.transfers_ended, 1);
	assert_string_equal(w.reason, "no_answer");
	assert_string_equal(w.attempts, "no_answer no_answer no_answer");
}

static void I12_all_the_customer_leaves(void **state)
{
	(void)state;
	start(ALL);
	sim_progress(agent("1002"), 180);
	sim_bye(w.customer);
	world_turn(&w);
	assert_null(sim_dialled(w.sim, 0));
	assert_string_equal(w.attempts, "caller_gone caller_gone caller_gone");
}

static void all_join_refused(void **state)
{
	(void)state;
	start(ALL);
	sim_answer(agent("1001"));
	sim_offer_done(w.customer, 488);
	world_turn(&w);
	assert_null(sim_dialled(w.sim, 0));
	assert_string_equal(w.reason, "join_failed");
}

/* redirections (case I7) and trunks that rest (case I8) */

static void I7_followed_over_the_same_trunk(void **state)
{
	struct sim_leg *a;

	(void)state;
	start("{'phoneNumber':'1001','timeout':20,'continueCall':true}");
	sim_progress(agent("1001"), 180);
	world_wait(&w, 5000);
	sim_redirect(agent("1001"), "sip:2001@127.0.0.2:5070");
	a = agent("2001");
	assert_non_null(a);
	assert_non_null(strstr(a->headers, "Diversion: "
		"<sip:1001@127.0.0.2:5070>;reason=unconditional\n"));
	sim_progress(a, 180);
	world_wait(&w, 14999);
	assert_int_equal(w.transfers_ended, 0);
	world_wait(&w, 1);		/* within the attempt's time */
	expect(false, false, "no_answer", "1001", "no_answer");
}

static void I7_not_followed_elsewhere(void **state)
{
	static const char *const contacts[] = {
		"sip:9001@127.0.0.9:5070", "sip:9001@127.0.0.2:5080",
		"sip:9001@127.0.0.3:5070",	/* another trunk's */
		"sip:1001@127.0.0.2:5070",	/* itself */
		"sip:9@127.0.0.2:5070?Route=x", "tel:+4990", "garbage",
		"sip:9@127.0.0.2:5070;method=BYE",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(contacts) / sizeof(*contacts); i++) {
		if (i) {
			world_close(&w);
			world_open(&w);
		}
		start("{'phoneNumber':'1001','method':'bridge'}");
		sim_redirect(agent("1001"), contacts[i]);
		expect(false, false, "rejected", "1001", "rejected");
		assert_int_equal(w.sip, 302);
	}
}

static void I7_three_times_at_most(void **state)
{
	char uri[64], number[16] = "1001";

	(void)state;
	start("{'phoneNumber':'1001','method':'bridge'}");
	for (int i = 1; i <= 3; i++) {
		struct sim_leg *a = agent(number);

		snprintf(number, sizeof(number), "200%u", (unsigned)i % 10);
		snprintf(uri, sizeof(uri), "sip:%s@127.0.0.2:5070", number);
		sim_redirect(a, uri);
		assert_non_null(agent(number));
	}
	sim_redirect(agent(number), "sip:3001@127.0.0.2:5070");
	expect(false, false, "rejected", "1001", "rejected");
}

static void again(const char *reason)
{
	w.transfers_started = w.transfers_ended = w.outcomes = 0;
	w.attempts[0] = '\0';
	assert_int_equal(world_switch_json(&w, "{'phoneNumber':'1001',"
					   "'continueCall':true}"), 0);
	if (!reason)
		return;
	expect(false, false, reason, "1001", reason);
}

static void I8_503_with_retry_after_rests_the_trunk(void **state)
{
	(void)state;
	world_call(&w, true);
	again(NULL);
	sim_unavailable(agent("1001"), 7);
	expect(false, false, "unreachable", "1001", "unreachable");
	again("unreachable");		/* at once, nobody is asked */
	assert_null(agent("1001"));
	world_wait(&w, 7000);
	again(NULL);
	sim_unavailable(agent("1001"), 3600);
	world_wait(&w, 60000);		/* never longer than that */
	again(NULL);
	assert_non_null(agent("1001"));
}

static void I8_503_alone_rests_it_after_five(void **state)
{
	(void)state;
	world_call(&w, true);
	for (int i = 0; i < 4; i++) {
		again(NULL);
		sim_unavailable(agent("1001"), 0);
	}
	again(NULL);
	sim_reject(agent("1001"), 486);		/* it is there after all */
	for (int i = 0; i < 5; i++) {
		again(NULL);
		sim_unavailable(agent("1001"), 0);
	}
	again("unreachable");
	assert_null(agent("1001"));
	world_wait(&w, 60000);
	again(NULL);
	assert_non_null(agent("1001"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(the_second_answers),
		CASE(nobody_answers),
		CASE(the_last_refusal_is_told),
		CASE(I8_a_6xx_ends_that_destination_only),
		CASE(the_bound_is_of_the_whole),
		CASE(phoneNumber_comes_first),
		CASE(I12_customer_leaves_between_two),
		CASE(I10_gone_before_the_join_next_destination),
		CASE(I10_gone_during_the_second_reinvite),
		CASE(I10_the_last_one_gone),
		CASE(the_bound_passes_while_one_is_joined),
		CASE(O14_refuses_to_come_home_afterwards),
		CASE(all_ring_the_first_takes_it),
		CASE(all_two_answer),
		CASE(I10_all_first_vanishes_the_others_ring_on),
		CASE(I10_all_both_vanish),
		CASE(all_refuse),
		CASE(all_ring_out),
		CASE(I12_all_the_customer_leaves),
		CASE(all_join_refused),
		CASE(I7_followed_over_the_same_trunk),
		CASE(I7_not_followed_elsewhere),
		CASE(I7_three_times_at_most),
		CASE(I8_503_with_retry_after_rests_the_trunk),
		CASE(I8_503_alone_rests_it_after_five),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
