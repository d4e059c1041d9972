/**
 * @file pattern.c  Matching an utterance
 *
 * All ways through the automaton are followed at once, word by word, each
 * state with the score of the best way to it. A row is a set of states, as
 * bits: only those that can be reached cost anything.
 */
#include "pattern.h"

#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "pattern_names.h"
#include "pattern_program.h"
#include "regex.h"

#define SMALL 128	/* states that need no memory of their own */
#define NO_MARK (-1)

struct word {
	uint32_t hash;
	uint32_t len;
	const char *text;	/**< folded                              */
	struct word_place place;
};

struct utterance {
	char *raw;
	size_t len;
	char *text;		/**< folded words                        */
	struct word *words;
	size_t count;
	int64_t budget, left;
};

/* Best way to a state. */
struct score {
	uint32_t literals;
	uint32_t wild;
	int mark;		/**< last name that began or ended on it */
};

/* Where a name begins or ends; those of a way are linked. */
struct mark {
	int before;
	int name;
	bool open;
	uint32_t at;		/**< number of the word to come          */
};

struct row {
	uint64_t *bits;
	struct score *scores;
};

struct matcher {
	const struct pattern *p;
	struct utterance *u;
	size_t blocks;		/**< of 64 states                        */
	struct row now, next;
	void *memory;
	bool marking;
	bool failed;
	struct mark *marks;
	int mark_count, mark_room;
	uint32_t at;
};

/* ---- utterances ---- */

struct utterance *utterance_new(const char *text, size_t len)
{
	struct utterance *u = calloc(1, sizeof(*u));
	size_t at = 0, used = 0, room = 0, n;
	struct word_place place;

	if (!u)
		return NULL;
	u->budget = u->left = INT64_MAX / 4;
	u->len = len;
	u->raw = malloc(len + 1);
	u->text = malloc(len + 1);
	if (!u->raw || !u->text)
		goto fail;
	if (len)
		memcpy(u->raw, text, len);
	u->raw[len] = '\0';

	while ((n = word_read(text, len, &at, u->text + used, &place))) {
		if (u->count == room) {
			struct word *w;

			room = room ? room * 2 : 16;
			w = realloc(u->words, room * sizeof(*w));
			if (!w)
				goto fail;
			u->words = w;
		}
		u->words[u->count++] = (struct word){
			.hash = pattern_hash(0, u->text + used, n),
			.len = (uint32_t)n,
			.text = u->text + used,
			.place = place,
		};
		used += n;
	}
	return u;
fail:
	utterance_free(u);
	return NULL;
}

void utterance_free(struct utterance *u)
{
	if (!u)
		return;
	free(u->raw);
	free(u->text);
	free(u->words);
	free(u);
}

size_t utterance_words(const struct utterance *u)
{
	return u->count;
}

const char *utterance_word(const struct utterance *u, size_t i, size_t *len)
{
	*len = u->words[i].len;
	return u->words[i].text;
}

void utterance_budget(struct utterance *u, uint64_t steps)
{
	if (steps > INT64_MAX / 4)
		steps = INT64_MAX / 4;
	u->budget = u->left = (int64_t)steps;
}

bool utterance_take(struct utterance *u, size_t steps)
{
	if (u->left >= 0)
		u->left -= (int64_t)steps;
	return u->left >= 0;
}

uint64_t utterance_used(const struct utterance *u)
{
	return (uint64_t)(u->budget - u->left);
}

bool utterance_spent(const struct utterance *u)
{
	return u->left < 0;
}

/* ---- matching ---- */

static void reach(const struct row *row, int i, const struct score *way)
{
	struct score *to = &row->scores[i];
	uint64_t *bits = &row->bits[i / 64];
	const uint64_t bit = (uint64_t)1 << (i % 64);

	if (!(*bits & bit) || way->literals > to->literals ||
	    (way->literals == to->literals && way->wild < to->wild))
		*to = *way;
	*bits |= bit;
}

