/*
 * The peer's re-INVITE and UPDATE: LEG_OFFER, accept, refuse, its ACK.
 */
#include "dialog.h"

#include <stdlib.h>
#include <uv.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/su_tagarg.h>

#include "core/offer.h"
#include "naming.h"
#include "require.h"

static void forget(struct sip_leg *l)
{
	nta_incoming_destroy(l->peer);
	l->peer = NULL;
}

static bool unanswered(const struct sip_leg *l)
{
	return l->peer && nta_incoming_status(l->peer) < 200;
}

void reinvite_drop(struct sip_leg *l)
{
	if (!l->peer)
		return;
	if (unanswered(l))
		nta_incoming_treply(l->peer, SIP_487_REQUEST_TERMINATED,
				    TAG_END());
	forget(l);
}

/* RFC 3261 14.2: try again in 0 to 10 seconds. */
static int later(struct sip_leg *l, nta_incoming_t *irq)
{
	sip_retry_after_t after[1];

	sip_retry_after_init(after);
	after->af_delta = (sip_time_t)(loop_random(l->sip->loop) % 11);
	nta_incoming_treply(irq, SIP_500_INTERNAL_SERVER_ERROR,
			    SIPTAG_RETRY_AFTER(after), TAG_END());
	return 500;
}

static int unsupported(nta_incoming_t *irq)
{
	nta_incoming_treply(irq, SIP_415_UNSUPPORTED_MEDIA,
			    SIPTAG_ACCEPT_STR("application/sdp"), TAG_END());
	return 415;
}

static int on_ack(nta_incoming_magic_t *magic, nta_incoming_t *irq,
		  sip_t const *sip)
{
	struct sip_leg *l = (struct sip_leg *)magic;
	struct leg_event ev = { .type = LEG_OFFER_ACKED };
	const int status = nta_incoming_status(irq);
	const bool offered = l->peer_offered;

	if (l->peer != irq)
		return 0;

	if (sip && sip->sip_request->rq_method == sip_method_ack) {
		forget(l);
		if (status < 300 && offered) {
			dialog_sdp(sip, &ev.offer);
			dialog_tell(l, &ev);
			offer_unref(ev.offer);
		}
	} else if (sip) {
		/* CANCEL: nta sends 487 after us; the session stays as it
		 * was. A leg_accept() that comes now finds nothing. */
		forget(l);
	} else if (status >= 200 && status < 300) {
		/* RFC 3261 14.2: no ACK to the 2xx ends the session. */
		forget(l);
		dialog_bye(l);
		dialog_gone(l, LEG_CAUSE_NO_ACK);
		return 0;
	} else {
		forget(l);
	}
	dialog_go_on(l);
	return 0;
}

static int lacks(nta_incoming_t *irq, const char *what)
{
	nta_incoming_treply(irq, SIP_420_BAD_EXTENSION,
			    SIPTAG_UNSUPPORTED_STR(what), TAG_END());
	return 420;
}

static int too_small(struct sip_leg *l, nta_incoming_t *irq)
{
	sip_min_se_t least[1];

	session_timer_least(l->sip, least);
	nta_incoming_treply(irq, SIP_422_SESSION_TIMER_TOO_SMALL,
			    SIPTAG_MIN_SE(least), TAG_END());
	return 422;
}

/* We accept it: its Contact and what it says of the session timer count from
 * now on (RFC 3261 12.2.2, RFC 6141 2.1). */
static void take(struct sip_leg *l, const sip_t *sip,
		 struct session_headers *session)
{
	nta_leg_server_route(l->dialog, NULL, sip->sip_contact);
	naming_begin(l);
	session_timer_asked(l, sip);
	session_timer_grant(l, session);
}

/* UPDATE without SDP: a refresh, or a new Contact (RFC 3311 5.2). */
static int refreshed(struct sip_leg *l, nta_incoming_t *irq,
		     const sip_t *sip)
{
	struct session_headers session;

	/* In an early dialog there is no session to be timed. */
	if (l->state != D_UP && l->state != D_WAIT) {
		if (l->state == D_RING)
			nta_leg_server_route(l->dialog, NULL,
					     sip->sip_contact);
		nta_incoming_treply(irq, SIP_200_OK,
				    SIPTAG_CONTACT(l->local->contact),
				    TAG_END());
		return 200;
	}
	take(l, sip, &session);
	nta_incoming_treply(irq, SIP_200_OK,
			    SIPTAG_CONTACT(l->local->contact),
			    SIPTAG_UNKNOWN(l->sip->allow),
			    SESSION_GRANT_TAGS(l, session), TAG_END());
	return 200;
}

