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
#include "lua/pattern_names.h"

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
		/* stems: what follows is text under the `*` */
		{ "agent*", "agents", true, 1, 1 },
		{ "agent*", "agent", true, 1, 0 },
		{ "agent*", "agen", false },
		{ "agent*", "agent smith", false },
		{ "transfer* * (agent*|human)", "transferring to agents", true,
			2, 7 },
		{ "e-mail*", "e mailed", true, 2, 2 },
		{ "agent * now", "agents now", false },
		{ "stem**", "stems x", true, 1, 2 },
		{ "(stem)*", "stem x", true, 1, 1 },
		/* any order */
		{ "{b a}", "a b", true, 2, 0 },
		{ "{b a}", "b a", true, 2, 0 },
		{ "{b a}", "a", false },
		{ "{b a}", "a b a", false },
		{ "{b a}", "a a", false },
		{ "{a}", "a", true, 1, 0 },
		{ "{what [is] (price|cost) *}", "the cost what", true, 2, 3 },
		{ "{what [is] (price|cost) *}", "what is the price", true, 3,
			3 },
		{ "{e-mail me}", "me e-mail", true, 3, 0 },
		{ "{e-mail me}", "mail me e", false },
		{ "* {(buy|order) {big pizza}} *", "please pizza big buy now",
			true, 3, 9 },
		{ "{a b c d e f g h i j}", "j i h g f e d c b a", true, 10,
			0 },
		{ "{a b c d e f g h i j}", "j i h g f e d c b b", false },
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

/* Definitions of the tests below. */
static struct pattern_names *names(void)
{
	static const char *const list[][2] = {
		{ "City", "(new york|paris|berlin)" },
		{ "From", "from $City" },
		{ "To", "to $City" },
		{ "Any", "*" },
		{ "Way", "[$From] * [$To]" },
	};
	struct pattern_names *n = pattern_names_new();
	char err[200];

	assert_non_null(n);
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		assert_int_equal(pattern_names_add(n, list[i][0], list[i][1],
						   err, sizeof(err)), 0);
	for (size_t i = 0; i < sizeof(list) / sizeof(*list); i++)
		assert_int_equal(pattern_names_check(n, list[i][0], err,
						     sizeof(err)), 0);
	return n;
}

static void named_parts(void **state)
{
	static const struct {
		const char *pattern, *text, *tree;
	} c[] = {
		{ "hello", "hello", NULL },
		{ "$regex<h.*>", "hello", NULL },
		{ "[$City]", "", "{}" },
		{ "$City", "hi", NULL },
		{ "to $City", "To: New  YORK!", "{\"City\":{\"text\":"
			"\"New  YORK\"}}" },
		{ "my name is $Any", "my name is Dr. O'Neill.",
			"{\"Any\":{\"text\":\"Dr. O'Neill\"}}" },
		{ "my name is $Any", "my name is", "{\"Any\":{\"text\":"
			"\"\"}}" },
		{ "* $From $To", "go from paris to new york",
			"{\"From\":{\"City\":{\"text\":\"paris\"},\"text\":"
			"\"from paris\"},\"To\":{\"City\":{\"text\":"
			"\"new york\"},\"text\":\"to new york\"}}" },
		{ "($City|x) [$City] $City", "paris berlin paris",
			"{\"City\":{\"also\":[{\"text\":\"berlin\"},"
			"{\"text\":\"paris\"}],\"text\":\"paris\"}}" },
		{ "($City|x) [$City] $City", "x berlin", "{\"City\":{"
			"\"text\":\"berlin\"}}" },
		{ "{$City now}", "now paris", "{\"City\":{\"text\":"
			"\"paris\"}}" },
		/* the way with the best score, not the first one */
		{ "$Any [$City] *", "see paris now", "{\"Any\":{\"text\":"
			"\"see\"},\"City\":{\"text\":\"paris\"}}" },
		{ "$Way", "from berlin by train to paris",
			"{\"Way\":{\"From\":{\"City\":{\"text\":\"berlin\"},"
			"\"text\":\"from berlin\"},\"To\":{\"City\":{\"text\""
			":\"paris\"},\"text\":\"to paris\"},\"text\":"
			"\"from berlin by train to paris\"}}" },
	};
	struct pattern_names *n = names();

	(void)state;
	for (size_t i = 0; i < sizeof(c) / sizeof(*c); i++) {
		struct utterance *u = utterance_new(c[i].text,
						    strlen(c[i].text));
		char err[200] = "";
		struct pattern *p = pattern_compile_with(n, c[i].pattern, err,
							 sizeof(err));
		char *text = NULL;
		json_t *tree;

		if (!p)
			fail_msg("%s: %s", c[i].pattern, err);
		tree = pattern_tree(p, u);
		if (tree)
			text = json_dumps(tree, JSON_COMPACT | JSON_SORT_KEYS);
		if (c[i].tree)
			assert_string_equal(text, c[i].tree);
		else
			assert_null(text);
		free(text);
		json_decref(tree);
		pattern_free(p);
		utterance_free(u);
	}
	pattern_names_free(n);
}

