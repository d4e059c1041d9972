/**
 * @file reaction.c  The words a bot file is written in
 *
 * Each makes a reaction: a userdata that remembers its line. What is wrong
 * with one is found here, but told later, when the state it stands in is
 * known; in a handler it raises at once.
 */
#include <lauxlib.h>
#include <stdarg.h>
#include <string.h>

#include "callobject.h"
#include "meter.h"
#include "operator.h"
#include "plain.h"
#include "program.h"
#include "reaction.h"
#include "session.h"
#include "shard.h"
#include "sound.h"

#define MAKE_COST 30		/* instructions, */
#define FIELDS_COST 100		/* and more for one with fields */

static const char meta_key;

struct reaction *reaction_at(lua_State *L, int idx)
{
	void *p = lua_touserdata(L, idx);
	bool is;

	if (!p || !lua_getmetatable(L, idx))
		return NULL;
	lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
	is = lua_rawequal(L, -1, -2);
	lua_pop(L, 2);
	return is ? p : NULL;
}

/* Where the script that called us stands. */
static void here(lua_State *L, struct reaction *r)
{
	const struct source *src;
	lua_Debug ar;

	if (!lua_getstack(L, 1, &ar) || !lua_getinfo(L, "Sl", &ar) ||
	    ar.currentline <= 0)
		return;
	r->line = ar.currentline;
	for (src = shard_of(L)->bot->sources; src; src = src->next)
		if (*ar.source == '@' && !strcmp(ar.source + 1, src->path))
			break;
	r->source = src;
}

static struct reaction *make(lua_State *L, enum reaction_kind kind)
{
	struct run *run = shard_of(L)->run;
	struct reaction *r;

	meter_charge(L, MAKE_COST);
	r = lua_newuserdatauv(L, sizeof(*r), 1);
	*r = (struct reaction){ .kind = kind };
	lua_rawgetp(L, LUA_REGISTRYINDEX, &meta_key);
	lua_setmetatable(L, -2);
	here(L, r);
	if (!run)
		return r;

	/* One built in a handler must be used in it. */
	call_push(L, run);
	if (lua_getiuservalue(L, -1, CV_BUILT) != LUA_TTABLE) {
		lua_pop(L, 1);
		lua_createtable(L, 1, 0);
		lua_pushvalue(L, -1);
		lua_setiuservalue(L, -3, CV_BUILT);
	}
	lua_pushvalue(L, -3);
	lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
	lua_pop(L, 2);
	return r;
}

struct reaction *reaction_of_template(lua_State *L)
{
	struct reaction *r = make(L, R_TEMPLATE);

	r->used = r->frozen = true;
	lua_insert(L, -2);
	lua_setiuservalue(L, -2, 1);
	return r;
}

static int wrong(lua_State *L, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	lua_pushvfstring(L, fmt, ap);
	va_end(ap);
	if (!shard_of(L)->loading)
		return luaL_error(L, "%s", lua_tostring(L, -1));
	make(L, R_WRONG);
	lua_insert(L, -2);
	lua_setiuservalue(L, -2, 1);
	return 1;
}

/* A reaction of `kind` whose content is argument 1. */
static int with(lua_State *L, enum reaction_kind kind)
{
	make(L, kind);
	lua_pushvalue(L, 1);
	lua_setiuservalue(L, -2, 1);
	return 1;
}

static int l_a(lua_State *L)
{
	if (!lua_isstring(L, 1))
		return wrong(L, "'a' needs a text, not a %s",
			     luaL_typename(L, 1));
	lua_tostring(L, 1);
	return with(L, R_SAY);
}

static int l_random(lua_State *L)
{
	if (!lua_istable(L, 1))
		return wrong(L, "'random' needs a list, not a %s",
			     luaL_typename(L, 1));
	return with(L, R_RANDOM);
}

static int l_enter(lua_State *L)
{
	if (lua_type(L, 1) != LUA_TSTRING)
		return wrong(L, "'enter' needs a state's path");
	return with(L, R_ENTER);
}

static int l_go(lua_State *L)
{
	if (lua_type(L, 1) != LUA_TSTRING)
		return wrong(L, "'go' needs a state's path");
	return with(L, R_GO);
}

static int l_hangup(lua_State *L)
{
	if (lua_gettop(L))
		return wrong(L, "'hangup' takes nothing: hangup()");
	make(L, R_HANGUP);
	return 1;
}

