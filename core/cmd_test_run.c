/*
 * One test of a bot: a new play for each run, so that nothing is left of the
 * one before; then what has happened is told, and what has not ended.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd_test.h"
#include "log.h"
#include "lua/coverage.h"
#include "lua/scripting.h"
#include "lua/test/test.h"
#include "play/play.h"
#include "problem.h"

#define LADDER_LINES 60

static struct coverage *covered;	/* by every run, or NULL */

void test_cover(struct coverage *c)
{
	covered = c;
}

static struct scripting *open_scripting(struct loop *loop,
					const struct bot_limits *limits)
{
	struct scripting *sc = lua_scripting_open(loop, limits);

	if (sc && covered)
		coverage_watch(covered, sc);
	return sc;
}

struct text {
	char *s;
	size_t len;
};

static void add(struct text *t, const char *s)
{
	const size_t n = strlen(s);
	char *more = realloc(t->s, t->len + n + 1);

	if (!more)
		abort();
	t->s = more;
	memcpy(t->s + t->len, s, n + 1);
	t->len += n;
}

static void add_line(struct text *t, const struct note *n)
{
	static const char *const who[] = {
		[NOTE_SAID] = "bot says \"", [NOTE_STATE] = "state ",
		[NOTE_PLAYED] = "bot plays ",
		[NOTE_ERROR] = "scriptError: ", [NOTE_LOG] = "log: ",
		[NOTE_PEER] = "", [NOTE_TRANSFER] = "", [NOTE_CALL] = "",
	};
	char head[64];

	snprintf(head, sizeof(head), "%8" PRIu64 ".%03u  %s", n->at / 1000,
		 (unsigned)(n->at % 1000), who[n->kind]);
	add(t, head);
	for (const char *c = n->text; *c; c++)
		add(t, *c == '\n' ? "\\n" : (unsigned char)*c < 0x20 ? "?"
		    : (const char[]){ *c, '\0' });
	add(t, n->kind == NOTE_SAID ? "\"\n" : "\n");
}

char *play_ladder(struct play *p)
{
	const size_t n = play_notes(p);
	struct text t = { NULL, 0 };

	add(&t, n > LADDER_LINES ? "     ...\n" : "");
	for (size_t i = n > LADDER_LINES ? n - LADDER_LINES : 0; i < n; i++)
		add_line(&t, play_note(p, i));
	return t.s;
}

void verdict_free(struct verdict *v)
{
	free(v->message);
	free(v->at);
	free(v->trace);
	free(v->happened);
	free(v->extra);
	*v = (struct verdict){ .ok = false };
}

static char *problems_all(const struct problems *p)
{
	struct text t = { NULL, 0 };
	char line[1024];

	add(&t, "");
	for (size_t i = 0; i < p->count; i++) {
		if (p->list[i].warning && p->errors)
			continue;
		add(&t, t.len ? "\n" : "");
		add(&t, problem_text(p, i, line, sizeof(line)));
	}
	return t.s;
}

struct attempt {
	uint64_t seed;
	const struct play_odd *odd;
	bool chance;		/* and a schedule */
	const bool *left_out;
	bool hostile;
	bool ladder;
};

static const char *script_error(struct play *p)
{
	for (size_t i = 0; i < play_notes(p); i++)
		if (play_note(p, i)->kind == NOTE_ERROR)
			return play_note(p, i)->text;
	return NULL;
}

static void judge(struct verdict *v, struct play *p,
		  const struct test_result *r, bool hostile)
{
	char buf[512], text[1200];
	const char *wrong = NULL;

	if (!v->message && hostile && !r->errors && script_error(p)) {
		snprintf(text, sizeof(text), "scriptError: %s",
			 script_error(p));
		wrong = text;
	}
	if (!v->message && !wrong)
		wrong = play_check(p, buf, sizeof(buf));
	else
		play_check(p, buf, sizeof(buf));
	/* The last events of a call are the bot's as well. */
	if (!v->message && !wrong && !r->errors && script_error(p)) {
		snprintf(text, sizeof(text), "scriptError: %s",
			 script_error(p));
		wrong = hostile ? text : NULL;
	}
	if (wrong)
		v->message = strdup(wrong);
}

static char *place_of(const struct test_file *f, size_t i)
{
	char at[4200];

	snprintf(at, sizeof(at), "%s:%d", test_file_path(f), test_line(f, i));
	return strdup(at);
}

static void once(const struct test_file *f, size_t i, const struct attempt *a,
		 struct verdict *v)
{
	const struct play_options o = {
		.scripting = open_scripting, .reach = lua_scripting_reach,
		.bot = test_file_bot(f),
		.seed = a->seed, .odd = a->odd,
	};
	struct problems problems = { 0 };
	struct test_result r = { NULL };
	struct play *p = NULL;

