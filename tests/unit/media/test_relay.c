/* RTP and RTCP between two peers, on real sockets. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "core/media/relay.h"

#define HERE "127.0.33.1"
#define LEFT "127.0.33.2"
#define RIGHT "127.0.33.3"
#define STRANGER "127.0.33.4"

struct sock {
	int fd;
	uint16_t port;
};

static uv_loop_t uv;
static struct relay *relay;
static struct relay_side side[2];
static struct sock near[2][2], far[2][2];	/* [side][RTP, RTCP]      */

static struct sockaddr_in at(const char *ip, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET };

	in.sin_port = htons(port);
	inet_pton(AF_INET, ip, &in.sin_addr);
	return in;
}

static struct sock bound(const char *ip, uint16_t port)
{
	struct sockaddr_in in = at(ip, port);
	socklen_t len = sizeof(in);
	struct sock s = { socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0), 0 };

	assert_true(s.fd >= 0);
	if (bind(s.fd, (struct sockaddr *)&in, len)) {
		close(s.fd);
		return (struct sock) { -1, 0 };
	}
	getsockname(s.fd, (struct sockaddr *)&in, &len);
	s.port = ntohs(in.sin_port);
	return s;
}

static void pair(struct sock s[2], const char *ip)
{
	do {
		s[0] = bound(ip, 0);
		s[1] = bound(ip, (uint16_t)(s[0].port + 1));
		if (s[1].fd < 0)
			close(s[0].fd);
	} while (s[1].fd < 0);
}

static int setup(void **state)
{
	static const char *const ip[] = { LEFT, RIGHT };

	(void)state;
	uv_loop_init(&uv);
	for (int i = 0; i < 2; i++) {
		pair(near[i], HERE);
		pair(far[i], ip[i]);
		side[i] = (struct relay_side) {
			.rtp = near[i][0].fd, .rtcp = near[i][1].fd,
			.port = far[i][0].port, .hears = true, .speaks = true,
		};
		strcpy(side[i].addr, ip[i]);
		strcpy(side[i].source, ip[i]);
		memset(side[i].map, RELAY_NONE, sizeof(side[i].map));
	}
	side[0].map[0] = 0;	/* PCMU */
	side[0].map[101] = 96;	/* telephone-event */
	side[1].map[0] = 0;
	side[1].map[96] = 101;
	assert_int_equal(relay_open(&relay, &uv, side), 0);
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	relay_close(relay);
	for (int i = 0; i < 2; i++) {
		for (int k = 0; k < 2; k++) {
			close(near[i][k].fd);
			close(far[i][k].fd);
		}
	}
	uv_run(&uv, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&uv), 0);
	return 0;
}

static void send_to(int fd, const struct sock *to, const void *b, size_t len)
{
	struct sockaddr_in in = at(HERE, to->port);

	assert_int_equal(sendto(fd, b, len, 0, (struct sockaddr *)&in,
				sizeof(in)), (int)len);
	for (int i = 0; i < 4; i++)
		uv_run(&uv, UV_RUN_NOWAIT);
}

static ssize_t got(int fd, unsigned char *b, size_t size)
{
	return recv(fd, b, size, 0);
}

static size_t rtp(unsigned char *b, uint8_t pt, uint16_t seq)
{
	memset(b, 0, 172);
	b[0] = 0x80;
	b[1] = pt;
	b[2] = (unsigned char)(seq >> 8);
	b[3] = (unsigned char)seq;
	b[171] = 7;
	return 172;
}

static void passes(int from, uint8_t pt, uint8_t other_pt)
{
	unsigned char b[200], in[200];
	const size_t n = rtp(b, pt, 5);

	send_to(far[from][0].fd, &near[from][0], b, n);
	assert_int_equal(got(far[!from][0].fd, in, sizeof(in)), (int)n);
	assert_int_equal(in[1], other_pt);
	in[1] = b[1];
	assert_memory_equal(in, b, n);
}

static void nothing_at(int fd)
{
	unsigned char b[16];

	assert_int_equal(got(fd, b, sizeof(b)), -1);
}

static struct relay_count counts(void)
{
	struct relay_count n;

	relay_count(relay, &n);
	return n;
}

static void both_ways_under_each_ones_numbers(void **state)
{
	struct sockaddr_in in;
	socklen_t len = sizeof(in);
	unsigned char b[200];

	(void)state;
	passes(0, 0, 0);
	passes(1, 0, 0);
	passes(0, 101, 96);	/* O8: telephone-event per leg */
	passes(1, 96, 101);
	passes(0, 0x80, 0x80);	/* the marker stays */
	/* It comes from where we said we would be. */
	send_to(far[0][0].fd, &near[0][0], b, rtp(b, 0, 9));
	assert_true(recvfrom(far[1][0].fd, b, sizeof(b), 0,
			     (struct sockaddr *)&in, &len) > 0);
	assert_int_equal(ntohs(in.sin_port), near[1][0].port);
	assert_int_equal(counts().passed, 6);
}

