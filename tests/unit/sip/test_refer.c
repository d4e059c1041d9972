/* REFER and its NOTIFYs. */
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
	assert_int_equal(side_event(&s, LEG_REFER_DONE)->status, 481);
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

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		TEST(R1_R2_notify_before_the_2xx),
		TEST(R5_refer_sub_false),
		TEST(R8_notify_after_bye),
		TEST(R9_R10_ids),
		TEST(R12_refer_refused),
		TEST(R14_inbound_refer),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
