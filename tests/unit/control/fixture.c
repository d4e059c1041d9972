#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <msgpack.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/control/pack.h"
#include "core/control/skim.h"
#include "core/control/socket.h"
#include "core/control/unpack.h"
#include "core/log.h"

uv_loop_t uv;
struct loop *loop;
struct event_bus *bus;
struct control *control;
char socket_path[64];
bool drained;
bool serving;

/* Long enough that only a hanging test meets it. */
#define PATIENCE_MS 120000

static void turn(void)
{
	serving = true;
	uv_run(&uv, UV_RUN_NOWAIT);
	serving = false;
}

static json_t *info(void *arg)
{
	(void)arg;
	return json_pack("{s:s}", "version", "9.9");
}

static void drain(void *arg)
{
	(void)arg;
	drained = true;
}

static void server_open(size_t queue_bytes, size_t ring_events)
{
	const char *const paths[] = { socket_path };
	const struct control_options o = {
		.uv = &uv, .engine = &fake, .bus = bus,
		.paths = paths, .path_count = 1,
		.info = info, .drain = drain,
		.queue_bytes = queue_bytes, .ring_events = ring_events,
	};
	int failed;

	assert_int_equal(control_open(&control, &o, &failed), 0);
}

int server_start(void **state)
{
	(void)state;
	signal(SIGPIPE, SIG_IGN);
	log_level_set(LOG_ERROR);
	fake_reset();
	drained = false;
	snprintf(socket_path, sizeof(socket_path), "/tmp/tandem-%d.sock",
		 (int)getpid());
	unlink(socket_path);
	uv_loop_init(&uv);
	loop = loop_new_virtual(1000, 1);
	bus = event_bus_new(loop, "node-1", "boot-1");
	server_open(0, 0);
	return 0;
}

static void server_close(void)
{
	struct stat st;

	control_close(control);
	control = NULL;
	pump();
	assert_int_equal(lstat(socket_path, &st), -1);
}

int server_stop(void **state)
{
	(void)state;
	if (control)
		server_close();
	assert_int_equal(uv_loop_close(&uv), 0);
	event_bus_free(bus);
	loop_free(loop);
	fake_reset();
	return 0;
}

void server_restart(size_t queue_bytes, size_t ring_events)
{
	server_close();
	server_open(queue_bytes, ring_events);
}

void pump(void)
{
	for (int i = 0; i < 10; i++)
		turn();
}

void client_open(struct client *c)
{
	memset(c, 0, sizeof(*c));
	c->fd = socket_connect(socket_path);
	assert_true(c->fd >= 0);
	pump();
}

void client_close(struct client *c)
{
	close(c->fd);
	free(c->buf);
	pump();
}

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

void client_send(struct client *c, const void *data, size_t len)
{
	const uint64_t until = now_ms() + PATIENCE_MS;
	const char *p = data;

	while (len) {
		const ssize_t n = write(c->fd, p, len);

		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
		else if (errno != EAGAIN) {
			return;		/* closed: the test will see */
		}
		else {
			assert_true(now_ms() < until);
		}
		turn();
	}
}

static bool receive_some(struct client *c)
{
	struct pollfd pf = { .fd = c->fd, .events = POLLIN };
	char buf[65536];
	ssize_t n;

	turn();
	if (poll(&pf, 1, 1) != 1)
		return false;
	n = read(c->fd, buf, sizeof(buf));
	if (n <= 0) {
		c->eof = n == 0 || errno != EAGAIN;
		return false;
	}
	c->buf = realloc(c->buf, c->len + (size_t)n);
	assert_non_null(c->buf);
	memcpy(c->buf + c->len, buf, (size_t)n);
	c->len += (size_t)n;
	return true;
}

json_t *client_receive(struct client *c)
{
	static const struct skim_limits limits = { 64 << 20, 1 << 20, 30 };
	const uint64_t until = now_ms() + PATIENCE_MS;
	msgpack_unpacked m;
	const char *why = "";
	struct skim s;
	json_t *json;
	size_t off = 0;
	int r;

	skim_init(&s, &limits);
	while ((r = skim_step(&s, c->buf, c->len)) == 0) {
		if (c->eof)
			return NULL;
		receive_some(c);
		assert_true(now_ms() < until);
	}
	assert_int_equal(r, 1);
	msgpack_unpacked_init(&m);
	assert_true(msgpack_unpack_next(&m, c->buf, s.pos, &off) > 0);
	if (unpack_json(&json, &m.data, &why) != 0)
		json = json_null();
	msgpack_unpacked_destroy(&m);
	c->len -= s.pos;
	memmove(c->buf, c->buf + s.pos, c->len);
	return json;
}

bool client_closed(struct client *c)
{
	for (int i = 0; i < 200 && !c->eof; i++)
		receive_some(c);
	return c->eof;
}

void client_request(struct client *c, unsigned id, const char *method,
		    const char *params)
{
	json_t *map = params ? json_loads(params, JSON_ALLOW_NUL,
					      NULL) : NULL;
	struct packed b = { 0 };
	msgpack_packer pk;

	assert_true(!params || map);
	packed_writer(&pk, &b);
	msgpack_pack_array(&pk, 4);
	msgpack_pack_int(&pk, 0);
	msgpack_pack_unsigned_int(&pk, id);
	pack_text(&pk, method);
	msgpack_pack_array(&pk, params ? 1 : 0);
	if (map)
		pack_json(&pk, map);
	client_send(c, b.data, b.len);
	packed_free(&b);
	json_decref(map);
}

static json_t *response(struct client *c, unsigned id)
{
	json_t *m = client_receive(c);

	assert_non_null(m);
	assert_int_equal(json_array_size(m), 4);
	assert_int_equal(json_integer_value(json_array_get(m, 0)), 1);
	assert_int_equal(json_integer_value(json_array_get(m, 1)), id);
	return m;
}

static unsigned next_id;

json_t *client_ask(struct client *c, const char *method, const char *params)
{
	const unsigned id = ++next_id;
	json_t *m, *result;

	client_request(c, id, method, params);
	m = response(c, id);
	if (!json_is_null(json_array_get(m, 2)))
		fail_msg("%s: %s", method, json_string_value(json_object_get(
			json_array_get(m, 2), "message")));
	result = json_incref(json_array_get(m, 3));
	json_decref(m);
	return result;
}

void client_fails(struct client *c, const char *method, const char *params,
		  const char *code, const char *part)
{
	const unsigned id = ++next_id;
	json_t *m;
	const json_t *e;
	const char *text;

	client_request(c, id, method, params);
	m = response(c, id);
	e = json_array_get(m, 2);
	assert_int_equal(json_object_size(e), 2);
	assert_string_equal(json_string_value(json_object_get(e, "code")),
			    code);
	text = json_string_value(json_object_get(e, "message"));
	if (!strstr(text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, text);
	assert_true(json_is_null(json_array_get(m, 3)));
	json_decref(m);
}

void emit(enum event_type type, const char *call)
{
	struct event ev = { .type = type, .call = call };

	serving = true;
	event_emit(bus, &ev);
	serving = false;
}
