/**
 * @file cmd_test.h  Parts of `tandem test`
 */
#ifndef TANDEM_CMD_TEST_H
#define TANDEM_CMD_TEST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct coverage;
struct play;
struct test_file;

/** Paths of test files, in order. */
struct paths {
	char **list;
	size_t count;
};

/** Adds a file, or every NAME_test.lua below a folder; 0 or a UV_E*. */
int paths_add(struct paths *ps, const char *path);
void paths_free(struct paths *ps);

/** How one test went; what was wrong is kept as text. */
struct verdict {
	bool ok;
	char *message, *at, *trace;
	char *happened;		/**< its ladder, a line for each note      */
	char *extra;		/**< more lines of YAML, or NULL           */
};

/** From now on every run is covered by `c`; NULL: no more. */
void test_cover(struct coverage *c);

/** Prints what was reached and what was not, as comments of TAP. */
void print_coverage(struct coverage *c);

/** One test, once, with peers who behave. */
void test_plain(const struct test_file *f, size_t i, uint64_t seed,
		struct verdict *v);

/** One test against `n` seeds from `first` on, until one fails. */
void test_hostile(const struct test_file *f, size_t i, uint64_t first,
		  uint64_t n, struct verdict *v);
void verdict_free(struct verdict *v);

/** What has happened in a play, as indented lines; the caller's to free. */
char *play_ladder(struct play *p);

/** Prints `s` as a quoted YAML scalar on one line. */
void print_quoted(const char *s);

#endif
