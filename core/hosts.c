#include "hosts.h"

#include <netinet/in.h>
#include <stdint.h>
#include <string.h>
#include <strings.h>

#include "config.h"
#include "config_value.h"

#define NAME_MAX_BYTES 253

static bool name_ok(const char *name)
{
	const size_t n = strlen(name);
	bool letter = false;

	if (!n || n > NAME_MAX_BYTES || name[0] == '.' || name[n - 1] == '.' ||
	    strstr(name, ".."))
		return false;
	for (const char *c = name; *c; c++) {
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
			    "WXYZ0123456789-_.", *c))
			return false;
		letter |= !strchr("0123456789.", *c);
	}
	return letter;		/* 10.0.0.256 is a mistake and no name */
}

bool hosts_entry_ok(const char *entry)
{
	struct prefix p;

	if (!prefix_parse(entry, &p))
		return true;
	return name_ok(strncmp(entry, "*.", 2) ? entry : entry + 2);
}

bool hosts_have_name(const struct hosts *h, const char *name)
{
	size_t n = strlen(name);

	/* a root's dot changes nothing */
	if (n && name[n - 1] == '.')
		n--;
	for (size_t i = 0; i < h->count; i++) {
		const char *e = h->list[i];
		const size_t m = strlen(e);
		struct prefix p;

		if (!prefix_parse(e, &p))
			continue;
		if (!strncmp(e, "*.", 2)) {
			/* with its dot, and something before it */
			if (n > m - 1 &&
			    !strncasecmp(name + n - (m - 1), e + 1, m - 1))
				return true;
		} else if (n == m && !strncasecmp(name, e, n)) {
			return true;
		}
	}
	return false;
}

bool hosts_have_address(const struct hosts *h, const struct sockaddr *sa)
{
	for (size_t i = 0; i < h->count; i++) {
		struct prefix p;

		if (!prefix_parse(h->list[i], &p) && prefix_has(&p, sa))
			return true;
	}
	return false;
}

bool hosts_have_addresses(const struct hosts *h)
{
	struct prefix p;

	for (size_t i = 0; i < h->count; i++)
		if (!prefix_parse(h->list[i], &p))
			return true;
	return false;
}

bool address_is_public(const struct sockaddr *sa)
{
	/* RFC 6890 and its like: not of the internet at large */
	static const char *const special[] = {
		"0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8",
		"169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24",
		"192.0.2.0/24", "192.88.99.0/24", "192.168.0.0/16",
		"198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24",
		"224.0.0.0/3",
	};
	/* Of IPv6 only global unicast is; not what holds an IPv4 address
	 * (6to4, Teredo), nor what is for documents. */
	static const char *const special6[] = {
		"2001::/23", "2001:db8::/32", "2002::/16",
	};
	const struct sockaddr_in6 *in6 = (const struct sockaddr_in6 *)sa;
	struct prefix p;

	if (sa->sa_family == AF_INET6 &&
	    !IN6_IS_ADDR_V4MAPPED(&in6->sin6_addr)) {
		if (prefix_parse("2000::/3", &p) || !prefix_has(&p, sa))
			return false;
		for (size_t i = 0; i < sizeof(special6) / sizeof(*special6);
		     i++)
			if (prefix_parse(special6[i], &p) ||
			    prefix_has(&p, sa))
				return false;
		return true;
	}
	if (sa->sa_family != AF_INET && sa->sa_family != AF_INET6)
		return false;
	for (size_t i = 0; i < sizeof(special) / sizeof(*special); i++)
		if (prefix_parse(special[i], &p) || prefix_has(&p, sa))
			return false;
	return true;
}
