/*
 * REFER (RFC 3515) and the subscription it makes. The peer carries the
 * transfer out; we see its answer, NOTIFYs and, if it took the customer along,
 * a BYE, in any order.
 */
#include <string.h>
#include <uv.h>

#include "call_dial.h"
#include "transfer_i.h"

/* The peer will not do it: "auto" tries a bridge, "refer" ends here. */
static void give_up(struct transfer *t, const struct transfer_end *end)
{
	/* Never after a NOTIFY or a BYE: the agent may be ringing. */
	if (t->may_fall_back && !t->notified && !t->bye) {
		log_line(LOG_INFO, t->call->id, "REFER: %s, falling back to a "
			 "bridge", reason_name(end->reason));
		transfer_progress(t, NULL, "fallback", end->status, end->phrase);
		t->method = METHOD_BRIDGE;
		transfer_step(t, TE_BRIDGE, NULL);
		return;
	}
	transfer_step(t, TE_REFUSE, end);
}

static void send_refer(struct transfer *t)
{
	const struct transfer_end failed = {
		.reason = REASON_REFER_REJECTED, .by = BY_NODE,
	};

	transfer_wait(t, TIMER_REFER_RESPONSE);
	t->referred = !call_refer(t->call, t->sw, t->aim->uri);
	if (!t->referred)
		give_up(t, &failed);
}

static void wait_outcome(struct transfer *t)
{
	const uint64_t all = hunt_timeout(t) +
		engine_timer(t->call->e, TIMER_REFER_FINAL);
	const uint64_t past = loop_now(t->call->e->loop) - t->notified_at;

	t->waiting = TIMER_REFER_FINAL;
	timer_start(&t->timer, past < all ? all - past : 0);
}

void refer_enter(struct transfer *t)
{
	switch (t->state) {
	case TR_REFER:
		send_refer(t);
		break;
	case TR_EARLY:
		transfer_wait(t, TIMER_REFER_RESPONSE);
		break;
	case TR_ACCEPTED:
		transfer_wait(t, TIMER_REFER_OUTCOME);
		break;
	case TR_NOTIFIED:
		wait_outcome(t);
		break;
	case TR_GRACE:
		transfer_wait(t, TIMER_REFER_GRACE);
		break;
	default:
		break;
	}
}

void refer_leave(struct transfer *t)
{
	/* A REFER must not outlive the transfer that it was sent for. */
	if (t->referred && t->call->leg)
		leg_withdraw_refer(t->call->leg);
}

/*
 * The grace after a BYE is over (case R4). A peer that accepted and left
 * without a word, or at once, has taken the customer along; one that reported
 * progress and whose BYE comes later has a customer who hung up.
 */
static void end_of_grace(struct transfer *t)
{
	const uint64_t quick = engine_timer(t->call->e, TIMER_REFER_QUICK);
	const bool taken = t->accepted &&
		(!t->notified || t->bye_at < t->accepted_at + quick);
	const struct transfer_end end = {
		.reason = taken ? REASON_NO_OUTCOME : REASON_CALLER_GONE,
		.success = taken,
		.hangup = !taken,
		.by = taken ? BY_NOBODY : BY_CUSTOMER,
	};

	transfer_step(t, TE_EXPIRE, &end);
}

void refer_expire(struct transfer *t)
{
	const struct transfer_end no_reply = {
		.reason = REASON_REFER_REJECTED, .by = BY_NODE,
	};
	const struct transfer_end no_notify = {
		.reason = REASON_NO_OUTCOME, .by = BY_NODE,
	};
	const struct transfer_end no_final = {
		.reason = REASON_NO_ANSWER, .by = BY_NODE,
	};

	switch (t->state) {
	case TR_REFER:
		give_up(t, &no_reply);
		break;
	case TR_EARLY:
		/* The answer is lost, but the NOTIFY proves acceptance. */
		transfer_step(t, TE_ACCEPT, NULL);
		break;
	case TR_ACCEPTED:
		give_up(t, &no_notify);
		break;
	case TR_NOTIFIED:
		transfer_step(t, TE_EXPIRE, &no_final);
		break;
	case TR_GRACE:
		end_of_grace(t);
		break;
	default:
		break;
	}
}

