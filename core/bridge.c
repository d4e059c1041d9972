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

void bridge_take(struct transfer *t, struct attempt *a)
{
	t->agent = attempt_take_leg(a, on_agent, t);
	attempt_close(a, NULL);
}

/* By the node's ports, if it has any to spare (case O3). */
static void not_directly(struct transfer *t, enum transfer_event otherwise,
			 int status, const char *phrase, const char *why)
{
	if (t->via || !via_possible(t)) {
		join_failed(t, otherwise, status, phrase, why);
		return;
	}
	log_line(LOG_INFO, t->call->id, "%s: media goes through the node",
		 why);
	transfer_step(t, TE_VIA, NULL);
}

/* Both have the node's ports: only a codec may have to change. */
static void join_via(struct transfer *t)
{
	struct call *c = t->call;
	struct offer *o;
	int rc = UV_EPROTO;

	if (!c->pending && call_media_is_home(c))
		rc = via_open(t, true);
	if (rc != UV_EPROTO) {
		if (rc)
			join_failed(t, TE_BREAK, 0, NULL, uv_strerror(rc));
		else
			transfer_step(t, TE_SAME, NULL);
		return;
	}
	/* Each is asked once to do with what the other has. */
	if (t->asked_customer && !t->asked_agent) {
		transfer_step(t, TE_VIA, NULL);
		return;
	}
	o = t->asked_customer ? NULL : via_common(t);
	t->asked_customer = true;
	rc = o ? offer_customer(t, o) : UV_EPROTO;
	offer_unref(o);
	if (rc)
		join_failed(t, TE_BREAK, 0, NULL, rc == UV_EPROTO
			    ? "the parties have no codec in common, and this "
			      "version cannot convert" : uv_strerror(rc));
}

/* The agent gets the node's ports instead of the customer's. */
static void via(struct transfer *t)
{
	struct offer *o = via_offer(t);
	int rc = o ? leg_offer(t->agent, o) : UV_EADDRNOTAVAIL;

	t->via = t->asked_agent = true;
	offer_set(&t->offered, o);
	offer_unref(o);
	transfer_wait(t, TIMER_JOIN);
	if (rc)
		join_failed(t, TE_BREAK, 0, NULL, uv_strerror(rc));
}

static void join(struct transfer *t)
{
	struct call *c = t->call;
	int rc;

	transfer_wait(t, TIMER_JOIN);
	if (!t->agent_sdp || !t->agent_sdp->port) {
		join_failed(t, TE_BREAK, 0, NULL, "the agent's answer has no "
			    "audio");
		return;
	}
	if (t->via) {
		join_via(t);
		return;
	}
	if (!call_media_direct(c, t->aim->trunk, t->agent_sdp,
			       t->aim->host)) {
		not_directly(t, TE_BREAK, 0, NULL, "media cannot go directly");
		return;
	}
	/* A customer who holds us is not offered his own hold. */
	talk_wish(&t->agent_sdp, t->offered);
	rc = offer_customer(t, t->agent_sdp);
	if (rc)
		join_failed(t, TE_BREAK, 0, NULL, uv_strerror(rc));
}

/* The customer's leg has taken the join: nobody else need ring. */
static void taken(struct transfer *t)
{
	const struct leg_reason elsewhere = HUNT_ELSEWHERE;

	hunt_close(t, REASON_CANCELLED, &elsewhere);
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
	via_close(t);
	talk_close(t, t->agent);
	leg_end(t->agent, NULL);
	t->agent = NULL;
}

static int send_home(struct transfer *t)
{
	struct offer *home = call_media_home(t->call);
	int rc = home ? offer_customer(t, home) : UV_ENOMEM;

	offer_unref(home);
	return rc;
}

/* An agent has left before the talk, and others are rung instead. Meanwhile
 * the customer is with the bot again; if that does not come about, the next
 * join or return will tell. */
static void go_on(struct transfer *t, enum transfer_state from)
{
	drop_agent(t);
	if ((from == TR_UNJOIN || from == TR_REJOIN || from == TR_VIA) &&
	    !call_media_is_home(t->call))
		send_home(t);
	hunt_dial(t);
}

static void bring_back(struct transfer *t)
{
	const bool there = !t->call->pending && call_media_is_home(t->call);
	int rc = there ? 0 : send_home(t);

	talk_leave(t);
	drop_agent(t);
	transfer_wait(t, TIMER_JOIN);
	if (there)
		transfer_step(t, TE_SAME, NULL);
	if (!rc)
		return;
	log_line(LOG_WARN, t->call->id, "the customer cannot be brought back: "
		 "%s", uv_strerror(rc));
	t->return_failed = true;
	transfer_step(t, TE_BREAK, NULL);
}

