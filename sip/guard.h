/**
 * @file guard.h  What keeps hostile datagrams from ending the process
 */
#ifndef TANDEM_SIP_GUARD_H
#define TANDEM_SIP_GUARD_H

#include <sofia-sip/msg_types.h>
#include <sofia-sip/nta.h>

struct sip_counters;

/**
 * Puts our wrappers between sofia's parts (see guard.c). `counters` takes what
 * they drop; NULL when the node closes. 0, or UV_ENOSYS if the library does
 * not call through its symbol table, in which case running would be unsafe.
 */
int guard_open(struct sip_counters *counters);

/**
 * Answers a 2xx to an INVITE that nobody waits for any more: ACK, and BYE
 * unless `bye` is false, both to where it came from. Keeps `msg`.
 */
int guard_ack_bye(nta_agent_t *agent, msg_t *msg, int bye);

/** sofia exports it, but in no header; see guard.c. */
int nta_msg_ackbye(nta_agent_t *agent, msg_t *msg);

#endif
