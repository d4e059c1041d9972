/* REFER and its subscription: the cases R1 to R18 that live in the engine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "world.h"

static const struct switch_fields by_auto = { .method = NULL };
static const struct switch_fields by_refer = { .method = "refer" };

static void start(const struct switch_fields *f)
{
	world_call(&w, true);
	assert_int_equal(world_switch(&w, f), 0);
	assert_true(w.customer->referring);
	assert_string_equal(w.method, "refer");
	assert_string_equal(w.customer->uri,
			    "sip:16123456789@127.0.0.2:5070");
}

/* The customer is with the agent; its BYE ends the call without a hangup. */
static void taken_over(void)
{
	assert_true(w.gone);
	assert_int_equal(w.ended, 0);
	sim_bye(w.customer);
	world_turn(&w);
	assert_int_equal(w.ended, 1);
	assert_string_not_equal(w.last_event, "hangup");
}

static void R1_accepted_with_200(void **state)
{
	(void)state;
	start(&by_auto);
	sim_refer_done(w.customer, 200, false);
	assert_string_equal(w.phase, "refer_accepted");
	sim_notify(w.customer, 100, false);
	sim_notify(w.customer, 200, true);
	world_expect(&w, true, false, "answered");
	taken_over();
}

static void R2_notify_before_the_2xx(void **state)
{
	(void)state;
	start(&by_auto);
	sim_notify(w.customer, 100, false);
	sim_refer_done(w.customer, 202, false);
	sim_notify(w.customer, 200, true);
	world_expect(&w, true, false, "answered");
	taken_over();
}

static void R2_final_notify_before_the_2xx(void **state)
{
	(void)state;
	start(&by_auto);
	sim_notify(w.customer, 200, true);
	sim_refer_done(w.customer, 202, false);
	world_expect(&w, true, false, "answered");
	taken_over();
}

static void R3_accepted_but_never_notified(void **state)
{
	(void)state;
	start(&by_auto);
	sim_refer_done(w.customer, 202, false);
	world_wait(&w, 29999);
	assert_int_equal(w.outcomes, 0);
	assert_null(world_agent(&w));
	world_wait(&w, 1);
	assert_string_equal(w.phase, "dialing");	/* the bridge */
	assert_non_null(world_agent(&w));
}

static void R3_forced_refer_has_no_outcome(void **state)
{
	(void)state;
	start(&by_refer);
	sim_refer_done(w.customer, 202, false);
	world_wait(&w, 30000);
	world_expect(&w, false, false, "no_outcome");
}

static void R3_notified_then_silence(void **state)
{
	const struct switch_fields f = { .timeout = "20" };

	(void)state;
	start(&f);
	sim_refer_done(w.customer, 202, false);
	world_wait(&w, 5000);
	sim_notify(w.customer, 100, false);
	world_wait(&w, 20000);
	sim_notify(w.customer, 180, false);	/* does not start it anew */
	world_wait(&w, 9999);
	assert_int_equal(w.outcomes, 0);
	world_wait(&w, 1);
	world_expect(&w, false, false, "no_answer");
	assert_null(world_agent(&w));
}

static void R4_bye_without_a_notify(void **state)
{
	(void)state;
	start(&by_auto);
	sim_refer_done(w.customer, 202, false);
	world_wait(&w, 10000);
	sim_bye(w.customer);
	world_wait(&w, 999);
	assert_int_equal(w.outcomes, 0);
	world_wait(&w, 1);
	world_expect(&w, true, false, "no_outcome");
	assert_int_equal(w.ended, 1);
}

static void R4_quick_bye_after_notify_100(void **state)
{
	(void)state;
	start(&by_auto);
	sim_refer_done(w.customer, 202, false);
	sim_notify(w.customer, 100, false);
	world_wait(&w, 1999);
	sim_bye(w.customer);
	world_wait(&w, 1000);
	world_expect(&w, true, false, "no_outcome");
}

static void R4_late_bye_after_notify_100(void **state)
{
	(void)state;
	start(&by_auto);
	sim_refer_done(w.customer, 202, false);
	sim_notify(w.customer, 100, false);
	world_wait(&w, 2000);
	sim_bye(w.customer);
	world_wait(&w, 1000);
	world_expect(&w, false, true, "caller_gone");
	assert_string_equal(w.last_event, "hangup");
}

