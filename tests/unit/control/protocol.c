/* PROTOCOL.md says what the tables in the code say, in their order. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/action.h"
#include "core/control/method.h"
#include "core/event.h"

static char text[64 * 1024];

static int read_document(void **state)
{
	FILE *f = fopen("core/control/PROTOCOL.md", "r");
	size_t n;

	(void)state;
	if (!f)
		return -1;
	n = fread(text, 1, sizeof(text) - 1, f);
	text[n] = '\0';
	fclose(f);
	return 0;
}

/* The table whose first line begins with `head`: its first row. */
static const char *table(const char *head)
{
	const char *p = strstr(text, head);

	assert_non_null(p);
	p = strchr(p, '\n') + 1;	/* |---|---| */
	return strchr(p, '\n') + 1;
}

/* Takes the cells of a row, without blanks around; false: no row is left. */
static bool row(const char **p, char cells[3][256])
{
	if (**p != '|')
		return false;
	memset(cells, 0, 3 * 256);
	for (int i = 0; i < 3; i++) {
		size_t n = 0;

		for (++*p; **p == ' '; ++*p)
			;
		while (**p != '|' && n < 255) {
			if (**p == '\\')
				++*p;
			cells[i][n++] = *(*p)++;
		}
		while (n && cells[i][n - 1] == ' ')
			cells[i][--n] = '\0';
	}
	*p = strchr(*p, '\n') + 1;
	return true;
}

static bool ends_with(const char *s, const char *end)
{
	const size_t n = strlen(s), m = strlen(end);

	return n >= m && !strcmp(s + n - m, end);
}

static void events(void **state)
{
	const char *p = table("| type | fields | raised when |");
	char cells[3][256];
	int i;

	(void)state;
	for (i = 0; row(&p, cells); i++) {
		const struct event_row *ev = &event_table[i];
		char fields[256] = "";
		char doc[256];

		assert_in_range(i, 0, EVENT_TYPES - 1);
		for (const char *const *f = ev->fields; *f; f++) {
			if (*fields)
				strcat(fields, ", ");
			strcat(fields, *f);
		}
		snprintf(doc, sizeof(doc), "%s%s", ev->doc, ev->built ? "" :
			 "; not raised in this version");
		assert_string_equal(cells[0], ev->name);
		assert_string_equal(cells[1], fields);
		assert_string_equal(cells[2], doc);
	}
	assert_int_equal(i, EVENT_TYPES);
}

static void fields_of_the_switch(void **state)
{
	const char *p = table("| field | type | meaning |");
	char cells[3][256];

	(void)state;
	for (size_t i = 0; i < action_field_count; i++) {
		const struct action_field *f = &action_fields[i];

		if (f->action != ACT_SWITCH)
			continue;
		assert_true(row(&p, cells));
		assert_string_equal(cells[0], f->name);
		assert_string_equal(cells[1], f->type);
		assert_int_equal(!f->built, ends_with(cells[2],
				 "not available in this version"));
	}
	assert_false(row(&p, cells));
}

static void methods(void **state)
{
	const char *p = table("| method | parameters | result |");
	const char *later = strstr(text, "Not available in this version (");
	char cells[3][256];

	(void)state;
	assert_non_null(later);
	for (size_t i = 0; i < method_count; i++) {
		const struct method *m = &method_table[i];

		if (!m->h) {
			assert_non_null(strstr(later, m->name));
			continue;
		}
		assert_true(row(&p, cells));
		assert_string_equal(cells[0], m->name);
		for (int k = 0; k < PARAMS_MAX && m->params[k].name; k++)
			assert_non_null(strstr(cells[1], m->params[k].name));
		assert_int_equal(!!cells[1][0], !!m->params[0].name);
	}
	assert_false(row(&p, cells));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(events),
		cmocka_unit_test(fields_of_the_switch),
		cmocka_unit_test(methods),
	};

	return cmocka_run_group_tests(tests, read_document, NULL);
}
