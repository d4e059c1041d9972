/**
 * @file world.h  A whole engine on a virtual clock, for tests of races
 *
 * One engine, simulated legs, and a bot that does what the test says. A test
 * plays the peers through sim.h and then asks what the engine made of it.
 */
#ifndef TANDEM_TEST_WORLD_H
#define TANDEM_TEST_WORLD_H

#include <stdbool.h>

#include "core/engine.h"
#include "core/loop.h"
#include "core/sim/sim.h"

struct world {
	struct loop *loop;
	struct config config;
	struct trunk trunks[2];
	struct channel channels[2];
	struct event_bus *bus;
	struct media *media;
	struct sim *sim;
	struct engine *engine;

	const struct world_bot *with;	/* NULL: the fake        */
	struct bot *bot;
	const struct bot_ops *bot_ops;

	struct sim_leg *customer;
	char call[64];

	/* what the bot saw */
	int sessions;		/* open now                              */
	int queries, events, outcomes;
	char last_query[64], last_event[64];
	bool gone, handles_ringing;
	struct session *session;

	/* what the event stream said */
	int started, ended, said;
	int transfers_started, transfers_ended;
	char method[16], phase[32];
	bool success, hangup;
	char reason[32], number[64];
	int sip;
	uint64_t transfer_at, outcome_at;	/* loop_now()            */
};

struct switch_fields {
	const char *method;	/* NULL: auto */
	const char *timeout;
	const char *uri;	/* NULL: phoneNumber 16123456789 */
	bool keep;		/* continueCall */
};

void world_open(struct world *w);

/** The same with a real scripting side, made on the world's loop. */
struct world_bot {
	struct bot *(*make)(struct loop *loop, const struct bot_ops **ops,
			    void *arg);
	/** Checks that nothing of the bot is left, and frees it. */
	void (*unmake)(struct bot *bot, void *arg);
	void *arg;
};
void world_open_with(struct world *w, const struct world_bot *b);

/** Hangs everything up, lets time pass, and checks that nothing is left. */
void world_close(struct world *w);

/** A customer calls and is answered; without `ack` the ACK is still to come. */
void world_call(struct world *w, bool ack);

/** The bot asks for a switch; 0 or what call_act() said. */
int world_switch(struct world *w, const struct switch_fields *f);
struct call *world_the_call(struct world *w);
void world_turn(struct world *w);
void world_wait(struct world *w, uint64_t ms);

/** The leg to the agent, or NULL. */
struct sim_leg *world_agent(struct world *w);

/** Checks the one outcome: status, hangup and reason. */
void world_expect(struct world *w, bool success, bool hangup,
		  const char *reason);

#endif
