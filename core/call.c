/*
 * A call: one customer's stay, from INVITE to CDR. It owns the customer's leg,
 * the bot's session and the transfer; it is freed when the customer is gone
 * and the bot has had its last events.
 */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "engine_i.h"

static const char *const state_names[CALL_STATES] = {
	[CALL_RINGING] = "ringing", [CALL_ANSWERED] = "answered",
	[CALL_UP] = "up", [CALL_LEAVING] = "leaving", [CALL_OVER] = "over",
};

const char *call_id(const struct call *c)
{
	return c->id;
}

void call_event_init(const struct call *c, struct event *ev,
		     enum event_type type)
{
	ev->type = type;
	ev->call = c->id;
	ev->leg = ev->transfer = ev->attempt = NULL;
	ev->count = 0;
}

/* ending */

void call_destroy(void *arg)
{
	struct call *c = arg;

	for (unsigned i = 0; i < c->header_count; i++) {
		free(c->headers[i].name);
		free(c->headers[i].value);
	}
	free(c->headers);
	free(c->sip_call_id);
	free(c->caller);
	free(c->from_display);
	free(c->to);
	json_decref(c->transfer_log);
	json_decref(c->states);
	free(c);
}

/* Nothing waits any more: session closed, CDR written, memory swept. */
static void over(struct call *c)
{
	c->state = CALL_OVER;
	timer_stop(&c->phase);
	timer_stop(&c->linger);
	timer_stop(&c->duration);
	task_cancel(c->e->loop, &c->out_task);
	leg_end(c->leg, NULL);
	c->leg = NULL;
	c->session->ops->close(c->session);
	c->session = NULL;
	call_output_drop(c);
	call_media_free(c);
	if (c->channel && c->channel->calls)
		c->channel->calls--;
	cdr_write(c);
	engine_remove(c->e, c);
	loop_sweep(c->e->loop, &c->sweep, call_destroy, c);
}

void call_check_over(struct call *c)
{
	if (c->state == CALL_LEAVING && c->drained && !c->leg)
		over(c);
}

void call_end_now(struct call *c)
{
	if (c->state != CALL_OVER)
		over(c);
}

static void on_linger(void *arg)
{
	struct call *c = arg;

	log_line(LOG_DEBUG, c->id, "timer refer_bye: we send the BYE");
	leg_end(c->leg, NULL);
	c->leg = NULL;
	call_check_over(c);
}

static void on_linger_leg(struct leg *leg, const struct leg_event *ev,
			  void *arg)
{
	struct call *c = arg;

	(void)leg;
	if (ev->type == LEG_OFFER)
		leg_refuse(leg, 486);
	if (ev->type != LEG_ENDED)
		return;
	c->ended_by = BY_CUSTOMER;
	timer_stop(&c->linger);
	leg_end(c->leg, NULL);
	c->leg = NULL;
	call_check_over(c);
}

void call_leave(struct call *c, enum ender by, const char *last, bool linger)
{
	if (c->state >= CALL_LEAVING)
		return;

	c->state = CALL_LEAVING;
	c->ended_by = by;
	c->ended = loop_wall(c->e->loop);
	timer_stop(&c->duration);
	timer_stop(&c->phase);
	if (c->transfer)
		transfer_abandon(c->transfer, by);
	call_output_drop(c);
	if (linger) {
		leg_listen(c->leg, on_linger_leg, c);
		timer_start(&c->linger, engine_timer(c->e, TIMER_REFER_BYE));
	} else {
		leg_end(c->leg, NULL);
		c->leg = NULL;
	}
	/* The bot's last events; over() when it has had them. */
	timer_start(&c->phase, engine_timer(c->e, TIMER_AFTER_HANGUP));
	c->session->ops->gone(c->session, last);
}

void call_hangup(struct call *c, enum ender by, const char *reason)
{
	if (reason)
		log_line(LOG_INFO, c->id, "hung up by %s: %s",
			 ender_name(by), reason);
	/* He is gone, and only how his transfer ended was awaited. */
	if (c->leg_over && c->transfer) {
		transfer_abandon(c->transfer, by);
		return;
	}
	if (c->state == CALL_RINGING)
		leg_reject(c->leg, by == BY_NODE ? 503 : 480, NULL, 0);
	call_leave(c, by, "botHangup", false);
}

