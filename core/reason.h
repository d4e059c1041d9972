/**
 * @file reason.h  Why a transfer or an attempt ended: one table
 */
#ifndef TANDEM_REASON_H
#define TANDEM_REASON_H

enum reason {
	REASON_NONE,
	REASON_ANSWERED,
	REASON_BUSY,
	REASON_DECLINED,
	REASON_NO_ANSWER,
	REASON_UNREACHABLE,
	REASON_REJECTED,
	REASON_REFER_REJECTED,
	REASON_NO_OUTCOME,
	REASON_UNAUTHORIZED,
	REASON_CALLER_GONE,
	REASON_AGENT_GONE,
	REASON_JOIN_FAILED,
	REASON_CANCELLED,
	REASON_OVERLOAD,
	REASONS
};

/** "busy", as in events, details and the CDR. */
const char *reason_name(enum reason r);

/** What a final SIP status of an agent's side means; 2xx: answered. */
enum reason reason_of_status(int status);

#endif
