/* re-INVITE and UPDATE, ours and theirs, and BYE amid them. */
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
	assert_int_equal(side_event(&s, LEG_OFFER_DONE)->status, 481);
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

static void O15_reinvite_is_never_answered(void **state)
{
	(void)state;
	reopen(700);
	peer_call(&p);
	reoffer(11);
	peer_expect(&p, "INVITE ", NULL);
	peer_answer(&p, p.in, "100 Trying", NULL, NULL, NULL);
	peer_request(&p, "BYE", NULL, NULL);
	peer_expect(&p, "SIP/2.0 200", "BYE");
	side_event(&s, LEG_ENDED);
	end();
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(O1_491_is_tried_again),
		TEST(O2_reinvites_cross),
		TEST(O2_second_before_the_answer),
		TEST(O4_offerless_reinvite),
		TEST(O9_reinvite_answered_481),
		TEST(O15_bye_while_our_reinvite_is_pending),
		TEST(O15_reinvite_is_never_answered),
		TEST(O15_end_while_our_reinvite_is_pending),
		TEST(I11_bye_while_their_reinvite_is_unanswered),
		TEST(O11_update),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
