/* call:listen and call:play */
#include "bot_fixture.h"

#include <stdio.h>
#include <string.h>

#define FALLBACK "\nsay Sorry, I did not understand you.\nhangup"

static struct desk d;
static struct caller c;

static void key(const char *keys)
{
	for (; *keys; keys++)
		c.s->ops->query(c.s, QUERY_DIGIT, keys, 1);
	turn(&c);
}

/* A bot that listens with these fields, and says what it has heard. */
static void begin(const char *fields)
{
	char source[2048];

	snprintf(source, sizeof(source), "return bot { states = {\n"
		 "Ask = { ['q!'] = 'ask', function(call)\n"
		 "local h, why, text = call:listen(%s)\n"
		 "if not h then call:say('no ' .. why .. ' ' .. "
		 "tostring(text)) return end\n"
		 "call:say(tostring(h.text) .. ' ' .. tostring(h.digits) .. "
		 "' ' .. tostring(h.name) .. ' ' .. type(h.parseTree)) end,\n"
		 "states = { Child = { q = 'child', 'Child.' } } },\n"
		 "Any = { ['q!'] = 'sales', 'state' },\n"
		 "Key = { ['q!'] = '$regex<[0-9]>', 'key' },\n"
		 "E = { ['event!'] = 'e', 'e' } } }", fields);
	desk_open(&d, source);
	call_in(&d, &c, "");
	say(&c, "ask");
	expect(&c, "state /Ask");
}

static void end(void)
{
	hang(&c);
	desk_close(&d);
}

static void utterances(void **state)
{
	(void)state;
	begin("{ q = { sales = 'sales [please]', help = '(help|support)' } }");
	say(&c, "Sales, please!");
	expect(&c, "say Sales, please! nil sales table");
	end();
	begin("{ q = 'sales' }");
	say(&c, "sales");
	expect(&c, "say sales nil nil table");
	say(&c, "sales");	/* one for each */
	expect(&c, "state /Any\nsay state");
	end();
	begin("{ q = { a = '*', b = 'sales *', c = 'sales now' } }");
	say(&c, "sales now");
	expect(&c, "say sales now nil c table");
	end();
	begin("{ q = { sales = 'sales' } }");
	say(&c, "what {{ 1 }}");
	expect(&c, "say no noMatch what {{ 1 }}");
	end();
	/* no q: what can be reached */
	begin("");
	say(&c, "child");
	expect(&c, "say child nil /Ask/Child table");
	end();
	begin("{}");
	say(&c, "nothing");
	expect(&c, "say no noMatch nothing");
	end();
}

static void digits(void **state)
{
	(void)state;
	begin("{ dtmf = 4, timeout = '2s' }");
	key("123");
	expect(&c, "");
	loop_advance(d.loop, 1999);
	key("4");
	expect(&c, "say 1234 1234 nil table");
	end();
	begin("{ dtmf = 4, timeout = 2 }");
	key("12");
	loop_advance(d.loop, 2000);
	expect(&c, "say 12 12 nil table");
	end();
	begin("{ q = { yes = '$regex<1>', no = '$regex<2>' }, dtmf = 1 }");
	key("2");
	expect(&c, "say 2 2 no table");
	end();
	begin("{ q = { yes = '$regex<1>' } }");
	key("1");
	expect(&c, "say 1 1 yes table");
	end();
	begin("{ q = { yes = 'yes' } }");
	key("1");
	expect(&c, "say no noMatch 1");
	end();
	begin("{ dtmf = 4, q = { sales = 'sales' } }");
	key("12");
	say(&c, "sales");
	expect(&c, "say sales nil sales table");
	end();
}

static void silence(void **state)
{
	(void)state;
	begin("{ q = 'x', timeout = '2s' }");
	loop_advance(d.loop, 1999);
	expect(&c, "");
	loop_advance(d.loop, 1);
	expect(&c, "say no silence nil");
	loop_advance(d.loop, 60000);
	end();
	begin("");
	loop_advance(d.loop, 5000);
	expect(&c, "say no silence nil");
	end();
}

/* What named parts matched, with and without q. */
static void named_parts(void **state)
{
	(void)state;
	desk_open(&d, "return bot { patterns = { City = '(berlin|paris)' }, "
		  "function(call) for i = 1, 2 do\n"
		  "local h = call:listen(i == 1 and { q = { to = 'to $City' } "
		  "} or nil) log(h.name .. ' ' .. h.parseTree.City.text) end "
		  "end, states = { From = { ['q!'] = 'from $City' } } }");
	call_in(&d, &c, "");
	start(&c);
	say(&c, "to Paris");
	say(&c, "from Berlin");
	expect(&c, "log to Paris\nlog /From Berlin");
	end();
}

/* It counts from the end of what is said before. */
static void silence_begins_after_speech(void **state)
{
	(void)state;
	desk_open(&d, "return bot { 'Sales?', function(call) "
		  "local _, why = call:listen { q = 'x' } call:say(why) end }");
	call_in(&d, &c, "");
	c.quiet = true;
	start(&c);
	loop_advance(d.loop, 60000);
	expect(&c, "say Sales?");
	said(&c, false);
	loop_advance(d.loop, 4999);
	expect(&c, "");
	loop_advance(d.loop, 1);
	expect(&c, "say silence");
	end();
}

