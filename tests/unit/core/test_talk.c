/* Two who talk: what one changes, asks or holds, and what the other has of it;
 * and a peer who holds us after a REFER. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "world.h"

static struct sim_leg *join(void)
{
	const struct switch_fields f = { .method = "bridge", .keep = true };
	struct sim_leg *a;

	world_call(&w, true);
	assert_int_equal(world_switch(&w, &f), 0);
	a = world_agent(&w);
	assert_non_null(a);
	sim_answer(a);
	sim_offer_done(w.customer, 200);
	assert_string_equal(w.phase, "joined");
	return a;
}

/* The end of most of these: the agent goes, the customer comes back. */
static void part(struct sim_leg *a)
{
	sim_bye(a);
	assert_true(w.customer->offering);
	sim_offer_done(w.customer, 200);
	world_expect(&w, true, false, "answered");
	assert_false(w.customer->passing);
}

static void O13_a_refresh_is_answered_with_what_was_sent_last(void **state)
{
	struct sim_leg *a;

	(void)state;
	a = join();
	sim_reinvite(w.customer, DIR_SENDONLY);
	sim_offer_done(a, 200);
	assert_int_equal(w.customer->to_peer->dir, DIR_RECVONLY);
	sim_reinvite(w.customer, DIR_SENDONLY);
	assert_false(w.customer->offered);
	assert_false(a->offering);
	assert_int_equal(w.customer->to_peer->dir, DIR_RECVONLY);
	/* Nor is the held one's repeat a change. */
	sim_reinvite(a, DIR_RECVONLY);
	assert_false(w.customer->offering);
	assert_int_equal(a->to_peer->dir, DIR_SENDONLY);
	part(a);
}

static void O5_an_offer_of_ours_does_not_mirror_the_hold(void **state)
{
	struct sim_leg *a;

	(void)state;
	a = join();
	sim_reinvite(w.customer, DIR_SENDONLY);
	sim_offer_done(a, 200);
	sim_reinvite_empty(w.customer);
	assert_int_equal(w.customer->to_peer->dir, DIR_SENDRECV);
	sim_offer_ack(w.customer, SIM_SAME_ANSWER);
	assert_true(a->offering);
	assert_int_equal(a->to_peer->dir, DIR_SENDRECV);
	sim_offer_done(a, 200);
	part(a);
}

static void O12_an_answer_in_time_or_500(void **state)
{
	struct sim_leg *a;

	(void)state;
	a = join();
	sim_reinvite(w.customer, DIR_SENDONLY);
	world_wait(&w, 7999);
	assert_true(w.customer->offered);
	world_wait(&w, 1);
	assert_int_equal(w.customer->refused, 500);
	/* One at a time, until it is answered after all. */
	sim_reinvite(w.customer, DIR_INACTIVE);
	assert_int_equal(w.customer->refused, 491);
	sim_offer_done(a, 200);
	sim_reinvite(w.customer, DIR_SENDONLY);
	assert_false(w.customer->offered || a->offering);
	part(a);
}

static void O12_the_codes_that_come_back(void **state)
{
	static const int codes[][2] = {
		{ 488, 488 }, { 606, 606 }, { 302, 500 }, { 401, 500 },
		{ 407, 500 }, { 0, 500 },
	};
	struct sim_leg *a;

	(void)state;
	a = join();
	for (unsigned i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
		sim_reinvite(w.customer, DIR_SENDONLY);
		sim_offer_done(a, codes[i][0]);
		assert_int_equal(w.customer->refused, codes[i][1]);
	}
	part(a);
}

static void O10_the_answer_to_a_refresh_is_news(void **state)
{
	struct sim_leg *a;

	(void)state;
	a = join();
	sim_refreshed(a, 200, SIM_SAME_ANSWER);
	assert_false(w.customer->offering);
	sim_refreshed(a, 200, SIM_OTHER_PORT);
	assert_true(w.customer->offering);
	sim_offer_done(w.customer, 200);
	part(a);
}

static void O10_a_refresh_finds_the_agent_dead(void **state)
{
	(void)state;
	sim_refreshed(join(), 481, SIM_NO_ANSWER);
	assert_true(w.customer->offering);
	sim_offer_done(w.customer, 200);
	world_expect(&w, true, false, "answered");
}

static void O10_the_customers_session_expires(void **state)
{
	(void)state;
	join();
	sim_expire(w.customer);
	world_expect(&w, true, true, "answered");
	assert_int_equal(sim_legs(w.sim), 0);
}

static void O10_it_expires_before_the_join(void **state)
{
	const struct switch_fields f = { .method = "bridge", .keep = true };

	(void)state;
	world_call(&w, true);
	world_switch(&w, &f);
	sim_expire(w.customer);
	world_expect(&w, false, true, "caller_gone");
}

