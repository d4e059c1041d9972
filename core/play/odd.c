/*
 * Peers that misbehave, one a row, after the cases collected from real ones.
 * A leg port hides what happens below it (retransmissions, late answers to a
 * CANCEL, digests); what reaches the engine is here.
 */
#include <stddef.h>

#include "play_i.h"

#define NOTES(...) (const int[]){ __VA_ARGS__, 0 }

static const struct play_odd table[] = {
	{ "nobody misbehaves" },
	/* REFER and its subscription */
	{ "R1: 200 to REFER instead of 202", .refer = 200 },
	{ "R2: NOTIFY before the answer to REFER", .early_note = true },
	{ "R3: 202, then never a NOTIFY", .notes = NOTES(0) },
	{ "R3: NOTIFY 100, then nothing", .notes = NOTES(100) },
	{ "R4: BYE after the 202, no NOTIFY", .notes = NOTES(0),
	  .refer_bye = 300 },
	{ "R4: NOTIFY 100, then BYE", .notes = NOTES(100), .refer_bye = 3000 },
	{ "R5: Refer-Sub: false", .no_sub = true },
	{ "R6: first NOTIFY terminated with 100", .notes = NOTES(-100) },
	{ "R6: NOTIFY terminated without sipfrag", .notes = NOTES(-1000) },
	{ "R7: NOTIFY 486, terminated", .notes = NOTES(100, -486) },
	{ "R8: BYE crosses the final NOTIFY", .notes = NOTES(100, -200),
	  .refer_bye = 900 },
	{ "R10: an unreadable NOTIFY first", .notes = NOTES(1000, 180, -200) },
	{ "R10: every NOTIFY twice", .twice = true },
	{ "R12: REFER is refused with 403", .refer = 403 },
	{ "R12: REFER is refused with 405", .refer = 405 },
	{ "R12: REFER is refused with 486", .refer = 486 },
	{ "R12: REFER is refused with 501", .refer = 501 },
	{ "R12: REFER is refused with 603", .refer = 603 },
	{ "R12: REFER is answered with 408", .refer = 408 },
	{ "R12: REFER is answered with 481", .refer = 481 },
	{ "R12: REFER is never answered", .refer = -1 },
	{ "R14: the customer re-INVITEs during REFER", .reinvite = 1,
	  .dir = DIR_SENDONLY },
	{ "R17: holds us, then NOTIFY 486", .reinvite = 1,
	  .dir = DIR_INACTIVE, .notes = NOTES(100, -486) },
	{ "R18: NOTIFY 200 and no BYE", .notes = NOTES(100, 200) },
	/* the agent's INVITE */
	{ "I3: the agent is silent", .final = -1 },
	{ "I6: 100, then silence", .final = 1 },
	{ "I7: 302", .final = 302 },
	{ "I8: 486", .final = 486 },
	{ "I8: 480", .final = 480 },
	{ "I8: 404", .final = 404 },
	{ "I8: 500", .final = 500 },
	{ "I8: 503 with Retry-After", .final = 503 },
	{ "I8: 603", .final = 603 },
	{ "I10: answers and hangs up before the join", .gone = 1 },
	{ "I10: answers and hangs up in the join", .gone = 30 },
	{ "I12: the customer leaves at the answer", .leaves = 1 },
	{ "I12: the customer leaves in the join", .leaves = 15 },
	{ "I12: the customer leaves in the talk", .leaves = 4000 },
	{ "I13: unreachable", .final = -2 },
	{ "R3, I6: no NOTIFY, and nothing after 100 in the bridge",
	  .notes = NOTES(0), .final = 1 },
	/* offer and answer */
	{ "O3: 488 to the joining re-INVITE", .customer_offer = 488 },
	{ "O3: the agent refuses its re-INVITE", .customer_offer = 1,
	  .agent_offer = 488 },
	{ "O4: offerless re-INVITE of the agent", .reinvite = 2, .dir = -1 },
	{ "O4: offerless re-INVITE, ACK elsewhere", .reinvite = 1, .dir = -1,
	  .answer = SIM_OTHER_PORT },
	{ "O6: the agent holds", .reinvite = 2, .dir = DIR_SENDONLY },
	{ "O6: the customer holds, twice", .reinvite = 1, .dir = DIR_INACTIVE,
	  .twice = true },
	{ "O9: 481 to a re-INVITE of the customer", .customer_offer = 481 },
	{ "O9: 408 to a re-INVITE of the agent", .customer_offer = 1,
	  .agent_offer = 408 },
	{ "O10: the agent dies, 481 to a refresh", .dies = 2 },
	{ "O10: the customer dies, 481 to a refresh", .dies = 1 },
	{ "O10: the agent's session expires", .expires = 2 },
	{ "O10: the customer's session expires", .expires = 1 },
	{ "O12: the customer's answer differs", .customer_offer = 1 },
	{ "O12: both differ, again and again", .customer_offer = 1,
	  .agent_offer = 1 },
	{ "O14: answers of 5xx to re-INVITEs", .customer_offer = 500 },
	{ "O15: never answers a re-INVITE", .customer_offer = -1 },
	{ "O15: the agent never answers one", .customer_offer = 1,
	  .agent_offer = -1 },
	{ "O15: answers a re-INVITE after 9 s", .late = 9000 },
	{ "O16: INFO and MESSAGE, never answered", .requests = 1,
	  .unanswered = true },
	{ "O16: INFO and MESSAGE of the agent", .requests = 2 },
	{ "O18: the ACK is lost", .no_ack = true },
	/* what the bot asks outside of its call */
	{ "HTTP servers and services are not there", .outside = 1 },
	{ "HTTP servers and services never answer", .outside = 2 },
};

size_t play_odd_count(void)
{
	return sizeof(table) / sizeof(table[0]);
}

const struct play_odd *play_odd(size_t i)
{
	return i < play_odd_count() ? &table[i] : NULL;
}

const char *play_odd_name(const struct play_odd *o)
{
	return o->name;
}