static void what_names_are_refused(void **state)
{
	static const struct {
		const char *name, *source, *says;
	} added[] = {
		{ "$City", "a", "is written without the `$` here" },
		{ "1x", "a", "is no name for a pattern" },
		{ "a b", "a", "is no name for a pattern" },
		{ "", "a", "is no name for a pattern" },
		{ "text", "a", "has another meaning" },
		{ "Plate", "$regex<a>", "cannot be given a name" },
		{ "Bad", "(a", "not closed" },
	}, checked[] = {
		{ "Self", "a $Self", "it uses itself (at byte 3)" },
		{ "One", "$Two", "" },
		{ "Two", "$Three", "" },
		{ "Three", "x $One", "it uses itself, by way of `$One`" },
		{ "Far", "[$Citty]", "there is no pattern `$Citty` (at byte "
			"2); did you mean `$City`?" },
		{ "User", "$Far", "" },
		{ "UserOfBad", "$Bad", "" },
	};
	struct pattern_names *n = names();
	char err[200];

	(void)state;
	for (size_t i = 0; i < sizeof(added) / sizeof(*added); i++) {
		assert_int_equal(pattern_names_add(n, added[i].name,
			added[i].source, err, sizeof(err)), -1);
		if (!strstr(err, added[i].says))
			fail_msg("%s: %s", added[i].name, err);
	}
	for (size_t i = 0; i < sizeof(checked) / sizeof(*checked); i++)
		assert_int_equal(pattern_names_add(n, checked[i].name,
			checked[i].source, err, sizeof(err)), 0);
	for (size_t i = 0; i < sizeof(checked) / sizeof(*checked); i++) {
		assert_int_equal(pattern_names_check(n, checked[i].name, err,
						     sizeof(err)), -1);
		if (!strstr(err, checked[i].says) ||
		    !*checked[i].says != !*err)
			fail_msg("%s: %s", checked[i].name, err);
	}
	/* Who uses it hears nothing, since that has been said. */
	snprintf(err, sizeof(err), "x");
	assert_null(pattern_compile_with(n, "a $Far", err, sizeof(err)));
	assert_string_equal(err, "");
	assert_null(pattern_compile_with(n, "a $Citi", err, sizeof(err)));
	assert_string_equal(err, "there is no pattern `$Citi` (at byte 3); "
			    "did you mean `$City`?");
	pattern_names_free(n);
}

/* Names that double what they stand for, and any order in any order. */
static void explosions_are_refused(void **state)
{
	struct pattern_names *n = pattern_names_new();
	char name[16], source[64], err[200];

	(void)state;
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "N%d", i);
		snprintf(source, sizeof(source), i ? "$N%d $N%d" : "a", i - 1,
			 i - 1);
		assert_int_equal(pattern_names_add(n, name, source, err,
						   sizeof(err)), 0);
	}
	for (int i = 0; i < 60; i++) {
		snprintf(name, sizeof(name), "N%d", i);
		assert_int_equal(pattern_names_check(n, name, err,
						     sizeof(err)), 0);
	}
	assert_null(pattern_compile_with(n, "$N59", err, sizeof(err)));
	assert_string_equal(err, "the pattern is too large");
	assert_null(pattern_compile_with(n, "{{a b c d e f g} {h i j k l m n} "
					 "{o p q r s t u} v w x y z}", err,
					 sizeof(err)));
	assert_string_equal(err, "the pattern is too large");
	pattern_names_free(n);
}

