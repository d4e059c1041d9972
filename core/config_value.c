#include "config_value.h"

#include <arpa/inet.h>
#include <ctype.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <uv.h>

#include "config.h"

/* A century: no timer is meant to be longer, and no sum of some overflows. */
#define DURATION_MAX UINT64_C(3155760000000)
#define WHOLE_MAX (UINT64_C(1) << 53)	/* exact in a double, too */

int whole_parse(const json_t *v, uint64_t *n)
{
	if (json_is_integer(v)) {
		const json_int_t i = json_integer_value(v);

		if (i < 0 || (uint64_t)i > WHOLE_MAX)
			return UV_EINVAL;
		*n = (uint64_t)i;
		return 0;
	}
	if (json_is_real(v)) {
		const double d = json_real_value(v);

		if (!(d >= 0 && d <= (double)WHOLE_MAX))
			return UV_EINVAL;
		*n = (uint64_t)d;
		return (double)*n < d ? UV_EINVAL : 0;
	}
	return UV_EINVAL;
}

static bool digits(const char **s, uint64_t *n)
{
	if (!isdigit((unsigned char)**s))
		return false;
	for (*n = 0; isdigit((unsigned char)**s); ++*s) {
		if (*n > WHOLE_MAX / 10 - 1)
			return false;
		*n = *n * 10 + (uint64_t)(**s - '0');
	}
	return true;
}

static const struct {
	const char *name;
	uint64_t ms;
} units[] = {
	{ "", 1000 },
	{ "ms", 1 },
	{ "millisecond", 1 }, { "milliseconds", 1 },
	{ "s", 1000 },
	{ "sec", 1000 }, { "second", 1000 }, { "seconds", 1000 },
	{ "m", 60000 },
	{ "min", 60000 }, { "minute", 60000 }, { "minutes", 60000 },
	{ "h", 3600000 },
	{ "hour", 3600000 }, { "hours", 3600000 },
};

static int duration_text(const char *s, size_t len, uint64_t *ms)
{
	uint64_t whole, part = 0, scale = 1;

	if (strlen(s) != len || !digits(&s, &whole))
		return UV_EINVAL;
	if (*s == '.') {
		s++;
		if (!isdigit((unsigned char)*s))
			return UV_EINVAL;
		for (; isdigit((unsigned char)*s); s++) {
			if (scale >= 1000000)
				continue;	/* below any ms */
			scale *= 10;
			part = part * 10 + (uint64_t)(*s - '0');
		}
	}
	while (*s == ' ')
		s++;
	for (size_t i = 0; i < sizeof(units) / sizeof(*units); i++) {
		if (strcmp(s, units[i].name))
			continue;
		if (whole > DURATION_MAX / units[i].ms)
			return UV_EINVAL;
		*ms = whole * units[i].ms + part * units[i].ms / scale;
		return *ms <= DURATION_MAX ? 0 : UV_EINVAL;
	}
	return UV_EINVAL;
}

int duration_parse(const json_t *v, uint64_t *ms)
{
	double d;

	if (json_is_string(v))
		return duration_text(json_string_value(v),
				     json_string_length(v), ms);
	if (!json_is_number(v))
		return UV_EINVAL;

	d = json_number_value(v) * 1000;
	if (!(d >= 0 && d <= (double)DURATION_MAX))
		return UV_EINVAL;
	*ms = (uint64_t)(d + 0.5);
	return 0;
}

int size_parse(const json_t *v, uint64_t *bytes)
{
	const char *s = json_string_value(v);
	unsigned shift = 0;
	uint64_t n;

	if (!s)
		return whole_parse(v, bytes);
	if (strlen(s) != json_string_length(v) || !digits(&s, &n))
		return UV_EINVAL;
	if (*s == 'K' || *s == 'k')
		shift = 10;
	else if (*s == 'M' || *s == 'm')
		shift = 20;
	else if (*s == 'G' || *s == 'g')
		shift = 30;
	if (shift)
		s++;
	if (*s || n > WHOLE_MAX >> shift)
		return UV_EINVAL;
	*bytes = n << shift;
	return 0;
}

/* Numbers */

struct number {
	const char *p, *end;
	bool digits;		/**< no letters: separators mean nothing */
};

static bool is_separator(char c)
{
	return c && strchr("-.() ", c);
}

/* The number in a user part, a tel: or a sip: URI. */
static struct number number_of(const char *text)
{
	struct number n = { .p = text, .digits = true };
	const char *end;

