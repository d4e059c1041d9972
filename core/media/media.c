#include "media.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "ports.h"
#include "relay.h"

#define DISCARD 9		/* RFC 863: a port nobody listens on */
#define EVENT_NUMBER 101
#define EVENT_FORMAT "0-15"	/* the keys 0-9 * # A-D (RFC 4733 2.4.1) */

/* Codecs of this version: static payload numbers (RFC 3551 6). */
static const struct codec known[] = {
	{ .pt = 0, .channels = 1, .rate = 8000, .name = "PCMU" },
	{ .pt = 8, .channels = 1, .rate = 8000, .name = "PCMA" },
};
#define KNOWN (sizeof(known) / sizeof(*known))

struct media_end {
	struct media *m;
	struct port_pair pair;		/**< mode rtp only               */
};

struct media {
	bool rtp;
	struct uv_loop_s *uv;
	char address[46];		/**< in our descriptions         */
	const struct codec *codecs[KNOWN];	/**< as preferred        */
	unsigned codec_count;
	struct port_pairs ports;
	struct media_end none;		/**< every leg's in mode none    */
};

static const struct codec *find_known(const char *name)
{
	for (size_t i = 0; i < KNOWN; i++)
		if (!strcasecmp(known[i].name, name))
			return &known[i];
	return NULL;
}

static int set_codecs(struct media *m, const struct media_options *o)
{
	for (size_t i = 0; i < o->codec_count; i++) {
		const struct codec *c = find_known(o->codecs[i]);

		for (unsigned k = 0; c && k < m->codec_count; k++)
			if (m->codecs[k] == c)
				c = NULL;
		if (!c)
			return UV_EINVAL;
		m->codecs[m->codec_count++] = c;
	}
	return m->codec_count ? 0 : UV_EINVAL;
}

int media_open(struct media **mp, const struct media_options *o)
{
	const char *shown = o->advertise && *o->advertise ? o->advertise
							  : o->address;
	struct media *m;
	int err;

	*mp = NULL;
	if (strlen(shown) >= sizeof(m->address))
		return UV_EINVAL;
	m = calloc(1, sizeof(*m));
	if (!m)
		return UV_ENOMEM;

	m->rtp = o->rtp;
	m->uv = o->uv;
	m->none.m = m;
	strcpy(m->address, shown);
	err = set_codecs(m, o);
	if (!err && m->rtp)
		err = ports_open(&m->ports, o->address, o->port_min,
				 o->port_max);
	if (err) {
		ports_close(&m->ports);
		free(m);
		return err;
	}
	*mp = m;
	return 0;
}

void media_close(struct media *m)
{
	if (!m)
		return;
	ports_close(&m->ports);
	free(m);
}

bool media_is_rtp(const struct media *m)
{
	return m->rtp;
}

size_t media_capacity(const struct media_options *o)
{
	return o->rtp ? ports_count(o->port_min, o->port_max) / 2 : 0;
}

size_t media_in_use(const struct media *m)
{
	return m->ports.used;
}

int media_end_open(struct media *m, struct media_end **ep)
{
	struct media_end *e;
	int err;

	*ep = NULL;
	if (!m->rtp) {
		*ep = &m->none;
		return 0;
	}

	e = calloc(1, sizeof(*e));
	if (!e)
		return UV_ENOMEM;
	e->m = m;
	err = ports_take(&m->ports, &e->pair);
	if (err) {
		free(e);
		return err;
	}
	*ep = e;
	return 0;
}

void media_end_close(struct media_end *e)
{
	if (!e || e == &e->m->none)
		return;
	ports_give(&e->m->ports, &e->pair);
	free(e);
}

static bool same_codec(const struct codec *a, const struct codec *b)
{
	/* no channels named in an rtpmap means one (RFC 4566 6) */
	return a->rate == b->rate && a->channels <= 1 && b->channels <= 1 &&
	       !strcasecmp(a->name, b->name);
}

static bool is_event(const struct codec *c)
{
	return c->rate == 8000 && !strcasecmp(c->name, "telephone-event");
}

static bool copy_codec(struct codec *to, const struct codec *from,
		       const char *fmtp)
{
	*to = *from;
	to->fmtp = fmtp ? strdup(fmtp) : NULL;
	return !fmtp || to->fmtp;
}

/* A description of the node's own, with room for `count` codecs. */
static struct offer *describe(const struct media_end *e, unsigned count)
{
	struct offer *o = offer_new(count);

	if (!o)
		return NULL;
	o->count = 0;
	memcpy(o->addr, e->m->address, sizeof(o->addr));
	o->port = e->m->rtp ? e->pair.port : DISCARD;
	o->dir = e->m->rtp ? DIR_SENDRECV : DIR_INACTIVE;
	return o;
}

static bool add(struct offer *o, const struct codec *c, const char *fmtp)
{
	/* counted first: what a failed copy leaves is NULL and freed */
	return copy_codec(&o->codecs[o->count++], c, fmtp);
}

static struct offer *copy_all(const struct media_end *e,
			      const struct offer *from)
{
	struct offer *o = describe(e, from->count);

	for (unsigned i = 0; o && i < from->count; i++) {
		if (add(o, &from->codecs[i], from->codecs[i].fmtp))
			continue;
		offer_unref(o);
		return NULL;
	}
	return o;
}

