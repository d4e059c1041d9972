/**
 * @file list.c  Lists of reactions: checked once, then private
 *
 * A list the author wrote is copied, so that nothing a handler does to his own
 * table can reach another call.
 */
#include <lauxlib.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "coverage_i.h"
#include "meter.h"
#include "operator.h"
#include "program.h"
#include "reaction.h"
#include "scan.h"
#include "shard.h"
#include "sound.h"
#include "template.h"

#define DEPTH_MAX 32

static void complain(lua_State *L, const struct list_place *at,
		     const struct reaction *r, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static void complain(lua_State *L, const struct list_place *at,
		     const struct reaction *r, const char *fmt, ...)
{
	const char *file = r && r->source ? r->source->path : at->file;
	int line = r && r->line ? r->line : at->line;
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (at->p) {
		problem_add(at->p, file, line, "%s: %s", at->state->path,
			    text);
		return;
	}
	if (!line)
		luaL_error(L, "%s", text);
	lua_pushfstring(L, "%s:%d: %s", file, line, text);
	lua_error(L);
}

static void check_path(lua_State *L, const struct list_place *at,
		       const struct reaction *r, const char *path)
{
	const struct program *prog = at->program;
	const char **words, *near;

	if (program_find(prog, at->state, path))
		return;
	words = lua_newuserdatauv(L, (prog->count + 1) * sizeof(*words), 0);
	for (size_t i = 0; i < prog->count; i++)
		words[i] = prog->all[i]->path;
	words[prog->count] = NULL;
	near = nearest_word(path, words);
	if (near)
		complain(L, at, r, "there is no state '%s'; did you mean "
			 "'%s'?", path, near);
	else
		complain(L, at, r, "there is no state '%s'", path);
	lua_pop(L, 1);
}

/* A text at load that has a template: pushes it compiled, as a reaction, and
 * is true; false: it is an ordinary text. */
static bool freeze_template(lua_State *L, int idx,
			    const struct list_place *at,
			    const struct reaction *r)
{
	const struct template_place where = {
		r && r->source ? r->source->path : at->file,
		r && r->line ? r->line : at->line,
	};
	struct reaction *made;
	char err[256];

	/* What a handler gives us is text, whatever is in it. */
	if (!at->p || !strstr(lua_tostring(L, idx), "{{"))
		return false;
	if (template_compile(L, idx, &where, err, sizeof(err))) {
		complain(L, at, r, "%s", err);
		return false;
	}
	made = reaction_of_template(L);
	made->line = where.line;
	return true;
}

/* Whether what is said here would be heard. */
static void check_heard(lua_State *L, const struct list_place *at,
			const struct reaction *r)
{
	if (at->silent)
		complain(L, at, r, "nothing is said after %s", at->silent);
}

/* Tells of a switch's field that is unknown or not built; false: neither. */
static bool refuse_field(lua_State *L, const struct list_place *at,
			 const struct reaction *r, const char *name)
{
	const char *words[32], *near;
	size_t n = 0;

	for (size_t i = 0; i < action_field_count && n < 31; i++) {
		const struct action_field *f = &action_fields[i];

		if (f->action != ACT_SWITCH)
			continue;
		if (strcmp(f->name, name)) {
			words[n++] = f->name;
			continue;
		}
		if (!f->built)
			complain(L, at, r, "'%s' is not available in this "
				 "version", name);
		return !f->built;
	}
	if (!strcmp(name, "type"))
		return false;
	words[n] = NULL;
	near = nearest_word(name, words);
	if (near)
		complain(L, at, r, "switch: unknown field '%s'; did you mean "
			 "'%s'?", name, near);
	else
		complain(L, at, r, "switch: unknown field '%s'", name);
	return true;
}

/* Whether a text of the value, or of its fields, has a template. */
static bool has_template(json_t *v)
{
	const char *name;
	json_t *field;

	if (json_is_string(v))
		return template_is(json_string_value(v),
				   json_string_length(v));
	json_object_foreach(v, name, field)
		if (has_template(field))
			return true;
	return false;
}

/* At load only: in a handler it is checked when it is sent. */
static void check_switch(lua_State *L, const struct list_place *at,
			 const struct reaction *r)
{
	struct action_error err;
	struct action *a;
	bool refused = false;
	const char *name;
	json_t *v;

	if (!at->p)
		return;
	json_object_foreach(r->fields, name, v) {
		refused = refuse_field(L, at, r, name) || refused;
		if (has_template(v)) {
			complain(L, at, r, "switch: '%s' holds a template; "
				 "they are for texts that are said, a function "
				 "can build this", name);
			refused = true;
		}
	}
	if (refused)
		return;
	if (action_parse(&a, r->fields, NULL, &err)) {
		complain(L, at, r, "%s", err.text);
		return;
	}
	action_free(a);
}

/* At load: the reply's fields, and what they name. */
static void check_reply(lua_State *L, const struct list_place *at,
			const struct reaction *r)
{
	const struct bot *bot = shard_of(L)->bot;
	struct action_error err;
	struct action *a;

	if (!strcmp(json_string_value(json_object_get(r->fields, "type")),
		    "audio"))
		check_heard(L, at, r);
	if (!at->p)
		return;
	if (action_parse(&a, r->fields, NULL, &err)) {
		complain(L, at, r, "%s", err.text);
		return;
	}
	if (a->type == ACT_PLAY && sound_find(bot, a, &err))
		complain(L, at, r, "%s", err.text);
	else if (a->type == ACT_TIMEOUT)
		check_path(L, at, r, a->text);
	action_free(a);
}

static void check_operator(lua_State *L, const struct list_place *at,
			   const struct reaction *r)
{
	struct operator_states o;
	struct action_error err;
	struct action *a;

	if (!at->p)
		return;
	if (operator_parse(&a, r->fields, at->program, at->state, NULL, &o,
			   &err))
		complain(L, at, r, "%s", err.text);
	else
		action_free(a);
}

/* The content of a when: conditions and bodies in turn, last otherwise. */
static void freeze_when(lua_State *L, int idx, struct list_place *at)
{
	const char *silent = at->silent;
	int n;

	lua_getiuservalue(L, idx, 1);
	n = (int)lua_rawlen(L, -1);
	lua_createtable(L, n, 0);
	for (int i = 1; i <= n; i++) {
		lua_rawgeti(L, -2, i);
		if (lua_istable(L, -1)) {
			list_freeze(L, lua_gettop(L), at, false);
			lua_remove(L, -2);
			at->silent = silent;
		} else if (at->p) {
			cover_function(L, -1, at->state->path);
		}
		lua_rawseti(L, -2, i);
	}
	lua_setiuservalue(L, idx, 1);
	lua_pop(L, 1);
}

static void freeze_random(lua_State *L, int idx, struct list_place *at,
			  struct reaction *r)
{
	lua_getiuservalue(L, idx, 1);
	at->choice = true;
	list_freeze(L, lua_gettop(L), at, false);
	if (!lua_rawlen(L, -1))
		complain(L, at, r, "'random' has nothing to choose from");
	lua_setiuservalue(L, idx, 1);
	lua_pop(L, 1);
	if (at->p && !r->id)
		r->id = ++at->program->randoms;
}

static void freeze_reaction(lua_State *L, int idx, struct list_place *at,
			    struct reaction *r)
{
	struct list_place in = *at;

	r->used = true;
	if (r->line) {
		in.line = r->line;
		if (r->source)
			in.file = r->source->path;
	}
	switch (r->kind) {
	case R_SAY:
		check_heard(L, at, r);
		lua_getiuservalue(L, idx, 1);
		if (lua_isstring(L, -1) &&
		    freeze_template(L, lua_gettop(L), at, r))
			lua_setiuservalue(L, idx, 1);
		lua_pop(L, 1);
		break;
	case R_TEMPLATE:
		break;
	case R_RANDOM:
		freeze_random(L, idx, &in, r);
		break;
	case R_WHEN:
		if (!r->complete)
			complain(L, at, r, "'when' or 'elsewhen' without a "
				 "body: when(f) { ... }");
		else
			freeze_when(L, idx, &in);
		break;
	case R_SWITCH:
		check_switch(L, at, r);
		check_heard(L, at, r);
		at->silent = "a switch";
		break;
	case R_ENTER:
	case R_GO:
		lua_getiuservalue(L, idx, 1);
		check_path(L, at, r, lua_tostring(L, -1));
		lua_pop(L, 1);
		break;
	case R_REPLY:
		check_reply(L, at, r);
		break;
	case R_OPERATOR:
		check_operator(L, at, r);
		check_heard(L, at, r);
		at->silent = OPERATOR_WORD;
		break;
	case R_WRONG:
		lua_getiuservalue(L, idx, 1);
		complain(L, at, r, "%s", lua_tostring(L, -1));
		lua_pop(L, 1);
		break;
	case R_BOT:
		complain(L, at, r, "bot { ... } is no reaction");
		break;
	case R_HANGUP:
		check_heard(L, at, r);
		at->silent = "hangup()";
		break;
	}
	r->frozen = true;
}

void list_freeze_item(lua_State *L, int idx, struct list_place *at)
{
	struct reaction *r;

	luaL_checkstack(L, 12, "lists nested too deep");
	idx = lua_absindex(L, idx);
	switch (lua_type(L, idx)) {
	case LUA_TSTRING:
		check_heard(L, at, NULL);
		if (freeze_template(L, idx, at, NULL))
			return;
		break;
	case LUA_TFUNCTION:
		if (lua_iscfunction(L, idx))
			complain(L, at, NULL, "a word of the library is no "
				 "reaction by itself; it is called: hangup()");
		else if (at->p)
			cover_function(L, idx, at->state->path);
		break;
	case LUA_TTABLE:
		list_freeze(L, idx, at, false);
		return;
	default:
		r = reaction_at(L, idx);
		if (!r) {
			complain(L, at, NULL, "a %s is no reaction",
				 luaL_typename(L, idx));
			break;
		}
		if (at->depth >= DEPTH_MAX) {
			complain(L, at, r, "reactions nested deeper than %d",
				 DEPTH_MAX);
			break;
		}
		at->depth++;
		freeze_reaction(L, idx, at, r);
		at->depth--;
	}
	lua_pushvalue(L, idx);
}

/* Number of items of a list, with what is wrong with its keys told. */
static lua_Integer items(lua_State *L, int idx, struct list_place *at,
			 bool keys)
{
	lua_Integer n = 0, max = 0, i;

	lua_pushnil(L);
	while (lua_next(L, idx)) {
		lua_pop(L, 1);
		if (lua_isinteger(L, -1) && lua_tointeger(L, -1) >= 1) {
			i = lua_tointeger(L, -1);
			max = i > max ? i : max;
			n++;
		} else if (lua_type(L, -1) != LUA_TSTRING) {
			complain(L, at, NULL, "a key that is a %s",
				 luaL_typename(L, -1));
		} else if (!keys) {
			complain(L, at, NULL, "a list of reactions has no "
				 "key '%s'", lua_tostring(L, -1));
		}
	}
	if (n == max)
		return n;
	for (i = 1; lua_rawgeti(L, idx, i) != LUA_TNIL; i++)
		lua_pop(L, 1);
	lua_pop(L, 1);
	complain(L, at, NULL, "hole in the list: item %lld is nil",
		 (long long)i);
	return i - 1;
}

/* Whether the value on top ends the lists it stands in. */
static bool ends_lists(lua_State *L)
{
	const struct reaction *r = reaction_at(L, -1);

	return r && r->kind == R_ENTER;
}

/* Items that stand behind an enter: it goes there and does not come back. */
static void tell_dead(const struct list_place *at, int line)
{
	if (at->p)
		problem_warn(at->p, at->file, line, "%s: nothing is run after "
			     "enter", at->state->path);
}

void list_freeze(lua_State *L, int idx, struct list_place *at, bool keys)
{
	const struct scan_table *scan = at->scan;
	const char *silent = at->silent;
	const bool choice = at->choice;
	const int line = at->line;
	lua_Integer n, entered = 0;

	luaL_checkstack(L, 12, "lists nested too deep");
	meter_charge(L, 10 + lua_rawlen(L, idx));
	if (at->depth >= DEPTH_MAX) {
		complain(L, at, NULL, "lists nested deeper than %d",
			 DEPTH_MAX);
		lua_newtable(L);
		return;
	}
	idx = lua_absindex(L, idx);
	n = items(L, idx, at, keys);
	lua_createtable(L, (int)(n < 256 ? n : 256), 0);
	at->depth++;
	at->choice = false;
	for (lua_Integer i = 1; i <= n; i++) {
		const struct scan_entry *e = scan_item(scan, (int)i);

		at->scan = e ? e->table : NULL;
		at->line = e && e->line ? e->line : line;
		if (entered && i == entered + 1)
			tell_dead(at, at->line);
		lua_rawgeti(L, idx, i);
		if (!choice && !entered && ends_lists(L))
			entered = i;
		if (at->p)
			cover_item(L, -2, i, at->file, at->line,
				   at->state->path);
		list_freeze_item(L, lua_gettop(L), at);
		lua_remove(L, -2);
		lua_rawseti(L, -2, i);
		if (choice)
			at->silent = silent;
	}
	at->depth--;
	at->scan = scan;
	at->line = line;
}