	*v = (struct verdict){ .ok = false };
	if (play_open(&p, &o, &problems)) {
		v->message = problems.count ? problems_all(&problems)
			: strdup("the bot cannot be loaded");
		v->at = place_of(f, i);
		problems_free(&problems);
		return;
	}
	problems_free(&problems);
	if (a->chance)
		play_schedule(p, a->seed, a->left_out);
	test_run(f, &(struct test_run){
		.index = i, .play = p, .hostile = a->hostile }, &r);
	v->message = r.message;
	v->at = r.at;
	v->trace = r.trace;
	r.message = r.at = r.trace = NULL;
	/* The ladder ends where the test did. */
	if (a->ladder && v->message)
		v->happened = play_ladder(p);
	judge(v, p, &r, a->hostile);
	if (a->ladder && v->message && !v->happened)
		v->happened = play_ladder(p);
	v->ok = !v->message;
	if (!v->ok && !v->at)
		v->at = place_of(f, i);
	test_result_free(&r);
	play_close(p);
}

void test_plain(const struct test_file *f, size_t i, uint64_t seed,
		struct verdict *v)
{
	once(f, i, &(struct attempt){ .seed = seed, .ladder = true }, v);
}

/* ---- hostile ---- */

/* Every misbehaving peer undisturbed first, then with chance. */
static struct attempt attempt_of(uint64_t seed)
{
	const size_t n = play_odd_count();

	return (struct attempt){
		.seed = seed, .hostile = true, .chance = seed > n,
		.odd = play_odd((size_t)(seed <= n ? seed - 1
					 : seed * 7919 % n)),
	};
}

/* A crash says at least what was played: TAP's own word for it. */
static char bail[512];

static void on_crash(int signum)
{
	const ssize_t n = write(STDOUT_FILENO, bail, strlen(bail));

	(void)n;
	raise(signum);		/* SA_RESETHAND: this time for good */
}

static void watch_crashes(void)
{
#ifndef __SANITIZE_ADDRESS__
	struct sigaction sa = { .sa_handler = on_crash,
		.sa_flags = SA_RESETHAND | SA_NODEFER };

	sigaction(SIGABRT, &sa, NULL);
	sigaction(SIGSEGV, &sa, NULL);
#else
	(void)on_crash;		/* the sanitizer tells more */
#endif
}

static bool fails(const struct test_file *f, size_t i, const struct attempt *a)
{
	struct verdict v;
	bool bad;

	once(f, i, a, &v);
	bad = !v.ok;
	verdict_free(&v);
	return bad;
}

/* Leaves out steps, and the peer, as long as it still fails. */
static void shorten(const struct test_file *f, size_t i, struct attempt *a,
		    bool *left_out)
{
	const struct play_odd *odd = a->odd;
	bool any = true;
	char buf[128];

	a->left_out = left_out;
	a->odd = play_odd(0);
	if (!fails(f, i, a))
		a->odd = odd;
	while (any && a->chance) {
		any = false;
		for (unsigned s = 0; s < PLAY_STEPS; s++) {
			if (left_out[s] || !play_schedule_step(a->seed, s, buf,
							       sizeof(buf)))
				continue;
			left_out[s] = true;
			if (fails(f, i, a))
				any = true;
			else
				left_out[s] = false;
		}
	}
}

static char *schedule_text(const struct test_file *f, size_t i,
			   const struct attempt *a)
{
	struct text t = { NULL, 0 };
	char line[512], buf[128];

	snprintf(line, sizeof(line), "  seed: %" PRIu64 "\n  peer: \"%s\"\n",
		 a->seed, play_odd_name(a->odd));
	add(&t, line);
	for (unsigned s = 0, n = 0; a->chance && s < PLAY_STEPS; s++) {
		if (a->left_out[s] || !play_schedule_step(a->seed, s, buf,
							  sizeof(buf)))
			continue;
		snprintf(line, sizeof(line), "%s    - \"%s\"\n",
			 n++ ? "" : "  schedule:\n", buf);
		add(&t, line);
	}
	snprintf(line, sizeof(line), "  again: tandem test --hostile --seed %"
		 PRIu64 " --filter '%.200s' %.200s\n", a->seed,
		 test_name(f, i), test_file_path(f));
	add(&t, line);
	return t.s;
}

void test_hostile(const struct test_file *f, size_t i, uint64_t first,
		  uint64_t n, struct verdict *v)
{
	const enum log_level level = log_level();
	bool left_out[PLAY_STEPS] = { false };
	struct attempt a;

	log_level_set(LOG_ERROR + 1);
	watch_crashes();
	for (uint64_t seed = first; seed < first + n; seed++) {
		a = attempt_of(seed);
		snprintf(bail, sizeof(bail), "Bail out! %.300s: %.100s, seed "
			 "%" PRIu64 "\n", test_file_path(f), test_name(f, i),
			 seed);
		once(f, i, &a, v);
		if (v->ok) {
			verdict_free(v);
			continue;
		}
		verdict_free(v);
		shorten(f, i, &a, left_out);
		log_level_set(level);
		a.ladder = true;
		once(f, i, &a, v);
		v->extra = schedule_text(f, i, &a);
		return;
	}
	log_level_set(level);
	*v = (struct verdict){ .ok = true };
}
