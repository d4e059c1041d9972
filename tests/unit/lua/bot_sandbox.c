/* What a bot may reach, and what it may not. */
#include "bot_fixture.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lua/scripting.h"

#define END " in /\nsay Sorry, I did not understand you.\nhangup"

static void globals(void **state)
{
	(void)state;
	check_script("x = 1", "error bot.lua:2: 'x' cannot be set: globals "
		     "and libraries are read-only, use local" END);
	check_script("local y = zzz", "error bot.lua:2: 'zzz' is not defined"
		     END);
	check_script("prnt = 1", "error bot.lua:2: 'prnt' cannot be set: "
		     "globals and libraries are read-only, use local" END);
	check_script("randm {}", "error bot.lua:2: 'randm' is not defined; "
		     "did you mean 'random'?" END);
	check_script("print 'x'", "error bot.lua:2: 'print' is not defined; "
		     "did you mean 'log'?" END);
	assert_string_equal(refusal("x = 1\nreturn bot {}"),
		"bot.lua:1: 'x' cannot be set: globals and libraries are "
		"read-only, use local\n");
	assert_string_equal(refusal("local y = os.getenv 'HOME'\n"),
		"bot.lua:1: attempt to call a nil value (field 'getenv')\n");
}

static void nothing_can_be_changed(void **state)
{
	static const char *const tries[] = {
		"string.rep = 1", "table.insert = 1", "math.pi = 3",
		"os.time = 1", "coroutine.wrap = 1", "utf8.char = 1",
		"rawset(string, 'rep', 1)", "table.insert(string, 1)",
		"getmetatable('').__index.rep = 1", "setmetatable(string, {})",
		"setmetatable('', {})", "call.say = 1", "call.dialer.x = 1",
		"setmetatable({}, { __gc = function() end })",
		"load('x = 1')()", "load('\\27Lua')()", "load(string.dump)",
		"require 'os'", "require '../x'", "require '/etc/passwd'",
		"bot {}", "math.random(0, -1)",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(tries) / sizeof(*tries); i++) {
		char body[256];

		snprintf(body, sizeof(body), "local ok, e = pcall(function() "
			 "%s end) if ok then return 'changed: %zu' end",
			 tries[i], i);
		check_script(body, "");
	}
	check_script("local n = 0 for k in pairs(string) do n = n + 1 end "
		     "assert(n == 0 and getmetatable(string) == false)", "");
	check_script("for _, k in ipairs { 'io', 'debug', 'dofile', "
		     "'collectgarbage', 'loadfile', 'package', '_G', "
		     "'newproxy' } do assert(not pcall(load('return ' .. k)),"
		     " k) end\n"
		     "for _, k in ipairs { 'execute', 'exit', 'getenv', "
		     "'remove', 'rename', 'tmpname', 'setlocale' } do "
		     "assert(not os[k], k) end assert(not string.dump)", "");
}

static void clock_and_chance(void **state)
{
	(void)state;
	check_script("assert(os.time() == 1700000000) assert(os.clock() >= 0)"
		     "assert(os.date('!%Y-%m-%d %H:%M') == '2023-11-14 22:13')"
		     "assert(os.date('!%Y', 0) == '1970')"
		     "assert(os.time { year = 2023, month = 1, day = 1 } > 0)"
		     "for i = 1, 100 do local r = math.random() "
		     "assert(r >= 0 and r < 1) r = math.random(3) "
		     "assert(r >= 1 and r <= 3) r = math.random(-1, 1) "
		     "assert(r >= -1 and r <= 1) end math.random(0) "
		     "math.random(math.mininteger, math.maxinteger) "
		     "math.randomseed(1)", "");
}

