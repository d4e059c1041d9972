#include "peer.h"

#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "request.h"
#include "serve.h"

#define IOV 64

/* So many requests of one client are handled before the others' turn. */
#define REQUESTS_PER_TURN 64

static void work_later(struct peer *p)
{
	if (p->dirty || p->closing)
		return;
	p->dirty = true;
	p->next_dirty = p->c->dirty;
	p->c->dirty = p;
	control_wake(p->c);
}

void peer_wake(struct peer *p)
{
	work_later(p);
}

static uv_stream_t *stream_of(struct peer *p)
{
	return (uv_stream_t *)&p->pipe;
}

static size_t cost(const struct frame *f)
{
	return sizeof(struct peer_out) + sizeof(*f) + f->len;
}

/* ---- closing ---- */

static void queue_pop(struct peer *p)
{
	struct peer_out *o = &p->queue[p->queue_at];
	const size_t n = cost(o->frame);

	if (o->event) {
		p->event_bytes -= n;
		if (!p->event_bytes)
			p->replay_bytes = 0;
	}
	else {
		p->answer_bytes -= n;
		p->c->answer_bytes -= n;
	}
	frame_unref(o->frame);
	p->queue_at = (p->queue_at + 1) & (p->queue_cap - 1);
	p->queue_len--;
	p->written = 0;
}

static void forget_work(struct peer *p)
{
	struct peer **pp = &p->c->dirty;

	if (!p->dirty)
		return;
	while (*pp != p)
		pp = &(*pp)->next_dirty;
	*pp = p->next_dirty;
	p->dirty = false;
}

static void on_closed(uv_handle_t *h)
{
	struct peer *p = h->data;
	struct control *c = p->c;
	struct event ev = { .type = EV_SUBSCRIBER_DROPPED };

	forget_work(p);
	serve_leave(p);
	event_string(&ev, "reason", p->dropped);
	while (p->queue_len)
		queue_pop(p);
	*p->prev = p->next;
	if (p->next)
		p->next->prev = p->prev;
	c->peer_count--;
	free(p->filter.call);
	free(p->waits_for);
	free(p->queue);
	free(p->in);

	/* Only here: a listener of the bus may not emit itself. */
	if (p->dropped && !c->closing)
		event_emit(c->o.bus, &ev);
	free(p);
	control_handle_closed(c);
}

void peer_close(struct peer *p)
{
	if (p->closing)
		return;
	p->closing = true;
	peer_unsubscribe(p);
	serve_leave(p);
	uv_close((uv_handle_t *)&p->pipe, on_closed);
}

static void drop(struct peer *p, const char *reason)
{
	log_warn("control client %llu: subscriber dropped: %s",
		 (unsigned long long)p->number, reason);
	p->c->count.dropped++;
	p->dropped = reason;
	peer_close(p);
}

/* ---- output ---- */

static void consumed(struct peer *p, size_t n)
{
	while (p->queue_len) {
		const struct frame *f = p->queue[p->queue_at].frame;

		if (n < f->len - p->written) {
			p->written += n;
			return;
		}
		n -= f->len - p->written;
		queue_pop(p);
	}
}

static unsigned gather(const struct peer *p, uv_buf_t *bufs, size_t *total)
{
	const size_t n = p->queue_len < IOV ? p->queue_len : IOV;

	*total = 0;
	for (size_t i = 0; i < n; i++) {
		const size_t at = (p->queue_at + i) & (p->queue_cap - 1);
		struct frame *f = p->queue[at].frame;
		const size_t skip = i ? 0 : p->written;

		bufs[i] = uv_buf_init(f->data + skip,
				      (unsigned)(f->len - skip));
		*total += f->len - skip;
	}
	return (unsigned)n;
}

static void on_written(uv_write_t *req, int status)
{
	struct peer *p = req->data;

	p->writing = false;
	if (p->closing)
		return;
	if (status < 0) {
		peer_close(p);
		return;
	}
	while (p->write_count) {
		p->write_count--;
		queue_pop(p);
	}
	peer_work(p);
}

