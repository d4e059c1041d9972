/**
 * @file transfer_i.h  Inside a transfer: transfer.c, refer.c, hunt.c, bridge.c, talk.c
 */
#ifndef TANDEM_TRANSFER_I_H
#define TANDEM_TRANSFER_I_H

#include "attempt.h"
#include "bot.h"
#include "engine_i.h"
#include "reason.h"
#include "talk.h"
#include "uri.h"

enum transfer_state {
	TR_QUEUED,	/* speech before it is not over yet               */
	TR_WAIT,	/* the customer's ACK is awaited                  */
	/* REFER */
	TR_REFER,	/* sent; timer refer_response                     */
	TR_EARLY,	/* a NOTIFY has overtaken its 2xx (case R2)       */
	TR_ACCEPTED,	/* 2xx, no NOTIFY yet; timer refer_outcome        */
	TR_NOTIFIED,	/* timeout + timer refer_final                    */
	TR_GRACE,	/* BYE came; timer refer_grace (cases R4, R8)     */
	/* bridge */
	TR_DIAL,	/* attempts run; their timers                     */
	TR_JOIN,	/* re-INVITE to the customer; timer join          */
	TR_REJOIN,	/* re-INVITE to the agent; timer join             */
	TR_VIA,		/* the same, with the node's ports; timer join    */
	TR_TALK,	/* joined: no timer but call_duration, and join for
			   what one carries to the other                  */
	TR_UNJOIN,	/* agent left during TR_JOIN: its answer awaited  */
	TR_RETURN,	/* re-INVITE back to the node; timer join         */
	TR_OVER,
	TRANSFER_STATES
};

enum transfer_event {
	TE_WAIT,	/* go, but the customer's ACK is still to come    */
	TE_REFER,	/* go, by REFER                                   */
	TE_BRIDGE,	/* go, by a bridge; also the fallback of "auto"   */
	TE_ACCEPT,	/* 2xx to REFER                                   */
	TE_REFUSE,	/* REFER is over without a subscription           */
	TE_NOTE,	/* NOTIFY of progress                             */
	TE_DONE,	/* NOTIFY of success                              */
	TE_LOSE,	/* NOTIFY of failure, or the end of the subscription */
	TE_EXPIRE,	/* the state's timer                              */
	TE_GONE,	/* the customer left                              */
	TE_ABANDON,	/* bot, control or node ends it                   */
	TE_ANSWER,	/* the agent answered                             */
	TE_FAIL,	/* no attempt is left                             */
	TE_NEXT,	/* the agent left, others ring or are still to    */
	TE_LEFT,	/* the agent's leg ended                          */
	TE_RELEASE,	/* the same, and the customer need not come back  */
	TE_SAME,	/* re-INVITE answered, as wished                  */
	TE_DIFFER,	/* answered, but with another SDP than offered    */
	TE_BREAK,	/* re-INVITE refused                              */
	TE_VIA,		/* media cannot go directly after all             */
	TRANSFER_EVENTS
};

/** Why a transition ends the transfer; the first one that does, wins. */
struct transfer_end {
	enum reason reason;
	bool success;
	bool hangup;
	enum ender by;
	int status;
	const char *phrase;
};

/** One destination, and the try to reach it. */
struct aim {
	struct transfer *t;
	const struct switch_target *to;
	const struct trunk *trunk;	/* lends identity; may be NULL    */
	bool own;			/* and is where the URI leads     */
	char number[129];		/* for status.number              */
	char uri[URI_MAX];		/* Refer-To or Request-URI        */
	char host[64];			/* of it                          */
	char id[ID_MAX], leg_id[ID_MAX];	/* of the attempt         */
	bool via;			/* media through the node         */
	struct offer *offered;		/* to it                          */
	struct attempt *attempt;	/* while it runs                  */
	uint64_t until;			/* loop_now(): its time is over   */
	uint64_t ring_ms;		/* before a redirection           */
	unsigned redirects;
	char *diversion;		/* value of the header, or NULL   */
};

struct transfer {
	struct call *call;
	char id[ID_MAX];
	struct switch_request *sw;
	struct aim *aims;		/* one for each of sw's targets   */
	unsigned aim_count;
	unsigned tried;			/* how many of them were dialled  */
	unsigned tries;			/* attempts so far, for their ids */
	struct aim *aim;		/* answered, else tried last      */
	enum transfer_state state;
	enum switch_method method;	/* resolved: refer or bridge      */
	bool started;			/* transfer.started was raised    */
	bool may_fall_back;
	enum timer_id waiting;		/* name of the state's timer      */
	bool return_failed;		/* the customer is to be released */
	struct timer timer;		/* of the state                   */
	struct timer bound;		/* timer transfer                 */
	bool bound_over;		/* no further agent is rung       */
	struct task sweep;

