/*
 * Property: over random schedules of what peers, timers, the bot and control
 * clients do, each transfer ends exactly once within its bound, every peer
 * gets an answer, and afterwards nothing is left.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "schedules.h"
#include "world.h"

#define SCHEDULES 100000
#define STEPS_MAX 40
/* timer transfer + join, return, grace and last events, and a step's wait */
#define BOUND_MS ((300 + 8 + 8 + 1 + 10) * 1000)

/** A step: what, and three numbers that it may make use of. */
struct step {
	const struct verb *verb;
	unsigned a, b, c;
	bool turn;		/* else the next one is in the same turn  */
};

struct verb {
	const char *name;
	void (*h)(struct sim_leg *l, const struct step *s);
	unsigned weight;
};

struct schedule {
	bool ringing, ack, talk, keep;
	unsigned count;
	struct step step[STEPS_MAX];
};

/* what peers do */

static int code(const int *codes, unsigned n, unsigned i)
{
	return codes[i % n];
}

#define CODE(list, i) code(list, sizeof(list) / sizeof((list)[0]), i)

static void ack(struct sim_leg *l, const struct step *s)
{
	(void)s;
	sim_ack(l);
}

static void bye(struct sim_leg *l, const struct step *s)
{
	(void)s;
	sim_bye(l);
}

static void offer_done(struct sim_leg *l, const struct step *s)
{
	static const int codes[] = { 200, 200, 200, 488, 500, 408, 481 };

	sim_offer_done(l, CODE(codes, s->a));
}

static void offer_other(struct sim_leg *l, const struct step *s)
{
	(void)s;
	sim_offer_differs(l);
}

static void refer_done(struct sim_leg *l, const struct step *s)
{
	static const int codes[] = { 200, 202, 202, 403, 408, 481, 0 };

	sim_refer_done(l, CODE(codes, s->a), s->b % 4 == 0);
}

static void notify(struct sim_leg *l, const struct step *s)
{
	static const int codes[] = { 100, 180, 200, 486, 603, 0 };

	sim_notify(l, CODE(codes, s->a), s->b % 2);
}

static void reinvite(struct sim_leg *l, const struct step *s)
{
	sim_reinvite(l, (enum media_dir)(s->a % 4));
}

static void reinvite_empty(struct sim_leg *l, const struct step *s)
{
	(void)s;
	sim_reinvite_empty(l);
}

static void offer_ack(struct sim_leg *l, const struct step *s)
{
	sim_offer_ack(l, (enum sim_answer)(s->a % 3));
}

static void text(struct sim_leg *l, const struct step *s)
{
	(void)s;
	sim_request(l, "MESSAGE", "text/plain", "text");
}

static void digit(struct sim_leg *l, const struct step *s)
{
	(void)s;
	sim_digit(l, '1');
}

static void info(struct sim_leg *l, const struct step *s)
{
	(void)s;
	sim_request(l, "INFO", "text/x", "info");
}

static void info_done(struct sim_leg *l, const struct step *s)
{
	static const int codes[] = { 200, 200, 415, 408, 0 };

	sim_request_done(l, CODE(codes, s->a));
}

static void refreshed(struct sim_leg *l, const struct step *s)
{
	static const int codes[] = { 200, 200, 200, 481, 408 };

	sim_refreshed(l, CODE(codes, s->a), (enum sim_answer)(s->b % 3));
}

static void expire(struct sim_leg *l, const struct step *s)
{
	if (s->a % 4 == 0)
		sim_expire(l);
}

static void progress(struct sim_leg *l, const struct step *s)
{
	static const int codes[] = { 100, 100, 180, 183 };

	sim_progress(l, CODE(codes, s->a));
}

static void answer(struct sim_leg *l, const struct step *s)
{
	(void)s;
	sim_answer(l);
}

static void reject(struct sim_leg *l, const struct step *s)
{
	static const int codes[] = { 486, 603, 480, 503, 404, 302 };

	sim_reject(l, CODE(codes, s->a));
}

static void redirect(struct sim_leg *l, const struct step *s)
{
	(void)s;
	sim_redirect(l, "sip:2001@127.0.0.2:5070");
}

static void unavailable(struct sim_leg *l, const struct step *s)
{
	sim_unavailable(l, (int)s->a % 3);
}

/* what we are asked to do, and time */

