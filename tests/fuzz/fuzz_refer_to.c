/*
 * libFuzzer: Refer-To's value, made of lines: the URI, then a name and a value
 * for each header. What is written must be one URI in angle brackets that the
 * SIP parser reads, of the scheme that was asked for, and each header must
 * come back from it as it was given.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/sip_extra.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_alloc.h>

#include "core/leg.h"
#include "sip/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HEADERS_MAX 24

/* Cuts the next line off; NULL after the last. */
static char *line(char **rest)
{
	return *rest ? strsep(rest, "\n") : NULL;
}

/* Whether `n` bytes of URI text are `plain`, escapes (RFC 3261 25.1) undone. */
static int same(const char *text, size_t n, const char *plain)
{
	const char *end = text + n;
	char hex[3] = "";

	for (; text < end && *plain; plain++) {
		unsigned char c = (unsigned char)*text++;

		if (c == '%' && end - text >= 2) {
			memcpy(hex, text, 2);
			c = (unsigned char)strtoul(hex, NULL, 16);
			text += 2;
		}
		if (c != (unsigned char)*plain)
			return 0;
	}
	return text == end && !*plain;
}

static void same_header(const char *got, const struct header *h)
{
	const size_t n = strcspn(got, "=&>");

	if (got[n] != '=' || !same(got, n, h->name) ||
	    !same(got + n + 1, strcspn(got + n + 1, "&>"), h->value))
		abort();
}

static void read_back(const char *text, const char *uri,
		      const struct header *h, unsigned count)
{
	su_home_t home[1] = { SU_HOME_INIT(home) };
	const size_t len = strlen(text);
	sip_refer_to_t *r;
	const char *at;

	if (len > REFER_TO_MAX || len < 2 || *text != '<' ||
	    text[len - 1] != '>' || strcspn(text + 1, "<>\" ") != len - 2)
		abort();
	for (const char *p = text; *p; p++)
		if ((unsigned char)*p <= ' ' || (unsigned char)*p >= 127)
			abort();

	su_home_init(home);
	r = sip_refer_to_make(home, text);
	/* A URI that is none to begin with stays none. */
	if (r) {
		if (r->r_next || r->r_params ||
		    (r->r_display && *r->r_display))
			abort();
		if (r->r_url->url_scheme &&
		    strncasecmp(uri, r->r_url->url_scheme,
				strlen(r->r_url->url_scheme)))
			abort();
	}
	at = strchr(text, '?');
	if (!strchr(uri, '?'))
		for (unsigned i = 0; i < count; i++, at = strchr(at, '&')) {
			if (!at)
				abort();
			same_header(++at, &h[i]);
		}
	su_home_deinit(home);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct header h[HEADERS_MAX];
	char *copy = calloc(1, size + 1), *rest = copy, *uri;
	char *buf = malloc(REFER_TO_MAX + 1);
	unsigned count = 0, left = 0;

	if (!copy || !buf)
		abort();
	memcpy(copy, data, size);
	uri = line(&rest);
	while (count < HEADERS_MAX && (h[count].name = line(&rest)) &&
	       (h[count].value = line(&rest)))
		count++;

	if (!text_refer_to(buf, uri, h, count, &left)) {
		if (left > count)
			abort();
		read_back(buf, uri, h, count - left);
	}
	free(buf);
	free(copy);
	return 0;
}