/* Notes that a name begins or ends on this way. */
static void mark(struct matcher *m, struct score *way,
		 const struct pattern_state *s)
{
	struct mark *more;

	if (!m->marking || m->failed)
		return;
	if (m->mark_count == m->mark_room) {
		const int room = m->mark_room ? m->mark_room * 2 : 32;

		more = realloc(m->marks, (size_t)room * sizeof(*more));
		if (!more) {
			m->failed = true;
			return;
		}
		m->marks = more;
		m->mark_room = room;
	}
	m->marks[m->mark_count] = (struct mark){
		.before = way->mark, .name = s->x, .open = s->op == OP_OPEN,
		.at = m->at,
	};
	way->mark = m->mark_count++;
}

/* Leaves state `i`: along the edges without a word, or with the word `w`. */
static void leave(struct matcher *m, int i, const struct word *w)
{
	const struct pattern_state *s = &m->p->states[i];
	struct score way = m->now.scores[i];
	const struct pattern_word *want;

	switch (s->op) {
	case OP_ANY:
		reach(&m->now, i + 1, &way);
		if (!w)
			break;
		way.wild += (uint32_t)w->place.len;
		reach(&m->next, i, &way);
		break;
	case OP_SPLIT:
		reach(&m->now, i + 1, &way);
		reach(&m->now, s->x, &way);
		break;
	case OP_JUMP:
		reach(&m->now, s->x, &way);
		break;
	case OP_OPEN:
	case OP_CLOSE:
		mark(m, &way, s);
		reach(&m->now, i + 1, &way);
		break;
	case OP_WORD:
		want = &m->p->words[s->x];
		if (!w || w->hash != want->hash || w->len != want->len ||
		    memcmp(w->text, want->text, w->len))
			break;
		way.literals++;
		reach(&m->next, i + 1, &way);
		break;
	case OP_STEM:
		want = &m->p->words[s->x];
		if (!w || w->len < want->len ||
		    memcmp(w->text, want->text, want->len))
			break;
		/* What follows the stem is text under its `*`. */
		way.literals++;
		way.wild += w->len - want->len;
		reach(&m->next, i + 1, &way);
		break;
	case OP_DONE:
		break;
	}
}

/* Takes one word, or only the edges without one; false: that is the end. */
static bool step(struct matcher *m, const struct word *w)
{
	const struct row spare = m->now;
	size_t visited = 0;

	for (size_t k = 0; k < m->blocks; k++) {
		uint64_t done = 0, todo;

		/* All edges without a word lead to a higher bit. */
		while ((todo = m->now.bits[k] & ~done)) {
			const int bit = __builtin_ctzll(todo);

			done |= (uint64_t)1 << bit;
			leave(m, (int)k * 64 + bit, w);
			visited++;
		}
	}
	if (!utterance_take(m->u, visited + m->blocks / 8 + 1) || !visited)
		return false;
	if (w) {
		memset(spare.bits, 0, m->blocks * sizeof(*spare.bits));
		m->now = m->next;
		m->next = spare;
		m->at++;
	}
	return true;
}

/* Room for two rows; for a small pattern, `small` has it. */
static bool rows(struct matcher *m, struct score *scores, uint64_t *bits)
{
	const size_t n = (size_t)m->p->count;

	m->blocks = (n + 63) / 64;
	if (n > SMALL) {
		m->memory = malloc(2 * m->blocks * sizeof(*bits) +
				   2 * n * sizeof(*scores));
		if (!m->memory)
			return false;
		bits = m->memory;
		scores = (struct score *)(void *)(bits + 2 * m->blocks);
	}
	memset(bits, 0, 2 * m->blocks * sizeof(*bits));
	m->now = (struct row){ bits, scores };
	m->next = (struct row){ bits + m->blocks, scores + n };
	return true;
}

