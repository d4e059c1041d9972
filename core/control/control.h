/**
 * @file control.h  Control protocol: MessagePack-RPC over a Unix socket
 *
 * Requests, responses and notifications by the MessagePack-RPC spec; the event
 * stream is encoded once for all subscribers. Methods and their errors are in
 * PROTOCOL.md. A slow or hostile client costs itself, never a call.
 */
#ifndef TANDEM_CONTROL_H
#define TANDEM_CONTROL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

struct control;
struct engine;
struct event_bus;
struct problems;
struct services;
struct uv_loop_s;

struct control_options {
	struct uv_loop_s *uv;
	struct engine *engine;
	struct event_bus *bus;
	struct services *services;	/**< NULL: clients cannot serve      */
	const char *const *paths;	/**< Unix sockets to listen on       */
	size_t path_count;
	/** What node.info and node.stats answer beyond the engine's; new
	 *  references. May be NULL. */
	json_t *(*info)(void *arg);
	json_t *(*stats)(void *arg);
	void (*drain)(void *arg);
	/** node.reload: control_reloaded() follows, later. */
	void (*reload)(void *arg);
	/** bot.list, a new reference. */
	json_t *(*bots)(void *arg);
	/** bot.reload: control_reloaded() follows, later. UV_ENOENT: there
	 *  is no such bot. */
	int (*reload_bot)(void *arg, const char *bot);
	void *arg;
	size_t queue_bytes;	/**< per client; 0: 4 MiB                    */
	size_t ring_events;	/**< kept for `since`; 0: 8192               */
};

/**
 * Listens; a stale socket file (nobody answers on it) is replaced. 0, or a
 * negative UV_E* with `*failed` set to the index of the path.
 */
int control_open(struct control **cp, const struct control_options *o,
		 int *failed);

/** Closes clients and sockets and removes the files. Handles close within
 * the loop's next turns. */
void control_close(struct control *c);

/** A reload of everything, or of `bot`, is over: whoever asked for it is
 * answered. `version`: its newest one. */
void control_reloaded(struct control *c, const char *bot, unsigned version,
		      const struct problems *p);

/** `tandem ctl`: argv after "ctl". Returns the exit status. */
int control_client(int argc, char **argv);

#endif
