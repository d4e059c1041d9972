/* What a state does when it is reached. */
#include "bot_fixture.h"

#include <stdio.h>
#include <string.h>

static void words(void **state)
{
	(void)state;
	check_bot("return bot { 'one', a 'two', { 'three', { a(4) } }, "
		  "hangup() }",
		  "say one\nsay two\nsay three\nsay 4\nhangup");
	check_bot("return bot { 'x', switch { phoneNumber = 200, "
		  "continueCall = true } }", "say x\nswitch 200 continue");
}

static void when(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "local n = 0\n"
		  "local function is(k) return function() return n == k end "
		  "end\n"
		  "return bot { states = { A = { ['q!'] = 'n',\n"
		  "when(is(1)) { 'one' }:elsewhen(is(2)) { 'two', 'zwei' }"
		  ":otherwise { 'many' },\n"
		  "when(is(3)) { 'three' },\n"
		  "function() n = n + 1 end } } }");
	call_in(&d, &c, "");
	for (int i = 0; i < 4; i++)
		say(&c, "n");
	expect(&c, "state /A\nsay many\nsay one\nsay two\nsay zwei\n"
	       "say many\nsay three");
	hang(&c);
	desk_close(&d);
}

static void random_is_never_the_last(void **state)
{
	struct desk d;
	struct caller c;
	char last = 0;
	unsigned seen = 0;

	(void)state;
	desk_open(&d, "return bot { states = { A = { ['q!'] = 'r', random { "
		  "'1', '2', a '3' } } } }");
	call_in(&d, &c, "");
	say(&c, "r");
	c.heard[0] = '\0';
	for (int i = 0; i < 100; i++) {
		say(&c, "r");
		assert_memory_equal(c.heard, "say ", 4);
		assert_int_not_equal(c.heard[4], last);
		last = c.heard[4];
		seen |= 1u << (last - '1');
		c.heard[0] = '\0';
	}
	assert_int_equal(seen, 7);
	hang(&c);
	desk_close(&d);
}

static void enter(void **state)
{
	(void)state;
	check_bot("return bot { 'a', { 'b', enter '/X', 'never' }, 'never', "
		  "states = {\n"
		  " X = { 'x', enter './Y', 'no', states = { Y = { 'y', "
		  "enter '../../Z' } } },\n"
		  " Z = { 'z', noContext = true } } }",
		  "state /X\nstate /X/Y\nsay a\nsay b\nsay x\nsay y\nsay z");
	check_bot("return bot { enter '/A', states = { A = { enter '/B' }, "
		  "B = { enter '/A' } } }",
		  "state /A\nstate /B\nstate /A\nstate /B\nstate /A\n"
		  "state /B\nstate /A\nstate /B\nstate /A\nstate /B\n"
		  "state /A\nstate /B\nstate /A\nstate /B\nstate /A\n"
		  "state /B\nstate /A\nstate /B\nstate /A\nstate /B\n"
		  "state /A\nstate /B\nstate /A\nstate /B\nstate /A\n"
		  "state /B\nstate /A\nstate /B\nstate /A\nstate /B\n"
		  "state /A\nstate /B\n"
		  "error bot.lua:1: enter '/A': more than 32 in one request in /B\n"
		  "say Sorry, I did not understand you.\nhangup");
}

