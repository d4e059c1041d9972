/**
 * @file play.h  A bot on a stage: the real engine, players for its peers
 *
 * One engine with one bot on a virtual clock. The customer, and the agents he
 * is handed over to, are played: they do what the owner of the play says, and
 * otherwise what well-behaved peers do. Nothing happens but inside of
 * play_step() and play_wait(). `tandem test` and `tandem chat` stand on this.
 */
#ifndef TANDEM_PLAY_H
#define TANDEM_PLAY_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bot_limits;
struct header;
struct loop;
struct play;
struct problems;
struct reach;
struct scripting;

/** What is told of a play. */
enum note_kind {
	NOTE_SAID,	/**< the bot says text                             */
	NOTE_PLAYED,	/**< the bot plays a sound: text, its name         */
	NOTE_STATE,	/**< text: path of the state that is current now   */
	NOTE_ERROR,	/**< a scriptError: text                           */
	NOTE_LOG,	/**< a line of the log: text                       */
	NOTE_PEER,	/**< what a peer does: text                        */
	NOTE_TRANSFER,	/**< a step of a transfer: text                    */
	NOTE_CALL,	/**< a call begins, is answered, is over: text     */
};

struct note {
	uint64_t at;		/**< ms since the play began               */
	enum note_kind kind;
	char *text;
	bool taken;		/**< the owner's to use                    */
};

/** One hand-over, as the event stream tells of it. */
struct play_transfer {
	char *method;		/**< "refer" or "bridge"                   */
	json_t *destinations;
	json_t *outcome;	/**< fields of transfer.ended, or NULL     */
	unsigned ends;		/**< how often it has ended                */
	bool taken;		/**< the owner's to use                    */
	char id[64];
};

/** Whom the bot wanted to reach: an INVITE to an agent, or a REFER. */
struct play_dial {
	char number[128];	/**< user part of the URI                  */
	char *uri;
	char *headers;		/**< "Name: value\n"...                    */
	char from[128];		/**< number that the agent sees, "" for REFER */
	bool refer;
	bool taken;		/**< the owner's to use                    */
};

typedef void (play_h)(const struct note *n, void *arg);

struct play_odd;

struct play_options {
	/** Makes the scripting side; the composition root knows which. */
	struct scripting *(*scripting)(struct loop *loop,
				       const struct bot_limits *limits);
	/** Tells it what bots reach outside; NULL: nothing. */
	void (*reach)(struct scripting *sc, const struct reach *r);
	const char *bot;		/**< its file                      */
	uint64_t seed;			/**< of chance, the bot's included */
	const struct play_odd *odd;	/**< a peer that misbehaves; or NULL */
	/** Asked what the next agent does instead of the default; or NULL. */
	void (*agent)(struct play *p, const struct play_dial *d, void *arg);
	play_h *h;			/**< told every note; or NULL      */
	void *arg;
};

/** 0, or a negative UV_E* with the bot's problems in `problems`. */
int play_open(struct play **pp, const struct play_options *o,
	      struct problems *problems);
void play_close(struct play *p);
/** The log's lines become this play's notes; so do they from play_open(). */
void play_divert(struct play *p);

/* time */

struct loop *play_loop(struct play *p);
/** ms since the play began. */
uint64_t play_now(const struct play *p);
/** Goes on to what happens next, at most to `until` (play_now()). False:
 * nothing happens before that, and the clock has not moved. */
bool play_step(struct play *p, uint64_t until);
void play_wait(struct play *p, uint64_t ms);

/* the customer */

struct play_caller {
	const char *from, *display, *to;	/**< from "": anonymous      */
	const struct header *headers;
	unsigned header_count;
	bool no_refer;		/**< his Allow lacks REFER                   */
};

/** 0, or the SIP status of the refusal. */
int play_call(struct play *p, const struct play_caller *c);
/** Whether a call of this play is there, his customer gone or not. */
bool play_calls(const struct play *p);
/** Whether its customer is on the line. */
bool play_customer(const struct play *p);
/** Status the bot refused the last call with, or 0. */
int play_rejected(const struct play *p);
void play_says(struct play *p, const char *text);
void play_digit(struct play *p, char digit);
void play_hangs_up(struct play *p, uint64_t after_ms);
/** Raises an event in the bot, as a control client would. */
int play_event(struct play *p, const char *name, json_t *data);
/** A control client hangs up. */
void play_control_hangup(struct play *p);

/* agents */

enum agent_does {
	AGENT_ANSWERS, AGENT_RINGS, AGENT_BUSY, AGENT_DECLINES, AGENT_REFUSES,
	AGENT_SILENT, AGENT_UNREACHABLE, AGENT_ACTS
};

#define AGENT_AFTER 3000	/**< ms until an agent acts, unless said   */
#define AGENT_TALKS 60000	/**< ms that he talks, unless said         */

struct agent_plan {
	enum agent_does does;
	char number[128];	/**< for this destination alone; "": any   */
	uint64_t after_ms;
	uint64_t talks_ms;	/**< 0: until somebody hangs up            */
	int status;		/**< AGENT_REFUSES                         */
};

/** For an agent who is called now and has not decided, else for the next. */
void play_agent(struct play *p, const struct agent_plan *plan);
/** Agents who talk hang up; false: there are none. */
bool play_agent_hangs_up(struct play *p, uint64_t after_ms);
/** Plans for agents that were never called. */
size_t play_plans(const struct play *p);

/* what the bot asks outside of its call */

/** An answer for who asks so, from now on; strings and JSON are copied. */
struct play_reply {
	bool http;
	const char *name;	/**< URL or service; may end in `*`        */
	const char *method;	/**< NULL: any                             */
	json_t *result;		/**< NULL: it fails with `reason`          */
	const char *reason;
	uint64_t after_ms;
};
void play_reply(struct play *p, const struct play_reply *r);

struct play_ask {
	bool http;
	char *name, *method;	/**< URL or service                        */
	json_t *data;		/**< body, as JSON if it is, or parameters */
	bool taken;		/**< the owner's to use                    */
};
size_t play_asks(const struct play *p);
struct play_ask *play_ask(struct play *p, size_t i);

/* what has happened */

size_t play_notes(const struct play *p);
struct note *play_note(struct play *p, size_t i);
size_t play_transfers(const struct play *p);
struct play_transfer *play_transfer(struct play *p, size_t i);
size_t play_dials(const struct play *p);
struct play_dial *play_dial(struct play *p, size_t i);
/** Who ended the last call, or NULL. */
const char *play_ended_by(const struct play *p);
const char *play_state(const struct play *p);
/** {session =, client =}: what the bot keeps. New ref, or NULL. */
json_t *play_data(struct play *p);
/** What the bot has cost to load and keep: scripting's own word for it. */
struct scripting *play_scripting(struct play *p);
struct bot *play_bot(struct play *p);

/**
 * Lets everything end: agents hang up, the call is hung up, timers run out.
 * NULL, or what has not ended as it must, in `buf`.
 */
const char *play_check(struct play *p, char *buf, size_t size);

/* peers who misbehave */

size_t play_odd_count(void);
const struct play_odd *play_odd(size_t i);
const char *play_odd_name(const struct play_odd *o);

/** Steps of a schedule of chance; those in `left_out` are not taken. */
#define PLAY_STEPS 12
void play_schedule(struct play *p, uint64_t seed, const bool *left_out);
/** What step `i` of that schedule does, or NULL: it has fewer. */
const char *play_schedule_step(uint64_t seed, unsigned i, char *buf,
			       size_t size);

#endif
