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

struct world w;

int world_setup(void **state)
{
	(void)state;
	world_open(&w);
	return 0;
}

int world_teardown(void **state)
{
	(void)state;
	world_close(&w);
	return 0;
}

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
	struct world *world = fake_of(s)->w;

	(void)kind;
	world->queries++;
	snprintf(world->last_query, sizeof(world->last_query), "%.*s", (int)len,
		 text);
	fed(fake_of(s));
}

static void f_event(struct session *s, const char *name, json_t *data)
{
	struct world *world = fake_of(s)->w;

	(void)data;
	world->events++;
	snprintf(world->last_event, sizeof(world->last_event), "%s", name);
	fed(fake_of(s));
}

static void f_outcome(struct session *s, const struct transfer_outcome *o)
{
	struct world *world = fake_of(s)->w;

	world->outcomes++;
	world->success = o->success;
	world->hangup = o->hangup;
	snprintf(world->number, sizeof(world->number), "%s", o->number);
	assert_non_null(o->details);
	fed(fake_of(s));
}

static void f_said(struct session *s, uint64_t ticket, bool interrupted)
{
	(void)interrupted;
	fake_of(s)->w->ticket = ticket;
	fed(fake_of(s));
}

static void f_gone(struct session *s, const char *last)
{
	struct world *world = fake_of(s)->w;

	world->gone = true;
	if (last)
		snprintf(world->last_event, sizeof(world->last_event), "%s", last);
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
	struct world *world = (struct world *)bot;
	struct fake *f = calloc(1, sizeof(*f));

	(void)call;
	if (!f)
		abort();
	f->s.ops = &session_ops;
	f->w = world;
	f->h = h;
	f->arg = arg;
	world->sessions++;
	world->session = *sp = &f->s;
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

static const json_t *json_field(const struct event *ev, const char *name)
{
	for (unsigned i = 0; i < ev->count; i++)
		if (!strcmp(ev->fields[i].name, name) &&
		    ev->fields[i].kind == FIELD_JSON)
			return ev->fields[i].json;
	return NULL;
}

static void keep_details(struct world *world, const struct event *ev)
{
	const json_t *a;
	size_t i;

	snprintf(world->reason, sizeof(world->reason), "%s",
		 field(ev, "reason"));
	snprintf(world->ended_by, sizeof(world->ended_by), "%s",
		 field(ev, "ended_by"));
	world->sip = (int)json_integer_value(json_object_get(
		json_field(ev, "sip"), "code"));
	world->attempts[0] = '\0';
	json_array_foreach(json_field(ev, "attempts"), i, a) {
		const size_t len = strlen(world->attempts);

		snprintf(world->attempts + len, sizeof(world->attempts) - len,
			 "%s%s", i ? " " : "", json_string_value(
				 json_object_get(a, "reason")));
	}
}

static void on_event(const struct event *ev, void *arg)
{
	struct world *world = arg;

	switch (ev->type) {
	case EV_CALL_STARTED:
		world->started++;
		snprintf(world->call, sizeof(world->call), "%s", ev->call);
		break;
	case EV_CALL_ENDED:
		world->ended++;
		break;
	case EV_BOT_SAY:
		world->said++;
		snprintf(world->audio, sizeof(world->audio), "%s",
			 field(ev, "audio"));
		break;
	case EV_TRANSFER_STARTED:
		world->transfers_started++;
		world->transfer_at = loop_now(world->loop);
		snprintf(world->method, sizeof(world->method), "%s",
			 field(ev, "method"));
		break;
	case EV_TRANSFER_PROGRESS:
		snprintf(world->phase, sizeof(world->phase), "%s",
			 field(ev, "phase"));
		break;
	case EV_TRANSFER_ENDED:
		world->transfers_ended++;
		world->outcome_at = loop_now(world->loop);
		keep_details(world, ev);
		break;
	default:
		break;
	}
}

/* the world */

void world_open(struct world *world)
{
	world_open_with(world, NULL);
}

void world_open_with(struct world *world, const struct world_bot *b)
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

	memset(world, 0, sizeof(*world));
	log_level_set(LOG_ERROR);	/* thousands of calls: only the worst */
	world->loop = loop_new_virtual(UINT64_C(1700000000000), 1);
	world->trunks[0] = (struct trunk) {
		.name = name, .uri = uri, .host = "127.0.0.2", .port = 5070,
		.match = &any, .match_count = 1,
	};
	world->trunks[1] = (struct trunk) {
		.name = name2, .uri = uri2, .host = "127.0.0.3", .port = 5070,
	};
	world->channels[0] = (struct channel) {
		.id = id, .number = number, .trunk = &world->trunks[1],
		.bot = bot,
	};
	world->config = (struct config) {
		.accept_any = true, .trunks = world->trunks, .trunk_count = 2,
		.channels = world->channels, .channel_count = 1,
		.default_bot = bot, .calls = 1000, .cps = 0,
		.call_duration = UINT64_C(4) * 3600 * 1000,
	};
	timers_default(world->config.timers);
	world->bus = event_bus_new(world->loop, "test", "boot");
	event_listen(world->bus, on_event, world);
	media_open(&world->media, &none);
	world->sim = sim_new(world->loop);
	world->with = b;
	world->bot = (struct bot *)world;
	world->bot_ops = &bot_ops;
	if (b)
		world->bot = b->make(world->loop, &world->bot_ops, b->arg);
	assert_non_null(world->bot);
	o = (struct engine_options) {
		.loop = world->loop, .config = &world->config, .bus = world->bus,
		.media = world->media, .bot = find_bot, .arg = world,
		.bot_ops = world->bot_ops,
	};
	assert_int_equal(engine_open(&world->engine, &o), 0);
	engine_set_signalling(world->engine,
			      sim_signalling(world->sim, &engine_signalling,
					     world->engine));
}