void bridge_enter(struct transfer *t, enum transfer_state from)
{
	offer_set(&t->deferred, NULL);
	switch (t->state) {
	case TR_DIAL:
		go_on(t, from);
		break;
	case TR_JOIN:
		join(t);
		break;
	case TR_REJOIN:
		taken(t);
		rejoin(t);
		break;
	case TR_VIA:
		if (from == TR_REJOIN)
			taken(t);
		via(t);
		break;
	case TR_TALK:
		taken(t);
		timer_stop(&t->bound);
		t->joined = true;
		t->joined_at = loop_now(t->call->e->loop);
		talk_enter(t);
		transfer_progress(t, t->aim, "joined", 0, NULL);
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
	case TR_VIA:
		join_failed(t, TE_EXPIRE, 0, NULL, "no answer to the "
			    "re-INVITE");
		break;
	case TR_TALK:
		talk_expire(t);
		break;
	case TR_RETURN:
		t->return_failed = true;
		transfer_step(t, TE_EXPIRE, NULL);
		break;
	default:
		transfer_step(t, TE_EXPIRE, &t->failure);
		break;
	}
}

void bridge_close(struct transfer *t)
{
	hunt_close(t, t->success ? REASON_CANCELLED : t->reason, NULL);
	talk_leave(t);
	drop_agent(t);
	via_free(t);
}

/* The agent's dialog is over. */
static void agent_left(struct transfer *t)
{
	const struct transfer_end talked = {
		.reason = REASON_ANSWERED, .success = true, .by = BY_AGENT,
	};
	const struct transfer_end gone = {
		.reason = REASON_AGENT_GONE, .by = BY_AGENT,
	};

	drop_agent(t);
	if (t->state == TR_TALK) {
		transfer_step(t, t->sw->continue_call ? TE_LEFT : TE_RELEASE,
			      &talked);
		return;
	}
	/* Case I10: the next one, once the customer can be offered it. */
	transfer_mend_attempt(t, REASON_AGENT_GONE);
	hunt_failure(t, &gone);
	if (!hunt_has_more(t))
		transfer_step(t, TE_LEFT, &gone);
	else if (t->state == TR_REJOIN || t->state == TR_VIA)
		transfer_step(t, TE_NEXT, NULL);
	else
		transfer_step(t, TE_LEFT, NULL);
}

static void agent_via(struct transfer *t, struct offer *answer)
{
	offer_set(&t->agent_sdp, answer);
	talk_wish(&t->agent_sdp, t->offered);
	if (!answer->port)
		join_failed(t, TE_BREAK, 0, NULL, "the agent's answer has no "
			    "audio");
	else if (t->call->pending || !call_media_is_home(t->call) ||
		 via_open(t, true))
		transfer_step(t, TE_DIFFER, NULL);
	else
		transfer_step(t, TE_SAME, NULL);
}

static void agent_answered_offer(struct transfer *t,
				 const struct leg_event *ev)
{
	if (leg_is_dead(ev)) {
		agent_left(t);
	} else if (leg_refuses(ev)) {
		join_failed(t, TE_BREAK, ev->status, ev->phrase,
			    "the agent refused the re-INVITE");
	} else if (t->state == TR_VIA) {
		agent_via(t, ev->offer);
	} else if (offer_moves(ev->offer, t->agent_sdp, t->offered)) {
		not_directly(t, TE_DIFFER, 0, NULL, "the parties do not agree "
			     "on media");
	} else {
		offer_set(&t->agent_sdp, ev->offer);
		talk_wish(&t->agent_sdp, t->offered);
		transfer_step(t, TE_SAME, NULL);
	}
}

static void on_agent(struct leg *leg, const struct leg_event *ev, void *arg)
{
	struct transfer *t = arg;

	if (ev->type == LEG_ENDED ||
	    (ev->type == LEG_OFFER_ACKED && !ev->offer) ||
	    (t->state == TR_TALK && ev->type == LEG_OFFER_DONE &&
	     leg_is_dead(ev)))
		agent_left(t);
	else if (t->state == TR_TALK)
		talk_agent(t, ev);
	else if (ev->type == LEG_OFFER)
		leg_refuse(leg, 491);
	else if (ev->type == LEG_OFFER_DONE &&
		 (t->state == TR_REJOIN || t->state == TR_VIA))
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
	/* The agent is being asked; whether he is at home is looked at then. */
	if (t->state == TR_VIA)
		return;
	if (late && !offer_deferred(t))
		return;
	if (t->state == TR_UNJOIN && (t->agent || hunt_has_more(t))) {
		/* Somebody has answered meanwhile, or still may. */
		transfer_step(t, t->agent ? TE_ANSWER : TE_NEXT, NULL);
		return;
	}
	if (late || leg_refuses(ev)) {
		if (t->state == TR_JOIN) {
			not_directly(t, TE_BREAK, ev->status, ev->phrase,
				     "the customer refused the re-INVITE");
			return;
		}
		t->return_failed = t->state == TR_RETURN;
		transfer_step(t, TE_BREAK, &t->failure);
		return;
	}
	if (t->state == TR_JOIN && !ev->offer->port)
		join_failed(t, TE_BREAK, 0, NULL, "the customer's answer has "
			    "no audio");
	else if (t->state == TR_JOIN && t->via)
		join_via(t);
	else if (t->state == TR_JOIN &&
		 offer_differs(t->call->remote, t->offered, t->agent_sdp))
		transfer_step(t, TE_DIFFER, NULL);
	else
		transfer_step(t, TE_SAME, t->state == TR_UNJOIN ? &t->failure
								 : NULL);
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
