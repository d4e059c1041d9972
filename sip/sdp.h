/**
 * @file sdp.h  Session descriptions to and from struct offer
 */
#ifndef TANDEM_SIP_SDP_H
#define TANDEM_SIP_SDP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct offer;

/**
 * Parses a body. 0 and a new offer that keeps a copy of the body, or
 * UV_EINVAL: no SDP, or audio without a numeric address; UV_ENOMEM.
 */
int sdp_read(struct offer **op, const char *body, size_t len);

/**
 * Finds the SDP in a message body: the whole of it, or one part of a
 * multipart one. `type` is the Content-Type's type, `boundary` its parameter;
 * both may be NULL. 0, or UV_ENOTSUP: there is none.
 */
int sdp_find(const char *type, const char *boundary, const char *body,
	     size_t len, const char **sdp, size_t *sdp_len);

/** What our descriptions in one dialog have in common; zero at its start. */
struct sdp_dialog {
	uint64_t id;		/**< of o=, 0 = not made yet             */
	uint32_t version;	/**< of o=, one more per change          */
	uint64_t hash;		/**< of the last body without its o=     */
	char *others;		/**< m= lines that are not our audio, as we
				     refuse them, one a line             */
	unsigned audio;		/**< place of our audio among them       */
	const char *advertise;	/**< our address for the node's own; NULL:
				     as they say; borrowed               */
};

void sdp_dialog_free(struct sdp_dialog *d);

/**
 * Notes the sections of the peer's offer: from then on each description of
 * ours has them all, in its order (RFC 3264 6 and 8). 0, or UV_ENOMEM.
 */
int sdp_dialog_shape(struct sdp_dialog *d, const struct offer *peer);

/**
 * Writes `o` as our description in `d`: the node's own from its summary, a
 * foreign one from its body with our o= and without what concerns its own
 * session alone. `addr` is our address for o= (and c= if `o` has none).
 * Returns a string to free(), or NULL: no memory.
 */
char *sdp_write(struct sdp_dialog *d, const struct offer *o,
		const char *addr, size_t *len);

#endif
