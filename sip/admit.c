/*
 * A request outside a dialog is answered without any state, unless it is an
 * INVITE that the engine wants: a flood then costs no memory. Every path takes
 * `msg` exactly once.
 */
#include "admit.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/su_tagarg.h>

#include "dialog.h"
#include "fields.h"
#include "guard.h"
#include "require.h"

/** A refusal; phrase NULL: the standard one. */
struct refusal {
	int status;
	const char *phrase;
	int retry_after;
	const char *unsupported;	/**< with 420                 */
	char names[256];		/**< it, if there was any     */
	bool least;	/**< with 422: Min-SE                 */
};

/* Stray 2xx answered per second; more of them are an attack. */
#define STRAYS_MAX 50

static uint64_t hash(uint64_t h, const char *s)
{
	for (; s && *s; s++)
		h = (h ^ (unsigned char)*s) * UINT64_C(1099511628211);
	return h ^ 0xff;
}

/*
 * Without state, each copy of a request is answered anew, and must get the
 * same tag (RFC 3261 8.2.7): it is made of what all copies have in common.
 */
static void tag_reply(msg_t *msg)
{
	const sip_t *sip = sip_object(msg);
	uint64_t h = UINT64_C(14695981039346656037);
	char tag[17];

	if (!sip->sip_to || sip->sip_to->a_tag || !sip->sip_from ||
	    !sip->sip_call_id || !sip->sip_cseq || !sip->sip_via)
		return;
	h = hash(h, sip->sip_call_id->i_id);
	h = hash(h, sip->sip_from->a_tag);
	h = hash(h, sip->sip_via->v_branch) ^ sip->sip_cseq->cs_seq;
	snprintf(tag, sizeof(tag), "%016" PRIx64, h);
	sip_to_tag(msg_home(msg), sip->sip_to, tag);
}

static void refuse(struct sip *s, msg_t *msg, const struct refusal *r)
{
	sip_retry_after_t after[1];
	sip_min_se_t least[1];
	const char *phrase = r->phrase;

	sip_retry_after_init(after);
	after->af_delta = r->retry_after > 0 ? (sip_time_t)r->retry_after : 0;
	session_timer_least(s, least);
	if (!phrase)
		phrase = sip_status_phrase(r->status);
	if (r->status >= 300)
		s->n.refused++;
	tag_reply(msg);
	nta_msg_treply(s->agent, msg, r->status, phrase ? phrase : "",
		       TAG_IF(r->retry_after > 0, SIPTAG_RETRY_AFTER(after)),
		       TAG_IF(r->unsupported,
			      SIPTAG_UNSUPPORTED_STR(r->unsupported)),
		       TAG_IF(r->least, SIPTAG_MIN_SE(least)),
		       TAG_IF(r->status == 405 || r->status == 501 ||
			      r->status == 200,
			      SIPTAG_UNKNOWN(s->allow)),
		       TAG_IF(r->status == 200,
			      SIPTAG_UNKNOWN(s->supported)),
		       TAG_IF(r->status == 415 || r->status == 406,
			      SIPTAG_ACCEPT_STR("application/sdp")),
		       TAG_END());
}

/*
 * A 2xx to an INVITE that is forgotten: an answer later than 64*T1, or one
 * more copy. Only with our own Via alone; for a dialog that lives the ACK is
 * enough, any other is ended too.
 */
static void stray(struct sip *s, msg_t *msg, sip_t *sip)
{
	const sip_via_t *v = sip->sip_via;
	const uint64_t now = loop_now(s->loop) / 1000;
	bool ours = false;

	s->n.responses++;
	if (sip->sip_status->st_status < 200 ||
	    sip->sip_status->st_status > 299 ||
	    sip->sip_cseq->cs_method != sip_method_invite || v->v_next ||
	    !v->v_branch)
		return;
	for (size_t i = 0; i < s->local_count; i++)
		ours = ours || !strcasecmp(v->v_host, s->local[i].host);
	if (!ours)
		return;

	if (s->stray_at != now) {
		s->stray_at = now;
		s->stray = 0;
	}
	if (++s->stray > STRAYS_MAX)
		return;
	guard_ack_bye(s->agent, msg,
		      !nta_leg_by_dialog(s->agent, NULL, sip->sip_call_id,
					 sip->sip_to->a_tag, NULL,
					 sip->sip_from->a_tag, NULL));
}

/* An INVITE without an offer gets ours, unless its Accept (RFC 3261 20.1)
 * says that it would not be read. */
static bool takes_sdp(const sip_t *sip)
{
	static const char *const types[] = {
		"*/*", "application/*", "application/sdp",
	};

	if (!sip->sip_accept)
		return true;
	for (const sip_accept_t *a = sip->sip_accept; a; a = a->ac_next)
		for (size_t i = 0; a->ac_type && i < 3; i++)
			if (!strcasecmp(a->ac_type, types[i]))
				return true;
	return false;
}

static bool is_sip(const url_t *url)
{
	return url->url_type == url_sip || url->url_type == url_sips;
}

/* What any request outside a dialog must have for us to understand it (RFC
 * 3261 8.2.2). */
static bool understood(const sip_t *sip, struct refusal *r)
{
	const url_t *url = sip->sip_request->rq_url;

	r->unsupported = require_lacks(sip, r->names, sizeof(r->names));
	if (!is_sip(url) && url->url_type != url_tel) {
		*r = (struct refusal){ SIP_416_UNSUPPORTED_URI };
		return false;
	}
	if (!r->unsupported)
		return true;
	r->status = 420;
	r->phrase = sip_420_Bad_extension;
	return false;
}

