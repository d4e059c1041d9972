/* Messages are found whole in every split, and hostile ones by their claim. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include <cmocka.h>
#include <msgpack.h>

#include "core/control/skim.h"
#include "core/control/unpack.h"

static const struct skim_limits limits = { 4096, 100, 16 };

struct bytes {
	const char *p;
	size_t len;
};

#define B(s) { s, sizeof(s) - 1 }

/* A copy of exact size, so that ASan sees a read beyond what has come. */
static int skim_once(struct skim *s, const char *p, size_t len)
{
	char *copy = malloc(len ? len : 1);
	int r;

	memcpy(copy, p, len);
	r = skim_step(s, copy, len);
	free(copy);
	return r;
}

static void valid_messages_in_every_split(void **state)
{
	static const struct bytes valid[] = {
		B("\x94\x00\x01\xa1m\x90"),
		B("\x94\x00\xce\xff\xff\xff\xff\xa1m\x91\x80"),
		B("\xdc\x00\x04\x00\x07\xd9\x02xy\x91\x81\xa1k\xcb\x40\x09"
		  "\x21\xfb\x54\x44\x2d\x18"),
		B("\x94\x01\xcd\x01\x00\xc0\x93\x01\x02\xda\x00\x03" "abc"),
		B("\x93\x02\xa5" "event\x91\x83\xa1" "a\xd0\xff\xa1" "b\xc4\x02"
		  "zz\xa1" "c\xd5\x01xx"),
		B("\x93\x02\xa1m\x91\xdf\x00\x00\x00\x02\xa1" "a\xca\x00\x00"
		  "\x00\x00\xa1" "b\xdd\x00\x00\x00\x01\xc3"),
		B("\x94\x00\x01\xa0\x91\x81\xdb\x00\x00\x00\x01k\xc7\x03\x05"
		  "xyz"),
		B("\xdd\x00\x00\x00\x03\x02\xa1m\xdc\x00\x01\xde\x00\x01\xa1k"
		  "\xd3\x80\x00\x00\x00\x00\x00\x00\x00"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(valid) / sizeof(valid[0]); i++) {
		const struct bytes *v = &valid[i];
		char more[128];
		struct skim s;

		/* every split in two, then byte by byte */
		for (size_t cut = 0; cut < v->len; cut++) {
			skim_init(&s, &limits);
			assert_int_equal(skim_once(&s, v->p, cut), 0);
			assert_int_equal(skim_once(&s, v->p, v->len), 1);
			assert_int_equal(s.pos, v->len);
		}
		skim_init(&s, &limits);
		for (size_t n = 0; n < v->len; n++)
			assert_int_equal(skim_once(&s, v->p, n), 0);
		assert_int_equal(skim_once(&s, v->p, v->len), 1);

		/* what follows belongs to the next message */
		memcpy(more, v->p, v->len);
		memset(more + v->len, 0xc1, 3);
		skim_init(&s, &limits);
		assert_int_equal(skim_once(&s, more, v->len + 3), 1);
		assert_int_equal(s.pos, v->len);
	}
}

static void the_id_is_known_as_soon_as_it_was_read(void **state)
{
	struct skim s;

	(void)state;
	skim_init(&s, &limits);
	assert_int_equal(skim_once(&s, "\x94\x00\xcd\x12", 4), 0);
	assert_false(s.has_id);
	assert_int_equal(skim_once(&s, "\x94\x00\xcd\x12\x34", 5), 0);
	assert_true(s.has_id);
	assert_int_equal(s.id, 0x1234);
	assert_int_equal(s.kind, RPC_REQUEST);
}

static void what_is_no_rpc_is_refused_at_once(void **state)
{
	static const struct bytes bad[] = {
		B("GET / HTTP/1.1\r\n"), B("\xc1"), B("\xc0"), B("\x90"),
		B("\x92\x00"), B("\x95\x00"), B("\x84\x00"), B("\xde\x00\x02"),
		B("\x94\x03"), B("\x94\x02"), B("\x93\x00"), B("\x94\xc0"),
		B("\x94\x00\xff"), B("\x94\x00\xa1x"),
		B("\x94\x00\xcf\x00\x00\x00\x01\x00\x00\x00\x00"),
		B("\x94\x00\x90"), B("\x94\x00\x01\xc1"),
		B("\x94\x00\x01\xa1m\x91\x81\xa1k\xc1"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct skim s;

		skim_init(&s, &limits);
		assert_int_equal(skim_once(&s, bad[i].p, bad[i].len),
				 UV_EPROTO);
		assert_non_null(s.why);
	}
}

/* The header alone condemns it: no byte of the claimed body has come. */
static void a_claim_beyond_the_limits_is_enough(void **state)
{
	static const struct bytes bombs[] = {
		B("\x94\x00\x01\xdb\xff\xff\xff\xff"),
		B("\x94\x00\x01\xda\x10\x00"),
		B("\x94\x00\x01\xc6\xff\xff\xff\xff"),
		B("\x94\x00\x01\xc9\xff\xff\xff\xff\x01"),
		B("\x94\x00\x01\xa1m\xdd\xff\xff\xff\xff"),
		B("\x94\x00\x01\xa1m\x91\xdf\xff\xff\xff\xff"),
		B("\x94\x00\x01\xa1m\x91\xdf\x80\x00\x00\x00"),
		B("\x94\x00\x01\xa1m\xdc\x00\x65"),
		B("\x94\x00\x01\xa1m\x91\xde\x00\x32"),
		B("\xdd\xff\xff\xff\xff"),
	};

	(void)state;
	for (size_t i = 0; i < sizeof(bombs) / sizeof(bombs[0]); i++) {
		struct skim s;
		int r;

		skim_init(&s, &limits);
		r = skim_once(&s, bombs[i].p, bombs[i].len);
		assert_int_equal(r, i + 1 == sizeof(bombs) / sizeof(bombs[0]) ?
				 UV_EPROTO : UV_E2BIG);
	}
}

static void nesting_ends_at_its_limit(void **state)
{
	char bomb[8192] = "\x94\x00\x01\xa1m";
	struct skim s;

	(void)state;
	memset(bomb + 5, 0x91, sizeof(bomb) - 5);
	skim_init(&s, &limits);
	assert_int_equal(skim_once(&s, bomb, 5 + 15), 0);
	assert_int_equal(s.depth, 16);
	assert_int_equal(skim_once(&s, bomb, 5 + 16), UV_E2BIG);

	/* empty arrays inside do not count any more once they are closed */
	memset(bomb + 5, 0x90, 90);
	memcpy(bomb + 3, "\xc0\xdc\x00\x5a", 4);
	memset(bomb + 7, 0x90, 90);
	skim_init(&s, &limits);
	assert_int_equal(skim_once(&s, bomb, 97), 1);
}

static void a_message_of_exactly_the_limit_is_taken(void **state)
{
	char *m = malloc(4097);
	struct skim s;

	(void)state;
	memcpy(m, "\x94\x00\x01\xda\x0f\xf9", 6);
	memset(m + 6, 'x', 4096 - 7);
	m[4095] = (char)0x90;
	skim_init(&s, &limits);
	assert_int_equal(skim_once(&s, m, 4095), 0);
	assert_int_equal(skim_once(&s, m, 4096), 1);

	m[5] = (char)0xfa;
	m[4095] = 'x';
	m[4096] = (char)0x90;
	skim_init(&s, &limits);
	assert_int_equal(skim_once(&s, m, 4097), UV_E2BIG);
	free(m);
}

static uint64_t xorshift(uint64_t *x)
{
	*x ^= *x << 13;
	*x ^= *x >> 7;
	*x ^= *x << 17;
	return *x;
}

/*
 * Whatever the skimmer lets through the unpacker takes whole, in memory that
 * the limits bound, and the conversion gives a value or a reason.
 */
static void what_is_let_through_can_be_unpacked(void **state)
{
	static const char start[] = "\x94\x00\x01\xa1m\x91";
	static const unsigned char likely[] = {
		0x80, 0x81, 0x82, 0x90, 0x91, 0x93, 0xa0, 0xa1, 0xc0, 0xc3,
		0xc4, 0xc7, 0xca, 0xcb, 0xcf, 0xd3, 0xd4, 0xd9, 0xdc, 0xde,
	};
	unsigned complete = 0, converted = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= 10000; seed++) {
		uint64_t x = seed * 0x9e3779b97f4a7c15;
		const size_t len = 6 + xorshift(&x) % 200;
		char *buf = malloc(len);
		struct skim s;
		int r;

		for (size_t i = 0; i < len; i++) {
			const uint64_t n = xorshift(&x);

			buf[i] = (char)(n & 0x100 ? n & 0xff :
					n & 0x200 ? n & 0x03 :
					likely[n % sizeof(likely)]);
		}
		if (seed % 4)
			memcpy(buf, start, sizeof(start) - 1);

		skim_init(&s, &limits);
		r = skim_step(&s, buf, len);
		if (r == 1) {
			const char *why = NULL;
			msgpack_unpacked m;
			size_t off = 0;
			json_t *json;

			complete++;
			assert_true(s.pos <= len);
			msgpack_unpacked_init(&m);
			r = msgpack_unpack_next(&m, buf, s.pos, &off);
			assert_true(r == MSGPACK_UNPACK_SUCCESS ||
				    r == MSGPACK_UNPACK_EXTRA_BYTES);
			assert_int_equal(off, s.pos);
			r = unpack_json(&json, &m.data, &why);
			assert_true(r == 0 ? json != NULL : why != NULL);
			converted += r == 0;
			if (r == 0)
				json_decref(json);
			msgpack_unpacked_destroy(&m);
		}
		free(buf);
	}
	/* else the test tests nothing */
	assert_true(complete > 1000);
	assert_true(converted > 100);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(valid_messages_in_every_split),
		cmocka_unit_test(the_id_is_known_as_soon_as_it_was_read),
		cmocka_unit_test(what_is_no_rpc_is_refused_at_once),
		cmocka_unit_test(a_claim_beyond_the_limits_is_enough),
		cmocka_unit_test(nesting_ends_at_its_limit),
		cmocka_unit_test(a_message_of_exactly_the_limit_is_taken),
		cmocka_unit_test(what_is_let_through_can_be_unpacked),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
