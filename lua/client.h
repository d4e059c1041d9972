/**
 * @file client.h  What is kept of callers over their calls: call.client
 */
#ifndef TANDEM_LUA_CLIENT_H
#define TANDEM_LUA_CLIENT_H

#include <jansson.h>
#include <stddef.h>

struct client_store *client_store_new(size_t callers);
void client_store_free(struct client_store *st);
/** What is kept of a caller: a new reference to an object, or NULL. */
json_t *client_get(struct client_store *st, const char *bot,
		   const char *number);
/** Writes the keys that differ between `was` and `is`. */
void client_merge(struct client_store *st, const char *bot,
		  const char *number, const json_t *was, const json_t *is);

#endif
