/**
 * @file listen.c  call:listen: a handler waits for what the customer says
 *
 * What it waits for is a userdata on the coroutine's own stack, so that it
 * goes with the handler, however that ends. What comes is only kept there;
 * it is held against the patterns when the handler goes on.
 */
#include "listen.h"

#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "callobject.h"
#include "core/config.h"
#include "core/problem.h"
#include "match.h"
#include "meter.h"
#include "pattern.h"
#include "plain.h"
#include "program.h"
#include "reply.h"
#include "session.h"
#include "shard.h"
#include "verbs.h"

#define NAMES_MAX 100		/* patterns of one listen */
#define TIMEOUT_MAX (24 * 3600 * UINT64_C(1000))

#define LISTEN_COST 100		/* instructions, */
#define PATTERN_BYTES 2		/* and bytes of pattern for one more, */
#define HEARD_BYTES 8		/* and of what is heard */

static const char meta_key;

/* Uservalue 1: names of the patterns, by their number; false: none. */
struct listening {
	struct pattern *patterns[NAMES_MAX];
	unsigned count;
	bool anything;		/* no q: what the current state reaches */
	uint64_t ms;
	unsigned max;		/* keys; 0: each is an utterance */
	unsigned keys;
	char digits[ACTION_DTMF_MAX + 1];
	char *text;		/* what was heard, or NULL */
	size_t len;
	bool key;		/* and it was one key */
	bool unavailable;
	json_t *tree;		/* call.parseTree of it, or NULL */
};

/* ---- arguments ---- */

static int l_gc(lua_State *L)
{
	struct listening *l = lua_touserdata(L, 1);

	for (unsigned i = 0; i < l->count; i++)
		pattern_free(l->patterns[i]);
	l->count = 0;
	free(l->text);
	l->text = NULL;
	json_decref(l->tree);
	l->tree = NULL;
	return 0;
}

void listen_open(lua_State *L)
{
	lua_createtable(L, 0, 1);
	lua_pushcfunction(L, l_gc);
	lua_setfield(L, -2, "__gc");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &meta_key);
}

/* Adds the pattern on top of the stack, with its name below it. */
static void add_pattern(lua_State *L, struct listening *l)
{
	char err[256];
	size_t len;
	const char *text;

	if (lua_type(L, -1) != LUA_TSTRING)
		luaL_error(L, "listen: q is a pattern, or { name = pattern }");
	if (l->count == NAMES_MAX)
		luaL_error(L, "listen: more than %d patterns", NAMES_MAX);
	text = lua_tolstring(L, -1, &len);
	meter_charge(L, LISTEN_COST + len / PATTERN_BYTES);
	l->patterns[l->count] = pattern_compile_with(
		shard_of(L)->program->patterns, text, err, sizeof(err));
	if (!l->patterns[l->count])
		luaL_error(L, "listen: q: %s", err);
	meter_charge(L, pattern_size(l->patterns[l->count++]));
}

/* Patterns of the value on top; the names stand in the table at `names`. In
 * byte order of their names, so that a draw does not hang on a hash. */
static void patterns(lua_State *L, struct listening *l, int names)
{
	const int q = lua_gettop(L);
	lua_Integer n = 0, at;

	if (!lua_istable(L, q)) {
		lua_pushboolean(L, 0);
		lua_rawseti(L, names, 1);
		add_pattern(L, l);
		return;
	}
	lua_pushnil(L);
	while (lua_next(L, q)) {
		lua_pop(L, 1);
		if (lua_type(L, -1) != LUA_TSTRING)
			luaL_error(L, "listen: q is a pattern, or { name = "
				   "pattern }");
		if (n == NAMES_MAX)
			luaL_error(L, "listen: more than %d patterns",
				   NAMES_MAX);
		for (at = ++n; at > 1; at--) {
			lua_rawgeti(L, names, at - 1);
			if (strcmp(lua_tostring(L, -1), lua_tostring(L, -2))
			    <= 0) {
				lua_pop(L, 1);
				break;
			}
			lua_rawseti(L, names, at);
		}
		lua_pushvalue(L, -1);
		lua_rawseti(L, names, at);
		meter_charge(L, (uint64_t)n);
	}
	if (!n)
		luaL_error(L, "listen: q has no pattern");
	for (lua_Integer i = 1; i <= n; i++) {
		lua_rawgeti(L, names, i);
		lua_rawget(L, q);
		add_pattern(L, l);
		lua_pop(L, 1);
	}
}

