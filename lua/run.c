/**
 * @file run.c  A handler: the reactions of a state, run in a coroutine
 *
 * The interpreter keeps its place on the coroutine's own stack, as pairs of a
 * list and an index above the call object, so that a script among the
 * reactions may wait. One protected call around everything sees each error
 * while the stack is still there, and lets the instruction hook work again
 * before <close> variables are closed.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/log.h"
#include "callobject.h"
#include "coverage_i.h"
#include "meter.h"
#include "program.h"
#include "reaction.h"
#include "reply.h"
#include "sandbox.h"
#include "session.h"
#include "shard.h"
#include "template.h"

#define MESSAGE_MAX 1000	/* bytes of an error's text */
#define CALL 1		/* stack: the call object, then the frames */

/* ---- single reactions ---- */

/* Opens the list on top as the innermost frame. */
static void enter_list(lua_State *L)
{
	lua_pushinteger(L, 0);
}

static void enter_state(lua_State *L, struct run *run)
{
	struct shard *sh = run->s->shard;
	struct state *st;

	lua_getiuservalue(L, -1, 1);
	if (++run->enters > ENTER_MAX)
		luaL_error(L, "enter '%s': more than %d in one request",
			   lua_tostring(L, -1), ENTER_MAX);
	st = program_find(sh->program, run->state, lua_tostring(L, -1));
	if (!st)
		luaL_error(L, "there is no state '%s'", lua_tostring(L, -1));
	session_land(run->s, st);
	run->state = st;
	lua_settop(L, CALL);		/* the lists it stood in are over */
	if (st->list != LUA_NOREF) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, st->list);
		enter_list(L);
	}
}

static void go_state(lua_State *L, struct run *run)
{
	struct state *st;

	lua_getiuservalue(L, -1, 1);
	st = program_find(run->s->shard->program, run->state,
			  lua_tostring(L, -1));
	if (!st)
		luaL_error(L, "there is no state '%s'", lua_tostring(L, -1));
	session_land(run->s, st);
	lua_pop(L, 2);
}

/* Number of the item to choose of `n`: not the last one again. */
static unsigned choose(struct run *run, const struct reaction *r, unsigned n)
{
	struct session_lua *s = run->s;
	const uint64_t chance = loop_random(s->shard->bot->sc->loop);
	struct random_memory *m = s->randoms;
	unsigned i, k;

	if (!r->id || n < 2)
		return (unsigned)(chance % n) + 1;
	for (i = 0; i < s->random_count && m[i].id != r->id; i++)
		;
	if (i == s->random_count) {
		k = (unsigned)(chance % n) + 1;
		m = realloc(m, (i + 1) * sizeof(*m));
		if (!m)
			return k;
		s->randoms = m;
		m[s->random_count++].id = r->id;
	} else {
		k = (unsigned)(chance % (n - 1)) + 1;
		k += k >= m[i].last;
	}
	m[i].last = k;
	return k;
}

/* Puts the body that is to run in the place of the when on top: a list, or
 * nil. Conditions are asked in turn and cannot wait. */
static void decide(lua_State *L)
{
	lua_Integer n;
	bool yes;

	lua_getiuservalue(L, -1, 1);
	lua_replace(L, -2);
	n = (lua_Integer)lua_rawlen(L, -1);
	for (lua_Integer i = 1; i <= n; i += 2) {
		if (lua_rawgeti(L, -1, i) == LUA_TTABLE) {	/* otherwise */
			lua_replace(L, -2);
			return;
		}
		lua_pushvalue(L, CALL);
		lua_call(L, 1, 1);
		yes = lua_toboolean(L, -1);
		lua_pop(L, 1);
		if (yes) {
			lua_rawgeti(L, -1, i + 1);
			lua_replace(L, -2);
			return;
		}
	}
	lua_pop(L, 1);
	lua_pushnil(L);
}

/* What a script returned is on top: nothing, or a reaction to run in its
 * place. The script is the item its frame stands at. */
static void returned(lua_State *L, struct run *run)
{
	struct list_place at = {
		.program = run->s->shard->program, .state = run->state,
		.file = run->state->file,
	};
	const struct reaction *r;
	lua_Debug ar;

	if (lua_isnoneornil(L, -1) || lua_isboolean(L, -1)) {
		lua_pop(L, 1);
		return;
	}
	lua_rawgeti(L, -3, lua_tointeger(L, -2));
	if (lua_isfunction(L, -1)) {
		lua_getinfo(L, ">S", &ar);
		at.file = ar.short_src;
		at.line = ar.linedefined;
	} else {
		r = reaction_at(L, -1);
		at.line = r ? r->line : 0;
		if (r && r->source)
			at.file = r->source->path;
		lua_pop(L, 1);
	}
	lua_createtable(L, 1, 0);
	list_freeze_item(L, -2, &at);
	lua_rawseti(L, -2, 1);
	lua_replace(L, -2);
	enter_list(L);
}

