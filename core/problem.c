#include "problem.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PROBLEMS_MAX 100
#define WORD_MAX 64

static char *format(const char *fmt, va_list ap)
{
	va_list again;
	char *text = NULL;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n >= 0)
		text = malloc((size_t)n + 1);
	if (text)
		vsnprintf(text, (size_t)n + 1, fmt, ap);
	return text;
}

/* Where the next problem goes: an error may take the place of the last
 * warning, so that a file full of warnings still says why it was refused. */
static struct problem *place(struct problems *p, bool warning)
{
	struct problem *list;

	if (p->count < PROBLEMS_MAX) {
		list = realloc(p->list, (p->count + 1) * sizeof(*list));
		if (!list)
			return NULL;
		p->list = list;
		return &list[p->count++];
	}

	for (size_t i = p->count; !warning && i-- > 0;) {
		if (!p->list[i].warning)
			continue;
		free(p->list[i].file);
		free(p->list[i].text);
		return &p->list[i];
	}
	return NULL;
}

static void add(struct problems *p, const char *file, int line, bool warning,
		const char *fmt, va_list ap)
{
	struct problem *pr;
	char *text;
	char *name;

	if (!warning)
		p->errors++;

	text = format(fmt, ap);
	name = strdup(file ? file : "");
	pr = text && name ? place(p, warning) : NULL;
	if (!pr) {
		free(text);
		free(name);
		return;
	}

	pr->file = name;
	pr->line = line;
	pr->warning = warning;
	pr->text = text;
}

void problem_add(struct problems *p, const char *file, int line,
		 const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(p, file, line, false, fmt, ap);
	va_end(ap);
}

void problem_warn(struct problems *p, const char *file, int line,
		  const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	add(p, file, line, true, fmt, ap);
	va_end(ap);
}

const char *problem_text(const struct problems *p, size_t i, char *buf,
			 size_t size)
{
	const struct problem *pr;
	char at[16] = "";

	if (!size)
		return buf;
	buf[0] = '\0';
	if (i >= p->count)
		return buf;

	pr = &p->list[i];
	if (pr->line > 0)
		snprintf(at, sizeof(at), "%d:", pr->line);
	snprintf(buf, size, "%s%s%s%s%s%s", pr->file, *pr->file ? ":" : "",
		 at, *pr->file || *at ? " " : "",
		 pr->warning ? "warning: " : "", pr->text);

	/* A problem is one line, whatever names it quotes. */
	for (char *c = buf; *c; c++)
		if (iscntrl((unsigned char)*c))
			*c = ' ';
	return buf;
}

void problems_free(struct problems *p)
{
	for (size_t i = 0; i < p->count; i++) {
		free(p->list[i].file);
		free(p->list[i].text);
	}
	free(p->list);
	memset(p, 0, sizeof(*p));
}

static size_t min3(size_t a, size_t b, size_t c)
{
	if (b < a)
		a = b;
	return c < a ? c : a;
}

/* Edit distance with swapped neighbours as one edit, case ignored. */
static size_t distance(const char *a, size_t na, const char *b, size_t nb)
{
	size_t row[3][WORD_MAX + 1];
	size_t *before = row[0], *last = row[1], *now = row[2], *spare;

	for (size_t j = 0; j <= nb; j++)
		last[j] = j;
	for (size_t i = 1; i <= na; i++) {
		now[0] = i;
		for (size_t j = 1; j <= nb; j++) {
			const int x = tolower((unsigned char)a[i - 1]);
			const int y = tolower((unsigned char)b[j - 1]);

			now[j] = min3(last[j] + 1, now[j - 1] + 1,
				      last[j - 1] + (x != y));
			if (i < 2 || j < 2)
				continue;
			if (x == tolower((unsigned char)b[j - 2]) &&
			    y == tolower((unsigned char)a[i - 2]))
				now[j] = min3(now[j], now[j],
					      before[j - 2] + 1);
		}
		spare = before;
		before = last;
		last = now;
		now = spare;
	}
	return last[nb];
}

const char *nearest_word(const char *word, const char *const *words)
{
	const size_t n = strlen(word);
	const char *best = NULL;
	size_t least = SIZE_MAX;

	if (n > WORD_MAX)
		return NULL;
	for (; *words; words++) {
		const size_t len = strlen(*words);
		size_t d;

		if (len > WORD_MAX)
			continue;
		d = distance(word, n, *words, len);
		/* A third of the letters wrong is another word. */
		if (d > (len > n ? len : n) / 3 || d >= least)
			continue;
		least = d;
		best = *words;
	}
	return best;
}
