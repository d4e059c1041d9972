/*
 * What the customer and we have told each other about media. The engine keeps
 * three descriptions: what the customer last sent, what it has from us, and
 * our offer under way.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "engine_i.h"

/*
 * Keeps the customer's description with the direction the customer wishes: an
 * answer cannot ask for more than our offer allowed, so what that ruled out
 * is as it was before. In mode "none" our own descriptions are inactive, and the
 * agent must not be offered that.
 */
void call_media_remote(struct call *c, struct offer *o, bool is_answer)
{
	struct offer *wish;

	if (!o)
		return;

	wish = is_answer ? offer_wish(o, c->sent, call_media_is_home(c)
				      ? NULL : c->remote)
			 : offer_ref(o);
	offer_unref(c->remote);
	c->remote = wish;
}

static int open_end(struct call *c)
{
	return c->end ? 0 : media_end_open(c->e->media, &c->end);
}

/* The node's answer to `offer`, or its own offer if that is NULL. */
int call_media_answer(struct call *c, struct offer *offer,
		      struct offer **answer)
{
	int rc = open_end(c);

	if (rc)
		return rc;

	*answer = offer ? media_answer(c->end, offer)
			: media_offer(c->end, c->first);
	if (!*answer)
		return offer ? UV_EPROTO : UV_ENOMEM;

	if (!c->first && offer)
		c->first = offer_ref(*answer);
	if (offer)
		call_media_remote(c, offer, false);
	offer_set(&c->sent, *answer);
	return 0;
}

/* The node's own description, with what was first agreed on; new ref. */
struct offer *call_media_home(struct call *c)
{
	return open_end(c) ? NULL : media_offer(c->end, c->first);
}

bool call_media_is_home(const struct call *c)
{
	return !c->sent || !c->sent->body;
}

int call_media_send(struct call *c, struct offer *o)
{
	int rc;

	if (!c->leg || c->leg_over)
		return UV_ENOTCONN;
	rc = leg_offer(c->leg, o);
	if (!rc)
		offer_set(&c->pending, o);
	return rc;
}

void call_media_withdraw(struct call *c)
{
	if (c->pending && c->leg && leg_withdraw_offer(c->leg))
		offer_set(&c->pending, NULL);
}

void call_media_done(struct call *c, const struct leg_event *ev)
{
	/* A 2xx without an answer has taken our offer all the same. */
	if (ev->status >= 200 && ev->status < 300) {
		offer_set(&c->sent, c->pending);
		call_media_remote(c, ev->offer, true);
	}
	offer_set(&c->pending, NULL);
}

void call_media_free(struct call *c)
{
	offer_set(&c->remote, NULL);
	offer_set(&c->first, NULL);
	offer_set(&c->sent, NULL);
	offer_set(&c->pending, NULL);
	media_end_close(c->end);
	c->end = NULL;
}

/* Whether an address can be reached from everywhere (RFC 6890). */
static bool is_public(const char *addr)
{
	unsigned char b[16];

	if (!uv_inet_pton(AF_INET, addr, b))
		return !(b[0] == 10 || b[0] == 127 || b[0] == 0 ||
			 (b[0] == 172 && (b[1] & 0xf0) == 16) ||
			 (b[0] == 192 && b[1] == 168) ||
			 (b[0] == 169 && b[1] == 254) ||
			 (b[0] == 100 && (b[1] & 0xc0) == 64) || b[0] >= 224);
	if (!uv_inet_pton(AF_INET6, addr, b))
		return (b[0] & 0xe0) == 0x20;
	return false;
}

bool call_media_direct(const struct call *c, const struct trunk *trunk,
		       const struct offer *agent, const char *agent_host)
{
	const struct trunk *own = c->trunk;

	if (!media_is_rtp(c->e->media))
		return true;
	if ((own && own->media == MEDIA_NODE) ||
	    (trunk && trunk->media == MEDIA_NODE))
		return false;
	if ((own && own->media == MEDIA_DIRECT) ||
	    (trunk && trunk->media == MEDIA_DIRECT))
		return true;
	if (!c->remote)
		return false;

	/* A private address that is not where signalling comes from lies
	 * behind a NAT: the other party could not send to it. */
	if (!is_public(c->remote->addr) &&
	    strcmp(c->remote->addr, c->source))
		return false;
	if (!agent)
		return true;
	if (!is_public(agent->addr) && strcmp(agent->addr, agent_host))
		return false;
	return is_public(agent->addr) == is_public(c->remote->addr);
}
