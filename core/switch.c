/*
 * The fields of a switch (contract 5.1): each malformed one is refused with
 * one message that names it, and nothing is half-made.
 */
#include <ctype.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "action_i.h"
#include "config.h"
#include "log.h"
#include "problem.h"
#include "uri.h"

#define HEADERS_MAX 64
#define HEADER_VALUE_MAX 4096
#define DESTINATIONS_MAX (SWITCH_TARGETS_MAX - 1)

/** Where a field stands: "" or "destinations[2]." */
struct place {
	char text[32];
};

static int no_memory(struct action_error *err)
{
	return action_fail(err, "switch: no memory");
}

/* A string without NUL, CR and LF, 1 to `max` bytes. */
static int plain_string(char **to, const json_t *v, const struct place *at,
			const char *name, size_t max,
			struct action_error *err)
{
	const char *s = json_string_value(v);
	const size_t len = json_string_length(v);

	if (!json_is_string(v))
		return action_fail(err, "switch: %s%s must be a string, not "
				   "%s", at->text, name, action_type_of(v));
	if (!len)
		return action_fail(err, "switch: %s%s is empty", at->text,
				   name);
	if (len > max)
		return action_fail(err, "switch: %s%s is longer than %zu "
				   "bytes", at->text, name, max);
	if (memchr(s, '\0', len) || memchr(s, '\r', len) ||
	    memchr(s, '\n', len))
		return action_fail(err, "switch: %s%s has a CR, LF or NUL in "
				   "it", at->text, name);
	*to = strdup(s);
	return *to ? 0 : no_memory(err);
}

/* targets */

static bool is_whole(const json_t *v)
{
	return json_is_integer(v) ||
		(json_is_real(v) && json_real_value(v) ==
		 floor(json_real_value(v)) && fabs(json_real_value(v)) < 1e18);
}

static int check_digits(const char *s, size_t len, const struct place *at,
			struct action_error *err)
{
	bool digit = false;

	if (!len || len > 64)
		return action_fail(err, "switch: %sphoneNumber must have 1 to "
				   "64 characters, not %zu", at->text, len);
	for (size_t i = 0; i < len; i++) {
		if (isdigit((unsigned char)s[i]) || s[i] == '*' ||
		    s[i] == '#')
			digit = true;
		else if (!s[i] || !strchr("+-.() ", s[i]))
			return action_fail(err, "switch: %sphoneNumber \"%s\" "
					   "may only have digits, + * # - . "
					   "( ) and space", at->text, s);
	}
	return digit ? 0 : action_fail(err, "switch: %sphoneNumber \"%s\" has "
				       "no digit", at->text, s);
}

static int parse_number(struct switch_target *to, const json_t *v,
			const struct place *at, struct action_error *err)
{
	char digits[32];
	const char *s = digits;
	size_t len;

	if (is_whole(v)) {
		const long long n = json_is_integer(v)
			? json_integer_value(v)
			: (long long)json_real_value(v);

		if (n < 0)
			return action_fail(err, "switch: %sphoneNumber must "
					   "not be negative", at->text);
		snprintf(digits, sizeof(digits), "%lld", n);
		len = strlen(digits);
	} else if (json_is_string(v)) {
		s = json_string_value(v);
		len = json_string_length(v);
	} else {
		return action_fail(err, "switch: %sphoneNumber must be a "
				   "string or an integer, not %s", at->text,
				   action_type_of(v));
	}

	if (check_digits(s, len, at, err))
		return UV_EINVAL;
	to->number = strdup(s);
	return to->number ? 0 : no_memory(err);
}

/* headers */

/* Takes name and value over only if it returns 0. */
static int add_header(struct header *list, unsigned *count, char *name,
		      char *value)
{
	if (!name || !value)
		return UV_ENOMEM;
	list[*count].name = name;
	list[*count].value = value;
	++*count;
	return 0;
}

/* RFC 3261 19.1.1: %41 is A; what is no escape stands for itself. */
static char *unescape(const char *s, size_t len)
{
	char *to = malloc(len + 1), *p = to;

	for (size_t i = 0; p && i < len; i++) {
		unsigned c;

		if (s[i] == '%' && i + 2 < len &&
		    isxdigit((unsigned char)s[i + 1]) &&
		    isxdigit((unsigned char)s[i + 2]) &&
		    sscanf(s + i + 1, "%2x", &c) == 1) {
			*p++ = (char)c;
			i += 2;
		} else {
			*p++ = s[i];
		}
	}
	if (p)
		*p = '\0';
	return to;
}

/* One `name=value` of a URI; `%00` would end the value early. */
static int uri_header(struct switch_target *to, const char *s, size_t len,
		      const char *call, const struct place *at,
		      struct action_error *err)
{
	const char *eq = memchr(s, '=', len);
	const size_t n = eq ? (size_t)(eq - s) : len;
	char *name = unescape(s, n);
	char *value = unescape(eq ? eq + 1 : "", eq ? len - n - 1 : 0);
	int rc = UV_EINVAL;

