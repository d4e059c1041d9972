/* A config from its tree: defaults, every refusal with its key's path. */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "core/config.h"

/* A tree in JSON, with ' for ". */
static json_t *tree_of(const char *text)
{
	char *copy = strdup(text);
	json_error_t err;
	json_t *v;

	assert_non_null(copy);
	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	v = json_loads(copy, 0, &err);
	if (!v)
		fail_msg("%s: %s", text, err.text);
	free(copy);
	return v;
}

static int line_of(void *arg, const char *path)
{
	(void)arg;
	return (int)strlen(path);
}

static struct config *parse(const char *text, struct problems *p)
{
	json_t *tree = tree_of(text);
	struct config *c = config_parse(tree, "dir/x.lua", line_of, NULL, p);

	json_decref(tree);
	return c;
}

static struct config *good(const char *text)
{
	struct problems p = { 0 };
	struct config *c = parse(text, &p);
	char buf[300];

	if (!c)
		fail_msg("%s: %s", text, problem_text(&p, 0, buf,
						      sizeof(buf)));
	assert_int_equal(p.count, 0);
	problems_free(&p);
	return c;
}

static void embedded_defaults(void **state)
{
	struct problems p = { 0 };
	struct config *c = config_parse(NULL, NULL, NULL, NULL, &p);
	const struct channel *ch;

	(void)state;
	assert_non_null(c);
	assert_int_equal(p.count, 0);
	assert_null(c->file);
	assert_int_equal(c->listen_count, 2);
	assert_string_equal(c->listen[0].transport, "udp");
	assert_string_equal(c->listen[1].transport, "tcp");
	assert_int_equal(c->listen[1].port, 5060);
	assert_string_equal(c->listen[0].host, "127.0.0.1");
	assert_int_equal(c->listen[0].port, 5060);
	assert_false(c->accept_any);
	assert_int_equal(c->media_mode, MEDIA_RTP);
	assert_string_equal(c->media_address, "127.0.0.1");
	assert_string_equal(c->media_advertise, "");
	assert_int_equal(c->port_min, 16384);
	assert_int_equal(c->port_max, 32767);
	assert_int_equal(c->codec_count, 2);
	assert_string_equal(c->codecs[0], "PCMU");
	assert_string_equal(c->codecs[1], "PCMA");
	assert_int_equal(c->trunk_count, 1);
	assert_string_equal(c->trunks[0].name, "office");
	assert_string_equal(c->trunks[0].uri, "sip:127.0.0.1:5070");
	assert_string_equal(c->trunks[0].host, "127.0.0.1");
	assert_int_equal(c->trunks[0].port, 5070);
	assert_int_equal(c->trunks[0].match_count, 1);
	assert_int_equal(c->trunks[0].header_count, 1);
	assert_string_equal(c->trunks[0].headers[0], "User-to-User");
	assert_int_equal(c->trunks[0].refer, REFER_AUTO);
	assert_int_equal(c->trunks[0].media, MEDIA_AUTO);
	assert_int_equal(c->trunks[0].caller_id, CALLER_AUTO);
	ch = config_channel(c, "237-test-237-VDQ-28334674");
	assert_non_null(ch);
	assert_string_equal(ch->number, "100");
	assert_ptr_equal(ch->trunk, &c->trunks[0]);
	assert_string_equal(ch->bot, "support");
	assert_int_equal(ch->lines, 30);
	ch = config_channel(c, "desk");
	assert_non_null(ch);
	assert_int_equal(ch->lines, 0);
	assert_null(config_channel(c, "des"));
	assert_int_equal(c->bot_count, 1);
	assert_string_equal(c->bots[0].name, "support");
	assert_string_equal(c->bots[0].path, "bots/support.lua");
	assert_string_equal(c->default_bot, "support");
	assert_int_equal(c->timers[TIMER_AGENT], 60000);
	assert_int_equal(c->calls, 0);
	assert_int_equal(c->cps, 1000);
	assert_int_equal(c->call_duration, 4 * 3600 * 1000);
	assert_int_equal(c->limits.handler_instructions, 1000000);
	assert_int_equal(c->limits.handler_memory, 4 << 20);
	assert_int_equal(c->limits.session_bytes, 64 << 10);
	assert_int_equal(c->limits.bot_memory, 64 << 20);
	assert_int_equal(c->control_count, 1);
	assert_string_equal(c->control[0], "tandem.sock");
	assert_string_equal(c->cdr_file, "cdr.jsonl");
	assert_int_equal(c->log.level, LOG_INFO);
	assert_false(c->log.json);
	assert_null(c->log.file);
	config_free(c);
}

