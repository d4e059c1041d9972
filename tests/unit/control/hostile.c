/* What clients do by mistake or on purpose costs them alone. */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/control/control_i.h"

static int setup(void **state)
{
	return server_start(state);
}

static int teardown(void **state)
{
	return server_stop(state);
}

static json_int_t control_stat(const char *name)
{
	struct client c;
	json_int_t n;
	json_t *o;

	client_open(&c);
	o = client_ask(&c, "node.stats", NULL);
	n = json_integer_value(json_object_get(json_object_get(o, "control"),
					       name));
	json_decref(o);
	client_close(&c);
	return n;
}

static void what_breaks_a_limit_is_answered_and_closed(void **state)
{
	static const struct {
		const char *bytes;
		size_t len;
		const char *code;	/* NULL: no id, no answer */
	} bad[] = {
#define M(s) s, sizeof(s) - 1
		{ M("\x94\x00\x09\xdb\xff\xff\xff\xff"), "limit" },
		{ M("\x94\x00\x09\xa1m\x91\xdf\xff\xff\xff\xff"), "limit" },
		{ M("\x94\x00\x09\xa1m\x91\x91\x91\x91\x91\x91\x91\x91\x91"
		    "\x91\x91\x91\x91\x91\x91\x91\x91\x91"), "limit" },
		{ M("\x94\x00\x09\xa1m\xc1"), "invalid" },
		{ M("GET / HTTP/1.1\r\n\r\n"), NULL },
		{ M("\xdd\xff\xff\xff\xff"), NULL },
		{ M("\x93\x02\xdb\xff\xff\xff\xff"), NULL },
		{ M("\x16\x03\x01\x02\x00\x01"), NULL },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct client c;

		client_open(&c);
		client_send(&c, bad[i].bytes, bad[i].len);
		if (bad[i].code) {
			json_t *m = client_receive(&c);
			const json_t *e = json_array_get(m, 2);

			assert_non_null(m);
			assert_int_equal(json_integer_value(
				json_array_get(m, 1)), 9);
			assert_string_equal(json_string_value(
				json_object_get(e, "code")), bad[i].code);
			json_decref(m);
		}
		assert_null(client_receive(&c));
		client_close(&c);
	}
	assert_int_equal(control_stat("malformed"),
			 sizeof(bad) / sizeof(bad[0]));
}

static void a_request_beyond_its_size_is_refused(void **state)
{
	const size_t len = 300 * 1024;
	char *m = malloc(len);
	struct client c;

	(void)state;
	memset(m, 0xc0, len);
	memcpy(m, "\x94\x00\x01\xa1m\xdd\x00\x04\x00\x00", 10);
	client_open(&c);
	client_send(&c, m, len);
	json_decref(client_receive(&c));
	assert_true(client_closed(&c));
	client_close(&c);
	free(m);
}

static void a_message_that_never_ends_holds_nobody_up(void **state)
{
	struct client slow, other;

	(void)state;
	client_open(&slow);
	client_open(&other);
	client_send(&slow, "\x94\x00\x01\xda\xff", 5);
	json_decref(client_ask(&other, "node.info", NULL));
	client_close(&slow);
	json_decref(client_ask(&other, "node.info", NULL));
	client_close(&other);
}

