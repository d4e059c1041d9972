#include "ear.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/log.h"
#include "core/loop.h"
#include "match.h"
#include "program.h"
#include "reply.h"
#include "session.h"

struct ear {
	struct timer keys;	/* from key to key                     */
	struct timer quiet;	/* `timeout`, or no input              */
	unsigned max;		/* keys to collect; 0: none are        */
	unsigned count;
	char digits[ACTION_DTMF_MAX + 1];
	uint64_t pause;		/* ms from key to key                  */
	uint64_t keys_mark;	/* ticket after which it counts, or 0  */
	bool keys_due;		/* and before that it was over         */
	struct state *silent;	/* of a `timeout`, or NULL             */
	uint64_t interval;	/* ms of it                            */
	uint64_t quiet_mark;	/* ticket after which it counts, or 0  */
	bool quiet_due;		/* and before that it was over         */
	bool watch;		/* silence is to be told in this call  */
	uint64_t no_input;	/* ms; 0: the default                  */
	unsigned keys_turn;	/* changes with every start and stop,  */
	unsigned quiet_turn;	/* so that a late tick is known        */
};

uint64_t ear_no_input(const struct session_lua *s)
{
	return s->ear && s->ear->no_input ? s->ear->no_input
					  : NO_INPUT_DEFAULT;
}

/* ---- timers ---- */

static void on_keys(void *arg);
static void on_quiet(void *arg);

/* Most sessions need none: it is made when it is first used. */
static struct ear *ear_of(struct session_lua *s)
{
	struct loop *loop = s->shard->bot->sc->loop;

	if (s->ear)
		return s->ear;
	s->ear = calloc(1, sizeof(*s->ear));
	if (!s->ear)
		return NULL;
	timer_init(&s->ear->keys, loop, on_keys, s);
	timer_init(&s->ear->quiet, loop, on_quiet, s);
	return s->ear;
}

static void stop_keys(struct ear *e)
{
	timer_stop(&e->keys);
	e->keys_turn++;
	e->keys_mark = 0;
	e->keys_due = false;
	e->max = e->count = 0;
}

static void stop_quiet(struct ear *e)
{
	timer_stop(&e->quiet);
	e->quiet_turn++;
	e->quiet_mark = 0;
	e->quiet_due = false;
	e->silent = NULL;
}

void ear_stop(struct session_lua *s)
{
	if (!s->ear)
		return;
	stop_keys(s->ear);
	stop_quiet(s->ear);
}

void ear_free(struct ear *e)
{
	if (!e)
		return;
	timer_stop(&e->keys);
	timer_stop(&e->quiet);
	free(e);
}

int ear_watch(struct session_lua *s, uint64_t ms)
{
	struct ear *e = ear_of(s);

	if (!e)
		return UV_ENOMEM;
	e->watch = true;
	e->no_input = ms;
	return 0;
}

static void start_keys(struct ear *e)
{
	e->keys_turn++;
	e->keys_due = false;
	timer_start(&e->keys, e->pause);
}

/* ---- what is waited for ---- */

/* Asks to be told when all that was asked for before is over. */
static int mark(struct session_lua *s, uint64_t *ticket,
		struct action_error *err)
{
	struct action *a = action_new(ACT_MARK);
	int rc;

	if (!a)
		return UV_ENOMEM;
	*ticket = a->ticket = ++s->tickets;
	rc = session_act(s, a, err);
	if (rc)
		*ticket = 0;
	return rc;
}

int ear_take(struct session_lua *s, struct action *a, struct state *silent,
	     struct action_error *err)
{
	struct ear *e = ear_of(s);
	int rc;

	if (!e) {
		action_free(a);
		snprintf(err->text, sizeof(err->text), "no memory");
		return UV_ENOMEM;
	}
	if (a->type == ACT_DTMF) {
		stop_keys(e);
		e->max = a->max;
		e->pause = a->ms;
		e->watch = true;
		rc = mark(s, &e->keys_mark, err);
		if (rc)
			stop_keys(e);
	} else {
		stop_quiet(e);
		e->silent = silent;
		e->interval = a->ms;
		rc = mark(s, &e->quiet_mark, err);
		if (rc)
			stop_quiet(e);
	}
	action_free(a);
	return rc;
}

