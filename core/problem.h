/**
 * @file problem.h  Mistakes found in a file, each with its place
 *
 * Loading a config or a bot collects every problem instead of stopping at the
 * first. Printed as `file:line: text`.
 */
#ifndef TANDEM_PROBLEM_H
#define TANDEM_PROBLEM_H

#include <stdbool.h>
#include <stddef.h>

struct problem {
	char *file;
	int line;		/**< 0: unknown, then printed as `file: text` */
	bool warning;		/**< told, but does not refuse the file       */
	char *text;
};

struct problems {
	struct problem *list;
	size_t count;
	size_t errors;		/**< of them, those that refuse the file      */
};

/** Adds an error; at most 100 are kept, all are counted. */
void problem_add(struct problems *p, const char *file, int line,
		 const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** Adds a warning, printed with `warning: ` before its text. */
void problem_warn(struct problems *p, const char *file, int line,
		  const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** Writes the i-th as `file:line: text` into `buf`; returns `buf`. */
const char *problem_text(const struct problems *p, size_t i, char *buf,
			 size_t size);

void problems_free(struct problems *p);

/**
 * The word of `words` (NULL-terminated) nearest to `word` by edit distance,
 * or NULL if none is near enough to be meant.
 */
const char *nearest_word(const char *word, const char *const *words);

#endif
