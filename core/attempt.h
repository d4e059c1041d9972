/**
 * @file attempt.h  One try to reach one agent
 *
 * An attempt dials a leg and reports every change of state until the agent
 * has answered or it is over. Answered, the leg is taken over by whoever
 * dialled; in every other case the attempt has ended it.
 */
#ifndef TANDEM_ATTEMPT_H
#define TANDEM_ATTEMPT_H

#include <stdbool.h>
#include <stdint.h>

#include "leg.h"
#include "reason.h"

struct attempt;
struct engine;

enum attempt_state {
	AT_DIAL,	/**< INVITE sent, nothing heard yet              */
	AT_TRYING,	/**< 100: somebody is there                      */
	AT_RING,	/**< a 18x arrived                               */
	/* from here on it is over */
	AT_UP,		/**< answered: attempt_take_leg() is due         */
	AT_FAIL,	/**< refused, expired or gone                    */
};

struct attempt_result {
	enum reason reason;
	int status;		/**< SIP status that ended it, 0 if none     */
	const char *phrase;	/**< owned by the attempt                    */
	uint64_t ring_ms;	/**< first 18x to the end of ringing         */
};

/** Called on each change; `ev` is the leg's event or NULL (a timer). */
typedef void (attempt_h)(struct attempt *a, enum attempt_state state,
			 const struct leg_event *ev, void *arg);

/**
 * Dials. `timeout_ms` bounds the ringing; timer `first_response` the silence
 * before it. Never calls `h` from inside; UV_E* if nothing could be sent.
 */
int attempt_start(struct attempt **ap, struct engine *e,
		  const struct leg_dial *d, uint64_t timeout_ms,
		  attempt_h *h, void *arg);

/** How it stands, or ended. */
void attempt_result(const struct attempt *a, struct attempt_result *r);

/** AT_UP: hands the answered leg over; its listener is now the caller's. */
struct leg *attempt_take_leg(struct attempt *a, leg_h *h, void *arg);

/** Ends it in any state, with CANCEL or BYE as needed, and frees it. */
void attempt_close(struct attempt *a, const struct leg_reason *reason);

#endif
