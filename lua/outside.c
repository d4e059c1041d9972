/**
 * @file outside.c  Verbs that ask somebody outside: call:http, call:request
 *
 * The errand is started, the handler left, and entered again when its answer
 * is there. One that ends before takes its errand back.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/config.h"
#include "core/fetch/fetch.h"
#include "core/log.h"
#include "core/problem.h"
#include "callobject.h"
#include "meter.h"
#include "plain.h"
#include "session.h"
#include "shard.h"
#include "verbs.h"

#define ASK_COST 1000		/* instructions */
#define BYTES_PER_INSTRUCTION 4
#define PARAMS_BYTES (64 * 1024)

/* ---- both ---- */

static void on_answer(const json_t *result, const char *reason, void *arg)
{
	struct run *run = arg;

	run->errand = NULL;
	run->answer = json_incref((json_t *)result);
	run->reason = result ? NULL : strdup(reason ? reason : "error");
	run->ready = true;
	session_wake(run->s);
}

/* What it takes to make a value of Lua from it. */
static size_t weight(const json_t *v)
{
	const char *key;
	size_t n = 16, i;
	json_t *item;

	if (json_is_string(v))
		n += json_string_length(v);
	json_array_foreach(v, i, item)
		n += weight(item);
	json_object_foreach((json_t *)v, key, item)
		n += strlen(key) + weight(item);
	return n;
}

static int answered(lua_State *L, int status, lua_KContext ctx)
{
	struct run *run = call_check(L, 1);

	(void)status;
	(void)ctx;
	if (!run->answer)
		return verb_refused(L, run->reason ? run->reason : "limit");
	meter_charge(L, weight(run->answer) / BYTES_PER_INSTRUCTION);
	plain_push(L, run->answer);
	json_decref(run->answer);
	run->answer = NULL;
	return 1;
}

/* Before something is asked: what the last one left, and the replies. */
static void prepare(lua_State *L, struct run *run)
{
	verb_check_wait(L, run);
	run_checkpoint(L, run, true);
	json_decref(run->answer);
	run->answer = NULL;
	free(run->reason);
	run->reason = NULL;
	run->ready = false;
}

/* A duration of at most `max` in ms; NULL: `def`. 0 or a line in `err`. */
static int read_timeout(const json_t *v, uint64_t def, uint64_t max,
			uint64_t *ms, char *err, size_t size)
{
	*ms = def;
	if (!v)
		return 0;
	if (!duration_parse(v, ms) && *ms && *ms <= max)
		return 0;
	snprintf(err, size, "timeout: must be a duration above 0, up to %g "
		 "seconds", (double)max / 1000);
	return UV_EINVAL;
}

/* ---- http ---- */

static int unknown_field(const char *key, char *err, size_t size)
{
	static const char *const known[] = {
		"body", "headers", "method", "timeout", "url", NULL,
	};
	const char *near;

	for (size_t i = 0; known[i]; i++)
		if (!strcmp(known[i], key))
			return 0;
	near = nearest_word(key, known);
	snprintf(err, size, "'%.60s' is no field of it%s%s%s", key,
		 near ? ", did you mean '" : "", near ? near : "",
		 near ? "'?" : "");
	return UV_EINVAL;
}

/* Numbers become texts; a body that is a table becomes JSON. */
static int read_headers(json_t *headers, char *err, size_t size)
{
	const char *key;
	void *tmp;
	json_t *v;

	if (headers && json_is_array(headers) && json_array_size(headers)) {
		snprintf(err, size, "headers: a table of names is needed");
		return UV_EINVAL;
	}
	json_object_foreach_safe(headers, tmp, key, v) {
		if (json_is_integer(v) && json_object_set_new(headers, key,
				json_sprintf("%lld", (long long)
					     json_integer_value(v))))
			return UV_ENOMEM;
	}
	return 0;
}

static bool names_type(const json_t *headers)
{
	static const char type[] = "content-type";
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)headers, key, v) {
		size_t i = 0;

		while (key[i] && (key[i] | 0x20) == type[i])
			i++;
		if (!key[i] && !type[i])
			return true;
	}
	return false;
}

struct http {
	json_t *map;
	char *json;			/* a body made of a table */
	struct fetch_request r;
};

static int read_http(struct http *q, const struct lua_scripting *sc,
		     char *err, size_t size)
{
	json_t *body = json_object_get(q->map, "body");
	json_t *headers = json_object_get(q->map, "headers");
	const json_t *method = json_object_get(q->map, "method");
	const json_t *url = json_object_get(q->map, "url");
	const char *key;
	json_t *v;
	int rc = 0;

	if (!json_is_object(q->map)) {
		snprintf(err, size, "named fields are needed, not a list");
		return UV_EINVAL;
	}
	json_object_foreach(q->map, key, v)
		if (unknown_field(key, err, size))
			return UV_EINVAL;
	if (!json_is_string(url) ||
	    strlen(json_string_value(url)) != json_string_length(url)) {
		snprintf(err, size, "url: a text is needed");
		return UV_EINVAL;
	}
	if (method && !json_is_string(method)) {
		snprintf(err, size, "method: a text is needed");
		return UV_EINVAL;
	}
	rc = read_headers(headers, err, size);
	if (rc)
		return rc;
	if (headers && !json_is_object(headers))
		headers = NULL;
	if (json_is_object(body) || json_is_array(body)) {
		q->json = json_dumps(body, JSON_COMPACT);
		if (!q->json) {
			snprintf(err, size, "body: not all of its texts are "
				 "UTF-8");
			return UV_EINVAL;
		}
		if (!headers) {
			headers = json_object();
			if (!headers || json_object_set_new(q->map, "headers",
							    headers))
				return UV_ENOMEM;
		}
		if (!names_type(headers) &&
		    json_object_set_new(headers, "Content-Type",
					json_string("application/json")))
			return UV_ENOMEM;
	} else if (body && !json_is_string(body)) {
		snprintf(err, size, "body: a text or a table is needed");
		return UV_EINVAL;
	}
	q->r = (struct fetch_request){
		.method = method ? json_string_value(method)
			: body ? "POST" : "GET",
		.url = json_string_value(url), .headers = headers,
		.body = q->json ? q->json : json_string_value(body),
		.len = q->json ? strlen(q->json) : json_string_length(body),
	};
	return read_timeout(json_object_get(q->map, "timeout"),
			    sc->reach.http_ms < FETCH_MS_MAX
			    ? sc->reach.http_ms : FETCH_MS_MAX, FETCH_MS_MAX,
			    &q->r.ms, err, size);
}

