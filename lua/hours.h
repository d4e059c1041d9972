/**
 * @file hours.h  The word `open` of bot files: opening hours
 */
#ifndef TANDEM_LUA_HOURS_H
#define TANDEM_LUA_HOURS_H

#include <lua.h>

/** Opens it into the table on top of the stack. */
void hours_words(lua_State *L);

#endif
