#include "sink.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

/*
 * After the first line the writer waits this long for more: a burst of lines
 * then costs one wake-up and one write instead of one each.
 */
#define GATHER_MS 20

/* A full disk is tried again this often. */
#define RETRY_MS 1000

/* How long one poll() for a stalled reader lasts. */
#define STALL_MS 100

/*
 * Two buffers: producers fill one, the writer empties the other without the
 * lock. They change places when the writer is done, so producers never wait
 * for the disk, and what the writer holds are always whole lines.
 */
struct sink {
	pthread_mutex_t lock;
	pthread_cond_t wake;	/**< tells the writer                    */
	pthread_cond_t done;	/**< tells who closes                    */
	pthread_t thread;
	char *path;		/**< NULL: stderr                        */
	int fd;
	bool own;		/**< fd is ours to close                 */
	bool regular;		/**< a file: writes are not waited for   */
	int next_fd;		/**< opened anew, for the writer, or -1  */
	bool next_regular;
	char *fill;		/**< lines not yet taken                 */
	char *out;		/**< lines being written                 */
	size_t size;
	size_t used;		/**< bytes in fill                       */
	bool idle;		/**< the writer waits for a first line   */
	bool gathering;
	bool closing;
	bool finished;		/**< the writer is past its last write   */
	bool orphan;		/**< nobody waits: the writer frees      */
	atomic_bool abandon;	/**< give up what is left                */
	_Atomic uint64_t lost;
	atomic_int error;
};

static void sink_free(struct sink *s)
{
	if (s->own)
		close(s->fd);
	if (s->next_fd >= 0)
		close(s->next_fd);
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wake);
	pthread_cond_destroy(&s->done);
	free(s->path);
	free(s->fill);
	free(s->out);
	free(s);
}

static struct timespec after(unsigned ms)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	t.tv_sec += ms / 1000;
	t.tv_nsec += (long)(ms % 1000) * 1000000;
	if (t.tv_nsec >= 1000000000) {
		t.tv_sec++;
		t.tv_nsec -= 1000000000;
	}
	return t;
}

static void count_lost(struct sink *s, const char *p, size_t len)
{
	uint64_t lines = 0;

	for (const char *end = p + len; p < end; p++) {
		p = memchr(p, '\n', (size_t)(end - p));
		if (!p)
			break;
		lines++;
	}
	atomic_fetch_add(&s->lost, lines);
}

/* Waits before a retry; false: the sink is being closed. */
static bool wait_retry(struct sink *s)
{
	const struct timespec until = after(RETRY_MS);
	bool again;

	pthread_mutex_lock(&s->lock);
	while (!s->closing &&
	       pthread_cond_timedwait(&s->wake, &s->lock, &until) == 0)
		;
	again = !s->closing;
	pthread_mutex_unlock(&s->lock);
	return again;
}

static void write_all(struct sink *s, const char *p, size_t len)
{
	while (len && !atomic_load(&s->abandon)) {
		size_t n = len;
		ssize_t r;

		/*
		 * A pipe or terminal is written to only when it has room, and
		 * then not more than surely fits, so that a reader who has
		 * stopped does not hold the thread in write().
		 */
		if (!s->regular) {
			struct pollfd pf = { .fd = s->fd, .events = POLLOUT };

			if (poll(&pf, 1, STALL_MS) <= 0)
				continue;
			if (n > PIPE_BUF)
				n = PIPE_BUF;
		}

		r = write(s->fd, p, n);
		if (r >= 0) {
			atomic_store(&s->error, 0);
			p += r;
			len -= (size_t)r;
			continue;
		}
		if (errno == EINTR || errno == EAGAIN)
			continue;

		atomic_store(&s->error, uv_translate_sys_error(errno));
		if (errno == EPIPE || errno == EBADF || !wait_retry(s))
			break;
	}
	count_lost(s, p, len);
}

/* The file opened anew takes the old one's place. Called with the lock, which
 * is given up for the closing: a far disk may take its time for that. */
static void change_file(struct sink *s)
{
	const int old = s->fd;

	if (s->next_fd < 0)
		return;
	s->fd = s->next_fd;
	s->regular = s->next_regular;
	s->next_fd = -1;
	pthread_mutex_unlock(&s->lock);
	close(old);
	pthread_mutex_lock(&s->lock);
}

static void *writer(void *arg)
{
	struct sink *s = arg;
	bool orphan;

	pthread_mutex_lock(&s->lock);
	for (;;) {
		struct timespec until;
		size_t len;
		char *out;

		while (!s->used && !s->closing) {
			if (s->next_fd >= 0) {
				change_file(s);
				continue;
			}
			s->idle = true;
			pthread_cond_wait(&s->wake, &s->lock);
		}
		s->idle = false;
		if (!s->used)
			break;

		until = after(GATHER_MS);
		s->gathering = true;
		while (!s->closing && s->used < s->size / 2 &&
		       pthread_cond_timedwait(&s->wake, &s->lock, &until) == 0)
			;
		s->gathering = false;
		change_file(s);

		out = s->fill;
		len = s->used;
		s->fill = s->out;
		s->used = 0;
		s->out = out;
		pthread_mutex_unlock(&s->lock);
		write_all(s, out, len);
		pthread_mutex_lock(&s->lock);
	}
	s->finished = true;
	orphan = s->orphan;
	pthread_cond_signal(&s->done);
	pthread_mutex_unlock(&s->lock);

	if (orphan)
		sink_free(s);
	return NULL;
}

