/**
 * @file verbs.h  What every verb of `call` that waits is made of
 */
#ifndef TANDEM_LUA_VERBS_H
#define TANDEM_LUA_VERBS_H

#include <lua.h>

#include "session.h"

/** Raises unless the handler itself called us, with nothing in between that
 * cannot be left and entered again. */
void verb_check_wait(lua_State *L, const struct run *run);
/** Leaves the handler until session_wake(); `k` goes on. */
int verb_wait(lua_State *L, struct run *run, enum wait what, lua_KFunction k);
/** nil and a reason. */
int verb_refused(lua_State *L, const char *reason);

#endif
