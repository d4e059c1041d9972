/**
 * @file pattern_parse.c  From a pattern's source to its tree
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "pattern.h"
#include "pattern_tree.h"

struct parser {
	struct pattern_tree *t;
	const char *src;
	size_t at;
	int depth;
	char *err;
	size_t size;
};

/* A list of nodes under way. */
struct chain {
	int first, last;
	int count;
};

static bool fail(struct parser *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static bool fail(struct parser *c, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->err, c->size, fmt, ap);
	va_end(ap);
	return false;
}

/* Number of the new node, or TREE_NONE. */
static int node(struct parser *c, enum tree_kind kind, int child)
{
	struct pattern_tree *t = c->t;

	if (t->count == t->room) {
		const int room = t->room ? t->room * 2 : 8;
		struct tree_node *n = realloc(t->nodes,
					      (size_t)room * sizeof(*n));

		if (!n) {
			fail(c, "out of memory");
			return TREE_NONE;
		}
		t->nodes = n;
		t->room = room;
	}
	t->nodes[t->count] = (struct tree_node){
		.kind = kind, .child = child, .next = TREE_NONE,
		.at = c->at + 1,
	};
	return t->count++;
}

/* Hangs node `n` behind the others; false: there is none. */
static bool append(struct parser *c, struct chain *ch, int n)
{
	if (n == TREE_NONE)
		return false;
	if (ch->count++)
		c->t->nodes[ch->last].next = n;
	else
		ch->first = n;
	ch->last = n;
	return true;
}

/* The nodes of a chain as one. */
static int together(struct parser *c, const struct chain *ch)
{
	return ch->count == 1 ? ch->first
		: node(c, TREE_SEQUENCE, ch->first);
}

static bool is_special(char ch)
{
	return ch && strchr("*()[]|/{}$", ch);
}

static bool is_space(char ch)
{
	return ch && strchr(" \t\r\n\f\v", ch);
}

/* Whether a word is written at once behind `at`. */
static bool word_follows(const struct parser *c, size_t at)
{
	const char *s = c->src + at;
	size_t len = 0, i = 0;
	struct word_place place;
	char word[PATTERN_SOURCE_MAX];

	while (s[len] && !is_special(s[len]) && !is_space(s[len]))
		len++;
	return word_read(s, len, &i, word, &place);
}

/* What is written without a space, up to the next special character: a word,
 * or several that marks part, as in e-mail. */
static bool parse_token(struct parser *c, struct chain *ch)
{
	const char *s = c->src + c->at;
	struct pattern_tree *t = c->t;
	struct chain words = {0};
	struct word_place place;
	size_t len = 0, at = 0, n;
	int w;

	while (s[len] && !is_special(s[len]) && !is_space(s[len]))
		len++;
	while ((n = word_read(s, len, &at, t->text + t->used, &place))) {
		w = node(c, TREE_WORD, TREE_NONE);
		if (!append(c, &words, w))
			return false;
		t->nodes[w].text = t->used;
		t->nodes[w].len = n;
		t->used += n;
	}
	c->at += len;
	if (!words.count)
		return true;
	if (c->src[c->at] == '*') {
		if (word_follows(c, c->at + 1))
			return fail(c, "`*` ends a word or stands alone (at "
				    "byte %zu)", c->at + 1);
		t->nodes[words.last].kind = TREE_STEM;
		c->at++;
	}
	return append(c, ch, together(c, &words));
}

static bool parse_star(struct parser *c, struct chain *ch)
{
	if (word_follows(c, c->at + 1))
		return fail(c, "`*` ends a word or stands alone (at byte "
			    "%zu)", c->at + 1);
	c->at++;
	return append(c, ch, node(c, TREE_ANY, TREE_NONE));
}

static bool parse_name(struct parser *c, struct chain *ch)
{
	struct pattern_tree *t = c->t;
	const char *s = c->src + c->at + 1;
	const size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMN"
				  "OPQRSTUVWXYZ0123456789_");
	int n;

	if (!strncmp(s, "regex<", 6))
		return fail(c, "`$regex<...>` must be the whole pattern (at "
			    "byte %zu)", c->at + 1);
	if (!len)
		return fail(c, "`$` stands before the name of a pattern (at "
			    "byte %zu)", c->at + 1);
	n = node(c, TREE_NAME, TREE_NONE);
	if (!append(c, ch, n))
		return false;
	memcpy(t->text + t->used, s, len);
	t->nodes[n].text = t->used;
	t->nodes[n].len = len;
	t->used += len;
	c->at += len + 1;
	return true;
}

