/* The socket's file: its mode, who may replace it, and who removes it. */
#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "core/control/socket.h"

static char path[96];
static char other[128];

static int setup(void **state)
{
	server_start(state);
	snprintf(path, sizeof(path), "%s.2", socket_path);
	snprintf(other, sizeof(other), "%s.3", socket_path);
	unlink(path);
	unlink(other);
	return 0;
}

static int teardown(void **state)
{
	unlink(path);
	unlink(other);
	return server_stop(state);
}

static int open_at(struct control **cp, const char *a, const char *b,
		   int *failed)
{
	const char *const paths[] = { a, b };
	const struct control_options o = {
		.uv = &uv, .engine = &fake, .bus = bus, .paths = paths,
		.path_count = b ? 2 : 1,
	};

	return control_open(cp, &o, failed);
}

static void close_it(struct control *c)
{
	control_close(c);
	pump();
}

static bool exists(const char *p)
{
	struct stat st;

	return lstat(p, &st) == 0;
}

static void its_mode_is_0660_whatever_the_umask(void **state)
{
	static const mode_t masks[] = { 0, 022, 077, 0777 };

	(void)state;
	for (int i = 0; i < 4; i++) {
		const mode_t old = umask(masks[i]);
		struct control *c;
		struct stat st;
		int failed;
		int err = open_at(&c, path, NULL, &failed);

		umask(old);
		assert_int_equal(err, 0);
		assert_int_equal(stat(path, &st), 0);
		assert_int_equal(st.st_mode & 0777, 0660);
		close_it(c);
		assert_false(exists(path));
	}
}

static void a_file_nobody_answers_on_is_replaced(void **state)
{
	struct socket_file file;
	struct control *c;
	int failed, fd;

	(void)state;
	fd = socket_bind(&file, path);
	assert_true(fd >= 0);
	close(fd);
	free(file.path);
	assert_true(exists(path));
	assert_int_equal(open_at(&c, path, NULL, &failed), 0);
	fd = socket_connect(path);
	assert_true(fd >= 0);
	close(fd);
	close_it(c);
}

static void a_node_that_answers_keeps_its_socket(void **state)
{
	struct control *c = NULL;
	struct client client;
	int failed;

	(void)state;
	assert_int_equal(open_at(&c, socket_path, NULL, &failed),
			 UV_EADDRINUSE);
	assert_int_equal(failed, 0);
	pump();
	client_open(&client);
	json_decref(client_ask(&client, "node.info", NULL));
	client_close(&client);
}

static void what_is_no_socket_stays(void **state)
{
	struct control *c = NULL;
	int failed;
	FILE *f = fopen(path, "w");

	(void)state;
	fputs("precious", f);
	fclose(f);
	assert_int_equal(open_at(&c, path, NULL, &failed), UV_EEXIST);
	assert_true(exists(path));
	unlink(path);

	/* a link to nowhere is not followed */
	assert_int_equal(symlink("/nowhere/x", path), 0);
	assert_int_equal(open_at(&c, path, NULL, &failed), UV_EEXIST);
	assert_true(exists(path));
	pump();
}

static void paths_that_cannot_be(void **state)
{
	char longest[200];
	struct control *c = NULL;
	int failed;

	(void)state;
	memset(longest, 'x', sizeof(longest));
	memcpy(longest, "/tmp/", 5);
	longest[108] = '\0';
	assert_int_equal(open_at(&c, longest, NULL, &failed),
			 UV_ENAMETOOLONG);
	assert_int_equal(open_at(&c, "/nowhere/at/all", NULL, &failed),
			 UV_ENOENT);
	assert_int_equal(open_at(&c, "", NULL, &failed), UV_EINVAL);
	pump();
}

static void the_failing_one_of_several_is_named(void **state)
{
	struct control *c = NULL;
	int failed;

	(void)state;
	assert_int_equal(open_at(&c, path, "/nowhere/x", &failed), UV_ENOENT);
	assert_int_equal(failed, 1);
	assert_false(exists(path));
	pump();
}

static void two_sockets_serve_alike(void **state)
{
	struct control *c = NULL;
	int failed, fd;

	(void)state;
	assert_int_equal(open_at(&c, path, other, &failed), 0);
	fd = socket_connect(path);
	assert_true(fd >= 0);
	close(fd);
	fd = socket_connect(other);
	assert_true(fd >= 0);
	close(fd);
	close_it(c);
	assert_false(exists(path));
	assert_false(exists(other));
}

static void another_nodes_file_is_not_removed(void **state)
{
	struct control *c = NULL;
	struct socket_file file;
	int failed, fd;

	(void)state;
	assert_int_equal(open_at(&c, path, NULL, &failed), 0);
	assert_int_equal(rename(path, other), 0);
	fd = socket_bind(&file, path);
	assert_true(fd >= 0);
	close_it(c);
	assert_true(exists(path));
	socket_remove(&file);
	assert_false(exists(path));
	close(fd);
}

int main(void)
{
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(its_mode_is_0660_whatever_the_umask),
		T(a_file_nobody_answers_on_is_replaced),
		T(a_node_that_answers_keeps_its_socket),
		T(what_is_no_socket_stays),
		T(paths_that_cannot_be),
		T(the_failing_one_of_several_is_named),
		T(two_sockets_serve_alike),
		T(another_nodes_file_is_not_removed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
