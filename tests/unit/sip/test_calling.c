/* Calls of ours: answers, forks, CANCEL and what crosses it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/offer.h"
#include "live.h"

static void ring_and_answer(const char *tag)
{
	side_dial(&s, &p);
	peer_expect(&p, "INVITE ", NULL);
	save(invite);
	peer_answer(&p, invite, "180 Ringing", tag, NULL, NULL);
	assert_int_equal(side_event(&s, LEG_PROGRESS)->status, 180);
	peer_answer(&p, invite, "200 OK", tag, NULL, PEER_SDP);
	assert_true(side_event(&s, LEG_ANSWERED)->offer);
	peer_expect(&p, "ACK ", NULL);
}

static void I5_answer_is_acked_again(void **state)
{
	char value[64];

	(void)state;
	ring_and_answer("a");
	assert_non_null(strstr(invite, "\r\nX-Call-REASON: a b\r\n"));
	assert_string_equal(peer_header(invite, "Max-Forwards", value, 64),
			    "69");
	peer_answer(&p, invite, "200 OK", "a", NULL, PEER_SDP);
	peer_expect(&p, "ACK ", NULL);
	end();
	answer_bye();
	peer_answer(&p, invite, "200 OK", "a", NULL, PEER_SDP);
	peer_expect(&p, "ACK ", NULL);
}

static void I4_second_200_is_ended(void **state)
{
	(void)state;
	ring_and_answer("a");
	peer_answer(&p, invite, "200 OK", "b", NULL, PEER_SDP);
	peer_expect(&p, "ACK ", NULL);
	assert_non_null(strstr(p.in, "tag=b"));
	peer_expect(&p, "BYE ", NULL);
	assert_non_null(strstr(p.in, "tag=b"));
	peer_answer(&p, p.in, "200 OK", NULL, NULL, NULL);
	end();
	peer_expect(&p, "BYE ", NULL);
	assert_non_null(strstr(p.in, "tag=a"));
	peer_answer(&p, p.in, "200 OK", NULL, NULL, NULL);
}

static void I1_200_crosses_cancel(void **state)
{
	const struct leg_reason reason = { 200, "Call completed elsewhere" };
	char value[128];

	(void)state;
	side_dial(&s, &p);
	peer_expect(&p, "INVITE ", NULL);
	save(invite);
	peer_answer(&p, invite, "180 Ringing", "a", NULL, NULL);
	side_event(&s, LEG_PROGRESS);
	leg_end(s.leg, &reason);
	s.leg = NULL;
	peer_expect(&p, "CANCEL ", NULL);
	assert_string_equal(peer_header(p.in, "Reason", value, 128),
		"SIP;cause=200;text=\"Call completed elsewhere\"");
	peer_answer(&p, invite, "200 OK", "a",
		    "Record-Route: <sip:127.0.0.1:1;lr>\r\n", PEER_SDP);
	peer_answer(&p, p.in, "481 Too late", NULL, NULL, NULL);
	/* The route set is kept: they go to port 1, where nobody is. */
	side_settled(&s);
}

static void I1_200_crosses_cancel_and_is_ended(void **state)
{
	(void)state;
	side_dial(&s, &p);
	peer_expect(&p, "INVITE ", NULL);
	save(invite);
	peer_answer(&p, invite, "183 Progress", "a", NULL, NULL);
	side_event(&s, LEG_PROGRESS);
	end();
	peer_expect(&p, "CANCEL ", NULL);
	peer_answer(&p, p.in, "200 OK", NULL, NULL, NULL);
	peer_answer(&p, invite, "200 OK", "a", NULL, PEER_SDP);
	peer_expect(&p, "ACK ", NULL);
	answer_bye();
}

