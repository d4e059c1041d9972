/**
 * @file shard.h  A bot version, its sources and its Lua states
 *
 * A bot version runs in shards, each one Lua state with the program made from
 * it and at most SHARD_SESSIONS sessions.
 */
#ifndef TANDEM_LUA_SHARD_H
#define TANDEM_LUA_SHARD_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bot.h"
#include "core/loop.h"
#include "core/reach.h"
#include "literals.h"
#include "stack_guard.h"

struct classifier;
struct coverage;
struct config;
struct loading;
struct loop;
struct meter;
struct program;
struct run;
struct session_lua;
struct spare;
struct work;
struct work_pool;

#define SHARD_SESSIONS 500	/* of a shard */
#define LARGE_CLASSES 16	/* of blocks; the last one has no end */
#define THREADS_KEPT 16		/* coroutines kept for the next handlers */

/** A source file of a bot, read once for all its shards. */
struct source {
	struct source *next;
	char *module;		/**< NULL: the bot file itself           */
	char *path;
	char *text;
	size_t len;
	bool read;		/**< its literals have been looked for   */
	struct literals literals;	/**< with templates, in functions */
};

/** A coroutine kept for the next handler. */
struct thread {
	lua_State *co;
	int ref;		/**< registry: the thread                */
	int slot;		/**< registry: its call object           */
};

struct shard {
	struct shard *next;
	struct bot *bot;
	lua_State *L;
	struct program *program;
	struct session_lua *sessions;
	size_t session_count;
	size_t bytes;
	size_t baseline;	/**< bytes after loading                 */
	struct meter *meter;	/**< of what runs now, or NULL           */
	struct run *run;	/**< handler that runs now, or NULL      */
	lua_State *running;	/**< its innermost coroutine             */
	unsigned closing;	/**< __close methods are run from C      */
	unsigned large[LARGE_CLASSES];	/**< blocks by size, doubling    */
	int step;		/**< instructions from look to look      */
	struct stack_guard stacks;
	struct loading *loading;	/**< while it is loaded, else NULL */
	struct thread kept[THREADS_KEPT];
	unsigned kept_count;
	int env;		/**< registry: the bot's globals         */
	struct source *sources;	/**< its own, if it was a spare; or NULL */
	struct classifier *classifier;	/**< likewise                    */
};

struct bot {
	struct bot *next;
	struct lua_scripting *sc;
	char *name;
	char *path;
	struct source *sources;
	struct shard *shards;
	struct bot_limits limits;
	size_t sessions;
	size_t coroutines;
	size_t bytes;
	uint64_t collected;	/**< when a full collection was last forced */
	uint64_t serial;	/**< of the last run                     */
	struct classifier *classifier;	/**< of its intents, or NULL     */
	bool uses_client;	/**< its sources name call.client        */
	struct spare *spare;	/**< a further state under way, or NULL  */
	uint64_t born;		/**< loop time when it was loaded        */
	uint64_t chance;	/**< math.random's state while it is     */
	const struct config *check;	/**< it is checked, or NULL      */
	void (*gone)(void *arg);	/**< retired: called when it is freed */
	void *gone_arg;
	struct task last;	/**< frees it                            */
};

struct lua_scripting {
	struct scripting base;
	struct loop *loop;
	struct bot_limits limits;
	struct reach reach;
	struct store *own;		/**< in memory, where none was given  */
	struct coverage *coverage;	/**< what is reached; NULL: nobody asks */
	struct bot *bots;
	struct work_pool *loader;	/**< of load_later(), or NULL     */
	bool closing;
	uint64_t heavy_until;	/**< no other heavy session before then   */
};

struct shard *shard_of(lua_State *L);
struct shard *shard_open(struct bot *bot, struct problems *p);
void shard_close(struct shard *sh);

/** A coroutine for a handler: 0 or UV_ENOMEM. */
int shard_thread(struct shard *sh, struct thread *t);
/** Gives it back; `clean`: it ended by itself and can run again. */
void shard_thread_done(struct shard *sh, struct thread *t, bool clean);

/** What scanning the module `src` shows is told; then the table it returned,
 * on top of the stack, so that its states have their own lines. */
void shard_scan(lua_State *L, struct source *src);
/** Pushes the chunk of a source whose syntax was found right. */
void shard_chunk(lua_State *L, const struct source *src, const char *chunk);
void shard_required(lua_State *L, const struct source *src);

/** A module's source for require, or NULL with a message in `err`. */
struct source *bot_source(struct bot *bot, const char *module, bool read,
			  char *err, size_t size);

/** A bot without anything in it; NULL: no memory. */
struct bot *bot_new(struct lua_scripting *sc, const char *name,
		    const char *path);
/** Reads and loads it, on whichever thread: nothing but the bot is touched.
 * 0, or UV_EINVAL with the problems in `p`. */
int bot_fill(struct bot *bot, struct problems *p);
/** From here on it is one of the scripting side's. */
void bot_link(struct bot *bot);
/** One that is not, or no longer. */
void bot_free(struct bot *bot);

/** bot_ops.load_later; and its end: what is under way is dropped. */
int load_later(struct scripting *base, const char *name, const char *path,
	       bot_loaded_h *done, void *arg);
void load_close(struct lua_scripting *sc);
/** Has the thread of both do this; 0, or a negative UV_E*. */
int load_submit(struct lua_scripting *sc, struct work *w);

/** Has a further state made ready if the bot's are nearly full. */
void spare_want(struct bot *bot);
/** The bot goes: nothing is to come to it any more. */
void spare_forget(struct bot *bot);

void sources_free(struct source *src);

/** One session less: frees shards that are no longer needed, and a retired
 * bot after its last session. */
void bot_session_ended(struct bot *bot, struct shard *sh);

#endif
