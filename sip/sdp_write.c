#include "sdp.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>
#include <uv.h>

#include "core/offer.h"
#include "sdp_lines.h"

/** A string that grows; once memory is short it stays so. */
struct text {
	char *s;
	size_t len;
	size_t size;
	bool failed;
};

static void add(struct text *t, const char *s, size_t len)
{
	if (t->failed)
		return;
	if (t->len + len + 1 > t->size) {
		size_t size = t->size ? t->size : 512;
		char *p;

		while (size < t->len + len + 1)
			size *= 2;
		p = realloc(t->s, size);
		if (!p) {
			t->failed = true;
			return;
		}
		t->s = p;
		t->size = size;
	}
	memcpy(t->s + t->len, s, len);
	t->len += len;
	t->s[t->len] = '\0';
}

__attribute__((format(printf, 2, 3)))
static void addf(struct text *t, const char *fmt, ...)
{
	char buf[512];
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(buf))
		t->failed = true;
	else
		add(t, buf, (size_t)n);
}

static void add_line(struct text *t, const char *line, size_t len)
{
	add(t, line, len);
	add(t, "\r\n", 2);
}

static const char *family(const char *addr)
{
	return strchr(addr, ':') ? "IP6" : "IP4";
}

static const char *direction(enum media_dir d)
{
	static const char *const name[] = {
		[DIR_INACTIVE] = "inactive", [DIR_SENDONLY] = "sendonly",
		[DIR_RECVONLY] = "recvonly", [DIR_SENDRECV] = "sendrecv",
	};

	return name[d & DIR_SENDRECV];
}

/* sections */

/* A refused section keeps its formats (RFC 3264 6), its port is 0. */
static void add_refused(struct text *t, const char *line, size_t len)
{
	size_t n;
	const char *media = sdp_word(line, len, 0, &n);
	const char *port;

	if (!media)
		return;
	add(t, media, n);
	add(t, " 0", 2);
	port = sdp_word(line, len, 1, &n);
	if (port)
		add(t, port + n, (size_t)(line + len - port) - n);
}

int sdp_dialog_shape(struct sdp_dialog *d, const struct offer *peer)
{
	struct text t = { 0 };
	const char *p, *line;
	unsigned count, i = 0, audio;
	size_t n;

	if (!peer || !peer->body)
		return 0;

	audio = sdp_find_audio(peer->body, peer->len, &count, NULL);
	if (count < 2 && !d->others) {
		d->audio = 0;
		return 0;
	}

	p = peer->body;
	while (sdp_next_line(&p, peer->body + peer->len, &line, &n)) {
		if (n < 2 || memcmp(line, "m=", 2))
			continue;
		if (i++ != audio) {
			add_refused(&t, line, n);
			add(&t, "\n", 1);
		}
	}
	if (t.failed) {
		free(t.s);
		return UV_ENOMEM;
	}
	free(d->others);
	d->others = t.s;
	d->audio = audio;
	return 0;
}

void sdp_dialog_free(struct sdp_dialog *d)
{
	free(d->others);
	d->others = NULL;
}

/* writing */

/* Of a party's own session, and wrong in the other's (ICE, keys, SSRCs). */
static bool crosses(const char *line, size_t len)
{
	static const char *const dropped[] = {
		"candidate", "remote-candidates", "end-of-candidates",
		"ice-ufrag", "ice-pwd", "ice-lite", "ice-options",
		"ice-mismatch", "ice-pacing", "crypto", "fingerprint",
		"setup", "connection", "tls-id", "key-mgmt", "ssrc",
		"ssrc-group", "group", "mid", "msid", "msid-semantic",
		"bundle-only",
	};
	size_t n = 0;

	line += 2;
	len -= 2;
	while (n < len && line[n] != ':')
		n++;
	for (size_t i = 0; i < sizeof(dropped) / sizeof(dropped[0]); i++)
		if (strlen(dropped[i]) == n &&
		    !strncasecmp(line, dropped[i], n))
			return false;
	return true;
}

