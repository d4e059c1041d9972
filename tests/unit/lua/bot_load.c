/* What is refused when a bot is loaded, and how it is said. */
#include "bot_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lua/scripting.h"

#define NO_X "template: 'x' is not defined; it sees call, session, client, " \
	"temp, request, parseTree and the library\n"
#define TEMPLATE(line) "bot.lua:" line ": /: " NO_X

static const struct { const char *source, *said; } table[] = {
	{ "return bot {}", "loaded\n" },
	{ "return bot { name = 'x', 'hi', states = {} }", "loaded\n" },

	/* no bot */
	{ "", "bot.lua:1: /: the file does not return bot { ... }, but a nil\n" },
	{ "return {}", "bot.lua:1: /: the file does not return bot { ... }, but a "
	  "table\n" },
	{ "return a 'x'", "bot.lua:1: /: the file does not return bot { ... }, "
	  "but a reaction\n" },
	{ "return bot", "bot.lua:1: /: the file does not return bot { ... }, but "
	  "a function\n" },
	{ "return bot 'x'", "bot.lua:1: 'bot' needs a table: bot { ... }\n" },
	{ "\33Lua", "bot.lua: attempt to load a binary chunk (mode is 't')\n"
	},
	{ "while true do end", "bot.lua:1: handler_instructions: the budget "
	  "of 21000000 instructions is spent\n" },

	{ "local b =\n bot {}\n\n", "bot.lua:2: /: the file does not return "
	  "bot { ... }, but a nil\n" },

	/* syntax and the missing comma */
	{ "return bot {\n  a 'x'\n  a 'y' }",
	  "bot.lua:3: '}' expected (to close '{' at line 1) near 'a' (missing "
	  "comma?)\n" },
	{ "return bot { 'x' { 'y' } }",
	  "bot.lua:1: '}' expected near '{' (missing comma?)\n" },
	{ "return bot { states = { A = {\n a 'x' 'y' } } }",
	  "bot.lua:2: /A: missing comma after this reaction\n" },
	{ "return bot { hangup() { 'x' } }",
	  "bot.lua:1: /: missing comma after this reaction\n" },
	{ "return bot { when(function() end) { 'x' } { 'y' } }",
	  "bot.lua:1: /: missing comma after this reaction\n" },
	{ "return bot { states = {\n A = {\n q = 'x',\n foo() } } }",
	  "bot.lua:4: /A: 'foo' is not defined\n" },

	/* words of the library, not called */
	{ "return bot { 'x', hangup }",
	  "bot.lua:1: /: a word of the library is no reaction by itself; it "
	  "is called: hangup()\n" },
	{ "return bot { function(call) return hangup end }", "loaded\n" },

	/* fields of a switch */
	{ "return bot { switch { phonNumber = 1 } }",
	  "bot.lua:1: /: switch: unknown field 'phonNumber'; did you mean "
	  "'phoneNumber'?\n" },
	{ "return bot { switch { phoneNumber = 1, zzz = 1, music = 'x' } }",
	  "bot.lua:1: /: 'music' is not available in this version\n"
	  "bot.lua:1: /: switch: unknown field 'zzz'\n" },

	/* keys */
	{ "return bot {\n name = 'x',\n states = {\n A = { q = 'a' },\n },\n"
	  " name = 'y' }",
	  "bot.lua:6: /: key 'name' is written twice in this table (first in "
	  "line 2)\n" },
	{ "return bot { states = {\n A = { states = {\n B = { 'x' } },\n q = "
	  "'x', q = 'y' } } }",
	  "bot.lua:4: /A: key 'q' is written twice in this table (first in "
	  "line 4)\n" },
	{ "return bot { stats = {} }",
	  "bot.lua:1: /: unknown key 'stats'; did you mean 'states'?\n" },
	{ "return bot { states = { A = {\n nocontext = true } } }",
	  "bot.lua:2: /A: unknown key 'nocontext'; did you mean 'noContext'?"
	  "\n" },
	{ "return bot { states = { A = { name = 'x' } } }",
	  "bot.lua:1: /A: unknown key 'name'\n" },
	{ "return bot { states = {\n A = { q = 'x' },\n B = { q = 'y' },\n A "
	  "= {} } }", "DUPLICATE" },
	{ "return bot { states = { A = { modal = 1 } } }",
	  "bot.lua:1: /A: 'modal' is true or false, not a number\n" },
	{ "return bot {\n fallback = 'Sorry {{ session.name }}' }",
	  "loaded\n" },
	{ "return bot {\n fallback = 'Sorry {{ x }}' }", TEMPLATE("2") },
	{ "return bot { fallback = 5 }",
	  "bot.lua:1: /: 'fallback' is a text, not a number\n" },
	{ "return bot { patterns = {} }", "loaded\n" },

	/* patterns with a name */
	{ "return bot {\n patterns = { City = 'paris' }, q = 'to $City' }",
	  "loaded\n" },
	{ "return bot {\n patterns = 5 }",
	  "bot.lua:2: /: 'patterns' is a table of patterns by name, not a "
	  "number\n" },
	{ "return bot { patterns = {\n A = 'x',\n B = 5 } }",
	  "bot.lua:3: /: patterns.B: it is a text\n" },
	{ "return bot { patterns = {\n 'x' } }",
	  "bot.lua:1: /: patterns: an item without a name: Name = \"pattern\""
	  "\n" },
	{ "return bot { patterns = {\n A = 'x',\n B = '(x' } }",
	  "bot.lua:3: /: patterns.B: `(` at byte 1 is not closed by `)`\n" },
	{ "return bot { patterns = {\n A = 'x',\n B = 'a $B' }, q = '$B' }",
	  "bot.lua:3: /: patterns.B: it uses itself (at byte 3)\n" },
	{ "return bot { patterns = {\n City = 'x',\n B = 'a $Citi' } }",
	  "bot.lua:3: /: patterns.B: there is no pattern `$Citi` (at byte 3); "
	  "did you mean `$City`?\n" },
	{ "return bot { patterns = { City = 'x' }, states = { A = {\n q = "
	  "{ 'x',\n '$Citi' } } } }",
	  "bot.lua:2: /A: q: there is no pattern `$Citi` (at byte 1); did you "
	  "mean `$City`?\n" },
	{ "return bot { q = '$Citi' }",
	  "bot.lua:1: /: q: there is no pattern `$Citi` (at byte 1)\n" },
	{ "return bot { patterns = {\n\n A = '$B', C = '$A',\n B = '$A' }, "
	  "q = '$C' }", "CYCLE" },

	{ "return bot { q = 'x',\n enter '/A',\n 'late',\n 'later', "
	  "states = { A = {} } }",
	  "bot.lua:3: warning: /: nothing is run after enter\nloaded\n" },
	{ "return bot { random { enter '/A', enter '/B' }, 'x', when(type) {"
	  " enter '/A' }, 'y', enter '/B', states = { A = {}, B = {} } }",
	  "loaded\n" },

	/* states */
	{ "return bot { states = {\n { q = 'x' } } }",
	  "bot.lua:2: /: 'states' has an item without a name: Name = { ... "
	  "}\n" },
	{ "return bot { states = 5 }",
	  "bot.lua:1: /: 'states' is a table of named states, not a number\n" },
	{ "return bot { states = { A = 'x' } }",
	  "bot.lua:1: /A: a state is a table, not a string\n" },
	{ "return bot { states = { ['a/b'] = {} } }",
	  "bot.lua:1: /: 'a/b' is no name for a state\n" },
	{ "return bot { states = { A = {\n states = { B = {\n'x', nil, 'y' } "
	  "} } } }",
	  "bot.lua:2: /A/B: hole in the list: item 2 is nil\n" },

	/* triggers */
	{ "return bot { states = { A = { q = 5 } } }",
	  "bot.lua:1: /A: 'q' takes a text or a list of texts, not a number\n"
	},
	{ "return bot { states = { A = { q = {} } } }",
	  "bot.lua:1: /A: 'q' is an empty list\n" },
	{ "return bot { states = { A = { q = '(a' } } }", "PATTERN" },
	{ "return bot { states = { A = {\n q = { 'x', [4] = 'never' } } } }",
	  "bot.lua:2: /A: 'q': hole in the list: item 2 is nil\n" },
	{ "return bot { states = { A = {\n event = { 'e', typo = 'f' } } } }",
	  "bot.lua:2: /A: 'event' is a list: it has no key 'typo'\n" },
	{ "return bot { ['q!'] = { [0] = 'x', 'y' } }",
	  "bot.lua:1: /: 'q!' is a list: it has no key 0\n" },
	{ "return bot { q = { 'x', [{}] = 'y' } }",
	  "bot.lua:1: /: 'q' is a list: it has no key that is a table\n" },
	{ "return bot { intents = { ['/A'] = { 1, {}, x = true } }, states = "
	  "{ A = { intent = '/A' } } }",
	  "bot.lua:1: /: the phrases of '/A' are a list: it has no key 'x'\n"
	  "bot.lua:1: /: the phrases of '/A' are texts, not a number\n"
	  "bot.lua:1: /: the phrases of '/A' are texts, not a table\n" },
	{ "return bot { intents = {\n['/A'] = { 'x', nil, 'y' } }, states = "
	  "{ A = { intent = '/A' } } }",
	  "bot.lua:2: /: the phrases of '/A': hole in the list: item 2 is "
	  "nil\n" },
	{ "return bot { states = { A = { event = { 'bargeInIntent', "
	  "'speechNotRecognized', 'noDtmfAnswerEvent', 'onCallNotConnected', "
	  "'onCallNotConnectedTechnical' } } } }", "loaded\n" },
	/* intents */
	{ "return bot { states = { A = { intent = '/X' }, B = { ['intent!'] "
	  "= { '/Y' } } } }", "loaded\n" },
	{ "return bot { intents = { ['/A'] = { 'x' }, ['/Y'] = {} }, states = "
	  "{ A = { ['intent!'] = { '/A', '/Y' } } } }", "loaded\n" },
	{ "return bot { intents = {\n ['/A'] = { 'x' } }, states = { A = {} } "
	  "}", "bot.lua:2: warning: no state has the trigger intent = \"/A\": "
	  "its phrases lead nowhere\nloaded\n" },
	{ "return bot { intents = {\n ['/Ab'] = { 'x' } }, states = { Abc = {} "
	  "} }", "bot.lua:2: /: there is no state or intent '/Ab'; did you "
	  "mean '/Abc'?\n" },
	{ "return bot { intents = {\n ['/Q'] = { 'x' } } }",
	  "bot.lua:2: /: there is no state or intent '/Q'\n" },
	{ "return bot { intents = 5 }",
	  "bot.lua:1: /: 'intents' is a table of lists, not a number\n" },
	{ "return bot { intents = { 'x' } }",
	  "bot.lua:1: /: 'intents' has an item without a name: [\"/Path\"] = "
	  "{ ... }\n" },
	{ "return bot { intents = {\n ['/A'] = 'x' }, intent = '/A' }",
	  "bot.lua:2: /: the phrases of '/A' are a list\n" },
	{ "return bot { intents = {\n ['/A'] = { 'x', '?' } }, intent = '/A' }",
	  "bot.lua:2: /: the phrases of '/A': '?' has no words\n" },

	/* reactions */
	{ "return bot { 5 }", "bot.lua:1: /: a number is no reaction\n" },
	{ "return bot { states = { A = { {\n'x', y = 1 } } } }",
	  "bot.lua:1: /A: a list of reactions has no key 'y'\n" },
	{ "return bot { states = { A = { enter '/Strat' }, Start = {} } }",
	  "bot.lua:1: /A: there is no state '/Strat'; did you mean '/Start'?"
	  "\n" },
	{ "return bot { states = { A = { go '../..' } } }",
	  "bot.lua:1: /A: there is no state '../..'\n" },
	{ "return bot { when(5) { 'x' } }",
	  "bot.lua:1: /: 'when' needs a function: when(function(call) ... "
	  "end) { ... }\n" },
	{ "return bot {\n when(function() end) }",
	  "bot.lua:2: /: 'when' or 'elsewhen' without a body: when(f) { ... }"
	  "\n" },
	{ "return bot { when(function() end) { 'x' }:elsewhen(type) }",
	  "bot.lua:1: /: 'when' or 'elsewhen' without a body: when(f) { ... }"
	  "\n" },
	{ "return bot { when(function() end):otherwise { 'x' } }",
	  "bot.lua:1: /: 'otherwise' follows the body of a 'when'\n" },
	{ "return bot { when(function() end) 'x' }",
	  "bot.lua:1: /: 'when' needs a body: when(f) { ... }\n" },
	{ "return bot { random {} }",
	  "bot.lua:1: /: 'random' has nothing to choose from\n" },
	{ "return bot { random 'x' }",
	  "bot.lua:1: /: 'random' needs a list, not a string\n" },
	{ "return bot { hangup 'x' }",
	  "bot.lua:1: /: 'hangup' takes nothing: hangup()\n" },
	{ "return bot { 'Hi {{ call.client.name }}' }", "loaded\n" },
	{ "return bot {\n'x',\na '{{ x }}',\nrandom { '{{' } }",
	  TEMPLATE("3") "bot.lua:4: /: template: '{{' without '}}'\n" },
	{ "return bot { '{{ }}' }",
	  "bot.lua:1: /: template: nothing stands in '{{ }}'\n" },
	{ "return bot { states = { A = {\na '{{ 1 + }}' } } }",
	  "bot.lua:2: /A: template '{{ 1 + }}': unexpected symbol near <eof>\n"
	},
	{ "return bot { '{{ 1) + (2 }}' }",
	  "bot.lua:1: /: template '{{ 1) + (2 }}': <eof> expected near ')'\n"
	},
	{ "return bot { switch { phoneNumber = 1, headers = { a = "
	  "'{{ client.id }}' } } }",
	  "bot.lua:1: /: switch: 'headers' holds a template; they are for "
	  "texts that are said, a function can build this\n" },
	{ "return bot { audio 'x.wav' }",
	  "bot.lua:1: /: audio: 'x.wav': No such file or directory\n" },
	{ "return bot {\naudio '.' }",
	  "bot.lua:2: /: audio: '.' is not a file\n" },
	{ "return bot { audio { file = 'x.wav' } }",
	  "bot.lua:1: /: 'audio' needs the name of a file, not a table\n" },
	{ "return bot { audio 'https://127.0.0.1/x.wav' }", "loaded\n" },
	{ "return bot { states = { A = {\n dtmf { max = 4 } } } }",
	  "loaded\n" },
	{ "return bot { dtmf {}, dtmf { timeout = 5000.0 } }", "loaded\n" },
	{ "return bot { dtmf { max = 65 },\ndtmf { timeout = 5 },\n"
	  "dtmf { max = 'x' },\ndtmf { mix = 1 },\ndtmf { 4 },\ndtmf(4) }",
	  "bot.lua:1: /: dtmf: max must be from 1 to 64, not 65\n"
	  "bot.lua:2: /: dtmf: timeout must be from 100 to 600000, not 5\n"
	  "bot.lua:3: /: dtmf: max must be an integer from 1 to 64\n"
	  "bot.lua:4: /: dtmf: unknown field 'mix', did you mean 'max'?\n"
	  "bot.lua:5: /: 'dtmf' needs named fields, not a list\n"
	  "bot.lua:6: /: 'dtmf' needs a table of fields\n" },
	{ "return bot { timeout { interval = '5s', state = '/' },\n"
	  "timeout { state = '/' },\ntimeout { interval = 0, state = '/' },\n"
	  "timeout { interval = 1 },\n"
	  "timeout { interval = '5 seconds', state = '/Strat' },\n"
	  "states = { Start = {} } }",
	  "bot.lua:2: /: timeout: interval is needed: interval = \"5s\"\n"
	  "bot.lua:3: /: timeout: interval must be a time above 0, at most a "
	  "day: seconds, or \"5s\"\n"
	  "bot.lua:4: /: timeout: state must be a string, not nothing\n"
	  "bot.lua:5: /: there is no state '/Strat'; did you mean '/Start'?\n"
	},
	{ "return bot { states = { A = {\nTransferCallToOperator {} } } }",
	  "bot.lua:2: /A: TransferCallToOperator: 'phoneNumber' is needed\n"
	},
	{ "return bot { TransferCallToOperator { phoneNumber = '' } }",
	  "bot.lua:1: /: TransferCallToOperator: 'phoneNumber' is needed\n" },
	{ "return bot { TransferCallToOperator { phoneNumber = 1, then_ = '/'"
	  " } }", "bot.lua:1: /: TransferCallToOperator: unknown field 'then_'"
	  "\n" },
	{ "return bot { TransferCallToOperator { phoneNumber = 1, thenStat = "
	  "'/' } }", "bot.lua:1: /: TransferCallToOperator: unknown field "
	  "'thenStat'; did you mean 'thenState'?\n" },
	{ "return bot { TransferCallToOperator { phoneNumber = 1, errorState "
	  "= '/X' } }",
	  "bot.lua:1: /: TransferCallToOperator: there is no state '/X'\n" },
	{ "return bot { TransferCallToOperator { phoneNumber = '1', "
	  "thenState = '/Strat' }, states = { Start = { 'x' } } }",
	  "bot.lua:1: /: TransferCallToOperator: there is no state '/Strat'; "
	  "did you mean '/Start'?\n" },
	{ "return bot { TransferCallToOperator { phoneNumber = 1, timeout = "
	  "-1 } }", "bot.lua:1: /: switch: timeout -1 is not a number of "
	  "seconds above 0\n" },
	{ "return bot { TransferCallToOperator { phoneNumber = 1 }, 'x' }",
	  "bot.lua:1: /: nothing is said after TransferCallToOperator\n" },
	{ "return bot { switch { phoneNumber = 1, music = 'none' } }",
	  "bot.lua:1: /: 'music' is not available in this version\n" },
	{ "return bot { switch { type } }", "bot.lua:1: /: switch[1]: a "
	  "function is not plain data\n" },
	{ "local l = {} l[1] = l return bot(l)", "DEEP" },

	/* what nobody would hear */
	{ "return bot { hangup(),\n'x' }",
	  "bot.lua:2: /: nothing is said after hangup()\n" },
	{ "return bot { { hangup() },\nrandom { 'x' } }",
	  "bot.lua:2: /: nothing is said after hangup()\n" },
	{ "return bot { hangup(),\nswitch { phoneNumber = 1 } }",
	  "bot.lua:2: /: nothing is said after hangup()\n" },
	{ "return bot { hangup(), hangup() }",
	  "bot.lua:1: /: nothing is said after hangup()\n" },
	{ "return bot { switch { phoneNumber = 1 }, a 'x' }",
	  "bot.lua:1: /: nothing is said after a switch\n" },
	{ "return bot { when(function() end) { hangup(),\n{ 'x' } } }",
	  "bot.lua:2: /: nothing is said after hangup()\n" },
	{ "return bot { when(function() end) { hangup() }:otherwise { 'x' }, "
	  "'y', random { hangup(), 'z', { hangup() } }, 'end' }", "loaded\n" },
	{ "return bot { hangup(), function() end, go '/A', states = { A = {} "
	  "} }", "loaded\n" },

	/* all of them, not the first only */
	{ "return bot { states = { A = { 5, x = 1 }, B = { enter '/C' } } }",
	  "bot.lua:1: /A: unknown key 'x'\n"
	  "bot.lua:1: /A: a number is no reaction\n"
	  "bot.lua:1: /B: there is no state '/C'\n" },
};

