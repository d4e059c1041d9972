/*
 * The talk: two legs that are joined. What one of them changes in its session
 * is carried to the other as a re-INVITE, whose answer comes back (case O12),
 * and so are INFO and MESSAGE (case O16). What is only repeated is answered
 * here (case O13).
 */
#include <uv.h>

#include "transfer_i.h"

/* One of the two, with what has passed between it and us. */
struct party {
	struct leg *leg;
	struct offer **said;	/* its last description, as wished        */
	struct offer **heard;	/* our last one to it                     */
};

static struct party customer_of(struct transfer *t)
{
	return (struct party) {
		t->call->leg, &t->call->remote, &t->call->sent,
	};
}

static struct party agent_of(struct transfer *t)
{
	return (struct party) { t->agent, &t->agent_sdp, &t->offered };
}

static bool is_customer(const struct transfer *t, const struct party *p)
{
	return p->leg == t->call->leg;
}

static struct party other_of(struct transfer *t, const struct party *p)
{
	return is_customer(t, p) ? agent_of(t) : customer_of(t);
}

void talk_wish(struct offer **answer, const struct offer *offered)
{
	struct offer *wish = *answer ? offer_wish(*answer, offered, NULL)
				     : NULL;

	offer_unref(*answer);
	*answer = wish;
}

/* `p` has answered what it has heard from us last. */
static void take_answer(const struct party *p, struct offer *answer)
{
	struct offer *wish = offer_wish(answer, *p->heard, *p->said);

	offer_unref(*p->said);
	*p->said = wish;
}

/*
 * Answers with what the other party has said last; to an offer that allows
 * less than that, with less (RFC 3264 6.1). An offerless request is told what
 * the other party wishes, so that a hold of its own ends with it (case O5).
 */
static void answer_here(struct transfer *t, const struct party *p,
			const struct offer *offer)
{
	struct offer *says = *other_of(t, p).said;
	struct offer *answer;

	answer = offer_with_dir(says, offer
		? (enum media_dir)(says->dir & dir_mirror(offer->dir))
		: says->dir);
	leg_accept(p->leg, answer);
	offer_set(p->heard, answer);
	offer_unref(answer);
}

static int offer_to(struct transfer *t, const struct party *p,
		    struct offer *o)
{
	/* What a customer has been sent, the call itself keeps. */
	return is_customer(t, p) ? call_media_send(t->call, o)
				 : leg_offer(p->leg, o);
}

/* Starts to carry `o`; `from` waits for an answer, unless it is NULL. */
static int carry(struct transfer *t, const struct party *p, struct offer *o,
		 struct leg *from)
{
	const struct party other = other_of(t, p);
	int rc;

	if (t->relay || t->relay_offer)
		return UV_EBUSY;
	rc = offer_to(t, &other, o);
	if (rc)
		return rc;
	t->relay = from;
	offer_set(&t->relay_offer, o);
	transfer_wait(t, TIMER_JOIN);
	return 0;
}

static void offered(struct transfer *t, const struct party *p,
		    struct offer *o)
{
	if (o && o->secure)	/* its keys cannot cross */
		leg_refuse(p->leg, 488);
	else if (!o || offer_same(o, *p->said))
		answer_here(t, p, o);
	else if (carry(t, p, o, p->leg))
		leg_refuse(p->leg, 491);
}

/* The code that comes back. One that is about the other dialog alone would
 * end or confuse this one (RFC 3261 12.2.1.2, 22). */
static int code_back(const struct leg_event *ev)
{
	switch (ev->status) {
	case 401: case 407: case 408: case 481:
		return 500;
	default:
		return ev->status >= 400 ? ev->status : 500;
	}
}

