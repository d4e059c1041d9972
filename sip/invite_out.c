/*
 * The calling side of an INVITE: dial, what the callee says, CANCEL.
 */
#include "dialog.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/su_tagarg.h>

#include "contacts.h"
#include "core/offer.h"
#include "core/uri.h"
#include "naming.h"
#include "text.h"

static int on_response(nta_outgoing_magic_t *magic, nta_outgoing_t *orq,
		       sip_t const *sip);

/*
 * Once a provisional response allows it (RFC 3261 9.1), then or now. Sent
 * earlier it would not only be wrong: a 200 to it ends in an assertion.
 */
void invite_out_cancel(struct sip_leg *l)
{
	char buf[128];
	const char *reason = dialog_reason(l, buf, sizeof(buf));

	/* Its address is still looked up. */
	if (!l->invite) {
		naming_free(l);
		dialog_step(l, E_GONE);
	}
	if (l->cancelled || !l->invite ||
	    nta_outgoing_status(l->invite) < 100)
		return;

	l->cancelled = true;
	nta_outgoing_tcancel(l->invite, NULL, NULL,
			     TAG_IF(reason, SIPTAG_REASON_STR(reason)),
			     TAG_END());
	timer_start(&l->timer, l->sip->t1x64);
}

static void done(struct sip_leg *l)
{
	nta_outgoing_destroy(l->invite);
	l->invite = NULL;
	timer_stop(&l->timer);
}

static void progress(struct sip_leg *l, const sip_t *sip)
{
	struct leg_event ev = {
		.type = LEG_PROGRESS,
		.status = sip->sip_status->st_status,
		.phrase = sip->sip_status->st_phrase,
	};

	if (!l->heard)
		dialog_heard(l, true);
	if (!l->ended)
		timer_stop(&l->timer);
	if (!prack(l, sip))
		return;
	if (l->ended) {
		invite_out_cancel(l);
		return;
	}
	if (ev.status > 100)
		dialog_sdp(sip, &ev.offer);
	if (ev.offer) {
		offer_unref(l->early);
		l->early = offer_ref(ev.offer);
	}
	dialog_tell(l, &ev);
	offer_unref(ev.offer);
}

static bool usable(const struct offer *o)
{
	return o && o->port && !o->secure;
}

/* An address as SDP has it, without the brackets of a URI. */
static const char *plain(const struct route *r, char *buf, size_t size)
{
	const char *host = r->host + (*r->host == '[');

	snprintf(buf, size, "%.*s", (int)strcspn(host, "]"), host);
	return buf;
}

static void answered(struct sip_leg *l, const sip_t *sip)
{
	char source[48];
	struct leg_event ev = {
		.type = LEG_ANSWERED,
		.status = sip->sip_status->st_status,
		.phrase = sip->sip_status->st_phrase,
		.source = plain(&l->last, source, sizeof(source)),
	};

	if (sip->sip_to->a_tag)
		nta_leg_rtag(l->dialog, sip->sip_to->a_tag);
	nta_leg_client_reroute(l->dialog, sip->sip_record_route,
			       sip->sip_contact, 1);
	dialog_ack(l, l->invite);
	done(l);
	dialog_step(l, E_ANSWER);
	memset(l->reliable, 0, sizeof(l->reliable));
	if (l->ended) {
		/* It crossed our CANCEL, or came long after we gave up. */
		dialog_bye(l);
		dialog_go_on(l);
		return;
	}

	session_timer_granted(l, sip);
	dialog_sdp(sip, &ev.offer);
	/* Some send their answer in the 183 alone. */
	if (!ev.offer && !(sip->sip_payload && sip->sip_payload->pl_len))
		ev.offer = offer_ref(l->early);
	offer_unref(l->early);
	l->early = NULL;
	if (!usable(ev.offer)) {
		ev.type = LEG_REJECTED;
		ev.status = 0;
		ev.cause = LEG_CAUSE_BAD_ANSWER;
		session_timer_stop(l);
		dialog_bye(l);
		dialog_step(l, E_GONE);
	}
	dialog_tell(l, &ev);
	offer_unref(ev.offer);
	dialog_go_on(l);
}