static void O10_it_expires_during_a_refer(void **state)
{
	const struct switch_fields f = { .method = "refer" };

	(void)state;
	world_call(&w, true);
	world_switch(&w, &f);
	sim_refer_done(w.customer, 202, false);
	sim_expire(w.customer);
	world_expect(&w, false, true, "caller_gone");
}

static void O16_requests_cross(void **state)
{
	struct sim_leg *a;

	(void)state;
	a = join();
	sim_request(w.customer, "INFO", "text/x", "one");
	assert_string_equal(a->request, "INFO text/x one");
	assert_int_equal(w.customer->waiting, 1);
	sim_request_done(a, 415);
	assert_int_equal(w.customer->replied, 415);
	sim_request(a, "MESSAGE", NULL, "");
	assert_string_equal(w.customer->request, "MESSAGE - ");
	sim_request_done(w.customer, 202);
	assert_int_equal(a->replied, 202);
	/* Silence of the one is no news of the other's dialog. */
	sim_request(a, "INFO", NULL, "");
	sim_request_done(w.customer, 408);
	assert_int_equal(a->replied, 504);
	sim_request(a, "INFO", NULL, "");
	sim_request_done(w.customer, 0);
	assert_int_equal(a->replied, 504);
	assert_int_equal(w.queries, 1);		/* /start */
	sim_request(w.customer, "INFO", NULL, "");
	part(a);
	assert_int_equal(w.customer->replied, 480);
	sim_request(w.customer, "MESSAGE", "text/plain", "bot");
	assert_string_equal(w.last_query, "bot");
}

static void O4_an_ack_without_an_answer(void **state)
{
	struct sim_leg *a;

	(void)state;
	a = join();
	sim_reinvite_empty(a);
	sim_offer_ack(a, SIM_NO_ANSWER);
	assert_true(w.customer->offering);	/* it is gone for us */
	sim_offer_done(w.customer, 200);
	world_expect(&w, true, false, "answered");
	sim_reinvite_empty(w.customer);
	sim_offer_ack(w.customer, SIM_NO_ANSWER);
	assert_int_equal(sim_legs(w.sim), 0);
	world_turn(&w);
	assert_int_equal(w.ended, 1);
}

/* R17 */

static void say(void)
{
	struct action_error err;

	call_act(world_the_call(&w), BY_BOT, action_say("sorry", 5, 0), &err,
		 NULL);
	world_turn(&w);
}

static void held_after_a_refer(void)
{
	const struct switch_fields f = { .method = "refer", .keep = true };

	world_call(&w, true);
	world_switch(&w, &f);
	sim_refer_done(w.customer, 202, false);
	sim_reinvite(w.customer, DIR_SENDONLY);
	sim_notify(w.customer, 486, true);
	world_expect(&w, false, false, "busy");
	assert_true(w.customer->offering);
	say();
	assert_int_equal(w.said, 0);
}

/* Without media ours is inactive, and says nothing against being heard. */
static void R17_let_go(void **state)
{
	(void)state;
	held_after_a_refer();
	sim_offer_done(w.customer, 200);
	assert_int_equal(w.said, 1);
	say();
	assert_int_equal(w.said, 2);
}

static void R17_refused_and_after_5_s_spoken_to(void **state)
{
	(void)state;
	held_after_a_refer();
	sim_offer_done(w.customer, 488);
	world_wait(&w, 4999);
	assert_int_equal(w.said, 0);
	world_wait(&w, 1);
	assert_int_equal(w.said, 1);
}

static void R17_lets_go_itself(void **state)
{
	(void)state;
	held_after_a_refer();
	sim_offer_done(w.customer, 488);
	sim_reinvite(w.customer, DIR_SENDRECV);
	assert_int_equal(w.said, 1);
}

static void R17_leaves(void **state)
{
	(void)state;
	held_after_a_refer();
	sim_bye(w.customer);
	world_turn(&w);
	assert_int_equal(w.said, 0);
	assert_int_equal(w.ended, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(O13_a_refresh_is_answered_with_what_was_sent_last),
		CASE(O5_an_offer_of_ours_does_not_mirror_the_hold),
		CASE(O12_an_answer_in_time_or_500),
		CASE(O12_the_codes_that_come_back),
		CASE(O10_the_answer_to_a_refresh_is_news),
		CASE(O10_a_refresh_finds_the_agent_dead),
		CASE(O10_the_customers_session_expires),
		CASE(O10_it_expires_before_the_join),
		CASE(O10_it_expires_during_a_refer),
		CASE(O16_requests_cross),
		CASE(O4_an_ack_without_an_answer),
		CASE(R17_let_go),
		CASE(R17_refused_and_after_5_s_spoken_to),
		CASE(R17_lets_go_itself),
		CASE(R17_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
