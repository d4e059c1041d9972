/**
 * @file test.h  Tests of bots, written in Lua beside them
 *
 * A file NAME_test.lua calls test(name, function) for each of its tests. They
 * run in a state of their own, in a sandbox, and reach the bot as its customer
 * and its agents do: through a play (core/play).
 */
#ifndef TANDEM_LUA_TEST_H
#define TANDEM_LUA_TEST_H

#include <stdbool.h>
#include <stddef.h>

struct play;
struct problems;
struct test_file;

/** How one run of a test went; free with test_result_free(). */
struct test_result {
	char *message;		/**< NULL: as the test wants it            */
	char *at;		/**< "file:line" of what failed            */
	char *trace;		/**< the lines that led there, "" or lines */
	bool errors;		/**< it has expected a scriptError         */
};

struct test_run {
	size_t index;
	struct play *play;
	/** Peers misbehave: what is expected is waited for, and may fail. */
	bool hostile;
};

/** Reads a file and what tests it has; NULL with its problems in `p`. */
struct test_file *test_file_open(const char *path, struct problems *p);
void test_file_free(struct test_file *f);

const char *test_file_path(const struct test_file *f);
/** The bot's file: NAME.lua, or what bot "file.lua" says. */
const char *test_file_bot(const struct test_file *f);
size_t test_count(const struct test_file *f);
const char *test_name(const struct test_file *f, size_t i);
int test_line(const struct test_file *f, size_t i);

/** Runs one test on a play that nothing has happened in yet. */
void test_run(const struct test_file *f, const struct test_run *run,
	      struct test_result *r);
void test_result_free(struct test_result *r);

#endif
