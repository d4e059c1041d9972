/**
 * @file words.h  Every word of the language a bot is written in: one table
 *
 * For an editor's completion and for luacheck. A test holds it against what a
 * bot finds in its environment; the fields of a switch come from the table
 * that validates them (core/action.h), events from bot_events.h.
 */
#ifndef TANDEM_LUA_WORDS_H
#define TANDEM_LUA_WORDS_H

#include <stdio.h>

struct word {
	const char *of;		/**< class, or NULL: a global                */
	const char *name;
	/** Parameters as in "text: string, timeout?: number"; NULL: no
	 * function, and `type` is the word's own. */
	const char *args;
	const char *type;	/**< LuaCATS type it returns, or is          */
	const char *doc;
};

/** Ends with a name that is NULL. */
extern const struct word words[];
/** Words of the tests beside a bot; `test` and what it is given. */
extern const struct word test_words[];

/** LuaCATS annotations of all of it. */
void words_types(FILE *f);
/** Configuration of luacheck for a folder of bots. */
void words_luacheck(FILE *f);

#endif
