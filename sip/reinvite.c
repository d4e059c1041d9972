/*
 * Our re-INVITE: leg_offer(), its answer, and 491 (RFC 3261 14.1).
 */
#include "dialog.h"

#include <stdlib.h>
#include <uv.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/su_tagarg.h>

#include "core/offer.h"

static int on_response(nta_outgoing_magic_t *magic, nta_outgoing_t *orq,
		       sip_t const *sip);

int reinvite_offer(struct leg *leg, struct offer *offer)
{
	struct sip_leg *l = dialog_of(leg);

	if (l->state != D_UP && l->state != D_WAIT)
		return UV_ENOTCONN;
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

	if (!l->want || l->invite)
		return false;
	offer_unref(l->want);
	l->want = NULL;
	/* A REFER may have waited for it. Not from inside a verb. */
	if (l->refer_to && !l->refer)
		timer_start(&l->timer, 0);
	return true;
}

static int send_invite(struct sip_leg *l)
{
	sip_payload_t body[1];
	struct route route;
	size_t len;
	char *sdp = sdp_write(&l->sdp, l->want, l->local->addr, &len);

	if (!sdp)
		return UV_ENOMEM;

	sip_payload_init(body);
	body->pl_data = sdp;
	body->pl_len = len;
	dialog_route(l, &route);
	l->invite = auth_send(l, on_response, (nta_outgoing_magic_t *)l,
			      &route, SIP_METHOD_INVITE,
			      SIPTAG_CONTACT(l->local->contact),
			      SIPTAG_UNKNOWN(l->sip->allow),
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

static void done(struct sip_leg *l, const struct answer *a,
		 struct offer *offer)
{
	const struct leg_event ev = event_of(a, offer);

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
	/* Also when the dialog is over: the peer repeats its 2xx until then. */
	dialog_ack(l, orq);
	l->invite = NULL;
	nta_outgoing_destroy(orq);
	if (l->state != D_UP) {
		offer_unref(l->want);
		l->want = NULL;
		return;
	}
	dialog_sdp(sip, &offer);
	if (!offer || offer->secure)
		a->cause = LEG_CAUSE_BAD_ANSWER;
	done(l, a, offer);
	offer_unref(offer);
}

static void refused(struct sip_leg *l, nta_outgoing_t *orq, const sip_t *sip,
		    struct answer *a)
{
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
	if (a.status >= 100 && a.status < 200)
		return 0;

	/* `sip` lives in it, and must outlive the transaction. */
	msg = nta_outgoing_getresponse(orq);
	if (l->by_source && a.status)
		route_from_addr(&l->last, msg_addr(msg));
	if (a.status && a.status < 300)
		accepted(l, orq, sip, &a);
	else
		refused(l, orq, sip, &a);
	msg_destroy(msg);
	dialog_go_on(l);
	return 0;
}
