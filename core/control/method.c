#include "method.h"

#include <stdlib.h>
#include <string.h>

#include "core/action.h"
#include "core/engine.h"
#include "core/log.h"
#include "core/problem.h"
#include "method_bot.h"
#include "peer.h"
#include "serve.h"

#define EVENT_NAME_MAX 64
#define REASON_MAX 256

static const char *string_param(const struct request *r, const char *name)
{
	return json_string_value(json_object_get(r->params, name));
}

static int give_nothing(struct request *r)
{
	msgpack_pack_map(&r->pk, 0);
	return 0;
}

/* Takes the reference. */
static int give_json(struct request *r, json_t *json)
{
	if (!json)
		return request_fail_uv(r, UV_ENOMEM, NULL);
	pack_json(&r->pk, json);
	json_decref(json);
	return 0;
}

/* Adds what `from` has to `to`; takes the reference of `from`. */
static void merge(json_t *to, json_t *from)
{
	if (from)
		json_object_update(to, from);
	json_decref(from);
}

/* The live call that parameter `call` names, or NULL with the error. */
static struct call *find_call(struct request *r)
{
	const char *id = string_param(r, "call");
	struct call *call = engine_call(r->c->o.engine, id);

	if (call)
		return call;
	if (engine_call_is_gone(r->c->o.engine, id))
		request_fail(r, "gone", "call %.100s is over", id);
	else
		request_fail(r, "not_found", "there is no call %.100s", id);
	return NULL;
}

/* ---- node, log ---- */

static int node_info(struct request *r)
{
	const struct control_options *o = &r->c->o;
	json_t *info = json_pack("{s:s, s:s, s:I, s:i, s:b, s:I}",
		"node", event_bus_node(o->bus),
		"boot", event_bus_boot(o->bus),
		"seq", (json_int_t)event_bus_seq(o->bus),
		"v", 1,
		"draining", (int)engine_draining(o->engine),
		"calls", (json_int_t)engine_calls(o->engine));

	if (info && o->info)
		merge(info, o->info(o->arg));
	return give_json(r, info);
}

static json_t *control_stats(const struct control *c)
{
	const struct control_counters *n = &c->count;

	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I}",
		"clients", (json_int_t)c->peer_count,
		"subscribers", (json_int_t)c->subscriber_count,
		"clients_total", (json_int_t)n->clients,
		"refused", (json_int_t)n->refused,
		"requests", (json_int_t)n->requests,
		"errors", (json_int_t)n->errors,
		"malformed", (json_int_t)n->malformed,
		"dropped", (json_int_t)n->dropped,
		"ring_bytes", (json_int_t)c->stream.bytes);
}

static int node_stats(struct request *r)
{
	const struct control_options *o = &r->c->o;
	json_t *stats = json_object();

	if (stats) {
		merge(stats, engine_stats(o->engine));
		merge(stats, o->stats ? o->stats(o->arg) : NULL);
		json_object_set_new(stats, "control", control_stats(r->c));
	}
	return give_json(r, stats);
}

static int node_drain(struct request *r)
{
	if (!r->c->o.drain)
		return request_fail(r, "not_found",
				    "not available on this node");
	r->c->o.drain(r->c->o.arg);
	return give_nothing(r);
}

static int set_log_level(struct request *r)
{
	enum log_level level;

	if (log_level_parse(string_param(r, "level"), &level) != 0)
		return request_fail(r, "invalid",
			"level: must be debug, info, warn or error");
	log_level_set(level);
	return give_nothing(r);
}

/* ---- calls ---- */

struct lister {
	msgpack_packer *pk;
	size_t count;
	bool failed;
};

static void list_one(struct call *call, void *arg)
{
	struct lister *l = arg;
	json_t *json = call_describe(call);

	if (json) {
		pack_json(l->pk, json);
		l->count++;
	}
	l->failed |= !json;
	json_decref(json);
}