static bool parse_group(struct parser *c, struct chain *ch);

/* One alternative, up to what closes it; empty ones are refused. */
static bool parse_sequence(struct parser *c, struct chain *ch)
{
	const size_t start = c->at;
	bool ok;

	*ch = (struct chain){0};
	for (;;) {
		switch (c->src[c->at]) {
		case '\0':
		case ')':
		case ']':
		case '}':
		case '|':
		case '/':
			return ch->count || fail(c, "nothing to match at byte "
						 "%zu", start + 1);
		case '*':
			ok = parse_star(c, ch);
			break;
		case '(':
		case '[':
		case '{':
			ok = parse_group(c, ch);
			break;
		case '$':
			ok = parse_name(c, ch);
			break;
		case ' ':
		case '\t':
		case '\r':
		case '\n':
		case '\f':
		case '\v':
			c->at++;
			ok = true;
			break;
		default:
			ok = parse_token(c, ch);
		}
		if (!ok)
			return false;
	}
}

/* `(a|b)`, `[a|b]` or `{a b}`. */
static bool parse_group(struct parser *c, struct chain *ch)
{
	const size_t start = c->at;
	const char open = c->src[start];
	const char close = open == '(' ? ')' : open == '[' ? ']' : '}';
	struct chain all = {0}, one;
	char end;
	int n;

	if (++c->depth > TREE_DEPTH_MAX)
		return fail(c, "brackets are nested too deep at byte %zu",
			    start + 1);
	do {
		c->at++;
		if (!parse_sequence(c, &one))
			return false;
		end = c->src[c->at];
		if (open == '{')
			all = one;
		else if (!append(c, &all, together(c, &one)))
			return false;
	} while (open != '{' && (end == '|' || end == '/'));
	c->depth--;

	if (open == '{' && (end == '|' || end == '/'))
		return fail(c, "alternatives stand in round brackets, `(a|b)` "
			    "(at byte %zu)", c->at + 1);
	if (end != close)
		return fail(c, "`%c` at byte %zu is not closed by `%c`", open,
			    start + 1, close);
	if (open == '{' && all.count > TREE_ORDER_MAX)
		return fail(c, "at most %d items in any order (at byte %zu)",
			    TREE_ORDER_MAX, start + 1);
	c->at++;
	n = node(c, open == '(' ? TREE_CHOICE : open == '[' ? TREE_OPTION
		 : TREE_ORDER, all.first);
	return append(c, ch, n);
}

static bool parse(struct parser *c)
{
	struct chain ch;

	if (!parse_sequence(c, &ch))
		return false;
	switch (c->src[c->at]) {
	case '|':
	case '/':
		return fail(c, "alternatives stand in brackets, `(a|b)` (at "
			    "byte %zu)", c->at + 1);
	case ')':
	case ']':
	case '}':
		return fail(c, "`%c` at byte %zu closes nothing",
			    c->src[c->at], c->at + 1);
	}
	c->t->root = together(c, &ch);
	return c->t->root != TREE_NONE;
}

static bool regex(struct parser *c, const char *s, size_t len)
{
	const size_t head = strlen("$regex<");

	if (len <= head || s[len - 1] != '>')
		return fail(c, "`$regex<` must end with `>`, at the end of the "
			    "pattern");
	if (len == head + 1)
		return fail(c, "`$regex<>` is empty");
	c->t->regex = s + head;
	c->t->regex_len = len - head - 1;
	return true;
}

bool pattern_tree_open(struct pattern_tree *t, const char *source, char *err,
		       size_t size)
{
	struct parser c = { .t = t, .src = source, .err = err, .size = size };
	size_t len = strlen(source);
	const char *s = source;

	*t = (struct pattern_tree){ .root = TREE_NONE };
	if (size)
		err[0] = '\0';
	if (len > PATTERN_SOURCE_MAX)
		return fail(&c, "the pattern is too large");
	while (is_space(*s)) {
		s++;
		len--;
	}
	while (len && is_space(s[len - 1]))
		len--;
	if (!strncmp(s, "$regex<", 7))
		return regex(&c, s, len);

	/* Folded, it is never longer than the source. */
	t->text = malloc(strlen(source) + 1);
	if (!t->text)
		return fail(&c, "out of memory");
	return parse(&c);
}

void pattern_tree_close(struct pattern_tree *t)
{
	free(t->nodes);
	free(t->text);
	*t = (struct pattern_tree){ .root = TREE_NONE };
}
