/*
 * Whom to ring, and in which order: the destinations of a switch, one after
 * the other or all together, their redirections, and who is told that another
 * has taken the call.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "call_dial.h"
#include "transfer_i.h"
#include "trunk.h"
#include "uri.h"

/* Case I14: a call that has been through this many hops is going in circles */
#define MAX_FORWARDS_LEAST 10

/* Case I7: redirections that are followed for one destination. */
#define REDIRECTS_MAX 3

static void on_attempt(struct attempt *a, enum attempt_state state,
		       const struct leg_event *ev, void *arg);

static uint64_t timeout_of(const struct aim *a)
{
	const struct engine *e = a->t->call->e;
	const uint64_t most = engine_timer(e, TIMER_TRANSFER);
	uint64_t ms = a->to->timeout_ms;

	if (!ms)
		ms = a->t->sw->timeout_ms;
	if (!ms)
		ms = engine_timer(e, TIMER_AGENT);
	return ms < most ? ms : most;
}

uint64_t hunt_timeout(const struct transfer *t)
{
	return timeout_of(&t->aims[0]);
}

/* what became of a try */

static void log_end(struct aim *a, const struct transfer_end *end,
		    uint64_t ring_ms)
{
	struct transfer *t = a->t;

	transfer_log_attempt(t, a, end->reason, end->status, end->phrase,
			     a->ring_ms + ring_ms);
	/* Beside one who has answered nobody else counts. */
	if (t->agent)
		return;
	hunt_failure(t, end);
	t->aim = a;
}

void hunt_failure(struct transfer *t, const struct transfer_end *end)
{
	t->failure = *end;
	snprintf(t->failure_phrase, sizeof(t->failure_phrase), "%s",
		 end->phrase ? end->phrase : "");
	t->failure.phrase = t->failure_phrase;
}

/* It could not even be tried. */
static void log_untried(struct aim *a, enum reason reason, int status,
			const char *phrase)
{
	const struct transfer_end end = {
		.reason = reason, .by = BY_NODE, .status = status,
		.phrase = phrase,
	};

	log_end(a, &end, 0);
}

/* ringing */

static int ring(struct aim *a, uint64_t ms)
{
	struct transfer *t = a->t;
	char name[] = "Diversion";
	struct header diversion = { name, a->diversion };

	snprintf(a->id, sizeof(a->id), "%.30s-a%u", t->id, ++t->tries);
	snprintf(a->leg_id, sizeof(a->leg_id), "%.30s-l%u", t->id, t->tries);
	transfer_progress(t, a, "dialing", 0, NULL);
	return call_dial(t->call, &(struct call_dialled){
		.sw = t->sw, .to = a->to, .trunk = a->trunk,
		.own = a->own, .uri = a->uri,
		.diversion = a->diversion ? &diversion : NULL,
		.offer = a->offered, .timeout_ms = ms,
	}, on_attempt, a, &a->attempt);
}

/* What it is offered: the customer's last description where media can go
 * directly, else the node's. False: nobody is rung for a talk that could not
 * begin. */
static bool describe(struct aim *a)
{
	struct call *c = a->t->call;
	struct offer *o;

	/* Of several who ring only one is the customer's to send to. */
	a->via = !call_media_direct(c, a->trunk, NULL, a->host) ||
		(a->t->sw->all && a->t->aim_count > 1 && via_possible(a->t));
	if (a->via && !via_possible(a->t))
		return false;
	o = a->via ? via_offer(a->t) : offer_ref(c->remote);
	offer_set(&a->offered, o);
	offer_unref(o);
	return a->offered;
}

/* Tries one destination; false: that is over already. */
static bool dial(struct aim *a)
{
	struct transfer *t = a->t;
	struct call *c = t->call;
	const uint64_t ms = timeout_of(a);
	int rc;

	t->aim = a;
	if (c->max_forwards - 1 < MAX_FORWARDS_LEAST) {
		log_line(LOG_WARN, c->id, "the call has been through too many "
			 "hops (Max-Forwards %d), not dialled",
			 c->max_forwards);
		log_untried(a, REASON_REJECTED, 483, "Too Many Hops");
		return false;
	}
	if (!describe(a)) {
		log_line(LOG_WARN, c->id, "the join failed: there is no way "
			 "for media");
		log_untried(a, REASON_JOIN_FAILED, 0, NULL);
		return false;
	}
	if (a->own && trunk_rests(a->trunk, loop_now(c->e->loop))) {
		log_line(LOG_INFO, c->id, "trunk %s rests, %s is not dialled",
			 a->trunk->name, a->number);
		log_untried(a, REASON_UNREACHABLE, 0, NULL);
		return false;
	}

	a->until = loop_now(c->e->loop) + ms;
	rc = ring(a, ms);
	if (!rc)
		return true;
	log_line(LOG_WARN, c->id, "%s cannot be dialled: %s", a->uri,
		 uv_strerror(rc));
	if (rc == UV_EAGAIN)
		engine_overload(c->e, "too many agents have been called and "
				"say nothing");
	log_untried(a, rc == UV_EAGAIN ? REASON_OVERLOAD : REASON_UNREACHABLE,
		    0, NULL);
	return false;
}

static bool rings(const struct transfer *t)
{
	for (unsigned i = 0; i < t->aim_count; i++)
		if (t->aims[i].attempt)
			return true;
	return false;
}

bool hunt_has_more(const struct transfer *t)
{
	return rings(t) || (t->tried < t->aim_count && !t->bound_over);
}

void hunt_dial(struct transfer *t)
{
	while (t->tried < t->aim_count && !t->bound_over &&
	       (t->sw->all || !rings(t)))
		dial(&t->aims[t->tried++]);
	if (!rings(t))
		transfer_step(t, TE_FAIL, &t->failure);
}