	if (!name || !value)
		rc = no_memory(err);
	else if (!action_is_token(name))
		action_fail(err, "switch: %ssipUri has a header \"%s\", which "
			    "is no header name", at->text, name);
	else if (strstr(eq ? eq : "", "%00") ||
		 !header_is_valid(name, value, strlen(value)))
		action_fail(err, "switch: %ssipUri has a CR, LF or NUL in "
			    "header %s", at->text, name);
	else
		rc = 0;
	if (!rc && (header_is_protected(name) || !strcasecmp(name, "body"))) {
		log_line(LOG_WARN, call, "switch: header %s of the sipUri is "
			 "protected and was left out", name);
	} else if (!rc && !add_header(to->headers, &to->header_count, name,
				      value)) {
		return 0;
	}
	free(name);
	free(value);
	return rc;
}

/* What stands behind `?` obeys the rules for headers (contract 5.5). */
static int uri_headers(struct switch_target *to, const char *s,
		       const char *call, const struct place *at,
		       struct action_error *err)
{
	unsigned count = 1;
	int rc = 0;

	for (const char *p = s; *p; p++)
		count += *p == '&';
	to->headers = calloc(count, sizeof(*to->headers));
	if (!to->headers)
		return no_memory(err);

	while (!rc && *s) {
		const size_t len = strcspn(s, "&");

		rc = uri_header(to, s, len, call, at, err);
		s += len + (s[len] == '&');
	}
	return rc;
}

static int parse_uri(struct switch_target *to, const json_t *v,
		     const char *call, const struct place *at,
		     struct action_error *err)
{
	char *text = NULL, bare[URI_MAX];
	const char *wrong;
	struct uri u;
	int rc = plain_string(&text, v, at, "sipUri", URI_MAX - 5, err);

	if (rc)
		return rc;

	wrong = uri_parse(&u, text);
	if (!wrong && !*u.user && strncasecmp(text, "sip:", 4))
		wrong = "is neither user@host nor sip:...";
	if (!wrong && uri_has_param(&u, "method"))
		wrong = "has a method parameter, which is not allowed";
	if (wrong)
		rc = action_fail(err, "switch: %ssipUri \"%s\" %s", at->text,
				 text, wrong);
	free(text);
	if (rc)
		return rc;
	to->uri = strdup(uri_print(&u, true, bare));
	if (!to->uri)
		return no_memory(err);
	return *u.headers ? uri_headers(to, u.headers, call, at, err) : 0;
}

static int parse_timeout(uint64_t *ms, const json_t *v,
			 const struct place *at, struct action_error *err)
{
	if (!json_is_string(v) && !json_is_number(v))
		return action_fail(err, "switch: %stimeout must be a number "
				   "of seconds or a string such as \"30\", "
				   "not %s", at->text, action_type_of(v));
	if (!duration_parse(v, ms) && *ms)
		return 0;
	if (json_is_string(v))
		return action_fail(err, "switch: %stimeout \"%s\" is not a "
				   "duration above 0", at->text,
				   json_string_value(v));
	return action_fail(err, "switch: %stimeout %g is not a number of "
			   "seconds above 0", at->text, json_number_value(v));
}

/* A destination by itself is a number or a URI; a URI has a letter or an @ in
 * it, which a number cannot have. */
static bool looks_like_uri(const json_t *v)
{
	const char *s = json_string_value(v);

	for (; s && *s; s++)
		if (*s == '@' || isalpha((unsigned char)*s))
			return true;
	return false;
}

static int check_target_fields(json_t *map, const struct place *at,
			       struct action_error *err)
{
	static const char *const words[] = {
		"phoneNumber", "sipUri", "timeout", NULL
	};
	const char *name;
	json_t *v;

	json_object_foreach(map, name, v) {
		const char *near = nearest_word(name, words);
		bool known = false;

		for (size_t i = 0; words[i]; i++)
			known |= !strcmp(words[i], name);
		if (!known)
			return action_fail(err, "switch: unknown field "
					   "'%s%s'%s%s%s", at->text, name,
					   near ? ", did you mean '" : "",
					   near ? near : "", near ? "'?" : "");
	}
	return 0;
}

/* phoneNumber or sipUri, of the switch itself or of a destination. */
static int parse_target_fields(struct switch_target *to, json_t *map,
			       const char *call, const struct place *at,
			       struct action_error *err)
{
	json_t *number = json_object_get(map, "phoneNumber");
	json_t *uri = json_object_get(map, "sipUri");
	int rc = number ? parse_number(to, number, at, err) : 0;

