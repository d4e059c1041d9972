/* What a bot can do on purpose: each ends that one handler, and soon. */
#include "bot_fixture.h"

#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

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
	assert_non_null(strstr(refusal(
		"local t = setmetatable({}, {}) getmetatable(t).__call = t "
		"t() return bot { 'x' }"), "bot.lua"));
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
		cmocka_unit_test(spent_memory_is_not_caught),
		cmocka_unit_test(recursion_has_its_room),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
