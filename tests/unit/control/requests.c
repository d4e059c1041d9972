/* Each method's answer, and each way a request can be wrong. */
#include "fixture.h"

#include <string.h>
#include <sys/socket.h>

#include "core/log.h"

static struct client c;

static int setup(void **state)
{
	server_start(state);
	client_open(&c);
	return 0;
}

static int teardown(void **state)
{
	client_close(&c);
	return server_stop(state);
}

static json_int_t integer(const json_t *o, const char *key)
{
	assert_true(json_is_integer(json_object_get(o, key)));
	return json_integer_value(json_object_get(o, key));
}

static const char *string(const json_t *o, const char *key)
{
	assert_true(json_is_string(json_object_get(o, key)));
	return json_string_value(json_object_get(o, key));
}

static void gives_nothing(const char *method, const char *params)
{
	json_t *o = client_ask(&c, method, params);

	assert_true(json_is_object(o));
	assert_int_equal(json_object_size(o), 0);
	json_decref(o);
}

static void node_info_and_stats(void **state)
{
	json_t *o = client_ask(&c, "node.info", NULL);

	(void)state;
	assert_string_equal(string(o, "node"), "node-1");
	assert_string_equal(string(o, "boot"), "boot-1");
	assert_string_equal(string(o, "version"), "9.9");
	assert_int_equal(integer(o, "seq"), 0);
	assert_int_equal(integer(o, "calls"), 3);
	json_decref(o);

	o = client_ask(&c, "node.stats", "{}");
	assert_int_equal(integer(o, "calls"), 3);
	assert_int_equal(integer(json_object_get(o, "control"), "clients"),
			 1);
	json_decref(o);

	gives_nothing("node.drain", NULL);
	assert_true(drained);
}

static void log_level_is_set(void **state)
{
	(void)state;
	gives_nothing("log.level", "{\"level\": \"warn\"}");
	assert_int_equal(log_level(), LOG_WARN);
	client_fails(&c, "log.level", "{\"level\": \"loud\"}", "invalid",
		     "debug, info, warn or error");
	log_level_set(LOG_ERROR);
}

static void calls_are_listed_and_shown(void **state)
{
	json_t *o, *list;

	(void)state;
	emit(EV_CALL_ANSWERED, "c1");
	o = client_ask(&c, "call.list", NULL);
	list = json_object_get(o, "calls");
	assert_int_equal(json_object_size(o), 3);
	assert_string_equal(string(o, "boot"), "boot-1");
	assert_int_equal(integer(o, "seq"), 1);
	assert_int_equal(json_array_size(list), 3);
	assert_string_equal(string(json_array_get(list, 2), "call"), "c3");
	json_decref(o);

	o = client_ask(&c, "call.get", "{\"call\": \"c2\"}");
	assert_string_equal(string(o, "call"), "c2");
	json_decref(o);

	for (int i = 0; i < FAKE_CALLS; i++)
		fake.calls[i].live = false;
	o = client_ask(&c, "call.list", NULL);
	assert_int_equal(json_array_size(json_object_get(o, "calls")), 0);
	json_decref(o);
}

static void a_call_that_is_not_there(void **state)
{
	(void)state;
	client_fails(&c, "call.get", "{\"call\": \"c0\"}", "gone", "c0");
	client_fails(&c, "call.get", "{\"call\": \"c9\"}", "not_found", "c9");
	client_fails(&c, "call.hangup", "{\"call\": \"c0\"}", "gone", "");
	client_fails(&c, "call.event", "{\"call\": \"c0\", \"name\": \"x\"}",
		     "gone", "");
	client_fails(&c, "call.switch", "{\"call\": \"c0\", "
		     "\"phoneNumber\": \"1\"}", "gone", "");
	client_fails(&c, "call.get", "{\"call\": \"c\\u0000\"}", "invalid",
		     "NUL");
}

