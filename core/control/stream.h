/**
 * @file stream.h  The last events, encoded once, for all who want them
 */
#ifndef TANDEM_CONTROL_STREAM_H
#define TANDEM_CONTROL_STREAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "pack.h"

/** Bytes on their way to clients; freed when the last one has them. */
struct frame {
	unsigned refs;
	enum event_type type;	/**< this and below: of events only          */
	uint64_t seq;
	size_t call;		/**< where the call's id stands in data      */
	size_t call_len;
	size_t len;
	char data[];
};

/** A copy of what is in `b`, with one reference; NULL: no memory. */
struct frame *frame_new(const struct packed *b);
struct frame *frame_ref(struct frame *f);
void frame_unref(struct frame *f);

/** Which events a client wants. */
struct filter {
	uint32_t types;		/**< a bit per event_type                    */
	char *call;		/**< id, or NULL: of all calls               */
};

bool filter_wants(const struct filter *f, const struct frame *frame);

struct stream {
	struct event_head head;
	struct packed scratch;
	struct frame **ring;	/**< the event `seq` stands at seq % size    */
	size_t size;
	uint64_t first;		/**< oldest held                             */
	uint64_t next;		/**< number of the next event                */
	size_t bytes;
	size_t max_bytes;
};

int stream_init(struct stream *s, const struct event_bus *bus, size_t events,
		size_t max_bytes);
void stream_free(struct stream *s);

/** Encodes and keeps an event. Borrowed; NULL: no memory, the ring is empty
 * and whoever followed it has a gap. */
struct frame *stream_add(struct stream *s, const struct event *ev);

/** Whether every event after number `seq` is still held. */
bool stream_has(const struct stream *s, uint64_t seq);

/** The event of this number, if it is held, else NULL. */
struct frame *stream_get(const struct stream *s, uint64_t seq);

#endif
