#include "call_dial.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "dial_way.h"
#include "identity.h"
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
		    const struct switch_target *to,
		    const struct trunk **trunk, char *uri, size_t size,
		    struct action_error *err)
{
	const struct trunk *t;
	char digits[80];
	struct uri u;

	if (to->uri) {
		if (uri_parse(&u, to->uri))
			return refuse(err, "sipUri is not valid");
		t = config_trunk_by_host(c->e->config, u.host, u.port);
		*trunk = t ? t : default_trunk(c, sw);
		snprintf(uri, size, "%s", to->uri);
		return 0;
	}

	*trunk = t = default_trunk(c, sw);
	if (!t)
		return refuse(err, "a call of no trunk needs sipUri or a "
			      "transferChannel with a trunk");
	memset(&u, 0, sizeof(u));
	number_on_wire(to->number, digits);
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

/* Headers that are collected; the first of a name counts. */
struct headers {
	struct header *list;	/* names and values are borrowed */
	unsigned count;
};

static void add(struct headers *hs, const struct header *h)
{
	for (unsigned i = 0; i < hs->count; i++)
		if (!strcasecmp(hs->list[i].name, h->name))
			return;
	hs->list[hs->count++] = *h;
}

static bool lists(const struct trunk *t, const char *name)
{
	for (size_t i = 0; t && i < t->header_count; i++)
		if (!strcasecmp(t->headers[i], name))
			return true;
	return false;
}

/* Of the customer's INVITE: what passes by itself (contract 5.5). */
static void add_passed(struct headers *hs, const struct call *c,
		       const struct trunk *trunk)
{
	const unsigned own = hs->count;

	for (unsigned i = 0; i < c->header_count; i++) {
		const struct header *h = &c->headers[i];
		bool pass = !strncasecmp(h->name, "X-", 2) ||
			lists(c->trunk, h->name) || lists(trunk, h->name);

		/* One that the customer repeats is passed on repeated. */
		for (unsigned k = 0; pass && k < own; k++)
			pass = strcasecmp(hs->list[k].name, h->name) != 0;
		if (pass)
			hs->list[hs->count++] = *h;
	}
}

/*
 * The switch's headers first, then those of the target's URI, then those of
 * the customer's INVITE that neither overrides. Caller frees the list.
 */
static int collect(struct headers *hs, const struct call *c,
		   const struct switch_request *sw,
		   const struct switch_target *to, const struct trunk *trunk)
{
	const unsigned most = sw->header_count + to->header_count +
		c->header_count + 1;

	hs->count = 0;
	hs->list = calloc(most, sizeof(*hs->list));
	if (!hs->list)
		return UV_ENOMEM;
	for (unsigned i = 0; i < sw->header_count; i++)
		add(hs, &sw->headers[i]);
	for (unsigned i = 0; i < to->header_count; i++)
		add(hs, &to->headers[i]);
	add_passed(hs, c, trunk);
	return 0;
}

int call_refer(struct call *c, const struct switch_request *sw,
	       const char *uri)
{
	struct leg_refer r = { .uri = uri };
	struct headers hs;
	int rc = collect(&hs, c, sw, &sw->targets[0], c->trunk);

	if (rc)
		return rc;

	r.headers = hs.list;
	r.header_count = hs.count;
	rc = leg_refer(c->leg, &r);
	free(hs.list);
	return rc;
}

int call_dial(struct call *c, const struct call_dialled *to, attempt_h *h,
	      void *arg, struct attempt **ap)
{
	const struct identity id = {
		.number = c->caller,
		.display = c->from_display,
		.anonymous = c->anonymous,
	};
	struct credentials cr;
	struct leg_dial d = {
		.uri = to->uri,
		.max_forwards = c->max_forwards - 1,
		.offer = to->offer,
	};
	struct headers hs;
	int rc = collect(&hs, c, to->sw, to->to, to->trunk);

	if (rc)
		return rc;

	identity_dial(&id, to->trunk, c->to, &d, &cr);
	dial_way(to->own ? to->trunk : NULL, to->uri, &d);
	if (to->diversion)
		hs.list[hs.count++] = *to->diversion;
	d.headers = hs.list;
	d.header_count = hs.count;
	rc = attempt_start(ap, c->e, &d, to->timeout_ms, h, arg);
	free(hs.list);
	return rc;
}