static int on_response(nta_outgoing_magic_t *magic, nta_outgoing_t *orq,
		       sip_t const *sip);

/* The same INVITE with the larger interval that a 422 has asked for: a new
 * transaction of the same dialog-to-be (RFC 4028 7.3). */
static int send_longer(struct sip_leg *l, nta_outgoing_t *orq)
{
	msg_t *old = nta_outgoing_getrequest(orq);
	struct session_headers h;
	nta_outgoing_t *again;
	msg_t *msg;

	session_timer_ask(l, &h);
	msg = old ? again_copy(l, sip_object(old), &h) : NULL;
	msg_destroy(old);
	if (!msg)
		return UV_ENOMEM;

	again = nta_outgoing_mcreate(l->sip->agent, on_response,
				     (nta_outgoing_magic_t *)l,
				     route_url(&l->last), msg,
				     NTATAG_PASS_100(1), DIALOG_TAGS(l),
				     TAG_END());
	if (!again) {
		msg_destroy(msg);
		return UV_ENOMEM;
	}
	nta_outgoing_destroy(orq);
	l->invite = again;
	return 0;
}

static void rejected(struct sip_leg *l, nta_outgoing_t *orq,
		     const sip_t *sip)
{
	struct leg_event ev = { .type = LEG_REJECTED };
	struct contacts contacts;
	nta_outgoing_t *again;
	struct answer a;

	again = l->ended ? NULL : auth_again(l, orq, sip, on_response,
					     (nta_outgoing_magic_t *)l);
	if (again) {
		l->invite = again;
		dialog_heard(l, false);
		return;
	}
	dialog_answer(&a, orq, sip);
	if (a.status >= 300 && a.status < 400) {
		contacts_read(&contacts, sip);
		ev.contacts = contacts.uri;
		ev.contact_count = contacts.count;
	}
	if (a.status == 422 && !l->ended && session_timer_raise(l, sip) &&
	    !send_longer(l, orq)) {
		dialog_heard(l, false);
		return;
	}
	ev.status = a.status;
	ev.phrase = a.phrase;
	ev.cause = a.cause;
	if (a.status && sip->sip_retry_after &&
	    sip->sip_retry_after->af_delta < 86400)
		ev.retry_after = (int)sip->sip_retry_after->af_delta;
	done(l);
	/* RFC 3263 4.3: the next address, if this one cannot be reached. */
	if ((!a.status || a.status == 503) && naming_next(l)) {
		dialog_heard(l, false);
		return;
	}
	dialog_step(l, E_GONE);
	dialog_tell(l, &ev);
	dialog_go_on(l);
}

/* A 200 that comes all the same is ACKed, and BYEd, without us. */
void invite_out_silent(struct sip_leg *l)
{
	if (l->heard || !l->invite)
		return;
	done(l);
	if (!naming_next(l))
		naming_unreachable(l);
}

static int on_response(nta_outgoing_magic_t *magic, nta_outgoing_t *orq,
		       sip_t const *sip)
{
	struct sip_leg *l = (struct sip_leg *)magic;
	msg_t *msg;

	if (l->invite != orq)
		return 0;

	/* `sip` lives in it, and must outlive the transaction. */
	msg = nta_outgoing_getresponse(orq);
	if (sip && sip->sip_status->st_status < 200) {
		progress(l, sip);
	} else if (sip && sip->sip_status->st_status < 300) {
		route_from_msg(&l->last, msg);
		answered(l, sip);
	} else {
		rejected(l, orq, sip);
	}
	msg_destroy(msg);
	return 0;
}

/* headers of the INVITE */

/* Unknown to the parser, whatever it is: so its name travels as it was
 * written. */
