/**
 * @file program_i.h  What the parts of building a program share
 */
#ifndef TANDEM_LUA_PROGRAM_I_H
#define TANDEM_LUA_PROGRAM_I_H

#include <lua.h>

struct problems;
struct program;
struct program_source;
struct scan_table;
struct state;

struct build {
	lua_State *L;
	struct program *prog;
	const struct program_source *from;
	struct problems *p;
};

/** The table at `idx` may be what a module has returned: then it stands there,
 * and is read by the scan of that file; else nothing changes. */
void program_scan(lua_State *L, const struct program_source *from, int idx,
		  const char **file, const struct scan_table **scan);

/** Number of items of the list on top, from 1 on; `what` has a hole, or `is`
 * no list, where that is so. */
lua_Integer program_list(struct build *b, const struct state *st, int line,
			 const char *what, const char *is);

/** Reads the key `patterns` of the bot's table at `idx`; may raise. */
void program_patterns(struct build *b, int idx);

/** The key `intents` likewise, once all states have been read and sorted, and
 * gives each trigger the number of its intent. */
void program_intents(struct build *b, int idx);

#endif
