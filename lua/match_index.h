/**
 * @file match_index.h  Which of a bot's patterns a query can match at all
 *
 * Most patterns need certain words. By the rarest of these each stands in an
 * index, so that a query is held against the few patterns whose word it has,
 * and against those that need none, instead of against all of the bot.
 */
#ifndef TANDEM_LUA_MATCH_INDEX_H
#define TANDEM_LUA_MATCH_INDEX_H

#include <stddef.h>
#include <stdint.h>

struct match_index;
struct program;
struct state;
struct trigger;
struct utterance;

struct match_entry {
	struct state *state;
	const struct trigger *trigger;
};

/** Of all `q` of a program, which outlives it. NULL: no memory. */
struct match_index *match_index_new(const struct program *prog);
void match_index_free(struct match_index *ix);

/** All triggers by an intent that has phrases, likewise. */
const struct match_entry *match_index_intents(const struct match_index *ix,
					      size_t *n);

/**
 * Candidates for an utterance, in the order of their states' paths; the list
 * is good until the next call. What it costs is taken from the utterance's
 * budget.
 */
const struct match_entry *const *match_index_find(struct match_index *ix,
						  struct utterance *u,
						  size_t *n);

#endif
