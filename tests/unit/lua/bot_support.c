/* The contract's own bot, in both forms, through a fake engine. */
#include "bot_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/scripting.h"

static char *file(const char *path)
{
	FILE *f = fopen(path, "r");
	char *text = calloc(1, 65536);

	assert_non_null(f);
	assert_true(fread(text, 1, 65535, f) > 0);
	fclose(f);
	return text;
}

static void to_transfer(struct desk *d, struct caller *c, const char *path)
{
	char *text = file(path);

	desk_open(d, text);
	free(text);
	assert_int_equal(d->problems.count, 0);
	call_in(d, c, "49301");
	start(c);
	expect(c, "state /Start\nsay Hi! How can I help?");
	say(c, "Transfer me to an agent!");
	assert_memory_equal(c->heard, "state /TransferToAgent\nsay ", 27);
	expect_part(c, "stay on the line.\nswitch 16123456789");
	assert_string_equal(c->sw->sw->channel, "237-test-237-VDQ-28334674");
	assert_int_equal(c->sw->sw->timeout_ms, 30000);
	assert_int_equal(c->sw->sw->header_count, 2);
	assert_string_equal(c->sw->sw->headers[0].name, "callReason");
	assert_string_equal(c->sw->sw->headers[1].value, "none");
}

static void success(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	to_transfer(&d, &c, "bots/support.lua");
	assert_true(c.sw->sw->continue_call);
	assert_true(c.sw->sw->continue_recording);
	outcome(&c, true, false, "16123456789");
	turn(&c);
	expect(&c, "state /TransferEvent\n"
	       "log {\"status\":\"SUCCESS\",\"hangup\":false,"
	       "\"number\":\"16123456789\"}\n"
	       "say Thank you for contacting us. Please rate our service.");
	hang(&c);
	desk_close(&d);
}

static void busy(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	to_transfer(&d, &c, "bots/support.lua");
	outcome(&c, false, false, "16123456789");
	turn(&c);
	expect(&c, "state /TransferEvent\n"
	       "log {\"status\":\"FAIL\",\"hangup\":false,"
	       "\"number\":\"16123456789\"}\n"
	       "say All our agents are currently busy. We will reach out to "
	       "you later.");
	hang(&c);
	desk_close(&d);
}

static void refer_customer_leaves(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	to_transfer(&d, &c, "bots/support_refer.lua");
	assert_false(c.sw->sw->continue_call);
	leave(&c, "hangup");
	outcome(&c, false, true, "16123456789");
	turn(&c);
	expect(&c, "state /TransferEvent\n"
	       "log {\"status\":\"FAIL\",\"hangup\":true,"
	       "\"number\":\"16123456789\"}\n"
	       "drained");
	hang(&c);
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(success),
		cmocka_unit_test(busy),
		cmocka_unit_test(refer_customer_leaves),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