static void every_key_that_is_built(void **state)
{
	struct config *c = good(
		"{'sip': {'listen': ['udp:127.0.0.9:0', 'udp:[::1]:5062',"
		"  'udp:127.0.0.8'], 'accept': 'any', 'proxies': []},"
		" 'media': {'mode': 'none', 'address': '0.0.0.0',"
		"  'advertise': '192.0.2.1', 'ports': [2000, 2100.0],"
		"  'codecs': ['pcma'], 'threads': 1},"
		" 'trunks': {"
		"  'b': {'uri': 'sip:[::1]', 'match': ['10.0.0.0/8', '::1'],"
		"   'register': false, 'asserted_identity': false,"
		"   'diversion': false, 'refer': 'never', 'media': 'direct',"
		"   'caller_id': 'customer', 'headers': ['X-A', 'Subject']},"
		"  'a': {'uri': 'sip:127.0.0.3:5080;transport=udp'}},"
		" 'channels': {'one': {'trunk': 'a', 'number': 100,"
		"   'bot': 'x', 'record': false, 'lines': 2.0},"
		"  'two': {'number': '+4930*'}, 'rest': {}},"
		" 'bots': {'x': 'x.lua', 'y': '/abs/y.lua'},"
		" 'default_bot': 'y', 'lists': {}, 'routes': [],"
		" 'timers': {'agent': '20s', 't1': 0.25, 'unhold': 5},"
		" 'limits': {'calls': 100000, 'cps': 10, 'call_duration': 60,"
		"  'handler_instructions': 1e6, 'handler_memory': '1M',"
		"  'session_bytes': 2048, 'bot_memory': '32M'},"
		" 'control': {'listen': ['unix:/tmp/t.sock', 'unix:b']},"
		" 'cdr': {'file': ''}, 'log': {'level': 'debug',"
		"  'format': 'json', 'file': 't.log'}}");

	(void)state;
	assert_string_equal(c->file, "dir/x.lua");
	assert_int_equal(c->listen_count, 3);
	assert_int_equal(c->listen[0].port, 0);
	assert_string_equal(c->listen[1].host, "::1");
	assert_int_equal(c->listen[2].port, 5060);
	assert_true(c->accept_any);
	assert_int_equal(c->media_mode, MEDIA_NONE);
	assert_string_equal(c->media_advertise, "192.0.2.1");
	assert_int_equal(c->port_min, 2000);
	assert_int_equal(c->port_max, 2100);
	assert_int_equal(c->codec_count, 1);
	assert_string_equal(c->codecs[0], "PCMA");
	assert_string_equal(c->trunks[0].name, "a");
	assert_string_equal(c->trunks[1].name, "b");
	assert_string_equal(c->trunks[1].host, "::1");
	assert_int_equal(c->trunks[1].port, 5060);
	assert_int_equal(c->trunks[1].match_count, 2);
	assert_int_equal(c->trunks[1].refer, REFER_NEVER);
	assert_int_equal(c->trunks[1].media, MEDIA_DIRECT);
	assert_int_equal(c->trunks[1].caller_id, CALLER_CUSTOMER);
	assert_int_equal(c->trunks[1].header_count, 2);
	/* a trunk without match takes calls from where it sends them to */
	assert_int_equal(c->trunks[0].match_count, 1);
	assert_int_equal(c->channel_count, 3);
	assert_string_equal(c->channels[0].id, "one");
	assert_string_equal(c->channels[0].number, "100");
	assert_int_equal(c->channels[0].lines, 2);
	assert_string_equal(c->channels[1].id, "rest");
	assert_null(c->channels[1].number);
	assert_null(c->channels[1].trunk);
	assert_string_equal(c->channels[1].bot, "y");
	assert_string_equal(c->bots[0].path, "dir/x.lua");
	assert_string_equal(c->bots[1].path, "/abs/y.lua");
	assert_int_equal(c->timers[TIMER_AGENT], 20000);
	assert_int_equal(c->timers[TIMER_T1], 250);
	assert_int_equal(c->timers[TIMER_JOIN], 8000);
	assert_int_equal(c->calls, 100000);
	assert_int_equal(c->call_duration, 60000);
	assert_int_equal(c->limits.session_bytes, 2048);
	assert_int_equal(c->control_count, 2);
	assert_null(c->cdr_file);
	assert_true(c->log.json);
	assert_string_equal(c->log.file, "t.log");
	config_free(c);

	c = good("{}");
	assert_int_equal(c->trunk_count, 0);
	assert_int_equal(c->channel_count, 0);
	assert_null(c->default_bot);
	assert_int_equal(c->listen_count, 2);
	config_free(c);
}

