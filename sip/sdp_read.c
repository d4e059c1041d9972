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

static bool is_numeric(const char *addr)
{
	unsigned char buf[16];

	return inet_pton(AF_INET, addr, buf) == 1 ||
		inet_pton(AF_INET6, addr, buf) == 1;
}

static bool is_rtp(const sdp_media_t *m)
{
	return m->m_proto == sdp_proto_rtp ||
		(m->m_proto_name && !strcasecmp(m->m_proto_name, "RTP/AVPF"));
}

static bool is_secure(const sdp_media_t *m)
{
	return m->m_proto == sdp_proto_srtp ||
		(m->m_proto_name && strstr(m->m_proto_name, "SAVP"));
}

/*
 * The section we take part in: the first plain audio that is not refused;
 * else the first secure one, so that it can be told that SRTP is lacking; else
 * the first audio there is.
 */
static const sdp_media_t *choose(const sdp_session_t *s)
{
	const sdp_media_t *secure = NULL, *any = NULL;

	for (const sdp_media_t *m = s->sdp_media; m; m = m->m_next) {
		if (m->m_type != sdp_media_audio)
			continue;
		if (!any && (is_rtp(m) || is_secure(m)))
			any = m;
		if (!m->m_port)
			continue;
		if (is_rtp(m))
			return m;
		if (!secure && is_secure(m))
			secure = m;
	}
	return secure ? secure : any;
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

static int take_audio(struct offer *o, const sdp_session_t *s,
		      const sdp_media_t *m)
{
	const sdp_connection_t *c = m->m_connections;

	if (!c)
		c = s->sdp_connection;
	if (c && c->c_address && strlen(c->c_address) < sizeof(o->addr) &&
	    is_numeric(c->c_address))
		strcpy(o->addr, c->c_address);

	if (m->m_port > 65535)
		return UV_EINVAL;
	o->port = (uint16_t)m->m_port;
	/* Names are not looked up: who gives one has to give an address. */
	if (o->port && !o->addr[0])
		return UV_EINVAL;

	o->secure = !is_rtp(m) && is_secure(m);
	o->dir = (enum media_dir)m->m_mode;
	/* Hold as RFC 2543 wrote it: whoever gives 0.0.0.0 hears nothing. */
	if (!strcmp(o->addr, "0.0.0.0") || !strcmp(o->addr, "::"))
		o->dir &= DIR_SENDONLY;
	return take_codecs(o, m);
}

int sdp_read(struct offer **op, const char *body, size_t len)
{
	const int flags = sdp_f_anynet | sdp_f_insane | sdp_f_c_missing;
	sdp_parser_t *parser;
	const sdp_session_t *s;
	const sdp_media_t *m;
	struct offer *o = NULL;
	su_home_t *home;
	int err = UV_EINVAL;

	if (!len || len > 65536 || memchr(body, '\0', len))
		return UV_EINVAL;

	home = su_home_new(sizeof(*home));
	if (!home)
		return UV_ENOMEM;

	parser = sdp_parse(home, body, (issize_t)len, flags);
	s = sdp_session(parser);
	if (!s)
		goto out;

	o = offer_new(0);
	if (!o) {
		err = UV_ENOMEM;
		goto out;
	}
	o->dir = DIR_INACTIVE;
	m = choose(s);
	err = m ? take_audio(o, s, m) : 0;
	if (err)
		goto out;

	o->body = malloc(len + 1);
	if (!o->body) {
		err = UV_ENOMEM;
		goto out;
	}
	memcpy(o->body, body, len);
	o->body[len] = '\0';
	o->len = len;
out:
	sdp_parser_free(parser);
	su_home_unref(home);
	if (err) {
		offer_unref(o);
		o = NULL;
	}
	*op = o;
	return err;
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
