/* A config file: its sandbox, its lines, and what harm it could try. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/config.h"
#include "core/problem.h"
#include "lua/scripting.h"

static char file[] = "/tmp/tandem-config-XXXXXX";

static json_t *read_bytes(const char *text, size_t len,
			  struct config_lines **lines, struct problems *p)
{
	FILE *f = fopen(file, "wb");

	assert_non_null(f);
	assert_int_equal(fwrite(text, 1, len, f), len);
	fclose(f);
	memset(p, 0, sizeof(*p));
	return lua_config_read(file, lines, p);
}

static json_t *read_text(const char *text, struct config_lines **lines,
			 struct problems *p)
{
	return read_bytes(text, strlen(text), lines, p);
}

static void good(const char *text, const char *json)
{
	struct config_lines *lines;
	struct problems p;
	json_t *tree = read_text(text, &lines, &p), *want;
	char buf[300];

	if (!tree || p.count)
		fail_msg("%s: %s", text, problem_text(&p, 0, buf,
						      sizeof(buf)));
	want = json_loads(json, 0, NULL);
	assert_non_null(want);
	if (!json_equal(tree, want))
		fail_msg("%s: %s", text, json_dumps(tree, JSON_SORT_KEYS));
	json_decref(want);
	json_decref(tree);
	config_lines_free(lines);
	problems_free(&p);
}

/* Refused with this after `file:`. */
static void bad(const char *text, size_t len, const char *says)
{
	struct config_lines *lines;
	struct problems p;
	json_t *tree = read_bytes(text, len, &lines, &p);
	char buf[600];

	if (tree)
		fail_msg("%.100s was accepted", text);
	assert_null(lines);
	assert_true(p.errors > 0);
	problem_text(&p, 0, buf, sizeof(buf));
	if (strncmp(buf, file, strlen(file)) ||
	    strncmp(buf + strlen(file), says, strlen(says)))
		fail_msg("%.100s: %s", text, buf);
	problems_free(&p);
}

static void plain_data(void **state)
{
	(void)state;
	setenv("TANDEM_TEST_SECRET", "s3cret", 1);
	unsetenv("TANDEM_TEST_UNSET");
	good("return {}", "{}");
	good("return { a = 1, b = 2.5, c = \"x\", d = true, e = { 1, 2 },"
	     " f = { g = {} } }",
	     "{\"a\":1,\"b\":2.5,\"c\":\"x\",\"d\":true,\"e\":[1,2],"
	     "\"f\":{\"g\":{}}}");
	good("#!/usr/bin/env x\nlocal n = 3\nreturn { a = n * 2 }",
	     "{\"a\":6}");
	good("\xef\xbb\xbfreturn { a = 1 }", "{\"a\":1}");
	good("return { a = env \"TANDEM_TEST_SECRET\","
	     " b = env(\"TANDEM_TEST_UNSET\") }", "{\"a\":\"s3cret\"}");
	good("local function ports(n) return { 2000, 2000 + n } end\n"
	     "local t = {}\n"
	     "for i = 1, 3 do t[\"c\" .. i] = ports(i) end\n"
	     "return t",
	     "{\"c1\":[2000,2001],\"c2\":[2000,2002],\"c3\":[2000,2003]}");
	good("local t = { (\"a,b\"):upper(), string.format(\"%d\", 5),"
	     " tostring(1), math.max(1, 2), #table.concat({ \"a\", \"b\" }),"
	     " (\"k=v\"):match(\"^(%w+)=\"), (\"a b\"):gsub(\" \", \"\"),"
	     " [8] = select(2, 7, 8) }\n"
	     "table.sort({ 3, 1, 2 })\n"
	     "for k, v in ipairs(t) do assert(type(v) ~= \"nil\") end\n"
	     "return { t = t }",
	     "{\"t\":[\"A,B\",\"5\",\"1\",2,2,\"k\",\"ab\",8]}");
	good("x = 5 return { a = x }", "{\"a\":5}");
}

