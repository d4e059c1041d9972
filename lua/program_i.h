/**
 * @file program_i.h  What the parts of building a program share
 */
#ifndef TANDEM_LUA_PROGRAM_I_H
#define TANDEM_LUA_PROGRAM_I_H

#include <lua.h>

struct program;
struct program_source;
struct scan_table;

/** The table at `idx` may be what a module has returned: then it stands there,
 * and is read by the scan of that file; else nothing changes. */
void program_scan(lua_State *L, const struct program_source *from, int idx,
		  const char **file, const struct scan_table **scan);

/** Reads the key `patterns` of the bot's table at `idx`; may raise. */
void program_patterns(lua_State *L, struct program *prog,
		      const struct program_source *from, int idx);

#endif
