/*
 * `tandem test`: tests of bots, on a virtual clock and a simulated network.
 * What it prints is TAP 13; the exit status says whether all went well.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "cmd.h"
#include "cmd_test.h"
#include "log.h"
#include "lua/coverage.h"
#include "lua/test/test.h"
#include "problem.h"

#define USAGE 2
#define SEEDS 100

struct options {
	const char *filter;
	bool coverage;
	bool hostile;
	uint64_t seeds;
	uint64_t seed;		/* 0: from the first on */
};

struct suite {
	struct paths paths;
	struct test_file **files;	/* NULL where it cannot be read */
	struct problems *problems;	/* of each */
	size_t number, failed;
};

static bool number(const char *s, uint64_t *n)
{
	char *end;

	errno = 0;
	*n = strtoull(s, &end, 10);
	return *s >= '0' && *s <= '9' && !*end && !errno && *n > 0 &&
		*n <= 1000000000;
}

/* ---- what is printed ---- */

void print_quoted(const char *s)
{
	putchar('"');
	for (; *s; s++) {
		if (*s == '"' || *s == '\\')
			printf("\\%c", *s);
		else if (*s == '\n')
			fputs("\\n", stdout);
		else if ((unsigned char)*s < 0x20)
			printf("\\x%02x", (unsigned char)*s);
		else
			putchar(*s);
	}
	putchar('"');
}

/* In a description `#` would begin a directive. */
static void print_name(const char *s)
{
	for (; *s; s++) {
		if (*s == '#' || *s == '\\')
			putchar('\\');
		putchar((unsigned char)*s < 0x20 ? ' ' : *s);
	}
}

static void print_lines(const char *key, const char *text)
{
	if (!text || !*text)
		return;
	printf("  %s: |\n", key);
	while (*text) {
		const size_t n = strcspn(text, "\n");

		printf("    %.*s\n", (int)n, text);
		text += n + (text[n] == '\n');
	}
}

static void print_verdict(struct suite *s, const struct test_file *f,
			  size_t i, const struct verdict *v)
{
	printf("%sok %zu - ", v->ok ? "" : "not ", ++s->number);
	print_name(test_file_path(f));
	fputs(": ", stdout);
	print_name(test_name(f, i));
	putchar('\n');
	if (!v->ok) {
		s->failed++;
		fputs("  ---\n  message: ", stdout);
		print_quoted(v->message);
		fputs("\n  at: ", stdout);
		print_quoted(v->at);
		putchar('\n');
		print_lines("called_from", v->trace);
		if (v->extra)
			fputs(v->extra, stdout);
		print_lines("happened", v->happened);
		fputs("  ...\n", stdout);
	}
	fflush(stdout);
}

static void print_unreadable(struct suite *s, size_t i)
{
	char line[1024];

	s->failed++;
	printf("not ok %zu - ", ++s->number);
	print_name(s->paths.list[i]);
	fputs(": can be read\n  ---\n  message: ", stdout);
	print_quoted(problem_text(&s->problems[i], 0, line, sizeof(line)));
	fputs("\n  ...\n", stdout);
}

/* ---- the suite ---- */

static bool chosen(const struct options *o, const struct test_file *f,
		   size_t i)
{
	return !o->filter || strstr(test_name(f, i), o->filter);
}

static size_t count(const struct suite *s, const struct options *o)
{
	size_t n = 0;

	for (size_t i = 0; i < s->paths.count; i++) {
		n += !s->files[i];
		for (size_t k = 0; s->files[i] && k < test_count(s->files[i]);
		     k++)
			n += chosen(o, s->files[i], k);
	}
	return n;
}

/* Each test has a chance of its own, the same each time. */
static uint64_t seed_of(const char *name)
{
	uint64_t h = 5381;

	while (*name)
		h = h * 33 + (unsigned char)*name++;
	return h;
}

static void run(struct suite *s, const struct options *o,
		const struct test_file *f, size_t i)
{
	struct verdict v;

	test_plain(f, i, seed_of(test_name(f, i)), &v);
	if (v.ok && o->hostile) {
		verdict_free(&v);
		test_hostile(f, i, o->seed ? o->seed : 1,
			     o->seed ? 1 : o->seeds, &v);
	}
	print_verdict(s, f, i, &v);
	verdict_free(&v);
}

