/**
 * @file pattern_compile.c  From a pattern's tree to its automaton
 *
 * `{any order}` becomes a state for each set of items that have been there:
 * its size doubles with each item, hence their bound.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"
#include "pattern_names.h"
#include "pattern_program.h"
#include "pattern_tree.h"
#include "regex.h"
#include "regex_program.h"

#define NOWHERE (-1)
#define KEYS_MAX 64		/* of one set; more would select little */

struct compiler {
	struct pattern *p;
	int room;		/**< of p->states                        */
	size_t word_count, word_room;
	size_t used, text_room;	/**< of p->text                          */
	size_t key_room;
	int depth;
	char *err;
	size_t size;
};

static bool fail(struct compiler *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static bool fail(struct compiler *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->err, c->size, fmt, ap);
	va_end(ap);
	return false;
}

uint32_t pattern_hash(uint32_t hash, const char *s, size_t len)
{
	hash ^= 2166136261u;
	while (len--)
		hash = (hash ^ (unsigned char)*s++) * 16777619u;
	return hash ^ 2166136261u;
}

/* Makes room for one more of `count` items; false: no memory. */
static bool grow(struct compiler *c, void *list, size_t item, size_t count,
		 size_t *room)
{
	void **p = list;
	const size_t n = *room ? *room * 2 : 8;
	void *more;

	if (count < *room)
		return true;
	more = realloc(*p, n * item);
	if (!more)
		return fail(c, "out of memory");
	*p = more;
	*room = n;
	return true;
}

/* Number of the new state, or NOWHERE. */
static int emit(struct compiler *c, enum pattern_op op, int x)
{
	struct pattern *p = c->p;

	if (p->count == PATTERN_STATES_MAX) {
		fail(c, "the pattern is too large");
		return NOWHERE;
	}
	if (p->count == c->room) {
		const int room = c->room ? c->room * 2 : 8;
		struct pattern_state *s = realloc(p->states, (size_t)room *
						  sizeof(*s));

		if (!s) {
			fail(c, "out of memory");
			return NOWHERE;
		}
		p->states = s;
		c->room = room;
	}
	p->states[p->count] = (struct pattern_state){ op, x };
	return p->count++;
}

/* Lets each jump of the list that begins with `jumps` lead to here. */
static void land(struct compiler *c, int jumps)
{
	struct pattern *p = c->p;

	while (jumps != NOWHERE) {
		const int next = p->states[jumps].x;

		p->states[jumps].x = p->count;
		jumps = next;
	}
}

/* Puts a jump before the list `*jumps`. */
static bool jump(struct compiler *c, int *jumps)
{
	const int i = emit(c, OP_JUMP, *jumps);

	if (i == NOWHERE)
		return false;
	*jumps = i;
	return true;
}

static bool compile(struct compiler *c, const struct pattern_tree *t, int i);

static bool word(struct compiler *c, const struct pattern_tree *t,
		 const struct tree_node *n)
{
	const char *s = t->text + n->text;
	struct pattern_word *w;

	if (!grow(c, &c->p->words, sizeof(*w), c->word_count, &c->word_room))
		return false;
	w = &c->p->words[c->word_count];
	/* The text is copied in the end: a definition's may not stay. */
	*w = (struct pattern_word){
		.hash = pattern_hash(0, s, n->len), .len = (uint32_t)n->len,
		.text = s,
	};
	c->used += n->len;
	return emit(c, n->kind == TREE_WORD ? OP_WORD : OP_STEM,
		    (int)c->word_count++) != NOWHERE;
}

static bool sequence(struct compiler *c, const struct pattern_tree *t, int i)
{
	for (; i != TREE_NONE; i = t->nodes[i].next)
		if (!compile(c, t, i))
			return false;
	return true;
}

/* Each alternative begins with a split to the next. */
static bool choice(struct compiler *c, const struct pattern_tree *t,
		   const struct tree_node *n)
{
	const bool option = n->kind == TREE_OPTION;
	int jumps = NOWHERE, split = NOWHERE;

	for (int i = n->child; i != TREE_NONE; i = t->nodes[i].next) {
		const bool more = option || t->nodes[i].next != TREE_NONE;

		if (split != NOWHERE)
			c->p->states[split].x = c->p->count;
		split = more ? emit(c, OP_SPLIT, NOWHERE) : NOWHERE;
		if ((more && split == NOWHERE) || !compile(c, t, i))
			return false;
		if (t->nodes[i].next != TREE_NONE && !jump(c, &jumps))
			return false;
	}
	if (option)
		c->p->states[split].x = c->p->count;
	land(c, jumps);
	return true;
}

