/**
 * @file reply.h  From what a handler says to actions
 */
#ifndef TANDEM_LUA_REPLY_H
#define TANDEM_LUA_REPLY_H

#include <lua.h>
#include <stdbool.h>

#include "core/action.h"

struct run;
struct session_lua;

/** Adds the value on top of the stack (string, reaction or table); pops. */
void replies_add(lua_State *L, struct run *run);
/** Registers what call.response is made of; in a protected call. */
void replies_open(lua_State *L);
/** call.response: pushes it. */
void replies_response(lua_State *L, struct run *run);
/** Validates all, then asks for all; a wait may not follow a switch.
 * Raises. */
void replies_send(lua_State *L, struct run *run, bool wait);
/** Asks the engine for `a`, which it takes: 0, or a negative UV_E* and a
 * message. What may be dropped is logged by the caller. */
int session_act(struct session_lua *s, struct action *a,
		struct action_error *err);

#endif
