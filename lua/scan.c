#include "scan.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "token.h"

/* Lua itself refuses more than 200 levels, and 200 locals in a function. */
#define DEPTH_MAX 512
#define LOCALS_MAX 200

struct node {
	struct scan_table t;
	struct node *next;
	size_t room;
	int items;
};

enum frame_kind {
	IN_TABLE,	/**< { } */
	IN_PARENS,	/**< ( ) */
	IN_INDEX,	/**< [ ] */
	IN_BLOCK,	/**< function, do, if or repeat until its end */
};

struct frame {
	enum frame_kind kind;
	struct node *table;
	size_t open;		/**< its first token                        */
	bool fresh;		/**< a table: the next token starts an entry */
	bool entry;		/**< a table: its last entry is under way   */
};

struct local {
	char *name;
	struct node *table;
};

struct scan {
	struct node *nodes;	/**< every constructor; owns them           */
	struct node *root;
};

/* What is read at the file's top level, outside of every bracket. */
enum statement { OTHER, LOCAL, RETURN };

struct scanner {
	struct scan *s;
	const char *file;
	const char *src;
	struct problems *p;
	struct token *tok;
	struct frame frames[DEPTH_MAX];
	size_t depth;
	struct local locals[LOCALS_MAX];
	size_t local_count;
	enum statement statement;
	char *name;		/**< LOCAL: of what                         */
	struct node *value;	/**< last constructor of the statement      */
	bool no_memory;
};

static char *copy(struct scanner *sc, const struct token *t)
{
	char *name = malloc(t->len + 1);

	if (!name) {
		sc->no_memory = true;
		return NULL;
	}
	memcpy(name, sc->src + t->at, t->len);
	name[t->len] = '\0';
	return name;
}

static struct local *find_local(struct scanner *sc, const struct token *t)
{
	for (size_t i = 0; i < sc->local_count; i++)
		if (token_is(sc->src, t, sc->locals[i].name))
			return &sc->locals[i];
	return NULL;
}

/* From here on the name is something else, or not known. */
static void forget(struct scanner *sc, const struct token *t)
{
	struct local *l = find_local(sc, t);

	if (!l)
		return;
	free(l->name);
	*l = sc->locals[--sc->local_count];
}

static void end_statement(struct scanner *sc)
{
	if (sc->statement == RETURN)
		sc->s->root = sc->value;
	if (sc->statement == LOCAL && sc->value && sc->name &&
	    sc->local_count < LOCALS_MAX) {
		sc->locals[sc->local_count].name = sc->name;
		sc->locals[sc->local_count++].table = sc->value;
		sc->name = NULL;
	}
	free(sc->name);
	sc->name = NULL;
	sc->value = NULL;
	sc->statement = OTHER;
}

/* `local NAME =` and `local NAME <const> =`; others are not followed. */
static void start_local(struct scanner *sc, size_t i)
{
	const struct token *t = &sc->tok[i + 1];
	size_t n = 2;

	if (t->type != TOKEN_NAME)
		return;
	forget(sc, t);
	if (sc->tok[i + 2].type == '<' && sc->tok[i + 3].type == TOKEN_NAME &&
	    sc->tok[i + 4].type == '>')
		n = 5;
	if (sc->tok[i + n].type != '=')
		return;
	sc->name = copy(sc, t);
	sc->statement = LOCAL;
}

static bool ends_value(int type)
{
	return type == ',' || type == ';' || type == '}' ||
	       type == TOKEN_END;
}

/* `return name`, `key = name`, a list's `name`: the table it was given. */
static struct node *named(struct scanner *sc, size_t i)
{
	struct local *l;

	if (sc->tok[i].type != TOKEN_NAME ||
	    !ends_value(sc->tok[i + 1].type))
		return NULL;
	l = find_local(sc, &sc->tok[i]);
	return l ? l->table : NULL;
}

static bool is_operand(int type)
{
	switch (type) {
	case TOKEN_NAME:
	case TOKEN_STRING:
	case TOKEN_NUMBER:
	case TOKEN_VALUE:
	case TOKEN_DOTS:
	case TOKEN_CLOSE:
	case ')':
	case ']':
	case '}':
		return true;
	}
	return false;
}

