/**
 * @file template.h  Texts with `{{ expression }}`: compiled at load
 *
 * Only literals of the bot's own files become templates. What one yields is
 * text and is never looked at again, so nothing that a customer says can get
 * to be code.
 */
#ifndef TANDEM_LUA_TEMPLATE_H
#define TANDEM_LUA_TEMPLATE_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>

struct problems;
struct run;
struct source;

/** Where a text stands. */
struct template_place {
	const char *file;
	int line;
};

/** Whether a text has a template in it. */
bool template_is(const char *text, size_t len);

/**
 * Compiles the text at `idx` and pushes a table, for template_expand(); or
 * pushes nothing and returns -1, with one line in `err`. Raises for want of
 * memory, and when the budget of loading is spent.
 */
int template_compile(lua_State *L, int idx, const struct template_place *at,
		     char *err, size_t size);

/** Puts the text that comes of it in the place of the compiled template on
 * top. Raises what its expressions raise. */
void template_expand(lua_State *L, struct run *run);

/** Registers what rewritten sources call; the environment is on top. */
void template_open(lua_State *L);

/**
 * Pushes the chunk of a source whose syntax is right. Literals in its
 * functions that are said stand compiled in their places. What is wrong with
 * one is added to `p`, without the state.
 */
void template_load(lua_State *L, const struct source *src,
		   const char *chunk, struct problems *p);

#endif