static void modules(void **state)
{
	(void)state;
	desk_file("lib.lua", "local n = ...\nreturn { name = n, hi = function"
		  "() return a 'from lib' end, bad = function() error 'lib' "
		  "end }");
	check_bot("local l = require 'lib' assert(l == require 'lib') "
		  "return bot { function() return l.hi() end, function() "
		  "assert(require('lib').name == 'lib') end }",
		  "say from lib");
	desk_file("lib.lua", "return {\n\na 'x' 'y' }");
	assert_non_null(strstr(refusal("local l = require 'lib'\nreturn bot "
				       "{ l }"),
			       "lib.lua:3: /: missing comma after this "
			       "reaction\n"));
	desk_file("lib.lua", "return require 'lib'");
	assert_non_null(strstr(refusal("return bot { require 'lib' }"),
			       "'lib' requires itself"));
	desk_file("lib.lua", "x = = 1");
	assert_non_null(strstr(refusal("return bot { require 'lib' }"),
			       "lib.lua:1: unexpected symbol near '='"));
	assert_non_null(strstr(refusal("require 'none'"), "none.lua: No such "
			       "file"));
	assert_non_null(strstr(refusal("require 'a..b'"),
			       "is no module beside the bot"));
	check_script("require 'lib'", "error bot.lua:2: require: 'lib' must "
		     "be required when the bot is loaded" END);
}

static void links_do_not_lead_out(void **state)
{
	(void)state;
	unlink("/tmp/bot-outside.lua");
	{
		FILE *f = fopen("/tmp/bot-outside.lua", "w");

		fputs("return 'out'", f);
		fclose(f);
	}
	mkdir("/tmp/bot-inside", 0700);
	unlink("/tmp/bot-inside/link.lua");
	assert_int_equal(symlink("../bot-outside.lua",
				 "/tmp/bot-inside/link.lua"), 0);
	{
		struct loop *loop = loop_new_virtual(0, 1);
		struct scripting *sc = lua_scripting_open(loop, &limits);
		struct problems p = {0};
		FILE *f = fopen("/tmp/bot-inside/bot.lua", "w");
		char text[256];

		fputs("require 'link' return bot {}", f);
		fclose(f);
		assert_null(sc->ops->load(sc, "b", "/tmp/bot-inside/bot.lua",
					  &p));
		assert_non_null(strstr(problem_text(&p, 0, text, sizeof(text)),
				       "'link' is no module"));
		problems_free(&p);
		sc->ops->close(sc);
		loop_free(loop);
	}
	unlink("/tmp/bot-inside/link.lua");
	unlink("/tmp/bot-inside/bot.lua");
	unlink("/tmp/bot-outside.lua");
	rmdir("/tmp/bot-inside");
}

static void coroutines(void **state)
{
	(void)state;
	check_script("local co = coroutine.create(function(a, b) "
		     "local c = coroutine.yield(a + b) "
		     "local d, e = coroutine.yield(c * 2) return d + e end) "
		     "local function r(...) local t = table.pack("
		     "coroutine.resume(co, ...)) assert(t[1], t[2]) return "
		     "table.unpack(t, 2, t.n) end "
		     "assert(r(1, 2) == 3) assert(coroutine.status(co) == "
		     "'suspended') assert(r(5) == 10) assert(r(1, 1) == 2) "
		     "assert(coroutine.status(co) == 'dead') "
		     "assert(not coroutine.resume(co)) "
		     "local g = coroutine.wrap(function() for i = 1, 3 do "
		     "coroutine.yield(i) end end) "
		     "assert(g() == 1 and g() == 2 and g() == 3) "
		     "local w = coroutine.wrap(function() error 'inner' end) "
		     "local ok, e = pcall(w) assert(not ok and e:find 'inner')"
		     "local k = coroutine.create(function() local x <close> = "
		     "setmetatable({}, { __close = function() error 'c' end })"
		     " coroutine.yield() end) coroutine.resume(k) "
		     "local ok, e = coroutine.close(k) assert(not ok) "
		     "local co, main = coroutine.running() assert(main) "
		     "assert(not coroutine.isyieldable()) "
		     "assert(not pcall(coroutine.yield)) "
		     "coroutine.wrap(function() "
		     "assert(coroutine.isyieldable()) end)()", "");
}

static void calls_are_protected(void **state)
{
	(void)state;
	check_script("local function t(...) return select('#', ...), ... end "
		     "local n, ok, a, b = t(pcall(function(...) return ... "
		     "end, 1, 2)) assert(n == 3 and ok and a == 1 and b == 2)"
		     "local n, ok, m = t(pcall(error, 'x', 0)) assert(n == 2 "
		     "and not ok and m == 'x') "
		     "local n, ok, a = t(xpcall(function(...) return ... end,"
		     "error, 7)) assert(n == 2 and ok and a == 7) "
		     "local ok, m = xpcall(function() error('x', 0) end, "
		     "function(e) return e .. '!' end) "
		     "assert(not ok and m == 'x!') "
		     "local ok, v = pcall(function() call:say 'w' return 9 "
		     "end) assert(ok and v == 9) "
		     "local ok, v = xpcall(function() call:say 'v' error("
		     "'z', 0) end, function(e) return e .. e end) "
		     "assert(not ok and v == 'zz')", "say w\nsay v");
}

