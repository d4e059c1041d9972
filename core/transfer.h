/**
 * @file transfer.h  Handing the customer over, from the switch to its outcome
 *
 * One machine (transfer.c) whose states belong to REFER (refer.c) or to the
 * bridge (bridge.c). Each transfer ends exactly once, through
 * call_transfer_done(), within a bound known in advance: every waiting state
 * has a timer. What is then still open on the wire is settled by the legs.
 */
#ifndef TANDEM_TRANSFER_H
#define TANDEM_TRANSFER_H

#include <stdbool.h>

#include "engine.h"

struct transfer;
struct transfer_outcome;

/**
 * A transfer in the call's queue; takes `sw` over. UV_EINVAL and a message if
 * it cannot be carried out (no trunk, REFER over another trunk).
 */
int transfer_new(struct transfer **tp, struct call *c,
		 struct switch_request *sw, struct action_error *err);
const char *transfer_id(const struct transfer *t);
bool transfer_started(const struct transfer *t);

/** All speech before it is done: it may begin (after the customer's ACK). */
void transfer_start(struct transfer *t);
void transfer_acked(struct transfer *t);

/** An event of the customer's leg; true: the transfer has dealt with it. */
bool transfer_customer(struct transfer *t, const struct leg_event *ev);

/**
 * Ends it for `by` (hang-up, cancel, drain): cancelled before the join, a
 * success after it. call_transfer_done() is called before this returns.
 */
void transfer_abandon(struct transfer *t, enum ender by);

/**
 * The same for a transfer alone: after the join the agent is let go and the
 * customer comes back, if the switch wants that. False: it is too late.
 */
bool transfer_cancel(struct transfer *t, enum ender by);

/** The outcome; valid from call_transfer_done() on. */
const struct transfer_outcome *transfer_outcome(const struct transfer *t);

/** Who ended it. */
enum ender transfer_ender(const struct transfer *t);

/** REFER has taken the customer: its BYE is awaited. */
bool transfer_took_customer(const struct transfer *t);

/** The customer could not be brought back and is to be released. */
bool transfer_lost_customer(const struct transfer *t);

/** The parties are joined, or about to be. */
bool transfer_joined(const struct transfer *t);
bool transfer_continues(const struct transfer *t);
/** After a failure the customer stays, whether it continues or not. */
bool transfer_keeps(const struct transfer *t);

/** A REFER was sent, whatever came of it. */
bool transfer_referred(const struct transfer *t);

/** For call.get. New reference. */
json_t *transfer_describe(const struct transfer *t);

/** Frees at the end of the turn; its legs are ended. NULL is allowed. */
void transfer_free(struct transfer *t);

#endif
