/*
 * What is told of a transfer's end where two ways to end meet: one that is
 * hung up before it began, a REFER's late news, an offer that must wait.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>
#include <uv.h>

#include "world.h"

static const struct switch_fields keep = { .keep = true };
static const struct switch_fields by_auto = { .method = NULL };
static const struct switch_fields refer_keep = {
	.method = "refer", .keep = true,
};

static struct sim_leg *answered(void)
{
	struct sim_leg *agent;

	assert_int_equal(world_switch(&w, &keep), 0);
	agent = world_agent(&w);
	sim_progress(agent, 180);
	sim_answer(agent);
	return agent;
}

static void hung_up_before_it_began(void **state)
{
	struct switch_fields f = { .keep = true };
	struct action_error err;
	struct action *a;
	json_t *j;

	(void)state;
	world_call(&w, true);
	j = json_pack("{s:s}", "phoneNumber", "16123456789");
	assert_int_equal(action_parse_switch(&a, j, w.call, &err), 0);
	json_decref(j);
	assert_int_equal(call_act(world_the_call(&w), BY_CONTROL, a, &err,
				  NULL), 0);
	call_hangup(world_the_call(&w), BY_CONTROL, NULL);
	world_turn(&w);
	assert_int_equal(w.transfers_started, 1);
	assert_int_equal(w.transfers_ended, 1);
	world_expect(&w, false, false, "cancelled");
	assert_string_equal(w.attempts, "");
	assert_int_not_equal(world_switch(&w, &f), 0);
}

static void an_attempt_tells_why_nobody_talked(void **state)
{
	(void)state;
	world_call(&w, true);
	sim_offer_done((answered(), w.customer), 488);
	world_expect(&w, false, false, "join_failed");
	assert_string_equal(w.attempts, "join_failed");
	assert_int_equal(w.sip, 488);
}

static void an_attempt_tells_that_its_agent_left(void **state)
{
	(void)state;
	world_call(&w, true);
	sim_bye(answered());
	sim_offer_done(w.customer, 200);
	sim_offer_done(w.customer, 200);
	world_expect(&w, false, false, "agent_gone");
	assert_string_equal(w.attempts, "agent_gone");
}

static void a_talk_tells_the_agents_answer(void **state)
{
	struct sim_leg *agent;

	(void)state;
	world_call(&w, true);
	agent = answered();
	sim_offer_done(w.customer, 200);
	sim_bye(agent);
	sim_offer_done(w.customer, 200);
	world_expect(&w, true, false, "answered");
	assert_string_equal(w.attempts, "answered");
	assert_int_equal(w.sip, 200);
	assert_string_equal(w.ended_by, "agent");
}

static void R16_the_agent_given_up_is_cancelled(void **state)
{
	(void)state;
	world_call(&w, true);
	assert_int_equal(world_switch(&w, &by_auto), 0);
	sim_refer_done(w.customer, 202, false);
	world_wait(&w, 30000);
	sim_progress(world_agent(&w), 180);
	sim_notify(w.customer, 200, true);
	world_expect(&w, true, false, "answered");
	assert_string_equal(w.attempts, "cancelled answered");
	sim_bye(w.customer);
}

static void late_notify_of_an_earlier_transfer(void **state)
{
	struct sim_leg *agent;

	(void)state;
	world_call(&w, true);
	assert_int_equal(world_switch(&w, &refer_keep), 0);
	sim_refer_done(w.customer, 202, false);
	world_wait(&w, 30000);
	world_expect(&w, false, false, "no_outcome");

	assert_int_equal(world_switch(&w, &keep), 0);
	agent = world_agent(&w);
	sim_notify(w.customer, 200, true);
	assert_ptr_equal(world_agent(&w), agent);
	assert_int_equal(w.transfers_ended, 1);
	sim_reject(agent, 486);
	assert_int_equal(w.transfers_ended, 2);
	assert_string_equal(w.reason, "busy");
}

/* He has gone with the agent, as the grace would have shown. */
static void hung_up_in_the_grace_after_his_bye(void **state)
{
	(void)state;
	world_call(&w, true);
	assert_int_equal(world_switch(&w, &by_auto), 0);
	sim_refer_done(w.customer, 202, false);
	sim_bye(w.customer);
	call_hangup(world_the_call(&w), BY_CONTROL, NULL);
	world_turn(&w);
	world_expect(&w, true, false, "no_outcome");
	assert_string_not_equal(w.last_event, "botHangup");
	assert_int_equal(w.ended, 1);
}

static void the_way_back_waits_for_a_change_under_way(void **state)
{
	struct sim_leg *agent;

	(void)state;
	world_call(&w, true);
	agent = answered();
	sim_offer_done(w.customer, 200);
	sim_reinvite(agent, DIR_SENDONLY);
	assert_true(w.customer->offering);
	sim_bye(agent);
	assert_true(w.customer->offering);
	assert_int_equal(w.transfers_ended, 0);
	sim_offer_done(w.customer, 200);
	assert_int_equal(w.transfers_ended, 0);
	assert_true(w.customer->offering);	/* now the way back */
	assert_null(w.customer->to_peer->body);
	sim_offer_done(w.customer, 200);
	world_expect(&w, true, false, "answered");
	assert_int_equal(w.ended, 0);
}

