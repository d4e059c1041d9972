/*
 * Four functions of sofia-sip that the library itself calls through its
 * symbol table are defined here, in our own binary, and so take their place.
 * Each does what the library's own does but for one case, which would end the
 * process or send packets where a stranger wants them. connections.c has three
 * more, guard_lines.c one.
 */
#define _GNU_SOURCE	/* RTLD_NEXT */

#include "guard.h"

#include <dlfcn.h>
#include <errno.h>
#include <limits.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/sip_util.h>
#include <sofia-sip/su_tag_io.h>
#include <sofia-sip/su_tagarg.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>
#include <sofia-sip/url.h>

#include "connections.h"
#include "guard_lines.h"
#include "route.h"
#include "sip.h"

typedef tport_t *(tsend_h)(tport_t *, msg_t *, tp_name_t const *,
			   tag_type_t, tag_value_t, ...);
typedef int (sanity_h)(sip_t const *);
typedef isize_t (param_h)(char const *, char const *, char [], isize_t);

static tsend_h *real_tsend;
static sanity_h *real_sanity;
static struct sip_counters *counters;

int guard_open(struct sip_counters *c)
{
	tsend_h *tsend;
	sanity_h *sanity;
	param_h *param;
	void *p;

	counters = c;
	if (!c)
		return 0;

	/* Copied as bytes: C does not convert object to function pointers. */
	p = dlsym(RTLD_NEXT, "tport_tsend");
	memcpy(&real_tsend, &p, sizeof(p));
	p = dlsym(RTLD_NEXT, "sip_sanity_check");
	memcpy(&real_sanity, &p, sizeof(p));
	if (!real_tsend || !real_sanity)
		return UV_ENOSYS;

	/* What the library will call is what this finds: ours? */
	p = dlsym(RTLD_DEFAULT, "tport_tsend");
	memcpy(&tsend, &p, sizeof(p));
	p = dlsym(RTLD_DEFAULT, "sip_sanity_check");
	memcpy(&sanity, &p, sizeof(p));
	p = dlsym(RTLD_DEFAULT, "url_param");
	memcpy(&param, &p, sizeof(p));
	return tsend == tport_tsend && sanity == sip_sanity_check &&
		param == url_param ? guard_lines_open() : UV_ENOSYS;
}

/*
 * Where a response goes whose connection the peer has closed: to the port its
 * Via names, at the address it came from (RFC 3261 18.2.2). sofia would try
 * the port the connection had at the other end, where nobody listens.
 */
static tport_t *reconnect(tport_t *self, const sip_t *sip,
			  tp_name_t const **tpn, tp_name_t *to)
{
	if (!tport_is_secondary(self) || tport_is_clear_to_send(self))
		return self;

	*to = **tpn;
	to->tpn_port = sip->sip_via->v_port ? sip->sip_via->v_port : "5060";
	*tpn = to;
	return tport_parent(self);
}

static int is_broken_pipe(const msg_t *msg)
{
	return msg_errno(msg) == EPIPE || msg_errno(msg) == ECONNRESET;
}

/*
 * A response that cannot be sent (its Via says port 0, or an address that the
 * socket refuses) leaves an INVITE transaction without a state, and the ACK
 * that follows with the same branch ends in an assertion. To the caller such a
 * response is lost on the wire, as any datagram may be. A Via with maddr is
 * treated so too: it would have us send to an address of the sender's choice.
 */
tport_t *tport_tsend(tport_t *self, msg_t *msg, tp_name_t const *tpn,
		     tag_type_t tag, tag_value_t value, ...)
{
	const sip_t *sip = sip_object(msg);
	const int response = sip && sip->sip_status;
	tport_t *sent = NULL, *by = self;
	tp_name_t to;
	ta_list ta;

	if (response && sip->sip_via && tpn)
		by = reconnect(self, sip, &tpn, &to);
	if (!response || !sip->sip_via || !sip->sip_via->v_maddr) {
		ta_start(ta, tag, value);
		connections_send_begin();
		sent = real_tsend(by, msg, tpn, ta_tags(ta));
		/* Closed by the peer, which we had not seen yet. */
		if (connections_send_end() && !sent && !response &&
		    is_broken_pipe(msg)) {
			connections_send_begin();
			sent = real_tsend(tport_parent(by), msg, tpn,
					  TPTAG_FRESH(1), ta_tags(ta));
			connections_send_end();
		}
		(void)ta_end(ta);
	}
	if (!sent && response) {
		if (counters)
			counters->unsendable++;
		sent = self;
	}
	return sent;
}