static void strings(void **state)
{
	(void)state;
	check_script(
		"local function eq(a, b) if a ~= b then error(tostring(a) .. "
		"' ~= ' .. tostring(b), 2) end end\n"
		"eq(('hello world'):find('wor'), 7)\n"
		"eq(select(2, ('hello'):find('l+')), 4)\n"
		"eq(('hello'):find('xyz'), nil)\n"
		"eq(('a.b'):find('.', 1, true), 2)\n"
		"eq(('a.b'):find('.', 2, true), 2)\n"
		"eq(('abc'):find('', 10), nil)\n"
		"eq(('abc'):find('', 4), 4)\n"
		"eq(('abc'):find('b', -2), 2)\n"
		"eq(('abc'):find('^b'), nil)\n"
		"eq(('key = value'):match('^(%w+)%s*=%s*(%w+)$'), 'key')\n"
		"eq(select(2, ('key = value'):match('^(%w+)%s*=%s*(%w+)$')), "
		"'value')\n"
		"eq(('  x  '):match('^%s*(.-)%s*$'), 'x')\n"
		"eq(('abc'):match('()b()'), 2)\n"
		"eq(('THE (quick) fox'):find('%((%a+)%)'), 5)\n"
		"eq(('f(a(b)c)d'):match('%b()'), '(a(b)c)')\n"
		"eq(('THE (quick) fox'):gsub('%f[%a]%a+', 'x'), 'x (x) x')\n"
		"eq(('hello'):gsub('', '-'), '-h-e-l-l-o-')\n"
		"eq(('hello world'):gsub('o', '0', 1), 'hell0 world')\n"
		"eq(('hello'):gsub('l', { l = 'L' }), 'heLLo')\n"
		"eq(('hello'):gsub('.', function(c) if c == 'e' then return "
		"'3' end end), 'h3llo')\n"
		"eq(('ab'):gsub('(a)(b)', '%2%1%0%%'), 'baab%')\n"
		"eq(select(2, ('banana'):gsub('a', 'o')), 3)\n"
		"eq(('abc'):gsub('%w', '%0%0'), 'aabbcc')\n"
		"eq(('\"x\" and \"y\"'):match('([\"\\'])(.-)%1'), '\"')\n"
		"eq(('x-y]z'):match('[]y-]+', 2), '-y]')\n"
		"eq(('x^y'):match('[x^]+'), 'x^')\n"
		"eq(('aXb'):match('[^%l]'), 'X')\n"
		"eq(('caps'):match('[a-c]+'), 'ca')\n"
		"eq(('a\\0b'):find('\\0'), 2)\n"
		"eq(('a\\0b'):find('%z') or 2, 2)\n"
		"eq(('$'):match('^%$$'), '$')\n"
		"eq(('a$b'):match('a$b'), 'a$b')\n"
		"eq(('x?'):match('x?%?'), 'x?')\n"
		"local t = {} for k, v in ('a=1, b=2'):gmatch('(%w+)=(%w+)') "
		"do t[#t + 1] = k .. v end eq(table.concat(t, ','), 'a1,b2')\n"
		"local n = 0 for w in ('one two'):gmatch('%a*') do n = n + 1 "
		"end eq(n, 2)\n"
		"eq(('x'):rep(3, ','), 'x,x,x') eq(('x'):rep(-1), '')\n"
		"eq(('%5.1f|%s|%q'):format(3.14159, nil, 'a'), "
		"'  3.1|nil|\"a\"')\n"
		"eq(('abc'):byte(2), 98) eq(('abc'):upper(), 'ABC')\n"
		"eq(#string.pack('i4', 7), 4) eq(utf8.char(228), 'ä')\n"
		"for _, p in ipairs { '[', '[a', '%', '(', '%b', '%f', "
		"'(()', '%1', '[%', '[a-' } do assert(not pcall(string.find, "
		"'x', p) , p) end\n"
		"assert(not pcall(string.gsub, 'x', 'x', '%2'))\n"
		"", "");
}

