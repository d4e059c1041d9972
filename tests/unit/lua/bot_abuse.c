/* What a bot can do on purpose: each ends that one handler, and soon. */
#include "bot_fixture.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

/* Of a handler: far more than it takes, and than others may be kept waiting
 * for. A tenth of a second is what is aimed at. */
#define MOST_MS 1000

#define SPENT "handler_instructions: the budget of"
#define DEEP "stack overflow: "
#define LONG "out of memory: a string of more than"

static double cpu_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

/* Runs `body` as a handler, beside a call that is served as before. `top`
 * stands at the top of the bot file. An endless loop ends the test. */
static void abuse_with(const char *top, const char *body, const char *part)
{
	static char source[8192];
	struct caller c, other;
	struct desk d;
	double ms;

	snprintf(source, sizeof(source), "%s\nreturn bot { states = { A = { "
		 "['q!'] = 'bad', function(call)\n%s\nend }, B = { "
		 "['q!'] = 'good', noContext = true, function(call) "
		 "call:say 'fine' end } } }", top, body);
	alarm(60);
	desk_open(&d, source);
	call_in(&d, &other, "2");
	call_in(&d, &c, "1");
	for (int i = 0; i < 2; i++) {
		ms = cpu_ms();
		say(&c, "bad");
		loop_advance(d.loop, TURNS_MS);
		ms = cpu_ms() - ms;
		print_message("%7.1f ms: %.60s\n", ms, body);
		assert_true(ms < MOST_MS);
		if (c.errors != (unsigned)i + 1)
			print_error("no error: %s\n", c.heard);
		assert_int_equal(c.errors, i + 1);
		if (!strstr(c.message, part))
			print_error("no \"%s\": %s\n", part, c.message);
		assert_non_null(strstr(c.message, "bot.lua:"));
		assert_non_null(strstr(c.message, part));
		c.heard[0] = '\0';
		say(&other, "good");
		expect(&other, "say fine");
		loop_advance(d.loop, 5000);
	}
	hang(&c);
	hang(&other);
	desk_close(&d);
	alarm(0);
}

static void abuse(const char *body, const char *part)
{
	abuse_with("", body, part);
}

/* ---- the C stack ---- */

#define CHAIN \
	"local n, cos = 15000, {} for i = 1, n do cos[i] = " \
	"coroutine.create(function() local x <close> = setmetatable({}, { " \
	"__close = function() if cos[i + 1] then " \
	"coroutine.close(cos[i + 1]) end end }) coroutine.yield() end) " \
	"coroutine.resume(cos[i]) end\n"

static void coroutines_that_close_one_another(void **state)
{
	(void)state;
	abuse_with(CHAIN, "coroutine.close(cos[1]) error 'closed'", "closed");
	/* each level may use up what one level may */
	abuse("local make function make(n) local co = coroutine.create("
	      "function() local x <close> = setmetatable({}, { __close = "
	      "function() local k = 0 local function g() k = k + 1 if k < "
	      "150 then ('x'):gsub('x', g) else coroutine.close(make(n + 1))"
	      " end end g() end }) coroutine.yield() end) "
	      "coroutine.resume(co) return co end "
	      "coroutine.close(make(1)) error 'closed'", "closed");
	assert_string_equal(refusal(CHAIN "coroutine.close(cos[1]) "
				    "return bot { 'x' }"), "loaded\n");
}

static void a_few_may_close_one_another(void **state)
{
	(void)state;
	check_script("local cos = {} for i = 1, 4 do cos[i] = "
		     "coroutine.create(function() local x <close> = "
		     "setmetatable({}, { __close = function() call:react(i .. "
		     "'') if cos[i + 1] then assert(coroutine.close("
		     "cos[i + 1])) end end }) coroutine.yield() end) "
		     "coroutine.resume(cos[i]) end "
		     "assert(coroutine.close(cos[1]))",
		     "say 1\nsay 2\nsay 3\nsay 4");
}

/* ---- nothing runs uncounted ---- */

#define ENDLESS "while true do end"
#define CLOSER(body) \
	"setmetatable({}, { __close = function() " body " end })"

