/*
 * REFER out and the NOTIFYs of its subscription in (RFC 3515).
 */
#include "dialog.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include <sofia-sip/sip_extra.h>
#include <sofia-sip/su_tagarg.h>

#include "core/log.h"
#include "text.h"

static int on_response(nta_outgoing_magic_t *magic, nta_outgoing_t *orq,
		       sip_t const *sip);

/* Better said now than never sent. */
static bool parses(const char *refer_to)
{
	su_home_t *home = su_home_new(sizeof(*home));
	const bool ok = home && sip_refer_to_make(home, refer_to);

	su_home_unref(home);
	return ok;
}

int refer_send(struct leg *leg, const struct leg_refer *refer)
{
	struct sip_leg *l = dialog_of(leg);
	char buf[REFER_TO_MAX + 1];
	unsigned left;
	int err;

	if (l->state != D_UP && l->state != D_WAIT)
		return UV_ENOTCONN;
	if (l->refer || l->refer_to)
		return UV_EBUSY;

	err = text_refer_to(buf, refer->uri, refer->headers,
			    refer->header_count, &left);
	if (err)
		return err;
	if (!parses(buf))
		return UV_EINVAL;
	if (left)
		log_warn("Refer-To: %u of %u headers left out, beyond %d "
			 "bytes", left, refer->header_count, REFER_TO_MAX);

	l->refer_to = strdup(buf);
	if (!l->refer_to)
		return UV_ENOMEM;

	l->refer_tries = 0;
	l->refer_waits = false;
	dialog_go_on(l);
	l->refer_waits = !l->refer;
	return 0;
}

/* What is on the wire is answered without us; its subscription stays known,
 * for the peer may report on it (case R16). */
void refer_withdraw(struct leg *leg)
{
	refer_drop(dialog_of(leg));
}

static void keep_id(struct sip_leg *l)
{
	if (!l->refer_id)
		return;
	memmove(l->refer_old + 1, l->refer_old,
		sizeof(l->refer_old) - sizeof(l->refer_old[0]));
	l->refer_old[0] = l->refer_id;
	l->refer_id = 0;
}

/* RFC 3892: Referred-By is the dialog's local URI, which nta puts in From. */
static int add_referred_by(msg_t *msg, sip_t *sip)
{
	sip_referred_by_t by[1];

	sip_referred_by_init(by);
	*by->b_url = *sip->sip_from->a_url;
	return sip_add_dup(msg, sip, (sip_header_t *)by);
}

static nta_outgoing_t *send_refer(struct sip_leg *l)
{
	msg_t *msg = nta_msg_create(l->sip->agent, 0);
	sip_t *sip = sip_object(msg);
	nta_outgoing_t *orq = NULL;
	struct route route;

	if (!msg)
		return NULL;

	dialog_route(l, &route);
	if (sip_add_tl(msg, sip, SIPTAG_CONTACT(l->local->contact),
		       SIPTAG_REFER_TO_STR(l->refer_to), TAG_END()) >= 0 &&
	    nta_msg_request_complete(msg, l->dialog, SIP_METHOD_REFER,
				     NULL) >= 0 &&
	    add_referred_by(msg, sip) >= 0) {
		auth_add(l, msg, sip);
		orq = nta_outgoing_mcreate(l->sip->agent, on_response,
					   (nta_outgoing_magic_t *)l,
					   route_url(&route), msg,
					   DIALOG_TAGS(l), TAG_END());
	}
	if (!orq)
		msg_destroy(msg);
	return orq;
}

void refer_go_on(struct sip_leg *l)
{
	const struct leg_event ev = { .type = LEG_REFER_SENT };

	if (!l->refer_to || l->refer || l->invite || l->peer ||
	    timer_running(&l->timer))
		return;

	l->refer = send_refer(l);
	if (!l->refer) {
		timer_start(&l->timer, 1000);
		return;
	}
	/* The subscription exists from now on: the first NOTIFY may overtake
	 * the 2xx (case R2). */
	keep_id(l);
	l->refer_id = nta_outgoing_cseq(l->refer);
	if (l->refer_waits)
		dialog_tell(l, &ev);
	l->refer_waits = false;
}

