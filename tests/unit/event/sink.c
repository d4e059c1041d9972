/* Lines go to a file or pipe in order, whole, and never hold up who writes. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "core/sink.h"

static char path[64];

static int setup(void **state)
{
	int fd;

	(void)state;
	strcpy(path, "/tmp/tandem-sink-XXXXXX");
	fd = mkstemp(path);
	close(fd);
	unlink(path);
	return fd < 0;
}

static int teardown(void **state)
{
	(void)state;
	unlink(path);
	return 0;
}

static char *read_file(size_t *len)
{
	FILE *f = fopen(path, "r");
	char *buf = malloc(8 << 20);

	assert_non_null(f);
	*len = fread(buf, 1, 8 << 20, f);
	fclose(f);
	return buf;
}

#define THREADS 4
#define LINES 5000

static void *put_many(void *arg)
{
	struct sink *s = *(struct sink **)arg;
	static _Atomic int next;
	const int id = next++;
	char line[64];

	for (int i = 0; i < LINES; i++) {
		const int n = snprintf(line, sizeof(line), "%d %d\n", id, i);

		while (sink_put(s, line, (size_t)n) != 0)
			poll(NULL, 0, 1);
	}
	return NULL;
}

/* Also when the ring is much smaller than what passes through it. */
static void lines_of_threads_arrive_whole_and_in_order(void **state)
{
	pthread_t t[THREADS];
	int next[THREADS] = { 0 };
	struct sink *s;
	size_t len;
	char *text;

	(void)state;
	assert_int_equal(sink_open(&s, path, 4096), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_create(&t[i], NULL, put_many, &s);
	for (int i = 0; i < THREADS; i++)
		pthread_join(t[i], NULL);
	assert_int_equal(sink_error(s), 0);
	sink_close(s, 60000);

	text = read_file(&len);
	for (char *p = text; p < text + len;) {
		int id, i, n;

		assert_int_equal(sscanf(p, "%d %d\n%n", &id, &i, &n), 2);
		assert_in_range(id, 0, THREADS - 1);
		assert_int_equal(i, next[id]);
		next[id]++;
		p = strchr(p, '\n') + 1;
	}
	for (int i = 0; i < THREADS; i++)
		assert_int_equal(next[i], LINES);
	free(text);
}

static void a_full_disk_is_reported_and_costs_counted_lines(void **state)
{
	struct sink *s;
	int err = 0, put = 0;

	(void)state;
	if (access("/dev/full", W_OK) != 0)
		skip();
	assert_int_equal(sink_open(&s, "/dev/full", 100), 0);
	for (int i = 0; i < 10000 && !sink_error(s); i++) {
		sink_put(s, "0123456789\n", 11);
		put++;
		poll(NULL, 0, 1);
	}
	assert_int_equal(sink_error(s), UV_ENOSPC);
	while (!err) {
		err = sink_put(s, "0123456789\n", 11);
		put++;
	}
	assert_int_equal(err, UV_ENOBUFS);
	assert_true(sink_lost(s) >= 1);
	assert_true(sink_lost(s) <= (uint64_t)put);
	sink_close(s, 60000);
}

static void a_reader_who_stopped_does_not_hold_up_the_close(void **state)
{
	struct sink *s;
	uint64_t lost;
	int fds[2];
	int saved;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	saved = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	assert_int_equal(sink_open(&s, NULL, 1 << 20), 0);
	for (int i = 0; i < 20000; i++)
		sink_put(s, "nobody reads this line, which is longer\n", 40);
	sink_close(s, 50);
	dup2(saved, STDERR_FILENO);

	/* the same with a ring that cannot take them all */
	dup2(fds[1], STDERR_FILENO);
	assert_int_equal(sink_open(&s, NULL, 1000), 0);
	for (int i = 0; i < 100; i++)
		sink_put(s, "nobody reads this line, which is longer\n", 40);
	lost = sink_lost(s);
	assert_true(lost >= 50);
	sink_close(s, 0);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[0]);
	close(fds[1]);
}

static void a_reader_who_left_costs_lines_only(void **state)
{
	struct sink *s;
	int fds[2];
	int saved;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	saved = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	assert_int_equal(sink_open(&s, NULL, 1000), 0);
	close(fds[0]);
	while (!sink_error(s)) {
		sink_put(s, "line\n", 5);
		poll(NULL, 0, 1);
	}
	assert_int_equal(sink_error(s), UV_EPIPE);
	sink_close(s, 60000);
	dup2(saved, STDERR_FILENO);
	close(saved);
}