	if (!strncasecmp(text, "sip:", 4) || !strncasecmp(text, "tel:", 4))
		n.p += 4;
	else if (!strncasecmp(text, "sips:", 5))
		n.p += 5;
	n.end = n.p + strcspn(n.p, ";@?:");

	for (end = n.p; end < n.end; end++)
		if (!isdigit((unsigned char)*end) && !is_separator(*end) &&
		    !strchr("+*#", *end))
			n.digits = false;
	while (n.digits && n.p < n.end && is_separator(*n.p))
		n.p++;
	if (n.p < n.end && *n.p == '+')
		n.p++;
	return n;
}

static int next(struct number *n)
{
	while (n->digits && n->p < n->end && is_separator(*n->p))
		n->p++;
	return n->p < n->end ? (unsigned char)*n->p++ : -1;
}

bool number_matches(const char *pattern, const char *user)
{
	struct number a = number_of(pattern);
	struct number b = number_of(user);
	bool prefix = false;
	int x;

	if (a.p < a.end && a.end[-1] == '*') {
		prefix = true;
		a.end--;
	}
	do {
		x = next(&a);
		if (x < 0 && prefix)
			return true;
		if (x != next(&b))
			return false;
	} while (x >= 0);
	return true;
}

/* Addresses */

bool is_address(const char *text)
{
	unsigned char buf[16];

	return inet_pton(AF_INET, text, buf) == 1 ||
	       inet_pton(AF_INET6, text, buf) == 1;
}

bool is_wildcard(const char *text)
{
	static const unsigned char zero[16];
	unsigned char buf[16];

	if (inet_pton(AF_INET, text, buf) == 1)
		return !memcmp(buf, zero, 4);
	return inet_pton(AF_INET6, text, buf) == 1 && !memcmp(buf, zero, 16);
}

int prefix_parse(const char *text, struct prefix *p)
{
	const char *slash = strchr(text, '/');
	const size_t n = slash ? (size_t)(slash - text) : strlen(text);
	char host[46];
	uint64_t bits;
	unsigned most;

	if (n >= sizeof(host))
		return UV_EINVAL;
	memcpy(host, text, n);
	host[n] = '\0';
	memset(p, 0, sizeof(*p));
	if (inet_pton(AF_INET, host, p->addr) == 1)
		p->family = AF_INET;
	else if (inet_pton(AF_INET6, host, p->addr) == 1)
		p->family = AF_INET6;
	else
		return UV_EINVAL;

	most = p->family == AF_INET ? 32 : 128;
	p->bits = most;
	if (!slash)
		return 0;
	slash++;
	if (!digits(&slash, &bits) || *slash || bits > most)
		return UV_EINVAL;
	p->bits = (unsigned)bits;
	return 0;
}

bool prefix_has(const struct prefix *p, const struct sockaddr *source)
{
	static const unsigned char mapped[12] = {
		0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff,
	};
	const unsigned char *addr;
	const unsigned whole = p->bits / 8, rest = p->bits % 8;
	int family = source->sa_family;

	if (family == AF_INET) {
		addr = (const unsigned char *)
			&((const struct sockaddr_in *)source)->sin_addr;
	} else if (family == AF_INET6) {
		addr = ((const struct sockaddr_in6 *)source)
			->sin6_addr.s6_addr;
		if (!memcmp(addr, mapped, sizeof(mapped)) &&
		    p->family == AF_INET) {
			family = AF_INET;
			addr += sizeof(mapped);
		}
	} else {
		return false;
	}
	if (family != p->family || memcmp(addr, p->addr, whole))
		return false;
	return !rest || !((addr[whole] ^ p->addr[whole]) >> (8 - rest));
}

const char *address_parse(const char *text, char host[46], int *port)
{
	const char *s = text, *colon;
	size_t n;
	uint64_t number;

	if (*s == '[') {
		n = strcspn(++s, "]");
		if (!s[n])
			return "`[` is not closed";
		colon = s + n + 1;
	} else {
		n = strcspn(s, ":");
		colon = s + n;
	}
	if (!n)
		return "has no address";
	if (n >= 46)
		return "is no numeric address";
	memcpy(host, s, n);
	host[n] = '\0';
	if (!is_address(host))
		return "is no numeric address";

	*port = -1;
	if (!*colon)
		return NULL;
	if (*colon++ != ':' || !digits(&colon, &number) || *colon)
		return "has no valid port";
	if (number > 65535)
		return "has a port above 65535";
	*port = (int)number;
	return NULL;
}