static void on_answer(struct transfer *t, const struct leg_event *ev)
{
	const bool refused = ev->status < 200 || ev->status >= 300;
	struct transfer_end end = {
		.reason = REASON_REFER_REJECTED, .by = BY_CUSTOMER,
		.status = ev->status, .phrase = ev->phrase,
	};

	if (t->state < TR_REFER || t->state > TR_GRACE)
		return;	/* late: a bridge is under way */

	if (!refused) {
		t->accepted = true;
		t->accepted_at = loop_now(t->call->e->loop);
		transfer_progress(t, NULL, "refer_accepted", ev->status,
				  ev->phrase);
		if (!ev->no_sub || t->notified) {
			transfer_step(t, TE_ACCEPT, NULL);
			return;
		}
		/* RFC 4488: no NOTIFY will come, accepted is the outcome. */
		end.reason = REASON_NO_OUTCOME;
		end.success = true;
		end.by = BY_NOBODY;
		transfer_step(t, TE_DONE, &end);
		return;
	}

	if (ev->status == 481 || t->bye) {
		end.reason = REASON_CALLER_GONE;
		end.hangup = true;
		transfer_step(t, TE_REFUSE, &end);
		return;
	}
	if (ev->cause == LEG_CAUSE_UNAUTHORIZED || ev->status == 401 ||
	    ev->status == 407)
		end.reason = REASON_UNAUTHORIZED;
	give_up(t, &end);
}

static void on_notify(struct transfer *t, const struct leg_event *ev)
{
	const bool final = ev->status >= 200;
	/* It decides, also in the grace after a BYE: hangup is for those whose
	 * customer left before there was an outcome. */
	struct transfer_end end = {
		.status = ev->status, .phrase = ev->phrase,
	};

	if (!t->referred)
		return;		/* late, of an earlier transfer's REFER */
	if (!t->notified) {
		t->notified = true;
		t->notified_at = loop_now(t->call->e->loop);
	}

	if (final && ev->status < 300) {
		end.reason = REASON_ANSWERED;
		end.success = true;
		if (t->state == TR_DIAL)
			t->method = METHOD_REFER;	/* case R16 */
		transfer_step(t, TE_DONE, &end);
	} else if (final) {
		end.reason = reason_of_status(ev->status);
		end.by = BY_AGENT;
		transfer_step(t, TE_LOSE, &end);
	} else if (ev->terminated && t->state != TR_GRACE) {
		/* The subscription ends and has told nothing (case R6). */
		end.reason = REASON_NO_OUTCOME;
		end.by = BY_NODE;
		transfer_step(t, TE_LOSE, &end);
	} else {
		if (ev->status > 100 && t->state <= TR_GRACE)
			transfer_progress(t, NULL, "ringing", ev->status,
					  ev->phrase);
		transfer_step(t, TE_NOTE, NULL);
	}
}

static void on_ended(struct transfer *t, const struct leg_event *ev)
{
	const struct transfer_end gone = {
		.reason = REASON_CALLER_GONE, .hangup = true,
		.by = BY_CUSTOMER,
	};

	t->bye = true;
	t->bye_at = loop_now(t->call->e->loop);
	if (ev->cause == LEG_CAUSE_BYE)
		transfer_step(t, TE_GONE, NULL);
	else
		transfer_step(t, TE_REFUSE, &gone);
}

bool refer_customer(struct transfer *t, const struct leg_event *ev)
{
	const bool ours = t->state >= TR_REFER && t->state <= TR_GRACE;

	switch (ev->type) {
	case LEG_REFER_SENT:
		/* The time to answer counts from when there was a question. */
		if (t->state == TR_REFER || t->state == TR_EARLY)
			transfer_wait(t, TIMER_REFER_RESPONSE);
		return true;
	case LEG_REFER_DONE:
		on_answer(t, ev);
		return true;
	case LEG_NOTIFY:
		on_notify(t, ev);
		return true;
	case LEG_ENDED:
		if (ours)
			on_ended(t, ev);
		return ours;
	default:
		return false;
	}
}
