/**
 * @file session.c  A call's stay in a bot: its inputs, one after the other
 *
 * What the engine reports is queued and looked at in a task at the end of the
 * turn. One input is handled at a time; while its handler waits, only what it
 * waits for goes past the queue. After the customer has left: the outcome of
 * the transfer, what is queued, and the event given to gone() last.
 */
#include <lauxlib.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/log.h"
#include "coverage_i.h"
#include "inspect.h"
#include "listen.h"
#include "match.h"
#include "program.h"
#include "queue.h"
#include "reply.h"
#include "session.h"
#include "shard.h"

#define MISSES_MAX 3

/* What a session may use up at once, some 2 ms, and what it regains in one:
 * about a quarter of the time there is. In instructions; what goes on around
 * a step has its price too. */
#define SHARE 500000
#define SHARE_PER_MS 75000
#define STEP_COST 10000

#define FALLBACK "Sorry, I did not understand you."

static void work(void *arg);

const char *session_id(const struct session_lua *s)
{
	return s->call ? s->call->id : NULL;
}

void session_wake(struct session_lua *s)
{
	task_post(s->shard->bot->sc->loop, &s->task, work, s);
}

void session_land(struct session_lua *s, const struct state *st)
{
	cover_enter(s->shard, st);
	if (st->no_context || st == s->context)
		return;
	s->context = st;
	/* What was waited for there is not waited for here. */
	ear_stop(s);
	if (!s->closed)
		s->h->state(s->arg, st->path);
}

void session_unsaid(struct session_lua *s)
{
	if (!s->unsaid)
		log_line(LOG_WARN, session_id(s), "a text is dropped: a "
			 "transfer is under way");
	s->unsaid = true;
}

/* ---- what the engine calls ---- */

static struct session_lua *of(struct session *base)
{
	return (struct session_lua *)base;
}

static bool op_handles(struct session *base, const char *event)
{
	const struct session_lua *s = of(base);

	return match_event(s->shard->program, s->context, event) != NULL;
}

static void op_query(struct session *base, enum query_kind kind,
		     const char *text, size_t len)
{
	struct session_lua *s = of(base);
	struct input *in;

	if (s->closed || s->gone)
		return;
	in = calloc(1, sizeof(*in));
	if (in) {
		in->kind = IN_QUERY;
		in->query = kind;
		if (input_text(in, text, len)) {
			free(in);
			in = NULL;
		}
	}
	queue_push(s, in, "a query");
}

static void op_event(struct session *base, const char *name, json_t *data)
{
	struct session_lua *s = of(base);

	if (!s->closed)
		queue_push(s, queue_event_new(name, data), name);
}

/* Keeps how the transfer ended, for getTransferStatus(). */
static void keep_outcome(struct session_lua *s,
			 const struct transfer_outcome *o)
{
	s->had_transfer = true;
	s->transferring = false;
	s->unsaid = false;
	s->success = o->success;
	s->hangup = o->hangup;
	free(s->number);
	s->number = strdup(o->number ? o->number : "");
	json_decref(s->details);
	s->details = json_incref(o->details);
}

static void op_outcome(struct session *base, const struct transfer_outcome *o)
{
	struct session_lua *s = of(base);
	struct input *in;
	json_t *data;

	if (s->closed)
		return;
	keep_outcome(s, o);
	if (s->run && s->run->wait == WAIT_TRANSFER) {
		s->run->ready = true;
		session_wake(s);
		return;
	}
	data = json_pack("{s:s,s:b,s:s}", "status",
			 o->success ? "SUCCESS" : "FAIL", "hangup",
			 (int)o->hangup, "number", o->number ? o->number : "");
	in = queue_event_new("transfer", data);
	json_decref(data);
	if (!in) {
		log_line(LOG_ERROR, session_id(s), "transfer: no memory for "
			 "the event");
		session_wake(s);
		return;
	}
	in->outcome = true;		/* is never dropped for want of room */
	if (s->op.error) {
		in->taken = true;
		in->to = operator_state(s);
		s->op = (struct operator_states){0};
	}
	if (s->gone)
		queue_front(s, in);
	else
		queue_append(s, in);
}

