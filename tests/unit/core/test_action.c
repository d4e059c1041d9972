/* The one validator: what a switch and a reply may say. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>
#include <uv.h>

#include "core/action.h"

static struct action *parse(const char *json, struct action_error *err)
{
	json_t *j = json_loads(json, JSON_ALLOW_NUL, NULL);
	struct action *a = NULL;
	int rc;

	assert_non_null(j);
	rc = action_parse(&a, j, NULL, err);
	json_decref(j);
	assert_int_equal(rc, a ? 0 : UV_EINVAL);
	return a;
}

static void good(void **state)
{
	static const char *const rows[] = {
		"{'type':'switch','phoneNumber':'16123456789'}",
		"{'type':'switch','phoneNumber':16123456789}",
		"{'type':'switch','phoneNumber':1612.0,'timeout':30}",
		"{'type':'switch','phoneNumber':'+1 (612) 3-4.5','timeout':"
			"'30s'}",
		"{'type':'switch','sipUri':'a@127.0.0.1','method':'invite'}",
		"{'type':'switch','phoneNumber':'1','headers':{'callReason':"
			"'x','n':5},'continueCall':true}",
		"{'type':'switch','phoneNumber':'1','headers':[]}",
		"{'type':'text','text':''}",
		"{'type':'hangup'}",
	};
	struct action_error err;
	char json[512];

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct action *a;

		strcpy(json, rows[i]);
		for (char *p = json; *p; p++)
			if (*p == '\'')
				*p = '"';
		a = parse(json, &err);
		assert_non_null(a);
		action_free(a);
	}
}

/* Each mistake, and what its one message must name. */
static void bad(void **state)
{
	static const struct {
		const char *json, *says;
	} rows[] = {
		{ "{}", "type" },
		{ "{'type':5}", "type" },
		{ "{'type':'swich'}", "swich" },
		{ "{'type':'audio'}", "not available" },
		{ "{'type':'switch'}", "phoneNumber and sipUri" },
		{ "{'type':'switch','phoneNumber':true}", "phoneNumber" },
		{ "{'type':'switch','phoneNumber':''}", "phoneNumber" },
		{ "{'type':'switch','phoneNumber':'12a'}", "12a" },
		{ "{'type':'switch','phoneNumber':'+()'}", "no digit" },
		{ "{'type':'switch','phoneNumber':-5}", "negative" },
		{ "{'type':'switch','phoneNumber':1.5}", "phoneNumber" },
		{ "{'type':'switch','phoneNumber':'1\\u0000'}",
			"phoneNumber" },
		{ "{'type':'switch','sipUri':'sip:a@h\\r\\nX: y'}", "CR" },
		{ "{'type':'switch','sipUri':7}", "sipUri" },
		{ "{'type':'switch','sipUri':'agent'}", "user@host" },
		{ "{'type':'switch','sipUri':'sip:a@h;method=BYE'}",
			"method" },
		{ "{'type':'switch','sipUri':'sip:a@h?X=y'}", "not avail" },
		{ "{'type':'switch','phoneNumber':'1','timeout':-1}",
			"timeout" },
		{ "{'type':'switch','phoneNumber':'1','timeout':0}",
			"timeout" },
		{ "{'type':'switch','phoneNumber':'1','timeout':'soon'}",
			"soon" },
		{ "{'type':'switch','phoneNumber':'1','timeout':{}}",
			"timeout" },
		{ "{'type':'switch','phoneNumber':'1','headers':'x'}",
			"headers" },
		{ "{'type':'switch','phoneNumber':'1','headers':{'a':true}}",
			"headers.a" },
		{ "{'type':'switch','phoneNumber':'1','headers':"
			"{'a':'x\\r\\nVia: y'}}", "headers.a" },
		{ "{'type':'switch','phoneNumber':'1','headers':"
			"{'a':'x\\u0000'}}", "headers.a" },
		{ "{'type':'switch','phoneNumber':'1','headers':"
			"{'a b':'x'}}", "a b" },
		{ "{'type':'switch','phoneNumber':'1','headers':{'':'x'}}",
			"header name" },
		{ "{'type':'switch','phoneNumber':'1','method':'BYE'}",
			"BYE" },
		{ "{'type':'switch','phoneNumber':'1','method':1}",
			"method" },
		{ "{'type':'switch','phoneNumber':'1','continueCall':'yes'}",
			"continueCall" },
		{ "{'type':'switch','phoneNumber':'1','transferChannel':1}",
			"transferChannel" },
		{ "{'type':'switch','phoneNumer':'1'}", "phoneNumber" },
		{ "{'type':'switch','phoneNumber':'1','destinations':[]}",
			"not available" },
		{ "{'type':'text'}", "text" },
		{ "{'type':'text','text':5}", "text" },
	};
	struct action_error err;
	char json[512];

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		strcpy(json, rows[i].json);
		for (char *p = json; *p; p++)
			if (*p == '\'')
				*p = '"';
		err.text[0] = '\0';
		assert_null(parse(json, &err));
		if (!strstr(err.text, rows[i].says))
			fail_msg("%s: \"%s\"", json, err.text);
		assert_null(strpbrk(err.text, "\r\n"));
	}
}

static void protected_headers(void **state)
{
	static const char *const rows[] = {
		"Via", "v", "FROM", "call-id", "Content-Length", "l",
		"Proxy-Require", "Allow-Events", "P-Asserted-Identity",
		"refer-to", "r", "Session-Expires", "x", "User-Agent",
	};
	static const char *const others[] = {
		"X-Reason", "callReason", "Subject", "s", "User-to-User",
		"Contacts", "Reason",
	};
	struct action_error err;
	struct action *a;

	(void)state;
	for (unsigned i = 0; i < sizeof(rows) / sizeof(*rows); i++)
		assert_true(header_is_protected(rows[i]));
	for (unsigned i = 0; i < sizeof(others) / sizeof(*others); i++)
		assert_false(header_is_protected(others[i]));

	/* Left out; the rest of the switch stands. */
	a = parse("{\"type\":\"switch\",\"phoneNumber\":\"1\",\"headers\":"
		  "{\"From\":\"x\",\"X-A\":\"y\"}}", &err);
	assert_non_null(a);
	assert_int_equal(a->sw->header_count, 1);
	assert_string_equal(a->sw->headers[0].name, "X-A");
	action_free(a);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(protected_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
