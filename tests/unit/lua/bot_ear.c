/* What a session waits for between its handlers: keys, silence. */
#include "bot_fixture.h"

#include <stdio.h>
#include <string.h>

#define MISSED "say Sorry, I did not understand you."

static void key(struct caller *c, const char *keys)
{
	for (; *keys; keys++)
		c->s->ops->query(c->s, QUERY_DIGIT, keys, 1);
	turn(c);
}

static void pass(struct caller *c, uint64_t ms)
{
	loop_advance(c->d->loop, ms);
}

static const char pin[] =
	"return bot { 'Your PIN.', dtmf { max = 4, timeout = 3000 },\n"
	"states = { Pin = { q = '$regex<[0-9#]+>', function(call)\n"
	"return 'PIN {{ request.query }}' end },\n"
	"Word = { q = 'word', 'Word.' },\n"
	"None = { event = 'noDtmfAnswerEvent', noContext = true, 'None.' } } "
	"}";

static void dtmf(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, pin);
	call_in(&d, &c, "");
	start(&c);
	expect(&c, "say Your PIN.");
	key(&c, "12");
	pass(&c, 2999);
	say(&c, "word");	/* is not listened to */
	key(&c, "3");
	expect(&c, "");
	pass(&c, 2999);
	key(&c, "4");
	expect(&c, "state /Pin\nsay PIN 1234");
	/* From here on each key is a query again. */
	key(&c, "5#");
	expect(&c, "say PIN 5\nsay PIN #");
	say(&c, "word");
	expect(&c, "state /Word\nsay Word.");
	hang(&c);
	desk_close(&d);
}

static void dtmf_pause(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, pin);
	call_in(&d, &c, "");
	start(&c);
	key(&c, "12");
	expect(&c, "say Your PIN.");
	pass(&c, 3000);
	expect(&c, "state /Pin\nsay PIN 12");
	hang(&c);
	/* the time counts from the end of what is said */
	call_in(&d, &c, "");
	c.quiet = true;
	start(&c);
	pass(&c, 60000);
	expect(&c, "say Your PIN.");
	said(&c, false);
	c.quiet = false;
	pass(&c, 2999);
	expect(&c, "");
	pass(&c, 1);
	expect(&c, "say None.");
	hang(&c);
	desk_close(&d);
}

/* Keys that come while a handler still runs are not lost, and a pause that
 * ends meanwhile does not cut off those before it. */