static uint64_t read_timeout(lua_State *L, const struct run *run)
{
	uint64_t ms = ear_no_input(run->s);
	json_t *v = NULL;
	int rc;

	if (lua_isnil(L, -1))
		return ms;
	if (lua_type(L, -1) == LUA_TNUMBER)
		v = json_real(lua_tonumber(L, -1));
	else if (lua_type(L, -1) == LUA_TSTRING)
		v = json_string(lua_tostring(L, -1));
	rc = v ? duration_parse(v, &ms) : UV_EINVAL;
	json_decref(v);
	if (rc || !ms || ms > TIMEOUT_MAX)
		luaL_error(L, "listen: timeout is a time above 0, at most a "
			   "day: seconds, or \"5s\"");
	return ms;
}

static void check_fields(lua_State *L)
{
	static const char *const words[] = { "dtmf", "q", "timeout", NULL };
	const char *name, *near;

	lua_pushnil(L);
	while (lua_next(L, 2)) {
		lua_pop(L, 1);
		if (lua_type(L, -1) != LUA_TSTRING)
			luaL_error(L, "listen: named fields are needed, not a "
				   "list");
		name = lua_tostring(L, -1);
		if (!strcmp(name, "dtmf") || !strcmp(name, "q") ||
		    !strcmp(name, "timeout"))
			continue;
		near = nearest_word(name, words);
		if (near)
			luaL_error(L, "listen: unknown field '%s'; did you "
				   "mean '%s'?", name, near);
		luaL_error(L, "listen: unknown field '%s'", name);
	}
}

/* Reads argument 2 into a new userdata, which is then argument 3. */
static struct listening *read_fields(lua_State *L, const struct run *run)
{
	struct listening *l;
	lua_Integer max;
	int names;

	if (lua_isnoneornil(L, 2)) {
		lua_settop(L, 1);
		lua_newtable(L);
	}
	luaL_checktype(L, 2, LUA_TTABLE);
	lua_settop(L, 2);
	check_fields(L);
	l = lua_newuserdatauv(L, sizeof(*l), 1);
	memset(l, 0, sizeof(*l));
	lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
	lua_setmetatable(L, -2);
	lua_newtable(L);
	names = lua_gettop(L);
	lua_pushliteral(L, "q");
	l->anything = lua_rawget(L, 2) == LUA_TNIL;
	if (!l->anything)
		patterns(L, l, names);
	lua_settop(L, names);
	lua_setiuservalue(L, 3, 1);
	lua_pushliteral(L, "timeout");
	lua_rawget(L, 2);
	l->ms = read_timeout(L, run);
	lua_pushliteral(L, "dtmf");
	if (lua_rawget(L, 2) != LUA_TNIL) {
		max = lua_isinteger(L, -1) || lua_type(L, -1) == LUA_TNUMBER
			? luaL_optinteger(L, -1, 0) : 0;
		if (max < 1 || max > ACTION_DTMF_MAX)
			luaL_error(L, "listen: dtmf is the most digits, from "
				   "1 to %d", ACTION_DTMF_MAX);
		l->max = (unsigned)max;
	}
	lua_settop(L, 3);
	return l;
}

/* ---- what comes ---- */

static void done(struct run *run)
{
	if (timer_running(&run->timer))
		timer_stop(&run->timer);
	run->ready = true;
	session_wake(run->s);
}

static void on_silence(void *arg)
{
	done(arg);
}

void listen_begin(struct run *run, bool interrupted)
{
	struct listening *l = run->listening;

	if (!l || run->ready)
		return;
	if (interrupted) {
		l->unavailable = true;
		done(run);
	} else if (!timer_running(&run->timer)) {
		timer_start(&run->timer, l->ms);
	}
}

void listen_hear(struct run *run, const struct input *in)
{
	struct listening *l = run->listening;

	if (!l || run->ready)
		return;
	l->key = in->query == QUERY_DIGIT;
	if (l->key && l->max) {
		for (size_t i = 0; i < in->len && l->keys < l->max; i++)
			l->digits[l->keys++] = in->text[i];
		if (l->keys == l->max)
			done(run);
		else
			timer_start(&run->timer, l->ms);
		return;
	}
	l->keys = 0;
	free(l->text);
	l->text = malloc(in->len + 1);
	if (l->text) {
		memcpy(l->text, in->text, in->len);
		l->text[in->len] = '\0';
		l->len = in->len;
	}
	done(run);
}

/* ---- and what it means ---- */

