/* The bridge: the cases I1 to I14 and O1 to O18 that live in the engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include <uv.h>

#include "world.h"

static const struct switch_fields keep = { .keep = true };
static const struct switch_fields leave = { .method = "bridge" };

static struct sim_leg *dial(const struct switch_fields *f)
{
	struct sim_leg *agent;

	world_call(&w, true);
	assert_int_equal(world_switch(&w, f), 0);
	assert_string_equal(w.method, "bridge");
	agent = world_agent(&w);
	assert_non_null(agent);
	assert_string_equal(agent->uri, "sip:16123456789@127.0.0.2:5070");
	assert_string_equal(agent->from, "4930123");
	/* the customer's own SDP, so that media can go directly */
	assert_string_equal(agent->to_peer->addr, "127.0.0.1");
	return agent;
}

static struct sim_leg *join(const struct switch_fields *f)
{
	struct sim_leg *agent = dial(f);

	sim_progress(agent, 180);
	assert_string_equal(w.phase, "ringing");
	sim_answer(agent);
	assert_string_equal(w.phase, "answered");
	assert_true(w.customer->offering);
	assert_string_equal(w.customer->to_peer->addr, "127.0.0.2");
	sim_offer_done(w.customer, 200);
	assert_string_equal(w.phase, "joined");
	return agent;
}

static void agent_hangs_up_customer_returns(void **state)
{
	struct sim_leg *agent;

	(void)state;
	agent = join(&keep);
	world_wait(&w, 61000);
	sim_bye(agent);
	assert_int_equal(w.outcomes, 0);	/* not before he is back */
	assert_true(w.customer->offering);
	assert_null(w.customer->to_peer->body);		/* the node's own */
	sim_offer_done(w.customer, 200);
	world_expect(&w, true, false, "answered");
	sim_text(w.customer, "back");
	assert_string_equal(w.last_query, "back");
}

static void second_transfer_offers_the_customer_again(void **state)
{
	struct sim_leg *agent;

	(void)state;
	agent = join(&keep);
	sim_bye(agent);
	sim_offer_done(w.customer, 200);	/* inactive, as we asked */
	world_expect(&w, true, false, "answered");
	assert_int_equal(world_switch(&w, &keep), 0);
	agent = world_agent(&w);
	assert_int_equal(agent->to_peer->dir, DIR_SENDRECV);
}

static void O6_held_before_the_switch(void **state)
{
	struct sim_leg *agent;

	(void)state;
	world_call(&w, true);
	sim_reinvite(w.customer, DIR_SENDONLY);
	assert_int_equal(world_switch(&w, &keep), 0);
	agent = world_agent(&w);
	assert_int_equal(agent->to_peer->dir, DIR_SENDONLY);
	sim_answer(agent);
	/* His own hold is not held against him. */
	assert_int_equal(w.customer->to_peer->dir, DIR_SENDRECV);
	sim_offer_holds(w.customer);
	/* He answers as the agent was offered: nothing more is to be said. */
	assert_false(agent->offering);
	assert_string_equal(w.phase, "joined");
}

static void O6_held_in_the_answer_to_the_join(void **state)
{
	struct sim_leg *agent;

	(void)state;
	agent = dial(&keep);
	sim_answer(agent);
	sim_offer_holds(w.customer);
	assert_true(agent->offering);
	assert_int_equal(agent->to_peer->dir, DIR_SENDONLY);
	sim_offer_done(agent, 200);	/* recvonly, as it must be */
	assert_string_equal(w.phase, "joined");
}

static void O18_an_offer_that_waited_is_taken_back(void **state)
{
	struct sim_leg *agent;

	(void)state;
	agent = dial(&keep);
	w.customer->busy = true;	/* an ACK of his is still to come */
	sim_answer(agent);
	world_wait(&w, 8000);
	world_expect(&w, false, false, "join_failed");
	assert_null(world_agent(&w));
	assert_false(w.customer->offering);
}

static void agent_hangs_up_customer_is_released(void **state)
{
	struct sim_leg *agent;

	(void)state;
	agent = join(&leave);
	sim_bye(agent);
	world_expect(&w, true, false, "answered");
	assert_int_equal(w.ended, 1);
}

