/*
 * Every allocation of the server fails once: a client may lose its answer or
 * its connection, the server goes on and nothing leaks.
 */
#include "fixture.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "core/control/socket.h"
#include "core/log.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

static long countdown;	/* the allocation that fails; 0: none */
static long allocations;

static bool fails(void)
{
	if (!serving)
		return false;
	allocations++;
	return countdown && --countdown == 0;
}

void *__wrap_malloc(size_t n)
{
	return fails() ? NULL : __real_malloc(n);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t n)
{
	return fails() ? NULL : __real_realloc(p, n);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

static void use_the_server(void)
{
	static const char requests[] =
		"\x94\x00\x01\xb0" "events.subscribe\x91\x83\xa4" "call\xa2"
		"c1\xa5types\x90\xa5since\x82\xa4" "boot\xa6" "boot-1\xa3seq"
		"\x00"
		"\x94\x00\x02\xa9" "node.info\x90"
		"\x94\x00\x03\xaanode.stats\x90"
		"\x94\x00\x04\xa9" "call.list\x90"
		"\x94\x00\x05\xa8" "call.get\x91\x81\xa4" "call\xa2" "c1"
		"\x94\x00\x06\xab" "call.switch\x91\x84\xa4" "call\xa2" "c1"
		"\xabphoneNumber\xa1" "1\xa3key\xa1k\xa7headers\x81\xa3X-A"
		"\xa1" "b"
		"\x94\x00\x07\xaa" "call.event\x91\x83\xa4" "call\xa2" "c1"
		"\xa4name\xa1n\xa4" "data\x92\x01\x81\xa1k\xcb\x3f\xf8\0\0\0"
		"\0\0\0"
		"\x94\x00\x08\xa1x\x90";
	char answers[65536];
	const int fd = socket_connect(socket_path);

	assert_true(fd >= 0);
	if (write(fd, requests, sizeof(requests) - 1) < 0)
		fail();
	pump();
	for (int i = 0; i < 20; i++)
		emit(EV_DTMF, "c1");
	pump();
	while (read(fd, answers, sizeof(answers)) > 0)
		pump();
	close(fd);
	pump();
}

static void every_allocation_may_fail(void **state)
{
	long total;

	/* how many there are */
	server_start(state);
	allocations = 0;
	use_the_server();
	total = allocations;
	assert_true(total > 100);
	server_stop(state);

	for (long n = 1; n <= total; n++) {
		struct client c;

		server_start(state);
		/* thousands of "out of memory" lines help nobody */
		log_level_set((enum log_level)(LOG_ERROR + 1));
		emit(EV_CALL_ANSWERED, "c1");
		countdown = n;
		use_the_server();
		countdown = 0;

		client_open(&c);
		json_decref(client_ask(&c, "node.info", NULL));
		json_decref(client_ask(&c, "events.subscribe", NULL));
		emit(EV_CALL_ANSWERED, "c1");
		json_decref(client_receive(&c));
		client_close(&c);
		server_stop(state);
	}
	print_message("%ld allocations failed in turn\n", total);
}

static void opening_may_fail_anywhere(void **state)
{
	const char *const paths[] = { "/tmp/tandem-memory.sock" };
	struct control *c = NULL;
	int failed, err;
	long n = 0;

	server_start(state);
	do {
		const struct control_options o = {
			.uv = &uv, .engine = &fake, .bus = bus,
			.paths = paths, .path_count = 1,
		};

		countdown = ++n;
		serving = true;
		err = control_open(&c, &o, &failed);
		serving = false;
		pump();
	} while (err);
	assert_true(n > 5);
	countdown = 0;
	control_close(c);
	server_stop(state);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_allocation_may_fail),
		cmocka_unit_test(opening_may_fail_anywhere),
	};

	json_set_alloc_funcs(__wrap_malloc, free);
	/* Without memory for its table of descriptors libuv aborts: its way. */
	uv_replace_allocator(__wrap_malloc, __real_realloc, __wrap_calloc,
			     free);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
