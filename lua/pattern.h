/**
 * @file pattern.h  What a state's `q` matches
 *
 * A pattern matches a whole utterance, without case and punctuation: words,
 * `*` (any text, also none), `[optional]`, `(a|b)` or `(a/b)`; or it is a
 * `$regex<...>` on the raw query. Time is linear in the length of the query
 * for a given pattern: no back-tracking, no back-references.
 */
#ifndef TANDEM_PATTERN_H
#define TANDEM_PATTERN_H

#include <stdbool.h>
#include <stddef.h>

struct pattern;
struct utterance;

/** How well a pattern matched; compared by match_better(). */
struct match {
	unsigned literals;	/**< literal words of the pattern used     */
	size_t wild;		/**< bytes of the utterance under `*`      */
};

#define PATTERN_SOURCE_MAX 4096

/**
 * Compiles; NULL and one line in `err` (what is wrong and where, or which
 * part of the syntax this version does not have yet: `stem*`, `{any order}`,
 * `$Name`). Bounded in size: a pattern too large is refused.
 */
struct pattern *pattern_compile(const char *source, char *err, size_t size);
void pattern_free(struct pattern *p);

/** Whether it is a `$regex`. */
bool pattern_is_regex(const struct pattern *p);

/** Prepares a query: raw text and its words in lower case (UTF-8: ASCII and
 * Latin, Greek, Cyrillic letters by towlower-like simple folding; bytes that
 * are no UTF-8 stand for themselves). NULL: no memory. */
struct utterance *utterance_new(const char *text, size_t len);
void utterance_free(struct utterance *u);

/** Whether `p` matches the whole of `u`; `*m` is then the best score. */
bool pattern_match(const struct pattern *p, const struct utterance *u,
		   struct match *m);

/** More literal words, then less text under `*`. */
bool match_better(const struct match *a, const struct match *b);

#endif