static void I2_cancel_waits_for_a_provisional(void **state)
{
	(void)state;
	side_dial(&s, &p);
	peer_expect(&p, "INVITE ", NULL);
	save(invite);
	end();
	peer_sync(&p);	/* fails if a CANCEL comes before */
	peer_answer(&p, invite, "100 Trying", NULL, NULL, NULL);
	peer_expect(&p, "CANCEL ", NULL);
	peer_answer(&p, p.in, "200 OK", "a", NULL, NULL);
	peer_answer(&p, invite, "487 Request Terminated", "a", NULL, NULL);
	peer_expect(&p, "ACK ", NULL);
	side_settled(&s);
}

static void I2_200_instead_of_a_provisional(void **state)
{
	(void)state;
	side_dial(&s, &p);
	peer_expect(&p, "INVITE ", NULL);
	save(invite);
	end();
	peer_sync(&p);
	peer_answer(&p, invite, "200 OK", "a", NULL, PEER_SDP);
	peer_expect(&p, "ACK ", NULL);
	answer_bye();
}

static void I3_late_200_after_the_end(void **state)
{
	(void)state;
	reopen(600);
	side_dial(&s, &p);
	peer_expect(&p, "INVITE ", NULL);
	save(invite);
	end();
	side_settled(&s);
	peer_answer(&p, invite, "200 OK", "a", NULL, PEER_SDP);
	peer_expect(&p, "ACK ", NULL);
	peer_expect(&p, "BYE ", NULL);
	peer_answer(&p, p.in, "200 OK", NULL, NULL, NULL);
}

static void I3_no_487_ever(void **state)
{
	(void)state;
	reopen(600);
	side_dial(&s, &p);
	peer_expect(&p, "INVITE ", NULL);
	save(invite);
	peer_answer(&p, invite, "180 Ringing", "a", NULL, NULL);
	side_event(&s, LEG_PROGRESS);
	end();
	peer_expect(&p, "CANCEL ", NULL);
	peer_answer(&p, p.in, "200 OK", NULL, NULL, NULL);
	side_settled(&s);
	peer_answer(&p, invite, "200 OK", "a", NULL, PEER_SDP);
	peer_expect(&p, "ACK ", NULL);
	peer_expect(&p, "BYE ", NULL);
	peer_answer(&p, p.in, "200 OK", NULL, NULL, NULL);
}

static void refused(const char *status, const char *more, int code,
		    enum leg_cause cause, int after)
{
	const struct noted *n;

	side_dial(&s, &p);
	peer_expect(&p, "INVITE ", NULL);
	peer_answer(&p, p.in, status, "a", more, NULL);
	n = side_event(&s, LEG_REJECTED);
	assert_int_equal(n->status, code);
	assert_int_equal(n->cause, cause);
	assert_int_equal(n->retry_after, after);
	peer_expect(&p, "ACK ", NULL);
	end();
	side_settled(&s);
}

static void refusals(void **state)
{
	(void)state;
	refused("486 Busy Here", NULL, 486, LEG_CAUSE_NONE, 0);
	refused("503 No", "Retry-After: 9\r\n", 503, LEG_CAUSE_NONE, 9);
	refused("407 Who", NULL, 407, LEG_CAUSE_UNAUTHORIZED, 0);
	refused("408 Timeout", NULL, 408, LEG_CAUSE_NONE, 0);
	refused("302 Moved", NULL, 302, LEG_CAUSE_NONE, 0);
}

static void I13_nobody_listens(void **state)
{
	const struct noted *n;

	(void)state;
	side_dial(&s, &p);
	peer_expect(&p, "INVITE ", NULL);
	peer_close(&p);
	n = side_event(&s, LEG_REJECTED);	/* at the retransmission */
	assert_int_equal(n->status, 0);
	assert_int_equal(n->cause, LEG_CAUSE_UNREACHABLE);
	end();
	side_settled(&s);
	peer_open(&p, &s);
}

static void silence_is_a_timeout(void **state)
{
	const struct noted *n;

	(void)state;
	reopen(600);
	side_dial(&s, &p);
	n = side_event(&s, LEG_REJECTED);
	assert_int_equal(n->status, 0);
	assert_int_equal(n->cause, LEG_CAUSE_TIMEOUT);
	end();
	side_settled(&s);
}

