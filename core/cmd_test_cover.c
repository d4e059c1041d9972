/* What `tandem test --coverage` says when all tests have run. */
#include <stdio.h>
#include <string.h>

#include "cmd_test.h"
#include "lua/coverage.h"

static const char *const kinds[COVER_KINDS] = {
	[COVER_STATE] = "states", [COVER_REACTION] = "reactions",
	[COVER_LINE] = "lines of functions",
};

/* The items of one file begin at `from`; returns where they end. */
static size_t summary(const struct coverage *c, size_t from)
{
	const char *file = coverage_item(c, from)->file;
	size_t there[COVER_KINDS] = { 0 }, reached[COVER_KINDS] = { 0 }, i;

	for (i = from; i < coverage_count(c); i++) {
		const struct cover_item *item = coverage_item(c, i);

		if (strcmp(item->file, file))
			break;
		there[item->kind]++;
		reached[item->kind] += item->hits > 0;
	}
	printf("# coverage of %s:", file);
	for (int k = 0; k < COVER_KINDS; k++)
		printf("%s %zu of %zu %s", k ? "," : "", reached[k], there[k],
		       kinds[k]);
	putchar('\n');
	return i;
}

static void missed(const struct cover_item *item)
{
	if (item->kind == COVER_STATE)
		printf("# %s:%d: state %s is never reached\n", item->file,
		       item->line, item->text);
	else
		printf("# %s:%d: %s: this %s never runs\n", item->file,
		       item->line, item->text, item->kind == COVER_LINE
		       ? "line" : "reaction");
}

void print_coverage(struct coverage *c)
{
	size_t i = 0, end;

	coverage_sort(c);
	while (i < coverage_count(c)) {
		int line = 0;

		for (end = summary(c, i); i < end; i++) {
			const struct cover_item *item = coverage_item(c, i);

			/* One thing about a line is enough. */
			if (item->hits || item->line == line)
				continue;
			missed(item);
			line = item->line;
		}
	}
}
