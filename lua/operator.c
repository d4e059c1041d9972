/**
 * @file operator.c  TransferCallToOperator
 *
 * The platform's action: an ordinary switch that keeps the customer after a
 * failure, and after success if there is a state for that, and whose outcome
 * leads to states instead of raising an event. Empty values mean unset.
 */
#include "operator.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/problem.h"
#include "program.h"
#include "session.h"

static const char *const words[] = {
	"phoneNumber", "thenState", "timeout", "timeoutState", "errorState",
	NULL
};

static int fail(struct action_error *err, const char *what, const char *name,
		const char *end)
{
	snprintf(err->text, sizeof(err->text), OPERATOR_WORD ": %s'%.100s'%s",
		 what, name, end);
	return UV_EINVAL;
}

static bool is_unset(const json_t *v)
{
	return !v || json_is_null(v) ||
		(json_is_string(v) && !json_string_length(v));
}

static int check_fields(json_t *fields, struct action_error *err)
{
	const char *name, *near;
	char end[64];
	json_t *v;

	json_object_foreach(fields, name, v) {
		bool known = !strcmp(name, "type");

		for (size_t i = 0; words[i]; i++)
			known = known || !strcmp(name, words[i]);
		if (known)
			continue;
		near = nearest_word(name, words);
		snprintf(end, sizeof(end), "%s%s%s",
			 near ? "; did you mean '" : "", near ? near : "",
			 near ? "'?" : "");
		return fail(err, "unknown field ", name, end);
	}
	return 0;
}

static int no_state(const struct program *prog, const char *path,
		    struct action_error *err)
{
	const char **paths = calloc(prog->count + 1, sizeof(*paths)), *near;
	char end[112];

	for (size_t i = 0; paths && i < prog->count; i++)
		paths[i] = prog->all[i]->path;
	near = paths ? nearest_word(path, paths) : NULL;
	if (near && strlen(near) > 80)
		near = NULL;	/* no room for it */
	snprintf(end, sizeof(end), "%s%.80s%s", near ? "; did you mean '" : "",
		 near ? near : "", near ? "'?" : "");
	free(paths);
	return fail(err, "there is no state ", path, end);
}

/* The state that field `name` leads to; unset: `other`. */
static int find(json_t *fields, const char *name, const struct program *prog,
		const struct state *from, struct state *other,
		struct state **st, struct action_error *err)
{
	const json_t *v = json_object_get(fields, name);

	*st = other;
	if (is_unset(v))
		return 0;
	if (!json_is_string(v))
		return fail(err, "", name, " is a state's path");
	*st = program_find(prog, from, json_string_value(v));
	return *st ? 0 : no_state(prog, json_string_value(v), err);
}

int operator_parse(struct action **ap, json_t *fields,
		   const struct program *prog, const struct state *from,
		   const char *call, struct operator_states *o,
		   struct action_error *err)
{
	json_t *number = json_object_get(fields, "phoneNumber");
	json_t *timeout = json_object_get(fields, "timeout"), *map;
	int rc = check_fields(fields, err);

	if (!rc && is_unset(number))
		rc = fail(err, "", "phoneNumber", " is needed");
	if (!rc)
		rc = find(fields, "thenState", prog, from, NULL, &o->then,
			  err);
	if (!rc)
		rc = find(fields, "errorState", prog, from, prog->root,
			  &o->error, err);
	if (!rc)
		rc = find(fields, "timeoutState", prog, from, o->error,
			  &o->timeout, err);
	if (rc)
		return rc;
	map = json_pack("{s:O,s:b}", "phoneNumber", number, "continueCall",
			o->then != NULL);
	if (map && !is_unset(timeout))
		json_object_set(map, "timeout", timeout);
	if (!map) {
		snprintf(err->text, sizeof(err->text), "no memory");
		return UV_ENOMEM;
	}
	rc = action_parse_switch(ap, map, call, err);
	json_decref(map);
	if (!rc)
		(*ap)->sw->keep_failed = true;
	return rc;
}

struct state *operator_state(const struct session_lua *s)
{
	const char *reason = json_string_value(json_object_get(s->details,
							       "reason"));

	/* There is nobody to go anywhere with. */
	if (s->hangup || s->gone)
		return NULL;
	if (s->success)
		return s->op.then;
	return reason && !strcmp(reason, "no_answer") ? s->op.timeout
						      : s->op.error;
}
