/**
 * @file coverage.h  Which parts of bots have been reached, for `tandem test`
 *
 * What there is, is noted when a bot is loaded; what runs, when it runs. One
 * coverage outlives many loads of the same files and adds them up.
 */
#ifndef TANDEM_LUA_COVERAGE_H
#define TANDEM_LUA_COVERAGE_H

#include <stddef.h>

struct coverage;
struct scripting;

enum cover_kind {
	COVER_STATE,	/**< a state was entered: text is its path         */
	COVER_REACTION,	/**< an item of a list ran: text is its state      */
	COVER_LINE,	/**< a line of a function ran: likewise            */
	COVER_KINDS
};

struct cover_item {
	enum cover_kind kind;
	char *file;
	int line;
	char *text;
	unsigned long hits;
};

struct coverage *coverage_new(void);
void coverage_free(struct coverage *c);

/** From now on what `sc` loads and runs is covered. */
void coverage_watch(struct coverage *c, struct scripting *sc);

/** Sorts the items by file, line and kind. */
void coverage_sort(struct coverage *c);
size_t coverage_count(const struct coverage *c);
const struct cover_item *coverage_item(const struct coverage *c, size_t i);

#endif
