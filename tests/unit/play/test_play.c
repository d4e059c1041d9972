/* A play by itself: who does what when, and what is found out at its end. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/loop.h"
#include "core/play/play.h"
#include "core/problem.h"
#include "lua/scripting.h"

static const char bot[] =
	"return bot { name = 'b', states = {\n"
	"  Start = { q = '$regex</start>', 'Hello.' },\n"
	"  Go = { ['q!'] = 'go', function(call)\n"
	"    local s = call:transfer { destinations = { '1', '2', '3' },\n"
	"      strategy = 'all', timeout = 20 }\n"
	"    call:say(s.status .. s.number)\n"
	"  end } } }\n";

static char path[] = "/tmp/test_play_XXXXXX";

static int write_bot(void **state)
{
	const int fd = mkstemp(path);

	(void)state;
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bot, sizeof(bot) - 1), sizeof(bot) - 1);
	close(fd);
	return 0;
}

static int remove_bot(void **state)
{
	(void)state;
	return unlink(path);
}

static struct play *open_play(const struct play_odd *odd, uint64_t seed)
{
	const struct play_options o = {
		.scripting = lua_scripting_open, .bot = path, .seed = seed,
		.odd = odd,
	};
	struct problems problems = { 0 };
	struct play *p = NULL;

	assert_int_equal(play_open(&p, &o, &problems), 0);
	problems_free(&problems);
	return p;
}

static void call(struct play *p)
{
	assert_int_equal(play_call(p, &(struct play_caller){
		.from = "49301", .to = "100" }), 0);
	assert_true(play_customer(p));
}

static void done(struct play *p)
{
	char buf[256];
	const char *wrong = play_check(p, buf, sizeof(buf));

	if (wrong)
		fail_msg("%s", wrong);
	play_close(p);
}

static const struct note *last_said(struct play *p)
{
	const struct note *n = NULL;

	for (size_t i = 0; i < play_notes(p); i++)
		if (play_note(p, i)->kind == NOTE_SAID)
			n = play_note(p, i);
	return n;
}

static void a_call_and_nothing_else(void **state)
{
	struct play *p = open_play(NULL, 1);

	(void)state;
	assert_false(play_calls(p));
	assert_false(play_step(p, UINT64_MAX));
	call(p);
	assert_string_equal(last_said(p)->text, "Hello.");
	assert_string_equal(play_state(p), "/Start");
	play_hangs_up(p, 0);
	assert_false(play_calls(p));
	assert_string_equal(play_ended_by(p), "customer");
	done(p);
}

static void plans_go_to_whom_they_are_for(void **state)
{
	struct play *p = open_play(NULL, 1);

	(void)state;
	call(p);
	play_agent(p, &(struct agent_plan){
		.does = AGENT_BUSY, .number = "3", .after_ms = 100 });
	play_agent(p, &(struct agent_plan){
		.does = AGENT_DECLINES, .after_ms = 100 });
	play_says(p, "go");
	assert_int_equal(play_dials(p), 3);
	assert_int_equal(play_plans(p), 0);
	/* The second rings on by default, until he is told otherwise. */
	play_wait(p, 1000);
	play_agent(p, &(struct agent_plan){
		.does = AGENT_ANSWERS, .after_ms = 500, .talks_ms = 5000 });
	play_wait(p, 600);
	assert_int_equal(play_transfers(p), 1);
	assert_null(play_transfer(p, 0)->outcome);
	play_wait(p, 6000);
	assert_string_equal(last_said(p)->text, "SUCCESS2");
	assert_int_equal(play_transfer(p, 0)->ends, 1);
	done(p);
}

static void one_who_only_rings_may_change_his_mind(void **state)
{
	const struct agent_plan rings = { .does = AGENT_RINGS };
	struct play *p = open_play(NULL, 1);

	(void)state;
	call(p);
	play_says(p, "go");
	for (int i = 0; i < 3; i++)
		play_agent(p, &rings);
	assert_int_equal(play_plans(p), 0);
	play_wait(p, 10000);
	play_agent(p, &(struct agent_plan){
		.does = AGENT_ANSWERS, .number = "2", .after_ms = 100 });
	play_wait(p, 1000);
	assert_true(play_agent_hangs_up(p, 0));
	play_wait(p, 1000);
	assert_string_equal(last_said(p)->text, "SUCCESS2");
	done(p);
}

static void nobody_talks_nobody_hangs_up(void **state)
{
	struct play *p = open_play(NULL, 1);

	(void)state;
	assert_false(play_agent_hangs_up(p, 0));
	call(p);
	assert_false(play_agent_hangs_up(p, 0));
	done(p);
}

static void everybody_misbehaves_and_nothing_is_left(void **state)
{
	(void)state;
	for (size_t i = 0; i < play_odd_count(); i++) {
		struct play *p = open_play(play_odd(i), i);

		assert_non_null(play_odd_name(play_odd(i)));
		call(p);
		play_says(p, "go");
		play_wait(p, 120000);
		done(p);
	}
	assert_null(play_odd(play_odd_count()));
}

/* What was told, as one text. */
static char *told(struct play *p)
{
	char *all = calloc(1, 65536);
	size_t n = 0;

	for (size_t i = 0; i < play_notes(p) && n < 60000; i++)
		n += (size_t)snprintf(all + n, 65536 - n, "%llu %s\n",
			(unsigned long long)play_note(p, i)->at,
			play_note(p, i)->text);
	return all;
}

static char *scheduled(uint64_t seed, const bool *left_out)
{
	struct play *p = open_play(NULL, seed);
	char *all;

	play_schedule(p, seed, left_out);
	if (!play_call(p, &(struct play_caller){ .from = "1", .to = "2" }))
		play_says(p, "go");
	play_wait(p, 120000);
	all = told(p);
	done(p);
	return all;
}

static void a_seed_gives_the_same_each_time(void **state)
{
	bool none[PLAY_STEPS];
	unsigned differ = 0;
	char buf[128];

	(void)state;
	memset(none, true, sizeof(none));
	for (uint64_t seed = 1; seed < 40; seed++) {
		char *a = scheduled(seed, NULL), *b = scheduled(seed, NULL);
		char *quiet = scheduled(seed, none);

		assert_string_equal(a, b);
		/* Without its steps nothing of chance happens. */
		assert_null(strstr(quiet, "chance:"));
		if (play_schedule_step(seed, 0, buf, sizeof(buf)))
			differ += strcmp(a, quiet) != 0;
		assert_null(play_schedule_step(seed, PLAY_STEPS, buf,
					       sizeof(buf)));
		free(a);
		free(b);
		free(quiet);
	}
	assert_true(differ > 20);
}

static void a_bot_with_mistakes(void **state)
{
	const struct play_options o = {
		.scripting = lua_scripting_open, .bot = "/nonexistent.lua",
	};
	struct problems problems = { 0 };
	struct play *p = NULL;

	(void)state;
	assert_true(play_open(&p, &o, &problems) < 0);
	assert_null(p);
	assert_int_equal(problems.errors, 1);
	problems_free(&problems);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_call_and_nothing_else),
		cmocka_unit_test(plans_go_to_whom_they_are_for),
		cmocka_unit_test(one_who_only_rings_may_change_his_mind),
		cmocka_unit_test(nobody_talks_nobody_hangs_up),
		cmocka_unit_test(everybody_misbehaves_and_nothing_is_left),
		cmocka_unit_test(a_seed_gives_the_same_each_time),
		cmocka_unit_test(a_bot_with_mistakes),
	};

	return cmocka_run_group_tests(tests, write_bot, remove_bot);
}