	/* REFER */
	bool referred, accepted, notified, bye;
	uint64_t accepted_at, notified_at, bye_at;	/* loop_now()     */

	/* bridge */
	struct leg *agent;		/* the leg that answered          */
	size_t answered;		/* its place in `attempts` + 1    */
	struct transfer_end failure;	/* of the last try                */
	char failure_phrase[64];
	struct offer *offered;		/* what the agent was offered     */
	struct offer *agent_sdp;	/* its answer, then its last      */
	bool via;			/* media goes through the node    */
	bool asked_customer, asked_agent;	/* to change its codecs   */
	struct media_end *end;		/* the node's, towards agents     */
	struct relay *path;		/* between that and the call's    */
	struct leg *relay;		/* leg whose change is carried over */
	struct offer *relay_offer;
	struct offer *deferred;		/* for the customer, once he has
					   answered an earlier one        */
	bool joined;			/* the join was done              */
	uint64_t joined_at;		/* loop_now()                     */

	/* the outcome: the first reason to end it wins */
	enum reason reason;
	bool success;
	bool hangup;
	enum ender ender;
	int status;
	char phrase[64];
	uint64_t ring_ms, talk_ms;
	json_t *attempts;
	json_t *details;
	struct transfer_outcome outcome;
};

/* transfer.c */
/** Takes the transition; `end` (may be NULL) counts only if there is one. */
void transfer_step(struct transfer *t, enum transfer_event event,
		   const struct transfer_end *end);
/** `a` NULL: of the transfer as a whole. */
void transfer_progress(struct transfer *t, const struct aim *a,
		       const char *phase, int status, const char *phrase);
void transfer_log_attempt(struct transfer *t, const struct aim *a,
			  enum reason reason, int status,
			  const char *phrase, uint64_t ring_ms);
/** An agent who answered and was not talked to: why, is what is told. */
void transfer_mend_attempt(struct transfer *t, enum reason reason);
/** Starts the state's timer. */
void transfer_wait(struct transfer *t, enum timer_id id);

/* refer.c: what happens on entering its states, and what the wire says */
void refer_enter(struct transfer *t);
bool refer_customer(struct transfer *t, const struct leg_event *ev);
void refer_expire(struct transfer *t);
/** On leaving its states, whatever comes next. */
void refer_leave(struct transfer *t);

/* hunt.c: the attempts */
/** Reason of those who ring when another has taken the call. */
#define HUNT_ELSEWHERE { 200, "Call completed elsewhere" }

/** How long the first destination may ring, ms. */
uint64_t hunt_timeout(const struct transfer *t);
/** Rings whoever is to be rung now; TE_FAIL if nobody is left. */
void hunt_dial(struct transfer *t);
/** Somebody rings, or is still to be rung. */
bool hunt_has_more(const struct transfer *t);
/** Keeps why the last try came to nothing. */
void hunt_failure(struct transfer *t, const struct transfer_end *end);
/** Ends the attempts that still run, as `reason`. */
void hunt_close(struct transfer *t, enum reason reason,
		const struct leg_reason *why);

/* bridge.c: likewise */
/** The leg of an attempt that was answered; ends the attempt. */
void bridge_take(struct transfer *t, struct attempt *a);
void bridge_enter(struct transfer *t, enum transfer_state from);
bool bridge_customer(struct transfer *t, const struct leg_event *ev);
void bridge_expire(struct transfer *t);
void bridge_close(struct transfer *t);

/* via.c: media through the node */
bool via_possible(const struct transfer *t);
/** For an agent; new reference, or NULL: no ports, no memory. */
struct offer *via_offer(struct transfer *t);
/** For a customer whose codecs have to become the agent's; likewise. */
struct offer *via_common(struct transfer *t);
/**
 * Begins to pass on, or takes new descriptions. UV_EPROTO: as media.h says, or
 * if not `strict`: they have no audio codec in common at all.
 */
int via_open(struct transfer *t, bool strict);
void via_close(struct transfer *t);
void via_free(struct transfer *t);
/** What a party changes during such a talk. */
bool via_change(struct transfer *t, struct leg *leg,
		const struct leg_event *ev);

#endif
