/**
 * @file bot.h  Scripting port: what a bot program offers to a call
 *
 * `lua/` implements it. A call has one session in one version of a bot. The
 * engine feeds the session inputs; the session answers through its handlers
 * with actions.
 *
 * Rules for both sides:
 * - session_ops functions only queue: the bot's code runs in a task at the end
 *   of the loop's turn, never inside the caller.
 * - One handler of a session runs at a time; while it waits, further inputs
 *   queue (64, then dropped and logged), except what it waits for.
 * - handlers->act only validates and queues; its effects come later.
 * - Everything happens on the main thread.
 */
#ifndef TANDEM_BOT_H
#define TANDEM_BOT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "action.h"
#include "problem.h"

struct loop;
struct bot;
struct config;
struct session;
struct scripting;

/** What a session may know of its call; the pointed-to outlives it. */
struct bot_call {
	const char *id;
	const char *from;		/**< caller's number or user, "" = anonymous */
	const char *to;			/**< called number or user        */
	const char *trunk;		/**< name, or NULL                */
	const char *channel;		/**< id, or NULL                  */
	const struct header *headers;	/**< of the customer's INVITE     */
	unsigned header_count;
};

enum query_kind {
	QUERY_START,	/**< "/start", from the engine alone: only $regex and
			     the root's default see it                     */
	QUERY_TEXT,	/**< typed or spoken by the customer               */
	QUERY_DIGIT,	/**< one key                                       */
};

/** How a transfer ended, once per transfer (contract 5.3). */
struct transfer_outcome {
	bool success;
	bool hangup;		/**< the customer ended the conversation     */
	const char *number;
	json_t *details;	/**< method, reason, sip, attempts, ring_ms,
				     talk_ms, ended_by, recording; borrowed  */
};

struct bot_error {
	const char *message;	/**< "file.lua:12: text"                    */
	const char *traceback;
	const char *state;	/**< path                                   */
};

struct session_handlers {
	/**
	 * Asks for an action; takes ownership of `a` in every case. 0, or a
	 * negative UV_E* with a message: UV_EBUSY a transfer is under way,
	 * UV_EINVAL it cannot be done, UV_ENOTCONN the customer is gone.
	 */
	int (*act)(void *arg, struct action *a, struct action_error *err);
	/** No handler runs or waits and no input is queued. */
	void (*idle)(void *arg);
	/** After gone(): the last input has been handled. */
	void (*drained)(void *arg);
	/** The session's current state changed. */
	void (*state)(void *arg, const char *path);
	/** A scriptError, already logged. */
	void (*error)(void *arg, const struct bot_error *e);
};

struct session_ops {
	/** Whether a state of the bot handles this event. */
	bool (*handles)(struct session *s, const char *event);
	void (*query)(struct session *s, enum query_kind kind,
		      const char *text, size_t len);
	/** `data` may be NULL; a reference is taken. */
	void (*event)(struct session *s, const char *name, json_t *data);
	/** A switch was accepted: until outcome() the session may not speak. */
	void (*outcome)(struct session *s, const struct transfer_outcome *o);
	/** A SAY with this ticket is over. */
	void (*said)(struct session *s, uint64_t ticket, bool interrupted);
	/**
	 * The customer is gone: waiting say/listen end, queued queries are
	 * dropped, queued events run, then `last` (the event "hangup" or
	 * "botHangup"), then handlers->drained. Replies are dropped quietly.
	 */
	void (*gone)(struct session *s, const char *last);
	/** Ends the session now, in any state; no handler is called again. */
	void (*close)(struct session *s);
	/** What it keeps, for tests and `tandem chat`: {session =, client =}.
	 *  New reference, or NULL. The function may be NULL. */
	json_t *(*inspect)(struct session *s);
};

struct session {
	const struct session_ops *ops;
};

struct bot_limits {
	uint64_t handler_instructions;
	uint64_t handler_memory;	/**< bytes                          */
	uint64_t session_bytes;		/**< bytes                          */
	uint64_t bot_memory;		/**< bytes, all states of a version */
};

struct bot_stats {
	size_t sessions;
	size_t states;			/**< Lua states (shards)            */
	size_t coroutines;		/**< running or waiting handlers    */
	size_t bytes;			/**< memory of all states           */
};

/** A bot has been loaded, or NULL; `p` is borrowed. */
typedef void (bot_loaded_h)(void *arg, struct bot *bot, struct problems *p);

struct bot_ops {
	/**
	 * Loads a bot program. NULL if it has errors; problems (also
	 * warnings) are added to `p`.
	 */
	struct bot *(*load)(struct scripting *sc, const char *name,
			    const char *path, struct problems *p);
	/**
	 * The same on a thread, so that calls go on meanwhile: done() is called
	 * in a later turn; never, if the scripting side is closed before. 0,
	 * UV_ENOMEM, or UV_EAGAIN: too many at once.
	 */
	int (*load_later)(struct scripting *sc, const char *name,
			  const char *path, bot_loaded_h *done, void *arg);
	/**
	 * Loads a program only to tell what is wrong with it: besides errors
	 * also what is most probably not meant, as warnings. `config` is what
	 * it would run under.
	 */
	void (*check)(struct scripting *sc, const char *name,
		      const char *path, const struct config *config,
		      struct problems *p);
	/** A session of `bot` for one call; 0, or UV_ENOMEM: bot_memory. */
	int (*open)(struct bot *bot, const struct bot_call *call,
		    const struct session_handlers *h, void *arg,
		    struct session **sp);
	void (*stats)(const struct bot *bot, struct bot_stats *st);
	/**
	 * A newer version has taken its place: no session is opened in it any
	 * more, and at the end of the turn in which its last one is closed,
	 * first gone(arg) is called and then it is freed.
	 */
	void (*retire)(struct bot *bot, void (*gone)(void *arg), void *arg);
	/** Frees the program; its sessions are closed first. */
	void (*unload)(struct bot *bot);
	/** Frees the scripting side; its bots are unloaded first. */
	void (*close)(struct scripting *sc);
};

/** A scripting side: loads bots. */
struct scripting {
	const struct bot_ops *ops;
};

#endif
