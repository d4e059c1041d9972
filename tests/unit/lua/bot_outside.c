/* What a bot asks outside its call: services of a fake client, the waits. */
#include "bot_fixture.h"

#include <string.h>
#include <uv.h>

#include "core/reach.h"
#include "core/service.h"
#include "core/store/store.h"
#include "lua/scripting.h"

static struct services *services;
static struct service *crm;
static uint32_t last_id;
static char last_method[64];
static json_t *last_params;
static int send_result;

static int on_send(void *arg, uint32_t id, const char *method, json_t *params)
{
	(void)arg;
	last_id = id;
	snprintf(last_method, sizeof(last_method), "%s", method);
	json_decref(last_params);
	last_params = json_incref(params);
	return send_result;
}

static int ask(void *all, const char *name, const char *method,
	       json_t *params, uint64_t ms, errand_h *h, void *arg,
	       struct errand **ep)
{
	return services_ask(all, name, method, params, ms, h, arg, ep);
}

static void serve(struct desk *d, const char *source)
{
	static const char *const methods[] = { "find" };

	desk_open(d, source);
	services = services_new(d->loop);
	assert_int_equal(service_offer(services, "crm", methods, 1,
		&(struct service_port){ on_send, &crm }, &crm), 0);
	lua_scripting_reach(d->sc, &(struct reach){
		.request = ask, .request_arg = services,
		.request_ms = 5000, .client_ms = 1000 });
	send_result = 0;
}

static void over(struct desk *d)
{
	json_decref(last_params);
	last_params = NULL;
	services_free(services);
	desk_close(d);
}

static void answer(const char *json)
{
	json_t *v = json_loads(json, JSON_DECODE_ANY, NULL);

	service_answer(crm, last_id, v, NULL);
	json_decref(v);
}

#define ASKS "return bot { function(call) call.session.n = 1 " \
	"local r, why = call:request('crm', 'find', { n = 1 }) " \
	"call:react(tostring(r and r.name or r) .. ' ' .. tostring(why)) " \
	"end, states = { H = { event = 'hangup', function() log 'hung up' " \
	"end }, E = { event = 'e', noContext = true, 'e' } } }"

static void it_waits_for_the_answer(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	serve(&d, ASKS);
	call_in(&d, &c, "");
	start(&c);
	expect(&c, "");
	assert_string_equal(last_method, "find");
	assert_int_equal(json_integer_value(json_object_get(last_params,
							    "n")), 1);
	raise_event(&c, "e");		/* queues behind it */
	expect(&c, "");
	loop_advance(d.loop, 1000);
	answer("{\"name\":\"Ann\"}");
	turn(&c);
	expect(&c, "say Ann nil\nsay e");
	hang(&c);
	over(&d);
}

static void it_fails(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	serve(&d, ASKS);
	call_in(&d, &c, "");
	start(&c);
	loop_advance(d.loop, 4999);
	expect(&c, "");
	loop_advance(d.loop, 1);
	expect(&c, "say nil timeout");
	answer("1");			/* nobody's */
	start(&c);
	service_answer(crm, last_id, NULL, "busy");
	turn(&c);
	expect(&c, "say nil busy");
	send_result = UV_ENOBUFS;
	start(&c);
	expect(&c, "say nil limit");
	send_result = 0;
	start(&c);
	service_leave(crm);
	turn(&c);
	expect(&c, "say nil gone");
	start(&c);
	expect(&c, "say nil not_found");
	hang(&c);
	over(&d);
}

static void a_call_that_ends_takes_it_back(void **state)
{
	struct service_stats st;
	struct desk d;
	struct caller c;

	(void)state;
	serve(&d, ASKS);
	call_in(&d, &c, "");
	start(&c);
	services_stats(services, &st);
	assert_int_equal(st.waiting, 1);
	hang(&c);
	services_stats(services, &st);
	assert_int_equal(st.waiting, 0);
	answer("1");
	over(&d);
}

