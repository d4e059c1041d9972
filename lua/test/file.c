/* A test file: read once, and run in a new state for each run of a test. */
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "core/config.h"
#include "core/problem.h"
#include "lua/plain.h"
#include "test.h"
#include "test_i.h"

#define SOURCE_MAX (1024 * 1024)
#define LEVELS_MAX 30

struct test_file {
	char *path;
	char *bot;
	char *text;
	size_t len;
	struct test_row *rows;
	size_t count;
};

struct tester *tester_of(lua_State *L)
{
	return (struct tester *)shard_of(L);
}

/* ---- errors ---- */

int test_fail(lua_State *L, const char *fmt, ...)
{
	char buf[4096];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	lua_pushstring(L, buf);
	return lua_error(L);
}

static char *keep(char **where, const char *text)
{
	free(*where);
	return *where = strdup(text);
}

/* Message handler: where it happened, and through which lines it came. */
static int l_where(lua_State *L)
{
	struct tester *t = tester_of(L);
	const char *msg = lua_tostring(L, 1);
	char trace[2048] = "", place[512], prefix[128];
	size_t n = 0;
	lua_Debug ar;

	if (!msg)
		msg = lua_pushfstring(L, "the error is a %s",
				      luaL_typename(L, 1));
	for (int i = 0; i < LEVELS_MAX && lua_getstack(L, i, &ar); i++) {
		lua_getinfo(L, "Sl", &ar);
		if (ar.currentline <= 0)
			continue;
		snprintf(place, sizeof(place), "%s:%d", ar.source + 1,
			 ar.currentline);
		if (!n++) {
			keep(&t->at, place);
			snprintf(prefix, sizeof(prefix), "%s:%d: ",
				 ar.short_src, ar.currentline);
			if (!strncmp(msg, prefix, strlen(prefix)))
				msg += strlen(prefix);
			continue;
		}
		if (strlen(trace) + strlen(place) + 2 < sizeof(trace)) {
			strcat(trace, place);
			strcat(trace, "\n");
		}
	}
	keep(&t->message, msg);
	keep(&t->trace, trace);
	return 0;
}

/* ---- options ---- */

void test_check_keys(lua_State *L, int idx, const char *const *keys)
{
	luaL_checktype(L, idx, LUA_TTABLE);
	lua_pushnil(L);
	while (lua_next(L, idx)) {
		const char *name, *near;
		size_t i = 0;

		lua_pop(L, 1);
		if (lua_type(L, -1) != LUA_TSTRING)
			test_fail(L, "a key that is a %s",
				  luaL_typename(L, -1));
		name = lua_tostring(L, -1);
		while (keys[i] && strcmp(keys[i], name))
			i++;
		if (keys[i])
			continue;
		near = nearest_word(name, keys);
		if (near)
			test_fail(L, "unknown key '%s'; did you mean '%s'?",
				  name, near);
		test_fail(L, "unknown key '%s'", name);
	}
}

uint64_t test_duration_at(lua_State *L, int idx)
{
	json_t *v = NULL;
	uint64_t ms = 0;
	int rc;

	if (lua_type(L, idx) == LUA_TNUMBER)
		v = json_real(lua_tonumber(L, idx));
	else if (lua_type(L, idx) == LUA_TSTRING)
		v = json_string(lua_tostring(L, idx));
	rc = v ? duration_parse(v, &ms) : -1;
	json_decref(v);
	if (rc)
		test_fail(L, "a duration is needed, such as 5, \"500ms\" or "
			  "\"1m\"");
	return ms;
}

uint64_t test_duration(lua_State *L, int idx, const char *key,
		       uint64_t otherwise)
{
	uint64_t ms = otherwise;

	if (!lua_istable(L, idx))
		return ms;
	if (lua_getfield(L, idx, key) != LUA_TNIL)
		ms = test_duration_at(L, -1);
	lua_pop(L, 1);
	return ms;
}

json_t *test_json(lua_State *L, int idx, const char *name)
{
	const struct plain_options o = { .bytes = 1 << 20 };
	char err[256];
	json_t *v = plain_json(L, idx, &o, name, err, sizeof(err));

	if (!v)
		test_fail(L, "%s", err);
	return v;
}

/* ---- words ---- */

struct play *test_play(lua_State *L, const char *verb)
{
	struct tester *t = tester_of(L);

	if (!t->play)
		test_fail(L, "%s belongs inside of test(name, function)",
			  verb);
	return t->play;
}

/* Upvalues: the table's name. */
static int l_no_word(lua_State *L)
{
	const char *words[64], *near, *name = luaL_tolstring(L, 2, NULL);
	const char *of = lua_tostring(L, lua_upvalueindex(1));
	size_t n = 0;

	lua_pushnil(L);
	while (n < 63 && lua_next(L, 1)) {
		lua_pop(L, 1);
		words[n++] = lua_tostring(L, -1);
	}
	words[n] = NULL;
	near = nearest_word(name, words);
	if (*of && near)
		return test_fail(L, "'%s' has no '%s'; did you mean '%s'?",
				 of, name, near);
	if (*of)
		return test_fail(L, "'%s' has no '%s'", of, name);
	if (near)
		return test_fail(L, "'%s' is not defined; did you mean '%s'?",
				 name, near);
	return test_fail(L, "'%s' is not defined", name);
}

