/**
 * @file strings.c  The bots' string library
 *
 * find, match, gmatch and gsub run on our own matcher, which counts its steps;
 * the rest is Lua's, charged by size.
 */
#include <lauxlib.h>
#include <lualib.h>
#include <string.h>

#include "luapattern.h"
#include "meter.h"
#include "sandbox.h"

#define NODES 24

/* Start position as in Lua: negative counts from the end, from 0. */
static size_t start_at(lua_Integer init, size_t len)
{
	if (init > 0)
		return (size_t)init - 1;
	if (init == 0 || init < -(lua_Integer)len)
		return 0;
	return len - (size_t)-init;
}

static int find_plain(lua_State *L, const char *s, size_t len, size_t at,
		      const char *p, size_t plen)
{
	const char *hit = NULL;

	meter_charge(L, (len - at) / 32 + plen / 32 + 1);
	if (!plen) {
		hit = s + at;
	} else {
		for (const char *q = s + at; plen <= (size_t)(s + len - q);
		     q++) {
			q = memchr(q, *p, (size_t)(s + len - q) - plen + 1);
			if (!q)
				break;
			if (!memcmp(q, p, plen)) {
				hit = q;
				break;
			}
			meter_charge(L, plen / 16 + 1);
		}
	}
	if (!hit) {
		luaL_pushfail(L);
		return 1;
	}
	lua_pushinteger(L, hit - s + 1);
	lua_pushinteger(L, hit - s + (lua_Integer)plen);
	return 2;
}

static int search(lua_State *L, bool find)
{
	struct luapattern_node nodes[NODES];
	struct luapattern m;
	size_t len, plen;
	const char *s = luaL_checklstring(L, 1, &len);
	const char *p = luaL_checklstring(L, 2, &plen);
	size_t at = start_at(luaL_optinteger(L, 3, 1), len);
	const char *e;

	if (at > len) {
		luaL_pushfail(L);
		return 1;
	}
	if (find && (lua_toboolean(L, 4) ||
		     strcspn(p, "^$*+?.([%-") == plen))
		return find_plain(L, s, len, at, p, plen);

	luapattern_parse(&m, L, p, plen, nodes, NODES);
	luapattern_subject(&m, s, len);
	for (const char *q = s + at; ; q++) {
		e = luapattern_match(&m, q);
		if (e) {
			luapattern_charge(&m);
			if (!find)
				return luapattern_push_all(&m, q, e);
			lua_pushinteger(L, q - s + 1);
			lua_pushinteger(L, e - s);
			return luapattern_push_all(&m, NULL, NULL) + 2;
		}
		if (m.anchored || q == m.end)
			break;
	}
	luapattern_charge(&m);
	luaL_pushfail(L);
	return 1;
}

static int l_find(lua_State *L)
{
	return search(L, true);
}

static int l_match(lua_State *L)
{
	return search(L, false);
}

/* Upvalues: subject, pattern, where to go on, end of the last match. */
static int l_gmatch_next(lua_State *L)
{
	struct luapattern_node nodes[NODES];
	struct luapattern m;
	size_t len, plen;
	const char *s = lua_tolstring(L, lua_upvalueindex(1), &len);
	const char *p = lua_tolstring(L, lua_upvalueindex(2), &plen);
	size_t at = (size_t)lua_tointeger(L, lua_upvalueindex(3));
	lua_Integer last = lua_tointeger(L, lua_upvalueindex(4));

	luapattern_parse(&m, L, p, plen, nodes, NODES);
	luapattern_subject(&m, s, len);
	if (m.anchored) {	/* in gmatch a '^' is no anchor but itself */
		luaL_error(L, "gmatch: a pattern cannot begin with '^'");
	}
	for (; at <= len; at++) {
		const char *e = luapattern_match(&m, s + at);

		if (!e || e - s == last)
			continue;
		luapattern_charge(&m);
		lua_pushinteger(L, e - s);
		lua_pushvalue(L, -1);
		lua_replace(L, lua_upvalueindex(3));
		lua_replace(L, lua_upvalueindex(4));
		return luapattern_push_all(&m, s + at, e);
	}
	luapattern_charge(&m);
	lua_pushinteger(L, (lua_Integer)len + 1);
	lua_replace(L, lua_upvalueindex(3));
	return 0;
}

static int l_gmatch(lua_State *L)
{
	size_t len;

	luaL_checklstring(L, 1, &len);
	luaL_checkstring(L, 2);
	lua_pushinteger(L, (lua_Integer)start_at(luaL_optinteger(L, 3, 1),
						 len));
	lua_replace(L, 3);
	lua_settop(L, 3);
	lua_pushinteger(L, -1);
	lua_pushcclosure(L, l_gmatch_next, 4);
	return 1;
}

