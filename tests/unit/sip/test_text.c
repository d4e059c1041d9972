/* Header texts, sipfrag and keys: tables of good and hostile input. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

#include "core/leg.h"
#include "sip/text.h"

#define COUNT(a) (sizeof(a) / sizeof((a)[0]))

static void R10_sipfrag(void **state)
{
	static const struct {
		const char *body;
		int status;
	} row[] = {
		{ "SIP/2.0 200 OK\r\n", 200 },
		{ "SIP/2.0 200 OK", 200 },
		{ "SIP/2.0 200", 200 },
		{ "SIP/2.0 200\r\n", 200 },
		{ "SIP/2.0 200 ", 200 },
		{ "sip/2.0 486 busy here\n", 486 },
		{ "SIP/2.0\t180\tRinging", 180 },
		{ "SIP/2 100 Trying\r\n", 100 },
		{ "\r\n\r\n SIP/2.0 603 Decline\r\n", 603 },
		{ "SIP/2.0   404  Not Found\r\nTo: x\r\n", 404 },
		{ "SIP/2.0 699 x", 699 },
		{ "", 0 },
		{ "\r\n", 0 },
		{ "SIP", 0 },
		{ "SIP/", 0 },
		{ "SIP/2.0", 0 },
		{ "SIP/2.0 ", 0 },
		{ "SIP/2.0 20", 0 },
		{ "SIP/2.0 2000 OK", 0 },
		{ "SIP/2.0 20x OK", 0 },
		{ "SIP/2.0 099 x", 0 },
		{ "SIP/2.0 700 x", 0 },
		{ "SIP/2.0\r\n200 OK", 0 },
		{ "SIP/x 200 OK", 0 },
		{ "HTTP/1.1 200 OK", 0 },
		{ "INVITE sip:a@b SIP/2.0", 0 },
		{ "200 OK", 0 },
		{ "\xff\xfe\x80", 0 },
	};
	char phrase[64];

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		/* The exact size on the heap, for the sanitizer. */
		const size_t len = strlen(row[i].body);
		char *copy = test_malloc(len ? len : 1);

		memcpy(copy, row[i].body, len);
		if (text_sipfrag(copy, len, phrase, sizeof(phrase)) !=
		    row[i].status)
			fail_msg("row %zu", i);
		test_free(copy);
	}
}

static void sipfrag_phrase(void **state)
{
	static const struct {
		const char *body, *phrase;
	} row[] = {
		{ "SIP/2.0 486 Busy Here\r\nTo: x", "Busy Here" },
		{ "SIP/2.0 486", "" },
		{ "SIP/2.0 486  \r\n", "" },
		{ "SIP/2.0 486 A very long phrase", "A very long phr" },
		{ "no", "" },
	};
	char phrase[16];

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		text_sipfrag(row[i].body, strlen(row[i].body), phrase,
			     sizeof(phrase));
		assert_string_equal(phrase, row[i].phrase);
	}
}

static void R15_refer_to(void **state)
{
	static const struct {
		const char *uri, *value;
	} row[] = {
		{ "sip:16123456789@127.0.0.1:5070",
		  "<sip:16123456789@127.0.0.1:5070>" },
		{ "sip:+4930123@192.0.2.1", "<sip:+4930123@192.0.2.1>" },
		{ "tel:+49-30-123", "<tel:+49-30-123>" },
		{ "sip:a=b@h", "<sip:a=b@h>" },
		{ "sip:a<b>c@h", "<sip:a%3Cb%3Ec@h>" },
		{ "sip:a\"b@h;x=\"y>\"", "<sip:a%22b@h;x=%22y%3E%22>" },
		{ "sip:a%20b@h", "<sip:a%20b@h>" },
		{ "sip:a%zz@h", "<sip:a%25zz@h>" },
		{ "sip:*21#@h", "<sip:*21%23@h>" },
		{ "sip:m\xc3\xbcller@h", "<sip:m%C3%BCller@h>" },
		{ "sip:a@[2001:db8::1]:5062;transport=udp",
		  "<sip:a@[2001:db8::1]:5062;transport=udp>" },
		{ "sips:a@h", "<sips:a@h>" },
	};
	char buf[REFER_TO_MAX + 1];
	unsigned left;

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++) {
		assert_int_equal(text_refer_to(buf, row[i].uri, NULL, 0,
					       &left), 0);
		assert_string_equal(buf, row[i].value);
	}
}

