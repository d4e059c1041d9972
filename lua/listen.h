/**
 * @file listen.h  call:listen: a handler waits for what the customer says
 */
#ifndef TANDEM_LUA_LISTEN_H
#define TANDEM_LUA_LISTEN_H

#include <lua.h>
#include <stdbool.h>

struct input;
struct run;

/** Registers what it keeps while it waits; in a protected call. */
void listen_open(lua_State *L);
/** What was said before is over: silence counts from now. */
void listen_begin(struct run *run, bool interrupted);
/** A query comes to a handler that listens; borrowed. */
void listen_hear(struct run *run, const struct input *in);

#endif
