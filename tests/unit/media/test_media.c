/* The node's own end of audio: its ports, its answers and offers. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <cmocka.h>

#include "core/media/media.h"

#define ADDRESS "127.0.31.7"	/* nobody else's */

static const char *const both[] = { "PCMA", "PCMU" };

static struct media_options rtp_options(uint16_t min, uint16_t max)
{
	return (struct media_options){
		.rtp = true, .address = ADDRESS,
		.port_min = min, .port_max = max,
		.codecs = both, .codec_count = 2,
	};
}

static struct media *open_rtp(uint16_t min, uint16_t max)
{
	const struct media_options o = rtp_options(min, max);
	struct media *m;

	assert_int_equal(media_open(&m, &o), 0);
	assert_true(media_is_rtp(m));
	return m;
}

static struct media *open_none(void)
{
	const struct media_options o = {
		.address = ADDRESS, .advertise = "192.0.2.9",
		.codecs = both, .codec_count = 2,
	};
	struct media *m;

	assert_int_equal(media_open(&m, &o), 0);
	assert_false(media_is_rtp(m));
	return m;
}

static void set_codec(struct codec *c, uint8_t pt, const char *name,
		      uint32_t rate, const char *fmtp)
{
	c->pt = pt;
	c->rate = rate;
	c->channels = 1;
	snprintf(c->name, sizeof(c->name), "%s", name);
	c->fmtp = fmtp ? strdup(fmtp) : NULL;
}

/* opus 111, PCMU 0, PCMA 8, telephone-event 96 and 48000, CN 13 */
static struct offer *peer_offer(void)
{
	struct offer *o = offer_new(6);

	assert_non_null(o);
	snprintf(o->addr, sizeof(o->addr), "127.0.0.77");
	o->port = 4000;
	set_codec(&o->codecs[0], 111, "opus", 48000, "useinbandfec=1");
	o->codecs[0].channels = 2;
	set_codec(&o->codecs[1], 0, "pcmu", 8000, NULL);
	set_codec(&o->codecs[2], 8, "PCMA", 8000, NULL);
	set_codec(&o->codecs[3], 110, "telephone-event", 48000, "0-15");
	set_codec(&o->codecs[4], 96, "telephone-event", 8000, "0-16");
	set_codec(&o->codecs[5], 13, "CN", 8000, NULL);
	return o;
}

static int descriptors(void)
{
	int n = 0;

	for (int fd = 0; fd < 1024; fd++)
		if (fcntl(fd, F_GETFD) >= 0)
			n++;
	return n;
}

static bool is_bound(uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET, .sin_port = htons(port),
	};
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);
	bool bound;

	inet_pton(AF_INET, ADDRESS, &a.sin_addr);
	bound = bind(fd, (struct sockaddr *)&a, sizeof(a)) != 0;
	close(fd);
	return bound;
}

static uint16_t end_port(struct media_end *e)
{
	struct offer *o = media_offer(e, NULL);
	uint16_t port;

	assert_non_null(o);
	port = o->port;
	offer_unref(o);
	return port;
}

static void an_end_holds_a_pair_of_ports(void **state)
{
	struct media *m = open_rtp(21000, 21099);
	const int before = descriptors();
	struct media_end *e;
	uint16_t port;

	(void)state;
	assert_int_equal(media_in_use(m), 0);
	assert_int_equal(media_end_open(m, &e), 0);
	port = end_port(e);
	assert_int_equal(port % 2, 0);
	assert_in_range(port, 21000, 21098);
	assert_true(is_bound(port));
	assert_true(is_bound((uint16_t)(port + 1)));
	assert_int_equal(media_in_use(m), 1);
	assert_int_equal(descriptors(), before + 2);
	for (int fd = 3; fd < 1024; fd++) {
		struct sockaddr_in a;
		socklen_t len = sizeof(a);

		if (getsockname(fd, (struct sockaddr *)&a, &len) ||
		    ntohs(a.sin_port) / 2 != port / 2)
			continue;
		assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
	}
	media_end_close(e);
	assert_false(is_bound(port));
	assert_int_equal(media_in_use(m), 0);
	assert_int_equal(descriptors(), before);
	media_end_close(NULL);
	media_close(m);
}

