/* Regular expressions: what they match, refuse, and at most cost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lua/regex.h"

static struct regex *compile(const char *src, char *err, size_t size)
{
	/* without a NUL behind it, so that reading too far is seen */
	const size_t len = strlen(src);
	char *copy = malloc(len ? len : 1);
	struct regex *re;

	assert_non_null(copy);
	memcpy(copy, src, len);
	err[0] = '\0';
	re = regex_compile(copy, len, err, size);
	free(copy);
	return re;
}

static void what_matches(void **state)
{
	static const struct {
		const char *re, *text;
		bool match;
	} c[] = {
		{ "abc", "abc", true },
		{ "abc", "abcd", false },
		{ "abc", "xabc", false },
		{ "abc", "ab", false },
		{ "abc", "", false },
		{ "", "", true },
		{ "a|b|", "", true },
		{ "a|bc|d", "bc", true },
		{ "a|bc|d", "ac", false },
		{ "(a|b)*c", "ababc", true },
		{ "(?:a|b)+c", "c", false },
		{ "a?b", "b", true },
		{ "a{3}", "aaa", true },
		{ "a{3}", "aa", false },
		{ "a{2,3}", "aa", true },
		{ "a{2,3}", "aaaa", false },
		{ "a{2,}", "aaaaaa", true },
		{ "a{2,}", "a", false },
		{ "a{0}b", "b", true },
		{ "(ab){1,2}?c", "ababc", true },
		{ "a+?b*?", "aab", true },
		{ ".", "\xc3\xa4", true },
		{ ".", "\n", false },
		{ ".", "\xff", true },
		{ "..", "\xc3\xa4", false },
		{ "[a-c]x[^a-c]", "bxd", true },
		{ "[a-c]x[^a-c]", "bxb", false },
		{ "[]a]+", "]a]", true },
		{ "[^]a]", "]", false },
		{ "[a-]", "-", true },
		{ "[\\d\\-.]+", "1-2.3", true },
		{ "[\xd0\xb0-\xd1\x8f]+",
			"\xd0\xbf\xd1\x80\xd0\xb8\xd0\xb2\xd0\xb5\xd1\x82",
			true },
		{ "[^a]", "\xd0\xbf", true },
		{ "\\d+\\s\\w+", "42 is_it", true },
		{ "\\D\\S\\W", "ab!", true },
		{ "[\\D]", "1", false },
		{ "[^\\D]", "1", true },
		{ "[\\W\\w]+", "a b", true },
		{ "^abc$", "abc", true },
		{ "a^b", "ab", false },
		{ "a$b", "ab", false },
		{ "(^a|b)+", "ab", true },
		{ "a$|b", "a", true },
		{ "\\bfoo\\b.*", "foo bar", true },
		{ "\\bfoo\\b.*", "foobar", false },
		{ "foo\\Bbar", "foobar", true },
		{ "\\/start", "/start", true },
		{ "\\x41\\u0042\\n\\t\\.", "AB\n\t.", true },
		{ "a.c", "abc", true },
		{ "a\\.c", "abc", false },
		{ "\\{a}]", "{a}]", true },
		{ "abc", "ABC", false },
		{ "(?i)aBc[x-z]\\x41", "AbCYa", true },
		{ "(?i)[^a]", "A", false },
		{ "(a*)*", "aaa", true },
		{ "(a*)*", "b", false },
		{ "(a*)+b", "aab", true },
		{ "(|a)+", "aaa", true },
		{ "((a?){3}){2}", "aaaaaa", true },
		{ "((a?){3}){2}", "aaaaaaa", false },
		{ "(a|ab)(c|bcd)(d*)", "abcd", true },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		char err[200];
		struct regex *re = compile(c[i].re, err, sizeof(err));

		if (!re)
			fail_msg("%s: %s", c[i].re, err);
		if (regex_match(re, c[i].text, strlen(c[i].text), NULL) !=
		    c[i].match)
			fail_msg("%s on %s", c[i].re, c[i].text);
		regex_free(re);
	}
}

