/* Handlers that wait, and what happens to them meanwhile. */
#include "bot_fixture.h"

#include <stdio.h>
#include <string.h>
#include <uv.h>

static struct desk d;
static struct caller c;

static void with(const char *body)
{
	static char source[8192];

	snprintf(source, sizeof(source), "return bot { states = {\n"
		 "S = { q = '$regex</start>', function(call) %s end },\n"
		 "T = { ['event!'] = 'transfer', noContext = true, "
		 "function(call) if call.request.data.hangup then log 'outcome' "
		 "end call:say('T ' .. call.request.data.status) "
		 "log(call.dialer.getTransferStatus().status) end },\n"
		 "E = { ['event!'] = 'ev', noContext = true, 'said ev', "
		 "function(call) log 'ev' end },\n"
		 "H = { ['event!'] = 'hangup', noContext = true, "
		 "function(call) log 'hangup' call:sleep(1) call:say 'x' "
		 "log 'never' end },\n"
		 "Q = { ['q!'] = 'hello', noContext = true, 'hello' } } }",
		 body);
	desk_open(&d, source);
	call_in(&d, &c, "49301");
	c.quiet = true;
	start(&c);
}

static void end(void)
{
	hang(&c);
	desk_close(&d);
}

static void say_waits(void **state)
{
	(void)state;
	with("local t = table.pack(call:say 'one') log(t) "
	     "t = table.pack(call:say 'two') log(t)");
	expect(&c, "state /S\nsay one");
	say(&c, "hello");		/* queues */
	raise_event(&c, "ev");
	c.s->ops->said(c.s, c.ticket + 1, false);	/* not ours */
	turn(&c);
	expect(&c, "");
	said(&c, false);
	expect(&c, "log {\"1\":true,\"n\":1}\nsay two");
	said(&c, true);
	expect(&c, "log {\"2\":\"interrupted\",\"n\":2}\nsay hello\n"
	       "log ev\nsay said ev");
	end();
}

static void replies_go_first(void **state)
{
	(void)state;
	with("call:react 'a' call:say 'b' return 'c'");
	expect(&c, "state /S\nsay a\nsay b");
	said(&c, false);
	expect(&c, "say c");
	end();
}

static void sleeps(void **state)
{
	(void)state;
	with("log(call:sleep(2)) call:sleep '500ms' log(os.clock()) "
	     "log(os.time())");
	expect(&c, "state /S");
	loop_advance(d.loop, 1999);
	expect(&c, "");
	loop_advance(d.loop, 1);
	expect(&c, "log true");
	loop_advance(d.loop, 500);
	expect_part(&c, "log 1700000002");
	end();
	with("call:sleep(-1)");
	expect_part(&c, "error bot.lua:2: call:sleep needs seconds");
	end();
}

static void transfer_waits(void **state)
{
	(void)state;
	with("call:react 'wait'\n"
	     "local s, d = call:transfer { phoneNumber = '200' }\n"
	     "log(s) log(d.reason) log(s.status == 'FAIL') "
	     "return 'back'");
	expect(&c, "state /S\nsay wait\nswitch 200 continue");
	raise_event(&c, "ev");
	outcome(&c, false, false, "200");
	turn(&c);
	expect(&c, "log {\"status\":\"FAIL\",\"hangup\":false,"
	       "\"number\":\"200\"}\nlog busy\nlog true\nsay back\n"
	       "log ev\nsay said ev");
	end();

	with("call:transfer { phoneNumber = '200', continueCall = false }");
	expect(&c, "state /S\nswitch 200");
	end();
	with("call:transfer { phoneNumber = {} }");
	assert_int_equal(c.errors, 1);
	end();
}

static void transfer_and_others(void **state)
{
	(void)state;
	with("return switch { phoneNumber = '1' }");
	expect(&c, "state /S\nswitch 1");
	raise_event(&c, "ev");		/* runs, cannot speak */
	expect(&c, "log ev");
	say(&c, "hello");
	expect(&c, "");
	outcome(&c, true, false, "1");
	turn(&c);
	expect(&c, "say T SUCCESS");
	said(&c, false);
	expect(&c, "log SUCCESS");
	say(&c, "hello");
	expect(&c, "say hello");
	end();
}

static void second_switch(void **state)
{
	struct desk e;

	(void)state;
	desk_open(&e, "return bot { switch { phoneNumber = 1 }, states = { A"
		  " = { ['event!'] = 'again', switch { phoneNumber = 2 } }, "
		  "B = { ['event!'] = 'wait', function(call) call:transfer "
		  "{ phoneNumber = 3 } end } } }");
	call_in(&e, &c, "");
	start(&c);
	raise_event(&c, "again");
	expect(&c, "switch 1\nstate /A\n"
	       "error bot.lua:1: switch: a transfer is under way in /A\nhangup");
	raise_event(&c, "wait");
	expect(&c, "state /B\nerror bot.lua:1: transfer: a transfer is under "
	       "way in /B\nhangup");
	hang(&c);
	desk_close(&e);
}

