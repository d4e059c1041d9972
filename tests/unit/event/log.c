/* One call of log_line() is one line, whatever is in it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>
#include <jansson.h>

#include "core/log.h"
#include "core/utf8.h"

static char path[64];
static char text[1 << 20];

static int setup(void **state)
{
	(void)state;
	strcpy(path, "/tmp/tandem-log-XXXXXX");
	close(mkstemp(path));
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	log_close();
	log_level_set(LOG_INFO);
	unlink(path);
	return 0;
}

static void start(bool json)
{
	const struct log_options o = {
		.level = LOG_INFO, .json = json, .file = path,
	};

	assert_int_equal(log_open(&o), 0);
}

static size_t finish(void)
{
	FILE *f;
	size_t n;

	log_close();
	f = fopen(path, "r");
	n = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	text[n] = '\0';
	return n;
}

/* The line without its time, which is checked for its shape. */
static const char *after_time(const char *line)
{
	int year, month, day, h, m, s, ms, n = 0;

	assert_int_equal(sscanf(line, "%4d-%2d-%2dT%2d:%2d:%2d.%3dZ%n", &year,
				&month, &day, &h, &m, &s, &ms, &n), 7);
	assert_int_equal(n, 24);
	return line + n;
}

static void a_text_line_has_time_level_and_call(void **state)
{
	(void)state;
	start(false);
	log_line(LOG_WARN, "c-1", "%d lines", 2);
	finish();
	assert_string_equal(after_time(text), " warn  [c-1] 2 lines\n");
}

static void json_text_inside_a_message_stays_as_it_is(void **state)
{
	static const char status[] =
		"{\"status\":\"SUCCESS\",\"hangup\":false}";

	(void)state;
	start(false);
	log_info("%s", status);
	finish();
	assert_string_equal(after_time(text) + 7, "{\"status\":\"SUCCESS\","
			    "\"hangup\":false}\n");
}

static void a_traceback_stays_on_one_line(void **state)
{
	(void)state;
	start(false);
	log_error("a\nb\tc\x1b[31m \xc2\x9b \xff\xc3\xa9\r\n");
	finish();
	assert_string_equal(after_time(text), " error a\\nb\\tc\\x1b[31m "
			    "\\x9b \\xff\xc3\xa9\n");
}

static void a_json_line_is_json_whatever_the_bytes(void **state)
{
	json_t *o;

	(void)state;
	start(true);
	log_line(LOG_INFO, "c\"1", "q\"b\\s\n\x01\xff\xc3\xa9");
	finish();
	o = json_loads(text, 0, NULL);
	assert_non_null(o);
	assert_string_equal(json_string_value(json_object_get(o, "msg")),
			    "q\"b\\s\n\x01\xef\xbf\xbd\xc3\xa9");
	assert_string_equal(json_string_value(json_object_get(o, "call")),
			    "c\"1");
	assert_string_equal(json_string_value(json_object_get(o, "level")),
			    "info");
	json_decref(o);
}

static void long_lines_are_cut_and_stay_lines(void **state)
{
	static const size_t sizes[] = {
		8100, 8150, 8151, 8152, 8160, 8191, 8192, 8193, 100000
	};
	char *big = malloc(200001);

	(void)state;
	for (int json = 0; json < 2; json++) {
		for (int kind = 0; kind < 3; kind++) {
			size_t n;
			char *p;

			start(json);
			for (size_t i = 0; i < 9; i++) {
				memset(big, kind == 1 ? '"' : 'x', sizes[i]);
				big[sizes[i]] = '\0';
				for (size_t k = 0; kind == 2 &&
				     k + 2 <= sizes[i]; k += 2)
					memcpy(big + k, "\xc3\xa9", 2);
				log_info("%s", big);
			}
			n = finish();
			p = text;
			for (size_t i = 0; i < 9; i++) {
				char *end = strchr(p, '\n');

				assert_non_null(end);
				assert_true(end - p < 8192);
				assert_true(end - p > 8000);
				assert_true(utf8_valid(p, (size_t)(end - p)));
				*end = '\0';
				if (json) {
					json_t *o = json_loads(p, 0, NULL);

					assert_non_null(o);
					json_decref(o);
				}
				p = end + 1;
			}
			assert_ptr_equal(p, text + n);
			unlink(path);
		}
	}
	free(big);
}

