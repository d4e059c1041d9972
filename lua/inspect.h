/**
 * @file inspect.h  What a session keeps, for tests of bots and `tandem chat`
 */
#ifndef TANDEM_LUA_INSPECT_H
#define TANDEM_LUA_INSPECT_H

#include <jansson.h>

struct session;

json_t *session_inspect(struct session *base);

#endif
