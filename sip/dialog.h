/**
 * @file dialog.h  One leg: a SIP dialog and what is under way in it
 *
 * invite_in.c and invite_out.c make it, reinvite.c, refer.c and message.c act
 * in it, dialog.c knows its states and ends it.
 */
#ifndef TANDEM_SIP_DIALOG_H
#define TANDEM_SIP_DIALOG_H

#include <stdbool.h>
#include <stdint.h>

#include <sofia-sip/nta.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/sip_tag.h>
#include <sofia-sip/tport_tag.h>

#include "agent.h"
#include "auth.h"
#include "core/leg.h"
#include "core/loop.h"
#include "route.h"
#include "sdp.h"
#include "session_timer.h"

enum dialog_state {
	D_RING,		/**< inbound, not answered                         */
	D_WAIT,		/**< inbound, 200 sent, ACK awaited                */
	D_CALL,		/**< outbound, no final answer yet                 */
	D_UP,		/**< established                                   */
	D_DROP,		/**< given up in D_WAIT: BYE follows the ACK       */
	D_CANCEL,	/**< given up in D_CALL: its final answer awaited  */
	D_OVER,		/**< no request is sent in it any more             */
	D_STATES
};

enum dialog_event {
	E_ANSWER,	/**< we sent, or got, a 2xx                        */
	E_ACK,		/**< ACK to our 2xx                                */
	E_GONE,		/**< refused, cancelled, BYE, dead                 */
	E_END,		/**< the owner gave it up                          */
	E_EVENTS
};

/** REFERs of one leg that the peer accepted before the current one. */
#define REFERS_KEPT 4

/** Forks of one INVITE whose reliable 18x are acknowledged. */
#define FORKS_KEPT 4

struct reliable {
	uint32_t tag;		/**< hash of its To tag                    */
	uint32_t rseq;		/**< of its last 18x; 0: none yet          */
};

struct sip_leg {
	struct leg leg;		/**< the port; first, so that a cast works */
	struct sip *sip;
	struct sip_leg *next, **prev;
	const struct local *local;
	nta_leg_t *dialog;
	enum dialog_state state;
	bool inbound;
	bool ended;		/**< leg_end() was called                  */
	bool heard;		/**< outbound: a provisional came          */
	bool cancelled;		/**< CANCEL was sent                       */
	bool by_source;		/**< its requests go to `last`             */
	bool udp_only;		/**< and never by TCP for their size       */
	bool offered;		/**< our 200 carried an offer              */
	bool peer_offered;	/**< the same for `peer`                   */
	struct route last;	/**< where the peer's last message is from */
	struct naming *naming;	/**< outbound, to a name                   */
	struct hop *hop;	/**< the name in its Contact or Route      */
	struct sdp_dialog sdp;
	struct offer *early;	/**< SDP of a 18x, if the 200 has none     */

	nta_incoming_t *irq;	/**< the peer's first INVITE, till its ACK */
	nta_incoming_t *peer;	/**< its re-INVITE or UPDATE, till the end */
	nta_outgoing_t *invite;	/**< our INVITE or re-INVITE               */

	struct reliable reliable[FORKS_KEPT];	/**< of the last INVITE     */
	struct session_timer session;
	struct offer *agreed;	/**< our description, as last agreed on    */
	struct offer *want;	/**< leg_offer() not answered yet          */
	struct offer *queued;	/**< the same, behind a refresh of ours    */
	nta_outgoing_t *refer;
	char *refer_to;		/**< leg_refer() not answered yet          */
	bool refer_waits;	/**< and not sent: LEG_REFER_SENT is due   */
	uint32_t refer_id;	/**< CSeq of the REFER sent last, 0 none   */
	uint32_t refer_old[REFERS_KEPT];
	struct pass *passes;	/**< INFO and MESSAGE under way            */
	unsigned pass_id;	/**< of the peer's last one                */
	bool passing;		/**< leg_pass() is on                      */
	unsigned offer_tries;	/**< 491s to our re-INVITE                 */
	unsigned refer_tries;	/**< and to our REFER                      */
	struct timer timer;	/**< D_RING: until 100 is due; then 491
				     back-off; when ended: gives up        */

	struct auth *auth;	/**< NULL: no credentials                  */
	nta_outgoing_t *bye;	/**< of a leg with credentials             */

	struct leg_reason reason;	/**< of leg_end(), for CANCEL, BYE */
	char reason_text[64];
	struct task task;	/**< sweep                                 */
};

struct sip_leg *dialog_of(struct leg *leg);

/** A leg without a dialog yet; NULL: no memory. */
struct sip_leg *dialog_new(struct sip *s, enum dialog_state state);

/** Takes back a leg that nobody knows yet. */
void dialog_undo(struct sip_leg *l);

/** Steps the state; returns the one before. */
enum dialog_state dialog_step(struct sip_leg *l, enum dialog_event ev);

/** The first provisional answer to our INVITE came, or a new one is sent. */
void dialog_heard(struct sip_leg *l, bool heard);

/** Tells the owner, unless it has given the leg up. */
void dialog_tell(struct sip_leg *l, const struct leg_event *ev);

/** The peer ended it, or it is dead: steps and tells LEG_ENDED. */
void dialog_gone(struct sip_leg *l, enum leg_cause cause);

