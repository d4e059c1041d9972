/*
 * The bridge: an agent is dialled, joined with the customer by re-INVITE, and
 * when it leaves the customer is brought back or let go. Media runs directly
 * between the parties; each is sent the other's SDP.
 */
#include <stdio.h>
#include <string.h>
#include <uv.h>

#include "call_dial.h"
#include "transfer_i.h"

/* Case I14: a call that has been through this many hops is going in circles */
#define MAX_FORWARDS_LEAST 10

static void on_agent(struct leg *leg, const struct leg_event *ev, void *arg);

static void swap(struct offer **to, struct offer *o)
{
	offer_ref(o);
	offer_unref(*to);
	*to = o;
}

static void join_failed(struct transfer *t, enum transfer_event event,
			int status, const char *phrase, const char *why)
{
	const struct transfer_end end = {
		.reason = REASON_JOIN_FAILED, .by = BY_NODE,
		.status = status, .phrase = phrase,
	};

	log_line(LOG_WARN, t->call->id, "the join failed: %s", why);
	transfer_step(t, event, &end);
}

static void fail(struct transfer *t, enum reason reason, int status,
		 const char *phrase)
{
	const struct transfer_end end = {
		.reason = reason, .by = BY_NODE, .status = status,
		.phrase = phrase,
	};

	transfer_log_attempt(t, reason, status, phrase, 0);
	transfer_step(t, TE_FAIL, &end);
}

static void on_attempt(struct attempt *a, enum attempt_state state,
		       const struct leg_event *ev, void *arg)
{
	struct transfer *t = arg;
	struct attempt_result r;
	struct transfer_end end;

	attempt_result(a, &r);
	switch (state) {
	case AT_RING:
		transfer_progress(t, ev->offer ? "early" : "ringing",
				  ev->status, ev->phrase);
		return;
	case AT_UP:
		transfer_log_attempt(t, r.reason, r.status, r.phrase,
				     r.ring_ms);
		swap(&t->agent_sdp, ev->offer);
		transfer_progress(t, "answered", r.status, r.phrase);
		timer_stop(&t->bound);
		transfer_step(t, TE_ANSWER, NULL);
		return;
	case AT_FAIL:
		transfer_log_attempt(t, r.reason, r.status, r.phrase,
				     r.ring_ms);
		end = (struct transfer_end) {
			.reason = r.reason, .status = r.status,
			.phrase = r.phrase,
			.by = r.status ? BY_AGENT : BY_NODE,
		};
		transfer_step(t, TE_FAIL, &end);
		return;
	default:
		return;
	}
}

static void dial(struct transfer *t)
{
	struct call *c = t->call;
	int rc;

	snprintf(t->attempt_id, sizeof(t->attempt_id), "%.32s-a1", t->id);
	snprintf(t->leg_id, sizeof(t->leg_id), "%.32s-l1", t->id);
	if (c->max_forwards - 1 < MAX_FORWARDS_LEAST) {
		log_line(LOG_WARN, c->id, "the call has been through too many "
			 "hops (Max-Forwards %d), not dialled",
			 c->max_forwards);
		fail(t, REASON_REJECTED, 483, "Too Many Hops");
		return;
	}
	if (!call_media_direct(c, t->trunk, NULL, t->host)) {
		/* Nobody is rung for a talk that could not begin. */
		join_failed(t, TE_FAIL, 0, NULL, "media cannot go directly, "
			    "and this version has no relay");
		return;
	}

	swap(&t->offered, c->remote);
	transfer_progress(t, "dialing", 0, NULL);
	rc = call_dial(c, t->sw, t->uri, t->offered, transfer_timeout(t),
		       on_attempt, t, &t->attempt);
	if (rc) {
		log_line(LOG_WARN, c->id, "%s cannot be dialled: %s", t->uri,
			 uv_strerror(rc));
		fail(t, REASON_UNREACHABLE, 0, NULL);
	}
}

static void join(struct transfer *t)
{
	struct call *c = t->call;
	int rc;

	t->agent = attempt_take_leg(t->attempt, on_agent, t);
	attempt_close(t->attempt, NULL);
	t->attempt = NULL;
	transfer_wait(t, TIMER_JOIN);
	if (!t->agent_sdp || !t->agent_sdp->port) {
		join_failed(t, TE_BREAK, 0, NULL, "the agent's answer has no "
			    "audio");
		return;
	}
	if (!call_media_direct(c, t->trunk, t->agent_sdp, t->host)) {
		join_failed(t, TE_BREAK, 0, NULL, "media cannot go directly, "
			    "and this version has no relay");
		return;
	}
	rc = call_media_send(c, t->agent_sdp);
	if (rc)
		join_failed(t, TE_BREAK, 0, NULL, uv_strerror(rc));
}

