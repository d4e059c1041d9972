#include "attempt.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "engine_i.h"
#include "loop.h"

enum attempt_event {
	E_TRYING, E_PROGRESS, E_ANSWER, E_REJECT, E_EXPIRE,
	ATTEMPT_EVENTS
};

/* Every cell is filled: no event can surprise a live attempt. */
static const enum attempt_state next[AT_UP][ATTEMPT_EVENTS] = {
	/*               TRYING     PROGRESS ANSWER REJECT   EXPIRE  */
	[AT_DIAL]   = { AT_TRYING, AT_RING, AT_UP, AT_FAIL, AT_FAIL },
	[AT_TRYING] = { AT_TRYING, AT_RING, AT_UP, AT_FAIL, AT_FAIL },
	[AT_RING]   = { AT_RING,   AT_RING, AT_UP, AT_FAIL, AT_FAIL },
};

struct attempt {
	struct engine *e;
	struct leg *leg;
	enum attempt_state state;
	struct timer first;	/* first_response                       */
	struct timer agent;	/* the switch's timeout                 */
	struct task sweep;
	uint64_t ring_at;
	uint64_t ring_ms;
	enum reason reason;
	int status;
	char phrase[64];
	attempt_h *h;
	void *arg;
};

static void step(struct attempt *a, enum attempt_event event, enum reason reason,
		 const struct leg_event *ev)
{
	const enum attempt_state old = a->state;

	if (old >= AT_UP)
		return;

	a->state = next[old][event];
	timer_stop(&a->first);
	if (a->state == AT_RING && old != AT_RING)
		a->ring_at = loop_now(a->e->loop);
	if (a->state >= AT_UP) {
		timer_stop(&a->agent);
		if (old == AT_RING)
			a->ring_ms = loop_now(a->e->loop) - a->ring_at;
		a->reason = reason;
		if (ev) {
			a->status = ev->status;
			snprintf(a->phrase, sizeof(a->phrase), "%s",
				 ev->phrase ? ev->phrase : "");
		}
	}
	if (a->state == AT_FAIL) {
		/* A CANCEL, its 487 and a late 200 are the leg's affair. */
		leg_end(a->leg, NULL);
		a->leg = NULL;
	}
	/* A repeated 18x is told as well: its SDP may be another. */
	if (a->state != old || event == E_PROGRESS)
		a->h(a, a->state, ev, a->arg);	/* last: a may be gone now */
}

static enum reason reason_of_rejection(const struct leg_event *ev)
{
	if (ev->cause == LEG_CAUSE_UNAUTHORIZED)
		return REASON_UNAUTHORIZED;
	if (ev->cause == LEG_CAUSE_BAD_ANSWER)
		return REASON_REJECTED;
	if (!ev->status)
		return ev->cause == LEG_CAUSE_TIMEOUT ? REASON_NO_ANSWER
						      : REASON_UNREACHABLE;
	return reason_of_status(ev->status);
}

static void on_leg(struct leg *leg, const struct leg_event *ev, void *arg)
{
	struct attempt *a = arg;

	(void)leg;
	switch (ev->type) {
	case LEG_PROGRESS:
		step(a, ev->status > 100 ? E_PROGRESS : E_TRYING,
		     REASON_NONE, ev);
		break;
	case LEG_ANSWERED:
		step(a, E_ANSWER, REASON_ANSWERED, ev);
		break;
	case LEG_REJECTED:
		step(a, E_REJECT, reason_of_rejection(ev), ev);
		break;
	case LEG_ENDED:
		step(a, E_REJECT, REASON_UNREACHABLE, NULL);
		break;
	default:
		break;	/* early in-dialog requests: the leg has answered */
	}
}

static void on_first(void *arg)
{
	log_debug("timer first_response: nothing heard from the agent");
	step(arg, E_EXPIRE, REASON_UNREACHABLE, NULL);
}

static void on_agent(void *arg)
{
	log_debug("timer agent: no answer");
	step(arg, E_EXPIRE, REASON_NO_ANSWER, NULL);
}

int attempt_start(struct attempt **ap, struct engine *e,
		  const struct leg_dial *d, uint64_t timeout_ms,
		  attempt_h *h, void *arg)
{
	struct attempt *a = calloc(1, sizeof(*a));
	int rc;

	if (!a)
		return UV_ENOMEM;

	a->e = e;
	a->h = h;
	a->arg = arg;
	timer_init(&a->first, e->loop, on_first, a);
	timer_init(&a->agent, e->loop, on_agent, a);
	rc = e->signalling->ops->dial(e->signalling, d, on_leg, a, &a->leg);
	if (rc) {
		free(a);
		return rc;
	}

	timer_start(&a->first, engine_timer(e, TIMER_FIRST_RESPONSE));
	timer_start(&a->agent, timeout_ms);
	*ap = a;
	return 0;
}

void attempt_result(const struct attempt *a, struct attempt_result *r)
{
	r->reason = a->reason;
	r->status = a->status;
	r->phrase = a->phrase;
	r->ring_ms = a->ring_ms;
	if (a->state == AT_RING)
		r->ring_ms = loop_now(a->e->loop) - a->ring_at;
}

struct leg *attempt_take_leg(struct attempt *a, leg_h *h, void *arg)
{
	struct leg *leg = a->leg;

	a->leg = NULL;
	leg_listen(leg, h, arg);
	return leg;
}

void attempt_close(struct attempt *a, const struct leg_reason *reason)
{
	if (!a)
		return;

	a->state = AT_FAIL;
	timer_stop(&a->first);
	timer_stop(&a->agent);
	leg_end(a->leg, reason);
	a->leg = NULL;
	/* It may be closed from inside its own handler. */
	loop_sweep(a->e->loop, &a->sweep, free, a);
}