static void refusals(void **state)
{
	bool failed = false;

	(void)state;
	for (size_t i = 0; i < sizeof(table) / sizeof(*table); i++) {
		const char *said = refusal(table[i].source);
		bool good;

		if (!strcmp(table[i].said, "DUPLICATE"))
			good = strstr(said, "bot.lua:4: /A: ") &&
				strstr(said, "'A'") && !strstr(said, "loaded");
		else if (!strcmp(table[i].said, "CYCLE"))
			good = strstr(said, "it uses itself, by way of") &&
				!strstr(strstr(said, "itself") + 1, "bot.lua");
		else if (!strcmp(table[i].said, "PATTERN"))
			good = !strncmp(said, "bot.lua:1: /A: q: ", 18) &&
				!strstr(said, "loaded");
		else if (!strcmp(table[i].said, "DEEP"))
			good = strstr(said, "nested deeper than") != NULL;
		else
			good = !strcmp(said, table[i].said);
		if (good)
			continue;
		print_error("%s\n  said:   %s  wanted: %s\n", table[i].source,
			    said, table[i].said);
		failed = true;
	}
	assert_false(failed);
}

/* What is wrong in a module is told with its own file and line. */
static void modules(void **state)
{
	static const struct { const char *module, *bot, *said; } try[] = {
		{ "return {\nq = 'a',\nq = 'b', 'hi' }",
		  "return bot { states = {\nA = require 'm' } }",
		  "m.lua:3: key 'q' is written twice in this table (first in "
		  "line 2)\n" },
		{ "return {\n A = 'x',\n B = '(x' }",
		  "return bot { patterns = require 'm' }",
		  "m.lua:3: /: patterns.B: `(` at byte 1 is not closed by `)`"
		  "\n" },
		{ "local t = {\nx = 1, x = 2 }\nreturn function() return t.x end",
		  "local f = require 'm' return bot { 'x' }",
		  "m.lua:2: key 'x' is written twice in this table (first in "
		  "line 2)\n" },
		{ "return {\n\nq = 'a', qq = 'b', 'hi' }",
		  "return bot { states = { A = require 'm' } }",
		  "m.lua:3: /A: unknown key 'qq'\n" },
		{ "return {\nA = {\nmodal = 1 }, B = 5 }",
		  "return bot { states = require 'm' }",
		  "m.lua:3: /B: a state is a table, not a number\n"
		  "m.lua:3: /A: 'modal' is true or false, not a number\n" },
		{ "return {\nA = { 'x',\n5 } }",
		  "local m = require 'm'\nreturn bot { states = m }",
		  "m.lua:3: /A: a number is no reaction\n" },
		{ "return { 'x',\na 'y'\na 'z' }",
		  "return bot { states = { A = require 'm' } }",
		  "m.lua:3: '}' expected (to close '{' at line 1) near 'a' "
		  "(missing comma?)\n" },
		{ "return { 'x',\n'y' 'z' }",
		  "return bot { states = { A = require 'm' } }",
		  "m.lua:2: '}' expected (to close '{' at line 1) near ''z'' "
		  "(missing comma?)\n" },
		{ "return { q = 'x', 'y', states = {\nB = {\n5 } } }",
		  "return bot { states = { A = require 'm' } }",
		  "m.lua:3: /A/B: a number is no reaction\n" },
		{ "return { 'x', function()\nreturn 'Hi {{ x }}' end }",
		  "return bot { states = { A = require 'm' } }",
		  "m.lua:2: " NO_X },
		{ "return { 'x',\n'Hi {{ x }}' }",
		  "return bot { states = { A = require 'm' } }",
		  "m.lua:2: /A: " NO_X },
		{ "return { 'x' }", "return bot { states = { A = require 'm', "
		  "B = require 'm' } }", "loaded\n" },
	};
	bool failed = false;

	(void)state;
	for (size_t i = 0; i < sizeof(try) / sizeof(*try); i++) {
		const char *said;

		desk_file("m.lua", try[i].module);
		said = refusal(try[i].bot);
		if (!strcmp(said, try[i].said))
			continue;
		print_error("%s\n  said:   %s  wanted: %s\n", try[i].module,
			    said, try[i].said);
		failed = true;
	}
	assert_false(failed);
}


