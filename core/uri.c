#include "uri.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <uv.h>

/* RFC 3261 25.1: unreserved, user-unreserved, password's and the escape */
static bool user_ok(const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		const char c = s[i];

		if (isalnum((unsigned char)c) ||
		    (c && strchr("-_.!~*'()&=+$,;?/:", c)))
			continue;
		if (c == '%' && i + 2 < len &&
		    isxdigit((unsigned char)s[i + 1]) &&
		    isxdigit((unsigned char)s[i + 2])) {
			i += 2;
			continue;
		}
		return false;
	}
	return true;
}

static bool rest_ok(const char *s)
{
	/* parameters and headers: no blanks, controls, quotes or brackets */
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 0x7f ||
		    strchr("<>\"\\^`{|}@", *s))
			return false;
	return true;
}

static bool is_numeric(const char *host)
{
	unsigned char buf[16];

	return !uv_inet_pton(AF_INET, host, buf) ||
		!uv_inet_pton(AF_INET6, host, buf);
}

static bool name_ok(const char *host)
{
	for (; *host; host++)
		if (!isalnum((unsigned char)*host) && *host != '-' &&
		    *host != '.')
			return false;
	return true;
}

static bool copy(char *to, size_t size, const char *from, size_t len)
{
	if (len >= size)
		return false;
	memcpy(to, from, len);
	to[len] = '\0';
	return true;
}

/* host[:port] of `len` bytes */
static const char *parse_hostport(struct uri *u, const char *s, size_t len)
{
	const char *end = s + len, *colon;
	char digits[8], *stop;
	unsigned long port;

	if (len && *s == '[') {
		const char *close = memchr(s, ']', len);

		if (!close)
			return "has an IPv6 address without ]";
		if (!copy(u->host, sizeof(u->host), s + 1,
			  (size_t)(close - s - 1)))
			return "has a host that is too long";
		if (!strchr(u->host, ':') || !is_numeric(u->host))
			return "has an invalid IPv6 address";
		colon = close + 1;
		if (colon < end && *colon != ':')
			return "has text after its host";
	} else {
		colon = memchr(s, ':', len);
		if (!colon)
			colon = end;
		if (!copy(u->host, sizeof(u->host), s, (size_t)(colon - s)))
			return "has a host that is too long";
		if (!name_ok(u->host))
			return "has an invalid host";
	}
	if (!*u->host)
		return "has no host";
	u->numeric = is_numeric(u->host);
	if (colon >= end)
		return NULL;

	colon++;
	if (!copy(digits, sizeof(digits), colon, (size_t)(end - colon)) ||
	    !isdigit((unsigned char)*digits))
		return "has an invalid port";
	port = strtoul(digits, &stop, 10);
	if (*stop || port < 1 || port > 65535)
		return "has an invalid port";
	u->port = (uint16_t)port;
	return NULL;
}

const char *uri_parse(struct uri *u, const char *text)
{
	const char *at, *tail, *q;

	memset(u, 0, sizeof(*u));
	if (strlen(text) >= URI_MAX)
		return "is too long";
	if (!strncasecmp(text, "sip:", 4))
		text += 4;
	else if (!strncasecmp(text, "sips:", 5))
		return "is sips:, which is not available in this version";
	else if (!strncasecmp(text, "tel:", 4))
		return "is not a SIP URI (for a number use phoneNumber)";

	/* The last @ ends the user part: none may follow in the rest. */
	at = strrchr(text, '@');
	if (at) {
		size_t len = (size_t)(at - text);

		if (!len)
			return "has an empty user part";
		if (!user_ok(text, len))
			return "has an invalid user part";
		if (!copy(u->user, sizeof(u->user), text, len))
			return "has a user part that is too long";
		text = at + 1;
	}

	tail = text + strcspn(text, ";?");
	if (!rest_ok(tail))
		return "has invalid parameters";
	q = strchr(tail, '?');
	if (!copy(u->params, sizeof(u->params), tail,
		  q ? (size_t)(q - tail) : strlen(tail)) ||
	    (q && !copy(u->headers, sizeof(u->headers), q + 1,
			strlen(q + 1))))
		return "has parameters that are too long";
	return parse_hostport(u, text, (size_t)(tail - text));
}

const char *uri_print(const struct uri *u, bool params, char *buf)
{
	const bool v6 = strchr(u->host, ':');
	char port[8] = "";

	if (u->port)
		snprintf(port, sizeof(port), ":%u", (unsigned)u->port);
	snprintf(buf, URI_MAX, "sip:%s%s%s%s%s%s%s", u->user,
		 *u->user ? "@" : "", v6 ? "[" : "", u->host, v6 ? "]" : "",
		 port, params ? u->params : "");
	return buf;
}

bool uri_has_param(const struct uri *u, const char *name)
{
	return uri_param(u, name, NULL, 0);
}

bool uri_param(const struct uri *u, const char *name, char *buf, size_t size)
{
	const size_t len = strlen(name);

	for (const char *p = u->params; *p == ';'; p += strcspn(p, ";")) {
		p++;
		if (strncasecmp(p, name, len) ||
		    (p[len] && p[len] != ';' && p[len] != '='))
			continue;
		p += len + (p[len] == '=');
		if (size)
			snprintf(buf, size, "%.*s", (int)strcspn(p, ";"), p);
		return true;
	}
	return false;
}

char *number_on_wire(const char *number, char *buf)
{
	char *to = buf;

	for (; *number; number++)
		if (isdigit((unsigned char)*number) ||
		    strchr("+*#", *number))
			*to++ = *number;
	*to = '\0';
	return buf;
}
