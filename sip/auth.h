/**
 * @file auth.h  Digest credentials of a leg (RFC 3261 22, RFC 2617)
 *
 * A leg with credentials answers each nonce once per request, and once more if
 * the peer calls it stale; what has been asked for goes with all its later
 * requests. A leg without any costs nothing.
 *
 * Digest alone, with MD5 or MD5-sess: sofia-sip's digest client has no
 * SHA-256, and Basic would tell the password. Of several challenges for one
 * realm (RFC 8760 2.4) the first that can be met is.
 */
#ifndef TANDEM_SIP_AUTH_H
#define TANDEM_SIP_AUTH_H

#include <sofia-sip/nta.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/su_tag.h>

struct auth;
struct credentials;
struct route;
struct sip_leg;

/** Keeps a copy of `cr` in `*ap`, whose former is freed. 0, or UV_ENOMEM. */
int auth_set(struct auth **ap, const struct credentials *cr);
void auth_free(struct auth *a);

/**
 * If the final answer `sip` to the leg's `orq` is a challenge that can be met:
 * sends the request again with credentials and destroys `orq`. Returns the new
 * transaction, or NULL: the answer stands. Whoever has given up its request
 * does not ask.
 */
nta_outgoing_t *auth_again(struct sip_leg *l, nta_outgoing_t *orq,
			   const sip_t *sip, nta_response_f *cb,
			   nta_outgoing_magic_t *magic);

/** Adds what the peer has asked for so far to a complete request. */
void auth_add(struct sip_leg *l, msg_t *msg, sip_t *sip);

/**
 * nta_outgoing_tcreate() in the leg's dialog, to its target, with what the
 * peer has asked for so far.
 */
nta_outgoing_t *auth_send(struct sip_leg *l, nta_response_f *cb,
			  nta_outgoing_magic_t *magic, struct route *route,
			  sip_method_t method, const char *name,
			  tag_type_t tag, tag_value_t value, ...);

/** BYE with its challenge answered: the leg lives until its final answer. */
void auth_bye(struct sip_leg *l, struct route *route, const char *reason);

#endif
