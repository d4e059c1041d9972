/* The types for editors: as they are written down, and of every word there is. */
#include "bot_fixture.h"

#include <lauxlib.h>
#include <lualib.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lua/program.h"
#include "lua/shard.h"
#include "lua/words.h"

/* What tests/ of a bot file is run in is the checkout's root. */
static void same_as_written(const char *path, void (*writer)(FILE *f))
{
	char *now = NULL, *then;
	size_t len = 0, n;
	FILE *f = open_memstream(&now, &len);

	writer(f);
	fclose(f);
	f = fopen(path, "r");
	if (!f)
		print_error("%s is not there\n", path);
	assert_non_null(f);
	then = malloc(len + 2);
	n = fread(then, 1, len + 1, f);
	fclose(f);
	if (n != len || memcmp(now, then, len))
		print_error("%s is out of date: "
			    "cmake --build build --target types\n", path);
	assert_int_equal(n, len);
	assert_memory_equal(now, then, len);
	free(then);
	free(now);
}

static void files_are_up_to_date(void **state)
{
	(void)state;
	same_as_written("lua/types/tandem.lua", words_types);
	same_as_written("bots/.luacheckrc", words_luacheck);
}

static bool is_word(const char *of, const char *name)
{
	for (const struct word *w = words; w->name; w++)
		if (!strcmp(w->name, name) &&
		    (of ? w->of && !strcmp(w->of, of) : !w->of))
			return true;
	return false;
}

static void must_be_word(const char *of, const char *name)
{
	if (!is_word(of, name))
		print_error("%s%s%s has no row in lua/words.c\n",
			    of ? of : "", of ? "." : "", name);
	assert_true(is_word(of, name));
}

/* What Lua itself brings is no word of ours. */
static bool is_luas(const char *name)
{
	lua_State *L = luaL_newstate();
	bool is;

	luaL_openlibs(L);
	is = lua_getglobal(L, name) != LUA_TNIL;
	lua_close(L);
	return is;
}

static void every_global_is_a_word(void **state)
{
	unsigned n = 0;
	struct desk d;
	lua_State *L;

	(void)state;
	desk_open(&d, "return bot {}");
	L = d.bot->shards->L;
	lua_rawgeti(L, LUA_REGISTRYINDEX, d.bot->shards->env);
	assert_true(lua_getmetatable(L, -1));
	lua_getfield(L, -1, "__index");
	lua_pushnil(L);
	while (lua_next(L, -2)) {
		const char *name = lua_tostring(L, -2);

		/* what begins so is between us and what we compile */
		if (strncmp(name, "__", 2) && !is_luas(name)) {
			must_be_word(NULL, name);
			n++;
		}
		lua_pop(L, 1);
	}
	assert_true(n >= 9);
	lua_settop(L, 0);
	desk_close(&d);
}

static void every_key_is_a_word(void **state)
{
	(void)state;
	for (const char *const *k = program_keys(false); *k; k++)
		must_be_word("tandem.State", *k);
	for (const char *const *k = program_keys(true); *k; k++)
		must_be_word("tandem.Bot", *k);
}

/* Every word of the call is there, if only to say that it is not available. */
static void the_calls_words_are_there(void **state)
{
	char source[8192] = "return bot { function(call)\n";

	(void)state;
	for (const struct word *w = words; w->name; w++) {
		const size_t n = strlen(source);
		const char *what = !w->of ? NULL
			: !strcmp(w->of, "tandem.Call") ? "call"
			: !strcmp(w->of, "tandem.Dialer") ? "call.dialer"
			: NULL;

		if (what)
			snprintf(source + n, sizeof(source) - n,
				 "local _ = %s.%s\n", what, w->name);
	}
	strcat(source, "call:say 'all' end }");
	check_bot(source, "say all");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_are_up_to_date),
		cmocka_unit_test(every_global_is_a_word),
		cmocka_unit_test(every_key_is_a_word),
		cmocka_unit_test(the_calls_words_are_there),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
