/**
 * @file inside.h  What the files of lua/ share; nobody else includes it
 *
 * A bot version is a `struct bot`. It runs in shards, each one Lua state with
 * the program made from it and at most 500 sessions. A session is a call's
 * stay in it; while a handler of it runs or waits there is a `struct run` with
 * a coroutine, else the session is plain C data.
 *
 * Nothing here raises a Lua error unless its name begins with `l_` or its
 * comment says so.
 */
#ifndef TANDEM_LUA_INSIDE_H
#define TANDEM_LUA_INSIDE_H

#include <jansson.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bot.h"
#include "core/loop.h"

struct client_store;
struct pattern;
struct scan;
struct scan_table;

#define SHARD_SESSIONS 500
#define THREADS_KEPT 16
#define QUEUE_MAX 64
#define ENTER_MAX 32

/* ---- the accounts of who runs (meter.c) ---- */

/** What a handler, or the loading of a file, may still use up. */
struct meter {
	int64_t left;		/**< instructions                        */
	int64_t limit;		/**< of them, from wait to wait          */
	int64_t net;		/**< bytes allocated less freed          */
	int64_t memory;		/**< bytes it may have so                */
	uint64_t cpu;		/**< us of this thread at the last look  */
	bool spent;		/**< stays set: nothing may go on        */
	char where[96];		/**< "file:line" where memory ran out    */
};

/** The shard's allocator: lua_Alloc with a struct shard. */
void *meter_alloc(void *arg, void *ptr, size_t osize, size_t nsize);
void meter_start(struct meter *m, uint64_t instructions, uint64_t memory);

/** A new stretch from wait to wait on thread `L`. */
void meter_resume(struct meter *m, lua_State *L);

/** Takes `n` instructions; raises when they are spent. */
void meter_charge(lua_State *L, uint64_t n);

/** Instructions left for C code that counts by itself. */
int64_t meter_left(lua_State *L);

/**
 * After a protected call that failed with the error on top of the stack:
 * raises it again if the budget or the memory is spent, else returns.
 */
void meter_rethrow(lua_State *L, int status);

/* ---- programs (program.c, match.c) ---- */

enum trigger_kind { TRIGGER_Q, TRIGGER_INTENT, TRIGGER_EVENT };

struct trigger {
	enum trigger_kind kind;
	bool global;
	unsigned place;		/**< in its list                         */
	char *text;		/**< source of the pattern, or a name    */
	struct pattern *pattern;
};

struct state {
	char *path;
	char *name;
	struct state *parent;
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
};

struct program {
	struct state *root;
	struct state **all;	/**< in byte order of their path         */
	size_t count;
	char *fallback;
	unsigned randoms;
};

/**
 * Makes a program of the table on top of `L`'s stack, which bot{} was given;
 * runs inside a protected call and may raise for want of memory, `*pp` is
 * then half-made and the caller's to free. Problems go to `p`.
 */
void program_build(lua_State *L, struct program **pp, const char *file,
		   const struct scan *scan, struct problems *p);
void program_free(struct program *prog);

/** State by absolute path, or relative to `from`; NULL: there is none. */
struct state *program_find(const struct program *prog,
			   const struct state *from, const char *path);

struct state *match_event(const struct program *prog,
			  const struct state *from, const char *event);
/** *none = no memory */
struct state *match_query(const struct program *prog,
			  const struct state *from, enum query_kind kind,
			  const char *text, size_t len);

/* ---- shards and bots (bot.c, shard.c) ---- */

/** A source file of a bot, read once for all its shards. */
struct source {
	struct source *next;
	char *module;		/**< NULL: the bot file itself           */
	char *path;
	char *text;
	size_t len;
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
	bool loading;
	struct thread kept[THREADS_KEPT];
	unsigned kept_count;
	int env;		/**< registry: the bot's globals         */
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
};

struct lua_scripting {
	struct scripting base;
	struct loop *loop;
	struct bot_limits limits;
	struct client_store *clients;
	struct bot *bots;
};

struct shard *shard_of(lua_State *L);
struct shard *shard_open(struct bot *bot, struct problems *p);
void shard_close(struct shard *sh);

/** A coroutine for a handler: 0 or UV_ENOMEM. */
int shard_thread(struct shard *sh, struct thread *t);
/** Gives it back; `clean`: it ended by itself and can run again. */
void shard_thread_done(struct shard *sh, struct thread *t, bool clean);

/** A module's source for require, or NULL with a message in `err`. */
struct source *bot_source(struct bot *bot, const char *module, bool read,
			  char *err, size_t size);

