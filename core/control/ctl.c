/*
 * `tandem ctl`: one request over the control protocol, or the event stream.
 * It blocks, so it has no loop, only one deadline.
 */
#include "control.h"

#include <errno.h>
#include <msgpack.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "pack.h"
#include "show.h"
#include "skim.h"
#include "socket.h"

#define TIMEOUT_MS 10000
#define DEFAULT_SOCKET "tandem.sock"

enum { OK = 0, FAILED = 1, USAGE = 2 };

/* A node with very many calls may have a long answer. */
static const struct skim_limits limits = {
	.bytes = 256 * 1024 * 1024,
	.elements = 16 * 1024 * 1024,
	.depth = SKIM_DEPTH_MAX,
};

struct ctl {
	const char *path;
	int fd;
	uint64_t deadline;	/**< ms, 0: none                             */
	char *in;
	size_t len;
	size_t cap;
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int sig)
{
	(void)sig;
	interrupted = 1;
}

static void usage(FILE *to)
{
	fputs("usage: tandem ctl [-s SOCKET] METHOD [JSON]\n"
	      "       tandem ctl [-s SOCKET] events [TYPE...]\n"
	      "\n"
	      "  JSON    the parameters, an object; - reads them from stdin\n"
	      "  SOCKET  default: TANDEM_SOCKET, else " DEFAULT_SOCKET "\n"
	      "\n"
	      "The result is printed as JSON. An error is one line, "
	      "`code: message`, and\nexit status 1. `events` prints one event "
	      "a line until the node closes.\n"
	      "Methods: node.info node.stats node.drain log.level call.list "
	      "call.get\ncall.switch call.event call.hangup\n", to);
}

static uint64_t now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static int complain(const struct ctl *c, const char *what)
{
	fprintf(stderr, "tandem ctl: %s: %s\n", c->path, what);
	return FAILED;
}

/* Waits until the socket is ready; 0, or UV_ETIMEDOUT or UV_ECANCELED. */
static int wait_for(const struct ctl *c, short events)
{
	for (;;) {
		struct pollfd pf = { .fd = c->fd, .events = events };
		int ms = -1;
		int n;

		if (interrupted)
			return UV_ECANCELED;
		if (c->deadline) {
			const uint64_t now = now_ms();

			if (now >= c->deadline)
				return UV_ETIMEDOUT;
			ms = (int)(c->deadline - now);
		}
		n = poll(&pf, 1, ms);
		if (n > 0)
			return 0;
		if (n < 0 && errno != EINTR)
			return uv_translate_sys_error(errno);
	}
}

static int send_all(const struct ctl *c, const char *p, size_t len)
{
	while (len) {
		const ssize_t n = write(c->fd, p, len);
		int err;

		if (n >= 0) {
			p += n;
			len -= (size_t)n;
			continue;
		}
		if (errno != EAGAIN && errno != EINTR)
			return uv_translate_sys_error(errno);
		err = wait_for(c, POLLOUT);
		if (err)
			return err;
	}
	return 0;
}

static int receive_more(struct ctl *c)
{
	ssize_t n;
	int err;

	if (c->len == c->cap) {
		const size_t cap = c->cap ? 2 * c->cap : 64 * 1024;
		char *in = realloc(c->in, cap);

		if (!in)
			return UV_ENOMEM;
		c->in = in;
		c->cap = cap;
	}
	err = wait_for(c, POLLIN);
	if (err)
		return err;
	n = read(c->fd, c->in + c->len, c->cap - c->len);
	if (n == 0)
		return UV_EOF;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 :
			uv_translate_sys_error(errno);
	c->len += (size_t)n;
	return 0;
}

/*
 * The next message; `*off` bytes of the input, from the last call, are done
 * with. Destroy `m` after 0.
 */
static int next_message(struct ctl *c, size_t *off, msgpack_unpacked *m)
{
	struct skim s;
	size_t used = 0;
	int err;

	skim_init(&s, &limits);
	for (;;) {
		err = skim_step(&s, c->in + *off, c->len - *off);
		if (err < 0)
			return err;
		if (err)
			break;
		if (*off) {
			memmove(c->in, c->in + *off, c->len - *off);
			c->len -= *off;
			*off = 0;
		}
		err = receive_more(c);
		if (err)
			return err;
	}

	msgpack_unpacked_init(m);
	err = msgpack_unpack_next(m, c->in + *off, s.pos, &used);
	*off += s.pos;
	if (err == MSGPACK_UNPACK_SUCCESS || err == MSGPACK_UNPACK_EXTRA_BYTES)
		return 0;
	msgpack_unpacked_destroy(m);
	return UV_EPROTO;
}

