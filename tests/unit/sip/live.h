/**
 * @file live.h  The fixture of the tests of whole dialogs
 */
#ifndef TANDEM_TEST_LIVE_H
#define TANDEM_TEST_LIVE_H

#include "side.h"

extern struct side s;
extern struct peer p;
extern char invite[65536];	/**< a request of ours that a test keeps */

int live_setup(void **state);
int live_teardown(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, live_setup, live_teardown)

/** Starts again with another 64*T1. */
void reopen(uint64_t t1x64);

/** leg_end() of the leg. */
void end(void);

/** Keeps the message received last. */
void save(char *to);

/** Waits for our BYE, answers it, and sees the leg go. */
void answer_bye(void);

/** leg_offer() of a description with this port. */
void reoffer(uint16_t port);

#endif