static void a_freed_port_is_the_last_to_come_back(void **state)
{
	struct media *m = open_rtp(21100, 21119);
	struct media_end *e;
	uint16_t seen[10];

	(void)state;
	for (int i = 0; i < 10; i++) {
		assert_int_equal(media_end_open(m, &e), 0);
		seen[i] = end_port(e);
		media_end_close(e);
		for (int k = 0; k < i; k++)
			assert_int_not_equal(seen[k], seen[i]);
	}
	assert_int_equal(media_end_open(m, &e), 0);
	assert_int_equal(end_port(e), seen[0]);
	media_end_close(e);
	media_close(m);
}

static void a_full_range_says_so(void **state)
{
	/* from an odd port on: 21200 to 21399, 100 pairs */
	struct media *m = open_rtp(21199, 21400);
	struct media_end *e[100], *more;

	(void)state;
	for (int i = 0; i < 100; i++)
		assert_int_equal(media_end_open(m, &e[i]), 0);
	assert_int_equal(media_in_use(m), 100);
	assert_int_equal(media_end_open(m, &more), UV_EADDRNOTAVAIL);
	assert_null(more);
	for (int i = 0; i < 100; i++)
		for (int k = 0; k < i; k++)
			assert_int_not_equal(end_port(e[i]), end_port(e[k]));

	/* the one that becomes free is found wherever it is */
	for (int i = 99; i >= 0; i -= 7) {
		const uint16_t port = end_port(e[i]);

		media_end_close(e[i]);
		assert_int_equal(media_end_open(m, &e[i]), 0);
		assert_int_equal(end_port(e[i]), port);
	}
	for (int i = 0; i < 100; i++)
		media_end_close(e[i]);
	assert_int_equal(media_in_use(m), 0);
	media_close(m);
}

static void ports_of_others_are_passed_over(void **state)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	struct media *m = open_rtp(21500, 21505);
	struct media_end *e, *f;
	int fd[2];

	(void)state;
	/* an RTP port, and elsewhere only the RTCP one */
	for (int i = 0; i < 2; i++) {
		fd[i] = socket(AF_INET, SOCK_DGRAM, 0);
		inet_pton(AF_INET, ADDRESS, &a.sin_addr);
		a.sin_port = htons(i ? 21503 : 21500);
		assert_int_equal(bind(fd[i], (struct sockaddr *)&a,
				      sizeof(a)), 0);
	}
	assert_int_equal(media_end_open(m, &e), 0);
	assert_int_equal(end_port(e), 21504);
	assert_int_equal(media_end_open(m, &f), UV_EADDRNOTAVAIL);
	assert_int_equal(media_in_use(m), 1);
	assert_false(is_bound(21502));
	close(fd[1]);
	assert_int_equal(media_end_open(m, &f), 0);
	assert_int_equal(end_port(f), 21502);
	media_end_close(e);
	media_end_close(f);
	close(fd[0]);
	media_close(m);
}

static void no_descriptors_left(void **state)
{
	struct media *m = open_rtp(21600, 21699);
	struct rlimit was, now;
	struct media_end *e;
	const int fd = dup(0);

	(void)state;
	close(fd);
	getrlimit(RLIMIT_NOFILE, &was);
	now = was;
	now.rlim_cur = (rlim_t)fd + 1;	/* one of the two that it needs */
	setrlimit(RLIMIT_NOFILE, &now);
	assert_int_equal(media_end_open(m, &e), UV_EMFILE);
	setrlimit(RLIMIT_NOFILE, &was);
	assert_int_equal(media_in_use(m), 0);
	assert_int_equal(media_end_open(m, &e), 0);
	media_end_close(e);
	media_close(m);
}

