/**
 * @file ear.h  What a session waits for between its handlers
 *
 * Keys that belong together (`dtmf`), a state for who stays silent
 * (`timeout`), or simply any sign of the customer (no input). Each begins
 * when what was said before is over: a MARK that the engine hands back says
 * so.
 */
#ifndef TANDEM_LUA_EAR_H
#define TANDEM_LUA_EAR_H

#include <stdbool.h>
#include <stdint.h>

#include "core/action.h"

struct ear;
struct input;
struct session_lua;
struct state;

#define NO_INPUT_DEFAULT 5000	/* ms */
#define NO_INPUT_MIN 1000
#define NO_INPUT_MAX 20000

/** Frees it; NULL is allowed. */
void ear_free(struct ear *e);
/** Waits for nothing any more. */
void ear_stop(struct session_lua *s);
/** Silence of `ms` is told in this call from now on. 0 or UV_ENOMEM. */
int ear_watch(struct session_lua *s, uint64_t ms);

/** Begins what a DTMF or TIMEOUT asks for; takes `a`. 0, or as act(). */
int ear_take(struct session_lua *s, struct action *a, struct state *silent,
	     struct action_error *err);

/** A ticket came back: is it one of ours? */
bool ear_said(struct session_lua *s, uint64_t ticket, bool interrupted);

/** A query is to be handled; false: it is a key that is kept for later, or
 * what is not listened to, and `in` is freed. */
bool ear_query(struct session_lua *s, struct input *in);

/** A timer's input is to be handled, which it makes a query or an event;
 * false: it comes too late, and is freed. */
bool ear_tick(struct session_lua *s, struct input *in);

/** A handler begins; nothing is left to do. */
void ear_busy(struct session_lua *s);
void ear_idle(struct session_lua *s);

/** How long silence may last, in ms. */
uint64_t ear_no_input(const struct session_lua *s);

#endif
