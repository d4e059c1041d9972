#include "source_table.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define DEPTH_MAX 512	/* Lua has 200 */

struct frame {
	struct source_table *table;	/**< NULL: another bracket, a block */
	size_t open;
	bool fresh;		/**< the next token starts an entry          */
	size_t value;		/**< token at which the entry's value starts */
};

static bool ends_value(int type)
{
	return type == ',' || type == ';' || type == '}';
}

/* The plain value at token `i`, if nothing is done with it. */
static bool read_value(struct source_value *v, const struct source_tables *s,
		       size_t i)
{
	const struct token *t = &s->tok[i];
	const bool minus = t->type == '-' && t[1].type == TOKEN_NUMBER;
	char number[64];

	t += minus;
	/* What Lua would not accept may end anywhere. */
	if (t->type == TOKEN_END || !ends_value(t[1].type))
		return true;
	switch (t->type) {
	case TOKEN_STRING:
		v->text = token_string(s->source, t, &v->len);
		v->kind = VALUE_TEXT;
		return v->text != NULL;
	case TOKEN_NUMBER:
		if (t->len >= sizeof(number))
			break;
		memcpy(number, s->source + t->at, t->len);
		number[t->len] = '\0';
		v->number = minus ? -strtod(number, NULL)
			: strtod(number, NULL);
		v->kind = VALUE_NUMBER;
		break;
	case TOKEN_VALUE:
		if (s->source[t->at] == 'n')
			break;	/* nil: as if it were not there */
		v->on = s->source[t->at] == 't';
		v->kind = VALUE_BOOLEAN;
		break;
	}
	return true;
}

static bool start_entry(struct source_tables *s, struct frame *f, size_t i)
{
	struct source_table *t = f->table;
	const struct token *tok = &s->tok[i];
	struct source_value *v;
	const struct token *name = NULL;
	size_t len;

	f->fresh = false;
	f->value = i;
	if (t->count == t->room) {
		const size_t room = t->room ? t->room * 2 : 4;

		v = realloc(t->values, room * sizeof(*v));
		if (!v)
			return false;
		t->values = v;
		t->room = room;
	}
	v = &t->values[t->count++];
	*v = (struct source_value){ .line = tok->line };
	if (tok->type == TOKEN_NAME && tok[1].type == '=') {
		f->value = i + 2;
		v->key = malloc(tok->len + 1);
		if (!v->key)
			return false;
		memcpy(v->key, s->source + tok->at, tok->len);
		v->key[tok->len] = '\0';
	} else if (tok->type == '[' && tok[1].type == TOKEN_STRING &&
		   tok[2].type == ']' && tok[3].type == '=') {
		f->value = i + 4;
		name = &tok[1];
	} else if (tok->type == '[') {
		f->value = SIZE_MAX;	/* computed: what it is is no matter */
		return true;
	}
	if (name) {
		v->key = token_string(s->source, name, &len);
		if (!v->key)
			return false;
	}
	return read_value(v, s, f->value);
}

static bool open_table(struct source_tables *s, struct frame *f, size_t i)
{
	struct source_table *t = calloc(1, sizeof(*t));

	if (!t)
		return false;
	t->line = s->tok[i].line;
	t->word = SIZE_MAX;
	if (i && s->tok[i - 1].type == TOKEN_NAME)
		t->word = i - 1;
	else if (i > 1 && s->tok[i - 1].type == '(' &&
		 s->tok[i - 2].type == TOKEN_NAME)
		t->word = i - 2;
	t->next = s->first;
	s->first = t;
	f->table = t;
	f->fresh = true;
	return true;
}

static bool walk(struct source_tables *s)
{
	struct frame frames[DEPTH_MAX];
	size_t depth = 0;

	for (size_t i = 0; s->tok[i].type != TOKEN_END; i++) {
		const int type = s->tok[i].type;
		struct frame *f = depth ? &frames[depth - 1] : NULL;

		if (f && f->table) {
			if (type == ',' || type == ';')
				f->fresh = true;
			else if (f->fresh && type != '}' &&
				 !start_entry(s, f, i))
				return false;
		}
		switch (type) {
		case '{':
		case '(':
		case '[':
		case TOKEN_OPEN:
			if (depth == DEPTH_MAX)
				return true;
			f = &frames[depth++];
			*f = (struct frame){ .open = i };
			if (type == '{' && !open_table(s, f, i))
				return false;
			break;
		case '}':
		case ')':
		case ']':
		case TOKEN_CLOSE:
			if (!depth)
				return true;
			depth--;
			if (!f->table || !depth || !f[-1].table ||
			    f[-1].value != f->open ||
			    !ends_value(s->tok[i + 1].type))
				break;
			f[-1].table->values[f[-1].table->count - 1].kind =
				VALUE_TABLE;
			f[-1].table->values[f[-1].table->count - 1].table =
				f->table;
			break;
		}
	}
	return true;
}

bool source_tables_read(struct source_tables *s, const char *source,
			size_t len)
{
	*s = (struct source_tables){ .source = source };
	s->tok = tokens_read(source, len);
	return s->tok && walk(s);
}

void source_tables_free(struct source_tables *s)
{
	while (s->first) {
		struct source_table *t = s->first;

		s->first = t->next;
		for (size_t i = 0; i < t->count; i++) {
			free(t->values[i].key);
			free(t->values[i].text);
		}
		free(t->values);
		free(t);
	}
	free(s->tok);
	s->tok = NULL;
}

const struct source_value *source_value(const struct source_table *t,
					const char *key)
{
	for (size_t i = t ? t->count : 0; i-- > 0;)
		if (t->values[i].key && !strcmp(t->values[i].key, key))
			return &t->values[i];
	return NULL;
}

bool source_value_is(const struct source_value *v, const char *text)
{
	return v && v->kind == VALUE_TEXT && !strcmp(v->text, text);
}

bool source_table_of(const struct source_tables *s,
		     const struct source_table *t, const char *word,
		     bool method)
{
	const size_t i = t->word;
	const int before = i != SIZE_MAX && i ? s->tok[i - 1].type : ';';

	return i != SIZE_MAX && token_is(s->source, &s->tok[i], word) &&
		(method ? before == ':' : before != ':' && before != '.');
}

size_t source_argument(const struct source_tables *s, size_t i)
{
	const struct token *t = &s->tok[i + 1];

	if (t->type == TOKEN_STRING)
		return i + 1;
	if (t->type == '(' && t[1].type == TOKEN_STRING && t[2].type == ')')
		return i + 2;
	return SIZE_MAX;
}
