#include "stream.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

_Static_assert(EVENT_TYPES <= 32, "struct filter has a bit per type");

struct frame *frame_new(const struct packed *b)
{
	struct frame *f;

	if (b->failed)
		return NULL;
	f = malloc(sizeof(*f) + b->len);
	if (!f)
		return NULL;
	memset(f, 0, sizeof(*f));
	f->refs = 1;
	f->len = b->len;
	memcpy(f->data, b->data, b->len);
	return f;
}

struct frame *frame_ref(struct frame *f)
{
	f->refs++;
	return f;
}

void frame_unref(struct frame *f)
{
	if (f && --f->refs == 0)
		free(f);
}

bool filter_wants(const struct filter *f, const struct frame *frame)
{
	if (!(f->types & UINT32_C(1) << frame->type))
		return false;
	if (!f->call)
		return true;
	return frame->call && strlen(f->call) == frame->call_len &&
		!memcmp(frame->data + frame->call, f->call, frame->call_len);
}

int stream_init(struct stream *s, const struct event_bus *bus, size_t events,
		size_t max_bytes)
{
	int err;

	memset(s, 0, sizeof(*s));
	s->size = events;
	s->max_bytes = max_bytes;
	s->first = s->next = event_bus_seq(bus) + 1;
	s->ring = calloc(events, sizeof(*s->ring));
	err = s->ring ? event_head_init(&s->head, bus) : UV_ENOMEM;
	if (err)
		stream_free(s);
	return err;
}

static void drop_first(struct stream *s)
{
	struct frame **slot = &s->ring[s->first++ % s->size];

	s->bytes -= sizeof(**slot) + (*slot)->len;
	frame_unref(*slot);
	*slot = NULL;
}

void stream_free(struct stream *s)
{
	while (s->first < s->next)
		drop_first(s);
	free(s->ring);
	packed_free(&s->scratch);
	event_head_free(&s->head);
	memset(s, 0, sizeof(*s));
}

struct frame *stream_add(struct stream *s, const struct event *ev)
{
	size_t call, call_len;
	struct frame *f;

	packed_reset(&s->scratch);
	pack_event(&s->scratch, &s->head, ev, &call, &call_len);
	f = frame_new(&s->scratch);
	if (!f) {
		while (s->first < s->next)
			drop_first(s);
		s->first = s->next = ev->seq + 1;
		return NULL;
	}
	f->type = ev->type;
	f->seq = ev->seq;
	f->call = call;
	f->call_len = call_len;

	/* The newest always stays, however large it is. */
	while (s->first < s->next &&
	       (s->next - s->first >= s->size ||
		s->bytes + sizeof(*f) + f->len > s->max_bytes))
		drop_first(s);
	s->ring[f->seq % s->size] = f;
	s->next = f->seq + 1;
	s->bytes += sizeof(*f) + f->len;
	return f;
}

bool stream_has(const struct stream *s, uint64_t seq)
{
	return seq + 1 >= s->first && seq < s->next;
}

struct frame *stream_get(const struct stream *s, uint64_t seq)
{
	if (seq < s->first || seq >= s->next)
		return NULL;
	return s->ring[seq % s->size];
}