static bool any_order(struct compiler *c, const struct pattern_tree *t,
		      const struct tree_node *n)
{
	int items[TREE_ORDER_MAX], jumps[1 << TREE_ORDER_MAX];
	unsigned count = 0, all;

	for (int i = n->child; i != TREE_NONE; i = t->nodes[i].next)
		items[count++] = i;
	all = (1u << count) - 1;
	for (unsigned set = 0; set <= all; set++)
		jumps[set] = NOWHERE;

	/* With one item more a set's number is higher: all leads forward. */
	for (unsigned set = 0; set < all; set++) {
		unsigned left = all & ~set;
		int split = NOWHERE;

		land(c, jumps[set]);
		while (left) {
			const unsigned bit = left & -left;
			unsigned k = 0;

			while (1u << k != bit)
				k++;
			left &= left - 1;
			if (split != NOWHERE)
				c->p->states[split].x = c->p->count;
			split = left ? emit(c, OP_SPLIT, NOWHERE) : NOWHERE;
			if ((left && split == NOWHERE) ||
			    !compile(c, t, items[k]) ||
			    !jump(c, &jumps[set | bit]))
				return false;
		}
	}
	land(c, jumps[all]);
	return true;
}

/* The definition of the name `n`; NULL: a line in `err`, or said before. */
static const struct pattern_tree *definition(struct compiler *c,
					     const struct pattern_tree *t,
					     const struct tree_node *n,
					     int *number)
{
	const char *name = t->text + n->text, *near;

	*number = pattern_names_find(c->p->names, name, n->len);
	if (*number >= 0)
		return pattern_names_tree(c->p->names, *number);
	near = pattern_names_nearest(c->p->names, name, n->len);
	fail(c, "there is no pattern `$%.*s` (at byte %zu)%s%s%s", (int)n->len,
	     name, n->at, near ? "; did you mean `$" : "", near ? near : "",
	     near ? "`?" : "");
	return NULL;
}

static bool named(struct compiler *c, const struct pattern_tree *t,
		  const struct tree_node *n)
{
	const struct pattern_tree *def;
	int number;

	def = definition(c, t, n, &number);
	if (!def)
		return false;
	c->p->named = true;
	return emit(c, OP_OPEN, number) != NOWHERE &&
		compile(c, def, def->root) &&
		emit(c, OP_CLOSE, number) != NOWHERE;
}

static bool compile(struct compiler *c, const struct pattern_tree *t, int i)
{
	const struct tree_node *n = &t->nodes[i];
	bool ok = false;

	/* A tree's own depth is bounded, that of names in names is not. */
	if (++c->depth > 8 * TREE_DEPTH_MAX)
		return fail(c, "patterns are nested too deep");
	switch (n->kind) {
	case TREE_WORD:
	case TREE_STEM:
		ok = word(c, t, n);
		break;
	case TREE_ANY:
		ok = emit(c, OP_ANY, NOWHERE) != NOWHERE;
		break;
	case TREE_SEQUENCE:
		ok = sequence(c, t, n->child);
		break;
	case TREE_CHOICE:
	case TREE_OPTION:
		ok = choice(c, t, n);
		break;
	case TREE_ORDER:
		ok = any_order(c, t, n);
		break;
	case TREE_NAME:
		ok = named(c, t, n);
		break;
	}
	c->depth--;
	return ok;
}

/* ---- words that must be there ---- */

static bool add_key(struct compiler *c, const struct pattern_tree *t,
		    const struct tree_node *n, unsigned set)
{
	struct pattern *p = c->p;

	if (!grow(c, &p->keys, sizeof(*p->keys), p->key_count, &c->key_room))
		return false;
	p->keys[p->key_count++] = (struct pattern_key){
		.hash = pattern_hash(0, t->text + n->text, n->len),
		.stem = n->kind == TREE_STEM, .len = (unsigned)n->len,
		.set = set,
	};
	return true;
}

/* Of the sets from `first` on keeps the one with the fewest words, of these
 * the longest, as rare words are. */
