/**
 * @file loop.h  The engine's turn: clock, timers and end-of-turn queue
 *
 * One loop per node, on its main thread. A real loop sits on a uv_loop_t; a
 * virtual one is advanced by its owner, which is how `tandem test` and our
 * own tests of races run hours of calls in milliseconds. Code of the engine
 * cannot tell the two apart.
 *
 * A turn: input arrives (packets, timers), its handlers run and post tasks;
 * the tasks run in the order they were posted, including those posted
 * meanwhile; last the sweep frees what was marked. Nothing is freed, and no
 * Lua is run, inside somebody's callback.
 */
#ifndef TANDEM_LOOP_H
#define TANDEM_LOOP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct uv_loop_s;
struct loop;
struct timer;
struct task;

typedef void (timer_h)(void *arg);
typedef void (task_h)(void *arg);

/** A one-shot timer, embedded in its owner; it never allocates. */
struct timer {
	struct loop *loop;
	timer_h *h;
	void *arg;
	uint64_t at;		/**< when it fires, ms of loop_now()      */
	uint64_t order;		/**< equal times fire in order of start   */
	size_t pos;		/**< place in the loop's heap, 0 = idle   */
};

/** Work put off to the end of the turn, embedded in its owner. */
struct task {
	struct task *next;
	task_h *h;
	void *arg;
	bool queued;
};

/** Real loop on `uv`, which the caller owns and runs. NULL: no memory. */
struct loop *loop_new(struct uv_loop_s *uv);

/** Virtual loop; `wall` is its starting time in ms since the epoch. */
struct loop *loop_new_virtual(uint64_t wall, uint64_t seed);

/**
 * Runs what is still posted, then frees the loop. A real loop's handles are
 * closed; the caller runs uv_run() once more before uv_loop_close().
 */
void loop_free(struct loop *l);

/** Monotonic time in ms, as it was when the loop last woke up. */
uint64_t loop_now(const struct loop *l);

/** Time of day in ms since the epoch, in step with loop_now() if virtual. */
uint64_t loop_wall(const struct loop *l);

/** Next number of the engine's random sequence (not for secrets). */
uint64_t loop_random(struct loop *l);

/** The uv_loop_t below, or NULL if virtual. */
struct uv_loop_s *loop_uv(const struct loop *l);

/**
 * Virtual only: moves the clock by `ms`, firing each timer at its own time
 * and ending the turn after each.
 */
void loop_advance(struct loop *l, uint64_t ms);

/** Virtual only: time until the next timer in ms, or UINT64_MAX if none. */
uint64_t loop_next(const struct loop *l);

/** Ends the turn now: tasks, then sweep. Virtual loops call it by hand. */
void loop_turn(struct loop *l);

/** How many timers run; 0 is what a test wants to see at its end. */
size_t loop_timers(const struct loop *l);

void timer_init(struct timer *t, struct loop *l, timer_h *h, void *arg);

/** (Re)starts `t` to fire once in `ms` from now. */
void timer_start(struct timer *t, uint64_t ms);
void timer_stop(struct timer *t);
bool timer_running(const struct timer *t);

/** Posts `t` to the end of this turn; if it is posted already, does nothing. */
void task_post(struct loop *l, struct task *t, task_h *h, void *arg);

/** Takes a posted task back. */
void task_cancel(struct loop *l, struct task *t);

/**
 * Marks something to be freed: `h(arg)` runs after the turn's last task.
 * `t` is embedded in what is freed.
 */
void loop_sweep(struct loop *l, struct task *t, task_h *h, void *arg);

#endif