/* Number of the pattern that matches best, from 1 on; 0: none. */
static unsigned best(lua_State *L, struct listening *l, const char *text,
		     size_t len)
{
	const struct query q = {
		.kind = l->key ? QUERY_DIGIT : QUERY_TEXT, .text = text,
		.len = len,
	};
	const int64_t left = meter_left(L);
	struct match m, top = {0};
	struct utterance *u;
	unsigned found = 0;
	uint64_t used;

	u = utterance_new(text, len);
	if (!u)
		luaL_error(L, "no memory");
	utterance_budget(u, left > 0 ? (uint64_t)left : 1);
	for (unsigned i = 0; i < l->count; i++) {
		if (!match_sees(&q, l->patterns[i]) ||
		    !pattern_match(l->patterns[i], u, &m))
			continue;
		if (found && !match_better(&m, &top))
			continue;
		found = i + 1;
		top = m;
	}
	if (found)
		l->tree = pattern_tree(l->patterns[found - 1], u);
	used = utterance_used(u);
	utterance_free(u);
	meter_charge(L, used + len / HEARD_BYTES);
	return found;
}

/* The state that what was heard would reach. */
static const struct state *reached(lua_State *L, const struct run *run,
				   struct listening *l, const char *text,
				   size_t len)
{
	const int64_t left = meter_left(L);
	const struct query q = {
		.kind = l->key ? QUERY_DIGIT : QUERY_TEXT, .text = text,
		.len = len, .budget = left > 0 ? (uint64_t)left : 1,
	};
	struct heard h;

	match_query(run->s->shard->program, run->s->context, &q, &h);
	l->tree = h.tree;
	meter_charge(L, h.steps);
	return h.state;
}

/* Pushes the name that goes with what was heard; false: nothing matches. */
static bool push_name(lua_State *L, const struct run *run,
		      struct listening *l, const char *text, size_t len)
{
	const struct state *st;
	unsigned i;

	if (l->anything) {
		st = reached(L, run, l, text, len);
		lua_pushstring(L, st ? st->path : NULL);
		return st != NULL;
	}
	i = best(L, l, text, len);
	lua_getiuservalue(L, 3, 1);
	lua_rawgeti(L, -1, i ? i : NAMES_MAX + 1);
	lua_remove(L, -2);
	if (lua_type(L, -1) != LUA_TSTRING) {
		lua_pop(L, 1);
		lua_pushnil(L);
	}
	return i != 0;
}

static int listen_done(lua_State *L, int status, lua_KContext ctx)
{
	struct run *run = call_check(L, 1);
	struct listening *l = lua_touserdata(L, 3);
	const bool keys = l->keys != 0;
	const char *text = keys ? l->digits : l->text;
	const size_t len = keys ? l->keys : l->len;
	bool match;

	(void)status;
	(void)ctx;
	run->listening = NULL;
	lua_settop(L, 3);
	if (l->unavailable)
		return verb_refused(L, "unavailable");
	if (!text)
		return verb_refused(L, "silence");
	match = push_name(L, run, l, text, len);
	if (!match && !keys) {
		verb_refused(L, "noMatch");
		lua_pushlstring(L, text, len);
		return 3;
	}
	lua_createtable(L, 0, 4);
	lua_insert(L, -2);
	lua_setfield(L, -2, "name");
	lua_pushlstring(L, text, len);
	lua_setfield(L, -2, "text");
	if (keys || l->key) {
		lua_pushlstring(L, text, len);
		lua_setfield(L, -2, "digits");
	}
	if (l->tree)
		plain_push(L, l->tree);
	else
		lua_newtable(L);
	lua_setfield(L, -2, "parseTree");
	return 1;
}

int l_call_listen(lua_State *L)
{
	struct run *run = call_check(L, 1);
	struct session_lua *s = run->s;
	struct action_error err;
	struct listening *l;
	struct action *a;
	int rc;

	meter_charge(L, LISTEN_COST);
	l = read_fields(L, run);
	verb_check_wait(L, run);
	run_checkpoint(L, run, true);
	run->ready = false;
	if (s->gone) {
		run->abandon = true;
		return verb_wait(L, run, WAIT_LISTEN, listen_done);
	}
	if (s->transferring)
		return verb_refused(L, "unavailable");
	ear_stop(s);		/* it waits for all there is */
	a = action_new(ACT_MARK);
	if (!a)
		return luaL_error(L, "no memory");
	run->ticket = a->ticket = ++s->tickets;
	run->listening = l;
	run->wait = WAIT_LISTEN;
	timer_init(&run->timer, s->shard->bot->sc->loop, on_silence, run);
	rc = session_act(s, a, &err);
	if (rc == UV_ENOTCONN) {
		run->abandon = true;
	} else if (rc) {
		run->wait = WAIT_NONE;
		run->listening = NULL;
		return luaL_error(L, "%s", err.text);
	}
	session_wake(s);	/* what has come already is heard first */
	return verb_wait(L, run, WAIT_LISTEN, listen_done);
}