#define TRUNK "'trunks': {'o': {'uri': 'sip:127.0.0.1:5070', "
#define LATER "not available in this version"

static void identity_of_a_trunk(void **state)
{
	struct config *c = good(
		"{'trunks': {"
		"  'a': {'uri': 'sip:127.0.0.1', 'username': 'u@realm',"
		"   'password': 'p\\\"w', 'asserted_identity': true,"
		"   'diversion': true},"
		"  'b': {'uri': 'sip:127.0.0.1', 'username': 'u',"
		"   'from': '+49301', 'caller_id': 'trunk'},"
		"  'c': {'uri': 'sip:127.0.0.1', 'from': 493012}}}");

	(void)state;
	assert_string_equal(c->trunks[0].username, "u@realm");
	assert_string_equal(c->trunks[0].password, "p\"w");
	assert_string_equal(c->trunks[0].from, "u");
	assert_true(c->trunks[0].asserted_identity);
	assert_true(c->trunks[0].diversion);
	assert_int_equal(c->trunks[0].caller_id, CALLER_AUTO);
	assert_string_equal(c->trunks[1].from, "+49301");
	assert_null(c->trunks[1].password);
	assert_false(c->trunks[1].asserted_identity);
	assert_int_equal(c->trunks[1].caller_id, CALLER_TRUNK);
	assert_string_equal(c->trunks[2].from, "493012");
	assert_null(c->trunks[2].username);
	config_free(c);
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *text, *says;
	} c[] = {
	/* names */
	{ "{'trnuks': {}}", "unknown key 'trnuks', did you mean 'trunks'?" },
	{ "{'banana': 1}", "unknown key 'banana'" },
	{ "{'sip.listen': []}", "unknown key 'sip.listen'" },
	{ "{" TRUNK "'regster': true}}}",
		"unknown key 'trunks.o.regster', did you mean 'register'?" },
	{ "{'log': {'levl': 1}}", "unknown key 'log.levl', did you mean "
		"'level'?" },
	{ "{'timers': {'agnet': 5}}", "timers.agnet: no timer has this name, "
		"did you mean 'agent'?" },
	{ "{'timers': {'zzzzzzzz': 5}}", "timers.zzzzzzzz: no timer has this "
		"name" },
	{ "{'trunks': {'': {}}}", "trunks.: a name has 1 to 128" },
	{ "{'bots': {'a\\nb': 'x'}}", "bots.a b: a name has 1 to 128" },
	/* types */
	{ "{'sip': 5}", "sip: must be a table" },
	{ "{'sip': ['x']}", "sip: must be a table" },
	{ "{'sip': {'listen': 'udp:127.0.0.1:5060'}}",
		"sip.listen: must be a list of strings" },
	{ "{'sip': {'listen': {'a': 'b'}}}", "sip.listen: must be a list" },
	{ "{'sip': {'listen': [5]}}", "sip.listen[1]: must be a string" },
	{ "{'sip': {'accept': 'all'}}",
		"sip.accept: must be \"trunks\" or \"any\"" },
	{ "{'log': {'level': 5}}", "log.level: must be \"debug\", \"info\", "
		"\"warn\" or \"error\"" },
	{ "{'trunks': {'o': 'sip:x'}}", "trunks.o: must be a table" },
	{ "{'bots': {'x': 5}}", "bots.x: must be a string" },
	{ "{'bots': {'x': ''}}", "bots.x: must be a path" },
	{ "{'default_bot': true}", "default_bot: must be a string" },
	{ "{'limits': {'calls': 'many'}}",
		"limits.calls: must be a whole number" },
	{ "{'limits': {'calls': 1.5}}",
		"limits.calls: must be a whole number" },
	{ "{'limits': {'calls': -1}}", "limits.calls: must be a whole number" },
	{ "{'limits': {'calls': 0}}", "limits.calls: must be from 1 to "
		"1000000" },
	{ "{'limits': {'handler_memory': '4X'}}",
		"limits.handler_memory: must be a size" },
	{ "{'limits': {'handler_memory': 5}}",
		"limits.handler_memory: must be from 65536 to" },
	{ "{'limits': {'call_duration': 'long'}}",
		"limits.call_duration: must be a duration" },
	{ "{'limits': {'call_duration': 0}}",
		"limits.call_duration: must be from 1 to" },
	{ "{'timers': {'agent': 0}}", "timers.agent: must be from 0.001 to "
		"86400 seconds" },
	{ "{'timers': {'agent': '5 bananas'}}",
		"timers.agent: must be a duration" },
	{ "{'timers': {'t1x64': 0.1}}", "timers.t1x64: must not be below t1" },
	{ "{'timers': ['x']}", "timers: must be a table" },
	/* sip */
	{ "{'sip': {'listen': []}}", "sip.listen: nothing to listen on" },
	{ "{'sip': {'listen': {}}}", "sip.listen: nothing to listen on" },
	{ "{'sip': {'listen': ['udp:localhost:5060']}}",
		"sip.listen[1]: \"udp:localhost:5060\" is no numeric address" },
	{ "{'sip': {'listen': ['udp:127.0.0.1:70000']}}",
		"sip.listen[1]: \"udp:127.0.0.1:70000\" has a port above" },
	{ "{'sip': {'listen': ['127.0.0.1:5060']}}",
		"sip.listen[1]: must be \"udp:ADDRESS:PORT\" or "
		"\"tcp:ADDRESS:PORT\"" },
	{ "{'sip': {'listen': ['udp:127.0.0.1', 'udp:127.0.0.1:5060']}}",
		"sip.listen[2]: \"udp:127.0.0.1:5060\" is there twice" },
	{ "{'sip': {'listen': ['udp:0.0.0.0:5060']}}",
		"sip.listen[1]: an address of this machine must be named" },
	{ "{'sip': {'listen': ['tcp:127.0.0.1', 'tcp:127.0.0.1:5060']}}",
		"sip.listen[2]: \"tcp:127.0.0.1:5060\" is there twice" },
	{ "{'sip': {'listen': ['tcp:127.0.0.1:x']}}", "sip.listen[1]: " },
	{ "{'sip': {'listen': ['tls:127.0.0.1:5060']}}",
		"sip.listen[1]: tls: " LATER },
	{ "{'sip': {'advertise': 'me.example.com'}}", "sip.advertise: "
		"\"me.example.com\" is no numeric address" },
	{ "{'sip': {'advertise': '0.0.0.0'}}", "sip.advertise: \"0.0.0.0\" "
		"is no address that a peer could send to" },
	{ "{'sip': {'advertise': 5}}", "sip.advertise: must be a string" },
	{ "{'sip': {'proxies': '10.0.0.1'}}",
		"sip.proxies: must be a list of strings" },
	{ "{'sip': {'proxies': ['10.0.0.1', 'lb']}}",
		"sip.proxies[2]: \"lb\" must be an address" },
	{ "{'sip': {'tls': {'cert': 'x'}}}", "sip.tls: " LATER },
	/* media */
	{ "{'media': {'mode': 'off'}}",
		"media.mode: must be \"none\" or \"rtp\"" },
	{ "{'media': {'address': 'here'}}",
		"media.address: \"here\" is no numeric address" },
	{ "{'media': {'address': '0.0.0.0'}}",
		"media.address: \"0.0.0.0\" is no address that a peer could "
		"send to: media.advertise must name one" },
	{ "{'media': {'advertise': '::'}}", "media.advertise: \"::\" is no" },
	{ "{'media': {'ports': [5]}}", "media.ports: must be { first, last }" },
	{ "{'media': {'ports': [0, 5]}}", "media.ports: must lie between 1 "
		"and 65535" },
	{ "{'media': {'ports': [5, 70000]}}", "media.ports: must lie between" },
	{ "{'media': {'ports': [500, 400]}}", "media.ports: must lie between" },
	{ "{'media': {'ports': [2001, 2003]}}",
		"media.ports: a call needs 4 ports" },
	{ "{'media': {'codecs': []}}", "media.codecs: must name a codec" },
	{ "{'media': {'codecs': ['PCMU', 'opus']}}",
		"media.codecs[2]: codec \"opus\" is " LATER },
	{ "{'media': {'codecs': ['PCMU', 'pcmu']}}",
		"media.codecs[2]: \"pcmu\" is there twice" },
	{ "{'media': {'threads': 2}}", "media.threads: " LATER },
	/* trunks */
	{ "{'trunks': {'o': {}}}", "trunks.o.uri: is missing" },
	{ "{'trunks': {'o': []}}", "trunks.o.uri: is missing" },
	{ "{'trunks': {'o': {'uri': '127.0.0.1'}}}",
		"trunks.o.uri: \"127.0.0.1\" must begin with \"sip:\"" },
	{ "{'trunks': {'o': {'uri': 'sip:'}}}", "trunks.o.uri: \"sip:\" has "
		"no host" },
	{ "{'trunks': {'o': {'uri': 'sip:pbx.example.com'}}}",
		"trunks.o.match: is needed where the uri's host is a name" },
	{ "{'trunks': {'o': {'uri': 'sip:me@127.0.0.1'}}}",
		"must be \"sip:HOST:PORT\"" },
	{ "{'sip': {'listen': ['udp:127.0.0.1']},"
	  " 'trunks': {'o': {'uri': 'sip:127.0.0.1;transport=tcp'}}}",
		"trunks.o.uri: transport \"tcp\" needs a \"tcp:\" entry" },
	{ "{'trunks': {'o': {'uri': 'sip:127.0.0.1;lr'}}}",
		"trunks.o.uri: \";lr\" is " LATER },
	{ "{'trunks': {'o': {'uri': 'sip:127.0.0.1;transport=tls'}}}",
		"trunks.o.uri: transport \"tls\" is " LATER },
	{ "{'trunks': {'o': {'uri': 'sips:127.0.0.1'}}}",
		"is sips:, which is " LATER },
	{ "{'trunks': {'o': {'uri': 'sip:127.0.0.1:0'}}}",
		"has an invalid port" },
	{ "{'trunks': {'o': {'uri': 'sip:0.0.0.0'}}}", "no address to call" },
	{ "{" TRUNK "'proxy': 'sip:1.2.3.4'}}}",
		"trunks.o.proxy: \"sip:1.2.3.4\" must have \";lr\"" },
	{ "{" TRUNK "'proxy': '1.2.3.4;lr'}}}",
		"trunks.o.proxy: \"1.2.3.4;lr\" must begin with \"sip:\"" },
	{ "{" TRUNK "'proxy': 'sip:1.2.3.4;lr;maddr=1.2.3.5'}}}",
		"must be \"sip:HOST:PORT;lr\"" },
	{ "{" TRUNK "'proxy': 'sip:1.2.3.4;lr;transport=sctp'}}}",
		"trunks.o.proxy: transport \"sctp\" is " LATER },
	{ "{" TRUNK "'proxy': 5}}}", "trunks.o.proxy: must be a string" },
	{ "{" TRUNK "'advertise': 'x'}}}",
		"trunks.o.advertise: \"x\" is no numeric address" },
	{ "{" TRUNK "'register': true}}}", "trunks.o.register: " LATER },
	{ "{" TRUNK "'username': 7}}}", "trunks.o.username: must be a string" },
	{ "{" TRUNK "'username': ''}}}", "trunks.o.username: must not be empty" },
	{ "{" TRUNK "'username': 'a\\\\b'}}}",
		"trunks.o.username: must have neither quotes" },
	{ "{" TRUNK "'username': 'a\\r\\nb'}}}",
		"trunks.o.username: must have neither quotes" },
	{ "{" TRUNK "'password': 'u'}}}",
		"trunks.o.password: needs a username" },
	{ "{" TRUNK "'username': 'u', 'password': true}}}",
		"trunks.o.password: must be a string" },
	{ "{" TRUNK "'username': 'u', 'password': ''}}}",
		"trunks.o.password: must not be empty" },
	{ "{" TRUNK "'from': 'sip:u@h'}}}",
		"trunks.o.from: must be a number or a user's name" },
	{ "{" TRUNK "'from': ''}}}", "trunks.o.from: must be a number" },
	{ "{" TRUNK "'from': true}}}",
		"trunks.o.from: must be a number or a string" },
	{ "{" TRUNK "'caller_id': 'trunk'}}}",
		"trunks.o.caller_id: \"trunk\" needs from or username" },
	{ "{" TRUNK "'caller_id': 'me'}}}",
		"trunks.o.caller_id: must be \"auto\", \"customer\" or "
		"\"trunk\"" },
	{ "{" TRUNK "'asserted_identity': 'yes'}}}",
		"trunks.o.asserted_identity: must be true or false" },
	{ "{" TRUNK "'diversion': 1}}}",
		"trunks.o.diversion: must be true or false" },
	{ "{" TRUNK "'match': ['10.0.0.0/99']}}}",
		"trunks.o.match[1]: \"10.0.0.0/99\" must be an address" },
	{ "{" TRUNK "'match': '10.0.0.0/8'}}}",
		"trunks.o.match: must be a list of strings" },
	{ "{" TRUNK "'refer': 'maybe'}}}",
		"trunks.o.refer: must be \"auto\", \"never\" or \"always\"" },
	{ "{'media': {'mode': 'none'}, " TRUNK "'media': 'node'}}}",
		"trunks.o.media: \"node\" needs media.mode \"rtp\"" },
	{ "{" TRUNK "'headers': ['X-A', 'Via']}}}",
		"trunks.o.headers[2]: \"Via\" is a protected header" },
	{ "{" TRUNK "'headers': ['a b']}}}",
		"trunks.o.headers[1]: \"a b\" is no header name" },
	{ "{" TRUNK "'numbers': {'country': '49'}}}}",
		"trunks.o.numbers: " LATER },
	{ "{" TRUNK "'options_every': '30s'}}}",
		"trunks.o.options_every: " LATER },
	{ "{" TRUNK "'max_calls': 5}}}", "trunks.o.max_calls: " LATER },
	{ "{" TRUNK "'max_cps': 5}}}", "trunks.o.max_cps: " LATER },
	/* the rest of what is to come */
	{ "{'numbers': {'country': '49'}}", "numbers: " LATER },
	{ "{'lists': {'blocked': ['1']}}", "lists: " LATER },
	{ "{'routes': [{'to': '1'}]}", "routes: " LATER },
	{ "{'outbound': [{'to': '1'}]}", "outbound: " LATER },
	{ "{'record': {'directory': 'x'}}", "record: " LATER },
	{ "{'speech': {'tts': 'flite'}}", "speech: " LATER },
	{ "{'http': {'listen': '127.0.0.1:80'}}", "http: " LATER },
	{ "{'control': {'token': 'x'}}", "control.token: " LATER },
	{ "{'control': {'listen': ['tcp:127.0.0.1:1']}}",
		"control.listen[1]: tcp: " LATER },
	{ "{'control': {'listen': ['/tmp/x']}}",
		"control.listen[1]: must be \"unix:PATH\"" },
	{ "{'control': {'listen': ['unix:a', 'unix:a']}}",
		"control.listen[2]: \"a\" is there twice" },
	{ "{'control': {'listen': ['unix:0123456789012345678901234567890123456"
	  "78901234567890123456789012345678901234567890123456789012345678901234"
	  "567890']}}", "is longer than the path of a socket may be" },
	{ "{'timers': {'unhold': 'soon'}}", "timers.unhold: " },
	{ "{'timers': {'session_expires': 0}}", "timers.session_expires: " },
	{ "{'timers': {'session_expires': '2d'}}",
		"timers.session_expires: " },
	{ "{'log': {'file': ''}}", "log.file: must be a path" },
	/* dangling names */
	{ "{'default_bot': 'suport', 'bots': {'support': 'x'}}",
		"default_bot: no bot is named \"suport\", did you mean "
		"\"support\"?" },
	{ "{'channels': {'c': {'bot': 'x'}}}",
		"channels.c.bot: no bot is named \"x\"" },
	{ "{'channels': {'c': {}}}", "channels.c.bot: is missing, and there "
		"is no default_bot" },
	{ "{'channels': {'c': {'trunk': 'ofice', 'bot': 'b'}}, 'bots': {'b':"
	  " 'b'}, 'trunks': {'office': {'uri': 'sip:127.0.0.1'}}}",
		"channels.c.trunk: no trunk is named \"ofice\", did you mean "
		"\"office\"?" },
	{ "{'channels': {'c': {'bot': 'b', 'number': ''}}}",
		"channels.c.number: must not be empty" },
	{ "{'channels': {'c': {'bot': 'b', 'number': '@x'}}}",
		"channels.c.number: number lists are " LATER },
	{ "{'channels': {'c': {'bot': 'b', 'number': '4*9'}}}",
		"channels.c.number: `*` for any rest stands at the end" },
	{ "{'channels': {'c': {'bot': 'b', 'number': ['1']}}}",
		"channels.c.number: must be a number or a string" },
	{ "{'channels': {'c': {'bot': 'b', 'record': true}}}",
		"channels.c.record: " LATER },
	{ "{'channels': {'c': {'bot': 'b', 'lines': 0}}}",
		"channels.c.lines: must be from 1 to" },
	/* more than there is */
	{ "{'limits': {'calls': 5000}}", "limits.calls: 5000 calls need 20000 "
		"ports, media.ports has 16384" },
	{ "{'limits': {'calls': 2}, 'media': {'ports': [2001, 2009]}}",
		"limits.calls: 2 calls need 8 ports, media.ports has 8" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		struct problems p = { 0 };
		struct config *cfg = parse(c[i].text, &p);
		char buf[600];
		bool found = false;

		/* the last case is the border: just enough */
		if (i + 1 == sizeof(c) / sizeof(*c)) {
			assert_non_null(cfg);
			config_free(cfg);
			break;
		}
		if (cfg || !p.errors)
			fail_msg("%s was accepted", c[i].text);
		for (size_t k = 0; k < p.count; k++)
			if (strstr(problem_text(&p, k, buf, sizeof(buf)),
				   c[i].says) &&
			    !strncmp(buf, "dir/x.lua:", 10))
				found = true;
		if (!found)
			fail_msg("%s says: %s", c[i].text,
				 problem_text(&p, 0, buf, sizeof(buf)));
		problems_free(&p);
	}
}

