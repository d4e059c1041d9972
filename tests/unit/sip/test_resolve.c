/* Names, against a DNS server of a few lines on a socket of our own. */
#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>
#include <uv.h>

#include "core/loop.h"
#include "sip/resolve.h"

static uv_loop_t uv;
static struct loop *loop;
static struct resolver *r;
static uv_poll_t server;
static int fd;
static unsigned asked;

/* what the server says */
static enum { SAY_SRV, SAY_ADDRESS, SAY_NOTHING } says;
static unsigned ttl;
static bool alike;		/* SRV of one priority               */

/* what came of it */
static struct route got[TARGETS_MAX];
static size_t got_count;
static unsigned answers;

static size_t put_srv(unsigned char *p, unsigned priority, unsigned weight,
		      unsigned port, unsigned char host)
{
	const unsigned char rr[] = {
		0xc0, 12, 0, 33, 0, 1, 0, 0, 0, (unsigned char)ttl, 0, 10,
		0, (unsigned char)priority, 0, (unsigned char)weight,
		(unsigned char)(port >> 8), (unsigned char)port,
		2, 'h', host, 0,
	};

	memcpy(p, rr, sizeof(rr));
	return sizeof(rr);
}

static size_t put_address(unsigned char *p, unsigned char last)
{
	const unsigned char rr[] = {
		0xc0, 12, 0, 1, 0, 1, 0, 0, 0, (unsigned char)ttl, 0, 4,
		127, 0, 0, last,
	};

	memcpy(p, rr, sizeof(rr));
	return sizeof(rr);
}

static void on_query(uv_poll_t *h, int status, int events)
{
	unsigned char buf[512], *p;
	struct sockaddr_in from;
	socklen_t len = sizeof(from);
	ssize_t n = recvfrom(fd, buf, sizeof(buf), 0, (struct sockaddr *)&from,
			     &len);
	size_t size;
	unsigned type;
	unsigned char host;

	(void)h;
	(void)status;
	(void)events;
	if (n < 12)
		return;
	asked++;
	host = buf[14];		/* of "hX" */
	for (p = buf + 12; *p; p += *p + 1)
		;
	type = p[2];
	p += 5;
	size = (size_t)(p - buf);
	buf[2] = 0x85;
	buf[3] = 0x80;
	buf[7] = buf[9] = buf[11] = 0;
	if (says == SAY_SRV && type == 33) {
		buf[7] = 2;
		size += put_srv(buf + size, alike ? 1 : 2, 3, 5002, '2');
		size += put_srv(buf + size, 1, 1, 5001, '1');
	} else if (says != SAY_NOTHING && type == 1) {
		buf[7] = 1;
		size += put_address(buf + size, host == '2' ? 2 : 1);
	} else {
		buf[3] = 0x83;
	}
	sendto(fd, buf, size, 0, (struct sockaddr *)&from, len);
}

static void on_found(void *arg, const struct route *list, size_t count)
{
	(void)arg;
	answers++;
	got_count = count;
	for (size_t i = 0; i < count; i++)
		got[i] = list[i];
}

static void find(const char *name, uint16_t port, enum transport by)
{
	const unsigned before = answers;

	assert_non_null(resolve(r, name, port, by, on_found, NULL));
	assert_int_equal(answers, before);	/* never from within */
	while (answers == before)
		uv_run(&uv, UV_RUN_ONCE);
}

static int setup(void **state)
{
	const struct resolver_options o = { .v4 = true, .tcp = true };
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	char text[32];

	(void)state;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	if (bind(fd, (struct sockaddr *)&a, len) ||
	    getsockname(fd, (struct sockaddr *)&a, &len))
		return -1;
	snprintf(text, sizeof(text), "127.0.0.1:%u", ntohs(a.sin_port));
	setenv("TANDEM_DNS", text, 1);
	uv_loop_init(&uv);
	loop = loop_new(&uv);
	uv_poll_init(&uv, &server, fd);
	uv_poll_start(&server, UV_READABLE, on_query);
	asked = answers = 0;
	ttl = 60;
	alike = false;
	return resolver_open(&r, loop, &o);
}

static int teardown(void **state)
{
	(void)state;
	resolver_close(r);
	assert_int_equal(loop_timers(loop), 0);
	uv_close((uv_handle_t *)&server, NULL);
	loop_free(loop);
	uv_run(&uv, UV_RUN_DEFAULT);
	close(fd);
	return uv_loop_close(&uv);
}

