#include "sdp.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include <sofia-sip/sdp.h>
#include <sofia-sip/su_alloc.h>

#include "core/offer.h"
#include "sdp_lines.h"

/* Formats of one section that are looked at. */
#define FORMATS_MAX 128

static bool is_numeric(const char *addr)
{
	unsigned char buf[16];

	return inet_pton(AF_INET, addr, buf) == 1 ||
		inet_pton(AF_INET6, addr, buf) == 1;
}

/*
 * What of a body sofia's parser gets to see. It is not to be trusted with all
 * that a stranger writes: a byte above 127 in the formats of an m= line has it
 * allocate for ever. So it is given our section alone, in a frame of our own,
 * and of that only the lines it is to understand.
 */
struct digest {
	char *s;
	size_t len;
};

static void put(struct digest *d, const char *s, size_t len)
{
	memcpy(d->s + d->len, s, len);
	d->len += len;
}

static void put_text(struct digest *d, const char *s)
{
	put(d, s, strlen(s));
}

static bool begins(const char *line, size_t len, const char *with)
{
	return len >= strlen(with) && !strncasecmp(line, with, strlen(with));
}

static bool is_wanted(const char *line, size_t len, bool in_section)
{
	return begins(line, len, "c=IN IP") || sdp_is_direction(line, len) ||
		(in_section && (begins(line, len, "a=rtpmap:") ||
				begins(line, len, "a=fmtp:")));
}

/* A number at the start of a word of `len` bytes; how many digits it has. */
static size_t number(const char *w, size_t len, unsigned long *value)
{
	size_t n = 0;

	*value = 0;
	while (n < len && n < 9 && w[n] >= '0' && w[n] <= '9')
		*value = *value * 10 + (unsigned long)(w[n++] - '0');
	return n;
}

/* `m=audio PORT RTP/AVP` and those payload numbers that are some. */
static int put_section(struct digest *d, const char *line, size_t len)
{
	size_t n = 0, digits;
	const char *w = sdp_word(line, len, 1, &n);
	unsigned long value;

	digits = w ? number(w, n, &value) : 0;
	if (!digits || value > 65535 || (digits < n && w[digits] != '/'))
		return UV_EINVAL;

	put_text(d, "m=audio ");
	put(d, w, digits);
	put_text(d, " RTP/AVP");
	for (unsigned i = 3; (w = sdp_word(line, len, i, &n)); i++) {
		if (i - 3 >= FORMATS_MAX)
			break;
		if (number(w, n, &value) < n || value > 127)
			continue;
		put_text(d, " ");
		put(d, w, n);
	}
	put_text(d, "\r\n");
	return 0;
}

/* Never longer than the body and its frame. */
static int digest(struct digest *d, const char *body, size_t len,
		  unsigned audio)
{
	static const char head[] = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\n"
		"s=-\r\n";
	const char *p = body, *line;
	int at = -1, err = 0;
	size_t n;

	/* CRLF may stand for LF, and the section's line is made longer. */
	d->s = malloc(2 * len + sizeof(head) + 64);
	if (!d->s)
		return UV_ENOMEM;

	d->len = 0;
	put_text(d, head);
	while (!err && sdp_next_line(&p, body + len, &line, &n)) {
		if (n >= 2 && !memcmp(line, "m=", 2)) {
			if (++at == (int)audio)
				err = put_section(d, line, n);
			continue;
		}
		if ((at == -1 || at == (int)audio) &&
		    is_wanted(line, n, at >= 0)) {
			put(d, line, n);
			put_text(d, "\r\n");
		}
	}
	return err;
}

static int take_codecs(struct offer *o, const sdp_media_t *m)
{
	unsigned n = 0;

	for (const sdp_rtpmap_t *r = m->m_rtpmaps; r; r = r->rm_next)
		n++;
	if (n > OFFER_CODECS_MAX)
		n = OFFER_CODECS_MAX;
	if (!n)
		return 0;

	o->codecs = calloc(n, sizeof(*o->codecs));
	if (!o->codecs)
		return UV_ENOMEM;

	for (const sdp_rtpmap_t *r = m->m_rtpmaps; r && o->count < n;
	     r = r->rm_next) {
		struct codec *c = &o->codecs[o->count];

		/* A number that nothing explains cannot be agreed upon. */
		if (!r->rm_encoding || !*r->rm_encoding || !r->rm_rate ||
		    r->rm_rate > UINT32_MAX ||
		    strlen(r->rm_encoding) >= sizeof(c->name))
			continue;
		c->pt = (uint8_t)r->rm_pt;
		c->rate = (uint32_t)r->rm_rate;
		c->channels = 1;
		if (r->rm_params && atoi(r->rm_params) > 1 &&
		    atoi(r->rm_params) < 256)
			c->channels = (uint8_t)atoi(r->rm_params);
		strcpy(c->name, r->rm_encoding);
		o->count++;
		if (r->rm_fmtp && *r->rm_fmtp) {
			c->fmtp = strdup(r->rm_fmtp);
			if (!c->fmtp)
				return UV_ENOMEM;
		}
	}
	return 0;
}

static int take_audio(struct offer *o, const sdp_session_t *s)
{
	const sdp_media_t *m = s->sdp_media;
	const sdp_connection_t *c;

	if (!m)
		return UV_EINVAL;

	c = m->m_connections ? m->m_connections : s->sdp_connection;
	if (c && c->c_address && strlen(c->c_address) < sizeof(o->addr) &&
	    is_numeric(c->c_address))
		strcpy(o->addr, c->c_address);

	o->port = (uint16_t)m->m_port;
	/* Names are not looked up: who gives one has to give an address. */
	if (o->port && !o->addr[0])
		return UV_EINVAL;

	o->dir = (enum media_dir)m->m_mode;
	/* Hold as RFC 2543 wrote it: whoever gives 0.0.0.0 hears nothing. */
	if (!strcmp(o->addr, "0.0.0.0") || !strcmp(o->addr, "::"))
		o->dir &= DIR_SENDONLY;
	return take_codecs(o, m);
}

