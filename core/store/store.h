/**
 * @file store.h  What is kept of callers over their calls: call.client
 *
 * A caller's data is read once, when his call begins, and shared by all calls
 * he has at the time; what they change is written behind them by the thread
 * of pool `store`, key by key, so that of two writers the last one wins each
 * key. What could not be written (disk full, file locked) is kept and tried
 * again, for a bounded number of callers, beyond which it is lost with a line
 * in the log. No call ever waits for the disk longer than timer `client`.
 */
#ifndef TANDEM_STORE_H
#define TANDEM_STORE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct client;
struct loop;
struct store;

struct store_options {
	struct loop *loop;
	const char *path;	/**< NULL: in memory                         */
	uint64_t read_ms;	/**< timer `client`                          */
	size_t client_bytes;	/**< of one caller, as limits.session_bytes  */
	size_t unsaved_max;	/**< callers; 0: 10,000                      */
};

struct store_stats {
	size_t callers;		/**< in memory                               */
	size_t unsaved;		/**< of them, not all written yet            */
	uint64_t lost;		/**< callers whose changes were given up     */
	uint64_t unread;	/**< calls that went on without their data   */
	bool failing;		/**< the last write did not succeed          */
};

/** One call's use of its caller's data, embedded in the call's session. */
struct client_use {
	struct client *client;	/**< NULL: not open                          */
	struct client_use *next;
	void (*ready)(void *arg);
	void *arg;
};

/** 0, or a negative UV_E* with one line in `err`. */
int store_open(struct store **sp, const struct store_options *o, char *err,
	       size_t size);
/** Writes what is left, for `ms` at most; no use is open any more. */
void store_close(struct store *st, unsigned ms);
void store_stats(struct store *st, struct store_stats *s);

/**
 * Reads a caller's data for bot `bot`. `u->ready(u->arg)` is called once when
 * it is there, or will not come in time: never from in here, and not at all if
 * it is there at once. 0 or UV_ENOMEM.
 */
int client_open(struct store *st, const char *bot, const char *number,
		struct client_use *u);
bool client_is_ready(const struct client_use *u);
/** Borrowed; what has not been read is empty. Others' calls may change it. */
const json_t *client_data(const struct client_use *u);
/** Keeps the keys that differ between `was` and `is`. */
void client_write(struct client_use *u, const json_t *was, const json_t *is);
void client_close(struct client_use *u);

#endif