static void rejoin(struct transfer *t)
{
	int rc;

	swap(&t->offered, t->call->remote);
	transfer_wait(t, TIMER_JOIN);
	rc = leg_offer(t->agent, t->offered);
	if (rc)
		join_failed(t, TE_BREAK, 0, NULL, uv_strerror(rc));
}

static void drop_agent(struct transfer *t)
{
	leg_end(t->agent, NULL);
	t->agent = NULL;
	t->relay = NULL;
}

static void bring_back(struct transfer *t)
{
	struct offer *home = call_media_home(t->call);
	int rc = home ? call_media_send(t->call, home) : UV_ENOMEM;

	drop_agent(t);
	offer_unref(home);
	transfer_wait(t, TIMER_JOIN);
	if (!rc)
		return;
	log_line(LOG_WARN, t->call->id, "the customer cannot be brought back: "
		 "%s", uv_strerror(rc));
	t->return_failed = true;
	transfer_step(t, TE_BREAK, NULL);
}

void bridge_enter(struct transfer *t, enum transfer_state from)
{
	(void)from;
	switch (t->state) {
	case TR_DIAL:
		dial(t);
		break;
	case TR_JOIN:
		join(t);
		break;
	case TR_REJOIN:
		rejoin(t);
		break;
	case TR_TALK:
		t->joined = true;
		t->joined_at = loop_now(t->call->e->loop);
		transfer_progress(t, "joined", 0, NULL);
		break;
	case TR_UNJOIN:
		drop_agent(t);
		transfer_wait(t, TIMER_JOIN);
		break;
	case TR_RETURN:
		if (t->joined)
			t->talk_ms = loop_now(t->call->e->loop) -
				t->joined_at;
		bring_back(t);
		break;
	default:
		break;
	}
}

void bridge_expire(struct transfer *t)
{
	switch (t->state) {
	case TR_JOIN:
	case TR_REJOIN:
		join_failed(t, TE_EXPIRE, 0, NULL, "no answer to the "
			    "re-INVITE");
		break;
	case TR_RETURN:
		t->return_failed = true;
		transfer_step(t, TE_EXPIRE, NULL);
		break;
	default:
		transfer_step(t, TE_EXPIRE, NULL);
		break;
	}
}

void bridge_close(struct transfer *t)
{
	struct attempt_result r;

	if (t->attempt) {
		attempt_result(t->attempt, &r);
		/* Given up while it rang: the attempt is told nevertheless. */
		if (t->state == TR_OVER && r.reason == REASON_NONE)
			transfer_log_attempt(t, t->reason, 0, NULL,
					     r.ring_ms);
		attempt_close(t->attempt, NULL);
		t->attempt = NULL;
	}
	drop_agent(t);
}

/* The agent's dialog is over. */
static void agent_left(struct transfer *t)
{
	const bool talked = t->state == TR_TALK;
	const struct transfer_end end = {
		.reason = talked ? REASON_ANSWERED : REASON_AGENT_GONE,
		.success = talked,
		.by = BY_AGENT,
	};

	if (t->relay == t->call->leg && t->relay)
		leg_refuse(t->relay, 487);
	drop_agent(t);
	transfer_step(t, talked && !t->sw->continue_call ? TE_RELEASE
							  : TE_LEFT, &end);
}

static bool refused(const struct leg_event *ev)
{
	return ev->status < 200 || ev->status >= 300 || !ev->offer;
}

static bool dead(const struct leg_event *ev)
{
	return ev->status == 481 || ev->status == 408;
}

/* changes during the talk (case O12) */

static bool unchanged(const struct offer *a, const struct offer *b)
{
	return a && b && a->len == b->len && a->body && b->body &&
		!memcmp(a->body, b->body, a->len) && a->dir == b->dir;
}

/*
 * `from` changes its session: an unchanged description is a refresh and is
 * answered here, a new one goes to the other party, whose answer comes back.
 */
static void relay_offer(struct transfer *t, struct leg *from,
			struct offer *o, struct offer **last,
			struct offer *others)
{
	struct leg *to = from == t->agent ? t->call->leg : t->agent;
	int rc;

	if (!o || unchanged(o, *last)) {
		leg_accept(from, others);
		return;
	}
	if (t->relay || t->relay_offer) {
		leg_refuse(from, 491);
		return;
	}
	rc = to == t->agent ? leg_offer(to, o)
			    : call_media_send(t->call, o);
	if (rc) {
		leg_refuse(from, 491);
		return;
	}
	t->relay = from;
	swap(&t->relay_offer, o);
}

static void relay_done(struct transfer *t, const struct leg_event *ev,
		       struct offer **from_sdp, struct offer **to_sdp)
{
	struct leg *from = t->relay;

