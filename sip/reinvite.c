/*
 * Our re-INVITE: leg_offer(), its answer, and 491 (RFC 3261 14.1).
 */
#include "dialog.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/su_tagarg.h>

#include "core/offer.h"
#include "naming.h"

static int on_response(nta_outgoing_magic_t *magic, nta_outgoing_t *orq,
		       sip_t const *sip);

int reinvite_offer(struct leg *leg, struct offer *offer)
{
	struct sip_leg *l = dialog_of(leg);

	if (l->state != D_UP && l->state != D_WAIT)
		return UV_ENOTCONN;
	if (l->session.by_invite && !l->queued) {
		l->queued = offer_ref(offer);
		return 0;
	}
	if (l->want || l->invite)
		return UV_EBUSY;

	l->want = offer_ref(offer);
	l->offer_tries = 0;
	dialog_go_on(l);
	return 0;
}

bool reinvite_withdraw(struct leg *leg)
{
	struct sip_leg *l = dialog_of(leg);
	const bool behind = l->queued != NULL;

	/* A refresh of the leg's own is not the owner's to take back. */
	if (l->session.by_invite) {
		offer_set(&l->queued, NULL);
		return behind;
	}
	if (!l->want || l->invite)
		return false;
	offer_unref(l->want);
	l->want = NULL;
	/* A REFER may have waited for it. */
	dialog_go_on_soon(l);
	return true;
}

static int send_invite(struct sip_leg *l)
{
	struct session_headers session;
	sip_payload_t body[1];
	struct route route;
	size_t len;
	char *sdp = sdp_write(&l->sdp, l->want, l->local->addr, &len);

	if (!sdp)
		return UV_ENOMEM;

	sip_payload_init(body);
	body->pl_data = sdp;
	body->pl_len = len;
	session_timer_ask(l, &session);
	memset(l->reliable, 0, sizeof(l->reliable));
	dialog_route(l, &route);
	l->invite = auth_send(l, on_response, (nta_outgoing_magic_t *)l,
			      &route, SIP_METHOD_INVITE,
			      SIPTAG_CONTACT(l->local->contact),
			      SIPTAG_UNKNOWN(l->sip->allow),
			      SESSION_ASK_TAGS(l, session),
			      SIPTAG_CONTENT_TYPE(l->sip->type_sdp),
			      SIPTAG_PAYLOAD(body), NTATAG_PASS_100(1),
			      DIALOG_TAGS(l), TAG_END());
	free(sdp);
	return l->invite ? 0 : UV_ENOMEM;
}

bool reinvite_go_on(struct sip_leg *l)
{
	if (!l->want)
		return false;
	/* One INVITE at a time in a dialog, whoever sent it, and UPDATE with
	 * an offer counts; or a back-off runs. */
	if (l->invite || l->peer || timer_running(&l->timer))
		return true;
	/* Not enough memory for a message: again, soon. */
	if (send_invite(l))
		timer_start(&l->timer, 1000);
	return true;
}

static struct leg_event event_of(const struct answer *a, struct offer *offer)
{
	return (struct leg_event){
		.type = LEG_OFFER_DONE,
		.status = a->status,
		.phrase = a->phrase,
		.cause = a->cause,
		.offer = offer,
	};
}

/* A refresh of ours the owner knows nothing of. The answer may say something
 * new all the same, like that to any offer; what has waited behind it goes. */
static void refreshed(struct sip_leg *l, const struct answer *a,
		      struct offer *offer)
{
	const struct leg_event ev = {
		.type = LEG_OFFER_ACKED, .offer = offer,
	};

	l->session.by_invite = false;
	offer_unref(l->want);
	l->want = l->queued;
	l->queued = NULL;
	l->offer_tries = 0;
	if (a->status < 200 || a->status >= 300)
		session_timer_failed(l);
	else if (offer)
		dialog_tell(l, &ev);
}

static void done(struct sip_leg *l, const struct answer *a,
		 struct offer *offer)
{
	const struct leg_event ev = event_of(a, offer);

	if (l->session.by_invite) {
		refreshed(l, a, offer);
		return;
	}
	offer_unref(l->want);
	l->want = NULL;
	dialog_tell(l, &ev);
}

static void accepted(struct sip_leg *l, nta_outgoing_t *orq,
		     const sip_t *sip, struct answer *a)
{
	struct offer *offer = NULL;

	/* RFC 3261 12.2.1.2: a new Contact, never a new route. */
	nta_leg_client_reroute(l->dialog, NULL, sip->sip_contact, 0);
	naming_begin(l);
	/* Also when the dialog is over: the peer repeats its 2xx until then. */
	dialog_ack(l, orq);
	l->invite = NULL;
	nta_outgoing_destroy(orq);
	if (l->state != D_UP) {
		offer_unref(l->want);
		l->want = NULL;
		return;
	}
	offer_set(&l->agreed, l->want);
	session_timer_granted(l, sip);
	dialog_sdp(sip, &offer);
	if (!offer || offer->secure)
		a->cause = LEG_CAUSE_BAD_ANSWER;
	done(l, a, offer);
	offer_unref(offer);
}

static void refused(struct sip_leg *l, nta_outgoing_t *orq, const sip_t *sip,
		    struct answer *a)
{
	const bool again = a->status == 422 && session_timer_raise(l, sip);

	l->invite = l->state != D_UP || l->ended ? NULL :
		auth_again(l, orq, sip, on_response,
			   (nta_outgoing_magic_t *)l);
	if (l->invite)
		return;
	nta_outgoing_destroy(orq);
	if (l->state != D_UP || l->ended) {
		offer_unref(l->want);
		l->want = NULL;
		return;
	}
	if (again)
		return;		/* with the larger interval, at once */
	if (a->status == 491 && ++l->offer_tries <= TRIES_MAX) {
		timer_start(&l->timer, backoff_491(l));
		return;
	}
	/* RFC 3261 12.2.1.2: the peer does not know the dialog, or is gone.
	 * Only in the latter case is there somebody a BYE may reach. */
	if (a->status == 408 || a->cause == LEG_CAUSE_TIMEOUT)
		dialog_bye(l);
	if (a->status == 481 || a->status == 408 ||
	    a->cause == LEG_CAUSE_TIMEOUT) {
		const struct leg_event ev = event_of(a, NULL);

		if (l->session.by_invite && !l->queued)
			dialog_gone(l, LEG_CAUSE_DEAD);
		else
			dialog_dead(l, &ev);
		return;
	}
	done(l, a, NULL);
}

static int on_response(nta_outgoing_magic_t *magic, nta_outgoing_t *orq,
		       sip_t const *sip)
{
	struct sip_leg *l = (struct sip_leg *)magic;
	struct answer a;
	msg_t *msg;

	if (l->invite != orq)
		return 0;

	dialog_answer(&a, orq, sip);
	if (a.status >= 100 && a.status < 200) {
		if (sip)
			prack(l, sip);
		return 0;
	}

	/* `sip` lives in it, and must outlive the transaction. */
	msg = nta_outgoing_getresponse(orq);
	if (l->by_source && a.status)
		route_from_msg(&l->last, msg);
	if (a.status && a.status < 300)
		accepted(l, orq, sip, &a);
	else
		refused(l, orq, sip, &a);
	msg_destroy(msg);
	dialog_go_on(l);
	return 0;
}
