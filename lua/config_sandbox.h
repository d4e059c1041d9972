/**
 * @file config_sandbox.h  The Lua state that a config file runs in
 *
 * No io, os, require, load, debug, metatables or coroutines; bounded in
 * instructions, library functions included, and in memory. It runs once, at
 * start, before there is a call that could suffer.
 */
#ifndef TANDEM_CONFIG_SANDBOX_H
#define TANDEM_CONFIG_SANDBOX_H

#include <lua.h>
#include <stddef.h>
#include <stdint.h>

struct config_sandbox {
	lua_State *L;
	int64_t left;		/**< instructions                            */
	size_t bytes;		/**< allocated now                           */
	const char *what;	/**< runs in it: "config"                    */
};

/** 0 or UV_ENOMEM; with its hook and allocator set, nothing in it yet. */
int config_sandbox_open(struct config_sandbox *sb);
void config_sandbox_close(struct config_sandbox *sb);

/** Pushes the globals of a config file. Raises. */
void config_sandbox_env(lua_State *L);

#endif