static bool is_kind(const msgpack_object *o, uint64_t kind)
{
	return o->via.array.ptr[0].via.u64 == kind;
}

/* Prints the text and a newline, and frees it. */
static int print(FILE *to, struct packed *text)
{
	bool ok;

	show_raw(text, "\n", 1);
	ok = !text->failed &&
		fwrite(text->data, 1, text->len, to) == text->len &&
		fflush(to) == 0;
	packed_free(text);
	return ok ? OK : FAILED;
}

static const msgpack_object *member(const msgpack_object *map,
				    const char *name)
{
	const size_t len = strlen(name);

	if (map->type != MSGPACK_OBJECT_MAP)
		return NULL;
	for (uint32_t i = 0; i < map->via.map.size; i++) {
		const msgpack_object_kv *kv = &map->via.map.ptr[i];

		if (kv->key.type == MSGPACK_OBJECT_STR &&
		    kv->key.via.str.size == len &&
		    !memcmp(kv->key.via.str.ptr, name, len))
			return &kv->val;
	}
	return NULL;
}

static int print_error(const msgpack_object *e)
{
	const msgpack_object *code = member(e, "code");
	const msgpack_object *message = member(e, "message");
	struct packed text = { 0 };

	if (code && code->type == MSGPACK_OBJECT_STR && message &&
	    message->type == MSGPACK_OBJECT_STR) {
		show_text(&text, code->via.str.ptr, code->via.str.size);
		show_raw(&text, ": ", 2);
		show_text(&text, message->via.str.ptr, message->via.str.size);
	}
	else {
		show_json(&text, e, false);
	}
	print(stderr, &text);
	return FAILED;
}

static int send_request(const struct ctl *c, const char *method,
			const json_t *params)
{
	struct packed b = { 0 };
	msgpack_packer pk;
	int err;

	packed_writer(&pk, &b);
	msgpack_pack_array(&pk, 4);
	msgpack_pack_int(&pk, RPC_REQUEST);
	msgpack_pack_int(&pk, 1);
	pack_text(&pk, method);
	msgpack_pack_array(&pk, params ? 1 : 0);
	if (params)
		pack_json(&pk, params);
	err = b.failed ? UV_ENOMEM : send_all(c, b.data, b.len);
	packed_free(&b);

	/* A node that refuses a message closes, but has said why: read on. */
	return err == UV_EPIPE ? 0 : err;
}

/* Waits for the response; what is left in the input begins at `*off`. */
static int read_response(struct ctl *c, size_t *off, bool quiet)
{
	struct packed text = { 0 };
	msgpack_unpacked m;
	int err, status;

	do {
		err = next_message(c, off, &m);
		if (err)
			break;
		if (is_kind(&m.data, RPC_RESPONSE)) {
			const msgpack_object *o = m.data.via.array.ptr;

			if (o[2].type != MSGPACK_OBJECT_NIL) {
				status = print_error(&o[2]);
			}
			else if (quiet) {
				status = OK;
			}
			else {
				show_json(&text, &o[3], isatty(STDOUT_FILENO));
				status = print(stdout, &text);
			}
			msgpack_unpacked_destroy(&m);
			return status;
		}
		msgpack_unpacked_destroy(&m);
	} while (true);

	if (err == UV_ETIMEDOUT)
		return complain(c, "no answer in 10 seconds");
	if (err == UV_EOF)
		return complain(c, "the node closed the connection");
	return complain(c, uv_strerror(err));
}

