/*
 * sofia-sip waits on an epoll descriptor of its own. libuv watches that one
 * descriptor, and before libuv blocks sofia gets its turn: it then delivers
 * the messages it sent to itself and says when its next timer is due. Only
 * sofia's public interface is used.
 */
#include "drive.h"

#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include <sofia-sip/su_time.h>

#include "core/log.h"
#include "core/loop.h"

/* sofia's hook for its clock, exported but in no header of Debian's. */
extern void (*_su_time)(su_time_t *tv);

struct drive {
	struct loop *loop;
	su_root_t *root;
	int fd;			/* sofia's epoll descriptor             */
	uv_poll_t poll;
	uv_prepare_t prepare;
	uv_timer_t timer;
	unsigned handles;
	bool stepping;
};

/* One step may leave more to do; this bounds what one turn takes. */
#define STEPS_MAX 16

/* Seconds from 1900, sofia's epoch, to 1970. */
#define EPOCH UINT64_C(2208988800)

static struct timespec clock_start;
static time_t wall_start;

/*
 * Time of day at the start plus what a monotonic clock counted since: a step
 * of the system's clock would else disturb every SIP timer (a jump of 15 days
 * ends in an assertion).
 */
static void monotonic(su_time_t *tv)
{
	struct timespec t;
	long ns;

	clock_gettime(CLOCK_MONOTONIC, &t);
	ns = t.tv_nsec - clock_start.tv_nsec;
	t.tv_sec -= clock_start.tv_sec;
	if (ns < 0) {
		ns += 1000000000L;
		t.tv_sec--;
	}
	tv->tv_sec = (unsigned long)((uint64_t)wall_start + EPOCH +
				     (uint64_t)t.tv_sec);
	tv->tv_usec = (unsigned long)(ns / 1000);
}

static void on_timer(uv_timer_t *h);

static bool readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) > 0;
}

void drive_step(struct drive *d)
{
	su_duration_t wait = 0;

	/* A listener that runs the loop must not re-enter sofia. */
	if (d->stepping)
		return;

	d->stepping = true;
	for (int i = 0; i < STEPS_MAX; i++) {
		/* 0 also means "a timer is due within 1 ms": do not spin. */
		if (i && (wait > 0 || !readable(d->fd)))
			break;
		wait = su_root_step(d->root, 0);
	}
	d->stepping = false;

	if (wait == SU_WAIT_FOREVER || wait < 0) {
		uv_timer_stop(&d->timer);
		return;
	}
	uv_update_time(d->timer.loop);
	uv_timer_start(&d->timer, on_timer, (uint64_t)wait + 1, 0);
}

static void on_timer(uv_timer_t *h)
{
	drive_step(h->data);
}

static void on_prepare(uv_prepare_t *h)
{
	struct drive *d = h->data;

	drive_step(d);
	/* What it led to is done before the loop blocks, not after. */
	loop_turn(d->loop);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
	(void)status;
	(void)events;
	drive_step(h->data);
}

static bool is_epoll(int fd)
{
	char path[64], target[64];
	ssize_t n;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return false;

	target[n] = '\0';
	return !strcmp(target, "anon_inode:[eventpoll]");
}

/*
 * sofia does not tell its descriptor, but descriptors are given out lowest
 * first. That it is the right one is checked, not hoped for.
 */
static int make_root(struct drive *d)
{
	const int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return UV_EMFILE;
	close(fd);

	su_port_prefer(su_epoll_port_create, su_epoll_clone_start);
	d->root = su_root_create(NULL);
	if (!d->root)
		return UV_ENOMEM;

	if (!is_epoll(fd) || strcmp(su_root_name(d->root), "epoll")) {
		log_error("sofia-sip's loop is not epoll on descriptor %d "
			  "as expected", fd);
		su_root_destroy(d->root);
		return UV_ENOTSUP;
	}
	su_root_threading(d->root, 0);
	su_root_set_max_defer(d->root, 1000);
	d->fd = fd;
	return 0;
}

int drive_open(struct drive **dp, struct loop *loop)
{
	struct drive *d = calloc(1, sizeof(*d));
	uv_loop_t *uv = loop_uv(loop);
	int err;

	if (!d)
		return UV_ENOMEM;

	d->loop = loop;
	if (!wall_start) {
		clock_gettime(CLOCK_MONOTONIC, &clock_start);
		wall_start = time(NULL);
	}
	_su_time = monotonic;
	su_init();

	err = make_root(d);
	if (err)
		goto out;

	err = uv_poll_init(uv, &d->poll, d->fd);
	if (err) {
		su_root_destroy(d->root);
		goto out;
	}
	uv_prepare_init(uv, &d->prepare);
	uv_timer_init(uv, &d->timer);
	d->poll.data = d->prepare.data = d->timer.data = d;
	d->handles = 3;
	uv_poll_start(&d->poll, UV_READABLE, on_poll);
	uv_prepare_start(&d->prepare, on_prepare);
	*dp = d;
out:
	if (err) {
		su_deinit();
		free(d);
	}
	return err;
}

su_root_t *drive_root(struct drive *d)
{
	return d->root;
}

static void on_close(uv_handle_t *h)
{
	struct drive *d = h->data;

	if (!--d->handles)
		free(d);
}

void drive_close(struct drive *d)
{
	/* libuv must have left the descriptor before sofia closes it. */
	uv_poll_stop(&d->poll);
	uv_close((uv_handle_t *)&d->poll, on_close);
	uv_close((uv_handle_t *)&d->prepare, on_close);
	uv_close((uv_handle_t *)&d->timer, on_close);
	su_root_destroy(d->root);
	d->root = NULL;
	su_deinit();
}
