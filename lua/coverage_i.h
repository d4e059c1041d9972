/**
 * @file coverage_i.h  Where the interpreter tells what it reaches
 *
 * All do nothing at once where no coverage is wanted.
 */
#ifndef TANDEM_LUA_COVERAGE_I_H
#define TANDEM_LUA_COVERAGE_I_H

#include <lua.h>

#include "coverage.h"
#include "shard.h"

struct state;

/** Loading: state `st`; item `i` of the frozen list at `list`; the function
 * at `idx`, all of whose lines stand in state `path`. */
void cover_state(struct shard *sh, const struct state *st);
void cover_item(lua_State *L, int list, lua_Integer i, const char *file,
		int line, const char *path);
void cover_function(lua_State *L, int idx, const char *path);

/** Running. */
void cover_enter(struct shard *sh, const struct state *st);
void cover_run(lua_State *L, int list, lua_Integer i);
void cover_line(lua_State *L, lua_Debug *ar);

static inline struct coverage *cover_of(const struct shard *sh)
{
	return sh->bot && sh->bot->sc ? sh->bot->sc->coverage : NULL;
}

#endif
