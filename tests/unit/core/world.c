#include "world.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <cmocka.h>

#include "core/media/media.h"
#include "core/timers.h"

/* a bot that notes what it sees */

struct fake {
	struct session s;
	struct world *w;
	const struct session_handlers *h;
	void *arg;
	bool gone;
	struct task idle, sweep;
};

static struct fake *fake_of(struct session *s)
{
	return (struct fake *)s;
}

static void fake_idle(void *arg)
{
	struct fake *f = arg;

	f->h->idle(f->arg);
	if (f->gone)
		f->h->drained(f->arg);
}

static void fed(struct fake *f)
{
	task_post(f->w->loop, &f->idle, fake_idle, f);
}

static bool f_handles(struct session *s, const char *event)
{
	return !strcmp(event, "ringing") && fake_of(s)->w->handles_ringing;
}

static void f_query(struct session *s, enum query_kind kind,
		    const char *text, size_t len)
{
	struct world *w = fake_of(s)->w;

	(void)kind;
	w->queries++;
	snprintf(w->last_query, sizeof(w->last_query), "%.*s", (int)len,
		 text);
	fed(fake_of(s));
}

static void f_event(struct session *s, const char *name, json_t *data)
{
	struct world *w = fake_of(s)->w;

	(void)data;
	w->events++;
	snprintf(w->last_event, sizeof(w->last_event), "%s", name);
	fed(fake_of(s));
}

static void f_outcome(struct session *s, const struct transfer_outcome *o)
{
	struct world *w = fake_of(s)->w;

	w->outcomes++;
	w->success = o->success;
	w->hangup = o->hangup;
	snprintf(w->number, sizeof(w->number), "%s", o->number);
	assert_non_null(o->details);
	fed(fake_of(s));
}

static void f_said(struct session *s, uint64_t ticket, bool interrupted)
{
	(void)ticket;
	(void)interrupted;
	fed(fake_of(s));
}

static void f_gone(struct session *s, const char *last)
{
	struct world *w = fake_of(s)->w;

	w->gone = true;
	if (last)
		snprintf(w->last_event, sizeof(w->last_event), "%s", last);
	fake_of(s)->gone = true;
	fed(fake_of(s));
}

static void f_close(struct session *s)
{
	struct fake *f = fake_of(s);

	f->w->sessions--;
	f->w->session = NULL;
	task_cancel(f->w->loop, &f->idle);
	loop_sweep(f->w->loop, &f->sweep, free, f);
}

static const struct session_ops session_ops = {
	.handles = f_handles, .query = f_query, .event = f_event,
	.outcome = f_outcome, .said = f_said, .gone = f_gone,
	.close = f_close,
};

static int b_open(struct bot *bot, const struct bot_call *call,
		  const struct session_handlers *h, void *arg,
		  struct session **sp)
{
	struct world *w = (struct world *)bot;
	struct fake *f = calloc(1, sizeof(*f));

	(void)call;
	if (!f)
		abort();
	f->s.ops = &session_ops;
	f->w = w;
	f->h = h;
	f->arg = arg;
	w->sessions++;
	w->session = *sp = &f->s;
	return 0;
}

static const struct bot_ops bot_ops = { .open = b_open };

static struct bot *find_bot(void *arg, const char *name)
{
	(void)name;
	return ((struct world *)arg)->bot;
}

/* the event stream */

static const char *field(const struct event *ev, const char *name)
{
	for (unsigned i = 0; i < ev->count; i++)
		if (!strcmp(ev->fields[i].name, name))
			return ev->fields[i].kind == FIELD_JSON
				? json_string_value(ev->fields[i].json)
				: ev->fields[i].s;
	return "";
}

static void on_event(const struct event *ev, void *arg)
{
	struct world *w = arg;

	switch (ev->type) {
	case EV_CALL_STARTED:
		w->started++;
		snprintf(w->call, sizeof(w->call), "%s", ev->call);
		break;
	case EV_CALL_ENDED:
		w->ended++;
		break;
	case EV_BOT_SAY:
		w->said++;
		break;
	case EV_TRANSFER_STARTED:
		w->transfers_started++;
		w->transfer_at = loop_now(w->loop);
		snprintf(w->method, sizeof(w->method), "%s",
			 field(ev, "method"));
		break;
	case EV_TRANSFER_PROGRESS:
		snprintf(w->phase, sizeof(w->phase), "%s",
			 field(ev, "phase"));
		break;
	case EV_TRANSFER_ENDED:
		w->transfers_ended++;
		w->outcome_at = loop_now(w->loop);
		snprintf(w->reason, sizeof(w->reason), "%s",
			 field(ev, "reason"));
		break;
	default:
		break;
	}
}

/* the world */

void world_open(struct world *w)
{
	world_open_with(w, NULL);
}