/* Several destinations, in turn or together. */
static void hunt(struct sim_leg *l, const struct step *s)
{
	static const char *const switches[] = {
		"{'destinations':['1001','1002']}",
		"{'phoneNumber':'1','destinations':['2',{'phoneNumber':'3',"
			"'timeout':1}],'continueCall':true}",
		"{'destinations':['1','2','3'],'strategy':'all'}",
		"{'destinations':['1','2'],'strategy':'all','timeout':30,"
			"'continueCall':true}",
	};

	(void)l;
	if (world_the_call(&w))
		world_switch_json(&w, switches[s->a % 4]);
}

static void cancel(struct sim_leg *l, const struct step *s)
{
	(void)l;
	(void)s;
	if (world_the_call(&w))
		call_cancel(world_the_call(&w), BY_CONTROL);
}

static void do_switch(struct sim_leg *l, const struct step *s)
{
	static const char *const methods[] = { NULL, "refer", "bridge" };
	static const char *const timeouts[] = { NULL, "1", "30" };
	const struct switch_fields f = {
		.method = methods[s->a % 3], .timeout = timeouts[s->b % 3],
		.keep = s->c % 2,
	};

	(void)l;
	if (world_the_call(&w))
		world_switch(&w, &f);
}

static void act(struct action *a)
{
	struct action_error err;

	if (world_the_call(&w))
		call_act(world_the_call(&w), BY_BOT, a, &err, NULL);
	else
		action_free(a);
}

static void say(struct sim_leg *l, const struct step *s)
{
	(void)l;
	act(action_say("hello", 5, s->a % 2));
}

static void hang_up(struct sim_leg *l, const struct step *s)
{
	(void)l;
	if (s->a % 4 == 0)
		act(action_new(ACT_HANGUP));
}

static void control_hangup(struct sim_leg *l, const struct step *s)
{
	(void)l;
	if (s->a % 4 == 0 && world_the_call(&w))
		call_hangup(world_the_call(&w), BY_CONTROL, NULL);
}

static void wait_ms(struct sim_leg *l, const struct step *s)
{
	static const int waits[] = { 1, 100, 999, 2000, 6000, 31000, 70000 };

	(void)l;
	world_wait(&w, (uint64_t)CODE(waits, s->a));
}

static const struct verb customer[] = {
	{ "ack", ack, 2 }, { "bye", bye, 2 }, { "answers", offer_done, 3 },
	{ "answers_other", offer_other, 2 },
	{ "refer_done", refer_done, 3 }, { "notify", notify, 3 },
	{ "reinvite", reinvite, 3 }, { "reinvite_empty", reinvite_empty, 1 },
	{ "offer_ack", offer_ack, 2 }, { "message", text, 2 },
	{ "digit", digit, 1 }, { "info", info, 2 },
	{ "info_done", info_done, 2 }, { "refreshed", refreshed, 1 },
	{ "expires", expire, 1 }, { NULL, NULL, 0 },
};

static const struct verb agent[] = {
	{ "progress", progress, 3 }, { "answer", answer, 3 },
	{ "reject", reject, 2 }, { "bye", bye, 2 },
	{ "answers", offer_done, 3 }, { "answers_other", offer_other, 2 },
	{ "reinvite", reinvite, 3 }, { "reinvite_empty", reinvite_empty, 1 },
	{ "offer_ack", offer_ack, 2 }, { "message", text, 1 },
	{ "info", info, 2 }, { "info_done", info_done, 2 },
	{ "refreshed", refreshed, 1 }, { "expires", expire, 1 },
	{ "redirect", redirect, 1 }, { "unavailable", unavailable, 1 },
	{ NULL, NULL, 0 },
};

static const struct verb own[] = {
	{ "switch", do_switch, 4 }, { "say", say, 1 },
	{ "hang_up", hang_up, 1 }, { "control_hangup", control_hangup, 1 },
	{ "hunt", hunt, 2 }, { "cancel", cancel, 1 },
	{ NULL, NULL, 0 },
};

static const struct verb clock_verb = { "wait", wait_ms, 1 };

/* schedules */

static bool among(const struct verb *v, const struct verb *table)
{
	for (; table->name; table++)
		if (table == v)
			return true;
	return false;
}

static const struct verb *pick(uint64_t *s, const struct verb *table)
{
	unsigned all = 0, n;

	for (const struct verb *v = table; v->name; v++)
		all += v->weight;
	n = (unsigned)schedule_roll(s, all);
	while (n >= table->weight)
		n -= (table++)->weight;
	return table;
}

