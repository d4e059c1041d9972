/* A key is remembered for ten minutes, and not more than KEYS_MAX of them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <uv.h>

#include <cmocka.h>

#include "core/control/keys.h"

static void a_repeat_gets_the_first_answer_for_ten_minutes(void **state)
{
	const char *answer = NULL;
	struct keys k;

	(void)state;
	assert_int_equal(keys_init(&k), 0);
	assert_int_equal(keys_find(&k, 1000, "a", "c1", &answer), 0);
	assert_int_equal(keys_add(&k, 1000, "a", "c1", "t1"), 0);
	assert_int_equal(keys_find(&k, 1000 + KEYS_MS - 1, "a", "c1",
				   &answer), 1);
	assert_string_equal(answer, "t1");
	assert_int_equal(keys_find(&k, 2000, "a", "c2", &answer), UV_EEXIST);
	assert_int_equal(keys_find(&k, 1000 + KEYS_MS, "a", "c1", &answer), 0);
	keys_free(&k);
}

static void a_full_table_refuses_instead_of_forgetting(void **state)
{
	const char *answer;
	struct keys k;
	char key[16];

	(void)state;
	keys_init(&k);
	for (int i = 0; i < KEYS_MAX; i++) {
		snprintf(key, sizeof(key), "k%d", i);
		assert_int_equal(keys_find(&k, (uint64_t)i, key, "c",
					   &answer), 0);
		keys_add(&k, (uint64_t)i, key, "c", "t");
	}
	assert_int_equal(keys_find(&k, KEYS_MAX, "new", "c", &answer),
			 UV_ENOBUFS);
	assert_int_equal(keys_find(&k, KEYS_MAX, "k0", "c", &answer), 1);
	/* the oldest goes first, and then there is room */
	assert_int_equal(keys_find(&k, KEYS_MS, "new", "c", &answer), 0);
	assert_int_equal(keys_find(&k, KEYS_MS, "k0", "c", &answer),
			 0);
	assert_int_equal(keys_find(&k, KEYS_MS, "k1", "c", &answer), 1);
	keys_free(&k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_repeat_gets_the_first_answer_for_ten_minutes),
		cmocka_unit_test(a_full_table_refuses_instead_of_forgetting),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