/* Runs the item on top and takes it off; frames may be opened. */
static void item(lua_State *L, struct run *run, lua_KFunction k)
{
	const struct reaction *r;
	unsigned n;

	for (;;) {
		switch (lua_type(L, -1)) {
		case LUA_TSTRING:
			replies_add(L, run);
			return;
		case LUA_TTABLE:
			enter_list(L);
			return;
		case LUA_TNIL:
			lua_pop(L, 1);
			return;
		case LUA_TFUNCTION:
			lua_pushvalue(L, CALL);
			lua_callk(L, 1, 1, 0, k);
			returned(L, run);
			return;
		}
		r = reaction_at(L, -1);
		switch (r->kind) {
		case R_SAY:
			lua_getiuservalue(L, -1, 1);
			lua_replace(L, -2);
			break;
		case R_TEMPLATE:
			lua_getiuservalue(L, -1, 1);
			lua_replace(L, -2);
			template_expand(L, run);
			replies_add(L, run);
			return;
		case R_RANDOM:
			lua_getiuservalue(L, -1, 1);
			n = choose(run, r, (unsigned)lua_rawlen(L, -1));
			cover_run(L, -1, n);
			lua_rawgeti(L, -1, n);
			lua_replace(L, -3);
			lua_pop(L, 1);
			break;
		case R_WHEN:
			decide(L);
			break;
		case R_ENTER:
			enter_state(L, run);
			return;
		case R_GO:
			go_state(L, run);
			return;
		default:	/* switch, hangup */
			replies_add(L, run);
			return;
		}
	}
}

/* Runs what the frames hold, to the end. */
static void interpret(lua_State *L, struct run *run, lua_KFunction k)
{
	while (lua_gettop(L) > CALL) {
		lua_Integer i = lua_tointeger(L, -1) + 1;

		luaL_checkstack(L, 16, "reactions nested too deep");
		meter_charge(L, 2);
		if (lua_rawgeti(L, -2, i) == LUA_TNIL) {
			lua_pop(L, 3);
			continue;
		}
		cover_run(L, -3, i);
		lua_pushinteger(L, i);
		lua_replace(L, -3);
		item(L, run, k);
	}
}

/* ---- call:react ---- */

static int react_goes_on(lua_State *L, int status, lua_KContext ctx)
{
	struct run *run = call_check(L, CALL);

	(void)status;
	(void)ctx;
	returned(L, run);
	interpret(L, run, react_goes_on);
	return 0;
}

int l_react(lua_State *L)
{
	struct run *run = call_check(L, CALL);
	struct list_place at = {
		.program = run->s->shard->program, .state = run->state,
		.file = run->state->file,
	};
	lua_Debug ar;

	luaL_checkany(L, 2);
	lua_settop(L, 2);
	if (lua_getstack(L, 1, &ar) && lua_getinfo(L, "Sl", &ar)) {
		at.file = ar.short_src;
		at.line = ar.currentline;
	}
	lua_createtable(L, 1, 0);
	list_freeze_item(L, 2, &at);
	lua_rawseti(L, -2, 1);
	lua_replace(L, 2);
	enter_list(L);
	interpret(L, run, react_goes_on);
	return 0;
}

/* ---- the whole handler ---- */

static int finish(lua_State *L, struct run *run)
{
	reaction_check_used(L, run);
	run_checkpoint(L, run, false);
	return 0;
}

static int handler_goes_on(lua_State *L, int status, lua_KContext ctx);

static int handler_runs(lua_State *L, struct run *run)
{
	interpret(L, run, handler_goes_on);
	return finish(L, run);
}

static int handler_goes_on(lua_State *L, int status, lua_KContext ctx)
{
	struct run *run = shard_of(L)->run;

	(void)status;
	(void)ctx;
	returned(L, run);
	return handler_runs(L, run);
}

int l_handler(lua_State *L)
{
	struct run *run = lua_touserdata(L, 1);

	lua_settop(L, 0);
	callobject_new(L, run);
	lua_rawgeti(L, LUA_REGISTRYINDEX, run->state->list);
	enter_list(L);
	return handler_runs(L, run);
}

/* What is told of an error is text: bytes that are no UTF-8 are not. */
static void readable(char *s)
{
	json_t *v = s ? json_string(s) : NULL;

	for (; !v && s && *s; s++)
		if ((unsigned char)*s >= 0x80)
			*s = '?';
	json_decref(v);
}

