/**
 * @file control_i.h  What the files of the control server share
 */
#ifndef TANDEM_CONTROL_I_H
#define TANDEM_CONTROL_I_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <uv.h>

#include "control.h"
#include "keys.h"
#include "pack.h"
#include "skim.h"
#include "socket.h"
#include "stream.h"

#define CLIENTS_MAX 1024

/* A client that has this much unread in answers is asked nothing more. */
#define ANSWERS_MARK (256 * 1024)

/* All clients together: above it requests are refused. */
#define ANSWERS_MAX (64 * 1024 * 1024)

struct peer;

struct control_listener {
	struct control *c;
	uv_pipe_t pipe;
	struct socket_file file;
	uv_pipe_t refuse;	/**< takes a connection there is no memory for */
	bool refusing;
	bool waiting;		/**< and another one after it                */
};

struct control_counters {
	uint64_t clients;	/**< accepted since the start                */
	uint64_t refused;	/**< turned away, CLIENTS_MAX are connected  */
	uint64_t requests;
	uint64_t errors;	/**< requests answered with an error         */
	uint64_t malformed;	/**< connections closed for what they sent   */
	uint64_t dropped;	/**< subscribers that were too slow          */
};

struct control {
	struct control_options o;	/**< without its paths               */
	struct stream stream;
	struct keys keys;
	struct control_listener *listeners;
	size_t listener_count;
	size_t listening;	/**< of them, with a handle                  */
	uv_idle_t idle;		/**< runs while clients are dirty            */
	struct peer *peers;
	size_t peer_count;
	struct peer *dirty;	/**< with output or requests to see to       */
	struct peer *subscribers[CLIENTS_MAX];
	size_t subscriber_count;
	size_t answer_bytes;	/**< queued, over all clients                */
	size_t handles;		/**< not yet closed                          */
	bool closing;
	struct control_counters count;
	struct packed scratch;	/**< the answer being made                   */
	char input[64 * 1024];	/**< where libuv reads into                  */
};

/** A handle is closed; the last one of a closing control frees it. */
void control_handle_closed(struct control *c);

/** Puts a client on the list that the end of this turn works off. */
void control_wake(struct control *c);

/** What a client may send. */
extern const struct skim_limits control_limits;

#endif
