/* The CDR's line says what the event says, whatever bytes a caller sends. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/engine_i.h"
#include "core/loop.h"
#include "core/sink.h"

#define LINES 3000

static json_t *wanted[LINES];
static size_t count;

static void on_event(const struct event *ev, void *arg)
{
	(void)arg;
	wanted[count++] = event_fields_json(ev);
}

/* Bytes of all kinds: any, ASCII, characters on the verge, plain. */
static void fill(char *s, size_t size)
{
	static const char *const odd[] = { "\xc3\xa4", "\xe2\x82\xac", "\"",
		"\\", "\n", "\x7f", "\x01", "\xf0\x9f\x98\x80", "\xed\xa0\x80",
		"\xc3", "/" };
	const size_t len = (size_t)rand() % (size - 5);
	const int kind = rand() % 4;

	*s = '\0';
	for (size_t i = 0; i < len;) {
		char one[8] = "a";

		if (kind == 0)
			one[0] = (char)(1 + rand() % 255);
		else if (kind == 1)
			one[0] = (char)(1 + rand() % 127);
		else if (kind == 2)
			snprintf(one, sizeof(one), "%s",
				 odd[(size_t)rand() % (sizeof(odd) /
						       sizeof(*odd))]);
		strcpy(s + i, one);
		i += strlen(one);
		if (i >= len)
			break;
	}
}

static void every_line_is_the_event(void **state)
{
	char path[] = "/tmp/tandem-cdr-XXXXXX", from[60], to[60];
	struct loop *loop = loop_new_virtual(1000, 1);
	struct event_bus *bus = event_bus_new(loop, "n", "b");
	struct engine e = { .loop = loop, .bus = bus };
	json_t *states = json_pack("[s,s]", "/", "/Gr\u00fc\"\u00dfe");
	json_t *log = json_pack("[{s:s,s:i,s:b,s:n,s:f,s:[],s:{},s:{s:i}}]",
				"method", "bridge", "ms", -5, "hangup", 1,
				"none", "real", 0.5, "list", "map", "sip",
				"code", 486);
	char *line = NULL;
	size_t size = 0;
	ssize_t len;
	FILE *f;

	(void)state;
	close(mkstemp(path));
	assert_int_equal(sink_open(&e.cdr, path, 4 << 20), 0);
	event_listen(bus, on_event, NULL);
	srand(1);
	for (int i = 0; i < LINES; i++) {
		struct call c = { .e = &e, .id = "b-1", .from = from,
			.to = to, .sip_call_id = from, .started = 1,
			.answered = (uint64_t)(i % 2), .states = states,
			.transfer_log = log, .ended_by = BY_AGENT };

		fill(from, sizeof(from));
		fill(to, sizeof(to));
		cdr_write(&c);
	}
	sink_close(e.cdr, 10000);
	assert_int_equal(e.count.cdr_lost, 0);
	assert_int_equal(count, LINES);

	f = fopen(path, "r");
	assert_non_null(f);
	for (size_t i = 0; i < count; i++) {
		json_t *got;

		len = getline(&line, &size, f);
		assert_true(len > 1);
		got = json_loadb(line, (size_t)len - 1, 0, NULL);
		assert_non_null(got);
		assert_true(json_equal(got, wanted[i]));
		json_decref(got);
		json_decref(wanted[i]);
	}
	assert_int_equal(getline(&line, &size, f), -1);
	fclose(f);
	free(line);
	unlink(path);
	json_decref(states);
	json_decref(log);
	event_bus_free(bus);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_line_is_the_event),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
