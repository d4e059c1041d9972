/*
 * Which state a query reaches, in bots made up by chance: the index and the
 * automata against the rules as they are written down, followed one by one.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lua/match.h"
#include "lua/match_index.h"
#include "lua/pattern.h"
#include "lua/pattern_names.h"
#include "lua/pattern_tree.h"
#include "lua/program.h"

#define STATES 24
#define TRIGGERS 3
#define WORDS_MAX 8

static uint32_t seed;

static uint32_t chance(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)seed * n) >> 32);
}

/* ---- what a pattern is, word for word ---- */

struct way {
	bool there;
	struct match m;
};

struct said {
	const char *words[WORDS_MAX];
	size_t count;
};

static struct pattern_names *names;

static void better_way(struct way *to, struct way w)
{
	if (w.there && (!to->there || match_better(&w.m, &to->m)))
		*to = w;
}

/* From the ways to each place before node `i` to those behind it. */
static void follow(const struct pattern_tree *t, int i, const struct said *s,
		   const struct way *in, struct way *out);

static void sequence(const struct pattern_tree *t, int i,
		     const struct said *s, const struct way *in,
		     struct way *out)
{
	struct way now[WORDS_MAX + 1], next[WORDS_MAX + 1];

	memcpy(now, in, sizeof(now));
	for (; i != TREE_NONE; i = t->nodes[i].next) {
		follow(t, i, s, now, next);
		memcpy(now, next, sizeof(now));
	}
	memcpy(out, now, sizeof(now));
}

static void order(const struct pattern_tree *t, const int *items, unsigned n,
		  unsigned left, const struct said *s, const struct way *in,
		  struct way *out)
{
	struct way next[WORDS_MAX + 1];

	for (size_t k = 0; !left && k <= s->count; k++)
		better_way(&out[k], in[k]);
	for (unsigned i = 0; i < n; i++) {
		if (!(left & 1u << i))
			continue;
		follow(t, items[i], s, in, next);
		order(t, items, n, left & ~(1u << i), s, next, out);
	}
}

static void follow(const struct pattern_tree *t, int i, const struct said *s,
		   const struct way *in, struct way *out)
{
	const struct tree_node *n = &t->nodes[i];
	const char *text = t->text + n->text;
	const struct pattern_tree *def;
	struct way some[WORDS_MAX + 1];
	int items[TREE_ORDER_MAX];
	unsigned count = 0;

	memset(out, 0, (WORDS_MAX + 1) * sizeof(*out));
	switch (n->kind) {
	case TREE_WORD:
	case TREE_STEM:
		for (size_t k = 0; k < s->count; k++) {
			struct way w = in[k];
			const size_t len = strlen(s->words[k]);

			if (strncmp(s->words[k], text, n->len) ||
			    (n->kind == TREE_WORD && len != n->len))
				continue;
			w.m.literals++;
			w.m.wild += len - n->len;
			better_way(&out[k + 1], w);
		}
		break;
	case TREE_ANY:
		for (size_t k = 0; k <= s->count; k++) {
			struct way w = in[k];

			for (size_t to = k; to <= s->count; to++) {
				better_way(&out[to], w);
				if (to < s->count)
					w.m.wild += strlen(s->words[to]);
			}
		}
		break;
	case TREE_SEQUENCE:
		sequence(t, n->child, s, in, out);
		break;
	case TREE_OPTION:
		memcpy(out, in, (WORDS_MAX + 1) * sizeof(*out));
		/* fall through */
	case TREE_CHOICE:
		for (i = n->child; i != TREE_NONE; i = t->nodes[i].next) {
			follow(t, i, s, in, some);
			for (size_t k = 0; k <= s->count; k++)
				better_way(&out[k], some[k]);
		}
		break;
	case TREE_ORDER:
		for (i = n->child; i != TREE_NONE; i = t->nodes[i].next)
			items[count++] = i;
		order(t, items, count, (1u << count) - 1, s, in, out);
		break;
	case TREE_NAME:
		def = pattern_names_tree(names, pattern_names_find(names, text,
								   n->len));
		follow(def, def->root, s, in, out);
		break;
	}
}

