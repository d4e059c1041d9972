/**
 * @file fields.h  What the engine is told of an INVITE
 */
#ifndef TANDEM_SIP_FIELDS_H
#define TANDEM_SIP_FIELDS_H

#include <sofia-sip/sip.h>

#include "core/leg.h"

struct scratch;

/** Room for the strings of one INVITE, used again for each. */
struct scratch *scratch_new(void);
void scratch_free(struct scratch *sc);

/**
 * Fills `inv` from an INVITE; its strings live in `sc` and in the message.
 * Headers that describe the dialog or the route alone are left out of
 * `inv->headers`; of those that do not fit, the last are.
 */
void fields_of_invite(struct scratch *sc, const sip_t *sip,
		      const struct sockaddr *source, struct offer *offer,
		      struct leg_invite *inv);

#endif
