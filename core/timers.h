/**
 * @file timers.h  Every named timer of the engine: one table
 *
 * A row is a name, a default and what it guards. The names are keys of the
 * config's `timers`, are printed by `tandem timers`, and stand in the log
 * when one fires.
 */
#ifndef TANDEM_TIMERS_H
#define TANDEM_TIMERS_H

#include <stdbool.h>
#include <stdint.h>

enum timer_id {
	TIMER_T1,
	TIMER_T1X64,
	TIMER_AGENT,
	TIMER_TRANSFER,
	TIMER_REFER_RESPONSE,
	TIMER_REFER_OUTCOME,
	TIMER_REFER_FINAL,
	TIMER_REFER_BYE,
	TIMER_REFER_GRACE,
	TIMER_REFER_QUICK,
	TIMER_FIRST_RESPONSE,
	TIMER_JOIN,
	TIMER_UNHOLD,
	TIMER_RINGING,
	TIMER_AFTER_HANGUP,
	TIMER_SESSION_EXPIRES,
	TIMER_DRAIN,
	TIMER_CLIENT,
	TIMER_HTTP,
	TIMER_REQUEST,
	TIMERS
};

struct timer_row {
	const char *name;
	uint64_t ms;		/**< default                               */
	bool built;		/**< false: setting it is refused for now  */
	const char *guards;	/**< one line for `tandem timers`          */
};

extern const struct timer_row timer_table[TIMERS];

/** Row number of `name`, or -1. */
int timer_find(const char *name);

/** Fills `ms` with the defaults. */
void timers_default(uint64_t ms[TIMERS]);

#endif
