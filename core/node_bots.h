/**
 * @file node_bots.h  Every bot that a config names, loaded
 */
#ifndef TANDEM_NODE_BOTS_H
#define TANDEM_NODE_BOTS_H

#include <stddef.h>

struct bot;
struct config;
struct loop;
struct problems;
struct scripting;
struct setup;

struct bots {
	struct scripting *scripting;
	const struct config *config;	/**< borrowed: the bots' names      */
	struct bot **list;		/**< in the config's order          */
};

/**
 * Loads them all on `loop`, and tells the problems of all. 0, or UV_EINVAL
 * with the problems in `p`. Free with bots_close() in both cases.
 */
int bots_open(struct bots *b, struct loop *loop, const struct setup *s,
	      struct problems *p);

/** Ends their sessions and frees them. */
void bots_close(struct bots *b);

/** Bot by its name in the config, or NULL. */
struct bot *bots_find(const struct bots *b, const char *name);

#endif