static void a_spent_coroutine_is_not_closed(void **state)
{
	(void)state;
	abuse("local co = coroutine.create(function() local y <close> = "
	      CLOSER(ENDLESS) " " ENDLESS " end) local x <close> = "
	      CLOSER("coroutine.close(co)") " coroutine.resume(co)", SPENT);
	/* nor by the handler after it, whose budget is a new one */
	abuse_with("local kept",
		   "if kept then coroutine.close(kept) " ENDLESS " end "
		   "kept = coroutine.create(function() local y <close> = "
		   CLOSER(ENDLESS) " " ENDLESS " end) "
		   "coroutine.resume(kept)", SPENT);
	abuse_with("local kept",
		   "if kept then coroutine.resume(kept) " ENDLESS " end "
		   "kept = coroutine.create(function() local y <close> = "
		   CLOSER(ENDLESS) " " ENDLESS " end) "
		   "coroutine.resume(kept)", SPENT);
	abuse("local f = coroutine.wrap(function() local y <close> = "
	      CLOSER(ENDLESS) " " ENDLESS " end) local x <close> = "
	      CLOSER("f()") " f()", SPENT);
	/* what is closed on the way out has nothing left either */
	abuse("local n = 0 local function f() local x <close> = "
	      CLOSER("for i = 1, 900 do local s = ('x'):rep(1e5) .. i end") 
	      " n = n + 1 if n < 150 then f() else coroutine.wrap(function() "
	      ENDLESS " end)() end end f()", SPENT);
}

/* ---- one instruction ---- */

static void calls_that_call_themselves(void **state)
{
	(void)state;
	abuse("local t = setmetatable({}, {}) getmetatable(t).__call = t "
	      "t()", DEEP);
	abuse("local a, b = setmetatable({}, {}), setmetatable({}, {}) "
	      "getmetatable(a).__call = b getmetatable(b).__call = a "
	      "pcall(a, 1, 2, 3)", DEEP);
	abuse("local t = setmetatable({}, {}) getmetatable(t).__call = t "
	      "t(table.unpack({}, 1, 1000))", DEEP);
	abuse("local t = setmetatable({}, {}) getmetatable(t).__call = t "
	      "pcall(t, ('x'):rep(900000):byte(1, -1))", "");
	abuse("coroutine.wrap(function() local t = setmetatable({}, {}) "
	      "getmetatable(t).__call = t t() end)()", DEEP);
	assert_string_equal(refusal(
		"local t = setmetatable({}, {}) getmetatable(t).__call = t\n"
		"t() return bot { 'x' }"), "bot.lua:2: stack overflow: calls "
		"are nested too deep\n");
	assert_string_equal(refusal("local s = ('x'):rep(1.1e6) return bot {}"),
			    "bot.lua:1: out of memory: a string of more than "
			    "1 MB\n");
}

#define BIG "local s = ('0'):rep(1000000) "
#define BIGS BIG "local t = {} for i = 1, 3000 do t[i] = s end "
#define EMPTIED "local e = {} for i = 1, 60000 do e[i .. ''] = true end " \
	"for k in pairs(e) do e[k] = nil end "

