#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <lua.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "config_sandbox.h"
#include "core/problem.h"
#include "scan.h"
#include "scripting.h"

#define FILE_MAX (8u << 20)
#define DEPTH_MAX 32
#define VALUES_MAX 500000
#define PATH_SIZE 512

struct config_lines {
	struct scan *scan;
};

/* What is read, and where its problems go. */
struct reader {
	const char *file;
	char *text;
	size_t len;
	struct problems *p;
	struct config_lines *lines;
	size_t values;
};

static int read_file(struct reader *r)
{
	/* A pipe nobody writes to would keep us here for ever. */
	const int fd = open(r->file, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "rb");
	struct stat st;
	int err = 0;

	if (!f) {
		err = errno;
		if (fd >= 0)
			close(fd);
		return err;
	}
	if (fstat(fd, &st))
		err = errno;
	else if (S_ISDIR(st.st_mode))
		err = EISDIR;
	else if (!S_ISREG(st.st_mode))
		err = EINVAL;
	else if ((uintmax_t)st.st_size > FILE_MAX)
		err = EFBIG;
	if (!err) {
		r->text = malloc((size_t)st.st_size + 1);
		if (!r->text)
			err = ENOMEM;
	}
	if (!err) {
		r->len = fread(r->text, 1, (size_t)st.st_size, f);
		if (ferror(f))
			err = EIO;
	}
	fclose(f);
	return err;
}

/* A byte order mark or a first line `#...` is skipped, as by the lua command;
 * the line's end stays, so that lines count right. */
static const char *lua_part(const struct reader *r, size_t *len)
{
	const char *s = r->text, *end = r->text + r->len;

	if (r->len >= 3 && !memcmp(s, "\xef\xbb\xbf", 3))
		s += 3;
	if (s < end && *s == '#')
		while (s < end && *s != '\n' && *s != '\r')
			s++;
	*len = (size_t)(end - s);
	return s;
}

static int l_load(lua_State *L)
{
	const struct reader *r = lua_touserdata(L, 1);
	size_t len;
	const char *s = lua_part(r, &len);

	if (luaL_loadbufferx(L, s, len, "=c", "t"))
		return lua_error(L);
	config_sandbox_env(L);
	lua_setupvalue(L, -2, 1);
	return 1;
}

/* Lua names the chunk "c", since it would shorten a long file name. */
static void add_error(struct reader *r, lua_State *L)
{
	const char *s = lua_type(L, -1) == LUA_TSTRING ? lua_tostring(L, -1)
						       : NULL;
	long line = 0;

	if (!s)
		s = "an error that is no string was raised";
	if (!strncmp(s, "c:", 2)) {
		char *end;
		const long n = strtol(s + 2, &end, 10);

		if (n > 0 && !strncmp(end, ": ", 2)) {
			line = n;
			s = end + 2;
		}
	}
	if (!strcmp(s, "not enough memory"))
		s = "the config needs more memory than it may have (64 MB)";
	problem_add(r->p, r->file, (int)line, "%s", s);
}

static json_t *convert(struct reader *r, lua_State *L, int depth, char *path);

static void wrong(struct reader *r, const char *path, const char *text)
{
	problem_add(r->p, r->file, config_lines_find(r->lines, path),
		    "%s%s%s", path, *path ? ": " : "", text);
}

static json_t *no_memory(struct reader *r)
{
	problem_add(r->p, r->file, 0, "out of memory");
	return NULL;
}

/* Whether the table on top is a list (1), has names (0) or neither (-1). */
static int table_kind(struct reader *r, lua_State *L, const char *path,
		      size_t *count)
{
	size_t items = 0, names = 0;
	lua_Integer last = 0;
	bool odd = false;

	lua_pushnil(L);
	while (lua_next(L, -2)) {
		lua_pop(L, 1);
		if (lua_type(L, -1) == LUA_TSTRING) {
			names++;
		} else if (lua_isinteger(L, -1) &&
			   lua_tointeger(L, -1) > 0) {
			items++;
			if (lua_tointeger(L, -1) > last)
				last = lua_tointeger(L, -1);
		} else {
			odd = true;
		}
	}
	*count = items;
	if (odd)
		wrong(r, path, "a key must be a name, or a place in a list");
	else if (items && names)
		wrong(r, path, "a table is either a list or has names as keys");
	else if ((lua_Unsigned)last != items)
		wrong(r, path, "the list has a hole");
	else
		return items > 0;
	return -1;
}

/* Puts the value on top into the list or table, and pops it. */
static bool convert_into(struct reader *r, lua_State *L, int depth,
			 char *path, json_t *to, const char *key, size_t len)
{
	const size_t end = strlen(path);
	json_t *v;
	int rc;

	if (key)
		snprintf(path + end, PATH_SIZE - end, "%s%s", end ? "." : "",
			 key);
	else
		snprintf(path + end, PATH_SIZE - end, "[%zu]",
			 json_array_size(to) + 1);

	if (key && strlen(key) != len) {
		wrong(r, path, "a key contains a NUL");
		v = NULL;
	} else {
		v = convert(r, L, depth + 1, path);
	}
	lua_pop(L, 1);
	if (!v) {
		path[end] = '\0';
		return false;
	}
	rc = key ? json_object_set_new(to, key, v)
		 : json_array_append_new(to, v);
	if (rc && key)
		wrong(r, path, "a key is not UTF-8");
	else if (rc)
		no_memory(r);
	path[end] = '\0';
	return !rc;
}

