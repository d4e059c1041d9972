#include "session_timer.h"

#include <strings.h>
#include <stdio.h>

#include <sofia-sip/su_tagarg.h>

#include "core/log.h"
#include "core/offer.h"
#include "dialog.h"
#include "naming.h"

/* RFC 4028 5: no proxy and no peer may ask for less. */
#define LEAST_S 90

/* What a peer may make us wait for; more than a day is no session timer. */
#define MOST_S 86400

/* 422s in a row that are met with a larger value. */
#define RAISES_MAX 3

/* A refresh that cannot be sent now is sent a little later. */
#define AGAIN_MS 1000

/* RFC 4028 10: BYE comes the smaller of this and a third of the interval
 * before the session would expire. */
#define EARLY_MS 32000

static int on_update(nta_outgoing_magic_t *magic, nta_outgoing_t *orq,
		     sip_t const *sip);

static uint32_t ours_s(const struct sip *s)
{
	return s->session_expires_s;
}

/* Who configures less than RFC 4028 allows, in a laboratory, means it. */
static uint32_t least_s(const struct sip *s)
{
	return ours_s(s) < LEAST_S ? ours_s(s) : LEAST_S;
}

static uint32_t within(const struct sip *s, unsigned long seconds)
{
	if (seconds < least_s(s))
		return least_s(s);
	return seconds > MOST_S ? MOST_S : (uint32_t)seconds;
}

static bool supports_timer(const sip_t *sip)
{
	return (sip->sip_supported &&
		sip_has_feature(sip->sip_supported, "timer")) ||
		(sip->sip_require &&
		 sip_has_feature(sip->sip_require, "timer"));
}

static bool lists_update(const sip_allow_t *allow)
{
	for (; allow; allow = (const sip_allow_t *)allow->k_next)
		for (size_t i = 0; allow->k_items && allow->k_items[i]; i++)
			if (!strcasecmp(allow->k_items[i], "UPDATE"))
				return true;
	return false;
}

/* What the peer can do; a message without Allow says nothing of it. */
static void learn(struct session_timer *t, const sip_t *sip)
{
	t->peer_timer = supports_timer(sip);
	if (sip->sip_allow)
		t->peer_update = lists_update(sip->sip_allow);
	if (sip->sip_min_se && sip->sip_min_se->min_delta > t->least)
		t->least = sip->sip_min_se->min_delta > MOST_S ? MOST_S :
			(uint32_t)sip->sip_min_se->min_delta;
}

static const char *refresher(const sip_t *sip)
{
	const sip_session_expires_t *x = sip->sip_session_expires;

	return x && x->x_refresher ? x->x_refresher : "";
}

/* The session was begun or refreshed just now. */
static void run(struct sip_leg *l)
{
	struct session_timer *t = &l->session;
	const uint64_t all = (uint64_t)t->interval * 1000;
	const uint64_t early = all / 3 < EARLY_MS ? all / 3 : EARLY_MS;

	t->running = true;
	t->raised = 0;
	t->ends = loop_now(l->sip->loop) + all - early;
	timer_start(&t->timer, t->ours ? all / 2 : all - early);
}

/* Not now: again in `ms`, but not after the end. */
static void later(struct sip_leg *l, uint64_t ms)
{
	struct session_timer *t = &l->session;
	const uint64_t now = loop_now(l->sip->loop);
	const uint64_t left = t->ends > now ? t->ends - now : 0;

	timer_start(&t->timer, ms < left ? ms : left);
}

/* our refresh */

static void refresh_by_update(struct sip_leg *l)
{
	struct session_headers h;
	struct route route;

	session_timer_ask(l, &h);
	dialog_route(l, &route);
	l->session.update = auth_send(
		l, on_update, (nta_outgoing_magic_t *)l, &route,
		SIP_METHOD_UPDATE, SIPTAG_CONTACT(l->local->contact),
		SIPTAG_UNKNOWN(l->sip->allow), SESSION_ASK_TAGS(l, h),
		DIALOG_TAGS(l), TAG_END());
	/* Answered or not, the end is watched. */
	later(l, l->session.update ? UINT64_MAX : AGAIN_MS);
}

static void refresh(struct sip_leg *l)
{
	struct session_timer *t = &l->session;

	/* What is under way refreshes as well, or has to end first. */
	if (l->state != D_UP || l->want || l->invite || l->peer ||
	    t->update || timer_running(&l->timer)) {
		later(l, AGAIN_MS);
		return;
	}
	if (t->peer_update) {
		refresh_by_update(l);
		return;
	}
	if (!l->agreed) {
		later(l, UINT64_MAX);
		return;
	}
	/* Written anew it is the same to the byte, its version included. */
	l->want = offer_ref(l->agreed);
	l->offer_tries = 0;
	t->by_invite = true;
	later(l, UINT64_MAX);
	dialog_go_on(l);
}

static void on_timer(void *arg)
{
	struct sip_leg *l = arg;
	struct session_timer *t = &l->session;

	if (loop_now(l->sip->loop) < t->ends) {
		refresh(l);
		return;
	}
	/* No BYE before the ACK (RFC 3261 15): the leg waits for that itself. */
	if (l->state != D_UP) {
		timer_start(&t->timer, AGAIN_MS);
		return;
	}
	log_info("timer session_expires: the session was not refreshed "
		 "within %u s, BYE", (unsigned)t->interval);
	l->reason.cause = 408;
	snprintf(l->reason_text, sizeof(l->reason_text), "Session expired");
	reinvite_drop(l);
	dialog_bye(l);
	dialog_gone(l, LEG_CAUSE_EXPIRED);
}

