/* Whole dialogs over UDP: our side against a scripted peer. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/offer.h"
#include "side.h"

#define T1X64 32000

static struct side s;
static struct peer p;
static char invite[65536];

static int setup(void **state)
{
	(void)state;
	side_open(&s, T1X64);
	peer_open(&p, &s);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	peer_close(&p);
	side_close(&s);
	return 0;
}

static void end(void)
{
	leg_end(s.leg, NULL);
	s.leg = NULL;
}

static void save(char *to)
{
	memcpy(to, p.in, strlen(p.in) + 1);
}

static void answer_bye(void)
{
	peer_expect(&p, "BYE ", NULL);
	peer_answer(&p, p.in, "200 OK", NULL, NULL, NULL);
	side_settled(&s);
}

static void reoffer(uint16_t port)
{
	struct offer *o = side_offer(port);

	assert_int_equal(leg_offer(s.leg, o), 0);
	offer_unref(o);
}

/* inbound */

static void called_and_we_hang_up(void **state)
{
	(void)state;
	peer_call(&p);
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
	peer_close(&p);
	side_close(&s);
	side_open(&s, 700);
	peer_open(&p, &s);
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
	peer_expect(&p, "REFER ", NULL);
	peer_answer(&p, p.in, "603 Decline", NULL, NULL, NULL);
	assert_int_equal(side_event(&s, LEG_REFER_DONE)->status, 603);
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

/* outbound */

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
	peer_close(&p);
	side_close(&s);
	side_open(&s, 600);
	peer_open(&p, &s);
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
	peer_close(&p);
	side_close(&s);
	side_open(&s, 600);
	peer_open(&p, &s);
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
	peer_close(&p);
	side_close(&s);
	side_open(&s, 600);
	peer_open(&p, &s);
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
		"sip:1@pbx.example.com", "tel:123", "sip:1@127.0.0.1:0",
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

/* re-INVITE */

static void O1_491_is_tried_again(void **state)
{
	(void)state;
	peer_call(&p);
	reoffer(11);
	peer_expect(&p, "INVITE ", NULL);
	peer_answer(&p, p.in, "491 Request Pending", NULL, NULL, NULL);
	peer_expect(&p, "ACK ", NULL);
	/* Up to 2 s: the Call-ID is the peer's. */
	peer_expect(&p, "INVITE ", NULL);
	assert_non_null(strstr(p.in, "m=audio 11"));
	peer_answer(&p, p.in, "200 OK", NULL, NULL, PEER_SDP);
	assert_int_equal(side_event(&s, LEG_OFFER_DONE)->status, 200);
	peer_expect(&p, "ACK ", NULL);
	end();
	answer_bye();
}

static void O2_reinvites_cross(void **state)
{
	static char ours[65536];

	(void)state;
	peer_call(&p);
	reoffer(11);
	peer_expect(&p, "INVITE ", NULL);
	save(ours);
	peer_request(&p, "INVITE", NULL, PEER_SDP);
	peer_expect(&p, "SIP/2.0 491", "INVITE");
	peer_ack(&p, NULL);
	peer_answer(&p, ours, "488 No", NULL, NULL, NULL);
	assert_int_equal(side_event(&s, LEG_OFFER_DONE)->status, 488);
	end();
	answer_bye();
}

static void O2_second_before_the_answer(void **state)
{
	char value[16];
	struct offer *o;

	(void)state;
	peer_call(&p);
	s.quiet = true;
	peer_request(&p, "INVITE", NULL, PEER_SDP);
	assert_true(side_event(&s, LEG_OFFER)->offer);
	peer_request(&p, "INVITE", NULL, PEER_SDP);
	peer_expect(&p, "SIP/2.0 500", "INVITE");
	assert_true(peer_header(p.in, "Retry-After", value, 16)[0]);
	peer_ack(&p, NULL);
	/* Ours has to wait until theirs is acknowledged. */
	reoffer(11);
	o = side_offer(9);
	assert_int_equal(leg_accept(s.leg, o), 0);
	assert_int_equal(leg_accept(s.leg, o), UV_ENOTCONN);
	offer_unref(o);
	peer_expect(&p, "SIP/2.0 200", "INVITE");
	peer_ack(&p, NULL);
	peer_expect(&p, "INVITE ", NULL);
	peer_answer(&p, p.in, "200 OK", NULL, NULL, PEER_SDP);
	side_event(&s, LEG_OFFER_DONE);
	end();
	peer_expect(&p, "ACK ", NULL);
	answer_bye();
}

static void O4_offerless_reinvite(void **state)
{
	(void)state;
	peer_call(&p);
	peer_request(&p, "INVITE", NULL, NULL);
	assert_false(side_event(&s, LEG_OFFER)->offer);
	peer_expect(&p, "SIP/2.0 200", "INVITE");
	assert_non_null(strstr(p.in, "m=audio"));
	peer_ack(&p, PEER_SDP);
	assert_true(side_event(&s, LEG_OFFER_ACKED)->offer);
	peer_request(&p, "INVITE", NULL, NULL);
	side_event(&s, LEG_OFFER);
	peer_expect(&p, "SIP/2.0 200", "INVITE");
	peer_ack(&p, NULL);
	assert_false(side_event(&s, LEG_OFFER_ACKED)->offer);
	end();
	answer_bye();
}

static void O9_reinvite_answered_481(void **state)
{
	(void)state;
	peer_call(&p);
	reoffer(11);
	peer_expect(&p, "INVITE ", NULL);
	peer_answer(&p, p.in, "180 Ringing", NULL, NULL, NULL);
	peer_answer(&p, p.in, "481 Gone", NULL, NULL, NULL);
	assert_int_equal(side_event(&s, LEG_ENDED)->cause, LEG_CAUSE_DEAD);
	end();
	side_settled(&s);
	peer_sync(&p);	/* and no BYE */
}

static void O15_bye_while_our_reinvite_is_pending(void **state)
{
	static char ours[65536];

	(void)state;
	peer_call(&p);
	reoffer(11);
	peer_expect(&p, "INVITE ", NULL);
	save(ours);
	peer_request(&p, "BYE", NULL, NULL);
	peer_expect(&p, "SIP/2.0 200", "BYE");
	assert_int_equal(side_event(&s, LEG_ENDED)->cause, LEG_CAUSE_BYE);
	end();
	peer_answer(&p, ours, "200 OK", NULL, NULL, PEER_SDP);
	peer_expect(&p, "ACK ", NULL);
	side_settled(&s);
}

static void O15_end_while_our_reinvite_is_pending(void **state)
{
	static char ours[65536];

	(void)state;
	peer_call(&p);
	reoffer(11);
	peer_expect(&p, "INVITE ", NULL);
	save(ours);
	end();
	peer_expect(&p, "BYE ", NULL);
	peer_answer(&p, p.in, "200 OK", NULL, NULL, NULL);
	peer_answer(&p, ours, "487 Request Terminated", NULL, NULL, NULL);
	peer_expect(&p, "ACK ", NULL);
	side_settled(&s);
}

static void I11_bye_while_their_reinvite_is_unanswered(void **state)
{
	(void)state;
	peer_call(&p);
	s.quiet = true;
	peer_request(&p, "INVITE", NULL, PEER_SDP);
	side_event(&s, LEG_OFFER);
	peer_request(&p, "BYE", NULL, NULL);
	peer_expect(&p, "SIP/2.0 200", "BYE");
	peer_expect(&p, "SIP/2.0 487", "INVITE");
	side_event(&s, LEG_ENDED);
	end();
	side_settled(&s);
}

static void O11_update(void **state)
{
	(void)state;
	peer_call(&p);
	peer_request(&p, "UPDATE", NULL, NULL);
	peer_expect(&p, "SIP/2.0 200", "UPDATE");
	peer_request(&p, "UPDATE", NULL, PEER_SDP);
	assert_true(side_event(&s, LEG_OFFER)->offer);
	peer_expect(&p, "SIP/2.0 200", "UPDATE");
	assert_non_null(strstr(p.in, "m=audio"));
	end();
	answer_bye();
}

/* REFER */

static unsigned refer(void)
{
	const struct header h = { (char *)"callReason", (char *)"a b" };
	const struct leg_refer r = { .uri = "sip:16123@127.0.0.1:5070",
		.headers = &h, .header_count = 1 };
	char value[256];

	assert_int_equal(leg_refer(s.leg, &r), 0);
	peer_expect(&p, "REFER ", NULL);
	assert_string_equal(peer_header(p.in, "Refer-To", value, 256),
			    "<sip:16123@127.0.0.1:5070?callReason=a%20b>");
	assert_string_equal(peer_header(p.in, "Referred-By", value, 256),
			    "<sip:bot@127.0.0.1>");
	save(invite);
	peer_header(p.in, "CSeq", value, sizeof(value));
	return (unsigned)strtoul(value, NULL, 10);
}

static const struct noted *notify(const char *headers, const char *body)
{
	peer_request(&p, "NOTIFY", headers, body);
	peer_expect(&p, "SIP/2.0 200", "NOTIFY");
	return side_event(&s, LEG_NOTIFY);
}

static void R1_R2_notify_before_the_2xx(void **state)
{
	const struct noted *n;

	(void)state;
	peer_call(&p);
	refer();
	n = notify("Event: refer\r\nSubscription-State: active\r\n",
		   "SIP/2.0 100 Trying\r\n");
	assert_int_equal(n->status, 100);
	assert_false(n->terminated);
	peer_answer(&p, invite, "200 OK", NULL, NULL, NULL);
	n = side_event(&s, LEG_REFER_DONE);
	assert_int_equal(n->status, 200);
	assert_false(n->no_sub);
	n = notify("Event: refer\r\nSubscription-State: "
		   "Terminated;reason=noresource\r\n", "sip/2.0 200");
	assert_int_equal(n->status, 200);
	assert_true(n->terminated);
	assert_string_equal(n->text, "noresource");
	end();
	answer_bye();
}

static void R5_refer_sub_false(void **state)
{
	(void)state;
	peer_call(&p);
	refer();
	peer_answer(&p, invite, "202 Accepted", NULL, "Refer-Sub: false\r\n",
		    NULL);
	assert_true(side_event(&s, LEG_REFER_DONE)->no_sub);
	end();
	answer_bye();
}

static void R8_notify_after_bye(void **state)
{
	(void)state;
	peer_call(&p);
	refer();
	peer_request(&p, "BYE", NULL, NULL);
	peer_expect(&p, "SIP/2.0 200", "BYE");
	side_event(&s, LEG_ENDED);
	peer_answer(&p, invite, "202 Accepted", NULL, NULL, NULL);
	assert_int_equal(side_event(&s, LEG_REFER_DONE)->status, 202);
	assert_int_equal(notify("Event: refer\r\n", "SIP/2.0 200 OK")->status,
			 200);
	end();
	side_settled(&s);
	peer_request(&p, "NOTIFY", "Event: refer\r\n", NULL);
	peer_expect(&p, "SIP/2.0 481", "NOTIFY");
}

static void R9_R10_ids(void **state)
{
	unsigned old, id;
	char event[64];

	(void)state;
	peer_call(&p);
	peer_request(&p, "NOTIFY", "Event: refer\r\n", NULL);
	peer_expect(&p, "SIP/2.0 481", "NOTIFY");

	old = refer();
	peer_answer(&p, invite, "202 Accepted", NULL, NULL, NULL);
	side_event(&s, LEG_REFER_DONE);
	id = refer();
	peer_answer(&p, invite, "202 Accepted", NULL, NULL, NULL);
	side_event(&s, LEG_REFER_DONE);

	/* Of the earlier one: answered, and no more. */
	snprintf(event, sizeof(event), "Event: refer;id=%u\r\n", old);
	peer_request(&p, "NOTIFY", event, "SIP/2.0 486 Busy");
	peer_expect(&p, "SIP/2.0 200", "NOTIFY");
	side_no_event(&s);

	snprintf(event, sizeof(event), "o: refer;id=%u\r\n", id);
	assert_int_equal(notify(event, "SIP/2.0 180")->status, 180);
	assert_int_equal(notify("Event: refer;id=wrong\r\n",
				"SIP/2.0 181 x")->status, 181);
	assert_int_equal(notify(NULL, "SIP/2.0 182 x")->status, 182);
	assert_int_equal(notify("Event: REFER\r\n", NULL)->status, 0);
	peer_request(&p, "NOTIFY", "Event: presence\r\n", NULL);
	peer_expect(&p, "SIP/2.0 489", "NOTIFY");
	end();
	answer_bye();
}

static void R12_refer_refused(void **state)
{
	static const struct {
		const char *status;
		int code;
		enum leg_cause cause;
	} row[] = {
		{ "405 No", 405, LEG_CAUSE_NONE },
		{ "603 Decline", 603, LEG_CAUSE_NONE },
		{ "408 Timeout", 408, LEG_CAUSE_NONE },
		{ "401 Who", 401, LEG_CAUSE_UNAUTHORIZED },
	};
	const struct noted *n;

	(void)state;
	peer_call(&p);
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		refer();
		peer_answer(&p, invite, row[i].status, NULL, NULL, NULL);
		n = side_event(&s, LEG_REFER_DONE);
		assert_int_equal(n->status, row[i].code);
		assert_int_equal(n->cause, row[i].cause);
	}
	refer();
	peer_answer(&p, invite, "481 Gone", NULL, NULL, NULL);
	assert_int_equal(side_event(&s, LEG_ENDED)->cause, LEG_CAUSE_DEAD);
	end();
	side_settled(&s);
	peer_sync(&p);
}

