#include "dialog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/su_tagarg.h>

#include "core/offer.h"
#include "naming.h"

static const struct leg_ops ops;

static const enum dialog_state next[D_STATES][E_EVENTS] = {
	/*             ANSWER    ACK       GONE     END        */
	[D_RING]   = { D_WAIT,   D_RING,   D_OVER,  D_OVER   },
	[D_WAIT]   = { D_WAIT,   D_UP,     D_OVER,  D_DROP   },
	[D_CALL]   = { D_UP,     D_CALL,   D_OVER,  D_CANCEL },
	[D_UP]     = { D_UP,     D_UP,     D_OVER,  D_OVER   },
	[D_DROP]   = { D_DROP,   D_OVER,   D_OVER,  D_DROP   },
	[D_CANCEL] = { D_OVER,   D_CANCEL, D_OVER,  D_CANCEL },
	[D_OVER]   = { D_OVER,   D_OVER,   D_OVER,  D_OVER   },
};

static void on_timer(void *arg);

static void count(struct sip_leg *l, int by)
{
	struct sip *s = l->sip;

	switch (l->state) {
	case D_RING:
		s->unanswered += (size_t)by;
		break;
	case D_WAIT: case D_DROP:
		s->unacked += (size_t)by;
		break;
	case D_CALL: case D_CANCEL:
		/* From its first answer on nta no longer repeats it. */
		if (!l->heard)
			s->calling += (size_t)by;
		break;
	case D_UP: case D_OVER: case D_STATES:
		break;
	}
}

struct sip_leg *dialog_of(struct leg *leg)
{
	return (struct sip_leg *)leg;
}

struct sip_leg *dialog_new(struct sip *s, enum dialog_state state)
{
	struct sip_leg *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;

	l->leg.ops = &ops;
	l->sip = s;
	l->state = state;
	l->inbound = state == D_RING;
	l->local = &s->local[0];
	timer_init(&l->timer, s->loop, on_timer, l);
	session_timer_init(l);
	l->next = s->legs;
	if (l->next)
		l->next->prev = &l->next;
	l->prev = &s->legs;
	s->legs = l;
	s->leg_count++;
	count(l, 1);
	return l;
}

static void destroy(void *arg)
{
	struct sip_leg *l = arg;

	timer_stop(&l->timer);
	session_timer_stop(l);
	count(l, -1);
	*l->prev = l->next;
	if (l->next)
		l->next->prev = l->prev;
	l->sip->leg_count--;
	/* Bound callbacks must not find the leg again. */
	if (l->irq)
		nta_incoming_destroy(l->irq);
	if (l->peer)
		nta_incoming_destroy(l->peer);
	pass_drop(l);
	if (l->refer)
		nta_outgoing_destroy(l->refer);
	if (l->invite)
		nta_outgoing_destroy(l->invite);
	if (l->bye) {
		nta_outgoing_destroy(l->bye);
		l->sip->byes--;
	}
	nta_leg_destroy(l->dialog);
	auth_free(l->auth);
	naming_free(l);
	sdp_dialog_free(&l->sdp);
	offer_unref(l->early);
	offer_unref(l->want);
	offer_unref(l->queued);
	offer_unref(l->agreed);
	free(l->refer_to);
	free(l);
}

void dialog_undo(struct sip_leg *l)
{
	destroy(l);
}

enum dialog_state dialog_step(struct sip_leg *l, enum dialog_event ev)
{
	const enum dialog_state old = l->state;

	count(l, -1);
	l->state = next[old][ev];
	count(l, 1);
	if (old == D_RING && l->state != D_RING)
		timer_stop(&l->timer);	/* no 100 any more */
	return old;
}

void dialog_heard(struct sip_leg *l, bool heard)
{
	count(l, -1);
	l->heard = heard;
	count(l, 1);
}

void dialog_tell(struct sip_leg *l, const struct leg_event *ev)
{
	struct leg_event e = *ev;

	if (l->ended || !l->leg.h)
		return;

	if (!e.phrase)
		e.phrase = "";
	l->leg.h(&l->leg, &e, l->leg.arg);
}

static void gone(struct sip_leg *l, const struct leg_event *answer,
		 enum leg_cause cause)
{
	const struct leg_event ev = { .type = LEG_ENDED, .cause = cause };
	const enum dialog_state old = dialog_step(l, E_GONE);

	/* What waits for its turn is never sent now. */
	timer_stop(&l->timer);
	session_timer_stop(l);
	offer_set(&l->queued, NULL);
	if (!l->invite)
		offer_set(&l->want, NULL);
	if (answer)
		dialog_tell(l, answer);
	if (old != D_OVER)
		dialog_tell(l, &ev);
	dialog_go_on(l);
}

