/**
 * @file test_i.h  Inside of a test's Lua state
 */
#ifndef TANDEM_LUA_TEST_I_H
#define TANDEM_LUA_TEST_I_H

#include <jansson.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdbool.h>
#include <stdint.h>

#include "core/play/play.h"
#include "lua/config_sandbox.h"
#include "lua/shard.h"

struct test_row {
	char *name;
	int line;
};

/** A state with a test file in it. The head makes it look like a shard with
 * nobody in it, which is all that plain.c wants to know. */
struct tester {
	struct shard head;
	struct config_sandbox sandbox;
	const struct test_file *file;
	struct test_row *rows;
	size_t count;
	char *bot;
	const char *wanted;		/**< name of the test to keep, or NULL */
	int function;			/**< registry: it                     */

	struct play *play;		/**< NULL: no test runs              */
	bool hostile;
	bool calls_made;
	bool errors_expected;
	bool reject_taken;
	char *message, *at, *trace;
};

struct tester *tester_of(lua_State *L);
/** The running test's play; raises outside of one. */
struct play *test_play(lua_State *L, const char *verb);

/** Raises without a place: the handler finds it. */
int test_fail(lua_State *L, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));
/** Raises what one part of a text says too much or wrongly. */
void test_open_words(lua_State *L, const char *name, const luaL_Reg *verbs);

/** Field `key` of the options at `idx` as ms; `otherwise` if it is absent. */
uint64_t test_duration(lua_State *L, int idx, const char *key,
		       uint64_t otherwise);
uint64_t test_duration_at(lua_State *L, int idx);
/** Raises for a key that is none of `keys` (NULL-terminated). */
void test_check_keys(lua_State *L, int idx, const char *const *keys);
/** Value at `idx` as JSON; raises. */
json_t *test_json(lua_State *L, int idx, const char *name);

/** expect.c, people.c: their words into the table on top. */
void test_open_expect(lua_State *L);
void test_open_people(lua_State *L);

/** An expectation waits so long, in ms of the call's time. */
#define WITHIN (10 * 60 * 1000)

/** Raises if the bot had an error that nobody expects. */
void expect_no_errors(lua_State *L, struct tester *t);
/** Goes on a little; false: nothing more comes until `until`. */
bool expect_goes_on(lua_State *L, struct tester *t, uint64_t until);
/** How long it was waited, and where the bot is, in `buf`. */
const char *expect_since(const struct play *p, uint64_t from, char *buf,
			 size_t size);

/** Raises unless all of `want` is in `is`; both are given up. */
int expect_same(lua_State *L, const char *what, json_t *want, json_t *is);

/* outside.c */
int expect_asks(lua_State *L);
void test_open_outside(lua_State *L);

/* outcome.c */
int expect_client(lua_State *L);
int expect_dials(lua_State *L);
int expect_session(lua_State *L);
int expect_transfer(lua_State *L);

/** What is wrong at the end of a test, or NULL, in `buf`. */
const char *test_leftover(struct tester *t, char *buf, size_t size);

#endif
