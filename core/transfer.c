#include "transfer_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "call_dial.h"

#define OVER TR_OVER

/*
 * Every live cell is filled; one that names its own row means that the event
 * changes nothing there. A REFER that "auto" gives up becomes TE_BRIDGE; which
 * refusals do, is decided in refer.c before the table is asked.
 */
static const enum transfer_state next[TR_OVER][TRANSFER_EVENTS] = {
[TR_QUEUED] = {
	[TE_WAIT] = TR_WAIT, [TE_REFER] = TR_REFER, [TE_BRIDGE] = TR_DIAL,
	[TE_ACCEPT] = TR_QUEUED, [TE_REFUSE] = TR_QUEUED,
	[TE_NOTE] = TR_QUEUED, [TE_DONE] = TR_QUEUED, [TE_LOSE] = TR_QUEUED,
	[TE_EXPIRE] = OVER, [TE_GONE] = OVER, [TE_ABANDON] = OVER,
	[TE_ANSWER] = TR_QUEUED, [TE_FAIL] = OVER, [TE_LEFT] = TR_QUEUED,
	[TE_RELEASE] = TR_QUEUED, [TE_SAME] = TR_QUEUED,
	[TE_DIFFER] = TR_QUEUED, [TE_BREAK] = TR_QUEUED,
	[TE_NEXT] = TR_QUEUED,
	[TE_VIA] = TR_QUEUED,
},
[TR_WAIT] = {
	[TE_WAIT] = TR_WAIT, [TE_REFER] = TR_REFER, [TE_BRIDGE] = TR_DIAL,
	[TE_ACCEPT] = TR_WAIT, [TE_REFUSE] = TR_WAIT, [TE_NOTE] = TR_WAIT,
	[TE_DONE] = TR_WAIT, [TE_LOSE] = TR_WAIT,
	[TE_EXPIRE] = OVER, [TE_GONE] = OVER, [TE_ABANDON] = OVER,
	[TE_ANSWER] = TR_WAIT, [TE_FAIL] = OVER, [TE_LEFT] = TR_WAIT,
	[TE_RELEASE] = TR_WAIT, [TE_SAME] = TR_WAIT, [TE_DIFFER] = TR_WAIT,
	[TE_BREAK] = TR_WAIT,
	[TE_NEXT] = TR_WAIT,
	[TE_VIA] = TR_WAIT,
},
[TR_REFER] = {
	[TE_WAIT] = TR_REFER, [TE_REFER] = TR_REFER, [TE_BRIDGE] = TR_DIAL,
	[TE_ACCEPT] = TR_ACCEPTED, [TE_REFUSE] = OVER, [TE_NOTE] = TR_EARLY,
	[TE_DONE] = OVER, [TE_LOSE] = OVER,
	[TE_EXPIRE] = OVER, [TE_GONE] = TR_GRACE, [TE_ABANDON] = OVER,
	[TE_ANSWER] = TR_REFER, [TE_FAIL] = OVER, [TE_LEFT] = TR_REFER,
	[TE_RELEASE] = TR_REFER, [TE_SAME] = TR_REFER,
	[TE_DIFFER] = TR_REFER, [TE_BREAK] = TR_REFER,
	[TE_NEXT] = TR_REFER,
	[TE_VIA] = TR_REFER,
},
[TR_EARLY] = {
	[TE_WAIT] = TR_EARLY, [TE_REFER] = TR_EARLY, [TE_BRIDGE] = TR_EARLY,
	[TE_ACCEPT] = TR_NOTIFIED, [TE_REFUSE] = OVER, [TE_NOTE] = TR_EARLY,
	[TE_DONE] = OVER, [TE_LOSE] = OVER,
	[TE_EXPIRE] = OVER, [TE_GONE] = TR_GRACE, [TE_ABANDON] = OVER,
	[TE_ANSWER] = TR_EARLY, [TE_FAIL] = OVER, [TE_LEFT] = TR_EARLY,
	[TE_RELEASE] = TR_EARLY, [TE_SAME] = TR_EARLY,
	[TE_DIFFER] = TR_EARLY, [TE_BREAK] = TR_EARLY,
	[TE_NEXT] = TR_EARLY,
	[TE_VIA] = TR_EARLY,
},
[TR_ACCEPTED] = {
	[TE_WAIT] = TR_ACCEPTED, [TE_REFER] = TR_ACCEPTED,
	[TE_BRIDGE] = TR_DIAL,
	[TE_ACCEPT] = TR_ACCEPTED, [TE_REFUSE] = OVER,
	[TE_NOTE] = TR_NOTIFIED, [TE_DONE] = OVER, [TE_LOSE] = OVER,
	[TE_EXPIRE] = OVER, [TE_GONE] = TR_GRACE, [TE_ABANDON] = OVER,
	[TE_ANSWER] = TR_ACCEPTED, [TE_FAIL] = OVER,
	[TE_LEFT] = TR_ACCEPTED, [TE_RELEASE] = TR_ACCEPTED,
	[TE_SAME] = TR_ACCEPTED, [TE_DIFFER] = TR_ACCEPTED,
	[TE_BREAK] = TR_ACCEPTED,
	[TE_NEXT] = TR_ACCEPTED,
	[TE_VIA] = TR_ACCEPTED,
},
[TR_NOTIFIED] = {
	[TE_WAIT] = TR_NOTIFIED, [TE_REFER] = TR_NOTIFIED,
	[TE_BRIDGE] = TR_NOTIFIED,
	[TE_ACCEPT] = TR_NOTIFIED, [TE_REFUSE] = OVER,
	[TE_NOTE] = TR_NOTIFIED, [TE_DONE] = OVER, [TE_LOSE] = OVER,
	[TE_EXPIRE] = OVER, [TE_GONE] = TR_GRACE, [TE_ABANDON] = OVER,
	[TE_ANSWER] = TR_NOTIFIED, [TE_FAIL] = OVER,
	[TE_LEFT] = TR_NOTIFIED, [TE_RELEASE] = TR_NOTIFIED,
	[TE_SAME] = TR_NOTIFIED, [TE_DIFFER] = TR_NOTIFIED,
	[TE_BREAK] = TR_NOTIFIED,
	[TE_NEXT] = TR_NOTIFIED,
	[TE_VIA] = TR_NOTIFIED,
},
[TR_GRACE] = {
	[TE_WAIT] = TR_GRACE, [TE_REFER] = TR_GRACE, [TE_BRIDGE] = TR_GRACE,
	[TE_ACCEPT] = TR_GRACE, [TE_REFUSE] = OVER, [TE_NOTE] = TR_GRACE,
	[TE_DONE] = OVER, [TE_LOSE] = OVER,
	[TE_EXPIRE] = OVER, [TE_GONE] = TR_GRACE, [TE_ABANDON] = OVER,
	[TE_ANSWER] = TR_GRACE, [TE_FAIL] = OVER, [TE_LEFT] = TR_GRACE,
	[TE_RELEASE] = TR_GRACE, [TE_SAME] = TR_GRACE,
	[TE_DIFFER] = TR_GRACE, [TE_BREAK] = TR_GRACE,
	[TE_NEXT] = TR_GRACE,
	[TE_VIA] = TR_GRACE,
},
[TR_DIAL] = {	/* TE_DONE: a REFER given up has succeeded (case R16) */
	[TE_WAIT] = TR_DIAL, [TE_REFER] = TR_DIAL, [TE_BRIDGE] = TR_DIAL,
	[TE_ACCEPT] = TR_DIAL, [TE_REFUSE] = TR_DIAL, [TE_NOTE] = TR_DIAL,
	[TE_DONE] = OVER, [TE_LOSE] = TR_DIAL,
	[TE_EXPIRE] = OVER, [TE_GONE] = OVER, [TE_ABANDON] = OVER,
	[TE_ANSWER] = TR_JOIN, [TE_FAIL] = OVER, [TE_LEFT] = TR_DIAL,
	[TE_RELEASE] = TR_DIAL, [TE_SAME] = TR_DIAL, [TE_DIFFER] = TR_DIAL,
	[TE_BREAK] = TR_DIAL,
	[TE_NEXT] = TR_DIAL,
	[TE_VIA] = TR_DIAL,
},
[TR_JOIN] = {
	[TE_WAIT] = TR_JOIN, [TE_REFER] = TR_JOIN, [TE_BRIDGE] = TR_JOIN,
	[TE_ACCEPT] = TR_JOIN, [TE_REFUSE] = TR_JOIN, [TE_NOTE] = TR_JOIN,
	[TE_DONE] = TR_JOIN, [TE_LOSE] = TR_JOIN,
	[TE_EXPIRE] = OVER, [TE_GONE] = OVER, [TE_ABANDON] = OVER,
	[TE_ANSWER] = TR_JOIN, [TE_FAIL] = OVER, [TE_LEFT] = TR_UNJOIN,
	[TE_RELEASE] = TR_UNJOIN, [TE_SAME] = TR_TALK,
	[TE_DIFFER] = TR_REJOIN, [TE_BREAK] = OVER,
	[TE_NEXT] = TR_JOIN,
	[TE_VIA] = TR_VIA,
},
[TR_REJOIN] = {
	[TE_WAIT] = TR_REJOIN, [TE_REFER] = TR_REJOIN,
	[TE_BRIDGE] = TR_REJOIN,
	[TE_ACCEPT] = TR_REJOIN, [TE_REFUSE] = TR_REJOIN,
	[TE_NOTE] = TR_REJOIN, [TE_DONE] = TR_REJOIN, [TE_LOSE] = TR_REJOIN,
	[TE_EXPIRE] = TR_RETURN, [TE_GONE] = OVER, [TE_ABANDON] = OVER,
	[TE_ANSWER] = TR_REJOIN, [TE_FAIL] = TR_RETURN,
	[TE_LEFT] = TR_RETURN, [TE_RELEASE] = TR_RETURN,
	[TE_SAME] = TR_TALK, [TE_DIFFER] = TR_RETURN,
	[TE_BREAK] = TR_RETURN,
	[TE_NEXT] = TR_DIAL,
	[TE_VIA] = TR_VIA,
},
[TR_VIA] = {
	[TE_WAIT] = TR_VIA, [TE_REFER] = TR_VIA, [TE_BRIDGE] = TR_VIA,
	[TE_ACCEPT] = TR_VIA, [TE_REFUSE] = TR_VIA, [TE_NOTE] = TR_VIA,
	[TE_DONE] = TR_VIA, [TE_LOSE] = TR_VIA,
	[TE_EXPIRE] = TR_RETURN, [TE_GONE] = OVER, [TE_ABANDON] = OVER,
	[TE_ANSWER] = TR_VIA, [TE_FAIL] = TR_RETURN, [TE_LEFT] = TR_RETURN,
	[TE_RELEASE] = TR_RETURN, [TE_SAME] = TR_TALK,
	[TE_DIFFER] = TR_JOIN, [TE_BREAK] = TR_RETURN,
	[TE_NEXT] = TR_DIAL,
	[TE_VIA] = TR_VIA,
},
[TR_TALK] = {
	[TE_WAIT] = TR_TALK, [TE_REFER] = TR_TALK, [TE_BRIDGE] = TR_TALK,
	[TE_ACCEPT] = TR_TALK, [TE_REFUSE] = TR_TALK, [TE_NOTE] = TR_TALK,
	[TE_DONE] = TR_TALK, [TE_LOSE] = TR_TALK,
	[TE_EXPIRE] = TR_TALK, [TE_GONE] = OVER, [TE_ABANDON] = OVER,
	[TE_ANSWER] = TR_TALK, [TE_FAIL] = TR_TALK, [TE_LEFT] = TR_RETURN,
	[TE_RELEASE] = OVER, [TE_SAME] = TR_TALK, [TE_DIFFER] = TR_TALK,
	[TE_BREAK] = TR_TALK,
	[TE_NEXT] = TR_TALK,
	[TE_VIA] = TR_TALK,
},
[TR_UNJOIN] = {	/* TE_ANSWER: another has answered meanwhile */
	[TE_WAIT] = TR_UNJOIN, [TE_REFER] = TR_UNJOIN,
	[TE_BRIDGE] = TR_UNJOIN,
	[TE_ACCEPT] = TR_UNJOIN, [TE_REFUSE] = TR_UNJOIN,
	[TE_NOTE] = TR_UNJOIN, [TE_DONE] = TR_UNJOIN, [TE_LOSE] = TR_UNJOIN,
	[TE_EXPIRE] = OVER, [TE_GONE] = OVER, [TE_ABANDON] = OVER,
	[TE_ANSWER] = TR_JOIN, [TE_FAIL] = TR_UNJOIN,
	[TE_LEFT] = TR_UNJOIN, [TE_RELEASE] = TR_UNJOIN,
	[TE_SAME] = TR_RETURN, [TE_DIFFER] = TR_RETURN, [TE_BREAK] = OVER,
	[TE_NEXT] = TR_DIAL,
	[TE_VIA] = TR_UNJOIN,
},
[TR_RETURN] = {
	[TE_WAIT] = TR_RETURN, [TE_REFER] = TR_RETURN,
	[TE_BRIDGE] = TR_RETURN,
	[TE_ACCEPT] = TR_RETURN, [TE_REFUSE] = TR_RETURN,
	[TE_NOTE] = TR_RETURN, [TE_DONE] = TR_RETURN, [TE_LOSE] = TR_RETURN,
	[TE_EXPIRE] = OVER, [TE_GONE] = OVER, [TE_ABANDON] = OVER,
	[TE_ANSWER] = TR_RETURN, [TE_FAIL] = OVER, [TE_LEFT] = TR_RETURN,
	[TE_RELEASE] = TR_RETURN, [TE_SAME] = OVER, [TE_DIFFER] = OVER,
	[TE_BREAK] = OVER,
	[TE_NEXT] = TR_RETURN,
	[TE_VIA] = TR_RETURN,
},
};