static void customer_hangs_up_while_they_talk(void **state)
{
	(void)state;
	join(&keep);
	world_wait(&w, 5000);
	sim_bye(w.customer);
	world_expect(&w, true, true, "answered");
	assert_string_equal(w.last_event, "hangup");
	assert_null(world_agent(&w));
}

static void refusals(void **state)
{
	static const struct {
		int status;
		const char *reason;
	} rows[] = {
		{ 486, "busy" }, { 600, "busy" }, { 603, "declined" },
		{ 408, "no_answer" }, { 480, "no_answer" },
		{ 502, "unreachable" }, { 503, "unreachable" },
		{ 504, "unreachable" }, { 404, "rejected" },
		{ 302, "rejected" }, { 500, "rejected" },
	};

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		if (i) {
			world_close(&w);
			world_open(&w);
		}
		sim_reject(dial(&keep), rows[i].status);
		world_expect(&w, false, false, rows[i].reason);
		world_wait(&w, 100000);
		assert_int_equal(w.ended, 0);	/* he stays with the bot */
	}
}

static void I3_no_answer_is_cancelled(void **state)
{
	const struct switch_fields f = { .keep = true, .timeout = "30" };

	(void)state;
	sim_progress(dial(&f), 180);
	world_wait(&w, 29999);
	assert_int_equal(w.outcomes, 0);
	world_wait(&w, 1);
	world_expect(&w, false, false, "no_answer");
	assert_null(world_agent(&w));
}

static void I6_100_then_silence(void **state)
{
	(void)state;
	sim_progress(dial(&keep), 100);
	world_wait(&w, 59999);
	assert_int_equal(w.outcomes, 0);
	world_wait(&w, 1);
	world_expect(&w, false, false, "no_answer");
}

static void I10_agent_leaves_before_the_join(void **state)
{
	struct sim_leg *agent;

	(void)state;
	agent = dial(&keep);
	sim_answer(agent);
	sim_bye(agent);
	assert_int_equal(w.outcomes, 0);
	sim_offer_done(w.customer, 200);	/* finished, never cancelled */
	assert_true(w.customer->offering);	/* and back to the node */
	sim_offer_done(w.customer, 200);
	world_expect(&w, false, false, "agent_gone");
}

static void I12_customer_leaves_at_any_moment(void **state)
{
	(void)state;
	for (int moment = 0; moment < 6; moment++) {
		struct sim_leg *agent;

		if (moment) {
			world_close(&w);
			world_open(&w);
		}
		agent = dial(&keep);
		if (moment >= 1)
			sim_progress(agent, 100);
		if (moment >= 2)
			sim_progress(agent, 180);
		if (moment >= 3)
			sim_answer(agent);
		if (moment >= 4)
			sim_offer_done(w.customer, 200);
		if (moment >= 5)
			sim_bye(agent);
		sim_bye(w.customer);
		world_turn(&w);
		assert_null(world_agent(&w));
		if (moment < 4)
			world_expect(&w, false, true, "caller_gone");
		else
			world_expect(&w, true, moment == 4, "answered");
		assert_int_equal(w.ended, 1);
	}
}

static void I13_unreachable(void **state)
{
	(void)state;
	sim_unreachable(dial(&keep));
	world_expect(&w, false, false, "unreachable");
}

static void I13_nothing_at_all(void **state)
{
	(void)state;
	dial(&keep);
	world_wait(&w, 4999);
	assert_int_equal(w.outcomes, 0);
	world_wait(&w, 1);
	world_expect(&w, false, false, "unreachable");
}

static void I13_nothing_can_be_sent(void **state)
{
	(void)state;
	world_call(&w, true);
	sim_fail_dials(w.sim, UV_ENETUNREACH);
	world_switch(&w, &keep);
	world_expect(&w, false, false, "unreachable");
}

/* The signalling sheds: too many INVITEs that nobody has answered. */
static void T7_no_more_agents_can_be_called(void **state)
{
	(void)state;
	world_call(&w, true);
	sim_fail_dials(w.sim, UV_EAGAIN);
	world_switch(&w, &keep);
	world_expect(&w, false, false, "overload");
	assert_string_equal(w.attempts, "overload");
}

