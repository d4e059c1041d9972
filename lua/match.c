/**
 * @file match.c  Which state a query or an event reaches
 *
 * By levels, nearest first: children of the current state; it and its
 * siblings; its parent and the parent's siblings; up to the root; then every
 * state with a global trigger. The nearest level that matches wins; in it the
 * better match, then the place in the trigger's list, then the path. Where no
 * pattern matches in any level, intents likewise.
 */
#include "match.h"

#include <string.h>
#include <strings.h>

#include "classifier.h"
#include "match_index.h"
#include "pattern.h"
#include "program.h"

/* ---- levels ---- */

/* Where a query comes from: the current state and those above it. */
struct origin {
	const struct state *from;
	const struct state *above[STATE_DEPTH_MAX + 2];	/**< by depth */
	bool modal;
};

#define LEVELS (STATE_DEPTH_MAX + 4)
#define NO_LEVEL LEVELS

static void origin_of(struct origin *o, const struct state *from)
{
	o->from = from;
	o->modal = from->modal;
	for (const struct state *st = from; st; st = st->parent)
		o->above[st->depth] = st;
}

/* Level of state `st`, 0 the nearest: children; the current state and its
 * siblings; one more for each state above; the root; what is global. */
static unsigned level_of(const struct origin *o, const struct state *st,
			 bool global)
{
	const unsigned depth = o->from->depth;

	if (st->parent && st->depth - 1 <= depth &&
	    o->above[st->depth - 1] == st->parent) {
		const unsigned level = depth - (st->depth - 1);

		if (!o->modal || !level || st == o->from)
			return level;
		return NO_LEVEL;
	}
	if (!st->parent && (!o->modal || st == o->from))
		return depth + 1;
	return global && !o->modal ? depth + 2 : NO_LEVEL;
}

/* ---- events ---- */

struct state *match_event(const struct program *prog,
			  const struct state *from, const char *event)
{
	unsigned level, best = NO_LEVEL, place = 0;
	struct state *found = NULL;
	struct origin o;

	origin_of(&o, from);
	o.modal = false;
	for (size_t i = 0; i < prog->count; i++) {
		struct state *st = prog->all[i];

		for (size_t k = 0; k < st->trigger_count; k++) {
			const struct trigger *t = &st->triggers[k];

			if (t->kind != TRIGGER_EVENT ||
			    strcmp(t->text, event))
				continue;
			level = level_of(&o, st, t->global);
			if (level == NO_LEVEL || level > best ||
			    (level == best && t->place >= place))
				continue;
			found = st;
			best = level;
			place = t->place;
		}
	}
	return found;
}

/* ---- queries ---- */

/* The best of what matches in one level. States come in the order of their
 * paths, so that of two that are alike the first is kept. */
struct best {
	const struct match_entry *entry;
	struct match score;
};

static void consider(struct best *b, const struct match_entry *e,
		     struct utterance *u)
{
	struct match m;

	if (!pattern_match(e->trigger->pattern, u, &m))
		return;
	if (b->entry && !match_better(&m, &b->score) &&
	    (match_better(&b->score, &m) ||
	     e->trigger->place >= b->entry->trigger->place))
		return;
	b->entry = e;
	b->score = m;
}

/* "/start" with nothing but white space around it. */
static bool is_start(const char *s, size_t len)
{
	while (len && strchr(" \t\r\n", s[0]))
		s++, len--;
	while (len && strchr(" \t\r\n", s[len - 1]))
		len--;
	return len == 6 && !strncasecmp(s, "/start", 6);
}

bool match_sees(const struct query *q, const struct pattern *p)
{
	/* Nobody but the engine can say "/start" to a $regex. */
	if (pattern_is_regex(p))
		return q->kind == QUERY_START || !is_start(q->text, q->len);
	return q->kind != QUERY_START;
}

static void find_pattern(const struct program *prog, const struct origin *o,
			 const struct query *q, struct utterance *u,
			 struct heard *h)
{
	const struct match_entry *const *found;
	struct best best = {0};
	unsigned counts[LEVELS] = {0};
	size_t n;

	found = match_index_find(prog->index, u, &n);
	for (size_t i = 0; i < n; i++) {
		const unsigned level = level_of(o, found[i]->state,
						found[i]->trigger->global);

		if (level != NO_LEVEL)
			counts[level]++;
	}
	for (unsigned level = 0; level < LEVELS && !best.entry; level++) {
		for (size_t i = 0; i < n && counts[level]; i++) {
			const struct match_entry *e = found[i];

			if (level_of(o, e->state, e->trigger->global) !=
			    level)
				continue;
			counts[level]--;
			if (match_sees(q, e->trigger->pattern))
				consider(&best, e, u);
		}
	}
	if (!best.entry || utterance_spent(u))
		return;
	h->tree = pattern_tree(best.entry->trigger->pattern, u);
	if (utterance_spent(u)) {
		json_decref(h->tree);
		h->tree = NULL;
		return;
	}
	h->state = best.entry->state;
}

/* The nearest level with an intent that the query seems to have; in it the
 * best score. Those count that come near to the best of all reachable. */
static void find_intent(const struct program *prog, const struct origin *o,
			struct utterance *u, struct heard *h)
{
	const struct match_entry *all, *found = NULL;
	float least = CLASSIFIER_ACCEPT, score = 0;
	unsigned best = NO_LEVEL;
	const float *scores;
	size_t n;

	all = match_index_intents(prog->index, &n);
	scores = n ? classifier_score(prog->classifier, u) : NULL;
	if (!scores)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct trigger *t = all[i].trigger;
		const float s = scores[t->intent] * CLASSIFIER_NEAR;

		if (s > least && level_of(o, all[i].state, t->global) !=
		    NO_LEVEL)
			least = s;
	}
	for (size_t i = 0; i < n; i++) {
		const struct trigger *t = all[i].trigger;
		const unsigned level = level_of(o, all[i].state, t->global);
		const float s = scores[t->intent];

		if (s < least || level == NO_LEVEL || level > best)
			continue;
		if (level == best && (s < score || (s == score &&
		    t->place >= found->trigger->place)))
			continue;
		best = level;
		score = s;
		found = &all[i];
	}
	if (found && utterance_take(u, n / 8))
		h->state = found->state;
}

void match_query(const struct program *prog, const struct state *from,
		 const struct query *q, struct heard *h)
{
	struct utterance *u = utterance_new(q->text, q->len);
	struct origin o;

	*h = (struct heard){0};
	if (!u)
		return;
	if (q->budget)
		utterance_budget(u, q->budget);
	/* To read it has cost something already. */
	utterance_take(u, q->len / 8);
	origin_of(&o, from);
	find_pattern(prog, &o, q, u, h);
	if (!h->state && q->kind != QUERY_START)
		find_intent(prog, &o, u, h);
	h->spent = utterance_spent(u);
	h->steps = utterance_used(u);
	utterance_free(u);
}
