/*
 * PRACK (RFC 3262), for peers that require it: nothing of ours asks for
 * reliable provisional answers, and none of ours carries SDP.
 */
#include "dialog.h"

#include <sofia-sip/sip_util.h>
#include <sofia-sip/su_tagarg.h>

static uint32_t hash(const char *s)
{
	uint32_t h = 2166136261u;

	for (; *s; s++)
		h = (h ^ (unsigned char)*s) * 16777619u;
	return h;
}

/* Each fork counts for itself; NULL: more of them than anybody needs. */
static struct reliable *fork_of(struct sip_leg *l, const char *tag)
{
	const uint32_t h = hash(tag);

	for (size_t i = 0; i < FORKS_KEPT; i++) {
		struct reliable *r = &l->reliable[i];

		if (!r->rseq)
			r->tag = h;
		if (r->tag == h)
			return r;
	}
	return NULL;
}

/* In the early dialog of the 18x, which is not the leg's own yet: its target
 * and route set are those of this answer. */
static void send_early(struct sip_leg *l, const sip_t *sip,
		       const sip_rack_t *rack)
{
	su_home_t *home = su_home_new(sizeof(*home));
	sip_route_t *set = home && sip->sip_record_route ?
		sip_route_reverse(home, sip->sip_record_route) : NULL;
	const url_t *next = set ? set->r_url : sip->sip_contact->m_url;
	struct route route;

	if (route_from_url(&route, next))
		route = l->last;
	nta_outgoing_tcreate(l->dialog, NULL, NULL, route_url(&route),
			     SIP_METHOD_PRACK,
			     (url_string_t *)sip->sip_contact->m_url,
			     SIPTAG_TO(sip->sip_to), SIPTAG_RACK(rack),
			     TAG_IF(set, SIPTAG_ROUTE(set)), DIALOG_TAGS(l),
			     TAG_END());
	su_home_unref(home);
}

static void send_in_dialog(struct sip_leg *l, const sip_rack_t *rack)
{
	struct route route;

	dialog_route(l, &route);
	auth_send(l, NULL, NULL, &route, SIP_METHOD_PRACK, SIPTAG_RACK(rack),
		  DIALOG_TAGS(l), TAG_END());
}

bool prack(struct sip_leg *l, const sip_t *sip)
{
	const sip_cseq_t *cseq = sip->sip_cseq;
	const unsigned long rseq = sip->sip_rseq ?
		sip->sip_rseq->rs_response : 0;
	struct reliable *r;
	sip_rack_t rack[1];

	if (!rseq || rseq > UINT32_MAX || sip->sip_status->st_status <= 100 ||
	    !sip->sip_require || !sip_has_feature(sip->sip_require, "100rel"))
		return true;
	if (!sip->sip_to->a_tag)
		return true;	/* RFC 3262 4: in no dialog, not reliable */

	/* One that came before is acknowledged already, by a PRACK that is
	 * repeated itself; one out of turn comes again (RFC 3262 4). */
	r = fork_of(l, sip->sip_to->a_tag);
	if (!r || (r->rseq && rseq != (unsigned long)r->rseq + 1))
		return false;
	r->rseq = (uint32_t)rseq;

	sip_rack_init(rack);
	rack->ra_response = r->rseq;
	rack->ra_cseq = cseq->cs_seq;
	rack->ra_method = cseq->cs_method;
	rack->ra_method_name = cseq->cs_method_name;
	if (l->state == D_CALL || l->state == D_CANCEL) {
		if (sip->sip_contact)
			send_early(l, sip, rack);
	} else {
		send_in_dialog(l, rack);
	}
	return true;
}
