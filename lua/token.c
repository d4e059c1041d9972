#include "token.h"

#include <ctype.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

struct lexer {
	const char *src;
	size_t len;
	size_t at;
	int line;
};

static const struct {
	const char *word;
	enum token_type type;
} keywords[] = {
	{ "and", TOKEN_OPERATOR },
	{ "break", TOKEN_KEYWORD },
	{ "do", TOKEN_OPEN },
	{ "else", TOKEN_KEYWORD },
	{ "elseif", TOKEN_KEYWORD },
	{ "end", TOKEN_CLOSE },
	{ "false", TOKEN_VALUE },
	{ "for", TOKEN_KEYWORD },
	{ "function", TOKEN_OPEN },
	{ "goto", TOKEN_KEYWORD },
	{ "if", TOKEN_OPEN },
	{ "in", TOKEN_KEYWORD },
	{ "local", TOKEN_LOCAL },
	{ "nil", TOKEN_VALUE },
	{ "not", TOKEN_OPERATOR },
	{ "or", TOKEN_OPERATOR },
	{ "repeat", TOKEN_OPEN },
	{ "return", TOKEN_RETURN },
	{ "then", TOKEN_KEYWORD },
	{ "true", TOKEN_VALUE },
	{ "until", TOKEN_CLOSE },
	{ "while", TOKEN_KEYWORD },
};

/* The n-th byte from here, or 0 behind the end. */
static unsigned char peek(const struct lexer *lx, size_t n)
{
	return n < lx->len - lx->at ? (unsigned char)lx->src[lx->at + n] : 0;
}

static bool at_end(const struct lexer *lx)
{
	return lx->at >= lx->len;
}

static bool is_newline(unsigned char c)
{
	return c == '\n' || c == '\r';
}

/* CR LF and LF CR are one line end, as in Lua. */
static void newline(struct lexer *lx)
{
	const unsigned char c = peek(lx, 0);

	lx->at++;
	if (is_newline(peek(lx, 0)) && peek(lx, 0) != c)
		lx->at++;
	if (lx->line < INT_MAX)
		lx->line++;
}

static void skip_line(struct lexer *lx)
{
	while (!at_end(lx) && !is_newline(peek(lx, 0)))
		lx->at++;
}

/* Level of a long bracket `[`, `=`..., `[` that starts here, or -1. */
static int long_level(const struct lexer *lx)
{
	size_t n = 1;

	if (peek(lx, 0) != '[')
		return -1;
	while (peek(lx, n) == '=')
		n++;
	return peek(lx, n) == '[' && n < INT_MAX ? (int)n - 1 : -1;
}

/* Reads a long string or comment; false: it never ends. */
static bool read_long(struct lexer *lx, int level)
{
	lx->at += (size_t)level + 2;
	while (!at_end(lx)) {
		size_t n = 1;

		if (is_newline(peek(lx, 0))) {
			newline(lx);
			continue;
		}
		if (peek(lx, 0) != ']') {
			lx->at++;
			continue;
		}
		while (peek(lx, n) == '=')
			n++;
		if (peek(lx, n) == ']' && n == (size_t)level + 1) {
			lx->at += n + 1;
			return true;
		}
		lx->at += n;	/* a `]` right behind may start the real end */
	}
	return false;
}

static bool read_quoted(struct lexer *lx)
{
	const unsigned char quote = peek(lx, 0);

	lx->at++;
	while (!at_end(lx)) {
		const unsigned char c = peek(lx, 0);

		if (c == quote) {
			lx->at++;
			return true;
		}
		if (is_newline(c))
			return false;
		lx->at++;
		if (c != '\\' || at_end(lx))
			continue;
		if (peek(lx, 0) == 'z') {
			lx->at++;
			while (!at_end(lx) && isspace(peek(lx, 0))) {
				if (is_newline(peek(lx, 0)))
					newline(lx);
				else
					lx->at++;
			}
		} else if (is_newline(peek(lx, 0))) {
			newline(lx);
		} else {
			lx->at++;	/* \x, \d and \u go on as plain text */
		}
	}
	return false;
}

