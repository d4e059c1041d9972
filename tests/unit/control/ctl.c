/* `tandem ctl` as a process of its own against a server in this one. */
#include "fixture.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <msgpack.h>

#include "core/control/show.h"

static char out[400 * 1024];
static char err[4096];
static int fds[3];	/* the child's stdin, stdout, stderr: our ends */
static pid_t child;

static int setup(void **state)
{
	server_start(state);
	setenv("TANDEM_SOCKET", socket_path, 1);
	return 0;
}

static int teardown(void **state)
{
	return server_stop(state);
}

static void start(int argc, const char *const *argv, const char *input)
{
	int in[2], o[2], e[2];

	assert_int_equal(pipe(in) | pipe(o) | pipe(e), 0);
	child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		char *args[8];

		for (int i = 0; i < argc; i++)
			args[i] = strdup(argv[i]);
		dup2(in[0], 0);
		dup2(o[1], 1);
		dup2(e[1], 2);
		for (int fd = 3; fd < 64; fd++)
			close(fd);
		argc = control_client(argc, args);
		fflush(NULL);
		_exit(argc);
	}
	close(in[0]);
	close(o[1]);
	close(e[1]);
	if (input && write(in[1], input, strlen(input)) < 0)
		fail();
	close(in[1]);
	fcntl(o[0], F_SETFL, O_NONBLOCK);
	fcntl(e[0], F_SETFL, O_NONBLOCK);
	fds[1] = o[0];
	fds[2] = e[0];
	out[0] = err[0] = '\0';
}

static void take(int fd, char *buf, size_t size)
{
	const size_t len = strlen(buf);
	const ssize_t n = read(fd, buf + len, size - 1 - len);

	if (n > 0)
		buf[len + (size_t)n] = '\0';
}

static void serve(void)
{
	if (control)
		uv_run(&uv, UV_RUN_NOWAIT);
	usleep(500);
	take(fds[1], out, sizeof(out));
	take(fds[2], err, sizeof(err));
}

