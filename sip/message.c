/*
 * Keys in INFO, and text in MESSAGE.
 */
#include "dialog.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include <sofia-sip/su_tagarg.h>

#include "text.h"

/* RFC 3261 8.2.3: says what would have been understood. */
static int unsupported(nta_incoming_t *irq, const char *accept)
{
	nta_incoming_treply(irq, SIP_415_UNSUPPORTED_MEDIA,
			    SIPTAG_ACCEPT_STR(accept), TAG_END());
	return 415;
}

/* Before the ACK nobody listens yet; the peer may repeat it. */
static int too_early(nta_incoming_t *irq)
{
	nta_incoming_treply(irq, SIP_500_INTERNAL_SERVER_ERROR,
			    SIPTAG_RETRY_AFTER_STR("1"), TAG_END());
	return 500;
}

static bool type_is(const sip_t *sip, const char *type)
{
	return sip->sip_content_type && sip->sip_content_type->c_type &&
		!strcasecmp(sip->sip_content_type->c_type, type);
}

/* The key of an INFO that is passed on, for the event stream. */
static void tell_digit(struct sip_leg *l, const sip_t *sip)
{
	const sip_payload_t *body = sip->sip_payload;
	const bool relay = type_is(sip, "application/dtmf-relay");
	char digit[2] = "";
	const struct leg_event ev = {
		.type = LEG_DIGIT, .text = digit, .len = 1,
	};

	if (!body || !body->pl_len || sip->sip_content_encoding ||
	    (!relay && !type_is(sip, "application/dtmf")))
		return;
	digit[0] = text_digit(body->pl_data, body->pl_len, relay);
	if (digit[0])
		dialog_tell(l, &ev);
}

int message_info(struct sip_leg *l, nta_incoming_t *irq, const sip_t *sip)
{
	static const char accept[] =
		"application/dtmf-relay, application/dtmf";
	const sip_payload_t *body = sip->sip_payload;
	struct leg_event ev = { .type = LEG_DIGIT };
	char digit[2] = "";
	bool relay;

	if (l->passing) {
		tell_digit(l, sip);
		return pass_recv(l, irq, sip);
	}
	if (!body || !body->pl_len)
		return 200;	/* a sign of life */

	relay = type_is(sip, "application/dtmf-relay");
	if (sip->sip_content_encoding ||
	    (!relay && !type_is(sip, "application/dtmf")))
		return unsupported(irq, accept);

	digit[0] = text_digit(body->pl_data, body->pl_len, relay);
	if (!digit[0])
		return 400;
	if (l->state != D_UP)
		return too_early(irq);

	nta_incoming_treply(irq, SIP_200_OK, TAG_END());
	ev.text = digit;
	ev.len = 1;
	dialog_tell(l, &ev);
	return 200;
}

int message_text(struct sip_leg *l, nta_incoming_t *irq, const sip_t *sip)
{
	const sip_payload_t *body = sip->sip_payload;
	struct leg_event ev = { .type = LEG_TEXT };
	char *text;

	if (l->passing)
		return pass_recv(l, irq, sip);
	if (sip->sip_content_encoding ||
	    (body && body->pl_len && !type_is(sip, "text/plain")))
		return unsupported(irq, "text/plain");
	if (l->state != D_UP)
		return too_early(irq);

	ev.len = body ? body->pl_len : 0;
	text = malloc(ev.len + 1);
	if (!text)
		return 500;

	nta_incoming_treply(irq, SIP_200_OK, TAG_END());
	if (ev.len)
		memcpy(text, body->pl_data, ev.len);
	text[ev.len] = '\0';
	ev.text = text;
	if (ev.len)
		dialog_tell(l, &ev);
	free(text);
	return 200;
}
