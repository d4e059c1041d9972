/**
 * @file match.h  Which state a query or an event reaches
 */
#ifndef TANDEM_LUA_MATCH_H
#define TANDEM_LUA_MATCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/bot.h"

struct pattern;
struct program;
struct state;

struct state *match_event(const struct program *prog,
			  const struct state *from, const char *event);

struct query {
	enum query_kind kind;
	const char *text;
	size_t len;
	uint64_t budget;	/**< steps it may take; 0: any number        */
};

struct heard {
	struct state *state;	/**< that it reaches, or NULL                */
	json_t *tree;		/**< call.parseTree, or NULL: nothing named  */
	uint64_t steps;		/**< what it cost                            */
	bool spent;		/**< no state, since the budget was spent    */
};

/** Whether a query may be held against this pattern at all. */
bool match_sees(const struct query *q, const struct pattern *p);

/** `h->tree` is the caller's. No state: none matches, or no memory. */
void match_query(const struct program *prog, const struct state *from,
		 const struct query *q, struct heard *h);

#endif
