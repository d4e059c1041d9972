/* A bad bot harms one call, and only so much. */
#include "bot_fixture.h"

#include <stdio.h>
#include <string.h>

/* Runs `body`, expects one scriptError with `part`, another call unharmed and
 * nothing kept. */
static void harmful(const char *body, const char *part)
{
	static char source[8192];
	struct desk d;
	struct caller c, other;
	struct bot_stats st;

	snprintf(source, sizeof(source), "return bot { states = { A = { "
		 "['q!'] = 'bad', function(call)\n%s\nend }, B = { "
		 "['q!'] = 'good', noContext = true, function(call) "
		 "call:say 'fine' end } } }", body);
	desk_open(&d, source);
	call_in(&d, &other, "2");
	call_in(&d, &c, "1");
	for (int i = 0; i < 3; i++) {
		say(&c, "bad");
		loop_advance(d.loop, TURNS_MS);
		assert_int_equal(c.errors, i + 1);
		if (!strstr(c.heard, "bot.lua"))
			print_error("%s: %s\n", body, c.heard);
		assert_non_null(strstr(c.heard, "bot.lua"));
		assert_non_null(strstr(c.heard, "say Sorry"));
		assert_non_null(strstr(c.heard, "\nhangup"));
		expect_part(&c, part);
		say(&other, "good");
		expect(&other, "say fine");
		loop_advance(d.loop, 5000);	/* its share of time */
	}
	hang(&c);
	hang(&other);
	loop_turn(d.loop);
	d.sc->ops->stats(d.bot, &st);
	assert_int_equal(st.states, 1);
	if (st.bytes >= 400000)
		print_error("%zu bytes after %s\n", st.bytes, body);
	assert_true(st.bytes < 400000);
	desk_close(&d);
}

#define SPENT "handler_instructions: the budget of 1000000 instructions is"
#define MEMORY "out of memory: handler_memory"

static void loops(void **state)
{
	(void)state;
	harmful("while true do end", SPENT);
	harmful("local function f() return f() end f()", SPENT);
	harmful("for i = 1, 1e9 do local t = {} end", SPENT);
	harmful("repeat until call.context == 'x'", SPENT);
	harmful("while true do local t = next({}) end", SPENT);
}

static void nothing_survives_it(void **state)
{
	(void)state;
	harmful("while true do pcall(function() while true do end end) end",
		SPENT);
	harmful("local function e() while true do end end "
		"while true do xpcall(function() while true do end end, e) "
		"end", SPENT);
	harmful("while true do local f = coroutine.wrap(function() while true"
		" do end end) pcall(f) end", SPENT);
	harmful("while true do local co = coroutine.create(function() local x"
		" <close> = setmetatable({}, { __close = function() while "
		"true do end end }) while true do end end) "
		"coroutine.resume(co) coroutine.close(co) end", SPENT);
	harmful("local x <close> = setmetatable({}, { __close = function() "
		"while true do end end }) while true do end", SPENT);
	harmful("local x <close> = setmetatable({}, { __close = function() "
		"while true do end end }) error 'x'", SPENT);
	harmful("while true do coroutine.wrap(function() for i = 1, 900 do "
		"end end)() end", SPENT);
	harmful("local f f = function() return pcall(f) end while true do "
		"f() end", SPENT);
	harmful("while true do load('local x = 1')() end", SPENT);
	harmful("while true do pcall(error, setmetatable({}, { __tostring = "
		"function() while true do end end })) end", SPENT);
}

static void library(void **state)
{
	(void)state;
	harmful("(('a'):rep(400)):find '.-.-.-b'", SPENT);
	harmful("(('a'):rep(4000)):match '(.*)(.*)(.*)(.*)b'", SPENT);
	harmful("(('a'):rep(40000)):gsub('a-b', 'x')", SPENT);
	harmful("for w in (('a'):rep(4000)):gmatch '.-.-b' do end", SPENT);
	harmful("(('('):rep(30000)):find '%b()%b()'", SPENT);
	harmful("local s = ('x'):rep(1e5) while true do s:find('y', 1, true) "
		"end", SPENT);
	harmful("local s = ('x'):rep(1e18)", SPENT);
	harmful("local s = (''):rep(1e18)", SPENT);
	harmful("local s = ('x'):rep(1e5) while true do s:upper() end",
		SPENT);
	harmful("local s = ('x'):rep(1e5) while true do local t = s .. 'y' "
		"end", SPENT);
	harmful("table.concat({}, 'x', 1, 1e18)", SPENT);
	harmful("table.concat(setmetatable({}, { __index = function() return "
		"'x' end, __len = function() return 1e15 end }))", SPENT);
	harmful("table.move({}, 1, 1e15, 2)", SPENT);
	harmful("table.unpack({}, 1, 1e7)", SPENT);
	harmful("table.insert(setmetatable({}, { __len = function() return "
		"1e15 end }), 1, 2)", SPENT);
	harmful("local t = {} for i = 1, 50000 do t[i] = i end "
		"while true do table.sort(t, function(a, b) return true end) "
		"end", SPENT);
	harmful("local t = {} for i = 1, 1e5 do t[i] = 0 end for i = 1, 1e5 "
		"do t[i] = nil end while true do next(t) end", SPENT);
	harmful("local s = ('%d'):rep(1000) while true do "
		"pcall(string.format, s) end", SPENT);
	harmful("local a, b = ('x'):rep(1e6) .. 'y', ('x'):rep(1e6) .. 'z' "
		"while true do local c = a == b end", SPENT);
}

