/**
 * @file peer.h  One connected client of the control server
 *
 * Input is cut into messages within limits; output waits in a queue that is
 * written at the end of the turn. Events are shared frames. A client that
 * does not read is asked nothing more, and as a subscriber dropped.
 */
#ifndef TANDEM_CONTROL_PEER_H
#define TANDEM_CONTROL_PEER_H

#include "control_i.h"

#define PEER_SERVICES 8	/* that one client may offer */

struct service;

/** A frame in a client's queue. */
struct peer_out {
	struct frame *frame;
	bool event;
};

struct peer {
	struct control *c;
	struct peer *next;
	struct peer **prev;
	struct peer *next_dirty;
	bool dirty;
	uint64_t number;	/**< for the log                             */
	uv_pipe_t pipe;
	bool reading;
	bool eof;		/**< the client sends nothing more           */
	bool closing;
	const char *dropped;	/**< why we ended its subscription, or NULL  */

	char *in;		/**< bytes not yet handled; NULL while none  */
	size_t in_len;
	size_t in_cap;
	bool backlog;		/**< `in` may hold whole messages            */
	struct skim skim;
	bool waits;		/**< for the answer to `asked`: till then
				     nothing more of it is carried out      */
	struct skim asked;
	char *waits_for;	/**< bot, or "": everything           */

	struct peer_out *queue;	/**< a ring of `queue_cap`, a power of two   */
	size_t queue_at;
	size_t queue_len;
	size_t queue_cap;
	size_t written;		/**< of the first frame                      */
	size_t event_bytes;	/**< queued                                  */
	size_t answer_bytes;	/**< queued                                  */
	size_t replay_bytes;	/**< queued by `since`, not the client's fault */
	uv_write_t write;
	bool writing;
	size_t write_count;	/**< frames under way                        */

	struct service *services[PEER_SERVICES];
	size_t service_count;
	bool asking;		/**< a request is being queued for it        */

	bool subscribed;
	struct filter filter;
};

/** Takes the connection that waits on `server`; 0, or UV_ENOMEM: it waits. */
int peer_accept(struct control *c, uv_stream_t *server);

/** Queues a frame (takes a reference). */
void peer_send(struct peer *p, struct frame *f, bool event);

/** Sees to a dirty client: requests that wait, then output. */
void peer_work(struct peer *p);

/** Has it seen to at the end of the turn. */
void peer_wake(struct peer *p);

/** Writes as much as the socket takes. */
void peer_flush(struct peer *p);
void peer_close(struct peer *p);

/** Starts or replaces the subscription; takes `f.call`. */
void peer_subscribe(struct peer *p, struct filter f);
void peer_unsubscribe(struct peer *p);

/** Queues the events after number `seq` that the filter wants. */
void peer_replay(struct peer *p, uint64_t seq);

/** Gives an event to every subscriber that wants it. NULL: it was lost, and
 * all are dropped. */
void peers_publish(struct control *c, struct frame *f);

#endif
