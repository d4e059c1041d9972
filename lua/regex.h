/**
 * @file regex.h  Regular expressions in linear time
 *
 * A Thompson automaton, run over all its states at once: a match costs at
 * most the length of the text times the size of the program, whatever the
 * expression. There are no back-references and no look-around.
 *
 * Syntax: `.` classes `[a-z\d]`, `\d \w \s` and their opposites, `\b \B ^ $`,
 * groups `( )` and `(?: )`, `|`, `* + ? {m} {m,} {m,n}` (a `?` behind them
 * changes nothing in a match of the whole), `\n \r \t \f \v \xHH \uHHHH`, and
 * `(?i)` at the start: ASCII letters of either case.
 */
#ifndef TANDEM_REGEX_H
#define TANDEM_REGEX_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct regex;

/** Compiles; NULL and one line in `err`. Bounded in size. */
struct regex *regex_compile(const char *src, size_t len, char *err,
			    size_t size);
void regex_free(struct regex *re);

/**
 * Whether it matches the whole text. `*left` (may be NULL) are the states it
 * may still visit; it is lowered by those it has, and below zero there is no
 * match any more. Not for two threads at once.
 */
bool regex_match(const struct regex *re, const char *text, size_t len,
		 int64_t *left);

#endif
