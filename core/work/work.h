/**
 * @file work.h  Bounded pools of threads, for what blocks
 *
 * What waits for a disk runs here and not on the loop, nor in libuv's own
 * pool, where one slow kind of work would hold up all others. A pool has few
 * threads and a bounded queue: who comes when it is full is told so at once.
 *
 * On a virtual loop there are no threads: the work runs at the end of the
 * turn, in order, so that tests see the same thing each time.
 */
#ifndef TANDEM_WORK_H
#define TANDEM_WORK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/loop.h"

struct work_pool;

/** One piece of work, embedded in what it works on. */
struct work {
	/** On a thread of the pool. */
	void (*run)(struct work *w);
	/** On the loop, once: 0, UV_ETIMEDOUT (its deadline has passed; it may
	 * still be running) or UV_ECANCELED (the pool was closed). */
	void (*done)(struct work *w, int status);
	/** On the loop, after done(), when no thread has it any more: now it
	 * may be freed. */
	void (*release)(struct work *w);
	/** Work of one lane (a file) runs in order, one at a time; NULL: as
	 * threads are free. */
	const void *lane;

	/* the pool's own */
	struct work_pool *pool;
	struct work *next;
	struct timer deadline;
	bool queued;		/**< not taken by a thread yet; locked       */
	bool told;		/**< done() was called                       */
};

struct work_options {
	const char *name;	/**< for the log                             */
	struct loop *loop;
	unsigned threads;	/**< 1 to 16                                 */
	size_t queue;		/**< most that wait                          */
};

struct work_stats {
	size_t waiting;		/**< in the queue                            */
	uint64_t accepted;
	uint64_t refused;	/**< the queue was full                      */
	uint64_t late;		/**< not over by their deadline              */
};

/** 0, or a negative UV_E*. Threads take no signals. */
int work_open(struct work_pool **pp, const struct work_options *o);

/**
 * Queues `w`. `ms`: until when it has to be over, 0: no matter. 0, UV_EAGAIN
 * (the queue is full) or UV_ECANCELED (the pool is being closed); then nothing
 * of `w` is called.
 */
int work_submit(struct work_pool *p, struct work *w, uint64_t ms);

void work_stats(struct work_pool *p, struct work_stats *st);

/**
 * Lets what is queued run for `ms` at most, calls done() and release() of it,
 * and ends the pool; the rest is cancelled. Work that hangs keeps its thread
 * and its memory. A real loop runs once more before it is closed.
 */
void work_close(struct work_pool *p, unsigned ms);

#endif
