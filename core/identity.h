/**
 * @file identity.h  Who the customer is, and as whom an agent is called
 *
 * Contract 5.4. A trunk with asserted_identity is within our trust domain
 * (RFC 3325 2.3): its P-Asserted-Identity is believed, and it is sent one.
 */
#ifndef TANDEM_IDENTITY_H
#define TANDEM_IDENTITY_H

#include <stdbool.h>

#include "config.h"
#include "leg.h"

/** Who calls. Strings are borrowed of what it was made from. */
struct identity {
	const char *number;	/**< "" if unknown; of an anonymous one too,
				     then for P-Asserted-Identity alone  */
	const char *display;	/**< "" for none                         */
	bool anonymous;		/**< nobody is to be shown the number    */
};

/** From an INVITE over `trunk`, which may be NULL. */
void identity_of_invite(const struct leg_invite *inv,
			const struct trunk *trunk, struct identity *id);

/**
 * Sets what an INVITE says of the caller, when `trunk` (may be NULL) lends its
 * identity. `called` is the number the customer has called.
 *
 * Two things are for the trunk's own host alone, not for a URI that is dialled
 * elsewhere under its name: its credentials, whose digest a stranger could try
 * passwords on, and an anonymous caller's number (RFC 3325 7).
 *
 * `d->uri` is set. `cr` is room for the credentials.
 */
void identity_dial(const struct identity *id, const struct trunk *trunk,
		   const char *called, struct leg_dial *d,
		   struct credentials *cr);

/** The trunk's credentials in `cr`, or NULL if it has none. */
const struct credentials *trunk_credentials(const struct trunk *trunk,
					    struct credentials *cr);

#endif
