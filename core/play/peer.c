/*
 * Peers: what the engine asks of a leg reaches whoever plays its other end,
 * who does something a little later.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "play_i.h"

struct peer *peer_new(struct play *p, struct sim_leg *l)
{
	struct peer *who = calloc(1, sizeof(*who));

	if (!who)
		abort();
	who->p = p;
	who->leg = l;
	who->next = p->peers;
	p->peers = who;
	return who;
}

static struct peer *peer_of(struct play *p, const struct sim_leg *l)
{
	for (struct peer *who = p->peers; who; who = who->next)
		if (who->leg == l && !who->refer)
			return who;
	return NULL;
}

static void deed_free(struct deed *d)
{
	timer_stop(&d->timer);
	free(d);
}

static void on_deed(void *arg)
{
	struct deed *d = arg, **link = &d->who->p->deeds;
	struct peer *who = d->who;
	deed_h *h = d->h;
	const int n = d->n;

	while (*link != d)
		link = &(*link)->next;
	*link = d->next;
	free(d);
	if (who->leg)
		h(who, n);
}

void peer_later(struct peer *who, uint64_t ms, deed_h *h, int n)
{
	struct deed *d;

	d = calloc(1, sizeof(*d));
	if (!d)
		abort();
	d->who = who;
	d->h = h;
	d->n = n;
	d->next = who->p->deeds;
	who->p->deeds = d;
	timer_init(&d->timer, who->p->loop, on_deed, d);
	timer_start(&d->timer, ms);
}

void peer_forget(struct peer *who)
{
	struct deed **link = &who->p->deeds, *d;

	while ((d = *link)) {
		if (d->who == who) {
			*link = d->next;
			deed_free(d);
		} else {
			link = &d->next;
		}
	}
}

void play_deeds_drop(struct play *p)
{
	while (p->deeds) {
		struct deed *d = p->deeds;

		p->deeds = d->next;
		deed_free(d);
	}
}

/* The engine gives a leg up: on the wire it is CANCEL, BYE or nothing. */
static void given_up(struct peer *who)
{
	struct play *p = who->p;
	struct sim_leg *l = who->leg;
	const bool up = l->state == SIM_UP || l->state == SIM_ANSWERED;

	if (l->state == SIM_CALLING)
		play_tell(p, NOTE_PEER, "agent %s is called no longer",
			  who->name);
	else if (up)
		play_tell(p, NOTE_PEER, "%s%s is hung up", who->customer
			  ? "customer" : "agent ", who->customer
			  ? "" : who->name);
	/* An agent behind a REFER goes with the customer's dialog. */
	for (struct peer *i = p->peers; i; i = i->next) {
		if (i->leg != l)
			continue;
		peer_forget(i);
		i->leg = NULL;
	}
}

static void keep_dial(struct play *p, const struct sim_leg *l, bool refer)
{
	struct play_dial *d = realloc(p->dials, (p->dial_count + 1) *
				      sizeof(*d));
	const char *user;

	if (!d)
		abort();
	p->dials = d;
	d += p->dial_count++;
	*d = (struct play_dial){ .refer = refer, .uri = strdup(l->uri),
		.headers = strdup(l->headers ? l->headers : "") };
	user = !strncmp(l->uri, "sip:", 4) ? l->uri + 4 : l->uri;
	snprintf(d->number, sizeof(d->number), "%.*s",
		 (int)(strcspn(user, "@") < 127 ? strcspn(user, "@") : 127),
		 user);
	if (!refer)
		snprintf(d->from, sizeof(d->from), "%s", l->from);
	if (p->o.agent)
		p->o.agent(p, d, p->o.arg);
}

void play_watch(struct sim_leg *l, enum sim_verb verb, void *arg)
{
	struct play *p = arg;
	struct peer *who = peer_of(p, l);

	if (verb == SIM_DID_DIAL) {
		who = peer_new(p, l);
		keep_dial(p, l, false);
		snprintf(who->name, sizeof(who->name), "%s",
			 p->dials[p->dial_count - 1].number);
		play_tell(p, NOTE_PEER, "agent %s is called", who->name);
		agent_called(who);
		return;
	}
	if (!who && l->inbound) {
		/* Asked for something while its INVITE is being delivered. */
		who = p->customer = peer_new(p, l);
		who->customer = true;
	}
	if (!who)
		return;
	if (verb == SIM_DID_END) {
		given_up(who);
		return;
	}
	if (verb == SIM_DID_REFER) {
		keep_dial(p, l, true);
		play_tell(p, NOTE_PEER, "customer's side gets REFER to %s",
			  p->dials[p->dial_count - 1].number);
	}
	customer_asked(who, verb);
}
