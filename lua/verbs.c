/**
 * @file verbs.c  The verbs of `call`, and log
 *
 * Those that wait look like ordinary functions: they start the operation,
 * yield, and go on in their continuation when the session has the result.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/config.h"
#include "core/log.h"
#include "callobject.h"
#include "meter.h"
#include "plain.h"
#include "reply.h"
#include "session.h"
#include "shard.h"
#include "sound.h"
#include "verbs.h"

#define LOG_BYTES (64 * 1024)
#define LOG_BYTES_PER_INSTRUCTION 8

#define SAY_COST 100		/* instructions */
#define PLAY_COST 1000		/* its file is looked for */
#define UNSAID_COST 1000	/* nobody waits for what nobody hears */

/* So much of a text goes into a line of the log. */
#define LINE_BYTES 8000

/* Raises unless the handler itself called us, with nothing in between that
 * cannot be left and entered again. */
void verb_check_wait(lua_State *L, const struct run *run)
{
	lua_Debug ar;
	bool can = L == run->thread.co && lua_isyieldable(L) &&
		!run->s->shard->closing;

	for (int i = 0; can && lua_getstack(L, i, &ar); i++) {
		lua_getinfo(L, "n", &ar);
		can = strcmp(ar.namewhat, "metamethod") != 0;
	}
	if (!can)
		luaL_error(L, "cannot wait here");
}

/* Leaves the handler until session_wake(); `k` goes on. */
int verb_wait(lua_State *L, struct run *run, enum wait what, lua_KFunction k)
{
	run->wait = what;
	return lua_yieldk(L, 0, 0, k);
}

int verb_refused(lua_State *L, const char *reason)
{
	luaL_pushfail(L);
	lua_pushstring(L, reason);
	return 2;
}

/* ---- say ---- */

static int say_done(lua_State *L, int status, lua_KContext ctx)
{
	const struct run *run = call_check(L, 1);

	(void)status;
	(void)ctx;
	if (run->interrupted)
		return verb_refused(L, "interrupted");
	lua_pushboolean(L, 1);
	return 1;
}

/* Raises unless something may be said now; false: nobody would hear it, and
 * the results are pushed. */
static bool may_speak(lua_State *L, struct run *run)
{
	verb_check_wait(L, run);
	run_checkpoint(L, run, true);
	run->ready = false;
	run->interrupted = false;
	if (run->s->gone || !run->s->transferring)
		return true;
	meter_charge(L, UNSAID_COST);
	session_unsaid(run->s);
	verb_refused(L, "interrupted");
	return false;
}

/* Says or plays `a`, which it takes, and waits for its end. */
static int speak(lua_State *L, struct run *run, struct action *a)
{
	struct session_lua *s = run->s;
	struct action_error err;
	int rc;

	if (s->gone) {
		action_free(a);
		run->abandon = true;
		return verb_wait(L, run, WAIT_SAY, say_done);
	}
	run->ticket = a->ticket = ++s->tickets;
	run->wait = WAIT_SAY;		/* it may be over before act returns */
	rc = session_act(s, a, &err);
	if (rc == UV_ENOTCONN)
		run->abandon = true;
	else if (rc)
		run->wait = WAIT_NONE;
	if (rc == UV_EBUSY) {
		meter_charge(L, UNSAID_COST);
		session_unsaid(s);
		return verb_refused(L, "interrupted");
	}
	if (rc && rc != UV_ENOTCONN)
		return luaL_error(L, "%s", err.text);
	return verb_wait(L, run, WAIT_SAY, say_done);
}

int l_call_say(lua_State *L)
{
	struct run *run = call_check(L, 1);
	struct action *a;
	const char *text;
	size_t len;

	text = luaL_checklstring(L, 2, &len);
	if (len > ACTION_TEXT_MAX)
		return luaL_error(L, "text: text is longer than %d bytes",
				  ACTION_TEXT_MAX);
	meter_charge(L, SAY_COST + len / 32);
	if (!may_speak(L, run))
		return 2;
	a = action_say(text, len, 0);
	return a ? speak(L, run, a) : luaL_error(L, "no memory");
}

