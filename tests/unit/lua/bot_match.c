/* Which state a query or an event reaches. */
#include "bot_fixture.h"

#include <stdlib.h>

static void with(const char *source, struct desk *d, struct caller *c)
{
	desk_open(d, source);
	call_in(d, c, "49301");
	start(c);
}

static void end(struct desk *d, struct caller *c)
{
	hang(c);
	desk_close(d);
}

static const char levels[] =
	"return bot { states = {\n"
	"  A = { q = '$regex</start>', 'in A', states = {\n"
	"    Child = { q = 'go', 'child', states = {\n"
	"      Deep = { q = 'deep', 'deep' } } },\n"
	"    Other = { q = 'other', 'other' } } },\n"
	"  B = { q = { 'go', 'b' }, 'in B' },\n"
	"  C = { ['q!'] = 'far', 'far' , states = {\n"
	"    D = { q = 'hidden', ['q!'] = 'far away', 'D' } } },\n"
	"  N = { q = 'aside', noContext = true, 'aside' },\n"
	"} }";

static void nearest_level(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	with(levels, &d, &c);
	expect(&c, "state /A\nsay in A");
	say(&c, "go");			/* the child is nearer than /B */
	expect(&c, "state /A/Child\nsay child");
	say(&c, "other");		/* a sibling */
	expect(&c, "state /A/Other\nsay other");
	say(&c, "deep");		/* not reachable from here */
	expect(&c, "say Sorry, I did not understand you.");
	say(&c, "b");			/* parent's sibling */
	expect(&c, "state /B\nsay in B");
	say(&c, "go");			/* now /B's own */
	expect(&c, "say in B");
	say(&c, "hidden");
	expect(&c, "say Sorry, I did not understand you.");
	say(&c, "far away");		/* global, nested */
	expect(&c, "state /C/D\nsay D");
	say(&c, "hidden");
	expect(&c, "say D");
	end(&d, &c);
}

static void no_context(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	with(levels, &d, &c);
	c.heard[0] = '\0';
	say(&c, "aside");
	expect(&c, "say aside");
	say(&c, "go");
	expect(&c, "state /A/Child\nsay child");
	end(&d, &c);
}

static void order_in_a_level(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	with("return bot { states = {\n"
	     "  Any = { q = '*', 'any' },\n"
	     "  Many = { q = 'one *', 'many' },\n"
	     "  More = { q = 'one two *', 'more' },\n"
	     "  Y = { q = { 'x', 'same' }, 'y' },\n"
	     "  Z = { q = 'same', 'z' },\n"
	     "  P = { q = 'pair', 'p' },\n"
	     "  O = { q = 'pair', 'o' },\n"
	     "} }", &d, &c);
	expect(&c, "");
	say(&c, "one two three");	/* most literal words */
	expect(&c, "state /More\nsay more");
	say(&c, "one three");
	expect(&c, "state /Many\nsay many");
	say(&c, "something else");
	expect(&c, "state /Any\nsay any");
	say(&c, "same");		/* place in the list */
	expect(&c, "state /Z\nsay z");
	say(&c, "pair");		/* path in byte order */
	expect(&c, "state /O\nsay o");
	end(&d, &c);
}

static void modal(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	with("return bot { states = {\n"
	     "  Ask = { q = '$regex</start>', modal = true, event = 'again',"
	     " 'ask', states = { Yes = { q = 'yes', 'yes' } } },\n"
	     "  Help = { ['q!'] = 'help', 'help' },\n"
	     "  Ev = { event = 'ping', 'pong' },\n"
	     "} }", &d, &c);
	expect(&c, "state /Ask\nsay ask");
	say(&c, "help");
	expect(&c, "say Sorry, I did not understand you.");
	raise_event(&c, "ping");	/* events always reach */
	expect(&c, "state /Ev\nsay pong");
	say(&c, "help");
	expect(&c, "state /Help\nsay help");
	end(&d, &c);
	with("return bot { states = {\n"
	     "  Ask = { q = '$regex</start>', modal = true, 'ask', states ="
	     " { Yes = { q = 'yes', 'yes' } } },\n"
	     "  Help = { ['q!'] = 'help', 'help' } } }", &d, &c);
	say(&c, "yes");
	expect(&c, "state /Ask\nsay ask\nstate /Ask/Yes\nsay yes");
	say(&c, "help");
	expect(&c, "state /Help\nsay help");
	end(&d, &c);
}

