/* The CDR: one line of JSON per call, and the event call.ended. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine_i.h"
#include "sink.h"
#include "utf8.h"

/*
 * The line is written straight from the event's fields. A tree of them, to be
 * dumped and thrown away, costs more than all else at the end of a call.
 */
struct line {
	char *s;
	size_t len, size;
	bool failed;
};

static int put(const char *s, size_t len, void *arg)
{
	struct line *l = arg;

	if (l->failed)
		return -1;
	if (len > l->size - l->len) {
		const size_t size = 2 * l->size + len;
		char *more = realloc(l->s, size);

		if (!more) {
			l->failed = true;
			return -1;
		}
		l->s = more;
		l->size = size;
	}
	memcpy(l->s + l->len, s, len);
	l->len += len;
	return 0;
}

/* RFC 8259 7; what is no UTF-8 becomes U+FFFD, as in event_fields_json(). */
static void put_string(struct line *l, const char *s, size_t len)
{
	char code[8];

	put("\"", 1, l);
	while (len) {
		size_t n, plain = 0;

		while (plain < len && s[plain] != '"' && s[plain] != '\\' &&
		       (unsigned char)s[plain] >= ' ' &&
		       (n = utf8_char(s + plain, len - plain)))
			plain += n;
		put(s, plain, l);
		s += plain;
		len -= plain;
		if (!len)
			break;
		if ((unsigned char)*s >= 0x80) {
			put("\xef\xbf\xbd", 3, l);
		} else {
			snprintf(code, sizeof(code), "\\u%04X",
				 (unsigned char)*s);
			put(code, 6, l);
		}
		s++;
		len--;
	}
	put("\"", 1, l);
}

static void put_name(struct line *l, const char *name)
{
	if (l->len > 1)
		put(",", 1, l);
	put("\"", 1, l);
	put(name, strlen(name), l);
	put("\":", 2, l);
}

static void put_int(struct line *l, int64_t i)
{
	char text[24];
	const int n = snprintf(text, sizeof(text), "%lld", (long long)i);

	put(text, (size_t)n, l);
}

/* jansson's own dump guards each nesting against cycles at the price of all
 * the rest; the trees here are the engine's own, and have none. */
static void put_json(struct line *l, const json_t *json)
{
	const char *key;
	json_t *v;
	size_t i;

	switch (json_typeof(json)) {
	case JSON_OBJECT:
		put("{", 1, l);
		i = 0;
		json_object_foreach((json_t *)json, key, v) {
			if (i++)
				put(",", 1, l);
			put_string(l, key, strlen(key));
			put(":", 1, l);
			put_json(l, v);
		}
		put("}", 1, l);
		break;
	case JSON_ARRAY:
		put("[", 1, l);
		json_array_foreach((json_t *)json, i, v) {
			if (i)
				put(",", 1, l);
			put_json(l, v);
		}
		put("]", 1, l);
		break;
	case JSON_STRING:
		put_string(l, json_string_value(json),
			   json_string_length(json));
		break;
	case JSON_INTEGER:
		put_int(l, json_integer_value(json));
		break;
	case JSON_REAL:
	case JSON_TRUE:
	case JSON_FALSE:
	case JSON_NULL:
		if (json_dump_callback(json, put, l, JSON_ENCODE_ANY))
			l->failed = true;
		break;
	}
}

static void put_field(struct line *l, const struct field *f)
{
	put_name(l, f->name);
	switch (f->kind) {
	case FIELD_STRING:
		put_string(l, f->s, f->len);
		break;
	case FIELD_INT:
		put_int(l, f->i);
		break;
	case FIELD_BOOL:
		put(f->i ? "true" : "false", f->i ? 4 : 5, l);
		break;
	case FIELD_SIP:
		put("{\"code\":", 8, l);
		put_int(l, f->i);
		put(",\"phrase\":", 10, l);
		put_string(l, f->s, f->len);
		put("}", 1, l);
		break;
	case FIELD_JSON:
		put_json(l, f->json);
		break;
	}
}

static void to_file(struct engine *e, const struct event *ev)
{
	struct line l = { .size = 1024 };

	l.s = malloc(l.size);
	l.failed = !l.s;
	put("{", 1, &l);
	put_name(&l, "call");
	put_string(&l, ev->call, strlen(ev->call));
	for (unsigned i = 0; i < ev->count; i++)
		put_field(&l, &ev->fields[i]);
	put("}\n", 2, &l);
	if (l.failed || sink_put(e->cdr, l.s, l.len)) {
		e->count.cdr_lost++;
		log_line(LOG_ERROR, ev->call, "the CDR could not be written: "
			 "%s", l.failed ? "out of memory" :
			 "its queue is full");
	}
	free(l.s);
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
