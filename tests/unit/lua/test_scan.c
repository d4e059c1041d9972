/*
 * The scanner of Lua sources: lines of keys and items, keys written twice,
 * and that no source, Lua or not, harms it.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lua/scan.h"

struct fixture {
	struct scan *s;
	struct problems p;
	const struct scan_table *root;
};

static void read_source(struct fixture *f, const char *src)
{
	/* An exact copy, so that reading behind its end is seen. */
	const size_t len = strlen(src);
	char *copy = malloc(len ? len : 1);

	assert_non_null(copy);
	memcpy(copy, src, len);
	memset(f, 0, sizeof(*f));
	f->s = scan_open("x.lua", copy, len, &f->p);
	free(copy);
	assert_non_null(f->s);
	f->root = scan_root(f->s);
}

static void done(struct fixture *f)
{
	scan_close(f->s);
	problems_free(&f->p);
}

static int key_line(const struct scan_table *t, const char *key)
{
	const struct scan_entry *e = scan_key(t, key);

	return e ? e->line : 0;
}

static const struct scan_table *sub(const struct scan_table *t,
				    const char *key)
{
	const struct scan_entry *e = scan_key(t, key);

	return e ? e->table : NULL;
}

static const char sample[] =
	"#!/usr/bin/env tandem\n"
	"-- a comment { x = 1 }\n"
	"--[==[ a long\n"
	"   one ]] ]==]\n"
	"local greeting = { 'hi', \"there\" }\n"
	"local function f(a, ...) return { a = a, n = select('#', ...) } end\n"
	"return bot {\n"
	"  name = \"sup\\\"port\\z\n"
	"          , \\u{48}\\x41\\065\",\n"
	"  states = {\n"
	"    Start = {\n"
	"      q = \"$regex</start>\",\n"
	"      a \"Hi! { } \",\n"
	"      greeting,\n"
	"    },\n"
	"    ['Other state'] = {\n"
	"      [\"q!\"] = [[transfer\n"
	"[me] to]],\n"
	"      random {\n"
	"        a \"One\", a \"Two\";\n"
	"        a \"Three\",\n"
	"      },\n"
	"      function(call)\n"
	"        local t = { q = 1, 0x1p-4, 1e+5, 3 // 2 }\n"
	"        for i = 1, 2 do if i == 1 then t[i] = { } else break end end\n"
	"        repeat t.x, t.y = 1, 2 until true\n"
	"        return { type = \"switch\", }\n"
	"      end,\n"
	"      when(function(call) return call.x == 1 end) {\n"
	"        a \"yes\",\n"
	"      }:otherwise {\n"
	"        a \"no\",\n"
	"      },\n"
	"      [f()] = { late = 1 },\n"
	"      [ [==[long]==] ] = 5;\n"
	"    },\n"
	"  },\n"
	"}\n";

static void lines_of_keys_and_items(void **state)
{
	struct fixture f;
	const struct scan_table *states, *start, *other;

	(void)state;
	read_source(&f, sample);
	assert_int_equal(f.p.count, 0);
	assert_non_null(f.root);
	assert_int_equal(f.root->line, 7);
	assert_int_equal(key_line(f.root, "name"), 8);
	states = sub(f.root, "states");
	assert_non_null(states);
	start = sub(states, "Start");
	assert_int_equal(key_line(states, "Start"), 11);
	assert_int_equal(key_line(start, "q"), 12);
	assert_int_equal(scan_item(start, 1)->line, 13);
	assert_int_equal(scan_item(start, 2)->line, 14);
	assert_int_equal(scan_item(start, 2)->table->line, 5);
	assert_null(scan_item(start, 3));

	other = sub(states, "Other state");
	assert_int_equal(key_line(states, "Other state"), 16);
	assert_int_equal(key_line(other, "q!"), 17);
	assert_int_equal(scan_item(other, 1)->line, 19);
	assert_int_equal(scan_item(other, 1)->table->count, 3);
	assert_int_equal(scan_item(scan_item(other, 1)->table, 3)->line, 21);
	assert_int_equal(scan_item(other, 2)->line, 23);
	assert_null(scan_item(other, 2)->table);
	assert_int_equal(scan_item(other, 3)->line, 29);
	assert_int_equal(scan_item(other, 3)->table->line, 31);
	assert_int_equal(key_line(other, "long"), 35);
	/* the computed key is an entry without a name */
	assert_int_equal(other->count, 6);
	assert_null(other->entries[4].key);
	assert_int_equal(other->entries[4].index, 0);
	assert_int_equal(key_line(other->entries[4].table, "late"), 34);
	done(&f);
}

static void string_keys_are_decoded(void **state)
{
	struct fixture f;

	(void)state;
	read_source(&f, "return { [\"a\\tb\\x41\\066\\u{20AC}\\z  \n c\\\n d\"]"
		    " = 1,\r\n['it\\'s'] = 2,\n\r[ [[\r\nx]] ] = 3, ['n\\0'] ="
		    " 4 }");
	assert_int_equal(key_line(f.root, "a\tbAB\xe2\x82\xac" "c\n d"), 1);
	assert_int_equal(key_line(f.root, "it's"), 4);
	assert_int_equal(key_line(f.root, "x"), 5);
	assert_null(scan_key(f.root, "n"));
	done(&f);
	read_source(&f, "return { [ [==[a]]==] ] = 1, [ [[b]=]] ] = { [ [=[\n"
		    "c]] ]=] ] = 2 } }");
	assert_int_equal(key_line(f.root, "a]"), 1);
	assert_int_equal(key_line(sub(f.root, "b]="), "c]] "), 1);
	done(&f);
}

