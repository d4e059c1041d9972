/*
 * The called side of an INVITE: ring, 200, its ACK, CANCEL, refusal.
 */
#include "dialog.h"

#include <stdlib.h>
#include <uv.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/su_tagarg.h>

#include "core/offer.h"
#include "naming.h"

#define TRYING_MS 200

static int on_ack(nta_incoming_magic_t *magic, nta_incoming_t *irq,
		  sip_t const *sip);

/* Takes `msg` in every case. */
struct sip_leg *invite_in(struct sip *s, msg_t *msg, sip_t *sip)
{
	struct sip_leg *l = dialog_new(s, D_RING);

	if (!l)
		goto fail;

	l->local = sip_local_of(s, msg);
	if (route_from_msg(&l->last, msg))
		goto fail;
	l->dialog = nta_leg_tcreate(s->agent, dialog_request,
				    (nta_leg_magic_t *)l,
				    SIPTAG_CALL_ID(sip->sip_call_id),
				    SIPTAG_FROM(sip->sip_to),
				    SIPTAG_TO(sip->sip_from),
				    NTATAG_REMOTE_CSEQ(sip->sip_cseq->cs_seq),
				    TAG_END());
	if (!l->dialog || !nta_leg_tag(l->dialog, NULL) ||
	    nta_leg_server_route(l->dialog, sip->sip_record_route,
				 sip->sip_contact) < 0)
		goto fail;

	/* Now, or a retransmission would come in as a second call. */
	l->irq = nta_incoming_create(s->agent, NULL, msg, sip, TAG_END());
	msg = NULL;
	if (!l->irq)
		goto fail;

	session_timer_asked(l, sip);
	nta_incoming_tag(l->irq, nta_leg_get_tag(l->dialog));
	nta_incoming_bind(l->irq, on_ack, (nta_incoming_magic_t *)l);
	/* RFC 3261 17.2.1: no 100 if an answer comes within 200 ms, as it does
	 * unless the bot lets the call ring. */
	timer_start(&l->timer, TRYING_MS);
	return l;
fail:
	if (msg)
		nta_msg_treply(s->agent, msg, SIP_500_INTERNAL_SERVER_ERROR,
			       TAG_END());
	if (l)
		dialog_undo(l);
	return NULL;
}

void invite_in_trying(struct sip_leg *l)
{
	if (l->irq && nta_incoming_status(l->irq) < 100)
		nta_incoming_treply(l->irq, SIP_100_TRYING, TAG_END());
}

static void forget(struct sip_leg *l)
{
	nta_incoming_destroy(l->irq);
	l->irq = NULL;
}

static void acked(struct sip_leg *l, const sip_t *sip)
{
	struct leg_event ev = { .type = LEG_ACKED };
	const bool given_up = l->state == D_DROP;

	forget(l);
	dialog_step(l, E_ACK);
	naming_begin(l);
	if (given_up) {
		dialog_bye(l);
		dialog_go_on(l);
		return;
	}
	/* The answer to our offer; what cannot be read counts as none. */
	if (l->offered)
		dialog_sdp(sip, &ev.offer);
	dialog_tell(l, &ev);
	offer_unref(ev.offer);
	dialog_go_on(l);
}

static int on_ack(nta_incoming_magic_t *magic, nta_incoming_t *irq,
		  sip_t const *sip)
{
	struct sip_leg *l = (struct sip_leg *)magic;
	const int status = nta_incoming_status(irq);

	if (sip && sip->sip_request->rq_method == sip_method_ack) {
		if (l->state == D_WAIT || l->state == D_DROP)
			acked(l, sip);
	} else if (sip && sip->sip_request->rq_method == sip_method_cancel) {
		/* nta has answered the CANCEL, and sends 487 after us. */
		forget(l);
		dialog_gone(l, LEG_CAUSE_CANCEL);
	} else if (!sip && status >= 200) {
		/* RFC 3261 13.3.1.4: confirmed by us, over all the same. */
		forget(l);
		dialog_bye(l);
		dialog_gone(l, LEG_CAUSE_NO_ACK);
	} else if (!sip) {
		/* A reliable 18x without PRACK: nta refuses it with 503. */
		forget(l);
		dialog_gone(l, LEG_CAUSE_DEAD);
	}
	return 0;
}

int invite_in_ring(struct leg *leg, int status)
{
	struct sip_leg *l = dialog_of(leg);

	if (l->state != D_RING)
		return UV_ENOTCONN;

	/* Without SDP always: under 100rel one that carries SDP would hold
	 * back the 200 until it is acknowledged. */
	nta_incoming_treply(l->irq, status == 183 ? 183 : 180, NULL,
			    SIPTAG_CONTACT(l->local->contact), TAG_END());
	return 0;
}

int invite_in_answer(struct leg *leg, struct offer *offer)
{
	struct sip_leg *l = dialog_of(leg);
	struct session_headers session;
	sip_payload_t body[1];
	char *sdp;
	size_t len;
	int sent;

	if (l->state != D_RING)
		return UV_ENOTCONN;

	sdp = sdp_write(&l->sdp, offer, l->local->addr, &len);
	if (!sdp)
		return UV_ENOMEM;

	sip_payload_init(body);
	body->pl_data = sdp;
	body->pl_len = len;
	session_timer_grant(l, &session);
	sent = nta_incoming_treply(l->irq, SIP_200_OK,
				   SIPTAG_CONTACT(l->local->contact),
				   SIPTAG_UNKNOWN(l->sip->allow),
				   SESSION_GRANT_TAGS(l, session),
				   SIPTAG_CONTENT_TYPE(l->sip->type_sdp),
				   SIPTAG_PAYLOAD(body), TAG_END());
	free(sdp);
	if (sent < 0) {
		/* No memory: nta sends 500 when it can, without us. */
		session_timer_stop(l);
		forget(l);
		dialog_step(l, E_GONE);
		return UV_ENOMEM;
	}
	offer_set(&l->agreed, offer);
	dialog_step(l, E_ANSWER);
	return 0;
}

void invite_in_drop(struct sip_leg *l, int status, const char *phrase)
{
	nta_incoming_treply(l->irq, status, phrase, TAG_END());
	forget(l);
}

int invite_in_reject(struct leg *leg, int status, const char *phrase,
		     int retry_after)
{
	struct sip_leg *l = dialog_of(leg);
	sip_retry_after_t after[1];

	if (l->state != D_RING)
		return UV_ENOTCONN;
	if (status < 300 || status > 699)
		return UV_EINVAL;

	sip_retry_after_init(after);
	after->af_delta = retry_after > 0 ? (sip_time_t)retry_after : 0;
	nta_incoming_treply(l->irq, status, phrase,
			    TAG_IF(retry_after > 0,
				   SIPTAG_RETRY_AFTER(after)),
			    TAG_END());
	forget(l);
	dialog_step(l, E_GONE);
	return 0;
}
