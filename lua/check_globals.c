/*
 * Names that functions use and nobody has declared: they are read when a
 * handler gets there, and fail then. A name that the source declares anywhere
 * is taken to be good everywhere, so that scopes need not be known.
 */
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "source_table.h"
#include "words.h"

#define NAMES_MAX 4096
#define KNOWN_MAX 128

struct names {
	const struct token *list[NAMES_MAX];
	size_t count;
	bool too_many;
};

static const char *const library[] = {
	"_VERSION", "assert", "coroutine", "error", "getmetatable", "ipairs",
	"load", "math", "next", "os", "pairs", "pcall", "rawequal", "rawget",
	"rawlen", "rawset", "require", "select", "setmetatable", "string",
	"table", "tonumber", "tostring", "type", "utf8", "xpcall", NULL
};

static bool is_text(const char *source, const struct token *t,
		    const char *text)
{
	return t->len == strlen(text) &&
		!memcmp(source + t->at, text, t->len);
}

static void declare(struct names *n, const struct token *t)
{
	if (n->count == NAMES_MAX)
		n->too_many = true;
	else
		n->list[n->count++] = t;
}

/* `a, b <const>`: every name up to what ends such a list. */
static void declare_list(struct names *n, const struct token *t)
{
	for (; t->type == TOKEN_NAME || t->type == ',' || t->type == '<' ||
	     t->type == '>'; t++)
		if (t->type == TOKEN_NAME)
			declare(n, t);
		else if (t->type == '>' && t[1].type != ',')
			return;
}

/* `function name.of:it(a, b)`. */
static void declare_function(struct names *n, const struct token *t)
{
	for (; t->type == TOKEN_NAME || t->type == '.' || t->type == ':'; t++)
		if (t->type == TOKEN_NAME)
			declare(n, t);
	if (t->type == '(')
		declare_list(n, t + 1);
}

static void declared(struct names *n, const struct source_tables *s)
{
	for (const struct token *t = s->tok; t->type != TOKEN_END; t++)
		if (t->type == TOKEN_LOCAL ||
		    (t->type == TOKEN_KEYWORD && is_text(s->source, t, "for")))
			declare_list(n, t + 1);
		else if (t->type == TOKEN_OPEN &&
			 is_text(s->source, t, "function"))
			declare_function(n, t + 1);
}

static bool is_declared(const struct names *n, const char *source,
			const struct token *t)
{
	for (size_t i = 0; i < n->count; i++)
		if (n->list[i]->len == t->len &&
		    !memcmp(source + n->list[i]->at, source + t->at, t->len))
			return true;
	return false;
}

/* A name that is read here, as far as one token to either side tells. */
static bool is_read(const struct source_tables *s, const struct token *t)
{
	const struct token *before = t - 1;

	if (t->type != TOKEN_NAME || t[1].type == '=')
		return false;
	return t == s->tok || !(before->type == '.' || before->type == ':' ||
				is_text(s->source, before, "::") ||
				is_text(s->source, before, "goto"));
}

static void check_name(const struct check *c, const struct token *t)
{
	const char *known[KNOWN_MAX], *near;
	char name[64];
	size_t n = 0;

	if (t->len >= sizeof(name))
		return;
	memcpy(name, c->tables->source + t->at, t->len);
	name[t->len] = '\0';
	for (size_t i = 0; library[i]; i++)
		known[n++] = library[i];
	for (const struct word *w = words; w->name && n + 1 < KNOWN_MAX; w++)
		if (!w->of)
			known[n++] = w->name;
	known[n] = NULL;
	for (size_t i = 0; i < n; i++)
		if (!strcmp(known[i], name))
			return;
	near = nearest_word(name, known);
	check_tell(c, true, t->line, "'%s' is not defined%s%s%s", name,
		   near ? "; did you mean '" : "", near ? near : "",
		   near ? "'?" : "");
}

void check_globals(struct check *c)
{
	struct names *n = calloc(1, sizeof(*n));
	const struct token *t;

	if (!n)
		return;
	declared(n, c->tables);
	for (t = c->tables->tok; t->type != TOKEN_END; t++)
		if (t->type == TOKEN_NAME &&
		    is_text(c->tables->source, t, "_ENV"))
			n->too_many = true;	/* nothing is known */
	for (t = c->tables->tok; !n->too_many && t->type != TOKEN_END; t++)
		if (is_read(c->tables, t) &&
		    !is_declared(n, c->tables->source, t))
			check_name(c, t);
	free(n);
}
