/*
 * The talk: two legs that are joined, and what one of them changes is carried
 * over to the other (case O12).
 */
#include <string.h>

#include "transfer_i.h"

static bool unchanged(const struct offer *a, const struct offer *b)
{
	return a && b && a->len == b->len && a->body && b->body &&
		!memcmp(a->body, b->body, a->len) && a->dir == b->dir;
}

/*
 * `from` changes its session: an unchanged description is a refresh and is
 * answered here, a new one goes to the other party, whose answer comes back.
 */
static void carry(struct transfer *t, struct leg *from, struct offer *o,
		  struct offer **last, struct offer *others)
{
	int rc;

	if (!o || unchanged(o, *last)) {
		leg_accept(from, others);
		return;
	}
	if (t->relay || t->relay_offer) {
		leg_refuse(from, 491);
		return;
	}
	rc = from == t->agent ? call_media_send(t->call, o)
			      : leg_offer(t->agent, o);
	if (rc) {
		leg_refuse(from, 491);
		return;
	}
	t->relay = from;
	offer_set(&t->relay_offer, o);
}

static void carried(struct transfer *t, const struct leg_event *ev,
		    struct offer **from_sdp, struct offer **to_sdp)
{
	struct leg *from = t->relay;

	t->relay = NULL;
	if (from && leg_refuses(ev)) {
		leg_refuse(from, ev->status >= 300 ? ev->status : 500);
	} else if (!leg_refuses(ev)) {
		if (t->relay_offer)
			offer_set(from_sdp, t->relay_offer);
		offer_set(to_sdp, ev->offer);
		if (from)
			leg_accept(from, ev->offer);
	}
	offer_set(&t->relay_offer, NULL);
}

void talk_agent(struct transfer *t, const struct leg_event *ev)
{
	struct offer **theirs = &t->call->remote;

	switch (ev->type) {
	case LEG_OFFER:
		carry(t, t->agent, ev->offer, &t->agent_sdp, *theirs);
		break;
	case LEG_OFFER_DONE:
		carried(t, ev, theirs, &t->agent_sdp);
		break;
	case LEG_OFFER_ACKED:
		if (!ev->offer)
			break;
		if (offer_differs(ev->offer, t->agent_sdp, *theirs))
			call_media_send(t->call, ev->offer);
		offer_set(&t->agent_sdp, ev->offer);
		break;
	default:
		break;
	}
}

bool talk_customer(struct transfer *t, const struct leg_event *ev)
{
	struct offer **his = &t->call->remote;

	switch (ev->type) {
	case LEG_OFFER:
		carry(t, t->call->leg, ev->offer, his, t->agent_sdp);
		return true;
	case LEG_OFFER_DONE:
		/* Of a dialog that is dead LEG_ENDED says the rest. */
		if (!leg_is_dead(ev))
			carried(t, ev, &t->agent_sdp, his);
		return true;
	case LEG_OFFER_ACKED:
		if (!ev->offer)
			return true;
		if (offer_differs(ev->offer, *his, t->agent_sdp))
			leg_offer(t->agent, ev->offer);
		offer_set(his, ev->offer);
		return true;
	default:
		return false;
	}
}

void talk_close(struct transfer *t, const struct leg *leaves)
{
	/* Who waits for an answer that will not come is told. */
	if (t->relay && t->relay != leaves)
		leg_refuse(t->relay, 487);
	t->relay = NULL;
}