static void R15_refer_to_refuses(void **state)
{
	static const char *const uri[] = {
		"", "100", "http://x", "mailto:a@b", "sip:a@b\r\nX: y",
		"sip:a@b\nX", "tel:1\r",
	};
	const struct header bad[] = {
		{ (char *)"X\r\nY", (char *)"1" },
		{ (char *)"X", (char *)"1\r\nY: 2" },
		{ (char *)"X Y", (char *)"1" },
		{ (char *)"", (char *)"1" },
	};
	char buf[REFER_TO_MAX + 1], huge[2 * REFER_TO_MAX];
	unsigned left;

	(void)state;
	assert_true(text_refer_to(buf, NULL, NULL, 0, &left));
	for (size_t i = 0; i < COUNT(uri); i++)
		assert_true(text_refer_to(buf, uri[i], NULL, 0, &left));
	for (size_t i = 0; i < COUNT(bad); i++)
		assert_true(text_refer_to(buf, "sip:a@b", &bad[i], 1, &left));
	memset(huge, 'a', sizeof(huge));
	memcpy(huge, "sip:", 4);
	huge[sizeof(huge) - 1] = '\0';
	assert_true(text_refer_to(buf, huge, NULL, 0, &left));
}

static void refer_to_headers_are_escaped(void **state)
{
	const struct header h[] = {
		{ (char *)"callReason", (char *)"a&b=c?d e" },
		{ (char *)"X-Quote", (char *)"\"<>;,%41\xc3\xa4" },
		{ (char *)"X-Empty", (char *)"" },
	};
	char buf[REFER_TO_MAX + 1];
	unsigned left;

	(void)state;
	assert_int_equal(text_refer_to(buf, "sip:1@h", h, COUNT(h), &left),
			 0);
	assert_string_equal(buf, "<sip:1@h?callReason=a%26b%3Dc?d%20e"
			    "&X-Quote=%22%3C%3E%3B%2C%2541%C3%A4&X-Empty=>");
	assert_int_equal(left, 0);
}

/* "%56ia" is a token; unescaped by the peer it must not become "Via". */
static void refer_to_header_names_hold_no_escapes(void **state)
{
	const struct header h = { (char *)"%56ia", (char *)"x" };
	char buf[REFER_TO_MAX + 1];
	unsigned left;

	(void)state;
	assert_int_equal(text_refer_to(buf, "sip:1@h", &h, 1, &left), 0);
	assert_string_equal(buf, "<sip:1@h?%2556ia=x>");
}

static void refer_to_is_bounded(void **state)
{
	char value[401], buf[REFER_TO_MAX + 1];
	const struct header h[] = {
		{ (char *)"X-A", value }, { (char *)"X-B", value },
		{ (char *)"X-C", value }, { (char *)"X-D", value },
	};
	unsigned left;

	(void)state;
	memset(value, 'v', 400);
	value[400] = '\0';
	assert_int_equal(text_refer_to(buf, "sip:1@h", h, COUNT(h), &left),
			 0);
	assert_int_equal(left, 2);
	assert_true(strlen(buf) <= REFER_TO_MAX);
	assert_int_equal(buf[strlen(buf) - 1], '>');
	assert_non_null(strstr(buf, "&X-B="));
	assert_null(strstr(buf, "X-C"));

	/* Each length of a value, around the bound too. */
	for (size_t n = 0; n <= 400; n++) {
		value[n] = '\0';
		assert_int_equal(text_refer_to(buf, "sip:1@h", h, COUNT(h),
					       &left), 0);
		assert_true(strlen(buf) <= REFER_TO_MAX);
		assert_int_equal(buf[strlen(buf) - 1], '>');
		value[n] = 'v';
	}
}

