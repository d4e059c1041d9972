/*
 * Agents: each has a plan, the owner's or the default, until he has decided.
 * One who is reached by REFER is played by what his switch tells in NOTIFYs.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/uri.h"
#include "play_i.h"

#define TIRES_MS 15000	/* an answered agent who is not joined waits on */

static const struct agent_plan usual = {
	.does = AGENT_ANSWERS, .after_ms = AGENT_AFTER, .talks_ms = AGENT_TALKS,
};

static const struct play_odd *odd(const struct peer *who)
{
	static const struct play_odd none;

	return who->p->o.odd ? who->p->o.odd : &none;
}

static bool waits(const struct agent_plan *plan)
{
	return plan->does == AGENT_RINGS || plan->does == AGENT_SILENT;
}

static int status_of(const struct agent_plan *plan)
{
	switch (plan->does) {
	case AGENT_ANSWERS: return 200;
	case AGENT_BUSY: return 486;
	case AGENT_DECLINES: return 603;
	case AGENT_REFUSES: return plan->status;
	case AGENT_UNREACHABLE: return 503;
	default: return 0;
	}
}

/* Takes the first plan for `number` out of those that wait. */
static bool take_plan(struct play *p, const char *number,
		      struct agent_plan *plan)
{
	for (size_t i = 0; i < p->plan_count; i++) {
		if (*p->plans[i].number && strcmp(p->plans[i].number, number))
			continue;
		*plan = p->plans[i];
		memmove(&p->plans[i], &p->plans[i + 1],
			(--p->plan_count - i) * sizeof(*plan));
		return true;
	}
	return false;
}

static void hang_up(struct peer *who, int n)
{
	(void)n;
	if (who->leg->state != SIM_UP)
		return;
	play_tell(who->p, NOTE_PEER, "agent %s hangs up", who->name);
	sim_bye(who->leg);
}

/* Nobody joins him to the customer: he waits no longer than he would talk. */
static void tire(struct peer *who, int n)
{
	if (!who->joined)
		hang_up(who, n);
}

void agents_joined(struct play *p)
{
	for (struct peer *who = p->peers; who; who = who->next) {
		if (!who->leg || who->customer || who->refer || who->joined ||
		    who->leg->state != SIM_UP)
			continue;
		who->joined = true;
		if (who->plan.talks_ms)
			peer_later(who, who->plan.talks_ms, hang_up, 0);
	}
}

static void ring(struct peer *who, int n)
{
	if (n == 180)
		play_tell(who->p, NOTE_PEER, "agent %s rings", who->name);
	sim_progress(who->leg, n);
}

static void refuse(struct peer *who, int status)
{
	who->decided = true;
	if (status < 0)
		play_tell(who->p, NOTE_PEER, "agent %s is unreachable",
			  who->name);
	else
		play_tell(who->p, NOTE_PEER, "agent %s answers %d", who->name,
			  status);
	if (status < 0)
		sim_unreachable(who->leg);
	else if (status == 302)
		sim_redirect(who->leg, "sip:2001@127.0.0.2:5070");
	else if (status == 503)
		sim_unavailable(who->leg, 2);
	else
		sim_reject(who->leg, status);
}

static void answer(struct peer *who, int n)
{
	(void)n;
	who->decided = true;
	play_tell(who->p, NOTE_PEER, "agent %s answers", who->name);
	if (who->plan.talks_ms)
		peer_later(who, who->plan.talks_ms + TIRES_MS, tire, 0);
	if (odd(who)->gone)
		peer_later(who, (uint64_t)odd(who)->gone - 1, hang_up, 0);
	agent_answered(who);
	sim_answer(who->leg);
}

static void act(struct peer *who)
{
	const struct agent_plan *plan = &who->plan;
	const int bad = odd(who)->final;

	if (bad == -1 || (!bad && plan->does == AGENT_SILENT))
		return;
	if (bad == -2 || (!bad && plan->does == AGENT_UNREACHABLE)) {
		peer_later(who, bad ? 20 : plan->after_ms, refuse, -1);
		return;
	}
	peer_later(who, 20, ring, 100);
	if (bad == 1)
		return;
	peer_later(who, 60, ring, 180);
	if (odd(who)->twice) {
		peer_later(who, 80, ring, 183);
		peer_later(who, 90, ring, 180);
	}
	if (bad > 1)
		peer_later(who, plan->after_ms, refuse, bad);
	else if (plan->does == AGENT_ANSWERS)
		peer_later(who, plan->after_ms, answer, 0);
	else if (plan->does != AGENT_RINGS)
		peer_later(who, plan->after_ms, refuse, status_of(plan));
}

