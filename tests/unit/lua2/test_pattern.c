/* What a state's q matches, and how well. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lua/pattern.h"

static bool matches(const char *source, const char *text, struct match *m)
{
	char err[200] = "";
	struct pattern *p = pattern_compile(source, err, sizeof(err));
	struct utterance *u = utterance_new(text, strlen(text));
	bool ok;

	if (!p)
		fail_msg("%s: %s", source, err);
	assert_non_null(u);
	ok = pattern_match(p, u, m);
	utterance_free(u);
	pattern_free(p);
	return ok;
}

static void what_matches(void **state)
{
	static const struct {
		const char *pattern, *text;
		bool match;
		unsigned literals;
		size_t wild;
	} c[] = {
		{ "hello", "Hello!", true, 1, 0 },
		{ "hello", "hello there", false },
		{ "hello", "", false },
		{ "hello there", "  HELLO,\t\nthere...", true, 2, 0 },
		{ "Hello, there!", "hello there", true, 2, 0 },
		{ "transfer [me] to [an] agent", "Transfer me to an agent",
			true, 5, 0 },
		{ "transfer [me] to [an] agent", "transfer to agent", true,
			3, 0 },
		{ "transfer [me] to [an] agent", "transfer me to agent.",
			true, 4, 0 },
		{ "transfer [me] to [an] agent", "transfer me an agent",
			false },
		{ "(a|b)", "b", true, 1, 0 },
		{ "(a/b)", "A", true, 1, 0 },
		{ "(a|b)", "c", false },
		{ "(a|b c|[d] e) f", "b c f", true, 3, 0 },
		{ "(a|b c|[d] e) f", "d e f", true, 3, 0 },
		{ "(a|b c|[d] e) f", "e f", true, 2, 0 },
		{ "(a|b c|[d] e) f", "b f", false },
		{ "[very [very]] good", "very very good", true, 3, 0 },
		{ "[very [very]] good", "good", true, 1, 0 },
		{ "[a|b] c", "b c", true, 2, 0 },
		{ "[a|b] c", "c", true, 1, 0 },
		{ "*", "", true, 0, 0 },
		{ "*", "...", true, 0, 0 },
		{ "*", "any text", true, 0, 7 },
		{ "* agent *", "agent", true, 1, 0 },
		{ "* agent *", "give me an agent now", true, 1, 11 },
		{ "* agent *", "give me now", false },
		{ "* [please] agent", "oh please agent", true, 2, 2 },
		{ "(*|agent)", "agent", true, 1, 0 },
		{ "[agent]", "", true, 0, 0 },
		/* the best of many ways */
		{ "* a * b *", "a b a b", true, 2, 2 },
		{ "* [a] [b] *", "x a b", true, 2, 1 },
		{ "* [a b c] * [d] *", "a b d", true, 1, 2 },
		{ "(aa *|* b)", "aa b", true, 1, 1 },
		{ "(* b|aa *)", "aa b", true, 1, 1 },
		/* apostrophes, hyphens, other marks */
		{ "don't", "Dont", true, 1, 0 },
		{ "dont", "don\xe2\x80\x99t", true, 1, 0 },
		{ "'quoted'", "quoted", true, 1, 0 },
		{ "rock 'n' roll", "rock n roll", true, 3, 0 },
		{ "e-mail", "E mail", true, 2, 0 },
		{ "3.5", "3,5", true, 2, 0 },
		/* folding */
		{ "\xc3\x84nderung", "\xc3\xa4NDERUNG", true, 1, 0 },
		{ "\xd0\x9f\xd0\xa0\xd0\x98\xd0\x92\xd0\x95\xd0\xa2",
			"\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82!",
			true, 1, 0 },
		{ "\xce\xa3\xce\x91\xce\xa3", "\xcf\x83\xce\xb1\xcf\x82",
			true, 1, 0 },
		{ "\xc5\xbd", "\xc5\xbe", true, 1, 0 },
		{ "gr\xc3\xb6\xc3\x9f" "e", "GR\xc3\x96\xe1\xba\x9e" "E",
			true, 1, 0 },
		{ "a", "\xc2\xbf" "a?", true, 1, 0 },
		{ "caf\xc3\xa9", "caf\xe9", false },
		{ "caf\xe9", "CAF\xe9", true, 1, 0 },
		{ "*", "\xff\xfe", true, 0, 2 },
		/* a regex sees the raw query */
		{ "$regex</start>", "/start", true },
		{ "$regex</start>", "/start ", false },
		{ "$regex</start>", "/START", false },
		{ "$regex</start>", "/starts", false },
		{ " $regex</start> ", "/start", true },
		{ "$regex<a>b>", "a>b", true },
		{ "$regex<<\\d+>>", "<12>", true },
		{ "$regex<(?i)/Start>", "/sTART", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		struct match m;
		const bool ok = matches(c[i].pattern, c[i].text, &m);

		if (ok != c[i].match || (ok && m.literals != c[i].literals) ||
		    (ok && m.wild != c[i].wild))
			fail_msg("`%s` on `%s`: %d %u %zu", c[i].pattern,
				 c[i].text, ok, m.literals, m.wild);
	}
}

