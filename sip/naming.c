#include "naming.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include <sofia-sip/hostdomain.h>

#include "core/offer.h"
#include "dialog.h"
#include "resolve.h"

struct naming {
	struct leg_dial dial;	/* strings of `home`                    */
	su_home_t *home;
	struct lookup *lookup;
	struct route list[TARGETS_MAX];
	size_t count, next;
};

struct hop {
	char *host;
	uint16_t port;
	int by;
	struct route route;
	bool known;
	struct lookup *lookup;
};

static void free_naming(struct naming *n)
{
	if (!n)
		return;
	resolve_cancel(n->lookup);
	offer_unref(n->dial.offer);
	su_home_unref(n->home);
	free(n);
}

void naming_free(struct sip_leg *l)
{
	free_naming(l->naming);
	l->naming = NULL;
	if (l->hop) {
		resolve_cancel(l->hop->lookup);
		free(l->hop->host);
		free(l->hop);
		l->hop = NULL;
	}
}

static const char *copy(su_home_t *home, const char *s, bool *failed)
{
	char *p = s ? su_strdup(home, s) : NULL;

	if (s && !p)
		*failed = true;
	return p;
}

static struct naming *keep(const struct leg_dial *d)
{
	struct naming *n = calloc(1, sizeof(*n));
	bool failed = false;
	struct header *list;

	if (!n)
		return NULL;
	n->home = su_home_new(sizeof(*n->home));
	list = n->home ? su_zalloc(n->home, (d->header_count + 1) *
				   sizeof(*list)) : NULL;
	if (!list) {
		free_naming(n);
		return NULL;
	}
	n->dial = *d;
	n->dial.offer = offer_ref(d->offer);
	n->dial.uri = copy(n->home, d->uri, &failed);
	n->dial.from_user = copy(n->home, d->from_user, &failed);
	n->dial.from_display = copy(n->home, d->from_display, &failed);
	n->dial.from_host = copy(n->home, d->from_host, &failed);
	n->dial.privacy = copy(n->home, d->privacy, &failed);
	n->dial.asserted_user = copy(n->home, d->asserted_user, &failed);
	n->dial.asserted_display = copy(n->home, d->asserted_display,
					&failed);
	n->dial.diverted_user = copy(n->home, d->diverted_user, &failed);
	n->dial.credentials = NULL;	/* the leg has them */
	n->dial.proxy = copy(n->home, d->proxy, &failed);
	n->dial.advertise = copy(n->home, d->advertise, &failed);
	n->dial.transport = NULL;	/* decided by now */
	for (unsigned i = 0; i < d->header_count; i++) {
		list[i].name = (char *)copy(n->home, d->headers[i].name,
					    &failed);
		list[i].value = (char *)copy(n->home, d->headers[i].value,
					     &failed);
	}
	n->dial.headers = list;
	if (failed) {
		free_naming(n);
		return NULL;
	}
	return n;
}

bool naming_next(struct sip_leg *l)
{
	struct naming *n = l->naming;

	while (n && !l->ended && n->next < n->count) {
		l->last = n->list[n->next++];
		if (invite_out_start(l, &n->dial))
			continue;
		/* One that says nothing is passed over (RFC 3263 4.3). */
		if (n->next < n->count)
			timer_start(&l->timer, l->sip->silence_ms);
		return true;
	}
	return false;
}

void naming_unreachable(struct sip_leg *l)
{
	const struct leg_event ev = {
		.type = LEG_REJECTED, .cause = LEG_CAUSE_UNREACHABLE,
	};

	dialog_step(l, E_GONE);
	dialog_tell(l, &ev);
	dialog_go_on(l);
}

static void on_addresses(void *arg, const struct route *list, size_t count)
{
	struct sip_leg *l = arg;
	struct naming *n = l->naming;

	n->lookup = NULL;
	for (n->count = 0; n->count < count; n->count++)
		n->list[n->count] = list[n->count];
	if (!naming_next(l))
		naming_unreachable(l);
}

static const char *host_of(const url_t *url, char *buf, size_t size)
{
	if (url->url_params &&
	    url_param(url->url_params, "maddr", buf, size) > 0 && *buf)
		return buf;
	return url->url_host;
}

/* 0: none is named; false: it is none. */
static bool port_of(const url_t *url, uint16_t *port)
{
	const char *text = url->url_port;
	unsigned long n;
	char *end;

	*port = 0;
	if (!text || !*text)
		return true;
	n = strtoul(text, &end, 10);
	*port = (uint16_t)n;
	return !*end && n && n <= 65535;
}

/* Whether it is a name that may be looked up. */
static bool is_name(const char *host)
{
	return host && *host && !host_is_ip_address(host);
}

int naming_dial(struct sip_leg *l, const struct leg_dial *d, const url_t *hop,
		int by)
{
	char buf[256];
	const char *host = host_of(hop, buf, sizeof(buf));
	uint16_t port;

	if (by < 0 || !is_name(host) || !port_of(hop, &port))
		return UV_EINVAL;
	l->naming = keep(d);
	if (!l->naming)
		return UV_ENOMEM;
	l->naming->lookup = resolve(l->sip->resolver, host, port,
				    (enum transport)by, on_addresses, l);
	return l->naming->lookup ? 0 : UV_EAGAIN;
}

static void on_hop(void *arg, const struct route *list, size_t count)
{
	struct hop *h = arg;

	h->lookup = NULL;
	h->known = count > 0;
	if (count)
		h->route = list[0];
}

static struct hop *hop_named(struct sip_leg *l, const char *host,
			     uint16_t port, int by)
{
	struct hop *h = l->hop;

	if (h && !strcasecmp(h->host, host) && h->port == port && h->by == by)
		return h;
	if (!h)
		h = l->hop = calloc(1, sizeof(*h));
	if (!h)
		return NULL;
	resolve_cancel(h->lookup);
	free(h->host);
	memset(h, 0, sizeof(*h));
	h->port = port;
	h->by = by;
	h->host = strdup(host);
	if (!h->host) {
		free(h);
		l->hop = NULL;
	}
	return l->hop;
}

bool naming_hop(struct sip_leg *l, const url_t *hop, struct route *r)
{
	const int by = route_transport(hop);
	char buf[256];
	const char *host = host_of(hop, buf, sizeof(buf));
	struct hop *h;
	uint16_t port;

	if (by < 0 || !is_name(host) || !port_of(hop, &port))
		return false;
	h = hop_named(l, host, port, by);
	if (!h)
		return false;
	/* Also if it is known: it may have moved. What is kept of the DNS's
	 * answers makes that cheap. */
	if (!h->lookup && !l->ended)
		h->lookup = resolve(l->sip->resolver, host, port,
				    (enum transport)by, on_hop, h);
	if (h->known)
		*r = h->route;
	return h->known;
}

void naming_begin(struct sip_leg *l)
{
	bool routed;
	const url_t *hop = route_next_hop(l->dialog, &routed);
	struct route route;

	/* Over TCP the connection is the way, see dialog_route(). */
	if (hop && l->last.by != BY_TCP && is_name(hop->url_host))
		naming_hop(l, hop, &route);
}
