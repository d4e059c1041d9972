/**
 * @file pack.h  Writing MessagePack: values, events and whole messages
 */
#ifndef TANDEM_CONTROL_PACK_H
#define TANDEM_CONTROL_PACK_H

#include <jansson.h>
#include <msgpack.h>
#include <stdbool.h>
#include <stddef.h>

#include "core/event.h"

/** A growing buffer; once out of memory it only says so. */
struct packed {
	char *data;
	size_t len;
	size_t cap;
	bool failed;
};

/** Makes `pk` write into `b`. */
void packed_writer(msgpack_packer *pk, struct packed *b);

/** Empties `b` for the next message; gives back what a huge one took. */
void packed_reset(struct packed *b);
void packed_free(struct packed *b);

void pack_text(msgpack_packer *pk, const char *s);
void pack_bytes(msgpack_packer *pk, const char *s, size_t len);

/** A JSON value; nested deeper than 64 it becomes nil. NULL: nil. */
void pack_json(msgpack_packer *pk, const json_t *json);

/** What stands at the beginning of every event of a node; made once. */
struct event_head {
	struct packed node;	/**< v, node and boot with their keys        */
};

int event_head_init(struct event_head *h, const struct event_bus *bus);
void event_head_free(struct event_head *h);

/**
 * Writes the notification [2, "event", [map]]. `*call` is where the call's id
 * stands in `b` (0 if the event has none), `*call_len` its length.
 */
void pack_event(struct packed *b, const struct event_head *h,
		const struct event *ev, size_t *call, size_t *call_len);

#endif