/* A reply of the named fields in argument 1. */
static int with_fields(lua_State *L, enum reaction_kind kind,
		       const char *word)
{
	const struct plain_options o = { .bytes = 64 * 1024 };
	struct reaction *r;
	char err[256];

	if (!lua_istable(L, 1))
		return wrong(L, "'%s' needs a table of fields", word);
	meter_charge(L, FIELDS_COST);
	r = make(L, kind);
	r->fields = plain_json(L, 1, &o, word, err, sizeof(err));
	/* An empty table is a list as well as it is none. */
	if (r->fields && json_is_array(r->fields) &&
	    !json_array_size(r->fields)) {
		json_decref(r->fields);
		r->fields = json_object();
	}
	if (r->fields && !json_is_object(r->fields))
		return wrong(L, "'%s' needs named fields, not a list", word);
	if (!r->fields)
		return wrong(L, "%s", err);
	if (json_object_get(r->fields, "type"))
		return wrong(L, "'%s' has no field 'type'", word);
	if (json_object_set_new(r->fields, "type", json_string(word)))
		return luaL_error(L, "no memory");
	return 1;
}

static int l_switch(lua_State *L)
{
	return with_fields(L, R_SWITCH, "switch");
}

static int l_dtmf(lua_State *L)
{
	return with_fields(L, R_REPLY, "dtmf");
}

static int l_timeout(lua_State *L)
{
	return with_fields(L, R_REPLY, "timeout");
}

static int l_operator(lua_State *L)
{
	return with_fields(L, R_OPERATOR, OPERATOR_WORD);
}

static int l_audio(lua_State *L)
{
	struct reaction *r;
	json_t *name;

	if (lua_type(L, 1) != LUA_TSTRING)
		return wrong(L, "'audio' needs the name of a file, not a %s",
			     luaL_typename(L, 1));
	r = make(L, R_REPLY);
	name = json_string(lua_tostring(L, 1));
	if (!name)
		return wrong(L, "'audio': the name is not UTF-8");
	r->fields = sound_fields(name);
	if (!r->fields)
		return luaL_error(L, "no memory");
	return 1;
}

/* when(open(...)) in a handler: what it is now. */
static int l_known(lua_State *L)
{
	lua_pushvalue(L, lua_upvalueindex(1));
	return 1;
}

static int l_when(lua_State *L)
{
	if (lua_isboolean(L, 1) && shard_of(L)->run) {
		lua_pushvalue(L, 1);
		lua_pushcclosure(L, l_known, 1);
		lua_replace(L, 1);
	}
	if (!lua_isfunction(L, 1))
		return wrong(L, "'when' needs a function: when(function(call) "
			     "... end) { ... }");
	make(L, R_WHEN);
	lua_createtable(L, 3, 0);
	lua_pushvalue(L, 1);
	lua_rawseti(L, -2, 1);
	lua_setiuservalue(L, -2, 1);
	return 1;
}

static int l_bot(lua_State *L)
{
	if (!shard_of(L)->loading)
		return luaL_error(L, "'bot' is for the bot file alone");
	if (!lua_istable(L, 1))
		return luaL_error(L, "'bot' needs a table: bot { ... }");
	return with(L, R_BOT);
}

/* ---- what a reaction can do itself ---- */

/* Adds the value on top to the content of the reaction at 1. */
static int extend(lua_State *L)
{
	lua_getiuservalue(L, 1, 1);
	lua_insert(L, -2);
	lua_rawseti(L, -2, (lua_Integer)lua_rawlen(L, -2) + 1);
	lua_settop(L, 1);
	return 1;
}

static int l_call(lua_State *L)
{
	struct reaction *r = reaction_at(L, 1);

	lua_settop(L, 2);
	if (!r)
		return luaL_error(L, "not a reaction");
	if (r->kind == R_WRONG) {
		lua_settop(L, 1);
		return 1;
	}
	if (r->kind != R_WHEN || r->complete)
		return wrong(L, "missing comma after this reaction");
	if (!lua_istable(L, 2))
		return wrong(L, "'when' needs a body: when(f) { ... }");
	if (r->frozen)
		return luaL_error(L, "a reaction in use cannot be changed");
	r->complete = true;
	return extend(L);
}

