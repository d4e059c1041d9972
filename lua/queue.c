/**
 * @file queue.c  Inputs of a session, in the order they came
 */
#include "queue.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/log.h"
#include "session.h"

void input_free(struct input *in)
{
	if (!in)
		return;
	free(in->event);
	free(in->text);
	json_decref(in->data);
	json_decref(in->tree);
	free(in);
}

int input_text(struct input *in, const char *s, size_t len)
{
	char *text = malloc(len + 1);

	if (!text)
		return UV_ENOMEM;
	memcpy(text, s, len);
	text[len] = '\0';
	free(in->text);
	in->text = text;
	in->len = len;
	return 0;
}

int input_event(struct input *in, const char *name)
{
	char *event = strdup(name);

	if (!event)
		return UV_ENOMEM;
	free(in->event);
	in->event = event;
	return 0;
}

struct input *queue_event_new(const char *name, json_t *data)
{
	struct input *in = calloc(1, sizeof(*in));

	if (!in)
		return NULL;
	in->kind = IN_EVENT;
	in->event = strdup(name);
	in->data = json_incref(data);
	if (!in->event) {
		input_free(in);
		return NULL;
	}
	return in;
}

void queue_front(struct session_lua *s, struct input *in)
{
	in->next = s->head;
	s->head = in;
	if (!s->tail)
		s->tail = in;
	s->queued++;
	session_wake(s);
}

void queue_append(struct session_lua *s, struct input *in)
{
	*(s->tail ? &s->tail->next : &s->head) = in;
	s->tail = in;
	s->queued++;
	session_wake(s);
}

void queue_push(struct session_lua *s, struct input *in, const char *what)
{
	const bool heard = in && in->kind == IN_QUERY && s->run &&
		s->run->wait == WAIT_LISTEN && !s->run->ready;

	/* What a handler waits for goes past the others. */
	if (!in || (s->queued >= QUEUE_MAX && !heard)) {
		log_line(LOG_WARN, session_id(s), "%s is dropped: %s", what,
			 in ? "too many inputs wait for the bot"
			 : "no memory");
		input_free(in);
		return;
	}
	queue_append(s, in);
}

/* There is one at most for each timer: it always has room. */
void session_tick(struct session_lua *s, enum input_kind kind, unsigned turn)
{
	struct input *in;

	if (s->closed || s->gone)
		return;
	in = calloc(1, sizeof(*in));
	if (!in) {
		log_line(LOG_ERROR, session_id(s), "no memory for an event");
		return;
	}
	in->kind = kind;
	in->turn = turn;
	queue_append(s, in);
}

struct input *queue_pop(struct session_lua *s)
{
	struct input *in = s->head;

	if (!in)
		return NULL;
	s->head = in->next;
	if (!s->head)
		s->tail = NULL;
	s->queued--;
	in->next = NULL;
	return in;
}

/* Takes every query out of the queue. */
void queue_drop_queries(struct session_lua *s)
{
	struct input **p = &s->head, *in;

	s->tail = NULL;
	while ((in = *p)) {
		if (in->kind != IN_EVENT) {
			*p = in->next;
			s->queued--;
			input_free(in);
		} else {
			s->tail = in;
			p = &in->next;
		}
	}
}

/* Puts the outcome of a transfer before all else. */
void queue_outcome_first(struct session_lua *s)
{
	struct input **p = &s->head, *in, *before = NULL;

	while ((in = *p) && !in->outcome) {
		before = in;
		p = &in->next;
	}
	if (!in || !before)
		return;
	*p = in->next;
	if (s->tail == in)
		s->tail = before;
	in->next = s->head;
	s->head = in;
}

/* The first query that the customer has made, taken out; or NULL. */
struct input *queue_query(struct session_lua *s)
{
	struct input **p = &s->head, *in, *before = NULL;

	while ((in = *p) && (in->kind != IN_QUERY ||
			     in->query == QUERY_START)) {
		before = in;
		p = &in->next;
	}
	if (!in)
		return NULL;
	*p = in->next;
	if (s->tail == in)
		s->tail = before;
	s->queued--;
	in->next = NULL;
	return in;
}
