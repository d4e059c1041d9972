/* A play's world: an engine on a virtual clock with one trunk and one bot. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include "core/log.h"
#include "core/media/media.h"
#include "core/reach.h"
#include "core/timers.h"
#include "play_i.h"

/* Timer transfer and what may follow it: join, return, grace, last events. */
#define BOUND_MS ((300 + 8 + 8 + 1 + 10) * 1000)

static struct bot *find_bot(void *arg, const char *name)
{
	(void)name;
	return arg;
}

static struct config *config_new(void)
{
	struct config *c = calloc(1, sizeof(*c));
	struct trunk *t = calloc(1, sizeof(*t));

	if (!c || !t)
		abort();
	*t = (struct trunk) {
		.name = strdup("office"), .uri = strdup("sip:127.0.0.2:5070"),
		.host = "127.0.0.2", .numeric = true, .port = 5070,
		.match = calloc(1, sizeof(*t->match)), .match_count = 1,
	};
	if (!t->match)
		abort();
	t->match->family = AF_INET;
	*c = (struct config) {
		.accept_any = true, .trunks = t, .trunk_count = 1,
		.default_bot = strdup("bot"), .calls = 1000,
		.call_duration = UINT64_C(4) * 3600 * 1000,
		.limits = {
			.handler_instructions = 1000000,
			.handler_memory = 4 << 20, .session_bytes = 64 << 10,
			.bot_memory = 64 << 20,
		},
	};
	timers_default(c->timers);
	return c;
}

static void config_end(struct config *c)
{
	free(c->trunks->name);
	free(c->trunks->uri);
	free(c->trunks->match);
	free(c->trunks);
	free(c->default_bot);
	free(c);
}

static void on_log(enum log_level level, const char *call, const char *text,
		   void *arg)
{
	(void)level;
	(void)call;
	play_tell(arg, NOTE_LOG, "%s", text);
}

void play_divert(struct play *p)
{
	log_divert(on_log, p);
}

int play_open(struct play **pp, const struct play_options *o,
	      struct problems *problems)
{
	static const char *const codecs[] = { "PCMU", "PCMA" };
	const struct media_options none = {
		.rtp = false, .address = "127.0.0.1",
		.codecs = codecs, .codec_count = 2,
	};
	struct play *p = calloc(1, sizeof(*p));
	struct engine_options eo;
	int rc = UV_ENOMEM;

	if (!p)
		return rc;
	p->o = *o;
	/* A Monday at noon, so that tests do not depend on today. */
	p->loop = loop_new_virtual(UINT64_C(1700481600000), o->seed);
	p->config = config_new();
	play_divert(p);
	p->bus = p->loop ? event_bus_new(p->loop, "play", "play") : NULL;
	p->sim = p->bus ? sim_new(p->loop) : NULL;
	if (!p->sim || media_open(&p->media, &none) ||
	    event_listen(p->bus, play_on_event, p))
		goto out;
	p->scripting = o->scripting(p->loop, &p->config->limits);
	if (!p->scripting)
		goto out;
	if (o->reach) {
		struct reach r = {
			.client_ms = p->config->timers[TIMER_CLIENT],
			.http_ms = p->config->timers[TIMER_HTTP],
			.request_ms = p->config->timers[TIMER_REQUEST],
		};

		outside_open(p, &r);
		o->reach(p->scripting, &r);
	}
	p->bot = p->scripting->ops->load(p->scripting, "bot", o->bot,
					 problems);
	rc = UV_EINVAL;
	if (!p->bot)
		goto out;
	eo = (struct engine_options) {
		.loop = p->loop, .config = p->config, .bus = p->bus,
		.media = p->media, .bot = find_bot, .arg = p,
		.bot_ops = &play_bot_ops,
	};
	rc = engine_open(&p->engine, &eo);
	if (rc)
		goto out;
	sim_watch(p->sim, play_watch, p);
	engine_set_signalling(p->engine,
			      sim_signalling(p->sim, &engine_signalling,
					     p->engine));
	*pp = p;
	return 0;
out:
	play_close(p);
	return rc;
}

