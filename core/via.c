/*
 * Media through the node (contract 5.2): each party has the node's ports, and
 * what comes in on those of one goes out from those of the other. There is no
 * joining re-INVITE unless a codec has to change, and a change of one party is
 * answered here.
 */
#include <uv.h>

#include "transfer_i.h"

bool via_possible(const struct transfer *t)
{
	return media_can_relay(t->call->e->media);
}

/* What an agent is offered: the node's ports, with what the customer has now
 * of what he first agreed on with us. */
struct offer *via_offer(struct transfer *t)
{
	struct call *c = t->call;
	struct offer *all, *o;

	if (!t->end && media_end_open(c->e->media, &t->end)) {
		log_line(LOG_WARN, c->id, "no ports are left for the agent's "
			 "media");
		return NULL;
	}
	all = media_offer(t->end, c->first);
	o = all && c->remote ? offer_common(all, c->remote) : NULL;
	offer_unref(all);
	return o;
}

static void sides(const struct transfer *t, struct media_side side[2])
{
	const struct call *c = t->call;

	side[0] = (struct media_side) {
		.end = c->end, .ours = c->sent, .peer = c->remote,
		.source = c->source,
	};
	side[1] = (struct media_side) {
		.end = t->end, .ours = t->offered, .peer = t->agent_sdp,
		.source = t->aim->host,
	};
}

int via_open(struct transfer *t, bool strict)
{
	struct media_side side[2];

	sides(t, side);
	return t->path ? media_relay_change(t->path, side, strict)
		       : media_relay_open(&t->path, side, strict);
}

/*
 * What the customer has to be offered so that both speak the same: the node's
 * ports, with the codecs that the agent has taken. NULL: there are none.
 */
struct offer *via_common(struct transfer *t)
{
	struct offer *home = call_media_home(t->call);
	struct offer *o = home ? offer_common(home, t->agent_sdp) : NULL;

	offer_unref(home);
	return o;
}

void via_close(struct transfer *t)
{
	media_relay_close(t->path);
	t->path = NULL;
}

void via_free(struct transfer *t)
{
	via_close(t);
	media_end_close(t->end);
	t->end = NULL;
}

/* changes during the talk */

/* One of the two, with what has passed between it and us. */
struct party {
	struct leg *leg;
	struct media_end *end;
	struct offer **said, **heard;
};

static struct party party_of(struct transfer *t, const struct leg *leg)
{
	struct call *c = t->call;

	if (leg == c->leg)
		return (struct party) { c->leg, c->end, &c->remote, &c->sent };
	return (struct party) {
		t->agent, t->end, &t->agent_sdp, &t->offered,
	};
}

static struct party other_of(struct transfer *t, const struct party *p)
{
	return party_of(t, p->leg == t->call->leg ? t->agent : t->call->leg);
}

/*
 * `p` has fewer codecs than before, and the other may send what it no longer
 * has: that one is offered the rest. Until it answers, what `p` could not
 * understand is not passed on.
 */
static void reduce(struct transfer *t, const struct party *p)
{
	const struct party other = other_of(t, p);
	struct offer *o = offer_common(*other.heard, *p->said);
	int rc = UV_EPROTO;

	if (o && other.leg == t->call->leg)
		rc = call_media_send(t->call, o);
	else if (o && !t->relay_offer)
		rc = leg_offer(other.leg, o);
	if (!rc && other.leg == t->agent)
		offer_set(&t->relay_offer, o);
	if (rc)
		log_line(LOG_WARN, t->call->id, "a party may send what the "
			 "other does not understand: %s", uv_strerror(rc));
	offer_unref(o);
}

static void opened(struct transfer *t, const struct party *p)
{
	if (!via_open(t, true))
		return;
	if (via_open(t, false))
		log_line(LOG_WARN, t->call->id, "the parties have no codec in "
			 "common any more");
	else
		reduce(t, p);
}

static void offered(struct transfer *t, const struct party *p,
		    struct offer *o)
{
	struct offer *answer = media_answer(p->end, o);
	struct offer *common = answer && answer->port
		? offer_common(answer, *other_of(t, p).said)
		: offer_ref(answer);

	if (!common) {
		leg_refuse(p->leg, 488);
	} else if (!leg_accept(p->leg, common)) {
		offer_set(p->said, o);
		offer_set(p->heard, common);
		if (common->port)
			opened(t, p);
		else
			via_open(t, false);
	}
	offer_unref(answer);
	offer_unref(common);
}

/* Ours, as we want it: a hold of the peer's own ends with it (case O5). The
 * answer is in the ACK. */
static void asked(const struct party *p)
{
	struct offer *o = offer_with_dir(*p->heard, DIR_SENDRECV);

	if (!leg_accept(p->leg, o))
		offer_set(p->heard, o);
	offer_unref(o);
}

/* Of the customer call_media_done() has noted it. */
static void reduced(struct transfer *t, const struct party *p,
		    const struct leg_event *ev)
{
	if (p->leg == t->agent && t->relay_offer && !leg_refuses(ev)) {
		offer_set(p->heard, t->relay_offer);
		offer_set(p->said, ev->offer);
	}
	if (p->leg == t->agent)
		offer_set(&t->relay_offer, NULL);
	via_open(t, false);
}

bool via_change(struct transfer *t, struct leg *leg,
		const struct leg_event *ev)
{
	const struct party p = party_of(t, leg);

	switch (ev->type) {
	case LEG_OFFER:
		if (ev->offer)
			offered(t, &p, ev->offer);
		else
			asked(&p);
		return true;
	case LEG_OFFER_ACKED:
		if (ev->offer) {
			offer_set(p.said, ev->offer);
			opened(t, &p);
		}
		return ev->offer;
	case LEG_OFFER_DONE:
		reduced(t, &p, ev);
		return true;
	default:
		return false;
	}
}
