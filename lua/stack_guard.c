#include "stack_guard.h"

#define VALUE 16			/* sizeof(TValue) */
#define SPARE (5 * VALUE)		/* EXTRA_STACK */
#define MOST (10240 * VALUE + SPARE)	/* moving it takes some 50 us */

/* Size of a stack of `size` bytes once it has grown. */
static size_t grown(size_t size)
{
	return 2 * size - SPARE;
}

static bool could_be(size_t nsize)
{
	return nsize % VALUE == 0 && nsize / VALUE % 2 == 1;
}

bool stack_guard_refuses(const struct stack_guard *g, bool old,
			 size_t osize, size_t nsize)
{
	if (nsize <= MOST || !could_be(nsize))
		return false;
	/* Lua from 5.4.5 on reallocates. */
	if (old)
		return nsize == grown(osize);
	if (osize)
		return false;
	for (unsigned i = 0; i < g->count; i++)
		if (nsize == grown(g->sizes[i]))
			return true;
	return g->full;
}

static void keep(struct stack_guard *g, size_t size)
{
	if (size <= MOST / 2 || size % VALUE)
		return;
	for (unsigned i = 0; i < g->count; i++)
		if (g->sizes[i] == size)
			return;
	if (g->count == STACK_SIZES)
		g->full = true;
	else
		g->sizes[g->count++] = size;
}

void stack_guard_note(struct stack_guard *g, bool old, size_t osize,
		      size_t nsize)
{
	if (!old && nsize) {
		g->fresh = osize ? 0 : nsize;
		return;
	}
	if (old && !nsize && g->fresh)
		keep(g, g->fresh);
	else if (old && nsize == grown(osize))
		keep(g, nsize);
	g->fresh = 0;
}