static void from_is_quoted_and_escaped(void **state)
{
	char buf[128];

	(void)state;
	assert_int_equal(text_from(buf, sizeof(buf), "A \"q\" \\", "49 30#",
				   "192.0.2.1"), 0);
	assert_string_equal(buf, "\"A \\\"q\\\" \\\\\" "
			    "<sip:49%2030%23@192.0.2.1>");
	assert_int_equal(text_from(buf, sizeof(buf), "", "", "h"), 0);
	assert_string_equal(buf, "<sip:h>");
	assert_int_equal(text_from(buf, sizeof(buf), NULL, "a>b", "h>x"), 0);
	assert_string_equal(buf, "<sip:a%3Eb@h%3Ex>");
	assert_true(text_from(buf, sizeof(buf), "x\r\ny", "a", "h"));
	assert_true(text_from(buf, sizeof(buf), "x", "a\n", "h"));
	assert_true(text_from(buf, sizeof(buf), "x", "a", ""));
	assert_true(text_from(buf, 10, "display", "user", "host"));
}

static void strangers_names_are_always_written(void **state)
{
	static char longest[1000];
	char buf[64];

	(void)state;
	memset(longest, 'y', sizeof(longest) - 1);
	/* bytes that are no UTF-8, an overlong form, controls */
	assert_int_equal(text_identity(buf, sizeof(buf), "\xff\xc0\x80 \x01\x7f"
				       "\xc3\xa4", "1", "h"), 0);
	assert_string_equal(buf, "\"???   \xc3\xa4\" <sip:1@h>");
	assert_int_equal(text_identity(buf, sizeof(buf), longest, "1", "h"), 0);
	assert_string_equal(buf, "<sip:1@h>");
	assert_int_equal(text_identity(buf, sizeof(buf), "x\r\nE: v", "1",
				       "h"), 0);
	assert_string_equal(buf, "<sip:1@h>");
	assert_int_equal(text_identity(buf, sizeof(buf), "x", longest, "h"), 0);
	assert_string_equal(buf, "<sip:h>");
	assert_int_equal(text_identity(buf, sizeof(buf), "x", "1\n2", "h"), 0);
	assert_string_equal(buf, "<sip:h>");
	assert_int_equal(text_identity(buf, sizeof(buf), "", "%zz%0d", "h"), 0);
	assert_string_equal(buf, "<sip:%25zz%0d@h>");
	assert_true(text_identity(buf, sizeof(buf), "x", "1", ""));
	assert_true(text_identity(buf, sizeof(buf), "x", "1", longest));
}

static void tokens(void **state)
{
	(void)state;
	assert_true(text_is_token("X-Call.Reason_1"));
	assert_false(text_is_token(""));
	assert_false(text_is_token("a b"));
	assert_false(text_is_token("a:b"));
	assert_false(text_is_token("\xc3\xa4"));
	assert_false(text_is_token(NULL));
}

static void keys(void **state)
{
	static const struct {
		const char *body;
		bool relay;
		char key;
	} row[] = {
		{ "Signal=5\r\nDuration=160\r\n", true, '5' },
		{ "Signal= *\r\nDuration= 160", true, '*' },
		{ "Duration=100\nsignal=#", true, '#' },
		{ "Signal=a", true, 'A' },
		{ "Signal=11", true, '#' },
		{ "Signal=10", true, '*' },
		{ "Signal=12", true, '\0' },
		{ "Signal=", true, '\0' },
		{ "Signal", true, '\0' },
		{ "=5", true, '\0' },
		{ "Signal=E", true, '\0' },
		{ "5", false, '5' },
		{ " d \r\n", false, 'D' },
		{ "55", false, '\0' },
		{ "", false, '\0' },
		{ "x", false, '\0' },
		{ "\xff", false, '\0' },
	};

	(void)state;
	for (size_t i = 0; i < COUNT(row); i++)
		if (text_digit(row[i].body, strlen(row[i].body),
			       row[i].relay) != row[i].key)
			fail_msg("row %zu", i);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(R10_sipfrag),
		cmocka_unit_test(sipfrag_phrase),
		cmocka_unit_test(R15_refer_to),
		cmocka_unit_test(R15_refer_to_refuses),
		cmocka_unit_test(refer_to_headers_are_escaped),
		cmocka_unit_test(refer_to_header_names_hold_no_escapes),
		cmocka_unit_test(refer_to_is_bounded),
		cmocka_unit_test(from_is_quoted_and_escaped),
		cmocka_unit_test(strangers_names_are_always_written),
		cmocka_unit_test(tokens),
		cmocka_unit_test(keys),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