/* Chunked small writes, EAGAIN and a slow reader: nothing is lost. */
static void a_non_blocking_pipe_gets_every_byte(void **state)
{
	enum { N = 20000 };
	struct sink *s;
	char buf[4096];
	size_t total = 0;
	int fds[2];
	int saved;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	saved = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	assert_int_equal(sink_open(&s, NULL, 1 << 20), 0);
	for (int i = 0; i < N; i++)
		assert_int_equal(sink_put(s, "0123456789\n", 11), 0);
	while (total < N * 11) {
		const ssize_t n = read(fds[0], buf, sizeof(buf));

		assert_true(n > 0);
		for (ssize_t i = 0; i < n; i++)
			assert_int_equal(buf[i],
				"0123456789\n"[(total + (size_t)i) % 11]);
		total += (size_t)n;
	}
	assert_int_equal(sink_lost(s), 0);
	sink_close(s, 60000);
	dup2(saved, STDERR_FILENO);
	close(saved);
	close(fds[0]);
}

static void a_half_line_of_a_crash_is_ended_first(void **state)
{
	struct sink *s;
	struct stat st;
	char *text;
	size_t len;
	FILE *f;

	(void)state;
	f = fopen(path, "w");
	fputs("whole\nhal", f);
	fclose(f);
	for (int i = 0; i < 2; i++) {
		assert_int_equal(sink_open(&s, path, 1000), 0);
		sink_put(s, "new\n", 4);
		sink_close(s, 60000);
	}
	text = read_file(&len);
	text[len] = '\0';
	assert_string_equal(text, "whole\nhal\nnew\nnew\n");
	free(text);
	unlink(path);
	sink_open(&s, path, 1000);
	sink_close(s, 1000);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0007, 0);
}

static void what_cannot_be_opened_has_a_name(void **state)
{
	struct sink *s;

	(void)state;
	assert_int_equal(sink_open(&s, "/nowhere/at/all", 100), UV_ENOENT);
	assert_int_equal(sink_open(&s, "/tmp", 100), UV_EISDIR);
	assert_int_equal(mkfifo(path, 0600), 0);
	assert_int_equal(sink_open(&s, path, 100), UV_ENXIO);
}

/* The file was renamed: what is in it stays, what follows goes to a new one;
 * where that cannot be opened, to the old. */
static void reopened_under_its_name(void **state)
{
	struct sink *s;
	char old[80];
	size_t len;
	char *text;

	(void)state;
	snprintf(old, sizeof(old), "%s.1", path);
	assert_int_equal(sink_open(&s, path, 4096), 0);
	assert_int_equal(sink_put(s, "one\n", 4), 0);
	poll(NULL, 0, 100);
	assert_int_equal(rename(path, old), 0);
	assert_int_equal(sink_put(s, "two\n", 4), 0);
	poll(NULL, 0, 100);
	assert_int_equal(mkdir(path, 0700), 0);
	assert_int_equal(sink_reopen(s), UV_EISDIR);
	assert_int_equal(rmdir(path), 0);
	assert_int_equal(sink_put(s, "three\n", 6), 0);
	poll(NULL, 0, 100);
	assert_int_equal(sink_reopen(s), 0);
	assert_int_equal(sink_reopen(s), 0);
	assert_int_equal(sink_put(s, "four\n", 5), 0);
	sink_close(s, 1000);

	text = read_file(&len);
	assert_int_equal(len, 5);
	assert_memory_equal(text, "four\n", 5);
	free(text);
	assert_int_equal(rename(old, path), 0);
	text = read_file(&len);
	assert_int_equal(len, 14);
	assert_memory_equal(text, "one\ntwo\nthree\n", 14);
	free(text);

	/* stderr stays what it is, and so does one opened and closed */
	assert_int_equal(sink_open(&s, NULL, 1000), 0);
	assert_int_equal(sink_reopen(s), 0);
	sink_close(s, 1000);
	assert_int_equal(sink_open(&s, path, 1000), 0);
	assert_int_equal(sink_reopen(s), 0);
	sink_close(s, 1000);
	assert_int_equal(sink_reopen(NULL), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(lines_of_threads_arrive_whole_and_in_order),
		T(a_full_disk_is_reported_and_costs_counted_lines),
		T(a_reader_who_stopped_does_not_hold_up_the_close),
		T(a_reader_who_left_costs_lines_only),
		T(a_non_blocking_pipe_gets_every_byte),
		T(a_half_line_of_a_crash_is_ended_first),
		T(what_cannot_be_opened_has_a_name),
		T(reopened_under_its_name),
	};

	signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
