/* A call without a transfer: admission, answer, bot, end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>
#include <uv.h>

#include "world.h"

static int act(enum action_type type, int status)
{
	struct action_error err;
	struct action *a = action_new(type);
	int rc;

	a->status = status;
	rc = call_act(world_the_call(&w), BY_BOT, a, &err, NULL);
	world_turn(&w);
	return rc;
}

static int say(const char *text)
{
	struct action_error err;
	int rc = call_act(world_the_call(&w), BY_BOT,
			  action_say(text, strlen(text), 0), &err, NULL);

	world_turn(&w);
	return rc;
}

static void answered_at_once(void **state)
{
	(void)state;
	world_call(&w, false);
	assert_int_equal(w.customer->state, SIM_ANSWERED);
	assert_int_equal(w.queries, 0);		/* /start comes with the ACK */
	sim_ack(w.customer);
	world_turn(&w);
	assert_string_equal(w.last_query, "/start");
	sim_bye(w.customer);
	world_turn(&w);
	assert_string_equal(w.last_event, "hangup");
	assert_int_equal(w.ended, 1);
}

static void ringing_answered_by_the_bot(void **state)
{
	(void)state;
	w.handles_ringing = true;
	world_call(&w, false);
	/* The fake's handler ends without a verdict: that means answer. */
	assert_int_equal(w.customer->rung, 180);
	assert_string_equal(w.last_event, "ringing");
	assert_int_equal(w.customer->state, SIM_ANSWERED);
}

static void ringing_refused_by_the_bot(void **state)
{
	struct action_error err;
	struct action *a;
	int status;

	(void)state;
	w.handles_ringing = true;
	w.customer = sim_invite(w.sim, "1", "2", "127.0.0.1", &status);
	a = action_new(ACT_REJECT);
	a->status = 486;
	assert_int_equal(call_act(world_the_call(&w), BY_BOT, a, &err, NULL),
			 0);
	assert_int_equal(w.customer->rejected, 0);	/* not in the verb */
	world_turn(&w);
	assert_int_equal(w.ended, 1);
}

static void cancelled_while_ringing(void **state)
{
	int status;

	(void)state;
	w.handles_ringing = true;
	w.customer = sim_invite(w.sim, "1", "2", "127.0.0.1", &status);
	sim_bye(w.customer);
	world_turn(&w);
	assert_int_equal(w.ended, 1);
	assert_string_equal(w.last_event, "hangup");
}

static void speech_and_switch_before_the_answer_are_refused(void **state)
{
	int status;

	(void)state;
	w.handles_ringing = true;
	w.customer = sim_invite(w.sim, "1", "2", "127.0.0.1", &status);
	assert_int_equal(say("too early"), UV_EINVAL);
}

static void verdict_after_the_answer_is_refused(void **state)
{
	(void)state;
	world_call(&w, true);
	assert_int_equal(act(ACT_REJECT, 486), UV_EINVAL);
	assert_int_equal(act(ACT_ANSWER, 0), UV_EINVAL);
}

static void speech_waits_for_the_ack(void **state)
{
	(void)state;
	world_call(&w, false);
	assert_int_equal(say("hello"), 0);
	assert_int_equal(w.said, 0);
	sim_ack(w.customer);
	world_turn(&w);
	assert_int_equal(w.said, 1);
}

/* A mark comes back when all before it is over, and not before. */
static void a_mark_waits_like_speech(void **state)
{
	struct action_error err;
	struct action *a;

	(void)state;
	world_call(&w, false);
	a = action_new(ACT_MARK);
	a->ticket = 7;
	assert_int_equal(call_act(world_the_call(&w), BY_BOT, a, &err, NULL),
			 0);
	world_turn(&w);
	assert_int_equal(w.ticket, 0);
	sim_ack(w.customer);
	world_turn(&w);
	assert_int_equal(w.ticket, 7);
	/* what a bot waits for itself is nobody else's to ask */
	assert_int_equal(act(ACT_DTMF, 0), UV_EINVAL);
	assert_int_equal(act(ACT_TIMEOUT, 0), UV_EINVAL);
}

static void a_sound_is_told_by_its_name(void **state)
{
	struct action_error err;
	struct action *a = action_say("a.wav", 5, 0);

	(void)state;
	world_call(&w, true);
	a->type = ACT_PLAY;
	assert_int_equal(call_act(world_the_call(&w), BY_BOT, a, &err, NULL),
			 0);
	world_turn(&w);
	assert_int_equal(w.said, 1);
	assert_string_equal(w.audio, "a.wav");
}

