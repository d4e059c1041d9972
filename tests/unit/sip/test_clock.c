/*
 * A step of the wall clock disturbs no SIP timer. The step is made by taking
 * the place of libc's functions that tell the time of day, for the library
 * under test as well.
 */
#define _GNU_SOURCE	/* RTLD_NEXT */

#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <cmocka.h>

#include <sofia-sip/su_time.h>

#include "live.h"

#define DAY (24 * 3600)

static time_t step;	/* what the wall clock is wrong by */

typedef int (clock_h)(clockid_t, struct timespec *);

static int real_clock(clockid_t id, struct timespec *t)
{
	static clock_h *f;
	void *sym;

	if (!f) {
		sym = dlsym(RTLD_NEXT, "clock_gettime");
		memcpy(&f, &sym, sizeof(sym));
	}
	return f(id, t);
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	const int rc = real_clock(id, t);

	if (id == CLOCK_REALTIME)
		t->tv_sec += step;
	return rc;
}

int gettimeofday(struct timeval *restrict tv, void *restrict zone)
{
	struct timespec t;

	(void)zone;
	clock_gettime(CLOCK_REALTIME, &t);
	tv->tv_sec = t.tv_sec;
	tv->tv_usec = t.tv_nsec / 1000;
	return 0;
}

time_t time(time_t *to)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	if (to)
		*to = t.tv_sec;
	return t.tv_sec;
}

static const time_t steps[] = {
	1, -1, 3600, -3600, 16 * DAY, -16 * DAY, 400 * DAY, -400 * DAY,
};

static void T6_the_stacks_clock_only_goes_on(void **state)
{
	su_time_t was = su_now(), now;

	(void)state;
	for (size_t i = 0; i < sizeof(steps) / sizeof(*steps); i++) {
		const time_t before = time(NULL);

		step = steps[i];
		/* The step is seen by whoever asks for the time of day. */
		assert_true(steps[i] > 0 ? time(NULL) > before :
			    time(NULL) < before);
		now = su_now();
		assert_true(su_time_cmp(was, now) <= 0);
		assert_true(su_time_diff(now, was) < 1.0);
		was = now;
	}
	step = 0;
}

/* An INVITE goes on being repeated, at T1, 2*T1, ... and is answered. */
static void T6_a_step_disturbs_no_timer(void **state)
{
	static char again[65536];

	(void)state;
	side_dial(&s, &p);
	peer_expect(&p, "INVITE ", NULL);
	save(invite);
	for (int i = 0; i < 2; i++) {
		step = i ? -16 * DAY : 16 * DAY;
		peer_expect(&p, "INVITE ", NULL);
		save(again);
		assert_string_equal(invite, again);
		side_no_event(&s);
	}
	peer_answer(&p, invite, "200 OK", "a", NULL, PEER_SDP);
	side_event(&s, LEG_ANSWERED);
	peer_expect(&p, "ACK ", NULL);
	step = 400 * DAY;
	end();
	answer_bye();
	step = 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			T6_the_stacks_clock_only_goes_on, live_setup,
			live_teardown),
		cmocka_unit_test_setup_teardown(T6_a_step_disturbs_no_timer,
						live_setup, live_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