void world_open_with(struct world *w, const struct world_bot *b)
{
	static char name[] = "office", uri[] = "sip:127.0.0.2:5070";
	static char name2[] = "other", uri2[] = "sip:127.0.0.3:5070";
	static char id[] = "desk", number[] = "100", bot[] = "bot";
	static struct prefix any = { .family = AF_INET };
	static const char *const codecs[] = { "PCMU", "PCMA" };
	struct media_options none = {
		.rtp = false, .address = "127.0.0.1",
		.codecs = codecs, .codec_count = 2,
	};
	struct engine_options o;

	memset(w, 0, sizeof(*w));
	log_level_set(LOG_ERROR);	/* thousands of calls: only the worst */
	w->loop = loop_new_virtual(UINT64_C(1700000000000), 1);
	w->trunks[0] = (struct trunk) {
		.name = name, .uri = uri, .host = "127.0.0.2", .port = 5070,
		.match = &any, .match_count = 1,
	};
	w->trunks[1] = (struct trunk) {
		.name = name2, .uri = uri2, .host = "127.0.0.3", .port = 5070,
	};
	w->channels[0] = (struct channel) {
		.id = id, .number = number, .trunk = &w->trunks[1],
		.bot = bot,
	};
	w->config = (struct config) {
		.accept_any = true, .trunks = w->trunks, .trunk_count = 2,
		.channels = w->channels, .channel_count = 1,
		.default_bot = bot, .calls = 1000, .cps = 0,
		.call_duration = UINT64_C(4) * 3600 * 1000,
	};
	timers_default(w->config.timers);
	w->bus = event_bus_new(w->loop, "test", "boot");
	event_listen(w->bus, on_event, w);
	media_open(&w->media, &none);
	w->sim = sim_new(w->loop);
	w->with = b;
	w->bot = (struct bot *)w;
	w->bot_ops = &bot_ops;
	if (b)
		w->bot = b->make(w->loop, &w->bot_ops, b->arg);
	assert_non_null(w->bot);
	o = (struct engine_options) {
		.loop = w->loop, .config = &w->config, .bus = w->bus,
		.media = w->media, .bot = find_bot, .arg = w,
		.bot_ops = w->bot_ops,
	};
	assert_int_equal(engine_open(&w->engine, &o), 0);
	engine_set_signalling(w->engine,
			      sim_signalling(w->sim, &engine_signalling,
					     w->engine));
}

void world_turn(struct world *w)
{
	loop_turn(w->loop);
}

void world_wait(struct world *w, uint64_t ms)
{
	loop_advance(w->loop, ms);
}

struct call *world_the_call(struct world *w)
{
	return engine_call(w->engine, w->call);
}

void world_close(struct world *w)
{
	engine_hangup_all(w->engine, BY_NODE);
	world_turn(w);
	assert_int_equal(engine_calls(w->engine), 0);
	assert_int_equal(w->sessions, 0);
	assert_int_equal(w->started, w->ended);
	assert_int_equal(w->transfers_started, w->transfers_ended);
	assert_int_equal(sim_legs(w->sim), 0);
	engine_close(w->engine);
	if (w->with)
		w->with->unmake(w->bot, w->with->arg);
	assert_int_equal(loop_timers(w->loop), 0);
	assert_int_equal(media_in_use(w->media), 0);
	sim_free(w->sim);
	media_close(w->media);
	event_bus_free(w->bus);
	loop_free(w->loop);
}

void world_call(struct world *w, bool ack)
{
	int status;

	w->customer = sim_invite(w->sim, "4930123", "200", "127.0.0.1",
				 &status);
	assert_int_equal(status, 0);
	world_turn(w);
	if (!ack)
		return;
	sim_ack(w->customer);
	world_turn(w);
	assert_string_equal(w->last_query, "/start");
}

int world_switch(struct world *w, const struct switch_fields *f)
{
	json_t *j = json_object();
	struct action_error err;
	struct action *a;
	int rc;

	if (f->uri)
		json_object_set_new(j, "sipUri", json_string(f->uri));
	else
		json_object_set_new(j, "phoneNumber",
				    json_string("16123456789"));
	if (f->method)
		json_object_set_new(j, "method", json_string(f->method));
	if (f->timeout)
		json_object_set_new(j, "timeout", json_string(f->timeout));
	if (f->keep)
		json_object_set_new(j, "continueCall", json_true());
	rc = action_parse_switch(&a, j, w->call, &err);
	json_decref(j);
	assert_int_equal(rc, 0);
	if (!world_the_call(w)) {
		action_free(a);
		return -1;
	}
	rc = call_act(world_the_call(w), BY_BOT, a, &err, NULL);
	world_turn(w);
	return rc;
}

struct sim_leg *world_agent(struct world *w)
{
	return sim_dialled(w->sim, 0);
}

void world_expect(struct world *w, bool success, bool hangup,
		  const char *reason)
{
	world_turn(w);
	assert_int_equal(w->transfers_ended, 1);
	assert_int_equal(w->outcomes, 1);
	assert_string_equal(w->reason, reason);
	assert_int_equal(w->success, success);
	assert_int_equal(w->hangup, hangup);
	assert_string_equal(w->number, "16123456789");
}