	t->relay = NULL;
	if (from && refused(ev)) {
		leg_refuse(from, ev->status >= 300 ? ev->status : 500);
	} else if (!refused(ev)) {
		swap(from_sdp, t->relay_offer);
		swap(to_sdp, ev->offer);
		if (from)
			leg_accept(from, ev->offer);
	}
	swap(&t->relay_offer, NULL);
}

static void agent_answered_offer(struct transfer *t,
				 const struct leg_event *ev)
{
	if (t->state == TR_TALK) {
		if (dead(ev))
			agent_left(t);
		else
			relay_done(t, ev, &t->call->remote, &t->agent_sdp);
		return;
	}
	if (t->state != TR_REJOIN)
		return;

	if (dead(ev)) {
		agent_left(t);
	} else if (refused(ev)) {
		join_failed(t, TE_BREAK, ev->status, ev->phrase,
			    "the agent refused the re-INVITE");
	} else if (offer_differs(ev->offer, t->agent_sdp, t->offered)) {
		join_failed(t, TE_DIFFER, 0, NULL, "the parties do not agree "
			    "on media, and this version has no relay");
	} else {
		transfer_step(t, TE_SAME, NULL);
	}
}

static void on_agent(struct leg *leg, const struct leg_event *ev, void *arg)
{
	struct transfer *t = arg;

	switch (ev->type) {
	case LEG_ENDED:
		agent_left(t);
		break;
	case LEG_OFFER:
		if (t->state == TR_TALK)
			relay_offer(t, leg, ev->offer, &t->agent_sdp,
				    t->call->remote);
		else
			leg_refuse(leg, 491);
		break;
	case LEG_OFFER_ACKED:
		if (ev->offer && t->state == TR_TALK &&
		    offer_differs(ev->offer, t->agent_sdp, t->call->remote) &&
		    !call_media_send(t->call, ev->offer))
			swap(&t->agent_sdp, ev->offer);
		break;
	case LEG_OFFER_DONE:
		agent_answered_offer(t, ev);
		break;
	default:
		break;
	}
}

static void customer_answered_offer(struct transfer *t,
				    const struct leg_event *ev)
{
	const struct transfer_end gone = {
		.reason = REASON_CALLER_GONE, .hangup = true,
		.by = BY_CUSTOMER,
	};

	if (t->state == TR_TALK) {
		if (dead(ev))
			return;	/* LEG_ENDED says the rest */
		relay_done(t, ev, &t->agent_sdp, &t->call->remote);
		return;
	}
	if (dead(ev)) {
		transfer_step(t, TE_GONE, &gone);
		return;
	}
	if (refused(ev)) {
		if (t->state == TR_JOIN) {
			join_failed(t, TE_BREAK, ev->status, ev->phrase,
				    "the customer refused the re-INVITE");
			return;
		}
		t->return_failed = t->state == TR_RETURN;
		transfer_step(t, TE_BREAK, NULL);
		return;
	}
	if (t->state == TR_JOIN &&
	    offer_differs(t->call->remote, t->offered, t->agent_sdp))
		transfer_step(t, TE_DIFFER, NULL);
	else
		transfer_step(t, TE_SAME, NULL);
}

/* The customer hangs up while the bridge stands or is built. */
static void customer_left(struct transfer *t)
{
	const bool talked = t->state == TR_TALK;
	const struct transfer_end end = {
		.reason = talked ? REASON_ANSWERED : REASON_CALLER_GONE,
		.success = talked,
		.hangup = true,
		.by = BY_CUSTOMER,
	};

	if (t->relay == t->agent && t->relay)
		leg_refuse(t->relay, 487);
	t->relay = NULL;
	transfer_step(t, TE_GONE, &end);
}

bool bridge_customer(struct transfer *t, const struct leg_event *ev)
{
	if (t->state < TR_DIAL)
		return false;

	switch (ev->type) {
	case LEG_ENDED:
		customer_left(t);
		return true;
	case LEG_OFFER_DONE:
		if (t->state == TR_DIAL)
			return false;	/* the call's own, from before */
		call_media_done(t->call, ev);
		customer_answered_offer(t, ev);
		return true;
	case LEG_OFFER:
		if (t->state == TR_DIAL)
			return false;
		if (t->state == TR_TALK)
			relay_offer(t, t->call->leg, ev->offer,
				    &t->call->remote, t->agent_sdp);
		else
			leg_refuse(t->call->leg, 491);
		return true;
	case LEG_OFFER_ACKED:
		if (t->state != TR_TALK)
			return false;
		if (ev->offer && offer_differs(ev->offer, t->call->remote,
					       t->agent_sdp) &&
		    !leg_offer(t->agent, ev->offer))
			swap(&t->call->remote, ev->offer);
		return true;
	default:
		return false;
	}
}
