/* What has happened in a play, as people would tell it. */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "play_i.h"

static char *format(const char *fmt, va_list ap)
{
	char buf[4096];

	vsnprintf(buf, sizeof(buf), fmt, ap);
	return strdup(buf);
}

/* A bot that talks without end would do so at one moment of the clock, which
 * then never gets on: nobody would hear of it. */
static void too_many(struct play *p)
{
	if (p->flooded)
		return;
	p->flooded = true;
	play_broken(p, "more than %d things happened, and no end of it",
		    NOTES_MAX);
	customer_gives_up(p);
}

static struct note *add(struct play *p, enum note_kind kind, char *text)
{
	struct note *list;

	if (!text || p->note_count == NOTES_MAX) {
		if (text)
			too_many(p);
		goto full;
	}
	if (!(p->note_count & (p->note_count - 1))) {
		list = realloc(p->notes, (p->note_count ? 2 * p->note_count
					  : 1) * sizeof(*list));
		if (!list)
			goto full;
		p->notes = list;
	}
	p->notes[p->note_count] = (struct note){
		.at = loop_now(p->loop), .kind = kind, .text = text,
	};
	return &p->notes[p->note_count++];
full:
	free(text);
	return NULL;
}

void play_tell(struct play *p, enum note_kind kind, const char *fmt, ...)
{
	struct note *n;
	va_list ap;

	va_start(ap, fmt);
	n = add(p, kind, format(fmt, ap));
	va_end(ap);
	if (n && p->o.h)
		p->o.h(n, p->o.arg);
}

void play_broken(struct play *p, const char *fmt, ...)
{
	va_list ap;

	if (p->broken)
		return;
	va_start(ap, fmt);
	p->broken = format(fmt, ap);
	va_end(ap);
}

static const struct field *field(const struct event *ev, const char *name)
{
	for (unsigned i = 0; i < ev->count; i++)
		if (!strcmp(ev->fields[i].name, name))
			return &ev->fields[i];
	return NULL;
}

static const char *string(const struct event *ev, const char *name)
{
	const struct field *f = field(ev, name);
	const char *s = NULL;

	if (f)
		s = f->kind == FIELD_JSON ? json_string_value(f->json) : f->s;
	return s ? s : "";
}

static struct play_transfer *transfer_of(struct play *p, const char *id)
{
	for (size_t i = p->transfer_count; i-- && id; )
		if (!strcmp(p->transfers[i].id, id))
			return &p->transfers[i];
	return NULL;
}

static void transfer_started(struct play *p, const struct event *ev)
{
	const struct field *f = field(ev, "destinations");
	struct play_transfer *t = realloc(p->transfers,
		(p->transfer_count + 1) * sizeof(*t));
	const char *method = string(ev, "method");
	char *to = NULL;

	if (!t)
		abort();
	p->transfers = t;
	t += p->transfer_count++;
	*t = (struct play_transfer){
		.method = strdup(method),
		.destinations = f ? json_incref(f->json) : NULL,
	};
	snprintf(t->id, sizeof(t->id), "%s", ev->transfer);
	to = json_dumps(t->destinations, JSON_COMPACT | JSON_ENCODE_ANY);
	play_tell(p, NOTE_TRANSFER, "transfer to %s by %s", to ? to : "?",
		  method);
	free(to);
}

static void transfer_ended(struct play *p, const struct event *ev)
{
	struct play_transfer *t = transfer_of(p, ev->transfer);
	const struct field *f = field(ev, "hangup");

	play_tell(p, NOTE_TRANSFER, "transfer is over: %s, %s%s",
		  string(ev, "status"), string(ev, "reason"),
		  f && f->i ? ", the customer hung up" : "");
	if (!t) {
		play_broken(p, "a transfer has ended that never began");
		return;
	}
	if (t->ends++)
		play_broken(p, "a transfer has ended twice");
	else
		t->outcome = event_fields_json(ev);
}

static void phase(struct play *p, const struct event *ev)
{
	const char *name = string(ev, "phase"), *to = string(ev, "number");

	if (!strcmp(name, "joined")) {
		play_tell(p, NOTE_TRANSFER, "customer and agent %s talk", to);
		agents_joined(p);
	} else if (!strcmp(name, "fallback")) {
		play_tell(p, NOTE_TRANSFER, "a bridge instead of the REFER");
	}
}

void play_on_event(const struct event *ev, void *arg)
{
	struct play *p = arg;
	const struct field *f;

	switch (ev->type) {
	case EV_CALL_STARTED:
		p->started++;
		snprintf(p->call, sizeof(p->call), "%s", ev->call);
		break;
	case EV_CALL_ENDED:
		p->ended++;
		snprintf(p->ended_by, sizeof(p->ended_by), "%s",
			 string(ev, "ended_by"));
		play_tell(p, NOTE_CALL, "the call is over, ended by %s",
			  *p->ended_by ? p->ended_by : "nobody");
		if (!strcmp(p->call, ev->call))
			p->call[0] = '\0';
		p->session = NULL;	/* closed, and soon freed */
		break;
	case EV_BOT_SAY:
		f = field(ev, "text");
		if (f)
			play_tell(p, NOTE_SAID, "%.*s", (int)f->len, f->s);
		f = field(ev, "audio");
		if (f)
			play_tell(p, NOTE_PLAYED, "%.*s", (int)f->len, f->s);
		break;
	case EV_BOT_STATE:
		snprintf(p->state, sizeof(p->state), "%s",
			 string(ev, "state"));
		play_tell(p, NOTE_STATE, "%s", p->state);
		break;
	case EV_BOT_ERROR:
		p->errors++;
		play_tell(p, NOTE_ERROR, "%s", string(ev, "message"));
		break;
	case EV_TRANSFER_STARTED:
		transfer_started(p, ev);
		break;
	case EV_TRANSFER_PROGRESS:
		phase(p, ev);
		break;
	case EV_TRANSFER_ENDED:
		transfer_ended(p, ev);
		break;
	default:
		break;
	}
}

void play_notes_free(struct play *p)
{
	for (size_t i = 0; i < p->note_count; i++)
		free(p->notes[i].text);
	free(p->notes);
	for (size_t i = 0; i < p->transfer_count; i++) {
		free(p->transfers[i].method);
		json_decref(p->transfers[i].destinations);
		json_decref(p->transfers[i].outcome);
	}
	free(p->transfers);
	for (size_t i = 0; i < p->dial_count; i++) {
		free(p->dials[i].uri);
		free(p->dials[i].headers);
	}
	free(p->dials);
	free(p->broken);
}

size_t play_notes(const struct play *p)
{
	return p->note_count;
}

struct note *play_note(struct play *p, size_t i)
{
	return i < p->note_count ? &p->notes[i] : NULL;
}

size_t play_transfers(const struct play *p)
{
	return p->transfer_count;
}

struct play_transfer *play_transfer(struct play *p, size_t i)
{
	return i < p->transfer_count ? &p->transfers[i] : NULL;
}

size_t play_dials(const struct play *p)
{
	return p->dial_count;
}

struct play_dial *play_dial(struct play *p, size_t i)
{
	return i < p->dial_count ? &p->dials[i] : NULL;
}