/* A budget ends a match that would take long, and all after it. */
static void a_budget(void **state)
{
	char err[100];
	struct pattern *p = pattern_compile("{* * * * * * * * * *}", err,
					    sizeof(err));
	struct pattern *r = pattern_compile("$regex<(a|b|.)*x>", err,
					    sizeof(err));
	struct utterance *u;
	char *text = malloc(64 * 1024);
	struct match m;

	(void)state;
	memset(text, 'a', 64 * 1024);
	for (size_t i = 1; i < 64 * 1024; i += 2)
		text[i] = ' ';
	u = utterance_new(text, 64 * 1024);
	utterance_budget(u, 100000);
	assert_false(pattern_match(p, u, &m));
	assert_true(utterance_spent(u));
	assert_in_range(utterance_used(u), 100000, 200000);
	assert_false(pattern_match(r, u, &m));
	assert_null(pattern_tree(p, u));
	utterance_budget(u, 100000);
	assert_false(pattern_match(r, u, &m));
	assert_true(utterance_spent(u));
	assert_in_range(utterance_used(u), 100000, 200000);
	utterance_free(u);
	u = utterance_new(text, 500);
	utterance_budget(u, 10000000);
	assert_true(pattern_match(p, u, &m));
	assert_false(utterance_spent(u));
	assert_int_equal(m.wild, 250);
	utterance_free(u);
	free(text);
	pattern_free(p);
	pattern_free(r);
}

static const char *keys_of(const char *source)
{
	static char text[400];
	char err[100];
	struct pattern *p = pattern_compile(source, err, sizeof(err));
	const struct pattern_key *k;
	size_t n, at = 0;

	assert_non_null(p);
	k = pattern_keys(p, &n);
	text[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		const bool more = i && k[i].set == k[i - 1].set;

		at += (size_t)snprintf(text + at, sizeof(text) - at, "%s%u%s",
				       !i ? "" : more ? "|" : " ", k[i].len,
				       k[i].stem ? "*" : "");
	}
	pattern_free(p);
	return text;
}

/* Words by their length: those that must be there. */
static void needed_words(void **state)
{
	(void)state;
	assert_string_equal(keys_of("*"), "");
	assert_string_equal(keys_of("[a]"), "");
	assert_string_equal(keys_of("a bb [ccc] dddd*"), "1 2 4*");
	assert_string_equal(keys_of("(a bb|ccc|dddd eeee ff)"), "2|3|4");
	assert_string_equal(keys_of("(a|*) b"), "1");
	assert_string_equal(keys_of("(a|[b])"), "");
	assert_string_equal(keys_of("{a bb (ccc|(d|ee))}"), "1 2 3|1|2");
	assert_string_equal(keys_of("((a|bb) ccc|dd)"), "3|2");
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
		{ "*stem", "`*` ends a word or stands alone (at byte 1)" },
		{ "st*em", "`*` ends a word or stands alone (at byte 3)" },
		{ "a } b", "`}` at byte 3 closes nothing" },
		{ "{a b", "`{` at byte 1 is not closed by `}`" },
		{ "{a b)", "`{` at byte 1 is not closed by `}`" },
		{ "{a|b}", "alternatives stand in round brackets" },
		{ "{}", "nothing to match at byte 2" },
		{ "{a b c d e f g h i j k}", "at most 10 items in any order" },
		{ "my name is $Name", "there is no pattern `$Name` (at byte "
			"12)" },
		{ "price $ 5", "`$` stands before the name of a pattern (at "
			"byte 7)" },
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
		"{", "{a ", "{a*} ", "((", "{{a b} c} ",
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
		{ "{* * * * * * *} ", 1, "b" },
		{ "{a a a a a a a a} ", 2, "* b" },
		{ "(((a|[a a])|*)|a*) ", 100, "b" },
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
		cmocka_unit_test(named_parts),
		cmocka_unit_test(what_names_are_refused),
		cmocka_unit_test(explosions_are_refused),
		cmocka_unit_test(a_budget),
		cmocka_unit_test(needed_words),
		cmocka_unit_test(better),
		cmocka_unit_test(what_is_refused),
		cmocka_unit_test(sizes_are_bounded),
		cmocka_unit_test(pathological_patterns),
		cmocka_unit_test(a_query_of_any_bytes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
