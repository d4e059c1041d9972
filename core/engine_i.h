/**
 * @file engine_i.h  Inside the engine: shared by engine.c, call*.c, transfer.c
 */
#ifndef TANDEM_ENGINE_I_H
#define TANDEM_ENGINE_I_H

#include "bot.h"
#include "engine.h"
#include "event.h"
#include "log.h"
#include "loop.h"
#include "media/media.h"
#include "transfer.h"

#define CALL_BUCKETS 4096	/* power of two */
#define CALL_STATES_MAX 100	/* visited states kept for the CDR */
#define ID_MAX 40

struct engine {
	struct loop *loop;
	struct config *config;
	struct event_bus *bus;
	struct media *media;
	struct signalling *signalling;
	struct bot *(*bot)(void *arg, const char *name);
	void *arg;
	const struct bot_ops *bot_ops;
	struct sink *cdr;

	struct call *first, *last;	/* live calls, oldest first         */
	size_t calls;
	uint64_t next_id;
	struct call *bucket[CALL_BUCKETS];
	struct engine_counters count;
	bool draining;
	bool closing;
	struct timer drain;

	/* calls per second: a bucket of tokens, in thousandths of a call */
	uint64_t tokens;
	uint64_t tokens_at;
	uint64_t overload_at;		/* last `overload` event            */
};

enum call_state {
	CALL_RINGING,	/* the bot is asked before we answer              */
	CALL_ANSWERED,	/* 200 sent, its ACK awaited                      */
	CALL_UP,	/* the customer and the bot can talk              */
	CALL_LEAVING,	/* no customer any more; the bot's last events    */
	CALL_OVER,	/* swept at the end of the turn                   */
	CALL_STATES
};

struct output {			/* what was asked of the call, in order   */
	struct output *next;
	struct action *a;
	enum ender by;
	unsigned transfer;		/* a switch: number of its transfer */
};

struct call {
	struct engine *e;
	struct call *prev, *next, *hash;
	uint64_t number;		/* of its id                      */
	char id[ID_MAX];
	char leg_id[ID_MAX];
	enum call_state state;

	/* the customer */
	struct leg *leg;
	bool leg_over;			/* the dialog has ended           */
	char *sip_call_id;
	char *caller;			/* number, of an anonymous one too */
	const char *from;		/* the same; "" = anonymous       */
	char *from_display;
	bool anonymous;
	char *to;
	struct header *headers;		/* those that may be passed on    */
	unsigned header_count;
	int max_forwards;
	bool allow_known, allow_refer;
	char source[46];		/* where its signalling is from   */
	const struct trunk *trunk;
	struct channel *channel;

	/* its media: see call_media.c */
	struct media_end *end;
	struct offer *remote;		/* last SDP, direction as wished  */
	struct offer *first;		/* the customer's first SDP       */
	struct offer *sent;		/* what it has from us            */
	struct offer *pending;		/* our offer under way, or NULL   */
	bool answer_due;		/* our 200 carried the offer      */

	/* the bot */
	struct session *session;
	struct bot_call info;
	bool drained;			/* its last event was handled     */
	bool end_when_idle;
	bool session_idle;

	struct output *out, **out_tail;
	bool hangup_queued, answer_queued;
	struct task out_task;
	struct task sweep;
	struct timer phase;		/* ringing, ACK, unhold,
					   after_hangup                   */
	struct timer linger;		/* refer_bye                      */
	struct timer duration;		/* limits.call_duration           */

	struct transfer *transfer;	/* queued or under way            */
	unsigned transfers;		/* so far, for their ids          */
	json_t *transfer_log;		/* one map per transfer           */
	json_t *states;			/* visited                        */

	enum ender ended_by;
	uint64_t started, answered, ended;	/* ms since the epoch     */
};

/* engine.c */
/** Raises the event `overload`, at most once a second. */
void engine_overload(struct engine *e, const char *reason);

uint64_t engine_timer(const struct engine *e, enum timer_id id);
void engine_add(struct engine *e, struct call *c);
void engine_remove(struct engine *e, struct call *c);
const char *ender_name(enum ender by);	/* NULL for BY_NOBODY */

/* call_bot.c */
extern const struct session_handlers call_session_handlers;

/* call.c */
void call_on_leg(struct leg *leg, const struct leg_event *ev, void *arg);
void call_destroy(void *arg);
void call_timers_init(struct call *c);
/** Over once the bot has had its last event and the leg is given up. */
void call_check_over(struct call *c);
void call_event_init(const struct call *c, struct event *ev,
		     enum event_type type);
/**
 * The customer is gone, or is let go: ends the leg (unless `linger`: the peer
 * has timer refer_bye for its BYE), gives the bot its last events, then the
 * call is over. `last` is the bot's last event, or NULL.
 */
void call_leave(struct call *c, enum ender by, const char *last,
		bool linger);
/** The one terminal outcome of the call's transfer; frees the transfer. */
void call_transfer_done(struct call *c, struct transfer *t);

/** Ends a call that has been hung up without waiting for its bot. */
void call_end_now(struct call *c);
void call_answer(struct call *c);
void call_reject(struct call *c, int status, enum ender by);
/** Nothing is left to carry out: answers, or ends, if that is now due. */
void call_settle(struct call *c);

/* call_new.c */
int call_new(struct call **cp, struct engine *e, struct leg *leg,
	     const struct leg_invite *inv, const struct trunk *trunk,
	     struct channel *channel, struct bot *bot);

/* call_output.c */
void call_output_run(struct call *c);
void call_output_drop(struct call *c);

/* call_media.c */
int call_media_answer(struct call *c, struct offer *offer,
		      struct offer **answer);
struct offer *call_media_home(struct call *c);
void call_media_remote(struct call *c, struct offer *o, bool is_answer);
int call_media_send(struct call *c, struct offer *o);
void call_media_done(struct call *c, const struct leg_event *ev);
/** Takes back an offer that waits to be sent. */
void call_media_withdraw(struct call *c);
bool call_media_is_home(const struct call *c);
void call_media_free(struct call *c);
/** Whether the parties may exchange media directly (contract 5.2). */
bool call_media_direct(const struct call *c, const struct trunk *trunk,
		       const struct offer *agent, const char *agent_host);

/* cdr.c */
void cdr_write(struct call *c);

#endif