static const char *const state_names[TRANSFER_STATES] = {
	[TR_QUEUED] = "queued", [TR_WAIT] = "waiting_for_ack",
	[TR_REFER] = "refer", [TR_EARLY] = "refer_early",
	[TR_ACCEPTED] = "refer_accepted", [TR_NOTIFIED] = "refer_notified",
	[TR_GRACE] = "refer_grace", [TR_DIAL] = "dial", [TR_JOIN] = "join",
	[TR_REJOIN] = "rejoin", [TR_VIA] = "via_node", [TR_TALK] = "talk", [TR_UNJOIN] = "unjoin",
	[TR_RETURN] = "return", [TR_OVER] = "over",
};

static const char *method_name(const struct transfer *t)
{
	return t->method == METHOD_REFER ? "refer" : "bridge";
}

static void event_init(const struct transfer *t, struct event *ev,
		       enum event_type type)
{
	call_event_init(t->call, ev, type);
	ev->transfer = t->id;
}

void transfer_wait(struct transfer *t, enum timer_id id)
{
	t->waiting = id;
	timer_start(&t->timer, engine_timer(t->call->e, id));
}

void transfer_progress(struct transfer *t, const struct aim *a,
		       const char *phase, int status, const char *phrase)
{
	struct event ev;

	event_init(t, &ev, EV_TRANSFER_PROGRESS);
	if (a && *a->id) {
		ev.attempt = a->id;
		ev.leg = a->leg_id;
	}
	event_string(&ev, "number", (a ? a : t->aim)->number);
	event_string(&ev, "phase", phase);
	if (status)
		event_sip(&ev, "sip", status, phrase);
	event_emit(t->call->e->bus, &ev);
}

