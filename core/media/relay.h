/**
 * @file relay.h  RTP and RTCP between two peers, through the node's ports
 *
 * Packets are passed on as they come, under the payload numbers of the other
 * side (RFC 3550, a translator). What is malformed, has a payload number that
 * was not agreed upon, or comes from a stranger is dropped and counted.
 */
#ifndef TANDEM_MEDIA_RELAY_H
#define TANDEM_MEDIA_RELAY_H

#include <stdbool.h>
#include <stdint.h>

struct relay;
struct uv_loop_s;

#define RELAY_NONE 0xff		/**< in a map: this one is not passed on */

/** One of the two peers, and our ports towards it. */
struct relay_side {
	int rtp, rtcp;		/**< our sockets, non-blocking; borrowed  */
	char addr[46];		/**< numeric, as the peer described it    */
	uint16_t port;		/**< of RTP; RTCP is one above            */
	char source[46];	/**< where its signalling is from, or ""  */
	bool hears;		/**< it wants to receive                  */
	bool speaks;		/**< it may send                          */
	uint8_t map[128];	/**< payload number from it -> the other's */
};

struct relay_count {
	uint64_t passed;
	uint64_t malformed;
	uint64_t strange;	/**< from an address that is not the peer's */
	uint64_t unknown;	/**< payload number nobody agreed upon    */
};

/**
 * Begins. A peer is heard from the address and port it described; if nothing
 * has come from there, the first valid packet from the same address, or from
 * where its signalling is, tells its port, once (it sits behind a NAT).
 */
int relay_open(struct relay **rp, struct uv_loop_s *uv,
	       const struct relay_side side[2]);

/** One side has changed its description; what was learnt of it is void. */
void relay_change(struct relay *r, unsigned side,
		  const struct relay_side *to);

void relay_count(const struct relay *r, struct relay_count *n);

/** Stops at once; the sockets may be closed then. NULL is allowed. */
void relay_close(struct relay *r);

#endif
