#include "regex.h"

#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "regex_program.h"

/* A place between two characters; NONE stands for the ends of the text. */
#define NONE UINT32_MAX

struct place {
	uint32_t before, behind;
};

static bool class_has(const struct char_class *c, uint32_t ch)
{
	size_t low = 0, high = c->count;

	if (ch < 128)
		return c->ascii[ch / 64] >> (ch % 64) & 1;
	while (low < high) {
		const size_t mid = (low + high) / 2;

		if (ch < c->ranges[mid].first)
			high = mid;
		else if (ch > c->ranges[mid].last)
			low = mid + 1;
		else
			return true;
	}
	return false;
}

static bool is_word(uint32_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || c == '_' ||
	       (c >= 'a' && c <= 'z');
}

/* Adds a state and all that follow it without a character. Each state enters
 * the stack once per place in the text, so loops of nothing end. */
static size_t add(const struct regex *re, uint32_t *list, size_t n,
		  uint32_t pc, const struct place *at, size_t *steps)
{
	const size_t now = *re->generation;
	size_t depth = 0;

#define PUSH(to) do { \
	if (re->mark[to] != now) { \
		re->mark[to] = now; \
		re->stack[depth++] = (to); \
	} \
} while (0)

	PUSH(pc);
	while (depth) {
		const uint32_t i = re->stack[--depth];
		const struct regex_instr *in = &re->prog[i];
		const bool bound = is_word(at->before) != is_word(at->behind);

		++*steps;
		switch (in->op) {
		case RE_SPLIT:
			PUSH(in->y);
			PUSH(in->x);
			break;
		case RE_JUMP:
			PUSH(in->x);
			break;
		case RE_BEGIN:
			if (at->before == NONE)
				PUSH(i + 1);
			break;
		case RE_END:
			if (at->behind == NONE)
				PUSH(i + 1);
			break;
		case RE_BOUND:
			if (bound)
				PUSH(i + 1);
			break;
		case RE_NOT_BOUND:
			if (!bound)
				PUSH(i + 1);
			break;
		case RE_CHAR:
		case RE_ANY:
		case RE_CLASS:
		case RE_MATCH:
			list[n++] = i;
			break;
		}
	}
#undef PUSH
	return n;
}

static bool takes(const struct regex *re, const struct regex_instr *in,
		  uint32_t c)
{
	switch (in->op) {
	case RE_CHAR:
		return in->x == (re->no_case && c < 128 ? char_lower(c) : c);
	case RE_ANY:
		return c != '\n';
	case RE_CLASS:
		return class_has(&re->classes[in->x], c);
	default:
		return false;
	}
}

bool regex_match(const struct regex *re, const char *text, size_t len,
		 int64_t *left)
{
	struct place at = { NONE, NONE };
	uint32_t *now = re->now, *next = re->next, *spare;
	size_t n, count = 0, size = 0;
	bool matched = false;

	if (len)
		size = char_read(text, len, &at.behind);
	++*re->generation;
	n = add(re, now, 0, 0, &at, &count);

	while (len && n && (!left || *left >= (int64_t)count)) {
		size_t found = 0;

		at.before = at.behind;
		at.behind = NONE;
		text += size;
		len -= size;
		if (len)
			size = char_read(text, len, &at.behind);

		++*re->generation;
		for (size_t i = 0; i < n; i++) {
			count++;
			if (takes(re, &re->prog[now[i]], at.before))
				found = add(re, next, found, now[i] + 1, &at,
					    &count);
		}
		spare = now;
		now = next;
		next = spare;
		n = found;
	}
	for (size_t i = 0; !len && i < n; i++)
		if (re->prog[now[i]].op == RE_MATCH)
			matched = true;
	if (left)
		*left -= (int64_t)count;
	return matched;
}

void regex_free(struct regex *re)
{
	if (!re)
		return;
	for (size_t i = 0; i < re->class_count; i++)
		free(re->classes[i].ranges);
	free(re->classes);
	free(re->prog);
	free(re->stack);
	free(re->now);
	free(re->next);
	free(re->mark);
	free(re->generation);
	free(re);
}