static int add_header(msg_t *msg, const char *name, const char *value,
		      const char *more)
{
	char *line = su_sprintf(msg_home(msg), "%s: %s%s", name, value, more);

	return line && msg_header_add_make(msg, (msg_pub_t *)sip_object(msg),
					   sip_unknown_class, line) >= 0
		? 0 : UV_ENOMEM;
}

static int add_headers(msg_t *msg, const struct leg_dial *d)
{
	for (unsigned i = 0; i < d->header_count; i++) {
		const struct header *h = &d->headers[i];

		if (text_has_break(h->value) || !text_is_token(h->name))
			return UV_EINVAL;
		if (add_header(msg, h->name, h->value, ""))
			return UV_ENOMEM;
	}
	return 0;
}

/* Who calls, and whom, besides From (RFC 3325 9.1, RFC 5806 4). What cannot be
 * written as a number is not asserted. */
static int add_identities(msg_t *msg, const struct sip_leg *l,
			  const struct leg_dial *d)
{
	const char *host = l->local->host;
	char buf[512];
	int err = 0;

	if (d->asserted_user && *d->asserted_user &&
	    (!text_from(buf, sizeof(buf), d->asserted_display,
			d->asserted_user, host) ||
	     !text_from(buf, sizeof(buf), NULL, d->asserted_user, host)))
		err = add_header(msg, "P-Asserted-Identity", buf, "");
	if (!err && d->diverted_user && *d->diverted_user &&
	    !text_from(buf, sizeof(buf), NULL, d->diverted_user, host))
		err = add_header(msg, "Diversion", buf,
				 ";reason=unconditional;counter=1");
	return err;
}

static int make_dialog(struct sip_leg *l, const struct leg_dial *d,
		       const url_t *url)
{
	const char *host = d->from_host ? d->from_host : l->local->host;
	char from[512];
	su_home_t *home = su_home_new(sizeof(*home));
	sip_from_t *f;
	sip_to_t *t;
	int err;

	if (!home)
		return UV_ENOMEM;

	/* A name too long to send is no reason not to call. */
	err = text_identity(from, sizeof(from), d->from_display, d->from_user,
			    host);
	if (err)
		goto out;

	f = sip_from_make(home, from);
	t = sip_to_create(home, (const url_string_t *)url);
	err = UV_EINVAL;
	if (!f || !t)
		goto out;

	l->dialog = nta_leg_tcreate(l->sip->agent, dialog_request,
				    (nta_leg_magic_t *)l, SIPTAG_FROM(f),
				    SIPTAG_TO(t), TAG_END());
	err = l->dialog && nta_leg_tag(l->dialog, NULL) ? 0 : UV_ENOMEM;
out:
	su_home_unref(home);
	return err;
}

static int send_invite(struct sip_leg *l, const struct leg_dial *d,
		const url_t *url)
{
	msg_t *msg = nta_msg_create(l->sip->agent, 0);
	sip_t *sip = sip_object(msg);
	sip_max_forwards_t forwards[1];
	struct session_headers session;
	sip_payload_t body[1];
	char *sdp = NULL;
	char route[URI_MAX + 2];
	size_t len;
	int err = UV_ENOMEM;

	if (!msg)
		return UV_ENOMEM;

	/* RFC 3261 8.1.2: the proxy as a pre-loaded route. */
	snprintf(route, sizeof(route), "<%s>", d->proxy ? d->proxy : "");
	sdp = sdp_write(&l->sdp, d->offer, l->local->addr, &len);
	if (!sdp)
		goto out;

	sip_payload_init(body);
	body->pl_data = sdp;
	body->pl_len = len;
	session_timer_ask(l, &session);
	sip_max_forwards_init(forwards);
	forwards->mf_count = (unsigned long)d->max_forwards;
	if (sip_add_tl(msg, sip, SIPTAG_MAX_FORWARDS(forwards),
		       SIPTAG_CONTACT(l->local->contact),
		       SIPTAG_UNKNOWN(l->sip->allow),
		       SESSION_ASK_TAGS(l, session),
		       TAG_IF(d->privacy, SIPTAG_PRIVACY_STR(d->privacy)),
		       TAG_IF(d->proxy, SIPTAG_ROUTE_STR(route)),
		       SIPTAG_CONTENT_TYPE(l->sip->type_sdp),
		       SIPTAG_PAYLOAD(body), TAG_END()) < 0)
		goto out;

	err = add_headers(msg, d);
	if (!err)
		err = add_identities(msg, l, d);
	if (err)
		goto out;

	err = UV_EINVAL;
	if (nta_msg_request_complete(msg, l->dialog, SIP_METHOD_INVITE,
				     (const url_string_t *)url) < 0)
		goto out;

	l->invite = nta_outgoing_mcreate(l->sip->agent, on_response,
					 (nta_outgoing_magic_t *)l,
					 route_url(&l->last), msg,
					 NTATAG_PASS_100(1), DIALOG_TAGS(l),
					 TAG_END());
	if (l->invite) {
		offer_set(&l->agreed, d->offer);
		msg = NULL;
		err = 0;
	}
out:
	free(sdp);
	msg_destroy(msg);
	return err;
}