static uint64_t xorshift(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/* Requests that begin well and have a few bytes changed, and pure noise. */
static void random_bytes(void **state)
{
	static const char good[] = "\x94\x00\x05\xab" "call.switch\x91\x84"
		"\xa4" "call\xa2" "c1\xabphoneNumber\xa3" "123\xa7timeout\x1e"
		"\xa7headers\x81\xa3X-A\xa1" "b\x94\x00\x06\xb0"
		"events.subscribe\x91\x82\xa5types\x91\xa4" "dtmf\xa5since"
		"\x82\xa4" "boot\xa6" "boot-1\xa3seq\x00\x94\x00\x07\xaa"
		"call.event\x91\x83\xa4" "call\xa2" "c1\xa4name\xa1n\xa4"
		"data\x92\xcb\x3f\xf8\0\0\0\0\0\0\xc3";
	struct client c;

	(void)state;
	for (uint64_t seed = 1; seed <= 10000; seed++) {
		uint64_t x = seed * 0x9e3779b97f4a7c15;
		char m[sizeof(good) - 1];

		memcpy(m, good, sizeof(m));
		if (seed % 4 == 0) {
			for (size_t i = 0; i < sizeof(m); i++)
				m[i] = (char)xorshift(&x);
		}
		for (uint64_t n = xorshift(&x) % 4; n > 0; n--)
			m[xorshift(&x) % sizeof(m)] = (char)xorshift(&x);
		memset(&c, 0, sizeof(c));
		c.fd = socket_connect(socket_path);
		assert_true(c.fd >= 0);
		if (write(c.fd, m, sizeof(m)) < 0)
			fail();
		emit(EV_DTMF, "c1");
		for (int i = 0; i < 3; i++)
			uv_run(&uv, UV_RUN_NOWAIT);
		close(c.fd);
		uv_run(&uv, UV_RUN_NOWAIT);
		fake.calls[1].live = true;
	}
	pump();
	assert_int_equal(control_stat("clients"), 1);
	assert_true(control_stat("requests") > 10000);
}

/* Answers that nobody reads stop the asking, not the node. */
static void a_client_that_does_not_read_is_asked_nothing_more(void **state)
{
	static const char ask[] = "\x94\x00\x01\xa9" "call.list\x90";
	struct client deaf, other;
	json_int_t requests;
	ssize_t n;
	size_t sent = 0;

	(void)state;
	fake.big = FAKE_BIG;	/* 900 kB an answer */
	client_open(&deaf);
	do {
		n = write(deaf.fd, ask, sizeof(ask) - 1);
		sent += n > 0;
		uv_run(&uv, UV_RUN_NOWAIT);
	} while (n > 0 && sent < 1000000);
	assert_true(n < 0);

	requests = control_stat("requests");
	assert_true(requests < 20);
	client_open(&other);
	json_decref(client_ask(&other, "node.info", NULL));
	client_close(&other);

	/* once it reads, all is answered */
	fake.big = 0;
	for (size_t i = 0; i < sent; i++) {
		json_t *m = client_receive(&deaf);

		assert_non_null(m);
		json_decref(m);
	}
	client_close(&deaf);
}

static void many_requests_of_one_client_leave_the_others_their_turn(
	void **state)
{
	static const char ask[] = "\x94\x00\x01\xa9node.info\x90";
	enum { COUNT = 4000, LEN = sizeof(ask) - 1 };
	static char all[COUNT * LEN];
	struct client greedy, other;

	(void)state;
	for (size_t i = 0; i < COUNT; i++)
		memcpy(all + i * LEN, ask, LEN);
	client_open(&greedy);
	client_open(&other);
	assert_int_equal(write(greedy.fd, all, sizeof(all)), sizeof(all));
	client_request(&other, 1, "node.stats", NULL);
	{
		json_t *m = client_receive(&other);
		json_t *o = json_object_get(json_array_get(m, 3), "control");

		assert_true(json_integer_value(json_object_get(o, "requests"))
			    < 1000);
		json_decref(m);
	}
	for (size_t i = 0; i < COUNT; i++)
		json_decref(client_receive(&greedy));
	client_close(&greedy);
	client_close(&other);
}

static void two_hundred_clients_get_every_event(void **state)
{
	enum { N = 200 };
	struct client *all = calloc(N, sizeof(*all));

	(void)state;
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < N; i++) {
			client_open(&all[i]);
			json_decref(client_ask(&all[i], "events.subscribe",
					       NULL));
		}
		emit(EV_CALL_ANSWERED, "c1");
		for (int i = 0; i < N; i++) {
			json_t *m = client_receive(&all[i]);

			assert_int_equal(json_array_size(m), 3);
			json_decref(m);
		}
		assert_int_equal(control_stat("subscribers"), N);
		for (int i = 0; i < N; i++)
			client_close(&all[i]);
		assert_int_equal(control_stat("clients"), 1);
	}
	free(all);
}

/* Leaves at every point: with a request half sent, with answers unread. */
static void clients_leave_at_any_time(void **state)
{
	static const char ask[] = "\x94\x00\x01\xa9" "call.list\x90"
		"\x94\x00\x02\xb0" "events.subscribe\x90";

	(void)state;
	fake.big = FAKE_BIG;
	for (size_t cut = 0; cut <= sizeof(ask) - 1; cut++) {
		for (int turns = 0; turns < 4; turns++) {
			const int fd = socket_connect(socket_path);

			assert_true(fd >= 0);
			if (write(fd, ask, cut) < 0)
				fail();
			for (int i = 0; i < turns; i++)
				uv_run(&uv, UV_RUN_NOWAIT);
			emit(EV_CALL_ANSWERED, "c1");
			close(fd);
		}
	}
	pump();
	assert_int_equal(control_stat("clients"), 1);
}

static void the_server_closes_with_clients_in_every_state(void **state)
{
	struct client c[4];

	(void)state;
	for (int i = 0; i < 4; i++)
		client_open(&c[i]);
	fake.big = FAKE_BIG;
	client_send(&c[1], "\x94\x00", 2);
	for (unsigned i = 0; i < 10; i++)
		client_request(&c[2], i, "call.list", NULL);
	json_decref(client_ask(&c[3], "events.subscribe", NULL));
	emit(EV_CALL_ANSWERED, "c1");
	control_close(control);
	control = NULL;
	emit(EV_CALL_ANSWERED, "c1");
	pump();

	/* what was under way still arrives */
	json_decref(client_receive(&c[3]));
	for (int i = 0; i < 4; i++)
		client_close(&c[i]);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(what_breaks_a_limit_is_answered_and_closed),
		T(a_request_beyond_its_size_is_refused),
		T(a_message_that_never_ends_holds_nobody_up),
		T(random_bytes),
		T(a_client_that_does_not_read_is_asked_nothing_more),
		T(many_requests_of_one_client_leave_the_others_their_turn),
		T(two_hundred_clients_get_every_event),
		T(clients_leave_at_any_time),
		T(the_server_closes_with_clients_in_every_state),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