static void start_is_the_engines(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	with("return bot { 'root', states = {\n"
	     "  S = { ['q!'] = '$regex</start>', 'started' },\n"
	     "  T = { ['q!'] = 'start', 'typed' },\n"
	     "  R = { ['q!'] = '$regex</st.*>', 'regex' },\n"
	     "} }", &d, &c);
	c.heard[0] = '\0';
	say(&c, "/start");
	expect(&c, "state /T\nsay typed");
	say(&c, " /START\n");
	expect(&c, "say typed");
	say(&c, "/stop");
	expect(&c, "state /R\nsay regex");
	end(&d, &c);
	with("return bot { 'root', states = { S = { ['q!'] = "
	     "'$regex</start>', 'started' } } }", &d, &c);
	expect(&c, "state /S\nsay started");
	say(&c, "/start");
	expect(&c, "say Sorry, I did not understand you.");
	end(&d, &c);
}

static const char parts[] =
	"return bot { patterns = { City = '(new york|paris)', From = 'from"
	" $City', To = 'to $City', Rest = '*' }, states = {\n"
	"  Way = { ['q!'] = '* [$From] $To', function(call)\n"
	"    local t = call.parseTree\n"
	"    log(t) log(t.To.City.text) log(t.From == nil)\n"
	"    log(t == call.parseTree) t.To.text = 'x'\n"
	"    log(call.parseTree.To.text) call.session.t = t end },\n"
	"  Name = { ['q!'] = 'i am $Rest', function(call)\n"
	"    log(call.parseTree.Rest.text) end },\n"
	"  None = { ['q!'] = { 'none', '$regex<no.*>' }, function(call)\n"
	"    log(next(call.parseTree) == nil) end },\n"
	"  Ev = { event = { 'e', 'noMatch' }, function(call)\n"
	"    log(next(call.parseTree) == nil) end },\n"
	"} }";

static void parse_tree(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	with(parts, &d, &c);
	say(&c, "I fly to New York");
	expect(&c, "state /Way\n"
	       "log {\"To\":{\"City\":{\"text\":\"New York\"},\"text\":"
	       "\"to New York\"}}\n"
	       "log New York\nlog true\nlog true\nlog x");
	say(&c, "i am \xff \"you\"");
	expect(&c, "state /Name\nlog \xff \"you");
	say(&c, "none");
	say(&c, "nobody");
	expect(&c, "state /None\nlog true\nlog true");
	say(&c, "what");
	expect(&c, "state /Ev\nlog true");
	raise_event(&c, "e");
	expect(&c, "log true");
	end(&d, &c);
}

/* A text that would take long to look at matches nothing, and is told. */
static void a_hostile_query(void **state)
{
	struct desk d;
	struct caller c;
	char *text = malloc(64 * 1024 + 1);

	(void)state;
	for (int i = 0; i < 64 * 1024; i++)
		text[i] = i % 2 ? ' ' : 'a';
	text[64 * 1024] = '\0';
	with("return bot { states = {\n"
	     "  A = { ['q!'] = '{* * * * * * a}', 'a' },\n"
	     "  B = { ['q!'] = 'b', 'b' } } }",
	     &d, &c);
	c.log_lines = true;
	say(&c, text);
	expect(&c, "log a query of 65536 bytes matches nothing: to find out "
	       "would take more than handler_instructions\n"
	       "say Sorry, I did not understand you.");
	/* What it cost is the session's: the next one waits for its turn. */
	say(&c, "b");
	expect(&c, "");
	loop_advance(d.loop, 100);
	expect(&c, "state /B\nsay b");
	end(&d, &c);
	free(text);
}