static void make(struct schedule *p, uint64_t seed)
{
	uint64_t s = schedule_start(seed);

	p->ringing = !schedule_roll(&s, 4);
	p->ack = schedule_roll(&s, 8);
	/* Some begin with two who talk, which chance alone rarely brings. */
	p->talk = !schedule_roll(&s, 3);
	p->keep = schedule_roll(&s, 2);
	p->count = 1 + (unsigned)schedule_roll(&s, STEPS_MAX);
	for (unsigned i = 0; i < p->count; i++) {
		struct step *step = &p->step[i];

		switch (schedule_roll(&s, 8)) {
		case 0: case 1: case 2: step->verb = pick(&s, customer); break;
		case 3: case 4: step->verb = pick(&s, agent); break;
		case 5: step->verb = pick(&s, own); break;
		default: step->verb = &clock_verb; break;
		}
		step->a = (unsigned)schedule_roll(&s, 420);
		step->b = (unsigned)schedule_roll(&s, 12);
		step->c = (unsigned)schedule_roll(&s, 2);
		step->turn = schedule_roll(&s, 3);
	}
}

static void talk(const struct schedule *p)
{
	const struct switch_fields f = { .method = "bridge", .keep = p->keep };

	if (world_switch(&w, &f) || !world_agent(&w))
		return;
	sim_answer(world_agent(&w));
	sim_offer_done(w.customer, 200);
}

static void trace_step(unsigned i, const struct step *s)
{
	fprintf(stderr, "%4u  %-8s  %s %u %u %u%s\n", i,
		among(s->verb, customer) ? "customer" :
		among(s->verb, agent) ? "agent" :
		among(s->verb, own) ? "own" : "time", s->verb->name, s->a,
		s->b, s->c, s->turn ? "" : " +");
}

static void take(const struct step *s)
{
	const int ended = w.transfers_ended;
	struct sim_leg *l = NULL;

	if (among(s->verb, customer))
		l = sim_has(w.sim, w.customer) ? w.customer : NULL;
	else if (among(s->verb, agent))
		l = sim_dialled(w.sim, s->c % 3);
	if (!l && among(s->verb, agent))
		l = world_agent(&w);
	if (l || among(s->verb, own) || s->verb == &clock_verb)
		s->verb->h(l, s);
	if (s->turn)
		world_turn(&w);
	assert_true(w.transfers_ended <= ended + 1);
	assert_true(w.transfers_ended <= w.transfers_started);
	assert_true(w.transfers_started <= w.transfers_ended + 1);
}

static void nobody_waits(const struct sim_leg *l)
{
	assert_false(l->offered);
	/* A request that is passed on is the other party's to answer. */
	if (!l->passing)
		assert_int_equal(l->waiting, 0);
}

static void settle(void)
{
	struct sim_leg *a;

	/* A talk may go on for ever; everything else ends by itself. */
	for (int i = 0; i < 2 && w.transfers_started > w.transfers_ended;
	     i++) {
		world_wait(&w, BOUND_MS);
		a = world_agent(&w);
		if (w.transfers_started > w.transfers_ended) {
			assert_non_null(a);
			assert_string_equal(w.phase, "joined");
			nobody_waits(a);
			sim_bye(a);
		}
	}
	world_wait(&w, BOUND_MS);
	/* A peer always gets an answer. */
	if (sim_has(w.sim, w.customer)) {
		nobody_waits(w.customer);
		assert_false(w.customer->passing);
	}
	assert_int_equal(w.transfers_started, w.transfers_ended);
	assert_true(w.outcomes >= w.transfers_ended);
}

static unsigned play(uint64_t seed, const bool *left_out, bool trace)
{
	struct schedule p;
	int status;

	make(&p, seed);
	world_open(&w);
	w.handles_ringing = p.ringing;
	w.customer = sim_invite(w.sim, "4930123", "200", "127.0.0.1",
				&status);
	assert_int_equal(status, 0);
	if (trace)
		fprintf(stderr, "      %s%s%s\n", p.ringing ? "rings" :
			"answered", p.ack ? ", acked" : "",
			p.ack && p.talk ? ", joined" : "");
	if (p.ack) {
		world_turn(&w);
		sim_ack(w.customer);
		if (p.talk)
			talk(&p);
	}
	for (unsigned i = 0; i < p.count && engine_calls(w.engine); i++) {
		if (left_out[i])
			continue;
		if (trace)
			trace_step(i, &p.step[i]);
		take(&p.step[i]);
	}
	settle();
	status = w.transfers_ended;
	world_close(&w);
	return (unsigned)status;
}

int main(void)
{
	static const struct property property = {
		.name = "engine", .steps = STEPS_MAX, .play = play,
	};

	return property_run(&property, SCHEDULES);
}