static void go(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { 'hi', go '/A/B', 'still', states = { A = "
		  "{ states = { B = { 'not run' }, C = { q = 'c', 'C' } } } } "
		  "}");
	call_in(&d, &c, "");
	start(&c);
	expect(&c, "state /A/B\nsay hi\nsay still");
	say(&c, "c");
	expect(&c, "state /A/C\nsay C");
	hang(&c);
	desk_close(&d);
}

static void scripts(void **state)
{
	(void)state;
	check_bot("return bot { 'a', function() return { 'b', function() "
		  "return a 'c' end } end, 'd' }",
		  "say a\nsay b\nsay c\nsay d");
	check_bot("return bot { function() return enter '/X' end, 'never', "
		  "states = { X = { 'x' } } }", "state /X\nsay x");
	check_script("return true", "");
	check_script("return 'text'", "say text");
	check_script("call:react(a 'r') call:react { 's', hangup() }",
		     "say r\nsay s\nhangup");
	check_script("local f = function(c) c:say 'in' return 'out' end\n"
		     "call:react(f) call:say 'after'",
		     "say in\nsay out\nsay after");
	check_script("call:react(random { 'x' })\n"
		     "return when(function() return false end) { 'no' }"
		     ":otherwise { 'yes' }", "say x\nsay yes");
	check_bot("return bot { function(call) call:react(enter '/X') "
		  "call:say(call.context) end, states = { X = { 'x' } } }",
		  "state /X\nsay x\nsay /X");
}

#define FALLBACK "\nsay Sorry, I did not understand you.\nhangup"

static void script_faults(void **state)
{
	(void)state;
	check_script("return 5",
		     "error bot.lua:1: a number is no reaction in /" FALLBACK);
	check_script("a 'unused'",
		     "error bot.lua:2: a reaction was built and not used: "
		     "return it, or call:react(it) in /" FALLBACK);
	check_script("return { 'x', nil, 'y' }",
		     "error bot.lua:1: hole in the list: item 2 is nil in /"
		     FALLBACK);
	check_script("return { type = 'text' }",
		     "error bot.lua:1: a list of reactions has no key 'type' "
		     "in /" FALLBACK);
	check_script("call:react(enter '/Nowhere')",
		     "error bot.lua:2: there is no state '/Nowhere' in /"
		     FALLBACK);
	check_script("dtmf { max = 4 }",
		     "error bot.lua:2: a reaction was built and not used: "
		     "return it, or call:react(it) in /" FALLBACK);
	check_script("return dtmf { max = 0 }",
		     "error bot.lua:1: dtmf: max must be from 1 to 64, not 0 "
		     "in /" FALLBACK);
	check_script("return { 'x', timeout { interval = 1, state = '/N' } }",
		     "error bot.lua:1: timeout: there is no state '/N' in /"
		     FALLBACK);
	check_script("local answer, why = call:http { url = 'http://a/' } "
		     "call:say(tostring(answer) .. ' ' .. why)",
		     "say nil unreachable");
	check_script("call:http {}", "error bot.lua:2: call:http: url: a "
		     "text is needed in /" FALLBACK);
	check_script("call.dialer.setNoInputTimeout(5)",
		     "error bot.lua:2: setNoInputTimeout: 5 is not a number "
		     "of milliseconds from 1000 to 20000 in /" FALLBACK);
	check_script("a 'x' 'y'",
		     "error bot.lua:2: missing comma after this reaction in /"
		     FALLBACK);
	check_script("error { code = 1 }",
		     "error bot.lua:2: the error is a table, not a text in /"
		     FALLBACK);
	check_script("call:say 'before'\nerror 'boom'",
		     "say before\nerror bot.lua:3: boom in /" FALLBACK);
	check_bot("return bot { 'dropped', function() error 'boom' end, "
		  "'never' }", "error bot.lua:1: boom in /" FALLBACK);
}

static void replies(void **state)
{
	(void)state;
	check_bot("return bot { 'one', function(call)\n"
		  "local r = call.response.replies\n"
		  "assert(#r == 1 and r[1].text == 'one')\n"
		  "table.insert(r, 1, { type = 'text', text = 'zero' })\n"
		  "end, 'two', function(call)\n"
		  "assert(#call.response.replies == 3) end }",
		  "say zero\nsay one\nsay two");
	check_script("call.response.replies = { { type = 'text', text = 'x' }"
		     " } return hangup()", "say x\nhangup");
	check_script("call.response.replies = { { type = 'text', text = 'x' }"
		     " } call:say 'y' assert(#call.response.replies == 0)",
		     "say x\nsay y");
	check_script("call.dialer.hangUp('bye') ", "say bye\nhangup");
	check_script("call.dialer:hangUp()", "hangup");
	check_script("call.response.replies = { { type = 'switch', "
		     "phoneNumber = '1' }, { type = 'text', text = 'x' } }",
		     "error bot.lua:1: a switch must be the last reply, and "
		     "is number 1 of 2 in /" FALLBACK);
	check_script("call.response.replies = 5",
		     "error bot.lua:1: call.response.replies is a number, "
		     "not a list in /" FALLBACK);
	check_script("call.response.replies = { 'x' }",
		     "error bot.lua:1: reply 1 is a string; a reply is a "
		     "table { type = ... } in /" FALLBACK);
	check_script("call.response.replies = { { type = 'hangup' }, { type = "
		     "'text', text = 'x' }, { type = 'switch', phoneNumber = "
		     "1 } }", "error bot.lua:1: nothing is said after a "
		     "hangup: reply 2 of 3 in /" FALLBACK);
	check_script("call.response.replies = { { type = 'text', text = 'x' }"
		     ", { type = 'hangup' }, { type = 'switch', phoneNumber = "
		     "1 } }", "error bot.lua:1: nothing is said after a "
		     "hangup: reply 3 of 3 in /" FALLBACK);
	check_script("call:react(hangup()) call:react 'x'",
		     "error bot.lua:1: nothing is said after a hangup: reply "
		     "2 of 2 in /" FALLBACK);
	check_script("return { hangup(), 'x' }",
		     "error bot.lua:1: nothing is said after hangup() in /"
		     FALLBACK);
	check_script("call.response.reply = { { type = 'hangup' } }",
		     "error bot.lua:2: 'call.response' has no 'reply', "
		     "only 'replies' in /" FALLBACK);
	check_script("local r = call.response r.text = 'x'",
		     "error bot.lua:2: 'call.response' has no 'text', "
		     "only 'replies' in /" FALLBACK);
	check_script("return call.response.reply",
		     "error bot.lua:2: 'call.response' has no 'reply', "
		     "only 'replies' in /" FALLBACK);
	check_script("call.response.replies = { { type = 'audio', file = "
		     "'no.wav' } }", "error bot.lua:1: audio: 'no.wav': No "
		     "such file or directory in /" FALLBACK);
	check_script("call.response.replies = { { type = 'audio', audioUrl = "
		     "'http://127.0.0.1/a.wav' }, { type = 'dtmf', max = 1 },"
		     " { type = 'timeout', interval = '5s', state = '/' } }",
		     "play http://127.0.0.1/a.wav");
	check_script("call.response.replies = { { type = 'audio' } }",
		     "error bot.lua:1: audio: one of file and audioUrl is "
		     "needed in /" FALLBACK);
	check_script("local r = call.response r.replies = nil "
		     "r.replies = { { type = 'text', text = 'x' } }",
		     "say x");
	check_script("call.response.replies.text = 'x'",
		     "error bot.lua:1: call.response.replies is no list: it "
		     "has named keys or holes in /" FALLBACK);
	check_script("call.response.replies = { { type = 'switch', "
		     "phoneNumber = '1' } } call:say 'x'",
		     "error bot.lua:2: a handler cannot wait after a switch "
		     "in /" FALLBACK);
}

/* The dialer's words that ask for something. */
static void dialer(void **state)
{
	(void)state;
	check_script("call.dialer.setCallResult('sold', { b = 2, a = {} }) "
		     "call.dialer:setCallResult 'none'",
		     "log call result: sold {\"a\":{},\"b\":2}\n"
		     "log call result: none");
	check_script("call.dialer.setCallResult('a\\nb')",
		     "error bot.lua:2: bad argument #1 to 'setCallResult' (a "
		     "control character) in /" FALLBACK);
	check_script("call.dialer.setCallResult('x', { call })",
		     "error bot.lua:2: setCallResult: payload[1]: a userdata "
		     "is not plain data in /" FALLBACK);
	check_script("call.dialer.bargeIn { bargeIn = 'forced' } "
		     "call.dialer:bargeIn(true) call.dialer.bargeIn()", "");
	check_script("call.dialer.bargeIn(5)",
		     "error bot.lua:2: bad argument #1 to 'bargeIn' (table "
		     "expected, got number) in /" FALLBACK);
	check_script("call.dialer:setNoInputTimeout(1000) "
		     "call.dialer.setNoInputTimeout(20000) "
		     "log(#call.dialer:getPayload())", "log 0");
}

static void malformed_switch(void **state)
{
	struct desk d;
	struct caller c;
	static const char *const bad[] = {
		"phoneNumber = nil", "phoneNumber = {}", "phoneNumber = 'abc'",
		"phoneNumber = '1', timeout = -1",
		"phoneNumber = '1', headers = { a = 'x\\r\\ny' }",
		"phoneNumber = '1', headers = { a = 'x\\0y' }",
		"phoneNumber = '1', method = 'teleport'",
		"phoneNumber = '1', headers = { a = print_ }",
		"phoneNumber = '1', nonsense = 1",
		"phoneNumber = '1', continueCall = 'yes'",
		"phoneNumber = 1.5", "phoneNumber = 0/0",
	};
	char source[512];

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		snprintf(source, sizeof(source), "local print_ = type\n"
			 "return bot { 'dropped', function(call) "
			 "table.insert(call.response.replies, { type = "
			 "'switch', %s }) end }", bad[i]);
		desk_open(&d, source);
		call_in(&d, &c, "");
		start(&c);
		assert_int_equal(c.errors, 1);
		assert_null(strstr(c.heard, "switch "));
		assert_null(strstr(c.heard, "dropped"));
		expect_part(&c, "say Sorry");
		hang(&c);
		desk_close(&d);
	}
}