/* ---- play ---- */

/* A PLAY of the file or URL `name`; NULL and a message. Never raises. */
static struct action *play_action(const struct run *run, const char *name,
				  size_t len, struct action_error *err)
{
	json_t *text = json_stringn(name, len), *fields;
	struct action *a = NULL;

	snprintf(err->text, sizeof(err->text), "play: the name is not UTF-8");
	if (!text)
		return NULL;
	fields = sound_fields(text);
	if (!fields || action_parse(&a, fields, NULL, err)) {
		a = NULL;
	} else if (sound_find(run->s->shard->bot, a, err)) {
		action_free(a);
		a = NULL;
	}
	json_decref(fields);
	return a;
}

int l_call_play(lua_State *L)
{
	struct run *run = call_check(L, 1);
	struct action_error err;
	struct action *a;
	const char *name;
	size_t len;

	name = luaL_checklstring(L, 2, &len);
	meter_charge(L, PLAY_COST + len / 32);
	if (!may_speak(L, run))
		return 2;
	a = play_action(run, name, len, &err);
	return a ? speak(L, run, a) : luaL_error(L, "%s", err.text);
}

/* ---- sleep ---- */

static void on_timer(void *arg)
{
	struct run *run = arg;

	run->ready = true;
	session_wake(run->s);
}

static int sleep_done(lua_State *L, int status, lua_KContext ctx)
{
	(void)status;
	(void)ctx;
	lua_pushboolean(L, 1);
	return 1;
}

int l_call_sleep(lua_State *L)
{
	struct run *run = call_check(L, 1);
	json_t *v = NULL;
	uint64_t ms = 0;
	int rc;

	if (lua_type(L, 2) == LUA_TNUMBER)
		v = json_real(lua_tonumber(L, 2));
	else if (lua_type(L, 2) == LUA_TSTRING)
		v = json_string(lua_tostring(L, 2));
	rc = v ? duration_parse(v, &ms) : UV_EINVAL;
	json_decref(v);
	if (rc)
		return luaL_error(L, "call:sleep needs seconds, or a duration "
				  "such as \"500ms\"");
	verb_check_wait(L, run);
	run_checkpoint(L, run, true);
	run->ready = false;
	timer_init(&run->timer, run->s->shard->bot->sc->loop, on_timer, run);
	timer_start(&run->timer, ms ? ms : 1);
	return verb_wait(L, run, WAIT_SLEEP, sleep_done);
}

/* ---- transfer ---- */

static int transfer_done(lua_State *L, int status, lua_KContext ctx)
{
	const struct run *run = call_check(L, 1);

	(void)status;
	(void)ctx;
	dialer_push_status(L, run->s);
	dialer_push_details(L, run->s);
	return 2;
}

/* The switch of argument 2, or NULL and a message. Never raises. */
static struct action *transfer_action(lua_State *L, const struct run *run,
				      struct action_error *err)
{
	const struct plain_options o = { .bytes = LOG_BYTES };
	struct action *a = NULL;
	json_t *map = plain_json(L, 2, &o, "transfer", err->text,
				 sizeof(err->text));

	if (!map)
		return NULL;
	if (!json_is_object(map))
		snprintf(err->text, sizeof(err->text), "transfer: named "
			 "fields are needed, not a list");
	else if (!json_object_get(map, "continueCall") &&
		 json_object_set_new(map, "continueCall", json_true()))
		snprintf(err->text, sizeof(err->text), "no memory");
	else if (action_parse_switch(&a, map, session_id(run->s), err))
		a = NULL;
	json_decref(map);
	return a;
}

/* The customer has left before it began: as if he had left during it. */
static int too_late(lua_State *L, const char *number)
{
	for (int details = 0; details < 2; details++) {
		lua_createtable(L, 0, 4);
		lua_pushliteral(L, "FAIL");
		lua_setfield(L, -2, "status");
		lua_pushboolean(L, 1);
		lua_setfield(L, -2, "hangup");
		lua_pushstring(L, number);
		lua_setfield(L, -2, "number");
	}
	lua_pushliteral(L, "caller_gone");
	lua_setfield(L, -2, "reason");
	return 2;
}

