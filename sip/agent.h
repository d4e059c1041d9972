/**
 * @file agent.h  Inside sip/: the signalling side of a node
 */
#ifndef TANDEM_SIP_AGENT_H
#define TANDEM_SIP_AGENT_H

#include <sofia-sip/su.h>
#include <sofia-sip/su_wait.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/nta.h>

#include "core/leg.h"
#include "core/loop.h"
#include "route.h"
#include "sip.h"

struct drive;
struct resolver;
struct scratch;
struct sip_leg;

/** One listen entry, as bound; or the same as a trunk is to see it. */
struct local {
	/** Names its transport in sofia, together with the protocol: UDP and
	 * TCP of one address share it, so that one can stand in for the
	 * other. */
	char ident[8];
	bool tcp;
	char bound[46];		/**< what is bound, without brackets       */
	char host[48];		/**< as in a URI: IPv6 has brackets        */
	char addr[46];		/**< the same for SDP, without brackets    */
	uint16_t port;
	int family;
	bool loopback;
	sip_contact_t *contact;
	struct local *next;	/**< among those for trunks                */
	const struct local *base;	/**< of such a one                 */
};

struct sip {
	struct signalling port;	/**< the port; first, so that a cast works */
	struct loop *loop;
	su_home_t *home;	/**< of the constant headers below         */
	struct drive *drive;
	su_root_t *root;
	nta_agent_t *agent;
	struct local *local;
	size_t local_count;
	struct local *views;	/**< for trunks that advertise another     */
	char advertise[46];	/**< sip.advertise, or ""                  */
	bool tcp;		/**< some entry is                         */
	struct resolver *resolver;
	uint64_t t1x64;
	uint64_t silence_ms;	/**< of one address, if there are others   */
	uint32_t session_expires_s;

	/* made once, since a header parsed from a string per message is dear */
	sip_unknown_t *allow;	/**< one text, cheaper than a list         */
	sip_unknown_t *supported;
	sip_unknown_t *require_timer;
	sip_content_type_t *type_sdp;

	struct sip_leg *legs;
	size_t leg_count;
	size_t unanswered;	/**< inbound, no final answer yet          */
	size_t unacked;		/**< inbound, 200 sent and no ACK yet      */
	size_t calling;		/**< outbound, nothing heard yet           */
	size_t byes;		/**< sent and not answered                 */
	bool closing;

	uint64_t stray_at;	/**< second of the stray 2xx below         */
	unsigned stray;

	struct sip_counters n;
	struct scratch *scratch;	/**< strings of a leg_invite       */
};

/*
 * nta keeps what it retransmits in lists that it searches one by one: with
 * 5000 unanswered INVITEs that is a quarter of a core. Beyond these numbers
 * new calls are refused at no cost.
 */
#define UNANSWERED_MAX 3000
#define UNACKED_MAX 3000
#define CALLING_MAX 3000

/* local.c */

/** Listen entry that a message to `host` (numeric) leaves from, or NULL. */
const struct local *sip_local_for(const struct sip *s, const char *host,
				  enum transport by);

/** Listen entry on which `msg` came in. */
const struct local *sip_local_of(const struct sip *s, msg_t *msg);

/**
 * The same entry with another address in Contact and SDP; NULL or "": that of
 * sip.advertise. Lives as long as `s`. NULL: no memory.
 */
const struct local *sip_local_as(struct sip *s, const struct local *l,
				 const char *advertise);

/** Whether a connection to `r` is there to be used. */
bool sip_is_connected(const struct sip *s, const struct local *l,
		      const struct route *r);

/** Opens the sockets; UV_E*, with `*failed` as sip_open() has it. */
int sip_listen_all(struct sip *s, const struct sip_options *o, int *failed);
void sip_listen_free(struct sip *s);

#endif
