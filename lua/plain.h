/**
 * @file plain.h  Plain data between Lua and JSON
 */
#ifndef TANDEM_LUA_PLAIN_H
#define TANDEM_LUA_PLAIN_H

#include <jansson.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

struct plain_options {
	size_t bytes;		/**< bound of strings and tables         */
	bool text;		/**< for people: what is not plain is named,
				     strings are made UTF-8              */
};

/** Value at `idx` as JSON, or NULL and one line in `err`. Never raises. */
json_t *plain_json(lua_State *L, int idx, const struct plain_options *o,
		   const char *name, char *err, size_t size);
/** Checks without making anything: 0, or -1 and a line in `err`. */
int plain_check(lua_State *L, int idx, size_t bytes, const char *name,
		char *err, size_t size);
/** Pushes a JSON value. Raises for want of memory. */
void plain_push(lua_State *L, const json_t *v);

/** Makes the table on top of the stack call `f` when it is called itself; it
 * is plain data still. */
void plain_callable(lua_State *L);
void plain_callable_open(lua_State *L, lua_CFunction f);

#endif
