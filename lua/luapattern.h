/**
 * @file luapattern.h  Lua's string patterns with counted steps
 *
 * The matcher of Lua's own library can be made to run for hours on a few
 * hundred bytes, and the instruction hook does not see it. This one counts
 * what it tries and charges it to the handler.
 */
#ifndef TANDEM_LUA_LUAPATTERN_H
#define TANDEM_LUA_LUAPATTERN_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define LUAPATTERN_CAPTURES 32

/** One element of a pattern. */
struct luapattern_node {
	unsigned char kind;
	unsigned char repeat;		/**< 0, or one of * + - ?            */
	unsigned char a, b;		/**< %bxy, %1                        */
	uint32_t set[8];		/**< bytes that match                */
};

struct luapattern {
	lua_State *L;
	const struct luapattern_node *nodes;
	unsigned count;
	bool anchored;
	const char *src, *end;		/**< the subject                     */
	uint64_t steps, steps_max;
	unsigned depth;
	unsigned level;			/**< captures begun                  */
	struct {
		const char *start;
		ptrdiff_t len;		/**< or CAPTURE_OPEN, _POSITION      */
	} captures[LUAPATTERN_CAPTURES];
};

/**
 * Parses `len` bytes of pattern into `m`; `room` nodes are at `nodes`, a
 * longer pattern's are put on the stack (one value is pushed in any case).
 * Raises for a malformed pattern.
 */
void luapattern_parse(struct luapattern *m, lua_State *L, const char *p,
		      size_t len, struct luapattern_node *nodes, size_t room);

/** Gives the subject. */
void luapattern_subject(struct luapattern *m, const char *s, size_t len);

/** Matches at `s` exactly: the end of the match, or NULL. */
const char *luapattern_match(struct luapattern *m, const char *s);

/** Charges the steps made so far; raises when the budget is spent. */
void luapattern_charge(struct luapattern *m);

/** Pushes capture `i`, or the whole match if there are none and `i` is 0. */
void luapattern_push(struct luapattern *m, unsigned i, const char *s,
		     const char *e);

/** Pushes all captures (the whole match if none and `s`); their number. */
int luapattern_push_all(struct luapattern *m, const char *s, const char *e);

#endif