/* As generous as Lua's: whether it is a number was Lua's to say. */
static void read_number(struct lexer *lx)
{
	const bool hex = peek(lx, 0) == '0' &&
			 (peek(lx, 1) == 'x' || peek(lx, 1) == 'X');

	while (!at_end(lx)) {
		const unsigned char c = peek(lx, 0);
		const bool exponent = hex ? c == 'p' || c == 'P'
					  : c == 'e' || c == 'E';

		if (!isalnum(c) && c != '.')
			break;
		lx->at++;
		if (exponent && (peek(lx, 0) == '+' || peek(lx, 0) == '-'))
			lx->at++;
	}
}

static int word_type(const char *word, size_t len)
{
	for (size_t i = 0; i < sizeof(keywords) / sizeof(*keywords); i++)
		if (strlen(keywords[i].word) == len &&
		    !memcmp(keywords[i].word, word, len))
			return keywords[i].type;
	return TOKEN_NAME;
}

static int read_symbol(struct lexer *lx)
{
	static const char *const pairs[] = {
		"==", "~=", "<=", ">=", "//", "::", "<<", ">>", "..",
	};
	const unsigned char c = peek(lx, 0);

	if (c == '.' && peek(lx, 1) == '.' && peek(lx, 2) == '.') {
		lx->at += 3;
		return TOKEN_DOTS;
	}
	for (size_t i = 0; i < sizeof(pairs) / sizeof(*pairs); i++) {
		if (c != (unsigned char)pairs[i][0] ||
		    peek(lx, 1) != (unsigned char)pairs[i][1])
			continue;
		lx->at += 2;
		return TOKEN_OPERATOR;
	}
	lx->at++;
	return c && strchr("+-*/%^#&~|<>=(){}[];:,.", c) ? c : TOKEN_END;
}

static void skip_blank(struct lexer *lx)
{
	while (!at_end(lx)) {
		const unsigned char c = peek(lx, 0);

		if (is_newline(c)) {
			newline(lx);
		} else if (isspace(c)) {
			lx->at++;
		} else if (c == '-' && peek(lx, 1) == '-') {
			int level;

			lx->at += 2;
			level = long_level(lx);
			if (level < 0)
				skip_line(lx);
			else
				read_long(lx, level);
		} else {
			return;
		}
	}
}

static void next(struct lexer *lx, struct token *t)
{
	unsigned char c;

	skip_blank(lx);
	t->at = lx->at;
	t->line = lx->line;
	t->type = TOKEN_END;
	t->len = 0;
	if (at_end(lx))
		return;

	c = peek(lx, 0);
	if (isalpha(c) || c == '_') {
		while (isalnum(peek(lx, 0)) || peek(lx, 0) == '_')
			lx->at++;
		t->type = word_type(lx->src + t->at, lx->at - t->at);
	} else if (isdigit(c) || (c == '.' && isdigit(peek(lx, 1)))) {
		read_number(lx);
		t->type = TOKEN_NUMBER;
	} else if (c == '"' || c == '\'') {
		t->type = read_quoted(lx) ? TOKEN_STRING : TOKEN_END;
	} else if (long_level(lx) >= 0) {
		t->type = read_long(lx, long_level(lx)) ? TOKEN_STRING
							: TOKEN_END;
	} else {
		t->type = read_symbol(lx);
	}
	t->len = lx->at - t->at;
}

struct token *tokens_read(const char *source, size_t len)
{
	struct lexer lx = { .src = source, .len = len, .line = 1 };
	struct token *list = NULL;
	size_t count = 0, room = 0;

	/* What luaL_loadfile() skips: a byte order mark, a first line `#...` */
	if (len >= 3 && !memcmp(source, "\xef\xbb\xbf", 3))
		lx.at = 3;
	if (peek(&lx, 0) == '#')
		skip_line(&lx);

