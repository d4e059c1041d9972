/**
 * @file luapattern.c  Lua's string patterns with counted steps
 *
 * A pattern is parsed into nodes first (Lua 5.4 manual, 6.4.1), then matched
 * by trying; each byte looked at is a step.
 */
#include <ctype.h>
#include <lauxlib.h>
#include <string.h>

#include "luapattern.h"
#include "meter.h"

#define STEPS_PER_INSTRUCTION 4
#define DEPTH_MAX 200
#define CAPTURE_OPEN (-1)
#define CAPTURE_POSITION (-2)

enum { N_SET, N_OPEN, N_CLOSE, N_POSITION, N_BALANCE, N_FRONTIER, N_BACK,
	N_END };

static bool has(const uint32_t *set, unsigned char c)
{
	return set[c >> 5] >> (c & 31) & 1;
}

static void put(uint32_t *set, unsigned char c)
{
	set[c >> 5] |= 1u << (c & 31);
}

static bool in_class(int c, int class)
{
	switch (tolower(class)) {
	case 'a': return isalpha(c);
	case 'c': return iscntrl(c);
	case 'd': return isdigit(c);
	case 'g': return isgraph(c);
	case 'l': return islower(c);
	case 'p': return ispunct(c);
	case 's': return isspace(c);
	case 'u': return isupper(c);
	case 'w': return isalnum(c);
	case 'x': return isxdigit(c);
	default: return false;
	}
}

/* Adds what `%x` stands for; a letter that is no class is itself. */
static void put_class(uint32_t *set, unsigned char x)
{
	if (!x || !strchr("acdglpsuwx", tolower(x))) {
		put(set, x);
		return;
	}
	for (int c = 0; c < 256; c++)
		if (in_class(c, x) != (isupper(x) != 0))
			put(set, (unsigned char)c);
}

/* Parses [...] after the '['; returns what follows the ']'. */
static const char *parse_set(lua_State *L, const char *p, const char *end,
			     uint32_t *set)
{
	bool not = false, first = true;

	if (p < end && *p == '^') {
		not = true;
		p++;
	}
	for (;; first = false) {
		if (p >= end)
			luaL_error(L, "malformed pattern (missing ']')");
		if (*p == ']' && !first)
			break;
		if (*p == '%') {
			if (p + 1 >= end)
				luaL_error(L, "malformed pattern "
					   "(ends with '%%')");
			put_class(set, (unsigned char)p[1]);
			p += 2;
		} else if (p + 2 < end && p[1] == '-' && p[2] != ']') {
			for (int c = (unsigned char)p[0];
			     c <= (unsigned char)p[2]; c++)
				put(set, (unsigned char)c);
			p += 3;
		} else {
			put(set, (unsigned char)*p++);
		}
	}
	for (int i = 0; not && i < 8; i++)
		set[i] = ~set[i];
	return p + 1;
}

/* Parses what follows a '%'. */
static const char *parse_escape(lua_State *L, const char *p, const char *end,
				struct luapattern_node *n)
{
	if (p >= end)
		luaL_error(L, "malformed pattern (ends with '%%')");
	if (*p == 'b') {
		if (p + 2 >= end)
			luaL_error(L, "malformed pattern (missing arguments "
				   "to '%%b')");
		n->kind = N_BALANCE;
		n->a = (unsigned char)p[1];
		n->b = (unsigned char)p[2];
		return p + 3;
	}
	if (*p == 'f') {
		if (p + 1 >= end || p[1] != '[')
			luaL_error(L, "missing '[' after '%%f' in pattern");
		n->kind = N_FRONTIER;
		return parse_set(L, p + 2, end, n->set);
	}
	if (isdigit((unsigned char)*p)) {
		n->kind = N_BACK;
		n->a = (unsigned char)(*p - '0');
		return p + 1;
	}
	put_class(n->set, (unsigned char)*p);
	return p + 1;
}

