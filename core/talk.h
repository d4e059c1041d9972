/**
 * @file talk.h  Two legs that are joined, and what is carried between them
 */
#ifndef TANDEM_TALK_H
#define TANDEM_TALK_H

#include <stdbool.h>

struct leg;
struct leg_event;
struct offer;
struct transfer;

/** Makes of the agent's answer to `offered` what the agent wishes. */
void talk_wish(struct offer **answer, const struct offer *offered);

/** The join is done. */
void talk_enter(struct transfer *t);

/** What the parties' legs report while they talk. */
void talk_agent(struct transfer *t, const struct leg_event *ev);
bool talk_customer(struct transfer *t, const struct leg_event *ev);

/** A change that is being carried has not been answered in time. */
void talk_expire(struct transfer *t);

/** One of the legs is over: ends what was being carried between them. */
void talk_close(struct transfer *t, const struct leg *leaves);

/** The customer is the bot's again, or nobody's. */
void talk_leave(struct transfer *t);

#endif