void peer_flush(struct peer *p)
{
	while (!p->closing && !p->writing && p->queue_len) {
		uv_buf_t bufs[IOV];
		size_t total;
		unsigned n = gather(p, bufs, &total);
		int r = uv_try_write(stream_of(p), bufs, n);

		if (r == UV_EAGAIN)
			r = 0;
		if (r < 0) {
			peer_close(p);
			return;
		}
		consumed(p, (size_t)r);
		if ((size_t)r == total)
			continue;

		/* The rest when the client has read. */
		n = gather(p, bufs, &total);
		p->write.data = p;
		p->write_count = n;
		p->writing = true;
		if (uv_write(&p->write, stream_of(p), bufs, n,
			     on_written) != 0) {
			p->writing = false;
			peer_close(p);
		}
	}
}

static int queue_grow(struct peer *p)
{
	const size_t cap = p->queue_cap ? p->queue_cap * 2 : 16;
	struct peer_out *queue = malloc(cap * sizeof(*queue));

	if (!queue)
		return UV_ENOMEM;
	for (size_t i = 0; i < p->queue_len; i++)
		queue[i] = p->queue[(p->queue_at + i) & (p->queue_cap - 1)];
	free(p->queue);
	p->queue = queue;
	p->queue_at = 0;
	p->queue_cap = cap;
	return 0;
}

void peer_send(struct peer *p, struct frame *f, bool event)
{
	if (p->closing)
		return;
	if (p->queue_len == p->queue_cap && queue_grow(p) != 0) {
		if (event)
			drop(p, "out of memory");
		else
			peer_close(p);
		return;
	}

	p->queue[(p->queue_at + p->queue_len++) & (p->queue_cap - 1)] =
		(struct peer_out){ frame_ref(f), event };
	if (event) {
		p->event_bytes += cost(f);
	}
	else {
		p->answer_bytes += cost(f);
		p->c->answer_bytes += cost(f);
	}
	work_later(p);
}

/* ---- input ---- */

static int keep_input(struct peer *p, const char *data, size_t len)
{
	if (len > p->in_cap - p->in_len) {
		size_t cap = p->in_cap ? p->in_cap : 1024;
		char *in;

		while (cap - p->in_len < len)
			cap *= 2;
		in = realloc(p->in, cap);
		if (!in)
			return UV_ENOMEM;
		p->in = in;
		p->in_cap = cap;
	}
	memcpy(p->in + p->in_len, data, len);
	p->in_len += len;
	return 0;
}

static void drop_input(struct peer *p, size_t n)
{
	p->in_len -= n;
	if (p->in_len) {
		memmove(p->in, p->in + n, p->in_len);
		return;
	}
	free(p->in);
	p->in = NULL;
	p->in_cap = 0;
}

/* Handles whole messages; what is left begins with an incomplete one, unless
 * `backlog` says that the rest has to wait. */
static void handle_input(struct peer *p)
{
	unsigned handled = 0;
	size_t at = 0;

	p->backlog = false;
	while (!p->closing && at < p->in_len) {
		int r;

		if (handled == REQUESTS_PER_TURN || p->waits ||
		    p->answer_bytes > ANSWERS_MARK) {
			p->backlog = true;
			break;
		}
		r = skim_step(&p->skim, p->in + at, p->in_len - at);
		if (r == 0)
			break;
		if (r < 0) {
			p->c->count.malformed++;
			log_warn("control client %llu: %s: closed",
				 (unsigned long long)p->number, p->skim.why);
			request_refuse(p, &p->skim, r);
			peer_flush(p);
			peer_close(p);
			break;
		}
		request_run(p, &p->skim, p->in + at);
		at += p->skim.pos;
		skim_init(&p->skim, &control_limits);
		handled++;
	}
	if (!p->closing && at)
		drop_input(p, at);
}

static void on_alloc(uv_handle_t *h, size_t size, uv_buf_t *buf)
{
	struct peer *p = h->data;

	(void)size;
	*buf = uv_buf_init(p->c->input, sizeof(p->c->input));
}