void call_reject(struct call *c, int status, enum ender by)
{
	if (c->state != CALL_RINGING)
		return;

	leg_reject(c->leg, status, NULL, 0);
	call_leave(c, by, "botHangup", false);
}

/* timers */

static void on_phase(void *arg)
{
	struct call *c = arg;

	switch (c->state) {
	case CALL_RINGING:
		log_line(LOG_INFO, c->id, "timer ringing: not answered");
		leg_reject(c->leg, 480, NULL, 0);
		call_leave(c, BY_NODE, "botHangup", false);
		break;
	case CALL_ANSWERED:
		/* Case O18: the leg sends the BYE when it may. */
		log_line(LOG_INFO, c->id, "timer t1x64: no ACK to our answer");
		if (c->transfer) {
			const struct leg_event ev = {
				.type = LEG_ENDED,
				.cause = LEG_CAUSE_NO_ACK,
			};

			transfer_customer(c->transfer, &ev);
		}
		call_leave(c, BY_CUSTOMER, "hangup", false);
		break;
	case CALL_UP:
		log_line(LOG_INFO, c->id, "timer unhold: still held, the bot "
			 "speaks");
		call_output_run(c);
		break;
	case CALL_LEAVING:
		log_line(LOG_WARN, c->id, "timer after_hangup: the bot is not "
			 "done yet and is ended");
		c->drained = true;
		call_check_over(c);
		break;
	default:
		break;
	}
}

static void on_duration(void *arg)
{
	call_hangup(arg, BY_NODE, "limits.call_duration is reached");
}

void call_timers_init(struct call *c)
{
	timer_init(&c->phase, c->e->loop, on_phase, c);
	timer_init(&c->linger, c->e->loop, on_linger, c);
	timer_init(&c->duration, c->e->loop, on_duration, c);
}

/* inputs to the bot */

static void query(struct call *c, enum query_kind kind, const char *text,
		  size_t len)
{
	c->session_idle = false;
	c->session->ops->query(c->session, kind, text, len);
}

int call_event(struct call *c, const char *name, json_t *data)
{
	if (c->state >= CALL_LEAVING)
		return UV_ENOTCONN;

	c->session_idle = false;
	c->session->ops->event(c->session, name, data);
	return 0;
}

/* the customer's leg */

void call_answer(struct call *c)
{
	struct offer *answer = NULL;
	int rc;

	if (c->state != CALL_RINGING)
		return;

	rc = call_media_answer(c, c->remote, &answer);
	if (!rc) {
		c->answer_due = !c->remote;
		rc = leg_answer(c->leg, answer);
	}
	offer_unref(answer);
	if (rc) {
		log_line(LOG_WARN, c->id, "the call cannot be answered: %s",
			 rc == UV_EPROTO ? "no codec in common"
					 : uv_strerror(rc));
		leg_reject(c->leg, rc == UV_EPROTO ? 488 : 503, NULL,
			   rc == UV_EPROTO ? 0 : 5);
		call_leave(c, BY_NODE, NULL, false);
		return;
	}

	c->state = CALL_ANSWERED;
	c->answer_queued = false;
	/* A second later than the leg, which then sends the BYE at once. */
	timer_start(&c->phase, engine_timer(c->e, TIMER_T1X64) + 1000);
	if (c->e->config->call_duration)
		timer_start(&c->duration, c->e->config->call_duration);
}

/* Case O4: we have offered, and the ACK says nothing. */
static void unanswered(struct call *c)
{
	const struct leg_reason why = {
		488, "No answer to our offer in the ACK",
	};

	log_line(LOG_INFO, c->id, "the ACK has no answer to our offer");
	leg_end(c->leg, &why);
	c->leg = NULL;
	call_leave(c, BY_NODE, "botHangup", false);
}

static void acked(struct call *c, const struct leg_event *ev)
{
	struct event out;

	if (c->state != CALL_ANSWERED)
		return;
	timer_stop(&c->phase);
	if (c->answer_due) {
		if (!ev->offer) {
			unanswered(c);
			return;
		}
		call_media_remote(c, ev->offer, true);
		c->first = offer_ref(ev->offer);
	}

	c->state = CALL_UP;
	c->answered = loop_wall(c->e->loop);
	c->e->count.answered++;
	call_event_init(c, &out, EV_CALL_ANSWERED);
	out.leg = c->leg_id;
	event_emit(c->e->bus, &out);
	query(c, QUERY_START, "/start", 6);
	if (c->transfer)
		transfer_acked(c->transfer);
	call_output_run(c);
}

