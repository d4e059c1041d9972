#include "leg.h"

#include <assert.h>

void leg_listen(struct leg *leg, leg_h *h, void *arg)
{
	leg->h = h;
	leg->arg = arg;
}

bool leg_refuses(const struct leg_event *ev)
{
	return ev->status < 200 || ev->status >= 300 || !ev->offer;
}

bool leg_is_dead(const struct leg_event *ev)
{
	return ev->status == 481 || ev->status == 408;
}

int leg_ring(struct leg *leg, int status)
{
	return leg->ops->ring(leg, status);
}

int leg_answer(struct leg *leg, struct offer *offer)
{
	return leg->ops->answer(leg, offer);
}

int leg_reject(struct leg *leg, int status, const char *phrase,
	       int retry_after)
{
	return leg->ops->reject(leg, status, phrase, retry_after);
}

int leg_offer(struct leg *leg, struct offer *offer)
{
	assert(offer);
	return leg->ops->offer(leg, offer);
}

int leg_accept(struct leg *leg, struct offer *offer)
{
	assert(offer);
	return leg->ops->accept(leg, offer);
}

int leg_refuse(struct leg *leg, int status)
{
	return leg->ops->refuse(leg, status);
}

int leg_refer(struct leg *leg, const struct leg_refer *refer)
{
	return leg->ops->refer(leg, refer);
}

bool leg_withdraw_offer(struct leg *leg)
{
	return leg->ops->withdraw_offer(leg);
}

void leg_withdraw_refer(struct leg *leg)
{
	leg->ops->withdraw_refer(leg);
}

int leg_credentials(struct leg *leg, const struct credentials *cr)
{
	return leg->ops->credentials(leg, cr);
}

void leg_pass(struct leg *leg, bool on)
{
	leg->ops->pass(leg, on);
}

int leg_request(struct leg *leg, const struct leg_message *m)
{
	return leg->ops->request(leg, m);
}

int leg_reply(struct leg *leg, unsigned id, int status)
{
	return leg->ops->reply(leg, id, status);
}

void leg_advertise(struct leg *leg, const char *address)
{
	if (address && *address && leg->ops->advertise)
		leg->ops->advertise(leg, address);
}

void leg_end(struct leg *leg, const struct leg_reason *reason)
{
	if (!leg)
		return;

	leg->h = NULL;
	leg->ops->end(leg, reason);
}