	do {
		if (count == room) {
			struct token *more;

			room = room ? room * 2 : 256;
			more = realloc(list, room * sizeof(*list));
			if (!more) {
				free(list);
				return NULL;
			}
			list = more;
		}
		next(&lx, &list[count]);
	} while (list[count++].type != TOKEN_END);
	return list;
}

static unsigned hex_digit(unsigned char c)
{
	if (isdigit(c))
		return c - '0';
	return (unsigned)(tolower(c) - 'a') + 10;
}

/* UTF-8 of up to 31 bits, as Lua writes \u{}. */
static size_t put_utf8(char *out, uint32_t cp)
{
	unsigned more = 1;

	if (cp < 0x80) {
		out[0] = (char)cp;
		return 1;
	}
	while (more < 5 && cp >> (5 * more + 6))
		more++;
	out[0] = (char)((0xffu << (7 - more) & 0xff) | cp >> (6 * more));
	for (unsigned i = 1; i <= more; i++)
		out[i] = (char)(0x80 | (cp >> (6 * (more - i)) & 0x3f));
	return more + 1;
}

/* One escape behind its backslash; never writes more than it read. */
static size_t unescape(struct lexer *lx, char *out)
{
	static const char from[] = "abfnrtv";
	static const char to[] = "\a\b\f\n\r\t\v";
	const unsigned char c = peek(lx, 0);
	const char *known;
	uint32_t cp = 0;

	if (is_newline(c)) {
		newline(lx);
		out[0] = '\n';
		return 1;
	}
	if (c == 'z') {
		lx->at++;
		while (!at_end(lx) && isspace(peek(lx, 0)))
			lx->at++;
		return 0;
	}
	if (c == 'x') {
		lx->at++;
		for (int i = 0; i < 2 && isxdigit(peek(lx, 0)); i++, lx->at++)
			cp = cp * 16 + hex_digit(peek(lx, 0));
		out[0] = (char)cp;
		return 1;
	}
	if (c == 'u' && peek(lx, 1) == '{') {
		lx->at += 2;
		for (; isxdigit(peek(lx, 0)); lx->at++)
			if (cp < 0x08000000)
				cp = cp * 16 + hex_digit(peek(lx, 0));
		if (peek(lx, 0) == '}')
			lx->at++;
		return put_utf8(out, cp);
	}
	if (isdigit(c)) {
		for (int i = 0; i < 3 && isdigit(peek(lx, 0)); i++, lx->at++)
			cp = cp * 10 + (peek(lx, 0) - '0');
		out[0] = (char)cp;
		return 1;
	}
	if (at_end(lx))
		return 0;
	lx->at++;
	known = c ? strchr(from, c) : NULL;
	out[0] = known ? to[known - from] : (char)c;
	return 1;
}

char *token_string(const char *source, const struct token *t, size_t *len)
{
	struct lexer lx = { .src = source + t->at, .len = t->len, .line = 1 };
	const int level = long_level(&lx);
	/* \u{7FFFFFFF} is 6 bytes from 12, \u{} one from 4: it never grows,
	 * but for one cut off by the end of a token. */
	char *out = malloc(t->len + 8);
	size_t n = 0;

	if (!out)
		return NULL;

	if (level >= 0) {
		lx.at = (size_t)level + 2;
		lx.len -= (size_t)level + 2;
		if (!at_end(&lx) && is_newline(peek(&lx, 0)))
			newline(&lx);
	} else {
		lx.at = 1;
		lx.len--;
	}
	while (!at_end(&lx)) {
		const unsigned char c = peek(&lx, 0);

		if (is_newline(c)) {
			newline(&lx);
			out[n++] = '\n';
			continue;
		}
		lx.at++;
		if (c == '\\' && level < 0)
			n += unescape(&lx, out + n);
		else
			out[n++] = (char)c;
	}
	out[n] = '\0';
	*len = n;
	return out;
}

bool token_is(const char *source, const struct token *t, const char *name)
{
	return t->type == TOKEN_NAME && strlen(name) == t->len &&
	       !memcmp(source + t->at, name, t->len);
}