static void R14_inbound_refer(void **state)
{
	(void)state;
	peer_call(&p);
	peer_request(&p, "REFER", "Refer-To: <sip:x@127.0.0.1>\r\n", NULL);
	peer_expect(&p, "SIP/2.0 603", "REFER");
	end();
	answer_bye();
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

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(called_and_we_hang_up),
		TEST(called_and_peer_hangs_up),
		TEST(O18_bye_waits_for_the_ack),
		TEST(O18_no_ack_at_all),
		TEST(O18_offer_and_refer_wait_for_the_ack),
		TEST(cancelled_while_it_rings),
		TEST(rejected_and_dropped),
		TEST(O4_invite_without_sdp),
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
		TEST(O1_491_is_tried_again),
		TEST(O2_reinvites_cross),
		TEST(O2_second_before_the_answer),
		TEST(O4_offerless_reinvite),
		TEST(O9_reinvite_answered_481),
		TEST(O15_bye_while_our_reinvite_is_pending),
		TEST(O15_end_while_our_reinvite_is_pending),
		TEST(I11_bye_while_their_reinvite_is_unanswered),
		TEST(O11_update),
		TEST(R1_R2_notify_before_the_2xx),
		TEST(R5_refer_sub_false),
		TEST(R8_notify_after_bye),
		TEST(R9_R10_ids),
		TEST(R12_refer_refused),
		TEST(R14_inbound_refer),
		TEST(digits_and_text),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