void world_turn(struct world *world)
{
	loop_turn(world->loop);
}

void world_wait(struct world *world, uint64_t ms)
{
	loop_advance(world->loop, ms);
}

struct call *world_the_call(struct world *world)
{
	return engine_call(world->engine, world->call);
}

void world_close(struct world *world)
{
	engine_hangup_all(world->engine, BY_NODE);
	world_turn(world);
	assert_int_equal(engine_calls(world->engine), 0);
	assert_int_equal(world->sessions, 0);
	assert_int_equal(world->started, world->ended);
	assert_int_equal(world->transfers_started, world->transfers_ended);
	assert_int_equal(sim_legs(world->sim), 0);
	engine_close(world->engine);
	if (world->with)
		world->with->unmake(world->bot, world->with->arg);
	assert_int_equal(loop_timers(world->loop), 0);
	assert_int_equal(media_in_use(world->media), 0);
	sim_free(world->sim);
	media_close(world->media);
	event_bus_free(world->bus);
	loop_free(world->loop);
}

void world_call(struct world *world, bool ack)
{
	int status;

	world->customer = sim_invite(world->sim, "4930123", "200", "127.0.0.1",
				 &status);
	assert_int_equal(status, 0);
	world_turn(world);
	if (!ack)
		return;
	sim_ack(world->customer);
	world_turn(world);
	assert_string_equal(world->last_query, "/start");
}

static int act_switch(struct world *world, json_t *fields)
{
	struct action_error err;
	struct action *a;
	int rc = action_parse_switch(&a, fields, world->call, &err);

	assert_int_equal(rc, 0);
	a->sw->keep_failed = world->keep_failed;
	if (!world_the_call(world)) {
		action_free(a);
		return -1;
	}
	rc = call_act(world_the_call(world), BY_BOT, a, &err, NULL);
	world_turn(world);
	return rc;
}

int world_switch(struct world *world, const struct switch_fields *f)
{
	json_t *j = json_object();
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
	rc = act_switch(world, j);
	json_decref(j);
	return rc;
}

int world_switch_json(struct world *world, const char *fields)
{
	json_error_t wrong;
	char text[1024];
	json_t *j;
	int rc;

	snprintf(text, sizeof(text), "%s", fields);
	for (char *p = text; *p; p++)
		if (*p == '\'')
			*p = '"';
	j = json_loads(text, 0, &wrong);
	assert_non_null(j);
	rc = act_switch(world, j);
	json_decref(j);
	return rc;
}

struct sim_leg *world_agent(struct world *world)
{
	return sim_dialled(world->sim, 0);
}

void world_expect(struct world *world, bool success, bool hangup,
		  const char *reason)
{
	world_turn(world);
	assert_int_equal(world->transfers_ended, 1);
	assert_int_equal(world->outcomes, 1);
	assert_string_equal(world->reason, reason);
	assert_int_equal(world->success, success);
	assert_int_equal(world->hangup, hangup);
	assert_string_equal(world->number, "16123456789");
}
