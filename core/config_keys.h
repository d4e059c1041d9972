/**
 * @file config_keys.h  The table of config keys, and the check against it
 *
 * A row is a key's path, its type, default, range, whether this version has
 * it, and what it is for. A name that the operator chooses is `*` in a path.
 */
#ifndef TANDEM_CONFIG_KEYS_H
#define TANDEM_CONFIG_KEYS_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "config.h"

enum key_type {
	KEY_TABLE,	/**< with keys of this table                     */
	KEY_MAP,	/**< with keys that the operator chooses         */
	KEY_LIST,	/**< of strings                                  */
	KEY_STRING,
	KEY_NUMBER,	/**< a telephone number: string or whole number  */
	KEY_WORD,	/**< one of the row's words                      */
	KEY_BOOL,
	KEY_COUNT,	/**< whole number in the row's range             */
	KEY_DURATION,	/**< range in ms                                 */
	KEY_SIZE,	/**< range in bytes                              */
	KEY_RANGE,	/**< two whole numbers in the row's range        */
	KEY_ANY,	/**< of a shape this version does not look at    */
};

struct config_key {
	const char *path;
	enum key_type type;
	bool built;		/**< false: only its default is accepted     */
	const char *def;	/**< as JSON; NULL: nil                      */
	uint64_t min, max;
	const char *words;	/**< "a|b|!c": c is not built                */
	const char *doc;
};

extern const struct config_key config_keys[];
extern const size_t config_key_count;

/** Where problems of one config go. */
struct config_check {
	const char *file;
	config_line_h *line;
	void *arg;
	struct problems *p;
};

/** Adds an error as `file:line: path: text`. */
void config_problem(const struct config_check *ck, const char *path,
		    const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/** Checks keys, types, ranges and what is not built, in the whole tree. */
void config_check_tree(const struct config_check *ck, json_t *tree);

/**
 * Value of the row's key in its table, or the row's default; a new reference,
 * NULL if it is nil, or with `*no_memory` set if there is none for it.
 */
json_t *config_value(json_t *table, const char *row, bool *no_memory);

/** Not there, or null. */
bool is_nil(const json_t *v);

#endif
