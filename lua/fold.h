/**
 * @file fold.h  Characters and words, for matching what people say and type
 *
 * Text is UTF-8; a byte that is none stands for itself. Words are runs of
 * letters and digits in lower case. An apostrophe inside a word is left out
 * (`don't` is `dont`), every other mark parts words (`e-mail` is `e mail`).
 */
#ifndef TANDEM_FOLD_H
#define TANDEM_FOLD_H

#include <stddef.h>
#include <stdint.h>

/** Code of a byte that is no UTF-8: behind the last real character. */
#define CHAR_BYTE 0x110000u
#define CHAR_LAST (CHAR_BYTE + 255)

/** Reads a character of `s` (`len` > 0); returns its bytes, at least 1. */
size_t char_read(const char *s, size_t len, uint32_t *c);

/** Writes a character, at most 4 bytes; returns how many. */
size_t char_write(char *out, uint32_t c);

/** Lower case of one character: Latin, Greek, Cyrillic. Its UTF-8 is never
 * longer than that of the original. */
uint32_t char_lower(uint32_t c);

/** Where a word stands in its text, as it is written. */
struct word_place {
	size_t at, len;
};

/**
 * Reads the next word of `s` from `*at` on, and moves `*at` behind it. Writes
 * it folded to `out` (never more than what was read), and where it stands to
 * `*place`; returns the length written, 0: no further word.
 */
size_t word_read(const char *s, size_t len, size_t *at, char *out,
		 struct word_place *place);

#endif