/* Whether it matches; `*best` is then the score of the best way. */
static bool run(struct matcher *m, struct score *best)
{
	struct score scores[2 * SMALL];
	uint64_t bits[2 * (SMALL / 64)];
	const int last = m->p->count - 1;
	bool ok;

	if (!rows(m, scores, bits))
		return false;
	reach(&m->now, 0, &(struct score){ .mark = NO_MARK });
	ok = true;
	for (size_t i = 0; ok && i < m->u->count; i++)
		ok = step(m, &m->u->words[i]);
	ok = ok && step(m, NULL) && !m->failed &&
		m->now.bits[last / 64] >> (last % 64) & 1;
	if (ok)
		*best = m->now.scores[last];
	free(m->memory);
	m->memory = NULL;
	return ok;
}

bool pattern_match(const struct pattern *p, struct utterance *u,
		   struct match *m)
{
	struct matcher run_of = { .p = p, .u = u };
	struct score best;

	*m = (struct match){0};
	if (u->left < 0)
		return false;
	if (p->regex)
		return regex_match(p->regex, u->raw, u->len, &u->left) &&
			u->left >= 0;
	if (!run(&run_of, &best))
		return false;
	m->literals = best.literals;
	m->wild = best.wild;
	return true;
}

bool match_better(const struct match *a, const struct match *b)
{
	if (a->literals != b->literals)
		return a->literals > b->literals;
	return a->wild < b->wild;
}

/* ---- what the named parts matched ---- */

/* The words from `from` to before `to`, as they are written. */
static json_t *slice(const struct utterance *u, uint32_t from, uint32_t to)
{
	const struct word_place *a, *z;

	if (from >= to)
		return json_string("");
	a = &u->words[from].place;
	z = &u->words[to - 1].place;
	return json_stringn_nocheck(u->raw + a->at, z->at + z->len - a->at);
}

/* Hangs `part` under its name: the first, or one more of them. */
static int hang(json_t *parent, const char *name, json_t *part)
{
	json_t *first = json_object_get(parent, name), *also;

	if (!first)
		return json_object_set_nocheck(parent, name, part);
	also = json_object_get(first, "also");
	if (!also) {
		also = json_array();
		if (json_object_set_new_nocheck(first, "also", also))
			return -1;
	}
	return json_array_append(also, part);
}

/* Builds the tree of the marks `list`, in their order from `i` on; returns
 * the place behind what was read. Depth is bounded by that of the names. */
static int build(const struct matcher *m, const int *list, int i, int n,
		 json_t *parent, bool *ok)
{
	while (i < n && m->marks[list[i]].open) {
		const struct mark *open = &m->marks[list[i]];
		json_t *part = json_object();

		i = build(m, list, i + 1, n, part, ok);
		if (!part || i >= n ||
		    json_object_set_new_nocheck(part, "text",
			slice(m->u, open->at, m->marks[list[i]].at)) ||
		    hang(parent, pattern_names_get(m->p->names, open->name),
			 part))
			*ok = false;
		json_decref(part);
		i++;			/* behind its end */
	}
	return i;
}

static json_t *tree_of(const struct matcher *m, int mark)
{
	json_t *tree = json_object();
	bool ok = tree != NULL;
	int n = 0, *list;

	for (int i = mark; i != NO_MARK; i = m->marks[i].before)
		n++;
	list = malloc(((size_t)n + 1) * sizeof(*list));
	if (list && ok) {
		for (int i = mark, k = n; i != NO_MARK;
		     i = m->marks[i].before)
			list[--k] = i;
		build(m, list, 0, n, tree, &ok);
	}
	ok = ok && list;
	free(list);
	if (ok)
		return tree;
	json_decref(tree);
	return NULL;
}

json_t *pattern_tree(const struct pattern *p, struct utterance *u)
{
	struct matcher m = { .p = p, .u = u, .marking = true };
	struct score best;
	json_t *tree = NULL;

	if (p->regex || !p->named)
		return NULL;
	if (u->left >= 0 && run(&m, &best))
		tree = tree_of(&m, best.mark);
	free(m.marks);
	return tree;
}
