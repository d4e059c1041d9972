/**
 * @file engine.h  The engine: calls, what they share, and the way in to them
 *
 * Knows the two ports (leg.h, bot.h) and nothing of who implements them. The
 * node puts real ones together, `tandem test` and our tests simulated ones.
 */
#ifndef TANDEM_ENGINE_H
#define TANDEM_ENGINE_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "action.h"
#include "config.h"
#include "event.h"
#include "leg.h"

struct call;
struct engine;
struct loop;
struct media;
struct sink;

/** What an engine is made of; all borrowed, and outlive it. */
struct engine_options {
	struct loop *loop;
	struct config *config;
	struct event_bus *bus;
	struct media *media;
	struct signalling *signalling;	/**< may be set later, before calls  */
	struct bot *(*bot)(void *arg, const char *name);
	void *arg;			/**< of bot()                        */
	const struct bot_ops *bot_ops;
	struct sink *cdr;		/**< NULL: no CDR file               */
};

/** Who ended a call or a transfer (`ended_by`). */
enum ender {
	BY_NOBODY, BY_CUSTOMER, BY_AGENT, BY_BOT, BY_CONTROL, BY_NODE
};

struct engine_counters {
	uint64_t calls;			/**< admitted since the start        */
	uint64_t refused;		/**< INVITEs refused statelessly     */
	uint64_t answered;
	uint64_t transfers;
	uint64_t transfers_succeeded;
	uint64_t script_errors;
	uint64_t cdr_lost;		/**< lines the CDR's ring refused    */
};

/** 0, or a negative UV_E*. */
int engine_open(struct engine **ep, const struct engine_options *o);

/** Ends every call at once (BYE or CANCEL on every leg) and frees all. */
void engine_close(struct engine *e);

void engine_set_signalling(struct engine *e, struct signalling *s);

/** Handlers to give to the signalling side, with the engine as `arg`. */
extern const struct signalling_handlers engine_signalling;

/** No new calls (503); live ones end by themselves or by timer `drain`. */
void engine_drain(struct engine *e);
bool engine_draining(const struct engine *e);

/** Hangs up every call. */
void engine_hangup_all(struct engine *e, enum ender by);

size_t engine_calls(const struct engine *e);
const struct engine_counters *engine_counters(const struct engine *e);

/** Lua-independent facts for node.stats: gauges and counters. New ref. */
json_t *engine_stats(struct engine *e);

/** A live call by its id, or NULL; do not keep it past the turn. */
struct call *engine_call(struct engine *e, const char *id);

/** Whether an id could have been this node's and is over (`gone`). */
bool engine_call_is_gone(const struct engine *e, const char *id);

/** Every live call, oldest first; `h` may hang it up. */
void engine_each(struct engine *e, void (*h)(struct call *c, void *arg),
		 void *arg);

const char *call_id(const struct call *c);

/** What call.get shows: ids, numbers, state, times, transfer. New ref. */
json_t *call_describe(const struct call *c);

/**
 * Asks a call for something on behalf of `by`. Takes ownership of `a`. 0, or
 * a negative UV_E* and a message: UV_EBUSY (conflict), UV_EINVAL,
 * UV_ENOTCONN (gone). For a switch `*transfer` (may be NULL) receives the id.
 */
int call_act(struct call *c, enum ender by, struct action *a,
	     struct action_error *err, const char **transfer);

/** Raises an event in the call's bot. */
int call_event(struct call *c, const char *name, json_t *data);

/** Ends the call's transfer, not the call. UV_ESRCH: none is under way. */
int call_cancel(struct call *c, enum ender by);

/** Ends the call now; `reason` is logged and may be NULL. */
void call_hangup(struct call *c, enum ender by, const char *reason);

#endif