static int parse(struct offer *o, const char *body, size_t len,
		 unsigned audio)
{
	const int flags = sdp_f_anynet | sdp_f_insane | sdp_f_c_missing;
	su_home_t *home = su_home_new(sizeof(*home));
	struct digest d = { 0 };
	sdp_parser_t *parser = NULL;
	const sdp_session_t *s;
	int err = home ? digest(&d, body, len, audio) : UV_ENOMEM;

	if (err)
		goto out;

	parser = sdp_parse(home, d.s, (issize_t)d.len, flags);
	s = sdp_session(parser);
	err = s ? take_audio(o, s) : UV_EINVAL;
out:
	sdp_parser_free(parser);
	su_home_unref(home);
	free(d.s);
	return err;
}

/* RFC 4566 9, byte-string; other control characters have no business here. */
static bool has_control(const char *line, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)line[i] < ' ' && line[i] != '\t')
			return true;
	return false;
}

/* v= comes first, and each line is a letter and its value (RFC 4566 5). */
static bool is_sdp(const char *body, size_t len)
{
	const char *p = body, *line;
	size_t n;

	if (!sdp_next_line(&p, body + len, &line, &n) || n != 3 ||
	    memcmp(line, "v=0", 3))
		return false;
	while (sdp_next_line(&p, body + len, &line, &n)) {
		size_t word;

		if (n && (n < 2 || line[0] < 'a' || line[0] > 'z' ||
			  line[1] != '=' || has_control(line, n)))
			return false;
		if (n && line[0] == 'm' && !sdp_word(line, n, 2, &word))
			return false;
	}
	return true;
}

static uint64_t hash(uint64_t h, const char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		h = (h ^ (unsigned char)s[i]) * UINT64_C(1099511628211);
	return (h ^ 0xa) * UINT64_C(1099511628211);
}

/* By which a repeat is told from a change, without looking into it. */
static void take_identity(struct offer *o, const char *body, size_t len)
{
	const uint64_t start = UINT64_C(14695981039346656037);
	const char *p = body, *line;
	size_t n;

	o->rest = start;
	while (sdp_next_line(&p, body + len, &line, &n)) {
		if (n < 2 || memcmp(line, "o=", 2))
			o->rest = hash(o->rest, line, n);
		else if (!o->origin)
			o->origin = hash(start, line, n);
	}
}

int sdp_read(struct offer **op, const char *body, size_t len)
{
	enum sdp_rank rank;
	unsigned count, audio;
	struct offer *o;
	int err = 0;

	*op = NULL;
	if (!len || len > 65536 || !is_sdp(body, len))
		return UV_EINVAL;

	o = offer_new(0);
	if (!o)
		return UV_ENOMEM;

	o->dir = DIR_INACTIVE;
	audio = sdp_find_audio(body, len, &count, &rank);
	if (rank != SDP_OTHER)
		err = parse(o, body, len, audio);
	o->secure = rank == SDP_SECURE;
	if (!err) {
		o->body = malloc(len + 1);
		err = o->body ? 0 : UV_ENOMEM;
	}
	if (err) {
		offer_unref(o);
		return err;
	}
	memcpy(o->body, body, len);
	o->body[len] = '\0';
	o->len = len;
	take_identity(o, body, len);
	*op = o;
	return 0;
}

/* The part's header block says application/sdp (RFC 2046 5.1). */
static bool part_is_sdp(const char *p, const char *end, const char **body)
{
	bool sdp = false;

	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		const char *stop = nl ? nl : end;
		const char *v;

		if (stop == p || (stop == p + 1 && *p == '\r')) {
			*body = nl ? nl + 1 : end;
			return sdp;
		}
		if (stop - p > 13 && !strncasecmp(p, "Content-Type:", 13)) {
			for (v = p + 13; v < stop && (*v == ' ' || *v == '\t');
			     v++)
				;
			sdp = stop - v >= 15 &&
				!strncasecmp(v, "application/sdp", 15);
		}
		if (!nl)
			break;
		p = nl + 1;
	}
	return false;
}

int sdp_find(const char *type, const char *boundary, const char *body,
	     size_t len, const char **sdp, size_t *sdp_len)
{
	const char *end = body + len;
	const char *p, *start = NULL;
	char mark[80];
	int n;

	if (type ? !strcasecmp(type, "application/sdp") :
	    len > 3 && !memcmp(body, "v=0", 3)) {
		*sdp = body;
		*sdp_len = len;
		return 0;
	}
	if (!type || strncasecmp(type, "multipart/", 10) || !boundary)
		return UV_ENOTSUP;

	/* RFC 2046 5.1.1: at most 70 characters, perhaps in quotes. */
	n = snprintf(mark, sizeof(mark), "--%s",
		     boundary + (*boundary == '"'));
	if (n < 3 || (size_t)n >= sizeof(mark))
		return UV_ENOTSUP;
	if (mark[n - 1] == '"')
		mark[--n] = '\0';

	for (p = body; p && p < end; ) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));

		if (end - p >= n && !memcmp(p, mark, (size_t)n)) {
			const char *b;

			if (start && part_is_sdp(start, p, &b)) {
				/* The CRLF before the boundary is its own. */
				*sdp = b;
				*sdp_len = (size_t)(p - b);
				return *sdp_len ? 0 : UV_ENOTSUP;
			}
			start = nl ? nl + 1 : NULL;
		}
		p = nl ? nl + 1 : NULL;
	}
	return UV_ENOTSUP;
}
