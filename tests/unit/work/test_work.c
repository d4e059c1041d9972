/* Pools of threads: order within a lane, bounds, deadlines, the end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "core/log.h"
#include "core/work/work.h"

static uv_loop_t uv;
static struct loop *loop;
static struct work_pool *pool;
static uv_idle_t alive;		/* a pool alone does not keep a loop alive */

/* A gate that work can be held at. */
static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t opened = PTHREAD_COND_INITIALIZER;
static bool open_now;
static atomic_int at_gate;

static char ran[64];			/* by a lane's work, in order */
static atomic_int busy, most;

struct job {
	struct work w;
	char name;
	bool held;
	bool again;			/* submits another one when done */
	int status;			/* of done() */
	int done, released;
};

static void run(struct work *w)
{
	struct job *j = (struct job *)w;
	int now = atomic_fetch_add(&busy, 1) + 1;
	int seen = atomic_load(&most);

	while (now > seen && !atomic_compare_exchange_weak(&most, &seen, now))
		;
	if (j->held) {
		atomic_fetch_add(&at_gate, 1);
		pthread_mutex_lock(&gate);
		while (!open_now)
			pthread_cond_wait(&opened, &gate);
		pthread_mutex_unlock(&gate);
	}
	if (w->lane) {
		size_t n = strlen(ran);

		ran[n] = j->name;
		ran[n + 1] = '\0';
	}
	atomic_fetch_sub(&busy, 1);
}

static void done(struct work *w, int status)
{
	struct job *j = (struct job *)w;

	assert_int_equal(j->released, 0);
	j->done++;
	j->status = status;
}

static void release(struct work *w)
{
	struct job *j = (struct job *)w;

	assert_int_equal(j->done, 1);
	j->released++;
	if (j->again) {
		j->again = false;
		j->done = j->released = 0;
		assert_int_equal(work_submit(pool, w, 0), 0);
	}
}

static int submit(struct job *j, uint64_t ms)
{
	j->w.run = run;
	j->w.done = done;
	j->w.release = release;
	return work_submit(pool, &j->w, ms);
}

static void open_gate(void)
{
	pthread_mutex_lock(&gate);
	open_now = true;
	pthread_cond_broadcast(&opened);
	pthread_mutex_unlock(&gate);
}

static void on_idle(uv_idle_t *h)
{
	(void)h;
}

static void start(unsigned threads, size_t queue)
{
	uv_loop_init(&uv);
	loop = loop_new(&uv);
	uv_idle_init(&uv, &alive);
	uv_idle_start(&alive, on_idle);
	open_now = false;
	atomic_store(&at_gate, 0);
	atomic_store(&most, 0);
	ran[0] = '\0';
	assert_int_equal(work_open(&pool, &(struct work_options){
		.name = "test", .loop = loop, .threads = threads,
		.queue = queue }), 0);
}

static void spin(void)
{
	uv_run(&uv, UV_RUN_NOWAIT);
	usleep(1000);
}

static void stop(unsigned ms)
{
	work_close(pool, ms);
	loop_free(loop);
	uv_close((uv_handle_t *)&alive, NULL);
	uv_run(&uv, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&uv), 0);
}

static void a_lane_is_worked_in_order(void **state)
{
	struct job jobs[20] = {{{ 0 }}}, other[4] = {{{ 0 }}};
	static const char want[] = "abcdefghijklmnopqrst";

	(void)state;
	start(4, 100);
	for (int i = 0; i < 20; i++) {
		jobs[i].name = (char)('a' + i);
		jobs[i].w.lane = ran;
		jobs[i].held = i == 0;
		assert_int_equal(submit(&jobs[i], 0), 0);
	}
	/* What is of no lane does not wait for it. */
	for (int i = 0; i < 4; i++)
		assert_int_equal(submit(&other[i], 0), 0);
	while (!other[3].released || !other[0].released)
		spin();
	assert_string_equal(ran, "");
	open_gate();
	while (!jobs[19].released)
		spin();
	assert_string_equal(ran, want);
	for (int i = 0; i < 20; i++)
		assert_int_equal(jobs[i].released, 1);
	stop(1000);
}

static void threads_work_side_by_side(void **state)
{
	struct job jobs[8] = {{{ 0 }}};

	(void)state;
	start(4, 100);
	for (int i = 0; i < 8; i++) {
		jobs[i].held = true;
		assert_int_equal(submit(&jobs[i], 0), 0);
	}
	while (atomic_load(&at_gate) < 4)
		spin();
	open_gate();
	for (int i = 0; i < 8; i++)
		while (!jobs[i].released)
			spin();
	assert_int_equal(atomic_load(&most), 4);
	stop(1000);
}

