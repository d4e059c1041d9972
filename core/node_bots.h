/**
 * @file node_bots.h  Every bot that a config names, in its versions
 *
 * A bot that is loaded again gets a further version, which new calls go to.
 * Live calls stay with the version they began in; it is freed when the last of
 * them is over.
 */
#ifndef TANDEM_NODE_BOTS_H
#define TANDEM_NODE_BOTS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bot;
struct bot_file;
struct bots;
struct config;
struct loop;
struct problems;
struct scripting;
struct setup;

struct bot_version {
	struct bot_version *next;	/**< the one before                 */
	struct bot_slot *slot;
	struct bot *bot;
	unsigned number;		/**< from 1 on                      */
	uint64_t loaded;		/**< ms since the epoch             */
};

struct bot_slot;

/** The bot is loaded again: 0 and `p` with warnings at most, or UV_EINVAL with
 * the errors: then the running version stays. `p` is borrowed. */
typedef void (bot_reloaded_h)(void *arg, struct bot_slot *slot, int err,
			      struct problems *p);

/** A bot of the config. */
struct bot_slot {
	struct bots *bots;
	const struct bot_file *file;	/**< borrowed                       */
	struct bot_version *versions;	/**< newest first: it takes calls   */
	unsigned last;			/**< number of the newest           */
	uint64_t since;			/**< loading, in ns; 0: it is not   */
	bool wanted;			/**< its owner's: to be reloaded    */
};

struct bots {
	struct scripting *scripting;
	struct loop *loop;
	const struct config *config;	/**< borrowed: the bots' names      */
	const struct setup *setup;
	struct bot_slot *list;		/**< in the config's order          */
	bot_reloaded_h *reloaded;
	void *arg;
};

/**
 * Loads them all on `loop`, and tells the problems of all. 0, or UV_EINVAL
 * with the problems in `p`. Free with bots_close() in both cases.
 */
int bots_open(struct bots *b, struct loop *loop, const struct setup *s,
	      struct problems *p);

/** Loads none, and tells of all that is wrong or suspicious in them. */
int bots_check(struct bots *b, struct loop *loop, const struct setup *s,
	       struct problems *p);

/** Ends their sessions and frees them. */
void bots_close(struct bots *b);

/** Newest version of a bot by its name in the config, or NULL. */
struct bot *bots_find(const struct bots *b, const char *name);

/** Bot by its name, or NULL. */
struct bot_slot *bots_slot(const struct bots *b, const char *name);

/**
 * Loads the bot's file again as its newest version, beside the calls: the
 * bots' `reloaded` is called in a later turn. 0, or a negative UV_E*. Not while
 * it is being loaded.
 */
int bot_reload(struct bot_slot *slot);

/** Sessions, Lua states and bytes of all its versions: for node.stats. */
json_t *bot_stats_json(const struct bot_slot *slot);

/** {bots = [{name, versions = [...]}]}: for bot.list. New reference. */
json_t *bots_json(const struct bots *b);

#endif