static const char intents[] =
	"return bot { intents = {\n"
	"  ['/Agent'] = { 'i want to speak to an agent', 'a human please',\n"
	"    'connect me with a person' },\n"
	"  ['/Hours'] = { 'when do you open', 'what are your opening hours',\n"
	"    'until when are you there' },\n"
	"  ['/Person'] = { 'i want to speak to a human', 'a person please' },\n"
	"}, states = {\n"
	"  Start = { q = '$regex</start>', states = {\n"
	"    Near = { intent = { '/Unknown', '/Person' }, 'near' } } },\n"
	"  Agent = { ['intent!'] = '/Agent', 'agent' },\n"
	"  Hours = { intent = '/Hours', 'hours', states = {\n"
	"    Any = { q = 'opening *', 'any' } } },\n"
	"  Off = { q = 'off', modal = true, 'off' },\n"
	"} }";

static void intents_by_level(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	with(intents, &d, &c);
	c.heard[0] = '\0';
	say(&c, "at what hour do you open please");
	expect(&c, "state /Hours\nsay hours");
	say(&c, "opening hours?");	/* a pattern goes before */
	expect(&c, "state /Hours/Any\nsay any");
	say(&c, "let me speak to a human");
	expect(&c, "state /Agent\nsay agent");
	say(&c, "shoes");
	expect(&c, "say Sorry, I did not understand you.");
	say(&c, "off");
	expect(&c, "state /Off\nsay off");
	say(&c, "i want to speak to an agent");	/* modal */
	expect(&c, "say Sorry, I did not understand you.");
	end(&d, &c);

	/* of two that cannot be told apart the nearer one */
	with(intents, &d, &c);
	c.heard[0] = '\0';
	say(&c, "speak to human");
	expect(&c, "state /Start/Near\nsay near");
	end(&d, &c);
	/* but not of two that can */
	with(intents, &d, &c);
	c.heard[0] = '\0';
	say(&c, "connect me with a person");
	expect(&c, "state /Agent\nsay agent");
	end(&d, &c);
}

/* In one level: the better score, then the place, then the path. */
static void intents_in_a_level(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	with("return bot { intents = { x = { 'red wine', 'a glass of red' }, "
	     "y = { 'red wine', 'red shoes' }, z = { 'green tea' } }, states = {\n"
	     "  A = { intent = { 'none', 'z' }, 'a' },\n"
	     "  C = { intent = 'z', 'c' }, B = { intent = 'z', 'b' },\n"
	     "  D = { intent = 'x', 'd' }, E = { intent = 'y', 'e' } } }",
	     &d, &c);
	c.heard[0] = '\0';
	say(&c, "green tea");
	expect(&c, "state /B\nsay b");
	say(&c, "a glass of red wine");
	expect(&c, "state /D\nsay d");
	say(&c, "red shoes");
	expect(&c, "state /E\nsay e");
	say(&c, "red wine");		/* of two that are near the better */
	expect(&c, "say e");
	end(&d, &c);
}

/* The same is known in every shard, whether it was made when it was needed or
 * before that. */
static void in_all_shards(struct caller *c, int calls, int turn_at)
{
	struct bot_stats st;
	struct desk d;

	desk_open(&d, "return bot { intents = { ['/A'] = { 'green tea' } }, "
		  "states = { A = { intent = '/A', 'tea' } } }");
	for (int i = 0; i < calls; i++) {
		call_in(&d, &c[i], "49301");
		if (i == turn_at)
			loop_turn(d.loop);
	}
	d.sc->ops->stats(d.bot, &st);
	assert_int_equal(st.states, 2);
	for (int i = 0; i < calls; i += calls - 1) {
		say(&c[i], "a green tea");
		expect(&c[i], "state /A\nsay tea");
	}
	for (int i = 0; i < calls; i++)
		hang(&c[i]);
	desk_close(&d);
}