static void op_said(struct session *base, uint64_t ticket, bool interrupted)
{
	struct session_lua *s = of(base);
	struct run *run = s->run;

	if (s->closed || ear_said(s, ticket, interrupted) || !run ||
	    run->ticket != ticket)
		return;
	if (run->wait == WAIT_LISTEN)
		listen_begin(run, interrupted);
	if (run->wait != WAIT_SAY)
		return;
	run->ready = true;
	run->interrupted = interrupted;
	session_wake(s);
}

static void op_gone(struct session *base, const char *last)
{
	struct session_lua *s = of(base);

	if (s->closed || s->gone)
		return;
	s->gone = true;
	ear_stop(s);
	s->last = last ? strdup(last) : NULL;
	queue_drop_queries(s);
	queue_outcome_first(s);
	session_wake(s);
}

static void op_close(struct session *base)
{
	struct session_lua *s = of(base);

	if (s->closed)
		return;
	s->closed = true;
	s->call = NULL;
	session_wake(s);
}

const struct session_ops session_lua_ops = {
	.handles = op_handles,
	.query = op_query,
	.event = op_event,
	.outcome = op_outcome,
	.said = op_said,
	.gone = op_gone,
	.close = op_close,
	.inspect = session_inspect,
};

/* ---- errors ---- */

/* Asks for something on the session's own account. */
static void ask(struct session_lua *s, struct action *a)
{
	struct action_error err;
	int rc;

	if (!a || s->gone || s->closed) {
		action_free(a);
		return;
	}
	rc = session_act(s, a, &err);
	/* Where nobody hears it yet, what went wrong has been told. */
	if (rc && rc != UV_ENOTCONN)
		log_line(LOG_DEBUG, session_id(s), "the fallback is dropped: "
			 "%s", err.text);
}

/* Says the fallback prompt in answer to `in`, or NULL; takes it. */
static void say_fallback(struct session_lua *s, struct input *in)
{
	const struct program *prog = s->shard->program;
	const char *text = prog->fallback ? prog->fallback : FALLBACK;

	if (s->transferring || s->gone || s->closed ||
	    !prog->fallback_state) {
		input_free(in);
		if (!s->transferring)
			ask(s, action_say(text, strlen(text), 0));
		return;
	}
	if (!in)
		in = calloc(1, sizeof(*in));
	if (!in)
		return;
	in->error = true;	/* what fails in it is not raised again */
	run_start(s, prog->fallback_state, in);
}

/* A log line is one line: a traceback's breaks become bars. */
static char *one_line(const char *text)
{
	char *s = strdup(text);

	for (char *p = s; p && *p; p++)
		if (*p == '\n')
			*p = '|';
		else if ((unsigned char)*p < 0x20)
			*p = ' ';
	return s;
}

/* A handler has failed: told once, then the bot's own handler, or the end. */
static void script_error(struct session_lua *s, const struct run *run)
{
	const bool again = run->in && run->in->error;
	const char *message = run->message ? run->message : "no memory";
	const char *trace = run->traceback ? run->traceback : "";
	const struct bot_error e = {
		.message = message, .traceback = trace,
		.state = run->state->path,
	};
	char *text = one_line(message), *flat = one_line(trace);
	struct input *in;
	json_t *data;

	if (s->call)
		log_line(LOG_ERROR, session_id(s), "%s: state %s%s%s",
			 text ? text : message, run->state->path,
			 flat && *flat ? ": " : "", flat ? flat : "");
	free(text);
	free(flat);
	if (s->closed)
		return;
	s->h->error(s->arg, &e);
	if (s->closed)
		return;
	if (!again && match_event(s->shard->program, s->context,
				  "scriptError")) {
		data = json_object();
		if (data) {
			json_object_set_new(data, "message",
				json_stringn_nocheck(message,
						     strlen(message)));
			json_object_set_new(data, "traceback",
				json_stringn_nocheck(trace, strlen(trace)));
			json_object_set_new(data, "state",
				json_string(run->state->path));
		}
		in = queue_event_new("scriptError", data);
		json_decref(data);
		if (in) {
			in->error = true;
			queue_front(s, in);
			return;
		}
	}
	if (!again)
		say_fallback(s, NULL);
	ask(s, action_new(ACT_HANGUP));
}

void session_run_ended(struct session_lua *s)
{
	struct run *run = s->run;

	s->run = NULL;
	if (run->failed)
		script_error(s, run);
	run_free(run);
}

/* ---- handling ---- */

/* Nobody has made anything of what the customer said, or of his silence: the
 * third time in a row it is enough. */