static void answer_without_sdp(void **state)
{
	const struct noted *n;

	(void)state;
	side_dial(&s, &p);
	peer_expect(&p, "INVITE ", NULL);
	peer_answer(&p, p.in, "200 OK", "a", NULL, NULL);
	n = side_event(&s, LEG_REJECTED);
	assert_int_equal(n->cause, LEG_CAUSE_BAD_ANSWER);
	peer_expect(&p, "ACK ", NULL);
	peer_expect(&p, "BYE ", NULL);
	peer_answer(&p, p.in, "200 OK", NULL, NULL, NULL);
	end();
	side_settled(&s);
}

static void answer_with_the_sdp_of_its_183(void **state)
{
	(void)state;
	side_dial(&s, &p);
	peer_expect(&p, "INVITE ", NULL);
	save(invite);
	peer_answer(&p, invite, "183 Progress", "a", NULL, PEER_SDP);
	assert_true(side_event(&s, LEG_PROGRESS)->offer);
	peer_answer(&p, invite, "200 OK", "a", NULL, NULL);
	assert_true(side_event(&s, LEG_ANSWERED)->offer);
	peer_expect(&p, "ACK ", NULL);
	end();
	answer_bye();
}

static void dial_refuses_nonsense(void **state)
{
	static const char *const uri[] = {
		"sip:1@pbx.example.com:0", "tel:123", "sip:1@127.0.0.1:0",
		"sip:1@127.0.0.1:x", "", "garbage", "sip:1>@127.0.0.1",
		"sip:1@127.0.0.1\r\nX: y",
	};
	const struct header bad[] = {
		{ (char *)"X", (char *)"a\r\nY: b" },
		{ (char *)"X Y", (char *)"a" },
	};
	struct offer *o = side_offer(9);
	struct leg_dial d = { .max_forwards = 70, .offer = o };
	struct leg *leg = NULL;

	(void)state;
	for (size_t i = 0; i < sizeof(uri) / sizeof(uri[0]); i++) {
		d.uri = uri[i];
		assert_int_equal(s.sig->ops->dial(s.sig, &d, NULL, NULL,
						  &leg), UV_EINVAL);
	}
	d.uri = "sip:1@127.0.0.1:9";
	d.header_count = 1;
	for (size_t i = 0; i < 2; i++) {
		d.headers = &bad[i];
		assert_int_equal(s.sig->ops->dial(s.sig, &d, NULL, NULL,
						  &leg), UV_EINVAL);
	}
	assert_null(leg);
	offer_unref(o);
}

static void early_bye_of_the_callee_is_none(void **state)
{
	(void)state;
	side_dial(&s, &p);
	peer_expect(&p, "INVITE ", NULL);
	save(invite);
	peer_answer(&p, invite, "180 Ringing", "a", NULL, NULL);
	side_event(&s, LEG_PROGRESS);
	peer_is_callee(&p, invite, "a");
	peer_request(&p, "BYE", NULL, NULL);
	peer_expect(&p, "SIP/2.0 481", "BYE");
	peer_answer(&p, invite, "200 OK", "a", NULL, PEER_SDP);
	side_event(&s, LEG_ANSWERED);
	peer_expect(&p, "ACK ", NULL);
	end();
	answer_bye();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(I5_answer_is_acked_again),
		TEST(I4_second_200_is_ended),
		TEST(I1_200_crosses_cancel),
		TEST(I1_200_crosses_cancel_and_is_ended),
		TEST(I2_cancel_waits_for_a_provisional),
		TEST(I2_200_instead_of_a_provisional),
		TEST(I3_late_200_after_the_end),
		TEST(I3_no_487_ever),
		TEST(refusals),
		TEST(I13_nobody_listens),
		TEST(silence_is_a_timeout),
		TEST(answer_without_sdp),
		TEST(answer_with_the_sdp_of_its_183),
		TEST(dial_refuses_nonsense),
		TEST(early_bye_of_the_callee_is_none),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
