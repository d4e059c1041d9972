/**
 * @file sandbox.h  The environment a bot runs in
 */
#ifndef TANDEM_LUA_SANDBOX_H
#define TANDEM_LUA_SANDBOX_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

/** Values that one function may return: the stack is bounded. */
#define RESULTS_MAX 4000

/** Builds the environment and leaves it on the stack. Raises. */
void sandbox_open(lua_State *L);
/** Makes the library table on top of the stack read-only: replaces it. */
void sandbox_seal(lua_State *L);
bool sandbox_is_sealed(lua_State *L, int idx);
void strings_open(lua_State *L);
void tables_open(lua_State *L);
void coroutines_open(lua_State *L);
int l_require(lua_State *L);
/** Message handler: the message with its place, kept with a traceback. */
int l_message(lua_State *L);
/** Whether a message begins with "file:line:". */
bool message_has_place(const char *s);

/** A C function that charges by the size of its arguments and results. */
void sandbox_sized(lua_State *L, lua_CFunction f);
/** The same for f(s, i, j), which returns a value for each place. */
void sandbox_spanned(lua_State *L, lua_CFunction f);

#endif
