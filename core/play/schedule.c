/*
 * A schedule of chance: what peers and control clients do at odd moments,
 * drawn from a seed alone, so that it can be played again, and shortened.
 */
#include <inttypes.h>
#include <stdio.h>
#include <uv.h>

#include "play_i.h"

struct verb {
	const char *name;
	void (*h)(struct play *p, struct sim_leg *l, unsigned n);
	int who;		/* 0 nobody, 1 customer, 2 agent */
};

static const int finals[] = { 486, 603, 480, 503, 404, 302 };
static const int offers[] = { 200, 200, 488, 500, 408, 481 };
static const int refers[] = { 200, 202, 403, 408, 481 };
static const int notes[] = { 100, 180, 200, 486, 603, 0 };
static const int progresses[] = { 100, 180, 183 };

#define PICK(list, n) (list)[(n) % (sizeof(list) / sizeof((list)[0]))]

static void bye(struct play *p, struct sim_leg *l, unsigned n)
{
	(void)p;
	(void)n;
	sim_bye(l);
}

static void offer_done(struct play *p, struct sim_leg *l, unsigned n)
{
	(void)p;
	sim_offer_done(l, PICK(offers, n));
}

static void reinvite(struct play *p, struct sim_leg *l, unsigned n)
{
	(void)p;
	if (n % 5 == 4)
		sim_reinvite_empty(l);
	else
		sim_reinvite(l, (enum media_dir)(n % 4));
}

static void offer_ack(struct play *p, struct sim_leg *l, unsigned n)
{
	(void)p;
	sim_offer_ack(l, (enum sim_answer)(n % 3));
}

static void refer_done(struct play *p, struct sim_leg *l, unsigned n)
{
	(void)p;
	sim_refer_done(l, PICK(refers, n), n % 4 == 0);
}

static void notify(struct play *p, struct sim_leg *l, unsigned n)
{
	(void)p;
	sim_notify(l, PICK(notes, n), n / 7 % 2);
}

static void info(struct play *p, struct sim_leg *l, unsigned n)
{
	(void)p;
	(void)n;
	sim_request(l, "INFO", "text/x", "info");
}

static void info_done(struct play *p, struct sim_leg *l, unsigned n)
{
	(void)p;
	sim_request_done(l, n % 2 ? 200 : 415);
}

static void refreshed(struct play *p, struct sim_leg *l, unsigned n)
{
	(void)p;
	sim_refreshed(l, n % 3 ? 200 : 481, (enum sim_answer)(n % 3));
}

static void expire(struct play *p, struct sim_leg *l, unsigned n)
{
	(void)p;
	(void)n;
	sim_expire(l);
}

static void progress(struct play *p, struct sim_leg *l, unsigned n)
{
	(void)p;
	sim_progress(l, PICK(progresses, n));
}

static void answer(struct play *p, struct sim_leg *l, unsigned n)
{
	(void)p;
	(void)n;
	sim_answer(l);
}

static void reject(struct play *p, struct sim_leg *l, unsigned n)
{
	(void)p;
	sim_reject(l, PICK(finals, n));
}

static void cancel(struct play *p, struct sim_leg *l, unsigned n)
{
	struct call *c = engine_call(p->engine, p->call);

	(void)l;
	(void)n;
	if (c)
		call_cancel(c, BY_CONTROL);
}

static void hang_up(struct play *p, struct sim_leg *l, unsigned n)
{
	struct call *c = engine_call(p->engine, p->call);

	(void)l;
	(void)n;
	if (c)
		call_hangup(c, BY_CONTROL, NULL);
}

