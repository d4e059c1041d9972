/*
 * What one query costs in a large bot: 500 states with 2,000 patterns and,
 * if wanted, 100 intents with ten phrases. Prints microseconds.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "core/bot.h"
#include "core/loop.h"
#include "lua/match.h"
#include "lua/program.h"
#include "lua/scripting.h"
#include "lua/shard.h"

#define STATES 500
#define ROUNDS 200

static uint32_t seed = 1;
static uint32_t rare_words = 3000;

static uint32_t chance(uint32_t n)
{
	seed = seed * 1664525u + 1013904223u;
	return (uint32_t)(((uint64_t)seed * n) >> 32);
}

/* A word like those of a language: a few are in every other sentence. */
static const char *word(void)
{
	static const char *const common[] = {
		"i", "want", "to", "the", "my", "please", "a", "for", "you",
		"can", "is", "it", "of", "and", "me",
	};
	static const char *const parts[] = {
		"ba", "ri", "ton", "me", "sul", "ka", "len", "dor", "vi",
		"pra", "ne", "shi", "gol", "tu", "far",
	};
	static char text[8][32];
	static unsigned turn;
	char *s = text[turn++ % 8];
	uint32_t n;

	if (chance(2))
		return common[chance(15)];
	n = chance(rare_words);
	snprintf(s, 32, "%s%s%s", parts[n % 15], parts[n / 15 % 15],
		 parts[n / 225 % 15]);
	return s;
}

static const char *rare(void)
{
	const char *w;

	do
		w = word();
	while (strlen(w) < 6);
	return w;
}

static void pattern(FILE *f, unsigned k, unsigned n)
{
	switch (k % 8) {
	case 0:
		fprintf(f, "'%s [%s] %s %s %s'", word(), word(), rare(),
			word(), rare());
		break;
	case 1:
		fprintf(f, "'* (%s|%s|%s) * %s *'", rare(), rare(), rare(),
			word());
		break;
	case 2:
		fprintf(f, "'* {%s * (%s|%s)} *'", rare(), rare(), rare());
		break;
	case 3:
		fprintf(f, "'[%s] [%s] %s* [%s]'", word(), word(), rare(),
			word());
		break;
	case 4:
		fprintf(f, "'* $Thing %s *'", rare());
		break;
	case 5:
		if (n % 20 == 0)
			fprintf(f, "'$regex<[a-z]%u.*>'", n);
		else
			fprintf(f, "'%s %s %s *'", rare(), word(), rare());
		break;
	case 6:
		fprintf(f, "'(%s|%s) [%s] (%s|%s) %s'", word(), word(),
			word(), word(), rare(), rare());
		break;
	case 7:
		fprintf(f, "'{%s %s [%s] %s}'", word(), rare(), word(),
			rare());
		break;
	}
}

static void write_bot(FILE *f, bool intents)
{
	unsigned n = 0;

	fprintf(f, "return bot { patterns = { Thing = '(baribari|melen|%s)' }"
		",\n", rare());
	if (intents) {
		fprintf(f, "intents = {\n");
		for (int i = 0; i < 100; i++) {
			fprintf(f, "['/S%d'] = {", i);
			for (int k = 0; k < 10; k++)
				fprintf(f, " '%s %s %s %s %s %s',", word(),
					word(), rare(), word(), rare(),
					word());
			fprintf(f, " },\n");
		}
		fprintf(f, "},\n");
	}
	fprintf(f, "states = {\n");
	for (int i = 0; i < STATES; i++) {
		fprintf(f, "S%d = { ", i);
		if (intents && i < 100)
			fprintf(f, "['intent!'] = '/S%d', ", i);
		fprintf(f, "['%s'] = {", i % 2 ? "q" : "q!");
		for (int k = 0; k < 4; k++, n++) {
			pattern(f, n + (unsigned)i, n);
			fprintf(f, ", ");
		}
		fprintf(f, "}, 'x' },\n");
	}
	fprintf(f, "} }\n");
}

static double us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static int by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void measure(const struct program *prog, const char *what,
		    unsigned words, bool hit)
{
	static double times[ROUNDS];
	unsigned matched = 0;

	for (unsigned r = 0; r < ROUNDS; r++) {
		const struct state *from = prog->all[chance(
			(uint32_t)prog->count)];
		char text[2000] = "";
		struct heard h;
		double best = 1e9;
		size_t n = 0;

		for (unsigned i = 0; i < words; i++)
			n += (size_t)snprintf(text + n, sizeof(text) - n,
					      "%s ", hit ? word() : "zzyzx");
		/* the least of five: what it costs undisturbed */
		for (int k = 0; k < 5; k++) {
			const struct query q = {
				.kind = QUERY_TEXT, .text = text, .len = n,
				.budget = 1000000,
			};
			const double began = us();
			double took;

			match_query(prog, from, &q, &h);
			took = us() - began;
			if (took < best)
				best = took;
			matched += k == 0 && h.state;
			json_decref(h.tree);
		}
		times[r] = best;
	}
	qsort(times, ROUNDS, sizeof(*times), by_value);
	printf("%-28s median %6.1f us, 99 %% %6.1f us, worst %6.1f us, "
	       "%u of %u matched\n", what, times[ROUNDS / 2],
	       times[ROUNDS * 99 / 100], times[ROUNDS - 1], matched, ROUNDS);
}

static int run(bool intents)
{
	struct bot_limits limits = {
		.handler_instructions = 1000000, .handler_memory = 4 << 20,
		.session_bytes = 64 << 10, .bot_memory = 64 << 20,
	};
	struct loop *loop = loop_new_virtual(1700000000000u, 1);
	struct scripting *sc = lua_scripting_open(loop, &limits);
	struct problems problems = {0};
	char path[] = "/tmp/bench-match-XXXXXX", text[512];
	const int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	struct shard *sh;
	struct bot *bot;
	double began;

	seed = 1;
	write_bot(f, intents);
	fclose(f);
	began = us();
	bot = sc->ops->load(sc, "bench", path, &problems);
	printf("%u states, %u patterns of %u words%s: loaded in %.1f ms\n",
	       STATES, STATES * 4, rare_words, intents ? ", 100 intents" : "",
	       (us() - began) / 1e3);
	unlink(path);
	for (size_t i = 0; i < problems.count && i < 5; i++)
		printf("%s\n", problem_text(&problems, i, text,
					    sizeof(text)));
	if (!bot)
		return 1;
	began = us();
	sh = shard_open(bot, &problems);
	printf("  one more shard: %.1f ms\n", (us() - began) / 1e3);
	shard_close(sh);
	measure(bot->shards->program, "  one word", 1, true);
	measure(bot->shards->program, "  6 words", 6, true);
	measure(bot->shards->program, "  12 words", 12, true);
	measure(bot->shards->program, "  40 words", 40, true);
	measure(bot->shards->program, "  6 unknown words", 6, false);
	sc->ops->unload(bot);
	sc->ops->close(sc);
	loop_free(loop);
	problems_free(&problems);
	return 0;
}

int main(void)
{
	int rc = run(false) | run(true);

	/* Where an index helps least: all speak of the same. */
	rare_words = 30;
	return rc | run(false);
}
