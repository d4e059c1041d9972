/*
 * Replies of all types but switch (which is switch.c's): from a map of fields
 * to an action.
 */
#include "action_i.h"

#include <string.h>
#include <strings.h>
#include <uv.h>

#include "config.h"

#define FILE_MAX 1024		/* bytes of a file's name, or a URL */
#define STATE_MAX 1000		/* bytes of a path */
#define TIMEOUT_MIN 100		/* ms: who writes less means seconds */
#define TIMEOUT_MAX 600000
#define INTERVAL_MAX (24 * 3600 * UINT64_C(1000))

/* Text of a field as the text of an action of `type`. */
static struct action *with_text(enum action_type type, const json_t *v)
{
	struct action *a = action_say(json_string_value(v),
				      json_string_length(v), 0);

	if (a)
		a->type = type;
	return a;
}

static int make_text(struct action **ap, json_t *map,
		     struct action_error *err)
{
	const json_t *v = json_object_get(map, "text");

	if (!json_is_string(v))
		return action_fail(err, "text: text must be a string, not %s",
				   v ? action_type_of(v) : "nothing");
	if (json_string_length(v) > ACTION_TEXT_MAX)
		return action_fail(err, "text: text is longer than %d bytes",
				   ACTION_TEXT_MAX);
	*ap = with_text(ACT_SAY, v);
	return *ap ? 0 : action_fail(err, "text: no memory");
}

/* A name without control bytes, in which nothing can hide. */
static int check_name(const char *field, const json_t *v, size_t max,
		      struct action_error *err)
{
	const char *s = json_string_value(v);

	if (!s)
		return action_fail(err, "%s must be a string, not %s", field,
				   v ? action_type_of(v) : "nothing");
	if (!*s)
		return action_fail(err, "%s is empty", field);
	if (json_string_length(v) > max)
		return action_fail(err, "%s is longer than %zu bytes", field,
				   max);
	for (size_t i = 0; i < json_string_length(v); i++)
		if ((unsigned char)s[i] < ' ' || s[i] == 0x7f)
			return action_fail(err, "%s has a control character",
					   field);
	return 0;
}

static int make_audio(struct action **ap, json_t *map,
		      struct action_error *err)
{
	const json_t *file = json_object_get(map, "file");
	const json_t *url = json_object_get(map, "audioUrl");
	const char *s = json_string_value(url);
	int rc;

	if (!file == !url)
		return action_fail(err, "audio: one of file and audioUrl is "
				   "needed");
	rc = check_name(file ? "audio: file" : "audio: audioUrl",
			file ? file : url, FILE_MAX, err);
	if (rc)
		return rc;
	if (url && strncasecmp(s, "http://", 7) &&
	    strncasecmp(s, "https://", 8))
		return action_fail(err, "audio: audioUrl begins with http:// "
				   "or https://");
	*ap = with_text(ACT_PLAY, file ? file : url);
	return *ap ? 0 : action_fail(err, "audio: no memory");
}

/* An integer from `min` to `max`, or its default where it is not given. */
static int integer(json_t *map, const char *type, const char *name,
		   json_int_t min, json_int_t max, uint64_t *n,
		   struct action_error *err)
{
	const json_t *v = json_object_get(map, name);
	json_int_t i;

	if (!v)
		return 0;
	/* A float with an integral value counts as an integer. */
	if (json_is_integer(v))
		i = json_integer_value(v);
	else if (json_is_real(v) && json_real_value(v) >= 0 &&
		 json_real_value(v) <= (double)max &&
		 (double)(json_int_t)json_real_value(v) == json_real_value(v))
		i = (json_int_t)json_real_value(v);
	else
		return action_fail(err, "%s: %s must be an integer from %lld "
				   "to %lld", type, name, (long long)min,
				   (long long)max);
	if (i < min || i > max)
		return action_fail(err, "%s: %s must be from %lld to %lld, "
				   "not %lld", type, name, (long long)min,
				   (long long)max, (long long)i);
	*n = (uint64_t)i;
	return 0;
}

static int make_dtmf(struct action **ap, json_t *map,
		     struct action_error *err)
{
	uint64_t max = ACTION_DTMF_MAX, ms = ACTION_DTMF_DEFAULT;
	int rc = integer(map, "dtmf", "max", 1, ACTION_DTMF_MAX, &max, err);

	if (!rc)
		rc = integer(map, "dtmf", "timeout", TIMEOUT_MIN, TIMEOUT_MAX,
			     &ms, err);
	if (rc)
		return rc;
	*ap = action_new(ACT_DTMF);
	if (!*ap)
		return action_fail(err, "dtmf: no memory");
	(*ap)->max = (unsigned)max;
	(*ap)->ms = ms;
	return 0;
}

static int make_timeout(struct action **ap, json_t *map,
			struct action_error *err)
{
	const json_t *v = json_object_get(map, "interval");
	const json_t *state = json_object_get(map, "state");
	uint64_t ms = 0;
	int rc;

	if (!v)
		return action_fail(err, "timeout: interval is needed: "
				   "interval = \"5s\"");
	if (duration_parse(v, &ms) || !ms || ms > INTERVAL_MAX)
		return action_fail(err, "timeout: interval must be a time "
				   "above 0, at most a day: seconds, or "
				   "\"5s\"");
	rc = check_name("timeout: state", state, STATE_MAX, err);
	if (rc)
		return rc;
	*ap = with_text(ACT_TIMEOUT, state);
	if (!*ap)
		return action_fail(err, "timeout: no memory");
	(*ap)->ms = ms;
	return 0;
}

int action_make_reply(struct action **ap, enum action_type type, json_t *map,
		      bool reply, struct action_error *err)
{
	int rc = action_check_fields(type, map, reply, err);

	if (rc)
		return rc;
	switch (type) {
	case ACT_SAY:
		return make_text(ap, map, err);
	case ACT_PLAY:
		return make_audio(ap, map, err);
	case ACT_DTMF:
		return make_dtmf(ap, map, err);
	case ACT_TIMEOUT:
		return make_timeout(ap, map, err);
	case ACT_HANGUP:
		*ap = action_new(ACT_HANGUP);
		return *ap ? 0 : action_fail(err, "hangup: no memory");
	default:
		return action_fail(err, "%s is no reply", action_name(type));
	}
}

int action_parse_as(struct action **ap, enum action_type type, json_t *fields,
		    struct action_error *err)
{
	return action_make_reply(ap, type, fields, false, err);
}