static void who_leaves_waits_for_it(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	serve(&d, ASKS);
	call_in(&d, &c, "");
	start(&c);
	leave(&c, "hangup");
	turn(&c);
	expect(&c, "");
	answer("{\"name\":\"Ann\"}");
	turn(&c);
	expect(&c, "state /H\nlog hung up\ndrained");
	hang(&c);
	over(&d);
}

static void where_it_cannot_wait(void **state)
{
	(void)state;
	check_script("local t = setmetatable({}, { __index = function() "
		     "return call:request('a', 'b') end }) return t.x",
		     "error bot.lua:2: cannot wait here in /\n"
		     "say Sorry, I did not understand you.\nhangup");
	check_script("local co = coroutine.create(function() "
		     "return call:http { url = 'http://a' } end) "
		     "log((select(2, coroutine.resume(co))):match ': (.+)')",
		     "log cannot wait here");
}

static void without_a_network(void **state)
{
	(void)state;
	check_script("log(select(2, call:http { url = 'http://a' })) "
		     "log(select(2, call:request('a', 'b')))",
		     "log unreachable\nlog not_found");
	check_script("call:request('a', 'b', 7)",
		     "error bot.lua:2: bad argument #3 to 'request' (table "
		     "expected, got number) in /\n"
		     "say Sorry, I did not understand you.\nhangup");
}

/* The table that is also a verb is plain data all the same. */
static void the_request_may_be_kept(void **state)
{
	(void)state;
	check_script("call.session.r = call.request "
		     "log(call.session.r.from) log(call.request)",
		     "log 49301\nlog {\"channel\":\"desk\",\"from\":\"49301\","
		     "\"headers\":{\"Via\":\"a, b\",\"X-Id\":\"7\"},\"query\":"
		     "\"/start\",\"to\":\"100\"}");
	check_script("log(pcall(setmetatable, call.request, {}))",
		     "log false");
}

/* An answer costs what it is large. */
static void answers_are_metered(void **state)
{
	struct desk d;
	struct caller c;
	json_t *v = json_array();

	(void)state;
	serve(&d, ASKS);
	for (int i = 0; i < 1000000; i++)
		json_array_append_new(v, json_integer(i));
	call_in(&d, &c, "");
	start(&c);
	service_answer(crm, last_id, v, NULL);
	turn(&c);
	assert_int_equal(c.errors, 1);
	hang(&c);
	json_decref(v);
	over(&d);
}

/* The first handler waits for what is kept, however long others' reading
 * takes. */
static void no_handler_runs_before_it_is_read(void **state)
{
	struct caller a, b;
	struct desk d;

	(void)state;
	desk_open(&d, "return bot { function(call) local n = call.client.n "
		  "call.client.n = (n or 0) + 1 return tostring(n) end }");
	call_in(&d, &b, "2");
	start(&b);
	expect(&b, "say nil");
	hang(&b);
	call_in(&d, &a, "1");
	call_in(&d, &b, "2");		/* is read after it */
	b.s->ops->query(b.s, QUERY_START, "/start", 6);
	turn(&b);
	expect(&b, "say 1");
	hang(&a);
	hang(&b);
	desk_close(&d);
}

static void client_is_read_where_it_is_named(void **state)
{
	struct desk d;
	struct caller c;

	(void)state;
	desk_open(&d, "return bot { function(call) "
		  "return tostring(call['cli' .. 'ent'].n) end }");
	call_in(&d, &c, "49301");
	start(&c);
	expect_part(&c, "no source of the bot names call.client");
	hang(&c);
	desk_close(&d);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_waits_for_the_answer),
		cmocka_unit_test(it_fails),
		cmocka_unit_test(a_call_that_ends_takes_it_back),
		cmocka_unit_test(who_leaves_waits_for_it),
		cmocka_unit_test(where_it_cannot_wait),
		cmocka_unit_test(without_a_network),
		cmocka_unit_test(the_request_may_be_kept),
		cmocka_unit_test(answers_are_metered),
		cmocka_unit_test(no_handler_runs_before_it_is_read),
		cmocka_unit_test(client_is_read_where_it_is_named),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
