/* Every example of lua/API.md is a bot that loads, and greets on /start. */
#include "bot_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void examples(void **state)
{
	char line[512], source[8192] = "";
	FILE *f = fopen("lua/API.md", "r");
	bool inside = false;
	unsigned n = 0;

	(void)state;
	assert_non_null(f);
	while (fgets(line, sizeof(line), f)) {
		if (!strcmp(line, "```lua\n")) {
			inside = true;
			source[0] = '\0';
		} else if (inside && !strcmp(line, "```\n")) {
			struct desk d;
			struct caller c;

			inside = false;
			n++;
			if (strstr(source, "require \"hours\""))
				desk_file("hours.lua", "return { open = "
					  "function() return true end }");
			desk_open(&d, source);
			call_in(&d, &c, "49301");
			start(&c);
			loop_advance(d.loop, 60000);
			if (c.errors)
				print_error("example %u:\n%s", n, c.heard);
			assert_int_equal(c.errors, 0);
			hang(&c);
			desk_close(&d);
		} else if (inside) {
			strcat(source, line);
		}
	}
	fclose(f);
	assert_true(n >= 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(examples),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
