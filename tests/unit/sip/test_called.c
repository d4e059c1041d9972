/* Calls to us: answer, ACK, CANCEL, refusal; keys and text. */
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

static void called_and_we_hang_up(void **state)
{
	(void)state;
	peer_call(&p);
	end();
	answer_bye();
}

static void answered_at_once_without_100(void **state)
{
	(void)state;
	peer_request(&p, "INVITE", NULL, PEER_SDP);
	assert_memory_equal(peer_expect(&p, "SIP/2.0 ", "INVITE"),
			    "SIP/2.0 200", 11);
	peer_take_tag(&p);
	peer_ack(&p, NULL);
	side_event(&s, LEG_ACKED);
	end();
	answer_bye();
}

static void called_and_peer_hangs_up(void **state)
{
	(void)state;
	peer_call(&p);
	peer_request(&p, "BYE", NULL, NULL);
	peer_expect(&p, "SIP/2.0 200", "BYE");
	assert_int_equal(side_event(&s, LEG_ENDED)->cause, LEG_CAUSE_BYE);
	end();
	side_settled(&s);
	/* Nothing more for a dialog that is gone. */
	peer_request(&p, "INFO", NULL, NULL);
	peer_expect(&p, "SIP/2.0 481", "INFO");
}

static void O18_bye_waits_for_the_ack(void **state)
{
	(void)state;
	peer_request(&p, "INVITE", NULL, PEER_SDP);
	peer_expect(&p, "SIP/2.0 200", "INVITE");
	save(invite);
	end();
	peer_sync(&p);	/* fails if a BYE comes before */
	memcpy(p.in, invite, sizeof(invite));
	peer_ack(&p, NULL);
	answer_bye();
}

static void O18_no_ack_at_all(void **state)
{
	(void)state;
	reopen(700);
	peer_request(&p, "INVITE", NULL, PEER_SDP);
	peer_expect(&p, "SIP/2.0 200", "INVITE");
	peer_expect(&p, "BYE ", NULL);
	peer_answer(&p, p.in, "200 OK", NULL, NULL, NULL);
	assert_int_equal(side_event(&s, LEG_ENDED)->cause, LEG_CAUSE_NO_ACK);
	end();
	side_settled(&s);
}

static void O18_offer_and_refer_wait_for_the_ack(void **state)
{
	const struct leg_refer refer = { .uri = "sip:1@127.0.0.1" };
	static char ok[65536];

	(void)state;
	peer_request(&p, "INVITE", NULL, PEER_SDP);
	peer_expect(&p, "SIP/2.0 200", "INVITE");
	save(ok);
	assert_int_equal(leg_refer(s.leg, &refer), 0);
	reoffer(11);
	assert_int_equal(leg_refer(s.leg, &refer), UV_EBUSY);
	peer_sync(&p);
	memcpy(p.in, ok, sizeof(ok));
	peer_ack(&p, NULL);
	side_event(&s, LEG_ACKED);
	/* The re-INVITE first, then the REFER (case R13). */
	peer_expect(&p, "INVITE ", NULL);
	peer_answer(&p, p.in, "200 OK", NULL, NULL, PEER_SDP);
	side_event(&s, LEG_OFFER_DONE);
	side_event(&s, LEG_REFER_SENT);
	peer_expect(&p, "REFER ", NULL);
	peer_answer(&p, p.in, "603 Decline", NULL, NULL, NULL);
	assert_int_equal(side_event(&s, LEG_REFER_DONE)->status, 603);
	end();
	answer_bye();
}

static void O18_what_waited_is_taken_back(void **state)
{
	const struct leg_refer refer = { .uri = "sip:1@127.0.0.1" };

	(void)state;
	peer_request(&p, "INVITE", NULL, PEER_SDP);
	peer_expect(&p, "SIP/2.0 200", "INVITE");
	assert_false(leg_withdraw_offer(s.leg));
	reoffer(11);
	assert_int_equal(leg_refer(s.leg, &refer), 0);
	leg_withdraw_refer(s.leg);
	assert_true(leg_withdraw_offer(s.leg));
	peer_ack(&p, NULL);
	side_event(&s, LEG_ACKED);
	/* Neither is sent: what comes next is what is asked for next. */
	reoffer(12);
	peer_expect(&p, "INVITE ", NULL);
	assert_false(leg_withdraw_offer(s.leg));	/* on the wire */
	peer_answer(&p, p.in, "200 OK", NULL, NULL, PEER_SDP);
	side_event(&s, LEG_OFFER_DONE);
	end();
	answer_bye();
}