int l_call_transfer(lua_State *L)
{
	struct run *run = call_check(L, 1);
	struct session_lua *s = run->s;
	struct action_error err;
	struct action *a;
	char number[129];
	int rc;

	luaL_checktype(L, 2, LUA_TTABLE);
	verb_check_wait(L, run);
	if (s->transferring)
		return luaL_error(L, "transfer: a transfer is under way");
	run_checkpoint(L, run, true);
	a = transfer_action(L, run, &err);
	if (!a) {
		meter_tick(L);
		return luaL_error(L, "%s", err.text);
	}
	switch_target_name(&a->sw->targets[0], number, sizeof(number));
	if (s->gone) {
		action_free(a);
		return too_late(L, number);
	}
	run->ready = false;
	run->wait = WAIT_TRANSFER;
	rc = session_act(s, a, &err);
	if (rc)
		run->wait = WAIT_NONE;
	if (rc == UV_ENOTCONN)
		return too_late(L, number);
	if (rc)
		return luaL_error(L, "%s", err.text);
	return verb_wait(L, run, WAIT_TRANSFER, transfer_done);
}

/* ---- while it rings ---- */

static int verdict(lua_State *L, struct run *run, enum action_type type,
		   int status)
{
	struct action *a = action_new(type);
	struct action_error err;
	int rc;

	if (!a)
		return luaL_error(L, "no memory");
	a->status = status;
	rc = session_act(run->s, a, &err);
	if (rc == UV_ENOTCONN)
		return verb_refused(L, "gone");
	if (rc)
		return luaL_error(L, "%s", err.text);
	lua_pushboolean(L, 1);
	return 1;
}

int l_call_answer(lua_State *L)
{
	return verdict(L, call_check(L, 1), ACT_ANSWER, 0);
}

int l_call_reject(lua_State *L)
{
	struct run *run = call_check(L, 1);
	lua_Integer status = luaL_checkinteger(L, 2);

	luaL_argcheck(L, status >= 400 && status <= 699, 2,
		      "a final SIP status from 400 to 699");
	return verdict(L, run, ACT_REJECT, (int)status);
}

/* ---- log ---- */

/* Writes text with its control bytes shown, so that a line stays a line. */
static void log_text(const char *id, const char *s, size_t len)
{
	char buf[LINE_BYTES + 8];
	size_t n = 0, i;

	for (i = 0; i < len && n < LINE_BYTES; i++) {
		unsigned char c = (unsigned char)s[i];

		if (c == '\n')
			n += (size_t)sprintf(buf + n, "\\n");
		else if (c < 0x20 || c == 0x7f)
			n += (size_t)sprintf(buf + n, "\\x%02x", c);
		else
			buf[n++] = (char)c;
	}
	/* not in the middle of a character */
	while (i < len && n && ((unsigned char)s[i] & 0xc0) == 0x80) {
		i--;
		n--;
	}
	strcpy(buf + n, i < len ? "..." : "");
	log_line(LOG_INFO, id, "%s", buf);
}

int l_log(lua_State *L)
{
	const struct run *run = shard_of(L)->run;
	const struct plain_options o = { .bytes = LOG_BYTES, .text = true };
	const char *id = run ? session_id(run->s) : NULL, *text;
	char err[256];
	size_t len;

	luaL_checkany(L, 1);
	if (!lua_istable(L, 1)) {
		text = luaL_tolstring(L, 1, &len);
		meter_charge(L, 100 + len / LOG_BYTES_PER_INSTRUCTION);
		log_text(id, text, len);
		return 0;
	}
	meter_charge(L, 200);
	{
		json_t *v = plain_json(L, 1, &o, "log", err, sizeof(err));
		char *json = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY |
					    JSON_REAL_PRECISION(15)) : NULL;

		json_decref(v);
		if (json)
			meter_take(L, strlen(json) / LOG_BYTES_PER_INSTRUCTION);
		if (json)
			log_text(id, json, strlen(json));
		free(json);
		if (!v) {
			meter_tick(L);
			return luaL_error(L, "%s", err);
		}
	}
	return 0;
}