static void memory(void **state)
{
	(void)state;
	harmful("local t = {} for i = 1, 1e9 do t[i] = {} end", MEMORY);
	harmful("local s = 'x' while true do s = s .. s end",
		"out of memory: a string of more than 1 MB");
	harmful("local t = {} while true do pcall(function() while true do "
		"t[#t + 1] = ('xxxxxxxxxx'):rep(1e4) .. #t end end) end", MEMORY);
	harmful("local t = {} coroutine.wrap(function() while true do "
		"t[#t + 1] = ('xxxxxxxxxx'):rep(1e4) .. #t end end)()", MEMORY);
}

static void recursion(void **state)
{
	(void)state;
	harmful("local function f() return 1 + f() end f()",
		"stack overflow: calls are nested too deep");
	harmful("local function f() return 1 + f() end pcall(f)",
		"stack overflow: calls are nested too deep");
	harmful("local function f() return (string.gsub('x', '.', f)) end "
		"f()", "C stack overflow");
	harmful("local t = setmetatable({}, {}) getmetatable(t).__index = "
		"function(s, k) return s[k + 1] end return t[1]",
		"C stack overflow");
	harmful("string.rep('(', 300):gsub('.', '%0') load(('('):rep(500)) "
		"local t = {} t[1] = t call:react(t)", "nested deeper");
}

static void garbage_is_no_hog(void **state)
{
	(void)state;
	check_script("local x = ('x'):rep(1e5) "
		     "for i = 1, 400 do local s = x .. i end "
		     "return 'ok'", "say ok");
}

static void budget_from_wait_to_wait(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	check_script("for k = 1, 5 do for i = 1, 400000 do end "
		     "call:sleep(0) end return 'ok'", "say ok");
	desk_open(&d, "return bot { function(call) for k = 1, 5 do "
		  "for i = 1, 400000 do end call:say 'x' end return 'ok' "
		  "end }");
	call_in(&d, &c, "1");
	start(&c);
	loop_advance(d.loop, 1000);
	expect(&c, "say x\nsay x\nsay x\nsay x\nsay x\nsay ok");
	hang(&c);
	desk_close(&d);
}

#define X10 "x?x?x?x?x?"
#define X100 X10 X10 X10 X10 X10 X10 X10 X10 X10 X10

static void long_message(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { function() error(('x\\255'):rep(1e5)) end "
		  "}");
	call_in(&d, &c, "");
	start(&c);
	assert_true(strlen(c.heard) < 1500);
	expect_part(&c, "bot.lua:1: " X100 X100);
	hang(&c);
	desk_close(&d);
}

static void plain_data(void **state)
{
	(void)state;
#define END " in /\nsay Sorry, I did not understand you.\nhangup"
	check_script("call.session.f = print_ or function() end",
		     "error bot.lua:2: 'print_' is not defined" END);
	check_script("call.session.deep = { x = { type } }",
		     "error bot.lua:1: call.session.deep.x[1]: a function is "
		     "not plain data" END);
	check_script("local t = {} t.t = t call.temp.cycle = t",
		     "error bot.lua:1: call.temp.cycle.t.t.t.t.t.t.t.t.t.t.t."
		     "t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t.t: nested "
		     "deeper than 32, or in a cycle" END);
	check_script("call.client.big = ('x'):rep(70000)",
		     "error bot.lua:1: call.client.big: more than 65536 "
		     "bytes" END);
	check_script("call.session.m = setmetatable({}, {})",
		     "error bot.lua:1: call.session.m: a table with a "
		     "metatable is not plain data" END);
	check_script("call.session[1.5] = 1",
		     "");
	check_script("call.session[{}] = 1",
		     "error bot.lua:1: call.session[table]: a table cannot be "
		     "a key" END);
	check_script("call.session.holes = { 1, nil, 3, [99] = true }", "");
	check_script("call.client.holes = { 1, nil, 3 }",
		     "error bot.lua:1: call.client.holes: list items and keys "
		     "are mixed, or the list has a hole" END);
	check_script("call.session.f = type call:say 'x'",
		     "error bot.lua:2: call.session.f: a function is not "
		     "plain data" END);
	check_script("call.session = {}",
		     "error bot.lua:2: 'call.session' cannot be set" END);
	check_script("call.session.ok = { 1, 'x', true, { y = 2.5 } } "
		     "return 'ok'", "say ok");
}

