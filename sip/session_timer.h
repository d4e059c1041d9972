/**
 * @file session_timer.h  Session timer of one leg (RFC 4028)
 *
 * Every leg has one: a peer that has died unseen is found out, and a call
 * does not stand for ever because a BYE was lost. Who refreshes is agreed on
 * with each INVITE and UPDATE; we do it ourselves if the peer knows nothing of
 * session timers.
 */
#ifndef TANDEM_SIP_SESSION_TIMER_H
#define TANDEM_SIP_SESSION_TIMER_H

#include <stdbool.h>
#include <stdint.h>

#include <sofia-sip/nta.h>
#include <sofia-sip/sip.h>

#include "core/loop.h"

struct sip;
struct sip_leg;

struct session_timer {
	struct timer timer;	/**< our next refresh, or the end          */
	nta_outgoing_t *update;	/**< our refresh by UPDATE                 */
	uint64_t ends;		/**< loop_now() at which BYE is due        */
	uint32_t interval;	/**< agreed or asked for, in seconds       */
	uint32_t least;		/**< largest Min-SE the peer has named     */
	uint8_t raised;		/**< 422s in a row                         */
	bool running;		/**< agreed, by a 2xx                      */
	bool ours;		/**< we refresh                            */
	bool peer_timer;	/**< peer: Supported: timer                */
	bool peer_update;	/**< peer: Allow: UPDATE                   */
	bool by_invite;		/**< the re-INVITE under way is a refresh  */
};

/** What our INVITE, UPDATE or 2xx says of it: headers on the stack. */
struct session_headers {
	sip_session_expires_t expires[1];
	sip_min_se_t least[1];
	msg_param_t params[2];
	bool require;		/**< of a 2xx: the peer refreshes          */
};

void session_timer_init(struct sip_leg *l);
/** The leg is over or given up. */
void session_timer_stop(struct sip_leg *l);

/** The peer asks for less than we allow: 422 with Min-SE is its answer. */
bool session_timer_too_small(const struct sip *s, const sip_t *request);
/** Min-SE of that answer. */
void session_timer_least(const struct sip *s, sip_min_se_t *least);

/** The peer's INVITE or UPDATE: what it asks for. */
void session_timer_asked(struct sip_leg *l, const sip_t *request);
/** Our 2xx to it; the timer runs from now. */
void session_timer_grant(struct sip_leg *l, struct session_headers *h);

/** Our INVITE or UPDATE. */
void session_timer_ask(struct sip_leg *l, struct session_headers *h);
/** The peer's 2xx to it; the timer runs from now. */
void session_timer_granted(struct sip_leg *l, const sip_t *answer);
/** The peer's 422 to it: true if it is worth asking again. */
bool session_timer_raise(struct sip_leg *l, const sip_t *answer);

/** Our re-INVITE that was a refresh did not go through: another try follows. */
void session_timer_failed(struct sip_leg *l);

/** Tags of a request of ours that begins or refreshes a session. */
#define SESSION_ASK_TAGS(l, h) \
	SIPTAG_UNKNOWN((l)->sip->supported), \
	SIPTAG_SESSION_EXPIRES((h).expires), SIPTAG_MIN_SE((h).least)

/** And of a 2xx. */
#define SESSION_GRANT_TAGS(l, h) \
	SIPTAG_UNKNOWN((l)->sip->supported), \
	SIPTAG_SESSION_EXPIRES((h).expires), \
	TAG_IF((h).require, SIPTAG_UNKNOWN((l)->sip->require_timer))

#endif
