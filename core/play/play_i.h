/**
 * @file play_i.h  Inside of a play
 */
#ifndef TANDEM_PLAY_I_H
#define TANDEM_PLAY_I_H

#include "core/bot.h"
#include "core/engine.h"
#include "core/loop.h"
#include "core/sim/sim.h"
#include "play.h"

#define NOTES_MAX 20000

/** Whom the engine talks to on one leg, or an agent reached by REFER. */
struct peer {
	struct peer *next;
	struct play *p;
	struct sim_leg *leg;		/**< NULL: given up by the engine    */
	bool customer;
	bool refer;			/**< an agent behind the customer's
					     leg                             */
	bool own_plan;			/**< not the default                 */
	uint64_t told_at;		/**< it, loop_now()                  */
	bool decided;
	bool joined;
	struct agent_plan plan;
	char name[128];			/**< for people                      */
};

typedef void (deed_h)(struct peer *who, int n);

/** What a peer does a little later. */
struct deed {
	struct deed *next;
	struct peer *who;
	struct timer timer;
	deed_h *h;
	int n;
};

/** A peer that does not behave; zero is well-behaved. */
struct play_odd {
	const char *name;
	int final;		/**< agents: status; -1 silent, -2 unreachable,
				     1 nothing after 100                     */
	int gone;		/**< agents: BYE so many ms after the answer */
	int agent_offer;	/**< status of a re-INVITE's answer; -1 never,
				     1 another port, 2 hold                  */
	int customer_offer;	/**< the same                                */
	int late;		/**< ms until that answer, instead of 20     */
	int refer;		/**< status of REFER; -1 never               */
	const int *notes;	/**< NOTIFYs, to 0: status, negative: and
				     terminated; 1000: no sipfrag            */
	bool early_note;	/**< before the answer to REFER              */
	bool no_sub;
	int refer_bye;		/**< BYE so many ms after the 202            */
	bool no_ack;
	bool twice;		/**< what may be repeated is                 */
	int leaves;		/**< the customer, ms after a dial or REFER  */
	int reinvite;		/**< 1 customer, 2 agent: ms 500 after a dial
				     or an answer: re-INVITE                 */
	int dir;		/**< of it; -1: without SDP                  */
	int answer;		/**< of that one's ACK: enum sim_answer      */
	int requests;		/**< 1 customer, 2 agent: INFO and MESSAGE   */
	bool unanswered;	/**< the engine's INFO and MESSAGE           */
	int dies;		/**< 1 customer, 2 agent: 481 to a refresh   */
	int outside;		/**< HTTP and services: 1 unreachable, 2 never */
	int expires;		/**< likewise: session timer                 */
};

struct asked;
struct reply;

struct play {
	struct loop *loop;
	struct config *config;
	struct event_bus *bus;
	struct media *media;
	struct sim *sim;
	struct engine *engine;
	struct play_options o;
	struct scripting *scripting;
	struct bot *bot;


	struct peer *peers;		/**< newest first                    */
	struct peer *customer;		/**< of the last call, or NULL       */
	struct deed *deeds;
	struct agent_plan *plans;
	size_t plan_count;

	char call[64];			/**< its id, "" = none               */
	struct session *session;
	const struct session_handlers *real;
	void *real_arg;
	json_t *data;			/**< what the session kept at its end */
	int started, ended, sessions;
	unsigned errors;
	char state[256];
	char ended_by[16];
	int rejected;

	struct note *notes;
	size_t note_count;
	struct play_transfer *transfers;
	size_t transfer_count;
	struct play_dial *dials;
	size_t dial_count;
	struct reply *replies;		/**< newest first                    */
	struct asked *waiting;
	struct play_ask *asks;
	size_t ask_count;
	char *broken;			/**< first rule that was broken      */
	bool flooded;			/**< more than NOTES_MAX             */
};

/* notes.c */
void play_tell(struct play *p, enum note_kind kind, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void play_on_event(const struct event *ev, void *arg);
void play_notes_free(struct play *p);
void play_broken(struct play *p, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/* shim.c: what stands between the engine and the bot */
extern const struct bot_ops play_bot_ops;

/* peer.c */
void play_watch(struct sim_leg *l, enum sim_verb verb, void *arg);
struct peer *peer_new(struct play *p, struct sim_leg *l);
void peer_later(struct peer *who, uint64_t ms, deed_h *h, int n);
/** The customer leaves when the loop comes to it. */
void customer_gives_up(struct play *p);
void peer_forget(struct peer *who);	/**< what it was about to do */
void play_deeds_drop(struct play *p);

/* agent.c */
void agent_called(struct peer *who);
void agent_referred(struct peer *customer);
void agent_answered(struct peer *who);
void agents_joined(struct play *p);

/* outside.c */
struct reach;
void outside_open(struct play *p, struct reach *r);
void outside_close(struct play *p);

/* customer.c */
void customer_asked(struct peer *who, enum sim_verb verb);

#endif
