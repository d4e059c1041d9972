#include "identity.h"

#include <string.h>
#include <strings.h>

#include "uri.h"

#define SIP_PORT 5060

/* RFC 3323 4.1.1.3, and what many send in a host of their own. */
static bool is_nobody(const struct leg_invite *inv)
{
	struct uri u;

	return !strcasecmp(inv->from_user, "anonymous") ||
		(!uri_parse(&u, inv->from_uri) &&
		 !strcasecmp(u.host, "anonymous.invalid"));
}

void identity_of_invite(const struct leg_invite *inv,
			const struct trunk *trunk, struct identity *id)
{
	const bool nobody = is_nobody(inv);

	*id = (struct identity){
		.number = nobody ? "" : inv->from_user,
		.display = inv->from_display,
		.anonymous = nobody || inv->privacy,
	};
	if (trunk && trunk->asserted_identity && inv->asserted_user &&
	    *inv->asserted_user) {
		id->number = inv->asserted_user;
		/* It may assert a number and leave the name to From. */
		if (inv->asserted_display && *inv->asserted_display)
			id->display = inv->asserted_display;
	}
	if (id->anonymous)
		id->display = "";
}

/* Its own number is what a registrar wants; without account the carrier has
 * to believe us anyway. */
static bool own_number(const struct trunk *t)
{
	return t && (t->caller_id == CALLER_TRUNK ||
		     (t->caller_id == CALLER_AUTO && t->password));
}

static bool is_trunks_host(const struct trunk *t, const char *uri)
{
	struct uri u;

	return t && !uri_parse(&u, uri) && !uri_has_param(&u, "maddr") && !strcasecmp(u.host, t->host) &&
		(u.port ? u.port : SIP_PORT) == (t->port ? t->port : SIP_PORT);
}

const struct credentials *trunk_credentials(const struct trunk *trunk,
					    struct credentials *cr)
{
	if (!trunk || !trunk->username || !trunk->password)
		return NULL;
	*cr = (struct credentials){ trunk->username, trunk->password };
	return cr;
}

void identity_dial(const struct identity *id, const struct trunk *trunk,
		   const char *called, struct leg_dial *d,
		   struct credentials *cr)
{
	const bool home = is_trunks_host(trunk, d->uri);

	d->from_user = id->number;
	d->from_display = id->display;
	if (id->anonymous) {
		/* RFC 3323 4.1.1.3, RFC 3325 9.3 */
		d->from_user = "anonymous";
		d->from_display = "Anonymous";
		d->from_host = "anonymous.invalid";
		d->privacy = "id";
	} else if (own_number(trunk)) {
		d->from_user = trunk->from;
		d->from_display = "";
	}
	if (!trunk)
		return;

	if (trunk->asserted_identity && *id->number &&
	    (!id->anonymous || home)) {
		d->asserted_user = id->number;
		d->asserted_display = id->display;
	}
	if (trunk->diversion && *called)
		d->diverted_user = called;
	if (home)
		d->credentials = trunk_credentials(trunk, cr);
}