static json_t *sip_json(int status, const char *phrase)
{
	json_t *text = json_string(phrase);

	/* A peer's phrase need not be UTF-8. */
	return json_pack("{s:i, s:o}", "code", status, "phrase",
			 text ? text : json_string(""));
}

void transfer_log_attempt(struct transfer *t, const struct aim *aim,
			  enum reason reason, int status,
			  const char *phrase, uint64_t ring_ms)
{
	json_t *a = json_object();

	json_object_set_new(a, "number", json_string(aim->number));
	json_object_set_new(a, "reason", json_string(reason_name(reason)));
	if (status)
		json_object_set_new(a, "sip", sip_json(status, phrase));
	json_object_set_new(a, "ring_ms", json_integer((json_int_t)ring_ms));
	json_array_append_new(t->attempts, a);
	if (reason == REASON_ANSWERED)
		t->answered = json_array_size(t->attempts);
	/* Those who ring together ring at the same time. */
	if (!t->sw->all)
		t->ring_ms += ring_ms;
	else if (ring_ms > t->ring_ms)
		t->ring_ms = ring_ms;
}

/* The attempt that was answered, or NULL. */
static json_t *answered_attempt(const struct transfer *t)
{
	return t->answered ? json_array_get(t->attempts, t->answered - 1)
			   : NULL;
}