static const char *parse_node(lua_State *L, const char *p, const char *end,
			      struct luapattern_node *n)
{
	memset(n, 0, sizeof(*n));
	switch (*p) {
	case '(':
		n->kind = p + 1 < end && p[1] == ')' ? N_POSITION : N_OPEN;
		return p + (n->kind == N_POSITION ? 2 : 1);
	case ')':
		n->kind = N_CLOSE;
		return p + 1;
	case '$':
		if (p + 1 == end) {
			n->kind = N_END;
			return p + 1;
		}
		put(n->set, '$');
		p++;
		break;
	case '%':
		p = parse_escape(L, p + 1, end, n);
		break;
	case '[':
		p = parse_set(L, p + 1, end, n->set);
		break;
	case '.':
		memset(n->set, 0xff, sizeof(n->set));
		p++;
		break;
	default:
		put(n->set, (unsigned char)*p++);
	}
	if (n->kind == N_SET && p < end && *p && strchr("*+-?", *p))
		n->repeat = (unsigned char)*p++;
	return p;
}

void luapattern_parse(struct luapattern *m, lua_State *L, const char *p,
		      size_t len, struct luapattern_node *nodes, size_t room)
{
	const char *end = p + len;

	meter_charge(L, len);
	if (len > room)
		nodes = lua_newuserdatauv(L, len * sizeof(*nodes), 0);
	else
		lua_pushnil(L);

	m->L = L;
	m->nodes = nodes;
	m->count = 0;
	m->steps = 0;
	m->level = 0;
	m->anchored = p < end && *p == '^';
	if (m->anchored)
		p++;
	while (p < end)
		p = parse_node(L, p, end, &nodes[m->count++]);
}

void luapattern_subject(struct luapattern *m, const char *s, size_t len)
{
	m->src = s;
	m->end = s + len;
	m->steps = 0;
	m->steps_max = (uint64_t)meter_left(m->L) * STEPS_PER_INSTRUCTION;
}

void luapattern_charge(struct luapattern *m)
{
	uint64_t n = m->steps / STEPS_PER_INSTRUCTION;

	m->steps = 0;
	meter_charge(m->L, n + 1);
	m->steps_max = (uint64_t)meter_left(m->L) * STEPS_PER_INSTRUCTION;
}

static void step(struct luapattern *m)
{
	if (++m->steps > m->steps_max + STEPS_PER_INSTRUCTION)
		luapattern_charge(m);		/* raises */
}

static const char *go(struct luapattern *m, unsigned i, const char *s);

static const char *balance(struct luapattern *m,
			   const struct luapattern_node *n, const char *s)
{
	size_t open = 1;

	if (s >= m->end || (unsigned char)*s != n->a)
		return NULL;
	while (++s < m->end) {
		step(m);
		if ((unsigned char)*s == n->b) {
			if (!--open)
				return s + 1;
		} else if ((unsigned char)*s == n->a) {
			open++;
		}
	}
	return NULL;
}

static const char *back(struct luapattern *m, const struct luapattern_node *n,
			const char *s)
{
	unsigned i = n->a - 1u;
	size_t len;

	if (!n->a || i >= m->level || m->captures[i].len == CAPTURE_OPEN)
		luaL_error(m->L, "invalid capture index %%%d in pattern",
			   n->a);
	if (m->captures[i].len == CAPTURE_POSITION)
		return NULL;
	len = (size_t)m->captures[i].len;
	m->steps += len;
	if ((size_t)(m->end - s) < len ||
	    memcmp(m->captures[i].start, s, len))
		return NULL;
	return s + len;
}

static const char *capture(struct luapattern *m, unsigned i, const char *s,
			   ptrdiff_t what)
{
	const char *r;

	if (m->level >= LUAPATTERN_CAPTURES)
		luaL_error(m->L, "too many captures");
	m->captures[m->level].start = s;
	m->captures[m->level].len = what;
	m->level++;
	r = go(m, i + 1, s);
	if (!r)
		m->level--;
	return r;
}

