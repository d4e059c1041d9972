#include "trunk.h"

#include "config.h"
#include "log.h"

/* A trunk's own word counts, up to a minute; without one it takes this many
 * refusals in a row, for one alone may be of that destination. */
#define REST_MAX_S 60
#define REST_S 30
#define UNAVAILABLE_MAX 5

/* A trunk is const to all who read the config; this part of it is ours. */
static struct trunk_state *state_of(const struct trunk *t)
{
	return &((struct trunk *)t)->state;
}

bool trunk_rests(const struct trunk *t, uint64_t now)
{
	return t && now < t->state.rests_until;
}

void trunk_answers(const struct trunk *t)
{
	if (t)
		state_of(t)->unavailable = 0;
}

void trunk_unavailable(const struct trunk *t, uint64_t now, int retry_after)
{
	struct trunk_state *s;
	int seconds = retry_after < REST_MAX_S ? retry_after : REST_MAX_S;

	if (!t)
		return;

	s = state_of(t);
	if (++s->unavailable >= UNAVAILABLE_MAX && seconds < REST_S)
		seconds = REST_S;
	if (seconds <= 0)
		return;
	s->unavailable = 0;
	s->rests_until = now + (uint64_t)seconds * 1000;
	log_warn("trunk %s answers 503: no calls are sent there for %d s",
		 t->name, seconds);
}