static void nothing_unsafe(void **state)
{
	static const char *const names[] = {
		"io", "os", "require", "load", "loadstring", "loadfile",
		"dofile", "debug", "package", "coroutine", "setmetatable",
		"getmetatable", "rawset", "collectgarbage", "pcall", "print",
		"utf8", "_G", "string.dump", "string.pack", "table.move",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(*names); i++) {
		char text[100];

		if (strchr(names[i], '.'))
			snprintf(text, sizeof(text), "assert(not %s) return 5",
				 names[i]);
		else
			snprintf(text, sizeof(text), "return %s", names[i]);
		bad(text, strlen(text), strchr(names[i], '.')
		    ? ": the config must return a table" : ":1: '");
	}
	bad("\x1bLua", 4, ": attempt to load a binary chunk");
}

static void errors_have_their_line(void **state)
{
	static const struct {
		const char *text, *says;
	} c[] = {
		{ "return {\n  a = \n}", ":3: unexpected symbol near '}'" },
		{ "return {", ":1: unexpected symbol near <eof>" },
		{ "\n\nreturn { a = b.c }", ":3: 'b' is not defined" },
		{ "\nlocal t\nreturn { a = t.x }", ":3: attempt to index" },
		{ "error(\"stop\")", ":1: stop" },
		{ "error(\"stop\", 0)", ": stop" },
		{ "error({})", ": an error that is no string was raised" },
		{ "\nreturn { a = (\"x\"):rep(\"y\") }", ":2: bad argument" },
		{ "\nwhile true do end", ":2: the config runs too long" },
		{ "\nlocal s = (\"\"):rep(1e18)", ":2: the config runs too" },
		{ "local x = 1", ": the config must return a table" },
		{ "return 5", ": the config must return a table" },
		{ "return nil, {}", ": the config must return a table" },
		{ "", ": the config must return a table" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++)
		bad(c[i].text, strlen(c[i].text), c[i].says);
}

static void what_is_not_plain(void **state)
{
	static const struct {
		const char *text, *says;
	} c[] = {
		{ "return {\n a = {\n  b = function() end } }",
			":3: a.b: must be plain data, not a function" },
		{ "return {\n a = {\n  5,\n  print_it or type } }", ":4: '" },
		{ "return {\n a = {\n  5,\n  type } }",
			":4: a[2]: must be plain data, not a function" },
		{ "return {\n a = { 1, x = 2 } }", ":2: a: a table is either "
			"a list or has names as keys" },
		{ "return {\n a = { 1, nil, 3 } }", ":2: a: the list has a "
			"hole" },
		{ "return { a = {\n [5] = 1 } }", ":1: a: the list has a hole" },
		{ "return { a = { [1.5] = 1 } }", ":1: a: a key must be a name" },
		{ "return { a = { [true] = 1 } }", ":1: a: a key must be" },
		{ "return { a = { [0] = 1 } }", ":1: a: a key must be" },
		{ "return { a = 1 / 0 }", ":1: a: is no finite number" },
		{ "return { a = 0 / 0 }", ":1: a: is no finite number" },
		{ "return { a = \"\\xff\" }", ":1: a: is not UTF-8" },
		{ "return { a = \"x\\0y\" }", ":1: a: contains a NUL" },
		{ "return { [\"\\xff\"] = 1 }", ":1: \xff: a key is not UTF" },
		{ "return { [\"a\\0b\"] = 1 }", ":1: a: a key contains a NUL" },
		{ "local t = {} t.t = t return t", ":1: t.t.t.t.t.t" },
		{ "local t = {}\nfor i = 1, 30 do t = { t, t } end\n"
			"return { t = t }", ":3: t[1][1][1]" },
	};
	char buf[2000];
	size_t n;

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++)
		bad(c[i].text, strlen(c[i].text), c[i].says);

	n = (size_t)snprintf(buf, sizeof(buf), "return { a = ");
	for (int i = 0; i < 31; i++)
		n += (size_t)snprintf(buf + n, sizeof(buf) - n, "{");
	for (int i = 0; i < 31; i++)
		n += (size_t)snprintf(buf + n, sizeof(buf) - n, "}");
	snprintf(buf + n, sizeof(buf) - n, "}");
	{
		struct config_lines *lines;
		struct problems p;
		json_t *tree = read_text(buf, &lines, &p);

		assert_non_null(tree);	/* 32 levels are allowed */
		json_decref(tree);
		config_lines_free(lines);
		problems_free(&p);
	}
}