void transfer_mend_attempt(struct transfer *t, enum reason reason)
{
	json_t *a = answered_attempt(t);

	if (!a || t->joined || t->success)
		return;
	json_object_set_new(a, "reason", json_string(reason_name(reason)));
	t->answered = 0;
}

static void build_outcome(struct transfer *t)
{
	json_t *d = t->details = json_object();

	transfer_mend_attempt(t, t->reason);
	/* A REFER is one try as well, unless a bridge has taken its place. */
	if (t->referred && t->method == METHOD_REFER)
		transfer_log_attempt(t, t->aim, t->reason, t->status,
				     t->phrase, 0);
	if (t->joined && !t->talk_ms)
		t->talk_ms = loop_now(t->call->e->loop) - t->joined_at;
	json_object_set_new(d, "method", json_string(method_name(t)));
	json_object_set_new(d, "reason", json_string(reason_name(t->reason)));
	if (t->status)
		json_object_set_new(d, "sip", sip_json(t->status, t->phrase));
	else if (t->joined)	/* the agent's answer */
		json_object_set(d, "sip",
				json_object_get(answered_attempt(t), "sip"));
	json_object_set(d, "attempts", t->attempts);
	json_object_set_new(d, "ring_ms",
			    json_integer((json_int_t)t->ring_ms));
	json_object_set_new(d, "talk_ms",
			    json_integer((json_int_t)t->talk_ms));
	if (ender_name(t->ender))
		json_object_set_new(d, "ended_by",
				    json_string(ender_name(t->ender)));
	t->outcome = (struct transfer_outcome) {
		.success = t->success,
		.hangup = t->hangup,
		.number = t->aim->number,
		.details = d,
	};
}