static void bot_memory(void **state)
{
	struct bot_limits was = limits;
	struct desk d;
	struct caller c, late;
	struct session *s;

	(void)state;
	limits.bot_memory = 300000;
	desk_open(&d, "local kept = {} return bot { states = { A = { ['q!'] ="
		  " 'more', noContext = true, function() kept[#kept + 1] = "
		  "('x'):rep(50000) .. #kept end } } }");
	call_in(&d, &c, "1");
	for (int i = 0; i < 6; i++) {
		say(&c, "more");
		loop_advance(d.loop, 10);
	}
	assert_int_equal(c.errors, 0);
	late = c;
	assert_true(d.sc->ops->open(d.bot, &late.call, NULL, &late, &s) < 0);
	for (int i = 0; i < 20; i++) {
		say(&c, "more");
		loop_advance(d.loop, 10);
	}
	assert_true(c.errors > 0);	/* live calls have their end too */
	hang(&c);
	desk_close(&d);
	limits = was;
}

static const char busy[] =
	"local function f(n) return n > 0 and f(n - 1) or 0 end\n"
	"return bot { states = {\n"
	"S = { q = '$regex</start>', 'Hi', random { a 'x', 'y' }, "
	"when(function(call) return call.request.from end) { 'w' },\n"
	"function(call) call.session.n = { 1, 2 } call.client.n = 1 "
	"f(20) pcall(error, 'x') local g = coroutine.wrap(function() "
	"coroutine.yield(('x'):rep(50)) end) g() log { g = call.session } "
	"call:say 'one' call:react { a 'two' } "
	"local s, d = call:transfer { phoneNumber = 1, headers = { a = 'b' } "
	"} call.response.replies = { { type = 'text', text = s.number } } "
	"return { ('x'):gsub('x', 'y'), enter '/E' } end },\n"
	"E = { 'end', switch { phoneNumber = 2 } },\n"
	"X = { ['event!'] = 'scriptError', function(call) "
	"log(call.request.data.message) end } } }";

/* Whichever allocation of a handler fails first: the call ends in order. */
static void memory_ends_anywhere(void **state)
{
	struct bot_limits was = limits;
	unsigned errors = 0, fine = 0;

	(void)state;
	for (uint64_t max = 0; max < 20000; max += max < 6000 ? 37 : 511) {
		struct desk d;
		struct caller c;

		limits.handler_memory = max;
		desk_open(&d, busy);
		call_in(&d, &c, "1");
		start(&c);
		outcome(&c, true, false, "1");
		turn(&c);
		leave(&c, "hangup");
		outcome(&c, true, false, "2");
		turn(&c);
		errors += c.errors > 0;
		fine += c.errors == 0;
		hang(&c);
		desk_close(&d);
	}
	assert_true(errors > 20);
	assert_true(fine > 5);
	limits = was;
}

static void memory_ends_while_it_is_loaded(void **state)
{
	struct bot_limits was = limits;
	unsigned refused = 0, loaded = 0;

	(void)state;
	for (uint64_t max = 500; max < 50000; max += 307) {
		const char *said;

		limits.bot_memory = max;
		said = refusal(busy);
		assert_true(*said);
		if (!strcmp(said, "loaded\n"))
			loaded++;
		else
			refused++;
	}
	assert_true(refused > 10);
	assert_true(loaded > 10);
	limits = was;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loops),
		cmocka_unit_test(nothing_survives_it),
		cmocka_unit_test(library),
		cmocka_unit_test(memory),
		cmocka_unit_test(recursion),
		cmocka_unit_test(garbage_is_no_hog),
		cmocka_unit_test(budget_from_wait_to_wait),
		cmocka_unit_test(long_message),
		cmocka_unit_test(plain_data),
		cmocka_unit_test(bot_memory),
		cmocka_unit_test(memory_ends_anywhere),
		cmocka_unit_test(memory_ends_while_it_is_loaded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
