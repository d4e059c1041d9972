/* Opening hours in bots: open("mon-fri 10:00-18:00", "Europe/Berlin"). */
#include "bot_fixture.h"

#include <string.h>

/* The desks open at 22:13:20 UTC on Tuesday 14 November 2023. */

static void a_condition(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "local night = open('22:00-06:00', 'UTC')\n"
		  "return bot { noContext = true,\n"
		  "when(open('tue 22:00-23:00', 'UTC')) { 'open' }\n"
		  ":elsewhen(open('wed 00:00-24:00 UTC')) { 'wednesday' }\n"
		  ":otherwise { 'closed' },\n"
		  "function(call) return night() and 'night' or 'day' end,\n"
		  "states = { A = { ['q!'] = 'ask', noContext = true,\n"
		  "when(night) { 'at night' }:otherwise { 'by day' } } } }");
	call_in(&d, &c, "1");
	start(&c);
	expect(&c, "say open\nsay night");
	loop_advance(d.loop, 3600 * 1000);
	start(&c);
	expect(&c, "say closed\nsay night");
	loop_advance(d.loop, 3600 * 1000);
	start(&c);
	expect(&c, "say wednesday\nsay night");
	loop_advance(d.loop, 6 * 3600 * 1000);
	start(&c);
	expect(&c, "say wednesday\nsay day");
	say(&c, "ask");
	expect(&c, "say by day");
	hang(&c);
	desk_close(&d);
}

static void the_clock_of_the_zone(void **state)
{
	(void)state;
	check_bot("return bot { when(open('tue 23:00-23:30', "
		  "'Europe/Berlin')) { 'berlin' }, "
		  "when(open('wed 07:00-08:00', 'Asia/Tokyo')) { 'tokyo' }, "
		  "when(open('tue 17:00-18:00 America/New_York')) { 'ny' } }",
		  "say berlin\nsay tokyo\nsay ny");
}

static void in_a_handler_it_says_so_at_once(void **state)
{
	(void)state;
	check_script("log(open('tue 22:00-23:00', 'UTC')) "
		     "log(open('wed 22:00-23:00', 'UTC')) "
		     "return when(open('22-23', 'UTC')) { 'yes' }"
		     ":otherwise { 'no' }", "log true\nlog false\nsay yes");
	check_script("call:react(when(open('1-2', 'UTC')) { 'yes' }"
		     ":otherwise { 'no' })", "say no");
	check_script("return open('22-23', 'UTC') and 'yes' or 'no'",
		     "say yes");
	check_script("open('nonsense')", "error bot.lua:2: open: 'nonsense' "
		     "is neither days (mon-fri), nor times (10:00-18:00), nor "
		     "a time zone (Europe/Berlin) in /\n"
		     "say Sorry, I did not understand you.\nhangup");
	check_script("for i = 1, 1e9 do open('1-2', 'Asia/Tokyo') end",
		     "error bot.lua:2: handler_instructions: the budget of "
		     "1000000 instructions is spent in /\nsay Sorry, I did not understand you.\n"
		     "hangup");
}

static void what_is_wrong_is_refused_at_load(void **state)
{
	(void)state;
	assert_string_equal(refusal("return bot {\n  states = { A = {\n"
		"  when(open('mno-fri 9-10', 'UTC')) { 'x' } } } }"),
		"bot.lua:3: /A: open: 'mno' is no day, did you mean "
		"'mon'?\n");
	assert_string_equal(refusal("return bot {\n"
		"  when(open('mon 9-10', 'Europe/Belrin')) { 'x' } }"),
		"bot.lua:2: open: 'Europe/Belrin' is no time zone of this "
		"machine's tzdata\n");
	assert_non_null(strstr(refusal("local x = open(7, 8)\n"
				       "return bot { 'x' }"),
			       "bot.lua:1: open: '7' is no span of time"));
	assert_non_null(strstr(refusal("local x = open {}\n"
				       "return bot { 'x' }"),
			       "bot.lua:1: bad argument #1 to 'open'"));
	/* a boolean is no condition that is known at load */
	assert_non_null(strstr(refusal("return bot { when(true) { 'x' } }"),
			       "'when' needs a function"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_condition),
		cmocka_unit_test(the_clock_of_the_zone),
		cmocka_unit_test(in_a_handler_it_says_so_at_once),
		cmocka_unit_test(what_is_wrong_is_refused_at_load),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