void dialog_gone(struct sip_leg *l, enum leg_cause cause)
{
	gone(l, NULL, cause);
}

void dialog_dead(struct sip_leg *l, const struct leg_event *answer)
{
	gone(l, answer, LEG_CAUSE_DEAD);
}

/*
 * Over TCP the peer's own connection is the way to it, whatever its Contact
 * says: through a NAT there is no other. Unless its Route leads elsewhere, or
 * it wants datagrams.
 */
static bool by_connection(const struct sip_leg *l, const url_t *hop,
			  bool routed, struct route *r)
{
	if (l->last.by != BY_TCP || (hop && route_transport(hop) == BY_UDP) ||
	    !sip_is_connected(l->sip, l->local, &l->last))
		return false;
	if (routed && hop && !route_from_url(r, hop) &&
	    strcmp(r->host, l->last.host))
		return false;
	*r = l->last;
	return true;
}

/* One of ours that can send there. */
static void leave_by(struct sip_leg *l, struct route *r)
{
	const struct local *to;

	if ((r->by == BY_TCP) == l->local->tcp)
		return;
	to = sip_local_for(l->sip, r->host, r->by);
	if (to && l->local->base)
		to = sip_local_as(l->sip, to, l->local->addr);
	if (to)
		l->local = to;
	else
		r->by = l->local->tcp ? BY_TCP : BY_ANY;
}

void dialog_route(struct sip_leg *l, struct route *r)
{
	bool routed;
	const url_t *hop = route_next_hop(l->dialog, &routed);

	l->by_source = false;
	if (by_connection(l, hop, routed, r)) {
		l->by_source = true;
	} else if (hop && (!route_from_url(r, hop) ||
			   naming_hop(l, hop, r))) {
		/* A Contact often does not say that it is reached by TCP. */
		if (r->by == BY_ANY && l->last.by == BY_TCP)
			r->by = BY_TCP;
	} else {
		*r = l->last;
		l->by_source = true;
	}
	leave_by(l, r);
	l->udp_only = r->by == BY_UDP;
}

void dialog_advertise(struct sip_leg *l, const char *address)
{
	const struct local *view = sip_local_as(l->sip, l->local, address);

	/* No memory: as we are called everywhere. */
	if (!view || !view->base)
		return;
	l->local = view;
	l->sdp.advertise = view->addr;
}

static int on_bye(nta_outgoing_magic_t *magic, nta_outgoing_t *orq,
		  sip_t const *sip)
{
	struct sip *s = (struct sip *)magic;

	if (sip && sip->sip_status->st_status < 200)
		return 0;
	s->byes--;
	nta_outgoing_destroy(orq);
	return 0;
}

const char *dialog_reason(const struct sip_leg *l, char *buf, size_t size)
{
	if (!l->reason.cause)
		return NULL;

	if (l->reason_text[0])
		snprintf(buf, size, "SIP;cause=%d;text=\"%s\"",
			 l->reason.cause, l->reason_text);
	else
		snprintf(buf, size, "SIP;cause=%d", l->reason.cause);
	return buf;
}

void dialog_bye(struct sip_leg *l)
{
	char buf[128];
	const char *reason = dialog_reason(l, buf, sizeof(buf));
	struct route route;
	nta_outgoing_t *orq;

	dialog_route(l, &route);
	if (l->auth) {
		auth_bye(l, &route, reason);
		return;
	}
	orq = nta_outgoing_tcreate(l->dialog, on_bye,
				   (nta_outgoing_magic_t *)l->sip,
				   route_url(&route), SIP_METHOD_BYE, NULL,
				   TAG_IF(reason, SIPTAG_REASON_STR(reason)),
				   DIALOG_TAGS(l), TAG_END());
	if (orq)
		l->sip->byes++;
}

void dialog_ack(struct sip_leg *l, nta_outgoing_t *invite)
{
	struct route route;
	sip_cseq_t cseq[1];
	nta_outgoing_t *orq;
	/* RFC 3261 22.1: an ACK has its INVITE's credentials. */
	msg_t *msg = l->auth ? nta_outgoing_getrequest(invite) : NULL;
	const sip_t *sip = sip_object(msg);

	sip_cseq_init(cseq);
	cseq->cs_seq = nta_outgoing_cseq(invite);
	cseq->cs_method = sip_method_ack;
	cseq->cs_method_name = "ACK";

	dialog_route(l, &route);
	/* With the branch given nta need not find the INVITE, and does not
	 * abort if that is gone. Destroyed, it still answers retransmissions
	 * of the 2xx for 64*T1. */
	orq = nta_outgoing_tcreate(l->dialog, NULL, NULL, route_url(&route),
				   SIP_METHOD_ACK, NULL, SIPTAG_CSEQ(cseq),
				   NTATAG_ACK_BRANCH(
					   nta_outgoing_branch(invite)),
				   SIPTAG_AUTHORIZATION(
					   sip ? sip->sip_authorization : NULL),
				   SIPTAG_PROXY_AUTHORIZATION(
					   sip ? sip->sip_proxy_authorization :
					   NULL),
				   DIALOG_TAGS(l), TAG_END());
	nta_outgoing_destroy(orq);
	msg_destroy(msg);
}