static void started(struct transfer *t)
{
	json_t *list = json_array();
	struct event ev;

	for (unsigned i = 0; i < t->aim_count; i++)
		json_array_append_new(list, json_string(t->aims[i].number));

	event_init(t, &ev, EV_TRANSFER_STARTED);
	event_string(&ev, "method", method_name(t));
	event_json_field(&ev, "destinations", list);
	event_emit(t->call->e->bus, &ev);
	json_decref(list);
	t->started = true;
	timer_start(&t->bound, engine_timer(t->call->e, TIMER_TRANSFER));
}

static void enter(struct transfer *t, enum transfer_state from)
{
	switch (t->state) {
	case TR_QUEUED:
		break;
	case TR_WAIT:
		transfer_wait(t, TIMER_T1X64);
		break;
	case TR_REFER:
	case TR_EARLY:
	case TR_ACCEPTED:
	case TR_NOTIFIED:
	case TR_GRACE:
		refer_enter(t);
		break;
	default:
		bridge_enter(t, from);
		break;
	}
}

void transfer_step(struct transfer *t, enum transfer_event event,
		   const struct transfer_end *end)
{
	const enum transfer_state old = t->state;

	if (old == TR_OVER || next[old][event] == old)
		return;

	t->state = next[old][event];
	timer_stop(&t->timer);
	if (end && t->reason == REASON_NONE) {
		t->reason = end->reason;
		t->success = end->success;
		t->hangup = end->hangup;
		t->ender = end->by;
		t->status = end->status;
		snprintf(t->phrase, sizeof(t->phrase), "%s",
			 end->phrase ? end->phrase : "");
	}
	log_line(LOG_DEBUG, t->call->id, "transfer %s: %s -> %s", t->id,
		 state_names[old], state_names[t->state]);
	if (old >= TR_REFER && old <= TR_GRACE && t->state > TR_GRACE)
		refer_leave(t);

	if (t->state != TR_OVER) {
		enter(t, old);
		return;
	}
	/* Whoever was given its id is told how it ended. */
	if (!t->started)
		started(t);
	timer_stop(&t->bound);
	bridge_close(t);
	build_outcome(t);
	call_transfer_done(t->call, t);	/* last: t may be gone now */
}

