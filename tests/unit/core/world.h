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

	bool keep_failed;	/* of the switches to come               */

	/* what the bot saw */
	int sessions;		/* open now                              */
	int queries, events, outcomes;
	char last_query[64], last_event[64];
	bool gone, handles_ringing;
	struct session *session;

	/* what the event stream said */
	int started, ended, said;
	char audio[64];		/* of the last sound that was played     */
	uint64_t ticket;	/* the last one that came back           */
	int transfers_started, transfers_ended;
	char method[16], phase[32];
	bool success, hangup;
	char reason[32], number[64], ended_by[16];
	char attempts[128];	/* their reasons, space between          */
	int sip;
	uint64_t transfer_at, outcome_at;	/* loop_now()            */
};

/** The one world of a test program. */
extern struct world w;

struct switch_fields {
	const char *method;	/* NULL: auto */
	const char *timeout;
	const char *uri;	/* NULL: phoneNumber 16123456789 */
	bool keep;		/* continueCall */
};

void world_open(struct world *world);

/** A test that begins with a new world and ends with nothing left of it. */
#define CASE(f) cmocka_unit_test_setup_teardown(f, world_setup, \
						world_teardown)
int world_setup(void **state);
int world_teardown(void **state);

/** The same with a real scripting side, made on the world's loop. */
struct world_bot {
	struct bot *(*make)(struct loop *loop, const struct bot_ops **ops,
			    void *arg);
	/** Checks that nothing of the bot is left, and frees it. */
	void (*unmake)(struct bot *bot, void *arg);
	void *arg;
};
void world_open_with(struct world *world, const struct world_bot *b);

/** Hangs everything up, lets time pass, and checks that nothing is left. */
void world_close(struct world *world);

/** A customer calls and is answered; without `ack` the ACK is still to come. */
void world_call(struct world *world, bool ack);

/** The bot asks for a switch; 0 or what call_act() said. */
int world_switch(struct world *world, const struct switch_fields *f);
/** The same with its fields as JSON, ' for ". */
int world_switch_json(struct world *world, const char *fields);
struct call *world_the_call(struct world *world);
void world_turn(struct world *world);
void world_wait(struct world *world, uint64_t ms);

/** The leg to the agent, or NULL. */
struct sim_leg *world_agent(struct world *world);

/** Checks the one outcome: status, hangup and reason. */
void world_expect(struct world *world, bool success, bool hangup,
		  const char *reason);

#endif
