#include "action_i.h"

#include <ctype.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "config.h"
#include "log.h"
#include "problem.h"
#include "uri.h"

const struct action_field action_fields[] = {
	{ ACT_SAY, "text", "string", true, "what to say" },
	{ ACT_SWITCH, "phoneNumber", "string|integer", true,
		"number to call over the trunk" },
	{ ACT_SWITCH, "sipUri", "string", true,
		"the target; wins over phoneNumber" },
	{ ACT_SWITCH, "timeout", "string|number", true,
		"seconds the agent may ring; default timer `agent`" },
	{ ACT_SWITCH, "headers", "table", true,
		"custom SIP headers for the agent" },
	{ ACT_SWITCH, "transferChannel", "string", true,
		"id of the channel whose trunk carries the call" },
	{ ACT_SWITCH, "continueCall", "boolean", true,
		"the customer comes back to the bot" },
	{ ACT_SWITCH, "continueRecording", "boolean", true,
		"the recording goes on through the talk" },
	{ ACT_SWITCH, "method", "string", true,
		"auto, refer, bridge or invite (= bridge)" },
	{ ACT_SWITCH, "destinations", "list", true,
		"more agents to try, at most 10: numbers, URIs, or tables "
		"with phoneNumber or sipUri, and timeout" },
	{ ACT_SWITCH, "strategy", "string", true,
		"hunt (one after the other) or all (ring together)" },
	{ ACT_SWITCH, "music", "string", false,
		"what the customer hears meanwhile" },
	{ ACT_PLAY, "file", "string", true,
		"sound file, relative to the bot file" },
	{ ACT_PLAY, "audioUrl", "string", true,
		"http: or https: address of a sound file, instead of file" },
	{ ACT_DTMF, "max", "integer", true,
		"most keys, 1 to 64; default: until there is a pause" },
	{ ACT_DTMF, "timeout", "integer", true,
		"milliseconds from key to key; default 5000" },
	{ ACT_TIMEOUT, "interval", "string|number", true,
		"how long the customer may say nothing" },
	{ ACT_TIMEOUT, "state", "string", true,
		"path of the state that is entered then" },
};
const size_t action_field_count =
	sizeof(action_fields) / sizeof(action_fields[0]);

/* A reply's `type`; ACTIONS marks those this version does not have. */
static const struct {
	const char *name;
	enum action_type type;
} reply_types[] = {
	{ "text", ACT_SAY },
	{ "switch", ACT_SWITCH },
	{ "hangup", ACT_HANGUP },
	{ "audio", ACT_PLAY },
	{ "dtmf", ACT_DTMF },
	{ "timeout", ACT_TIMEOUT },
};

/* Contract 5.5, with the compact forms of RFC 3261 7.3.3 and its extensions;
 * a name that ends in `*` stands for all that begin so. */
static const char *const protected_names[] = {
	"Via", "v", "From", "f", "To", "t", "Call-ID", "i", "CSeq",
	"Contact", "m", "Max-Forwards", "Max-Breadth", "Route",
	"Record-Route", "Refer-To", "r", "Referred-By", "b", "Replaces",
	"Content-*", "c", "e", "l", "MIME-Version", "Authorization",
	"WWW-Authenticate", "Proxy-*", "Require", "Supported", "k",
	"Allow*", "u", "Expires", "Session-Expires", "x", "Min-SE", "RSeq",
	"RAck", "Event", "o", "Subscription-State", "Privacy",
	"P-Asserted-Identity", "P-Preferred-Identity", "Diversion",
	"User-Agent", "X-Tandem-Trunk",
};

bool header_is_protected(const char *name)
{
	const size_t n = sizeof(protected_names) / sizeof(*protected_names);

	for (size_t i = 0; i < n; i++) {
		const char *p = protected_names[i];
		const size_t len = strlen(p);

		if (p[len - 1] == '*' ? !strncasecmp(name, p, len - 1)
				      : !strcasecmp(name, p))
			return true;
	}
	return false;
}

/* RFC 3261 25.1: token */
bool action_is_token(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) &&
		    !strchr("-.!%*_+`'~", *s))
			return false;
	return true;
}