static void missed(struct session_lua *s, struct input *in)
{
	/* He is busy with somebody else. */
	if (s->transferring) {
		input_free(in);
		return;
	}
	say_fallback(s, in);
	if (++s->misses >= MISSES_MAX)
		ask(s, action_new(ACT_HANGUP));
}

/* State that a query reaches, or NULL. What that costs is the session's; what
 * would cost more than a handler may is not looked at any further. */
static struct state *reached(struct session_lua *s, struct input *in)
{
	const struct query q = {
		.kind = in->query, .text = in->text, .len = in->len,
		.budget = s->shard->bot->limits.handler_instructions,
	};
	struct heard h;

	match_query(s->shard->program, s->context, &q, &h);
	in->tree = h.tree;
	session_used(s, h.steps);
	if (h.spent)
		log_line(LOG_WARN, session_id(s), "a query of %zu bytes "
			 "matches nothing: to find out would take more than "
			 "handler_instructions", in->len);
	return h.state;
}

/* The state that an input leads to; NULL: none, and `*unheard` says whether
 * the fallback is due. */
static struct state *find_state(struct session_lua *s, struct input *in,
				bool *unheard)
{
	const struct program *prog = s->shard->program;
	struct state *st;

	*unheard = false;
	if (in->kind == IN_QUERY) {
		st = reached(s, in);
		if (!st && in->query == QUERY_START)
			st = prog->root;
		if (st) {
			s->misses = 0;
			return st;
		}
		if (input_event(in, "noMatch"))
			return NULL;
	}
	if (in->taken || in->to)
		return in->to;
	st = match_event(prog, s->context, in->event);
	/* No key is silence, for a bot that sees no difference. */
	if (!st && !strcmp(in->event, "noDtmfAnswerEvent") &&
	    !input_event(in, "speechNotRecognized"))
		st = match_event(prog, s->context, in->event);
	*unheard = !st && (!strcmp(in->event, "noMatch") ||
			   !strcmp(in->event, "speechNotRecognized"));
	return st;
}

static void handle(struct session_lua *s, struct input *in)
{
	struct state *st;
	bool unheard;

	if ((in->kind == IN_KEYS || in->kind == IN_QUIET) &&
	    !ear_tick(s, in))
		return;
	if (in->kind == IN_QUERY && !ear_query(s, in))
		return;
	st = find_state(s, in, &unheard);
	if (unheard) {
		missed(s, in);
		return;
	}
	if (st)
		session_land(s, st);
	if (!st || st->list == LUA_NOREF || s->closed) {
		input_free(in);
		return;
	}
	ear_busy(s);
	if (run_start(s, st, in)) {
		log_line(LOG_ERROR, session_id(s), "no memory for a handler");
		ask(s, action_new(ACT_HANGUP));
	}
}

static struct input *next_input(struct session_lua *s)
{
	struct input *in = queue_pop(s);
	char *last;

	/* The outcome of a transfer goes before the last event. */
	if (in || !s->gone || !s->last || s->transferring)
		return in;
	last = s->last;
	s->last = NULL;
	in = queue_event_new(last, NULL);
	free(last);
	return in;
}

/* Nothing is left to do for now. */
static void settle(struct session_lua *s)
{
	if (s->gone) {
		if (s->drained || s->last)
			return;
		s->drained = true;
		s->h->drained(s->arg);
	} else if (s->busy) {
		s->busy = false;
		ear_idle(s);
		s->h->idle(s->arg);
	}
}

static void close_now(struct session_lua *s)
{
	struct shard *sh = s->shard;

	if (s->run) {
		/* What the handler holds is closed; its call is over. */
		run_abandon(s->run);
	}
	session_free(s);
	bot_session_ended(sh->bot, sh);
}

/* What time has brought since the last look. */
static void regain(struct session_lua *s, uint64_t now)
{
	const uint64_t ms = now - s->counted;

	s->counted = now;
	if (ms > s->used / SHARE_PER_MS)
		s->used = 0;
	else
		s->used -= ms * SHARE_PER_MS;
}

void session_used(struct session_lua *s, uint64_t n)
{
	struct lua_scripting *sc = s->shard->bot->sc;
	const uint64_t now = loop_now(sc->loop);

	regain(s, now);
	if (n > SHARE)
		s->heavy = true;
	else if (!s->used)
		s->heavy = false;
	s->used += n;
	/* Heavy sessions have that share together. */
	if (s->heavy)
		sc->heavy_until = now + n / SHARE_PER_MS;
}