static void options_that_cannot_be(void **state)
{
	static const char *const unknown[] = { "PCMU", "opus" };
	static const char *const twice[] = { "PCMU", "pcmu" };
	struct media_options o = rtp_options(21700, 21799);
	struct media *m;

	(void)state;
	assert_int_equal(media_capacity(&o), 25);
	o.port_max = 21701;
	assert_int_equal(media_capacity(&o), 0);
	o.rtp = false;
	o.port_max = 21799;
	assert_int_equal(media_capacity(&o), 0);

	o = rtp_options(16384, 32767);
	assert_int_equal(media_capacity(&o), 4096);
	o = rtp_options(1, 65535);
	assert_int_equal(media_capacity(&o), 16383);

	o = rtp_options(21700, 21799);
	o.codecs = unknown;
	assert_int_equal(media_open(&m, &o), UV_EINVAL);
	assert_null(m);
	o.codecs = twice;
	assert_int_equal(media_open(&m, &o), UV_EINVAL);
	o.codecs = both;
	o.codec_count = 0;
	assert_int_equal(media_open(&m, &o), UV_EINVAL);
	o.codec_count = 2;
	o.address = "here";
	assert_int_equal(media_open(&m, &o), UV_EINVAL);
	o.address = "192.0.2.1";	/* not ours (RFC 5737) */
	assert_int_equal(media_open(&m, &o), UV_EADDRNOTAVAIL);
	o.address = ADDRESS;
	o.port_min = o.port_max;
	assert_int_equal(media_open(&m, &o), UV_EINVAL);
	media_close(NULL);
}

static void an_answer_has_our_order_and_their_numbers(void **state)
{
	struct media *m = open_rtp(21800, 21819);
	struct offer *in = peer_offer(), *out;
	struct media_end *e;

	(void)state;
	assert_int_equal(media_end_open(m, &e), 0);
	in->codecs[2].pt = 97;		/* PCMA by a dynamic number */
	out = media_answer(e, in);
	assert_non_null(out);
	assert_int_equal(out->count, 3);
	assert_string_equal(out->codecs[0].name, "PCMA");
	assert_int_equal(out->codecs[0].pt, 97);
	assert_int_equal(out->codecs[1].pt, 0);
	assert_string_equal(out->codecs[2].name, "telephone-event");
	assert_int_equal(out->codecs[2].pt, 96);
	assert_string_equal(out->codecs[2].fmtp, "0-15");
	assert_string_equal(out->addr, ADDRESS);
	assert_int_equal(out->port, end_port(e));
	assert_int_equal(out->dir, DIR_SENDRECV);
	assert_null(out->body);
	assert_int_equal(out->refs, 1);

	/* what was agreed stays in a later offer of ours */
	{
		struct offer *again = media_offer(e, out);

		assert_non_null(again);
		assert_int_equal(again->count, 3);
		for (int i = 0; i < 3; i++)
			assert_int_equal(again->codecs[i].pt,
					 out->codecs[i].pt);
		assert_int_equal(again->dir, DIR_SENDRECV);
		offer_unref(again);
	}
	offer_unref(out);
	offer_unref(in);
	media_end_close(e);
	media_close(m);
}

static void directions_are_mirrored(void **state)
{
	static const struct {
		const char *addr;
		enum media_dir offered, answered;
	} c[] = {
		{ "127.0.0.1", DIR_SENDRECV, DIR_SENDRECV },
		{ "127.0.0.1", DIR_SENDONLY, DIR_RECVONLY },
		{ "127.0.0.1", DIR_RECVONLY, DIR_SENDONLY },
		{ "127.0.0.1", DIR_INACTIVE, DIR_INACTIVE },
		/* hold as RFC 2543 had it */
		{ "0.0.0.0", DIR_SENDRECV, DIR_RECVONLY },
		{ "0.0.0.0", DIR_SENDONLY, DIR_RECVONLY },
		{ "0.0.0.0", DIR_RECVONLY, DIR_INACTIVE },
		{ "0.0.0.0", DIR_INACTIVE, DIR_INACTIVE },
		{ "::", DIR_SENDRECV, DIR_RECVONLY },
	};
	struct media *m = open_rtp(21820, 21839);
	struct media_end *e;

	(void)state;
	assert_int_equal(media_end_open(m, &e), 0);
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		struct offer *in = peer_offer(), *out;

		snprintf(in->addr, sizeof(in->addr), "%s", c[i].addr);
		in->dir = c[i].offered;
		out = media_answer(e, in);
		assert_non_null(out);
		assert_int_equal(out->dir, c[i].answered);
		offer_unref(out);
		offer_unref(in);
	}
	media_end_close(e);
	media_close(m);
}

