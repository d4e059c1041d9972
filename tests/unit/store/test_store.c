/* call.client's store: files that are broken, locked, full; who wins. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "core/log.h"
#include "core/loop.h"
#include "core/store/json_text.h"
#include "core/store/store.h"

static struct loop *loop;
static struct store *store;
static char folder[64], path[96], said[4096];
static size_t bytes = 64 * 1024, unsaved_max;
static int wakes;

void __wrap_log_line(enum log_level level, const char *call, const char *fmt,
		     ...) __attribute__((format(printf, 3, 4)));

void __wrap_log_line(enum log_level level, const char *call, const char *fmt,
		     ...)
{
	const size_t n = strlen(said);
	va_list ap;

	(void)level;
	(void)call;
	va_start(ap, fmt);
	vsnprintf(said + n, sizeof(said) - n, fmt, ap);
	va_end(ap);
	strncat(said, "\n", sizeof(said) - strlen(said) - 1);
}

static void expect_said(const char *part)
{
	if (!strstr(said, part))
		fail_msg("no \"%s\" in:\n%s", part, said);
	*said = '\0';
}

static int open_it(const char *file, char *err)
{
	char room[256];

	return store_open(&store, &(struct store_options){
		.loop = loop, .path = file, .client_bytes = bytes,
		.unsaved_max = unsaved_max }, err ? err : room, 256);
}

static void opens(const char *file)
{
	assert_int_equal(open_it(file, NULL), 0);
}

static void woken(void *arg)
{
	(void)arg;
	wakes++;
}

static void use(struct client_use *u, const char *number)
{
	*u = (struct client_use){ .ready = woken };
	assert_int_equal(client_open(store, "bot", number, u), 0);
}

/* What is kept of a number is this. */
static void is_kept(const char *number, const char *json)
{
	struct client_use u;
	char *text;

	use(&u, number);
	loop_turn(loop);
	assert_true(client_is_ready(&u));
	text = json_dumps(client_data(&u), JSON_COMPACT | JSON_SORT_KEYS);
	assert_string_equal(text, json);
	free(text);
	client_close(&u);
}

static void set(struct client_use *u, const char *was, const char *is)
{
	json_t *a = json_loads(was, 0, NULL), *b = json_loads(is, 0, NULL);

	client_write(u, a, b);
	json_decref(a);
	json_decref(b);
}

static void keep(const char *number, const char *json)
{
	struct client_use u;

	use(&u, number);
	loop_turn(loop);
	set(&u, "{}", json);
	client_close(&u);
	loop_turn(loop);
}

static int setup(void **state)
{
	(void)state;
	strcpy(folder, "/tmp/store-XXXXXX");
	assert_non_null(mkdtemp(folder));
	snprintf(path, sizeof(path), "%s/t.db", folder);
	loop = loop_new_virtual(1700000000000u, 1);
	bytes = 64 * 1024;
	unsaved_max = 0;
	wakes = 0;
	*said = '\0';
	return 0;
}

static int teardown(void **state)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	char name[512];

	(void)state;
	assert_int_equal(loop_timers(loop), 0);
	loop_free(loop);
	while ((e = readdir(d))) {
		snprintf(name, sizeof(name), "%s/%s", folder, e->d_name);
		unlink(name);
	}
	closedir(d);
	rmdir(folder);
	return 0;
}

static void closes(void)
{
	store_close(store, 1000);
	store = NULL;
}

/* Whether a file whose name begins so is there. */
static bool is_there(const char *begin)
{
	DIR *d = opendir(folder);
	struct dirent *e;
	bool found = false;

	while ((e = readdir(d)))
		found |= !strncmp(e->d_name, begin, strlen(begin));
	closedir(d);
	return found;
}

static void it_survives_a_restart(void **state)
{
	(void)state;
	opens(path);
	keep("1", "{\"a\":1,\"b\":{\"c\":[true,\"x\",1.5]}}");
	keep("2", "{\"a\":2}");
	closes();
	opens(path);
	is_kept("1", "{\"a\":1,\"b\":{\"c\":[true,\"x\",1.5]}}");
	is_kept("2", "{\"a\":2}");
	is_kept("3", "{}");
	closes();
	assert_string_equal(said, "");
}

static void what_is_written_last_is_not_lost_at_the_end(void **state)
{
	struct client_use u;

	(void)state;
	opens(path);
	use(&u, "1");
	loop_turn(loop);
	set(&u, "{}", "{\"a\":1}");
	client_close(&u);
	closes();			/* before the turn is over */
	opens(path);
	is_kept("1", "{\"a\":1}");
	closes();
}

