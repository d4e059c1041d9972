#include "pattern.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "regex.h"

#define STATES_MAX 2000
#define DEPTH_MAX 64
#define NOWHERE (-1)

/*
 * A pattern is an automaton over words. Nothing in it repeats but `*`, which
 * is one state that stays; so every edge without a word leads forward, and
 * one pass over the states in their order follows all of them.
 */
enum op {
	OP_WORD,	/**< the word x, then the next state             */
	OP_ANY,		/**< `*`: any word and stay, or the next state   */
	OP_SPLIT,	/**< the next state or y                         */
	OP_JUMP,	/**< x                                           */
	OP_DONE,
};

struct state {
	enum op op;
	int x, y;
};

struct word {
	uint32_t hash;
	size_t len;
	size_t raw;		/**< bytes as written                    */
	const char *text;	/**< folded                              */
};

/* Best way to a state; literals < 0: there is none. */
struct score {
	int literals;
	size_t wild;
};

struct pattern {
	struct regex *regex;	/**< then nothing below is used          */
	struct state *states;
	int count;
	struct word *words;	/**< the literal words, sorted           */
	size_t word_count;
	char *text;		/**< of all words                        */
	struct score *scores;	/**< two rows, for pattern_match()       */
};

struct utterance {
	char *raw;
	size_t len;
	char *text;		/**< folded words                        */
	struct word *words;
	size_t count;
};

