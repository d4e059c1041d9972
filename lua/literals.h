/**
 * @file literals.h  Templates in the literals of functions
 *
 * What a bot file says outside of functions is looked at when it is loaded.
 * Inside of them only the source shows it: literals that are returned, or are
 * given to a, random, when, otherwise or call:react. Text that is made at run
 * time is nobody's template.
 */
#ifndef TANDEM_LUA_LITERALS_H
#define TANDEM_LUA_LITERALS_H

#include <stddef.h>

#include "core/problem.h"

/** Adds an error for each; 0, or -1: no memory. */
int literals_check(const char *file, const char *source, size_t len,
		   struct problems *p);

#endif
