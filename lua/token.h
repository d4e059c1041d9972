/**
 * @file token.h  Tokens of a Lua 5.4 source
 *
 * The whole source is read into one array, so that a reader may look ahead.
 * Any bytes may come in: what is no Lua ends the array early.
 */
#ifndef TANDEM_TOKEN_H
#define TANDEM_TOKEN_H

#include <stdbool.h>
#include <stddef.h>

/** A symbol of one character is its own type. */
enum token_type {
	TOKEN_END = 0,		/**< of the source, or of what is Lua in it  */
	TOKEN_NAME = 256,
	TOKEN_STRING,
	TOKEN_NUMBER,
	TOKEN_OPERATOR,		/**< of several characters, or and/or/not    */
	TOKEN_DOTS,		/**< `...`                                   */
	TOKEN_VALUE,		/**< nil, true, false                        */
	TOKEN_OPEN,		/**< function, do, if, repeat                */
	TOKEN_CLOSE,		/**< end, until                              */
	TOKEN_LOCAL,
	TOKEN_RETURN,
	TOKEN_KEYWORD,		/**< every other one                         */
};

struct token {
	int type;
	int line;
	size_t at;		/**< offset and length in the source         */
	size_t len;
};

/** Tokens of `source`, the last one TOKEN_END; NULL: no memory. */
struct token *tokens_read(const char *source, size_t len);

/**
 * What a TOKEN_STRING means, escapes resolved, or NULL: no memory. Its length
 * is in `*len`, since it may contain NUL.
 */
char *token_string(const char *source, const struct token *t, size_t *len);

/** Whether a TOKEN_NAME of `source` is `name`. */
bool token_is(const char *source, const struct token *t, const char *name);

#endif
