/**
 * @file shard.c  One Lua state of a bot version, with its program
 *
 * A single state with thousands of suspended handlers would stop the node for
 * tens of milliseconds in one step of its collector; shards of a few hundred
 * sessions keep that at one or two.
 */
#include <lauxlib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/log.h"
#include "callobject.h"
#include "check.h"
#include "classifier.h"
#include "literals.h"
#include "meter.h"
#include "program.h"
#include "reaction.h"
#include "reply.h"
#include "sandbox.h"
#include "scan.h"
#include "session.h"
#include "shard.h"
#include "template.h"

/* Loading a bot may take this many handlers' budgets. */
#define LOAD_BUDGETS 20

struct loading {
	struct shard *sh;
	struct problems *p;
	struct scan *scan;
	struct module_scan *modules;
	struct problems own;	/* not yet with their states */
};

struct shard *shard_of(lua_State *L)
{
	return *(struct shard **)lua_getextraspace(L);
}

static int panic(lua_State *L)
{
	log_error("lua: unprotected error: %s", lua_tostring(L, -1));
	return 0;
}

/* ---- messages of Lua become problems ---- */

/* Whether `line` can stand in the state of entry `e`. */
static bool covers(const struct scan_entry *e, int line)
{
	const struct scan_table *t = e->table;

	/* a table with a name of its own stands elsewhere */
	return e->line <= line && (!t || t->line < e->line || line <= t->last);
}

/* Last state that `line` can stand in: most probably it does. */
static void state_at(const struct scan_table *t, int line, char *path,
		     size_t size)
{
	const struct scan_entry *states = scan_key(t, "states"), *in = NULL;
	const struct scan_table *st = states ? states->table : NULL;
	size_t n = strlen(path);

	for (size_t i = 0; st && i < st->count; i++)
		if (st->entries[i].key && covers(&st->entries[i], line))
			in = &st->entries[i];
	if (!in || n + strlen(in->key) + 2 > size)
		return;
	snprintf(path + n, size - n, "/%s", in->key);
	state_at(in->table, line, path, size);
}

/* Adds "file:line: text" of Lua as a problem. `placed`: the file has been
 * scanned, so that the state can be named. */
static void add_message(struct loading *ld, const char *msg)
{
	const struct bot *bot = ld->sh->bot;
	const struct source *src = bot->sources;
	const char *text = msg, *colon, *hint = "";
	char path[512] = "", place[64];
	int line = 0, used = 0;

	for (colon = strchr(msg, ':'); colon; colon = strchr(colon + 1, ':'))
		if (sscanf(colon, ":%d: %n", &line, &used) == 1 && used)
			break;
	if (colon) {
		const size_t n = (size_t)(colon - msg);

		text = colon + used;
		/* Lua shortens a long name to its end. */
		for (src = bot->sources; src; src = src->next) {
			size_t len = strlen(src->path);
			const char *tail = msg;
			size_t k = n;

			if (n > 3 && !strncmp(msg, "...", 3)) {
				tail += 3;
				k -= 3;
			}
			if (k <= len && !strncmp(src->path + len - k, tail, k))
				break;
		}
		if (!src)
			src = bot->sources;
	}
	if (strstr(text, "'}' expected") ||
	    strstr(text, "attempt to call a string value"))
		hint = " (missing comma?)";
	if (ld->scan && src == bot->sources && line)
		state_at(scan_root(ld->scan), line, path, sizeof(path));
	snprintf(place, sizeof(place), "%s", *path ? ": " : "");
	problem_add(ld->p, src->path, line, "%s%s%s%s", path, place, text,
		    hint);
}

/* The scanner's own problems, with the state they stand in. */
static void add_scanned(struct loading *ld, const struct problems *own)
{
	for (size_t i = 0; i < own->count; i++) {
		const struct problem *p = &own->list[i];
		char path[512] = "";

		state_at(ld->scan ? scan_root(ld->scan) : NULL, p->line, path,
			 sizeof(path));
		problem_add(ld->p, p->file, p->line, "%s: %s",
			    *path ? path : "/", p->text);
	}
}

/* ---- loading ---- */