static void dtmf_while_busy(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { states = { A = { ['q!'] = 'a', "
		  "dtmf { max = 3, timeout = 1000 }, function(call) "
		  "call:sleep(5) end },\n"
		  "N = { ['q!'] = '$regex<[0-9]+>', 'got {{ request.query }}'"
		  " } } }");
	call_in(&d, &c, "");
	say(&c, "a");
	key(&c, "12");
	pass(&c, 4000);
	key(&c, "3");
	expect(&c, "state /A");
	pass(&c, 1000);
	expect(&c, "state /N\nsay got 123");
	hang(&c);
	desk_close(&d);
}

/* Another state is another matter. */
static void dtmf_ends_with_its_state(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { dtmf { max = 4 }, states = { "
		  "E = { event = 'e', noContext = true, 'e' }, "
		  "G = { event = 'g', 'g' }, "
		  "N = { ['q!'] = '$regex<[0-9]+>', noContext = true, "
		  "'got {{ request.query }}' } } }");
	call_in(&d, &c, "");
	start(&c);
	raise_event(&c, "e");
	key(&c, "12");
	expect(&c, "say e");
	raise_event(&c, "g");
	key(&c, "34");
	expect(&c, "state /G\nsay g\nsay got 3\nsay got 4");
	hang(&c);
	desk_close(&d);
}

static void timeout_enters(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { states = { Ask = { ['q!'] = 'ask', "
		  "'Well?', timeout { interval = '5s', state = './Late' }, "
		  "states = { Late = { 'Too late.', function(call) "
		  "log(call.request.event) end } } }, "
		  "Any = { ['q!'] = '*', noContext = true, 'Yes.' }, "
		  "E = { ['event!'] = 'e', noContext = true, 'e' } } }");
	call_in(&d, &c, "");
	say(&c, "ask");
	expect(&c, "state /Ask\nsay Well?");
	pass(&c, 4999);
	raise_event(&c, "e");
	expect(&c, "say e");
	pass(&c, 1);
	expect(&c, "state /Ask/Late\nlog timeout\nsay Too late.");
	pass(&c, 60000);
	expect(&c, "");
	/* who says something is in time */
	say(&c, "ask");
	pass(&c, 4999);
	say(&c, "here");
	pass(&c, 60000);
	expect(&c, "state /Ask\nsay Well?\nsay Yes.");
	/* and so is who presses a key */
	say(&c, "ask");
	key(&c, "1");
	pass(&c, 60000);
	expect(&c, "say Well?\nsay Yes.");
	hang(&c);
	desk_close(&d);
}

/* Nobody can speak, and nobody has asked for an answer. */
static void silence_alone_ends_nothing(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { 'Hello.' }");
	call_in(&d, &c, "");
	start(&c);
	pass(&c, 3600000);
	expect(&c, "say Hello.");
	hang(&c);
	desk_close(&d);
}

static void no_input(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { 'Hello.', function(call) "
		  "call.dialer:setNoInputTimeout(2000) end, states = { "
		  "X = { q = 'x', 'X.' } } }");
	call_in(&d, &c, "");
	start(&c);
	expect(&c, "say Hello.");
	pass(&c, 1999);
	say(&c, "x");
	expect(&c, "state /X\nsay X.");
	pass(&c, 1999);
	expect(&c, "");
	pass(&c, 1);
	expect(&c, MISSED);
	/* what is not understood counts in the same row */
	say(&c, "what");
	expect(&c, MISSED);
	pass(&c, 2000);
	expect(&c, MISSED "\nhangup");
	hang(&c);
	desk_close(&d);
	desk_open(&d, "return bot { dtmf { max = 1, timeout = 1000 } }");
	call_in(&d, &c, "");
	start(&c);
	pass(&c, 1000);
	expect(&c, MISSED);
	pass(&c, 5000);
	expect(&c, MISSED);
	pass(&c, 5000);
	expect(&c, MISSED "\nhangup");
	hang(&c);
	desk_close(&d);
}

static void no_input_handled(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { 'Hello.', states = { "
		  "S = { ['event!'] = 'speechNotRecognized', noContext = true,"
		  " 'Still there?' }, "
		  "D = { ['q!'] = 'd', dtmf { timeout = 1000 } } } }");
	call_in(&d, &c, "");
	c.quiet = true;
	start(&c);
	pass(&c, 60000);
	expect(&c, "say Hello.");
	said(&c, false);
	c.quiet = false;
	for (int i = 0; i < 5; i++) {
		pass(&c, 5000);
		expect(&c, "say Still there?");
	}
	/* no key is silence too */
	say(&c, "d");
	expect(&c, "state /D");
	pass(&c, 1000);
	expect(&c, "say Still there?");
	hang(&c);
	desk_close(&d);
}

/* The engine says when the time was over while somebody else was busy with
 * the customer: then it has not been silent. */
static void silence_that_does_not_count(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { dtmf { timeout = 1000 }, timeout { "
		  "interval = 2, state = '/S' }, states = { S = { 'S' }, N = "
		  "{ ['event!'] = 'noDtmfAnswerEvent', 'N' }, "
		  "E = { ['event!'] = 'e', noContext = true } } }");
	call_in(&d, &c, "");
	start(&c);
	c.quiet = true;
	pass(&c, 1000);
	said(&c, true);
	pass(&c, 1000);
	said(&c, true);
	c.quiet = false;
	expect(&c, "");
	/* from here on silence counts again: dtmf was used */
	raise_event(&c, "e");
	for (int i = 0; i < 3; i++)
		pass(&c, 5000);
	expect(&c, MISSED "\n" MISSED "\n" MISSED "\nhangup");
	hang(&c);
	desk_close(&d);
}

static void not_during_a_transfer(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { 'Hello.', dtmf { timeout = 1000 }, "
		  "timeout { interval = 2, state = '/S' }, "
		  "switch { phoneNumber = 1, continueCall = true }, "
		  "states = { S = { 'S' } } }");
	call_in(&d, &c, "");
	start(&c);
	pass(&c, 60000);
	for (int i = 0; i < 3; i++)
		say(&c, "what");
	expect(&c, "say Hello.\nswitch 1 continue");
	/* He is back, nobody takes that up: silence counts from here. */
	outcome(&c, false, false, "1");
	turn(&c);
	pass(&c, 5000);
	expect(&c, MISSED);
	hang(&c);
	desk_close(&d);
}

static void gone(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { dtmf { max = 2, timeout = 1000 }, "
		  "timeout { interval = 2, state = '/' } }");
	call_in(&d, &c, "");
	start(&c);
	key(&c, "1");
	leave(&c, "hangup");
	turn(&c);
	pass(&c, 60000);
	expect(&c, "drained");
	hang(&c);
	call_in(&d, &c, "");
	start(&c);
	key(&c, "1");
	hang(&c);
	pass(&c, 60000);
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(dtmf),
		cmocka_unit_test(dtmf_pause),
		cmocka_unit_test(dtmf_while_busy),
		cmocka_unit_test(dtmf_ends_with_its_state),
		cmocka_unit_test(timeout_enters),
		cmocka_unit_test(silence_alone_ends_nothing),
		cmocka_unit_test(no_input),
		cmocka_unit_test(no_input_handled),
		cmocka_unit_test(silence_that_does_not_count),
		cmocka_unit_test(not_during_a_transfer),
		cmocka_unit_test(gone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