	if (!rc && uri)
		rc = parse_uri(to, uri, call, at, err);
	return rc;
}

static int parse_destination(struct switch_target *to, json_t *v,
			     const char *call, unsigned n,
			     struct action_error *err)
{
	struct place at;
	json_t *timeout;
	int rc;

	snprintf(at.text, sizeof(at.text), "destinations[%u].", n);
	if (!json_is_object(v))
		return looks_like_uri(v) ? parse_uri(to, v, call, &at, err)
					 : parse_number(to, v, &at, err);

	rc = check_target_fields(v, &at, err);
	if (!rc)
		rc = parse_target_fields(to, v, call, &at, err);
	if (!rc && !to->number && !to->uri)
		rc = action_fail(err, "switch: destinations[%u] needs one of "
				 "phoneNumber and sipUri", n);
	timeout = json_object_get(v, "timeout");
	if (!rc && timeout)
		rc = parse_timeout(&to->timeout_ms, timeout, &at, err);
	return rc;
}

static bool is_empty(json_t *v)
{
	/* An empty table of Lua's can be either. */
	return (json_is_array(v) && !json_array_size(v)) ||
		(json_is_object(v) && !json_object_size(v));
}

static int parse_targets(struct switch_request *sw, json_t *map,
			 const char *call, struct action_error *err)
{
	static const struct place here = { "" };
	json_t *list = json_object_get(map, "destinations");
	const size_t more = json_array_size(list);
	struct switch_target *to;
	int rc;

	if (list && !json_is_array(list) && !is_empty(list))
		return action_fail(err, "switch: destinations must be a list, "
				   "not %s", action_type_of(list));
	if (more > DESTINATIONS_MAX)
		return action_fail(err, "switch: destinations has %zu entries, "
				   "at most %d are allowed", more,
				   DESTINATIONS_MAX);

	sw->targets = calloc(more + 1, sizeof(*sw->targets));
	if (!sw->targets)
		return no_memory(err);

	to = sw->targets;
	rc = parse_target_fields(to, map, call, &here, err);
	/* Counted also if it failed: what it holds has to be freed. */
	sw->target_count = to->number || to->uri;
	for (unsigned i = 0; !rc && i < more; i++) {
		to = &sw->targets[sw->target_count++];
		rc = parse_destination(to, json_array_get(list, i), call,
				       i + 1, err);
	}
	if (!rc && !sw->target_count)
		rc = action_fail(err, "switch: one of phoneNumber, sipUri and "
				 "destinations is needed");
	return rc;
}

void switch_target_name(const struct switch_target *to, char *buf,
			size_t size)
{
	struct uri u;

	if (!to->uri)
		snprintf(buf, size, "%s", to->number);
	else if (!uri_parse(&u, to->uri))
		snprintf(buf, size, "%s", *u.user ? u.user : u.host);
	else
		*buf = '\0';
}

/* the other fields */

static char *header_value(const json_t *v)
{
	char digits[32];

	if (json_is_string(v))
		return strdup(json_string_value(v));
	snprintf(digits, sizeof(digits), "%lld",
		 (long long)json_integer_value(v));
	return strdup(digits);
}

static int check_header(const char *name, const json_t *v,
			struct action_error *err)
{
	if (!json_is_string(v) && !json_is_integer(v))
		return action_fail(err, "switch: headers.%s must be a string "
				   "or an integer, not %s", name,
				   action_type_of(v));
	if (json_string_length(v) > HEADER_VALUE_MAX)
		return action_fail(err, "switch: headers.%s is longer than "
				   "%d bytes", name, HEADER_VALUE_MAX);
	if (strpbrk(name, "\r\n") ||
	    (json_is_string(v) &&
	     !header_is_valid("x", json_string_value(v),
			      json_string_length(v))))
		return action_fail(err, "switch: headers.%s has a CR, LF or "
				   "NUL in it", name);
	if (!action_is_token(name))
		return action_fail(err, "switch: \"%s\" is not a header name",
				   name);
	return 0;
}

static int parse_headers(struct switch_request *sw, json_t *map,
			 const char *call, struct action_error *err)
{
	const size_t n = json_object_size(map);
	const char *name;
	json_t *v;

	if (is_empty(map))
		return 0;
	if (!json_is_object(map))
		return action_fail(err, "switch: headers must be a table of "
				   "names and values, not %s",
				   action_type_of(map));
	if (n > HEADERS_MAX)
		return action_fail(err, "switch: headers has more than %d "
				   "entries", HEADERS_MAX);

	sw->headers = calloc(n, sizeof(*sw->headers));
	if (!sw->headers)
		return no_memory(err);

	json_object_foreach(map, name, v) {
		char *copy, *value;

		if (check_header(name, v, err))
			return UV_EINVAL;
		if (header_is_protected(name)) {
			log_line(LOG_WARN, call, "switch: header %s is "
				 "protected and was left out", name);
			continue;
		}
		copy = strdup(name);
		value = header_value(v);
		if (add_header(sw->headers, &sw->header_count, copy, value)) {
			free(copy);
			free(value);
			return no_memory(err);
		}
	}
	return 0;
}

