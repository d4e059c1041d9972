/*
 * From a regular expression to its program. First a tree, bounded by the
 * source's length and in depth; then the instructions, bounded in number and
 * in the work it takes to write them, since `{m,n}` writes copies.
 */
#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "regex.h"
#include "regex_program.h"

#define DEPTH_MAX 64
#define REPEAT_MAX 1000
#define WORK_MAX 100000
#define ENDLESS UINT32_MAX
#define NONE SIZE_MAX

enum node_type { N_LEAF, N_SEQUENCE, N_CHOICE, N_REPEAT };

struct node {
	enum node_type type;
	struct regex_instr leaf;
	size_t child;		/**< first one, or NONE                  */
	size_t next;		/**< sibling, or NONE                    */
	uint32_t min, max;
};

struct parser {
	struct regex *re;
	const char *start, *at, *end;
	struct node *nodes;
	size_t count, room;
	size_t work;
	int depth;
	char *err;
	size_t size;
};

static bool fail(struct parser *p, const char *what)
{
	snprintf(p->err, p->size, "$regex: %s (at byte %td)", what,
		 p->at - p->start + 1);
	return false;
}

static size_t node(struct parser *p, enum node_type type, size_t child)
{
	struct node *n;

	if (p->count == p->room) {
		p->room = p->room ? p->room * 2 : 16;
		n = realloc(p->nodes, p->room * sizeof(*n));
		if (!n) {
			fail(p, "out of memory");
			return NONE;
		}
		p->nodes = n;
	}
	n = &p->nodes[p->count];
	memset(n, 0, sizeof(*n));
	n->type = type;
	n->child = child;
	n->next = NONE;
	return p->count++;
}

static size_t leaf(struct parser *p, enum regex_op op, uint32_t x)
{
	const size_t n = node(p, N_LEAF, NONE);

	if (n != NONE)
		p->nodes[n].leaf = (struct regex_instr){ .op = op, .x = x };
	return n;
}

static size_t char_leaf(struct parser *p, uint32_t c)
{
	return leaf(p, RE_CHAR, p->re->no_case && c < 128 ? char_lower(c) : c);
}

static bool more(const struct parser *p)
{
	return p->at < p->end;
}

static bool looking_at(const struct parser *p, const char *what)
{
	const size_t n = strlen(what);

	return (size_t)(p->end - p->at) >= n && !memcmp(p->at, what, n);
}

/* A leaf for `c`, which becomes the regex's in every case. */
static size_t class_leaf(struct parser *p, struct char_class *c, bool ok)
{
	struct regex *re = p->re;
	struct char_class *list;

	list = ok ? realloc(re->classes, (re->class_count + 1) *
			    sizeof(*list)) : NULL;
	if (!list) {
		if (ok)
			fail(p, "out of memory");
		free(c->ranges);
		return NONE;
	}
	re->classes = list;
	list[re->class_count] = *c;
	return leaf(p, RE_CLASS, (uint32_t)re->class_count++);
}

static bool hex(struct parser *p, int n, uint32_t *c)
{
	*c = 0;
	while (n--) {
		const unsigned char d = more(p) ? (unsigned char)*p->at : 0;

		if (!isxdigit(d))
			return fail(p, "a hexadecimal digit is missing");
		*c = *c * 16 + (isdigit(d) ? d - (uint32_t)'0'
				 : (uint32_t)tolower(d) - 'a' + 10);
		p->at++;
	}
	return true;
}

/* An escape that stands for one character; `at` is behind the backslash. */
static bool escaped_char(struct parser *p, uint32_t *c)
{
	static const char from[] = "nrtfv";
	static const char to[] = "\n\r\t\f\v";
	const char *known;

	if (!more(p))
		return fail(p, "`\\` stands at the end");
	known = *p->at ? strchr(from, *p->at) : NULL;
	if (known) {
		*c = (uint32_t)to[known - from];
		p->at++;
		return true;
	}
	if (*p->at == 'x' || *p->at == 'u') {
		const int n = *p->at == 'x' ? 2 : 4;

		p->at++;
		return hex(p, n, c);
	}
	if (isdigit((unsigned char)*p->at) || *p->at == 'k')
		return fail(p, "back-references are not available");
	if (isalpha((unsigned char)*p->at))
		return fail(p, "unknown escape");
	p->at += char_read(p->at, (size_t)(p->end - p->at), c);
	return true;
}