/* Its exit status, or -1 if a signal ended it. */
static int finish(void)
{
	int status;

	while (waitpid(child, &status, WNOHANG) == 0)
		serve();
	for (int i = 0; i < 20; i++)
		serve();
	close(fds[1]);
	close(fds[2]);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

#define ARGS(...) (const char *const[]){ __VA_ARGS__ }, NULL
#define RUN(n, ...) (start(n, ARGS(__VA_ARGS__)), finish())

static void a_result_is_json_on_stdout(void **state)
{
	(void)state;
	assert_int_equal(RUN(1, "call.list"), 0);
	assert_string_equal(out, "{\"boot\": \"boot-1\", \"seq\": 0, "
		"\"calls\": [{\"call\": \"c1\", \"from\": \"a\"}, "
		"{\"call\": \"c2\", \"from\": \"a\"}, "
		"{\"call\": \"c3\", \"from\": \"a\"}]}\n");
	assert_string_equal(err, "");
	assert_int_equal(RUN(2, "call.hangup", "{\"call\": \"c1\"}"), 0);
	assert_string_equal(out, "{}\n");
	assert_int_equal(fake.calls[1].hangups, 1);
}

static void the_socket_is_an_option_or_from_the_environment(void **state)
{
	(void)state;
	unsetenv("TANDEM_SOCKET");
	assert_int_equal(RUN(3, "-s", socket_path, "node.info"), 0);
	assert_int_equal(RUN(1, "node.info"), 1);
	assert_string_equal(err, "tandem ctl: tandem.sock: no node listens "
			    "here\n");
	setenv("TANDEM_SOCKET", "/nowhere.sock", 1);
	assert_int_equal(RUN(1, "node.info"), 1);
	assert_string_equal(err, "tandem ctl: /nowhere.sock: no node listens "
			    "here\n");
}

static void an_error_is_one_line_and_status_1(void **state)
{
	(void)state;
	assert_int_equal(RUN(2, "call.get", "{\"call\": \"c0\"}"), 1);
	assert_string_equal(err, "gone: call c0 is over\n");
	assert_string_equal(out, "");
	assert_int_equal(RUN(1, "a\nb\"\x1b[0m"), 1);
	assert_string_equal(err, "not_found: unknown method a\\nb\""
			    "\\u001b[0m\n");
	assert_int_equal(RUN(1, "call.get\xff"), 1);
	assert_non_null(strstr(err, "not_found: unknown method call.get"));
}

static void wrong_usage_is_status_2(void **state)
{
	(void)state;
	assert_int_equal(RUN(0, NULL), 2);
	assert_int_equal(RUN(1, "-s"), 2);
	assert_int_equal(RUN(2, "-x", "node.info"), 2);
	assert_int_equal(RUN(3, "node.info", "{}", "{}"), 2);
	assert_int_equal(RUN(2, "node.info", "{"), 2);
	assert_int_equal(RUN(2, "node.info", "[]"), 2);
	assert_int_equal(RUN(2, "node.info", "{\"a\": 1, \"a\": 2}"), 2);
	assert_int_equal(RUN(2, "node.info", "{\"a\": 9223372036854775808}"),
			 2);
	assert_int_equal(RUN(2, "events", "\xff"), 2);
	assert_int_equal(RUN(1, "--help"), 0);
}

static void a_minus_reads_stdin(void **state)
{
	(void)state;
	start(2, (const char *const[]){ "call.get", "-" },
	      "{\"call\": \"c2\"}\n");
	assert_int_equal(finish(), 0);
	assert_string_equal(out, "{\"call\": \"c2\", \"from\": \"a\"}\n");
}

static void a_large_answer_comes_whole(void **state)
{
	(void)state;
	fake.big = FAKE_BIG;
	assert_int_equal(RUN(2, "call.get", "{\"call\": \"c1\"}"), 0);
	assert_int_equal(strlen(out), FAKE_BIG +
			 strlen("{\"call\": \"c1\", \"from\": \"\"}\n"));
	assert_string_equal(out + strlen(out) - 4, "x\"}\n");
}

static void wait_for_subscriber(void)
{
	struct client c;
	json_int_t n;

	client_open(&c);
	do {
		json_t *o = client_ask(&c, "node.stats", NULL);

		n = json_integer_value(json_object_get(
			json_object_get(o, "control"), "subscribers"));
		json_decref(o);
		serve();
	} while (n == 0);
	client_close(&c);
}

static void events_are_followed_until_the_node_closes(void **state)
{
	struct event ev = { .type = EV_BOT_SAY, .call = "c1" };

	(void)state;
	start(3, ARGS("events", "dtmf", "bot.say"));
	wait_for_subscriber();
	emit(EV_DTMF, "c1");
	emit(EV_CALL_ANSWERED, "c1");
	event_bytes(&ev, "text", "\xff\x1b\n\xc3\xa9", 5);
	event_emit(bus, &ev);
	pump();
	control_close(control);
	pump();
	control = NULL;
	assert_int_equal(finish(), 0);
	assert_string_equal(out,
		"{\"v\": 1, \"node\": \"node-1\", \"boot\": \"boot-1\", "
		"\"seq\": 1, \"time\": 1000, \"type\": \"dtmf\", "
		"\"call\": \"c1\"}\n"
		"{\"v\": 1, \"node\": \"node-1\", \"boot\": \"boot-1\", "
		"\"seq\": 3, \"time\": 1000, \"type\": \"bot.say\", "
		"\"call\": \"c1\", \"text\": \"\xef\xbf\xbd\\u001b\\n\xc3\xa9\"}\n");
	assert_non_null(strstr(err, "the node closed the connection"));
}

static void an_interrupt_ends_the_events_well(void **state)
{
	(void)state;
	start(1, ARGS("events"));
	wait_for_subscriber();
	emit(EV_DTMF, "c1");
	while (!strchr(out, '\n'))
		serve();
	kill(child, SIGINT);
	assert_int_equal(finish(), 0);
	assert_string_equal(err, "");
}

static void an_unknown_event_is_an_error(void **state)
{
	(void)state;
	assert_int_equal(RUN(2, "events", "dtmff"), 1);
	assert_string_equal(err, "invalid: types: there is no event dtmff; "
			    "did you mean dtmf\n");
}

/* Whatever a node sends can be shown as JSON. */
static void every_value_is_shown(void **state)
{
	static const char m[] = "\x9e\xcf\xff\xff\xff\xff\xff\xff\xff\xff"
		"\xd3\x80\x00\x00\x00\x00\x00\x00\x00"
		"\xcb\x7f\xf8\x00\x00\x00\x00\x00\x00"
		"\xca\x40\x00\x00\x00\xca\x3f\x00\x00\x00\xc2\xc0"
		"\xc4\x03" "a\"\xff\xd4\x05x\x90\x80\xa0"
		"\x82\x01\xc3\x91\x02\xc0\xa5\xc2\x9b\x7f\\/";
	struct packed text = { 0 };
	msgpack_unpacked u;
	size_t off = 0;
	json_t *o;

	(void)state;
	msgpack_unpacked_init(&u);
	assert_true(msgpack_unpack_next(&u, m, sizeof(m) - 1, &off) > 0);
	show_json(&text, &u.data, false);
	show_raw(&text, "", 1);
	assert_string_equal(text.data, "[18446744073709551615, "
		"-9223372036854775808, null, 2.0, 0.5, false, null, "
		"\"a\\\"\\ufffd\", \"ext 5, 1 bytes\", [], {}, \"\", "
		"{\"1\": true, \"[2]\": null}, \"\\u009b\\u007f\\\\/\"]");
	packed_free(&text);

	show_json(&text, &u.data, true);
	show_raw(&text, "", 1);
	assert_non_null(strstr(text.data, "\n  {\n    \"1\": true,\n"
			       "    \"[2]\": null\n  },\n"));
	o = json_loads(text.data, JSON_DECODE_INT_AS_REAL, NULL);
	assert_non_null(o);
	json_decref(o);
	packed_free(&text);
	msgpack_unpacked_destroy(&u);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_result_is_json_on_stdout),
		T(the_socket_is_an_option_or_from_the_environment),
		T(an_error_is_one_line_and_status_1),
		T(wrong_usage_is_status_2),
		T(a_minus_reads_stdin),
		T(a_large_answer_comes_whole),
		T(events_are_followed_until_the_node_closes),
		T(an_interrupt_ends_the_events_well),
		T(an_unknown_event_is_an_error),
		T(every_value_is_shown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