static void long_strings(void **state)
{
	(void)state;
	abuse("local s = ('0'):rep(1900000)", LONG);
	abuse(BIG "while true do tonumber(s) end", SPENT);
	abuse(BIG "local t = tonumber while true do t(s, 36) end", SPENT);
	abuse(BIG "while true do local x = s + 0 end", SPENT);
	abuse(BIG "while true do local x = -s end", SPENT);
	abuse(BIG "local r = ('0'):rep(1000000) while true do local x = "
	      "r <= s end", SPENT);
	abuse(BIG "local r = ('0'):rep(1000000) while true do local x = "
	      "r == s end", SPENT);
	abuse("local s = '0.' .. ('123456789'):rep(100000) while true do "
	      "local x = tonumber(s) end", SPENT);
	abuse("local s = '0x' .. ('0'):rep(900000) .. '.1p1' while true do "
	      "local x = tonumber(s) end", SPENT);
	abuse(BIG "while true do ('').rep('', s) end", SPENT);
	abuse(BIG "while true do ('x'):sub(s) end", SPENT);
	abuse(BIG "while true do math.floor(s) end", SPENT);
	abuse(BIGS "math.max(table.unpack(t))", SPENT);
	abuse(BIGS "while true do math.min(table.unpack(t)) end", SPENT);
	abuse(BIGS "while true do math.fmod(s, s) end", SPENT);
	abuse(BIGS "table.sort(t)", SPENT);
	abuse(BIGS "table.sort(t, function(a, b) return a < b end)", SPENT);
	abuse("local t = {} for i = 1, 3 do t[i] = ('0'):rep(900000) .. i end "
	      "for i = 4, 40000 do t[i] = t[i % 3 + 1] end table.sort(t)",
	      SPENT);
	abuse("local s, t = ('0'):rep(8000) .. '1', {} for i = 1, 60000 do "
	      "t[i] = i % 2 == 0 and s or ('0'):rep(8000) end table.sort(t)",
	      "bot.lua");
	abuse(BIG "while true do local f = load(s) end", SPENT);
	abuse(BIG "while true do os.time { year = s, month = s, day = s } "
	      "end", SPENT);
	abuse(BIG "while true do os.date('%H', s) end", SPENT);
	abuse(BIG "while true do pcall(select, s, 1) end", SPENT);
	abuse(BIG "local _ = _ENV while true do pcall(function() return "
	      "_ENV[s] end) end", SPENT);
	abuse(BIG "local x = call.dialer while true do "
	      "pcall(x.setNoInputTimeout, s) end", SPENT);
}

static void emptied_tables(void **state)
{
	(void)state;
	abuse(EMPTIED "while true do next(e) end", SPENT);
	abuse("local e = {} for i = 1, 60000 do e[i .. ''] = true end "
	      "e.x = 1 local n = 0 for k in pairs(e) do e[k] = nil end "
	      "while true do for k in pairs(e) do end end", SPENT);
	abuse("local e = {} for i = 60000, 1, -1 do e[i] = true end "
	      "for i = 1, 60000 do e[i] = nil end "
	      "setmetatable(e, { __index = next }) "
	      "table.move(e, 1, 60000, 1, {})", "bot.lua");
	abuse(EMPTIED "local t = {} for i = 1, 1500 do t[i] = e end "
	      "call.session.t = t call:say 'x' call:say 'y' error 'end'",
	      "bot.lua");
	abuse(EMPTIED "local t = {} for i = 1, 20000 do t[i] = e end "
	      "return t", SPENT);
	abuse(EMPTIED "local t = {} for i = 1, 1000 do t[i] = e end "
	      "while true do log(t) end", SPENT);
}

static void much_at_once(void **state)
{
	(void)state;
	abuse("local t = {} for i = 1, 1900 do t[i] = 'abcdefgh' end "
	      "while true do log(t) end", SPENT);
	abuse("local s = ('x'):rep(60000) while true do log(s) end", SPENT);
	abuse("local s, r = ('x'):rep(65000), call.response.replies "
	      "for i = 1, 1000 do r[i] = { type = 'text', text = s } end",
	      SPENT);
	abuse("local s = ('x'):rep(65000) local t = {} "
	      "for i = 1, 1000 do t[i] = s end return t", SPENT);
	abuse("local a = {} for i = 1, 60 do a = setmetatable({}, { __index ="
	      " a }) end while true do local x = a.x end", SPENT);
	abuse("while true do local h = call.dialer.getSipHeaders() end",
	      SPENT);
	abuse("for i = 1, 1e9 do call.client[i % 5000 .. ''] = i end", SPENT);
	abuse("local ok, e = pcall(string.rep, 'xxxxxxxxxx', 5e5) call:say 'on'",
	      "out of memory");
}