/* Appends the replacement string with its %0 to %9. */
static void add_string(struct luapattern *m, luaL_Buffer *b, const char *s,
		       const char *e)
{
	size_t len;
	const char *r = lua_tolstring(m->L, 3, &len), *end = r + len;

	meter_charge(m->L, len / 32);
	while (r < end) {
		const char *pct = memchr(r, '%', (size_t)(end - r));

		luaL_addlstring(b, r, (size_t)((pct ? pct : end) - r));
		if (!pct)
			break;
		r = pct + 2;
		if (pct + 1 < end && pct[1] == '%') {
			luaL_addchar(b, '%');
		} else if (pct + 1 < end && pct[1] == '0') {
			luaL_addlstring(b, s, (size_t)(e - s));
		} else if (pct + 1 < end && pct[1] > '0' && pct[1] <= '9') {
			luapattern_push(m, (unsigned)(pct[1] - '1'), s, e);
			luaL_tolstring(m->L, -1, NULL);
			lua_remove(m->L, -2);
			luaL_addvalue(b);
		} else {
			luaL_error(m->L, "invalid use of '%%' in replacement "
				   "string");
		}
	}
}

/* Appends what stands for one match. */
static void add_value(struct luapattern *m, luaL_Buffer *b, const char *s,
		      const char *e, int type)
{
	lua_State *L = m->L;

	if (type == LUA_TFUNCTION) {
		lua_pushvalue(L, 3);
		lua_call(L, luapattern_push_all(m, s, e), 1);
	} else if (type == LUA_TTABLE) {
		luapattern_push(m, 0, s, e);
		lua_gettable(L, 3);
	} else {
		add_string(m, b, s, e);
		return;
	}
	if (!lua_toboolean(L, -1)) {
		lua_pop(L, 1);
		luaL_addlstring(b, s, (size_t)(e - s));
	} else if (!lua_isstring(L, -1)) {
		luaL_error(L, "invalid replacement value (a %s)",
			   luaL_typename(L, -1));
	} else {
		luaL_addvalue(b);
	}
}

static int l_gsub(lua_State *L)
{
	struct luapattern_node nodes[NODES];
	struct luapattern m;
	size_t len, plen;
	const char *s = luaL_checklstring(L, 1, &len);
	const char *p = luaL_checklstring(L, 2, &plen);
	const char *last = NULL, *e;
	int type = lua_type(L, 3);
	lua_Integer max = luaL_optinteger(L, 4, (lua_Integer)len + 1), n = 0;
	luaL_Buffer b;

	luaL_argexpected(L, type == LUA_TNUMBER || type == LUA_TSTRING ||
			 type == LUA_TFUNCTION || type == LUA_TTABLE, 3,
			 "string/function/table");
	if (type == LUA_TNUMBER)
		lua_tostring(L, 3);
	luapattern_parse(&m, L, p, plen, nodes, NODES);
	luapattern_subject(&m, s, len);
	luaL_buffinit(L, &b);
	while (n < max) {
		e = luapattern_match(&m, s);
		luapattern_charge(&m);
		if (e && e != last) {
			n++;
			add_value(&m, &b, s, e, type);
			s = last = e;
		} else if (s < m.end) {
			luaL_addchar(&b, *s++);
		} else {
			break;
		}
		if (m.anchored)
			break;
	}
	meter_charge(L, len / 32);
	luaL_addlstring(&b, s, (size_t)(m.end - s));
	luaL_pushresult(&b);
	lua_pushinteger(L, n);
	return 2;
}

/* Upvalue: Lua's own. Its loop runs n times even for an empty string. */
static int l_rep(lua_State *L)
{
	size_t len, sep = 0;
	lua_Integer n = luaL_checkinteger(L, 2);
	lua_Number cost;

	luaL_checklstring(L, 1, &len);
	luaL_optlstring(L, 3, "", &sep);
	cost = ((lua_Number)len + (lua_Number)sep + 16) / 64;
	if (n > 0)
		cost *= (lua_Number)n;
	meter_charge(L, cost < 1e15 ? (uint64_t)cost : (uint64_t)1e15);
	return lua_tocfunction(L, lua_upvalueindex(1))(L);
}

void strings_open(lua_State *L)
{
	static const char *const sized[] = {
		"char", "format", "len", "lower", "pack", "packsize",
		"reverse", "sub", "unpack", "upper",
	};
	static const luaL_Reg own[] = {
		{ "find", l_find },
		{ "gmatch", l_gmatch },
		{ "gsub", l_gsub },
		{ "match", l_match },
		{ NULL, NULL },
	};

	luaL_newlib(L, own);
	luaL_requiref(L, LUA_STRLIBNAME, luaopen_string, 0);
	for (size_t i = 0; i < sizeof(sized) / sizeof(*sized); i++) {
		lua_getfield(L, -1, sized[i]);
		sandbox_sized(L, lua_tocfunction(L, -1));
		lua_setfield(L, -4, sized[i]);
		lua_pop(L, 1);
	}
	lua_getfield(L, -1, "byte");
	sandbox_spanned(L, lua_tocfunction(L, -1));
	lua_setfield(L, -4, "byte");
	lua_pop(L, 1);
	lua_getfield(L, -1, "rep");
	lua_pushcclosure(L, l_rep, 1);
	lua_setfield(L, -3, "rep");
	lua_pop(L, 1);

	/* ("x"):rep(2) goes to the same functions. */
	lua_pushliteral(L, "");
	if (lua_getmetatable(L, -1)) {
		lua_pushvalue(L, -3);
		lua_setfield(L, -2, "__index");
		lua_pushboolean(L, 0);
		lua_setfield(L, -2, "__metatable");
		lua_pop(L, 1);
	}
	lua_pop(L, 1);
}
