/**
 * @file stack_guard.h  A bound of Lua's stacks, as their allocator sees it
 *
 * Lua's own bound, a million values, is too far away: a table whose __call is
 * the table itself moves the whole stack up by one place each time, in one
 * instruction, and nothing but the allocator is asked meanwhile. It has to
 * tell stacks from other blocks: they grow by a new block of twice the values
 * with the same few spare ones, and give the old one back at once.
 */
#ifndef TANDEM_LUA_STACK_GUARD_H
#define TANDEM_LUA_STACK_GUARD_H

#include <stdbool.h>
#include <stddef.h>

#define STACK_SIZES 32

struct stack_guard {
	size_t fresh;			/**< block made just now, or 0   */
	size_t sizes[STACK_SIZES];	/**< of large stacks, once each  */
	unsigned count;
	bool full;			/**< there were still more       */
};

/** Whether this is a stack that grows beyond its bound. Sizes as a lua_Alloc
 * gets them; `old`: there is a block already. */
bool stack_guard_refuses(const struct stack_guard *g, bool old,
			 size_t osize, size_t nsize);
/** Sees what the allocator has done. */
void stack_guard_note(struct stack_guard *g, bool old, size_t osize,
		      size_t nsize);

#endif