static void on_timer(void *arg)
{
	struct transfer *t = arg;

	log_line(LOG_INFO, t->call->id, "timer %s fired in transfer state %s",
		 timer_table[t->waiting].name, state_names[t->state]);
	if (t->state == TR_WAIT) {
		const struct transfer_end end = { REASON_CALLER_GONE, false,
			true, BY_CUSTOMER, 0, NULL };

		transfer_step(t, TE_EXPIRE, &end);
	} else if (t->state <= TR_GRACE) {
		refer_expire(t);
	} else {
		bridge_expire(t);
	}
}

static void on_bound(void *arg)
{
	struct transfer *t = arg;
	const struct transfer_end end = { REASON_NO_ANSWER, false, t->bye,
		BY_NODE, 0, NULL };

	log_line(LOG_INFO, t->call->id, "timer transfer fired in state %s",
		 state_names[t->state]);
	/* It bounds the way to an answer; later states have their own. */
	t->bound_over = true;
	if (t->state <= TR_DIAL)
		transfer_step(t, TE_EXPIRE, &end);
}

static int refuse(struct action_error *err, const char *text)
{
	snprintf(err->text, sizeof(err->text), "switch: %s", text);
	return UV_EINVAL;
}

/* Contract 5.2: what "auto" means here, and what cannot be forced. */
static int resolve(struct transfer *t, struct action_error *err)
{
	const struct call *c = t->call;
	const struct switch_request *sw = t->sw;
	const enum refer_policy policy = c->trunk ? c->trunk->refer
						  : REFER_AUTO;
	bool elsewhere = false;

	for (unsigned i = 0; i < t->aim_count; i++)
		elsewhere |= t->aims[i].trunk != c->trunk;
	t->method = sw->method;
	if (sw->method == METHOD_REFER && elsewhere)
		return refuse(err, "method \"refer\" cannot go over another "
			      "trunk than the customer's");
	if (sw->method == METHOD_AUTO) {
		const bool lacks = c->allow_known && !c->allow_refer &&
			policy != REFER_ALWAYS;

		t->method = sw->continue_call || sw->continue_recording ||
			t->aim_count > 1 || elsewhere ||
			policy == REFER_NEVER || lacks
			? METHOD_BRIDGE : METHOD_REFER;
		t->may_fall_back = t->method == METHOD_REFER;
	}
	return 0;
}

static int aim_init(struct transfer *t, struct aim *a,
		    const struct switch_target *to, struct action_error *err)
{
	const struct config *config = t->call->e->config;
	struct uri u;
	int rc;

	a->t = t;
	a->to = to;
	rc = call_dial_route(t->call, t->sw, to, &a->trunk, a->uri,
			     sizeof(a->uri), err);
	if (rc)
		return rc;
	if (uri_parse(&u, a->uri))
		return refuse(err, "the target is not a valid SIP URI");
	snprintf(a->host, sizeof(a->host), "%s", u.host);
	/* maddr sends it elsewhere, whatever the host (RFC 3261 19.1.1). */
	a->own = a->trunk && !uri_has_param(&u, "maddr") && (!to->uri ||
		config_trunk_by_host(config, u.host, u.port) == a->trunk);
	switch_target_name(to, a->number, sizeof(a->number));
	return 0;
}

static void destroy(void *arg)
{
	struct transfer *t = arg;

	for (unsigned i = 0; t->aims && i < t->aim_count; i++) {
		free(t->aims[i].diversion);
		offer_unref(t->aims[i].offered);
	}
	free(t->aims);
	offer_unref(t->offered);
	offer_unref(t->agent_sdp);
	offer_unref(t->relay_offer);
	offer_unref(t->deferred);
	json_decref(t->attempts);
	json_decref(t->details);
	switch_free(t->sw);
	free(t);
}

int transfer_new(struct transfer **tp, struct call *c,
		 struct switch_request *sw, struct action_error *err)
{
	struct transfer *t = calloc(1, sizeof(*t));
	int rc = 0;

	if (!t) {
		switch_free(sw);
		return refuse(err, "no memory");
	}

