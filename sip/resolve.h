/**
 * @file resolve.h  From a host name to addresses (RFC 3263), never blocking
 *
 * Asks by c-ares on our loop: SRV if no port is named, then A and AAAA. What
 * the DNS says is kept as long as it says, what it does not know for seconds;
 * names, questions under way and the time for them are bounded. The servers are
 * resolv.conf's, or those in the environment's TANDEM_DNS ("ADDR:PORT,...").
 */
#ifndef TANDEM_SIP_RESOLVE_H
#define TANDEM_SIP_RESOLVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "route.h"

struct loop;
struct lookup;
struct resolver;

/** Addresses of one answer. */
#define TARGETS_MAX 8

/** Addresses in the order in which to try them; `count` 0: there are none. */
typedef void (resolve_h)(void *arg, const struct route *list, size_t count);

struct resolver_options {
	bool v4, v6;		/**< families that we can send by           */
	bool tcp;		/**< and whether there is TCP               */
};

/** No file is read and no socket opened before the first resolve(). */
int resolver_open(struct resolver **rp, struct loop *loop,
		  const struct resolver_options *o);

/** Lookups that are left are dropped without a word. */
void resolver_close(struct resolver *r);

/**
 * Looks up `host`; `port` 0: none is named. `h` is called once, at the end of
 * some turn, 4 s from now at the latest, unless resolve_cancel() comes first.
 * NULL: too much is asked already, or no memory.
 */
struct lookup *resolve(struct resolver *r, const char *host, uint16_t port,
		       enum transport by, resolve_h *h, void *arg);
void resolve_cancel(struct lookup *l);	/**< NULL is allowed */

#endif