/* Where waits take no time, as speech without media, a handler that waits in
 * a loop would never let the turn end, and one that works hard between its
 * waits would leave no time to others; false: it goes on later. */
static bool in_time(struct session_lua *s)
{
	struct lua_scripting *sc = s->shard->bot->sc;
	const uint64_t now = loop_now(sc->loop);
	uint64_t at;

	regain(s, now);
	if (s->used < SHARE && (!s->heavy || sc->heavy_until <= now)) {
		/* What others sent is theirs to bound. */
		if (s->run || s->head->outcome)
			s->used += STEP_COST;
		return true;
	}
	s->heavy = true;
	at = now + 1;
	if (s->used > SHARE)
		at += (s->used - SHARE) / SHARE_PER_MS;
	if (at < sc->heavy_until)
		at = sc->heavy_until;
	timer_start(&s->pace, at - now);
	return false;
}

/* Gives a handler that listens what the customer has said by now. */
static void hear(struct session_lua *s, struct run *run)
{
	struct input *in;

	while (!run->ready && (in = queue_query(s))) {
		listen_hear(run, in);
		input_free(in);
	}
}

static void on_pace(void *arg)
{
	session_wake(arg);
}

static void work(void *arg)
{
	struct session_lua *s = arg;
	struct run *run = s->run;
	struct input *in;

	if (s->closed) {
		close_now(s);
		return;
	}
	/* Before the first handler: its caller's data, or timer client. */
	if (!client_is_ready(&s->kept))
		return;
	if (run && run->wait == WAIT_LISTEN && !run->ready)
		hear(s, run);
	if (run && (run->wait == WAIT_SAY || run->wait == WAIT_LISTEN) &&
	    (run->abandon || s->gone)) {
		run_abandon(run);
	} else if ((run ? run->ready : s->head != NULL) && !in_time(s)) {
		return;
	} else if (run && run->ready) {
		run_resume(run);
	} else if (run) {
		return;
	} else if ((in = next_input(s))) {
		s->busy = true;
		handle(s, in);
	} else {
		settle(s);
		return;
	}
	session_wake(s);	/* one step at a time, others have their turn */
}

/* ---- beginning and end ---- */

static void on_client(void *arg)
{
	session_wake(arg);
}

int session_open(struct shard *sh, const struct bot_call *call,
		 const struct session_handlers *h, void *arg,
		 struct session **sp)
{
	struct session_lua *s = calloc(1, sizeof(*s));

	if (!s)
		return UV_ENOMEM;
	s->base.ops = &session_lua_ops;
	s->shard = sh;
	s->call = call;
	s->h = h;
	s->arg = arg;
	s->context = sh->program->root;
	s->data = LUA_NOREF;
	s->kept = (struct client_use){ .ready = on_client, .arg = s };
	if (sh->bot->uses_client && *call->from &&
	    client_open(sh->bot->sc->reach.store, sh->bot->name, call->from,
			&s->kept)) {
		free(s);
		return UV_ENOMEM;
	}
	timer_init(&s->pace, sh->bot->sc->loop, on_pace, s);
	s->next = sh->sessions;
	if (s->next)
		s->next->prev = s;
	sh->sessions = s;
	sh->session_count++;
	sh->bot->sessions++;
	*sp = &s->base;
	return 0;
}

void session_free(struct session_lua *s)
{
	struct shard *sh = s->shard;
	struct input *in;

	task_cancel(sh->bot->sc->loop, &s->task);
	timer_stop(&s->pace);
	ear_free(s->ear);
	if (s->run) {
		if (timer_running(&s->run->timer))
			timer_stop(&s->run->timer);
		shard_thread_done(sh, &s->run->thread, false);
		sh->bot->coroutines--;
		run_free(s->run);
	}
	luaL_unref(sh->L, LUA_REGISTRYINDEX, s->data);
	*(s->prev ? &s->prev->next : &sh->sessions) = s->next;
	if (s->next)
		s->next->prev = s->prev;
	sh->session_count--;
	sh->bot->sessions--;
	while ((in = queue_pop(s)))
		input_free(in);
	client_close(&s->kept);
	json_decref(s->client);
	json_decref(s->details);
	free(s->randoms);
	free(s->number);
	free(s->last);
	free(s);
}
