/**
 * @file scripting.h  Scripting by Lua 5.4: the way in to lua/
 */
#ifndef TANDEM_SCRIPTING_H
#define TANDEM_SCRIPTING_H

#include <jansson.h>

#include "core/bot.h"

struct loop;
struct config_lines;
struct reach;

/** The scripting side on `loop`'s clock; NULL: no memory. */
struct scripting *lua_scripting_open(struct loop *loop,
				     const struct bot_limits *limits);

/** What its bots reach outside their calls; copied, what it points to is
 * borrowed. Before the first session; without it call.client is kept in memory
 * and nobody is
 * reached outside. */
void lua_scripting_reach(struct scripting *sc, const struct reach *r);

/**
 * Runs a config file in its sandbox and returns the table it returned as a
 * plain tree, or NULL with the problems in `p`. `*lines` (free with
 * config_lines_free()) knows the line of each key.
 */
json_t *lua_config_read(const char *path, struct config_lines **lines,
			struct problems *p);

/** A config_line_h: line of "trunks.office.uri", or of the nearest table
 * around it, or 0. */
int config_lines_find(void *lines, const char *path);
void config_lines_free(struct config_lines *lines);

#endif