/* What only the source shows of its functions, found once for all shards. */
static void find_literals(lua_State *L, struct source *src)
{
	if (src->read)
		return;
	if (literals_find(&src->literals, src->text, src->len)) {
		literals_free(&src->literals);
		luaL_error(L, "no memory");
	}
	src->read = true;
}

void shard_scan(lua_State *L, struct source *src)
{
	struct loading *ld = shard_of(L)->loading;
	struct module_scan *m = calloc(1, sizeof(*m));

	if (!m)
		luaL_error(L, "no memory");
	m->next = ld->modules;
	ld->modules = m;
	m->file = src->path;
	m->scan = scan_open(src->path, src->text, src->len, ld->p);
	if (!m->scan)
		luaL_error(L, "no memory");
	find_literals(L, src);
}

void shard_chunk(lua_State *L, const struct source *src, const char *chunk)
{
	template_load(L, src, chunk, shard_of(L)->loading->p);
}

void shard_required(lua_State *L, const struct source *src)
{
	struct module_scan *m = shard_of(L)->loading->modules;

	for (; m; m = m->next)
		if (m->file == src->path)
			m->table = lua_topointer(L, -1);
}

static void close_scans(struct loading *ld)
{
	scan_close(ld->scan);
	while (ld->modules) {
		struct module_scan *m = ld->modules;

		ld->modules = m->next;
		scan_close(m->scan);
		free(m);
	}
}

/* Number of the last line that is not empty. */
static int lines(const struct source *src)
{
	size_t len = src->len;
	int n = 1;

	while (len && strchr("\n\r\t ", src->text[len - 1]))
		len--;
	for (size_t i = 0; i < len; i++)
		n += src->text[i] == '\n';
	return n;
}

/* Pushes the bot file's chunk; what is wrong with its templates is told with
 * the state it stands in. */
static void load_templates(lua_State *L, struct loading *ld,
			   const char *chunk)
{
	template_load(L, ld->sh->bot->sources, chunk, &ld->own);
	add_scanned(ld, &ld->own);
	problems_free(&ld->own);
}

/* Builds everything; the argument is a struct loading. */
static int l_build(lua_State *L)
{
	struct loading *ld = lua_touserdata(L, 1);
	struct shard *sh = ld->sh;
	struct source *src = sh->bot->sources;
	const struct reaction *r;
	const size_t errors = ld->p->errors;
	char chunk[1024];

	lua_settop(L, 0);
	call_open(L);
	dialer_open(L);
	replies_open(L);
	sandbox_open(L);
	sh->env = luaL_ref(L, LUA_REGISTRYINDEX);

	snprintf(chunk, sizeof(chunk), "@%s", src->path);
	ld->scan = scan_open(src->path, src->text, src->len, &ld->own);
	if (luaL_loadbufferx(L, src->text, src->len, chunk, "t")) {
		/* the scan may name the state, but trust it no further */
		problems_free(&ld->own);
		return lua_error(L);
	}
	lua_pop(L, 1);
	add_scanned(ld, &ld->own);
	problems_free(&ld->own);
	if (!ld->scan)
		return luaL_error(L, "no memory");
	find_literals(L, src);
	load_templates(L, ld, chunk);
	lua_rawgeti(L, LUA_REGISTRYINDEX, sh->env);
	lua_setupvalue(L, -2, 1);
	lua_call(L, 0, 1);
	r = reaction_at(L, -1);
	if (!r || r->kind != R_BOT) {
		/* what was to be returned would stand at the file's end */
		problem_add(ld->p, src->path, lines(src), "/: the file does "
			    "not return bot { ... }, but a %s",
			    r ? "reaction" : luaL_typename(L, -1));
		return 0;
	}
	lua_getiuservalue(L, -1, 1);
	program_build(L, &sh->program, &(struct program_source){
		.file = src->path, .scan = ld->scan, .modules = ld->modules,
		.p = ld->p, .keep_scan = sh->bot->check != NULL,
		.learnt = &sh->bot->classifier,
	});
	if (sh->bot->check && ld->p->errors == errors)
		check_bot(&(struct check){
			.prog = sh->program, .bot = sh->bot,
			.config = sh->bot->check, .p = ld->p,
		});
	return 0;
}

