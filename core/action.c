#include "action.h"

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

#define HEADERS_MAX 64
#define HEADER_VALUE_MAX 4096

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
	{ ACT_SWITCH, "destinations", "list", false,
		"more agents to try" },
	{ ACT_SWITCH, "strategy", "string", false,
		"hunt or all, for destinations" },
	{ ACT_SWITCH, "music", "string", false,
		"what the customer hears meanwhile" },
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
	{ "audio", ACTIONS },
	{ "dtmf", ACTIONS },
	{ "timeout", ACTIONS },
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
	"User-Agent",
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
static bool is_token(const char *s)
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
	return is_token(name) && !memchr(value, '\r', len) &&
		!memchr(value, '\n', len) && !memchr(value, '\0', len);
}

static int fail(struct action_error *err, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static int fail(struct action_error *err, const char *fmt, ...)
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

static const char *type_of(const json_t *v)
{
	static const char *const names[] = {
		[JSON_OBJECT] = "a table", [JSON_ARRAY] = "a list",
		[JSON_STRING] = "a string", [JSON_INTEGER] = "an integer",
		[JSON_REAL] = "a number", [JSON_TRUE] = "a boolean",
		[JSON_FALSE] = "a boolean", [JSON_NULL] = "nothing",
	};

	return names[json_typeof(v)];
}

static char *string_dup(const json_t *v)
{
	const size_t len = json_string_length(v);
	char *s = malloc(len + 1);

	if (s)
		memcpy(s, json_string_value(v), len + 1);
	return s;
}

/* A string without NUL, CR and LF, 1 to `max` bytes. */
static int plain_string(char **to, const json_t *v, const char *name,
			size_t max, struct action_error *err)
{
	const char *s = json_string_value(v);
	const size_t len = json_string_length(v);

	if (!json_is_string(v))
		return fail(err, "switch: %s must be a string, not %s", name,
			    type_of(v));
	if (!len)
		return fail(err, "switch: %s is empty", name);
	if (len > max)
		return fail(err, "switch: %s is longer than %zu bytes", name,
			    max);
	if (memchr(s, '\0', len) || memchr(s, '\r', len) ||
	    memchr(s, '\n', len))
		return fail(err, "switch: %s has a CR, LF or NUL in it", name);
	*to = string_dup(v);
	return *to ? 0 : fail(err, "switch: no memory");
}

static int parse_number(struct switch_request *sw, const json_t *v,
			struct action_error *err)
{
	char digits[32];
	const char *s = digits;
	size_t len;
	bool digit = false;

	if (json_is_integer(v) ||
	    (json_is_real(v) && json_real_value(v) ==
	     floor(json_real_value(v)) && fabs(json_real_value(v)) < 1e18)) {
		const long long n = json_is_integer(v)
			? json_integer_value(v)
			: (long long)json_real_value(v);

		if (n < 0)
			return fail(err, "switch: phoneNumber must not be "
				    "negative");
		snprintf(digits, sizeof(digits), "%lld", n);
		len = strlen(digits);
	} else if (json_is_string(v)) {
		s = json_string_value(v);
		len = json_string_length(v);
	} else {
		return fail(err, "switch: phoneNumber must be a string or an "
			    "integer, not %s", type_of(v));
	}

	if (!len || len > 64)
		return fail(err, "switch: phoneNumber must have 1 to 64 "
			    "characters, not %zu", len);
	for (size_t i = 0; i < len; i++) {
		if (isdigit((unsigned char)s[i]) || s[i] == '*' ||
		    s[i] == '#')
			digit = true;
		else if (!s[i] || !strchr("+-.() ", s[i]))
			return fail(err, "switch: phoneNumber \"%s\" may only "
				    "have digits, + * # - . ( ) and space", s);
	}
	if (!digit)
		return fail(err, "switch: phoneNumber \"%s\" has no digit", s);
	sw->number = strdup(s);
	return sw->number ? 0 : fail(err, "switch: no memory");
}

static int parse_uri(struct switch_request *sw, const json_t *v,
		     struct action_error *err)
{
	char *text = NULL;
	const char *wrong;
	struct uri u;
	int rc = plain_string(&text, v, "sipUri", URI_MAX - 5, err);

	if (rc)
		return rc;

	wrong = uri_parse(&u, text);
	if (!wrong && !*u.user && strncasecmp(text, "sip:", 4))
		wrong = "is neither user@host nor sip:...";
	if (!wrong && uri_has_param(&u, "method"))
		wrong = "has a method parameter, which is not allowed";
	if (!wrong && *u.headers)
		wrong = "has headers after `?`, which are not available in "
			"this version (use the field headers)";
	if (wrong) {
		rc = fail(err, "switch: sipUri \"%s\" %s", text, wrong);
		free(text);
		return rc;
	}

	if (!strncasecmp(text, "sip:", 4)) {
		sw->uri = text;
		return 0;
	}
	sw->uri = malloc(strlen(text) + 5);
	if (sw->uri)
		sprintf(sw->uri, "sip:%s", text);
	free(text);
	return sw->uri ? 0 : fail(err, "switch: no memory");
}

static int parse_timeout(struct switch_request *sw, const json_t *v,
			 struct action_error *err)
{
	if (!json_is_string(v) && !json_is_number(v))
		return fail(err, "switch: timeout must be a number of seconds "
			    "or a string such as \"30\", not %s", type_of(v));
	if (duration_parse(v, &sw->timeout_ms) || !sw->timeout_ms) {
		if (json_is_string(v))
			return fail(err, "switch: timeout \"%s\" is not a "
				    "duration above 0",
				    json_string_value(v));
		return fail(err, "switch: timeout %g is not a number of "
			    "seconds above 0", json_number_value(v));
	}
	return 0;
}

static int header_value(const json_t *v, char **value)
{
	char digits[32];

	if (json_is_string(v)) {
		*value = string_dup(v);
	} else if (json_is_integer(v)) {
		snprintf(digits, sizeof(digits), "%lld",
			 (long long)json_integer_value(v));
		*value = strdup(digits);
	} else {
		return UV_EINVAL;
	}
	return *value ? 0 : UV_ENOMEM;
}

static int parse_headers(struct switch_request *sw, json_t *map,
			 const char *call, struct action_error *err)
{
	const size_t n = json_object_size(map);
	const char *name;
	json_t *v;

	if (json_is_array(map) && !json_array_size(map))
		return 0;	/* an empty table can be either */
	if (!json_is_object(map))
		return fail(err, "switch: headers must be a table of names "
			    "and values, not %s", type_of(map));
	if (n > HEADERS_MAX)
		return fail(err, "switch: headers has more than %d entries",
			    HEADERS_MAX);

	sw->headers = calloc(n ? n : 1, sizeof(*sw->headers));
	if (!sw->headers)
		return fail(err, "switch: no memory");

	json_object_foreach(map, name, v) {
		struct header *h = &sw->headers[sw->header_count];
		char *value = NULL;

		if (!json_is_string(v) && !json_is_integer(v))
			return fail(err, "switch: headers.%s must be a string "
				    "or an integer, not %s", name,
				    type_of(v));
		if (json_string_length(v) > HEADER_VALUE_MAX)
			return fail(err, "switch: headers.%s is longer than "
				    "%d bytes", name, HEADER_VALUE_MAX);
		if (strpbrk(name, "\r\n") ||
		    (json_is_string(v) &&
		     !header_is_valid("x", json_string_value(v),
				      json_string_length(v))))
			return fail(err, "switch: headers.%s has a CR, LF or "
				    "NUL in it", name);
		if (!is_token(name))
			return fail(err, "switch: \"%s\" is not a header name",
				    name);
		if (header_is_protected(name)) {
			log_line(LOG_WARN, call, "switch: header %s is "
				 "protected and was left out", name);
			continue;
		}
		if (header_value(v, &value))
			return fail(err, "switch: no memory");
		h->value = value;
		h->name = strdup(name);
		sw->header_count++;
		if (!h->name)
			return fail(err, "switch: no memory");
	}
	return 0;
}

static int parse_method(struct switch_request *sw, const json_t *v,
			struct action_error *err)
{
	static const struct {
		const char *name;
		enum switch_method method;
	} methods[] = {
		{ "auto", METHOD_AUTO },
		{ "refer", METHOD_REFER },
		{ "bridge", METHOD_BRIDGE },
		{ "invite", METHOD_BRIDGE },
	};

	if (!json_is_string(v))
		return fail(err, "switch: method must be a string, not %s",
			    type_of(v));
	for (size_t i = 0; i < sizeof(methods) / sizeof(*methods); i++) {
		if (strcmp(methods[i].name, json_string_value(v)))
			continue;
		sw->method = methods[i].method;
		return 0;
	}
	return fail(err, "switch: method \"%s\" is not one of auto, refer, "
		    "bridge, invite", json_string_value(v));
}

static int parse_bool(bool *to, const json_t *v, const char *name,
		      struct action_error *err)
{
	if (!json_is_boolean(v))
		return fail(err, "switch: %s must be true or false, not %s",
			    name, type_of(v));
	*to = json_is_true(v);
	return 0;
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

static int check_fields(enum action_type type, json_t *map,
			struct action_error *err)
{
	const char *words[32], *name, *near;
	size_t n = 0;
	json_t *v;

	json_object_foreach(map, name, v) {
		const struct action_field *f = find_field(type, name);

		if (!strcmp(name, "type"))
			continue;
		if (f && !f->built)
			return fail(err, "%s: %s is not available in this "
				    "version", action_name(type), name);
		if (f)
			continue;

		for (size_t i = 0; i < action_field_count; i++)
			if (action_fields[i].action == type && n < 31)
				words[n++] = action_fields[i].name;
		words[n] = NULL;
		near = nearest_word(name, words);
		return fail(err, "%s: unknown field '%s'%s%s%s",
			    action_name(type), name,
			    near ? ", did you mean '" : "", near ? near : "",
			    near ? "'?" : "");
	}
	return 0;
}

static int parse_switch(struct switch_request *sw, json_t *map,
			const char *call, struct action_error *err)
{
	json_t *v;
	int rc = check_fields(ACT_SWITCH, map, err);

	if (!rc && (v = json_object_get(map, "phoneNumber")))
		rc = parse_number(sw, v, err);
	if (!rc && (v = json_object_get(map, "sipUri")))
		rc = parse_uri(sw, v, err);
	if (!rc && !sw->number && !sw->uri)
		rc = fail(err, "switch: one of phoneNumber and sipUri is "
			  "needed");
	if (!rc && (v = json_object_get(map, "timeout")))
		rc = parse_timeout(sw, v, err);
	if (!rc && (v = json_object_get(map, "transferChannel")))
		rc = plain_string(&sw->channel, v, "transferChannel", 256,
				  err);
	if (!rc && (v = json_object_get(map, "continueCall")))
		rc = parse_bool(&sw->continue_call, v, "continueCall", err);
	if (!rc && (v = json_object_get(map, "continueRecording")))
		rc = parse_bool(&sw->continue_recording, v,
				"continueRecording", err);
	if (!rc && (v = json_object_get(map, "method")))
		rc = parse_method(sw, v, err);
	/* last: it logs, and a refused switch has one message only */
	if (!rc && (v = json_object_get(map, "headers")))
		rc = parse_headers(sw, v, call, err);
	return rc;
}

int action_parse_switch(struct action **ap, json_t *fields, const char *call,
			struct action_error *err)
{
	struct action *a;
	int rc;

	if (!json_is_object(fields))
		return fail(err, "switch: a table of fields is needed");

	a = action_new(ACT_SWITCH);
	if (a)
		a->sw = calloc(1, sizeof(*a->sw));
	if (!a || !a->sw) {
		action_free(a);
		return fail(err, "switch: no memory");
	}

	rc = parse_switch(a->sw, fields, call, err);
	if (rc) {
		action_free(a);
		return rc;
	}
	*ap = a;
	return 0;
}

static int parse_text(struct action **ap, json_t *reply,
		      struct action_error *err)
{
	json_t *v = json_object_get(reply, "text");

	if (!json_is_string(v))
		return fail(err, "text: text must be a string, not %s",
			    v ? type_of(v) : "nothing");
	if (json_string_length(v) > ACTION_TEXT_MAX)
		return fail(err, "text: text is longer than %d bytes",
			    ACTION_TEXT_MAX);
	*ap = action_say(json_string_value(v), json_string_length(v), 0);
	return *ap ? 0 : fail(err, "text: no memory");
}

int action_parse(struct action **ap, json_t *reply, const char *call,
		 struct action_error *err)
{
	const json_t *type;
	const size_t n = sizeof(reply_types) / sizeof(*reply_types);
	size_t i;
	int rc;

	if (!json_is_object(reply))
		return fail(err, "a reply must be a table, not %s",
			    type_of(reply));
	type = json_object_get(reply, "type");
	if (!json_is_string(type))
		return fail(err, "a reply needs a type");
	for (i = 0; i < n; i++)
		if (!strcmp(reply_types[i].name, json_string_value(type)))
			break;
	if (i == n)
		return fail(err, "unknown reply type '%s'",
			    json_string_value(type));

	switch (reply_types[i].type) {
	case ACT_SAY:
		rc = check_fields(ACT_SAY, reply, err);
		return rc ? rc : parse_text(ap, reply, err);
	case ACT_SWITCH:
		return action_parse_switch(ap, reply, call, err);
	case ACT_HANGUP:
		rc = check_fields(ACT_HANGUP, reply, err);
		if (rc)
			return rc;
		*ap = action_new(ACT_HANGUP);
		return *ap ? 0 : fail(err, "hangup: no memory");
	default:
		return fail(err, "reply type '%s' is not available in this "
			    "version", reply_types[i].name);
	}
}

const char *action_name(enum action_type type)
{
	static const char *const names[ACTIONS] = {
		[ACT_SAY] = "text", [ACT_SWITCH] = "switch",
		[ACT_HANGUP] = "hangup", [ACT_ANSWER] = "answer",
		[ACT_REJECT] = "reject",
	};

	return type < ACTIONS ? names[type] : NULL;
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

void switch_free(struct switch_request *sw)
{
	if (!sw)
		return;

	for (unsigned i = 0; i < sw->header_count; i++) {
		free(sw->headers[i].name);
		free(sw->headers[i].value);
	}
	free(sw->headers);
	free(sw->number);
	free(sw->uri);
	free(sw->channel);
	free(sw);
}

void action_free(struct action *a)
{
	if (!a)
		return;

	switch_free(a->sw);
	free(a->text);
	free(a);
}