/* What of `from` we have, in our order, numbered as there. */
static struct offer *copy_common(const struct media_end *e,
				 const struct offer *from)
{
	const struct media *m = e->m;
	struct offer *o = describe(e, m->codec_count + 1);

	if (!o)
		return NULL;
	for (unsigned i = 0; i < m->codec_count; i++) {
		for (unsigned k = 0; k < from->count; k++) {
			if (!same_codec(&from->codecs[k], m->codecs[i]))
				continue;
			add(o, &from->codecs[k], NULL);
			break;
		}
	}
	if (!o->count)
		goto none;
	for (unsigned k = 0; k < from->count; k++) {
		if (!is_event(&from->codecs[k]))
			continue;
		if (!add(o, &from->codecs[k], EVENT_FORMAT))
			goto none;
		break;
	}
	return o;
none:
	offer_unref(o);
	return NULL;
}

static enum media_dir mirror(enum media_dir dir)
{
	return (enum media_dir)(((dir & DIR_SENDONLY) << 1) |
				((dir & DIR_RECVONLY) >> 1));
}

/* Direction of an answer (RFC 3264 6.1; c=0.0.0.0 is hold, 8.4). */
static enum media_dir answer_dir(const struct offer *offer)
{
	enum media_dir dir = offer->dir;

	if (!strcmp(offer->addr, "0.0.0.0") || !strcmp(offer->addr, "::"))
		dir = (enum media_dir)(dir & DIR_SENDONLY);
	return mirror(dir);
}

struct offer *media_answer(struct media_end *e, const struct offer *offer)
{
	struct offer *o;

	/* SAVP needs SRTP, which is not there. */
	if (!offer->count || offer->secure)
		return NULL;

	o = e->m->rtp ? copy_common(e, offer) : copy_all(e, offer);
	if (!o)
		return NULL;
	if (e->m->rtp)
		o->dir = answer_dir(offer);
	if (!offer->port) {
		/* A stream offered with port 0 is off, and stays in the
		 * answer with port 0 (RFC 3264 6). */
		o->port = 0;
		o->dir = DIR_INACTIVE;
	}
	return o;
}

struct offer *media_offer(struct media_end *e, const struct offer *negotiated)
{
	static const struct codec event = {
		.pt = EVENT_NUMBER, .channels = 1, .rate = 8000,
		.name = "telephone-event",
	};
	const struct media *m = e->m;
	struct offer *o;

	if (negotiated && negotiated->count) {
		o = m->rtp ? copy_common(e, negotiated)
			   : copy_all(e, negotiated);
		if (o)
			return o;
	}

	o = describe(e, m->codec_count + 1);
	if (!o)
		return NULL;
	for (unsigned i = 0; i < m->codec_count; i++)
		add(o, m->codecs[i], NULL);
	if (!add(o, &event, EVENT_FORMAT)) {
		offer_unref(o);
		return NULL;
	}
	return o;
}

/* relays */

bool media_can_relay(const struct media *m)
{
	return m->rtp && m->uv;
}

/* Numbers under which `from` may send, and what they are for `to`. False if
 * `to` could understand none of `from`'s audio, or if `strict` not all of it. */
static bool fill_map(uint8_t map[128], const struct media_side *from,
		     const struct media_side *to, bool strict)
{
	bool audio = false;

	memset(map, RELAY_NONE, 128);
	for (unsigned i = 0; i < from->ours->count; i++) {
		const struct codec *c = &from->ours->codecs[i];
		const struct codec *there = offer_find(to->peer, c);

		/* What the peer has not taken up it will not send. */
		if (!offer_find(from->peer, c))
			continue;
		if (there && c->pt < 128)
			map[c->pt] = there->pt & 0x7f;
		else if (strict && !codec_is_auxiliary(c))
			return false;
		audio |= there && !codec_is_auxiliary(c);
	}
	return audio;
}

static bool fill_side(struct relay_side *to, const struct media_side *side,
		      const struct media_side *other, bool strict)
{
	memset(to, 0, sizeof(*to));
	to->rtp = side->end->pair.fd[0];
	to->rtcp = side->end->pair.fd[1];
	snprintf(to->addr, sizeof(to->addr), "%s", side->peer->addr);
	snprintf(to->source, sizeof(to->source), "%s",
		 side->source ? side->source : "");
	to->port = side->peer->port;
	to->hears = side->peer->port && (side->peer->dir & DIR_RECVONLY);
	to->speaks = side->peer->port && (side->peer->dir & DIR_SENDONLY);
	return fill_map(to->map, side, other, strict);
}

static int fill_both(struct relay_side to[2], const struct media_side side[2],
		     bool strict)
{
	return fill_side(&to[0], &side[0], &side[1], strict) &&
		fill_side(&to[1], &side[1], &side[0], strict) ? 0 : UV_EPROTO;
}

int media_relay_open(struct relay **rp, const struct media_side side[2],
		     bool strict)
{
	struct relay_side to[2];
	const int rc = fill_both(to, side, strict);

	return rc ? rc : relay_open(rp, side[0].end->m->uv, to);
}

int media_relay_change(struct relay *r, const struct media_side side[2],
		       bool strict)
{
	struct relay_side to[2];
	const int rc = fill_both(to, side, strict);

	for (unsigned i = 0; i < 2 && !rc; i++)
		relay_change(r, i, &to[i]);
	return rc;
}

void media_relay_close(struct relay *r)
{
	relay_close(r);
}