static void top_level(struct scanner *sc, size_t i)
{
	const struct token *t = &sc->tok[i];
	const int before = i ? sc->tok[i - 1].type : ';';

	switch (t->type) {
	case TOKEN_LOCAL:
		end_statement(sc);
		start_local(sc, i);
		break;
	case TOKEN_RETURN:
		end_statement(sc);
		sc->statement = RETURN;
		sc->value = named(sc, i + 1);
		break;
	case TOKEN_NAME:
	case TOKEN_OPEN:
		/* Two operands side by side are two statements. */
		if (is_operand(before))
			end_statement(sc);
		break;
	case TOKEN_KEYWORD:
	case ';':
		end_statement(sc);
		break;
	}
}

/* The entry's key, if written out: `name =` or `["name"] =`. */
static char *entry_key(struct scanner *sc, size_t i)
{
	const struct token *t = &sc->tok[i];
	size_t len;
	char *key;

	if (t->type == TOKEN_NAME)
		return copy(sc, t);
	if (t[1].type != TOKEN_STRING || t[2].type != ']' ||
	    t[3].type != '=')
		return NULL;

	key = token_string(sc->src, &t[1], &len);
	if (!key) {
		sc->no_memory = true;
	} else if (strlen(key) != len) {
		free(key);	/* has a NUL: not one that we could name */
		key = NULL;
	}
	return key;
}

static void start_entry(struct scanner *sc, struct frame *f, size_t i)
{
	struct node *n = f->table;
	const struct token *t = &sc->tok[i];
	struct scan_entry *e;
	const bool keyed = t->type == TOKEN_NAME && t[1].type == '=';
	const bool computed = t->type == '[';

	if (n->t.count == n->room) {
		const size_t room = n->room ? n->room * 2 : 4;

		e = realloc(n->t.entries, room * sizeof(*e));
		if (!e) {
			sc->no_memory = true;
			return;
		}
		n->t.entries = e;
		n->room = room;
	}

	e = &n->t.entries[n->t.count++];
	memset(e, 0, sizeof(*e));
	e->line = t->line;
	f->fresh = false;
	f->entry = true;
	if (keyed || computed)
		e->key = entry_key(sc, i);
	else
		e->index = ++n->items;

	if (keyed)
		i += 2;
	else if (e->key)
		i += 4;
	else if (computed)
		return;
	n = named(sc, i);
	e->table = n ? &n->t : NULL;
}

static bool open_frame(struct scanner *sc, enum frame_kind kind, size_t i)
{
	struct frame *f;
	struct node *n;

	if (sc->depth == DEPTH_MAX)
		return false;
	f = &sc->frames[sc->depth++];
	memset(f, 0, sizeof(*f));
	f->kind = kind;
	f->open = i;
	if (kind != IN_TABLE)
		return true;

	n = calloc(1, sizeof(*n));
	if (!n) {
		sc->no_memory = true;
		sc->depth--;
		return false;
	}
	n->t.line = sc->tok[i].line;
	n->next = sc->s->nodes;
	sc->s->nodes = n;
	f->table = n;
	f->fresh = true;
	return true;
}

static int by_key(const void *a, const void *b)
{
	const struct scan_entry *const *x = a, *const *y = b;
	const int d = strcmp((*x)->key, (*y)->key);

	if (d)
		return d;
	return *x < *y ? -1 : *x > *y;
}

/* Lua keeps the last of two equal keys and says nothing. */
static void check_keys(struct scanner *sc, const struct scan_table *t)
{
	const struct scan_entry **keys, *first = NULL;
	size_t n = 0;

	keys = malloc((t->count + 1) * sizeof(*keys));
	if (!keys) {
		sc->no_memory = true;
		return;
	}
	for (size_t i = 0; i < t->count; i++)
		if (t->entries[i].key)
			keys[n++] = &t->entries[i];
	if (n)
		qsort(keys, n, sizeof(*keys), by_key);

	for (size_t i = 0; i < n; i++) {
		if (!first || strcmp(first->key, keys[i]->key)) {
			first = keys[i];
			continue;
		}
		problem_add(sc->p, sc->file, keys[i]->line,
			    "key '%s' is written twice in this table "
			    "(first in line %d)", first->key, first->line);
	}
	free(keys);
}

/*
 * A finished constructor is the value of the entry or statement around it,
 * also in parentheses that hold nothing else, as in bot({ ... }).
 */
