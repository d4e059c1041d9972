/* A call begins: what of its INVITE is kept, its session, its first event. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "engine_i.h"
#include "identity.h"

#define HEADERS_MAX 64
#define HEADER_BYTES_MAX 8192

/* Keeps the headers that a bot may read and an agent may be sent. */
static int keep_headers(struct call *c, const struct leg_invite *inv)
{
	unsigned n = 0;
	size_t bytes = 0;

	for (unsigned i = 0; i < inv->header_count; i++)
		if (!header_is_protected(inv->headers[i].name))
			n++;
	if (!n)
		return 0;
	c->headers = calloc(n < HEADERS_MAX ? n : HEADERS_MAX,
			    sizeof(*c->headers));
	if (!c->headers)
		return UV_ENOMEM;

	for (unsigned i = 0; i < inv->header_count; i++) {
		const struct header *from = &inv->headers[i];
		struct header *to = &c->headers[c->header_count];

		if (header_is_protected(from->name) ||
		    !header_is_valid(from->name, from->value,
				     strlen(from->value)))
			continue;
		bytes += strlen(from->name) + strlen(from->value);
		if (c->header_count == HEADERS_MAX ||
		    bytes > HEADER_BYTES_MAX) {
			log_line(LOG_WARN, c->id, "the INVITE has too many "
				 "headers; %s and what follows is left out",
				 from->name);
			return 0;
		}
		to->name = strdup(from->name);
		to->value = strdup(from->value);
		c->header_count++;
		if (!to->name || !to->value)
			return UV_ENOMEM;
	}
	return 0;
}

static int fill(struct call *c, const struct leg_invite *inv)
{
	char port[64];
	struct identity id;

	identity_of_invite(inv, c->trunk, &id);
	c->anonymous = id.anonymous;
	c->sip_call_id = strdup(inv->call_id);
	c->caller = strdup(id.number);
	c->from = c->anonymous ? "" : c->caller;
	c->from_display = strdup(id.display);
	c->to = strdup(inv->request_user);
	c->states = json_array();
	c->transfer_log = json_array();
	if (!c->sip_call_id || !c->caller || !c->from_display || !c->to ||
	    !c->states || !c->transfer_log)
		return UV_ENOMEM;

	c->max_forwards = inv->max_forwards;
	c->allow_known = inv->allow_known;
	c->allow_refer = inv->allow_refer;
	if (inv->source && uv_ip_name(inv->source, port, sizeof(port)) == 0)
		snprintf(c->source, sizeof(c->source), "%.45s", port);
	return keep_headers(c, inv);
}

static int open_session(struct call *c, struct bot *bot)
{
	c->info = (struct bot_call) {
		.id = c->id,
		.from = c->from,
		.to = c->to,
		.trunk = c->trunk ? c->trunk->name : NULL,
		.channel = c->channel ? c->channel->id : NULL,
		.headers = c->headers,
		.header_count = c->header_count,
	};
	return c->e->bot_ops->open(bot, &c->info, &call_session_handlers, c, &c->session);
}

static void emit_started(struct call *c)
{
	struct event ev;

	call_event_init(c, &ev, EV_CALL_STARTED);
	ev.leg = c->leg_id;
	event_string(&ev, "from", c->from);
	event_string(&ev, "to", c->to);
	event_string(&ev, "channel", c->info.channel);
	event_string(&ev, "trunk", c->info.trunk);
	event_string(&ev, "sip_call_id", c->sip_call_id);
	event_emit(c->e->bus, &ev);
}

int call_new(struct call **cp, struct engine *e, struct leg *leg,
	     const struct leg_invite *inv, const struct trunk *trunk,
	     struct channel *channel, struct bot *bot)
{
	struct call *c = calloc(1, sizeof(*c));
	const struct credentials *cr;
	struct credentials room;
	int rc;

	if (!c)
		return UV_ENOMEM;

	c->e = e;
	c->state = CALL_RINGING;
	c->trunk = trunk;
	c->channel = channel;
	c->out_tail = &c->out;
	c->started = loop_wall(e->loop);
	call_timers_init(c);
	snprintf(c->id, sizeof(c->id), "%.20s-%llu", event_bus_boot(e->bus),
		 (unsigned long long)(e->next_id + 1));
	snprintf(c->leg_id, sizeof(c->leg_id), "%.30s-l1", c->id);
	rc = fill(c, inv);
	cr = trunk_credentials(trunk, &room);
	if (!rc && cr)
		rc = leg_credentials(leg, cr);
	if (!rc)
		rc = open_session(c, bot);
	if (rc) {
		call_destroy(c);
		return rc;
	}

	c->leg = leg;
	c->remote = offer_ref(inv->offer);
	leg_listen(leg, call_on_leg, c);
	leg_advertise(leg, trunk ? trunk->advertise : NULL);
	engine_add(e, c);
	if (channel)
		channel->calls++;
	emit_started(c);
	timer_start(&c->phase, engine_timer(e, TIMER_RINGING));
	if (!c->session->ops->handles(c->session, "ringing")) {
		call_answer(c);
	} else {
		leg_ring(leg, 180);
		call_event(c, "ringing", NULL);
	}
	*cp = c;
	return 0;
}