static int l_elsewhen(lua_State *L)
{
	struct reaction *r = reaction_at(L, 1);

	lua_settop(L, 2);
	if (r && r->kind == R_WRONG) {
		lua_settop(L, 1);
		return 1;
	}
	if (!r || r->kind != R_WHEN || !r->complete || r->ended)
		return wrong(L, "'elsewhen' follows the body of a 'when'");
	if (!lua_isfunction(L, 2))
		return wrong(L, "'elsewhen' needs a function");
	if (r->frozen)
		return luaL_error(L, "a reaction in use cannot be changed");
	r->complete = false;
	return extend(L);
}

static int l_otherwise(lua_State *L)
{
	struct reaction *r = reaction_at(L, 1);

	lua_settop(L, 2);
	if (r && r->kind == R_WRONG) {
		lua_settop(L, 1);
		return 1;
	}
	if (!r || r->kind != R_WHEN || !r->complete || r->ended)
		return wrong(L, "'otherwise' follows the body of a 'when'");
	if (!lua_istable(L, 2))
		return wrong(L, "'otherwise' needs a body: "
			     ":otherwise { ... }");
	if (r->frozen)
		return luaL_error(L, "a reaction in use cannot be changed");
	r->ended = true;
	return extend(L);
}

static int l_index(lua_State *L)
{
	const char *name = luaL_tolstring(L, 2, NULL);

	if (!strcmp(name, "otherwise"))
		lua_pushcfunction(L, l_otherwise);
	else if (!strcmp(name, "elsewhen"))
		lua_pushcfunction(L, l_elsewhen);
	else
		return luaL_error(L, "a reaction has no '%s'", name);
	return 1;
}

static int l_newindex(lua_State *L)
{
	return luaL_error(L, "a reaction cannot be changed");
}

static int l_gc(lua_State *L)
{
	struct reaction *r = lua_touserdata(L, 1);

	json_decref(r->fields);
	r->fields = NULL;
	return 0;
}

void reaction_open(lua_State *L)
{
	static const luaL_Reg meta[] = {
		{ "__call", l_call },
		{ "__gc", l_gc },
		{ "__index", l_index },
		{ "__newindex", l_newindex },
		{ NULL, NULL },
	};
	static const luaL_Reg words[] = {
		{ "TransferCallToOperator", l_operator },
		{ "a", l_a },
		{ "audio", l_audio },
		{ "bot", l_bot },
		{ "dtmf", l_dtmf },
		{ "enter", l_enter },
		{ "go", l_go },
		{ "hangup", l_hangup },
		{ "random", l_random },
		{ "switch", l_switch },
		{ "timeout", l_timeout },
		{ "when", l_when },
		{ NULL, NULL },
	};
	luaL_newlib(L, meta);
	lua_pushliteral(L, "reaction");
	lua_setfield(L, -2, "__name");
	lua_pushboolean(L, 0);
	lua_setfield(L, -2, "__metatable");
	lua_rawsetp(L, LUA_REGISTRYINDEX, &meta_key);
	luaL_setfuncs(L, words, 0);
}

void reaction_prune(lua_State *L, struct run *run)
{
	lua_Integer n, kept = 0;

	call_push(L, run);
	if (lua_getiuservalue(L, -1, CV_BUILT) == LUA_TTABLE) {
		n = (lua_Integer)lua_rawlen(L, -1);
		for (lua_Integer i = 1; i <= n; i++) {
			const struct reaction *r;

			lua_rawgeti(L, -1, i);
			r = reaction_at(L, -1);
			if (r && r->used)
				lua_pop(L, 1);
			else
				lua_rawseti(L, -2, ++kept);
		}
		for (lua_Integer i = n; i > kept; i--) {
			lua_pushnil(L);
			lua_rawseti(L, -2, i);
		}
	}
	lua_pop(L, 2);
}

void reaction_check_used(lua_State *L, struct run *run)
{
	call_push(L, run);
	if (lua_getiuservalue(L, -1, CV_BUILT) != LUA_TTABLE) {
		lua_pop(L, 2);
		return;
	}
	for (lua_Integer i = 1; lua_rawgeti(L, -1, i) != LUA_TNIL; i++) {
		const struct reaction *r = reaction_at(L, -1);

		lua_pop(L, 1);
		if (r && !r->used)
			luaL_error(L, "%s:%d: a reaction was built and not "
				   "used: return it, or call:react(it)",
				   r->source ? r->source->path
				   : run->s->shard->bot->path, r->line);
	}
	lua_pop(L, 3);
}
