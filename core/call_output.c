/*
 * What was asked of a call, carried out in order: speech first, then the
 * switch or the hang-up behind it. Everybody asks through call_act(); nothing
 * happens before the end of the turn.
 */
#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "engine_i.h"

static int refuse(struct action_error *err, int rc, const char *text)
{
	if (err)
		snprintf(err->text, sizeof(err->text), "%s", text);
	return rc;
}

static void on_task(void *arg)
{
	call_output_run(arg);
}

static int check(struct call *c, const struct action *a,
		 struct action_error *err)
{
	if (c->state >= CALL_LEAVING || c->leg_over)
		return refuse(err, UV_ENOTCONN, "the customer is gone");

	switch (a->type) {
	case ACT_SAY:
	case ACT_PLAY:
	case ACT_MARK:
		if (c->state == CALL_RINGING && !c->answer_queued)
			return refuse(err, UV_EINVAL, "the call is not "
				      "answered yet (call:answer() first)");
		return 0;
	case ACT_DTMF:
	case ACT_TIMEOUT:
		return refuse(err, UV_EINVAL, "only a bot waits for what its "
			      "customer does");
	case ACT_SWITCH:
		if (c->transfer)
			return refuse(err, UV_EBUSY, "switch: a transfer is "
				      "under way already");
		if (c->hangup_queued)
			return refuse(err, UV_EINVAL, "switch: the call is "
				      "being hung up");
		if (c->state == CALL_RINGING && !c->answer_queued)
			return refuse(err, UV_EINVAL, "switch: a switch "
				      "before the answer is not available in "
				      "this version");
		return 0;
	case ACT_ANSWER:
	case ACT_REJECT:
		if (c->state != CALL_RINGING || c->answer_queued)
			return refuse(err, UV_EINVAL, "the call is answered "
				      "already");
		if (a->type == ACT_REJECT &&
		    (a->status < 400 || a->status > 699))
			return refuse(err, UV_EINVAL, "reject: the status "
				      "must be 400 to 699");
		return 0;
	default:
		return 0;
	}
}

int call_act(struct call *c, enum ender by, struct action *a,
	     struct action_error *err, const char **transfer)
{
	struct output *o;
	int rc = check(c, a, err);

	o = rc ? NULL : calloc(1, sizeof(*o));
	if (!o) {
		action_free(a);
		return rc ? rc : refuse(err, UV_ENOMEM, "no memory");
	}

	if (a->type == ACT_SWITCH) {
		struct switch_request *sw = a->sw;

		a->sw = NULL;
		rc = transfer_new(&c->transfer, c, sw, err);
		if (rc) {
			action_free(a);
			free(o);
			return rc;
		}
		/* Whether the call ends behind it is now this one's say. */
		c->end_when_idle = false;
		o->transfer = c->transfers;
		if (transfer)
			*transfer = transfer_id(c->transfer);
	}
	if (a->type == ACT_ANSWER)
		c->answer_queued = true;
	if (a->type == ACT_HANGUP)
		c->hangup_queued = true;
	o->a = a;
	o->by = by;
	*c->out_tail = o;
	c->out_tail = &o->next;
	task_post(c->e->loop, &c->out_task, on_task, c);
	return 0;
}

static void say(struct call *c, const struct action *a)
{
	const bool drop = c->transfer && transfer_started(c->transfer);
	struct event ev;

	if (drop) {
		log_line(LOG_WARN, c->id, "speech during a transfer was "
			 "dropped");
	} else {
		call_event_init(c, &ev, EV_BOT_SAY);
		event_bytes(&ev, a->type == ACT_PLAY ? "audio" : "text",
			    a->text, a->len);
		event_emit(c->e->bus, &ev);
	}
	/* Without media a sentence is over as soon as it is begun. */
	if (a->ticket)
		c->session->ops->said(c->session, a->ticket, drop);
}

/* All before it is over: who asked begins to listen. */
static void mark(struct call *c, const struct action *a)
{
	const bool drop = c->transfer && transfer_started(c->transfer);

	c->session->ops->said(c->session, a->ticket, drop);
}

static struct output *pop(struct call *c)
{
	struct output *o = c->out;

	c->out = o->next;
	if (!c->out)
		c->out_tail = &c->out;
	return o;
}

static void carry_out(struct call *c, struct output *o)
{
	switch (o->a->type) {
	case ACT_SAY:
	case ACT_PLAY:
		say(c, o->a);
		break;
	case ACT_MARK:
		mark(c, o->a);
		break;
	case ACT_SWITCH:
		/* It may have been cancelled, and another asked for. */
		if (c->transfer && o->transfer == c->transfers)
			transfer_start(c->transfer);
		break;
	case ACT_HANGUP:
		call_hangup(c, o->by, NULL);
		break;
	case ACT_ANSWER:
		call_answer(c);
		break;
	case ACT_REJECT:
		call_reject(c, o->a->status, o->by);
		break;
	default:
		break;
	}
	action_free(o->a);
	free(o);
}

/* Nobody could hear it: speech has to wait for the customer's ACK, and, in the
 * time of unhold, for a customer who holds us. */
static bool must_wait(const struct call *c)
{
	const enum action_type type = c->out->a->type;

	return (type == ACT_SAY || type == ACT_PLAY || type == ACT_MARK) &&
		(c->state != CALL_UP || timer_running(&c->phase));
}

void call_output_run(struct call *c)
{
	while (c->out && c->state < CALL_LEAVING && !must_wait(c))
		carry_out(c, pop(c));
	if (c->state >= CALL_LEAVING)
		call_output_drop(c);
	else if (!c->out)
		call_settle(c);
}

void call_output_drop(struct call *c)
{
	while (c->out) {
		struct output *o = pop(c);

		if (o->a->ticket && c->session)
			c->session->ops->said(c->session, o->a->ticket, true);
		action_free(o->a);
		free(o);
	}
}
