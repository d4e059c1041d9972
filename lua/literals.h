/**
 * @file literals.h  Texts that are said, in the functions of a bot file
 *
 * Outside of functions a text with a template is found when its state is
 * built. Inside of them it would be an ordinary string: which of them are
 * reactions is seen in the source, by where they stand: returned, in a list
 * that is, or given to `a`, `random`, `when` or `call:react`.
 */
#ifndef TANDEM_LUA_LITERALS_H
#define TANDEM_LUA_LITERALS_H

#include <stddef.h>

/** One literal: where it stands in the source, and what it says. */
struct literal {
	size_t at;
	size_t len;
	int line;
	char *text;
	size_t text_len;
};

struct literals {
	struct literal *list;
	size_t count;
};

/** Finds those of `source` that hold a template; 0, or -1: no memory. */
int literals_find(struct literals *l, const char *source, size_t len);
void literals_free(struct literals *l);

#endif
