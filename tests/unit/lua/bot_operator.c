/* TransferCallToOperator: which state takes which outcome. */
#include "bot_fixture.h"

#include <stdio.h>
#include <string.h>

static struct desk d;
static struct caller c;

static void begin(const char *fields)
{
	char source[2048];

	snprintf(source, sizeof(source), "return bot { 'One moment.', "
		 "function(call) if call.session.n then log 'root' return end "
		 "call.session.n = 1 "
		 "return TransferCallToOperator { phoneNumber = '200'%s } end,"
		 "\nstates = {\n"
		 "Then = { 'then', function(call) log(call.request.event .. "
		 "call.request.data.status) end }, Late = { 'late' }, "
		 "Error = { 'error' }, "
		 "T = { ['event!'] = 'transfer', 'transfer event' },"
		 "Again = { ['q!'] = 'again', switch { phoneNumber = 7, "
		 "continueCall = true } } } }", fields);
	desk_open(&d, source);
	call_in(&d, &c, "");
	start(&c);
}

static void ends(const char *reason, bool hangup)
{
	json_t *details = json_pack("{s:s}", "reason", reason);
	struct transfer_outcome o = {
		.success = !strcmp(reason, "answered"), .hangup = hangup,
		.number = "200", .details = details,
	};

	c.s->ops->outcome(c.s, &o);
	json_decref(details);
	turn(&c);
}

static void end(void)
{
	hang(&c);
	desk_close(&d);
}

static void case_of(const char *fields, const char *reason, bool hangup,
		    const char *heard)
{
	begin(fields);
	c.heard[0] = '\0';
	ends(reason, hangup);
	expect(&c, heard);
	end();
}

#define ALL ", thenState = '/Then', timeoutState = '/Late', errorState = " \
	"'/Error'"

static void outcomes(void **state)
{
	(void)state;
	case_of(ALL, "answered", false, "state /Then\nlog "
		"transferSUCCESS\nsay then");
	case_of(ALL, "no_answer", false, "state /Late\nsay late");
	case_of(ALL, "busy", false, "state /Error\nsay error");
	case_of(ALL, "declined", false, "state /Error\nsay error");
	/* an unset or empty timeoutState means errorState */
	case_of(", errorState = '/Error'", "no_answer", false,
		"state /Error\nsay error");
	case_of(", timeoutState = '', errorState = './Error'", "no_answer",
		false, "state /Error\nsay error");
	/* an unset or empty errorState means the root */
	case_of("", "busy", false, "log root\nsay One moment.");
	case_of(", errorState = ''", "no_answer", false,
		"log root\nsay One moment.");
	case_of(", timeoutState = '/Late'", "busy", false,
		"log root\nsay One moment.");
	/* nothing follows success without thenState, or somebody who left */
	case_of(", thenState = ''", "answered", false, "");
	case_of(ALL, "answered", true, "");
	case_of(ALL, "caller_gone", true, "");
}

static void the_switch(void **state)
{
	(void)state;
	begin("");
	expect(&c, "say One moment.\nswitch 200");
	assert_false(c.sw->sw->continue_call);
	assert_true(c.sw->sw->keep_failed);
	assert_int_equal(c.sw->sw->timeout_ms, 0);
	end();
	begin(", thenState = '/Then', timeout = '20'");
	expect(&c, "say One moment.\nswitch 200 continue");
	assert_int_equal(c.sw->sw->timeout_ms, 20000);
	end();
	begin(", timeout = ''");
	expect(&c, "say One moment.\nswitch 200");
	end();
}

/* One receiver for each outcome: the next transfer has its own. */
static void only_its_own(void **state)
{
	(void)state;
	begin(ALL);
	ends("busy", false);
	c.heard[0] = '\0';
	ends("busy", false);	/* of one that a control client began */
	expect(&c, "state /T\nsay transfer event");
	say(&c, "again");
	c.heard[0] = '\0';
	ends("busy", false);
	expect(&c, "state /T\nsay transfer event");
	end();
	/* one that is refused leads nowhere */
	desk_open(&d, "return bot { function(call) "
		  "return TransferCallToOperator { phoneNumber = 'x', "
		  "errorState = '/E' } end, states = { E = { 'e' } } }");
	call_in(&d, &c, "");
	start(&c);
	expect_part(&c, "error bot.lua:1: switch: phoneNumber");
	end();
}

/* By hand, as the list of replies shows it. */
static void by_hand(void **state)
{
	(void)state;
	check_script("call:react(TransferCallToOperator { phoneNumber = 1, "
		     "errorState = '/' })\n"
		     "local r = call.response.replies[1]\n"
		     "log(r.type .. r.errorState) r.phoneNumber = 2",
		     "log TransferCallToOperator/\nswitch 2");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(outcomes),
		cmocka_unit_test(the_switch),
		cmocka_unit_test(only_its_own),
		cmocka_unit_test(by_hand),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
