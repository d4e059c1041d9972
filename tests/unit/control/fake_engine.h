/** An engine that has calls but no SIP: what the control server asks of it is
 * written down. */
#ifndef FAKE_ENGINE_H
#define FAKE_ENGINE_H

#include <stdbool.h>

#include "core/engine.h"

#define FAKE_CALLS 4
#define FAKE_BIG (300 * 1024)

struct call {
	char id[16];
	bool live;
	bool busy;		/**< a switch answers conflict */
	int switches;
	char number[80];	/**< of the last switch        */
	uint64_t timeout_ms;
	char event[80];
	char *data;		/**< of the last event, JSON   */
	char reason[80];
	int hangups;
};

struct engine {
	struct call calls[FAKE_CALLS];	/**< c0 .. c3            */
	char transfer[32];
	size_t big;		/**< bytes that call_describe() adds */
};

extern struct engine fake;

void fake_reset(void);

#endif