void play_close(struct play *p)
{
	struct peer *who;

	if (!p)
		return;
	p->o.h = NULL;
	play_deeds_drop(p);
	if (p->engine)
		engine_close(p->engine);
	if (p->loop)
		loop_turn(p->loop);
	if (p->bot)
		p->scripting->ops->unload(p->bot);
	if (p->scripting)
		p->scripting->ops->close(p->scripting);
	play_deeds_drop(p);
	outside_close(p);
	sim_free(p->sim);
	media_close(p->media);
	event_bus_free(p->bus);
	loop_free(p->loop);
	log_divert(NULL, NULL);
	while ((who = p->peers)) {
		p->peers = who->next;
		free(who);
	}
	json_decref(p->data);
	free(p->plans);
	play_notes_free(p);
	config_end(p->config);
	free(p);
}

/* time */

struct loop *play_loop(struct play *p)
{
	return p->loop;
}

uint64_t play_now(const struct play *p)
{
	return loop_now(p->loop);
}

bool play_step(struct play *p, uint64_t until)
{
	const uint64_t now = loop_now(p->loop);
	uint64_t next;

	loop_turn(p->loop);
	next = loop_next(p->loop);
	if (next == UINT64_MAX || now + next > until)
		return false;
	loop_advance(p->loop, next);
	return true;
}

void play_wait(struct play *p, uint64_t ms)
{
	loop_advance(p->loop, ms);
	loop_turn(p->loop);
}

/* what there is */

bool play_calls(const struct play *p)
{
	return engine_calls(p->engine) > 0;
}

const char *play_ended_by(const struct play *p)
{
	return *p->ended_by ? p->ended_by : NULL;
}

const char *play_state(const struct play *p)
{
	return p->state;
}

struct scripting *play_scripting(struct play *p)
{
	return p->scripting;
}

struct bot *play_bot(struct play *p)
{
	return p->bot;
}

/* the end */

static void unanswered(struct play *p)
{
	for (struct peer *who = p->peers; who; who = who->next) {
		const struct sim_leg *l = who->leg;

		if (!l || who->refer || l->state == SIM_OVER)
			continue;
		if (l->offered && !l->passing)
			play_broken(p, "a re-INVITE of the %s was never "
				    "answered", who->customer ? "customer"
				    : "agent");
		if (l->waiting && !l->passing)
			play_broken(p, "a request of the %s was never "
				    "answered", who->customer ? "customer"
				    : "agent");
	}
}

static bool open_transfers(const struct play *p)
{
	for (size_t i = 0; i < p->transfer_count; i++)
		if (!p->transfers[i].ends)
			return true;
	return false;
}

static bool talks(const struct play *p)
{
	for (const struct peer *who = p->peers; who; who = who->next)
		if (who->leg && who->joined && !who->customer && !who->refer)
			return true;
	return false;
}

static void settle(struct play *p)
{
	/* A talk may go on for ever; everything else ends by itself. */
	for (int i = 0; i < 4 && open_transfers(p); i++) {
		play_wait(p, BOUND_MS);
		if (open_transfers(p) && !talks(p))
			play_broken(p, "a transfer has not ended in its time");
		for (struct peer *who = p->peers; who; who = who->next)
			if (who->leg && !who->customer && !who->refer)
				sim_bye(who->leg);
	}
	if (open_transfers(p))
		play_broken(p, "a transfer has not ended");
	unanswered(p);
	play_control_hangup(p);
	play_wait(p, p->config->timers[TIMER_AFTER_HANGUP] + 2000);
}

const char *play_check(struct play *p, char *buf, size_t size)
{
	struct bot_stats st;


	settle(p);

	play_deeds_drop(p);
	p->scripting->ops->stats(p->bot, &st);
	if (engine_calls(p->engine))
		play_broken(p, "the call has not ended");
	if (p->started != p->ended)
		play_broken(p, "%d calls began and %d ended", p->started,
			    p->ended);
	if (sim_legs(p->sim))
		play_broken(p, "%zu legs are left", sim_legs(p->sim));
	if (st.sessions)
		play_broken(p, "%zu sessions are left", st.sessions);
	if (st.coroutines)
		play_broken(p, "%zu handlers are left", st.coroutines);
	if (loop_timers(p->loop))
		play_broken(p, "%zu timers are left", loop_timers(p->loop));
	if (media_in_use(p->media))
		play_broken(p, "media ports are left");
	for (size_t i = 0; i < p->transfer_count; i++)
		if (p->transfers[i].ends != 1)
			play_broken(p, "a transfer has ended %u times",
				    p->transfers[i].ends);
	if (!p->broken)
		return NULL;
	snprintf(buf, size, "%s", p->broken);
	return buf;
}
