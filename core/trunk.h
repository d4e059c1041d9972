/**
 * @file trunk.h  Whether calls are sent over a trunk just now
 *
 * A trunk that says it is overloaded is left alone for a while, instead of
 * being asked again by every call (case I8).
 */
#ifndef TANDEM_TRUNK_H
#define TANDEM_TRUNK_H

#include <stdbool.h>
#include <stdint.h>

struct trunk;

/** Part of struct trunk; kept by the functions below. */
struct trunk_state {
	uint64_t rests_until;	/**< loop_now(); 0: it does not rest      */
	unsigned unavailable;	/**< 503s in a row                        */
};

/** `now` is loop_now(). NULL never rests. */
bool trunk_rests(const struct trunk *t, uint64_t now);

/** It has given any other answer than 503. NULL is allowed. */
void trunk_answers(const struct trunk *t);

/** It has answered 503; `retry_after` in seconds, 0 if it named none. */
void trunk_unavailable(const struct trunk *t, uint64_t now, int retry_after);

#endif
