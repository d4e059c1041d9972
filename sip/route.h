/**
 * @file route.h  Where a request goes: always a numeric address
 *
 * Given to nta as route_url it keeps sofia from ever looking up a name; the
 * Request-URI and the dialog's routes stay as they are (RFC 3263 4 is the
 * business of whoever configured the trunk).
 */
#ifndef TANDEM_SIP_ROUTE_H
#define TANDEM_SIP_ROUTE_H

#include <stdbool.h>
#include <stdint.h>

#include <sofia-sip/nta.h>
#include <sofia-sip/su.h>
#include <sofia-sip/url.h>

struct route {
	url_t url;
	char host[48];		/**< IPv6 in brackets */
	char port[6];
};

/** 0, or UV_EINVAL if the address is neither IPv4 nor IPv6. */
int route_from_addr(struct route *r, const su_sockaddr_t *addr);

/** 0, or UV_EINVAL if the URI's host (or its maddr) is not numeric. */
int route_from_url(struct route *r, const url_t *url);

/**
 * Where the next request in `dialog` goes: its first Route, else its remote
 * target; if that host is a name, `last`, where the peer's last message came
 * from, which also is what works through a NAT. True if that was taken.
 */
bool route_in_dialog(struct route *r, nta_leg_t *dialog,
		     const struct route *last);

/** As nta wants it; valid as long as `r` stays where it is. */
url_string_t *route_url(struct route *r);

#endif
