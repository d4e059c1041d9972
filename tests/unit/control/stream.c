/* Subscribers get the events they want, all of them, in order; or a gap. */
#include "fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static int setup(void **state)
{
	return server_start(state);
}

static int teardown(void **state)
{
	return server_stop(state);
}

/* The map of the next message, which must be an event. */
static json_t *next_event(struct client *c)
{
	json_t *m = client_receive(c);
	json_t *ev;

	assert_non_null(m);
	assert_int_equal(json_array_size(m), 3);
	assert_int_equal(json_integer_value(json_array_get(m, 0)), 2);
	assert_string_equal(json_string_value(json_array_get(m, 1)), "event");
	assert_int_equal(json_array_size(json_array_get(m, 2)), 1);
	ev = json_incref(json_array_get(json_array_get(m, 2), 0));
	json_decref(m);
	return ev;
}

static void expect(struct client *c, json_int_t seq, const char *type)
{
	json_t *ev = next_event(c);

	assert_int_equal(json_integer_value(json_object_get(ev, "seq")), seq);
	assert_string_equal(json_string_value(json_object_get(ev, "type")),
			    type);
	json_decref(ev);
}

static void nothing_more(struct client *c)
{
	json_t *o;

	pump();
	o = client_ask(c, "log.level", "{\"level\": \"error\"}");
	assert_int_equal(json_object_size(o), 0);
	json_decref(o);
}

/* Subscribes, and returns whether there is a gap. */
static bool subscribe(struct client *c, const char *params)
{
	json_t *o = client_ask(c, "events.subscribe", params);
	const json_t *gap = json_object_get(o, "gap");

	assert_string_equal(json_string_value(json_object_get(o, "boot")),
			    "boot-1");
	assert_int_equal(json_integer_value(json_object_get(o, "seq")),
			 event_bus_seq(bus));
	assert_int_equal(json_object_size(o), gap ? 3 : 2);
	assert_true(!gap || json_is_true(gap));
	json_decref(o);
	return gap;
}

static void an_event_is_one_flat_map(void **state)
{
	struct event ev = {
		.type = EV_TRANSFER_PROGRESS, .call = "c1", .leg = "l1",
		.transfer = "t1", .attempt = "a1",
	};
	json_t *m, *want;
	struct client c;

	(void)state;
	event_string(&ev, "number", "16123456789");
	event_string(&ev, "phase", "ringing");
	event_sip(&ev, "sip", 180, "Ringing");
	client_open(&c);
	assert_false(subscribe(&c, NULL));
	event_emit(bus, &ev);
	m = next_event(&c);
	want = json_pack("{s:i, s:s, s:s, s:i, s:i, s:s, s:s, s:s, s:s, s:s, "
		"s:s, s:s, s:{s:i, s:s}}", "v", 1, "node", "node-1",
		"boot", "boot-1", "seq", 1, "time", 1000,
		"type", "transfer.progress", "call", "c1", "leg", "l1",
		"transfer", "t1", "attempt", "a1", "number", "16123456789",
		"phase", "ringing", "sip", "code", 180, "phrase", "Ringing");
	assert_true(json_equal(m, want));
	json_decref(m);
	json_decref(want);
	client_close(&c);
}

static void a_cdr_names_its_call_once(void **state)
{
	struct event ev = { .type = EV_CALL_ENDED, .call = "c1" };
	json_t *states = json_pack("[s, s]", "/", "/A");
	json_t *m;
	struct client c;

	(void)state;
	event_string(&ev, "call", "c1");
	event_string(&ev, "ended_by", "agent");
	event_json_field(&ev, "states", states);
	event_bool(&ev, "recording", false);
	client_open(&c);
	subscribe(&c, "{\"call\": \"c1\"}");
	event_emit(bus, &ev);
	m = next_event(&c);	/* the skimmer and JSON refuse a second key */
	assert_true(json_is_object(m));
	assert_int_equal(json_object_size(m), 10);
	assert_true(json_equal(json_object_get(m, "states"), states));
	json_decref(m);
	json_decref(states);
	client_close(&c);
}

static void bytes_that_are_not_utf8_are_replaced(void **state)
{
	struct event ev = { .type = EV_BOT_SAY };
	struct client c;

	(void)state;
	event_bytes(&ev, "text", "a\xff\x00z", 4);
	client_open(&c);
	subscribe(&c, NULL);
	event_emit(bus, &ev);
	json_decref(client_receive(&c));
	event_emit(bus, &ev);
	for (int i = 0; i < 1000 && c.len < 10; i++) {
		char buf[512];
		ssize_t n;

		pump();
		n = recv(c.fd, buf, sizeof(buf), MSG_DONTWAIT);
		if (n > 7) {
			assert_memory_equal(buf + n - 7, "\xa6" "a\xef\xbf\xbd"
					    "\x00z", 7);
			break;
		}
	}
	client_close(&c);
}

