/* Challenges (RFC 3261 22): answered, refused, and made of anything. */
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

static const struct credentials account = { "u", "p" };

#define CHALLENGE(nonce, more) \
	"WWW-Authenticate: Digest realm=\"r\", nonce=\"" nonce "\"" more "\r\n"

static unsigned cseq(const char *msg)
{
	char value[64];

	return (unsigned)strtoul(peer_header(msg, "CSeq", value,
					     sizeof(value)), NULL, 10);
}

static void challenge(const char *more)
{
	peer_answer(&p, p.in, "401 Unauthorized", "c", more, NULL);
}

static void dial(void)
{
	side_dial(&s, &p);
	assert_int_equal(leg_credentials(s.leg, &account), 0);
	peer_expect(&p, "INVITE ", NULL);
	save(invite);
	assert_null(strstr(invite, "Authorization"));
}

/* RFC 2617 3.2.2: no qop, so that the answer is known beforehand. */
static void is_answered(const char *msg, const char *nonce)
{
	char value[512], want[64];

	peer_header(msg, "Authorization", value, sizeof(value));
	snprintf(want, sizeof(want), "nonce=\"%s\"", nonce);
	assert_non_null(strstr(value, "Digest username=\"u\", realm=\"r\""));
	assert_non_null(strstr(value, want));
	assert_non_null(strstr(value, "response=\""));
}

static void I8_answered_once(void **state)
{
	const unsigned first = (dial(), cseq(invite));
	const struct noted *n;

	(void)state;
	challenge(CHALLENGE("n1", ""));
	peer_expect(&p, "ACK ", NULL);
	peer_expect(&p, "INVITE ", NULL);
	assert_int_equal(cseq(p.in), first + 1);
	is_answered(p.in, "n1");
	assert_non_null(strstr(p.in, "\r\nX-Call-REASON: a b\r\n"));
	challenge(CHALLENGE("n1", ""));
	n = side_event(&s, LEG_REJECTED);
	assert_int_equal(n->status, 401);
	assert_int_equal(n->cause, LEG_CAUSE_UNAUTHORIZED);
	end();
	side_settled(&s);
}

static void I8_stale_once_more(void **state)
{
	(void)state;
	dial();
	challenge(CHALLENGE("n1", ""));
	peer_expect(&p, "INVITE ", NULL);
	challenge(CHALLENGE("n2", ", stale=\"TRUE\""));
	peer_expect(&p, "INVITE ", NULL);
	is_answered(p.in, "n2");
	challenge(CHALLENGE("n3", ", stale=true"));
	assert_int_equal(side_event(&s, LEG_REJECTED)->cause,
			 LEG_CAUSE_UNAUTHORIZED);
	end();
	side_settled(&s);
}

static void I2_cancel_of_the_second_invite_waits(void **state)
{
	static char again[65536];

	(void)state;
	dial();
	peer_answer(&p, invite, "100 Trying", NULL, NULL, NULL);
	side_event(&s, LEG_PROGRESS);
	challenge(CHALLENGE("n1", ""));
	peer_expect(&p, "INVITE ", NULL);
	save(again);
	end();
	peer_sync(&p);		/* no CANCEL comes while nothing is heard */
	peer_answer(&p, again, "180 Ringing", "c", NULL, NULL);
	peer_expect(&p, "CANCEL ", NULL);
	assert_int_equal(cseq(p.in), cseq(again));
	peer_answer(&p, p.in, "200 OK", NULL, NULL, NULL);
	peer_answer(&p, again, "487 Request Terminated", "c", NULL, NULL);
	peer_expect(&p, "ACK ", NULL);
	side_settled(&s);
}

static void I8_given_up_and_then_challenged(void **state)
{
	(void)state;
	dial();
	end();
	challenge(CHALLENGE("n1", ""));
	peer_expect(&p, "ACK ", NULL);
	side_settled(&s);
	peer_sync(&p);
}

