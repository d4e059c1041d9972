/**
 * @file session.h  A call's stay in a bot, and the handler that runs for it
 *
 * While a handler of a session runs or waits there is a `struct run` with a
 * coroutine, else the session is plain C data.
 */
#ifndef TANDEM_LUA_SESSION_H
#define TANDEM_LUA_SESSION_H

#include <jansson.h>
#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bot.h"
#include "core/loop.h"
#include "core/store/store.h"
#include "ear.h"
#include "meter.h"
#include "operator.h"
#include "shard.h"

struct listening;
struct state;

#define QUEUE_MAX 64	/* inputs of a session */
#define ENTER_MAX 32	/* enter in one request */

enum input_kind {
	IN_QUERY, IN_EVENT,
	IN_KEYS, IN_QUIET,	/**< a timer of the ear has fired        */
};

struct input {
	struct input *next;
	enum input_kind kind;
	enum query_kind query;
	bool outcome;		/**< the event of a transfer's end       */
	bool error;		/**< the event scriptError               */
	bool taken;		/**< no state's event but this:          */
	struct state *to;	/**< where it leads, NULL: nowhere       */
	unsigned turn;		/**< of a timer of the ear               */
	char *event;		/**< name, or NULL                       */
	char *text;		/**< what was said, or NULL              */
	size_t len;
	json_t *data;
	json_t *tree;		/**< call.parseTree, or NULL             */
};

enum wait {
	WAIT_NONE, WAIT_SAY, WAIT_SLEEP, WAIT_TRANSFER, WAIT_LISTEN,
	WAIT_OUTSIDE,			/**< call:http, call:request     */
	WAIT_TURN,			/**< others have theirs          */
};

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
	bool turned;			/**< its turn was over, see meter.h */
	bool interrupted;		/**< the say it waited for       */
	bool abandon;			/**< said to a customer who left */
	uint64_t ticket;
	struct timer timer;
	struct errand *errand;		/**< under way outside, or NULL  */
	json_t *answer;			/**< what it brought, or NULL    */
	char *reason;			/**< else why                    */
	unsigned enters;
	bool session_read;		/**< call.session may have changed */
	bool failed;
	char *message;			/**< of the error                */
	char *traceback;
	json_t *client;			/**< call.client as it was read  */
	struct action **actions;	/**< parsed, not yet sent        */
	unsigned action_count;
	struct operator_states op;	/**< of the switch among them    */
	struct listening *listening;	/**< call:listen, while it waits */
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
	struct timer pace;		/**< puts off a session that runs on */
	uint64_t used;			/**< instructions of late, above what
					     all that time has brought        */
	uint64_t counted;		/**< when that was                    */
	bool heavy;			/**< has used much, and since then not
					     been at rest and then light      */
	struct input *head, *tail;
	unsigned queued;
	unsigned misses;		/**< unhandled noMatch in a row  */
	struct run *run;
	uint64_t tickets;
	int data;			/**< registry: call.session      */
	struct client_use kept;		/**< of a caller with a number   */
	json_t *client;			/**< of an anonymous caller      */
	struct random_memory *randoms;
	unsigned random_count;
	struct ear *ear;		/**< what it waits for, or NULL  */
	struct operator_states op;	/**< takes the transfer's outcome */
	bool transferring;
	bool unsaid;			/**< told that texts are dropped     */
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
/** A text is dropped since a transfer is under way; logged once for each. */
void session_unsaid(struct session_lua *s);
const char *session_id(const struct session_lua *s);
void input_free(struct input *in);
/** Give an input its text, or the event's name; 0 or UV_ENOMEM. */
int input_text(struct input *in, const char *s, size_t len);
int input_event(struct input *in, const char *name);
/** Queues what a timer of the ear has to say. */
void session_tick(struct session_lua *s, enum input_kind kind, unsigned turn);

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

/** A handler has run and used as much as `n` instructions. */
void session_used(struct session_lua *s, uint64_t n);
/** The handler has ended, clean or by an error. */
void session_run_ended(struct session_lua *s);

#endif