static void all_problems_in_the_order_of_lines(void **state)
{
	struct problems p = { 0 };

	(void)state;
	assert_null(parse("{'trunks': {'o': {'register': true}},"
			  " 'limits': {'calls': 0}, 'bots': 5,"
			  " 'x': 1, 'default_bot': 'b'}", &p));
	assert_int_equal(p.errors, 6);
	for (size_t i = 1; i < p.count; i++)
		assert_true(p.list[i - 1].line <= p.list[i].line);
	problems_free(&p);

	/* what reading the file found counts too */
	problem_add(&p, "x", 1, "earlier");
	assert_null(parse("{}", &p));
	assert_int_equal(p.errors, 1);
	problems_free(&p);
}

static void trees_of_any_shape(void **state)
{
	static const char *const keys[] = {
		"sip", "media", "trunks", "channels", "bots", "timers",
		"limits", "control", "cdr", "log", "default_bot", "http",
	};
	static const char *const values[] = {
		"null", "true", "5", "-1.5", "'x'", "''", "[]", "{}", "[[]]",
		"[null]", "{'a': null}", "{'a': {'a': {'a': 1}}}", "[{}]",
		"{'a': {'uri': null, 'bot': null, 'number': null}}",
		"{'listen': [null, {}, ''], 'ports': ['a', {}]}",
		"{'listen': null, 'codecs': [[], 5], 'file': null}",
		"{'a': {'uri': [], 'match': {'a': 1}, 'headers': [5]}}",
		"{'agent': null, 't1': {}}", "{'calls': 1e300}",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(keys) / sizeof(*keys); i++) {
		for (size_t k = 0; k < sizeof(values) / sizeof(*values); k++) {
			struct problems p = { 0 };
			char text[200];

			snprintf(text, sizeof(text), "{'%s': %s}", keys[i],
				 values[k]);
			config_free(parse(text, &p));
			problems_free(&p);
		}
	}
}

