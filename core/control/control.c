#include "control.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control_i.h"
#include "core/engine.h"
#include "core/log.h"
#include "peer.h"

#define QUEUE_BYTES (4 * 1024 * 1024)
#define RING_EVENTS 8192
#define RING_BYTES (16 * 1024 * 1024)
#define BACKLOG 128

/*
 * A request is a method's name and a small map; 256 KiB leave room for data
 * of call.event, and nothing of ours nests deeper than a few levels.
 */
const struct skim_limits control_limits = {
	.bytes = 256 * 1024,
	.elements = 16384,
	.depth = 16,
};

static void control_free(struct control *c)
{
	stream_free(&c->stream);
	keys_free(&c->keys);
	packed_free(&c->scratch);
	free(c->listeners);
	free(c);
}

void control_handle_closed(struct control *c)
{
	if (--c->handles == 0 && c->closing)
		control_free(c);
}

static void on_closed(uv_handle_t *h)
{
	control_handle_closed(h->data);
}

static void on_listener_closed(uv_handle_t *h)
{
	const struct control_listener *l = h->data;

	control_handle_closed(l->c);
}

static void on_idle(uv_idle_t *idle)
{
	struct control *c = idle->data;
	struct peer *p = c->dirty;

	/* Work may make the same client dirty again: that is the next turn's. */
	c->dirty = NULL;
	uv_idle_stop(idle);
	while (p) {
		struct peer *next = p->next_dirty;

		p->dirty = false;
		peer_work(p);
		p = next;
	}
}

/*
 * An idle handle keeps the loop from waiting, wherever in the turn it was
 * started; a prepare handle started inside another one would be too late.
 */
void control_wake(struct control *c)
{
	uv_idle_start(&c->idle, on_idle);
}

static void on_event(const struct event *ev, void *arg)
{
	struct control *c = arg;

	peers_publish(c, stream_add(&c->stream, ev));
}

static void accept_one(struct control_listener *l);

static void on_refused(uv_handle_t *h)
{
	struct control_listener *l = h->data;
	struct control *c = l->c;

	l->refusing = false;
	if (l->waiting && !c->closing)
		accept_one(l);
	control_handle_closed(c);
}

/*
 * libuv listens on only when each connection is taken. So one that there is
 * no memory for is taken into a handle of the listener's own and closed.
 */
static void accept_one(struct control_listener *l)
{
	uv_stream_t *server = (uv_stream_t *)&l->pipe;
	struct control *c = l->c;

	l->waiting = false;
	if (peer_accept(c, server) == 0)
		return;
	if (l->refusing) {
		l->waiting = true;
		return;
	}
	log_error("control: out of memory, a client was turned away");
	l->refusing = true;
	c->handles++;
	uv_pipe_init(c->o.uv, &l->refuse, 0);
	l->refuse.data = l;
	uv_accept(server, (uv_stream_t *)&l->refuse);
	uv_close((uv_handle_t *)&l->refuse, on_refused);
}

static void on_connection(uv_stream_t *server, int status)
{
	struct control_listener *l = server->data;

	if (status == 0)
		accept_one(l);
	else if (l->c->count.refused++ % 1000 == 0)
		log_warn("control: accept: %s", uv_strerror(status));
}

static int listen_on(struct control *c, const char *path)
{
	struct control_listener *l = &c->listeners[c->listening];
	const int fd = socket_bind(&l->file, path);
	int err;

	if (fd < 0)
		return fd;
	err = uv_pipe_init(c->o.uv, &l->pipe, 0);
	if (err) {
		close(fd);
		socket_remove(&l->file);
		return err;
	}
	c->listening++;
	c->handles++;
	l->c = c;
	l->pipe.data = l;

	err = uv_pipe_open(&l->pipe, fd);
	if (err) {
		close(fd);
		return err;
	}
	return uv_listen((uv_stream_t *)&l->pipe, BACKLOG, on_connection);
}

int control_open(struct control **cp, const struct control_options *o,
		 int *failed)
{
	struct control *c = calloc(1, sizeof(*c));
	size_t ring = o->ring_events ? o->ring_events : RING_EVENTS;
	int err = UV_ENOMEM;

	*failed = -1;
	if (!c)
		return UV_ENOMEM;
	c->o = *o;
	c->o.paths = NULL;
	if (!c->o.queue_bytes)
		c->o.queue_bytes = QUEUE_BYTES;
	c->listeners = calloc(o->path_count + 1, sizeof(*c->listeners));
	if (!c->listeners)
		goto fail;
	c->listener_count = o->path_count;

	err = keys_init(&c->keys);
	if (!err)
		err = stream_init(&c->stream, o->bus, ring, RING_BYTES);
	if (!err)
		err = event_listen(o->bus, on_event, c);
	if (err)
		goto fail;

	uv_idle_init(o->uv, &c->idle);
	c->idle.data = c;
	c->handles++;
	for (size_t i = 0; i < o->path_count; i++) {
		err = listen_on(c, o->paths[i]);
		if (err) {
			*failed = (int)i;
			control_close(c);
			return err;
		}
	}
	*cp = c;
	return 0;
fail:
	control_free(c);
	return err;
}

void control_close(struct control *c)
{
	if (!c)
		return;

	c->closing = true;
	event_unlisten(c->o.bus, on_event, c);
	for (size_t i = 0; i < c->listening; i++) {
		socket_remove(&c->listeners[i].file);
		uv_close((uv_handle_t *)&c->listeners[i].pipe,
			 on_listener_closed);
	}
	for (struct peer *p = c->peers; p; p = p->next) {
		/* What fits goes out: the last events of the last calls. */
		peer_flush(p);
		peer_close(p);
	}
	uv_close((uv_handle_t *)&c->idle, on_closed);
}