static void better(void **state)
{
	const struct match a = { 2, 9 }, b = { 1, 0 }, c = { 2, 8 };

	(void)state;
	assert_true(match_better(&a, &b));
	assert_false(match_better(&b, &a));
	assert_true(match_better(&c, &a));
	assert_false(match_better(&a, &c));
	assert_false(match_better(&a, &a));
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *pattern, *says;
	} c[] = {
		{ "stem*", "`stem*` is not available in this version" },
		{ "call (stem* x)", "`stem*` is not available in this" },
		{ "*stem", "stands alone" },
		{ "{any order}", "`{any order}` is not available in this" },
		{ "a } b", "`{any order}` is not available in this version" },
		{ "my name is $Name", "`$Name` is not available in this" },
		{ "$Name", "`$Name` is not available in this version" },
		{ "a $regex<b>", "must be the whole pattern" },
		{ "$regex<a> b", "must end with `>`" },
		{ "$regex<", "must end with `>`" },
		{ "$regex<>", "is empty" },
		{ "$regex<(a>", "not closed" },
		{ "a|b", "alternatives stand in brackets" },
		{ "a/b", "alternatives stand in brackets" },
		{ "(a", "not closed by `)`" },
		{ "(a]", "not closed by `)`" },
		{ "[a)", "not closed by `]`" },
		{ "a)", "closes nothing" },
		{ "a ]", "closes nothing" },
		{ "", "nothing to match at byte 1" },
		{ " ?! ", "nothing to match" },
		{ "()", "nothing to match at byte 2" },
		{ "[]", "nothing to match" },
		{ "(a|)", "nothing to match at byte 4" },
		{ "(|a)", "nothing to match" },
		{ "(", "nothing to match" },
		{ "a (b|...", "nothing to match" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		char err[200] = "";

		assert_null(pattern_compile(c[i].pattern, err, sizeof(err)));
		if (!strstr(err, c[i].says))
			fail_msg("%s: %s", c[i].pattern, err);
	}
}

static char *repeated(const char *what, size_t times)
{
	const size_t n = strlen(what);
	char *s = malloc(n * times + 1);

	assert_non_null(s);
	for (size_t i = 0; i < times; i++)
		memcpy(s + i * n, what, n);
	s[n * times] = '\0';
	return s;
}

static void sizes_are_bounded(void **state)
{
	static const char *const what[] = {
		"(", "[", "a ", "* ", "(a|", "[a ", "(a)", "[*]", "$", "|",
		"\xff", "''", "\xe2\x80\x99", "a*", "*a",
	};
	char err[200];

	(void)state;
	for (size_t i = 0; i < sizeof(what) / sizeof(*what); i++) {
		for (size_t n = 10; n <= 100000; n *= 10) {
			char *s = repeated(what[i], n);

			pattern_free(pattern_compile(s, err, sizeof(err)));
			free(s);
		}
	}
}

/* With backtracking these would outlast the sun. */
static void pathological_patterns(void **state)
{
	static const struct {
		const char *unit;
		size_t times;
		const char *tail;
	} c[] = {
		{ "[a] ", 400, "b" },
		{ "* ", 900, "b" },
		{ "* a ", 300, "b" },
		{ "[a [a ", 1, "]] b" },
		{ "(a|a a|*) ", 150, "b" },
		{ "[*] ", 400, "b" },
	};
	char *text = repeated("a ", 2000);
	struct match m;

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		char *s = repeated(c[i].unit, c[i].times);
		char *all = malloc(strlen(s) + strlen(c[i].tail) + 1);

		assert_non_null(all);
		strcpy(all, s);
		strcat(all, c[i].tail);
		assert_false(matches(all, text, &m));
		free(s);
		free(all);
	}
	free(text);

	text = repeated("xy ", 64 * 1024 / 3);
	assert_true(matches("* * * * * * * * * * * * * * * *", text, &m));
	assert_int_equal(m.wild, 2 * (64 * 1024 / 3));
	assert_false(matches("* a * a * [a] * [a [a]] * (a|b|c *) *", text,
			     &m));
	free(text);
}

static void a_query_of_any_bytes(void **state)
{
	unsigned seed = 1;
	char err[100];
	struct pattern *p = pattern_compile("* [a] (b|c *) *", err,
					    sizeof(err));

	(void)state;
	assert_non_null(p);
	for (int i = 0; i < 2000; i++) {
		const size_t len = (size_t)i % 40;
		char *text = malloc(len ? len : 1);
		struct utterance *u;
		struct match m;

		assert_non_null(text);
		for (size_t k = 0; k < len; k++) {
			seed = seed * 1103515245 + 12345;
			text[k] = (char)(seed >> 16);
		}
		u = utterance_new(text, len);
		free(text);
		assert_non_null(u);
		pattern_match(p, u, &m);
		utterance_free(u);
	}
	pattern_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_matches),
		cmocka_unit_test(better),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(pathological_patterns),
		cmocka_unit_test(a_query_of_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