static void the_last_writer_wins_each_key(void **state)
{
	struct client_use a, b;

	(void)state;
	opens(path);
	keep("1", "{\"x\":0,\"y\":0,\"z\":0}");
	use(&a, "1");
	use(&b, "1");
	loop_turn(loop);
	set(&a, "{\"x\":0,\"y\":0,\"z\":0}", "{\"x\":1,\"y\":1,\"z\":0}");
	set(&b, "{\"x\":0,\"y\":0,\"z\":0}", "{\"x\":0,\"y\":2}");
	client_close(&a);
	client_close(&b);
	loop_turn(loop);
	is_kept("1", "{\"x\":1,\"y\":2}");
	closes();
	opens(path);
	is_kept("1", "{\"x\":1,\"y\":2}");
	closes();
}

static void two_nodes_may_share_a_file(void **state)
{
	struct store *first;

	(void)state;
	opens(path);
	keep("1", "{\"x\":1}");
	first = store;
	opens(path);
	is_kept("1", "{\"x\":1}");
	keep("1", "{\"y\":2}");
	closes();
	store = first;
	is_kept("1", "{\"x\":1,\"y\":2}");
	closes();
}

static void a_call_is_woken_once(void **state)
{
	struct client_use a, b;

	(void)state;
	opens(path);
	use(&a, "1");
	use(&b, "1");
	assert_false(client_is_ready(&a));
	client_close(&b);
	loop_turn(loop);
	assert_true(client_is_ready(&a));
	assert_int_equal(wakes, 1);
	client_close(&a);
	closes();
}

static void a_broken_file_is_put_aside(void **state)
{
	FILE *f = fopen(path, "w");

	(void)state;
	for (int i = 0; i < 10000; i++)
		fputs("no database", f);
	fclose(f);
	opens(path);
	expect_said("a new one was begun");
	assert_true(is_there("t.db.broken-"));
	keep("1", "{\"a\":1}");
	closes();
	opens(path);
	is_kept("1", "{\"a\":1}");
	closes();
}

static void a_file_that_breaks_is_put_aside(void **state)
{
	static const char bad[4096] = "no page";
	FILE *f;

	(void)state;
	opens(path);
	for (int i = 0; i < 200; i++) {
		char number[16];

		snprintf(number, sizeof(number), "%d", i);
		keep(number, "{\"a\":\"0123456789012345678901234567890123\"}");
	}
	closes();
	f = fopen(path, "r+");
	for (int i = 1; i < 5; i++) {
		fseek(f, i * 4096, SEEK_SET);
		fwrite(bad, sizeof(bad), 1, f);
	}
	fclose(f);
	opens(path);
	*said = '\0';
	is_kept("77", "{}");		/* the call goes on */
	expect_said("a new one was begun");
	keep("77", "{\"b\":1}");
	closes();
	opens(path);
	is_kept("77", "{\"b\":1}");
	closes();
	assert_true(is_there("t.db.broken-"));
}

static void a_locked_file_is_waited_for(void **state)
{
	struct store_stats st;
	sqlite3 *other;

	(void)state;
	opens(path);
	keep("1", "{\"a\":1}");
	sqlite3_open(path, &other);
	assert_int_equal(sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL,
				      NULL), 0);
	keep("1", "{\"b\":2}");
	expect_said("database is locked; it is kept in memory and tried again");
	store_stats(store, &st);
	assert_int_equal(st.unsaved, 1);
	assert_true(st.failing);
	is_kept("1", "{\"a\":1,\"b\":2}");	/* as another call sees it */
	keep("1", "{\"c\":3}");
	loop_advance(loop, 1000);
	assert_string_equal(said, "");		/* told once */
	sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(other);
	loop_advance(loop, 1000);
	expect_said("is written again");
	store_stats(store, &st);
	assert_int_equal(st.unsaved, 0);
	assert_int_equal(st.callers, 0);
	closes();
	opens(path);
	is_kept("1", "{\"a\":1,\"b\":2,\"c\":3}");
	closes();
}

static void locked_from_the_start(void **state)
{
	sqlite3 *other;

	(void)state;
	opens(path);
	keep("1", "{\"a\":1,\"z\":1}");
	closes();
	sqlite3_open(path, &other);
	sqlite3_exec(other, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;"
		     "UPDATE client SET changed = 1", NULL, NULL, NULL);
	opens(path);
	expect_said("database is locked");
	is_kept("1", "{}");
	expect_said("cannot be read");
	keep("1", "{\"b\":2}");
	expect_said("cannot be written");
	sqlite3_exec(other, "COMMIT", NULL, NULL, NULL);
	sqlite3_close(other);
	loop_advance(loop, 1000);
	expect_said("is written again");
	/* Nothing of what was not read is lost. */
	is_kept("1", "{\"a\":1,\"b\":2,\"z\":1}");
	expect_said("can be read again");
	closes();
}