static const char *close_capture(struct luapattern *m, unsigned i,
				 const char *s)
{
	unsigned l = m->level;
	const char *r;

	while (l && m->captures[l - 1].len != CAPTURE_OPEN)
		l--;
	if (!l)
		luaL_error(m->L, "invalid pattern capture");
	l--;
	m->captures[l].len = s - m->captures[l].start;
	r = go(m, i + 1, s);
	if (!r)
		m->captures[l].len = CAPTURE_OPEN;
	return r;
}

static const char *repeat(struct luapattern *m, unsigned i, const char *s)
{
	const struct luapattern_node *n = &m->nodes[i];
	const char *r, *p = s, *least = s + (n->repeat == '+');

	if (n->repeat == '-') {
		for (;;) {
			if ((r = go(m, i + 1, p)))
				return r;
			if (p >= m->end || !has(n->set, (unsigned char)*p))
				return NULL;
			p++;
		}
	}
	while (p < m->end && has(n->set, (unsigned char)*p)) {
		step(m);
		p++;
		if (n->repeat == '?')
			break;
	}
	for (; p >= least; p--)
		if ((r = go(m, i + 1, p)))
			return r;
	return NULL;
}

static bool frontier(const struct luapattern *m,
		     const struct luapattern_node *n, const char *s)
{
	unsigned char before = s > m->src ? (unsigned char)s[-1] : 0;
	unsigned char here = s < m->end ? (unsigned char)*s : 0;

	return !has(n->set, before) && has(n->set, here);
}

static const char *go(struct luapattern *m, unsigned i, const char *s)
{
	if (++m->depth > DEPTH_MAX)
		luaL_error(m->L, "pattern too complex");

	while (s && i < m->count) {
		const struct luapattern_node *n = &m->nodes[i];

		step(m);
		if (n->kind == N_SET && !n->repeat) {
			if (s >= m->end || !has(n->set, (unsigned char)*s))
				s = NULL;
			else
				s++;
		} else if (n->kind == N_END) {
			if (s != m->end)
				s = NULL;
		} else if (n->kind == N_FRONTIER) {
			if (!frontier(m, n, s))
				s = NULL;
		} else if (n->kind == N_BALANCE) {
			s = balance(m, n, s);
		} else if (n->kind == N_BACK) {
			s = back(m, n, s);
		} else {	/* the rest of the pattern is tried from here */
			if (n->kind == N_OPEN)
				s = capture(m, i, s, CAPTURE_OPEN);
			else if (n->kind == N_POSITION)
				s = capture(m, i, s, CAPTURE_POSITION);
			else if (n->kind == N_CLOSE)
				s = close_capture(m, i, s);
			else
				s = repeat(m, i, s);
			break;
		}
		i++;
	}
	m->depth--;
	return s;
}

const char *luapattern_match(struct luapattern *m, const char *s)
{
	m->level = 0;
	m->depth = 0;
	return go(m, 0, s);
}

void luapattern_push(struct luapattern *m, unsigned i, const char *s,
		     const char *e)
{
	if (i >= m->level) {
		if (i)
			luaL_error(m->L, "invalid capture index %%%d",
				   (int)i + 1);
		lua_pushlstring(m->L, s, (size_t)(e - s));
	} else if (m->captures[i].len == CAPTURE_POSITION) {
		lua_pushinteger(m->L, m->captures[i].start - m->src + 1);
	} else if (m->captures[i].len == CAPTURE_OPEN) {
		luaL_error(m->L, "unfinished capture");
	} else {
		lua_pushlstring(m->L, m->captures[i].start,
				(size_t)m->captures[i].len);
	}
}

int luapattern_push_all(struct luapattern *m, const char *s, const char *e)
{
	unsigned n = !m->level && s ? 1 : m->level;

	luaL_checkstack(m->L, (int)n, "too many captures");
	for (unsigned i = 0; i < n; i++)
		luapattern_push(m, i, s, e);
	return (int)n;
}