static void paths(void **state)
{
	struct config *c = good("{}");
	char *s;

	(void)state;
	s = config_path(c, "a/b");
	assert_string_equal(s, "dir/a/b");
	free(s);
	s = config_path(c, "/a/b");
	assert_string_equal(s, "/a/b");
	free(s);
	config_free(c);
}

static void trunks_by_source_and_host(void **state)
{
	struct config *c = good(
		"{'trunks': {"
		" 'z': {'uri': 'sip:10.0.0.1:5080', 'match': ['10.0.0.0/8']},"
		" 'm': {'uri': 'sip:10.0.0.1:5090'},"
		" 'v': {'uri': 'sip:[2001:db8::1]'}}}");
	struct sockaddr_in a = { .sin_family = AF_INET };

	(void)state;
	inet_pton(AF_INET, "10.0.0.1", &a.sin_addr);
	assert_string_equal(config_trunk_by_source(c,
		(struct sockaddr *)&a)->name, "m");
	inet_pton(AF_INET, "10.0.0.2", &a.sin_addr);
	assert_string_equal(config_trunk_by_source(c,
		(struct sockaddr *)&a)->name, "z");
	inet_pton(AF_INET, "11.0.0.2", &a.sin_addr);
	assert_null(config_trunk_by_source(c, (struct sockaddr *)&a));
	assert_string_equal(config_trunk_by_host(c, "10.0.0.1", 0)->name, "m");
	assert_string_equal(config_trunk_by_host(c, "10.0.0.1", 5080)->name,
			    "z");
	assert_null(config_trunk_by_host(c, "10.0.0.1", 5060));
	assert_null(config_trunk_by_host(c, "example.com", 0));
	assert_string_equal(config_trunk_by_host(c, "[2001:DB8:0::1]", 5060)
			    ->name, "v");
	assert_string_equal(config_trunk_by_host(c, "2001:db8::1", 0)->name,
			    "v");
	assert_string_equal(config_trunk(c, "z")->name, "z");
	assert_null(config_trunk(c, "zz"));
	config_free(c);
}