/* Keeps what an error says beyond the life of the stack. */
static void keep_error(lua_State *L, struct run *run, int status)
{
	const char *msg = lua_type(L, -1) == LUA_TSTRING ?
		lua_tostring(L, -1) : "unknown error";
	struct meter *m = &run->meter;
	char buf[MESSAGE_MAX];

	if (status == LUA_ERRMEM && !m->spent)
		m->spent = m->no_memory = true;
	/* Where the stack was full, Lua lost what was said. */
	if (m->spent)
		msg = meter_text(m, buf, sizeof(buf));
	if (!message_has_place(msg)) {
		char text[MESSAGE_MAX];

		snprintf(text, sizeof(text), "%s:%d: %s",
			 run->state->file, run->state->line, msg);
		memcpy(buf, text, sizeof(buf));
		msg = buf;
	}
	run->failed = true;
	free(run->message);
	run->message = strndup(msg, MESSAGE_MAX);
	readable(run->message);
	readable(run->traceback);
}

static int main_done(lua_State *L, int status, lua_KContext ctx)
{
	(void)ctx;
	if (status != LUA_OK && status != LUA_YIELD)
		keep_error(L, shard_of(L)->run, status);
	return 0;
}

/* First function of the coroutine; argument: the run. */
static int l_main(lua_State *L)
{
	void *run = lua_touserdata(L, 1);

	lua_settop(L, 0);
	lua_pushcfunction(L, l_message);
	lua_pushcfunction(L, l_handler);
	lua_pushlightuserdata(L, run);
	return main_done(L, lua_pcallk(L, 1, 0, 1, 0, main_done), 0);
}

/* Gives back what a run holds; `clean`: its coroutine can be used again. */
static void run_end(struct run *run, bool clean)
{
	struct shard *sh = run->s->shard;

	if (timer_running(&run->timer))
		timer_stop(&run->timer);
	shard_thread_done(sh, &run->thread, clean);
	sh->bot->coroutines--;
}

static void enter_shard(struct run *run)
{
	struct shard *sh = run->s->shard;

	sh->run = run;
	sh->running = run->thread.co;
	sh->meter = &run->meter;
}

static void leave_shard(struct shard *sh)
{
	sh->run = NULL;
	sh->running = NULL;
	sh->meter = NULL;
}

static void drive(struct run *run, int nargs)
{
	struct shard *sh = run->s->shard;
	int rc, n = 0;

	enter_shard(run);
	if (run->wait == WAIT_TURN)
		meter_go_on(&run->meter, run->thread.co);
	else
		meter_resume(&run->meter, run->thread.co);
	run->wait = WAIT_NONE;
	run->turned = false;
	rc = lua_resume(run->thread.co, sh->L, nargs, &n);
	if (rc != LUA_OK && rc != LUA_YIELD && !run->failed)
		keep_error(run->thread.co, run, rc);
	leave_shard(sh);
	session_used(run->s, meter_pause(&run->meter));
	if (rc == LUA_YIELD && run->turned) {
		run->wait = WAIT_TURN;
		run->ready = true;
		return;
	}
	if (rc == LUA_YIELD) {
		lua_pop(run->thread.co, n);
		return;
	}
	if (rc == LUA_OK)
		lua_settop(run->thread.co, 0);
	/* One that went wrong may have grown large: it is not kept. */
	run_end(run, rc == LUA_OK && !run->failed);
	session_run_ended(run->s);
}

int run_start(struct session_lua *s, const struct state *st,
	      struct input *in)
{
	struct shard *sh = s->shard;
	struct run *run = calloc(1, sizeof(*run));

	if (!run || shard_thread(sh, &run->thread)) {
		free(run);
		input_free(in);
		return UV_ENOMEM;
	}
	run->s = s;
	run->serial = ++sh->bot->serial;
	run->state = st;
	run->in = in;
	meter_start(&run->meter, sh->bot->limits.handler_instructions,
		    sh->bot->limits.handler_memory);
	s->run = run;
	sh->bot->coroutines++;
	lua_pushcfunction(run->thread.co, l_main);
	lua_pushlightuserdata(run->thread.co, run);
	drive(run, 1);
	return 0;
}

void run_resume(struct run *run)
{
	run->ready = false;
	drive(run, 0);
}

void run_abandon(struct run *run)
{
	struct shard *sh = run->s->shard;
	int rc;

	enter_shard(run);
	meter_resume(&run->meter, run->thread.co);
	sh->closing++;
	rc = lua_resetthread(run->thread.co);
	sh->closing--;
	leave_shard(sh);
	session_used(run->s, meter_pause(&run->meter));
	if (rc != LUA_OK)
		log_line(LOG_ERROR, session_id(run->s), "a __close method "
			 "failed: %s", lua_tostring(run->thread.co, -1));
	run_end(run, false);
	session_run_ended(run->s);
}

void run_free(struct run *run)
{
	for (unsigned i = 0; i < run->action_count; i++)
		action_free(run->actions[i]);
	free(run->actions);
	input_free(run->in);
	if (run->errand)
		run->errand->cancel(run->errand);
	json_decref(run->answer);
	free(run->reason);
	json_decref(run->client);
	free(run->message);
	free(run->traceback);
	free(run);
}