/* What is spent is not handed to the bot as an error of something else. */
static void spent_memory_is_not_caught(void **state)
{
	const struct bot_limits was = limits;

	(void)state;
	limits.handler_instructions = 20000000;
	abuse("local src, chunks = ('a=1 '):rep(8000), {} "
	      "local k = ('x'):rep(1000) "
	      "for i = 1, 39 do chunks[i] = k:rep(100) end "
	      "for i = 1, 1000 do local f, e = load(src) "
	      "if not f then break end chunks[#chunks + 1] = f end "
	      "for i = 1, 39 do chunks[i] = nil end call:say 'goes on'",
	      "out of memory: handler_memory");
	abuse("local t = {} for i = 1, 1e9 do local ok = pcall(string.rep, "
	      "'x', 1e5) if ok then t[i] = ('x'):rep(1e5) .. i else t = nil "
	      "end end", "out of memory: handler_memory");
	abuse("local t, k = {}, ('x'):rep(1000) for i = 1, 39 do "
	      "t[i] = k:rep(100) end for i = 1, 1e9 do "
	      "local ok, e = pcall(coroutine.create, function() end) "
	      "t[#t + 1] = e if not ok then t = nil call:say 'goes on' end "
	      "end", "out of memory: handler_memory");
	limits = was;
}

/* Expressions in texts, and what is compiled while the call goes on. */
static void templates_and_listening(void **state)
{
	(void)state;
	abuse("return 'x {{ (function() while true do end end)() }}'", SPENT);
	abuse("while true do pcall(call.react, call, 'x {{ (\"a\"):rep(1e5) "
	      "}}') end", SPENT);
	abuse("while true do pcall(function() return 'x {{ error() }}' end) "
	      "end", SPENT);
	abuse("local q = { a = ('x '):rep(2000) } "
	      "coroutine.wrap(function() while true do "
	      "pcall(call.listen, call, { q = q }) end end)()", SPENT);
	abuse("local q = {} for i = 1, 99 do q['n' .. i] = "
	      "'$regex<(a|b)*' .. ('x?'):rep(100) .. '>' end "
	      "coroutine.wrap(function() while true do "
	      "pcall(call.listen, call, { q = q }) end end)()", SPENT);
	abuse("local q = { a = ('x '):rep(2000) .. '(' } while true do "
	      "pcall(call.listen, call, { q = q }) end", SPENT);
	abuse("local q = {} for i = 1, 5000 do q['n' .. i] = 'x' end "
	      "while true do pcall(call.listen, call, { q = q }) end", SPENT);
	abuse("while true do pcall(call.play, call, ('x'):rep(1000)) end",
	      SPENT);
	abuse("while true do pcall(call.dialer.setCallResult, 'x', { "
	      "('x'):rep(4000) }) end", SPENT);
	abuse("while true do pcall(TransferCallToOperator, { phoneNumber = "
	      "('x'):rep(1000) }) end", SPENT);
	abuse("while true do pcall(dtmf, { max = 4 }) end", SPENT);
}

/* ---- from wait to wait without end ---- */

/* How much CPU time a turn takes, and that nothing is lost by leaving it. */
static void turns(const char *body, const char *heard)
{
	static char source[4096];
	struct caller c, other;
	struct desk d;
	double ms, most = 0;
	unsigned n = 0;

	snprintf(source, sizeof(source), "%s\nreturn bot { states = { A = { "
		 "['q!'] = 'go', function(call)\n%s\nend }, B = { ['q!'] = "
		 "'steal', noContext = true, function() return steal() end } "
		 "} }", "local shared local function steal() if not shared "
		 "then return 'nothing' end return tostring(select(2, "
		 "coroutine.resume(shared))) .. ' ' .. coroutine.status(shared)"
		 " end", body);
	alarm(60);
	desk_open(&d, source);
	call_in(&d, &other, "2");
	call_in(&d, &c, "1");
	ms = cpu_ms();
	say(&c, "go");
	expect(&c, "state /A");
	while (!*c.heard) {
		ms = cpu_ms() - ms;
		most = ms > most ? ms : most;
		if (!n++) {
			say(&other, "steal");
			assert_true(strstr(other.heard, "nothing") ||
				    strstr(other.heard, "cannot resume non-"
					   "suspended coroutine normal"));
		}
		assert_in_range(n, 0, 10000);
		ms = cpu_ms();
		loop_advance(d.loop, 1);
	}
	print_message("%u turns, the longest %.1f ms: %.50s\n", n, most,
		      body);
	assert_in_range(n, 2, 10000);
	expect(&c, heard);
	hang(&c);
	hang(&other);
	desk_close(&d);
	alarm(0);
}