/* redirections (case I7) */

/* A contact that may be called instead: over the attempt's own trunk, to a
 * host that the config knows. Anything else would be toll fraud. */
static bool is_allowed(const struct aim *a, const char *contact)
{
	struct uri u;

	if (!a->own || uri_parse(&u, contact) || *u.headers ||
	    uri_has_param(&u, "method") || uri_has_param(&u, "maddr") ||
	    !strcmp(contact, a->uri))
		return false;
	return config_trunk_by_host(a->t->call->e->config, u.host, u.port) ==
		a->trunk;
}

/* RFC 5806: who was called before, the last one first. */
static int divert(struct aim *a)
{
	const size_t size = URI_MAX + 32 +
		(a->diversion ? strlen(a->diversion) : 0);
	char *value = malloc(size), from[URI_MAX];
	struct uri u;

	if (!value || uri_parse(&u, a->uri)) {
		free(value);
		return UV_ENOMEM;
	}
	snprintf(value, size, "<%s>;reason=unconditional%s%s",
		 uri_print(&u, false, from), a->diversion ? ", " : "",
		 a->diversion ? a->diversion : "");
	free(a->diversion);
	a->diversion = value;
	return 0;
}

static bool redirect(struct aim *a, const struct leg_event *ev)
{
	const uint64_t now = loop_now(a->t->call->e->loop);

	if (!ev || ev->status < 300 || ev->status > 302 ||
	    a->redirects >= REDIRECTS_MAX || now >= a->until)
		return false;
	for (unsigned i = 0; i < ev->contact_count; i++) {
		if (!is_allowed(a, ev->contacts[i]))
			continue;
		if (divert(a))
			return false;
		a->redirects++;
		log_line(LOG_INFO, a->t->call->id, "%s is redirected to %s",
			 a->uri, ev->contacts[i]);
		snprintf(a->uri, sizeof(a->uri), "%s", ev->contacts[i]);
		return !ring(a, a->until - now);
	}
	return false;
}

/* what an attempt reports */

static void up(struct aim *a, const struct leg_event *ev,
	       const struct attempt_result *r)
{
	struct transfer *t = a->t;
	const struct leg_reason taken = HUNT_ELSEWHERE;

	trunk_answers(a->trunk);
	/* Another was first: this one is ACKed, and let go. */
	if (t->agent || (t->state != TR_DIAL && t->state != TR_UNJOIN)) {
		transfer_log_attempt(t, a, REASON_CANCELLED, r->status,
				     r->phrase, a->ring_ms + r->ring_ms);
		attempt_close(a->attempt, &taken);
		a->attempt = NULL;
		return;
	}

	t->aim = a;
	t->via = a->via;
	t->asked_customer = t->asked_agent = false;
	transfer_log_attempt(t, a, r->reason, r->status, r->phrase,
			     a->ring_ms + r->ring_ms);
	offer_set(&t->offered, a->offered);
	offer_set(&t->agent_sdp, ev->offer);
	/* Of a name, only now it is known where it led. */
	if (ev->source)
		snprintf(a->host, sizeof(a->host), "%s", ev->source);
	transfer_progress(t, a, "answered", r->status, r->phrase);
	bridge_take(t, a->attempt);
	a->attempt = NULL;
	if (t->state == TR_DIAL)
		transfer_step(t, TE_ANSWER, NULL);
}

static void failed(struct aim *a, const struct leg_event *ev,
		   const struct attempt_result *r)
{
	struct transfer *t = a->t;
	const struct transfer_end end = {
		.reason = r->reason, .status = r->status, .phrase = r->phrase,
		.by = r->status ? BY_AGENT : BY_NODE,
	};
	struct attempt *over = a->attempt;

	if (a->own && r->status == 503)
		trunk_unavailable(a->trunk, loop_now(t->call->e->loop),
				  ev ? ev->retry_after : 0);
	else if (r->status)
		trunk_answers(a->trunk);
	a->attempt = NULL;
	if (redirect(a, ev)) {
		a->ring_ms += r->ring_ms;
		attempt_close(over, NULL);
		return;
	}
	log_end(a, &end, r->ring_ms);
	attempt_close(over, NULL);
	/* Who rings on, or is next, may take him; after the answer of another
	 * this one is of no interest any more. */
	if (t->state == TR_DIAL)
		hunt_dial(t);
}

static void on_attempt(struct attempt *attempt, enum attempt_state state,
		       const struct leg_event *ev, void *arg)
{
	struct aim *a = arg;
	struct attempt_result r;

	attempt_result(attempt, &r);
	switch (state) {
	case AT_RING:
		trunk_answers(a->trunk);
		transfer_progress(a->t, a, ev->offer ? "early" : "ringing",
				  ev->status, ev->phrase);
		break;
	case AT_UP:
		up(a, ev, &r);
		break;
	case AT_FAIL:
		failed(a, ev, &r);
		break;
	default:
		break;
	}
}

/* the end */

void hunt_close(struct transfer *t, enum reason reason,
		const struct leg_reason *why)
{
	for (unsigned i = 0; i < t->aim_count; i++) {
		struct aim *a = &t->aims[i];
		struct attempt_result r;

		if (!a->attempt)
			continue;
		attempt_result(a->attempt, &r);
		/* Given up while it rang: the attempt is told nevertheless. */
		transfer_log_attempt(t, a, reason, 0, NULL,
				     a->ring_ms + r.ring_ms);
		attempt_close(a->attempt, why);
		a->attempt = NULL;
	}
}