static void a_switch_takes_its_fields_inline(void **state)
{
	json_t *o = client_ask(&c, "call.switch", "{\"call\": \"c1\", "
			       "\"phoneNumber\": \"1001\", \"timeout\": 30}");

	(void)state;
	assert_int_equal(json_object_size(o), 1);
	assert_string_equal(string(o, "transfer"), "c1-t1");
	assert_string_equal(fake.calls[1].number, "1001");
	assert_int_equal(fake.calls[1].timeout_ms, 30000);
	json_decref(o);

	client_fails(&c, "call.switch", "{\"call\": \"c1\"}", "invalid", "");
	client_fails(&c, "call.switch", "{\"call\": \"c1\", "
		     "\"phoneNumber\": true}", "invalid", "phoneNumber");
	client_fails(&c, "call.switch", "{\"call\": \"c1\", "
		     "\"phoneNumbr\": \"1\"}", "invalid", "phoneNumbr");
	client_fails(&c, "call.switch", "{\"call\": \"c1\", \"timeout\": -1, "
		     "\"phoneNumber\": \"1\"}", "invalid", "timeout");
	client_fails(&c, "call.switch", "{\"call\": \"c1\", \"headers\": "
		     "{\"X-A\": \"a\\r\\nb\"}, \"phoneNumber\": \"1\"}",
		     "invalid", "");
	fake.calls[1].busy = true;
	client_fails(&c, "call.switch", "{\"call\": \"c1\", "
		     "\"phoneNumber\": \"1\"}", "conflict", "under way");
	assert_int_equal(fake.calls[1].switches, 1);
}

static void a_key_makes_a_repeat_harmless(void **state)
{
	static const char request[] = "{\"call\": \"c1\", \"key\": \"k\", "
		"\"phoneNumber\": \"1\"}";
	json_t *o;

	(void)state;
	/* one that was refused did nothing and may be tried again */
	fake.calls[1].busy = true;
	client_fails(&c, "call.switch", request, "conflict", "");
	fake.calls[1].busy = false;

	for (int i = 0; i < 3; i++) {
		o = client_ask(&c, "call.switch", request);
		assert_string_equal(string(o, "transfer"), "c1-t1");
		json_decref(o);
	}
	assert_int_equal(fake.calls[1].switches, 1);

	/* also over another connection, and when the call is over */
	client_close(&c);
	client_open(&c);
	fake.calls[1].live = false;
	o = client_ask(&c, "call.switch", request);
	assert_string_equal(string(o, "transfer"), "c1-t1");
	json_decref(o);

	client_fails(&c, "call.switch", "{\"call\": \"c2\", \"key\": \"k\", "
		     "\"phoneNumber\": \"1\"}", "conflict", "key");
	client_fails(&c, "call.switch", "{\"call\": \"c2\", \"key\": 7, "
		     "\"phoneNumber\": \"1\"}", "invalid", "key");
}

static void an_event_reaches_the_call_with_its_data(void **state)
{
	(void)state;
	gives_nothing("call.event", "{\"call\": \"c1\", \"name\": \"paid\"}");
	assert_string_equal(fake.calls[1].event, "paid");
	assert_null(fake.calls[1].data);
	gives_nothing("call.event", "{\"call\": \"c1\", \"name\": \"paid\", "
		      "\"data\": {\"sum\": [1, 2.0, 2.5, true, \"\xc3\xa9\"]}}");
	assert_string_equal(fake.calls[1].data,
			    "{\"sum\":[1,2,2.5,true,\"\xc3\xa9\"]}");
	gives_nothing("call.event", "{\"call\": \"c1\", \"name\": \"n\", "
		      "\"data\": {\"\": \"\"}}");
	assert_string_equal(fake.calls[1].data, "{\"\":\"\"}");
	client_fails(&c, "call.event", "{\"call\": \"c1\"}", "invalid",
		     "name: missing");
	client_fails(&c, "call.event", "{\"call\": \"c1\", \"name\": \"\"}",
		     "invalid", "name");
}

static void a_hangup_gives_its_reason(void **state)
{
	(void)state;
	gives_nothing("call.hangup", "{\"call\": \"c1\", "
		      "\"reason\": \"enough\"}");
	assert_string_equal(fake.calls[1].reason, "enough");
	gives_nothing("call.hangup", "{\"call\": \"c2\", \"reason\": null}");
	assert_int_equal(fake.calls[2].hangups, 1);
	client_fails(&c, "call.hangup", "{\"call\": \"c2\"}", "gone", "");
}