static void O17_reinvite_and_bye(void **state)
{
	char first[512], ack[512];

	(void)state;
	peer_call(&p);
	assert_int_equal(leg_credentials(s.leg, &account), 0);
	reoffer(11);
	peer_expect(&p, "INVITE ", NULL);
	challenge(CHALLENGE("n1", ""));
	peer_expect(&p, "INVITE ", NULL);
	is_answered(p.in, "n1");
	peer_header(p.in, "Authorization", first, sizeof(first));
	peer_answer(&p, p.in, "200 OK", NULL, NULL, PEER_SDP);
	assert_int_equal(side_event(&s, LEG_OFFER_DONE)->status, 200);
	peer_expect(&p, "ACK ", NULL);
	peer_header(p.in, "Authorization", ack, sizeof(ack));
	assert_string_equal(ack, first);

	end();
	peer_expect(&p, "BYE ", NULL);
	is_answered(p.in, "n1");
	challenge(CHALLENGE("n2", ", stale=true"));
	peer_expect(&p, "BYE ", NULL);
	is_answered(p.in, "n2");
	peer_answer(&p, p.in, "200 OK", NULL, NULL, NULL);
	side_settled(&s);
}

static void O17_reinvite_that_cannot_be_authorised(void **state)
{
	(void)state;
	peer_call(&p);
	reoffer(11);
	peer_expect(&p, "INVITE ", NULL);
	challenge(CHALLENGE("n1", ""));
	assert_int_equal(side_event(&s, LEG_OFFER_DONE)->cause,
			 LEG_CAUSE_UNAUTHORIZED);
	end();
	answer_bye();
}

static void R9_id_moves(void **state)
{
	static const struct leg_refer refer = { .uri = "sip:2@127.0.0.1" };
	char event[64];

	(void)state;
	peer_call(&p);
	assert_int_equal(leg_credentials(s.leg, &account), 0);
	assert_int_equal(leg_refer(s.leg, &refer), 0);
	peer_expect(&p, "REFER ", NULL);
	challenge(CHALLENGE("n1", ""));
	peer_expect(&p, "REFER ", NULL);
	is_answered(p.in, "n1");
	snprintf(event, sizeof(event), "Event: refer;id=%u\r\n", cseq(p.in));
	peer_answer(&p, p.in, "202 Accepted", NULL, NULL, NULL);
	assert_int_equal(side_event(&s, LEG_REFER_DONE)->status, 202);
	peer_request(&p, "NOTIFY", event, "SIP/2.0 200 OK\r\n");
	peer_expect(&p, "SIP/2.0 200", "NOTIFY");
	assert_int_equal(side_event(&s, LEG_NOTIFY)->status, 200);
	end();
	answer_bye();
}

/* A challenge of any bytes is answered, or ends the call; nothing else. */
static void challenges_of_anything(void **state)
{
	static const char good[] =
		"WWW-Authenticate: Digest realm=\"r\", nonce=\"n\", "
		"opaque=\"o\", qop=\"auth,auth-int\", algorithm=MD5-sess, "
		"stale=true, domain=\"sip:x\"\r\n";
	static const char bytes[] = "\"\\,;= \tx%\x01\xff";
	const size_t len = strlen(good) - 2, name = 18;
	unsigned answered = 0;
	uint32_t seed = 4711;
	char text[512];

	(void)state;
	for (unsigned i = 0; i < 200; i++) {
		strcpy(text, good);
		for (unsigned k = 0; k < i % 5; k++) {
			seed = seed * 1103515245 + 12345;
			text[name + (seed >> 8) % (len - name)] =
				bytes[(seed >> 20) % (sizeof(bytes) - 1)];
		}
		dial();
		challenge(text);
		peer_expect(&p, "ACK ", NULL);
		uv_run(&s.uv, UV_RUN_NOWAIT);
		if (s.read == s.count) {
			answered++;
			peer_expect(&p, "INVITE ", NULL);
			assert_non_null(strstr(p.in, "\r\nAuthorization: "));
			peer_answer(&p, p.in, "486 Busy Here", "c", NULL,
				    NULL);
			peer_expect(&p, "ACK ", NULL);
		}
		side_event(&s, LEG_REJECTED);
		end();
		side_settled(&s);
		s.read = s.count = 0;
	}
	assert_true(answered > 40);
	assert_true(answered < 200);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(I8_answered_once),
		TEST(I8_stale_once_more),
		TEST(I2_cancel_of_the_second_invite_waits),
		TEST(I8_given_up_and_then_challenged),
		TEST(O17_reinvite_and_bye),
		TEST(O17_reinvite_that_cannot_be_authorised),
		TEST(R9_id_moves),
		TEST(challenges_of_anything),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