static void a_turn_ends_anywhere(void **state)
{
	(void)state;
	turns("local n = 0 for i = 1, 200000 do n = n + i % 3 end "
	      "return tostring(n)", "say 200001");
	turns("local n = 0 local co = coroutine.create(function(a) "
	      "for i = 1, 180000 do n = n + 1 end "
	      "local b = coroutine.yield(a + 1) return b * 2 end) "
	      "shared = co "
	      "local _, x = coroutine.resume(co, 4) "
	      "local _, y = coroutine.resume(co, 21) "
	      "return n .. ' ' .. x .. ' ' .. y .. coroutine.status(co)",
	      "say 180000 5 42dead");
	turns("local f = coroutine.wrap(function() "
	      "local g = coroutine.wrap(function() "
	      "for i = 1, 800000 do end coroutine.yield(1) error('in') end) "
	      "local one = g() local ok, e = pcall(g) "
	      "return one .. tostring(ok) .. (e:match('in$') or '') end) "
	      "return f()", "say 1falsein");
	turns("local ok, n = pcall(function() local n = 0 "
	      "local t = setmetatable({}, { __index = function(_, k) "
	      "for i = 1, 8000 do end return k end }) "
	      "for i = 1, 100 do n = n + t[i] end return n end) "
	      "return tostring(n)", "say 5050");
	/* where nothing can be left, it goes on to its end */
	turns("local n = 0 ('x'):rep(8):gsub('x', function() "
	      "for i = 1, 25000 do n = n + 1 end end) "
	      "for i = 1, 25000 do n = n + 1 end "
	      "return tostring(n)", "say 225000");
}

static unsigned count(const char *s, const char *part)
{
	unsigned n = 0;

	for (; (s = strstr(s, part)); s++)
		n++;
	return n;
}

/* Runs `body` in an endless loop; what it says in a turn, and in a second. */
static void endless(const char *body, unsigned in_turn, unsigned in_second)
{
	static char source[2048];
	unsigned n;
	struct caller c, other;
	struct desk d;
	double ms;

	snprintf(source, sizeof(source), "return bot { states = { A = { "
		 "['q!'] = 'go', function(call) while true do\n%s\nend end }, "
		 "B = { ['q!'] = 'good', noContext = true, function(call) "
		 "call:say 'fine' end } } }", body);
	alarm(60);
	desk_open(&d, source);
	call_in(&d, &other, "2");
	call_in(&d, &c, "1");
	ms = cpu_ms();
	say(&c, "go");
	ms = cpu_ms() - ms;
	n = count(c.heard, "say x");
	print_message("%6.1f ms, %u rounds in a turn", ms, n);
	assert_in_range(n, 0, in_turn);
	c.heard[0] = '\0';
	say(&other, "good");
	expect(&other, "say fine");
	n = 0;
	ms = cpu_ms();
	for (int i = 0; i < 1000; i++) {
		loop_advance(d.loop, 1);
		n += count(c.heard, "say x");
		c.heard[0] = '\0';
	}
	ms = cpu_ms() - ms;
	print_message(", %u and %.0f ms in a second: %.50s\n", n, ms, body);
	assert_in_range(n, 1, in_second);
	assert_int_equal(c.errors, 0);
	say(&other, "good");
	expect(&other, "say fine");
	leave(&c, "hangup");
	hang(&c);
	hang(&other);
	desk_close(&d);
	alarm(0);
}

static void a_loop_that_waits_takes_turns(void **state)
{
	(void)state;
	endless("call:say 'x'", 60, 12000);
	endless("for i = 1, 900000 do end call:say 'x'", 1, 100);
	endless("for i = 1, 900000 do end call:say 'x' call:sleep(0)", 1,
		100);
	endless("for i = 1, 900000 do end call:say 'x' call:sleep(0.001)", 1,
		100);
	endless("for i = 1, 9000 do end call:say 'x'", 30, 5000);
	endless("local s = ('0'):rep(1000000) for i = 1, 20 do local x = "
		"s + 0 end call:say 'x'", 1, 50);
}

