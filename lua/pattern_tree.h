/**
 * @file pattern_tree.h  A pattern as it is written: what the parser makes
 */
#ifndef TANDEM_PATTERN_TREE_H
#define TANDEM_PATTERN_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define TREE_NONE (-1)
#define TREE_DEPTH_MAX 64	/* of brackets, and of names in names */
#define TREE_ORDER_MAX 10	/* items of an `{any order}` */

enum tree_kind {
	TREE_WORD,
	TREE_STEM,
	TREE_ANY,	/**< `*`                                     */
	TREE_SEQUENCE,
	TREE_CHOICE,	/**< `(a|b)`                                 */
	TREE_OPTION,	/**< `[a|b]`                                 */
	TREE_ORDER,	/**< `{a b}`                                 */
	TREE_NAME,	/**< `$Name`                                 */
};

struct tree_node {
	enum tree_kind kind;
	int child;		/**< first one                               */
	int next;		/**< sibling                                 */
	size_t text, len;	/**< of the folded word, or the name         */
	size_t at;		/**< byte of the source, from 1 on           */
};

struct pattern_tree {
	struct tree_node *nodes;
	int count, room;
	int root;
	char *text;
	size_t used;
	const char *regex;	/**< in the source: then there are no nodes  */
	size_t regex_len;
};

/** Parses; false and one line in `err`. What `*t` holds is then, too, to be
 * given to pattern_tree_close(). */
bool pattern_tree_open(struct pattern_tree *t, const char *source, char *err,
		       size_t size);
void pattern_tree_close(struct pattern_tree *t);

#endif