static void roots(void **state)
{
	static const struct {
		const char *src;
		int line;
	} cases[] = {
		{ "return {}", 1 },
		{ "return bot{\n}", 1 },
		{ "return bot({ })", 1 },
		{ "return (({ }))", 1 },
		{ "local t = {}\nreturn bot { t }", 2 },
		{ "\nlocal x = { }\nreturn x", 2 },
		{ "\nlocal x <const> = { }\nreturn x;", 2 },
		{ "\nlocal b = bot { } return b", 2 },
		{ "local b = bot { }\nb = other()\nreturn b", 0 },
		{ "local b = {}\nlocal b = {}\nreturn b", 2 },
		{ "local b = {} print(b) f { } return b", 1 },
		{ "local b = 5 f { } return b", 0 },
		{ "local function x() return {} end return x()", 0 },
		{ "do return { } end", 0 },
		{ "if x then return {} end\nreturn { }", 2 },
		{ "return 5", 0 },
		{ "return", 0 },
		{ "", 0 },
		{ "x = { }", 0 },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(*cases); i++) {
		struct fixture f;

		read_source(&f, cases[i].src);
		if ((f.root ? f.root->line : 0) != cases[i].line)
			fail_msg("%s", cases[i].src);
		done(&f);
	}
}

static void keys_written_twice(void **state)
{
	struct fixture f;
	char buf[200];

	(void)state;
	read_source(&f, "return {\n a = 1,\n b = { c = 1, [\"c\"] = 2 },\n"
		    " d = 0,\n ['a'] = 3, [a] = 1, [a] = 2, a == 1,\n}");
	assert_int_equal(f.p.errors, 2);
	assert_string_equal(problem_text(&f.p, 0, buf, sizeof(buf)),
			    "x.lua:3: key 'c' is written twice in this table "
			    "(first in line 3)");
	assert_string_equal(problem_text(&f.p, 1, buf, sizeof(buf)),
			    "x.lua:5: key 'a' is written twice in this table "
			    "(first in line 2)");
	assert_int_equal(key_line(f.root, "a"), 5);
	assert_int_equal(scan_item(f.root, 1)->line, 5);
	done(&f);

	/* in a local's table, and in a handler's */
	read_source(&f, "local t = { a = 1, a = 2 }\n"
		    "return { function() return { b = 1, b = 2 } end }");
	assert_int_equal(f.p.errors, 2);
	done(&f);
}

static void a_source_cut_at_every_byte(void **state)
{
	(void)state;
	for (size_t n = 0; n < sizeof(sample); n++) {
		struct problems p = { 0 };
		char *copy = malloc(n ? n : 1);
		struct scan *s;

		assert_non_null(copy);
		memcpy(copy, sample, n);
		s = scan_open("x.lua", copy, n, &p);
		assert_non_null(s);
		scan_root(s);
		scan_close(s);
		problems_free(&p);
		free(copy);
	}
}

static void a_source_with_every_byte_changed(void **state)
{
	static const char with[] = "{}[]()\"'\\-=\n\0,.x";
	char *copy = malloc(sizeof(sample));

	(void)state;
	assert_non_null(copy);
	for (size_t n = 0; n < sizeof(sample); n++) {
		for (size_t k = 0; k < sizeof(with); k++) {
			struct problems p = { 0 };
			struct scan *s;

			memcpy(copy, sample, sizeof(sample));
			copy[n] = with[k];
			s = scan_open("x.lua", copy, sizeof(sample), &p);
			assert_non_null(s);
			scan_close(s);
			problems_free(&p);
		}
	}
	free(copy);
}

static void hostile_repeated(const char *what, size_t times)
{
	struct problems p = { 0 };
	const size_t n = strlen(what);
	char *src = malloc(n * times);
	struct scan *s;

	assert_non_null(src);
	for (size_t i = 0; i < times; i++)
		memcpy(src + i * n, what, n);
	s = scan_open("x.lua", src, n * times, &p);
	assert_non_null(s);
	scan_root(s);
	scan_close(s);
	problems_free(&p);
	free(src);
}

static void hostile_sources(void **state)
{
	static const char *const what[] = {
		"{", "}", "(", "[", "]", "[=", "return{", "{{},", "\"", "\\",
		"function ", "end ", "local x={}", "local x={a=x}", "a=1,",
		"return x ", "[[", "--[[", "'\\", "0x", "...", "{[\"",
		"{a=1,a=2,", "if repeat do ", "\n", "]]", "--", "\\z", "\xff",
	};
	struct fixture f;
	char big[6000];
	size_t n = 0;

	(void)state;
	for (size_t i = 0; i < sizeof(what) / sizeof(*what); i++)
		hostile_repeated(what[i], 50000);

	/* more locals than Lua has */
	for (int i = 0; i < 300; i++)
		n += (size_t)snprintf(big + n, sizeof(big) - n,
				      "local v%d={}", i);
	snprintf(big + n, sizeof(big) - n, " return v1");
	read_source(&f, big);
	assert_non_null(f.root);
	done(&f);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(lines_of_keys_and_items),
		cmocka_unit_test(string_keys_are_decoded),
		cmocka_unit_test(roots),
		cmocka_unit_test(keys_written_twice),
		cmocka_unit_test(a_source_cut_at_every_byte),
		cmocka_unit_test(a_source_with_every_byte_changed),
		cmocka_unit_test(hostile_sources),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
