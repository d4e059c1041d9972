#include "literals.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "template.h"
#include "token.h"

#define DEPTH_MAX 512

struct frame {
	bool function;		/**< in a function, how deep ever            */
	bool said;		/**< its items are reactions                 */
	bool table;
	bool keyed;		/**< a table: this entry has a name          */
	bool arguments;		/**< parentheses of a call                   */
};

struct reader {
	const char *src;
	const struct token *tok;
	struct frame frames[DEPTH_MAX];
	size_t depth;
	bool said;		/**< of the statement: it is returned        */
};

/* Whether the word at `i` takes reactions: a function's name, or a method's
 * (call:react), and no field of anything else. */
static bool takes_reactions(const struct reader *r, size_t i)
{
	static const char *const words[] = { "a", "random" };
	static const char *const methods[] = {
		"elsewhen", "otherwise", "react",
	};
	const struct token *t = &r->tok[i];
	const int before = i ? r->tok[i - 1].type : TOKEN_END;

	if (t->type != TOKEN_NAME || before == '.')
		return false;
	if (before == ':') {
		for (size_t k = 0; k < sizeof(methods) / sizeof(*methods); k++)
			if (token_is(r->src, t, methods[k]))
				return true;
		return false;
	}
	for (size_t k = 0; k < sizeof(words) / sizeof(*words); k++)
		if (token_is(r->src, t, words[k]))
			return true;
	return false;
}

/* Whether what opens at `i` follows when(...) or elsewhen(...). */
static bool is_body(const struct reader *r, size_t i)
{
	size_t depth = 0;

	if (!i || r->tok[i - 1].type != ')')
		return false;
	for (size_t k = i; k-- > 0;) {
		const int type = r->tok[k].type;

		if (type == ')' || type == '}' || type == ']')
			depth++;
		else if ((type == '(' || type == '{' || type == '[') &&
			 !--depth)
			return k && (token_is(r->src, &r->tok[k - 1], "when")
				     || token_is(r->src, &r->tok[k - 1],
						 "elsewhen"));
	}
	return false;
}

/* Adds the literal if it has a template; -1: no memory. */
static int add(struct literals *l, const struct reader *r,
	       const struct token *t)
{
	struct literal *more, new = { t->at, t->len, t->line, NULL, 0 };

	new.text = token_string(r->src, t, &new.text_len);
	if (!new.text)
		return -1;
	if (!template_is(new.text, new.text_len)) {
		free(new.text);
		return 0;
	}
	more = realloc(l->list, (l->count + 1) * sizeof(*more));
	if (!more) {
		free(new.text);
		return -1;
	}
	l->list = more;
	l->list[l->count++] = new;
	return 0;
}

/* Whether the value at `i` is one of two, or the end of a text. */
static bool is_operand(const struct reader *r, size_t i)
{
	const struct token *t = &r->tok[i - 1];
	const char *s = r->src + t->at;

	return t->type == TOKEN_OPERATOR &&
		((t->len == 2 && (!memcmp(s, "..", 2) || !memcmp(s, "or", 2)))
		 || (t->len == 3 && !memcmp(s, "and", 3)));
}

/* Whether the literal at `i` is a reaction, or the first part of one. */
static bool is_said(const struct reader *r, size_t i)
{
	const struct frame *f = &r->frames[r->depth - 1];
	const int before = r->tok[i - 1].type;

	if (r->tok[i + 1].type == ':' || r->tok[i + 1].type == '.')
		return false;
	if (takes_reactions(r, i - 1))
		return true;
	if (is_operand(r, i))
		return f->table ? f->said && !f->keyed
			: f->said || (r->said && !f->arguments);
	if (f->table)
		return f->said && !f->keyed &&
			(before == '{' || before == ',' || before == ';');
	if (before == '(')
		return f->said;
	return before == TOKEN_RETURN;
}

static bool open_frame(struct reader *r, size_t i)
{
	const struct token *t = &r->tok[i];
	const struct frame *out = r->depth ? &r->frames[r->depth - 1] : NULL;
	struct frame *f;

	if (r->depth == DEPTH_MAX)
		return false;
	f = &r->frames[r->depth++];
	*f = (struct frame){ .function = out && out->function };
	if (t->type == TOKEN_OPEN) {
		if (t->len == 8)	/* function */
			f->function = true;
		return true;
	}
	f->table = t->type == '{';
	f->arguments = t->type != '{';
	if (t->type == '[' || !i)
		return true;
	f->arguments = t->type == '(' &&
		(r->tok[i - 1].type == TOKEN_NAME ||
		 r->tok[i - 1].type == ')' || r->tok[i - 1].type == ']');
	f->said = takes_reactions(r, i - 1);
	if (f->table && (r->tok[i - 1].type == TOKEN_RETURN || is_body(r, i)))
		f->said = true;
	/* a list in a list, or in the parentheses of call:react({ }) */
	if (f->table && out && out->said &&
	    (r->tok[i - 1].type == '(' || r->tok[i - 1].type == '{' ||
	     r->tok[i - 1].type == ',' || r->tok[i - 1].type == ';'))
		f->said = true;
	return true;
}

static void see(struct reader *r, size_t i)
{
	struct frame *f = r->depth ? &r->frames[r->depth - 1] : NULL;

	if (f && f->table) {
		if (r->tok[i].type == '=')
			f->keyed = true;
		else if (r->tok[i].type == ',' || r->tok[i].type == ';')
			f->keyed = false;
		return;
	}
	switch (r->tok[i].type) {
	case TOKEN_RETURN:
		r->said = true;
		break;
	case TOKEN_KEYWORD:
	case TOKEN_LOCAL:
	case TOKEN_OPEN:
	case TOKEN_CLOSE:
	case ';':
	case '=':
		r->said = false;
		break;
	}
}

int literals_find(struct literals *l, const char *source, size_t len)
{
	struct reader *r = calloc(1, sizeof(*r));
	struct token *tok = r ? tokens_read(source, len) : NULL;
	int rc = tok ? 0 : -1;

	if (tok) {
		r->src = source;
		r->tok = tok;
	}
	for (size_t i = 0; !rc && tok[i].type != TOKEN_END; i++) {
		see(r, i);
		switch (tok[i].type) {
		case '{':
		case '(':
		case '[':
		case TOKEN_OPEN:
			if (!open_frame(r, i))
				goto out;
			break;
		case '}':
		case ')':
		case ']':
		case TOKEN_CLOSE:
			if (r->depth)
				r->depth--;
			break;
		case TOKEN_STRING:
			if (r->depth && r->frames[r->depth - 1].function &&
			    is_said(r, i))
				rc = add(l, r, &tok[i]);
			break;
		}
	}
out:
	free(tok);
	free(r);
	return rc;
}

void literals_free(struct literals *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->list[i].text);
	free(l->list);
	*l = (struct literals){0};
}
