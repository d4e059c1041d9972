/**
 * @file skim.h  Finds the end of a message, and checks it against limits
 *
 * Unpacking allocates by what a message claims to hold. So its bytes are
 * walked first, without memory and without recursion, as they arrive: who
 * claims too much is found out by the claim, not by the damage.
 */
#ifndef TANDEM_CONTROL_SKIM_H
#define TANDEM_CONTROL_SKIM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Deepest nesting that any limits may allow; msgpack-c unpacks up to 32. */
#define SKIM_DEPTH_MAX 30

struct skim_limits {
	size_t bytes;		/**< of a whole message                      */
	size_t elements;	/**< values in it, keys included             */
	unsigned depth;		/**< arrays and maps inside each other       */
};

enum rpc_kind { RPC_REQUEST = 0, RPC_RESPONSE = 1, RPC_NOTIFICATION = 2 };

struct skim {
	const struct skim_limits *limits;
	size_t pos;		/**< walked; may lie beyond what has come    */
	size_t elements;
	unsigned depth;		/**< arrays and maps that are open           */
	bool complete;		/**< the last element's header was seen      */
	uint32_t left[SKIM_DEPTH_MAX];	/**< elements still to come, by depth */
	enum rpc_kind kind;
	bool has_id;
	uint32_t id;
	const char *why;	/**< what is wrong, after an error           */
};

void skim_init(struct skim *s, const struct skim_limits *limits);

/**
 * Walks on, `buf` being the message from its first byte and `len` what has
 * come of it. 1: it is complete and `pos` long; 0: more is needed; UV_E2BIG:
 * over a limit; UV_EPROTO: no MessagePack-RPC.
 */
int skim_step(struct skim *s, const void *buf, size_t len);

#endif