static void narrow(struct compiler *c, size_t first, unsigned set)
{
	struct pattern *p = c->p;
	size_t best = first, best_n = 0, best_len = 0;

	if (p->key_count == first)
		return;
	for (size_t i = first, n; i < p->key_count; i += n) {
		size_t len = 0;

		for (n = 0; i + n < p->key_count &&
		     p->keys[i + n].set == p->keys[i].set; n++)
			len += p->keys[i + n].len;
		if (i == first || n < best_n ||
		    (n == best_n && len > best_len)) {
			best = i;
			best_n = n;
			best_len = len;
		}
	}
	if (best_n)
		memmove(&p->keys[first], &p->keys[best],
			best_n * sizeof(*p->keys));
	p->key_count = first + best_n;
	for (size_t i = first; i < p->key_count; i++)
		p->keys[i].set = set;
}

/* Adds what node `i` needs: sets of words, of each of which one is there. */
static bool find_keys(struct compiler *c, const struct pattern_tree *t, int i)
{
	const struct tree_node *n = &t->nodes[i];
	struct pattern *p = c->p;
	const struct pattern_tree *def;
	const size_t first = p->key_count;
	unsigned set;
	int number;

	switch (n->kind) {
	case TREE_WORD:
	case TREE_STEM:
		return add_key(c, t, n, p->key_sets++);
	case TREE_ANY:
	case TREE_OPTION:
		return true;
	case TREE_SEQUENCE:
	case TREE_ORDER:
		for (i = n->child; i != TREE_NONE; i = t->nodes[i].next)
			if (!find_keys(c, t, i))
				return false;
		return true;
	case TREE_NAME:
		def = definition(c, t, n, &number);
		return def && find_keys(c, def, def->root);
	case TREE_CHOICE:
		break;
	}
	set = p->key_sets++;
	for (i = n->child; i != TREE_NONE; i = t->nodes[i].next) {
		const size_t from = p->key_count;

		if (!find_keys(c, t, i))
			return false;
		narrow(c, from, set);
		if (p->key_count == from || p->key_count - first > KEYS_MAX) {
			p->key_count = first;	/* one needs nothing */
			return true;
		}
	}
	return true;
}

/* ---- all of it ---- */

/* Copies the words' texts, which may be another's, to one of our own. */
static bool own_text(struct compiler *c)
{
	struct pattern *p = c->p;
	size_t at = 0;

	p->text = malloc(c->used + 1);
	if (!p->text)
		return fail(c, "out of memory");
	for (size_t i = 0; i < c->word_count; i++) {
		memcpy(p->text + at, p->words[i].text, p->words[i].len);
		p->words[i].text = p->text + at;
		at += p->words[i].len;
	}
	return true;
}

struct pattern *pattern_compile_with(const struct pattern_names *names,
				     const char *source, char *err,
				     size_t size)
{
	struct compiler c = { .err = err, .size = size };
	struct pattern_tree t = {0};
	bool ok = false;

	if (size)
		err[0] = '\0';
	c.p = calloc(1, sizeof(*c.p));
	if (!c.p) {
		fail(&c, "out of memory");
		return NULL;
	}
	c.p->names = names;
	if (!pattern_tree_open(&t, source, err, size))
		goto out;
	if (t.regex) {
		c.p->regex = regex_compile(t.regex, t.regex_len, err, size);
		ok = c.p->regex != NULL;
	} else {
		ok = compile(&c, &t, t.root) &&
			emit(&c, OP_DONE, NOWHERE) != NOWHERE &&
			own_text(&c) && find_keys(&c, &t, t.root);
	}
out:
	pattern_tree_close(&t);
	if (ok)
		return c.p;
	pattern_free(c.p);
	return NULL;
}

struct pattern *pattern_compile(const char *source, char *err, size_t size)
{
	return pattern_compile_with(NULL, source, err, size);
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	regex_free(p->regex);
	free(p->states);
	free(p->words);
	free(p->text);
	free(p->keys);
	free(p);
}

bool pattern_is_regex(const struct pattern *p)
{
	return p->regex != NULL;
}

size_t pattern_size(const struct pattern *p)
{
	return p->regex ? p->regex->count : (size_t)p->count;
}

const struct pattern_key *pattern_keys(const struct pattern *p, size_t *n)
{
	*n = p->key_count;
	return p->keys;
}
