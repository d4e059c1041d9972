/**
 * @file pattern_names.h  The patterns that a bot gives names to
 *
 * All are added, then each is checked, then patterns may use them as $Name.
 */
#ifndef TANDEM_PATTERN_NAMES_H
#define TANDEM_PATTERN_NAMES_H

#include <stdbool.h>
#include <stddef.h>

struct pattern_names;
struct pattern_tree;

#define PATTERN_NAMES_MAX 10000

struct pattern_names *pattern_names_new(void);
void pattern_names_free(struct pattern_names *names);

/** Adds one: 0, or -1 and one line in `err` that says what is wrong. */
int pattern_names_add(struct pattern_names *names, const char *name,
		      const char *source, char *err, size_t size);
/** After all have been added: 0, or -1 where it uses a name that there is not,
 * or itself; `err` may be empty: it was said of another one. */
int pattern_names_check(struct pattern_names *names, const char *name,
			char *err, size_t size);

/* For the compiler. */

/** Number of a name, or -1. */
int pattern_names_find(const struct pattern_names *names, const char *name,
		       size_t len);
const char *pattern_names_get(const struct pattern_names *names, int i);
/** What it stands for, or NULL: it is wrong. */
const struct pattern_tree *pattern_names_tree(
	const struct pattern_names *names, int i);
/** The nearest name to one that there is not, or NULL. */
const char *pattern_names_nearest(const struct pattern_names *names,
				  const char *name, size_t len);

#endif