/* In functions too, as far as can be seen; other text is text. */
static void templates_in_functions(void **state)
{
	static const struct { const char *body, *said; } try[] = {
		{ "return 'Hi {{ x }}'", TEMPLATE("2") },
		{ "if x then\nreturn \"Hi {{ x }}\" end", TEMPLATE("3") },
		{ "return a 'Hi {{ x }}'", TEMPLATE("2") },
		{ "return a('Hi {{ x }}')", TEMPLATE("2") },
		{ "call:react(a 'Hi {{ x }}')", TEMPLATE("2") },
		{ "call:react 'Hi {{ x }}'", TEMPLATE("2") },
		{ "call:react('Hi {{ x }}')", TEMPLATE("2") },
		{ "call:react { 'x',\n'Hi {{ x }}' }", TEMPLATE("3") },
		{ "return { 'x', [[Hi {{ x }}]], hangup() }", TEMPLATE("2") },
		{ "return { 'x', { 'Hi {{ x }}' } }", TEMPLATE("2") },
		{ "return random { 'x', 'Hi {{ x }}' }", TEMPLATE("2") },
		{ "return 'Hi {{ x }} and ' .. call.context", TEMPLATE("2") },
		{ "return call.context and 'Hi {{ x }}' or 'no'",
		  TEMPLATE("2") },
		{ "return when(function() end) { 'Hi {{ x }}' }:otherwise {\n"
		  "'x {{ x }}' }", TEMPLATE("2") TEMPLATE("3") },
		{ "call:say 'Hi {{ x }}'", "loaded\n" },
		{ "log 'Hi {{ x }}'", "loaded\n" },
		{ "return (('x'):gsub('{{.-}}', ''))", "loaded\n" },
		{ "local t = { 'Hi {{ x }}' }", "loaded\n" },
		{ "return { type = 'Hi {{ x }}' }", "loaded\n" },
		{ "table.insert(call.response.replies, { type = 'text', text ="
		  " '{{ x }}' })", "loaded\n" },
		{ "return '{{' .. call.context .. '}}'", "loaded\n" },
		{ "return a(('{{ x }}'):rep(2))", "loaded\n" },
		{ "local s = 'x {{ y }}' return s", "loaded\n" },
	};
	bool failed = false;
	char source[512];

	(void)state;
	for (size_t i = 0; i < sizeof(try) / sizeof(*try); i++) {
		const char *said;

		snprintf(source, sizeof(source), "return bot { function(call)"
			 "\n%s\nend }", try[i].body);
		said = refusal(source);
		if (!strcmp(said, try[i].said))
			continue;
		print_error("%s\n  said:   %s  wanted: %s\n", try[i].body,
			    said, try[i].said);
		failed = true;
	}
	assert_false(failed);
}