static void digit(struct call *c, const struct leg_event *ev)
{
	struct event out;

	call_event_init(c, &out, EV_DTMF);
	event_bytes(&out, "digits", ev->text, ev->len ? ev->len : 1);
	event_emit(c->e->bus, &out);
	if (!c->transfer || !transfer_joined(c->transfer))
		query(c, QUERY_DIGIT, ev->text, ev->len ? ev->len : 1);
}

static void offered(struct call *c, const struct leg_event *ev)
{
	struct offer *answer = NULL;

	if (call_media_answer(c, ev->offer, &answer))
		leg_refuse(c->leg, 488);
	else
		leg_accept(c->leg, answer);
	offer_unref(answer);
}

/*
 * Case R17: a peer that was to transfer the customer holds us, and nobody
 * would hear the bot. It is asked to let go; until it does, but for timer
 * unhold at most, speech waits (call_output.c).
 */
static bool held(const struct call *c)
{
	return c->remote && !(c->remote->dir & DIR_RECVONLY);
}

static void unhold(struct call *c)
{
	struct offer *home;

	if (c->state != CALL_UP || c->leg_over || c->pending || !held(c))
		return;
	home = call_media_home(c);
	if (home && !call_media_send(c, home)) {
		log_line(LOG_INFO, c->id, "held after a REFER: asked to let "
			 "go");
		timer_start(&c->phase, engine_timer(c->e, TIMER_UNHOLD));
	}
	offer_unref(home);
}

static void check_unheld(struct call *c)
{
	if (c->state != CALL_UP || !timer_running(&c->phase) || held(c))
		return;
	timer_stop(&c->phase);
	call_output_run(c);
}

static void go_home(struct call *c)
{
	struct offer *home;

	if (c->pending || call_media_is_home(c) || c->state != CALL_UP)
		return;
	home = call_media_home(c);
	if (home)
		call_media_send(c, home);
	offer_unref(home);
}

/* The answer to an offer of a join that was given up: back to the node, who
 * will not come has nobody to talk to (case O14). */
static void came_late(struct call *c, const struct leg_event *ev)
{
	const bool was_home = c->pending && !c->pending->body;

	call_media_done(c, ev);
	if (!was_home || !leg_refuses(ev))
		go_home(c);
	else if (!c->transfer && !leg_is_dead(ev) && !call_media_is_home(c))
		call_hangup(c, BY_NODE, "the customer cannot be brought "
			    "back");
}

static void left(struct call *c, const struct leg_event *ev)
{
	log_line(LOG_DEBUG, c->id, "the customer's dialog is over (cause %d)",
		 ev->cause);
	c->leg_over = true;
	if (c->transfer && transfer_customer(c->transfer, ev))
		return;	/* it tells when it is over: case R4 has a grace */
	call_leave(c, BY_CUSTOMER, "hangup", false);
}

void call_on_leg(struct leg *leg, const struct leg_event *ev, void *arg)
{
	struct call *c = arg;

	switch (ev->type) {
	case LEG_ACKED:
		acked(c, ev);
		return;
	case LEG_DIGIT:
		digit(c, ev);
		return;
	case LEG_TEXT:
		if (!c->transfer || !transfer_joined(c->transfer))
			query(c, QUERY_TEXT, ev->text, ev->len);
		return;
	case LEG_ENDED:
		left(c, ev);
		return;
	default:
		break;
	}

	if (c->transfer && transfer_customer(c->transfer, ev))
		return;
	if (ev->type == LEG_OFFER) {
		offered(c, ev);
	} else if (ev->type == LEG_OFFER_ACKED && !ev->offer) {
		unanswered(c);
		return;
	} else if (ev->type == LEG_OFFER_ACKED) {
		call_media_remote(c, ev->offer, true);
	} else if (ev->type == LEG_REQUEST) {
		leg_reply(leg, ev->id, 480);
	} else if (ev->type == LEG_OFFER_DONE) {
		came_late(c, ev);
	}
	check_unheld(c);
}

