#include "timers.h"

#include <string.h>

#define SECONDS(n) ((n) * UINT64_C(1000))
#define MINUTES(n) SECONDS((n) * 60)

const struct timer_row timer_table[TIMERS] = {
	[TIMER_T1] = { "t1", 500, true,
		"round-trip estimate: first retransmission (RFC 3261 17)" },
	[TIMER_T1X64] = { "t1x64", SECONDS(32), true,
		"64*T1: how long a transaction retransmits, an ACK may take, "
		"a late 200 is caught and memory of an ended call is kept" },
	[TIMER_AGENT] = { "agent", SECONDS(60), true,
		"how long an agent may ring when the switch names no timeout" },
	[TIMER_TRANSFER] = { "transfer", MINUTES(5), true,
		"a whole transfer until an agent answers" },
	[TIMER_REFER_RESPONSE] = { "refer_response", SECONDS(6), true,
		"final answer to a REFER" },
	[TIMER_REFER_OUTCOME] = { "refer_outcome", SECONDS(30), true,
		"from REFER's 2xx to the first NOTIFY" },
	[TIMER_REFER_FINAL] = { "refer_final", SECONDS(10), true,
		"added to the switch's timeout from the first NOTIFY on" },
	[TIMER_REFER_BYE] = { "refer_bye", SECONDS(1), true,
		"the peer's BYE after a REFER that succeeded" },
	[TIMER_REFER_GRACE] = { "refer_grace", SECONDS(1), true,
		"a final NOTIFY that a BYE has overtaken" },
	[TIMER_REFER_QUICK] = { "refer_quick", SECONDS(2), true,
		"a BYE this soon after REFER's 2xx means taken over" },
	[TIMER_FIRST_RESPONSE] = { "first_response", SECONDS(5), true,
		"the first sign of life, even 100, from an agent's side" },
	[TIMER_JOIN] = { "join", SECONDS(8), true,
		"each re-INVITE that joins the parties or brings one back" },
	[TIMER_UNHOLD] = { "unhold", SECONDS(5), true,
		"speech towards a customer who holds us after a REFER" },
	[TIMER_RINGING] = { "ringing", SECONDS(60), true,
		"a bot that lets the customer's call ring, then 480" },
	[TIMER_AFTER_HANGUP] = { "after_hangup", SECONDS(10), true,
		"the bot's last events once its customer is gone" },
	[TIMER_SESSION_EXPIRES] = { "session_expires", MINUTES(30), true,
		"session timer asked for on every leg (RFC 4028)" },
	[TIMER_DRAIN] = { "drain", MINUTES(10), true,
		"live calls after the first SIGTERM" },
	[TIMER_CLIENT] = { "client", SECONDS(1), true,
		"reading call.client; then the call goes on with an empty "
		"one" },
	[TIMER_HTTP] = { "http", SECONDS(5), true,
		"call:http when it names no timeout" },
	[TIMER_REQUEST] = { "request", SECONDS(5), true,
		"call:request when it names no timeout" },
};

int timer_find(const char *name)
{
	for (int i = 0; i < TIMERS; i++)
		if (!strcmp(timer_table[i].name, name))
			return i;
	return -1;
}

void timers_default(uint64_t ms[TIMERS])
{
	for (int i = 0; i < TIMERS; i++)
		ms[i] = timer_table[i].ms;
}