/* Names, transports, proxies, and what we are called. */
static void ways(void **state)
{
	struct config *c = good(
		"{'sip': {'listen': ['udp:10.0.0.1:5060', 'tcp:10.0.0.1:5060'],"
		"  'advertise': '192.0.2.9', 'proxies': ['10.0.0.0/24']},"
		" 'trunks': {"
		"  'a': {'uri': 'sip:PBX.example.com', 'match': {}},"
		"  'b': {'uri': 'sip:b.example.com:5070;transport=TCP',"
		"   'proxy': 'sip:10.0.0.5;lr', 'advertise': '10.0.0.9'},"
		"  'c': {'uri': 'sip:127.0.0.1;transport=udp'}}}");
	struct sockaddr_in from = { .sin_family = AF_INET };

	(void)state;
	assert_string_equal(c->advertise, "192.0.2.9");
	assert_string_equal(c->media_advertise, "192.0.2.9");
	assert_int_equal(c->trunks[0].port, 0);
	assert_false(c->trunks[0].numeric);
	assert_int_equal(c->trunks[0].match_count, 0);
	assert_null(c->trunks[0].transport);
	assert_string_equal(c->trunks[1].transport, "tcp");
	assert_string_equal(c->trunks[1].proxy, "sip:10.0.0.5;lr");
	assert_string_equal(c->trunks[1].advertise, "10.0.0.9");
	/* its calls come through the proxy */
	assert_int_equal(c->trunks[1].match_count, 1);
	assert_string_equal(c->trunks[2].transport, "udp");
	assert_string_equal(config_trunk_by_host(c, "pbx.EXAMPLE.com", 0)
			    ->name, "a");
	assert_string_equal(config_trunk_by_host(c, "pbx.example.com", 5060)
			    ->name, "a");
	assert_null(config_trunk_by_host(c, "pbx.example.com", 5061));
	assert_null(config_trunk_by_host(c, "example.com", 0));
	inet_pton(AF_INET, "10.0.0.77", &from.sin_addr);
	assert_true(config_is_proxy(c, (struct sockaddr *)&from));
	inet_pton(AF_INET, "10.0.1.77", &from.sin_addr);
	assert_false(config_is_proxy(c, (struct sockaddr *)&from));
	assert_false(config_is_proxy(c, NULL));
	config_free(c);
}

