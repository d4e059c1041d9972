/*
 * INFO and MESSAGE of a joined leg, passed on to the other as they are: body
 * and content type go, the final code comes back (case O16).
 */
#include "dialog.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/su_tagarg.h>

/** One that waits: the peer's for leg_reply(), or ours for its answer. */
struct pass {
	struct pass *next, **prev;
	struct sip_leg *l;
	nta_incoming_t *irq;
	nta_outgoing_t *orq;
	unsigned id;
};

static struct pass *add(struct sip_leg *l, unsigned id)
{
	struct pass *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->l = l;
	p->id = id;
	p->next = l->passes;
	if (p->next)
		p->next->prev = &p->next;
	p->prev = &l->passes;
	l->passes = p;
	return p;
}

static void drop(struct pass *p)
{
	*p->prev = p->next;
	if (p->next)
		p->next->prev = p->prev;
	if (p->irq)
		nta_incoming_destroy(p->irq);
	if (p->orq)
		nta_outgoing_destroy(p->orq);
	free(p);
}

void pass_drop(struct sip_leg *l)
{
	while (l->passes) {
		if (l->passes->irq)
			nta_incoming_treply(l->passes->irq,
					    SIP_480_TEMPORARILY_UNAVAILABLE,
					    TAG_END());
		drop(l->passes);
	}
}

void pass_set(struct leg *leg, bool on)
{
	struct sip_leg *l = dialog_of(leg);

	l->passing = on;
	if (!on)
		pass_drop(l);
}

/* from the peer */

static unsigned waiting(const struct sip_leg *l)
{
	unsigned n = 0;

	for (const struct pass *p = l->passes; p; p = p->next)
		n += p->irq != NULL;
	return n;
}

/* The header's value as one line; false: it is too long to be honest. */
static bool mime_of(const sip_t *sip, char *buf, size_t size)
{
	issize_t n;

	if (!sip->sip_content_type)
		return false;
	n = msg_header_field_e(buf, (isize_t)size,
			       (const msg_header_t *)sip->sip_content_type, 0);
	if (n < 0 || (size_t)n >= size)
		return false;
	buf[n] = '\0';
	return true;
}

static int later(nta_incoming_t *irq)
{
	nta_incoming_treply(irq, SIP_500_INTERNAL_SERVER_ERROR,
			    SIPTAG_RETRY_AFTER_STR("1"), TAG_END());
	return 500;
}

int pass_recv(struct sip_leg *l, nta_incoming_t *irq, const sip_t *sip)
{
	const sip_payload_t *body = sip->sip_payload;
	const bool full = body && body->pl_len;
	char mime[256];
	struct leg_event ev = {
		.type = LEG_REQUEST,
		.method = sip->sip_request->rq_method_name,
	};
	struct pass *p;

	/* An encoded body would arrive as something else than it is. */
	if (sip->sip_content_encoding ||
	    (full && !mime_of(sip, mime, sizeof(mime))))
		return 415;
	if (waiting(l) >= LEG_REQUESTS_MAX)
		return later(irq);

	p = add(l, ++l->pass_id);
	if (!p)
		return 500;
	p->irq = irq;
	if (full) {
		ev.mime = mime;
		ev.text = body->pl_data;
		ev.len = body->pl_len;
	}
	ev.id = p->id;
	dialog_tell(l, &ev);
	return 0;
}

int pass_reply(struct leg *leg, unsigned id, int status)
{
	struct pass *p = dialog_of(leg)->passes;

	while (p && !(p->irq && p->id == id))
		p = p->next;
	if (!p)
		return UV_ENOTCONN;
	if (status < 200 || status > 699)
		return UV_EINVAL;

	nta_incoming_treply(p->irq, status, NULL, TAG_END());
	drop(p);
	return 0;
}

/* to the peer */

static int on_response(nta_outgoing_magic_t *magic, nta_outgoing_t *orq,
		       sip_t const *sip)
{
	struct pass *p = (struct pass *)magic;
	struct sip_leg *l = p->l;
	struct leg_event ev = { .type = LEG_REQUEST_DONE, .id = p->id };
	nta_outgoing_t *again;
	struct answer a;

	dialog_answer(&a, orq, sip);
	if (a.status >= 100 && a.status < 200)
		return 0;

	again = l->state == D_UP ? auth_again(l, orq, sip, on_response, magic)
				 : NULL;
	if (again) {
		p->orq = again;
		return 0;
	}
	drop(p);
	ev.status = a.status;
	ev.cause = a.cause;
	if (a.status == 481 && l->state == D_UP) {
		/* RFC 3261 12.2.1.2; a 408 is not taken for that: some never
		 * answer what they do not know. */
		dialog_dead(l, &ev);
		return 0;
	}
	dialog_tell(l, &ev);
	return 0;
}

int pass_request(struct leg *leg, const struct leg_message *m)
{
	struct sip_leg *l = dialog_of(leg);
	const bool info = !strcmp(m->method, "INFO");
	sip_payload_t body[1];
	struct route route;
	struct pass *p;

	if (l->state != D_UP)
		return UV_ENOTCONN;
	p = add(l, m->id);
	if (!p)
		return UV_ENOMEM;

	sip_payload_init(body);
	body->pl_data = (char *)m->text;
	body->pl_len = m->len;
	dialog_route(l, &route);
	p->orq = auth_send(
		l, on_response, (nta_outgoing_magic_t *)p, &route,
		info ? sip_method_info : sip_method_message,
		info ? "INFO" : "MESSAGE",
		TAG_IF(m->mime, SIPTAG_CONTENT_TYPE_STR(m->mime)),
		TAG_IF(m->len, SIPTAG_PAYLOAD(body)),
		DIALOG_TAGS(l), TAG_END());
	if (p->orq)
		return 0;
	drop(p);
	return UV_ENOMEM;
}
