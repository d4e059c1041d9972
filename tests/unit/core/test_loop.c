/* Timers, tasks and the sweep, on the virtual and on the real clock. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>
#include <cmocka.h>
#include <uv.h>

#include "core/loop.h"

static int order[8];
static int seen;

static void note(void *arg)
{
	order[seen++ & 7] = *(int *)arg;
}

static void timers_fire_in_order(void **state)
{
	struct loop *l = loop_new_virtual(1000, 1);
	struct timer t[4];
	int id[4] = { 0, 1, 2, 3 };

	(void)state;
	seen = 0;
	for (int i = 0; i < 4; i++)
		timer_init(&t[i], l, note, &id[i]);
	timer_start(&t[0], 30);
	timer_start(&t[1], 10);
	timer_start(&t[2], 20);
	timer_start(&t[3], 10);
	assert_int_equal(loop_timers(l), 4);
	assert_int_equal(loop_next(l), 10);
	timer_stop(&t[2]);
	loop_advance(l, 29);
	assert_int_equal(seen, 2);
	assert_int_equal(order[0], 1);	/* equal times: as started */
	assert_int_equal(order[1], 3);
	loop_advance(l, 1);
	assert_int_equal(order[2], 0);
	assert_int_equal(loop_now(l), 30);
	assert_int_equal(loop_wall(l), 1030);
	assert_int_equal(loop_timers(l), 0);
	loop_free(l);
}

static void many_timers_keep_their_order(void **state)
{
	enum { N = 2000 };
	struct loop *l = loop_new_virtual(0, 7);
	struct timer *t = calloc(N, sizeof(*t));
	int id = 0;
	uint64_t last = 0;

	(void)state;
	seen = 0;
	for (int i = 0; i < N; i++) {
		timer_init(&t[i], l, note, &id);
		timer_start(&t[i], loop_random(l) % 1000);
	}
	for (int i = 0; i < N; i += 3)
		timer_stop(&t[i]);
	for (int i = 0; i < N; i += 6)
		timer_start(&t[i], loop_random(l) % 1000);
	while (loop_timers(l)) {
		const uint64_t next = loop_next(l);

		loop_advance(l, next);
		assert_true(loop_now(l) >= last);
		last = loop_now(l);
	}
	assert_int_equal(seen, N - (N + 2) / 3 + (N + 5) / 6);
	free(t);
	loop_free(l);
}

static struct loop *tl;
static struct task second;
static int two = 2;

static void post_another(void *arg)
{
	note(arg);
	task_post(tl, &second, note, &two);
}

static void tasks_run_before_the_sweep(void **state)
{
	static int one = 1, three = 3;
	struct task first = { 0 }, sweep = { 0 }, taken = { 0 };

	(void)state;
	seen = 0;
	tl = loop_new_virtual(0, 1);
	loop_sweep(tl, &sweep, note, &three);
	task_post(tl, &first, post_another, &one);
	task_post(tl, &first, note, &three);	/* posted already */
	task_post(tl, &taken, note, &three);
	task_cancel(tl, &taken);
	loop_turn(tl);
	assert_int_equal(seen, 3);
	assert_int_equal(order[0], 1);
	assert_int_equal(order[1], 2);
	assert_int_equal(order[2], 3);
	loop_free(tl);
}

static void stop(void *arg)
{
	uv_stop(arg);
}

static void from_task(void *arg)
{
	timer_start(arg, 5);
}

static void real_clock(void **state)
{
	uv_loop_t uv;
	struct loop *l;
	struct timer t;
	struct task task = { 0 };

	(void)state;
	uv_loop_init(&uv);
	l = loop_new(&uv);
	timer_init(&t, l, stop, &uv);
	/* The task runs although nothing else wakes the loop. */
	task_post(l, &task, from_task, &t);
	uv_run(&uv, UV_RUN_DEFAULT);
	assert_false(timer_running(&t));
	loop_free(l);
	uv_run(&uv, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&uv), 0);
}

struct endless {
	struct loop *l;
	struct task task;
	bool stopped;
};

static void again(void *arg)
{
	struct endless *e = arg;

	if (!e->stopped)
		task_post(e->l, &e->task, again, e);
}

static void stop_it(uv_timer_t *h)
{
	struct endless *e = h->data;

	e->stopped = true;
	uv_close((uv_handle_t *)h, NULL);
	uv_stop(h->loop);
}

/* Tasks without end do not keep a live node from its input. */
static void endless_tasks(void **state)
{
	struct endless e = { .stopped = false };
	uv_timer_t input;
	uv_loop_t uv;

	(void)state;
	uv_loop_init(&uv);
	e.l = loop_new(&uv);
	uv_timer_init(&uv, &input);
	input.data = &e;
	uv_timer_start(&input, stop_it, 1, 0);
	task_post(e.l, &e.task, again, &e);
	uv_run(&uv, UV_RUN_DEFAULT);
	assert_true(e.stopped);
	loop_free(e.l);
	uv_run(&uv, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&uv), 0);
}

struct sleeper {
	struct loop *l;
	struct timer timer;
	uv_poll_t poll;
	int fds[2];
	uint64_t slept, began, waited;
};

#define SLEEP_MS 300
#define WAIT_MS 200

static void writes_later(void *arg)
{
	const struct sleeper *s = arg;

	uv_sleep(SLEEP_MS);
	if (write(s->fds[1], "x", 1) != 1)
		abort();
}

static void waited(void *arg)
{
	struct sleeper *s = arg;

	s->waited = uv_hrtime() / 1000000 - s->began;
	uv_close((uv_handle_t *)&s->poll, NULL);
	uv_stop(loop_uv(s->l));
}

static void woken(uv_poll_t *h, int status, int events)
{
	struct sleeper *s = h->data;

	(void)status;
	(void)events;
	uv_poll_stop(h);
	s->slept = loop_now(s->l) - s->slept;
	s->began = uv_hrtime() / 1000000;
	timer_start(&s->timer, WAIT_MS);
}

/* A loop that has slept times what woke it from now on. */
static void a_sleep_does_not_count(void **state)
{
	struct sleeper s;
	uv_thread_t thread;
	uv_loop_t uv;

	(void)state;
	uv_loop_init(&uv);
	s.l = loop_new(&uv);
	assert_int_equal(pipe(s.fds), 0);
	uv_poll_init(&uv, &s.poll, s.fds[0]);
	s.poll.data = &s;
	uv_poll_start(&s.poll, UV_READABLE, woken);
	timer_init(&s.timer, s.l, waited, &s);
	s.slept = loop_now(s.l);
	assert_int_equal(uv_thread_create(&thread, writes_later, &s), 0);
	uv_run(&uv, UV_RUN_DEFAULT);
	uv_thread_join(&thread);
	assert_true(s.slept + 50 >= SLEEP_MS);
	assert_true(s.waited + 50 >= WAIT_MS);
	close(s.fds[0]);
	close(s.fds[1]);
	loop_free(s.l);
	uv_run(&uv, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&uv), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order),
		cmocka_unit_test(many_timers_keep_their_order),
		cmocka_unit_test(tasks_run_before_the_sweep),
		cmocka_unit_test(real_clock),
		cmocka_unit_test(endless_tasks),
		cmocka_unit_test(a_sleep_does_not_count),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
