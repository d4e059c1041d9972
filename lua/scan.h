/**
 * @file scan.h  Where things stand in a Lua source
 *
 * Running a file gives its tables but not their lines, and of a key written
 * twice only the last. So the source is read once by a scanner of Lua's
 * tokens, which keeps the tree of table constructors below the file's last
 * `return`: each key and item with its line.
 */
#ifndef TANDEM_SCAN_H
#define TANDEM_SCAN_H

#include <stddef.h>

#include "core/problem.h"

struct scan;

/** One `{ ... }` of the source. */
struct scan_table {
	int line, last;			/**< of its `{` and `}`              */
	struct scan_entry *entries;	/**< in the order written            */
	size_t count;
};

struct scan_entry {
	char *key;			/**< name, or NULL: an array item (or a
					     computed key)                   */
	int index;			/**< array items: 1, 2, ...; else 0  */
	int line;			/**< where the entry starts          */
	struct scan_table *table;	/**< value is a constructor, or a call
					     with one as its only argument
					     (`when(f) { }`: the last one);
					     else NULL                       */
};

/**
 * Scans a source that Lua has already accepted. Keys written twice in one
 * table are added to `p` as errors. NULL: no memory.
 */
struct scan *scan_open(const char *file, const char *source, size_t len,
		       struct problems *p);
void scan_close(struct scan *s);

/** Constructor that the file returns (`return bot { ... }`, `return { ... }`,
 * or a local named in `return name`), or NULL. */
const struct scan_table *scan_root(const struct scan *s);

/** Entry by key or by array index, or NULL; `t` may be NULL. */
const struct scan_entry *scan_key(const struct scan_table *t,
				  const char *key);
const struct scan_entry *scan_item(const struct scan_table *t, int index);

#endif