static void unreadable(void **state)
{
	struct loop *loop = loop_new_virtual(0, 1);
	struct scripting *sc = lua_scripting_open(loop, &limits);
	struct problems p = {0};
	char text[256];

	(void)state;
	assert_null(sc->ops->load(sc, "x", "/tmp/none/bot.lua", &p));
	assert_string_equal(problem_text(&p, 0, text, sizeof(text)),
			    "/tmp/none/bot.lua: No such file or directory");
	assert_null(sc->ops->load(sc, "x", "/tmp", &p));
	assert_string_equal(problem_text(&p, 1, text, sizeof(text)),
			    "/tmp: not a file");
	problems_free(&p);
	sc->ops->close(sc);
	loop_free(loop);
}

/* A switch that cannot work is wrong wherever it stands. */
static void wrong_switch(void **state)
{
	(void)state;
	assert_string_equal(refusal("return bot { 'x',\nswitch { phoneNumber "
				    "= 1, timeout = -1 } }"),
			    "bot.lua:2: /: switch: timeout -1 is not a number of "
			    "seconds above 0\n");
	assert_non_null(strstr(refusal("return bot { states = { A = {\nswitch "
				       "{ timeout = 1 } } } }"),
			       "bot.lua:2: /A: switch: "));
}

struct loaded {
	struct bot *bot;
	size_t errors;
	int times;
};