static void R4_bye_before_the_answer(void **state)
{
	(void)state;
	start(&by_auto);
	sim_bye(w.customer);
	world_wait(&w, 1000);
	world_expect(&w, false, true, "caller_gone");
}

static void R5_refer_sub_false(void **state)
{
	(void)state;
	start(&by_auto);
	sim_refer_done(w.customer, 202, true);
	world_expect(&w, true, false, "no_outcome");
	taken_over();
}

static void R6_terminated_without_an_outcome(void **state)
{
	(void)state;
	start(&by_auto);
	sim_refer_done(w.customer, 202, false);
	sim_notify(w.customer, 100, true);
	world_expect(&w, false, false, "no_outcome");
	assert_null(world_agent(&w));
}

static void R6_terminated_without_a_sipfrag(void **state)
{
	(void)state;
	start(&by_auto);
	sim_refer_done(w.customer, 202, false);
	sim_notify(w.customer, 0, true);
	world_expect(&w, false, false, "no_outcome");
}

static void R7_the_subscription_ends_not_the_call(void **state)
{
	const struct switch_fields f = { .method = "refer", .keep = true };

	(void)state;
	start(&f);
	sim_refer_done(w.customer, 202, false);
	sim_notify(w.customer, 486, true);
	world_expect(&w, false, false, "busy");
	world_wait(&w, 60000);
	assert_int_equal(w.ended, 0);
	sim_text(w.customer, "still here");
	assert_string_equal(w.last_query, "still here");
}

static void R8_bye_crosses_the_final_notify(void **state)
{
	(void)state;
	start(&by_auto);
	sim_refer_done(w.customer, 202, false);
	sim_notify(w.customer, 100, false);
	world_wait(&w, 5000);
	sim_bye(w.customer);
	world_wait(&w, 900);
	sim_notify(w.customer, 200, true);
	world_expect(&w, true, false, "answered");
	assert_int_equal(w.ended, 1);
	assert_string_not_equal(w.last_event, "hangup");
}

static void R8_bye_then_a_final_refusal(void **state)
{
	(void)state;
	start(&by_auto);
	sim_refer_done(w.customer, 202, false);
	sim_bye(w.customer);
	world_wait(&w, 500);
	sim_notify(w.customer, 486, true);
	world_expect(&w, false, false, "busy");
	assert_int_equal(w.ended, 1);
	assert_string_equal(w.last_event, "hangup");
}

static void R12_refused(void **state)
{
	static const int codes[] = { 400, 403, 405, 420, 486, 501, 503, 603,
		408, 0 };

	(void)state;
	for (unsigned i = 0; i < sizeof(codes) / sizeof(*codes); i++) {
		if (i) {
			world_close(&w);
			world_open(&w);
		}
		start(&by_refer);
		sim_refer_done(w.customer, codes[i], false);
		world_expect(&w, false, false, "refer_rejected");

		world_close(&w);
		world_open(&w);
		start(&by_auto);
		sim_refer_done(w.customer, codes[i], false);
		assert_non_null(world_agent(&w));
		assert_string_equal(w.phase, "dialing");
	}
}

static void R12_no_answer_at_all(void **state)
{
	(void)state;
	start(&by_auto);
	world_wait(&w, 5999);
	assert_null(world_agent(&w));
	world_wait(&w, 1);
	assert_non_null(world_agent(&w));
}

static void R12_481_is_a_dead_dialog(void **state)
{
	(void)state;
	start(&by_auto);
	sim_refer_done(w.customer, 481, false);
	world_expect(&w, false, true, "caller_gone");
	assert_int_equal(w.ended, 1);
}

static void R12_401_cannot_be_met(void **state)
{
	(void)state;
	start(&by_refer);
	sim_refer_done(w.customer, 401, false);
	world_expect(&w, false, false, "unauthorized");
}

