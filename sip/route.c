#include "route.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <uv.h>

#include <sofia-sip/hostdomain.h>
#include <sofia-sip/msg_addr.h>

url_string_t *route_url(struct route *r)
{
	/* Set here and not before, since a route is copied with its leg. */
	url_init(&r->url, url_sip);
	r->url.url_host = r->host;
	r->url.url_port = r->port;
	r->url.url_params = r->by == BY_TCP ? "transport=tcp"
					    : "transport=udp";
	return (url_string_t *)&r->url;
}

int route_from_msg(struct route *r, msg_t *msg)
{
	const su_sockaddr_t *addr = msg_addr(msg);
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
	/* Who sends datagrams from there takes them there. */
	r->by = msg_addrinfo(msg)->ai_socktype == SOCK_STREAM ? BY_TCP
							      : BY_UDP;
	return 0;
}

int route_transport(const url_t *url)
{
	char by[8];

	if (!url->url_params || url_param(url->url_params, "transport", by,
					  sizeof(by)) <= 0)
		return BY_ANY;
	if (!strcasecmp(by, "tcp"))
		return BY_TCP;
	return strcasecmp(by, "udp") ? -1 : BY_UDP;
}

int route_from_url(struct route *r, const url_t *url)
{
	char maddr[48];
	const char *host = url->url_host;
	unsigned long port = 5060;
	const int by = route_transport(url);
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
	r->by = by < 0 ? BY_ANY : (enum transport)by;
	return 0;
}

const url_t *route_next_hop(nta_leg_t *dialog, bool *routed)
{
	const sip_route_t *route = NULL;
	const sip_contact_t *target = NULL;
	const url_t *url = NULL;

	nta_leg_get_route(dialog, &route, &target);
	*routed = route != NULL;
	if (route)
		url = route->r_url;
	else if (target)
		url = target->m_url;
	return url && (url->url_type == url_sip || url->url_type == url_sips)
		? url : NULL;
}
