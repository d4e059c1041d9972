/**
 * @file action_i.h  Inside the validator: action.c and switch.c
 */
#ifndef TANDEM_ACTION_I_H
#define TANDEM_ACTION_I_H

#include "action.h"

/** Writes the one message; always UV_EINVAL. */
int action_fail(struct action_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

/** What a value is, for messages: "a string". */
const char *action_type_of(const json_t *v);

/**
 * Refuses what action_fields does not know or this version does not have.
 * `reply`: the map is a reply, whose `type` has brought it here.
 */
int action_check_fields(enum action_type type, json_t *map, bool reply,
			struct action_error *err);

/** A reply of `type` that is no switch; `reply` as above. */
int action_make_reply(struct action **ap, enum action_type type, json_t *map,
		      bool reply, struct action_error *err);

/** A switch of its fields; `reply` as above. */
int action_make_switch(struct action **ap, json_t *fields, bool reply,
		       const char *call, struct action_error *err);

/** RFC 3261 25.1: token, not empty. */
bool action_is_token(const char *s);

#endif