struct compiler {
	struct pattern *p;
	const char *src;
	size_t at;
	size_t used;		/**< of p->text                          */
	int room;
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

static uint32_t hash(const char *s, size_t len)
{
	uint32_t h = 2166136261u;

	while (len--)
		h = (h ^ (unsigned char)*s++) * 16777619u;
	return h;
}

static int by_word(const void *a, const void *b)
{
	const struct word *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	if (x->len != y->len)
		return x->len < y->len ? -1 : 1;
	return memcmp(x->text, y->text, x->len);
}

/* Number of the new state, or NOWHERE. */
static int emit(struct compiler *c, enum op op, int x, int y)
{
	struct pattern *p = c->p;

	if (p->count == STATES_MAX) {
		fail(c, "the pattern is too large");
		return NOWHERE;
	}
	if (p->count == c->room) {
		const int room = c->room ? c->room * 2 : 8;
		struct state *s = realloc(p->states,
					  (size_t)room * sizeof(*s));

		if (!s) {
			fail(c, "out of memory");
			return NOWHERE;
		}
		p->states = s;
		c->room = room;
	}
	p->states[p->count] = (struct state){ op, x, y };
	return p->count++;
}

static bool is_special(char ch)
{
	return ch && strchr("*()[]|/{}$", ch);
}

static bool is_space(char ch)
{
	return ch && strchr(" \t\r\n\f\v", ch);
}

/* Words up to the next special character; `*found` if there was one. */
static bool compile_words(struct compiler *c, bool *found)
{
	struct pattern *p = c->p;
	const char *s = c->src + c->at;
	size_t len = 0, at = 0, n, raw;

	while (s[len] && !is_special(s[len]))
		len++;
	/* `stem*` and its like, not `word *` */
	if (s[len] == '*' && len && !is_space(s[len - 1])) {
		size_t from = len;

		while (from && !is_space(s[from - 1]))
			from--;
		if (word_read(s, len, &from, p->text + c->used, &raw))
			return fail(c, "`stem*` is not available in this "
				    "version: `*` stands alone (at byte %zu)",
				    c->at + len + 1);
	}

	while ((n = word_read(s, len, &at, p->text + c->used, &raw))) {
		struct word *w = &p->words[p->word_count];

		w->text = p->text + c->used;
		w->len = n;
		w->hash = hash(w->text, n);
		if (emit(c, OP_WORD, (int)p->word_count, NOWHERE) == NOWHERE)
			return false;
		p->word_count++;
		c->used += n;
		*found = true;
	}
	c->at += len;
	return true;
}

static bool compile_star(struct compiler *c)
{
	const char *next = c->src + ++c->at;
	const char *end = next;
	char word[PATTERN_SOURCE_MAX];
	size_t at = 0, raw;

	while (*end && !is_special(*end) && !is_space(*end))
		end++;
	if (word_read(next, (size_t)(end - next), &at, word, &raw))
		return fail(c, "`*` stands alone, between spaces (at byte "
			    "%zu)", c->at);
	return emit(c, OP_ANY, NOWHERE, NOWHERE) != NOWHERE;
}

static bool compile_group(struct compiler *c);

/* One alternative, up to what closes it; empty ones are refused. */
static bool compile_sequence(struct compiler *c)
{
	const size_t start = c->at;
	bool found = false;

	for (;;) {
		switch (c->src[c->at]) {
		case '\0':
		case ')':
		case ']':
		case '|':
		case '/':
			if (!found)
				return fail(c, "nothing to match at byte %zu",
					    start + 1);
			return true;
		case '*':
			found = true;
			if (!compile_star(c))
				return false;
			break;
		case '(':
		case '[':
			found = true;
			if (!compile_group(c))
				return false;
			break;
		case '{':
		case '}':
			return fail(c, "`{any order}` is not available in this "
				    "version (at byte %zu)", c->at + 1);
		case '$':
			if (!strncmp(c->src + c->at, "$regex", 6))
				return fail(c, "`$regex<...>` must be the "
					    "whole pattern (at byte %zu)",
					    c->at + 1);
			return fail(c, "`$Name` is not available in this "
				    "version (at byte %zu)", c->at + 1);
		default:
			if (!compile_words(c, &found))
				return false;
		}
	}
}

/* `(a|b)` or `[a|b]`; each alternative begins with a split to the next. */
static bool compile_group(struct compiler *c)
{
	struct pattern *p = c->p;
	const size_t start = c->at;
	const char closing = c->src[c->at] == '(' ? ')' : ']';
	int jumps = NOWHERE, split, jump;
	char ch;

	if (++c->depth > DEPTH_MAX)
		return fail(c, "brackets are nested too deep at byte %zu",
			    start + 1);
	do {
		c->at++;
		split = emit(c, OP_SPLIT, NOWHERE, NOWHERE);
		if (split == NOWHERE || !compile_sequence(c))
			return false;
		ch = c->src[c->at];
		if (ch != '|' && ch != '/')
			break;
		jump = emit(c, OP_JUMP, jumps, NOWHERE);
		if (jump == NOWHERE)
			return false;
		jumps = jump;
		p->states[split].y = p->count;
	} while (true);

	if (ch != closing)
		return fail(c, "`%c` at byte %zu is not closed by `%c`",
			    c->src[start], start + 1, closing);
	c->at++;
	c->depth--;

	if (closing == ']')
		p->states[split].y = p->count;
	while (jumps != NOWHERE) {
		jump = p->states[jumps].x;
		p->states[jumps].x = p->count;
		jumps = jump;
	}
	return true;
}

/* Gives each distinct literal word one number, in sorted order. */
static bool number_words(struct compiler *c)
{
	struct pattern *p = c->p;
	struct word *all = p->words;
	struct word *sorted;
	size_t n = 0;

	sorted = malloc((p->word_count + 1) * sizeof(*sorted));
	if (!sorted)
		return fail(c, "out of memory");
	memcpy(sorted, all, p->word_count * sizeof(*sorted));
	if (p->word_count)
		qsort(sorted, p->word_count, sizeof(*sorted), by_word);
	for (size_t i = 0; i < p->word_count; i++)
		if (!n || by_word(&sorted[n - 1], &sorted[i]))
			sorted[n++] = sorted[i];

	for (int i = 0; i < p->count; i++) {
		const struct word *w;

		if (p->states[i].op != OP_WORD)
			continue;
		w = bsearch(&all[p->states[i].x], sorted, n, sizeof(*sorted),
			    by_word);
		p->states[i].x = (int)(w - sorted);
	}
	free(all);
	p->words = sorted;
	p->word_count = n;
	return true;
}

static bool compile(struct compiler *c, size_t len)
{
	struct pattern *p = c->p;

	/* No more words than every other byte, no longer than the source. */
	p->text = malloc(len + 1);
	p->words = calloc(len + 1, sizeof(*p->words));
	if (!p->text || !p->words)
		return fail(c, "out of memory");

	if (!compile_sequence(c))
		return false;
	switch (c->src[c->at]) {
	case '|':
	case '/':
		return fail(c, "alternatives stand in brackets, `(a|b)` (at "
			    "byte %zu)", c->at + 1);
	case ')':
	case ']':
		return fail(c, "`%c` at byte %zu closes nothing",
			    c->src[c->at], c->at + 1);
	}
	if (emit(c, OP_DONE, NOWHERE, NOWHERE) == NOWHERE || !number_words(c))
		return false;

	p->scores = calloc(2 * (size_t)p->count, sizeof(*p->scores));
	return p->scores || fail(c, "out of memory");
}

static bool compile_regex(struct compiler *c, const char *s, size_t len)
{
	static const char head[] = "$regex<";
	const size_t n = sizeof(head) - 1;

	if (len <= n || s[len - 1] != '>')
		return fail(c, "`$regex<` must end with `>`, at the end of the "
			    "pattern");
	if (len == n + 1)
		return fail(c, "`$regex<>` is empty");
	c->p->regex = regex_compile(s + n, len - n - 1, c->err, c->size);
	return c->p->regex != NULL;
}

struct pattern *pattern_compile(const char *source, char *err, size_t size)
{
	struct compiler c = { .src = source, .err = err, .size = size };
	const char *s = source;
	size_t len = strlen(source);
	bool ok;

