#include "pattern_samples.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 8
#define STRANGE "xqzyw"		/* no word of any pattern */

struct set {
	char text[SAMPLES_MAX][SAMPLE_BYTES];
	size_t count;
};

struct reader {
	const char *p;
	unsigned depth;
	bool failed;
};

static bool add(struct set *s, const char *a, const char *b)
{
	const char *space = *a && *b ? " " : "";

	if (s->count == SAMPLES_MAX ||
	    (size_t)snprintf(s->text[s->count], SAMPLE_BYTES, "%s%s%s", a,
			     space, b) >= SAMPLE_BYTES)
		return false;
	s->count++;
	return true;
}

/* Each of `a` with each of `b` behind it, in `a`. */
static bool join(struct set *a, const struct set *b)
{
	struct set *both = calloc(1, sizeof(*both));
	bool fits = both != NULL;

	for (size_t i = 0; fits && i < a->count; i++)
		for (size_t k = 0; fits && k < b->count; k++)
			fits = add(both, a->text[i], b->text[k]);
	if (fits)
		*a = *both;
	free(both);
	return fits;
}

static bool alternatives(struct reader *r, struct set *out, char close);

static bool word(struct reader *r, struct set *out)
{
	char text[SAMPLE_BYTES];
	size_t n = 0;

	while (isalnum((unsigned char)*r->p) || *r->p == '\'' ||
	       *r->p == '-' || (unsigned char)*r->p >= 0x80) {
		if (n + 1 == sizeof(text))
			return false;
		text[n++] = *r->p++;
	}
	text[n] = '\0';
	if (!n || !add(out, text, ""))
		return false;
	if (*r->p != '*')
		return true;
	/* a stem: with an end, too */
	r->p++;
	if (n + sizeof(STRANGE) > sizeof(text))
		return false;
	strcpy(text + n, STRANGE);
	return add(out, text, "");
}

static bool item(struct reader *r, struct set *out)
{
	switch (*r->p) {
	case '[':
		r->p++;
		return alternatives(r, out, ']') && add(out, "", "");
	case '(':
		r->p++;
		return alternatives(r, out, ')');
	case '*':
		r->p++;
		return add(out, "", "") && add(out, STRANGE, "");
	default:
		return word(r, out);
	}
}

/* One after the other, up to what ends them. */
static bool sequence(struct reader *r, struct set *out)
{
	struct set *one = calloc(1, sizeof(*one));
	bool ok = one && add(out, "", "");

	while (ok) {
		while (*r->p == ' ')
			r->p++;
		if (!*r->p || strchr("|/)]", *r->p))
			break;
		one->count = 0;
		ok = item(r, one) && join(out, one);
	}
	free(one);
	return ok;
}

static bool alternatives(struct reader *r, struct set *out, char close)
{
	struct set *one = calloc(1, sizeof(*one));
	bool ok = one && ++r->depth <= DEPTH_MAX;

	while (ok) {
		one->count = 0;
		ok = sequence(r, one);
		for (size_t i = 0; ok && i < one->count; i++)
			ok = add(out, one->text[i], "");
		if (!ok || (*r->p != '|' && *r->p != '/'))
			break;
		r->p++;
	}
	free(one);
	r->depth--;
	if (!ok || *r->p != close)
		return false;
	r->p += close != '\0';
	return true;
}

bool samples_of(struct samples *s, const char *pattern)
{
	struct reader r = { .p = pattern };
	struct set *all = calloc(1, sizeof(*all));
	bool ok;

	*s = (struct samples){ 0 };
	ok = all && alternatives(&r, all, '\0');
	if (ok)
		s->text = calloc(all->count, sizeof(*s->text));
	/* Nobody says nothing. */
	for (size_t i = 0; s->text && i < all->count; i++)
		if (*all->text[i])
			memcpy(s->text[s->count++], all->text[i],
			       SAMPLE_BYTES);
	free(all);
	if (s->count)
		return true;
	samples_free(s);
	return false;
}

void samples_free(struct samples *s)
{
	free(s->text);
	*s = (struct samples){ 0 };
}