static void note_loaded(void *arg, struct bot *bot, struct problems *p)
{
	struct loaded *l = arg;

	l->bot = bot;
	l->errors = p->errors;
	l->times++;
}

/* On a virtual loop at the end of the turn, never at once; a bad one has its
 * problems, and what is not done by the end is not told. */
static void loaded_later(void **state)
{
	char path[] = "/tmp/bot-later-XXXXXX";
	const int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	struct loop *loop = loop_new_virtual(0, 1);
	struct scripting *sc = lua_scripting_open(loop, &limits);
	struct loaded good = { 0 }, bad = { 0 }, late = { 0 };

	(void)state;
	fputs("local a, b = os.clock(), math.random() "
	      "return bot { 'Hi.' }", f);
	fclose(f);
	assert_int_equal(sc->ops->load_later(sc, "b", path, note_loaded,
					     &good), 0);
	assert_int_equal(sc->ops->load_later(sc, "b", "/tmp/none/b.lua",
					     note_loaded, &bad), 0);
	assert_int_equal(good.times, 0);
	loop_turn(loop);
	loop_turn(loop);
	assert_int_equal(good.times, 1);
	assert_non_null(good.bot);
	assert_int_equal(good.errors, 0);
	assert_int_equal(bad.times, 1);
	assert_null(bad.bot);
	assert_int_equal(bad.errors, 1);
	assert_int_equal(sc->ops->load_later(sc, "b", path, note_loaded,
					     &late), 0);
	sc->ops->close(sc);
	loop_turn(loop);
	assert_int_equal(late.times, 0);
	loop_free(loop);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(refusals),
		cmocka_unit_test(modules),
		cmocka_unit_test(templates_in_functions),
		cmocka_unit_test(unreadable),
		cmocka_unit_test(wrong_switch),
		cmocka_unit_test(loaded_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
