/**
 * @file template.c  Texts with `{{ expression }}`
 *
 * Compiled, a text is a table: its pieces in order, a string or a function
 * each, and behind a function which of the names below it reads. An
 * expression ends at the first `}}` that leaves a whole one before it, so
 * that it may hold braces and texts of its own.
 */
#include "template.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "callobject.h"
#include "core/problem.h"
#include "literals.h"
#include "meter.h"
#include "session.h"
#include "shard.h"
#include "token.h"

#define PIECES_MAX 200
#define COST 10			/* instructions, */
#define TEXT_BYTES 8		/* and bytes of text for one more */

/* What an expression sees besides the library: `call` and its parts. */
static const char *const names[] = {
	"call", "session", "client", "temp", "request", "parseTree",
};

#define NAMES (sizeof(names) / sizeof(*names))
#define HEAD "local call,session,client,temp,request,parseTree=...;return("

static const char list_key;

static const char *find(const char *s, size_t len, const char *two)
{
	for (size_t i = 0; i + 1 < len; i++)
		if (s[i] == two[0] && s[i + 1] == two[1])
			return s + i;
	return NULL;
}

bool template_is(const char *text, size_t len)
{
	const char *open = find(text, len, "{{");

	return open && find(open + 2, len - (size_t)(open + 2 - text), "}}");
}

/* ---- one expression ---- */

struct pieces {
	int lines;		/* breaks that come before all, so that the
				   expression stands in its own line */
	const char *text[3];
	size_t len[3];
	unsigned next;
};

static const char *read_piece(lua_State *L, void *arg, size_t *size)
{
	static const char breaks[] =
		"\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n\n";
	struct pieces *p = arg;
	const int most = (int)sizeof(breaks) - 1;

	(void)L;
	if (p->lines > 0) {
		*size = (size_t)(p->lines < most ? p->lines : most);
		p->lines -= (int)*size;
		return breaks;
	}
	while (p->next < 3 && !p->len[p->next])
		p->next++;
	if (p->next == 3)
		return NULL;
	*size = p->len[p->next];
	return p->text[p->next++];
}

/* Pushes a function, or the message. */
static bool load(lua_State *L, const char *head, const char *expr, size_t len,
		 const char *tail, const struct template_place *at)
{
	struct pieces p = {
		.lines = at->line - 1, .text = { head, expr, tail },
		.len = { strlen(head), len, strlen(tail) },
	};
	int rc;

	meter_charge(L, len * 4 + (uint64_t)at->line / 8 + 20);
	lua_pushfstring(L, "@%s", at->file);
	rc = lua_load(L, read_piece, &p, lua_tostring(L, -1), "t");
	lua_remove(L, -2);
	if (rc)
		meter_rethrow(L, rc);
	return !rc;
}

static int name_of(const char *src, const struct token *t)
{
	for (size_t k = 0; k < NAMES; k++)
		if (token_is(src, t, names[k]))
			return (int)k;
	return -1;
}

/* Whether the library has the word; the environment's table is on top. */
static bool is_word(lua_State *L, const char *src, const struct token *t)
{
	bool is;

	lua_pushlstring(L, src + t->at, t->len);
	is = lua_rawget(L, -2) != LUA_TNIL;
	lua_pop(L, 1);
	return is;
}

/* Pushes the table the bot's globals are in. */
static void push_words(lua_State *L)
{
	lua_rawgeti(L, LUA_REGISTRYINDEX, shard_of(L)->env);
	if (luaL_getmetafield(L, -1, "__index") == LUA_TTABLE)
		lua_remove(L, -2);
}

/* Which names the expression reads, as bits; -1: it reads one that is not
 * there, or (no message) there is no memory. */
static int reads(lua_State *L, const char *expr, size_t len, char *err,
		 size_t size)
{
	struct token *tok = tokens_read(expr, len);
	bool functions = false;
	int mask = 0, before = 0, k;

	*err = '\0';
	if (!tok)
		return -1;
	push_words(L);
	for (size_t i = 0; tok[i].type != TOKEN_END; i++)
		functions = functions || tok[i].type == TOKEN_OPEN;
	for (size_t i = 0; tok[i].type != TOKEN_END; i++) {
		const struct token *t = &tok[i];
		const bool free_name = t->type == TOKEN_NAME &&
			before != '.' && before != ':' && t[1].type != '=';

		before = t->type;
		if (!free_name)
			continue;
		k = name_of(expr, t);
		if (k >= 0) {
			mask |= 1 << k;
		} else if (!functions && !is_word(L, expr, t)) {
			snprintf(err, size, "template: '%.*s' is not defined; "
				 "it sees call, session, client, temp, "
				 "request, parseTree and the library",
				 t->len < 64 ? (int)t->len : 64,
				 expr + t->at);
			mask = -1;
			break;
		}
	}
	lua_pop(L, 1);
	free(tok);
	return mask;
}

static bool is_blank(const char *s, size_t len)
{
	while (len && strchr(" \t\r\n", *s))
		s++, len--;
	return !len;
}

