/**
 * @file queue.h  What a session has still to handle
 */
#ifndef TANDEM_LUA_QUEUE_H
#define TANDEM_LUA_QUEUE_H

#include <jansson.h>

struct input;
struct session_lua;

/** An event; NULL: no memory. A reference to `data` is taken. */
struct input *queue_event_new(const char *name, json_t *data);

/* All of these take `in`, and wake the session. */
/** Before all else. */
void queue_front(struct session_lua *s, struct input *in);
/** Behind all else, however many there are. */
void queue_append(struct session_lua *s, struct input *in);
/** The same, or it is dropped, with a line that names it: there are too many.
 * NULL: there was no memory for it. */
void queue_push(struct session_lua *s, struct input *in, const char *what);

/** Takes the first one out; NULL: there is none. */
struct input *queue_pop(struct session_lua *s);
/** The same for the first query of the customer's. */
struct input *queue_query(struct session_lua *s);

/** Drops what only a customer who is there can mean. */
void queue_drop_queries(struct session_lua *s);
/** Puts the outcome of a transfer before all else. */
void queue_outcome_first(struct session_lua *s);

#endif