/*
 * A TCP connection that was closed within the message (RFC 3261 18.3): its
 * description is not absent, it is lost. Over TCP the length must be said.
 */
static bool is_cut_off(const sip_t *sip, size_t len)
{
	if (sip->sip_content_length)
		return sip->sip_content_length->l_length > len;
	return sip->sip_via && sip->sip_via->v_protocol &&
		!strcasecmp(sip->sip_via->v_protocol, sip_transport_tcp);
}

int dialog_sdp(const sip_t *sip, struct offer **op)
{
	const sip_content_type_t *c = sip->sip_content_type;
	const char *boundary = NULL, *sdp;
	size_t len;
	int err;

	*op = NULL;
	len = sip->sip_payload ? sip->sip_payload->pl_len : 0;
	if (is_cut_off(sip, len))
		return UV_EINVAL;
	if (!len)
		return 0;
	/* Neither gzip nor encryption is for us (RFC 3261 20.12). */
	if (sip->sip_content_encoding)
		return UV_ENOTSUP;

	if (c)
		boundary = msg_params_find(c->c_params, "boundary=");
	err = sdp_find(c ? c->c_type : NULL, boundary,
		       sip->sip_payload->pl_data, sip->sip_payload->pl_len,
		       &sdp, &len);
	return err ? err : sdp_read(op, sdp, len);
}

void dialog_answer(struct answer *a, nta_outgoing_t *orq, const sip_t *sip)
{
	const bool internal = !sip || nta_sip_is_internal(sip);
	const int status = sip ? sip->sip_status->st_status :
		nta_outgoing_status(orq);

	a->status = internal && status >= 200 ? 0 : status;
	a->phrase = sip && a->status ? sip->sip_status->st_phrase : "";
	a->cause = LEG_CAUSE_NONE;
	if (internal && status >= 200)
		a->cause = status == 408 ? LEG_CAUSE_TIMEOUT :
			LEG_CAUSE_UNREACHABLE;
	else if (status == 401 || status == 407)
		a->cause = LEG_CAUSE_UNAUTHORIZED;
}

uint64_t backoff_491(struct sip_leg *l)
{
	const uint64_t r = loop_random(l->sip->loop);

	/* Who made the Call-ID waits longer, so that the two do not meet
	 * again. Steps of 10 ms. */
	return l->inbound ? r % 201 * 10 : 2100 + r % 191 * 10;
}

void dialog_go_on(struct sip_leg *l)
{
	if (!l->ended) {
		if (l->state == D_UP && !reinvite_go_on(l))
			refer_go_on(l);
		return;
	}
	if (l->state == D_OVER && !l->invite && !l->irq && !l->bye)
		loop_sweep(l->sip->loop, &l->task, destroy, l);
}

void dialog_go_on_soon(struct sip_leg *l)
{
	if ((l->want || l->refer_to) && !timer_running(&l->timer))
		timer_start(&l->timer, 0);
}

/* ending */

static void on_timer(void *arg)
{
	struct sip_leg *l = arg;

	if (l->state == D_RING) {
		invite_in_trying(l);
		return;
	}
	if (l->state == D_CALL) {
		invite_out_silent(l);
		return;
	}
	if (!l->ended) {
		dialog_go_on(l);
		return;
	}
	/* No final answer in 64*T1, neither to the cancelled INVITE nor to the
	 * re-INVITE of a dialog that is over: one that comes even later is
	 * ACKed, and BYEd, without us. */
	if (l->invite)
		nta_outgoing_destroy(l->invite);
	l->invite = NULL;
	dialog_step(l, E_GONE);
	dialog_go_on(l);
}

/* The text stands in quotes: those and backslashes are left out of it. */
static void keep_reason(struct sip_leg *l, const struct leg_reason *reason)
{
	size_t n = 0;

	if (!reason)
		return;

	l->reason.cause = reason->cause;
	for (const char *p = reason->text; p && *p; p++) {
		if (*p == '"' || *p == '\\' || (unsigned char)*p < ' ')
			continue;
		if (n + 1 >= sizeof(l->reason_text))
			break;
		l->reason_text[n++] = *p;
	}
}

