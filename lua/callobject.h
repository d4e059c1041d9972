/**
 * @file callobject.h  `call`, its dialer and its verbs, as a handler sees them
 */
#ifndef TANDEM_LUA_CALLOBJECT_H
#define TANDEM_LUA_CALLOBJECT_H

#include <lua.h>
#include <stdint.h>

struct bot_call;
struct run;
struct session_lua;

enum call_value {
	CV_REQUEST = 1, CV_RESPONSE, CV_REPLIES, CV_TEMP, CV_CLIENT, CV_DIALER,
	CV_PARSE_TREE,
	CV_BUILT, CV_COUNT = CV_BUILT
};

struct call_ref { uint64_t serial; };

/** Registers metatables; in a protected call. */
void call_open(lua_State *L);
void dialer_open(lua_State *L);
/** Pushes the call object of `run` into its slot and on the stack. */
void callobject_new(lua_State *L, struct run *run);
/** The run of the call object at `idx`; raises if it is not its handler. */
struct run *call_check(lua_State *L, int idx);
/** Pushes the current run's call object. */
void call_push(lua_State *L, struct run *run);
void call_push_headers(lua_State *L, const struct bot_call *call);
void dialer_push(lua_State *L, int call);
void dialer_push_status(lua_State *L, const struct session_lua *s);
void dialer_push_details(lua_State *L, const struct session_lua *s);

int l_call_answer(lua_State *L);
int l_call_http(lua_State *L);
int l_call_listen(lua_State *L);
int l_call_play(lua_State *L);
int l_call_reject(lua_State *L);
int l_call_request(lua_State *L);
int l_call_say(lua_State *L);
int l_call_sleep(lua_State *L);
int l_call_transfer(lua_State *L);
int l_log(lua_State *L);

#endif
