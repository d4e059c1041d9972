/**
 * @file check.h  What `tandem check` finds in a bot that can be loaded
 *
 * Loading refuses what is wrong; these look for what is most probably not
 * meant. They would rather say nothing than say it of a good bot: what a
 * program computes is taken to be right.
 */
#ifndef TANDEM_LUA_CHECK_H
#define TANDEM_LUA_CHECK_H

#include <stdbool.h>

#include "core/problem.h"

struct bot;
struct config;
struct program;
struct source;
struct source_tables;
struct state;

struct check {
	const struct program *prog;	/**< with its scans still there      */
	const struct bot *bot;
	const struct config *config;
	struct problems *p;
	const struct source *src;	/**< read now, or NULL               */
	const struct source_tables *tables;	/**< of it                   */
};

/** Runs all of them. */
void check_bot(struct check *c);

/** State that this line of a source stands in, or NULL. */
const struct state *check_state_at(const struct check *c, const char *file,
				   int line);

/** Tells of something in the source that is read now. */
void check_tell(const struct check *c, bool warning, int line,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** Tells of something in a state. */
void check_warn(const struct check *c, const struct state *st, int line,
		const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/* The checks, each in a file of its own. */

/** States that nothing leads to. */
void check_reach(struct check *c);
/** Triggers that another one always comes before, misspelled events. */
void check_triggers(struct check *c);
/** Switches of the source: fields, headers, timeouts, channels, receivers. */
void check_switches(struct check *c);
/** Files that the source plays. */
void check_files(struct check *c);
/** Paths and patterns that functions of the source write out. */
void check_words(struct check *c);
/** Names that the source reads and does not declare. */
void check_globals(struct check *c);

#endif