static int load(struct shard *sh, struct problems *p)
{
	struct bot *bot = sh->bot;
	struct loading ld = { .sh = sh, .p = p };
	const size_t before = p->errors;
	struct meter m;
	char text[256];
	lua_State *L = sh->L;
	int rc;

	meter_start(&m, LOAD_BUDGETS * bot->limits.handler_instructions +
		    1000000, bot->limits.bot_memory);
	sh->meter = &m;
	sh->running = L;
	sh->loading = &ld;
	meter_resume(&m, L);
	lua_pushcfunction(L, l_message);
	lua_pushcfunction(L, l_build);
	lua_pushlightuserdata(L, &ld);
	rc = lua_pcall(L, 1, 0, 1);
	sh->loading = NULL;
	sh->meter = NULL;
	sh->running = NULL;
	lua_sethook(L, NULL, 0, 0);
	if (rc == LUA_ERRMEM && m.refused && m.refused != meter_full) {
		m.no_memory = true;
		add_message(&ld, meter_text(&m, text, sizeof(text)));
	} else if (rc == LUA_ERRMEM) {
		problem_add(p, bot->path, 0, "out of memory while it is "
			    "loaded: bot_memory is %llu bytes",
			    (unsigned long long)bot->limits.bot_memory);
	} else if (rc) {
		add_message(&ld, lua_tostring(L, -1));
	}
	lua_settop(L, 0);
	problems_free(&ld.own);
	close_scans(&ld);
	return p->errors == before ? 0 : UV_EINVAL;
}

struct shard *shard_open(struct bot *bot, struct problems *p)
{
	struct shard *sh = calloc(1, sizeof(*sh));

	if (!sh)
		return NULL;
	sh->bot = bot;
	sh->env = LUA_NOREF;
	sh->L = lua_newstate(meter_alloc, sh);
	if (!sh->L) {
		free(sh);
		problem_add(p, bot->path, 0, "no memory");
		return NULL;
	}
	*(struct shard **)lua_getextraspace(sh->L) = sh;
	lua_atpanic(sh->L, panic);
	if (load(sh, p)) {
		shard_close(sh);
		return NULL;
	}
	lua_gc(sh->L, LUA_GCCOLLECT);
	sh->baseline = sh->bytes;
	return sh;
}

void shard_close(struct shard *sh)
{
	while (sh->sessions)
		session_free(sh->sessions);
	lua_close(sh->L);
	program_free(sh->program);
	sources_free(sh->sources);
	classifier_free(sh->classifier);
	free(sh);
}

/* ---- coroutines ---- */

static int l_new_thread(lua_State *L)
{
	struct thread *t = lua_touserdata(L, 1);

	t->co = lua_newthread(L);
	t->ref = luaL_ref(L, LUA_REGISTRYINDEX);
	lua_pushboolean(L, 0);
	t->slot = luaL_ref(L, LUA_REGISTRYINDEX);
	return 0;
}

int shard_thread(struct shard *sh, struct thread *t)
{
	int rc;

	if (sh->kept_count) {
		*t = sh->kept[--sh->kept_count];
		return 0;
	}
	*t = (struct thread){ .ref = LUA_NOREF, .slot = LUA_NOREF };
	lua_pushcfunction(sh->L, l_new_thread);
	lua_pushlightuserdata(sh->L, t);
	rc = lua_pcall(sh->L, 1, 0, 0);
	if (rc) {
		lua_settop(sh->L, 0);
		luaL_unref(sh->L, LUA_REGISTRYINDEX, t->ref);
		return UV_ENOMEM;
	}
	return 0;
}

void shard_thread_done(struct shard *sh, struct thread *t, bool clean)
{
	lua_State *L = sh->L;

	if (clean && sh->kept_count < THREADS_KEPT) {
		lua_pushboolean(L, 0);
		lua_rawseti(L, LUA_REGISTRYINDEX, t->slot);
		sh->kept[sh->kept_count++] = *t;
	} else {
		luaL_unref(L, LUA_REGISTRYINDEX, t->ref);
		luaL_unref(L, LUA_REGISTRYINDEX, t->slot);
	}
	*t = (struct thread){ .ref = LUA_NOREF, .slot = LUA_NOREF };
}
