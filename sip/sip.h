/**
 * @file sip.h  Signalling by sofia-sip on our loop: the way in to sip/
 */
#ifndef TANDEM_SIP_H
#define TANDEM_SIP_H

#include <stddef.h>
#include <stdint.h>

#include "core/leg.h"

struct loop;

struct sip_listen {
	const char *transport;	/**< "udp" or "tcp"                         */
	const char *host;	/**< numeric address                        */
	uint16_t port;		/**< 0: any free port                       */
};

struct sip_options {
	const struct sip_listen *listen;
	size_t listen_count;
	/** Address for Contact, Via and SDP; NULL: that of the entry. */
	const char *advertise;
	uint64_t t1_ms;
	/** Besides giving up: how long a 2xx is repeated, its ACK guarded, and
	 *  a finished transaction of some 16 kB kept (RFC 3261 17). */
	uint64_t t1x64_ms;
	uint64_t first_response_ms;	/**< by which an address must have
					     said something; 0: 5 s       */
	uint64_t session_expires_ms;	/**< RFC 4028; 0: half an hour    */
	const struct signalling_handlers *h;
	void *arg;
};

/**
 * Opens the sockets and starts serving on `loop`, which must be a real one.
 * One per process. 0, or a negative UV_E* with `*failed` set to the index of
 * the listen entry that could not be had (or -1).
 */
int sip_open(struct signalling **sp, struct loop *loop,
	     const struct sip_options *o, int *failed);

/** Port of the i-th listen entry, as bound. */
uint16_t sip_port(const struct signalling *s, size_t i);

/** What came in and was dropped or refused, for node.stats and tests. */
struct sip_counters {
	uint64_t requests;		/**< outside a dialog             */
	uint64_t responses;		/**< that matched nothing         */
	uint64_t dropped;		/**< unanswerable or malformed    */
	uint64_t refused;		/**< answered statelessly         */
	uint64_t unsendable;		/**< responses with nowhere to go */
	uint64_t connections_refused;	/**< TCP, beyond the bounds       */
};
void sip_counters(const struct signalling *s, struct sip_counters *c);

/**
 * Stops: no more requests are taken; legs that are settling go on for at most
 * `ms`, then everything is freed. Runs the loop meanwhile.
 */
void sip_close(struct signalling *s, unsigned ms);

#endif