static void the_join_waits_for_the_way_home_of_the_last(void **state)
{
	struct sim_leg *agent;

	(void)state;
	world_call(&w, true);
	answered();
	world_wait(&w, 8000);		/* silent for timer join */
	world_expect(&w, false, false, "join_failed");
	agent = answered();
	assert_true(w.customer->offering);
	assert_string_equal(w.phase, "answered");
	sim_offer_done(w.customer, 200);	/* to the first */
	assert_true(w.customer->offering);
	assert_string_equal(w.phase, "answered");
	sim_offer_done(w.customer, 200);
	assert_string_equal(w.phase, "joined");
	sim_bye(agent);
	sim_offer_done(w.customer, 200);
	assert_int_equal(w.transfers_ended, 2);
	assert_true(w.success);
}

static int cancel(void)
{
	const int rc = call_cancel(world_the_call(&w), BY_CONTROL);

	world_turn(&w);
	return rc;
}

static void cancelled_while_it_rings(void **state)
{
	(void)state;
	world_call(&w, true);
	assert_int_equal(cancel(), UV_ESRCH);
	assert_int_equal(world_switch(&w, &keep), 0);
	sim_progress(world_agent(&w), 180);
	assert_int_equal(cancel(), 0);
	world_expect(&w, false, false, "cancelled");
	assert_string_equal(w.ended_by, "control");
	assert_null(world_agent(&w));
	assert_int_equal(w.ended, 0);
	assert_int_equal(cancel(), UV_ESRCH);
}

static void cancelled_while_they_talk(void **state)
{
	(void)state;
	world_call(&w, true);
	answered();
	sim_offer_done(w.customer, 200);
	assert_string_equal(w.phase, "joined");
	assert_int_equal(cancel(), 0);
	assert_null(world_agent(&w));
	assert_int_equal(w.outcomes, 0);	/* not before he is back */
	assert_int_equal(cancel(), UV_ESRCH);
	sim_offer_done(w.customer, 200);
	world_expect(&w, true, false, "answered");
	assert_string_equal(w.ended_by, "control");
	assert_int_equal(w.ended, 0);
}

static void cancelled_during_the_join(void **state)
{
	(void)state;
	world_call(&w, true);
	answered();
	assert_int_equal(cancel(), 0);
	world_expect(&w, false, false, "cancelled");
	assert_null(world_agent(&w));
	sim_offer_done(w.customer, 200);	/* late: and back to us */
	assert_true(w.customer->offering);
	assert_null(w.customer->to_peer->body);
}

static void cancelled_during_a_refer(void **state)
{
	(void)state;
	world_call(&w, true);
	assert_int_equal(world_switch(&w, &refer_keep), 0);
	sim_refer_done(w.customer, 202, false);
	assert_int_equal(cancel(), 0);
	world_expect(&w, false, false, "cancelled");
	sim_notify(w.customer, 200, true);	/* nobody asks any more */
	assert_int_equal(w.transfers_ended, 1);
}

/* A switch may keep the customer after a failure alone. */
static void kept_after_a_failure(void **state)
{
	static const struct switch_fields plain = { .method = "bridge" };
	struct sim_leg *agent;

	(void)state;
	w.keep_failed = true;
	world_call(&w, true);
	assert_int_equal(world_switch(&w, &plain), 0);
	sim_reject(world_agent(&w), 486);
	world_expect(&w, false, false, "busy");
	world_wait(&w, 60000);
	assert_int_equal(w.ended, 0);

	assert_int_equal(world_switch(&w, &plain), 0);
	agent = world_agent(&w);
	sim_answer(agent);
	sim_offer_done(w.customer, 200);
	sim_bye(agent);
	world_turn(&w);
	assert_true(w.success);
	assert_int_equal(w.ended, 1);
	assert_string_equal(w.ended_by, "agent");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(kept_after_a_failure),
		CASE(cancelled_while_it_rings),
		CASE(cancelled_while_they_talk),
		CASE(cancelled_during_the_join),
		CASE(cancelled_during_a_refer),
		CASE(hung_up_before_it_began),
		CASE(an_attempt_tells_why_nobody_talked),
		CASE(an_attempt_tells_that_its_agent_left),
		CASE(a_talk_tells_the_agents_answer),
		CASE(R16_the_agent_given_up_is_cancelled),
		CASE(late_notify_of_an_earlier_transfer),
		CASE(hung_up_in_the_grace_after_his_bye),
		CASE(the_way_back_waits_for_a_change_under_way),
		CASE(the_join_waits_for_the_way_home_of_the_last),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
