/* Case T7: more INVITEs than nta's lists can hold are shed, in and out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>
#include <cmocka.h>

#include "core/offer.h"
#include "live.h"
#include "sip/agent.h"

static struct leg *legs[CALLING_MAX];

static void on_agent(struct leg *leg, const struct leg_event *ev, void *arg)
{
	(void)leg;
	(void)ev;
	(void)arg;
}

static int dial(unsigned port, struct leg **leg)
{
	struct offer *o = side_offer(9);
	char uri[64];
	const struct leg_dial d = {
		.uri = uri, .from_user = "100", .from_display = "",
		.max_forwards = 69, .offer = o,
	};
	int rc;

	snprintf(uri, sizeof(uri), "sip:200@127.0.0.1:%u", port);
	rc = s.sig->ops->dial(s.sig, &d, on_agent, NULL, leg);
	offer_unref(o);
	return rc;
}

/* Agents who say nothing fill the list; one who says something frees a place,
 * and meanwhile customers are served. */
static void T7_unanswered_calls_of_ours_are_bounded(void **state)
{
	/* The mute ones have a socket, so that no ICMP answers for them. */
	struct peer mute;
	struct leg *more = NULL;
	size_t n = 0;

	(void)state;
	peer_open(&mute, &s);
	assert_int_equal(dial(p.port, &legs[n++]), 0);
	peer_expect(&p, "INVITE ", NULL);
	save(invite);
	while (n < CALLING_MAX)
		assert_int_equal(dial(mute.port, &legs[n++]), 0);

	for (int i = 0; i < 100; i++)
		assert_int_equal(dial(mute.port, &more), UV_EAGAIN);
	peer_sync(&p);

	peer_answer(&p, invite, "100 Trying", NULL, NULL, NULL);
	peer_sync(&p);
	assert_int_equal(dial(mute.port, &more), 0);
	leg_end(more, NULL);

	for (size_t i = 0; i < n; i++)
		leg_end(legs[i], NULL);
	peer_expect(&p, "CANCEL ", NULL);
	peer_answer(&p, p.in, "200 OK", NULL, NULL, NULL);
	peer_answer(&p, invite, "487 Request Terminated", "x", NULL, NULL);
	/* The mute ones end by 64*T1, which this test has made short. */
	side_settled(&s);
	peer_close(&mute);
}

static int setup(void **state)
{
	live_setup(state);
	reopen(1500);
	p.lenient = true;
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			T7_unanswered_calls_of_ours_are_bounded, setup,
			live_teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
