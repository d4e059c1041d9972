/**
 * @file source_table.h  Tables that a source writes out, in functions too
 *
 * What `tandem check` reads of what a bot will do: a handler's reply, a switch,
 * a transfer is a table constructor with most of its values written out. What
 * is computed is known to be there, and no more.
 */
#ifndef TANDEM_SOURCE_TABLE_H
#define TANDEM_SOURCE_TABLE_H

#include <stdbool.h>
#include <stddef.h>

#include "token.h"

enum value_kind {
	VALUE_OTHER,		/**< computed                                */
	VALUE_TEXT,
	VALUE_NUMBER,
	VALUE_BOOLEAN,
	VALUE_TABLE,
};

struct source_value {
	char *key;		/**< NULL: an item, or a computed key        */
	int line;
	enum value_kind kind;
	char *text;		/**< TEXT: `len` bytes and a NUL             */
	size_t len;
	double number;
	bool on;
	const struct source_table *table;
};

struct source_table {
	struct source_table *next;	/**< of the source, any order        */
	int line;			/**< of its `{`                      */
	/** `word { }` and `word({ }`: token of the word, or SIZE_MAX */
	size_t word;
	struct source_value *values;
	size_t count;
	size_t room;
};

struct source_tables {
	const char *source;	/**< borrowed                                */
	struct token *tok;
	struct source_table *first;
};

/** Reads a source, also one that is no Lua; false: no memory. Free in both
 * cases with source_tables_free(). */
bool source_tables_read(struct source_tables *s, const char *source,
			size_t len);
void source_tables_free(struct source_tables *s);

/** Value by its key, the last one written, or NULL; `t` may be NULL. */
const struct source_value *source_value(const struct source_table *t,
					const char *key);
/** Whether it is this text; `v` may be NULL. */
bool source_value_is(const struct source_value *v, const char *text);

/** Whether `{` follows this word, which is no field or method of anything;
 * `method`: which is a method. */
bool source_table_of(const struct source_tables *s,
		     const struct source_table *t, const char *word,
		     bool method);

/** The text that word `i` is called with, `word "text"` or `word("text")`, as
 * its token, or SIZE_MAX. */
size_t source_argument(const struct source_tables *s, size_t i);

#endif