static bool is_set(const struct parser *p)
{
	return more(p) && *p->at && strchr("dwsDWS", *p->at);
}

static bool class_char(struct parser *p, uint32_t *c)
{
	if (*p->at == '\\') {
		p->at++;
		if (more(p) && *p->at == 'b') {
			p->at++;
			*c = '\b';
			return true;
		}
		return escaped_char(p, c);
	}
	p->at += char_read(p->at, (size_t)(p->end - p->at), c);
	return true;
}

static bool class_item(struct parser *p, struct char_class *c)
{
	uint32_t first, last;

	if (*p->at == '\\') {
		p->at++;
		if (is_set(p))
			return class_add_set(c, *p->at++) ||
			       fail(p, "out of memory");
		p->at--;
	}
	if (looking_at(p, "[:") || looking_at(p, "[=") || looking_at(p, "[."))
		return fail(p, "`[:name:]` is not available");
	if (!class_char(p, &first))
		return false;

	last = first;
	if (looking_at(p, "-") && !looking_at(p, "-]")) {
		p->at++;
		if (!more(p))
			return fail(p, "`[` is not closed");
		if (*p->at == '\\' && p->at + 1 < p->end && p->at[1] &&
		    strchr("dwsDWS", p->at[1]))
			return fail(p, "a range cannot end in a class");
		if (!class_char(p, &last))
			return false;
		if (last < first)
			return fail(p, "a range ends before it starts");
	}
	return class_add(c, first, last) || fail(p, "out of memory");
}

static size_t parse_class(struct parser *p)
{
	struct char_class c = { 0 };
	bool invert = false, first = true, ok = true;

	p->at++;
	if (looking_at(p, "^")) {
		invert = true;
		p->at++;
	}
	/* A `]` in the first place is itself. */
	while (ok && more(p) && (first || *p->at != ']')) {
		first = false;
		ok = class_item(p, &c);
	}
	if (ok && !more(p))
		ok = fail(p, "`[` is not closed");
	if (ok) {
		p->at++;
		ok = class_finish(&c, p->re->no_case, invert) ||
		     fail(p, "out of memory");
	}
	return class_leaf(p, &c, ok);
}

static size_t parse_choice(struct parser *p);

static size_t parse_group(struct parser *p)
{
	size_t n;

	p->at++;
	if (looking_at(p, "?:")) {
		p->at += 2;
	} else if (looking_at(p, "?=") || looking_at(p, "?!") ||
		   looking_at(p, "?<=") || looking_at(p, "?<!")) {
		fail(p, "look-around is not available");
		return NONE;
	} else if (looking_at(p, "?i")) {
		fail(p, "`(?i)` stands at the start only");
		return NONE;
	} else if (looking_at(p, "?") || looking_at(p, "*")) {
		fail(p, "this kind of group is not available");
		return NONE;
	}

	if (++p->depth > DEPTH_MAX) {
		fail(p, "groups are nested too deep");
		return NONE;
	}
	n = parse_choice(p);
	p->depth--;
	if (n == NONE)
		return NONE;
	if (!looking_at(p, ")")) {
		fail(p, "`(` is not closed");
		return NONE;
	}
	p->at++;
	return n;
}

static size_t parse_escape(struct parser *p)
{
	struct char_class c = { 0 };
	uint32_t ch;
	bool ok;

	p->at++;
	if (is_set(p)) {
		ok = class_add_set(&c, *p->at++) &&
		     class_finish(&c, p->re->no_case, false);
		return class_leaf(p, &c, ok || fail(p, "out of memory"));
	}
	if (looking_at(p, "b") || looking_at(p, "B"))
		return leaf(p, *p->at++ == 'b' ? RE_BOUND : RE_NOT_BOUND, 0);
	return escaped_char(p, &ch) ? char_leaf(p, ch) : NONE;
}