/** One session less: frees shards that are no longer needed. */
void bot_session_ended(struct bot *bot, struct shard *sh);

/* ---- sessions and runs (session.c, run.c) ---- */

enum input_kind { IN_QUERY, IN_EVENT };

struct input {
	struct input *next;
	enum input_kind kind;
	enum query_kind query;
	bool outcome;		/**< the event of a transfer's end       */
	bool error;		/**< the event scriptError               */
	char *event;		/**< name, or NULL                       */
	char *text;		/**< what was said, or NULL              */
	size_t len;
	json_t *data;
};

enum wait { WAIT_NONE, WAIT_SAY, WAIT_SLEEP, WAIT_TRANSFER };

/** A handler that runs or waits. */
struct run {
	struct session_lua *s;
	struct thread thread;
	struct meter meter;
	uint64_t serial;
	const struct state *state;	/**< whose reactions run         */
	struct input *in;
	enum wait wait;
	bool ready;			/**< what it waits for is there  */
	bool interrupted;		/**< the say it waited for       */
	bool abandon;			/**< said to a customer who left */
	uint64_t ticket;
	struct timer timer;
	unsigned enters;
	bool failed;
	char *message;			/**< of the error                */
	char *traceback;
	json_t *client;			/**< call.client as it was read  */
	struct action **actions;	/**< parsed, not yet sent        */
	unsigned action_count;
};

struct random_memory { unsigned id, last; };

struct session_lua {
	struct session base;
	struct session_lua *prev, *next;
	struct shard *shard;
	const struct session_handlers *h;
	void *arg;
	const struct bot_call *call;	/**< NULL once it is closed      */
	const struct state *context;
	struct task task;
	struct input *head, *tail;
	unsigned queued;
	unsigned misses;		/**< unhandled noMatch in a row  */
	struct run *run;
	uint64_t tickets;
	int data;			/**< registry: call.session      */
	json_t *client;			/**< of an anonymous caller      */
	struct random_memory *randoms;
	unsigned random_count;
	bool transferring;
	bool had_transfer;
	bool success, hangup;		/**< of the last transfer        */
	bool gone, drained, closed, busy;
	char *number;
	json_t *details;
	char *last;			/**< the event after all others  */
};

extern const struct session_ops session_lua_ops;

int session_open(struct shard *sh, const struct bot_call *call,
		 const struct session_handlers *h, void *arg,
		 struct session **sp);
/** Frees a session at once, without running any of its code. */
void session_free(struct session_lua *s);
void session_wake(struct session_lua *s);
void session_land(struct session_lua *s, const struct state *st);
const char *session_id(const struct session_lua *s);
void input_free(struct input *in);

/** Starts a handler: the reactions of `st`. Takes `in`. 0 or UV_ENOMEM. */
int run_start(struct session_lua *s, const struct state *st,
	      struct input *in);
/** Goes on after a wait, until the next wait or the end. */
void run_resume(struct run *run);
/** Ends a waiting handler there; its <close> variables are closed. */
void run_abandon(struct run *run);
void run_free(struct run *run);

/** The handler of `run`: its state's reactions, to the end. */
int l_handler(lua_State *L);
/** call:react(r): runs it midway. */
int l_react(lua_State *L);

/** What a wait and the end do first: data checked, replies sent. Raises. */
void run_checkpoint(lua_State *L, struct run *run, bool wait);

/** The handler has ended, clean or by an error. */
void session_run_ended(struct session_lua *s);

/* ---- reactions (reaction.c, list.c) ---- */

enum reaction_kind {
	R_SAY, R_RANDOM, R_SWITCH, R_WHEN, R_ENTER, R_GO, R_HANGUP, R_BOT,
	R_MISSING,		/**< a word this version does not have   */
	R_WRONG,		/**< built from wrong arguments          */
};

struct reaction {
	enum reaction_kind kind;
	bool used;
	bool complete;		/**< when: a body follows each condition  */
	bool ended;		/**< when: otherwise has been said        */
	bool frozen;		/**< checked, must not change any more    */
	int line;
	unsigned id;		/**< random: its number in the program, or 0 */
	const struct source *source;
	json_t *fields;		/**< switch                              */
};

/** Opens the words of a bot file into the table on top of the stack. */
void reaction_open(lua_State *L);
/** The reaction at `idx`, or NULL. */
struct reaction *reaction_at(lua_State *L, int idx);