static bool holds(const char *source, const struct said *s, struct match *m)
{
	struct way in[WORDS_MAX + 1] = {{0}}, out[WORDS_MAX + 1];
	struct pattern_tree t;
	char err[200];

	assert_true(pattern_tree_open(&t, source, err, sizeof(err)));
	in[0].there = true;
	follow(&t, t.root, s, in, out);
	pattern_tree_close(&t);
	*m = out[s->count].m;
	return out[s->count].there;
}

/* ---- the levels, as they are written down ---- */

struct found {
	struct state *state;
	struct match m;
	unsigned place;
};

static void consider(struct found *f, struct state *st, bool global,
		     const struct said *s)
{
	for (size_t i = 0; i < st->trigger_count; i++) {
		const struct trigger *t = &st->triggers[i];
		struct match m;

		if ((global && !t->global) || !holds(t->text, s, &m))
			continue;
		if (f->state && !match_better(&m, &f->m) &&
		    (match_better(&f->m, &m) || t->place > f->place ||
		     (t->place == f->place &&
		      strcmp(st->path, f->state->path) >= 0)))
			continue;
		*f = (struct found){ st, m, t->place };
	}
}

static struct state *reach(const struct program *prog, struct state *from,
			   const struct said *s)
{
	struct found f = {0};

	for (size_t i = 0; i < from->child_count; i++)
		consider(&f, from->children[i], false, s);
	if (from->modal) {
		if (!f.state)
			consider(&f, from, false, s);
		return f.state;
	}
	for (struct state *st = from; st && !f.state; st = st->parent) {
		if (!st->parent)
			consider(&f, st, false, s);
		for (size_t i = 0; st->parent && i < st->parent->child_count;
		     i++)
			consider(&f, st->parent->children[i], false, s);
	}
	for (size_t i = 0, n = f.state ? 0 : prog->count; i < n; i++)
		consider(&f, prog->all[i], true, s);
	return f.state;
}

/* ---- bots by chance ---- */

static const char *const vocabulary[] = { "a", "ab", "abc", "b", "ba", "c" };

static const char *word(void)
{
	return vocabulary[chance(6)];
}

static void make_pattern(char *out, size_t size, int depth)
{
	static const char *const brackets[] = { "()", "[]", "{}" };
	const unsigned items = 1 + chance(3);
	size_t n = 0;

	for (unsigned i = 0; i < items && n + 40 < size; i++) {
		const unsigned kind = chance(depth ? 9 : 6);
		char sub[300];

		switch (kind) {
		case 0:
			n += (size_t)snprintf(out + n, size - n, "* ");
			break;
		case 1:
			n += (size_t)snprintf(out + n, size - n, "%s* ",
					      word());
			break;
		case 2:
			n += (size_t)snprintf(out + n, size - n, "$%s ",
					      chance(2) ? "X" : "Y");
			break;
		default:
			n += (size_t)snprintf(out + n, size - n, "%s ",
					      word());
			break;
		case 6:
		case 7:
		case 8:
			make_pattern(sub, sizeof(sub), depth - 1);
			if (n + strlen(sub) + 20 > size)
				break;
			n += (size_t)snprintf(out + n, size - n, "%c%s%s%s%c ",
					      brackets[kind - 6][0], sub,
					      kind == 8 ? "" : "|",
					      kind == 8 ? "" : word(),
					      brackets[kind - 6][1]);
			break;
		}
	}
	if (!n)
		snprintf(out, size, "%s", word());
}

static int by_path(const void *a, const void *b)
{
	return strcmp((*(struct state *const *)a)->path,
		      (*(struct state *const *)b)->path);
}