static void O1_the_join_is_bounded(void **state)
{
	(void)state;
	sim_answer(dial(&keep));
	world_wait(&w, 7999);
	assert_int_equal(w.outcomes, 0);
	world_wait(&w, 1);
	world_expect(&w, false, false, "join_failed");
	/* The answer comes late: the customer is brought back. */
	sim_offer_done(w.customer, 200);
	assert_true(w.customer->offering);
	assert_null(w.customer->to_peer->body);
	sim_offer_done(w.customer, 200);
	assert_int_equal(w.ended, 0);
}

static void O3_join_refused(void **state)
{
	(void)state;
	sim_answer(dial(&keep));
	sim_offer_done(w.customer, 488);
	world_expect(&w, false, false, "join_failed");
	assert_null(world_agent(&w));
	assert_int_equal(w.ended, 0);
}

static void join_differs_once(void **state)
{
	struct sim_leg *agent;

	(void)state;
	agent = dial(&keep);
	sim_answer(agent);
	sim_offer_differs(w.customer);
	assert_true(agent->offering);
	assert_int_equal(agent->to_peer->port,
			 10000 + 2 * w.customer->id + 1000);
	sim_offer_done(agent, 200);
	assert_string_equal(w.phase, "joined");
}

static void join_differs_twice(void **state)
{
	struct sim_leg *agent;

	(void)state;
	agent = dial(&keep);
	sim_answer(agent);
	sim_offer_differs(w.customer);
	sim_offer_differs(agent);
	assert_true(w.customer->offering);	/* back to the node */
	sim_offer_done(w.customer, 200);
	world_expect(&w, false, false, "join_failed");
}

static void O12_hold_is_carried_across(void **state)
{
	struct sim_leg *agent;

	(void)state;
	agent = join(&keep);
	sim_reinvite(w.customer, DIR_SENDONLY);
	assert_true(agent->offering);
	assert_int_equal(agent->to_peer->dir, DIR_SENDONLY);
	assert_true(w.customer->offered);	/* waits for the agent */
	sim_offer_done(agent, 200);
	assert_false(w.customer->offered);
	assert_int_equal(w.customer->to_peer->dir, DIR_RECVONLY);
	sim_reinvite(agent, DIR_SENDRECV);
	sim_offer_done(w.customer, 488);
	assert_int_equal(agent->refused, 488);
}

static void O14_return_refused(void **state)
{
	static const int codes[] = { 488, 500, 603 };

	(void)state;
	for (unsigned i = 0; i < 3; i++) {
		if (i) {
			world_close(&w);
			world_open(&w);
		}
		sim_bye(join(&keep));
		sim_offer_done(w.customer, codes[i]);
		world_expect(&w, true, false, "answered");
		assert_int_equal(w.ended, 1);
		assert_int_equal(sim_legs(w.sim), 0);
	}
}

static void O14_return_never_answered(void **state)
{
	(void)state;
	sim_bye(join(&keep));
	world_wait(&w, 8000);
	world_expect(&w, true, false, "answered");
	assert_int_equal(w.ended, 1);
}

static void O15_customer_leaves_during_the_join(void **state)
{
	(void)state;
	sim_answer(dial(&keep));
	sim_bye(w.customer);
	world_expect(&w, false, true, "caller_gone");
	assert_int_equal(sim_legs(w.sim), 0);
}

static void O15_join_answered_481(void **state)
{
	(void)state;
	sim_answer(dial(&keep));
	sim_offer_done(w.customer, 481);
	world_expect(&w, false, true, "caller_gone");
	assert_int_equal(w.ended, 1);
}

static void O18_switch_waits_for_the_ack(void **state)
{
	(void)state;
	world_call(&w, false);
	assert_int_equal(world_switch(&w, &keep), 0);
	assert_int_equal(w.transfers_started, 1);
	assert_null(world_agent(&w));
	world_wait(&w, 10000);
	sim_ack(w.customer);
	world_turn(&w);
	assert_non_null(world_agent(&w));
}

static void O18_the_ack_never_comes(void **state)
{
	(void)state;
	world_call(&w, false);
	world_switch(&w, &leave);
	world_wait(&w, 33000);
	world_expect(&w, false, true, "caller_gone");
	assert_int_equal(w.ended, 1);
}