static size_t parse_atom(struct parser *p)
{
	uint32_t c;

	switch (*p->at) {
	case '(':
		return parse_group(p);
	case '[':
		return parse_class(p);
	case '\\':
		return parse_escape(p);
	case '.':
		p->at++;
		return leaf(p, RE_ANY, 0);
	case '^':
		p->at++;
		return leaf(p, RE_BEGIN, 0);
	case '$':
		p->at++;
		return leaf(p, RE_END, 0);
	case '*':
	case '+':
	case '?':
		fail(p, "nothing to repeat");
		return NONE;
	case '{':
		fail(p, "nothing to repeat; a brace itself is `\\{`");
		return NONE;
	}
	p->at += char_read(p->at, (size_t)(p->end - p->at), &c);
	return char_leaf(p, c);
}

static bool number(struct parser *p, uint32_t *n)
{
	if (!more(p) || !isdigit((unsigned char)*p->at))
		return fail(p, "`{m,n}` is not well formed");
	for (*n = 0; more(p) && isdigit((unsigned char)*p->at); p->at++) {
		*n = *n * 10 + (uint32_t)(*p->at - '0');
		if (*n > REPEAT_MAX)
			return fail(p, "a count is above 1000");
	}
	return true;
}

static bool braces(struct parser *p, uint32_t *min, uint32_t *max)
{
	if (!number(p, min))
		return false;
	*max = *min;
	if (looking_at(p, ",")) {
		p->at++;
		*max = ENDLESS;
		if (!looking_at(p, "}") && !number(p, max))
			return false;
	}
	if (!looking_at(p, "}"))
		return fail(p, "`{m,n}` is not well formed");
	p->at++;
	return *min <= *max || fail(p, "in `{m,n}` m is above n");
}

static bool can_repeat(const struct node *n)
{
	if (n->type != N_LEAF)
		return true;
	return n->leaf.op == RE_CHAR || n->leaf.op == RE_ANY ||
	       n->leaf.op == RE_CLASS;
}

static size_t parse_repeat(struct parser *p)
{
	size_t atom = parse_atom(p), n;
	uint32_t min = 0, max = ENDLESS;

	if (atom == NONE || !more(p) || !*p->at || !strchr("*+?{", *p->at))
		return atom;
	if (!can_repeat(&p->nodes[atom])) {
		fail(p, "nothing to repeat");
		return NONE;
	}
	switch (*p->at++) {
	case '+':
		min = 1;
		break;
	case '?':
		max = 1;
		break;
	case '{':
		if (!braces(p, &min, &max))
			return NONE;
		break;
	}
	if (looking_at(p, "?")) {
		p->at++;
	} else if (looking_at(p, "+")) {
		fail(p, "possessive repetition is not available");
		return NONE;
	}

	n = node(p, N_REPEAT, atom);
	if (n != NONE) {
		p->nodes[n].min = min;
		p->nodes[n].max = max;
	}
	return n;
}

/* Items up to `stop` as children of a new node. */
static size_t parse_list(struct parser *p, enum node_type type,
			 size_t (*item)(struct parser *p))
{
	const size_t list = node(p, type, NONE);
	size_t last = NONE;

	while (list != NONE) {
		size_t n;

		if (type == N_SEQUENCE &&
		    (!more(p) || *p->at == '|' || *p->at == ')'))
			return list;
		n = item(p);
		if (n == NONE)
			return NONE;
		if (last == NONE)
			p->nodes[list].child = n;
		else
			p->nodes[last].next = n;
		last = n;
		if (type == N_SEQUENCE)
			continue;
		if (!looking_at(p, "|"))
			return list;
		p->at++;
	}
	return NONE;
}

static size_t parse_sequence(struct parser *p)
{
	return parse_list(p, N_SEQUENCE, parse_repeat);
}

static size_t parse_choice(struct parser *p)
{
	return parse_list(p, N_CHOICE, parse_sequence);
}

/* The program */

static bool emit(struct parser *p, struct regex_instr in)
{
	if (p->re->count == REGEX_PROGRAM_MAX)
		return fail(p, "the expression is too large");
	p->re->prog[p->re->count++] = in;
	return true;
}

static bool write_node(struct parser *p, size_t at);

static bool write_split(struct parser *p, size_t *at)
{
	*at = p->re->count;
	return emit(p, (struct regex_instr){ RE_SPLIT, (uint32_t)*at + 1, 0 });
}