int reinvite_recv(struct sip_leg *l, nta_incoming_t *irq, const sip_t *sip)
{
	const bool update =
		sip->sip_request->rq_method == sip_method_update;
	struct leg_event ev = { .type = LEG_OFFER };
	char names[256];
	const char *missing;
	int err;

	missing = require_lacks(sip, names, sizeof(names));
	if (missing)
		return lacks(irq, missing);
	if (session_timer_too_small(l->sip, sip))
		return too_small(l, irq);
	/* A change that crosses one of ours, or comes before the ACK of the
	 * last one (RFC 3261 14.2, RFC 3311 5.2, RFC 5407 3.1). */
	if (unanswered(l) || (l->state == D_RING && !update))
		return later(l, irq);
	err = dialog_sdp(sip, &ev.offer);
	if (err == UV_ENOTSUP)
		return unsupported(irq);
	if (err)
		return err == UV_ENOMEM ? 500 : 400;

	if (update && !ev.offer)
		return refreshed(l, irq, sip);
	if (l->invite || l->peer || l->state != D_UP) {
		offer_unref(ev.offer);
		/* RFC 3311 5.2: 500 while the peer's offer is not answered,
		 * 491 while ours is not, as it is in a 18x at the earliest. */
		return l->state == D_RING ||
			(l->state == D_CALL && l->early) ?
			later(l, irq) : 491;
	}

	if (sdp_dialog_shape(&l->sdp, ev.offer)) {
		offer_unref(ev.offer);
		return 500;
	}
	l->peer = irq;
	l->peer_offered = !ev.offer;
	nta_incoming_bind(irq, on_ack, (nta_incoming_magic_t *)l);
	dialog_tell(l, &ev);
	offer_unref(ev.offer);
	/* Somebody else is asked: that takes its time (RFC 3261 17.2.1). */
	if (l->peer == irq && unanswered(l) && !update)
		nta_incoming_treply(irq, SIP_100_TRYING, TAG_END());
	return 0;
}

int reinvite_accept(struct leg *leg, struct offer *offer)
{
	struct sip_leg *l = dialog_of(leg);
	struct session_headers session;
	sip_payload_t body[1];
	msg_t *request;
	char *sdp;
	size_t len;

	if (!unanswered(l))
		return UV_ENOTCONN;

	sdp = sdp_write(&l->sdp, offer, l->local->addr, &len);
	if (!sdp)
		return UV_ENOMEM;

	sip_payload_init(body);
	body->pl_data = sdp;
	body->pl_len = len;
	request = nta_incoming_getrequest(l->peer);
	take(l, sip_object(request), &session);
	msg_destroy(request);
	nta_incoming_treply(l->peer, SIP_200_OK,
			    SIPTAG_CONTACT(l->local->contact),
			    SIPTAG_UNKNOWN(l->sip->allow),
			    SESSION_GRANT_TAGS(l, session),
			    SIPTAG_CONTENT_TYPE(l->sip->type_sdp),
			    SIPTAG_PAYLOAD(body), TAG_END());
	free(sdp);
	offer_set(&l->agreed, offer);
	/* UPDATE has no ACK. */
	if (nta_incoming_method(l->peer) != sip_method_invite) {
		forget(l);
		dialog_go_on_soon(l);
	}
	return 0;
}

int reinvite_refuse(struct leg *leg, int status)
{
	struct sip_leg *l = dialog_of(leg);
	sip_retry_after_t after[1];

	if (!unanswered(l))
		return UV_ENOTCONN;
	if (status < 300 || status > 699)
		return UV_EINVAL;
	/* RFC 3311 5.2: what of a UPDATE cannot be answered at once is to be
	 * tried later; 491 is for those that have crossed. */
	if (status == 491 && nta_incoming_method(l->peer) == sip_method_update)
		status = 500;

	sip_retry_after_init(after);
	after->af_delta = (sip_time_t)(loop_random(l->sip->loop) % 11);
	nta_incoming_treply(l->peer, status, NULL,
			    TAG_IF(status == 500, SIPTAG_RETRY_AFTER(after)),
			    TAG_END());
	forget(l);
	dialog_go_on_soon(l);
	return 0;
}