static int run_all(struct suite *s, const struct options *o)
{
	const uint64_t began = uv_hrtime();
	const size_t n = count(s, o);

	printf("TAP version 13\n1..%zu%s\n", n, n ? "" : " # no test is chosen");
	for (size_t i = 0; i < s->paths.count; i++) {
		if (!s->files[i])
			print_unreadable(s, i);
		for (size_t k = 0; s->files[i] && k < test_count(s->files[i]);
		     k++)
			if (chosen(o, s->files[i], k))
				run(s, o, s->files[i], k);
	}
	printf("# %zu tests, %zu failed, in %" PRIu64 " ms\n", n, s->failed,
	       (uv_hrtime() - began) / 1000000);
	if (!n)
		fprintf(stderr, "tandem: %s\n", o->filter
			? "no test has that in its name"
			: "there are no tests: their files are "
			"NAME_test.lua");
	return s->failed || !n ? 1 : 0;
}

static int options_read(int argc, char **argv, struct options *o,
			struct paths *ps)
{
	static const char *const words[] = {
		"--coverage", "--filter", "--help", "--hostile", "--seed",
		"--seeds", NULL
	};
	int rc;

	for (int i = 0; i < argc; i++) {
		const char *a = argv[i], *near;
		uint64_t *n = !strcmp(a, "--seeds") ? &o->seeds
			: !strcmp(a, "--seed") ? &o->seed : NULL;

		if (!strcmp(a, "--coverage")) {
			o->coverage = true;
		} else if (!strcmp(a, "--hostile")) {
			o->hostile = true;
		} else if (n) {
			if (i + 1 == argc || !number(argv[i + 1], n)) {
				fprintf(stderr, "tandem: %s needs a number "
					"from 1 on\n", a);
				return USAGE;
			}
			i++;
		} else if (!strcmp(a, "--filter")) {
			if (i + 1 == argc) {
				fputs("tandem: --filter needs a part of "
				      "tests' names\n", stderr);
				return USAGE;
			}
			o->filter = argv[++i];
		} else if (a[0] == '-' && a[1]) {
			near = nearest_word(a, words);
			fprintf(stderr, "tandem: unknown option '%s'", a);
			if (near)
				fprintf(stderr, "; did you mean '%s'?", near);
			fputs("\ntandem: try 'tandem --help'\n", stderr);
			return USAGE;
		} else {
			rc = paths_add(ps, a);
			if (rc) {
				fprintf(stderr, "tandem: %s: %s\n", a,
					uv_strerror(rc));
				return 1;
			}
		}
	}
	return 0;
}

static const char help[] =
"usage: tandem test [OPTION]... PATH...\n"
"\n"
"Runs tests of bots, in files NAME_test.lua beside NAME.lua, and prints TAP.\n"
"\n"
"  --filter TEXT   only tests with TEXT in their name\n"
"  --coverage      tells which states, reactions and lines were not reached\n"
"  --hostile       each test also against peers that misbehave\n"
"  --seeds N       so many times (100)\n"
"  --seed N        only so, to see one of them again\n";

int cmd_test(int argc, char **argv)
{
	struct options o = { .seeds = SEEDS };
	struct suite s = { .number = 0 };
	struct coverage *coverage = NULL;
	bool named = false, asked = false;
	int rc;


	for (int i = 0; i < argc; i++) {
		named = named || argv[i][0] != '-';
		asked = asked || !strcmp(argv[i], "--help") ||
			!strcmp(argv[i], "-h");
	}
	if (asked) {
		fputs(help, stdout);
		paths_free(&s.paths);
		return 0;
	}
	rc = options_read(argc, argv, &o, &s.paths);
	if (!rc && !named) {
		fputs("tandem: test which? 'tandem test PATH...', a folder or "
		      "a NAME_test.lua\n", stderr);
		rc = USAGE;
	}
	if (rc) {
		paths_free(&s.paths);
		return rc;
	}
	if (o.coverage) {
		coverage = coverage_new();
		test_cover(coverage);
	}
	s.files = calloc(s.paths.count + 1, sizeof(*s.files));
	s.problems = calloc(s.paths.count + 1, sizeof(*s.problems));
	if (!s.files || !s.problems)
		abort();
	for (size_t i = 0; i < s.paths.count; i++)
		s.files[i] = test_file_open(s.paths.list[i], &s.problems[i]);
	rc = run_all(&s, &o);
	if (coverage)
		print_coverage(coverage);
	test_cover(NULL);
	coverage_free(coverage);
	for (size_t i = 0; i < s.paths.count; i++) {
		test_file_free(s.files[i]);
		problems_free(&s.problems[i]);
	}
	free(s.files);
	free(s.problems);
	paths_free(&s.paths);
	return fflush(stdout) ? 1 : rc;
}