static void intents_in_all_shards(void **state)
{
	enum { CALLS = 501 };
	struct caller *c = calloc(CALLS, sizeof(*c));

	(void)state;
	assert_non_null(c);
	in_all_shards(c, CALLS, -1);
	in_all_shards(c, CALLS, 450);
	free(c);
}

static void digits_are_queries(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	with("return bot { states = {\n"
	     "  One = { q = '1', 'one' }, Hash = { q = '$regex<[#*]>', 'hash' }"
	     " } }", &d, &c);
	for (const char *k = "1#2*"; *k; k++) {
		c.s->ops->query(c.s, QUERY_DIGIT, k, 1);
		turn(&c);
	}
	expect(&c, "state /One\nsay one\nstate /Hash\nsay hash\n"
	       "say Sorry, I did not understand you.\nsay hash");
	end(&d, &c);
}

static void root_answers_start(void **state)
{
	(void)state;
	check_bot("return bot { name = 'x', 'Hello.', function(call) "
		  "call:say 'World.' end }", "say Hello.\nsay World.");
	check_bot("return bot { states = { A = { ['q!'] = '*', 'any' } } }",
		  "");
}

static void events(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	with("return bot { states = {\n"
	     "  A = { q = '$regex</start>', states = {\n"
	     "    In = { event = 'x', 'inner x' } } },\n"
	     "  B = { event = { 'x', 'y' }, function(call)\n"
	     "    log(call.request.event) log(call.request.data) end },\n"
	     "  C = { states = { G = { ['event!'] = 'z', 'global z' },\n"
	     "    H = { event = 'never', 'h' } } },\n"
	     "} }", &d, &c);
	expect(&c, "state /A");
	assert_true(c.s->ops->handles(c.s, "x"));
	assert_true(c.s->ops->handles(c.s, "z"));
	assert_false(c.s->ops->handles(c.s, "never"));
	raise_event(&c, "x");
	expect(&c, "state /A/In\nsay inner x");
	raise_event(&c, "y");
	expect(&c, "state /B\nlog y\nlog nil");
	raise_event(&c, "nobody");
	expect(&c, "");
	raise_event(&c, "z");
	expect(&c, "state /C/G\nsay global z");
	end(&d, &c);
}

static void no_match(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	with("return bot { fallback = 'What?', states = { A = { q = 'a', 'A'"
	     " } } }", &d, &c);
	say(&c, "1");
	say(&c, "2");
	say(&c, "a");
	expect(&c, "say What?\nsay What?\nstate /A\nsay A");
	say(&c, "1");
	say(&c, "2");
	say(&c, "3");
	expect(&c, "say What?\nsay What?\nsay What?\nhangup");
	end(&d, &c);

	with("return bot { states = { N = { event = 'noMatch', noContext ="
	     " true, function(call) call:say(call.request.query) end } } }",
	     &d, &c);
	for (int i = 0; i < 5; i++)
		say(&c, "hm");
	expect(&c, "say hm\nsay hm\nsay hm\nsay hm\nsay hm");
	end(&d, &c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nearest_level),
		cmocka_unit_test(no_context),
		cmocka_unit_test(order_in_a_level),
		cmocka_unit_test(modal),
		cmocka_unit_test(start_is_the_engines),
		cmocka_unit_test(parse_tree),
		cmocka_unit_test(a_hostile_query),
		cmocka_unit_test(intents_by_level),
		cmocka_unit_test(intents_in_a_level),
		cmocka_unit_test(intents_in_all_shards),
		cmocka_unit_test(digits_are_queries),
		cmocka_unit_test(root_answers_start),
		cmocka_unit_test(events),
		cmocka_unit_test(no_match),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
