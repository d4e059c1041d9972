/*
 * Every allocation of the scanner, the patterns and the config fails once:
 * an error comes back, and nothing is left (the sanitizer looks).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "core/config.h"
#include "core/media/media.h"
#include "core/problem.h"
#include "lua/classifier.h"
#include "lua/pattern.h"
#include "lua/pattern_names.h"
#include "lua/scan.h"
#include "lua/scripting.h"

static long countdown = -1;	/* allocations until one fails; < 0: none */
static bool failed;

static bool fails(void)
{
	if (countdown < 0 || countdown-- > 0)
		return false;
	failed = true;
	return true;
}

void *__real_malloc(size_t size);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t size);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t size);
char *__wrap_strdup(const char *s);

void *__wrap_malloc(size_t size)
{
	return fails() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t n, size_t size)
{
	return fails() ? NULL : __real_calloc(n, size);
}

void *__wrap_realloc(void *p, size_t size)
{
	return fails() ? NULL : __real_realloc(p, size);
}

char *__wrap_strdup(const char *s)
{
	return fails() ? NULL : __real_strdup(s);
}

/* Runs `f` with the first, second, ... allocation failing, until none does. */
static void sweep(bool (*f)(void))
{
	for (long i = 0;; i++) {
		bool ok;

		assert_true(i < 5000);
		failed = false;
		countdown = i;
		ok = f();
		countdown = -1;
		if (!failed) {
			assert_true(ok);
			return;
		}
	}
}

static const char source[] =
	"local t = { a = 1, [\"b\"] = { 1, 2, 3, 4, 5 } }\n"
	"return bot { name = \"x\", t, when(f) { 1 }, x = t, x = 5 }\n";

static bool scan(void)
{
	struct problems p = { 0 };
	struct scan *s = scan_open("x.lua", source, sizeof(source) - 1, &p);
	const bool ok = s != NULL;

	if (s)
		scan_close(s);
	problems_free(&p);
	return ok;
}

static bool pattern(void)
{
	char err[100];
	struct pattern *p = pattern_compile("a [b] (c|d e) * f g h", err,
					    sizeof(err));
	struct pattern *r = pattern_compile("$regex<(?i)a[^b-d]*(x|y\\d){2,3}>",
					    err, sizeof(err));
	struct utterance *u = utterance_new("a b c x f g h", 13);
	struct pattern_names *names = pattern_names_new();
	struct pattern *n;
	struct match m;
	bool ok = p && r && u && names;
	json_t *tree = NULL;

	if (names && (pattern_names_add(names, "A", "[b] (c|d)", err,
					sizeof(err)) ||
		      pattern_names_check(names, "A", err, sizeof(err))))
		ok = false;
	n = ok ? pattern_compile_with(names, "a {$A h * [x*]}", err,
				      sizeof(err)) : NULL;
	if (n)
		tree = pattern_tree(n, u);
	ok = ok && n && tree;
	json_decref(tree);
	pattern_free(n);
	pattern_names_free(names);
	if (p && u)
		assert_true(pattern_match(p, u, &m));
	if (r && u)
		assert_false(pattern_match(r, u, &m));
	pattern_free(p);
	pattern_free(r);
	utterance_free(u);
	return ok;
}

static bool classifier(void)
{
	struct classifier *c = classifier_new();
	struct utterance *u = utterance_new("blue pizza", 10);
	const float *scores = NULL;
	bool ok = c && u &&
		!classifier_add(c, "/A", "green pizza", 11) &&
		!classifier_add(c, "/B", "a red car", 9) &&
		!classifier_train(c);

	if (ok)
		scores = classifier_score(c, u);
	if (scores)
		assert_true(scores[0] > scores[1]);
	classifier_free(c);
	utterance_free(u);
	return ok && scores;
}