static void a_full_disk_costs_no_call(void **state)
{
	struct rlimit was, small;
	char big[3000];

	(void)state;
	opens(path);
	keep("1", "{\"a\":1}");
	/* As a full disk: files cannot grow. */
	signal(SIGXFSZ, SIG_IGN);
	getrlimit(RLIMIT_FSIZE, &was);
	small = was;
	small.rlim_cur = 64 * 1024;
	setrlimit(RLIMIT_FSIZE, &small);
	memset(big, 'x', sizeof(big));
	memcpy(big, "{\"b\":\"", 6);
	strcpy(big + sizeof(big) - 3, "\"}");
	for (int i = 0; i < 50; i++) {
		char number[16];

		snprintf(number, sizeof(number), "n%d", i);
		keep(number, big);
	}
	expect_said("it is kept in memory and tried again");
	assert_true(strstr(said, "again\n") == NULL);
	setrlimit(RLIMIT_FSIZE, &was);
	loop_advance(loop, 2000);
	expect_said("is written again");
	closes();
	opens(path);
	is_kept("1", "{\"a\":1}");
	is_kept("n49", big);
	closes();
}

static void what_waits_is_bounded(void **state)
{
	struct store_stats st;
	sqlite3 *other;
	char number[16];

	(void)state;
	unsaved_max = 10;
	opens(path);
	sqlite3_open(path, &other);
	sqlite3_exec(other, "BEGIN IMMEDIATE", NULL, NULL, NULL);
	for (int i = 0; i < 30; i++) {
		snprintf(number, sizeof(number), "%d", i);
		keep(number, "{\"a\":1}");
	}
	expect_said("are lost");
	store_stats(store, &st);
	assert_in_range(st.unsaved, 1, 11);
	assert_in_range(st.lost, 19, 29);
	assert_in_range(st.callers, 1, 11);
	sqlite3_exec(other, "ROLLBACK", NULL, NULL, NULL);
	sqlite3_close(other);
	loop_advance(loop, 1000);
	is_kept("29", "{\"a\":1}");
	closes();
}

static void others_files_are_refused(void **state)
{
	sqlite3 *other;
	char err[256];

	(void)state;
	sqlite3_open(path, &other);
	sqlite3_exec(other, "CREATE TABLE t (x)", NULL, NULL, NULL);
	assert_int_equal(open_it(path, err), UV_EINVAL);
	assert_string_equal(err, "the database is not Tandem's");
	sqlite3_exec(other, "DROP TABLE t", NULL, NULL, NULL);
	sqlite3_close(other);
	opens(path);
	closes();
	sqlite3_open(path, &other);
	sqlite3_exec(other, "PRAGMA user_version = 7", NULL, NULL, NULL);
	sqlite3_close(other);
	assert_int_equal(open_it(path, err), UV_EINVAL);
	assert_string_equal(err, "the database has version 7, this Tandem "
			    "knows 1");
	assert_int_equal(open_it("/nowhere/at/all.db", err), UV_ENOENT);
}

static void a_caller_has_a_bound(void **state)
{
	struct client_use u;

	(void)state;
	bytes = 200;
	opens(path);
	keep("1", "{\"a\":\"0123456789\",\"b\":\"0123456789\"}");
	use(&u, "1");
	loop_turn(loop);
	set(&u, "{}", "{\"c\":\"01234567890123456789012345678901234567890123"
	    "456789012345678901234567890123456789012345678901234567890123\"}");
	expect_said("is not kept");
	client_close(&u);
	closes();
	bytes = 80;
	opens(path);
	is_kept("1", "{\"a\":\"0123456789\"}");
	expect_said("not all of it was read");
	closes();
	bytes = 200;
	opens(path);
	is_kept("1", "{\"a\":\"0123456789\",\"b\":\"0123456789\"}");
	closes();
}