static void end(struct leg *leg, const struct leg_reason *reason)
{
	struct sip_leg *l = dialog_of(leg);
	enum dialog_state old;

	if (l->ended)
		return;

	l->ended = true;
	keep_reason(l, reason);
	timer_stop(&l->timer);
	session_timer_stop(l);
	pass_drop(l);
	refer_drop(l);
	reinvite_drop(l);
	old = dialog_step(l, E_END);
	switch (old) {
	case D_RING:
		invite_in_drop(l, SIP_480_TEMPORARILY_UNAVAILABLE);
		break;
	case D_CALL:
		invite_out_cancel(l);
		break;
	case D_UP:
		dialog_bye(l);
		break;
	case D_WAIT: case D_DROP: case D_CANCEL: case D_OVER: case D_STATES:
		break;
	}
	if (l->state == D_OVER && l->invite)
		timer_start(&l->timer, l->sip->t1x64);
	dialog_go_on(l);
}

static int credentials(struct leg *leg, const struct credentials *cr)
{
	return auth_set(&dialog_of(leg)->auth, cr);
}

static void advertise(struct leg *leg, const char *address)
{
	dialog_advertise(dialog_of(leg), address);
}

static const struct leg_ops ops = {
	.ring = invite_in_ring,
	.answer = invite_in_answer,
	.reject = invite_in_reject,
	.offer = reinvite_offer,
	.accept = reinvite_accept,
	.refuse = reinvite_refuse,
	.refer = refer_send,
	.withdraw_offer = reinvite_withdraw,
	.withdraw_refer = refer_withdraw,
	.end = end,
	.credentials = credentials,
	.pass = pass_set,
	.request = pass_request,
	.reply = pass_reply,
	.advertise = advertise,
};

/* requests of the peer */

static int bye(struct sip_leg *l, nta_incoming_t *irq)
{
	/* RFC 3261 15: a callee has no BYE before its answer. To take it for
	 * the end would leave the INVITE without one. */
	if (l->state == D_CALL || l->state == D_CANCEL)
		return 481;

	/* At once, whatever the owner makes of it. */
	nta_incoming_treply(irq, SIP_200_OK, TAG_END());

	/* RFC 3261 15.1.2: requests under way are answered too. */
	reinvite_drop(l);
	pass_drop(l);
	if (l->state == D_RING)
		invite_in_drop(l, SIP_487_REQUEST_TERMINATED);
	if (l->state == D_WAIT || l->state == D_DROP) {
		nta_incoming_destroy(l->irq);
		l->irq = NULL;
	}
	dialog_gone(l, LEG_CAUSE_BYE);
	return 200;
}

static int refuse(struct sip_leg *l, nta_incoming_t *irq, int status,
		  const char *phrase)
{
	nta_incoming_treply(irq, status, phrase,
			    SIPTAG_UNKNOWN(l->sip->allow), TAG_END());
	return status;
}

static void refresh_source(struct sip_leg *l, nta_incoming_t *irq)
{
	msg_t *msg;

	/* A TCP peer may come on another connection each time. */
	if (!l->by_source && !l->sip->tcp)
		return;

	msg = nta_incoming_getrequest(irq);
	if (msg)
		route_from_msg(&l->last, msg);
	msg_destroy(msg);
}

int dialog_request(nta_leg_magic_t *magic, nta_leg_t *dialog,
		   nta_incoming_t *irq, sip_t const *sip)
{
	struct sip_leg *l = (struct sip_leg *)magic;
	const sip_method_t method = sip->sip_request->rq_method;

	(void)dialog;
	if (method == sip_method_ack)
		return 200;	/* of nothing we know; never answered */
	/* A late copy of the INVITE that made this dialog. */
	if (!sip->sip_to->a_tag)
		return method == sip_method_invite ? 482 : 481;

	refresh_source(l, irq);
	if (method == sip_method_bye)
		return bye(l, irq);
	if (method == sip_method_notify && !l->ended)
		return refer_notify(l, irq, sip);
	if (l->state == D_OVER || l->ended)
		return 481;

	switch (method) {
	case sip_method_invite: case sip_method_update:
		return reinvite_recv(l, irq, sip);
	case sip_method_info:
		return message_info(l, irq, sip);
	case sip_method_message:
		return message_text(l, irq, sip);
	case sip_method_options:
		nta_incoming_treply(irq, SIP_200_OK,
				    SIPTAG_UNKNOWN(l->sip->allow),
				    SIPTAG_UNKNOWN(l->sip->supported),
				    TAG_END());
		return 200;
	case sip_method_prack:
		return 481;	/* of no 18x that waits for it */
	case sip_method_refer:
		return 603;	/* we are no one's to send away */
	case sip_method_subscribe:
		return 489;
	case sip_method_register: case sip_method_publish:
		return refuse(l, irq, SIP_405_METHOD_NOT_ALLOWED);
	default:
		return refuse(l, irq, SIP_501_NOT_IMPLEMENTED);
	}
}
