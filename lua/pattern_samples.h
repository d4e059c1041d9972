/**
 * @file pattern_samples.h  Texts that a pattern is made for
 *
 * Every way through its alternatives and options, with nothing and with one
 * strange word for each `*`. A pattern of more than a few ways, or with more
 * than words, stems, `*`, `[ ]`, `( | )` in it, has none.
 */
#ifndef TANDEM_LUA_PATTERN_SAMPLES_H
#define TANDEM_LUA_PATTERN_SAMPLES_H

#include <stdbool.h>
#include <stddef.h>

#define SAMPLES_MAX 64
#define SAMPLE_BYTES 256

struct samples {
	char (*text)[SAMPLE_BYTES];
	size_t count;
};

/** False: none. */
bool samples_of(struct samples *s, const char *pattern);
void samples_free(struct samples *s);

#endif