bool header_is_valid(const char *name, const char *value, size_t len)
{
	return action_is_token(name) && !memchr(value, '\r', len) &&
		!memchr(value, '\n', len) && !memchr(value, '\0', len);
}

int action_fail(struct action_error *err, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(err->text, sizeof(err->text), fmt, ap);
	va_end(ap);
	/* What is quoted may hold anything: the message stays one line. */
	for (char *p = err->text; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			*p = '?';
	return UV_EINVAL;
}

const char *action_type_of(const json_t *v)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "a table", [JSON_ARRAY] = "a list",
		[JSON_STRING] = "a string", [JSON_INTEGER] = "an integer",
		[JSON_REAL] = "a number", [JSON_TRUE] = "a boolean",
		[JSON_FALSE] = "a boolean", [JSON_NULL] = "nothing",
	};

	return names[json_typeof(v)];
}

static const struct action_field *find_field(enum action_type type,
					     const char *name)
{
	for (size_t i = 0; i < action_field_count; i++)
		if (action_fields[i].action == type &&
		    !strcmp(action_fields[i].name, name))
			return &action_fields[i];
	return NULL;
}

int action_check_fields(enum action_type type, json_t *map, bool reply,
			struct action_error *err)
{
	const char *words[32], *name, *near;
	size_t n = 0;
	json_t *v;

	json_object_foreach(map, name, v) {
		const struct action_field *f = find_field(type, name);

		if (reply && !strcmp(name, "type"))
			continue;
		if (f && !f->built)
			return action_fail(err, "%s: %s is not available in this "
				    "version", action_name(type), name);
		if (f)
			continue;

		for (size_t i = 0; i < action_field_count; i++)
			if (action_fields[i].action == type && n < 31)
				words[n++] = action_fields[i].name;
		words[n] = NULL;
		near = nearest_word(name, words);
		return action_fail(err, "%s: unknown field '%s'%s%s%s",
			    action_name(type), name,
			    near ? ", did you mean '" : "", near ? near : "",
			    near ? "'?" : "");
	}
	return 0;
}

int action_parse(struct action **ap, json_t *reply, const char *call,
		 struct action_error *err)
{
	const json_t *type;
	const size_t n = sizeof(reply_types) / sizeof(*reply_types);
	size_t i;

	if (!json_is_object(reply))
		return action_fail(err, "a reply must be a table, not %s",
			    action_type_of(reply));
	type = json_object_get(reply, "type");
	if (!json_is_string(type))
		return action_fail(err, "a reply needs a type");
	for (i = 0; i < n; i++)
		if (!strcmp(reply_types[i].name, json_string_value(type)))
			break;
	if (i == n)
		return action_fail(err, "unknown reply type '%s'",
			    json_string_value(type));

	if (reply_types[i].type == ACT_SWITCH)
		return action_make_switch(ap, reply, true, call, err);
	return action_make_reply(ap, reply_types[i].type, reply, true, err);
}

const char *action_name(enum action_type type)
{
	static const char *const names[ACTIONS] = {
		[ACT_SAY] = "text", [ACT_SWITCH] = "switch",
		[ACT_HANGUP] = "hangup", [ACT_ANSWER] = "answer",
		[ACT_REJECT] = "reject", [ACT_PLAY] = "audio",
		[ACT_DTMF] = "dtmf", [ACT_TIMEOUT] = "timeout",
		[ACT_MARK] = "mark",
	};

	return type < ACTIONS ? names[type] : NULL;
}

int action_parse_switch(struct action **ap, json_t *fields, const char *call,
			struct action_error *err)
{
	return action_make_switch(ap, fields, false, call, err);
}

struct action *action_new(enum action_type type)
{
	struct action *a = calloc(1, sizeof(*a));

	if (a)
		a->type = type;
	return a;
}

struct action *action_say(const char *text, size_t len, uint64_t ticket)
{
	struct action *a = action_new(ACT_SAY);

	if (!a)
		return NULL;

	a->ticket = ticket;
	a->text = malloc(len + 1);
	if (!a->text) {
		free(a);
		return NULL;
	}
	memcpy(a->text, text, len);
	a->text[len] = '\0';
	a->len = len;
	return a;
}

void action_free(struct action *a)
{
	if (!a)
		return;

	switch_free(a->sw);
	free(a->text);
	free(a->path);
	free(a);
}