/* Each must end by its bounds. */
static void bombs(void **state)
{
	static const char *const slow[] = {
		"while true do end",
		"local function f() return f() end f()",
		"for i = 1, 1e12 do end",
		"local s = (\"\"):rep(1e18)",
		"local t = {} for i = 1, 1e9 do t[1] = (\"x\"):rep(1e6) end",
		"(\"a\"):rep(400):find((\".-\"):rep(30) .. \"b\")",
		"(\"a\"):rep(60):match((\"a?\"):rep(60) .. (\"a\"):rep(60))",
		"(\"a\"):rep(3000):gsub(\"(.-)%1b\", \"\")",
		"for x in (\"(\"):rep(20000):gmatch(\"%b()\") do end",
		"local t = {} for i = 1, 52 do t[2^i // 1 | 0] = 1 end\n"
		"t[1] = 1 for i = 1, 1e5 do table.insert(t, 1, 1) end",
		"local t = {} for i = 1, 1e5 do t[i] = i end\n"
		"for i = 1, 1e5 do table.insert(t, 1, i) end",
		"local t = {} for i = 1, 1e5 do t[i] = i end\n"
		"for i = 1, 1e5 do table.sort(t) end",
	};
	static const char *const big[] = {
		"local s = \"x\" while true do s = s .. s end",
		"local s = (\"x\"):rep(1e9)",
		"local t = {} for i = 1, 1e9 do t[i] = {} end",
		"return { a = (\"x\"):rep(70000000) }",
		"local function f() return 1 + f() end return f()",
	};
	struct config_lines *lines;
	struct problems p;
	char buf[300];

	(void)state;
	for (size_t i = 0; i < sizeof(slow) / sizeof(*slow); i++) {
		assert_null(read_text(slow[i], &lines, &p));
		if (!strstr(problem_text(&p, 0, buf, sizeof(buf)),
			    "the config runs too long"))
			fail_msg("%s: %s", slow[i], buf);
		problems_free(&p);
	}
	for (size_t i = 0; i < sizeof(big) / sizeof(*big); i++) {
		assert_null(read_text(big[i], &lines, &p));
		problem_text(&p, 0, buf, sizeof(buf));
		if (!strstr(buf, "more memory") && !strstr(buf, "too long") &&
		    !strstr(buf, "overflow"))
			fail_msg("%s: %s", big[i], buf);
		problems_free(&p);
	}
}

static void lines_of_paths(void **state)
{
	static const char text[] =
		"local office = {\n"
		"  uri = \"sip:127.0.0.1:5070\",\n"
		"}\n"
		"return {\n"
		"  trunks = {\n"
		"    office = office,\n"
		"    [\"a.b\"] = {\n"
		"      uri = \"x\",\n"
		"      match = {\n"
		"        \"1\",\n"
		"        \"2\",\n"
		"      },\n"
		"    },\n"
		"    a = {},\n"
		"  },\n"
		"}\n";
	static const struct {
		const char *path;
		int line;
	} c[] = {
		{ "trunks", 5 }, { "trunks.office", 6 },
		{ "trunks.office.uri", 2 }, { "trunks.office.proxy", 6 },
		{ "trunks.a.b", 7 }, { "trunks.a.b.uri", 8 },
		{ "trunks.a", 14 }, { "trunks.a.uri", 14 },
		{ "trunks.a.b.match[2]", 11 }, { "trunks.a.b.match[9]", 9 },
		{ "trunks.a.b.match[x]", 9 }, { "trunks.a.b.match[", 9 },
		{ "limits.calls", 4 }, { "", 4 }, { "..", 4 }, { "[1]", 4 },
		{ "trunks..", 5 },
	};
	struct config_lines *lines;
	struct problems p;
	json_t *tree = read_text(text, &lines, &p);

	(void)state;
	assert_non_null(tree);
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++)
		if (config_lines_find(lines, c[i].path) != c[i].line)
			fail_msg("%s: %d", c[i].path,
				 config_lines_find(lines, c[i].path));
	assert_int_equal(config_lines_find(NULL, "a"), 0);
	json_decref(tree);
	config_lines_free(lines);
	config_lines_free(NULL);
	problems_free(&p);
}