static void memory_is_bounded(void **state)
{
	struct client_use u;
	char *big = malloc(60001), number[16];
	json_t *v = json_object(), *none = json_object();

	(void)state;
	opens(NULL);
	memset(big, 'x', 60000);
	big[60000] = '\0';
	json_object_set_new(v, "k", json_string(big));
	for (int i = 0; i < 1500; i++) {	/* 90 MB */
		snprintf(number, sizeof(number), "%d", i);
		loop_advance(loop, 10);
		use(&u, number);
		loop_turn(loop);
		client_write(&u, none, v);
		client_close(&u);
		loop_turn(loop);
	}
	assert_string_equal(said, "");
	is_kept("0", "{}");
	use(&u, "1499");
	loop_turn(loop);
	assert_true(json_equal(client_data(&u), v));
	client_close(&u);
	closes();
	json_decref(v);
	json_decref(none);
	free(big);
}

/* Any byte of Lua's comes back as it was. */
static void texts_are_bytes(void **state)
{
	json_t *v = json_object(), *list = json_array(), *back;
	char all[256], key[] = "\xff\x80k", *text;

	(void)state;
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	json_array_append_new(list, json_stringn_nocheck(all, 256));
	json_array_append_new(list, json_string("\xc3\xa9\xe2\x82\xac"));
	json_object_set_new_nocheck(v, key, list);
	json_object_set_new(v, "n", json_integer(-5));
	text = json_text(v);
	assert_int_equal(*text, 'b');
	back = json_of_text(text);
	assert_true(json_equal(v, back));
	free(text);
	json_decref(back);
	json_decref(v);
	v = json_string("plain \xc3\xa9");
	text = json_text(v);
	assert_string_equal(text, "\"plain \xc3\xa9\"");
	free(text);
	json_decref(v);
	assert_null(json_of_text("b"));
	assert_null(json_of_text("{"));
	assert_null(json_of_text(""));
}

static void on_idle(uv_idle_t *h)
{
	(void)h;
}

/* With threads, on a real loop: a read that is late does not hold a call, and
 * what it brings then goes below what has been set meanwhile. */
static void a_late_read_does_not_hold_a_call(void **state)
{
	struct loop *was = loop;
	struct client_use u;
	uv_loop_t uv;
	uv_idle_t alive;
	char err[256];
	sqlite3 *other;

	(void)state;
	opens(path);
	keep("1", "{\"a\":1,\"b\":1,\"z\":1}");
	closes();
	uv_loop_init(&uv);
	uv_idle_init(&uv, &alive);
	uv_idle_start(&alive, on_idle);
	loop = loop_new(&uv);
	/* Opened anew by the read, which waits for the lock. */
	sqlite3_open(path, &other);
	sqlite3_exec(other, "PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE;"
		     "UPDATE client SET changed = 1", NULL, NULL, NULL);
	assert_int_equal(store_open(&store, &(struct store_options){
		.loop = loop, .path = path, .client_bytes = bytes,
		.read_ms = 30 }, err, sizeof(err)), 0);
	expect_said("database is locked");
	uv_update_time(&uv);
	use(&u, "1");
	while (!client_is_ready(&u))
		uv_run(&uv, UV_RUN_NOWAIT);
	expect_said("not within timer client");
	assert_int_equal(json_object_size(client_data(&u)), 0);
	set(&u, "{\"z\":1}", "{\"b\":2}");
	sqlite3_exec(other, "COMMIT", NULL, NULL, NULL);
	sqlite3_close(other);
	for (int i = 0; i < 3000 && json_object_size(client_data(&u)) < 2;
	     i++) {
		uv_run(&uv, UV_RUN_NOWAIT);
		usleep(1000);
	}
	assert_int_equal(json_object_size(client_data(&u)), 2);
	assert_int_equal(json_integer_value(json_object_get(client_data(&u),
							    "b")), 2);
	client_close(&u);
	store_close(store, 2000);
	loop_free(loop);
	uv_close((uv_handle_t *)&alive, NULL);
	uv_run(&uv, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&uv), 0);
	loop = was;
	opens(path);
	is_kept("1", "{\"a\":1,\"b\":2}");
	closes();
}

int main(void)
{
#define T(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(it_survives_a_restart),
		T(what_is_written_last_is_not_lost_at_the_end),
		T(the_last_writer_wins_each_key),
		T(two_nodes_may_share_a_file),
		T(a_call_is_woken_once),
		T(a_broken_file_is_put_aside),
		T(a_file_that_breaks_is_put_aside),
		T(a_locked_file_is_waited_for),
		T(locked_from_the_start),
		T(a_full_disk_costs_no_call),
		T(what_waits_is_bounded),
		T(others_files_are_refused),
		T(a_caller_has_a_bound),
		T(memory_is_bounded),
		T(texts_are_bytes),
		T(a_late_read_does_not_hold_a_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