/*
 * After a crash the last line may be half written; the next one must not be
 * glued to it.
 */
static void mend(int fd, const char *path, const struct stat *st)
{
	char last = '\n';
	int in;

	if (!S_ISREG(st->st_mode) || st->st_size == 0)
		return;

	in = open(path, O_RDONLY | O_CLOEXEC);
	if (in < 0)
		return;
	if (pread(in, &last, 1, st->st_size - 1) == 1 && last != '\n' &&
	    write(fd, "\n", 1) < 0) {
		/* the disk is full: the writer will find out too */
	}
	close(in);
}

static int start(struct sink *s)
{
	pthread_condattr_t attr;
	sigset_t all, old;
	int err;

	pthread_mutex_init(&s->lock, NULL);
	pthread_condattr_init(&attr);
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	pthread_cond_init(&s->wake, &attr);
	pthread_cond_init(&s->done, &attr);
	pthread_condattr_destroy(&attr);

	/* Signals are the main thread's; a SIGPIPE of ours stays pending. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	err = pthread_create(&s->thread, NULL, writer, s);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	return uv_translate_sys_error(err);
}

/* Its descriptor, or a negative UV_E*. */
static int open_file(const char *path, bool *regular)
{
	/* O_NONBLOCK: a FIFO without a reader must not hold us up. */
	const int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC |
			    O_NOCTTY | O_NONBLOCK, 0640);
	struct stat st;

	if (fd < 0)
		return uv_translate_sys_error(errno);
	*regular = false;
	if (fstat(fd, &st) == 0) {
		*regular = S_ISREG(st.st_mode);
		mend(fd, path, &st);
	}
	return fd;
}

int sink_open(struct sink **sp, const char *path, size_t size)
{
	struct sink *s;
	struct stat st;
	int err;

	s = calloc(1, sizeof(*s));
	if (!s)
		return UV_ENOMEM;

	s->size = size;
	s->fill = malloc(size);
	s->out = malloc(size);
	s->fd = STDERR_FILENO;
	s->next_fd = -1;
	s->path = path ? strdup(path) : NULL;
	if (!s->fill || !s->out || (path && !s->path)) {
		err = UV_ENOMEM;
		goto out;
	}

	if (path) {
		s->fd = open_file(path, &s->regular);
		if (s->fd < 0) {
			err = s->fd;
			goto out;
		}
		s->own = true;
	} else if (fstat(s->fd, &st) == 0) {
		s->regular = S_ISREG(st.st_mode);
	}

	err = start(s);
	if (!err) {
		*sp = s;
		return 0;
	}
	pthread_mutex_destroy(&s->lock);
	pthread_cond_destroy(&s->wake);
	pthread_cond_destroy(&s->done);
out:
	if (s->own)
		close(s->fd);
	free(s->path);
	free(s->fill);
	free(s->out);
	free(s);
	return err;
}

int sink_reopen(struct sink *s)
{
	bool regular;
	int fd;

	if (!s || !s->path)
		return 0;
	fd = open_file(s->path, &regular);
	if (fd < 0)
		return fd;
	pthread_mutex_lock(&s->lock);
	if (s->next_fd >= 0)
		close(s->next_fd);
	s->next_fd = fd;
	s->next_regular = regular;
	pthread_cond_signal(&s->wake);
	pthread_mutex_unlock(&s->lock);
	return 0;
}

int sink_put(struct sink *s, const char *line, size_t len)
{
	bool wake;

	pthread_mutex_lock(&s->lock);
	if (len > s->size - s->used) {
		pthread_mutex_unlock(&s->lock);
		atomic_fetch_add(&s->lost, 1);
		return UV_ENOBUFS;
	}
	memcpy(s->fill + s->used, line, len);
	s->used += len;
	wake = s->idle || (s->gathering && s->used >= s->size / 2);
	s->idle = false;
	if (wake)
		s->gathering = false;
	pthread_mutex_unlock(&s->lock);

	if (wake)
		pthread_cond_signal(&s->wake);
	return 0;
}

uint64_t sink_lost(const struct sink *s)
{
	return atomic_load(&s->lost);
}

int sink_error(const struct sink *s)
{
	return atomic_load(&s->error);
}

static void wait_done(struct sink *s, unsigned ms)
{
	const struct timespec until = after(ms);

	while (!s->finished &&
	       pthread_cond_timedwait(&s->done, &s->lock, &until) == 0)
		;
}

void sink_close(struct sink *s, unsigned ms)
{
	if (!s)
		return;

	pthread_mutex_lock(&s->lock);
	s->closing = true;
	pthread_cond_signal(&s->wake);
	wait_done(s, ms);
	if (!s->finished) {
		atomic_store(&s->abandon, true);
		wait_done(s, 2 * STALL_MS);
	}
	if (!s->finished) {
		/* Held in write() by a dead disk: it may keep what it has. */
		s->orphan = true;
		pthread_detach(s->thread);
		pthread_mutex_unlock(&s->lock);
		return;
	}
	pthread_mutex_unlock(&s->lock);
	pthread_join(s->thread, NULL);
	sink_free(s);
}