static void on_read(uv_stream_t *s, ssize_t n, const uv_buf_t *buf)
{
	struct peer *p = s->data;

	if (p->closing || n == 0)
		return;
	if (n == UV_EOF) {
		/* It may still wait for answers: close when they are out. */
		p->eof = true;
		serve_leave(p);
	}
	else if (n < 0 || keep_input(p, buf->base, (size_t)n) != 0) {
		peer_close(p);
		return;
	}
	p->backlog = true;
	peer_work(p);
}

static void set_reading(struct peer *p)
{
	const bool want = !p->eof && !p->backlog && !p->waits &&
		p->answer_bytes <= ANSWERS_MARK;

	if (want == p->reading)
		return;
	p->reading = want;
	if (!want)
		uv_read_stop(stream_of(p));
	else if (uv_read_start(stream_of(p), on_alloc, on_read) != 0)
		peer_close(p);
}

static bool may_ask(const struct peer *p)
{
	return !p->waits && p->answer_bytes <= ANSWERS_MARK;
}

void peer_work(struct peer *p)
{
	if (p->closing)
		return;
	if (p->backlog && may_ask(p))
		handle_input(p);
	peer_flush(p);
	if (p->closing)
		return;

	/* Whoever reads slowly wakes us by having read: on_written(). */
	if (p->backlog && may_ask(p))
		work_later(p);
	set_reading(p);
	if (p->eof && !p->backlog && !p->queue_len && !p->waits)
		peer_close(p);
}

int peer_accept(struct control *c, uv_stream_t *server)
{
	struct peer *p = calloc(1, sizeof(*p));

	if (!p)
		return UV_ENOMEM;
	uv_pipe_init(c->o.uv, &p->pipe, 0);
	p->c = c;
	p->pipe.data = p;
	p->number = ++c->count.clients;
	p->next = c->peers;
	p->prev = &c->peers;
	if (p->next)
		p->next->prev = &p->next;
	c->peers = p;
	c->peer_count++;
	c->handles++;
	skim_init(&p->skim, &control_limits);

	if (uv_accept(server, stream_of(p)) != 0) {
		peer_close(p);
	}
	else if (c->peer_count > CLIENTS_MAX) {
		if (c->count.refused++ % 100 == 0)
			log_warn("control: %d clients are connected, "
				 "no more are taken", CLIENTS_MAX);
		peer_close(p);
	}
	else {
		set_reading(p);
	}
	return 0;
}

/* ---- subscriptions ---- */

void peer_unsubscribe(struct peer *p)
{
	struct control *c = p->c;

	free(p->filter.call);
	p->filter = (struct filter){ 0 };
	if (!p->subscribed)
		return;

	p->subscribed = false;
	for (size_t i = 0; i < c->subscriber_count; i++) {
		if (c->subscribers[i] == p) {
			c->subscribers[i] =
				c->subscribers[--c->subscriber_count];
			return;
		}
	}
}

void peer_subscribe(struct peer *p, struct filter f)
{
	struct control *c = p->c;

	peer_unsubscribe(p);
	p->filter = f;
	p->subscribed = true;
	c->subscribers[c->subscriber_count++] = p;
}

void peer_replay(struct peer *p, uint64_t seq)
{
	const struct stream *s = &p->c->stream;

	while (!p->closing && ++seq < s->next) {
		struct frame *f = stream_get(s, seq);

		if (!f || !filter_wants(&p->filter, f))
			continue;
		p->replay_bytes += cost(f);
		peer_send(p, f, true);
	}
}

void peers_publish(struct control *c, struct frame *f)
{
	/* from the end: a client that is dropped leaves the list */
	for (size_t i = c->subscriber_count; i-- > 0;) {
		struct peer *p = c->subscribers[i];

		if (!f) {
			drop(p, "out of memory");
			continue;
		}
		if (!filter_wants(&p->filter, f))
			continue;
		if (p->event_bytes + cost(f) >
		    c->o.queue_bytes + p->replay_bytes)
			drop(p, "queue full");
		else
			peer_send(p, f, true);
	}
}
