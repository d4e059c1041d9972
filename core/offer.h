/**
 * @file offer.h  A session description, as far as the engine looks into it
 *
 * An opaque shared body and a summary of its audio section. The signalling
 * side parses and writes SDP (RFC 4566, RFC 3264); the engine only compares
 * summaries and passes bodies on. Offers and answers are both `struct offer`.
 */
#ifndef TANDEM_OFFER_H
#define TANDEM_OFFER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** Direction as two bits, seen from who wrote the description. */
enum media_dir {
	DIR_INACTIVE = 0,
	DIR_SENDONLY = 1,
	DIR_RECVONLY = 2,
	DIR_SENDRECV = 3,
};

struct codec {
	uint8_t pt;		/**< payload number                       */
	uint8_t channels;
	uint32_t rate;		/**< Hz                                   */
	char name[24];		/**< as in rtpmap; compared without case  */
	char *fmtp;		/**< parameters, or NULL; owned           */
};

struct offer {
	unsigned refs;
	char addr[46];		/**< numeric address, or "" if none       */
	uint16_t port;		/**< 0: no audio, or audio refused        */
	enum media_dir dir;
	bool secure;		/**< SAVP: needs SRTP                     */
	unsigned count;		/**< codecs, telephone-event included     */
	struct codec *codecs;	/**< owned                                */
	uint64_t origin;	/**< of o=, equal for the same version; 0 none */
	uint64_t rest;		/**< of all its other lines               */
	char *body;		/**< SDP as received; NULL: node's own    */
	size_t len;
};

#define OFFER_CODECS_MAX 32

/** A new description of the node's own, refs 1; `count` codecs, all blank. */
struct offer *offer_new(unsigned count);
struct offer *offer_ref(struct offer *o);
void offer_unref(struct offer *o);	/**< NULL is allowed */

/** Puts `o` (may be NULL) in the place of `*to`. */
void offer_set(struct offer **to, struct offer *o);

/** A direction as the other party sees it. */
enum media_dir dir_mirror(enum media_dir d);

/**
 * `o` with another direction, or a reference to `o` if it has that one
 * already (or memory is short). The caller's to offer_unref().
 */
struct offer *offer_with_dir(struct offer *o, enum media_dir dir);

/**
 * `answer` with the direction its writer wishes: an answer cannot ask for more
 * than `offered` allowed (RFC 3264 6.1), so what that ruled out is as in
 * `before`, its last description, or if that is NULL counts as wished. Like
 * offer_with_dir().
 */
struct offer *offer_wish(struct offer *answer, const struct offer *offered,
			 const struct offer *before);

/**
 * Whether one party's description says nothing new after another of its own:
 * the same version in o=, or the same text but for o= (case O7).
 */
bool offer_same(const struct offer *a, const struct offer *b);

/** The same codec: name, rate and channels, whatever its payload number. */
bool codec_is(const struct codec *a, const struct codec *b);

/** Codec of `o` that is `c`, or NULL. */
const struct codec *offer_find(const struct offer *o, const struct codec *c);

/**
 * A description like `a`, reduced to the codecs that `b` has as well. NULL: no
 * audio codec in common, or no memory. New reference.
 */
struct offer *offer_common(const struct offer *a, const struct offer *b);

/** True for telephone-event (RFC 4733) and comfort noise (RFC 3389). */
bool codec_is_auxiliary(const struct codec *c);

/**
 * Whether `answer`, which one party gave to the other's description, asks for
 * something the other was not offered in `offered`: another address or port,
 * or another number or format of a codec in `chosen`, which is
 * what the other party picked. A shorter list is no difference (contract 5.2).
 */
bool offer_moves(const struct offer *answer, const struct offer *offered,
		 const struct offer *chosen);

/** The same, or another direction. */
bool offer_differs(const struct offer *answer, const struct offer *offered,
		   const struct offer *chosen);

#endif