static bool write_choice(struct parser *p, const struct node *n)
{
	struct regex *re = p->re;
	uint32_t jumps = UINT32_MAX;
	size_t split;

	for (size_t i = n->child; i != NONE; i = p->nodes[i].next) {
		if (p->nodes[i].next == NONE) {
			if (!write_node(p, i))
				return false;
			break;
		}
		if (!write_split(p, &split) || !write_node(p, i) ||
		    !emit(p, (struct regex_instr){ RE_JUMP, jumps, 0 }))
			return false;
		jumps = (uint32_t)re->count - 1;
		re->prog[split].y = (uint32_t)re->count;
	}
	while (jumps != UINT32_MAX) {
		const uint32_t next = re->prog[jumps].x;

		re->prog[jumps].x = (uint32_t)re->count;
		jumps = next;
	}
	return true;
}

static bool write_repeat(struct parser *p, const struct node *n)
{
	struct regex *re = p->re;
	uint32_t skips = UINT32_MAX;
	size_t last = 0, split;

	for (uint32_t i = 0; i < n->min; i++) {
		last = re->count;
		if (!write_node(p, n->child))
			return false;
	}
	if (n->max == ENDLESS && n->min)
		return emit(p, (struct regex_instr){ RE_SPLIT, (uint32_t)last,
			(uint32_t)re->count + 1 });
	if (n->max == ENDLESS) {
		if (!write_split(p, &split) || !write_node(p, n->child) ||
		    !emit(p, (struct regex_instr){ RE_JUMP, (uint32_t)split,
			0 }))
			return false;
		re->prog[split].y = (uint32_t)re->count;
		return true;
	}
	for (uint32_t i = n->min; i < n->max; i++) {
		if (!write_split(p, &split))
			return false;
		re->prog[split].y = skips;
		skips = (uint32_t)split;
		if (!write_node(p, n->child))
			return false;
	}
	while (skips != UINT32_MAX) {
		const uint32_t next = re->prog[skips].y;

		re->prog[skips].y = (uint32_t)re->count;
		skips = next;
	}
	return true;
}

/* Recursion is as deep as the source's groups, twice. */
static bool write_node(struct parser *p, size_t at)
{
	const struct node *n = &p->nodes[at];

	/* (){1000} inside of itself writes nothing, but takes its time. */
	if (++p->work > WORK_MAX)
		return fail(p, "the expression is too large");
	switch (n->type) {
	case N_LEAF:
		return emit(p, n->leaf);
	case N_SEQUENCE:
		for (size_t i = n->child; i != NONE; i = p->nodes[i].next)
			if (!write_node(p, i))
				return false;
		return true;
	case N_CHOICE:
		return write_choice(p, n);
	case N_REPEAT:
		return write_repeat(p, n);
	}
	return false;
}

static bool finish(struct parser *p, size_t root)
{
	struct regex *re = p->re;
	struct regex_instr *prog;
	size_t n;

	re->prog = malloc(REGEX_PROGRAM_MAX * sizeof(*re->prog));
	if (!re->prog)
		return fail(p, "out of memory");
	if (!write_node(p, root) ||
	    !emit(p, (struct regex_instr){ RE_MATCH, 0, 0 }))
		return false;

	n = re->count;
	prog = realloc(re->prog, n * sizeof(*prog));
	if (prog)
		re->prog = prog;
	re->stack = calloc(n, sizeof(*re->stack));
	re->now = calloc(n, sizeof(*re->now));
	re->next = calloc(n, sizeof(*re->next));
	re->mark = calloc(n, sizeof(*re->mark));
	re->generation = calloc(1, sizeof(*re->generation));
	if (!re->stack || !re->now || !re->next || !re->mark ||
	    !re->generation)
		return fail(p, "out of memory");
	return true;
}

struct regex *regex_compile(const char *src, size_t len, char *err,
			    size_t size)
{
	struct parser p = {
		.start = src, .at = src, .end = src + len,
		.err = err, .size = size,
	};
	size_t root;
	bool ok = false;

	p.re = calloc(1, sizeof(*p.re));
	if (!p.re) {
		fail(&p, "out of memory");
		return NULL;
	}
	if (looking_at(&p, "(?i)")) {
		p.re->no_case = true;
		p.at += 4;
	}
	root = parse_choice(&p);
	if (root != NONE) {
		ok = !more(&p) || fail(&p, "`)` closes nothing");
		ok = ok && finish(&p, root);
	}
	free(p.nodes);
	if (!ok) {
		regex_free(p.re);
		return NULL;
	}
	return p.re;
}
