/* Durations, sizes, numbers and addresses of a config. */
#include <arpa/inet.h>
#include <math.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/config.h"
#include "core/config_value.h"

static void durations(void **state)
{
	static const struct {
		const char *json;
		long long ms;	/* -1: refused */
	} c[] = {
		{ "30", 30000 }, { "0", 0 }, { "0.5", 500 }, { "1e3", 1000000 },
		{ "\"500ms\"", 500 }, { "\"30\"", 30000 }, { "\"30s\"", 30000 },
		{ "\"5m\"", 300000 }, { "\"4h\"", 14400000 },
		{ "\"5 seconds\"", 5000 }, { "\"1 second\"", 1000 },
		{ "\"2 min\"", 120000 }, { "\"1.5s\"", 1500 },
		{ "\"0.25 h\"", 900000 }, { "\"1.0004s\"", 1000 },
		{ "-1", -1 }, { "\"-1\"", -1 }, { "\"\"", -1 },
		{ "\"s\"", -1 }, { "\"5x\"", -1 }, { "\"5 S\"", -1 },
		{ "\" 5\"", -1 }, { "\"5 s \"", -1 }, { "\"5.\"", -1 },
		{ "\".5\"", -1 }, { "\"1e3\"", -1 }, { "\"0x10\"", -1 },
		{ "1e300", -1 }, { "\"99999999999999999999h\"", -1 },
		{ "\"9007199254740992h\"", -1 }, { "true", -1 },
		{ "null", -1 }, { "[]", -1 }, { "\"5\\u0000s\"", -1 },
		{ "9223372036854775807", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		json_t *v = json_loads(c[i].json,
				       JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
		uint64_t ms = 0;
		const int rc = duration_parse(v, &ms);

		assert_non_null(v);
		if (c[i].ms < 0 ? !rc : rc || ms != (uint64_t)c[i].ms)
			fail_msg("%s: %d %llu", c[i].json, rc,
				 (unsigned long long)ms);
		json_decref(v);
	}
	assert_int_not_equal(duration_parse(NULL, &(uint64_t){ 0 }), 0);
}

static void sizes(void **state)
{
	static const struct {
		const char *json;
		long long bytes;
	} c[] = {
		{ "0", 0 }, { "65536", 65536 }, { "65536.0", 65536 },
		{ "1e6", 1000000 }, { "\"100\"", 100 }, { "\"64K\"", 65536 },
		{ "\"4M\"", 4194304 }, { "\"1G\"", 1073741824 },
		{ "\"1k\"", 1024 }, { "1.5", -1 }, { "-1", -1 },
		{ "\"1.5M\"", -1 }, { "\"4MB\"", -1 }, { "\"\"", -1 },
		{ "\"K\"", -1 }, { "\"-4K\"", -1 }, { "1e300", -1 },
		{ "\"99999999999999999999G\"", -1 },
		{ "\"9007199254740991G\"", -1 }, { "false", -1 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		json_t *v = json_loads(c[i].json, JSON_DECODE_ANY, NULL);
		uint64_t n = 0;
		const int rc = size_parse(v, &n);

		if (c[i].bytes < 0 ? !rc : rc || n != (uint64_t)c[i].bytes)
			fail_msg("%s: %d %llu", c[i].json, rc,
				 (unsigned long long)n);
		json_decref(v);
	}
}

static void numbers(void **state)
{
	static const struct {
		const char *pattern, *user;
		bool match;
	} c[] = {
		{ "100", "100", true },
		{ "100", "1000", false },
		{ "1000", "100", false },
		{ "100", "", false },
		{ "", "", true },
		{ "+49 (30) 555-1", "49305551", true },
		{ "49305551", "+49-30.555 1", true },
		{ "49305551", "+4930555", false },
		{ "100", "sip:100@example.com", true },
		{ "100", "tel:+100;ext=5", true },
		{ "100", "100;phone-context=x@y", true },
		{ "sip:100@x", "100", true },
		{ "+4930555*", "493055512", true },
		{ "+4930555*", "4930555", true },
		{ "+4930555*", "493055", false },
		{ "*", "anything", true },
		{ "*", "", true },
		{ "support", "support", true },
		{ "support", "Support", false },
		{ "sup*", "support", true },
		{ "john.doe", "johndoe", false },
		{ "john.doe", "john.doe", true },
		{ "*21", "*21", true },
		{ "*21", "21", false },
		{ "*21*", "*21#", true },
		{ "12", "*21", false },
		{ "1", "--1--", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++)
		if (number_matches(c[i].pattern, c[i].user) != c[i].match)
			fail_msg("%s on %s", c[i].pattern, c[i].user);
}

static bool has(const char *prefix, const char *source)
{
	struct sockaddr_storage ss = { 0 };
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ss;
	struct prefix p;

	if (inet_pton(AF_INET, source, &v4->sin_addr) == 1)
		ss.ss_family = AF_INET;
	else if (inet_pton(AF_INET6, source, &v6->sin6_addr) == 1)
		ss.ss_family = AF_INET6;
	assert_int_equal(prefix_parse(prefix, &p), 0);
	return prefix_has(&p, (struct sockaddr *)&ss);
}

static void prefixes(void **state)
{
	static const char *const bad[] = {
		"", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/-1", "10.0.0.0/8x",
		"::1/129", "host", "10.0.0", "/8", "10.0.0.0/99999999999999",
		"1111:1111:1111:1111:1111:1111:1111:1111:1111:1111:1111/8",
	};
	struct prefix p;

	(void)state;
	assert_true(has("127.0.0.1", "127.0.0.1"));
	assert_false(has("127.0.0.1", "127.0.0.2"));
	assert_true(has("10.1.2.3/8", "10.200.0.1"));
	assert_false(has("10.0.0.0/8", "11.0.0.1"));
	assert_true(has("192.168.16.0/20", "192.168.31.255"));
	assert_false(has("192.168.16.0/20", "192.168.32.0"));
	assert_true(has("0.0.0.0/0", "1.2.3.4"));
	assert_false(has("0.0.0.0/0", "::1"));
	assert_true(has("127.0.0.1", "::ffff:127.0.0.1"));
	assert_true(has("fe80::/10", "febf::1"));
	assert_false(has("fe80::/10", "fec0::1"));
	assert_true(has("::1", "0:0::1"));
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (!prefix_parse(bad[i], &p))
			fail_msg("%s", bad[i]);
}

static void addresses(void **state)
{
	static const char *const bad[] = {
		"", ":5060", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536",
		"127.0.0.1:99999999999999999999", "[::1", "[::1]x", "::1:5060",
		"localhost:5060", "127.0.0.1:50 60", "[]:1",
	};
	char host[46];
	int port;

	(void)state;
	assert_null(address_parse("127.0.0.1:5060", host, &port));
	assert_string_equal(host, "127.0.0.1");
	assert_int_equal(port, 5060);
	assert_null(address_parse("127.0.0.1", host, &port));
	assert_int_equal(port, -1);
	assert_null(address_parse("[::1]:0", host, &port));
	assert_string_equal(host, "::1");
	assert_int_equal(port, 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (!address_parse(bad[i], host, &port))
			fail_msg("%s", bad[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(durations),
		cmocka_unit_test(sizes),
		cmocka_unit_test(numbers),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
