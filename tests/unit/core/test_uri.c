/* SIP URIs as far as routing looks into them, and numbers on the wire. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "core/uri.h"

static void good(void **state)
{
	static const struct {
		const char *text, *user, *host;
		int port;
		const char *params;
	} rows[] = {
		{ "sip:a@127.0.0.1", "a", "127.0.0.1", 0, "" },
		{ "a@127.0.0.1:5070", "a", "127.0.0.1", 5070, "" },
		{ "SIP:+49(30)1@h.example;x=1", "+49(30)1", "h.example", 0,
			";x=1" },
		{ "sip:[::1]:5060", "", "::1", 5060, "" },
		{ "sip:a;b=c@h", "a;b=c", "h", 0, "" },
		{ "sip:h", "", "h", 0, "" },
		{ "sip:a%20b@h", "a%20b", "h", 0, "" },
	};
	struct uri u;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		assert_null(uri_parse(&u, rows[i].text));
		assert_string_equal(u.user, rows[i].user);
		assert_string_equal(u.host, rows[i].host);
		assert_int_equal(u.port, rows[i].port);
		assert_string_equal(u.params, rows[i].params);
	}
	assert_null(uri_parse(&u, "sip:a@h;method=BYE;lr"));
	assert_true(uri_has_param(&u, "method"));
	assert_true(uri_has_param(&u, "lr"));
	assert_false(uri_has_param(&u, "met"));
}

static void bad(void **state)
{
	static const char *const rows[] = {
		"", "sip:", "sip:@h", "sips:a@h", "tel:+49", "sip:a@",
		"sip:a@h:0", "sip:a@h:65536", "sip:a@h:x", "sip:a@h:",
		"sip:a b@h", "sip:a<b@h", "sip:a@h>", "sip:a@h;x=\"",
		"sip:a@[::1", "sip:a@[1.2.3.4]", "sip:a@h i", "sip:a@\x80",
		"sip:a%2@h", "sip:a@h\r\nVia: x", "sip:a@h:5060x",
	};
	static char lengthy[2000];
	struct uri u;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_non_null(uri_parse(&u, rows[i]));
	memset(lengthy, 'a', sizeof(lengthy) - 1);
	assert_non_null(uri_parse(&u, lengthy));
	lengthy[300] = '@';
	lengthy[400] = '\0';
	assert_non_null(uri_parse(&u, lengthy));
}

static void printed(void **state)
{
	char buf[URI_MAX], digits[64];
	struct uri u;

	(void)state;
	assert_null(uri_parse(&u, "a@[::1]:7;x"));
	assert_string_equal(uri_print(&u, true, buf), "sip:a@[::1]:7;x");
	assert_string_equal(uri_print(&u, false, buf), "sip:a@[::1]:7");
	assert_string_equal(number_on_wire("+1 (612) 345-67.89", digits),
			    "+16123456789");
	assert_string_equal(number_on_wire("*21#", digits), "*21#");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(printed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