static int l_no_set(lua_State *L)
{
	return test_fail(L, "'%s' cannot be set: use local",
			 luaL_tolstring(L, 2, NULL));
}

/* Seals the table on top, whose words are all there. */
static void seal(lua_State *L, const char *name)
{
	lua_createtable(L, 0, 3);
	lua_pushstring(L, name);
	lua_pushcclosure(L, l_no_word, 1);
	lua_setfield(L, -2, "__index");
	lua_pushcfunction(L, l_no_set);
	lua_setfield(L, -2, "__newindex");
	lua_setmetatable(L, -2);
}

void test_open_words(lua_State *L, const char *name, const luaL_Reg *verbs)
{
	lua_newtable(L);
	luaL_setfuncs(L, verbs, 0);
	seal(L, name);
	lua_setfield(L, -2, name);
}

static int l_test(lua_State *L)
{
	struct tester *t = tester_of(L);
	struct test_row *rows;
	lua_Debug ar;

	if (t->play)
		return test_fail(L, "a test inside of a test");
	luaL_checktype(L, 1, LUA_TSTRING);
	luaL_checktype(L, 2, LUA_TFUNCTION);
	for (size_t i = 0; i < t->count; i++)
		if (!strcmp(t->rows[i].name, lua_tostring(L, 1)))
			return test_fail(L, "there is a test \"%s\" already, "
					 "in line %d", lua_tostring(L, 1),
					 t->rows[i].line);
	rows = realloc(t->rows, (t->count + 1) * sizeof(*rows));
	if (!rows)
		return test_fail(L, "no memory");
	t->rows = rows;
	rows[t->count].line = lua_getstack(L, 1, &ar) &&
		lua_getinfo(L, "l", &ar) ? ar.currentline : 0;
	rows[t->count].name = strdup(lua_tostring(L, 1));
	if (t->wanted && !strcmp(t->wanted, lua_tostring(L, 1)))
		t->function = luaL_ref(L, LUA_REGISTRYINDEX);
	t->count++;
	return 0;
}

static int l_bot(lua_State *L)
{
	struct tester *t = tester_of(L);

	luaL_checktype(L, 1, LUA_TSTRING);
	if (t->play || t->count)
		return test_fail(L, "bot \"file.lua\" stands before the tests");
	keep(&t->bot, lua_tostring(L, 1));
	return 0;
}

static int l_load(lua_State *L)
{
	struct tester *t = tester_of(L);
	const struct test_file *f = t->file;
	char chunk[1024];

	snprintf(chunk, sizeof(chunk), "@%s", f->path);
	if (luaL_loadbufferx(L, f->text, f->len, chunk, "t"))
		return lua_error(L);
	config_sandbox_env(L);
	lua_pushcfunction(L, l_test);
	lua_setfield(L, -2, "test");
	lua_pushcfunction(L, l_bot);
	lua_setfield(L, -2, "bot");
	test_open_people(L);
	test_open_expect(L);
	test_open_outside(L);
	seal(L, "");
	lua_setupvalue(L, -2, 1);
	lua_call(L, 0, 0);
	return 0;
}

/* ---- files ---- */

static struct tester *tester_new(const struct test_file *f,
				 const char *wanted)
{
	struct tester *t = calloc(1, sizeof(*t));

	if (!t || config_sandbox_open(&t->sandbox)) {
		free(t);
		return NULL;
	}
	t->sandbox.what = "test";
	t->file = f;
	t->wanted = wanted;
	t->function = LUA_NOREF;
	t->head.L = t->sandbox.L;
	*(struct shard **)lua_getextraspace(t->sandbox.L) = &t->head;
	return t;
}

static void rows_free(struct test_row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(rows[i].name);
	free(rows);
}

static void tester_free(struct tester *t)
{
	config_sandbox_close(&t->sandbox);
	rows_free(t->rows, t->count);
	free(t->bot);
	free(t->message);
	free(t->at);
	free(t->trace);
	free(t);
}

static int protected(struct tester *t)
{
	lua_State *L = t->sandbox.L;
	int rc;

	lua_pushcfunction(L, l_where);
	lua_insert(L, 1);
	rc = lua_pcall(L, 0, 0, 1);
	if (rc == LUA_ERRMEM)
		keep(&t->message, "the test uses too much memory");
	else if (rc && !t->message)
		keep(&t->message, lua_tostring(L, -1) ? lua_tostring(L, -1)
		     : "unknown error");
	lua_settop(L, 0);
	return rc;
}

static int tester_load(struct tester *t)
{
	lua_pushcfunction(t->sandbox.L, l_load);
	return protected(t);
}

