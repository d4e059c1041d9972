/**
 * @file schedules.h  A property over random schedules, shortened if it fails
 *
 * A schedule is what a seed makes of it: some steps, the same at each run. It
 * runs in a child process, so that an assertion or a crash ends that alone;
 * then steps are left out as long as it still fails, and what remains is
 * printed. TANDEM_SEED=n plays one schedule, with TANDEM_STEPS=1,5,9 only these
 * of its steps; TANDEM_SCHEDULES=n plays n of them.
 */
#ifndef TANDEM_TEST_SCHEDULES_H
#define TANDEM_TEST_SCHEDULES_H

#include <stdbool.h>
#include <stdint.h>

struct property {
	const char *name;
	unsigned steps;		/**< at most, of one schedule             */
	void (*begin)(void);	/**< before the first schedule; or NULL   */
	void (*end)(void);	/**< after the last; or NULL              */
	/**
	 * Plays a schedule without the steps that are `left_out`, and asserts
	 * the property. If `trace` is set it prints each step. Returns how
	 * often what the property is about has happened.
	 */
	unsigned (*play)(uint64_t seed, const bool *left_out, bool trace);
};

/** Plays `n` schedules, or what the environment says: an exit status. */
int property_run(const struct property *p, uint64_t n);

/**
 * Leaves out steps of a schedule that fails as long as it does. Returns how
 * many remain, or -1 if it does not fail at all.
 */
int property_shorten(const struct property *p, uint64_t seed, bool *left_out);

/** The random numbers of a schedule: 0 to n - 1; they depend on `*s` alone. */
uint64_t schedule_roll(uint64_t *s, uint64_t n);
uint64_t schedule_start(uint64_t seed);

#endif