static void script_error_handler(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { states = {\n"
		  "A = { ['q!'] = 'a', function() error 'first' end },\n"
		  "E = { event = 'scriptError', noContext = true, "
		  "function(call)\n"
		  "local d = call.request.data\n"
		  "call:say(d.message:match ':.*' .. ' in ' .. d.state)\n"
		  "assert(d.traceback:find 'stack traceback')\n"
		  "if call.session.again then error 'second' end\n"
		  "call.session.again = true end } } }");
	call_in(&d, &c, "");
	say(&c, "a");
	expect(&c, "state /A\nerror bot.lua:2: first in /A\n"
	       "say :2: first in /A");
	assert_non_null(strstr(c.trace, "bot.lua:2"));
	say(&c, "a");
	expect(&c, "error bot.lua:2: first in /A\nsay :2: first in /A\n"
	       "error bot.lua:7: second in /E\nhangup");
	hang(&c);
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(words),
		cmocka_unit_test(when),
		cmocka_unit_test(random_is_never_the_last),
		cmocka_unit_test(enter),
		cmocka_unit_test(go),
		cmocka_unit_test(scripts),
		cmocka_unit_test(script_faults),
		cmocka_unit_test(replies),
		cmocka_unit_test(dialer),
		cmocka_unit_test(malformed_switch),
		cmocka_unit_test(script_error_handler),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
