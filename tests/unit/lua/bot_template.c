/* Texts with {{ expressions }}: from the bot file alone, and once. */
#include "bot_fixture.h"

#include <stdio.h>
#include <string.h>

#define FALLBACK "\nsay Sorry, I did not understand you.\nhangup"

static void values(void **state)
{
	(void)state;
	check_bot("return bot { 'You called {{ request.to }} from "
		  "{{call.request.from}}.' }",
		  "say You called 100 from 49301.");
	check_bot("return bot { a '{{ 1 + 2 }}', '{{ 6 / 2 }} {{ 1 / 4 }}',"
		  " '[{{ nil }}{{ client.name }}]', '{{ 1 < 2 }}' }",
		  "say 3\nsay 3 0.25\nsay []\nsay true");
	check_bot("return bot { function(call) call.session.n = 4 "
		  "call.temp.t = 'T' call.client.id = 'c7' end, "
		  "random { '{{ session.n }}{{ temp.t }}{{ client.id }}' },"
		  "when(function() return true end) { { '{{ call.context }}' "
		  "} }, '{{ type(parseTree) }}' }",
		  "say 4Tc7\nsay /\nsay table");
	/* braces and texts of its own */
	check_bot("return bot { [[{{ ({ { 'x' } })[1][1] }}]], "
		  "[[{{ '}}' }}]], [[{{ '{{' }}]], [[{{ ('%d'):rep(2) }}]] }",
		  "say x\nsay }}\nsay {{\nsay %d%d");
	check_bot("return bot { 'none {{ string.upper \"it\" }} }} {' }",
		  "say none IT }} {");
}

static void in_functions(void **state)
{
	(void)state;
	check_script("return 'To {{ request.to }}'", "say To 100");
	check_script("call.session.n = 2\nreturn { 'a {{ session.n }}', "
		     "random { 'b {{ session.n }}' }, a 'c {{ session.n }}' }",
		     "say a 2\nsay b 2\nsay c 2");
	check_script("call:react 'x {{ 1 }}' call:react(a 'y {{ 2 }}')",
		     "say x 1\nsay y 2");
	check_script("return 'a {{ 1 }} ' .. call.context .. [[\n{{ 2 }}]]",
		     "say a 1 /2");
	/* lines stay what they were */
	check_script("local s = [[\n]] call:react [[x\n{{ 1 }}\n]]\nerror 'e'",
		     "error bot.lua:6: e in /" FALLBACK);
	/* A list that a function makes while the bot is loaded. */
	check_bot("local function both(text) return { text, 'to "
		  "{{ request.to }}' } end\n"
		  "return bot { both 'from {{ request.from }}' }",
		  "say from 49301\nsay to 100");
}

/* What is made at run time is text, whoever made it. */
static void never_twice(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { fallback = 'no {{ request.query }}', "
		  "states = {\n"
		  "Echo = { ['q!'] = 'echo *', 'You said {{ request.query }}',"
		  " function(call) return call.request.query end,\n"
		  "function(call) call:say(call.request.query) "
		  "table.insert(call.response.replies, { type = 'text', "
		  "text = call.request.query }) end } } }");
	call_in(&d, &c, "");
	say(&c, "echo {{ 1 + 1 }}");
	expect(&c, "state /Echo\nsay You said echo {{ 1 + 1 }}\n"
	       "say echo {{ 1 + 1 }}\nsay echo {{ 1 + 1 }}\n"
	       "say echo {{ 1 + 1 }}");
	say(&c, "{{ error 'x' }}");
	expect(&c, "say no {{ error 'x' }}");
	hang(&c);
	desk_close(&d);
	check_script("local s = 'x {{ 1 }}' return s", "say x {{ 1 }}");
	check_script("call:say 'x {{ 1 }}'", "say x {{ 1 }}");
	check_script("call.session.s = '{{ 1 }}' return '{{ session.s }}'",
		     "say {{ 1 }}");
}

static void faults(void **state)
{
	(void)state;
	check_bot("return bot { 'dropped',\n'x {{ client.a.b }}' }",
		  "error bot.lua:2: attempt to index a nil value (field 'a') "
		  "in /" FALLBACK);
	check_bot("return bot {\n'x {{ {} }}' }",
		  "error bot.lua:2: template: a table is no text in /"
		  FALLBACK);
	check_bot("return bot {\n'x {{ call:say \"y\" }}' }",
		  "error bot.lua:2: cannot wait here in /" FALLBACK);
	check_script("return 'x {{ call:sleep(1) }}'",
		     "error bot.lua:2: cannot wait here in /" FALLBACK);
	check_bot("return bot { '{{ (function() while true do end end)() }}' "
		  "}", "error bot.lua:1: handler_instructions: the budget "
		  "of 1000000 instructions is spent in /" FALLBACK);
}

/* A fallback that fails itself is not said again. */
static void fallback(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { fallback = 'Sorry, {{ client.name or "
		  "\"you\" }}.', states = { A = { q = 'a', 'A' }, "
		  "B = { q = 'b', function() error 'e' end } } }");
	call_in(&d, &c, "");
	say(&c, "what");
	expect(&c, "say Sorry, you.");
	say(&c, "b");
	expect(&c, "state /B\nerror bot.lua:1: e in /B\nsay Sorry, you.\n"
	       "hangup");
	hang(&c);
	desk_close(&d);
	desk_open(&d, "return bot { fallback = '{{ client.a.b }}' }");
	call_in(&d, &c, "");
	say(&c, "what");
	expect(&c, "error bot.lua:1: attempt to index a nil value (field 'a') "
	       "in /\nhangup");
	hang(&c);
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(values),
		cmocka_unit_test(in_functions),
		cmocka_unit_test(never_twice),
		cmocka_unit_test(faults),
		cmocka_unit_test(fallback),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