/* `p` has answered what was carried to it, perhaps too late. */
static void carried(struct transfer *t, const struct party *p,
		    const struct leg_event *ev)
{
	const struct party from = other_of(t, p);
	struct leg *waits = t->relay;
	struct offer *o = t->relay_offer;

	t->relay = NULL;
	t->relay_offer = NULL;
	timer_stop(&t->timer);
	if (leg_refuses(ev)) {
		if (waits)
			leg_refuse(waits, code_back(ev));
		offer_unref(o);
		return;
	}
	if (!is_customer(t, p)) {
		/* Of the customer call_media_done() has noted it. */
		if (o)
			offer_set(p->heard, o);
		take_answer(p, ev->offer);
	}
	if (!waits || !leg_accept(waits, ev->offer)) {
		if (o)
			offer_set(from.said, o);
		if (waits)
			offer_set(from.heard, ev->offer);
	} else if (carry(t, &from, *from.said, NULL)) {
		/* Cancelled meanwhile: that session is as it was (RFC 3261
		 * 14.1), and so is this one to be. */
		log_line(LOG_WARN, t->call->id, "a cancelled change could not "
			 "be taken back");
	}
	offer_unref(o);
}

/* An answer to what we have offered `p`: by the ACK, or to a refresh. */
static void answered(struct transfer *t, const struct party *p,
		     struct offer *o)
{
	struct offer *before = offer_ref(*p->said);

	take_answer(p, o);
	if (offer_differs(*p->said, before, *other_of(t, p).said) &&
	    carry(t, p, *p->said, NULL))
		log_line(LOG_WARN, t->call->id, "what an ACK has changed "
			 "could not be carried to the other party");
	offer_unref(before);
}

/* INFO and MESSAGE */

static void pass_on(struct transfer *t, const struct party *p,
		    const struct leg_event *ev)
{
	const struct party other = other_of(t, p);
	const struct leg_message m = {
		.id = ev->id, .method = ev->method, .mime = ev->mime,
		.text = ev->text, .len = ev->len,
	};

	if (leg_request(other.leg, &m))
		leg_reply(p->leg, ev->id, 480);
}

static void pass_back(struct transfer *t, const struct party *p,
		      const struct leg_event *ev)
{
	int status = ev->status;

	if (!status || status == 408)
		status = 504;	/* that one's silence is not ours */
	else if (status >= 300)
		status = code_back(ev);
	leg_reply(other_of(t, p).leg, ev->id, status);
}

static bool on_party(struct transfer *t, const struct party *p,
		     const struct leg_event *ev)
{
	if (t->via && via_change(t, p->leg, ev))
		return true;
	switch (ev->type) {
	case LEG_OFFER:
		offered(t, p, ev->offer);
		return true;
	case LEG_OFFER_DONE:
		carried(t, p, ev);
		return true;
	case LEG_OFFER_ACKED:
		if (ev->offer)
			answered(t, p, ev->offer);
		return ev->offer;
	case LEG_REQUEST:
		pass_on(t, p, ev);
		return true;
	case LEG_REQUEST_DONE:
		pass_back(t, p, ev);
		return true;
	default:
		return false;
	}
}

void talk_agent(struct transfer *t, const struct leg_event *ev)
{
	const struct party p = agent_of(t);

	on_party(t, &p, ev);
}

bool talk_customer(struct transfer *t, const struct leg_event *ev)
{
	const struct party p = customer_of(t);

	/* Of a dialog that is dead LEG_ENDED says the rest. */
	if (ev->type == LEG_OFFER_DONE && leg_is_dead(ev))
		return true;
	return on_party(t, &p, ev);
}

void talk_enter(struct transfer *t)
{
	leg_pass(t->call->leg, true);
	leg_pass(t->agent, true);
}

void talk_expire(struct transfer *t)
{
	/* The answer may still come, and is noted then. */
	if (t->relay)
		leg_refuse(t->relay, 500);
	t->relay = NULL;
}

void talk_leave(struct transfer *t)
{
	if (t->joined && t->call->leg && !t->call->leg_over)
		leg_pass(t->call->leg, false);
}

void talk_close(struct transfer *t, const struct leg *leaves)
{
	/* Who waits for an answer that will not come is told. */
	if (t->relay && t->relay != leaves)
		leg_refuse(t->relay, 487);
	t->relay = NULL;
	offer_set(&t->relay_offer, NULL);
}