/*
 * A branch shorter than RFC 3261's magic cookie makes nta read past its end
 * when a later request is compared with it. Saying "insane" here has nta
 * answer 400 without keeping anything.
 */
int sip_sanity_check(sip_t const *sip)
{
	if (sip && sip->sip_request && sip->sip_via &&
	    sip->sip_via->v_branch && strlen(sip->sip_via->v_branch) < 7)
		return -1;
	return real_sanity(sip);
}

/*
 * A URI parameter's value. The library's own steps over the end of the string
 * when the last parameter only begins with the name that is looked for, as in
 * a Record-Route with `;lrx`, and goes on with what lies behind in memory.
 */
isize_t url_param(char const *params, char const *tag, char value[],
		  isize_t vlen)
{
	size_t len = strlen(tag), n;

	if (len && tag[len - 1] == '=')
		len--;
	for (const char *p = params; p && *p; p += n + (p[n] == ';')) {
		n = strcspn(p, ";");
		if (n < len || strncasecmp(p, tag, len))
			continue;
		if (n == len) {
			if (vlen > 0)
				value[0] = '\0';
			return 1;
		}
		if (p[len] != '=')
			continue;
		if (vlen > 0 && n - len - 1 < (size_t)vlen) {
			memcpy(value, p + len + 1, n - len - 1);
			value[n - len - 1] = '\0';
		}
		return (isize_t)(n - len);
	}
	return 0;
}

int guard_ack_bye(nta_agent_t *agent, msg_t *msg, int bye)
{
	const sip_t *sip = sip_object(msg);
	struct route route;
	nta_leg_t *leg;
	nta_outgoing_t *orq;
	sip_cseq_t *cseq;

	if (!sip->sip_via || !sip->sip_cseq ||
	    route_from_msg(&route, msg))
		return -1;

	leg = nta_leg_tcreate(agent, NULL, NULL,
			      SIPTAG_CALL_ID(sip->sip_call_id),
			      SIPTAG_FROM(sip->sip_from),
			      SIPTAG_TO(sip->sip_to),
			      SIPTAG_CSEQ(sip->sip_cseq), TAG_END());
	if (!leg)
		return -1;

	nta_leg_client_reroute(leg, sip->sip_record_route, sip->sip_contact,
			       1);
	cseq = sip_cseq_create(msg_home(msg), sip->sip_cseq->cs_seq,
			       SIP_METHOD_ACK);
	orq = nta_outgoing_tcreate(leg, NULL, NULL, route_url(&route),
				   SIP_METHOD_ACK, NULL, SIPTAG_CSEQ(cseq),
				   NTATAG_ACK_BRANCH(sip->sip_via->v_branch),
				   TAG_END());
	nta_outgoing_destroy(orq);
	if (bye) {
		orq = nta_outgoing_tcreate(leg, NULL, NULL, route_url(&route),
					   SIP_METHOD_BYE, NULL, TAG_END());
		nta_outgoing_destroy(orq);
	}
	nta_leg_destroy(leg);
	return 0;
}

/*
 * nta calls this for the 2xx of a second fork. Its own version looks up the
 * host of the Contact, which a stranger chose, in the DNS; ours answers to
 * where the response came from, and repeats a lost ACK or BYE.
 */
int nta_msg_ackbye(nta_agent_t *agent, msg_t *msg)
{
	if (guard_ack_bye(agent, msg, 1))
		return -1;

	msg_destroy(msg);
	return 0;
}
