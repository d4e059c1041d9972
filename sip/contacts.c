#include "contacts.h"

#include <stdlib.h>

#include <sofia-sip/url.h>

/* RFC 3261 25.1: qvalue, 0 to 1; one is what a missing q means. */
static double quality(const sip_contact_t *m)
{
	const double q = m->m_q ? strtod(m->m_q, NULL) : 1;

	return q >= 0 && q <= 1 ? q : 0;
}

void contacts_read(struct contacts *cs, const sip_t *sip)
{
	double q[CONTACTS_MAX];

	cs->count = 0;
	for (const sip_contact_t *m = sip->sip_contact;
	     m && cs->count < CONTACTS_MAX; m = m->m_next) {
		char *text = cs->text[cs->count];
		const issize_t n = url_e(text, CONTACT_BYTES, m->m_url);
		unsigned i = cs->count;

		if (n <= 0 || n >= CONTACT_BYTES)
			continue;
		/* Equals stay in the order in which they came. */
		for (; i && q[i - 1] < quality(m); i--) {
			q[i] = q[i - 1];
			cs->uri[i] = cs->uri[i - 1];
		}
		q[i] = quality(m);
		cs->uri[i] = text;
		cs->count++;
	}
}
