/* Session timers (RFC 4028) and what a leg does with them by itself. */
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

static const char *header(const char *name)
{
	static char value[128];

	return peer_header(p.in, name, value, sizeof(value));
}

static void O10_our_answer_names_the_refresher(void **state)
{
	(void)state;
	peer_call(&p);
	/* The peer says nothing of timers: ours to do. */
	peer_request(&p, "UPDATE", NULL, NULL);
	peer_expect(&p, "SIP/2.0 200", "UPDATE");
	assert_string_equal(header("Session-Expires"), "1800;refresher=uas");
	assert_string_equal(header("Require"), "");
	peer_request(&p, "UPDATE", "Supported: timer\r\n"
		     "Session-Expires: 600\r\n", NULL);
	peer_expect(&p, "SIP/2.0 200", "UPDATE");
	assert_string_equal(header("Session-Expires"), "600;refresher=uac");
	assert_string_equal(header("Require"), "timer");
	peer_request(&p, "UPDATE", "Supported: timer\r\n"
		     "Session-Expires: 600;refresher=uas\r\n", NULL);
	peer_expect(&p, "SIP/2.0 200", "UPDATE");
	assert_string_equal(header("Session-Expires"), "600;refresher=uas");
	end();
	answer_bye();
}

static void O10_compact_forms(void **state)
{
	(void)state;
	peer_call(&p);
	peer_request(&p, "UPDATE", "k: timer\r\nx: 89\r\n", NULL);
	peer_expect(&p, "SIP/2.0 422", "UPDATE");
	assert_string_equal(header("Min-SE"), "90");
	end();
	answer_bye();
}

static void O10_our_re_invite_keeps_the_roles(void **state)
{
	(void)state;
	peer_call(&p);
	peer_request(&p, "UPDATE", "Supported: timer\r\n"
		     "Session-Expires: 600;refresher=uac\r\n", NULL);
	peer_expect(&p, "SIP/2.0 200", "UPDATE");
	reoffer(11);
	peer_expect(&p, "INVITE ", NULL);
	assert_string_equal(header("Session-Expires"), "600;refresher=uas");
	peer_answer(&p, p.in, "200 OK", NULL, NULL, PEER_SDP);
	side_event(&s, LEG_OFFER_DONE);
	peer_expect(&p, "ACK ", NULL);
	/* Its 2xx says nothing of a timer any more: ours from now on. */
	reoffer(12);
	peer_expect(&p, "INVITE ", NULL);
	assert_string_equal(header("Session-Expires"), "600;refresher=uac");
	peer_answer(&p, p.in, "422 Too Small", NULL, "Min-SE: 700\r\n", NULL);
	peer_expect(&p, "ACK ", NULL);
	peer_expect(&p, "INVITE ", NULL);
	assert_string_equal(header("Session-Expires"), "700;refresher=uac");
	assert_string_equal(header("Min-SE"), "700");
	assert_non_null(strstr(p.in, "m=audio 12"));
	peer_answer(&p, p.in, "488 No", NULL, NULL, NULL);
	assert_int_equal(side_event(&s, LEG_OFFER_DONE)->status, 488);
	peer_expect(&p, "ACK ", NULL);
	end();
	answer_bye();
}

static void O16_one_of_the_peers(void **state)
{
	(void)state;
	peer_call(&p);
	leg_pass(s.leg, true);
	peer_request(&p, "INFO", NULL, NULL);
	side_event(&s, LEG_REQUEST);
	assert_int_equal(leg_reply(s.leg, 2, 200), UV_ENOTCONN);
	assert_int_equal(leg_reply(s.leg, 1, 100), UV_EINVAL);
	assert_int_equal(leg_reply(s.leg, 1, 202), 0);
	assert_int_equal(leg_reply(s.leg, 1, 202), UV_ENOTCONN);
	peer_expect(&p, "SIP/2.0 202", "INFO");
	/* Given up with one unanswered. */
	peer_request(&p, "INFO", NULL, NULL);
	side_event(&s, LEG_REQUEST);
	end();
	peer_expect(&p, "SIP/2.0 480", "INFO");
	answer_bye();
}

static void O16_one_of_ours(void **state)
{
	static const char text[] = "a\0b";
	const struct leg_message m = {
		.id = 7, .method = "INFO", .mime = "text/x", .text = text,
		.len = sizeof(text),
	};

	(void)state;
	peer_call(&p);
	assert_int_equal(leg_request(s.leg, &m), 0);
	peer_expect(&p, "INFO ", NULL);
	assert_string_equal(header("Content-Length"), "4");
	assert_string_equal(header("Content-Type"), "text/x");
	peer_answer(&p, p.in, "299 Fine", NULL, NULL, NULL);
	assert_int_equal(side_event(&s, LEG_REQUEST_DONE)->status, 299);
	/* 481 ends the dialog. */
	assert_int_equal(leg_request(s.leg, &m), 0);
	peer_expect(&p, "INFO ", NULL);
	peer_answer(&p, p.in, "481 Gone", NULL, NULL, NULL);
	assert_int_equal(side_event(&s, LEG_REQUEST_DONE)->status, 481);
	assert_int_equal(side_event(&s, LEG_ENDED)->cause, LEG_CAUSE_DEAD);
	end();
	side_settled(&s);
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(O10_our_answer_names_the_refresher),
		TEST(O10_compact_forms),
		TEST(O10_our_re_invite_keeps_the_roles),
		TEST(O16_one_of_the_peers),
		TEST(O16_one_of_ours),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