static int call_list(struct request *r)
{
	struct packed *b = &r->c->scratch;
	struct lister l = { .pk = &r->pk };
	size_t at;

	msgpack_pack_map(&r->pk, 3);
	pack_text(&r->pk, "boot");
	pack_text(&r->pk, event_bus_boot(r->c->o.bus));
	pack_text(&r->pk, "seq");
	msgpack_pack_uint64(&r->pk, event_bus_seq(r->c->o.bus));
	pack_text(&r->pk, "calls");

	/*
	 * One call at a time goes from JSON to the answer, so that ten
	 * thousand of them need no tree. Their number is put in afterwards,
	 * in an array header of the 32-bit form.
	 */
	at = b->len;
	msgpack_pack_array(&r->pk, UINT32_MAX);
	engine_each(r->c->o.engine, list_one, &l);
	if (l.failed || b->failed)
		return request_fail_uv(r, UV_ENOMEM, NULL);
	for (unsigned i = 0; i < 4; i++)
		b->data[at + 1 + i] = (char)(l.count >> (24 - 8 * i) & 0xff);
	return 0;
}

static int call_get(struct request *r)
{
	const struct call *call = find_call(r);

	return call ? give_json(r, call_describe(call)) : -1;
}

static int give_transfer(struct request *r, const char *transfer)
{
	msgpack_pack_map(&r->pk, 1);
	pack_text(&r->pk, "transfer");
	pack_text(&r->pk, transfer);
	return 0;
}

/* 1: answered from memory; 0: to be carried out; -1: refused. */
static int look_up_key(struct request *r, const char *key, const char *id)
{
	const char *transfer;

	if (strlen(key) > KEY_LEN_MAX)
		return request_fail(r, "invalid", "key: longer than %d bytes",
				    KEY_LEN_MAX);
	switch (keys_find(&r->c->keys, uv_now(r->c->o.uv), key, id,
			  &transfer)) {
	case 0:
		return 0;
	case 1:
		give_transfer(r, transfer);
		return 1;
	case UV_EEXIST:
		return request_fail(r, "conflict",
				    "key: it was used for another call");
	default:
		return request_fail(r, "limit", "key: too many keys in the "
				    "last 10 minutes");
	}
}

static int call_switch(struct request *r)
{
	const char *key = string_param(r, "key");
	const char *id = string_param(r, "call");
	const char *transfer = NULL;
	struct action_error e = { "" };
	struct action *a = NULL;
	struct call *call;
	json_t *fields;
	int err;

	if (key) {
		err = look_up_key(r, key, id);
		if (err)
			return err > 0 ? 0 : err;
	}
	call = find_call(r);
	if (!call)
		return -1;

	fields = json_copy(r->params);
	if (!fields)
		return request_fail_uv(r, UV_ENOMEM, NULL);
	json_object_del(fields, "call");
	json_object_del(fields, "key");
	err = action_parse_switch(&a, fields, id, &e);
	json_decref(fields);
	if (!err)
		err = call_act(call, BY_CONTROL, a, &e, &transfer);
	if (err)
		return request_fail_uv(r, err, e.text);

	if (!transfer)
		transfer = "";
	if (key && keys_add(&r->c->keys, uv_now(r->c->o.uv), key, id,
			    transfer) != 0)
		log_line(LOG_WARN, id, "out of memory: a repeat of the "
			 "control request with key %s would not be known",
			 key);
	return give_transfer(r, transfer);
}

static int call_raise(struct request *r)
{
	const char *name = string_param(r, "name");
	struct call *call = find_call(r);
	int err;

	if (!call)
		return -1;
	if (strlen(name) > EVENT_NAME_MAX)
		return request_fail(r, "invalid",
			"name: longer than %d bytes", EVENT_NAME_MAX);

	err = call_event(call, name, json_object_get(r->params, "data"));
	return err ? request_fail_uv(r, err, NULL) : give_nothing(r);
}

static int call_end(struct request *r)
{
	const char *reason = string_param(r, "reason");
	struct call *call = find_call(r);

	if (!call)
		return -1;
	if (reason && strlen(reason) > REASON_MAX)
		return request_fail(r, "invalid",
			"reason: longer than %d bytes", REASON_MAX);
	call_hangup(call, BY_CONTROL, reason);
	return give_nothing(r);
}

