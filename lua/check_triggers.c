/*
 * Triggers of which another one always takes what they would: by asking the
 * matcher itself with texts that the trigger is made for. And events whose
 * name is nearly one of the engine's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bot_events.h"
#include "check.h"
#include "match.h"
#include "pattern_samples.h"
#include "program.h"
#include "scan.h"

/* Questions to the matcher, over a whole bot. */
#define QUESTIONS_MAX 50000

static const char *const keys[][2] = {
	[TRIGGER_Q] = { "q", "q!" },
	[TRIGGER_INTENT] = { "intent", "intent!" },
	[TRIGGER_EVENT] = { "event", "event!" },
};

static int line_of(const struct state *st, const struct trigger *t)
{
	const struct scan_entry *e, *item;

	e = scan_key(st->scan, keys[t->kind][t->global]);
	item = e ? scan_item(e->table, (int)t->place + 1) : NULL;
	if (item && item->line)
		return item->line;
	return e && e->line ? e->line : st->line;
}

/* Where both are asked, `by` is asked wherever `t` is: at the root's level
 * always, else globally too. */
static bool everywhere(const struct state *st, const struct trigger *t,
		       const struct state *by)
{
	if (!t->global || !st->parent || !st->parent->parent)
		return true;
	for (size_t i = 0; i < by->trigger_count; i++)
		if (by->triggers[i].kind == t->kind &&
		    by->triggers[i].global)
			return true;
	return false;
}

static void tell_shadowed(struct check *c, const struct state *st,
			  const struct trigger *t, const struct state *by)
{
	check_warn(c, st, line_of(st, t), "%s '%.100s' never gets here: the "
		   "same is taken by '%s' first", keys[t->kind][t->global],
		   t->text, by->path);
}

/* The state that takes every sample before `st`, or NULL. */
static const struct state *taker(struct check *c, const struct state *st,
				 const struct trigger *t, size_t *questions)
{
	/* There both are asked in one level. */
	const struct state *from = st->parent ? st->parent : st, *by = NULL;
	struct samples s;

	if (!samples_of(&s, t->text))
		return NULL;
	for (size_t i = 0; i < s.count; i++) {
		const struct query q = {
			.kind = QUERY_TEXT, .text = s.text[i],
			.len = strlen(s.text[i]),
		};
		const struct state *got;
		struct heard h;

		if (++*questions > QUESTIONS_MAX) {
			by = NULL;
			break;
		}
		match_query(c->prog, from, &q, &h);
		json_decref(h.tree);
		got = h.state;
		if (!got || got == st || !everywhere(st, t, got)) {
			by = NULL;
			break;
		}
		if (!by)
			by = got;
	}
	samples_free(&s);
	return by;
}

static bool same(const struct trigger *a, const struct trigger *b)
{
	return a->kind == b->kind && !strcmp(a->text, b->text);
}

/* A sibling with the very same trigger that comes first, or NULL. */
static const struct state *twin(const struct state *st,
				const struct trigger *t)
{
	for (size_t i = 0; st->parent && i < st->parent->child_count; i++) {
		const struct state *by = st->parent->children[i];

		for (size_t k = 0; by != st && k < by->trigger_count; k++) {
			const struct trigger *o = &by->triggers[k];

			/* an event has no place in a list to count by */
			if (same(t, o) && (o->place < t->place ||
					   (o->place == t->place &&
					    strcmp(by->path, st->path) < 0)) &&
			    everywhere(st, t, by))
				return by;
		}
	}
	return NULL;
}

/* The same trigger once more in the state itself. */
static bool repeated(struct check *c, const struct state *st, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		if (!same(&st->triggers[i], &st->triggers[n]))
			continue;
		check_warn(c, st, line_of(st, &st->triggers[n]), "%s '%.100s' "
			   "stands twice in this state",
			   keys[st->triggers[n].kind][st->triggers[n].global],
			   st->triggers[n].text);
		return true;
	}
	return false;
}

static void check_event(struct check *c, const struct state *st,
			const struct trigger *t)
{
	const char *words[32], *near;
	size_t n = 0;

	for (; bot_events[n].name && n < 31; n++) {
		if (!strcmp(bot_events[n].name, t->text))
			return;
		words[n] = bot_events[n].name;
	}
	words[n] = NULL;
	near = nearest_word(t->text, words);
	if (near)
		check_warn(c, st, line_of(st, t), "the engine raises no event "
			   "'%s'; did you mean '%s'?", t->text, near);
}

void check_triggers(struct check *c)
{
	size_t questions = 0;

	for (size_t i = 0; i < c->prog->count; i++) {
		const struct state *st = c->prog->all[i];

		for (size_t k = 0; k < st->trigger_count; k++) {
			const struct trigger *t = &st->triggers[k];
			const struct state *by;

			if (t->kind == TRIGGER_EVENT)
				check_event(c, st, t);
			if (repeated(c, st, k))
				continue;
			by = twin(st, t);
			if (!by && t->kind == TRIGGER_Q)
				by = taker(c, st, t, &questions);
			if (by)
				tell_shadowed(c, st, t, by);
		}
	}
}