/* Pushes the function of an expression, or the message. */
static bool whole(lua_State *L, const char *s, size_t len,
		  const struct template_place *at)
{
	bool done = load(L, HEAD, s, len, ")", at);

	/* It may end in a comment; else errors would be a line too far. */
	if (!done) {
		lua_pop(L, 1);
		done = load(L, HEAD, s, len, "\n)", at);
	}
	if (!done)
		return false;
	lua_rawgeti(L, LUA_REGISTRYINDEX, shard_of(L)->env);
	if (!lua_setupvalue(L, -2, 1))
		lua_pop(L, 1);		/* it reads no global */
	return true;
}

/* Pushes the function of the expression that begins at `s` and says how long
 * it is; 0, or -1 and a message. */
static int expression(lua_State *L, const char *s, size_t left, size_t *len,
		      const struct template_place *at, char *err, size_t size)
{
	const char *end = s;
	const char *what;

	*err = '\0';
	while ((end = find(end, left - (size_t)(end - s), "}}"))) {
		*len = (size_t)(end - s);
		if (is_blank(s, *len)) {
			snprintf(err, size, "template: nothing stands in "
				 "'{{ }}'");
			return -1;
		}
		/* First by itself, so that no parenthesis is closed. */
		if (load(L, "return ", s, *len, "\n", at)) {
			lua_pop(L, 1);
			if (whole(L, s, *len, at))
				return 0;
		}
		what = strchr(lua_tostring(L, -1), ':');
		what = what ? strchr(what + 1, ':') : NULL;
		if (!*err)
			snprintf(err, size, "template '{{%.*s}}':%s",
				 *len < 80 ? (int)*len : 80, s,
				 what ? what + 1 : " no expression");
		lua_pop(L, 1);
		end++;
	}
	if (!*err)
		snprintf(err, size, "template: '{{' without '}}'");
	/* Messages are one line. */
	for (char *p = err; *p; p++)
		if ((unsigned char)*p < ' ')
			*p = ' ';
	return -1;
}

/* ---- a whole text ---- */

int template_compile(lua_State *L, int idx, const struct template_place *at,
		     char *err, size_t size)
{
	size_t left, n, bytes;
	const char *s = lua_tolstring(L, idx, &left), *open;
	lua_Integer piece = 0;
	int mask;

	luaL_checkstack(L, 12, "out of stack");
	idx = lua_absindex(L, idx);
	lua_newtable(L);
	lua_pushvalue(L, idx);
	lua_setfield(L, -2, "text");
	lua_pushstring(L, at->file);
	lua_setfield(L, -2, "file");
	lua_pushinteger(L, at->line);
	lua_setfield(L, -2, "line");
	while ((open = find(s, left, "{{"))) {
		bytes = (size_t)(open - s);
		if (bytes) {
			lua_pushlstring(L, s, bytes);
			lua_rawseti(L, -2, ++piece);
		}
		s += bytes + 2;
		left -= bytes + 2;
		if (expression(L, s, left, &n, at, err, size))
			goto fail;
		lua_rawseti(L, -2, ++piece);
		mask = reads(L, s, n, err, size);
		if (mask < 0 && !*err)
			luaL_error(L, "no memory");
		if (mask < 0)
			goto fail;
		lua_pushinteger(L, mask);
		lua_rawseti(L, -2, ++piece);
		s += n + 2;
		left -= n + 2;
		if (piece > PIECES_MAX) {
			snprintf(err, size, "template: more than %d "
				 "expressions in one text", PIECES_MAX / 3);
			goto fail;
		}
	}
	if (left) {
		lua_pushlstring(L, s, left);
		lua_rawseti(L, -2, ++piece);
	}
	return 0;
fail:
	lua_pop(L, 1);
	return -1;
}

/* Makes text of the value on top. */
static void to_text(lua_State *L, int t)
{
	lua_Number n;
	lua_Integer i;

	switch (lua_type(L, -1)) {
	case LUA_TSTRING:
		return;
	case LUA_TNIL:
		lua_pushliteral(L, "");
		break;
	case LUA_TNUMBER:
		/* 3.0 is said as 3 */
		n = lua_tonumber(L, -1);
		if (!lua_isinteger(L, -1) && lua_numbertointeger(n, &i) &&
		    (lua_Number)i == n)
			lua_pushfstring(L, "%I", (LUAI_UACINT)i);
		else
			lua_pushstring(L, lua_tostring(L, -1));
		break;
	case LUA_TBOOLEAN:
		lua_pushstring(L, lua_toboolean(L, -1) ? "true" : "false");
		break;
	default:
		lua_getfield(L, t, "file");
		lua_getfield(L, t, "line");
		luaL_error(L, "%s:%d: template: a %s is no text",
			   lua_tostring(L, -2), (int)lua_tointeger(L, -1),
			   luaL_typename(L, -3));
	}
	lua_replace(L, -2);
}

