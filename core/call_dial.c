#include "call_dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "uri.h"

static int refuse(struct action_error *err, const char *text)
{
	snprintf(err->text, sizeof(err->text), "switch: %s", text);
	return UV_EINVAL;
}

/* The trunk of transferChannel, else the call's own. */
static const struct trunk *default_trunk(struct call *c,
					 const struct switch_request *sw)
{
	const struct channel *ch;

	if (!sw->channel)
		return c->trunk;

	ch = config_channel(c->e->config, sw->channel);
	if (ch && ch->trunk)
		return ch->trunk;
	log_line(LOG_WARN, c->id, "switch: transferChannel \"%s\" %s, the "
		 "call's own trunk is used", sw->channel,
		 ch ? "has no trunk" : "is unknown");
	return c->trunk;
}

int call_dial_route(struct call *c, const struct switch_request *sw,
		    const struct trunk **trunk, char *uri, size_t size,
		    struct action_error *err)
{
	const struct trunk *t;
	char digits[80];
	struct uri u;

	if (sw->uri) {
		if (uri_parse(&u, sw->uri))
			return refuse(err, "sipUri is not valid");
		t = config_trunk_by_host(c->e->config, u.host, u.port);
		*trunk = t ? t : default_trunk(c, sw);
		snprintf(uri, size, "%s", sw->uri);
		return 0;
	}

	*trunk = t = default_trunk(c, sw);
	if (!t)
		return refuse(err, "a call of no trunk needs sipUri or a "
			      "transferChannel with a trunk");
	memset(&u, 0, sizeof(u));
	number_on_wire(sw->number, digits);
	/* `#` has to be escaped in a URI (RFC 3261 25.1) */
	for (const char *p = digits; *p; p++) {
		const size_t len = strlen(u.user);

		snprintf(u.user + len, sizeof(u.user) - len, "%s",
			 *p == '#' ? "%23" : (char[]) { *p, '\0' });
	}
	snprintf(u.host, sizeof(u.host), "%s", t->host);
	u.port = t->port;
	if (size < URI_MAX)
		return refuse(err, "no room");
	uri_print(&u, false, uri);
	return 0;
}

/*
 * The switch's headers first, then those of the customer's INVITE that it does
 * not override. Names and values are borrowed. Caller frees the list.
 */
static struct header *merge(const struct call *c,
			    const struct switch_request *sw, unsigned *count)
{
	const unsigned most = sw->header_count + c->header_count;
	struct header *list = calloc(most ? most : 1, sizeof(*list));
	unsigned n = 0;

	if (!list)
		return NULL;

	for (unsigned i = 0; i < sw->header_count; i++)
		list[n++] = sw->headers[i];
	for (unsigned i = 0; i < c->header_count; i++) {
		const struct header *h = &c->headers[i];
		bool pass = !strncasecmp(h->name, "X-", 2);

		for (size_t k = 0; c->trunk && k < c->trunk->header_count; k++)
			if (!strcasecmp(c->trunk->headers[k], h->name))
				pass = true;
		for (unsigned k = 0; pass && k < sw->header_count; k++)
			if (!strcasecmp(sw->headers[k].name, h->name))
				pass = false;
		if (pass)
			list[n++] = *h;
	}
	*count = n;
	return list;
}

int call_refer(struct call *c, const struct switch_request *sw,
	       const char *uri)
{
	struct leg_refer r = { .uri = uri };
	struct header *list = merge(c, sw, &r.header_count);
	int rc;

	if (!list)
		return UV_ENOMEM;

	r.headers = list;
	rc = leg_refer(c->leg, &r);
	free(list);
	return rc;
}

int call_dial(struct call *c, const struct switch_request *sw,
	      const char *uri, struct offer *offer, uint64_t timeout_ms,
	      attempt_h *h, void *arg, struct attempt **ap)
{
	struct leg_dial d = {
		.uri = uri,
		.from_user = c->from,
		.from_display = c->from_display,
		.max_forwards = c->max_forwards - 1,
		.offer = offer,
	};
	struct header *list = merge(c, sw, &d.header_count);
	int rc;

	if (!list)
		return UV_ENOMEM;

	if (c->anonymous) {
		d.from_user = "anonymous";
		d.from_display = "Anonymous";
		d.from_host = "anonymous.invalid";
		d.privacy = "id";
	}
	d.headers = list;
	rc = attempt_start(ap, c->e, &d, timeout_ms, h, arg);
	free(list);
	return rc;
}
