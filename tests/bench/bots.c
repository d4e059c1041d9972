/*
 * What bots cost beside signalling: start-up, memory of a session at rest,
 * pauses of the collector. The real scripting side below a clock and an engine
 * that are simulated, so that nothing else is measured; times are CPU time of
 * this thread, so that other processes do not count.
 *
 *	bench_bots [BOTS [SESSIONS [WAITING]]]
 */
#include <inttypes.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "core/bot.h"
#include "core/loop.h"
#include "lua/scripting.h"

static const struct bot_limits limits = {
	.handler_instructions = 1000000, .handler_memory = 4 << 20,
	.session_bytes = 64 << 10, .bot_memory = 1u << 30,
};

static char folder[] = "/tmp/bench-bots-XXXXXX";

static uint64_t cpu_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static double ms(uint64_t ns)
{
	return (double)ns / 1e6;
}

/* Bytes in use of the C heap, jansson's and Lua's included. */
static size_t heap(void)
{
	const struct mallinfo2 m = mallinfo2();

	return m.uordblks + m.hblkhd;
}

static int by_size(const void *a, const void *b)
{
	const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;

	return x < y ? -1 : x > y;
}

static void spread(const char *what, uint64_t *ns, size_t n)
{
	uint64_t sum = 0;

	qsort(ns, n, sizeof(*ns), by_size);
	for (size_t i = 0; i < n; i++)
		sum += ns[i];
	printf("%s: mean %.3f, median %.3f, p99 %.3f, most %.3f ms\n", what,
	       ms(sum / n), ms(ns[n / 2]), ms(ns[n - 1 - n / 100]),
	       ms(ns[n - 1]));
}

/* ---- an engine that agrees with everything ---- */

struct caller {
	struct bot_call call;
	struct session *s;
};

static int h_act(void *arg, struct action *a, struct action_error *err)
{
	struct caller *c = arg;

	(void)err;
	if (a->type == ACT_SAY && a->ticket)
		c->s->ops->said(c->s, a->ticket, false);
	action_free(a);
	return 0;
}

static void h_nothing(void *arg)
{
	(void)arg;
}

static void h_state(void *arg, const char *path)
{
	(void)arg;
	(void)path;
}

static void h_error(void *arg, const struct bot_error *e)
{
	(void)arg;
	fprintf(stderr, "bench: %s\n", e->message);
	exit(1);
}

static const struct session_handlers handlers = {
	.act = h_act, .idle = h_nothing, .drained = h_nothing,
	.state = h_state, .error = h_error,
};

struct desk {
	struct loop *loop;
	struct scripting *sc;
};

static void desk_open(struct desk *d)
{
	d->loop = loop_new_virtual(UINT64_C(1700000000000), 1);
	d->sc = lua_scripting_open(d->loop, &limits);
}

static void desk_close(struct desk *d)
{
	d->sc->ops->close(d->sc);
	loop_free(d->loop);
}

static struct bot *load(struct desk *d, const char *path)
{
	struct problems p = { 0 };
	struct bot *bot = d->sc->ops->load(d->sc, "bench", path, &p);
	char text[512];

	for (size_t i = 0; !bot && i < p.count; i++)
		fprintf(stderr, "%s\n", problem_text(&p, i, text,
						     sizeof(text)));
	problems_free(&p);
	if (!bot)
		exit(1);
	return bot;
}

/* ---- loading ---- */

static const char *write_bot(const char *name, int states, int patterns)
{
	static char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s.lua", folder, name);
	f = fopen(path, "w");
	fprintf(f, "return bot { name = '%s', states = {\n"
		"Start = { q = '$regex</start>', a 'Hello.' },\n", name);
	for (int i = 1; i < states; i++) {
		fprintf(f, "S%d = { ['q!'] = {", i);
		for (int k = 0; k < patterns; k++)
			fprintf(f, " '* (word%d|term%d) [please] thing%d *',",
				i, k, i * 7 + k);
		fprintf(f, " }, random { a 'One.', a 'Two.' }, "
			"function(call) call.session.last = %d "
			"return go '/S%d' end },\n", i, i % (states - 1) + 1);
	}
	fprintf(f, "} }\n");
	fclose(f);
	return path;
}

/* `count` times the bot at `path`, each a program of its own. */
static void measure_load(const char *what, const char *path, int count)
{
	uint64_t *ns = calloc((size_t)count, sizeof(*ns)), all;
	const size_t before = heap();
	struct desk d;

	desk_open(&d);
	all = cpu_ns();
	for (int i = 0; i < count; i++) {
		const uint64_t started = cpu_ns();

		load(&d, path);
		ns[i] = cpu_ns() - started;
	}
	all = cpu_ns() - all;
	printf("%s, %d times: %.1f ms in all, %.1f kB each\n", what, count,
	       ms(all), (double)(heap() - before) / count / 1024);
	spread("  one load", ns, (size_t)count);
	desk_close(&d);
	free(ns);
}

