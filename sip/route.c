#include "route.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <sofia-sip/hostdomain.h>

url_string_t *route_url(struct route *r)
{
	/* Set here and not before, since a route is copied with its leg. */
	url_init(&r->url, url_sip);
	r->url.url_host = r->host;
	r->url.url_port = r->port;
	r->url.url_params = "transport=udp";
	return (url_string_t *)&r->url;
}

int route_from_addr(struct route *r, const su_sockaddr_t *addr)
{
	char text[46];

	switch (addr->su_family) {
	case AF_INET:
		inet_ntop(AF_INET, &addr->su_sin.sin_addr, r->host,
			  sizeof(r->host));
		break;
	case AF_INET6:
		inet_ntop(AF_INET6, &addr->su_sin6.sin6_addr, text,
			  sizeof(text));
		snprintf(r->host, sizeof(r->host), "[%s]", text);
		break;
	default:
		return UV_EINVAL;
	}
	snprintf(r->port, sizeof(r->port), "%u",
		 (unsigned)ntohs(addr->su_port));
	return 0;
}

int route_from_url(struct route *r, const url_t *url)
{
	char maddr[48];
	const char *host = url->url_host;
	unsigned long port = 5060;
	char *end;

	if (url->url_type != url_sip && url->url_type != url_sips)
		return UV_EINVAL;
	if (url->url_params &&
	    url_param(url->url_params, "maddr", maddr, sizeof(maddr)) > 0)
		host = maddr;
	if (!host || strlen(host) >= sizeof(r->host) ||
	    !host_is_ip_address(host))
		return UV_EINVAL;

	if (url->url_port && *url->url_port) {
		port = strtoul(url->url_port, &end, 10);
		if (*end || !port || port > 65535)
			return UV_EINVAL;
	}
	if (strchr(host, ':') && *host != '[')
		snprintf(r->host, sizeof(r->host), "[%.45s]", host);
	else
		snprintf(r->host, sizeof(r->host), "%s", host);
	snprintf(r->port, sizeof(r->port), "%lu", port);
	return 0;
}

bool route_in_dialog(struct route *r, nta_leg_t *dialog,
		     const struct route *last)
{
	const sip_route_t *route = NULL;
	const sip_contact_t *target = NULL;

	nta_leg_get_route(dialog, &route, &target);
	if (route && !route_from_url(r, route->r_url))
		return false;
	if (!route && target && !route_from_url(r, target->m_url))
		return false;
	*r = *last;
	return true;
}
