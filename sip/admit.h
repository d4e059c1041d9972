/**
 * @file admit.h  Everything that belongs to no dialog of ours
 */
#ifndef TANDEM_SIP_ADMIT_H
#define TANDEM_SIP_ADMIT_H

#include <sofia-sip/nta.h>

/** nta's callback for messages without dialog and transaction. */
int admit_message(nta_agent_magic_t *magic, nta_agent_t *agent, msg_t *msg,
		  sip_t *sip);

#endif