static void choose(struct peer *who)
{
	who->own_plan = take_plan(who->p, who->name, &who->plan);
	who->told_at = loop_now(who->p->loop);
	if (!who->own_plan)
		who->plan = usual;
}

void agent_called(struct peer *who)
{
	choose(who);
	act(who);
}

/* by REFER */

static void customer_leaves(struct peer *who, int n)
{
	(void)n;
	sim_bye(who->leg);
}

/* The sipfrag of a NOTIFY; negative: the last one. */
static void notify(struct peer *who, int n)
{
	const int status = abs(n) == 1000 ? 0 : abs(n);

	if (status > 100 || n < 0)
		play_tell(who->p, NOTE_PEER, "NOTIFY: agent %s %d", who->name,
			  status);
	sim_notify(who->leg, status, n < 0);
	if (!who->leg)
		return;
	if (odd(who)->twice)
		sim_notify(who->leg, status, n < 0);
	if (n < 0)
		who->decided = true;
	/* Whoever has taken the customer over ends our dialog. */
	if (n < 0 && status / 100 == 2 && who->leg)
		peer_later(who, 100, customer_leaves, 0);
}

static void act_referred(struct peer *who)
{
	const struct agent_plan *plan = &who->plan;
	const int *n = odd(who)->notes;
	uint64_t at = 40;

	if (n) {
		for (; *n; n++, at += 1000)
			peer_later(who, at, notify, *n);
		return;
	}
	peer_later(who, odd(who)->early_note ? 5 : 40, notify, 100);
	if (!waits(plan))
		peer_later(who, plan->after_ms > 50 ? plan->after_ms : 50,
			   notify, -status_of(plan));
}

static void refer_done(struct peer *who, int n)
{
	if (n >= 300)
		play_tell(who->p, NOTE_PEER, "REFER is answered with %d", n);
	sim_refer_done(who->leg, n, odd(who)->no_sub);
}

void agent_referred(struct peer *customer)
{
	const struct play_odd *o = odd(customer);
	struct play *p = customer->p;
	struct peer *who = peer_new(p, customer->leg);
	const int status = o->refer ? o->refer : 202;

	who->refer = true;
	snprintf(who->name, sizeof(who->name), "%s",
		 p->dials[p->dial_count - 1].number);
	choose(who);
	if (status > 0)
		peer_later(customer, 20, refer_done, status);
	if (o->refer_bye)
		peer_later(customer, 20 + (uint64_t)o->refer_bye,
			   customer_leaves, 0);
	if (status > 0 && status < 300 && !o->no_sub)
		act_referred(who);
}

/* what the owner of the play has them do */

static bool open_to(const struct peer *who, const struct agent_plan *plan)
{
	if (!who->leg || who->customer || who->decided)
		return false;
	if (!who->refer && who->leg->state != SIM_CALLING)
		return false;
	/* One who only waits may be told something else, but later: what is
	 * said at the same time is for the next. */
	if (who->own_plan && (!waits(&who->plan) ||
			      who->told_at == loop_now(who->p->loop)))
		return false;
	return !*plan->number || !strcmp(plan->number, who->name);
}

void play_agent(struct play *p, const struct agent_plan *plan)
{
	struct peer *oldest = NULL;
	struct agent_plan *list;

	for (struct peer *who = p->peers; who; who = who->next)
		if (open_to(who, plan) && (!oldest || !who->own_plan ||
					   oldest->own_plan))
			oldest = who;
	if (!oldest) {
		list = realloc(p->plans, (p->plan_count + 1) * sizeof(*list));
		if (!list)
			abort();
		p->plans = list;
		list[p->plan_count++] = *plan;
		return;
	}
	peer_forget(oldest);
	oldest->plan = *plan;
	oldest->own_plan = true;
	oldest->told_at = loop_now(p->loop);
	if (oldest->refer)
		act_referred(oldest);
	else
		act(oldest);
}

bool play_agent_hangs_up(struct play *p, uint64_t after_ms)
{
	bool any = false;

	for (struct peer *who = p->peers; who; who = who->next) {
		if (!who->leg || who->customer || who->refer ||
		    who->leg->state != SIM_UP)
			continue;
		any = true;
		peer_forget(who);
		peer_later(who, after_ms, hang_up, 0);
	}
	return any;
}

size_t play_plans(const struct play *p)
{
	return p->plan_count;
}