/* Reads the whole file: 0, or -1 with the reason told. */
static int read_text(struct test_file *f, struct problems *p)
{
	FILE *in = fopen(f->path, "rb");
	struct stat st;

	if (!in || fstat(fileno(in), &st)) {
		problem_add(p, f->path, 0, "%s", strerror(errno));
		if (in)
			fclose(in);
		return -1;
	}
	if (!S_ISREG(st.st_mode) || st.st_size > SOURCE_MAX) {
		problem_add(p, f->path, 0, S_ISREG(st.st_mode)
			    ? "larger than %d bytes" : "not a file",
			    SOURCE_MAX);
		fclose(in);
		return -1;
	}
	f->text = malloc((size_t)st.st_size + 1);
	if (f->text)
		f->len = fread(f->text, 1, (size_t)st.st_size, in);
	fclose(in);
	return f->text ? 0 : -1;
}

/* Beside the test: NAME_test.lua tests NAME.lua. */
static char *bot_path(const struct test_file *f, const char *named)
{
	const char *slash = strrchr(f->path, '/');
	const int folder = slash ? (int)(slash - f->path) + 1 : 0;
	size_t len = strlen(f->path);
	char path[4096];

	if (named)
		snprintf(path, sizeof(path), "%.*s%s", *named == '/' ? 0
			 : folder, f->path, named);
	else
		snprintf(path, sizeof(path), "%.*s.lua",
			 (int)(len > 9 ? len - 9 : 0), f->path);
	return strdup(path);
}

static void add_problem(struct problems *p, const struct test_file *f,
			const struct tester *t)
{
	const char *colon = t->at ? strrchr(t->at, ':') : NULL;
	const char *text = t->message ? t->message : "unknown error";
	int line = colon ? atoi(colon + 1) : 0, used = 0;

	/* A mistake of syntax has its place in the message alone. */
	if (!line) {
		const char *at = strchr(text, ':');

		for (; at; at = strchr(at + 1, ':'))
			if (sscanf(at, ":%d: %n", &line, &used) == 1 && used) {
				text = at + used;
				break;
			}
	}
	problem_add(p, f->path, line, "%s", text);
}

struct test_file *test_file_open(const char *path, struct problems *p)
{
	struct test_file *f = calloc(1, sizeof(*f));
	struct tester *t = NULL;

	if (!f)
		return NULL;
	f->path = strdup(path);
	if (!f->path || read_text(f, p))
		goto fail;
	t = tester_new(f, NULL);
	if (!t)
		goto fail;
	if (tester_load(t)) {
		add_problem(p, f, t);
		goto fail;
	}
	if (!t->bot && (strlen(path) < 10 ||
			strcmp(path + strlen(path) - 9, "_test.lua"))) {
		problem_add(p, path, 0, "which bot is tested? A file of tests "
			    "is NAME_test.lua beside NAME.lua, or says "
			    "bot \"file.lua\"");
		goto fail;
	}
	f->bot = bot_path(f, t->bot);
	f->rows = t->rows;
	f->count = t->count;
	t->rows = NULL;
	t->count = 0;
	tester_free(t);
	return f;
fail:
	if (t)
		tester_free(t);
	test_file_free(f);
	return NULL;
}

void test_file_free(struct test_file *f)
{
	if (!f)
		return;
	rows_free(f->rows, f->count);
	free(f->bot);
	free(f->path);
	free(f->text);
	free(f);
}

const char *test_file_path(const struct test_file *f)
{
	return f->path;
}

const char *test_file_bot(const struct test_file *f)
{
	return f->bot;
}

size_t test_count(const struct test_file *f)
{
	return f->count;
}

const char *test_name(const struct test_file *f, size_t i)
{
	return f->rows[i].name;
}

int test_line(const struct test_file *f, size_t i)
{
	return f->rows[i].line;
}

/* ---- running ---- */

void test_run(const struct test_file *f, const struct test_run *run,
	      struct test_result *r)
{
	/* By its name: the order may hang on a hash, as with pairs(). */
	struct tester *t = tester_new(f, f->rows[run->index].name);
	char buf[4096];
	const char *wrong;

	*r = (struct test_result){ NULL };
	if (!t) {
		r->message = strdup("no memory");
		return;
	}
	if (tester_load(t)) {
		/* told below */
	} else if (t->function == LUA_NOREF) {
		keep(&t->message, "the file no longer has this test: its "
		     "names must not change from run to run");
	} else {
		t->play = run->play;
		t->hostile = run->hostile;
		lua_rawgeti(t->sandbox.L, LUA_REGISTRYINDEX, t->function);
		if (!protected(t)) {
			wrong = test_leftover(t, buf, sizeof(buf));
			if (wrong) {
				keep(&t->message, wrong);
				snprintf(buf, sizeof(buf), "%s:%d", f->path,
					 f->rows[run->index].line);
				keep(&t->at, buf);
			}
		}
	}
	r->errors = t->errors_expected;
	r->message = t->message;
	r->at = t->at;
	r->trace = t->trace;
	t->message = t->at = t->trace = NULL;
	tester_free(t);
}

void test_result_free(struct test_result *r)
{
	free(r->message);
	free(r->at);
	free(r->trace);
	*r = (struct test_result){ NULL };
}