static void write_own(struct text *t, const struct offer *o)
{
	addf(t, "m=audio %u RTP/AVP", (unsigned)o->port);
	for (unsigned i = 0; i < o->count; i++)
		addf(t, " %u", (unsigned)o->codecs[i].pt);
	/* A refused section needs a format all the same. */
	if (!o->count)
		add(t, " 0", 2);
	add(t, "\r\n", 2);
	for (unsigned i = 0; i < o->count; i++) {
		const struct codec *c = &o->codecs[i];

		addf(t, "a=rtpmap:%u %s/%u", (unsigned)c->pt, c->name,
		     (unsigned)c->rate);
		if (c->channels > 1)
			addf(t, "/%u", (unsigned)c->channels);
		add(t, "\r\n", 2);
		if (c->fmtp) {
			addf(t, "a=fmtp:%u ", (unsigned)c->pt);
			add_line(t, c->fmtp, strlen(c->fmtp));
		}
	}
	if (o->port)
		addf(t, "a=%s\r\n", direction(o->dir));
}

/* Lines of one level of a foreign body: -1 the session's, else a section's. */
static void write_level(struct text *t, const struct offer *o, int level,
			char type)
{
	const char *p = o->body, *line;
	size_t n;
	int at = -1;

	while (sdp_next_line(&p, o->body + o->len, &line, &n)) {
		if (n < 2 || line[1] != '=')
			continue;
		if (line[0] == 'm')
			at++;
		if (at != level || line[0] != type)
			continue;
		if (type != 'a' ||
		    (crosses(line, n) && !sdp_is_direction(line, n)))
			add_line(t, line, n);
	}
}

static void write_audio(struct text *t, const struct offer *o)
{
	unsigned count, at;

	if (!o->body) {
		write_own(t, o);
		return;
	}
	at = sdp_find_audio(o->body, o->len, &count, NULL);
	write_level(t, o, (int)at, 'm');
	write_level(t, o, (int)at, 'c');
	write_level(t, o, (int)at, 'a');
	/* The summary's: the engine may want another than the body has. */
	if (o->port)
		addf(t, "a=%s\r\n", direction(o->dir));
}

static uint64_t hash(const char *s)
{
	uint64_t h = UINT64_C(14695981039346656037);

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
	return h ? h : 1;
}

/* All but v= and o=, by which a change is told from a repeat. */
static void write_rest(struct text *t, const struct sdp_dialog *d,
		       const struct offer *o, const char *addr)
{
	const size_t before = t->len;
	const char *p = d->others, *line;
	const char *c = !o->body && d->advertise ? d->advertise :
		o->addr[0] ? o->addr : addr;
	unsigned i = 0;
	size_t n;

	add(t, "s=-\r\n", 5);
	if (o->body)
		write_level(t, o, -1, 'c');
	if (!o->body || (!strstr(o->body, "c=") && t->len == before + 5))
		addf(t, "c=IN %s %s\r\n", family(c), c);
	add(t, "t=0 0\r\n", 7);
	if (o->body)
		write_level(t, o, -1, 'a');

	while (p && i < d->audio &&
	       sdp_next_line(&p, p + strlen(p), &line, &n)) {
		add_line(t, line, n);
		i++;
	}
	write_audio(t, o);
	while (p && sdp_next_line(&p, p + strlen(p), &line, &n))
		add_line(t, line, n);
}

char *sdp_write(struct sdp_dialog *d, const struct offer *o,
		const char *addr, size_t *len)
{
	struct text rest = { 0 }, t = { 0 };
	uint64_t h;

	write_rest(&rest, d, o, addr);
	if (rest.failed)
		goto fail;

	h = hash(rest.s);
	if (!d->id) {
		/* Unique per dialog: RFC 4566 5.2 suggests the time. */
		d->id = ((uint64_t)time(NULL) << 20) ^
			(((uint64_t)(uintptr_t)d >> 4) & 0xfffff);
		d->version = 1;
	} else if (h != d->hash) {
		d->version++;
	}
	d->hash = h;

	addf(&t, "v=0\r\no=- %llu %u IN %s %s\r\n",
	     (unsigned long long)d->id, (unsigned)d->version, family(addr),
	     addr);
	add(&t, rest.s, rest.len);
	if (t.failed)
		goto fail;

	free(rest.s);
	*len = t.len;
	return t.s;
fail:
	free(rest.s);
	free(t.s);
	return NULL;
}