static void hangup_comes_after_what_was_said(void **state)
{
	struct action_error err;

	(void)state;
	world_call(&w, true);
	call_act(world_the_call(&w), BY_BOT, action_say("bye", 3, 0), &err,
		 NULL);
	call_act(world_the_call(&w), BY_BOT, action_new(ACT_HANGUP), &err,
		 NULL);
	world_turn(&w);
	assert_int_equal(w.said, 1);
	assert_int_equal(w.ended, 1);
	assert_string_equal(w.last_event, "botHangup");
}

static void hold_is_answered_by_the_node(void **state)
{
	(void)state;
	world_call(&w, true);
	sim_reinvite(w.customer, DIR_SENDONLY);
	assert_false(w.customer->offered);
	assert_int_equal(w.customer->refused, 0);
}

static void digits_are_queries(void **state)
{
	(void)state;
	world_call(&w, true);
	sim_digit(w.customer, '5');
	assert_string_equal(w.last_query, "5");
}

static void admission(void **state)
{
	int status;

	(void)state;
	w.config.accept_any = false;
	w.trunks[0].match_count = 0;
	assert_null(sim_invite(w.sim, "1", "2", "10.0.0.1", &status));
	assert_int_equal(status, 403);
	w.config.accept_any = true;

	w.config.default_bot = NULL;
	assert_null(sim_invite(w.sim, "1", "2", "127.0.0.1", &status));
	assert_int_equal(status, 404);
	w.config.default_bot = w.channels[0].bot;

	w.config.calls = 1;
	world_call(&w, true);
	assert_null(sim_invite(w.sim, "1", "2", "127.0.0.1", &status));
	assert_int_equal(status, 503);
	w.config.calls = 10;

	engine_drain(w.engine);
	assert_null(sim_invite(w.sim, "1", "2", "127.0.0.1", &status));
	assert_int_equal(status, 503);
	world_wait(&w, 10 * 60 * 1000);		/* timer drain */
	assert_int_equal(w.ended, 1);
}

static void lines_of_a_channel(void **state)
{
	int status;

	(void)state;
	w.channels[0].trunk = &w.trunks[0];
	w.channels[0].lines = 1;
	w.customer = sim_invite(w.sim, "1", "100", "127.0.0.1", &status);
	assert_int_equal(status, 0);
	assert_int_equal(w.channels[0].calls, 1);
	assert_null(sim_invite(w.sim, "1", "100", "127.0.0.1", &status));
	assert_int_equal(status, 486);
	sim_ack(w.customer);
	sim_bye(w.customer);
	world_turn(&w);
	assert_int_equal(w.channels[0].calls, 0);
}

static void calls_per_second(void **state)
{
	int status, taken = 0;

	(void)state;
	world_close(&w);
	world_open(&w);
	w.config.cps = 5;
	world_wait(&w, 10000);
	for (int i = 0; i < 20; i++)
		taken += sim_invite(w.sim, "1", "2", "127.0.0.1",
				    &status) != NULL;
	assert_int_equal(taken, 5);
	assert_int_equal(status, 503);
	world_wait(&w, 1000);
	assert_non_null(sim_invite(w.sim, "1", "2", "127.0.0.1", &status));
}

static void ids_are_found_and_gone(void **state)
{
	char id[64], other[80];

	(void)state;
	world_call(&w, true);
	snprintf(id, sizeof(id), "%s", w.call);
	assert_non_null(engine_call(w.engine, id));
	assert_false(engine_call_is_gone(w.engine, id));
	sim_bye(w.customer);
	world_turn(&w);
	assert_null(engine_call(w.engine, id));
	assert_true(engine_call_is_gone(w.engine, id));
	snprintf(other, sizeof(other), "%s9", id);
	assert_false(engine_call_is_gone(w.engine, other));
	assert_false(engine_call_is_gone(w.engine, "boot-"));
	assert_false(engine_call_is_gone(w.engine, "other-1"));
	assert_null(engine_call(w.engine, ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(answered_at_once),
		CASE(ringing_answered_by_the_bot),
		CASE(ringing_refused_by_the_bot),
		CASE(cancelled_while_ringing),
		CASE(speech_and_switch_before_the_answer_are_refused),
		CASE(verdict_after_the_answer_is_refused),
		CASE(speech_waits_for_the_ack),
		CASE(a_mark_waits_like_speech),
		CASE(a_sound_is_told_by_its_name),
		CASE(hangup_comes_after_what_was_said),
		CASE(hold_is_answered_by_the_node),
		CASE(digits_are_queries),
		CASE(admission),
		CASE(lines_of_a_channel),
		CASE(calls_per_second),
		CASE(ids_are_found_and_gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
