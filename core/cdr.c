/* The CDR: one line of JSON per call, and the event call.ended. */
#include <stdlib.h>
#include <string.h>

#include "engine_i.h"
#include "sink.h"

static void to_file(struct engine *e, const struct event *ev)
{
	json_t *fields = event_fields_json(ev);
	json_t *line = json_object();
	char *text;
	size_t len;

	json_object_set_new(line, "call", json_string(ev->call));
	json_object_update(line, fields);
	json_decref(fields);
	text = json_dumps(line, JSON_COMPACT);
	json_decref(line);
	if (!text)
		return;

	len = strlen(text);
	text[len] = '\n';	/* json_dumps() leaves room for the NUL */
	if (sink_put(e->cdr, text, len + 1)) {
		e->count.cdr_lost++;
		log_line(LOG_ERROR, ev->call, "the CDR could not be written: "
			 "its queue is full");
	}
	free(text);
}

void cdr_write(struct call *c)
{
	struct event ev;

	if (!c->ended)
		c->ended = loop_wall(c->e->loop);
	call_event_init(c, &ev, EV_CALL_ENDED);
	event_string(&ev, "from", c->from);
	event_string(&ev, "to", c->to);
	event_string(&ev, "channel", c->channel ? c->channel->id : NULL);
	event_string(&ev, "trunk", c->trunk ? c->trunk->name : NULL);
	event_string(&ev, "sip_call_id", c->sip_call_id);
	event_int(&ev, "started", (int64_t)c->started);
	if (c->answered)
		event_int(&ev, "answered", (int64_t)c->answered);
	event_int(&ev, "ended", (int64_t)c->ended);
	event_json_field(&ev, "states", c->states);
	event_string(&ev, "ended_by", ender_name(c->ended_by));
	event_json_field(&ev, "transfers", c->transfer_log);
	if (c->e->cdr)
		to_file(c->e, &ev);
	event_emit(c->e->bus, &ev);
}
