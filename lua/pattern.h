/**
 * @file pattern.h  What a state's `q` matches
 *
 * A pattern matches a whole utterance, without case and punctuation: words,
 * `*` (any text, also none), `stem*`, `[optional]`, `(a|b)` or `(a/b)`,
 * `{any order}`, `$Name` (one of the bot's own patterns); or it is a
 * `$regex<...>` on the raw query. Time is linear in the length of the query
 * for a given pattern: no back-tracking, no back-references. What it costs is
 * taken from the utterance's budget.
 */
#ifndef TANDEM_PATTERN_H
#define TANDEM_PATTERN_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pattern;
struct pattern_names;
struct utterance;

/** How well a pattern matched; compared by match_better(). */
struct match {
	unsigned literals;	/**< literal words of the pattern used     */
	size_t wild;		/**< bytes of the utterance under `*`      */
};

#define PATTERN_SOURCE_MAX 4096
#define PATTERN_STATES_MAX 16384

/** One word that an utterance must have so that a pattern can match. */
struct pattern_key {
	uint32_t hash;
	bool stem;		/**< it only begins with this              */
	unsigned len;		/**< bytes of the word, or stem            */
	unsigned set;		/**< of each set one word must be there    */
};

/**
 * Compiles; NULL and one line in `err` (what is wrong and where). Bounded in
 * size: a pattern too large is refused. `names` (may be NULL) are what $Name
 * can be, and outlive the pattern; where one of them is known to be wrong
 * itself, `err` is empty.
 */
struct pattern *pattern_compile_with(const struct pattern_names *names,
				     const char *source, char *err,
				     size_t size);
struct pattern *pattern_compile(const char *source, char *err, size_t size);
void pattern_free(struct pattern *p);

/** Whether it is a `$regex`. */
bool pattern_is_regex(const struct pattern *p);
/** What it cost to compile, in steps. */
size_t pattern_size(const struct pattern *p);
/** Words that must be there, in sets from 0 on; `*n` 0: any text may do. */
const struct pattern_key *pattern_keys(const struct pattern *p, size_t *n);

/** Hash of a folded word: pattern_hash(pattern_hash(0, "a"), "b") is that of
 * "ab". */
uint32_t pattern_hash(uint32_t hash, const char *s, size_t len);

/** Prepares a query: raw text and its words in lower case (UTF-8: ASCII and
 * Latin, Greek, Cyrillic letters by towlower-like simple folding; bytes that
 * are no UTF-8 stand for themselves). NULL: no memory. */
struct utterance *utterance_new(const char *text, size_t len);
void utterance_free(struct utterance *u);
size_t utterance_words(const struct utterance *u);
const char *utterance_word(const struct utterance *u, size_t i, size_t *len);

/** How many steps matching it may take in all; without this, any number. */
void utterance_budget(struct utterance *u, uint64_t steps);
/** Takes steps; false: none are left, and nothing matches any more. */
bool utterance_take(struct utterance *u, size_t steps);
/** Steps taken so far. */
uint64_t utterance_used(const struct utterance *u);
bool utterance_spent(const struct utterance *u);

/** Whether `p` matches the whole of `u`; `*m` is then the best score. */
bool pattern_match(const struct pattern *p, struct utterance *u,
		   struct match *m);

/**
 * What the named parts of `p` matched, in the way of the best score: an object
 * with each name's { text, further names inside it, also = [the same again] }.
 * NULL: it has none, does not match, the budget is spent, or no memory.
 */
json_t *pattern_tree(const struct pattern *p, struct utterance *u);

/** More literal words, then less text under `*`. */
bool match_better(const struct match *a, const struct match *b);

#endif
