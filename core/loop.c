#include "loop.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

/* Tasks may post tasks. A turn that does not end is a bug; in a live node the
 * rest then waits until input had its turn. */
#define TURN_TASKS_MAX 1000000

struct queue {
	struct task *head;
	struct task **tail;
};

struct loop {
	uint64_t now;
	uint64_t wall;		/* virtual: wall clock at now == 0      */
	uint64_t order;
	uint64_t rand[2];
	struct timer **heap;	/* heap[1] fires first                  */
	size_t count;
	size_t size;
	struct queue tasks;
	struct queue sweep;
	bool turning;

	uv_loop_t *uv;		/* NULL: virtual                        */
	uv_timer_t timer;
	uv_prepare_t prepare;
	uv_check_t check;
	uv_idle_t idle;		/* keeps poll from blocking on tasks    */
	uint64_t armed;		/* what the uv timer is set to          */
	unsigned closing;
};

static void queue_init(struct queue *q)
{
	q->head = NULL;
	q->tail = &q->head;
}

static void queue_push(struct queue *q, struct task *t, task_h *h, void *arg)
{
	if (t->queued)
		return;

	t->queued = true;
	t->next = NULL;
	t->h = h;
	t->arg = arg;
	*q->tail = t;
	q->tail = &t->next;
}

static struct task *queue_pop(struct queue *q)
{
	struct task *t = q->head;

	if (!t)
		return NULL;

	q->head = t->next;
	if (!q->head)
		q->tail = &q->head;
	t->queued = false;
	return t;
}

/* heap */

static bool earlier(const struct timer *a, const struct timer *b)
{
	return a->at != b->at ? a->at < b->at : a->order < b->order;
}

static void put(struct loop *l, size_t pos, struct timer *t)
{
	l->heap[pos] = t;
	t->pos = pos;
}

static void sift_up(struct loop *l, size_t pos, struct timer *t)
{
	while (pos > 1 && earlier(t, l->heap[pos / 2])) {
		put(l, pos, l->heap[pos / 2]);
		pos /= 2;
	}
	put(l, pos, t);
}

static void sift_down(struct loop *l, size_t pos, struct timer *t)
{
	for (;;) {
		size_t child = pos * 2;

		if (child > l->count)
			break;
		if (child < l->count &&
		    earlier(l->heap[child + 1], l->heap[child]))
			child++;
		if (!earlier(l->heap[child], t))
			break;
		put(l, pos, l->heap[child]);
		pos = child;
	}
	put(l, pos, t);
}

static void heap_remove(struct loop *l, struct timer *t)
{
	size_t pos = t->pos;
	struct timer *last = l->heap[l->count--];

	t->pos = 0;
	if (last == t)
		return;
	if (pos > 1 && earlier(last, l->heap[pos / 2]))
		sift_up(l, pos, last);
	else
		sift_down(l, pos, last);
}

/*
 * A timer that could not be started would leave a call stuck for ever, and its
 * callers have no way to go on without it: running out of memory for eight
 * bytes here ends the process, as it would in the allocator of the libraries
 * below.
 */
static void heap_grow(struct loop *l)
{
	size_t size = l->size ? l->size * 2 : 64;
	struct timer **heap = realloc(l->heap, size * sizeof(*heap));

	if (!heap)
		abort();
	l->heap = heap;
	l->size = size;
}

static void arm(struct loop *l);
static void on_idle(uv_idle_t *h);

/* libuv looks at the clock after each poll: what a packet brings about is
 * timed from when it came, not from when the loop went to sleep. */
static uint64_t now(const struct loop *l)
{
	return l->uv ? uv_now(l->uv) : l->now;
}

void timer_init(struct timer *t, struct loop *l, timer_h *h, void *arg)
{
	memset(t, 0, sizeof(*t));
	t->loop = l;
	t->h = h;
	t->arg = arg;
}

void timer_start(struct timer *t, uint64_t ms)
{
	struct loop *l = t->loop;

	if (t->pos)
		heap_remove(l, t);
	t->at = ms > UINT64_MAX - now(l) ? UINT64_MAX : now(l) + ms;
	t->order = l->order++;
	if (l->count + 2 > l->size)
		heap_grow(l);
	l->count++;
	sift_up(l, l->count, t);
	if (t->pos == 1)
		arm(l);
}

void timer_stop(struct timer *t)
{
	/* The uv timer may now be early; it then finds nothing to do. */
	if (t->pos)
		heap_remove(t->loop, t);
}

bool timer_running(const struct timer *t)
{
	return t->pos != 0;
}

size_t loop_timers(const struct loop *l)
{
	return l->count;
}

/* the turn */

void task_post(struct loop *l, struct task *t, task_h *h, void *arg)
{
	queue_push(&l->tasks, t, h, arg);
	if (l->uv && !l->turning && !l->closing)
		uv_idle_start(&l->idle, on_idle);
}

void task_cancel(struct loop *l, struct task *t)
{
	struct task **p;

	if (!t->queued)
		return;

	for (p = &l->tasks.head; *p; p = &(*p)->next) {
		if (*p != t)
			continue;
		*p = t->next;
		if (!*p)
			l->tasks.tail = p;
		t->queued = false;
		return;
	}
}

void loop_sweep(struct loop *l, struct task *t, task_h *h, void *arg)
{
	queue_push(&l->sweep, t, h, arg);
}