/* Calls the function on top, which reads the names in `mask`. */
static void evaluate(lua_State *L, struct run *run, lua_Integer mask)
{
	const int call = lua_gettop(L) + 1;

	call_push(L, run);
	for (size_t k = 1; k < NAMES; k++) {
		if (mask & (1 << k))
			lua_getfield(L, call, names[k]);
		else
			lua_pushnil(L);
	}
	/* Without a continuation: nothing in it can wait. */
	lua_call(L, (int)NAMES, 1);
}

void template_expand(lua_State *L, struct run *run)
{
	const int t = lua_gettop(L);
	const lua_Integer n = (lua_Integer)lua_rawlen(L, t);
	lua_Integer mask;

	luaL_checkstack(L, (int)n + 16, "out of stack");
	meter_charge(L, COST);
	for (lua_Integer i = 1; i <= n; i++) {
		if (lua_rawgeti(L, t, i) != LUA_TFUNCTION)
			continue;
		lua_rawgeti(L, t, ++i);
		mask = lua_tointeger(L, -1);
		lua_pop(L, 1);
		evaluate(L, run, mask);
		to_text(L, t);
		meter_charge(L, lua_rawlen(L, -1) / TEXT_BYTES);
	}
	lua_concat(L, lua_gettop(L) - t);
	meter_charge(L, lua_rawlen(L, -1) / TEXT_BYTES);
	lua_replace(L, t);
}

/* ---- literals in functions ---- */

/* __template(n): the text of literal `n`. While the bot is loaded it is the
 * literal itself, which becomes a template where it is put. */
static int l_template(lua_State *L)
{
	struct shard *sh = shard_of(L);
	const lua_Integer n = luaL_checkinteger(L, 1);

	lua_settop(L, 0);
	lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key);
	if (lua_rawgeti(L, 1, n) != LUA_TTABLE)
		return luaL_error(L, "there is no such template");
	if (sh->run)
		template_expand(L, sh->run);
	else
		lua_getfield(L, -1, "text");
	return 1;
}

void template_open(lua_State *L)
{
	lua_newtable(L);
	lua_rawsetp(L, LUA_REGISTRYINDEX, &list_key);
	lua_pushcfunction(L, l_template);
	lua_setfield(L, -2, "__template");
}

/* Keeps literal `l` compiled, and returns its number; 0: it is wrong. */
static lua_Integer keep(lua_State *L, const struct source *src,
			const struct literal *l, struct problems *p)
{
	const struct template_place at = { src->path, l->line };
	lua_Integer n = 0;
	char err[256];

	lua_pushlstring(L, l->text, l->text_len);
	if (template_compile(L, -1, &at, err, sizeof(err))) {
		problem_add(p, src->path, l->line, "%s", err);
		lua_pop(L, 1);
		return 0;
	}
	lua_rawgetp(L, LUA_REGISTRYINDEX, &list_key);
	n = (lua_Integer)lua_rawlen(L, -1) + 1;
	lua_pushvalue(L, -2);
	lua_rawseti(L, -2, n);
	lua_pop(L, 3);
	return n;
}

/* Adds `__template(n)` with the line breaks of what it replaces. */
static void add_word(lua_State *L, luaL_Buffer *b, lua_Integer n,
		     const char *was, size_t len)
{
	char word[40];

	(void)L;
	snprintf(word, sizeof(word), "(__template(%lld)", (long long)n);
	luaL_addstring(b, word);
	for (size_t i = 0; i < len; i++)
		if (was[i] == '\n')
			luaL_addchar(b, '\n');
	luaL_addchar(b, ')');
}

/* The source with its literals replaced: pushes it. */
static void rewrite(lua_State *L, const struct source *src,
		    const lua_Integer *number)
{
	size_t at = 0;
	luaL_Buffer b;

	luaL_buffinit(L, &b);
	for (size_t i = 0; i < src->literals.count; i++) {
		const struct literal *l = &src->literals.list[i];

		if (!number[i])
			continue;
		luaL_addlstring(&b, src->text + at, l->at - at);
		add_word(L, &b, number[i], src->text + l->at, l->len);
		at = l->at + l->len;
	}
	luaL_addlstring(&b, src->text + at, src->len - at);
	luaL_pushresult(&b);
}

void template_load(lua_State *L, const struct source *src,
		   const char *chunk, struct problems *p)
{
	const size_t count = src->literals.count;
	lua_Integer *number;
	size_t len;
	const char *s;
	int rc;

	if (!count) {
		rc = luaL_loadbufferx(L, src->text, src->len, chunk, "t");
	} else {
		number = lua_newuserdatauv(L, count * sizeof(*number), 0);
		for (size_t i = 0; i < count; i++)
			number[i] = keep(L, src, &src->literals.list[i], p);
		rewrite(L, src, number);
		s = lua_tolstring(L, -1, &len);
		rc = luaL_loadbufferx(L, s, len, chunk, "t");
		lua_replace(L, -3);
		lua_pop(L, 1);
	}
	if (rc) {
		meter_rethrow(L, rc);
		lua_error(L);
	}
}
