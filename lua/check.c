#include "check.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "program.h"
#include "scan.h"
#include "shard.h"
#include "source_table.h"

const struct state *check_state_at(const struct check *c, const char *file,
				   int line)
{
	const struct state *in = NULL;

	/* The innermost: of those around the line it begins last. */
	for (size_t i = 0; i < c->prog->count; i++) {
		const struct state *st = c->prog->all[i];

		if (st->file && !strcmp(st->file, file) && st->scan &&
		    st->scan->line <= line && line <= st->scan->last &&
		    (!in || st->scan->line > in->scan->line ||
		     (st->scan->line == in->scan->line &&
		      st->parent == in)))
			in = st;
	}
	return in;
}

static void tell(const struct check *c, bool warning, const char *file,
		 int line, const struct state *st, const char *text)
{
	(warning ? problem_warn : problem_add)(c->p, file, line, "%s%s%s",
		st ? st->path : "", st ? ": " : "", text);
}

void check_tell(const struct check *c, bool warning, int line,
		const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tell(c, warning, c->src->path, line,
	     check_state_at(c, c->src->path, line), text);
}

void check_warn(const struct check *c, const struct state *st, int line,
		const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	tell(c, true, st->file, line, st, text);
}

void check_bot(struct check *c)
{
	struct source_tables tables;

	check_reach(c);
	check_triggers(c);
	for (c->src = c->bot->sources; c->src; c->src = c->src->next) {
		if (source_tables_read(&tables, c->src->text, c->src->len)) {
			c->tables = &tables;
			check_switches(c);
			check_files(c);
			check_words(c);
			check_globals(c);
		}
		source_tables_free(&tables);
	}
	c->tables = NULL;
}
