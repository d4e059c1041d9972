/* Whom call:http may ask: names, networks, what is public. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <string.h>

#include "core/hosts.h"

static const struct sockaddr *sa(const char *text)
{
	static struct sockaddr_storage room;
	struct sockaddr_in *in = (struct sockaddr_in *)&room;
	struct sockaddr_in6 *in6 = (struct sockaddr_in6 *)&room;

	memset(&room, 0, sizeof(room));
	if (inet_pton(AF_INET, text, &in->sin_addr) == 1) {
		in->sin_family = AF_INET;
	} else {
		assert_int_equal(inet_pton(AF_INET6, text, &in6->sin6_addr),
				 1);
		in6->sin6_family = AF_INET6;
	}
	return (struct sockaddr *)&room;
}

static void entries(void **state)
{
	static const char *const good[] = {
		"a", "api.example.com", "*.example.com", "10.0.0.0/8", "::1",
		"2001:db8::/32", "127.0.0.1", "x_y.example-1.com",
	};
	static const char *const bad[] = {
		"", "*", "*.", ".", "a..b", ".a", "a.", "a b", "a:80",
		"http://a", "10.0.0.256", "10.0.0.0/33", "1.2.3", "[::1]",
		"a*.b", "a/b",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(good) / sizeof(*good); i++)
		if (!hosts_entry_ok(good[i]))
			fail_msg("%s is refused", good[i]);
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (hosts_entry_ok(bad[i]))
			fail_msg("%s is taken", bad[i]);
}

static void names(void **state)
{
	static const char *const list[] = {
		"api.example.com", "*.example.org", "10.0.0.0/8",
	};
	const struct hosts h = { list, 3 };

	(void)state;
	assert_true(hosts_have_name(&h, "api.example.com"));
	assert_true(hosts_have_name(&h, "API.Example.COM."));
	assert_true(hosts_have_name(&h, "a.b.example.org"));
	assert_false(hosts_have_name(&h, "example.org"));
	assert_false(hosts_have_name(&h, ".example.org"));
	assert_false(hosts_have_name(&h, "evilexample.org"));
	assert_false(hosts_have_name(&h, "x.api.example.com"));
	assert_false(hosts_have_name(&h, "example.com"));
	assert_false(hosts_have_name(&h, "10.0.0.0/8"));
	assert_false(hosts_have_name(&h, ""));
	assert_true(hosts_have_addresses(&h));
	assert_true(hosts_have_address(&h, sa("10.1.2.3")));
	assert_true(hosts_have_address(&h, sa("::ffff:10.1.2.3")));
	assert_false(hosts_have_address(&h, sa("11.1.2.3")));
}

static void public_addresses(void **state)
{
	static const char *const yes[] = {
		"8.8.8.8", "172.15.0.1", "172.32.0.1", "192.167.1.1",
		"223.255.255.255", "2a00:1450::1", "::ffff:8.8.8.8",
	};
	static const char *const no[] = {
		"0.0.0.0", "10.0.0.1", "100.64.0.1", "127.0.0.1",
		"169.254.169.254", "172.16.0.1", "172.31.255.255",
		"192.168.1.1", "198.18.0.1", "224.0.0.1", "240.0.0.1",
		"255.255.255.255", "::", "::1", "::127.0.0.1", "fe80::1",
		"fc00::1", "fd12::1", "ff02::1", "::ffff:127.0.0.1",
		"::ffff:169.254.169.254", "64:ff9b::7f00:1", "2002:7f00:1::",
		"2001::1", "2001:db8::1",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(yes) / sizeof(*yes); i++)
		if (!address_is_public(sa(yes[i])))
			fail_msg("%s is public", yes[i]);
	for (size_t i = 0; i < sizeof(no) / sizeof(*no); i++)
		if (address_is_public(sa(no[i])))
			fail_msg("%s is not public", no[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(entries),
		cmocka_unit_test(names),
		cmocka_unit_test(public_addresses),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
