/**
 * @file node_i.h  What a node consists of; for node*.c alone
 */
#ifndef TANDEM_NODE_I_H
#define TANDEM_NODE_I_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "loop.h"
#include "node_bots.h"
#include "problem.h"

enum node_state {
	NODE_RUN,	/**< takes calls                                  */
	NODE_DRAIN,	/**< takes none, and waits for the last to end    */
	NODE_STOP,	/**< has hung up, and waits a moment for the rest */
	NODE_OVER,	/**< ended() was called                           */
};

/** A reload under way: see node_reload.c. */
struct reload {
	struct timer step;
	bool running;
	bool loading;		/**< a bot, on its thread                   */
	bool closed;		/**< the node is: nothing is told any more  */
	bool all;		/**< of everything, by SIGHUP or node.reload */
	struct problems problems;	/**< of everything                  */
};

struct node {
	struct uv_loop_s *uv;
	struct setup *setup;
	struct config *config;
	void (*ended)(void *arg);
	void *arg;

	enum node_state state;
	struct reload reload;
	struct timer poll;	/**< looks whether the last call is over    */
	uint64_t deadline;	/**< loop time at which waiting has an end  */
	uint64_t started;	/**< ms since the epoch                     */
	char name[256];
	char boot[16];

	/* in the order they are opened */
	struct loop *loop;
	struct event_bus *bus;
	struct bots bots;
	struct store *store;
	struct fetcher *fetcher;	/**< NULL: built without libcurl     */
	struct services *services;
	struct sink *cdr;
	struct media *media;
	struct engine *engine;
	struct signalling *signalling;
	struct control *control;
};

/** Answers of node.info and node.stats, for struct control_options. */
json_t *node_info(void *arg);
json_t *node_stats(void *arg);

/** The same of bot.list and bot.reload; UV_ENOENT: no such bot. */
json_t *node_bots(void *arg);
int node_reload_bot(void *arg, const char *name);

/** A bot is loaded again, or refused; a bot_reloaded_h. */
void node_reloaded(void *arg, struct bot_slot *slot, int err,
		   struct problems *p);

/** Takes back a reload that is under way. */
void node_reload_stop(struct node *n);

#endif
