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
		offer_set(&t->agent_sdp, ev->offer);
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

/* One of ours may be under way still, of a change carried over or of an
 * earlier transfer: this one waits for its answer. */
static int offer_customer(struct transfer *t, struct offer *o)
{
	if (!t->call->pending)
		return call_media_send(t->call, o);
	offer_set(&t->deferred, o);
	return 0;
}

/* That answer has come, whatever it is. */
static int offer_deferred(struct transfer *t)
{
	const int rc = call_media_send(t->call, t->deferred);

	offer_set(&t->deferred, NULL);
	return rc;
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

	offer_set(&t->offered, c->remote);
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
	rc = offer_customer(t, t->agent_sdp);
	if (rc)
		join_failed(t, TE_BREAK, 0, NULL, uv_strerror(rc));
}

static void rejoin(struct transfer *t)
{
	int rc;

	offer_set(&t->offered, t->call->remote);
	transfer_wait(t, TIMER_JOIN);
	rc = leg_offer(t->agent, t->offered);
	if (rc)
		join_failed(t, TE_BREAK, 0, NULL, uv_strerror(rc));
}

static void drop_agent(struct transfer *t)
{
	leg_end(t->agent, NULL);
	t->agent = NULL;
}

static void bring_back(struct transfer *t)
{
	struct offer *home = call_media_home(t->call);
	int rc = home ? offer_customer(t, home) : UV_ENOMEM;

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
	offer_set(&t->deferred, NULL);
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
			transfer_log_attempt(t, t->success
					     ? REASON_CANCELLED : t->reason,
					     0, NULL, r.ring_ms);
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

	talk_close(t, t->agent);
	drop_agent(t);
	transfer_step(t, talked && !t->sw->continue_call ? TE_RELEASE
							  : TE_LEFT, &end);
}

static void agent_answered_offer(struct transfer *t,
				 const struct leg_event *ev)
{
	if (leg_is_dead(ev)) {
		agent_left(t);
	} else if (leg_refuses(ev)) {
		join_failed(t, TE_BREAK, ev->status, ev->phrase,
			    "the agent refused the re-INVITE");
	} else if (offer_differs(ev->offer, t->agent_sdp, t->offered)) {
		join_failed(t, TE_DIFFER, 0, NULL, "the parties do not agree "
			    "on media, and this version has no relay");
	} else {
		offer_set(&t->agent_sdp, ev->offer);
		transfer_step(t, TE_SAME, NULL);
	}
}

static void on_agent(struct leg *leg, const struct leg_event *ev, void *arg)
{
	struct transfer *t = arg;

	if (ev->type == LEG_ENDED ||
	    (t->state == TR_TALK && ev->type == LEG_OFFER_DONE &&
	     leg_is_dead(ev)))
		agent_left(t);
	else if (t->state == TR_TALK)
		talk_agent(t, ev);
	else if (ev->type == LEG_OFFER)
		leg_refuse(leg, 491);
	else if (ev->type == LEG_OFFER_DONE && t->state == TR_REJOIN)
		agent_answered_offer(t, ev);
}

static void customer_answered_offer(struct transfer *t,
				    const struct leg_event *ev)
{
	const struct transfer_end gone = {
		.reason = REASON_CALLER_GONE, .hangup = true,
		.by = BY_CUSTOMER,
	};
	const bool late = t->deferred;

	if (leg_is_dead(ev)) {
		transfer_step(t, TE_GONE, &gone);
		return;
	}
	if (late && !offer_deferred(t))
		return;
	if (late || leg_refuses(ev)) {
		if (t->state == TR_JOIN) {
			join_failed(t, TE_BREAK, ev->status, ev->phrase,
				    "the customer refused the re-INVITE");
			return;
		}
		t->return_failed = t->state == TR_RETURN;
		transfer_step(t, TE_BREAK, NULL);
		return;
	}
	if (t->state == TR_JOIN && !ev->offer->port)
		join_failed(t, TE_BREAK, 0, NULL, "the customer's answer has "
			    "no audio");
	else if (t->state == TR_JOIN &&
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

	talk_close(t, t->call->leg);
	transfer_step(t, TE_GONE, &end);
}

bool bridge_customer(struct transfer *t, const struct leg_event *ev)
{
	/* Before the join a change is the call's own affair. */
	if (t->state < TR_DIAL)
		return false;

	if (ev->type == LEG_ENDED) {
		customer_left(t);
		return true;
	}
	if (t->state == TR_DIAL)
		return false;
	if (ev->type == LEG_OFFER_DONE)
		call_media_done(t->call, ev);
	if (t->state == TR_TALK)
		return talk_customer(t, ev);

	switch (ev->type) {
	case LEG_OFFER_DONE:
		customer_answered_offer(t, ev);
		return true;
	case LEG_OFFER:
		leg_refuse(t->call->leg, 491);
		return true;
	default:
		return false;
	}
}