/* A default that could not be read must not be left out. */
static void assert_complete(const struct config *c)
{
	assert_int_equal(c->listen_count, 2);
	assert_int_equal(c->codec_count, 2);
	assert_int_equal(c->control_count, 1);
	assert_non_null(c->cdr_file);
	assert_int_equal(c->media_mode, MEDIA_RTP);
	assert_int_equal(c->port_max, 32767);
	assert_string_equal(c->media_address, "127.0.0.1");
	assert_int_equal(c->cps, 1000);
	assert_int_equal(c->limits.handler_memory, 4 << 20);
	assert_int_equal(c->log.level, LOG_INFO);
	assert_int_equal(c->trunks[0].header_count, 1);
	assert_int_equal(c->trunks[0].match_count, 1);
	assert_non_null(c->channels[0].bot);
	assert_non_null(c->default_bot);
}

static char file[] = "/tmp/tandem-memory-XXXXXX";

static bool config(void)
{
	struct problems p = { 0 };
	struct config_lines *lines = NULL;
	json_t *tree = lua_config_read(file, &lines, &p);
	struct config *c = NULL;
	bool ok;

	/* what failed is told, unless telling it is what failed */
	assert_true(tree || p.errors);
	if (tree)
		c = config_parse(tree, file, config_lines_find, lines, &p);
	assert_true(!c || !p.errors);
	assert_true(c || p.errors);
	ok = c != NULL;
	if (c)
		assert_complete(c);
	config_free(c);
	json_decref(tree);
	config_lines_free(lines);
	problems_free(&p);
	return ok;
}

static bool defaults(void)
{
	struct problems p = { 0 };
	struct config *c = config_parse(NULL, NULL, NULL, NULL, &p);
	const bool ok = c != NULL;

	assert_true(c || p.errors);
	if (c)
		assert_complete(c);
	config_free(c);
	problems_free(&p);
	return ok;
}

static bool media(void)
{
	static const char *const codecs[] = { "PCMU" };
	const struct media_options o = {
		.rtp = true, .address = "127.0.31.8",
		.port_min = 21900, .port_max = 21999,
		.codecs = codecs, .codec_count = 1,
	};
	struct media *m = NULL;
	struct media_end *e = NULL;
	struct offer *offer = NULL, *answer = NULL;
	bool ok = false;

	if (!media_open(&m, &o) && !media_end_open(m, &e)) {
		offer = media_offer(e, NULL);
		answer = offer ? media_answer(e, offer) : NULL;
		ok = answer != NULL;
	}
	if (m)
		assert_int_equal(media_in_use(m), e != NULL);
	offer_unref(offer);
	offer_unref(answer);
	media_end_close(e);
	media_close(m);
	return ok;
}

static void scanner_without_memory(void **state)
{
	(void)state;
	sweep(scan);
}

static void patterns_without_memory(void **state)
{
	(void)state;
	sweep(pattern);
}

static void classifier_without_memory(void **state)
{
	(void)state;
	sweep(classifier);
}

static void config_without_memory(void **state)
{
	static const char text[] =
		"return { trunks = { o = { uri = \"sip:127.0.0.1\","
		" match = { \"10.0.0.0/8\" }, headers = { \"X-A\" } } },"
		" channels = { c = { trunk = \"o\", number = 5 } },"
		" bots = { b = \"b.lua\" }, default_bot = \"b\","
		" timers = { agent = \"5s\" }, log = { file = \"x\" } }";
	const int fd = mkstemp(file);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, text, sizeof(text) - 1),
			 sizeof(text) - 1);
	close(fd);
	sweep(config);
	unlink(file);
}

static void defaults_without_memory(void **state)
{
	(void)state;
	sweep(defaults);
}

static void media_without_memory(void **state)
{
	(void)state;
	sweep(media);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(scanner_without_memory),
		cmocka_unit_test(patterns_without_memory),
		cmocka_unit_test(classifier_without_memory),
		cmocka_unit_test(config_without_memory),
		cmocka_unit_test(defaults_without_memory),
		cmocka_unit_test(media_without_memory),
	};

	json_set_alloc_funcs(malloc, free);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
