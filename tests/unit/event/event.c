/* The bus numbers events and gives them out; the table is the contract's. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "core/event.h"
#include "core/loop.h"

static struct loop *loop;
static struct event_bus *bus;
static int heard[3];

static int setup(void **state)
{
	(void)state;
	loop = loop_new_virtual(1000, 1);
	bus = event_bus_new(loop, "n1", "b1");
	memset(heard, 0, sizeof(heard));
	return !bus;
}

static int teardown(void **state)
{
	(void)state;
	event_bus_free(bus);
	loop_free(loop);
	return 0;
}

static void count(const struct event *ev, void *arg)
{
	(void)ev;
	++*(int *)arg;
}

static void leave(const struct event *ev, void *arg)
{
	count(ev, arg);
	event_unlisten(bus, leave, arg);
	event_unlisten(bus, count, &heard[2]);
}

static void every_type_has_a_row(void **state)
{
	(void)state;
	for (int i = 0; i < EVENT_TYPES; i++) {
		assert_non_null(event_table[i].name);
		assert_non_null(event_table[i].doc);
		assert_non_null(event_table[i].fields);
		assert_int_equal(event_find(event_table[i].name), i);
	}
	assert_int_equal(event_find("call.nothing"), -1);
}

static void events_are_numbered_and_timed(void **state)
{
	struct event ev = { .type = EV_CALL_ANSWERED, .call = "c" };

	(void)state;
	assert_int_equal(event_bus_seq(bus), 0);
	event_listen(bus, count, &heard[0]);
	event_emit(bus, &ev);
	assert_int_equal(ev.seq, 1);
	assert_int_equal(ev.time, 1000);
	loop_advance(loop, 50);
	event_emit(bus, &ev);
	assert_int_equal(ev.seq, 2);
	assert_int_equal(ev.time, 1050);
	assert_int_equal(event_bus_seq(bus), 2);
	assert_int_equal(heard[0], 2);
	assert_string_equal(event_bus_node(bus), "n1");
	assert_string_equal(event_bus_boot(bus), "b1");
}

static void listeners_may_leave_while_they_listen(void **state)
{
	struct event ev = { .type = EV_CALL_ANSWERED };

	(void)state;
	event_listen(bus, count, &heard[0]);
	event_listen(bus, leave, &heard[1]);
	event_listen(bus, count, &heard[2]);
	event_emit(bus, &ev);
	event_emit(bus, &ev);
	assert_int_equal(heard[0], 2);
	assert_int_equal(heard[1], 1);
	assert_int_equal(heard[2], 0);
}

static void absent_values_are_absent(void **state)
{
	struct event ev = { .type = EV_TRANSFER_ENDED };
	json_t *o;

	(void)state;
	event_string(&ev, "status", "FAIL");
	event_string(&ev, "number", NULL);
	event_bytes(&ev, "reason", NULL, 3);
	event_sip(&ev, "sip", 0, NULL);
	event_json_field(&ev, "attempts", NULL);
	event_json_field(&ev, "recording", json_null());
	event_bool(&ev, "hangup", false);
	o = event_fields_json(&ev);
	assert_int_equal(json_object_size(o), 2);
	assert_true(json_is_false(json_object_get(o, "hangup")));
	json_decref(o);
}

static void fields_become_json(void **state)
{
	struct event ev = { .type = EV_CALL_ENDED, .call = "c-1" };
	json_t *states = json_pack("[s]", "/Start");
	json_t *sip;
	json_t *o;

	(void)state;
	event_bytes(&ev, "from", "a\xff" "b", 3);
	event_int(&ev, "started", 5000000000);
	event_json_field(&ev, "states", states);
	o = event_fields_json(&ev);
	json_decref(states);
	assert_string_equal(json_string_value(json_object_get(o, "call")),
			    "c-1");
	assert_string_equal(json_string_value(json_object_get(o, "from")),
			    "a\xef\xbf\xbd" "b");
	assert_int_equal(json_integer_value(json_object_get(o, "started")),
			 5000000000);
	assert_int_equal(json_array_size(json_object_get(o, "states")), 1);
	json_decref(o);

	ev = (struct event){ .type = EV_TRANSFER_PROGRESS };
	event_sip(&ev, "sip", 486, "Busy \xff");
	o = event_fields_json(&ev);
	sip = json_object_get(o, "sip");
	assert_int_equal(json_integer_value(json_object_get(sip, "code")),
			 486);
	assert_string_equal(json_string_value(json_object_get(sip, "phrase")),
			    "Busy \xef\xbf\xbd");
	json_decref(o);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(every_type_has_a_row),
		T(events_are_numbered_and_timed),
		T(listeners_may_leave_while_they_listen),
		T(absent_values_are_absent),
		T(fields_become_json),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