static void refused_switch(void **state)
{
	struct desk e;

	(void)state;
	desk_open(&e, "return bot { function(call) log(pcall(call.transfer, "
		  "call, { phoneNumber = 1 })) local s, why = call:transfer "
		  "{ phoneNumber = 2 } log(why) end }");
	call_in(&e, &c, "");
	c.act_result = UV_EINVAL;
	start(&c);
	assert_int_equal(c.errors, 1);
	hang(&c);
	desk_close(&e);
}

static void gone_order(void **state)
{
	(void)state;
	with("local s = call:transfer { phoneNumber = '1' } "
	     "log(s.hangup) call:sleep(1) log 'slept' "
	     "local x <close> = setmetatable({}, { __close = function() "
	     "log 'closed' end }) "
	     "pcall(function() call:say 'x' log 'not here' end) "
	     "log 'nor here'");
	expect(&c, "state /S\nswitch 1 continue");
	say(&c, "hello");
	raise_event(&c, "ev");
	leave(&c, "hangup");
	outcome(&c, false, true, "1");
	turn(&c);
	expect(&c, "log true");
	loop_advance(d.loop, 1000);
	expect(&c, "log slept\nlog closed\nlog ev\nlog hangup");
	loop_advance(d.loop, 1000);
	expect(&c, "drained");
	assert_int_equal(c.errors, 0);
	end();
}

static void gone_while_it_speaks(void **state)
{
	(void)state;
	with("call:say 'x' log 'never'");
	expect(&c, "state /S\nsay x");
	leave(&c, "hangup");
	turn(&c);
	expect(&c, "log hangup");
	loop_advance(d.loop, 1000);
	expect(&c, "drained");
	end();
}

/* What he was saying is cut short by the customer who leaves. */
static void gone_cuts_what_it_says(void **state)
{
	(void)state;
	with("pcall(call.say, call, 'x') log 'never'");
	expect(&c, "state /S\nsay x");
	c.s->ops->said(c.s, c.ticket, true);
	leave(&c, "botHangup");
	turn(&c);
	expect(&c, "drained");
	assert_int_equal(c.errors, 0);
	end();
}

static void transfer_after_he_left(void **state)
{
	(void)state;
	with("call:sleep(1) "
	     "local s, d = call:transfer { phoneNumber = '1 2' } log(s) "
	     "log(d.reason) "
	     "s = call:transfer { sipUri = 'ann@10.0.0.1' } log(s) "
	     "log(call.dialer.getTransferStatus()) "
	     "log(pcall(call.transfer, call, { timeout = 5 }))");
	leave(&c, "botHangup");
	expect(&c, "state /S");
	loop_advance(d.loop, 1000);
	expect(&c, "log {\"status\":\"FAIL\",\"hangup\":true,"
	       "\"number\":\"1 2\"}\nlog caller_gone\n"
	       "log {\"status\":\"FAIL\",\"hangup\":true,"
	       "\"number\":\"ann\"}\nlog nil\nlog false\ndrained");
	assert_int_equal(c.errors, 0);
	end();
}

static void outcome_before_events_when_gone(void **state)
{
	(void)state;
	with("call:react(switch { phoneNumber = 1 })");
	expect(&c, "state /S\nswitch 1");
	c.s->ops->event(c.s, "ev", NULL);
	leave(&c, "hangup");
	outcome(&c, true, true, "1");
	turn(&c);
	expect(&c, "log outcome\nlog ev\nlog hangup");  /* T said and ended there */
	loop_advance(d.loop, 1000);
	expect(&c, "drained");
	end();

	/* it had come before the customer left */
	with("call:react(switch { phoneNumber = 1 })");
	expect(&c, "state /S\nswitch 1");
	c.s->ops->event(c.s, "H2", NULL);
	c.s->ops->event(c.s, "ev", NULL);
	outcome(&c, true, true, "1");
	c.s->ops->query(c.s, QUERY_TEXT, "hello", 5);
	leave(&c, "botHangup");
	turn(&c);
	expect(&c, "log outcome\nlog ev\ndrained");
	end();

	/* the outcome is late: the last event waits for it */
	with("call:react(switch { phoneNumber = 1 })");
	leave(&c, "hangup");
	turn(&c);
	expect(&c, "state /S\nswitch 1");
	outcome(&c, true, true, "1");
	turn(&c);
	expect(&c, "log outcome\nlog hangup");
	loop_advance(d.loop, 1000);
	expect(&c, "drained");
	end();
}

static void customer_left_the_engine_knows(void **state)
{
	(void)state;
	with("call:say 'x' log 'never'");
	said(&c, false);
	expect(&c, "state /S\nsay x\nlog never");
	c.say_result = UV_ENOTCONN;
	raise_event(&c, "ev");
	expect(&c, "log ev");
	end();
}