static void what_has_no_answer(void **state)
{
	struct media *m = open_rtp(21840, 21859);
	struct offer *in, *out;
	struct media_end *e;

	(void)state;
	assert_int_equal(media_end_open(m, &e), 0);
	in = peer_offer();
	in->codecs[1].rate = 16000;
	in->codecs[2].channels = 2;
	assert_null(media_answer(e, in));	/* events alone are nothing */
	offer_unref(in);

	in = peer_offer();
	in->secure = true;
	assert_null(media_answer(e, in));
	offer_unref(in);

	in = offer_new(0);
	assert_null(media_answer(e, in));
	offer_unref(in);

	/* a stream switched off stays off (RFC 3264 6) */
	in = peer_offer();
	in->port = 0;
	out = media_answer(e, in);
	assert_non_null(out);
	assert_int_equal(out->port, 0);
	assert_int_equal(out->dir, DIR_INACTIVE);
	offer_unref(out);
	offer_unref(in);
	media_end_close(e);
	media_close(m);
}

static void our_own_offer(void **state)
{
	struct media *m = open_rtp(21860, 21879);
	struct media_end *e;
	struct offer *out, *strange;

	(void)state;
	assert_int_equal(media_end_open(m, &e), 0);
	out = media_offer(e, NULL);
	assert_non_null(out);
	assert_int_equal(out->count, 3);
	assert_int_equal(out->codecs[0].pt, 8);
	assert_int_equal(out->codecs[1].pt, 0);
	assert_int_equal(out->codecs[2].pt, 101);
	assert_string_equal(out->codecs[2].fmtp, "0-15");
	assert_int_equal(out->dir, DIR_SENDRECV);
	offer_unref(out);

	/* agreed between others only: we offer what we have */
	strange = offer_new(1);
	set_codec(&strange->codecs[0], 9, "G722", 8000, NULL);
	out = media_offer(e, strange);
	assert_non_null(out);
	assert_int_equal(out->count, 3);
	offer_unref(out);
	offer_unref(strange);
	media_end_close(e);
	media_close(m);
}

static void mode_none(void **state)
{
	struct media *m = open_none();
	const int before = descriptors();
	struct offer *in = peer_offer(), *out;
	struct media_end *e, *f;

	(void)state;
	assert_int_equal(media_end_open(m, &e), 0);
	assert_int_equal(media_end_open(m, &f), 0);
	assert_int_equal(media_in_use(m), 0);
	assert_int_equal(descriptors(), before);

	out = media_answer(e, in);
	assert_non_null(out);
	assert_int_equal(out->count, in->count);
	for (unsigned i = 0; i < in->count; i++) {
		assert_int_equal(out->codecs[i].pt, in->codecs[i].pt);
		assert_string_equal(out->codecs[i].name, in->codecs[i].name);
	}
	assert_string_equal(out->codecs[0].fmtp, "useinbandfec=1");
	assert_ptr_not_equal(out->codecs[0].fmtp, in->codecs[0].fmtp);
	assert_int_equal(out->port, 9);
	assert_int_equal(out->dir, DIR_INACTIVE);
	assert_string_equal(out->addr, "192.0.2.9");
	offer_unref(in);
	in = media_offer(f, out);
	assert_non_null(in);
	assert_int_equal(in->count, 6);
	assert_int_equal(in->dir, DIR_INACTIVE);
	offer_unref(in);
	offer_unref(out);

	out = media_offer(e, NULL);
	assert_non_null(out);
	assert_int_equal(out->count, 3);
	assert_int_equal(out->codecs[2].pt, 101);
	assert_int_equal(out->port, 9);
	assert_int_equal(out->dir, DIR_INACTIVE);
	offer_unref(out);
	media_end_close(e);
	media_end_close(f);
	media_close(m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_end_holds_a_pair_of_ports),
		cmocka_unit_test(a_freed_port_is_the_last_to_come_back),
		cmocka_unit_test(a_full_range_says_so),
		cmocka_unit_test(ports_of_others_are_passed_over),
		cmocka_unit_test(no_descriptors_left),
		cmocka_unit_test(options_that_cannot_be),
		cmocka_unit_test(an_answer_has_our_order_and_their_numbers),
		cmocka_unit_test(directions_are_mirrored),
		cmocka_unit_test(what_has_no_answer),
		cmocka_unit_test(our_own_offer),
		cmocka_unit_test(mode_none),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
