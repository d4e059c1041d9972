/**
 * @file route.h  Where a request goes: always a numeric address
 *
 * Given to nta as route_url it keeps sofia from ever looking up a name; the
 * Request-URI and the dialog's routes stay as they are. Names are resolve.h's.
 */
#ifndef TANDEM_SIP_ROUTE_H
#define TANDEM_SIP_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include <sofia-sip/nta.h>
#include <sofia-sip/su.h>
#include <sofia-sip/url.h>

enum transport {
	BY_ANY,		/**< UDP; TCP for what is too large for a datagram
			     (RFC 3261 18.1.1), unless that is refused      */
	BY_UDP,		/**< UDP, whatever the size                         */
	BY_TCP,
};

struct route {
	url_t url;
	char host[48];		/**< IPv6 in brackets */
	char port[6];
	enum transport by;
};

/** Where `msg` came from, and how: that connection, if it is TCP. */
int route_from_msg(struct route *r, msg_t *msg);

/** 0, or UV_EINVAL if the URI's host (or its maddr) is not numeric. */
int route_from_url(struct route *r, const url_t *url);

/** What the URI's transport parameter asks for; -1: none that we have. */
int route_transport(const url_t *url);

/**
 * Whose URI the next request in `dialog` is sent to: its first Route, else its
 * remote target (RFC 3261 12.2.1.1); NULL if that is no SIP URI.
 */
const url_t *route_next_hop(nta_leg_t *dialog, bool *routed);

/** As nta wants it; valid as long as `r` stays where it is. */
url_string_t *route_url(struct route *r);

#endif