/** Where list_freeze() finds itself. */
struct list_place {
	struct problems *p;	/**< NULL: in a handler, raise           */
	struct program *program;
	const struct state *state;
	const char *file;
	const struct scan_table *scan;	/**< the list in the source, or NULL */
	int line;
	unsigned depth;
};

/** Checks the list at `idx` (`keys`: other keys are its owner's) and pushes a
 * private copy, which nobody can change any more. Raises in a handler. */
void list_freeze(lua_State *L, int idx, struct list_place *at, bool keys);
/** Checks one item at `idx` and pushes its private form. */
void list_freeze_item(lua_State *L, int idx, struct list_place *at);
/** Whether every reaction built in this handler was used; raises if not. */
void reaction_check_used(lua_State *L, struct run *run);

/* ---- the call object (callobject.c, dialer.c, verbs.c) ---- */

enum call_value {
	CV_REQUEST = 1, CV_RESPONSE, CV_REPLIES, CV_TEMP, CV_CLIENT, CV_DIALER,
	CV_BUILT, CV_COUNT = CV_BUILT
};

struct call_ref { uint64_t serial; };

/** Registers metatables; in a protected call. */
void call_open(lua_State *L);
void dialer_open(lua_State *L);
/** Pushes the call object of `run` into its slot and on the stack. */
void callobject_new(lua_State *L, struct run *run);
/** The run of the call object at `idx`; raises if it is not its handler. */
struct run *call_check(lua_State *L, int idx);
/** Pushes the current run's call object. */
void call_push(lua_State *L, struct run *run);
void call_push_headers(lua_State *L, const struct bot_call *call);
void dialer_push(lua_State *L, int call);
void dialer_push_status(lua_State *L, const struct session_lua *s);
void dialer_push_details(lua_State *L, const struct session_lua *s);

int l_call_answer(lua_State *L);
int l_call_reject(lua_State *L);
int l_call_say(lua_State *L);
int l_call_sleep(lua_State *L);
int l_call_transfer(lua_State *L);
int l_log(lua_State *L);
int l_not_available(lua_State *L);

/* ---- replies (reply.c) ---- */

/** Pushes the list that replies are added to, in full form if `full`. */
void replies_push(lua_State *L, struct run *run, bool full);
/** Adds the value on top of the stack (string, reaction or table); pops. */
void replies_add(lua_State *L, struct run *run);
/** call.response: pushes it. */
void replies_response(lua_State *L, struct run *run);
/** Validates all, then asks for all; a wait may not follow a switch.
 * Raises. */
void replies_send(lua_State *L, struct run *run, bool wait);
/** Asks the engine for `a`, which it takes: 0, or a negative UV_E* and a
 * message. What may be dropped is logged by the caller. */
int session_act(struct session_lua *s, struct action *a,
		struct action_error *err);

/* ---- plain data (plain.c) ---- */

struct plain_options {
	size_t bytes;		/**< bound of strings and tables         */
	bool text;		/**< for people: what is not plain is named,
				     strings are made UTF-8              */
};

/** Value at `idx` as JSON, or NULL and one line in `err`. Never raises. */
json_t *plain_json(lua_State *L, int idx, const struct plain_options *o,
		   const char *name, char *err, size_t size);
/** Checks without making anything: 0, or -1 and a line in `err`. */
int plain_check(lua_State *L, int idx, size_t bytes, const char *name,
		char *err, size_t size);
/** Pushes a JSON value. Raises for want of memory. */
void plain_push(lua_State *L, const json_t *v);

/* ---- call.client (client.c) ---- */

struct client_store *client_store_new(size_t callers);
void client_store_free(struct client_store *st);
/** What is kept of a caller: a new reference to an object, or NULL. */
json_t *client_get(struct client_store *st, const char *bot,
		   const char *number);
/** Writes the keys that differ between `was` and `is`. */
void client_merge(struct client_store *st, const char *bot,
		  const char *number, const json_t *was, const json_t *is);

/* ---- the sandbox (sandbox.c, coroutines.c, strings.c, tables.c) ---- */

/** Builds the environment and leaves it on the stack. Raises. */
void sandbox_open(lua_State *L);
/** Makes the library table on top of the stack read-only: replaces it. */
void sandbox_seal(lua_State *L);
bool sandbox_is_sealed(lua_State *L, int idx);
void strings_open(lua_State *L);
void tables_open(lua_State *L);
void coroutines_open(lua_State *L);
int l_require(lua_State *L);
/** Message handler: the message with its place, kept with a traceback. */
int l_message(lua_State *L);

/** A C function that charges by the size of its arguments and results. */
void sandbox_sized(lua_State *L, lua_CFunction f);

#endif
