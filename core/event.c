#include "event.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "loop.h"
#include "utf8.h"

#define FIELDS(...) (const char *const[]){ __VA_ARGS__, NULL }
#define NO_FIELDS (const char *const[]){ NULL }

const struct event_row event_table[EVENT_TYPES] = {
	[EV_CALL_STARTED] = { "call.started",
		FIELDS("from", "to", "channel", "trunk", "sip_call_id"), true,
		"a customer's call was admitted" },
	[EV_CALL_ANSWERED] = { "call.answered", NO_FIELDS, true,
		"the customer's ACK has come" },
	[EV_CALL_ENDED] = { "call.ended",
		FIELDS("call", "from", "to", "channel", "trunk", "sip_call_id",
		       "started", "answered", "ended", "states", "ended_by",
		       "transfers", "recording"), true,
		"the call is over; the fields are its CDR" },
	[EV_TRANSFER_STARTED] = { "transfer.started",
		FIELDS("method", "destinations"), true,
		"a switch was accepted; method is the one resolved" },
	[EV_TRANSFER_PROGRESS] = { "transfer.progress",
		FIELDS("number", "phase", "sip"), true,
		"a transfer went a step on" },
	[EV_TRANSFER_ENDED] = { "transfer.ended",
		FIELDS("status", "hangup", "number", "method", "reason", "sip",
		       "attempts", "ring_ms", "talk_ms", "ended_by",
		       "recording"), true,
		"the outcome, exactly once per transfer.started" },
	[EV_BOT_STATE] = { "bot.state", FIELDS("state"), true,
		"the bot's current state changed" },
	[EV_BOT_SAY] = { "bot.say", FIELDS("text", "audio"), true,
		"the bot says a text, or plays a sound" },
	[EV_BOT_ERROR] = { "bot.error",
		FIELDS("message", "traceback", "state"), true,
		"a handler of the bot failed" },
	[EV_BOT_LIMIT] = { "bot.limit", FIELDS("bot"), true,
		"a bot is out of memory and gets no new calls" },
	[EV_DTMF] = { "dtmf", FIELDS("digits"), true,
		"the customer pressed keys" },
	[EV_SPEECH] = { "speech", FIELDS("text"), false,
		"the customer said something" },
	[EV_RECORDING_STARTED] = { "recording.started", NO_FIELDS, false,
		"a recording began" },
	[EV_RECORDING_ENDED] = { "recording.ended", NO_FIELDS, false,
		"a recording is complete" },
	[EV_RECORDING_ERROR] = { "recording.error", FIELDS("reason"), false,
		"a recording stopped early" },
	[EV_TRUNK_UP] = { "trunk.up", NO_FIELDS, false,
		"a trunk can be reached again" },
	[EV_TRUNK_DOWN] = { "trunk.down", NO_FIELDS, false,
		"a trunk cannot be reached" },
	[EV_NODE_DRAINING] = { "node.draining", NO_FIELDS, true,
		"the node takes no new calls" },
	[EV_OVERLOAD] = { "overload", NO_FIELDS, true,
		"the node refuses calls above its limits" },
	[EV_SUBSCRIBER_DROPPED] = { "subscriber.dropped", FIELDS("reason"),
		true, "a subscriber of this stream was disconnected" },
};

struct listener {
	event_h *h;		/**< NULL: gone while an event was given out */
	void *arg;
};

struct event_bus {
	struct loop *loop;
	char *node;
	char *boot;
	uint64_t seq;
	struct listener *list;
	size_t count;
	bool emitting;
};

int event_find(const char *name)
{
	for (int i = 0; i < EVENT_TYPES; i++)
		if (!strcmp(event_table[i].name, name))
			return i;
	return -1;
}

static struct field *next_field(struct event *ev, const char *name,
				enum field_kind kind)
{
	struct field *f;

	assert(ev->count < EVENT_FIELDS_MAX);
	if (ev->count == EVENT_FIELDS_MAX)
		return NULL;

	f = &ev->fields[ev->count++];
	*f = (struct field){ .name = name, .kind = kind };
	return f;
}

void event_string(struct event *ev, const char *name, const char *s)
{
	if (s)
		event_bytes(ev, name, s, strlen(s));
}

void event_bytes(struct event *ev, const char *name, const char *s,
		 size_t len)
{
	struct field *f = s ? next_field(ev, name, FIELD_STRING) : NULL;

	if (!f)
		return;
	f->s = s;
	f->len = len;
}

void event_int(struct event *ev, const char *name, int64_t i)
{
	struct field *f = next_field(ev, name, FIELD_INT);

	if (f)
		f->i = i;
}

void event_bool(struct event *ev, const char *name, bool b)
{
	struct field *f = next_field(ev, name, FIELD_BOOL);

	if (f)
		f->i = b;
}

void event_sip(struct event *ev, const char *name, int code,
	       const char *phrase)
{
	struct field *f = code ? next_field(ev, name, FIELD_SIP) : NULL;

	if (!f)
		return;
	f->i = code;
	f->s = phrase ? phrase : "";
	f->len = strlen(f->s);
}

