/**
 * @file call_dial.h  What the agent's side is sent: target, identity, headers
 */
#ifndef TANDEM_CALL_DIAL_H
#define TANDEM_CALL_DIAL_H

#include "attempt.h"
#include "engine_i.h"

/**
 * Where a switch goes (contract 5.1): writes the target's SIP URI and the
 * trunk that lends identity, which may be NULL. UV_EINVAL with a message if
 * there is none.
 */
int call_dial_route(struct call *c, const struct switch_request *sw,
		    const struct trunk **trunk, char *uri, size_t size,
		    struct action_error *err);

/** REFER on the customer's leg with the switch's and passed-on headers. */
int call_refer(struct call *c, const struct switch_request *sw,
	       const char *uri);

/** An attempt at `uri` as the customer (contract 5.4, 5.5). */
int call_dial(struct call *c, const struct switch_request *sw,
	      const char *uri, struct offer *offer, uint64_t timeout_ms,
	      attempt_h *h, void *arg, struct attempt **ap);

#endif
