#include "work.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "core/log.h"

#define THREADS_MAX 16

struct list {
	struct work *head, **tail;
};

struct work_pool {
	struct loop *loop;
	const char *name;
	size_t queue_max;

	pthread_mutex_t lock;
	pthread_cond_t wake;	/**< there is work, or the end               */
	pthread_cond_t rest;	/**< a thread has nothing to do              */
	struct list queue;	/**< of those below, all under the lock      */
	struct list finished;	/**< run, not yet seen by the loop           */
	struct work *current[THREADS_MAX];	/**< what a thread runs       */
	size_t waiting;
	unsigned running;
	bool closing;
	bool orphan;		/**< closed while a thread hung: it frees    */

	pthread_t threads[THREADS_MAX];
	unsigned thread_count;
	unsigned alive;		/**< under the lock                          */
	uv_async_t async;	/**< tells the loop; not on a virtual one    */
	struct task task;	/**< runs the work of a virtual loop         */
	struct work_stats stats;
};

struct worker {
	struct work_pool *p;
	unsigned number;
};

static void list_init(struct list *l)
{
	l->head = NULL;
	l->tail = &l->head;
}

static void list_push(struct list *l, struct work *w)
{
	w->next = NULL;
	*l->tail = w;
	l->tail = &w->next;
}

/* Takes the one that *at points to. */
static struct work *list_take(struct list *l, struct work **at)
{
	struct work *w = *at;

	*at = w->next;
	if (!*at)
		l->tail = at;
	w->next = NULL;
	return w;
}

static void pool_free(struct work_pool *p)
{
	pthread_mutex_destroy(&p->lock);
	pthread_cond_destroy(&p->wake);
	pthread_cond_destroy(&p->rest);
	free(p);
}

/* ---- on a thread ---- */

static bool lane_is_free(const struct work_pool *p, const void *lane)
{
	for (unsigned i = 0; lane && i < p->thread_count; i++)
		if (p->current[i] && p->current[i]->lane == lane)
			return false;
	return true;
}

/* The first whose lane is free: within a lane that is the oldest. */
static struct work *take(struct work_pool *p)
{
	for (struct work **at = &p->queue.head; *at; at = &(*at)->next) {
		struct work *w;

		if (!lane_is_free(p, (*at)->lane))
			continue;
		w = list_take(&p->queue, at);
		w->queued = false;
		p->waiting--;
		return w;
	}
	return NULL;
}

static void *thread_main(void *arg)
{
	struct worker self = *(struct worker *)arg;
	struct work_pool *p = self.p;
	bool last;

	free(arg);
	pthread_mutex_lock(&p->lock);
	for (;;) {
		struct work *w = take(p);

		if (!w) {
			if (p->closing && !p->queue.head)
				break;
			pthread_cond_wait(&p->wake, &p->lock);
			continue;
		}
		p->current[self.number] = w;
		p->running++;
		pthread_mutex_unlock(&p->lock);
		w->run(w);
		pthread_mutex_lock(&p->lock);
		p->running--;
		p->current[self.number] = NULL;
		if (p->orphan)
			break;		/* nobody is left to be told */
		/* The rest of its lane may go on, on any thread. */
		if (w->lane && p->queue.head)
			pthread_cond_broadcast(&p->wake);
		if (!p->finished.head && !p->closing)
			uv_async_send(&p->async);
		list_push(&p->finished, w);
		pthread_cond_signal(&p->rest);
	}
	p->alive--;
	last = p->orphan && !p->alive;
	pthread_cond_broadcast(&p->wake);
	pthread_cond_signal(&p->rest);
	pthread_mutex_unlock(&p->lock);
	if (last)
		pool_free(p);
	return NULL;
}

/* ---- on the loop ---- */

static void tell(struct work *w, int status)
{
	timer_stop(&w->deadline);
	if (w->told)
		return;
	w->told = true;
	w->done(w, status);
}

static void reap(struct work_pool *p)
{
	struct list all;

	pthread_mutex_lock(&p->lock);
	all = p->finished;
	if (!all.head)
		all.tail = &all.head;
	list_init(&p->finished);
	pthread_mutex_unlock(&p->lock);
	while (all.head) {
		struct work *w = list_take(&all, &all.head);

		tell(w, 0);
		w->release(w);
	}
}

static void on_async(uv_async_t *h)
{
	reap(h->data);
}

static void on_deadline(void *arg)
{
	struct work *w = arg;
	struct work_pool *p = w->pool;
	bool mine = false;

	pthread_mutex_lock(&p->lock);
	for (struct work **at = &p->queue.head; w->queued && *at;
	     at = &(*at)->next) {
		if (*at != w)
			continue;
		list_take(&p->queue, at);
		w->queued = false;
		p->waiting--;
		mine = true;
		break;
	}
	pthread_mutex_unlock(&p->lock);
	p->stats.late++;
	tell(w, UV_ETIMEDOUT);
	if (mine)
		w->release(w);
}

/* One a task: what it asks for next comes behind what others posted. */
static void run_virtual(void *arg)
{
	struct work_pool *p = arg;
	struct work *w = p->queue.head;

	if (!w)
		return;
	list_take(&p->queue, &p->queue.head);
	w->queued = false;
	p->waiting--;
	if (p->queue.head)
		task_post(p->loop, &p->task, run_virtual, p);
	w->run(w);
	tell(w, 0);
	w->release(w);
}