static void the_level_decides(void **state)
{
	enum log_level level;

	(void)state;
	start(false);
	log_debug("no");
	log_level_set(LOG_ERROR);
	log_warn("no");
	assert_int_equal(log_level(), LOG_ERROR);
	assert_int_equal(log_level_parse("debug", &level), 0);
	log_level_set(level);
	log_debug("yes");
	finish();
	assert_string_equal(after_time(text), " debug yes\n");
	assert_int_equal(log_level_parse("loud", &level), UV_EINVAL);
}

/* Copies a pipe to `path` until its writers are gone. */
static void *drain(void *arg)
{
	const int fd = *(int *)arg;
	FILE *f = fopen(path, "w");
	char buf[4096];
	ssize_t n;

	while ((n = read(fd, buf, sizeof(buf))) > 0)
		fwrite(buf, 1, (size_t)n, f);
	fclose(f);
	close(fd);
	return NULL;
}

static void lost_lines_are_told_when_there_is_room(void **state)
{
	const struct log_options o = { .level = LOG_INFO };
	static char line[8000];
	uint64_t lost, told = 0;
	pthread_t reader;
	int fds[2], saved;
	FILE *f;

	(void)state;
	assert_int_equal(pipe(fds), 0);
	saved = dup(STDERR_FILENO);
	dup2(fds[1], STDERR_FILENO);
	close(fds[1]);
	assert_int_equal(log_open(&o), 0);
	memset(line, 'x', sizeof(line) - 1);
	while (log_lost() < 10)
		log_info("%s", line);

	pthread_create(&reader, NULL, drain, &fds[0]);
	do {
		const struct timespec t = { .tv_nsec = 10000000 };

		nanosleep(&t, NULL);
		lost = log_lost();
		log_info("again");
	} while (log_lost() > lost);
	log_close();
	dup2(saved, STDERR_FILENO);
	close(saved);
	pthread_join(reader, NULL);

	f = fopen(path, "r");
	while (fgets(text, sizeof(text), f)) {
		unsigned long long n;

		if (sscanf(after_time(text), " warn  %llu log lines", &n) == 1)
			told += n;
	}
	fclose(f);
	assert_int_equal(told, lost);
}

static void a_log_is_opened_once(void **state)
{
	const struct log_options o = { .file = path };

	(void)state;
	start(false);
	assert_int_equal(log_open(&o), UV_EALREADY);
}

static void utf8_follows_the_rfc(void **state)
{
	(void)state;
	assert_int_equal(utf8_char("a", 1), 1);
	assert_int_equal(utf8_char("\xc3\xa9", 2), 2);
	assert_int_equal(utf8_char("\xe2\x82\xac", 3), 3);
	assert_int_equal(utf8_char("\xf0\x9f\x98\x80", 4), 4);
	assert_int_equal(utf8_char("\xc0\x80", 2), 0);
	assert_int_equal(utf8_char("\xe0\x80\x80", 3), 0);
	assert_int_equal(utf8_char("\xed\xa0\x80", 3), 0);
	assert_int_equal(utf8_char("\xf4\x90\x80\x80", 4), 0);
	assert_int_equal(utf8_char("\xe2\x82", 2), 0);
	assert_int_equal(utf8_char("\x80", 1), 0);
	assert_int_equal(utf8_char("\xf0\x8f\xbf\xbf", 4), 0);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_text_line_has_time_level_and_call),
		T(json_text_inside_a_message_stays_as_it_is),
		T(a_traceback_stays_on_one_line),
		T(a_json_line_is_json_whatever_the_bytes),
		T(long_lines_are_cut_and_stay_lines),
		T(the_level_decides),
		T(lost_lines_are_told_when_there_is_room),
		T(a_log_is_opened_once),
		T(utf8_follows_the_rfc),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
