/* Listening: what is bound, and what cannot be. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include <uv.h>

#include "core/loop.h"
#include "sip/sip.h"

static uv_loop_t uv;
static struct loop *loop;

static int setup(void **state)
{
	(void)state;
	uv_loop_init(&uv);
	loop = loop_new(&uv);
	return !loop;
}

static int teardown(void **state)
{
	(void)state;
	loop_free(loop);
	uv_run(&uv, UV_RUN_DEFAULT);
	return uv_loop_close(&uv);
}

static const struct signalling_handlers none;

static int open_at(const struct sip_listen *l, size_t n,
		   struct signalling **sig, int *failed)
{
	const struct sip_options o = {
		.listen = l, .listen_count = n, .t1_ms = 500,
		.t1x64_ms = 32000, .h = &none,
	};

	return sip_open(sig, loop, &o, failed);
}

static void several_addresses(void **state)
{
	const struct sip_listen l[] = {
		{ "udp", "127.0.0.1", 0 }, { "udp", "127.0.0.2", 0 },
	};
	struct signalling *sig = NULL;
	size_t legs, transactions;
	int failed;

	(void)state;
	assert_int_equal(open_at(l, 2, &sig, &failed), 0);
	assert_int_equal(failed, -1);
	assert_true(sip_port(sig, 0) > 0);
	assert_true(sip_port(sig, 1) > 0);
	assert_int_equal(sip_port(sig, 2), 0);
	sig->ops->count(sig, &legs, &transactions);
	assert_int_equal(legs + transactions, 0);
	sip_close(sig, 1000);
}

/* UDP and TCP of one port, and TCP alone; a TCP port that is taken. */
static void tcp(void **state)
{
	struct sip_listen l[] = {
		{ "udp", "127.0.0.1", 0 }, { "tcp", "127.0.0.1", 0 },
		{ "tcp", "127.0.0.2", 0 },
	};
	struct sip_listen taken = { "tcp", "127.0.0.1", 0 };
	struct signalling *sig = NULL;
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int failed, fd;

	(void)state;
	assert_int_equal(open_at(l, 3, &sig, &failed), 0);
	for (size_t i = 0; i < 3; i++)
		assert_true(sip_port(sig, i) > 0);
	sip_close(sig, 0);
	assert_int_equal(open_at(l + 2, 1, &sig, &failed), 0);
	sip_close(sig, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(listen(fd, 1), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	taken.port = ntohs(a.sin_port);
	sig = NULL;
	assert_int_equal(open_at(&taken, 1, &sig, &failed), UV_EADDRINUSE);
	assert_null(sig);
	close(fd);
}

static void wildcard(void **state)
{
	const struct sip_listen l = { "udp", "0.0.0.0", 0 };
	struct signalling *sig = NULL;
	int failed;

	(void)state;
	assert_int_equal(open_at(&l, 1, &sig, &failed), 0);
	assert_true(sip_port(sig, 0) > 0);
	sip_close(sig, 0);
}

static void port_taken(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	struct sip_listen l[] = {
		{ "udp", "127.0.0.1", 0 }, { "udp", "127.0.0.1", 0 },
	};
	struct signalling *sig = NULL;
	const int one = 1;
	int failed, fd;

	(void)state;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	/* As sofia itself does: two such sockets could share the port. */
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	assert_int_equal(bind(fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	l[1].port = ntohs(a.sin_port);
	assert_int_equal(open_at(l, 2, &sig, &failed), UV_EADDRINUSE);
	assert_int_equal(failed, 1);
	assert_null(sig);
	close(fd);
	assert_int_equal(open_at(l, 2, &sig, &failed), 0);
	sip_close(sig, 0);
}

static void what_cannot_be(void **state)
{
	static const struct sip_listen l[] = {
		{ "tls", "127.0.0.1", 0 }, { "udp", "localhost", 0 },
		{ "udp", "", 0 }, { "udp", "192.0.2.77", 0 },
	};
	struct signalling *sig = NULL;
	int failed;

	(void)state;
	for (size_t i = 0; i < sizeof(l) / sizeof(l[0]); i++) {
		assert_true(open_at(&l[i], 1, &sig, &failed) < 0);
		assert_int_equal(failed, 0);
		assert_null(sig);
	}
	assert_true(open_at(l, 0, &sig, &failed) < 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(several_addresses),
		TEST(tcp),
		TEST(wildcard),
		TEST(port_taken),
		TEST(what_cannot_be),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
