/*
 * libFuzzer: the rules for a switch's own headers. Each header that passes is
 * put in a request and read by the SIP parser: it must be one header more and
 * none of those that only the engine may set. The bytes are also taken as a
 * switch in JSON.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <jansson.h>
#include <sofia-sip/msg.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>

#include "core/action.h"
#include "core/log.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What a header must never turn into: ours to write, one slot for each. */
static int forbidden(const sip_t *sip)
{
	return sip->sip_via || sip->sip_from || sip->sip_to ||
		sip->sip_call_id || sip->sip_cseq || sip->sip_contact ||
		sip->sip_max_forwards || sip->sip_route ||
		sip->sip_record_route || sip->sip_refer_to ||
		sip->sip_referred_by || sip->sip_replaces ||
		sip->sip_content_type || sip->sip_content_encoding ||
		sip->sip_content_disposition || sip->sip_content_language ||
		sip->sip_mime_version || sip->sip_authorization ||
		sip->sip_www_authenticate || sip->sip_proxy_require ||
		sip->sip_proxy_authorization || sip->sip_require ||
		sip->sip_supported || sip->sip_allow ||
		sip->sip_allow_events || sip->sip_expires ||
		sip->sip_session_expires || sip->sip_min_se ||
		sip->sip_rseq || sip->sip_rack || sip->sip_event ||
		sip->sip_subscription_state || sip->sip_privacy ||
		sip->sip_user_agent || sip->sip_payload;
}

static void on_the_wire(const char *name, const char *value, size_t len)
{
	const size_t room = strlen(name) + len + 128;
	char *text = malloc(room);
	msg_t *msg;
	sip_t *sip;
	int n;

	if (!text)
		return;
	n = snprintf(text, room, "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\n"
		     "%s: %.*s\r\n\r\n", name, (int)len, value);
	msg = msg_make(sip_default_mclass(), 0, text, n);
	sip = msg ? sip_object(msg) : NULL;
	/* Content-Length is the parser's own: it stops there. */
	if (sip && (forbidden(sip) || sip->sip_content_length))
		abort();
	msg_destroy(msg);
	free(text);
}

static void check(const char *name, const char *value, size_t len)
{
	if (header_is_valid(name, value, len) && !header_is_protected(name))
		on_the_wire(name, value, len);
}

static void as_switch(const char *text, size_t size)
{
	json_t *map = json_loadb(text, size, JSON_ALLOW_NUL |
				 JSON_DISABLE_EOF_CHECK, NULL);
	struct action_error err;
	struct action *a = NULL;

	if (json_is_object(map) &&
	    !action_parse_switch(&a, map, "fuzz", &err)) {
		for (unsigned i = 0; i < a->sw->header_count; i++) {
			const struct header *h = &a->sw->headers[i];

			if (!header_is_valid(h->name, h->value,
					     strlen(h->value)) ||
			    header_is_protected(h->name))
				abort();
			on_the_wire(h->name, h->value, strlen(h->value));
		}
		action_free(a);
	} else if (json_is_object(map) && (!*err.text ||
					   strpbrk(err.text, "\r\n"))) {
		abort();
	}
	json_decref(map);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const uint8_t *colon = memchr(data, ':', size);

	as_switch((const char *)data, size);
	if (colon) {
		const size_t n = (size_t)(colon - data);
		char *name = calloc(1, n + 1);

		if (!name)
			return 0;
		memcpy(name, data, n);
		if (strlen(name) == n)
			check(name, (const char *)colon + 1, size - n - 1);
		free(name);
	}
	return 0;
}