/* ---- sessions ---- */

static const char talker[] =
	"return bot { states = {\n"
	"Start = { q = '$regex</start>', function(call)\n"
	"  call.session.name, call.session.tries = 'Ann', 0\n"
	"  call.session.cart = { 'a', 'b', count = 2 }\n"
	"  call:say 'Hello.' end },\n"
	"Work = { ['q!'] = 'work', function(call)\n"
	"  local t = {}\n"
	"  for i = 1, 200 do t[i] = { i, tostring(i) } end\n"
	"  call.session.tries = #t end },\n"
	"Wait = { ['q!'] = 'wait', function(call)\n"
	"  local kept = { call.request.query }\n"
	"  call:sleep(3600)\n"
	"  log(kept) end },\n"
	"} }\n";

static void ask(struct desk *d, struct caller *c, enum query_kind kind,
		const char *text)
{
	c->s->ops->query(c->s, kind, text, strlen(text));
	loop_turn(d->loop);
}

static void measure_sessions(int count, int waiting)
{
	struct caller *c = calloc((size_t)count, sizeof(*c));
	const int rounds = 20000;
	uint64_t *ns = calloc((size_t)rounds, sizeof(*ns));
	struct bot_stats empty, full;
	struct desk d;
	struct bot *bot;
	size_t before, after;
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/talker.lua", folder);
	f = fopen(path, "w");
	fputs(talker, f);
	fclose(f);
	desk_open(&d);
	bot = load(&d, path);
	d.sc->ops->stats(bot, &empty);
	before = heap();
	for (int i = 0; i < count; i++) {
		c[i].call = (struct bot_call){ .id = "c1", .from = "",
			.to = "100", .trunk = "office" };
		d.sc->ops->open(bot, &c[i].call, &handlers, &c[i], &c[i].s);
	}
	for (int i = 0; i < count; i++) {
		ask(&d, &c[i], QUERY_START, "/start");
		loop_advance(d.loop, 1);
	}
	after = heap();
	d.sc->ops->stats(bot, &full);
	printf("%d sessions at rest, each with three values: %.2f kB each "
	       "(%.2f of them Lua's), %zu Lua states\n", count,
	       (double)(after - before) / count / 1024,
	       (double)(full.bytes - empty.bytes) / count / 1024,
	       full.states);

	before = heap();
	for (int i = 0; i < waiting; i++) {
		ask(&d, &c[(int64_t)i * count / waiting], QUERY_TEXT, "wait");
		loop_advance(d.loop, 1);
	}
	d.sc->ops->stats(bot, &full);
	printf("%zu of them wait in a handler: %.2f kB more for each\n",
	       full.coroutines, waiting ? (double)(heap() - before) /
	       waiting / 1024 : 0);

	/* Every turn allocates: the collector's steps are in some of them. */
	for (int i = 0; i < rounds; i++) {
		const int at = (int)((int64_t)i * 7919 % count);
		const uint64_t started = cpu_ns();

		ask(&d, &c[at], QUERY_TEXT, "work");
		ns[i] = cpu_ns() - started;
		loop_advance(d.loop, 1);
	}
	spread("a turn with a handler of 200 tables, collector included", ns,
	       (size_t)rounds);
	for (int i = 0; i < count; i++)
		c[i].s->ops->close(c[i].s);
	loop_turn(d.loop);
	desk_close(&d);
	free(ns);
	free(c);
}

int main(int argc, char **argv)
{
	const int bots = argc > 1 ? atoi(argv[1]) : 1000;
	const int sessions = argc > 2 ? atoi(argv[2]) : 10000;
	const int waiting = argc > 3 ? atoi(argv[3]) : sessions / 10;
	char command[64];

	if (!mkdtemp(folder))
		return 1;
	measure_load("bot of 5 states and 8 patterns",
		     write_bot("small", 5, 2), bots);
	measure_load("bot of 50 states and 200 patterns",
		     write_bot("medium", 50, 4), bots / 20 + 1);
	measure_load("bot of 500 states and 2000 patterns",
		     write_bot("large", 501, 4), bots / 50 + 1);
	measure_sessions(sessions, waiting);
	snprintf(command, sizeof(command), "rm -r %s", folder);
	return system(command) != 0;
}