/* Events queue behind a handler that listens, also when the queue is full,
 * and what was said to it before is heard first. */
static void queues(void **state)
{
	(void)state;
	begin("{ q = { sales = 'sales' } }");
	for (int i = 0; i < 70; i++)
		c.s->ops->event(c.s, "e", NULL);
	say(&c, "sales");
	expect_part(&c, "say sales nil sales table\nstate /E\nsay e");
	end();
	desk_open(&d, "return bot { function(call) call:sleep(1) "
		  "local h = call:listen { dtmf = 3 } call:say(h.text) "
		  "call:say((call:listen { q = '*' }).text) end }");
	call_in(&d, &c, "");
	start(&c);
	key("12");
	loop_advance(d.loop, 1000);
	expect(&c, "");
	key("3");
	expect(&c, "say 123");
	say(&c, "hello");
	expect(&c, "say hello");
	end();
}

static void gone(void **state)
{
	(void)state;
	desk_open(&d, "return bot { function(call) local x <close> = "
		  "setmetatable({}, { __close = function() log 'closed' end })"
		  " pcall(call.listen, call, { q = 'x' }) log 'never' end,\n"
		  "states = { H = { ['event!'] = 'hangup', function(call) "
		  "pcall(call.listen, call) log 'never' end } } }");
	call_in(&d, &c, "");
	start(&c);
	leave(&c, "hangup");
	turn(&c);
	expect(&c, "log closed\nstate /H\ndrained");
	end();
}

static void unavailable(void **state)
{
	(void)state;
	desk_open(&d, "return bot { switch { phoneNumber = 1 }, states = { E ="
		  " { ['event!'] = 'e', function(call) "
		  "local _, why = call:listen { q = 'x' } log(why) end } } }");
	call_in(&d, &c, "");
	start(&c);
	raise_event(&c, "e");
	expect(&c, "switch 1\nstate /E\nlog unavailable");
	end();
}

static void mistakes(void **state)
{
	static const struct { const char *fields, *said; } try[] = {
		{ "{ q = 5 }", "listen: q is a pattern, or { name = pattern }"
		},
		{ "{ q = { 'x' } }",
		  "listen: q is a pattern, or { name = pattern }" },
		{ "{ q = {} }", "listen: q has no pattern" },
		{ "{ dtmf = 0 }",
		  "listen: dtmf is the most digits, from 1 to 64" },
		{ "{ dtmf = 'x' }",
		  "listen: dtmf is the most digits, from 1 to 64" },
		{ "{ timeout = -1 }", "listen: timeout is a time above 0, at "
		  "most a day: seconds, or \"5s\"" },
		{ "{ timout = 1 }", "listen: unknown field 'timout'; did you "
		  "mean 'timeout'?" },
		{ "{ 'x' }", "listen: named fields are needed, not a list" },
	};
	char body[256], said[512];

	(void)state;
	for (size_t i = 0; i < sizeof(try) / sizeof(*try); i++) {
		snprintf(body, sizeof(body), "call:listen %s", try[i].fields);
		snprintf(said, sizeof(said), "error bot.lua:2: %s in /"
			 FALLBACK, try[i].said);
		check_script(body, said);
	}
	check_script("call:listen { q = '(' }", "error bot.lua:2: listen: q: "
		     "nothing to match at byte 2 in /" FALLBACK);
	check_script("error(select(2, coroutine.resume(coroutine.create("
		     "call.listen), call)), 0)",
		     "error bot.lua:2: cannot wait here in /" FALLBACK);
	check_script("local q = {} for i = 1, 101 do q['n' .. i] = 'x' end "
		     "call:listen { q = q }", "error bot.lua:2: listen: more "
		     "than 100 patterns in /" FALLBACK);
}

static void play(void **state)
{
	(void)state;
	check_bot("return bot { audio '/etc/passwd', function(call) "
		  "log(call:play 'http://127.0.0.1/x.wav') end }",
		  "play /etc/passwd\nplay http://127.0.0.1/x.wav\nlog true");
	/* beside the bot: it is there when it is loaded, and then no more */
	desk_file("hello.wav", "RIFF");
	check_bot("return bot {\naudio 'hello.wav' }",
		  "error bot.lua:1: audio: 'hello.wav': No such file or "
		  "directory in /" FALLBACK);
	check_script("call:play 'none.wav'", "error bot.lua:2: audio: "
		     "'none.wav': No such file or directory in /" FALLBACK);
	check_script("call:play '\\n'", "error bot.lua:2: audio: file has a "
		     "control character in /" FALLBACK);
	check_script("call:play ''", "error bot.lua:2: audio: file is empty "
		     "in /" FALLBACK);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(utterances),
		cmocka_unit_test(digits),
		cmocka_unit_test(named_parts),
		cmocka_unit_test(silence),
		cmocka_unit_test(silence_begins_after_speech),
		cmocka_unit_test(queues),
		cmocka_unit_test(gone),
		cmocka_unit_test(unavailable),
		cmocka_unit_test(mistakes),
		cmocka_unit_test(play),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