	if (size)
		err[0] = '\0';
	if (len > PATTERN_SOURCE_MAX) {
		fail(&c, "the pattern is too large");
		return NULL;
	}
	c.p = calloc(1, sizeof(*c.p));
	if (!c.p) {
		fail(&c, "out of memory");
		return NULL;
	}

	while (is_space(*s)) {
		s++;
		len--;
	}
	while (len && is_space(s[len - 1]))
		len--;
	if (!strncmp(s, "$regex<", 7))
		ok = compile_regex(&c, s, len);
	else
		ok = compile(&c, strlen(source));
	if (!ok) {
		pattern_free(c.p);
		return NULL;
	}
	return c.p;
}

void pattern_free(struct pattern *p)
{
	if (!p)
		return;
	regex_free(p->regex);
	free(p->states);
	free(p->words);
	free(p->text);
	free(p->scores);
	free(p);
}

bool pattern_is_regex(const struct pattern *p)
{
	return p->regex != NULL;
}

struct utterance *utterance_new(const char *text, size_t len)
{
	struct utterance *u = calloc(1, sizeof(*u));
	size_t at = 0, used = 0, room = 0, n, raw;

	if (!u)
		return NULL;
	u->len = len;
	u->raw = malloc(len + 1);
	u->text = malloc(len + 1);
	if (!u->raw || !u->text)
		goto fail;
	if (len)
		memcpy(u->raw, text, len);
	u->raw[len] = '\0';

	while ((n = word_read(text, len, &at, u->text + used, &raw))) {
		if (u->count == room) {
			struct word *w;

			room = room ? room * 2 : 16;
			w = realloc(u->words, room * sizeof(*w));
			if (!w)
				goto fail;
			u->words = w;
		}
		u->words[u->count++] = (struct word){
			.hash = hash(u->text + used, n),
			.len = n,
			.raw = raw,
			.text = u->text + used,
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

static void reach(struct score *to, struct score way)
{
	if (way.literals > to->literals ||
	    (way.literals == to->literals && way.wild < to->wild))
		*to = way;
}

/* Follows the edges without a word; false: no state can be reached. */
static bool settle(const struct pattern *p, struct score *row)
{
	bool alive = false;

	for (int i = 0; i < p->count; i++) {
		const struct state *s = &p->states[i];

		if (row[i].literals < 0)
			continue;
		alive = true;
		switch (s->op) {
		case OP_ANY:
			reach(&row[i + 1], row[i]);
			break;
		case OP_SPLIT:
			reach(&row[i + 1], row[i]);
			if (s->y != NOWHERE)
				reach(&row[s->y], row[i]);
			break;
		case OP_JUMP:
			reach(&row[s->x], row[i]);
			break;
		case OP_WORD:
		case OP_DONE:
			break;
		}
	}
	return alive;
}

static void clear(const struct pattern *p, struct score *row)
{
	for (int i = 0; i < p->count; i++)
		row[i] = (struct score){ -1, 0 };
}

static void consume(const struct pattern *p, const struct score *row,
		    struct score *next, const struct word *w)
{
	const struct word *known = NULL;
	int number;

	if (p->word_count)
		known = bsearch(w, p->words, p->word_count, sizeof(*w),
				by_word);
	number = known ? (int)(known - p->words) : NOWHERE;

	clear(p, next);
	for (int i = 0; i < p->count; i++) {
		const struct state *s = &p->states[i];
		struct score way = row[i];

		if (way.literals < 0)
			continue;
		if (s->op == OP_WORD && s->x == number) {
			way.literals++;
			reach(&next[i + 1], way);
		} else if (s->op == OP_ANY) {
			way.wild += w->raw;
			reach(&next[i], way);
		}
	}
}

bool pattern_match(const struct pattern *p, const struct utterance *u,
		   struct match *m)
{
	struct score *row, *next, *spare;

	m->literals = 0;
	m->wild = 0;
	if (p->regex)
		return regex_match(p->regex, u->raw, u->len, NULL);

	row = p->scores;
	next = row + p->count;
	clear(p, row);
	row[0].literals = 0;
	for (size_t i = 0; i < u->count; i++) {
		if (!settle(p, row))
			return false;
		consume(p, row, next, &u->words[i]);
		spare = row;
		row = next;
		next = spare;
	}
	settle(p, row);
	if (row[p->count - 1].literals < 0)
		return false;
	m->literals = (unsigned)row[p->count - 1].literals;
	m->wild = row[p->count - 1].wild;
	return true;
}

bool match_better(const struct match *a, const struct match *b)
{
	if (a->literals != b->literals)
		return a->literals > b->literals;
	return a->wild < b->wild;
}