static void tables(void **state)
{
	(void)state;
	check_script(
		"local t = { 5, 2, 8, 1, 9, 3 } table.sort(t) "
		"assert(table.concat(t, ' ') == '1 2 3 5 8 9') "
		"table.sort(t, function(a, b) return a > b end) "
		"assert(table.concat(t, ' ') == '9 8 5 3 2 1') "
		"assert(not pcall(table.sort, { 1, 'x' })) "
		"local big = {} for i = 1, 2000 do big[i] = (i * 7919) % 2003 "
		"end table.sort(big) for i = 2, 2000 do assert(big[i - 1] <= "
		"big[i]) end "
		"table.insert(t, 1, 0) table.insert(t, 7) "
		"assert(t[1] == 0 and t[8] == 7) "
		"assert(table.remove(t, 1) == 0 and table.remove(t) == 7) "
		"assert(#t == 6 and table.remove({}) == nil) "
		"local m = table.move({ 1, 2, 3 }, 1, 3, 2) "
		"assert(table.concat(m) == '1123') "
		"assert(table.concat(table.move({ 1, 2, 3 }, 2, 3, 1)) == "
		"'233') "
		"assert(table.concat(table.move({ 1, 2 }, 1, 2, 3, { 0, 0 })) "
		"== '0012') "
		"assert(select('#', table.unpack({ 1, nil, 3 }, 1, 3)) == 3) "
		"assert(table.pack(1, nil).n == 2) "
		"assert(not pcall(table.insert, {}, 5, 1)) "
		"assert(not pcall(table.concat, { {} })) "
		"assert(table.concat({ 1, 2.5, 'x' }, '-') == '1-2.5-x')", "");
	check_script("local t = {} for i = 1, 100 do t[i] = i end "
		     "table.sort(t, function() return true end) "
		     "table.sort(t, function(a, b) return math.random() < 0.5 "
		     "end) return #t == 100 and 'ok' or 'lost'", "say ok");
}

static void logging(void **state)
{
	(void)state;
	check_script("log 'a\\nb\\1' log(5) log(nil) log { b = 1, a = { 1, 2 "
		     "}, c = {}, [1.0] = 'x' } log { f = type, n = 0/0 } "
		     "log { 'a\\xff' } log { 0.1 }",
		     "log a\\nb\\x01\nlog 5\nlog nil\n"
		     "log {\"1\":\"x\",\"a\":[1,2],\"b\":1,\"c\":{}}\n"
		     "log {\"f\":\"<function>\",\"n\":\"-nan\"}\n"
		     "log [\"a?\"]\nlog [0.1]");
}

static void request(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { states = { A = { ['q!'] = '*', "
		  "function(call) local r = call.request log(r) "
		  "assert(r == call.request) "
		  "assert(call.dialer.getCaller() == '49301') "
		  "assert(call.dialer:getTrunk() == 'office') "
		  "assert(call.dialer.getSipHeaders()['X-Id'] == '7') "
		  "assert(next(call.dialer.getPayload()) == nil) "
		  "assert(call.dialer.getTransferStatus() == nil) "
		  "assert(next(call.parseTree) == nil) "
		  "assert(call.context == '/A') "
		  "call.temp.x = (call.temp.x or 0) + 1 log(call.temp) "
		  "call.session.x = (call.session.x or 0) + 1 "
		  "log(call.session) end } } }");
	call_in(&d, &c, "49301");
	say(&c, "hi");
	expect(&c, "state /A\nlog {\"channel\":\"desk\",\"from\":\"49301\","
	       "\"headers\":{\"Via\":\"a, b\",\"X-Id\":\"7\"},"
	       "\"query\":\"hi\",\"to\":\"100\"}\n"
	       "log {\"x\":1}\nlog {\"x\":1}");
	say(&c, "hi");
	expect_part(&c, "log {\"x\":1}\nlog {\"x\":2}");
	hang(&c);
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(globals),
		cmocka_unit_test(nothing_can_be_changed),
		cmocka_unit_test(clock_and_chance),
		cmocka_unit_test(modules),
		cmocka_unit_test(links_do_not_lead_out),
		cmocka_unit_test(coroutines),
		cmocka_unit_test(calls_are_protected),
		cmocka_unit_test(strings),
		cmocka_unit_test(tables),
		cmocka_unit_test(logging),
		cmocka_unit_test(request),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
