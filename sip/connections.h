/**
 * @file connections.h  TCP connections: how many, how long, how one breaks
 *
 * Every connection that sofia accepts or opens passes here (see guard.c for
 * how). What one stranger can hold is bounded, and one that breaks while
 * something is sent on it is reported after the sending, not from within.
 */
#ifndef TANDEM_SIP_CONNECTIONS_H
#define TANDEM_SIP_CONNECTIONS_H

#include <stdbool.h>

#include <sofia-sip/tport.h>

struct loop;
struct sip_counters;

/** Messages that wait for a peer who does not read; also listen()'s backlog. */
#define CONNECTION_QUEUE 200

/** What may have arrived and not been read; a message may have three times
 * that. */
#define CONNECTION_ROOM 65536

/** A message that is not complete after so long is given up, with its peer. */
#define CONNECTION_TIMEOUT_MS 20000

/** Without use for so long a connection is closed. */
#define CONNECTION_IDLE_MS 600000

/** 0, or UV_ENOSYS as guard_open(); `counters` takes those refused. */
int connections_open(struct loop *loop, struct sip_counters *counters);
void connections_close(void);

/** Brackets a sending: errors of others on the same connection wait for the
 * end of the turn. */
void connections_send_begin(void);

/** Whether a connection broke since; the brackets do not nest. */
bool connections_send_end(void);

#endif