/* What can be said of an INVITE before its SDP is read. */
static bool acceptable(struct sip *s, const sip_t *sip, struct refusal *r)
{
	if (sip->sip_max_forwards && !sip->sip_max_forwards->mf_count)
		*r = (struct refusal){ SIP_483_TOO_MANY_HOPS };
	else if (!understood(sip, r))
		return false;
	else if (!sip->sip_contact || sip->sip_contact->m_next ||
		 !is_sip(sip->sip_contact->m_url) ||
		 !sip->sip_contact->m_url->url_host)
		*r = (struct refusal){ 400, "Bad Contact Header" };
	else if (!sip->sip_from->a_tag)
		*r = (struct refusal){ 400, "Bad From Header" };
	else if (session_timer_too_small(s, sip))
		*r = (struct refusal){ SIP_422_SESSION_TIMER_TOO_SMALL,
			.least = true };
	else if (sip->sip_replaces)
		*r = (struct refusal){ 481, "No such call to replace" };
	else if (s->closing || s->unanswered >= UNANSWERED_MAX ||
		 s->unacked >= UNACKED_MAX)
		*r = (struct refusal){ SIP_503_SERVICE_UNAVAILABLE,
			.retry_after = 5 };
	else
		return true;
	return false;
}

static bool read_offer(const sip_t *sip, struct offer **op,
		       struct refusal *r)
{
	switch (dialog_sdp(sip, op)) {
	case 0:
		return true;
	case UV_ENOTSUP:
		*r = (struct refusal){ SIP_415_UNSUPPORTED_MEDIA };
		return false;
	case UV_ENOMEM:
		*r = (struct refusal){ SIP_500_INTERNAL_SERVER_ERROR };
		return false;
	default:
		*r = (struct refusal){ 400, "Bad Session Description" };
		return false;
	}
}

static void invite(struct sip *s, msg_t *msg, sip_t *sip)
{
	struct refusal r = { 0 };
	struct leg_invite inv;
	struct offer *offer = NULL;
	struct sip_leg *l;
	const sip_via_t *v = sip->sip_via;

	/* Nowhere to answer to: taking the call would only hold it open. */
	if (v->v_port && !v->v_rport && !strcmp(v->v_port, "0")) {
		s->n.dropped++;
		msg_destroy(msg);
		return;
	}
	if (!acceptable(s, sip, &r) || !read_offer(sip, &offer, &r)) {
		refuse(s, msg, &r);
		return;
	}
	if (!offer && !takes_sdp(sip)) {
		r = (struct refusal){ SIP_406_NOT_ACCEPTABLE };
		refuse(s, msg, &r);
		return;
	}

	fields_of_invite(s->scratch, sip, &msg_addr(msg)->su_sa, offer, &inv);
	r.status = s->port.h->admit(s->port.arg, &inv, &r.retry_after);
	if (r.status) {
		refuse(s, msg, &r);
		goto out;
	}

	l = invite_in(s, msg, sip);
	if (!l)
		goto out;
	if (sdp_dialog_shape(&l->sdp, offer)) {
		invite_in_drop(l, SIP_500_INTERNAL_SERVER_ERROR);
		dialog_undo(l);
		goto out;
	}
	l->offered = !offer;
	s->port.h->invite(s->port.arg, &l->leg, &inv);
out:
	offer_unref(offer);
}

static void options(struct sip *s, msg_t *msg, const sip_t *sip)
{
	struct refusal r = { SIP_200_OK };

	if (!understood(sip, &r))
		;
	else if (s->closing ||
	    (s->port.h->draining && s->port.h->draining(s->port.arg)))
		r = (struct refusal){ SIP_503_SERVICE_UNAVAILABLE,
			.retry_after = 5 };
	refuse(s, msg, &r);
}

/* What a method gets that is for a dialog we do not have, or for nobody. */
static void other(struct sip *s, msg_t *msg, const sip_t *sip)
{
	struct refusal r = { SIP_481_NO_TRANSACTION };

	switch (sip->sip_request->rq_method) {
	case sip_method_register: case sip_method_subscribe:
	case sip_method_publish: case sip_method_refer:
		if (!sip->sip_to->a_tag)
			r = (struct refusal){ SIP_405_METHOD_NOT_ALLOWED };
		break;
	case sip_method_unknown:
		r = (struct refusal){ SIP_501_NOT_IMPLEMENTED };
		break;
	default:
		break;
	}
	refuse(s, msg, &r);
}

int admit_message(nta_agent_magic_t *magic, nta_agent_t *agent, msg_t *msg,
		  sip_t *sip)
{
	struct sip *s = (struct sip *)magic;
	const sip_method_t method = sip->sip_request ?
		sip->sip_request->rq_method : sip_method_invalid;

	(void)agent;
	if (!sip->sip_request) {
		stray(s, msg, sip);
		msg_destroy(msg);
		return 0;
	}

	s->n.requests++;
	/* sofia would answer to whatever address maddr says. */
	if (method == sip_method_ack || sip->sip_via->v_maddr) {
		s->n.dropped++;
		msg_destroy(msg);
	} else if (method == sip_method_options && !sip->sip_to->a_tag) {
		options(s, msg, sip);
	} else if (method == sip_method_invite && !sip->sip_to->a_tag) {
		invite(s, msg, sip);
	} else {
		other(s, msg, sip);
	}
	return 0;
}
