/**
 * @file program.h  States and triggers of a bot, and how they are reached
 */
#ifndef TANDEM_LUA_PROGRAM_H
#define TANDEM_LUA_PROGRAM_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

struct classifier;
struct match_index;
struct pattern;
struct pattern_names;
struct problems;
struct scan;
struct scan_table;

#define STATE_DEPTH_MAX 32	/* of nested states */

enum trigger_kind { TRIGGER_Q, TRIGGER_INTENT, TRIGGER_EVENT };

struct trigger {
	enum trigger_kind kind;
	bool global;
	unsigned place;		/**< in its list                         */
	char *text;		/**< source of the pattern, or a name    */
	struct pattern *pattern;
	int intent;		/**< its number, or -1: no phrases       */
};

struct state {
	char *path;
	char *name;
	struct state *parent;
	unsigned depth;			/**< 0: the bot itself           */
	struct state **children;	/**< in byte order of their path */
	size_t child_count;
	struct trigger *triggers;
	size_t trigger_count;
	bool no_context;
	bool modal;
	int list;		/**< registry reference of the reactions, or
				     LUA_NOREF if there are none         */
	int line;
	const struct scan_table *scan;	/**< while it is built           */
	const char *file;		/**< where it stands; its bot's  */
};

/** A module that the bot file requires. */
struct module_scan {
	struct module_scan *next;
	const char *file;
	struct scan *scan;
	const void *table;	/**< that it returned                    */
};

/** What a program is made from. */
struct program_source {
	const char *file;
	const struct scan *scan;
	const struct module_scan *modules;
	struct problems *p;
	bool keep_scan;		/**< the states keep theirs              */
	struct classifier **learnt;	/**< of the bot's first shard: what all
					     others use, too. NULL: not yet */
};

struct program {
	struct state *root;
	struct state **all;	/**< in byte order of their path         */
	size_t count;
	char *fallback;
	bool hears_silence;	/**< a state has speechNotRecognized     */
	struct state *fallback_state;	/**< says it, if it has a template */
	unsigned randoms;
	struct pattern_names *patterns;	/**< what $Name can be           */
	struct match_index *index;
	struct classifier *classifier;	/**< its bot's; NULL: no phrases */
};

/**
 * Makes a program of the table on top of `L`'s stack, which bot{} was given;
 * runs inside a protected call and may raise for want of memory, `*pp` is
 * then half-made and the caller's to free.
 */
void program_build(lua_State *L, struct program **pp,
		   const struct program_source *from);
void program_free(struct program *prog);

/** Keys that a state, or the bot itself, may have; ends with NULL. */
const char *const *program_keys(bool bot);

/** State by absolute path, or relative to `from`; NULL: there is none. */
struct state *program_find(const struct program *prog,
			   const struct state *from, const char *path);

#endif