static int cancel_transfer(struct request *r)
{
	struct call *call = find_call(r);

	if (!call)
		return -1;
	if (call_cancel(call, BY_CONTROL))
		return request_fail(r, "conflict", "no transfer is under way");
	return give_nothing(r);
}

/* ---- events ---- */

static int read_types(struct request *r, uint32_t *types)
{
	const json_t *list = json_object_get(r->params, "types");
	const char *names[EVENT_TYPES + 1] = { NULL };
	const json_t *v;
	size_t i;

	*types = 0;
	json_array_foreach(list, i, v) {
		const int type = event_find(json_string_value(v));
		const char *near;

		if (type >= 0) {
			*types |= UINT32_C(1) << type;
			continue;
		}
		for (int k = 0; k < EVENT_TYPES; k++)
			names[k] = event_table[k].name;
		near = nearest_word(json_string_value(v), names);
		return request_fail(r, "invalid",
			"types: there is no event %.100s%s%s",
			json_string_value(v), near ? "; did you mean " : "",
			near ? near : "");
	}
	if (!*types)
		*types = UINT32_MAX;
	return 0;
}

static int read_since(struct request *r, bool *gap)
{
	const json_t *since = json_object_get(r->params, "since");
	const json_t *boot = json_object_get(since, "boot");
	const json_t *seq = json_object_get(since, "seq");
	uint64_t n;

	*gap = false;
	if (!since)
		return 0;
	if (!json_is_string(boot) || !json_is_integer(seq) ||
	    json_integer_value(seq) < 0 || json_object_size(since) != 2)
		return request_fail(r, "invalid", "since: must be "
				    "{boot = string, seq = integer from 0}");

	n = (uint64_t)json_integer_value(seq);
	if (strcmp(json_string_value(boot), event_bus_boot(r->c->o.bus)) ||
	    !stream_has(&r->c->stream, n)) {
		*gap = true;
		return 0;
	}
	if (r->peer->replay_bytes)
		return request_fail(r, "limit", "since: events of an earlier "
				    "replay are not read yet");
	r->replay = true;
	r->since = n;
	return 0;
}

static int events_subscribe(struct request *r)
{
	const char *call = string_param(r, "call");
	struct filter f = { 0 };
	bool gap;

	if (read_types(r, &f.types) != 0 || read_since(r, &gap) != 0)
		return -1;
	if (call) {
		f.call = strdup(call);
		if (!f.call)
			return request_fail_uv(r, UV_ENOMEM, NULL);
	}
	peer_subscribe(r->peer, f);

	msgpack_pack_map(&r->pk, gap ? 3 : 2);
	pack_text(&r->pk, "boot");
	pack_text(&r->pk, event_bus_boot(r->c->o.bus));
	pack_text(&r->pk, "seq");
	msgpack_pack_uint64(&r->pk, event_bus_seq(r->c->o.bus));
	if (gap) {
		pack_text(&r->pk, "gap");
		msgpack_pack_true(&r->pk);
	}
	return 0;
}

static int events_unsubscribe(struct request *r)
{
	peer_unsubscribe(r->peer);
	return give_nothing(r);
}

/* ---- the table ---- */

#define CALL { "call", PARAM_STRING, true }

const struct method method_table[] = {
	{ "node.info", node_info },
	{ "node.stats", node_stats },
	{ "node.drain", node_drain },
	{ "node.reload", method_node_reload },
	{ "bot.list", method_bot_list },
	{ "bot.reload", method_bot_reload, { { "bot", PARAM_STRING, true } } },
	{ "log.level", set_log_level, { { "level", PARAM_STRING, true } } },
	{ "call.list", call_list },
	{ "call.get", call_get, { CALL } },
	{ "call.switch", call_switch, { CALL, { "key", PARAM_STRING } },
		.fields = true },
	{ "call.event", call_raise, { CALL, { "name", PARAM_STRING, true },
		{ "data", PARAM_ANY } } },
	{ "call.hangup", call_end, { CALL, { "reason", PARAM_STRING } } },
	{ "transfer.cancel", cancel_transfer, { CALL } },
	{ "events.subscribe", events_subscribe, { { "types", PARAM_LIST },
		{ "call", PARAM_STRING }, { "since", PARAM_MAP } } },
	{ "events.unsubscribe", events_unsubscribe },
	{ "service.register", serve_register, {
		{ "name", PARAM_STRING, true },
		{ "methods", PARAM_LIST, true } } },
	/* of the protocol, but not of this version */
	{ "auth" }, { "node.undrain" },
	{ "call.originate" }, { "call.say" }, { "call.play" },
	{ "call.dtmf" }, { "call.record" },
	{ "trunk.list" }, { "trunk.set" },
	{ "channel.list" }, { "list.get" }, { "list.add" },
	{ "list.remove" },
};
const size_t method_count = sizeof(method_table) / sizeof(method_table[0]);