/* To `l->last`; again if an INVITE before has not reached anybody. */
int invite_out_start(struct sip_leg *l, const struct leg_dial *d)
{
	su_home_t *home = su_home_new(sizeof(*home));
	url_t *url = home ? url_make(home, d->uri) : NULL;
	int err = UV_EINVAL;

	if (!url)
		goto out;

	/* Headers in a Request-URI would become headers of the INVITE. */
	url->url_headers = NULL;
	l->local = sip_local_for(l->sip, l->last.host, l->last.by);
	err = UV_EPROTONOSUPPORT;
	if (!l->local)
		goto out;
	dialog_advertise(l, d->advertise);
	l->udp_only = l->last.by == BY_UDP;
	err = l->dialog ? 0 : make_dialog(l, d, url);
	if (!err)
		err = send_invite(l, d, url);
out:
	su_home_unref(home);
	return err;
}

/* The transport that is asked for, by the hop's URI or by the trunk. */
static int transport(const struct leg_dial *d, const url_t *hop)
{
	const int by = route_transport(hop);

	if (by != BY_ANY || !d->transport)
		return by;
	return strcmp(d->transport, "tcp") ? BY_UDP : BY_TCP;
}

int invite_out(struct signalling *port, const struct leg_dial *d, leg_h *h,
	       void *arg, struct leg **legp)
{
	struct sip *s = (struct sip *)port;
	struct sip_leg *l;
	su_home_t *home;
	url_t *hop;
	int err, by;

	if (s->closing)
		return UV_ECANCELED;
	if (s->calling >= CALLING_MAX)
		return UV_EAGAIN;
	if (!d->offer || d->max_forwards <= 0 || !text_is_uri(d->uri) ||
	    text_has_break(d->privacy) ||
	    (d->proxy && (!text_is_uri(d->proxy) ||
			  strlen(d->proxy) > URI_MAX)))
		return UV_EINVAL;

	l = dialog_new(s, D_CALL);
	home = su_home_new(sizeof(*home));
	err = UV_ENOMEM;
	if (!l || !home ||
	    (d->credentials && auth_set(&l->auth, d->credentials)))
		goto out;

	hop = url_make(home, d->proxy ? d->proxy : d->uri);
	err = UV_EINVAL;
	if (!hop || hop->url_type != url_sip)
		goto out;
	by = transport(d, hop);
	if (route_from_url(&l->last, hop)) {
		err = naming_dial(l, d, hop, by);
		goto out;
	}
	if (by >= 0)
		l->last.by = (enum transport)by;
	err = invite_out_start(l, d);
out:
	su_home_unref(home);
	if (err) {
		if (l)
			dialog_undo(l);
		return err;
	}
	leg_listen(&l->leg, h, arg);
	*legp = &l->leg;
	return 0;
}
