#include <ctype.h>
#include <stdlib.h>

#include "fold.h"
#include "regex_program.h"

bool class_add(struct char_class *c, uint32_t first, uint32_t last)
{
	struct char_range *r;

	if (!(c->count & (c->count - 1)) || !c->count) {
		r = realloc(c->ranges,
			    (c->count ? c->count * 2 : 1) * sizeof(*r));
		if (!r)
			return false;
		c->ranges = r;
	}
	c->ranges[c->count++] = (struct char_range){ first, last };
	return true;
}

static const struct char_range digits[] = { { '0', '9' } };
static const struct char_range words[] = {
	{ '0', '9' }, { 'A', 'Z' }, { '_', '_' }, { 'a', 'z' },
};
static const struct char_range spaces[] = {
	{ '\t', '\r' }, { ' ', ' ' }, { 0xa0, 0xa0 }, { 0x2000, 0x200a },
	{ 0x2028, 0x2029 }, { 0x202f, 0x202f }, { 0x205f, 0x205f },
	{ 0x3000, 0x3000 }, { 0xfeff, 0xfeff },
};

bool class_add_set(struct char_class *c, char letter)
{
	const struct char_range *set = digits;
	size_t n = sizeof(digits) / sizeof(*digits);
	uint32_t from = 0;

	if (tolower((unsigned char)letter) == 'w') {
		set = words;
		n = sizeof(words) / sizeof(*words);
	} else if (tolower((unsigned char)letter) == 's') {
		set = spaces;
		n = sizeof(spaces) / sizeof(*spaces);
	}

	for (size_t i = 0; i < n; i++) {
		if (islower((unsigned char)letter)) {
			if (!class_add(c, set[i].first, set[i].last))
				return false;
			continue;
		}
		if (set[i].first > from &&
		    !class_add(c, from, set[i].first - 1))
			return false;
		from = set[i].last + 1;
	}
	return islower((unsigned char)letter) ||
	       class_add(c, from, CHAR_LAST);
}

static int by_first(const void *a, const void *b)
{
	const struct char_range *x = a, *y = b;

	return x->first < y->first ? -1 : x->first > y->first;
}

/* Letters of a range in the other case too. */
static bool add_cases(struct char_class *c)
{
	const size_t n = c->count;

	for (size_t i = 0; i < n; i++) {
		for (uint32_t ch = 'A'; ch <= 'Z'; ch++) {
			const struct char_range r = c->ranges[i];
			const bool upper = r.first <= ch && ch <= r.last;
			const bool lower = r.first <= ch + 32 &&
					   ch + 32 <= r.last;

			if (upper && !lower &&
			    !class_add(c, ch + 32, ch + 32))
				return false;
			if (lower && !upper && !class_add(c, ch, ch))
				return false;
		}
	}
	return true;
}

bool class_finish(struct char_class *c, bool no_case, bool invert)
{
	struct char_class out = { 0 };
	uint32_t from = 0;
	size_t n = 0;

	if (no_case && !add_cases(c))
		return false;
	if (c->count)
		qsort(c->ranges, c->count, sizeof(*c->ranges), by_first);
	for (size_t i = 0; i < c->count; i++) {
		const struct char_range r = c->ranges[i];

		if (n && r.first <= c->ranges[n - 1].last + 1) {
			if (r.last > c->ranges[n - 1].last)
				c->ranges[n - 1].last = r.last;
		} else {
			c->ranges[n++] = r;
		}
	}
	c->count = n;

	for (size_t i = 0; invert && i < n; i++) {
		if (c->ranges[i].first > from &&
		    !class_add(&out, from, c->ranges[i].first - 1)) {
			free(out.ranges);
			return false;
		}
		from = c->ranges[i].last + 1;
	}
	if (invert) {
		if (from <= CHAR_LAST && !class_add(&out, from, CHAR_LAST)) {
			free(out.ranges);
			return false;
		}
		free(c->ranges);
		*c = out;
	}
	for (size_t i = 0; i < c->count; i++)
		for (uint32_t ch = c->ranges[i].first;
		     ch <= c->ranges[i].last && ch < 128; ch++)
			c->ascii[ch / 64] |= UINT64_C(1) << (ch % 64);
	return true;
}