static void what_is_refused(void **state)
{
	static const struct {
		const char *re, *says;
	} c[] = {
		{ "(a)\\1", "back-references" },
		{ "(a)\\k<x>", "back-references" },
		{ "(?=a)", "look-around" },
		{ "(?!a)", "look-around" },
		{ "(?<=a)", "look-around" },
		{ "(?<!a)", "look-around" },
		{ "(?<name>a)", "kind of group" },
		{ "(?P<name>a)", "kind of group" },
		{ "(*VERB)", "kind of group" },
		{ "a(?i)b", "at the start only" },
		{ "(a", "`(` is not closed (at byte 3)" },
		{ "a)", "`)` closes nothing (at byte 2)" },
		{ "[a", "`[` is not closed" },
		{ "[", "`[` is not closed" },
		{ "[^", "`[` is not closed" },
		{ "[a-", "`[` is not closed" },
		{ "[\\", "stands at the end" },
		{ "[z-a]", "ends before it starts" },
		{ "[a-\\d]", "cannot end in a class" },
		{ "[[:alpha:]]", "`[:name:]`" },
		{ "*a", "nothing to repeat" },
		{ "a**", "nothing to repeat" },
		{ "a{2}{3}", "nothing to repeat" },
		{ "^*", "nothing to repeat" },
		{ "\\b+", "nothing to repeat" },
		{ "{1}", "nothing to repeat" },
		{ "a++", "possessive" },
		{ "a{", "not well formed" },
		{ "a{x}", "not well formed" },
		{ "a{1", "not well formed" },
		{ "a{1,", "not well formed" },
		{ "a{1,x}", "not well formed" },
		{ "a{3,2}", "m is above n" },
		{ "a{1001}", "above 1000" },
		{ "a{99999999999999999999}", "above 1000" },
		{ "\\", "stands at the end" },
		{ "\\q", "unknown escape" },
		{ "\\p{L}", "unknown escape" },
		{ "\\x4", "hexadecimal" },
		{ "\\u004", "hexadecimal" },
		{ "a{1000}b{1000}", "too large" },
		{ "((a{100}){100}){100}", "too large" },
		{ "(((((){1000}){1000}){1000}){1000}){1000}", "too large" },
		{ "(((a|b){30}){30}){30}", "too large" },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		char err[200];

		assert_null(compile(c[i].re, err, sizeof(err)));
		if (!strstr(err, c[i].says))
			fail_msg("%s: %s", c[i].re, err);
	}
}

/* At most the program's size per character and once at the end. */
static void steps_are_linear(void **state)
{
	static const struct {
		const char *re;
		size_t program;	/* an upper bound of its size */
	} c[] = {
		{ "(a+)+$", 10 },
		{ "(a*)*b", 10 },
		{ "((a*)*)*", 16 },
		{ "(a|a)*c", 12 },
		{ "(a|aa)+$x", 12 },
		{ "(.*)(.*)(.*)(.*)(.*)x", 24 },
		{ "a?a?a?a?a?a?a?a?aaaaaaaa", 30 },
		{ "(.*a){20}b", 120 },
	};
	const size_t len = 64 * 1024;
	char *text = malloc(len);

	(void)state;
	assert_non_null(text);
	memset(text, 'a', len);
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		char err[200];
		struct regex *re = compile(c[i].re, err, sizeof(err));
		int64_t left = 1 << 30;

		if (!re)
			fail_msg("%s: %s", c[i].re, err);
		regex_match(re, text, len, &left);
		/* each state is entered and then tried once per place */
		assert_true((size_t)((1 << 30) - left) <= 2 * c[i].program * (len + 1));
		regex_free(re);
	}
	text[len - 1] = '!';
	{
		char err[200];
		struct regex *re = compile("(a+)+$", err, sizeof(err));
		int64_t left = 1 << 30;

		assert_non_null(re);
		assert_false(regex_match(re, text, len, &left));
		assert_true((size_t)((1 << 30) - left) <= 20 * (len + 1));
		regex_free(re);
	}
	free(text);
}

static void sources_of_any_kind(void **state)
{
	static const char *const what[] = {
		"(", "(?:", "[", "a|", "\\", "(a", "[^", "a{1,", "(){9}",
		"[a-z", "\\x", "a?", "(a)*", "\xff", "[\xff-", "^", "$", "",
	};
	static const char letters[] = "ab()[]{}|*+?^$.\\-,19dwsb:i\xd0\xbf";
	unsigned seed = 7;
	char err[100], src[2000];

	(void)state;
	for (size_t i = 0; i < sizeof(what) / sizeof(*what); i++) {
		for (size_t n = 1; n < 400; n += 37) {
			src[0] = '\0';
			for (size_t k = 0; k < n; k++)
				strcat(src, what[i]);
			regex_free(compile(src, err, sizeof(err)));
		}
	}
	for (int i = 0; i < 30000; i++) {
		const size_t n = (size_t)i % 20;
		struct regex *re;

		for (size_t k = 0; k < n; k++) {
			seed = seed * 1103515245 + 12345;
			src[k] = letters[(seed >> 16) % (sizeof(letters) - 1)];
		}
		src[n] = '\0';
		re = compile(src, err, sizeof(err));
		assert_true(re || err[0]);
		if (re)
			regex_match(re, src, n, NULL);
		regex_free(re);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_matches),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(steps_are_linear),
		cmocka_unit_test(sources_of_any_kind),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