/** The peer's answer says that it is dead: tells that answer, then the end. */
void dialog_dead(struct sip_leg *l, const struct leg_event *answer);

/** Reason's value for CANCEL and BYE (RFC 3326), or NULL if none was given. */
const char *dialog_reason(const struct sip_leg *l, char *buf, size_t size);

/** Sends BYE; its answer is of no interest. */
void dialog_bye(struct sip_leg *l);

/** Starts what had to wait; frees the leg once nothing is left of it. */
void dialog_go_on(struct sip_leg *l);

/** The same from inside a verb, where the owner must not be called. */
void dialog_go_on_soon(struct sip_leg *l);

/** Sets `r` to where the leg's next request goes. */
void dialog_route(struct sip_leg *l, struct route *r);

/** Sets what we are called in it; `address` may be NULL. */
void dialog_advertise(struct sip_leg *l, const char *address);

/** ACKs the 2xx to `invite`. */
void dialog_ack(struct sip_leg *l, nta_outgoing_t *invite);

/** nta's callback for requests in a dialog. */
int dialog_request(nta_leg_magic_t *magic, nta_leg_t *dialog,
		   nta_incoming_t *irq, sip_t const *sip);

/**
 * SDP of a message: 0 and an offer, or NULL if it has no body; UV_ENOTSUP:
 * its body is something else, UV_EINVAL: it is no usable SDP; UV_ENOMEM.
 */
int dialog_sdp(const sip_t *sip, struct offer **op);

/** What came of a client transaction. */
struct answer {
	int status;		/**< 0: none came                          */
	const char *phrase;
	enum leg_cause cause;	/**< of a missing one, or UNAUTHORIZED     */
};
void dialog_answer(struct answer *a, nta_outgoing_t *orq, const sip_t *sip);

/** Tags that every request of a leg has: the transport it leaves by. */
#define DIALOG_TAGS(l) TAG_IF((l)->sip->local_count > 1, \
			      TPTAG_IDENT((l)->local->ident)), \
		       TAG_IF((l)->udp_only, TPTAG_MTU(65535))

/* invite_in.c */
struct sip_leg *invite_in(struct sip *s, msg_t *msg, sip_t *sip);
/** Nothing was answered so far: 100, so that the INVITE is not repeated. */
void invite_in_trying(struct sip_leg *l);
int invite_in_ring(struct leg *leg, int status);
int invite_in_answer(struct leg *leg, struct offer *offer);
int invite_in_reject(struct leg *leg, int status, const char *phrase,
		     int retry_after);
/** leg_end() of an unanswered one, or the peer's BYE before the answer. */
void invite_in_drop(struct sip_leg *l, int status, const char *phrase);

/* invite_out.c */
int invite_out(struct signalling *port, const struct leg_dial *d, leg_h *h,
	       void *arg, struct leg **legp);
/** Sends it to `l->last`; UV_E* if that cannot be done. */
int invite_out_start(struct sip_leg *l, const struct leg_dial *d);
/** Its address has said nothing, and there are others. */
void invite_out_silent(struct sip_leg *l);
/** leg_end() of an unanswered one: CANCEL, as soon as it may be sent. */
void invite_out_cancel(struct sip_leg *l);

/* again.c */
/**
 * A copy of a request of ours with a new CSeq and what the peer has asked for
 * so far; `h` (may be NULL) takes the place of its session timer. NULL: no
 * memory.
 */
msg_t *again_copy(struct sip_leg *l, const sip_t *from,
		  const struct session_headers *h);

/* reinvite.c */
int reinvite_offer(struct leg *leg, struct offer *offer);
bool reinvite_withdraw(struct leg *leg);
/** Sends what leg_offer() left waiting; false: nothing waits. */
bool reinvite_go_on(struct sip_leg *l);
/** Ends the peer's unanswered one. */
void reinvite_drop(struct sip_leg *l);

/* reinvite_peer.c */
int reinvite_recv(struct sip_leg *l, nta_incoming_t *irq, const sip_t *sip);
int reinvite_accept(struct leg *leg, struct offer *offer);
int reinvite_refuse(struct leg *leg, int status);

/* refer.c */
int refer_send(struct leg *leg, const struct leg_refer *refer);
void refer_withdraw(struct leg *leg);
void refer_go_on(struct sip_leg *l);
void refer_drop(struct sip_leg *l);
int refer_notify(struct sip_leg *l, nta_incoming_t *irq, const sip_t *sip);

/* prack.c */
/** A 1xx to our INVITE: PRACKed if it must be; false: it is a copy. */
bool prack(struct sip_leg *l, const sip_t *sip);

/* pass.c */
void pass_set(struct leg *leg, bool on);
int pass_recv(struct sip_leg *l, nta_incoming_t *irq, const sip_t *sip);
int pass_request(struct leg *leg, const struct leg_message *m);
int pass_reply(struct leg *leg, unsigned id, int status);
/** The leg is over: the peer's are answered, ours forgotten. */
void pass_drop(struct sip_leg *l);

/* message.c */
int message_info(struct sip_leg *l, nta_incoming_t *irq, const sip_t *sip);
int message_text(struct sip_leg *l, nta_incoming_t *irq, const sip_t *sip);

/** RFC 3261 14.1: back-off after a 491, in ms. */
uint64_t backoff_491(struct sip_leg *l);
#define TRIES_MAX 3

#endif
