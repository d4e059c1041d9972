/*
 * A request that is sent again, in another transaction of the same dialog:
 * with credentials (RFC 3261 22.2), or a larger interval (RFC 4028 7.3).
 */
#include "dialog.h"

#include <sofia-sip/msg_header.h>
#include <sofia-sip/su_tagarg.h>

/* What is made anew for a request that is sent again (RFC 3261 22.2). */
static bool is_made_anew(const sip_header_t *h, bool in_dialog,
			 bool session)
{
	const msg_hclass_t *c = h->sh_class;

	return c == sip_request_class || c == sip_via_class ||
		c == sip_cseq_class || c == sip_content_length_class ||
		c == sip_separator_class || c == sip_authorization_class ||
		c == sip_proxy_authorization_class ||
		(in_dialog && c == sip_route_class) ||
		(session && (c == sip_session_expires_class ||
			     c == sip_min_se_class));
}

msg_t *again_copy(struct sip_leg *l, const sip_t *from,
		  const struct session_headers *h)
{
	const bool in_dialog = from->sip_to->a_tag != NULL;
	msg_t *msg = nta_msg_create(l->sip->agent, 0);
	sip_t *sip = sip_object(msg);
	const sip_header_t *old = (const sip_header_t *)from->sip_request;
	msg_header_t *copy;

	if (!msg)
		return NULL;

	for (; old; old = (const sip_header_t *)old->sh_succ) {
		if (is_made_anew(old, in_dialog, h != NULL))
			continue;
		copy = msg_header_dup_one(msg_home(msg),
					  (const msg_header_t *)old);
		if (!copy ||
		    msg_header_insert(msg, (msg_pub_t *)sip, copy) < 0)
			goto fail;
	}
	if (h && sip_add_tl(msg, sip, SIPTAG_SESSION_EXPIRES(h->expires),
			    SIPTAG_MIN_SE(h->least), TAG_END()) < 0)
		goto fail;
	if (nta_msg_request_complete(msg, l->dialog,
				     from->sip_request->rq_method,
				     from->sip_request->rq_method_name,
				     (const url_string_t *)
				     from->sip_request->rq_url) < 0)
		goto fail;
	auth_add(l, msg, sip);
	return msg;
fail:
	msg_destroy(msg);
	return NULL;
}