static void keys_written_twice_refuse_the_config(void **state)
{
	struct config_lines *lines;
	struct problems p;
	json_t *tree = read_text("return {\n bots = {},\n bots = {},\n}",
				 &lines, &p);
	char buf[300];

	(void)state;
	assert_int_equal(p.errors, 1);
	problem_text(&p, 0, buf, sizeof(buf));
	assert_non_null(strstr(buf, ":3: key 'bots' is written twice"));
	assert_null(config_parse(tree, file, config_lines_find, lines, &p));
	assert_int_equal(p.errors, 1);
	json_decref(tree);
	config_lines_free(lines);
	problems_free(&p);
}

static void a_problem_with_its_line(void **state)
{
	struct config_lines *lines;
	struct problems p;
	json_t *tree = read_text("return {\n trunks = { office = {\n"
				 "  uri = \"sip:127.0.0.1\",\n"
				 "  register = true,\n } },\n"
				 " trnuks = {},\n}", &lines, &p);
	char buf[300], want[300];

	(void)state;
	assert_non_null(tree);
	assert_null(config_parse(tree, file, config_lines_find, lines, &p));
	assert_int_equal(p.errors, 2);
	snprintf(want, sizeof(want), "%s:4: trunks.office.register: not "
		 "available in this version", file);
	assert_string_equal(problem_text(&p, 0, buf, sizeof(buf)), want);
	snprintf(want, sizeof(want), "%s:6: unknown key 'trnuks', did you "
		 "mean 'trunks'?", file);
	assert_string_equal(problem_text(&p, 1, buf, sizeof(buf)), want);
	json_decref(tree);
	config_lines_free(lines);
	problems_free(&p);
}

static void files_that_cannot_be_read(void **state)
{
	static const char *const paths[] = {
		"/nonexistent/x.lua", "/tmp", "/dev/zero", "",
	};
	char fifo[64];

	(void)state;
	for (size_t i = 0; i < sizeof(paths) / sizeof(*paths); i++) {
		struct problems p = { 0 };
		struct config_lines *lines;

		assert_null(lua_config_read(paths[i], &lines, &p));
		assert_null(lines);
		assert_int_equal(p.errors, 1);
		assert_non_null(strstr(p.list[0].text, "cannot be read: "));
		problems_free(&p);
	}

	snprintf(fifo, sizeof(fifo), "%s.fifo", file);
	assert_int_equal(mkfifo(fifo, 0600), 0);
	{
		struct problems p = { 0 };
		struct config_lines *lines;

		assert_null(lua_config_read(fifo, &lines, &p));
		assert_int_equal(p.errors, 1);
		problems_free(&p);
	}
	unlink(fifo);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain_data),
		cmocka_unit_test(nothing_unsafe),
		cmocka_unit_test(errors_have_their_line),
		cmocka_unit_test(what_is_not_plain),
		cmocka_unit_test(bombs),
		cmocka_unit_test(lines_of_paths),
		cmocka_unit_test(keys_written_twice_refuse_the_config),
		cmocka_unit_test(a_problem_with_its_line),
		cmocka_unit_test(files_that_cannot_be_read),
	};
	const int fd = mkstemp(file);
	int rc;

	if (fd < 0)
		return 1;
	close(fd);
	rc = cmocka_run_group_tests(tests, NULL, NULL);
	unlink(file);
	return rc;
}