static void O18_hangup_before_the_ack(void **state)
{
	(void)state;
	world_call(&w, false);
	call_hangup(world_the_call(&w), BY_CONTROL, "test");
	world_turn(&w);
	assert_int_equal(w.ended, 1);
}

static void hangup_by_control_while_ringing(void **state)
{
	(void)state;
	sim_progress(dial(&keep), 180);
	call_hangup(world_the_call(&w), BY_CONTROL, "test");
	world_expect(&w, false, false, "cancelled");
	assert_int_equal(sim_legs(w.sim), 0);
}

static void hangup_by_control_while_they_talk(void **state)
{
	(void)state;
	join(&keep);
	call_hangup(world_the_call(&w), BY_CONTROL, "test");
	world_expect(&w, true, false, "answered");
	assert_int_equal(sim_legs(w.sim), 0);
}

static void a_second_switch_is_a_conflict(void **state)
{
	(void)state;
	dial(&keep);
	assert_int_equal(world_switch(&w, &keep), UV_EBUSY);
	assert_int_equal(w.transfers_started, 1);
}

static void refer_over_another_trunk_is_invalid(void **state)
{
	const struct switch_fields f = {
		.method = "refer", .uri = "sip:1@127.0.0.3:5070",
	};

	(void)state;
	world_call(&w, true);
	assert_int_equal(world_switch(&w, &f), UV_EINVAL);
	assert_int_equal(w.transfers_started, 0);
}

static void another_trunk_makes_auto_a_bridge(void **state)
{
	const struct switch_fields f = { .uri = "sip:1@127.0.0.3:5070" };

	(void)state;
	world_call(&w, true);
	assert_int_equal(world_switch(&w, &f), 0);
	assert_string_equal(w.method, "bridge");
	assert_string_equal(world_agent(&w)->uri, "sip:1@127.0.0.3:5070");
}

static void call_duration_ends_the_talk(void **state)
{
	(void)state;
	join(&keep);
	world_wait(&w, UINT64_C(4) * 3600 * 1000);
	world_expect(&w, true, false, "answered");
	assert_int_equal(w.ended, 1);
}

static void timer_transfer_bounds_the_whole(void **state)
{
	const struct switch_fields f = { .keep = true, .timeout = "4h" };

	(void)state;
	sim_progress(dial(&f), 180);
	world_wait(&w, 300000);
	world_expect(&w, false, false, "no_answer");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(agent_hangs_up_customer_returns),
		CASE(second_transfer_offers_the_customer_again),
		CASE(O6_held_before_the_switch),
		CASE(O6_held_in_the_answer_to_the_join),
		CASE(O18_an_offer_that_waited_is_taken_back),
		CASE(agent_hangs_up_customer_is_released),
		CASE(customer_hangs_up_while_they_talk),
		CASE(refusals),
		CASE(I3_no_answer_is_cancelled),
		CASE(I6_100_then_silence),
		CASE(I10_agent_leaves_before_the_join),
		CASE(I12_customer_leaves_at_any_moment),
		CASE(I13_unreachable),
		CASE(I13_nothing_at_all),
		CASE(I13_nothing_can_be_sent),
		CASE(T7_no_more_agents_can_be_called),
		CASE(O1_the_join_is_bounded),
		CASE(O3_join_refused),
		CASE(join_differs_once),
		CASE(join_differs_twice),
		CASE(O12_hold_is_carried_across),
		CASE(O14_return_refused),
		CASE(O14_return_never_answered),
		CASE(O15_customer_leaves_during_the_join),
		CASE(O15_join_answered_481),
		CASE(O18_switch_waits_for_the_ack),
		CASE(O18_the_ack_never_comes),
		CASE(O18_hangup_before_the_ack),
		CASE(hangup_by_control_while_ringing),
		CASE(hangup_by_control_while_they_talk),
		CASE(a_second_switch_is_a_conflict),
		CASE(refer_over_another_trunk_is_invalid),
		CASE(another_trunk_makes_auto_a_bridge),
		CASE(call_duration_ends_the_talk),
		CASE(timer_transfer_bounds_the_whole),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