int work_submit(struct work_pool *p, struct work *w, uint64_t ms)
{
	pthread_mutex_lock(&p->lock);
	if (p->closing || p->waiting >= p->queue_max) {
		const bool closing = p->closing;

		pthread_mutex_unlock(&p->lock);
		p->stats.refused += !closing;
		return closing ? UV_ECANCELED : UV_EAGAIN;
	}
	w->pool = p;
	w->queued = true;
	w->told = false;
	timer_init(&w->deadline, p->loop, on_deadline, w);
	if (ms)
		timer_start(&w->deadline, ms);
	p->stats.accepted++;
	p->waiting++;
	list_push(&p->queue, w);
	pthread_cond_signal(&p->wake);
	pthread_mutex_unlock(&p->lock);
	if (!loop_uv(p->loop))
		task_post(p->loop, &p->task, run_virtual, p);
	return 0;
}

void work_stats(struct work_pool *p, struct work_stats *st)
{
	*st = p->stats;
	pthread_mutex_lock(&p->lock);
	st->waiting = p->waiting;
	pthread_mutex_unlock(&p->lock);
}

/* ---- beginning and end ---- */

static int start(struct work_pool *p, unsigned threads)
{
	sigset_t all, old;
	int err = 0;

	/* Signals are the main thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_mutex_lock(&p->lock);
	while (!err && p->thread_count < threads) {
		struct worker *self = malloc(sizeof(*self));

		if (!self) {
			err = UV_ENOMEM;
			break;
		}
		*self = (struct worker){ p, p->thread_count };
		err = uv_translate_sys_error(pthread_create(
			&p->threads[p->thread_count], NULL, thread_main,
			self));
		if (err)
			free(self);
		else
			p->thread_count++;
	}
	p->alive = p->thread_count;
	pthread_mutex_unlock(&p->lock);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return err;
}

int work_open(struct work_pool **pp, const struct work_options *o)
{
	struct work_pool *p = calloc(1, sizeof(*p));
	uv_loop_t *uv = loop_uv(o->loop);
	pthread_condattr_t attr;
	int err = 0;

	if (!p)
		return UV_ENOMEM;
	p->loop = o->loop;
	p->name = o->name;
	p->queue_max = o->queue;
	list_init(&p->queue);
	list_init(&p->finished);
	pthread_mutex_init(&p->lock, NULL);
	pthread_cond_init(&p->wake, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&p->rest, &attr);
	pthread_condattr_destroy(&attr);
	if (!uv) {
		*pp = p;
		return 0;
	}

	err = uv_async_init(uv, &p->async, on_async);
	if (err) {
		pool_free(p);
		return err;
	}
	p->async.data = p;
	/* A pool alone must not keep a program's loop alive. */
	uv_unref((uv_handle_t *)&p->async);
	err = start(p, o->threads < THREADS_MAX ? o->threads : THREADS_MAX);
	if (err) {
		work_close(p, 0);
		return err;
	}
	*pp = p;
	return 0;
}

static void on_closed(uv_handle_t *h)
{
	struct work_pool *p = h->data;
	bool free_now;

	pthread_mutex_lock(&p->lock);
	p->orphan = p->alive > 0;
	free_now = !p->orphan;
	pthread_mutex_unlock(&p->lock);
	if (free_now)
		pool_free(p);
}

/* Waits until all is run, or the time is over. */
static void wait_rest(struct work_pool *p, unsigned ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	while ((p->queue.head || p->alive) &&
	       pthread_cond_timedwait(&p->rest, &p->lock, &t) == 0)
		;
}

void work_close(struct work_pool *p, unsigned ms)
{
	struct work *hung[THREADS_MAX];
	struct list left;
	bool hangs;

	if (!p)
		return;
	if (!loop_uv(p->loop)) {
		while (p->queue.head)
			run_virtual(p);
		task_cancel(p->loop, &p->task);
		pool_free(p);
		return;
	}
	pthread_mutex_lock(&p->lock);
	p->closing = true;
	pthread_cond_broadcast(&p->wake);
	wait_rest(p, ms);
	left = p->queue;
	if (!left.head)
		left.tail = &left.head;
	list_init(&p->queue);
	p->waiting = 0;
	for (struct work *w = left.head; w; w = w->next)
		w->queued = false;
	pthread_cond_broadcast(&p->wake);
	if (!p->running)	/* then they are at their end already */
		wait_rest(p, 1000);
	hangs = p->alive > 0;
	memcpy(hung, p->current, sizeof(hung));
	pthread_mutex_unlock(&p->lock);

	for (unsigned i = 0; i < p->thread_count; i++) {
		if (hangs)
			pthread_detach(p->threads[i]);
		else
			pthread_join(p->threads[i], NULL);
	}
	reap(p);
	if (left.head || hangs)
		log_warn("%s: closed before its work was done", p->name);
	while (left.head) {
		struct work *w = list_take(&left, &left.head);

		tell(w, UV_ECANCELED);
		w->release(w);
	}
	/* Still in a thread's hands: told, and never released. */
	for (unsigned i = 0; i < p->thread_count; i++)
		if (hung[i])
			tell(hung[i], UV_ECANCELED);
	uv_close((uv_handle_t *)&p->async, on_closed);
}