static void a_full_queue_refuses(void **state)
{
	struct job jobs[5] = {{{ 0 }}};
	struct work_stats st;

	(void)state;
	start(1, 3);
	jobs[0].held = true;
	assert_int_equal(submit(&jobs[0], 0), 0);
	while (!atomic_load(&at_gate))
		spin();
	for (int i = 1; i < 4; i++)
		assert_int_equal(submit(&jobs[i], 0), 0);
	assert_int_equal(submit(&jobs[4], 0), UV_EAGAIN);
	work_stats(pool, &st);
	assert_int_equal(st.waiting, 3);
	assert_int_equal(st.refused, 1);
	open_gate();
	while (!jobs[3].released)
		spin();
	assert_int_equal(jobs[4].done, 0);
	stop(1000);
}

static void a_deadline_is_kept(void **state)
{
	struct job held = { .held = true }, waits = {{ 0 }};
	struct work_stats st;

	(void)state;
	start(1, 10);
	assert_int_equal(submit(&held, 20), 0);
	assert_int_equal(submit(&waits, 20), 0);
	while (!held.done || !waits.done)
		spin();
	assert_int_equal(held.status, UV_ETIMEDOUT);
	assert_int_equal(waits.status, UV_ETIMEDOUT);
	/* One is still in the thread's hands, the other never was. */
	assert_int_equal(held.released, 0);
	assert_int_equal(waits.released, 1);
	open_gate();
	while (!held.released)
		spin();
	assert_int_equal(held.done, 1);
	work_stats(pool, &st);
	assert_int_equal(st.late, 2);
	stop(1000);
}

static void what_is_queued_at_the_end_is_done(void **state)
{
	struct job jobs[10] = {{{ 0 }}};

	(void)state;
	start(2, 100);
	for (int i = 0; i < 10; i++)
		assert_int_equal(submit(&jobs[i], 5000), 0);
	stop(2000);
	for (int i = 0; i < 10; i++) {
		assert_int_equal(jobs[i].status, 0);
		assert_int_equal(jobs[i].released, 1);
	}
}

static void what_hangs_at_the_end_is_left_behind(void **state)
{
	/* outlives the test, as the thread has it */
	static struct job held = { .held = true };
	struct job waits = {{ 0 }};

	(void)state;
	start(1, 10);
	assert_int_equal(submit(&held, 60000), 0);
	while (!atomic_load(&at_gate))
		spin();
	assert_int_equal(submit(&waits, 60000), 0);
	stop(30);
	assert_int_equal(held.status, UV_ECANCELED);
	assert_int_equal(held.released, 0);
	assert_int_equal(waits.status, UV_ECANCELED);
	assert_int_equal(waits.released, 1);
	open_gate();
	/* the thread ends by itself and frees the pool */
	while (atomic_load(&busy))
		usleep(1000);
	usleep(20000);
}

static void a_done_may_submit_again(void **state)
{
	struct job j = { .again = true };

	(void)state;
	start(1, 1);
	assert_int_equal(submit(&j, 0), 0);
	while (j.again || !j.released)
		spin();
	stop(1000);
}

static void a_virtual_loop_works_in_its_turns(void **state)
{
	struct job a = { .name = 'a' }, b = { .name = 'b' };

	(void)state;
	loop = loop_new_virtual(0, 1);
	ran[0] = '\0';
	assert_int_equal(work_open(&pool, &(struct work_options){
		.name = "test", .loop = loop, .threads = 1, .queue = 2 }), 0);
	a.w.lane = b.w.lane = ran;
	assert_int_equal(submit(&a, 10), 0);
	assert_int_equal(submit(&b, 10), 0);
	assert_int_equal(submit(&b, 10), UV_EAGAIN);
	assert_int_equal(a.done, 0);
	loop_turn(loop);
	assert_string_equal(ran, "ab");
	assert_int_equal(a.released, 1);
	assert_int_equal(b.released, 1);
	assert_int_equal(loop_timers(loop), 0);
	a = (struct job){ .name = 'c', .w.lane = ran };
	assert_int_equal(submit(&a, 10), 0);
	work_close(pool, 0);
	assert_string_equal(ran, "abc");
	assert_int_equal(a.released, 1);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_lane_is_worked_in_order),
		cmocka_unit_test(threads_work_side_by_side),
		cmocka_unit_test(a_full_queue_refuses),
		cmocka_unit_test(a_deadline_is_kept),
		cmocka_unit_test(what_is_queued_at_the_end_is_done),
		cmocka_unit_test(what_hangs_at_the_end_is_left_behind),
		cmocka_unit_test(a_done_may_submit_again),
		cmocka_unit_test(a_virtual_loop_works_in_its_turns),
	};

	log_level_set(LOG_ERROR);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