static void reports_have_their_own_ports(void **state)
{
	static const unsigned char report[] = {
		0x80, 201, 0, 1, 1, 2, 3, 4,
	};
	unsigned char in[100];

	(void)state;
	send_to(far[1][1].fd, &near[1][1], report, sizeof(report));
	assert_int_equal(got(far[0][1].fd, in, sizeof(in)), 8);
	assert_memory_equal(in, report, 8);
	nothing_at(far[0][0].fd);
}

static void T9_a_third_address_is_not_heard(void **state)
{
	struct sock s = bound(STRANGER, 0);
	unsigned char b[200];
	const size_t n = rtp(b, 0, 1);

	(void)state;
	send_to(s.fd, &near[0][0], b, n);
	nothing_at(far[1][0].fd);
	passes(0, 0, 0);
	send_to(s.fd, &near[0][0], b, n);
	nothing_at(far[1][0].fd);
	assert_int_equal(counts().strange, 2);
	close(s.fd);
}

static void T9_the_port_is_learnt_once(void **state)
{
	struct sock first = bound(LEFT, 0), second = bound(LEFT, 0);
	unsigned char b[200];
	const size_t n = rtp(b, 0, 1);

	(void)state;
	send_to(first.fd, &near[0][0], b, n);
	assert_int_equal(got(far[1][0].fd, b, sizeof(b)), (int)n);
	/* and it is where we send to from now on */
	send_to(far[1][0].fd, &near[1][0], b, n);
	assert_int_equal(got(first.fd, b, sizeof(b)), (int)n);
	send_to(second.fd, &near[0][0], b, n);
	nothing_at(far[1][0].fd);
	/* the place the peer described itself is never the stranger */
	send_to(far[0][0].fd, &near[0][0], b, n);
	assert_int_equal(got(far[1][0].fd, b, sizeof(b)), (int)n);
	send_to(first.fd, &near[0][0], b, n);
	nothing_at(far[1][0].fd);
	assert_int_equal(counts().strange, 2);
	close(first.fd);
	close(second.fd);
}

static void T9_malformed_is_dropped(void **state)
{
	unsigned char b[200];
	const size_t n = rtp(b, 0, 1);
	const uint64_t before = counts().malformed;

	(void)state;
	send_to(far[0][0].fd, &near[0][0], b, 11);
	send_to(far[0][0].fd, &near[0][0], b, 0);
	b[0] = 0x40;			/* version 1 */
	send_to(far[0][0].fd, &near[0][0], b, n);
	b[0] = 0x8f;			/* 15 sources, not there */
	send_to(far[0][0].fd, &near[0][0], b, 20);
	b[0] = 0x90;			/* extension of 64 kB */
	b[14] = b[15] = 0xff;
	send_to(far[0][0].fd, &near[0][0], b, n);
	rtp(b, 0, 1);
	b[0] = 0xa0;			/* padding beyond the packet */
	b[n - 1] = 250;
	send_to(far[0][0].fd, &near[0][0], b, n);
	send_to(far[0][1].fd, &near[0][1], b, n);	/* no report */
	nothing_at(far[1][0].fd);
	nothing_at(far[1][1].fd);
	assert_int_equal(counts().malformed - before, 7);
	rtp(b, 18, 1);			/* nobody agreed to G.729 */
	send_to(far[0][0].fd, &near[0][0], b, n);
	assert_int_equal(counts().unknown, 1);
	passes(0, 0, 0);		/* none of it was learnt from */
}

static void O6_who_is_on_hold_hears_nothing(void **state)
{
	unsigned char b[200];
	const size_t n = rtp(b, 0, 1);

	(void)state;
	side[0].hears = false;		/* sendonly: he holds the other */
	relay_change(relay, 0, &side[0]);
	passes(0, 0, 0);
	send_to(far[1][0].fd, &near[1][0], b, n);
	nothing_at(far[0][0].fd);
	side[0].hears = true;
	relay_change(relay, 0, &side[0]);
	passes(1, 0, 0);
}

static void a_new_place(void **state)
{
	struct sock moved[2];
	unsigned char b[200];
	const size_t n = rtp(b, 0, 1);

	(void)state;
	passes(0, 0, 0);
	pair(moved, RIGHT);
	side[1].port = moved[0].port;
	relay_change(relay, 1, &side[1]);
	send_to(far[0][0].fd, &near[0][0], b, n);
	assert_int_equal(got(moved[0].fd, b, sizeof(b)), (int)n);
	nothing_at(far[1][0].fd);
	send_to(moved[0].fd, &near[1][0], b, n);
	assert_int_equal(got(far[0][0].fd, b, sizeof(b)), (int)n);
	close(moved[0].fd);
	close(moved[1].fd);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(both_ways_under_each_ones_numbers),
		CASE(reports_have_their_own_ports),
		CASE(T9_a_third_address_is_not_heard),
		CASE(T9_the_port_is_learnt_once),
		CASE(T9_malformed_is_dropped),
		CASE(O6_who_is_on_hold_hears_nothing),
		CASE(a_new_place),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