/* The time is over. What others have asked to be said meanwhile is heard to
 * its end first; and while one of them has the customer talk to somebody else,
 * which only the engine knows, silence means nothing. */
static void on_keys(void *arg)
{
	struct session_lua *s = arg;
	struct action_error err;

	s->ear->keys_due = true;
	if (mark(s, &s->ear->keys_mark, &err))
		stop_keys(s->ear);
}

static void on_quiet(void *arg)
{
	struct session_lua *s = arg;
	struct action_error err;

	s->ear->quiet_due = true;
	if (mark(s, &s->ear->quiet_mark, &err))
		stop_quiet(s->ear);
}

bool ear_said(struct session_lua *s, uint64_t ticket, bool interrupted)
{
	struct ear *e = s->ear;

	if (!e || !ticket)
		return false;
	if (ticket == e->keys_mark) {
		e->keys_mark = 0;
		if (interrupted)
			stop_keys(e);
		else if (e->keys_due)
			session_tick(s, IN_KEYS, e->keys_turn);
		else if (!timer_running(&e->keys))
			start_keys(e);
		return true;
	}
	if (ticket != e->quiet_mark)
		return false;
	e->quiet_mark = 0;
	if (interrupted)
		stop_quiet(e);
	else if (e->quiet_due)
		session_tick(s, IN_QUIET, e->quiet_turn);
	else
		timer_start(&e->quiet, e->silent ? e->interval
						 : ear_no_input(s));
	return true;
}

bool ear_query(struct session_lua *s, struct input *in)
{
	struct ear *e = s->ear;

	if (!e)
		return true;
	stop_quiet(e);
	if (!e->max || in->query == QUERY_START) {
		stop_keys(e);
		return true;
	}
	if (in->query != QUERY_DIGIT) {
		log_line(LOG_DEBUG, session_id(s), "keys are awaited: what "
			 "was said is not listened to");
		input_free(in);
		return false;
	}
	for (size_t i = 0; i < in->len && e->count < e->max; i++)
		e->digits[e->count++] = in->text[i];
	if (e->count < e->max) {
		start_keys(e);
		input_free(in);
		return false;
	}
	if (input_text(in, e->digits, e->count)) {
		input_free(in);
		in = NULL;
	}
	stop_keys(e);
	return in != NULL;
}

bool ear_tick(struct session_lua *s, struct input *in)
{
	struct ear *e = s->ear;
	int rc;

	if (in->turn != (in->kind == IN_KEYS ? e->keys_turn : e->quiet_turn))
		goto late;
	if (in->kind == IN_QUIET) {
		in->to = e->silent;
		stop_quiet(e);
		in->kind = IN_EVENT;
		rc = input_event(in, in->to ? "timeout"
				 : "speechNotRecognized");
	} else if (e->count) {
		in->kind = IN_QUERY;
		in->query = QUERY_DIGIT;
		rc = input_text(in, e->digits, e->count);
		stop_keys(e);
	} else {
		stop_keys(e);
		in->kind = IN_EVENT;
		rc = input_event(in, "noDtmfAnswerEvent");
	}
	if (!rc)
		return true;
	log_line(LOG_ERROR, session_id(s), "no memory for an event");
late:
	input_free(in);
	return false;
}

void ear_busy(struct session_lua *s)
{
	if (s->ear && !s->ear->silent)
		stop_quiet(s->ear);
}

/* Silence is told of in calls that wait for an answer in that sense: a call
 * where nobody can speak is not ended for being silent. */
static bool watches(const struct session_lua *s)
{
	const struct program *prog = s->shard->program;

	return (s->ear && s->ear->watch) ||
		(prog->hears_silence &&
		 match_event(prog, s->context, "speechNotRecognized"));
}

void ear_idle(struct session_lua *s)
{
	struct ear *e = s->ear;
	struct action_error err;

	if (s->gone || s->closed || s->transferring)
		return;
	if (e && (e->max || e->silent || e->quiet_mark || e->quiet_due ||
		  timer_running(&e->quiet)))
		return;
	if (!watches(s) || !ear_of(s))
		return;
	e = s->ear;
	/* Refused while the call rings: nobody is heard yet. */
	mark(s, &e->quiet_mark, &err);
}