static int unknown_method(struct request *r)
{
	const char *names[sizeof(method_table) / sizeof(method_table[0]) + 1] =
		{ NULL };
	const char *near;
	size_t n = 0;

	for (size_t i = 0; i < method_count; i++)
		if (method_table[i].h)
			names[n++] = method_table[i].name;
	near = nearest_word(r->method, names);
	return request_fail(r, "not_found", "unknown method %s%s%s", r->method,
			    near ? "; did you mean " : "", near ? near : "");
}

static int unknown_param(struct request *r, const struct method *m,
			 const char *name)
{
	const char *names[PARAMS_MAX + 1] = { NULL };
	const char *near;

	for (int i = 0; i < PARAMS_MAX; i++)
		names[i] = m->params[i].name;
	near = nearest_word(name, names);
	return request_fail(r, "invalid", "%.100s: %s has no such parameter"
			    "%s%s", name, m->name,
			    near ? "; did you mean " : "", near ? near : "");
}

static bool is_list_of_strings(const json_t *v)
{
	const json_t *item;
	size_t i;

	if (!json_is_array(v))
		return false;
	json_array_foreach(v, i, item)
		if (!json_is_string(item))
			return false;
	return true;
}

static int check_param(struct request *r, const struct param *p,
		       const json_t *v)
{
	switch (p->type) {
	case PARAM_STRING:
		if (!json_is_string(v) || !json_string_length(v))
			return request_fail(r, "invalid", "%s: must be a "
					    "string that is not empty",
					    p->name);
		if (strlen(json_string_value(v)) != json_string_length(v))
			return request_fail(r, "invalid", "%s: contains NUL",
					    p->name);
		return 0;
	case PARAM_LIST:
		if (!is_list_of_strings(v))
			return request_fail(r, "invalid", "%s: must be a list "
					    "of strings", p->name);
		return 0;
	case PARAM_MAP:
		if (!json_is_object(v))
			return request_fail(r, "invalid", "%s: must be a map",
					    p->name);
		return 0;
	case PARAM_ANY:
		return 0;
	}
	return 0;
}

static int check_params(struct request *r, const struct method *m)
{
	const char *name;
	json_t *v;
	void *tmp;

	/* An absent value is an absent key; from clients whose language
	 * makes that hard we take nil for absent, too. */
	json_object_foreach_safe(r->params, tmp, name, v)
		if (json_is_null(v))
			json_object_del(r->params, name);

	json_object_foreach(r->params, name, v) {
		int i = 0;

		while (i < PARAMS_MAX && m->params[i].name &&
		       strcmp(m->params[i].name, name))
			i++;
		if (i < PARAMS_MAX && m->params[i].name) {
			if (check_param(r, &m->params[i], v) != 0)
				return -1;
		}
		else if (!m->fields) {
			return unknown_param(r, m, name);
		}
	}
	for (int i = 0; i < PARAMS_MAX && m->params[i].name; i++)
		if (m->params[i].required &&
		    !json_object_get(r->params, m->params[i].name))
			return request_fail(r, "invalid", "%s: missing",
					    m->params[i].name);
	return 0;
}

int method_run(struct request *r)
{
	for (size_t i = 0; i < method_count; i++) {
		const struct method *m = &method_table[i];

		if (strcmp(m->name, r->method))
			continue;
		if (!m->h)
			return request_fail(r, "not_found", "%s: not "
				"available in this version", m->name);
		return check_params(r, m) == 0 ? m->h(r) : -1;
	}
	return unknown_method(r);
}