/* the transfer is over */

static void log_transfer(struct call *c, const struct transfer *t,
			 const struct transfer_outcome *o)
{
	json_t *entry = json_object();

	json_object_set_new(entry, "transfer", json_string(transfer_id(t)));
	json_object_set_new(entry, "status",
			    json_string(o->success ? "SUCCESS" : "FAIL"));
	json_object_set_new(entry, "hangup", json_boolean(o->hangup));
	json_object_set_new(entry, "number", json_string(o->number));
	json_object_update(entry, o->details);
	json_array_append_new(c->transfer_log, entry);
}

static void emit_transfer_ended(struct call *c, const struct transfer *t,
				const struct transfer_outcome *o)
{
	struct event ev;
	const char *key;
	json_t *v;

	call_event_init(c, &ev, EV_TRANSFER_ENDED);
	ev.transfer = transfer_id(t);
	event_string(&ev, "status", o->success ? "SUCCESS" : "FAIL");
	event_bool(&ev, "hangup", o->hangup);
	event_string(&ev, "number", o->number);
	json_object_foreach(o->details, key, v)
		event_json_field(&ev, key, v);
	event_emit(c->e->bus, &ev);
}

/* What becomes of the customer (contract 5.3). */
static void after_transfer(struct call *c, const struct transfer *t,
			   const struct transfer_outcome *o)
{
	if (transfer_took_customer(t))
		call_leave(c, c->leg_over ? BY_CUSTOMER : BY_NODE, NULL,
			   !c->leg_over);
	else if (c->leg_over || o->hangup)
		call_leave(c, BY_CUSTOMER, "hangup", false);
	else if (transfer_lost_customer(t))
		call_leave(c, BY_NODE, "botHangup", false);
	else if (o->success && !transfer_continues(t))
		call_leave(c, transfer_ender(t), NULL, false);
	else if (!transfer_keeps(t))
		c->end_when_idle = true;
}

void call_transfer_done(struct call *c, struct transfer *t)
{
	const struct transfer_outcome *o = transfer_outcome(t);

	c->e->count.transfers++;
	if (o->success)
		c->e->count.transfers_succeeded++;
	log_transfer(c, t, o);
	emit_transfer_ended(c, t, o);
	c->transfer = NULL;
	call_media_withdraw(c);
	c->session_idle = false;
	c->session->ops->outcome(c->session, o);
	if (c->state < CALL_LEAVING) {
		after_transfer(c, t, o);
		go_home(c);
		if (!o->success && transfer_referred(t))
			unhold(c);
	}
	transfer_free(t);
}

int call_cancel(struct call *c, enum ender by)
{
	return c->transfer && transfer_cancel(c->transfer, by) ? 0 : UV_ESRCH;
}

void call_settle(struct call *c)
{
	if (!c->session_idle || c->transfer)
		return;
	if (c->state == CALL_RINGING)
		call_answer(c);		/* a handler without a verdict */
	else if (c->end_when_idle)
		call_leave(c, BY_BOT, "botHangup", false);
}

json_t *call_describe(const struct call *c)
{
	json_t *j = json_object();
	const size_t n = json_array_size(c->states);

	json_object_set_new(j, "call", json_string(c->id));
	json_object_set_new(j, "from", json_string(c->from));
	json_object_set_new(j, "to", json_string(c->to));
	if (c->channel)
		json_object_set_new(j, "channel",
				    json_string(c->channel->id));
	if (c->trunk)
		json_object_set_new(j, "trunk", json_string(c->trunk->name));
	json_object_set_new(j, "sip_call_id", json_string(c->sip_call_id));
	json_object_set_new(j, "state", json_string(state_names[c->state]));
	json_object_set_new(j, "started",
			    json_integer((json_int_t)c->started));
	if (c->answered)
		json_object_set_new(j, "answered",
				    json_integer((json_int_t)c->answered));
	if (n)
		json_object_set(j, "bot_state",
				json_array_get(c->states, n - 1));
	if (c->transfer && transfer_started(c->transfer))
		json_object_set_new(j, "transfer",
				    transfer_describe(c->transfer));
	return j;
}