static void a_transfer_is_cancelled_once(void **state)
{
	(void)state;
	fake.calls[1].busy = true;
	gives_nothing("transfer.cancel", "{\"call\": \"c1\"}");
	client_fails(&c, "transfer.cancel", "{\"call\": \"c1\"}",
		     "conflict", "no transfer");
	client_fails(&c, "transfer.cancel", "{}", "invalid", "call");
	client_fails(&c, "transfer.cancel", "{\"call\": \"c9\"}",
		     "not_found", "c9");
}

static void wrong_parameters_are_named(void **state)
{
	(void)state;
	client_fails(&c, "call.get", NULL, "invalid", "call: missing");
	client_fails(&c, "call.get", "{\"call\": 1}", "invalid", "call: must");
	client_fails(&c, "call.get", "{\"call\": \"c1\", \"cal\": \"x\"}",
		     "invalid", "cal: call.get has no such parameter; did you "
		     "mean call");
	client_fails(&c, "node.info", "{\"x\": 1}", "invalid", "x: ");
	client_fails(&c, "events.subscribe", "{\"types\": \"dtmf\"}",
		     "invalid", "types: must be a list");
	client_fails(&c, "events.subscribe", "{\"types\": [\"call.startd\"]}",
		     "invalid", "did you mean call.started");
	client_fails(&c, "events.subscribe", "{\"since\": 5}", "invalid",
		     "since: must be a map");
	client_fails(&c, "events.subscribe", "{\"since\": {\"seq\": 5}}",
		     "invalid", "since");
	client_fails(&c, "events.subscribe", "{\"since\": {\"seq\": -1, "
		     "\"boot\": \"b\"}}", "invalid", "since");
}

static void unknown_methods_and_those_of_later_versions(void **state)
{
	(void)state;
	client_fails(&c, "call.lst", NULL, "not_found",
		     "unknown method call.lst; did you mean call.list");
	client_fails(&c, "", NULL, "not_found", "unknown method");
	client_fails(&c, "xyzzy", NULL, "not_found", "unknown method xyzzy");
	client_fails(&c, "call.originate", "{\"x\": 1}", "not_found",
		     "not available in this version");
	client_fails(&c, "auth", NULL, "not_found", "not available");
}

/* Requests as they stand on the wire, each with what the error says. */
static void wrong_values_are_refused_and_the_client_stays(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *part;
	} bad[] = {
#define REQ(s) "\x94\x00\x05" s, sizeof("\x94\x00\x05" s) - 1
#define GET(s) REQ("\xa8" "call.get\x91" s)
		{ REQ("\x01\x90"), "method must be a string" },
		{ REQ("\xa1\xff\x90"), "method must be a string" },
		{ REQ("\xc4\x01m\x90"), "method must be a string" },
		{ REQ("\xa8" "call.get\x80"), "params must be an array" },
		{ REQ("\xa8" "call.get\x92\x80\x80"), "at most one map" },
		{ GET("\x90"), "at most one map" },
		{ GET("\xc0"), "at most one map" },
		{ GET("\x81\xa4" "call\xc4\x02" "c1"), "bin" },
		{ GET("\x81\xa4" "call\xd4\x01x"), "extension" },
		{ GET("\x81\xa4" "call\xa2\xc3\x28"), "not UTF-8" },
		{ GET("\x81\x01\x02"), "keys must be strings" },
		{ GET("\x81\xa2\xc3\x28\x01"), "key is not UTF-8" },
		{ GET("\x81\xa2" "a\x00\x01"), "NUL" },
		{ GET("\x82\xa1" "a\x01\xa1" "a\x02"), "twice" },
		{ GET("\x81\xa4" "call\xa0"), "not empty" },
		{ GET("\x81\xa4" "call\xcf\xff\xff\xff\xff\xff\xff\xff\xff"),
			"2^63" },
		{ GET("\x81\xa4" "call\xcb\x7f\xf8\0\0\0\0\0\0"), "NaN" },
		{ GET("\x81\xa4" "call\xca\x7f\x80\0\0"), "infinity" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		const json_t *e;
		json_t *m;

		client_send(&c, bad[i].bytes, bad[i].len);
		m = client_receive(&c);
		assert_non_null(m);
		assert_int_equal(json_integer_value(json_array_get(m, 1)), 5);
		e = json_array_get(m, 2);
		assert_string_equal(string(e, "code"), "invalid");
		if (!strstr(string(e, "message"), bad[i].part))
			fail_msg("\"%s\" is not in \"%s\"", bad[i].part,
				 string(e, "message"));
		json_decref(m);
	}
	json_decref(client_ask(&c, "node.info", NULL));
}

