/* Lists of problems, and the nearest known word. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "core/problem.h"

static void lines_name_their_place(void **state)
{
	struct problems p = { 0 };
	char buf[100], small[12];

	(void)state;
	problem_add(&p, "a.lua", 3, "bad %s", "thing");
	problem_add(&p, "a.lua", 0, "two\nlines");
	problem_warn(&p, "a.lua", 7, "odd");
	problem_add(&p, NULL, 0, "no file");
	assert_int_equal(p.count, 4);
	assert_int_equal(p.errors, 3);
	assert_string_equal(problem_text(&p, 0, buf, sizeof(buf)),
			    "a.lua:3: bad thing");
	assert_string_equal(problem_text(&p, 1, buf, sizeof(buf)),
			    "a.lua: two lines");
	assert_string_equal(problem_text(&p, 2, buf, sizeof(buf)),
			    "a.lua:7: warning: odd");
	assert_string_equal(problem_text(&p, 3, buf, sizeof(buf)), "no file");
	assert_string_equal(problem_text(&p, 4, buf, sizeof(buf)), "");
	assert_string_equal(problem_text(&p, 0, small, sizeof(small)),
			    "a.lua:3: ba");
	problems_free(&p);
	assert_int_equal(p.count, 0);
	assert_null(p.list);
}

static void a_hundred_are_kept_all_are_counted(void **state)
{
	struct problems p = { 0 };
	char buf[100];

	(void)state;
	for (int i = 0; i < 99; i++)
		problem_add(&p, "f", i + 1, "e");
	problem_warn(&p, "f", 200, "w");
	problem_warn(&p, "f", 201, "w");
	assert_int_equal(p.count, 100);
	/* an error pushes a warning out, not the other way round */
	problem_add(&p, "f", 300, "late");
	problem_add(&p, "f", 301, "too late");
	assert_int_equal(p.count, 100);
	assert_int_equal(p.errors, 101);
	assert_string_equal(problem_text(&p, 99, buf, sizeof(buf)),
			    "f:300: late");
	problems_free(&p);
}

static void nearest(void **state)
{
	static const char *const words[] = {
		"trunks", "timers", "limits", "q", "event", "register", NULL,
	};
	char endless[500];

	(void)state;
	assert_string_equal(nearest_word("trnuks", words), "trunks");
	assert_string_equal(nearest_word("Limits", words), "limits");
	assert_string_equal(nearest_word("regster", words), "register");
	assert_string_equal(nearest_word("evnt", words), "event");
	assert_null(nearest_word("q!!", words));
	assert_null(nearest_word("x", words));
	assert_null(nearest_word("", words));
	assert_null(nearest_word("banana", words));
	memset(endless, 't', sizeof(endless) - 1);
	endless[sizeof(endless) - 1] = '\0';
	assert_null(nearest_word(endless, words));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_name_their_place),
		cmocka_unit_test(a_hundred_are_kept_all_are_counted),
		cmocka_unit_test(nearest),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