static void O18_a_refer_behind_what_is_taken_back(void **state)
{
	const struct leg_refer refer = { .uri = "sip:1@127.0.0.1" };

	(void)state;
	peer_request(&p, "INVITE", NULL, PEER_SDP);
	peer_expect(&p, "SIP/2.0 200", "INVITE");
	reoffer(11);
	assert_int_equal(leg_refer(s.leg, &refer), 0);
	peer_ack(&p, NULL);
	side_event(&s, LEG_ACKED);
	peer_expect(&p, "INVITE ", NULL);
	peer_answer(&p, p.in, "491 Request Pending", NULL, NULL, NULL);
	peer_sync(&p);
	assert_true(leg_withdraw_offer(s.leg));	/* in its back-off */
	side_event(&s, LEG_REFER_SENT);
	peer_expect(&p, "REFER ", NULL);
	peer_answer(&p, p.in, "603 Decline", NULL, NULL, NULL);
	side_event(&s, LEG_REFER_DONE);
	end();
	answer_bye();
}

static void cancelled_while_it_rings(void **state)
{
	char branch[128];
	unsigned cseq;
	char via[256];

	(void)state;
	s.quiet = true;
	peer_request(&p, "INVITE", NULL, PEER_SDP);
	memcpy(branch, p.branch, sizeof(branch));
	cseq = p.cseq;
	peer_expect(&p, "SIP/2.0 100", "INVITE");
	assert_int_equal(leg_ring(s.leg, 180), 0);
	peer_expect(&p, "SIP/2.0 180", "INVITE");
	snprintf(via, sizeof(via), "SIP/2.0/UDP 127.0.0.1:%u;branch=%s",
		 (unsigned)p.port, branch);
	peer_request_via(&p, "CANCEL", via, cseq, NULL);
	peer_expect(&p, "SIP/2.0 200", "CANCEL");
	peer_expect(&p, "SIP/2.0 487", "INVITE");
	peer_ack(&p, NULL);
	assert_int_equal(side_event(&s, LEG_ENDED)->cause, LEG_CAUSE_CANCEL);
	assert_int_equal(leg_ring(s.leg, 180), UV_ENOTCONN);
	end();
	side_settled(&s);
}

static void rejected_and_dropped(void **state)
{
	char after[16];

	(void)state;
	s.quiet = true;
	peer_request(&p, "INVITE", NULL, PEER_SDP);
	peer_expect(&p, "SIP/2.0 100", "INVITE");
	assert_int_equal(leg_reject(s.leg, 486, NULL, 3), 0);
	end();
	peer_expect(&p, "SIP/2.0 486 Busy Here", "INVITE");
	peer_header(p.in, "Retry-After", after, sizeof(after));
	assert_string_equal(after, "3");
	peer_ack(&p, NULL);
	side_settled(&s);

	peer_request(&p, "INVITE", NULL, PEER_SDP);
	peer_expect(&p, "SIP/2.0 100", "INVITE");
	end();
	peer_expect(&p, "SIP/2.0 480", "INVITE");
	peer_ack(&p, NULL);
	side_settled(&s);
}

static void what_the_engine_is_told(void **state)
{
	static const char msg[] = "INVITE sip:bot@127.0.0.1 SIP/2.0\r\n"
		"v: SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKtold\r\n"
		"f: \"Jo\r\n \\\"e\\\" x\" <sip:jo@127.0.0.1>;tag=told\r\n"
		"t: <sip:bot@127.0.0.1>\r\ni: told\r\nCSeq: 1 INVITE\r\n"
		"m: <sip:jo@127.0.0.1:%u>\r\nMax-Forwards: 99999\r\n"
		"Allow: INVITE, refer\r\nX-Fold: a\r\n b\r\n\r\n";
	char buf[sizeof(msg) + 16];
	const int n = snprintf(buf, sizeof(buf), msg, (unsigned)p.port,
			       (unsigned)p.port);

	(void)state;
	peer_send(&p, buf, (size_t)n);
	peer_expect(&p, "SIP/2.0 200", "INVITE");
	/* Folded lines are one, and what is quoted is plain. */
	assert_string_equal(s.display, "Jo   \"e\" x");
	assert_string_equal(s.fold, "a   b");
	assert_int_equal(s.forwards, 255);
	assert_true(s.allow_refer);
}