static void integral_floats_are_integers(void **state)
{
	/* call.event {call = "c1", name = "n", data = [2.0f, -1e18, 1e19]} */
	static const char m[] = "\x94\x00\x05\xaa" "call.event\x91\x83"
		"\xa4" "call\xa2" "c1\xa4name\xa1n\xa4" "data\x93"
		"\xca\x40\x00\x00\x00"
		"\xcb\xc3\xab\xc1\x6d\x67\x4e\xc8\x00"
		"\xcb\x43\xe1\x58\xe4\x60\x91\x3d\x00";

	(void)state;
	client_send(&c, m, sizeof(m) - 1);
	json_decref(client_receive(&c));
	assert_string_equal(fake.calls[1].data,
			    "[2,-1000000000000000000,1e19]");
}

static void notifications_are_carried_out_without_an_answer(void **state)
{
	static const char m[] = "\x93\x02\xab" "call.hangup\x91\x81\xa4"
		"call\xa2" "c1" "\x93\x02\xa5xyzzy\x90"
		"\x94\x01\x07\xc0\xc0";	/* and a response to nothing */

	(void)state;
	client_send(&c, m, sizeof(m) - 1);
	json_decref(client_ask(&c, "node.info", NULL));
	assert_int_equal(fake.calls[1].hangups, 1);
}

static void requests_in_every_split_are_answered_in_order(void **state)
{
	static const char m[] = "\x94\x00\x01\xa9node.info\x90"
		"\x94\x00\xcd\x01\x02\xa8" "call.get\x91\x81\xa4" "call\xa2"
		"c2\x94\x00\xce\xff\xff\xff\xff\xa1x\x90";
	static const unsigned ids[] = { 1, 258, 4294967295 };

	(void)state;
	for (size_t cut = 0; cut < sizeof(m) - 1; cut++) {
		client_send(&c, m, cut);
		pump();
		client_send(&c, m + cut, sizeof(m) - 1 - cut);
		for (int i = 0; i < 3; i++) {
			json_t *r = client_receive(&c);

			assert_int_equal(json_integer_value(
				json_array_get(r, 1)), ids[i]);
			json_decref(r);
		}
	}
	for (size_t i = 0; i < sizeof(m) - 1; i++) {
		client_send(&c, m + i, 1);
		pump();
	}
	for (int i = 0; i < 3; i++)
		json_decref(client_receive(&c));
}

/* `echo ... | nc -N`: what was asked is answered before we close, too. */
static void a_client_that_stops_sending_gets_its_answers(void **state)
{
	json_t *m;

	(void)state;
	/* more than the socket takes at once, less than stops our reading */
	fake.big = 240 * 1024;
	client_request(&c, 1, "call.get", "{\"call\": \"c1\"}");
	client_request(&c, 2, "call.get", "{\"call\": \"c1\"}");
	shutdown(c.fd, SHUT_WR);
	for (int i = 1; i <= 2; i++) {
		m = client_receive(&c);
		assert_int_equal(json_integer_value(json_array_get(m, 1)), i);
		json_decref(m);
	}
	assert_null(client_receive(&c));
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(node_info_and_stats),
		T(log_level_is_set),
		T(calls_are_listed_and_shown),
		T(a_call_that_is_not_there),
		T(a_switch_takes_its_fields_inline),
		T(a_key_makes_a_repeat_harmless),
		T(an_event_reaches_the_call_with_its_data),
		T(a_hangup_gives_its_reason),
		T(a_transfer_is_cancelled_once),
		T(wrong_parameters_are_named),
		T(unknown_methods_and_those_of_later_versions),
		T(wrong_values_are_refused_and_the_client_stays),
		T(integral_floats_are_integers),
		T(notifications_are_carried_out_without_an_answer),
		T(requests_in_every_split_are_answered_in_order),
		T(a_client_that_stops_sending_gets_its_answers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
