/*
 * How often the classifier is right, on phrases it has not learnt: 20 intents
 * with ten phrases each, 200 other phrases of theirs, 100 of nobody's. Other
 * files of the same form can be given as arguments.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "lua/classifier.h"
#include "lua/pattern.h"

static const char *files[] = {
	"tests/unit/lua/intents/learn.txt",
	"tests/unit/lua/intents/held_out.txt",
	"tests/unit/lua/intents/foreign.txt",
};

/* The next line of `f`, its intent and its phrase; false: the end. */
static bool next(FILE *f, char *line, size_t size, char **phrase)
{
	char *tab;

	if (!fgets(line, (int)size, f))
		return false;
	line[strcspn(line, "\n")] = '\0';
	tab = strchr(line, '\t');
	*phrase = tab ? tab + 1 : line;
	if (tab)
		*tab = '\0';
	return true;
}

static double ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e3 + (double)ts.tv_nsec / 1e6;
}

static struct classifier *learn(const char *file)
{
	struct classifier *c = classifier_new();
	FILE *f = fopen(file, "r");
	char line[500], *phrase;

	assert_non_null(c);
	assert_non_null(f);
	while (next(f, line, sizeof(line), &phrase))
		assert_int_equal(classifier_add(c, line, phrase,
						strlen(phrase)), 0);
	fclose(f);
	assert_int_equal(classifier_train(c), 0);
	return c;
}

/* The intent that a phrase seems to have, or -1. */
static int best(struct classifier *c, const char *phrase, float *score)
{
	struct utterance *u = utterance_new(phrase, strlen(phrase));
	const float *s = classifier_score(c, u);
	int n = -1;

	*score = 0;
	for (size_t i = 0; s && i < classifier_count(c); i++)
		if (s[i] > *score) {
			*score = s[i];
			n = (int)i;
		}
	utterance_free(u);
	return *score >= CLASSIFIER_ACCEPT ? n : -1;
}

static void how_often_it_is_right(void **state)
{
	const double began = ms();
	struct classifier *c = learn(files[0]);
	const double learnt = ms();
	unsigned right = 0, wrong = 0, all = 0, accepted = 0, foreign = 0;
	char line[500], *phrase;
	float score;
	FILE *f = fopen(files[1], "r");
	double done;

	(void)state;
	assert_non_null(f);
	while (next(f, line, sizeof(line), &phrase)) {
		const int n = best(c, phrase, &score);

		all++;
		right += n >= 0 && n == classifier_find(c, line);
		wrong += n >= 0 && n != classifier_find(c, line);
		if (n < 0 || n != classifier_find(c, line))
			print_message("%-18s %.2f %s %s\n", line, score,
				      n < 0 ? "none" : "other", phrase);
	}
	fclose(f);
	f = fopen(files[2], "r");
	assert_non_null(f);
	while (next(f, line, sizeof(line), &phrase)) {
		const int n = best(c, phrase, &score);

		foreign++;
		accepted += n >= 0;
		if (n >= 0)
			print_message("foreign            %.2f %s\n", score,
				      phrase);
	}
	fclose(f);
	done = ms();
	print_message("%u of %u right (%.1f %%), %u taken for another intent; "
		      "%u of %u foreign ones accepted (%.1f %%); learnt in "
		      "%.1f ms, %.1f us for a query\n", right, all,
		      100.0 * right / all, wrong, accepted, foreign,
		      100.0 * accepted / foreign, learnt - began,
		      (done - learnt) * 1e3 / (all + foreign));
	assert_int_equal(all, 200);
	assert_int_equal(foreign, 100);
	assert_true(right * 100 >= all * 85);
	assert_true(accepted * 100 <= foreign * 10);
	classifier_free(c);
}

static void the_same_again(void **state)
{
	struct classifier *a = learn(files[0]), *b = learn(files[0]);
	char line[500], *phrase;
	FILE *f = fopen(files[1], "r");
	float x, y;

	(void)state;
	assert_non_null(f);
	while (next(f, line, sizeof(line), &phrase)) {
		assert_int_equal(best(a, phrase, &x), best(b, phrase, &y));
		assert_memory_equal(&x, &y, sizeof(x));
	}
	fclose(f);
	classifier_free(a);
	classifier_free(b);
}

static void few_phrases(void **state)
{
	struct classifier *c = classifier_new();
	float score;

	(void)state;
	assert_int_equal(classifier_find(NULL, "/A"), -1);
	assert_int_equal(classifier_add(c, "/A", "?!", 2), -1);
	assert_int_equal(classifier_count(c), 0);
	assert_int_equal(classifier_add(c, "/A", "I want pizza", 12), 0);
	assert_int_equal(classifier_train(c), 0);
	assert_int_equal(best(c, "i want PIZZA!", &score), 0);
	assert_true(score > 0.99f && score < 1.01f);
	assert_int_equal(best(c, "a pizza", &score), 0);
	assert_int_equal(best(c, "salad", &score), -1);
	assert_int_equal(best(c, "", &score), -1);
	assert_int_equal(best(c, "...", &score), -1);
	assert_int_equal(classifier_find(c, "/A"), 0);
	assert_int_equal(classifier_find(c, "/B"), -1);
	classifier_free(c);

	c = classifier_new();
	assert_int_equal(classifier_train(c), 0);
	assert_int_equal(best(c, "pizza", &score), -1);
	classifier_free(c);

	/* other scripts, other forms of a word */
	c = classifier_new();
	assert_int_equal(classifier_add(c, "/Oper", "соедините с оператором",
					strlen("соедините с оператором")), 0);
	assert_int_equal(classifier_add(c, "/Zeit", "Öffnungszeiten",
					strlen("Öffnungszeiten")), 0);
	assert_int_equal(classifier_train(c), 0);
	assert_int_equal(best(c, "ОПЕРАТОРА", &score), 0);
	assert_int_equal(best(c, "geöffnet öffnungszeit", &score), 1);
	classifier_free(c);
}

static void a_budget(void **state)
{
	struct classifier *c = learn(files[0]);
	char *text = malloc(64 * 1024);
	struct utterance *u;

	(void)state;
	memset(text, 'x', 64 * 1024);
	u = utterance_new(text, 64 * 1024);
	utterance_budget(u, 1000000);
	assert_null(classifier_score(c, u));
	assert_true(utterance_spent(u));
	utterance_budget(u, 100000000);
	assert_non_null(classifier_score(c, u));
	utterance_budget(u, 0);
	assert_null(classifier_score(c, u));
	utterance_free(u);
	free(text);
	classifier_free(c);
}

int main(int argc, char *argv[])
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(how_often_it_is_right),
		cmocka_unit_test(the_same_again),
		cmocka_unit_test(few_phrases),
		cmocka_unit_test(a_budget),
	};

	for (int i = 1; i < argc && i <= 3; i++)
		files[i - 1] = argv[i];
	return cmocka_run_group_tests(tests, NULL, NULL);
}