static void R16_late_success_while_the_agent_rings(void **state)
{
	(void)state;
	start(&by_auto);
	sim_refer_done(w.customer, 202, false);
	world_wait(&w, 30000);
	sim_progress(world_agent(&w), 180);
	sim_notify(w.customer, 200, true);
	world_expect(&w, true, false, "answered");
	assert_null(world_agent(&w));
	taken_over();
}

static void R16_late_success_after_the_answer(void **state)
{
	(void)state;
	start(&by_auto);
	sim_refer_done(w.customer, 202, false);
	world_wait(&w, 30000);
	sim_progress(world_agent(&w), 180);
	sim_answer(world_agent(&w));
	sim_notify(w.customer, 200, true);
	sim_offer_done(w.customer, 200);
	sim_notify(w.customer, 200, true);
	assert_string_equal(w.phase, "joined");
	assert_int_equal(w.outcomes, 0);
	sim_bye(w.customer);
	world_expect(&w, true, true, "answered");
}

static void R18_success_and_no_bye(void **state)
{
	(void)state;
	start(&by_auto);
	sim_refer_done(w.customer, 202, false);
	sim_notify(w.customer, 200, true);
	world_expect(&w, true, false, "answered");
	world_wait(&w, 999);
	assert_int_equal(w.ended, 0);
	assert_int_equal(sim_legs(w.sim), 1);
	world_wait(&w, 1);
	assert_int_equal(w.ended, 1);
	assert_int_equal(sim_legs(w.sim), 0);
}

static void failure_ends_the_call_without_continueCall(void **state)
{
	(void)state;
	start(&by_refer);
	sim_refer_done(w.customer, 202, false);
	sim_notify(w.customer, 603, true);
	world_expect(&w, false, false, "declined");
	assert_int_equal(w.ended, 1);
	assert_string_equal(w.last_event, "botHangup");
}

static void R13_time_to_answer_counts_from_the_sending(void **state)
{
	(void)state;
	start(&by_refer);
	world_wait(&w, 5000);
	sim_refer_sent(w.customer);	/* a re-INVITE of ours was answered */
	world_wait(&w, 5999);
	assert_int_equal(w.transfers_ended, 0);
	world_wait(&w, 1);
	world_expect(&w, false, false, "refer_rejected");
}

static void R13_given_up_it_is_never_sent(void **state)
{
	(void)state;
	start(&by_refer);
	world_wait(&w, 6000);
	world_expect(&w, false, false, "refer_rejected");
	/* The call ends behind it, and its leg with it. */
	assert_false(sim_has(w.sim, w.customer) && w.customer->referring);
}

static void R13_nor_after_a_fallback(void **state)
{
	(void)state;
	start(&by_auto);
	world_wait(&w, 6000);
	assert_string_equal(w.phase, "dialing");
	assert_false(w.customer->referring);
	sim_reject(world_agent(&w), 486);
	world_expect(&w, false, false, "busy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(R1_accepted_with_200),
		CASE(R2_notify_before_the_2xx),
		CASE(R2_final_notify_before_the_2xx),
		CASE(R3_accepted_but_never_notified),
		CASE(R3_forced_refer_has_no_outcome),
		CASE(R3_notified_then_silence),
		CASE(R4_bye_without_a_notify),
		CASE(R4_quick_bye_after_notify_100),
		CASE(R4_late_bye_after_notify_100),
		CASE(R4_bye_before_the_answer),
		CASE(R5_refer_sub_false),
		CASE(R6_terminated_without_an_outcome),
		CASE(R6_terminated_without_a_sipfrag),
		CASE(R7_the_subscription_ends_not_the_call),
		CASE(R8_bye_crosses_the_final_notify),
		CASE(R8_bye_then_a_final_refusal),
		CASE(R12_refused),
		CASE(R12_no_answer_at_all),
		CASE(R12_481_is_a_dead_dialog),
		CASE(R12_401_cannot_be_met),
		CASE(R13_time_to_answer_counts_from_the_sending),
		CASE(R13_given_up_it_is_never_sent),
		CASE(R13_nor_after_a_fallback),
		CASE(R16_late_success_while_the_agent_rings),
		CASE(R16_late_success_after_the_answer),
		CASE(R18_success_and_no_bye),
		CASE(failure_ends_the_call_without_continueCall),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