static void make_triggers(struct state *st)
{
	st->triggers = calloc(TRIGGERS, sizeof(*st->triggers));
	st->trigger_count = chance(TRIGGERS + 1);
	for (size_t i = 0; i < st->trigger_count; i++) {
		char source[400], err[200];

		make_pattern(source, sizeof(source), 2);
		st->triggers[i] = (struct trigger){
			.kind = TRIGGER_Q, .global = chance(2),
			.place = (unsigned)i, .text = strdup(source),
			.pattern = pattern_compile_with(names, source, err,
							sizeof(err)),
		};
		if (!st->triggers[i].pattern)
			fail_msg("%s: %s", source, err);
	}
}

static struct program *make_program(void)
{
	struct program *prog = calloc(1, sizeof(*prog));

	prog->all = calloc(STATES, sizeof(*prog->all));
	for (size_t i = 0; i < STATES; i++) {
		struct state *st = calloc(1, sizeof(*st)), *up;
		char path[300];

		up = i ? prog->all[chance((uint32_t)i)] : NULL;
		snprintf(path, sizeof(path), "%s/%c", up && up->parent ?
			 up->path : "", i ? (int)('A' + i) : ' ');
		if (!i)
			path[1] = '\0';
		st->path = strdup(path);
		st->name = strdup(strrchr(path, '/') + 1);
		st->parent = up;
		st->depth = up ? up->depth + 1 : 0;
		st->modal = !chance(6);
		make_triggers(st);
		prog->all[prog->count++] = st;
		if (!up)
			continue;
		up->children = realloc(up->children, (up->child_count + 1) *
				       sizeof(*up->children));
		up->children[up->child_count++] = st;
	}
	prog->root = prog->all[0];
	qsort(prog->all, prog->count, sizeof(*prog->all), by_path);
	prog->index = match_index_new(prog);
	assert_non_null(prog->index);
	return prog;
}

static void ask(const struct program *prog)
{
	struct state *from = prog->all[chance(STATES)], *want;
	struct said s = { .count = chance(WORDS_MAX + 1) };
	char text[200] = "";
	struct query q = { .kind = QUERY_TEXT, .text = text };
	struct heard h;

	for (size_t i = 0; i < s.count; i++) {
		s.words[i] = word();
		strcat(strcat(text, s.words[i]), chance(2) ? " " : ", ");
	}
	q.len = strlen(text);
	want = reach(prog, from, &s);
	match_query(prog, from, &q, &h);
	json_decref(h.tree);
	for (size_t i = 0; h.state != want && i < prog->count; i++) {
		const struct state *st = prog->all[i];

		for (size_t k = 0; k < st->trigger_count; k++) {
			struct utterance *u = utterance_new(text, q.len);
			const struct trigger *t = &st->triggers[k];
			struct match a, b;
			const bool is = pattern_match(t->pattern, u, &a);

			if (holds(t->text, &s, &b) || is)
				print_error("%s%s `%s`: %d %u %zu, wanted %u "
					    "%zu\n", st->path, t->global ?
					    "!" : "", t->text, is, a.literals,
					    a.wild, b.literals, b.wild);
			utterance_free(u);
		}
	}
	if (h.state != want)
		fail_msg("`%s` from %s: %s, wanted %s", text, from->path,
			 h.state ? h.state->path : "nothing",
			 want ? want->path : "nothing");
}

static void bots_by_chance(void **state)
{
	char err[200];

	(void)state;
	names = pattern_names_new();
	assert_int_equal(pattern_names_add(names, "X", "(ab|[c] b)", err,
					   sizeof(err)), 0);
	assert_int_equal(pattern_names_add(names, "Y", "a* [$X]", err,
					   sizeof(err)), 0);
	assert_int_equal(pattern_names_check(names, "X", err, sizeof(err)), 0);
	assert_int_equal(pattern_names_check(names, "Y", err, sizeof(err)), 0);
	for (seed = 0; seed < 100;) {
		const uint32_t bot = seed;
		struct program *prog = make_program();

		for (int i = 0; i < 200; i++)
			ask(prog);
		program_free(prog);
		seed = bot + 1;
	}
	pattern_names_free(names);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bots_by_chance),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
