/**
 * @file call_dial.h  What the agent's side is sent: target, identity, headers
 */
#ifndef TANDEM_CALL_DIAL_H
#define TANDEM_CALL_DIAL_H

#include "attempt.h"
#include "engine_i.h"

/**
 * Where a destination of a switch is (contract 5.1): writes its SIP URI and
 * the trunk that lends identity, which may be NULL. UV_EINVAL with a message
 * if there is none.
 */
int call_dial_route(struct call *c, const struct switch_request *sw,
		    const struct switch_target *to,
		    const struct trunk **trunk, char *uri, size_t size,
		    struct action_error *err);

/** REFER on the customer's leg with the switch's and passed-on headers. */
int call_refer(struct call *c, const struct switch_request *sw,
	       const char *uri);

/** One INVITE to an agent; all borrowed for the call. */
struct call_dialled {
	const struct switch_request *sw;
	const struct switch_target *to;
	const struct trunk *trunk;	/**< lends identity; may be NULL     */
	bool own;			/**< and the URI is of its host      */
	const char *uri;
	const struct header *diversion;	/**< of a redirection, or NULL       */
	struct offer *offer;
	uint64_t timeout_ms;
};

/** An attempt in the customer's name (contract 5.4, 5.5). */
int call_dial(struct call *c, const struct call_dialled *d, attempt_h *h,
	      void *arg, struct attempt **ap);

#endif