static void channels_by_trunk_and_number(void **state)
{
	struct config *c = good(
		"{'trunks': {'a': {'uri': 'sip:10.0.0.1'},"
		"            'b': {'uri': 'sip:10.0.0.2'}},"
		" 'bots': {'x': 'x'}, 'default_bot': 'x', 'channels': {"
		" 'any': {'trunk': 'b'},"
		" 'exact': {'trunk': 'a', 'number': '+49 30 5551'},"
		" 'all': {'number': '49305551'},"
		" 'short': {'trunk': 'a', 'number': '4930*'},"
		" 'long': {'trunk': 'a', 'number': '493055*'}}}");
	const struct trunk *a = config_trunk(c, "a");
	const struct trunk *b = config_trunk(c, "b");

	(void)state;
	assert_string_equal(config_channel_for(c, a, "+49305551")->id,
			    "exact");
	assert_string_equal(config_channel_for(c, b, "+49305551")->id, "all");
	assert_string_equal(config_channel_for(c, NULL, "49-30-5551")->id,
			    "all");
	assert_string_equal(config_channel_for(c, a, "49305552")->id, "long");
	assert_string_equal(config_channel_for(c, a, "4930")->id, "short");
	assert_string_equal(config_channel_for(c, b, "4930")->id, "any");
	assert_null(config_channel_for(c, a, "200"));
	assert_null(config_channel_for(c, NULL, "200"));
	config_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(embedded_defaults),
		cmocka_unit_test(every_key_that_is_built),
		cmocka_unit_test(identity_of_a_trunk),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(all_problems_in_the_order_of_lines),
		cmocka_unit_test(trees_of_any_shape),
		cmocka_unit_test(paths),
		cmocka_unit_test(trunks_by_source_and_host),
		cmocka_unit_test(ways),
		cmocka_unit_test(channels_by_trunk_and_number),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