	t->call = c;
	t->sw = sw;
	t->attempts = json_array();
	t->aim_count = sw->target_count;
	t->aims = t->aim = calloc(t->aim_count, sizeof(*t->aims));
	timer_init(&t->timer, c->e->loop, on_timer, t);
	timer_init(&t->bound, c->e->loop, on_bound, t);
	if (!t->attempts || !t->aims)
		rc = refuse(err, "no memory");
	for (unsigned i = 0; !rc && i < t->aim_count; i++)
		rc = aim_init(t, &t->aims[i], &sw->targets[i], err);
	if (!rc)
		rc = resolve(t, err);
	if (rc) {
		destroy(t);
		return rc;
	}

	snprintf(t->id, sizeof(t->id), "%.30s-t%u", c->id, ++c->transfers);
	*tp = t;
	return 0;
}

void transfer_start(struct transfer *t)
{
	if (t->state != TR_QUEUED)
		return;

	started(t);
	if (t->call->state == CALL_ANSWERED)
		transfer_step(t, TE_WAIT, NULL);
	else
		transfer_step(t, t->method == METHOD_REFER ? TE_REFER
							   : TE_BRIDGE, NULL);
}

void transfer_acked(struct transfer *t)
{
	if (t->state == TR_WAIT)
		transfer_step(t, t->method == METHOD_REFER ? TE_REFER
							   : TE_BRIDGE, NULL);
}

bool transfer_customer(struct transfer *t, const struct leg_event *ev)
{
	const struct transfer_end gone = { REASON_CALLER_GONE, false, true,
		BY_CUSTOMER, 0, NULL };

	if (t->state == TR_OVER)
		return false;
	/* REFER's news may come in every state: case R16. */
	if (refer_customer(t, ev) || bridge_customer(t, ev))
		return true;
	if (ev->type != LEG_ENDED)
		return false;
	transfer_step(t, TE_GONE, &gone);
	return true;
}

void transfer_abandon(struct transfer *t, enum ender by)
{
	const bool joined = t->joined;
	const struct transfer_end end = {
		.reason = joined ? REASON_ANSWERED : REASON_CANCELLED,
		.success = joined,
		.by = by,
	};

	/* A customer who has left already: how, is known from that alone. */
	if (t->state == TR_GRACE)
		refer_expire(t);
	else
		transfer_step(t, TE_ABANDON, &end);
}

bool transfer_cancel(struct transfer *t, enum ender by)
{
	const struct transfer_end talked = {
		.reason = REASON_ANSWERED, .success = true, .by = by,
	};

	if (t->state == TR_RETURN)
		return false;
	if (t->state != TR_TALK)
		transfer_abandon(t, by);
	else
		transfer_step(t, t->sw->continue_call ? TE_LEFT : TE_RELEASE,
			      &talked);
	return true;
}

const char *transfer_id(const struct transfer *t)
{
	return t->id;
}

bool transfer_started(const struct transfer *t)
{
	return t->started;
}

const struct transfer_outcome *transfer_outcome(const struct transfer *t)
{
	return &t->outcome;
}

enum ender transfer_ender(const struct transfer *t)
{
	return t->ender;
}

bool transfer_took_customer(const struct transfer *t)
{
	return t->success && !t->joined;
}

bool transfer_lost_customer(const struct transfer *t)
{
	return t->return_failed;
}

bool transfer_joined(const struct transfer *t)
{
	return t->state >= TR_JOIN && t->state < TR_OVER;
}

bool transfer_referred(const struct transfer *t)
{
	return t->referred;
}

bool transfer_continues(const struct transfer *t)
{
	return t->sw->continue_call;
}

bool transfer_keeps(const struct transfer *t)
{
	return t->sw->continue_call || t->sw->keep_failed;
}

json_t *transfer_describe(const struct transfer *t)
{
	json_t *j = json_object();

	json_object_set_new(j, "transfer", json_string(t->id));
	json_object_set_new(j, "method", json_string(method_name(t)));
	json_object_set_new(j, "number", json_string(t->aim->number));
	json_object_set_new(j, "state", json_string(state_names[t->state]));
	return j;
}

void transfer_free(struct transfer *t)
{
	if (!t)
		return;

	timer_stop(&t->timer);
	timer_stop(&t->bound);
	t->state = TR_OVER;
	bridge_close(t);
	loop_sweep(t->call->e->loop, &t->sweep, destroy, t);
}