static int parse_word(unsigned *value, const json_t *v, const char *name,
		      const char *const *words, struct action_error *err)
{
	char list[128] = "";
	size_t n = 0;

	if (!json_is_string(v))
		return action_fail(err, "switch: %s must be a string, not %s",
				   name, action_type_of(v));
	for (unsigned i = 0; words[i]; i++) {
		if (!strcmp(words[i], json_string_value(v))) {
			*value = i;
			return 0;
		}
		n += (size_t)snprintf(list + n, sizeof(list) - n, "%s%s",
				      i ? ", " : "", words[i]);
	}
	return action_fail(err, "switch: %s \"%s\" is not one of %s", name,
			   json_string_value(v), list);
}

static int parse_method(struct switch_request *sw, const json_t *v,
			struct action_error *err)
{
	static const char *const words[] = {
		"auto", "refer", "bridge", "invite", NULL
	};
	static const enum switch_method methods[] = {
		METHOD_AUTO, METHOD_REFER, METHOD_BRIDGE, METHOD_BRIDGE
	};
	unsigned i = 0;
	int rc = parse_word(&i, v, "method", words, err);

	sw->method = methods[i];
	return rc;
}

static int parse_strategy(struct switch_request *sw, const json_t *v,
			  struct action_error *err)
{
	static const char *const words[] = { "hunt", "all", NULL };
	unsigned i = 0;
	int rc = parse_word(&i, v, "strategy", words, err);

	sw->all = i == 1;
	return rc;
}

static int parse_bool(bool *to, const json_t *v, const char *name,
		      struct action_error *err)
{
	if (!json_is_boolean(v))
		return action_fail(err, "switch: %s must be true or false, "
				   "not %s", name, action_type_of(v));
	*to = json_is_true(v);
	return 0;
}

static int parse_switch(struct switch_request *sw, json_t *map, bool reply,
			const char *call, struct action_error *err)
{
	static const struct place here = { "" };
	json_t *v;
	int rc = action_check_fields(ACT_SWITCH, map, reply, err);

	if (!rc && (v = json_object_get(map, "timeout")))
		rc = parse_timeout(&sw->timeout_ms, v, &here, err);
	if (!rc && (v = json_object_get(map, "transferChannel")))
		rc = plain_string(&sw->channel, v, &here, "transferChannel",
				  256, err);
	if (!rc && (v = json_object_get(map, "continueCall")))
		rc = parse_bool(&sw->continue_call, v, "continueCall", err);
	if (!rc && (v = json_object_get(map, "continueRecording")))
		rc = parse_bool(&sw->continue_recording, v,
				"continueRecording", err);
	if (!rc && (v = json_object_get(map, "method")))
		rc = parse_method(sw, v, err);
	if (!rc && (v = json_object_get(map, "strategy")))
		rc = parse_strategy(sw, v, err);
	/* last: they log, and a refused switch has one message only */
	if (!rc)
		rc = parse_targets(sw, map, call, err);
	if (!rc && sw->method == METHOD_REFER && sw->target_count > 1)
		rc = action_fail(err, "switch: method \"refer\" cannot have "
				 "several destinations");
	if (!rc && (v = json_object_get(map, "headers")))
		rc = parse_headers(sw, v, call, err);
	return rc;
}

int action_make_switch(struct action **ap, json_t *fields, bool reply,
		       const char *call, struct action_error *err)
{
	struct action *a;
	int rc;

	if (!json_is_object(fields))
		return action_fail(err, "switch: a table of fields is needed");

	a = action_new(ACT_SWITCH);
	if (a)
		a->sw = calloc(1, sizeof(*a->sw));
	if (!a || !a->sw) {
		action_free(a);
		return no_memory(err);
	}

	rc = parse_switch(a->sw, fields, reply, call, err);
	if (rc) {
		action_free(a);
		return rc;
	}
	*ap = a;
	return 0;
}

static void free_headers(struct header *headers, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		free(headers[i].name);
		free(headers[i].value);
	}
	free(headers);
}

void switch_free(struct switch_request *sw)
{
	if (!sw)
		return;

	for (unsigned i = 0; i < sw->target_count; i++) {
		free(sw->targets[i].number);
		free(sw->targets[i].uri);
		free_headers(sw->targets[i].headers,
			     sw->targets[i].header_count);
	}
	free(sw->targets);
	free_headers(sw->headers, sw->header_count);
	free(sw->channel);
	free(sw);
}