static void with_port(void **state)
{
	(void)state;
	says = SAY_ADDRESS;
	find("h1.test", 5099, BY_ANY);
	assert_int_equal(got_count, 1);
	assert_string_equal(got[0].host, "127.0.0.1");
	assert_string_equal(got[0].port, "5099");
	assert_int_equal(got[0].by, BY_ANY);
	assert_int_equal(asked, 1);
	find("H1.TEST", 5098, BY_TCP);		/* known already */
	assert_string_equal(got[0].port, "5098");
	assert_int_equal(got[0].by, BY_TCP);
	assert_int_equal(asked, 1);
}

static void priorities(void **state)
{
	(void)state;
	says = SAY_SRV;
	find("pbx.test", 0, BY_UDP);
	assert_int_equal(got_count, 2);
	assert_string_equal(got[0].port, "5001");
	assert_string_equal(got[0].host, "127.0.0.1");
	assert_string_equal(got[1].port, "5002");
	assert_string_equal(got[1].host, "127.0.0.2");
	assert_int_equal(asked, 3);
}

static void weights(void **state)
{
	unsigned first = 0;

	(void)state;
	says = SAY_SRV;
	alike = true;
	for (unsigned i = 0; i < 1000; i++) {
		find("pbx.test", 0, BY_UDP);
		first += !strcmp(got[0].port, "5002");
	}
	/* 3 to 1; chance leaves this once in some ten million runs */
	assert_in_range(first, 675, 825);
}

static void transports(void **state)
{
	(void)state;
	says = SAY_SRV;
	find("pbx.test", 0, BY_TCP);
	assert_int_equal(got[0].by, BY_TCP);
	find("pbx.test", 0, BY_ANY);	/* both are there */
	assert_int_equal(got[0].by, BY_ANY);
}

static void no_service(void **state)
{
	(void)state;
	says = SAY_ADDRESS;
	find("pbx.test", 0, BY_ANY);
	assert_int_equal(got_count, 1);
	assert_string_equal(got[0].port, "5060");
}

static void nothing(void **state)
{
	unsigned before;

	(void)state;
	says = SAY_NOTHING;
	find("no.test", 0, BY_ANY);
	assert_int_equal(got_count, 0);
	before = asked;
	find("no.test", 0, BY_ANY);	/* kept, for seconds */
	assert_int_equal(asked, before);
}

static void ttl_0(void **state)
{
	(void)state;
	says = SAY_ADDRESS;
	ttl = 0;
	find("h1.test", 1, BY_ANY);
	assert_int_equal(got_count, 1);
	usleep(3000);
	uv_run(&uv, UV_RUN_NOWAIT);	/* the clock goes on */
	find("h1.test", 1, BY_ANY);
	assert_int_equal(got_count, 1);
	assert_int_equal(asked, 2);
}

/* One question for all who ask at once. */
static void together(void **state)
{
	(void)state;
	says = SAY_ADDRESS;
	for (unsigned i = 0; i < 100; i++)
		assert_non_null(resolve(r, "h1.test", 1, BY_ANY, on_found,
					NULL));
	while (answers < 100)
		uv_run(&uv, UV_RUN_ONCE);
	assert_int_equal(asked, 1);
}

static void many_names(void **state)
{
	char name[32];

	(void)state;
	says = SAY_ADDRESS;
	for (unsigned i = 0; i < 2000; i++) {
		snprintf(name, sizeof(name), "h1-%u.test", i);
		find(name, 1, BY_ANY);
		assert_int_equal(got_count, 1);
	}
	/* The first has had to go. */
	find("h1-0.test", 1, BY_ANY);
	assert_int_equal(asked, 2001);
}

static void bounds(void **state)
{
	struct lookup *l[2000];
	char name[32], text[300];
	size_t n = 0;

	(void)state;
	uv_poll_stop(&server);		/* it is silent now */
	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	assert_null(resolve(r, text, 0, BY_ANY, on_found, NULL));
	for (; n < 2000; n++) {
		snprintf(name, sizeof(name), "h%zu.test", n);
		l[n] = resolve(r, name, 1, BY_ANY, on_found, NULL);
		if (!l[n])
			break;
	}
	assert_in_range(n, 100, 1999);
	while (n)
		resolve_cancel(l[--n]);
	uv_run(&uv, UV_RUN_NOWAIT);
	assert_int_equal(answers, 0);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(with_port), TEST(priorities), TEST(weights),
		TEST(transports), TEST(no_service), TEST(nothing),
		TEST(ttl_0), TEST(together), TEST(many_names), TEST(bounds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
