/*
 * States that nothing leads to: neither a trigger that is ever asked, nor a
 * path that is written down somewhere else. Where paths are computed nothing
 * can be said, and nothing is.
 */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "program.h"
#include "scan.h"
#include "shard.h"
#include "source_table.h"

#define EDGES_MAX 200000

struct edge { uint32_t from, to; };

struct node {
	bool reached;
	bool below;		/**< it, or a state below it, is reached     */
	bool asked;		/**< the same, with queries passing up to it */
	bool told;
};

struct graph {
	struct check *c;
	struct node *nodes;	/**< in the order of prog->all               */
	struct edge *edges;
	size_t edge_count, edge_room;
	bool computed;		/**< somewhere a path is                     */
	bool no_memory;
};

static int by_path(const void *a, const void *b)
{
	const struct state *x = *(struct state *const *)a;
	const struct state *y = *(struct state *const *)b;

	return strcmp(x->path, y->path);
}

static struct node *node_of(const struct graph *r, const struct state *st)
{
	const struct program *prog = r->c->prog;
	struct state **hit = bsearch(&st, prog->all, prog->count,
				     sizeof(*prog->all), by_path);

	return &r->nodes[hit - prog->all];
}

static void leads(struct graph *r, const struct state *from,
		  const struct state *to)
{
	if (!from) {
		node_of(r, to)->reached = true;
		return;
	}
	if (from == to)
		return;
	if (r->edge_count == r->edge_room) {
		const size_t room = r->edge_room ? r->edge_room * 2 : 256;
		struct edge *more = room > EDGES_MAX ? NULL :
			realloc(r->edges, room * sizeof(*more));

		if (!more) {
			r->no_memory = true;
			return;
		}
		r->edges = more;
		r->edge_room = room;
	}
	r->edges[r->edge_count++] = (struct edge){
		(uint32_t)(node_of(r, from) - r->nodes),
		(uint32_t)(node_of(r, to) - r->nodes),
	};
}

/* A path that stands at token `i`; `named`: it surely is one. */
static void path_at(struct graph *r, const struct source_tables *s,
		    const char *file, size_t i, bool named)
{
	const struct token *t = &s->tok[i];
	const struct state *from, *to;
	size_t len;
	char *path;

	if (!named && s->source[t->at] != '[' &&
	    s->source[t->at + 1] != '/')
		return;
	path = token_string(s->source, t, &len);
	if (!path) {
		r->no_memory = true;
		return;
	}
	from = check_state_at(r->c, file, t->line);
	if (*path == '/') {
		to = program_find(r->c->prog, r->c->prog->root, path);
		if (to)
			leads(r, from, to);
	} else if (named && from) {
		to = program_find(r->c->prog, from, path);
		if (to)
			leads(r, from, to);
	} else if (named) {
		r->computed = true;	/* relative to who calls this */
	}
	free(path);
}

static bool is_word(const struct source_tables *s, size_t i,
		    const char *const *words)
{
	for (; *words; words++)
		if (token_is(s->source, &s->tok[i], *words))
			return true;
	return false;
}

/* Every path of a source that is written out. */
static void paths(struct graph *r, const struct source_tables *s,
		  const char *file)
{
	static const char *const jumps[] = { "enter", "go", NULL };
	static const char *const keys[] = {
		"state", "thenState", "timeoutState", "errorState", NULL
	};

	for (size_t i = 0; s->tok[i].type != TOKEN_END; i++) {
		const int before = i ? s->tok[i - 1].type : ';';
		const int after = s->tok[i + 1].type;

		if (s->tok[i].type == TOKEN_STRING)
			path_at(r, s, file, i, false);
		if (s->tok[i].type != TOKEN_NAME || before == '.' ||
		    before == ':')
			continue;
		if (is_word(s, i, jumps) && after != '=') {
			const size_t at = source_argument(s, i);

			if (at == SIZE_MAX)
				r->computed = true;
			else
				path_at(r, s, file, at, true);
		} else if (is_word(s, i, keys) && after == '=' &&
			   (before == '{' || before == ',' ||
			    before == ';')) {
			if (s->tok[i + 2].type == TOKEN_STRING)
				path_at(r, s, file, i + 2, true);
			else
				r->computed = true;
		}
	}
}

static bool has(const struct state *st, bool event)
{
	for (size_t i = 0; i < st->trigger_count; i++)
		if ((st->triggers[i].kind == TRIGGER_EVENT) == event)
			return true;
	return false;
}

static bool is_global(const struct state *st)
{
	for (size_t i = 0; i < st->trigger_count; i++)
		if (st->triggers[i].global)
			return true;
	return false;
}

/* Whether its triggers are asked from some state that is reached. */
static bool is_asked(const struct graph *r, const struct state *st)
{
	const struct node *parent = st->parent ? node_of(r, st->parent)
		: NULL;

	return !parent || is_global(st) || (has(st, true) && parent->below) ||
		(has(st, false) && parent->asked);
}

/* From a state that is reached, those above it can be asked. */
static void mark(struct graph *r, const struct state *st)
{
	bool queries = true;

	node_of(r, st)->reached = true;
	for (const struct state *up = st; up; up = up->parent) {
		struct node *n = node_of(r, up);

		n->below = true;
		n->asked = n->asked || queries;
		/* Queries of a modal state go to it and its children alone. */
		queries = !st->modal;
	}
}

static void spread(struct graph *r)
{
	const struct program *prog = r->c->prog;
	bool more = true;

	for (size_t i = 0; i < prog->count; i++)
		if (r->nodes[i].reached)
			mark(r, prog->all[i]);
	while (more) {
		more = false;
		for (size_t i = 0; i < prog->count; i++)
			if (!r->nodes[i].reached &&
			    is_asked(r, prog->all[i])) {
				mark(r, prog->all[i]);
				more = true;
			}
		for (size_t i = 0; i < r->edge_count; i++)
			if (r->nodes[r->edges[i].from].reached &&
			    !r->nodes[r->edges[i].to].reached) {
				mark(r, prog->all[r->edges[i].to]);
				more = true;
			}
	}
}

static void tell(struct graph *r, const struct state *st)
{
	struct node *n = node_of(r, st);
	const bool group = st->list < 0 && !st->trigger_count &&
		st->child_count;

	/* A parent comes before its children in the order of paths. */
	if (n->reached || (group && n->below))
		return;
	n->told = true;
	if (st->parent && node_of(r, st->parent)->told)
		return;
	check_warn(r->c, st, st->line, "nothing leads to this state: no "
		   "trigger that is ever asked, and no reaction names it");
}

void check_reach(struct check *c)
{
	const struct program *prog = c->prog;
	struct graph r = { .c = c };

	r.nodes = calloc(prog->count, sizeof(*r.nodes));
	if (!r.nodes)
		return;
	for (const struct source *src = c->bot->sources; src;
	     src = src->next) {
		struct source_tables s;

		if (source_tables_read(&s, src->text, src->len))
			paths(&r, &s, src->path);
		else
			r.no_memory = true;
		source_tables_free(&s);
	}
	if (!r.computed && !r.no_memory) {
		node_of(&r, prog->root)->reached = true;
		spread(&r);
		for (size_t i = 0; i < prog->count; i++)
			tell(&r, prog->all[i]);
	}
	free(r.edges);
	free(r.nodes);
}
