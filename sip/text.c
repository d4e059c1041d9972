#include "text.h"

#include <ctype.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "core/leg.h"
#include "core/utf8.h"

/** A buffer that says no when it is full. */
struct out {
	char *buf;
	size_t len;
	size_t size;
	bool full;
};

static void put(struct out *o, char c)
{
	if (o->len + 1 >= o->size) {
		o->full = true;
		return;
	}
	o->buf[o->len++] = c;
	o->buf[o->len] = '\0';
}

static void puts_(struct out *o, const char *s)
{
	while (*s)
		put(o, *s++);
}

static void put_escaped(struct out *o, unsigned char c)
{
	static const char hex[] = "0123456789ABCDEF";

	put(o, '%');
	put(o, hex[c >> 4]);
	put(o, hex[c & 15]);
}

/* Escapes what is neither alphanumeric nor in `keep`; what is escaped already
 * stays so. */
static void put_uri(struct out *o, const char *s, const char *keep)
{
	for (; *s; s++) {
		const unsigned char c = (unsigned char)*s;

		if (c < 128 && (isalnum(c) || strchr(keep, c)))
			put(o, (char)c);
		else if (c == '%' && isxdigit((unsigned char)s[1]) &&
			 isxdigit((unsigned char)s[2]))
			put(o, '%');
		else
			put_escaped(o, c);
	}
}

bool text_has_break(const char *s)
{
	return s && strpbrk(s, "\r\n");
}

/* Escapes all that is not alphanumeric or in `keep`: a literal % must not be
 * taken for an escape. */
static void put_literal(struct out *o, const char *s, const char *keep)
{
	for (; *s; s++) {
		const unsigned char c = (unsigned char)*s;

		if (c < 128 && (isalnum(c) || strchr(keep, c)))
			put(o, (char)c);
		else
			put_escaped(o, c);
	}
}

bool text_is_uri(const char *s)
{
	if (!s || !*s)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s <= ' ' || (unsigned char)*s >= 127 ||
		    strchr("<>\"", *s))
			return false;
	return true;
}

bool text_is_token(const char *s)
{
	if (!s || !*s)
		return false;
	for (; *s; s++)
		if ((unsigned char)*s >= 128 ||
		    (!isalnum((unsigned char)*s) &&
		     !strchr("-.!%*_+`'~", *s)))
			return false;
	return true;
}

/* RFC 3261 25.1: quoted-string. Bytes that are no UTF-8, and control
 * characters that a quoted-pair could carry, are not passed on. */
static void put_quoted(struct out *o, const char *s)
{
	size_t len = strlen(s), n;

	put(o, '"');
	for (; len; s += n, len -= n) {
		n = utf8_char(s, len);
		if (!n) {
			n = 1;
			put(o, '?');
			continue;
		}
		if ((unsigned char)*s < ' ' || *s == 0x7f) {
			put(o, ' ');
			continue;
		}
		if (*s == '"' || *s == '\\')
			put(o, '\\');
		for (size_t i = 0; i < n; i++)
			put(o, s[i]);
	}
	put(o, '"');
}

int text_from(char *buf, size_t size, const char *display, const char *user,
	      const char *host)
{
	struct out o = { .buf = buf, .size = size };

	if (text_has_break(display) || text_has_break(user) ||
	    text_has_break(host) || !host || !*host)
		return UV_EINVAL;

	if (display && *display) {
		put_quoted(&o, display);
		put(&o, ' ');
	}
	puts_(&o, "<sip:");
	if (user && *user) {
		/* RFC 3261 25.1: unreserved and user-unreserved. */
		put_uri(&o, user, "-_.!~*'()&=+$,;?/");
		put(&o, '@');
	}
	put_uri(&o, host, "-.[]:");
	put(&o, '>');
	return o.full ? UV_EINVAL : 0;
}

int text_identity(char *buf, size_t size, const char *display,
		  const char *user, const char *host)
{
	if (!text_from(buf, size, display, user, host) ||
	    !text_from(buf, size, NULL, user, host))
		return 0;
	return text_from(buf, size, NULL, NULL, host);
}