static json_t *convert_table(struct reader *r, lua_State *L, int depth,
			     char *path)
{
	size_t count, len;
	int kind;
	bool ok = true;
	json_t *to;

	if (depth > DEPTH_MAX || !lua_checkstack(L, 4)) {
		wrong(r, path, "tables are nested too deep, or in a circle");
		return NULL;
	}
	kind = table_kind(r, L, path, &count);
	if (kind < 0)
		return NULL;
	to = kind ? json_array() : json_object();
	if (!to)
		return no_memory(r);

	for (size_t i = 1; kind && ok && i <= count; i++) {
		lua_rawgeti(L, -1, (lua_Integer)i);
		ok = convert_into(r, L, depth, path, to, NULL, 0);
	}
	if (!kind) {
		lua_pushnil(L);
		while (ok && lua_next(L, -2)) {
			const char *key = lua_tolstring(L, -2, &len);

			ok = convert_into(r, L, depth, path, to, key, len);
		}
		if (!ok)
			lua_pop(L, 1);	/* the key; else it is gone */
	}
	if (!ok) {
		json_decref(to);
		return NULL;
	}
	return to;
}

static json_t *convert_string(struct reader *r, lua_State *L,
			      const char *path)
{
	size_t len;
	const char *s = lua_tolstring(L, -1, &len);
	json_t *v;

	if (strlen(s) != len) {
		wrong(r, path, "contains a NUL");
		return NULL;
	}
	v = json_stringn(s, len);
	if (!v)
		wrong(r, path, "is not UTF-8");
	return v;
}

static json_t *convert_number(struct reader *r, lua_State *L,
			      const char *path)
{
	json_t *v;

	if (lua_isinteger(L, -1))
		v = json_integer(lua_tointeger(L, -1));
	else
		v = json_real(lua_tonumber(L, -1));
	if (!v)
		wrong(r, path, "is no finite number");
	return v;
}

/* The value on top, which stays there. Only raw access: nothing raises. */
static json_t *convert(struct reader *r, lua_State *L, int depth, char *path)
{
	char text[100];

	/* A table that is named twice counts twice: this could double at
	 * every level. */
	if (++r->values > VALUES_MAX) {
		wrong(r, path, "the config has too many values");
		return NULL;
	}
	switch (lua_type(L, -1)) {
	case LUA_TTABLE:
		return convert_table(r, L, depth, path);
	case LUA_TSTRING:
		return convert_string(r, L, path);
	case LUA_TNUMBER:
		return convert_number(r, L, path);
	case LUA_TBOOLEAN:
		return json_boolean(lua_toboolean(L, -1));
	}
	snprintf(text, sizeof(text), "must be plain data, not a %s",
		 luaL_typename(L, -1));
	wrong(r, path, text);
	return NULL;
}

static json_t *run(struct reader *r, lua_State *L)
{
	char path[PATH_SIZE] = "";

	lua_pushcfunction(L, l_load);
	lua_pushlightuserdata(L, r);
	if (lua_pcall(L, 1, 1, 0)) {
		add_error(r, L);
		return NULL;
	}
	r->lines->scan = scan_open(r->file, r->text, r->len, r->p);
	if (!r->lines->scan)
		return no_memory(r);
	if (lua_pcall(L, 0, 1, 0)) {
		add_error(r, L);
		return NULL;
	}
	if (lua_type(L, -1) != LUA_TTABLE) {
		problem_add(r->p, r->file, 0, "the config must return a table, "
			    "as in `return { ... }`");
		return NULL;
	}
	return convert(r, L, 1, path);
}

json_t *lua_config_read(const char *path, struct config_lines **lines,
			struct problems *p)
{
	struct reader r = { .file = path, .p = p };
	struct config_sandbox sb = { 0 };
	json_t *tree = NULL;
	int err;

	*lines = NULL;
	r.lines = calloc(1, sizeof(*r.lines));
	if (!r.lines)
		return no_memory(&r);
	err = read_file(&r);
	if (err) {
		problem_add(p, path, 0, "cannot be read: %s", strerror(err));
		goto out;
	}
	if (config_sandbox_open(&sb)) {
		no_memory(&r);
		goto out;
	}
	tree = run(&r, sb.L);
out:
	config_sandbox_close(&sb);
	free(r.text);
	if (tree)
		*lines = r.lines;
	else
		config_lines_free(r.lines);
	return tree;
}

void config_lines_free(struct config_lines *lines)
{
	if (!lines)
		return;
	if (lines->scan)
		scan_close(lines->scan);
	free(lines);
}

/* Entry of the path's first part and what is behind it; names may contain
 * dots, so the longest that fits is meant. */
static const struct scan_entry *first_part(const struct scan_table *t,
					   const char **path)
{
	const struct scan_entry *best = NULL;
	const char *s = *path;
	size_t most = 0;

	if (*s == '[') {
		char *end;
		const long i = strtol(s + 1, &end, 10);

		if (*end != ']' || i < 1 || i > VALUES_MAX)
			return NULL;
		*path = end + 1;
		return scan_item(t, (int)i);
	}
	if (*s == '.')
		s++;
	for (size_t i = 0; i < t->count; i++) {
		const char *key = t->entries[i].key;
		const size_t n = key ? strlen(key) : 0;

		if (!n || n < most || strncmp(s, key, n) ||
		    (s[n] && s[n] != '.' && s[n] != '['))
			continue;
		best = &t->entries[i];	/* the last one: Lua keeps it */
		most = n;
	}
	*path = s + most;
	return best;
}

int config_lines_find(void *arg, const char *path)
{
	const struct config_lines *lines = arg;
	const struct scan_table *t = lines && lines->scan
		? scan_root(lines->scan) : NULL;
	int line = t ? t->line : 0;

	while (t && *path) {
		const struct scan_entry *e = first_part(t, &path);

		if (!e)
			break;
		line = e->line;
		t = e->table;
	}
	return line;
}
