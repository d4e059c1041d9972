/**
 * @file node_setup.h  From a config file to what a node can serve
 *
 * Reads the config and keeps where its keys stand, so that what only shows
 * when a node is put together (a port taken, a bot unreadable, more calls than
 * descriptors) is still told as `file:line: key: text`.
 */
#ifndef TANDEM_NODE_SETUP_H
#define TANDEM_NODE_SETUP_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct config;
struct config_lines;
struct problems;

struct setup {
	struct config *config;
	struct config_lines *lines;	/**< NULL: embedded defaults        */
	json_t *tree;			/**< as it was written, or NULL     */
};

/** What the node's limits need, and what there is. */
struct capacity {
	bool media;		/**< calls need ports (media.mode "rtp")    */
	uint64_t ports;		/**< calls that media.ports serve           */
	uint64_t descriptors;	/**< calls that descriptors serve           */
	uint64_t limit;		/**< descriptors this process may have      */
	uint64_t reserved;	/**< of them, besides RESERVED_DESCRIPTORS:
				     for call:http, where it may be used   */
	uint64_t calls;		/**< calls taken; 0: no limit               */
};

/** Descriptors and ports of one call with media: two legs, RTP and RTCP. */
#define CALL_PORTS 4

/** Descriptors kept for all the rest: sockets, files, control clients. */
#define RESERVED_DESCRIPTORS 256

/**
 * Reads `file`, or takes the embedded defaults if it is NULL. 0, or UV_EINVAL
 * with the problems in `p`. Free with setup_free() in both cases.
 */
int setup_read(struct setup *s, const char *file, struct problems *p);
void setup_free(struct setup *s);

/** Adds an error about `key`, with its line. */
void setup_problem(const struct setup *s, struct problems *p, const char *key,
		   const char *fmt, ...) __attribute__((format(printf, 4, 5)));

/** Raises the descriptor limit to the hard one; returns what it is then. */
uint64_t descriptors_raise(void);

/**
 * Computes `cap` for `wanted` calls (0: as many as can be served) from the
 * ports' and the descriptors' share. UV_EINVAL: there is not enough of them.
 */
int capacity_compute(struct capacity *cap, uint64_t wanted);

/**
 * Computes what the config's ports and the process's descriptors can serve
 * and puts it into the config's `calls`. UV_EINVAL: the config wants more.
 */
int setup_capacity(struct setup *s, struct capacity *cap, struct problems *p);

#endif