static const struct verb verbs[] = {
	{ "customer hangs up", bye, 1 },
	{ "customer answers a re-INVITE", offer_done, 1 },
	{ "customer re-INVITEs", reinvite, 1 },
	{ "customer ACKs a re-INVITE", offer_ack, 1 },
	{ "customer answers REFER", refer_done, 1 },
	{ "customer sends NOTIFY", notify, 1 },
	{ "customer sends NOTIFY", notify, 1 },
	{ "customer sends INFO", info, 1 },
	{ "customer answers INFO", info_done, 1 },
	{ "customer refreshes", refreshed, 1 },
	{ "customer's session expires", expire, 1 },
	{ "agent progresses", progress, 2 },
	{ "agent answers", answer, 2 },
	{ "agent answers", answer, 2 },
	{ "agent refuses", reject, 2 },
	{ "agent hangs up", bye, 2 },
	{ "agent answers a re-INVITE", offer_done, 2 },
	{ "agent re-INVITEs", reinvite, 2 },
	{ "agent ACKs a re-INVITE", offer_ack, 2 },
	{ "agent sends INFO", info, 2 },
	{ "agent's session expires", expire, 2 },
	{ "a control client cancels the transfer", cancel, 0 },
	{ "a control client hangs up", hang_up, 0 },
};

struct step {
	const struct verb *verb;
	unsigned n, which;
	uint64_t at;
};

static uint64_t roll(uint64_t *s, uint64_t n)
{
	uint64_t z = (*s += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return (z ^ (z >> 31)) % n;
}

/* Moments at which something happens are likelier than others. */
static uint64_t moment(uint64_t *s)
{
	static const uint64_t near[] = { 0, 10, 20, 21, 40, 60, 500, 3000,
		3020, 3040, 5000, 6000, 8000, 30000, 60000, 63000 };
	const uint64_t base = near[roll(s, 16)];

	return base + roll(s, roll(s, 3) ? 25 : 4000);
}

static unsigned draw(uint64_t seed, struct step *step)
{
	uint64_t s = seed * UINT64_C(0x2545f4914f6cdd1d) + 7;
	/* Some peers misbehave undisturbed. */
	const unsigned n = (unsigned)roll(&s, PLAY_STEPS + 1);

	for (unsigned i = 0; i < n; i++)
		step[i] = (struct step){
			.verb = &verbs[roll(&s, sizeof(verbs) /
					    sizeof(verbs[0]))],
			.n = (unsigned)roll(&s, 420),
			.which = (unsigned)roll(&s, 3),
			.at = moment(&s),
		};
	return n;
}

const char *play_schedule_step(uint64_t seed, unsigned i, char *buf,
			       size_t size)
{
	struct step step[PLAY_STEPS];

	if (i >= draw(seed, step))
		return NULL;
	snprintf(buf, size, "at %" PRIu64 ".%03u s: %s (%u)",
		 step[i].at / 1000, (unsigned)(step[i].at % 1000),
		 step[i].verb->name, step[i].n);
	return buf;
}

/* An agent who is called or talks: the `which`-th, else the first. */
static struct sim_leg *agent(struct play *p, unsigned which)
{
	struct sim_leg *l = sim_dialled(p->sim, which);

	return l ? l : sim_dialled(p->sim, 0);
}

static void on_step(struct peer *stage, int packed)
{
	struct play *p = stage->p;
	const struct verb *v = &verbs[packed & 0xff];
	struct sim_leg *l = NULL;

	if (v->who == 1 && play_customer(p))
		l = p->customer->leg;
	if (v->who == 2)
		l = agent(p, (unsigned)packed >> 20);
	if (!l && v->who)
		return;
	play_tell(p, NOTE_PEER, "chance: %s", v->name);
	v->h(p, l, (unsigned)packed >> 8 & 0xfff);
}

void play_schedule(struct play *p, uint64_t seed, const bool *left_out)
{
	struct step step[PLAY_STEPS];
	const unsigned n = draw(seed, step);
	/* Nobody's leg: what chance does goes on whoever has left. */
	static struct sim_leg chance;
	struct peer *stage = peer_new(p, &chance);

	stage->refer = stage->decided = true;
	for (unsigned i = 0; i < n; i++)
		if (!left_out || !left_out[i])
			peer_later(stage, step[i].at, on_step,
				   (int)(step[i].verb - verbs) |
				   (int)step[i].n << 8 |
				   (int)step[i].which << 20);
}
