/**
 * @file program_patterns.c  The bot's key `patterns`
 */
#include <lauxlib.h>
#include <stdio.h>

#include "meter.h"
#include "pattern_names.h"
#include "program.h"
#include "program_i.h"
#include "scan.h"

/* Where the table stands, and who reads it. */
struct reader {
	lua_State *L;
	struct pattern_names *names;
	struct problems *p;
	const char *file;
	const struct scan_table *scan;
	int line;		/**< of the table; 0: not known          */
};

/* Adds what is on top of the stack, by the name below it. */
static int add(const struct reader *r, const char *name, char *err,
	       size_t size)
{
	if (!name || lua_type(r->L, -1) != LUA_TSTRING) {
		snprintf(err, size, name ? "it is a text" : "an item without "
			 "a name: Name = \"pattern\"");
		return -1;
	}
	meter_charge(r->L, 20 + lua_rawlen(r->L, -1));
	return pattern_names_add(r->names, name, lua_tostring(r->L, -1), err,
				 size);
}

/* All are added first, since each may use the others; then each is checked. */
static void read_all(const struct reader *r, bool check)
{
	lua_State *L = r->L;
	char err[256];

	lua_pushnil(L);
	while (lua_next(L, -2)) {
		const char *name = lua_type(L, -2) == LUA_TSTRING ?
			lua_tostring(L, -2) : NULL;
		const struct scan_entry *e = name ? scan_key(r->scan, name)
			: NULL;
		int rc = 0;

		err[0] = '\0';
		if (!check)
			rc = add(r, name, err, sizeof(err));
		else if (name)
			rc = pattern_names_check(r->names, name, err,
						 sizeof(err));
		if (rc && *err)
			problem_add(r->p, r->file, e && e->line ? e->line
				    : r->line, "/: patterns%s%s: %s",
				    name ? "." : "", name ? name : "", err);
		lua_pop(L, 1);
	}
}

void program_patterns(struct build *b, int idx)
{
	const struct state *root = b->prog->root;
	const struct scan_entry *e = scan_key(root->scan, "patterns");
	struct reader r = {
		.L = b->L, .p = b->p, .file = root->file,
		.scan = e ? e->table : NULL,
		.line = e && e->line ? e->line : root->line,
	};
	lua_State *L = b->L;

	lua_pushliteral(L, "patterns");
	if (lua_rawget(L, idx) == LUA_TTABLE) {
		program_scan(L, b->from, lua_gettop(L), &r.file, &r.scan);
		if (r.file != root->file)
			r.line = r.scan->line;
		r.names = b->prog->patterns = pattern_names_new();
		if (!r.names)
			luaL_error(L, "no memory");
		read_all(&r, false);
		read_all(&r, true);
	} else if (!lua_isnil(L, -1)) {
		problem_add(r.p, r.file, r.line, "/: 'patterns' is a table of "
			    "patterns by name, not a %s",
			    luaL_typename(L, -1));
	}
	lua_pop(L, 1);
}