static void cannot_wait(void **state)
{
#define NOT " log(select(2, pcall(function() "
#define HERE " end))) "
	(void)state;
	with(NOT "coroutine.wrap(function() call:say 'x' end)()" HERE
	     NOT "table.sort({ 1, 2 }, function() call:say 'x' end)" HERE
	     NOT "return setmetatable({}, { __index = function() call:say "
	     "'x' end }).x" HERE
	     NOT "string.gsub('x', '.', function() call:sleep(1) end)" HERE
	     "return when(function() call:sleep(1) end) { 'x' }");
	for (int i = 0; i < 4; i++)
		assert_non_null(strstr(c.heard, "cannot wait here"));
	expect_part(&c, "error bot.lua:2: cannot wait here in /S");
	end();
}

static void waits_deep_inside(void **state)
{
	(void)state;
	with("local function f(n) if n == 0 then call:say 'deep' else "
	     "f(n - 1) end return n end log(pcall(f, 20)) "
	     "for _, w in ipairs { 'a', 'b' } do call:say(w) end");
	expect(&c, "state /S\nsay deep");
	said(&c, false);
	expect(&c, "log true\nsay a");
	said(&c, false);
	expect(&c, "say b");
	end();
}

static void closed_in_mid_wait(void **state)
{
	static const char *const waits[] = {
		"call:say 'x'", "call:sleep(9)",
		"call:transfer { phoneNumber = 1 }",
	};

	(void)state;
	for (int i = 0; i < 3; i++) {
		char body[512];

		snprintf(body, sizeof(body), "local x <close> = setmetatable("
			 "{}, { __close = function() log 'closed' "
			 "log(pcall(function() return call.context end)) end "
			 "}) %s", waits[i]);
		with(body);
		c.heard[0] = '\0';
		raise_event(&c, "ev");
		c.s->ops->close(c.s);
		outcome(&c, true, true, "1");
		raise_event(&c, "ev");
		expect(&c, "log closed\nlog false");
		desk_close(&d);
		action_free(c.sw);
	}
}

static void queue_is_bounded(void **state)
{
	(void)state;
	with("call:sleep(1)");
	c.heard[0] = '\0';
	for (int i = 0; i < 100; i++)
		c.s->ops->event(c.s, "ev", NULL);
	loop_advance(d.loop, 1000);
	{
		int n = 0;

		for (const char *p = c.heard; (p = strstr(p, "log ev")); p++)
			n++;
		assert_int_equal(n, 64);
	}
	end();
}

static void ringing(void **state)
{
	struct desk e;

	(void)state;
	desk_open(&e, "return bot { states = { R = { event = 'ringing', "
		  "noContext = true, function(call) call:sleep(4) if "
		  "call.request.from == '1' then call:reject(486) else "
		  "call:answer() end end } } }");
	call_in(&e, &c, "1");
	c.idle_lines = true;
	assert_true(c.s->ops->handles(c.s, "ringing"));
	raise_event(&c, "ringing");
	expect(&c, "");
	loop_advance(e.loop, 4000);
	expect(&c, "reject 486\nidle");
	hang(&c);
	call_in(&e, &c, "2");
	raise_event(&c, "ringing");
	loop_advance(e.loop, 4000);
	expect(&c, "answer");
	hang(&c);
	desk_close(&e);
	check_script("call:reject(200)",
		     "error bot.lua:2: bad argument #1 to 'reject' (a final "
		     "SIP status from 400 to 699) in /\n"
		     "say Sorry, I did not understand you.\nhangup");
}

static void stale_call(void **state)
{
	struct desk e;

	(void)state;
	desk_open(&e, "local kept, f return bot { states = { A = { q = 'a', "
		  "noContext = true, function(call) kept = call f = "
		  "call.dialer.getCaller end }, B = { q = 'b', noContext = "
		  "true, function() log(select(2, pcall(f))) kept:say 'x' "
		  "end } } }");
	call_in(&e, &c, "1");
	say(&c, "a");
	say(&c, "b");
	assert_non_null(strstr(c.heard, "log this 'call' belongs"));
	expect_part(&c, "error bot.lua:1: this 'call' belongs to a handler "
		    "that has ended, or to another call in /B");
	hang(&c);
	desk_close(&e);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(say_waits),
		cmocka_unit_test(replies_go_first),
		cmocka_unit_test(sleeps),
		cmocka_unit_test(transfer_waits),
		cmocka_unit_test(transfer_and_others),
		cmocka_unit_test(second_switch),
		cmocka_unit_test(refused_switch),
		cmocka_unit_test(gone_order),
		cmocka_unit_test(gone_while_it_speaks),
		cmocka_unit_test(gone_cuts_what_it_says),
		cmocka_unit_test(transfer_after_he_left),
		cmocka_unit_test(outcome_before_events_when_gone),
		cmocka_unit_test(customer_left_the_engine_knows),
		cmocka_unit_test(cannot_wait),
		cmocka_unit_test(waits_deep_inside),
		cmocka_unit_test(closed_in_mid_wait),
		cmocka_unit_test(queue_is_bounded),
		cmocka_unit_test(ringing),
		cmocka_unit_test(stale_call),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