static void types_and_call_choose(void **state)
{
	struct client some, one, all;

	(void)state;
	client_open(&some);
	client_open(&one);
	client_open(&all);
	subscribe(&some, "{\"types\": [\"dtmf\", \"call.answered\"]}");
	subscribe(&one, "{\"call\": \"c1\"}");
	subscribe(&all, "{\"types\": []}");
	emit(EV_DTMF, "c1");			/* 1 */
	emit(EV_BOT_STATE, "c1");		/* 2 */
	emit(EV_CALL_ANSWERED, "c11");		/* 3 */
	emit(EV_NODE_DRAINING, NULL);		/* 4 */
	expect(&some, 1, "dtmf");
	expect(&some, 3, "call.answered");
	nothing_more(&some);
	expect(&one, 1, "dtmf");
	expect(&one, 2, "bot.state");
	nothing_more(&one);
	expect(&all, 1, "dtmf");
	expect(&all, 2, "bot.state");
	expect(&all, 3, "call.answered");
	expect(&all, 4, "node.draining");
	nothing_more(&all);

	/* a second one replaces the first, and none ends it */
	subscribe(&some, "{\"types\": [\"bot.state\"], \"call\": \"c2\"}");
	json_decref(client_ask(&one, "events.unsubscribe", NULL));
	emit(EV_DTMF, "c1");			/* 5 */
	emit(EV_BOT_STATE, "c1");		/* 6 */
	emit(EV_BOT_STATE, "c2");		/* 7 */
	expect(&some, 7, "bot.state");
	nothing_more(&some);
	nothing_more(&one);
	client_close(&some);
	client_close(&one);
	client_close(&all);
}

static void since_gives_what_was_missed_before_what_comes(void **state)
{
	struct client c;

	(void)state;
	for (int i = 0; i < 20; i++)
		emit(i % 2 ? EV_DTMF : EV_BOT_STATE, i % 3 ? "c1" : "c2");
	client_open(&c);
	assert_false(subscribe(&c, "{\"since\": {\"boot\": \"boot-1\", "
			       "\"seq\": 5}}"));
	emit(EV_CALL_ANSWERED, "c1");
	for (int i = 6; i <= 20; i++)
		expect(&c, i, i % 2 ? "bot.state" : "dtmf");
	expect(&c, 21, "call.answered");
	client_close(&c);

	/* with a filter, from the very beginning, and from now */
	client_open(&c);
	assert_false(subscribe(&c, "{\"types\": [\"dtmf\"], \"call\": \"c2\", "
			       "\"since\": {\"boot\": \"boot-1\", "
			       "\"seq\": 0}}"));
	expect(&c, 4, "dtmf");
	expect(&c, 10, "dtmf");
	expect(&c, 16, "dtmf");
	nothing_more(&c);
	assert_false(subscribe(&c, "{\"since\": {\"boot\": \"boot-1\", "
			       "\"seq\": 21}}"));
	nothing_more(&c);
	client_close(&c);
}

static void a_gap_is_said_and_nothing_replayed(void **state)
{
	struct client c;

	(void)state;
	server_restart(0, 8);
	for (int i = 0; i < 20; i++)
		emit(EV_DTMF, "c1");
	client_open(&c);
	/* 13 to 20 are held: after 12 nothing is missing, after 11 it is */
	assert_true(subscribe(&c, "{\"since\": {\"boot\": \"boot-1\", "
			      "\"seq\": 11}}"));
	nothing_more(&c);
	assert_false(subscribe(&c, "{\"since\": {\"boot\": \"boot-1\", "
			       "\"seq\": 12}}"));
	for (int i = 13; i <= 20; i++)
		expect(&c, i, "dtmf");
	assert_true(subscribe(&c, "{\"since\": {\"boot\": \"boot-0\", "
			      "\"seq\": 15}}"));
	assert_true(subscribe(&c, "{\"since\": {\"boot\": \"boot-1\", "
			      "\"seq\": 21}}"));
	/* it goes on from now, gap or not */
	emit(EV_BOT_STATE, "c1");
	expect(&c, 21, "bot.state");
	client_close(&c);
}

static void the_ring_is_bounded_in_bytes(void **state)
{
	static char text[1 << 20];
	struct event ev = { .type = EV_BOT_SAY };
	struct client c;
	char params[80];
	bool gap = true;
	int seq = 0;

	(void)state;
	memset(text, 'x', sizeof(text) - 1);
	event_string(&ev, "text", text);
	for (int i = 0; i < 40; i++)
		event_emit(bus, &ev);
	client_open(&c);
	for (; gap; seq++) {
		snprintf(params, sizeof(params), "{\"types\": [\"dtmf\"], "
			 "\"since\": {\"boot\": \"boot-1\", \"seq\": %d}}",
			 seq);
		gap = subscribe(&c, params);
	}
	assert_in_range(seq, 20, 30);
	client_close(&c);
}

