/**
 * @file match.c  Which state a query or an event reaches
 *
 * By levels, nearest first: children of the current state; it and its
 * siblings; its parent and the parent's siblings; up to the root; then every
 * state with a global trigger. The nearest level that matches wins; in it the
 * better match, then the place in the trigger's list, then the path.
 */
#include <string.h>
#include <strings.h>

#include "pattern.h"
#include "program.h"

struct probe {
	enum trigger_kind kind;
	const char *event;
	const struct utterance *utterance;
	bool regex;		/* patterns that are a $regex may match    */
	bool words;		/* the others may                          */
	struct state *found;
	struct match score;
	unsigned place;
};

static bool hits(const struct probe *pr, const struct trigger *t,
		 struct match *m)
{
	*m = (struct match){0};
	if (t->kind != pr->kind)
		return false;
	if (t->kind == TRIGGER_EVENT)
		return !strcmp(t->text, pr->event);
	if (t->kind != TRIGGER_Q || !t->pattern)
		return false;
	if (!(pattern_is_regex(t->pattern) ? pr->regex : pr->words))
		return false;
	return pattern_match(t->pattern, pr->utterance, m);
}

static void consider(struct probe *pr, struct state *st, bool global)
{
	struct match m;

	for (size_t i = 0; i < st->trigger_count; i++) {
		const struct trigger *t = &st->triggers[i];

		if ((global && !t->global) || !hits(pr, t, &m))
			continue;
		if (pr->found && !match_better(&m, &pr->score)) {
			if (match_better(&pr->score, &m) ||
			    t->place > pr->place ||
			    (t->place == pr->place &&
			     strcmp(st->path, pr->found->path) >= 0))
				continue;
		}
		pr->found = st;
		pr->score = m;
		pr->place = t->place;
	}
}

static void children(struct probe *pr, const struct state *st)
{
	for (size_t i = 0; i < st->child_count; i++)
		consider(pr, st->children[i], false);
}

static struct state *search(struct probe *pr, const struct program *prog,
			    const struct state *from, bool modal)
{
	children(pr, from);
	if (modal && from->modal) {
		if (!pr->found)
			consider(pr, (struct state *)from, false);
		return pr->found;
	}
	for (const struct state *st = from; !pr->found && st;
	     st = st->parent) {
		if (st->parent)
			children(pr, st->parent);
		else
			consider(pr, prog->root, false);
	}
	for (size_t i = 0, n = pr->found ? 0 : prog->count; i < n; i++)
		consider(pr, prog->all[i], true);
	return pr->found;
}

struct state *match_event(const struct program *prog,
			  const struct state *from, const char *event)
{
	struct probe pr = { .kind = TRIGGER_EVENT, .event = event };

	return search(&pr, prog, from, false);
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

struct state *match_query(const struct program *prog,
			  const struct state *from, enum query_kind kind,
			  const char *text, size_t len)
{
	struct probe pr = {
		.kind = TRIGGER_Q, .words = kind != QUERY_START,
		/* Nobody but the engine can say "/start" to a $regex. */
		.regex = kind == QUERY_START || !is_start(text, len),
	};
	struct utterance *u = utterance_new(text, len);
	struct state *st;

	if (!u)
		return NULL;
	pr.utterance = u;
	st = search(&pr, prog, from, true);
	utterance_free(u);
	return st;
}