void refer_drop(struct sip_leg *l)
{
	if (l->refer)
		nta_outgoing_destroy(l->refer);
	l->refer = NULL;
	free(l->refer_to);
	l->refer_to = NULL;
}

/* RFC 4488: the peer makes no subscription. */
static bool says_no_sub(const sip_t *sip)
{
	const sip_refer_sub_t *r = sip_refer_sub(sip);

	return r && r->rs_value && !strcasecmp(r->rs_value, "false");
}

static void done(struct sip_leg *l, nta_outgoing_t *orq, const sip_t *sip)
{
	struct leg_event ev = { .type = LEG_REFER_DONE };
	struct answer a;

	dialog_answer(&a, orq, sip);
	if (a.status >= 100 && a.status < 200)
		return;

	l->refer = l->state != D_UP ? NULL :
		auth_again(l, orq, sip, on_response,
			   (nta_outgoing_magic_t *)l);
	if (l->refer) {
		/* The subscription's id moves with it (RFC 3515 2.4.6). */
		l->refer_id = nta_outgoing_cseq(l->refer);
		return;
	}
	nta_outgoing_destroy(orq);
	if (a.status == 491 && l->state == D_UP &&
	    ++l->refer_tries <= TRIES_MAX) {
		l->refer_id = 0;
		l->refer_waits = true;
		timer_start(&l->timer, backoff_491(l));
		return;
	}
	free(l->refer_to);
	l->refer_to = NULL;
	if (a.status < 200 || a.status >= 300)
		l->refer_id = 0;
	ev.status = a.status;
	ev.phrase = a.phrase;
	ev.cause = a.cause;
	ev.no_sub = a.status && sip && says_no_sub(sip);
	if (a.status == 481 && l->state != D_OVER) {
		dialog_dead(l, &ev);
		return;
	}
	dialog_tell(l, &ev);
	dialog_go_on(l);
}

static int on_response(nta_outgoing_magic_t *magic, nta_outgoing_t *orq,
		       sip_t const *sip)
{
	struct sip_leg *l = (struct sip_leg *)magic;
	msg_t *msg;

	if (l->refer != orq)
		return 0;

	/* `sip` lives in it, and must outlive the transaction. */
	msg = nta_outgoing_getresponse(orq);
	done(l, orq, sip);
	msg_destroy(msg);
	return 0;
}

/* An id of an earlier REFER that was accepted; any other is the current's. */
static bool is_old(const struct sip_leg *l, const sip_event_t *event)
{
	const char *id = event ? event->o_id : NULL;
	unsigned long n;
	char *end;

	if (!id || !*id)
		return false;

	n = strtoul(id, &end, 10);
	if (*end || n == l->refer_id)
		return false;
	for (size_t i = 0; i < REFERS_KEPT; i++)
		if (l->refer_old[i] && n == l->refer_old[i])
			return true;
	return false;
}

int refer_notify(struct sip_leg *l, nta_incoming_t *irq, const sip_t *sip)
{
	const sip_subscription_state_t *ss = sip->sip_subscription_state;
	const sip_payload_t *body = sip->sip_payload;
	char phrase[64] = "";
	struct leg_event ev = { .type = LEG_NOTIFY, .phrase = phrase };

	if (sip->sip_event && sip->sip_event->o_type &&
	    strcasecmp(sip->sip_event->o_type, "refer"))
		return 489;
	if (!l->refer_id && !l->refer_old[0])
		return 481;

	/* Before the owner hears of it, who may send BYE then. */
	nta_incoming_treply(irq, SIP_200_OK, TAG_END());
	if (!l->refer_id || is_old(l, sip->sip_event))
		return 200;

	if (body && body->pl_len)
		ev.status = text_sipfrag(body->pl_data, body->pl_len, phrase,
					 sizeof(phrase));
	if (ss && ss->ss_substate &&
	    !strcasecmp(ss->ss_substate, "terminated")) {
		ev.terminated = true;
		ev.text = ss->ss_reason;
		ev.len = ev.text ? strlen(ev.text) : 0;
	}
	dialog_tell(l, &ev);
	return 200;
}