static void a_slow_subscriber_is_dropped_and_the_others_are_told(void **state)
{
	static char text[10000];
	struct event ev = { .type = EV_BOT_SAY, .call = "c1" };
	struct client slow, other;
	json_t *m;
	int n = 0;

	(void)state;
	server_restart(256 * 1024, 0);
	memset(text, 'x', sizeof(text) - 1);
	event_string(&ev, "text", text);
	client_open(&slow);
	client_open(&other);
	subscribe(&slow, NULL);
	subscribe(&other, "{\"types\": [\"subscriber.dropped\"]}");
	for (int i = 0; i < 200; i++) {
		event_emit(bus, &ev);
		pump();
	}
	m = next_event(&other);
	assert_string_equal(json_string_value(json_object_get(m, "reason")),
			    "queue full");
	json_decref(m);

	/* what had been sent is whole up to some point, then it ends */
	while ((m = client_receive(&slow))) {
		const json_t *map = json_array_get(json_array_get(m, 2), 0);

		n++;
		assert_int_equal(json_integer_value(json_object_get(map,
				 "seq")), n);
		json_decref(m);
	}
	assert_in_range(n, 1, 199);
	nothing_more(&other);
	client_close(&slow);
	client_close(&other);
}

/* What `since` asks for may be more than the queue takes of live events. */
static void a_long_replay_is_not_the_clients_fault(void **state)
{
	static char text[10000];
	struct event ev = { .type = EV_BOT_SAY, .call = "c1" };
	struct client c;

	(void)state;
	server_restart(64 * 1024, 0);
	memset(text, 'x', sizeof(text) - 1);
	event_string(&ev, "text", text);
	for (int i = 0; i < 200; i++)
		event_emit(bus, &ev);
	client_open(&c);
	assert_false(subscribe(&c, "{\"since\": {\"boot\": \"boot-1\", "
			       "\"seq\": 0}}"));
	event_emit(bus, &ev);
	for (int i = 1; i <= 201; i++)
		expect(&c, i, "bot.say");
	client_close(&c);
}

/* Every further `since` would queue the whole ring again. */
static void one_replay_at_a_time(void **state)
{
	static const char since[] = "{\"since\": {\"boot\": \"boot-1\", "
		"\"seq\": 0}}";
	static char text[10000];
	struct event ev = { .type = EV_BOT_SAY, .call = "c1" };
	struct client c;
	unsigned given = 0, refused = 0, events = 0;
	json_t *m;

	(void)state;
	server_restart(64 * 1024, 0);
	memset(text, 'x', sizeof(text) - 1);
	event_string(&ev, "text", text);
	for (int i = 0; i < 200; i++)
		event_emit(bus, &ev);
	client_open(&c);
	for (int i = 0; i < 50; i++)
		client_request(&c, i, "events.subscribe", since);
	for (int i = 0; i < 50; i++)
		pump();
	while (given + refused < 50 || events < 200) {
		const json_t *e;

		m = client_receive(&c);
		assert_non_null(m);
		e = json_array_get(m, 2);
		if (json_integer_value(json_array_get(m, 0)) == 2)
			events++;
		else if (json_is_null(e))
			given++;
		else if (!strcmp(json_string_value(json_object_get(e, "code")),
				 "limit"))
			refused++;
		json_decref(m);
	}
	assert_int_equal(given, 1);
	assert_int_equal(refused, 49);
	nothing_more(&c);

	/* it has read all of it: there may be another */
	assert_false(subscribe(&c, since));
	for (int i = 1; i <= 200; i++)
		expect(&c, i, "bot.say");
	client_close(&c);
}

/* A large answer in the queue does not count against a subscriber. */
static void answers_do_not_make_a_subscriber_slow(void **state)
{
	struct client c;
	json_t *m;

	(void)state;
	server_restart(64 * 1024, 0);
	fake.big = FAKE_BIG;
	client_open(&c);
	subscribe(&c, NULL);
	client_request(&c, 7, "call.list", NULL);
	pump();
	for (int i = 0; i < 100; i++)
		emit(EV_DTMF, "c1");
	m = client_receive(&c);
	assert_int_equal(json_integer_value(json_array_get(m, 1)), 7);
	json_decref(m);
	for (int i = 1; i <= 100; i++)
		expect(&c, i, "dtmf");
	client_close(&c);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(an_event_is_one_flat_map),
		T(a_cdr_names_its_call_once),
		T(bytes_that_are_not_utf8_are_replaced),
		T(types_and_call_choose),
		T(since_gives_what_was_missed_before_what_comes),
		T(a_gap_is_said_and_nothing_replayed),
		T(the_ring_is_bounded_in_bytes),
		T(a_slow_subscriber_is_dropped_and_the_others_are_told),
		T(a_long_replay_is_not_the_clients_fault),
		T(one_replay_at_a_time),
		T(answers_do_not_make_a_subscriber_slow),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
