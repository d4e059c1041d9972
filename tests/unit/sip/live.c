#include "live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "core/offer.h"

struct side s;
struct peer p;
char invite[65536];

int live_setup(void **state)
{
	(void)state;
	side_open(&s, 32000);
	peer_open(&p, &s);
	return 0;
}

int live_teardown(void **state)
{
	(void)state;
	peer_close(&p);
	side_close(&s);
	return 0;
}

void reopen(uint64_t t1x64)
{
	peer_close(&p);
	side_close(&s);
	side_open(&s, t1x64);
	peer_open(&p, &s);
}

void end(void)
{
	leg_end(s.leg, NULL);
	s.leg = NULL;
}

void save(char *to)
{
	memcpy(to, p.in, strlen(p.in) + 1);
}

void answer_bye(void)
{
	peer_expect(&p, "BYE ", NULL);
	peer_answer(&p, p.in, "200 OK", NULL, NULL, NULL);
	side_settled(&s);
}

void reoffer(uint16_t port)
{
	struct offer *o = side_offer(port);

	assert_int_equal(leg_offer(s.leg, o), 0);
	offer_unref(o);
}