static void O4_invite_without_sdp(void **state)
{
	(void)state;
	peer_request(&p, "INVITE", NULL, NULL);
	peer_expect(&p, "SIP/2.0 200", "INVITE");
	assert_non_null(strstr(p.in, "m=audio 9"));
	peer_ack(&p, PEER_SDP);
	assert_true(side_event(&s, LEG_ACKED)->offer);
	assert_int_equal(s.remote_port, 6000);
	end();
	answer_bye();
}

static void O11_100rel_required(void **state)
{
	char rseq[32], cseq[32], more[128];
	struct offer *o = side_offer(9);

	(void)state;
	s.quiet = true;
	peer_request(&p, "INVITE", "Require: 100rel\r\n", PEER_SDP);
	peer_expect(&p, "SIP/2.0 100", "INVITE");
	assert_int_equal(leg_ring(s.leg, 180), 0);
	peer_expect(&p, "SIP/2.0 180", "INVITE");
	peer_header(p.in, "RSeq", rseq, sizeof(rseq));
	peer_header(p.in, "CSeq", cseq, sizeof(cseq));
	assert_true(rseq[0]);
	snprintf(more, sizeof(more), "RAck: %s %s\r\n", rseq, cseq);
	peer_take_tag(&p);
	peer_request(&p, "PRACK", more, NULL);
	peer_expect(&p, "SIP/2.0 200", "PRACK");
	assert_int_equal(leg_answer(s.leg, o), 0);
	offer_unref(o);
	peer_expect(&p, "SIP/2.0 200", "INVITE");
	peer_ack(&p, NULL);
	side_event(&s, LEG_ACKED);
	end();
	answer_bye();
}

static void O11_100rel_without_prack(void **state)
{
	(void)state;
	reopen(700);
	s.quiet = true;
	peer_request(&p, "INVITE", "Require: 100rel\r\n", PEER_SDP);
	peer_expect(&p, "SIP/2.0 100", "INVITE");
	assert_int_equal(leg_ring(s.leg, 180), 0);
	peer_expect(&p, "SIP/2.0 503", "INVITE");
	peer_ack(&p, NULL);
	assert_int_equal(side_event(&s, LEG_ENDED)->cause, LEG_CAUSE_DEAD);
	end();
	side_settled(&s);
}

/* INFO and MESSAGE */

static void digits_and_text(void **state)
{
	(void)state;
	peer_call(&p);
	peer_request(&p, "INFO", "Content-Type: application/dtmf-relay\r\n",
		     "Signal=5\r\nDuration=160\r\n");
	peer_expect(&p, "SIP/2.0 200", "INFO");
	assert_string_equal(side_event(&s, LEG_DIGIT)->text, "5");
	peer_request(&p, "INFO", "Content-Type: Application/DTMF\r\n", "#");
	peer_expect(&p, "SIP/2.0 200", "INFO");
	assert_string_equal(side_event(&s, LEG_DIGIT)->text, "#");
	peer_request(&p, "INFO", NULL, NULL);
	peer_expect(&p, "SIP/2.0 200", "INFO");
	peer_request(&p, "INFO", "Content-Type: text/x\r\n", "x");
	peer_expect(&p, "SIP/2.0 415", "INFO");
	peer_request(&p, "MESSAGE",
		     "Content-Type: text/plain;charset=utf-8\r\n",
		     "/start \xc3\xa4");
	peer_expect(&p, "SIP/2.0 200", "MESSAGE");
	assert_string_equal(side_event(&s, LEG_TEXT)->text, "/start \xc3\xa4");
	peer_request(&p, "MESSAGE", "Content-Type: text/html\r\n", "<p>");
	peer_expect(&p, "SIP/2.0 415", "MESSAGE");
	side_no_event(&s);
	end();
	answer_bye();
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(called_and_we_hang_up),
		TEST(answered_at_once_without_100),
		TEST(called_and_peer_hangs_up),
		TEST(O18_bye_waits_for_the_ack),
		TEST(O18_no_ack_at_all),
		TEST(O18_offer_and_refer_wait_for_the_ack),
		TEST(O18_what_waited_is_taken_back),
		TEST(O18_a_refer_behind_what_is_taken_back),
		TEST(cancelled_while_it_rings),
		TEST(rejected_and_dropped),
		TEST(what_the_engine_is_told),
		TEST(O4_invite_without_sdp),
		TEST(O11_100rel_required),
		TEST(O11_100rel_without_prack),
		TEST(digits_and_text),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
