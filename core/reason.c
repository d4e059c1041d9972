#include "reason.h"

static const char *const names[REASONS] = {
	[REASON_NONE] = "none",
	[REASON_ANSWERED] = "answered",
	[REASON_BUSY] = "busy",
	[REASON_DECLINED] = "declined",
	[REASON_NO_ANSWER] = "no_answer",
	[REASON_UNREACHABLE] = "unreachable",
	[REASON_REJECTED] = "rejected",
	[REASON_REFER_REJECTED] = "refer_rejected",
	[REASON_NO_OUTCOME] = "no_outcome",
	[REASON_UNAUTHORIZED] = "unauthorized",
	[REASON_CALLER_GONE] = "caller_gone",
	[REASON_AGENT_GONE] = "agent_gone",
	[REASON_JOIN_FAILED] = "join_failed",
	[REASON_CANCELLED] = "cancelled",
	[REASON_OVERLOAD] = "overload",
};

/* Every refusal that is not in this table is `rejected`. */
static const struct {
	int status;
	enum reason reason;
} by_status[] = {
	{ 401, REASON_UNAUTHORIZED },
	{ 407, REASON_UNAUTHORIZED },
	{ 408, REASON_NO_ANSWER },
	{ 480, REASON_NO_ANSWER },
	{ 486, REASON_BUSY },
	{ 502, REASON_UNREACHABLE },
	{ 503, REASON_UNREACHABLE },
	{ 504, REASON_UNREACHABLE },
	{ 600, REASON_BUSY },
	{ 603, REASON_DECLINED },
};

const char *reason_name(enum reason r)
{
	return names[r];
}

enum reason reason_of_status(int status)
{
	if (status >= 200 && status < 300)
		return REASON_ANSWERED;
	for (unsigned i = 0; i < sizeof(by_status) / sizeof(*by_status); i++)
		if (by_status[i].status == status)
			return by_status[i].reason;
	return REASON_REJECTED;
}