/* 0, or what keeps it from being asked. Never raises. */
static int start_http(lua_State *L, struct run *run, char *err, size_t size)
{
	const struct plain_options o = {
		.bytes = FETCH_BODY_MAX + FETCH_HEADERS_MAX + FETCH_URL_MAX,
	};
	struct lua_scripting *sc = run->s->shard->bot->sc;
	struct http q = { 0 };
	char text[256];
	int rc = UV_EINVAL;

	q.map = plain_json(L, 2, &o, "call:http", err, size);
	if (!q.map)
		return rc;
	rc = read_http(&q, sc, text, sizeof(text));
	/* Where bots are tried out they hear what they would of a network
	 * that is down. */
	if (!rc && !sc->reach.http) {
		snprintf(text, sizeof(text), "there is no network here");
		rc = UV_ENETUNREACH;
	}
	if (!rc)
		rc = sc->reach.http(sc->reach.http_arg, &q.r, on_answer, run,
				    &run->errand, text, sizeof(text));
	if (rc == UV_ENOMEM)
		snprintf(text, sizeof(text), "out of memory");
	if (rc)
		snprintf(err, size, "call:http: %s", text);
	free(q.json);
	json_decref(q.map);
	return rc;
}

int l_call_http(lua_State *L)
{
	/* What is no mistake of the bot's. */
	static const struct { int rc; const char *reason; } soft[] = {
		{ UV_EACCES, "not_allowed" },
		{ UV_EAGAIN, "limit" },
		{ UV_ENETUNREACH, "unreachable" },
	};
	struct run *run = call_check(L, 1);
	char err[320];
	const struct reach *reach = &run->s->shard->bot->sc->reach;
	int rc;

	luaL_checktype(L, 2, LUA_TTABLE);
	if (reach->no_http)
		return luaL_error(L, "call:http: %s", reach->no_http);
	meter_charge(L, ASK_COST);
	prepare(L, run);
	rc = start_http(L, run, err, sizeof(err));
	if (!rc)
		return verb_wait(L, run, WAIT_OUTSIDE, answered);
	for (size_t i = 0; i < sizeof(soft) / sizeof(*soft); i++) {
		if (soft[i].rc != rc)
			continue;
		log_line(LOG_WARN, session_id(run->s), "%s", err);
		return verb_refused(L, soft[i].reason);
	}
	meter_tick(L);
	return luaL_error(L, "%s", err);
}

/* ---- request ---- */

/* 0, or a negative UV_E* with a line. Never raises. */
static int start_request(lua_State *L, struct run *run, const char *service,
			 const char *method, char *err, size_t size)
{
	const struct plain_options o = { .bytes = PARAMS_BYTES };
	const struct reach *reach = &run->s->shard->bot->sc->reach;
	json_t *params = NULL;
	int rc;

	if (!lua_isnoneornil(L, 4)) {
		params = plain_json(L, 4, &o, "params", err, size);
		if (!params)
			return UV_EINVAL;
		if (!json_is_object(params)) {
			snprintf(err, size, "params: named fields are needed, "
				 "not a list");
			json_decref(params);
			return UV_EINVAL;
		}
	}
	rc = reach->request(reach->request_arg, service, method, params,
			    reach->request_ms, on_answer, run, &run->errand);
	json_decref(params);
	return rc;
}

int l_call_request(lua_State *L)
{
	struct run *run;
	const struct reach *reach;
	const char *service;
	const char *method;
	char err[320] = "";
	int rc;

	/* What is called is the table call.request; it comes first. */
	lua_remove(L, 1);
	run = call_check(L, 1);
	service = luaL_checkstring(L, 2);
	method = luaL_checkstring(L, 3);
	if (!lua_isnoneornil(L, 4))
		luaL_checktype(L, 4, LUA_TTABLE);
	meter_charge(L, ASK_COST);
	prepare(L, run);
	reach = &run->s->shard->bot->sc->reach;
	if (!reach->request)
		return verb_refused(L, "not_found");
	rc = start_request(L, run, service, method, err, sizeof(err));
	switch (rc) {
	case 0:
		return verb_wait(L, run, WAIT_OUTSIDE, answered);
	case UV_EINVAL:
		meter_tick(L);
		return luaL_error(L, "call:request: %s", err);
	case UV_ENOENT:
		return verb_refused(L, "not_found");
	case UV_ENOTCONN:
		return verb_refused(L, "gone");
	default:
		return verb_refused(L, "limit");
	}
}