static void updated(struct sip_leg *l, nta_outgoing_t *orq, const sip_t *sip)
{
	struct session_timer *t = &l->session;
	struct answer a;

	dialog_answer(&a, orq, sip);
	if (a.status >= 100 && a.status < 200)
		return;

	t->update = l->state != D_UP || l->ended ? NULL :
		auth_again(l, orq, sip, on_update, (nta_outgoing_magic_t *)l);
	if (t->update)
		return;
	nta_outgoing_destroy(orq);
	if (l->state != D_UP || l->ended)
		return;
	if (a.status >= 200 && a.status < 300) {
		nta_leg_client_reroute(l->dialog, NULL, sip->sip_contact, 0);
		naming_begin(l);
		session_timer_granted(l, sip);
	} else if (a.status == 481 || a.status == 408 ||
		   a.cause == LEG_CAUSE_TIMEOUT) {
		/* As for a re-INVITE (RFC 4028 10). */
		if (a.status != 481)
			dialog_bye(l);
		dialog_gone(l, LEG_CAUSE_DEAD);
	} else if (a.status == 422 && session_timer_raise(l, sip)) {
		refresh(l);
	} else if (a.status == 405 || a.status == 501) {
		/* Its Allow is not to be believed. */
		t->peer_update = false;
		refresh(l);
	} else {
		session_timer_failed(l);
	}
}

static int on_update(nta_outgoing_magic_t *magic, nta_outgoing_t *orq,
		     sip_t const *sip)
{
	struct sip_leg *l = (struct sip_leg *)magic;
	msg_t *msg;

	if (l->session.update != orq)
		return 0;

	/* `sip` lives in it, and must outlive the transaction. */
	msg = nta_outgoing_getresponse(orq);
	updated(l, orq, sip);
	msg_destroy(msg);
	return 0;
}

void session_timer_failed(struct sip_leg *l)
{
	const uint64_t now = loop_now(l->sip->loop);
	const uint64_t half = l->session.ends > now ?
		(l->session.ends - now) / 2 : 0;
	const uint64_t ms = AGAIN_MS + backoff_491(l);

	/* There has to be time for its answer. */
	if (l->session.running)
		later(l, ms < half ? ms : half);
}

/* the port to the dialog */

void session_timer_init(struct sip_leg *l)
{
	timer_init(&l->session.timer, l->sip->loop, on_timer, l);
}

void session_timer_stop(struct sip_leg *l)
{
	struct session_timer *t = &l->session;

	timer_stop(&t->timer);
	t->running = false;
	if (t->update)
		nta_outgoing_destroy(t->update);
	t->update = NULL;
}

bool session_timer_too_small(const struct sip *s, const sip_t *request)
{
	/* RFC 4028 9: whoever does not know 422 is not sent one. */
	return request->sip_session_expires &&
		request->sip_session_expires->x_delta < least_s(s) &&
		supports_timer(request);
}

void session_timer_least(const struct sip *s, sip_min_se_t *least)
{
	sip_min_se_init(least);
	least->min_delta = least_s(s);
}

/*
 * RFC 4028 9. The interval may be shortened to ours, not below what the
 * request or we allow. Who wants the timer refreshes, if it can: the peer if
 * it has named an interval and no refresher, we if it has not.
 */
void session_timer_asked(struct sip_leg *l, const sip_t *request)
{
	const sip_session_expires_t *x = request->sip_session_expires;
	struct session_timer *t = &l->session;

	t->least = 0;
	learn(t, request);
	t->interval = ours_s(l->sip);
	if (t->interval < t->least)
		t->interval = t->least;
	if (x && x->x_delta < t->interval)
		t->interval = within(l->sip, x->x_delta);
	t->ours = !t->peer_timer || !x ||
		!strcasecmp(refresher(request), "uas");
}

static void expires_init(struct session_headers *h, uint32_t seconds,
			 const char *who)
{
	h->params[0] = who;
	h->params[1] = NULL;
	sip_session_expires_init(h->expires);
	h->expires->x_delta = seconds;
	if (who)
		h->expires->x_params = h->params;
}

void session_timer_grant(struct sip_leg *l, struct session_headers *h)
{
	const struct session_timer *t = &l->session;

	expires_init(h, t->interval, t->ours ? "refresher=uas"
					     : "refresher=uac");
	h->require = !t->ours;
	run(l);
}

void session_timer_ask(struct sip_leg *l, struct session_headers *h)
{
	struct session_timer *t = &l->session;

	/* At first the peer may choose; later the roles stay as they are
	 * (RFC 4028 7.1, 7.4). */
	if (!t->running && t->interval < ours_s(l->sip))
		t->interval = ours_s(l->sip);
	if (t->interval < t->least)
		t->interval = t->least;
	expires_init(h, t->interval, !t->running ? NULL :
		     t->ours ? "refresher=uac" : "refresher=uas");
	session_timer_least(l->sip, h->least);
	if (h->least->min_delta < t->least)
		h->least->min_delta = t->least;
}

void session_timer_granted(struct sip_leg *l, const sip_t *answer)
{
	const sip_session_expires_t *x = answer->sip_session_expires;
	struct session_timer *t = &l->session;

	learn(t, answer);
	/* RFC 4028 7.2: without it the peer has no timer, and we refresh. */
	t->ours = !x || strcasecmp(refresher(answer), "uas");
	if (x)
		t->interval = within(l->sip, x->x_delta);
	run(l);
}

bool session_timer_raise(struct sip_leg *l, const sip_t *answer)
{
	struct session_timer *t = &l->session;
	const sip_min_se_t *least = answer->sip_min_se;

	/* RFC 4028 7.3: Min-SE is there, and more than we had asked for. */
	if (!least || least->min_delta <= t->interval ||
	    least->min_delta > MOST_S || ++t->raised > RAISES_MAX)
		return false;
	t->least = t->interval = (uint32_t)least->min_delta;
	return true;
}