static void close_table(struct scanner *sc, struct node *n, size_t open,
			size_t i)
{
	size_t d = sc->depth;

	n->t.last = sc->tok[i].line;
	check_keys(sc, &n->t);
	while (d && sc->frames[d - 1].kind == IN_PARENS &&
	       sc->frames[d - 1].open + 1 == open &&
	       sc->tok[i + 1].type == ')') {
		open--;
		i++;
		d--;
	}

	if (!d) {
		sc->value = n;
	} else if (sc->frames[d - 1].entry) {
		struct scan_table *t = &sc->frames[d - 1].table->t;

		t->entries[t->count - 1].table = &n->t;
	}
}

/* Lua has paired the brackets; in what it would not accept any pair ends. */
static void close_frame(struct scanner *sc, size_t i)
{
	struct frame f;

	if (!sc->depth)
		return;
	f = sc->frames[--sc->depth];
	if (f.kind == IN_TABLE)
		close_table(sc, f.table, f.open, i);
}

static bool step(struct scanner *sc, size_t i)
{
	const int type = sc->tok[i].type;
	struct frame *f = sc->depth ? &sc->frames[sc->depth - 1] : NULL;

	if (!f) {
		top_level(sc, i);
	} else if (f->kind == IN_TABLE) {
		if (type == ',' || type == ';') {
			f->fresh = true;
			f->entry = false;
		} else if (f->fresh && type != '}') {
			start_entry(sc, f, i);
		}
	}
	/* A local assigned anew is no longer what it was given first. */
	if (type == TOKEN_NAME && sc->tok[i + 1].type == '=' &&
	    (!f || f->kind == IN_BLOCK) &&
	    (!i || (sc->tok[i - 1].type != TOKEN_LOCAL &&
		    sc->tok[i - 1].type != '.')))
		forget(sc, &sc->tok[i]);

	switch (type) {
	case '{':
		return open_frame(sc, IN_TABLE, i);
	case '(':
		return open_frame(sc, IN_PARENS, i);
	case '[':
		return open_frame(sc, IN_INDEX, i);
	case TOKEN_OPEN:
		return open_frame(sc, IN_BLOCK, i);
	case '}':
	case ')':
	case ']':
	case TOKEN_CLOSE:
		close_frame(sc, i);
	}
	return true;
}

struct scan *scan_open(const char *file, const char *source, size_t len,
		       struct problems *p)
{
	struct scanner *sc = calloc(1, sizeof(*sc));
	struct scan *s = calloc(1, sizeof(*s));
	bool failed = true;

	if (!sc || !s)
		goto out;
	sc->s = s;
	sc->file = file;
	sc->src = source;
	sc->p = p;
	sc->tok = tokens_read(source, len);
	if (!sc->tok)
		goto out;

	for (size_t i = 0; sc->tok[i].type != TOKEN_END; i++)
		if (!step(sc, i) || sc->no_memory)
			break;
	end_statement(sc);
	failed = sc->no_memory;
out:
	if (sc) {
		for (size_t i = 0; i < sc->local_count; i++)
			free(sc->locals[i].name);
		free(sc->name);
		free(sc->tok);
	}
	free(sc);
	if (failed) {
		scan_close(s);
		return NULL;
	}
	return s;
}

void scan_close(struct scan *s)
{
	while (s && s->nodes) {
		struct node *n = s->nodes;

		s->nodes = n->next;
		for (size_t i = 0; i < n->t.count; i++)
			free(n->t.entries[i].key);
		free(n->t.entries);
		free(n);
	}
	free(s);
}

const struct scan_table *scan_root(const struct scan *s)
{
	return s->root ? &s->root->t : NULL;
}

const struct scan_entry *scan_key(const struct scan_table *t, const char *key)
{
	/* From the end: of a key written twice Lua keeps the last. */
	for (size_t i = t ? t->count : 0; i-- > 0;)
		if (t->entries[i].key && !strcmp(t->entries[i].key, key))
			return &t->entries[i];
	return NULL;
}

const struct scan_entry *scan_item(const struct scan_table *t, int index)
{
	for (size_t i = 0; t && i < t->count; i++)
		if (t->entries[i].index == index && index > 0)
			return &t->entries[i];
	return NULL;
}
