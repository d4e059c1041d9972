/**
 * @file sim_i.h  Inside of the simulated signalling
 */
#ifndef TANDEM_SIM_I_H
#define TANDEM_SIM_I_H

#include "sim.h"

struct sim {
	struct signalling s;
	struct loop *loop;
	struct sim_leg *legs;		/* newest first, ended ones gone */
	int next_id;
	int fail;
	int last_reason;
	sim_watch_h *watch;
	void *watch_arg;
};

struct sim_leg *sim_add(struct sim *s, bool inbound);
/** What the peer of `l` says of its media now; the caller's reference. */
struct offer *sim_sdp(struct sim_leg *l, enum media_dir dir);

#endif
