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

/* What an agent is offered: the node's ports, with what the customer has. */
struct offer *via_offer(struct transfer *t)
{
	struct call *c = t->call;

	if (!t->end && media_end_open(c->e->media, &t->end)) {
		log_line(LOG_WARN, c->id, "no ports are left for the agent's "
			 "media");
		return NULL;
	}
	return media_offer(t->end, c->first);
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

int via_open(struct transfer *t)
{
	struct media_side side[2];

	sides(t, side);
	return t->path ? media_relay_change(t->path, side)
		       : media_relay_open(&t->path, side);
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

/* The party of `leg` has described itself anew: `o`, and is told `answer`. */
static void take(struct transfer *t, struct leg *leg, struct offer *o,
		 struct offer *answer)
{
	struct call *c = t->call;
	const bool customer = leg == c->leg;
	struct offer **said = customer ? &c->remote : &t->agent_sdp;
	struct offer **heard = customer ? &c->sent : &t->offered;
	struct offer *old_said = offer_ref(*said);
	struct offer *old_heard = offer_ref(*heard);

	offer_set(said, o);
	offer_set(heard, answer);
	if (!via_open(t)) {
		leg_accept(leg, answer);
	} else {
		/* A codec that the other does not have: all stays as it was. */
		offer_set(said, old_said);
		offer_set(heard, old_heard);
		leg_refuse(leg, 488);
	}
	offer_unref(old_said);
	offer_unref(old_heard);
}

static void offered(struct transfer *t, struct leg *leg, struct offer *o)
{
	struct call *c = t->call;
	const bool customer = leg == c->leg;
	struct media_end *end = customer ? c->end : t->end;
	const struct offer *other = customer ? t->agent_sdp : c->remote;
	struct offer *answer, *common;

	if (!o) {
		/* Ours, and the ACK has the answer (case O4). */
		leg_accept(leg, customer ? c->sent : t->offered);
		return;
	}
	answer = media_answer(end, o);
	common = answer && answer->port ? offer_common(answer, other)
					: offer_ref(answer);
	if (common)
		take(t, leg, o, common);
	else
		leg_refuse(leg, 488);
	offer_unref(answer);
	offer_unref(common);
}

static void answered(struct transfer *t, struct leg *leg, struct offer *o)
{
	struct offer **said = leg == t->call->leg ? &t->call->remote
						  : &t->agent_sdp;

	offer_set(said, o);
	if (via_open(t))
		log_line(LOG_WARN, t->call->id, "the parties have no codec in "
			 "common any more");
}

bool via_change(struct transfer *t, struct leg *leg,
		const struct leg_event *ev)
{
	switch (ev->type) {
	case LEG_OFFER:
		offered(t, leg, ev->offer);
		return true;
	case LEG_OFFER_ACKED:
		if (ev->offer)
			answered(t, leg, ev->offer);
		return ev->offer;
	case LEG_OFFER_DONE:
		return true;	/* of what was asked before the join */
	default:
		return false;
	}
}
