/* The shortener of schedules itself. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "schedules.h"

#define STEPS 40

/* Fails if two of its steps come together, and crashes if a third does. */
static unsigned play(uint64_t seed, const bool *left_out, bool trace)
{
	(void)trace;
	if (seed == 5 && !left_out[3] && !left_out[17])
		exit(1);
	if (seed == 6 && !left_out[39])
		abort();
	return 1;
}

static const struct property property = {
	.name = "test", .steps = STEPS, .play = play,
};

static void what_fails_is_left(void **state)
{
	bool left_out[STEPS];

	(void)state;
	assert_int_equal(property_shorten(&property, 5, left_out), 2);
	assert_false(left_out[3]);
	assert_false(left_out[17]);
	assert_int_equal(property_shorten(&property, 6, left_out), 1);
	assert_false(left_out[39]);
	assert_int_equal(property_shorten(&property, 7, left_out), -1);
}

static void a_failure_is_reported(void **state)
{
	(void)state;
	unsetenv("TANDEM_SEED");
	unsetenv("TANDEM_SCHEDULES");
	assert_int_equal(property_run(&property, 4), 0);
	assert_int_equal(property_run(&property, 5), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_fails_is_left),
		cmocka_unit_test(a_failure_is_reported),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