static int follow(struct ctl *c, size_t *off)
{
	for (;;) {
		struct packed text = { 0 };
		msgpack_unpacked m;
		int err = next_message(c, off, &m);

		if (err == UV_ECANCELED)
			return OK;
		if (err == UV_EOF || err == UV_ECONNRESET) {
			complain(c, "the node closed the connection");
			return OK;
		}
		if (err)
			return complain(c, uv_strerror(err));
		if (is_kind(&m.data, RPC_NOTIFICATION) &&
		    m.data.via.array.ptr[2].type == MSGPACK_OBJECT_ARRAY &&
		    m.data.via.array.ptr[2].via.array.size == 1) {
			show_json(&text,
				  m.data.via.array.ptr[2].via.array.ptr,
				  false);
			err = print(stdout, &text);
		}
		msgpack_unpacked_destroy(&m);
		if (err)
			return FAILED;
	}
}

static int connect_node(struct ctl *c)
{
	for (;;) {
		c->fd = socket_connect(c->path);
		if (c->fd >= 0)
			return 0;
		/* The node's queue of connections is full for a moment. */
		if (c->fd != UV_EAGAIN || now_ms() >= c->deadline)
			return c->fd;
		poll(NULL, 0, 20);
	}
}

static int run(struct ctl *c, const char *method, json_t *params, bool events)
{
	size_t off = 0;
	int err, status;

	c->deadline = now_ms() + TIMEOUT_MS;
	err = connect_node(c);
	if (err)
		return complain(c, err == UV_ENOENT || err == UV_ECONNREFUSED ?
				"no node listens here" : uv_strerror(err));
	err = send_request(c, method, params);
	if (err) {
		status = complain(c, err == UV_ETIMEDOUT ?
				  "the node reads nothing" : uv_strerror(err));
	}
	else {
		status = read_response(c, &off, events);
		if (events && status == OK) {
			c->deadline = 0;
			status = follow(c, &off);
		}
	}
	close(c->fd);
	free(c->in);
	return status;
}

static json_t *read_params(const char *text)
{
	const size_t flags = JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL;
	json_error_t e;
	json_t *json;

	json = strcmp(text, "-") ? json_loads(text, flags, &e) :
		json_loadf(stdin, flags, &e);
	if (!json) {
		fprintf(stderr, "tandem ctl: parameters: %s (line %d, "
			"column %d)\n", e.text, e.line, e.column);
		return NULL;
	}
	if (!json_is_object(json)) {
		fputs("tandem ctl: parameters must be a JSON object\n",
		      stderr);
		json_decref(json);
		return NULL;
	}
	return json;
}

static json_t *types_params(int count, char **types)
{
	json_t *list = json_array();

	for (int i = 0; i < count; i++) {
		if (json_array_append_new(list, json_string(types[i])) != 0) {
			fputs("tandem ctl: the type is not UTF-8\n", stderr);
			json_decref(list);
			return NULL;
		}
	}
	return json_pack("{s:o}", "types", list);
}

static void set_signals(bool events)
{
	struct sigaction sa = { .sa_handler = SIG_IGN };

	sigemptyset(&sa.sa_mask);
	sigaction(SIGPIPE, &sa, NULL);
	if (!events)
		return;
	sa.sa_handler = on_interrupt;
	sigaction(SIGINT, &sa, NULL);
}

int control_client(int argc, char **argv)
{
	const char *env = getenv("TANDEM_SOCKET");
	struct ctl c = { .path = env && *env ? env : DEFAULT_SOCKET };
	json_t *params = NULL;
	bool events;
	int i = 0;
	int status;

	for (; i < argc && argv[i][0] == '-'; i++) {
		if (!strcmp(argv[i], "-h") || !strcmp(argv[i], "--help")) {
			usage(stdout);
			return OK;
		}
		if (strcmp(argv[i], "-s") || i + 1 == argc) {
			usage(stderr);
			return USAGE;
		}
		c.path = argv[++i];
	}
	if (i == argc) {
		usage(stderr);
		return USAGE;
	}

	events = !strcmp(argv[i], "events");
	if (events) {
		params = types_params(argc - i - 1, argv + i + 1);
	}
	else if (argc - i > 2) {
		usage(stderr);
		return USAGE;
	}
	else if (argc - i == 2) {
		params = read_params(argv[i + 1]);
	}
	if (!params && (events || argc - i == 2))
		return USAGE;

	set_signals(events);
	status = run(&c, events ? "events.subscribe" : argv[i], params,
		     events);
	json_decref(params);
	return status;
}