int text_refer_to(char *buf, const char *uri, const struct header *headers,
		  unsigned count, unsigned *left)
{
	struct out o = { .buf = buf, .size = REFER_TO_MAX + 1 };
	const char *keep = "-_.!~*'()&=+$,;?/:@[]";
	bool any;

	*left = 0;
	if (!uri || text_has_break(uri) ||
	    (strncasecmp(uri, "sip:", 4) && strncasecmp(uri, "sips:", 5) &&
	     strncasecmp(uri, "tel:", 4)))
		return UV_EINVAL;

	put(&o, '<');
	put_uri(&o, uri, keep);
	any = strchr(uri, '?') != NULL;
	/* The last byte is for the '>'. */
	o.size--;
	if (o.full || o.len + 1 >= o.size)
		return UV_EINVAL;

	for (unsigned i = 0; i < count; i++) {
		const size_t before = o.len;

		if (text_has_break(headers[i].name) ||
		    text_has_break(headers[i].value) ||
		    !text_is_token(headers[i].name))
			return UV_EINVAL;
		put(&o, any ? '&' : '?');
		/* RFC 3261 25.1: hnv-unreserved and unreserved. */
		put_literal(&o, headers[i].name, "-_.!~*'+");
		put(&o, '=');
		put_literal(&o, headers[i].value, "-_.!~*'()[]/?:+$");
		if (o.full) {
			o.full = false;
			o.len = before;
			o.buf[before] = '\0';
			*left = count - i;
			break;
		}
		any = true;
	}
	o.size++;
	put(&o, '>');
	return 0;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

static void take_phrase(const char *p, const char *end, char *phrase,
			size_t size)
{
	size_t n = 0;

	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	while (p < end && (unsigned char)*p >= ' ' && n + 1 < size)
		phrase[n++] = *p++;
	phrase[n] = '\0';
}

int text_sipfrag(const char *body, size_t len, char *phrase, size_t size)
{
	const char *p = body, *end = body + len;
	int status;

	phrase[0] = '\0';
	while (p < end && is_blank(*p))
		p++;
	if (end - p < 8 || strncasecmp(p, "SIP/", 4) ||
	    !isdigit((unsigned char)p[4]))
		return 0;

	/* The version is read by nobody: "SIP/2.0", "sip/2". */
	for (p += 4; p < end && (isdigit((unsigned char)*p) || *p == '.'); p++)
		;
	if (p == end || !is_blank(*p))
		return 0;
	while (p < end && (*p == ' ' || *p == '\t'))
		p++;
	if (end - p < 3 || !isdigit((unsigned char)p[0]) ||
	    !isdigit((unsigned char)p[1]) || !isdigit((unsigned char)p[2]) ||
	    (end - p > 3 && !is_blank(p[3])))
		return 0;

	status = (p[0] - '0') * 100 + (p[1] - '0') * 10 + (p[2] - '0');
	if (status < 100 || status > 699)
		return 0;
	take_phrase(p + 3, end, phrase, size);
	return status;
}

/* "5", "#", "d", and the event numbers of RFC 4733 that some send: 10, 11. */
static char key(const char *p, size_t len)
{
	while (len && is_blank(*p))
		p++, len--;
	while (len && is_blank(p[len - 1]))
		len--;
	if (len == 2 && p[0] == '1')
		return p[1] == '0' ? '*' : p[1] == '1' ? '#' : '\0';
	if (len != 1 || !*p || !strchr("0123456789*#ABCDabcd", *p))
		return '\0';
	return (char)toupper((unsigned char)*p);
}

char text_digit(const char *body, size_t len, bool relay)
{
	const char *p = body, *end = body + len;

	if (!relay)
		return key(body, len);

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;
		const char *eq = memchr(p, '=', (size_t)(stop - p));

		while (p < stop && is_blank(*p))
			p++;
		if (eq && stop - p > 6 && !strncasecmp(p, "Signal", 6))
			return key(eq + 1, (size_t)(stop - eq - 1));
		p = nl ? nl + 1 : end;
	}
	return '\0';
}