void event_json_field(struct event *ev, const char *name, json_t *json)
{
	struct field *f;

	if (!json || json_is_null(json))
		return;
	f = next_field(ev, name, FIELD_JSON);
	if (f)
		f->json = json;
}

struct event_bus *event_bus_new(struct loop *loop, const char *node,
				const char *boot)
{
	struct event_bus *bus = calloc(1, sizeof(*bus));

	if (!bus)
		return NULL;
	bus->loop = loop;
	bus->node = strdup(node);
	bus->boot = strdup(boot);
	if (!bus->node || !bus->boot) {
		event_bus_free(bus);
		return NULL;
	}
	return bus;
}

void event_bus_free(struct event_bus *bus)
{
	if (!bus)
		return;
	free(bus->node);
	free(bus->boot);
	free(bus->list);
	free(bus);
}

const char *event_bus_node(const struct event_bus *bus)
{
	return bus->node;
}

const char *event_bus_boot(const struct event_bus *bus)
{
	return bus->boot;
}

uint64_t event_bus_seq(const struct event_bus *bus)
{
	return bus->seq;
}

int event_listen(struct event_bus *bus, event_h *h, void *arg)
{
	struct listener *list;

	list = realloc(bus->list, (bus->count + 1) * sizeof(*list));
	if (!list)
		return UV_ENOMEM;
	list[bus->count++] = (struct listener){ h, arg };
	bus->list = list;
	return 0;
}

/* Takes out the listeners that left while an event was given out. */
static void compact(struct event_bus *bus)
{
	size_t n = 0;

	for (size_t i = 0; i < bus->count; i++)
		if (bus->list[i].h)
			bus->list[n++] = bus->list[i];
	bus->count = n;
}

void event_unlisten(struct event_bus *bus, event_h *h, void *arg)
{
	for (size_t i = 0; i < bus->count; i++) {
		if (bus->list[i].h == h && bus->list[i].arg == arg) {
			bus->list[i].h = NULL;
			break;
		}
	}
	if (!bus->emitting)
		compact(bus);
}

#ifndef NDEBUG
static bool is_field(enum event_type type, const char *name)
{
	for (const char *const *f = event_table[type].fields; *f; f++)
		if (!strcmp(*f, name))
			return true;
	return false;
}
#endif

void event_emit(struct event_bus *bus, struct event *ev)
{
	assert(!bus->emitting);
	assert((unsigned)ev->type < EVENT_TYPES);
	assert(event_table[ev->type].built);
#ifndef NDEBUG
	for (unsigned i = 0; i < ev->count; i++)
		assert(is_field(ev->type, ev->fields[i].name));
#endif

	ev->seq = ++bus->seq;
	ev->time = loop_wall(bus->loop);
	bus->emitting = true;
	for (size_t i = 0; i < bus->count; i++)
		if (bus->list[i].h)
			bus->list[i].h(ev, bus->list[i].arg);
	bus->emitting = false;
	compact(bus);
}

/* JSON is UTF-8; a byte that is not becomes U+FFFD. */
static json_t *text(const char *s, size_t len)
{
	json_t *json;
	char *copy;
	size_t to = 0;

	if (utf8_valid(s, len))
		return json_stringn_nocheck(s, len);

	copy = malloc(len * 3);
	if (!copy)
		return NULL;
	while (len) {
		size_t n = utf8_char(s, len);

		if (n) {
			memcpy(copy + to, s, n);
			to += n;
		}
		else {
			memcpy(copy + to, "\xef\xbf\xbd", 3);
			to += 3;
			n = 1;
		}
		s += n;
		len -= n;
	}
	json = json_stringn_nocheck(copy, to);
	free(copy);
	return json;
}

static json_t *field_json(const struct field *f)
{
	switch (f->kind) {
	case FIELD_STRING:
		return text(f->s, f->len);
	case FIELD_INT:
		return json_integer(f->i);
	case FIELD_BOOL:
		return json_boolean(f->i);
	case FIELD_SIP:
		return json_pack("{s:I, s:o}", "code", (json_int_t)f->i,
				 "phrase", text(f->s, f->len));
	case FIELD_JSON:
		return json_incref(f->json);
	}
	return NULL;
}

json_t *event_fields_json(const struct event *ev)
{
	json_t *o = json_object();

	if (!o)
		return NULL;

	/* A CDR names its call, whether the emitter repeats it or not. */
	if (ev->type == EV_CALL_ENDED && ev->call &&
	    json_object_set_new(o, "call", text(ev->call, strlen(ev->call))))
		goto fail;

	for (unsigned i = 0; i < ev->count; i++)
		if (json_object_set_new(o, ev->fields[i].name,
					field_json(&ev->fields[i])))
			goto fail;
	return o;
fail:
	json_decref(o);
	return NULL;
}