/* Nothing is said while a transfer runs: told once, and not for nothing. */
static void texts_during_a_transfer(void **state)
{
	struct caller c;
	struct desk d;

	(void)state;
	desk_open(&d, "return bot { states = { "
		  "A = { ['q!'] = 'go', noContext = true, "
		  "switch { phoneNumber = '1', continueCall = true } }, "
		  "B = { ['event!'] = 'flood', noContext = true, "
		  "function(call) while true do call:say 'x' end end }, "
		  "C = { ['event!'] = 'list', noContext = true, 'x', 'y' } "
		  "} }");
	call_in(&d, &c, "1");
	c.log_lines = true;
	say(&c, "go");
	raise_event(&c, "list");
	raise_event(&c, "flood");
	loop_advance(d.loop, TURNS_MS);
	assert_int_equal(c.errors, 1);
	assert_non_null(strstr(c.message, SPENT));
	assert_int_equal(count(c.heard, "a text is dropped"), 1);
	c.heard[0] = '\0';
	outcome(&c, true, false, "1");
	loop_advance(d.loop, 1000);
	say(&c, "go");
	raise_event(&c, "list");
	assert_int_equal(count(c.heard, "a text is dropped"), 1);
	hang(&c);
	/* begun by somebody else: the engine says that it runs */
	call_in(&d, &c, "1");
	c.log_lines = true;
	c.say_result = UV_EBUSY;
	raise_event(&c, "list");
	raise_event(&c, "flood");
	loop_advance(d.loop, TURNS_MS);
	assert_int_equal(count(c.heard, "a text is dropped"), 1);
	hang(&c);
	desk_close(&d);
}

static void a_long_line_says_that_it_is_cut(void **state)
{
	char whole[8192];
	struct caller c;
	struct desk d;

	(void)state;
	desk_open(&d, "return bot { states = { A = { ['q!'] = 'go', "
		  "function() log(('x'):rep(7000)) log(('y\\n'):rep(9000)) "
		  "local t = {} for i = 1, 900 do t[i] = 'abcdefgh' end "
		  "log(t) end } } }");
	call_in(&d, &c, "1");
	say(&c, "go");
	memset(whole, 'x', 7000);
	memcpy(whole + 7000, "\nlog", 5);
	assert_non_null(strstr(c.heard, whole));
	assert_int_equal(count(c.heard, "...\n"), 2);
	assert_non_null(strstr(c.heard, "y\\n...\n"));
	hang(&c);
	desk_close(&d);
}

/* The customer's doing, but the bot's time. */
static void many_queries_take_turns(void **state)
{
	struct caller c;
	struct desk d;
	unsigned n;

	(void)state;
	desk_open(&d, "return bot { states = { A = { ['q!'] = 'go', "
		  "function() for i = 1, 900000 do end return 'x' end } } }");
	call_in(&d, &c, "1");
	for (int i = 0; i < 60; i++)
		c.s->ops->query(c.s, QUERY_TEXT, "go", 2);
	turn(&c);
	assert_in_range(count(c.heard, "say x"), 0, 2);
	loop_advance(d.loop, 300);
	n = count(c.heard, "say x");
	assert_in_range(n, 10, 30);
	loop_advance(d.loop, 10000);
	assert_int_equal(count(c.heard, "say x"), 60);
	hang(&c);
	desk_close(&d);
}

static void recursion_has_its_room(void **state)
{
	(void)state;
	check_script("local function f(n) return n > 0 and 1 + f(n - 1) or 0 "
		     "end return tostring(f(1000))", "say 1000");
	check_script("return tostring(select('#', table.unpack({}, 1, "
		     "3000)))", "say 3000");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(coroutines_that_close_one_another),
		cmocka_unit_test(a_few_may_close_one_another),
		cmocka_unit_test(a_spent_coroutine_is_not_closed),
		cmocka_unit_test(calls_that_call_themselves),
		cmocka_unit_test(long_strings),
		cmocka_unit_test(emptied_tables),
		cmocka_unit_test(much_at_once),
		cmocka_unit_test(templates_and_listening),
		cmocka_unit_test(spent_memory_is_not_caught),
		cmocka_unit_test(a_turn_ends_anywhere),
		cmocka_unit_test(a_loop_that_waits_takes_turns),
		cmocka_unit_test(many_queries_take_turns),
		cmocka_unit_test(texts_during_a_transfer),
		cmocka_unit_test(a_long_line_says_that_it_is_cut),
		cmocka_unit_test(recursion_has_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
