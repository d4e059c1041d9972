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
		"{'type':'switch','destinations':['1001',1002,'a@127.0.0.1',"
			"{'phoneNumber':'1003','timeout':5},"
			"{'sipUri':'sip:b@127.0.0.1'}]}",
		"{'type':'switch','phoneNumber':'1','destinations':{}}",
		"{'type':'switch','phoneNumber':'1','destinations':['2'],"
			"'strategy':'all'}",
		"{'type':'switch','destinations':['1'],'method':'refer'}",
		"{'type':'switch','sipUri':'sip:a@127.0.0.1?X-A=b&X-C=d%20e'}",
		"{'type':'switch','sipUri':'sip:a@127.0.0.1?From=b&body=c'}",
		"{'type':'text','text':''}",
		"{'type':'hangup'}",
		"{'type':'audio','file':'hello.wav'}",
		"{'type':'audio','audioUrl':'HTTPS://127.0.0.1/x'}",
		"{'type':'dtmf'}",
		"{'type':'dtmf','max':4.0,'timeout':5000}",
		"{'type':'timeout','interval':'5 seconds','state':'../X'}",
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
		{ "{'type':'audio'}", "file and audioUrl" },
		{ "{'type':'audio','file':'a','audioUrl':'http://b'}",
			"file and audioUrl" },
		{ "{'type':'audio','file':''}", "file is empty" },
		{ "{'type':'audio','file':5}", "file must be a string" },
		{ "{'type':'audio','file':'a\\n'}", "control character" },
		{ "{'type':'audio','file':'a\\u0000b'}", "control" },
		{ "{'type':'audio','audioUrl':'file:///etc/passwd'}",
			"http://" },
		{ "{'type':'dtmf','max':0}", "max" },
		{ "{'type':'dtmf','max':65}", "max" },
		{ "{'type':'dtmf','max':1.5}", "max" },
		{ "{'type':'dtmf','max':'4'}", "max" },
		{ "{'type':'dtmf','timeout':5}", "timeout" },
		{ "{'type':'dtmf','timeout':1e300}", "timeout" },
		{ "{'type':'dtmf','timout':5000}", "timeout" },
		{ "{'type':'timeout','state':'/'}", "interval" },
		{ "{'type':'timeout','interval':0,'state':'/'}", "interval" },
		{ "{'type':'timeout','interval':'soon','state':'/'}",
			"interval" },
		{ "{'type':'timeout','interval':'25h','state':'/'}",
			"interval" },
		{ "{'type':'timeout','interval':1}", "state" },
		{ "{'type':'timeout','interval':1,'state':''}", "state" },
		{ "{'type':'switch'}", "phoneNumber, sipUri and dest" },
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
		{ "{'type':'switch','sipUri':'sip:a@h?X=y%0D%0AVia:z'}",
			"CR, LF or NUL in header X" },
		{ "{'type':'switch','sipUri':'sip:a@h?X=y%00'}", "NUL" },
		{ "{'type':'switch','sipUri':'sip:a@h?X%20Y=y'}", "X Y" },
		{ "{'type':'switch','sipUri':'sip:a@h?=y'}", "header name" },
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
		{ "{'type':'switch','destinations':[]}", "is needed" },
		{ "{'type':'switch','destinations':'1001'}", "list" },
		{ "{'type':'switch','destinations':{'a':'1'}}", "list" },
		{ "{'type':'switch','destinations':['1',true]}",
			"destinations[2].phoneNumber" },
		{ "{'type':'switch','destinations':['1','x y@h']}",
			"destinations[2].sipUri" },
		{ "{'type':'switch','destinations':['agent']}", "user@host" },
		{ "{'type':'switch','destinations':[{'timeout':5}]}",
			"destinations[1] needs" },
		{ "{'type':'switch','destinations':[{'phoneNumber':'1',"
			"'timeout':0}]}", "destinations[1].timeout" },
		{ "{'type':'switch','destinations':[{'phoneNumer':'1'}]}",
			"did you mean 'phoneNumber'" },
		{ "{'type':'switch','phoneNumber':'0','destinations':[1,2,3,"
			"4,5,6,7,8,9,10,11]}", "at most 10" },
		{ "{'type':'switch','destinations':['1','2'],"
			"'method':'refer'}", "several destinations" },
		{ "{'type':'switch','phoneNumber':'1','strategy':'any'}",
			"not one of hunt, all" },
		{ "{'type':'switch','phoneNumber':'1','strategy':true}",
			"strategy" },
		{ "{'type':'switch','phoneNumber':'1','music':'none'}",
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

static void a_targets_own_headers(void **state)
{
	struct action_error err;
	struct action *a;

	(void)state;
	a = parse("{\"type\":\"switch\",\"sipUri\":"
		  "\"a@127.0.0.1;x=y?X-A=b%20c&v=d&X-E\"}", &err);
	assert_non_null(a);
	assert_int_equal(a->sw->target_count, 1);
	assert_string_equal(a->sw->targets[0].uri, "sip:a@127.0.0.1;x=y");
	assert_int_equal(a->sw->targets[0].header_count, 2);
	assert_string_equal(a->sw->targets[0].headers[0].name, "X-A");
	assert_string_equal(a->sw->targets[0].headers[0].value, "b c");
	assert_string_equal(a->sw->targets[0].headers[1].name, "X-E");
	assert_string_equal(a->sw->targets[0].headers[1].value, "");
	action_free(a);
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

/* Only a reply has a type. */
static void a_switch_has_no_type(void **state)
{
	json_t *j = json_pack("{s:s, s:s}", "type", "switch", "phoneNumber",
			      "1");
	struct action_error err;
	struct action *a;

	(void)state;
	assert_int_equal(action_parse_switch(&a, j, "c", &err), UV_EINVAL);
	assert_non_null(strstr(err.text, "'type'"));
	json_decref(j);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good),
		cmocka_unit_test(bad),
		cmocka_unit_test(a_switch_has_no_type),
		cmocka_unit_test(a_targets_own_headers),
		cmocka_unit_test(protected_headers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
