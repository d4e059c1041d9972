/**
 * @file media.h  Media port: the node's own end of a leg's audio
 *
 * In mode "none" the node has no media: its descriptions say inactive, port 9.
 * In mode "rtp" each leg that needs the node's end holds a pair of bound ports
 * (RTP, RTCP) of the range. In this version the node passes on what comes in
 * between two of them, and sends nothing of its own.
 */
#ifndef TANDEM_MEDIA_H
#define TANDEM_MEDIA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/offer.h"

struct media;
struct media_end;
struct relay;
struct uv_loop_s;

struct media_options {
	bool rtp;		/**< false: mode "none"                     */
	struct uv_loop_s *uv;	/**< for relays; NULL: there are none       */
	const char *address;	/**< bound; numeric                         */
	const char *advertise;	/**< in SDP; NULL or "": address            */
	uint16_t port_min, port_max;
	const char *const *codecs;	/**< names, in order of preference  */
	size_t codec_count;
};

/** 0, or a negative UV_E*. */
int media_open(struct media **mp, const struct media_options *o);
void media_close(struct media *m);
bool media_is_rtp(const struct media *m);

/** Calls that the ports of the range serve (four each); 0 in mode none. */
size_t media_capacity(const struct media_options *o);

/** Port pairs taken now. */
size_t media_in_use(const struct media *m);

/** The node's end for one leg; UV_EADDRNOTAVAIL: no ports left. */
int media_end_open(struct media *m, struct media_end **ep);
void media_end_close(struct media_end *e);	/**< NULL is allowed */

/**
 * The node's answer to `offer`: of its codecs those we have, in our order of
 * preference, telephone-event as numbered there; direction mirrored. In mode
 * none all its codecs, inactive. NULL: no codec in common, or no audio.
 */
struct offer *media_answer(struct media_end *e, const struct offer *offer);

/**
 * The node's own offer. `negotiated` (may be NULL): use its codecs and
 * numbers, as first agreed with this peer.
 */
struct offer *media_offer(struct media_end *e,
			  const struct offer *negotiated);

/** One leg of a relay; all borrowed for the call. */
struct media_side {
	struct media_end *end;
	const struct offer *ours;	/**< what the peer has from us       */
	const struct offer *peer;	/**< what it has described           */
	const char *source;		/**< where its signalling is from    */
};

/** Whether media can go through the node at all. */
bool media_can_relay(const struct media *m);

/**
 * Passes RTP and RTCP on between two legs. UV_EPROTO: they have no codec in
 * common; or if `strict`, one of them may send one that the other has not
 * agreed to, which this version cannot convert.
 */
int media_relay_open(struct relay **rp, const struct media_side side[2],
		     bool strict);

/** The same after a new description of either. */
int media_relay_change(struct relay *r, const struct media_side side[2],
		       bool strict);
void media_relay_close(struct relay *r);	/**< NULL is allowed */

#endif
