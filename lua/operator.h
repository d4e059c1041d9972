/**
 * @file operator.h  TransferCallToOperator: a switch with states to go to
 */
#ifndef TANDEM_LUA_OPERATOR_H
#define TANDEM_LUA_OPERATOR_H

#include <jansson.h>
#include <stdbool.h>

#include "core/action.h"

struct program;
struct session_lua;
struct state;

#define OPERATOR_WORD "TransferCallToOperator"

/** Where its outcome leads; none of them: no such transfer. */
struct operator_states {
	struct state *then;	/**< after success; NULL: the call ends     */
	struct state *timeout;	/**< nobody answered in time                */
	struct state *error;	/**< any other failure                      */
};

/**
 * Makes a switch of its fields and says where its outcome leads. Paths are
 * resolved in state `from`. 0, or UV_EINVAL and a message.
 */
int operator_parse(struct action **ap, json_t *fields,
		   const struct program *prog, const struct state *from,
		   const char *call, struct operator_states *o,
		   struct action_error *err);

/** The state that takes the outcome the session has; NULL: none. */
struct state *operator_state(const struct session_lua *s);

#endif