void loop_turn(struct loop *l)
{
	struct task *t;
	unsigned n = 0;

	if (l->turning)
		return;

	l->turning = true;
	do {
		while ((t = queue_pop(&l->tasks))) {
			t->h(t->arg);
			if (++n == TURN_TASKS_MAX && l->uv)
				goto out;
			assert(n < TURN_TASKS_MAX || l->uv);
		}
		if ((t = queue_pop(&l->sweep)))
			t->h(t->arg);
	} while (t || l->tasks.head);
out:
	l->turning = false;
}

/* A turn of a loop that polls: for tasks that are left it does not block. */
static void turn(struct loop *l)
{
	loop_turn(l);
	if (!l->tasks.head && !l->sweep.head)
		uv_idle_stop(&l->idle);
	else if (!l->closing)
		uv_idle_start(&l->idle, on_idle);
}

static void fire_due(struct loop *l)
{
	while (l->count && l->heap[1]->at <= now(l)) {
		struct timer *t = l->heap[1];

		heap_remove(l, t);
		t->h(t->arg);
		if (!l->uv)
			loop_turn(l);
	}
}

/* real clock */

static void on_idle(uv_idle_t *h)
{
	(void)h;
}

static void on_timer(uv_timer_t *h)
{
	struct loop *l = h->data;

	l->armed = UINT64_MAX;
	fire_due(l);
	arm(l);
}

static void on_prepare(uv_prepare_t *h)
{
	turn(h->data);
}

/* Runs first after polling is over, so that the turn ends with its input. */
static void on_check(uv_check_t *h)
{
	turn(h->data);
}

static void arm(struct loop *l)
{
	uint64_t at;

	if (!l->uv || l->closing || !l->count)
		return;

	at = l->heap[1]->at;
	if (at >= l->armed)
		return;

	l->armed = at;
	uv_timer_start(&l->timer, on_timer, at > now(l) ? at - now(l) : 0, 0);
}

static uint64_t mix(uint64_t *x)
{
	/* splitmix64: spreads a seed over the generator's state */
	uint64_t z = (*x += UINT64_C(0x9e3779b97f4a7c15));

	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

uint64_t loop_random(struct loop *l)
{
	/* xorshift128+ */
	uint64_t a = l->rand[0];
	const uint64_t b = l->rand[1];

	l->rand[0] = b;
	a ^= a << 23;
	l->rand[1] = a ^ b ^ (a >> 17) ^ (b >> 26);
	return l->rand[1] + b;
}

static struct loop *make(uint64_t seed)
{
	struct loop *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;

	queue_init(&l->tasks);
	queue_init(&l->sweep);
	l->armed = UINT64_MAX;
	l->rand[0] = mix(&seed);
	l->rand[1] = mix(&seed);
	return l;
}

struct loop *loop_new(struct uv_loop_s *uv)
{
	uint64_t seed = 0;
	struct loop *l;

	if (uv_random(NULL, NULL, &seed, sizeof(seed), 0, NULL))
		seed = uv_hrtime();
	l = make(seed);
	if (!l)
		return NULL;

	l->uv = uv;
	uv_timer_init(uv, &l->timer);
	uv_prepare_init(uv, &l->prepare);
	uv_check_init(uv, &l->check);
	uv_idle_init(uv, &l->idle);
	l->timer.data = l->prepare.data = l->check.data = l->idle.data = l;
	uv_prepare_start(&l->prepare, on_prepare);
	uv_check_start(&l->check, on_check);
	/* Housekeeping alone must not keep a program's loop alive. */
	uv_unref((uv_handle_t *)&l->prepare);
	uv_unref((uv_handle_t *)&l->check);
	return l;
}

struct loop *loop_new_virtual(uint64_t wall, uint64_t seed)
{
	struct loop *l = make(seed);

	if (l)
		l->wall = wall;
	return l;
}

static void on_closed(uv_handle_t *h)
{
	struct loop *l = h->data;

	if (--l->closing)
		return;
	free(l->heap);
	free(l);
}

void loop_free(struct loop *l)
{
	if (!l)
		return;

	loop_turn(l);
	if (!l->uv) {
		free(l->heap);
		free(l);
		return;
	}

	l->closing = 4;
	uv_close((uv_handle_t *)&l->timer, on_closed);
	uv_close((uv_handle_t *)&l->prepare, on_closed);
	uv_close((uv_handle_t *)&l->check, on_closed);
	uv_close((uv_handle_t *)&l->idle, on_closed);
}

uint64_t loop_now(const struct loop *l)
{
	return now(l);
}

uint64_t loop_wall(const struct loop *l)
{
	struct timespec ts;

	if (!l->uv)
		return l->wall + l->now;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

struct uv_loop_s *loop_uv(const struct loop *l)
{
	return l->uv;
}

uint64_t loop_next(const struct loop *l)
{
	if (!l->count)
		return UINT64_MAX;
	return l->heap[1]->at > l->now ? l->heap[1]->at - l->now : 0;
}

void loop_advance(struct loop *l, uint64_t ms)
{
	uint64_t until = l->now + ms;

	assert(!l->uv);
	loop_turn(l);
	while (l->count && l->heap[1]->at <= until) {
		if (l->heap[1]->at > l->now)
			l->now = l->heap[1]->at;
		fire_due(l);
	}
	l->now = until;
}
