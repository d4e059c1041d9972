#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <uv.h>

#include "core/node_setup.h"

static struct capacity cap(bool media, uint64_t ports, uint64_t limit)
{
	return (struct capacity){
		.media = media, .ports = ports, .limit = limit,
	};
}

static void calls_default_to_the_smaller_share(void **state)
{
	struct capacity c = cap(true, 100, RESERVED_DESCRIPTORS + 4 * 50 + 3);

	(void)state;
	assert_int_equal(capacity_compute(&c, 0), 0);
	assert_int_equal(c.descriptors, 50);
	assert_int_equal(c.calls, 50);

	c = cap(true, 100, RESERVED_DESCRIPTORS + 4 * 50 + 3);
	c.reserved = 40;		/* for call:http */
	assert_int_equal(capacity_compute(&c, 0), 0);
	assert_int_equal(c.calls, 40);

	c = cap(true, 10, 1 << 20);
	assert_int_equal(capacity_compute(&c, 0), 0);
	assert_int_equal(c.calls, 10);
}

static void more_calls_than_ports_or_descriptors_is_refused(void **state)
{
	struct capacity c = cap(true, 100, 1 << 20);

	(void)state;
	assert_int_equal(capacity_compute(&c, 100), 0);
	assert_int_equal(capacity_compute(&c, 101), UV_EINVAL);

	c = cap(true, 100, RESERVED_DESCRIPTORS + 4 * 7);
	assert_int_equal(capacity_compute(&c, 7), 0);
	assert_int_equal(capacity_compute(&c, 8), UV_EINVAL);
	assert_int_equal(capacity_compute(&c, UINT64_MAX), UV_EINVAL);
}

static void too_little_for_one_call_is_refused(void **state)
{
	struct capacity c = cap(true, 0, 1 << 20);

	(void)state;
	assert_int_equal(capacity_compute(&c, 0), UV_EINVAL);
	c = cap(true, 100, RESERVED_DESCRIPTORS);
	assert_int_equal(capacity_compute(&c, 0), UV_EINVAL);
	c = cap(true, 100, 3);
	assert_int_equal(capacity_compute(&c, 0), UV_EINVAL);
}

static void without_media_calls_need_neither(void **state)
{
	struct capacity c = cap(false, 0, 64);

	(void)state;
	assert_int_equal(capacity_compute(&c, 0), 0);
	assert_int_equal(c.calls, 0);
	assert_int_equal(capacity_compute(&c, 100000), 0);
	assert_int_equal(c.calls, 100000);
}

static void the_descriptor_limit_is_raised(void **state)
{
	const uint64_t first = descriptors_raise();

	(void)state;
	assert_true(first > 0);
	assert_int_equal(descriptors_raise(), first);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(calls_default_to_the_smaller_share),
		cmocka_unit_test(
			more_calls_than_ports_or_descriptors_is_refused),
		cmocka_unit_test(too_little_for_one_call_is_refused),
		cmocka_unit_test(without_media_calls_need_neither),
		cmocka_unit_test(the_descriptor_limit_is_raised),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
