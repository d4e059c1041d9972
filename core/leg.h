/**
 * @file leg.h  Signalling port: what one SIP dialog can do and report
 *
 * The engine talks to its parties through this header alone. `sip/` implements
 * it with real SIP, `core/sim/` with a simulation on the same clock.
 *
 * Rules for both sides:
 * - A leg never calls its listener from inside a verb.
 * - The owner calls leg_end() exactly once, in any state, also after
 *   LEG_REJECTED or LEG_ENDED; from then on it hears nothing more and must
 *   not touch the leg. The leg settles what is open on the wire (CANCEL and
 *   its 487, a late 200, the BYE of an answered call, waiting for an ACK)
 *   behind the owner's back, within timer t1x64 per step, and frees itself.
 * - Verbs may be called from inside the listener, leg_end() included.
 * - Strings, offers and headers in events are borrowed: valid until the
 *   listener returns. Offers given to verbs are borrowed too (the leg takes a
 *   reference if it keeps them).
 * - Every verb that is answered is answered exactly once, unless the leg
 *   reports LEG_ENDED or is ended first. The engine bounds the wait with its
 *   own timers.
 */
#ifndef TANDEM_LEG_H
#define TANDEM_LEG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "offer.h"

struct leg;
struct leg_ops;
struct signalling;
struct sockaddr;

enum leg_event_type {
	/* outbound, before it is answered */
	LEG_PROGRESS,	/**< 1xx: status, phrase, offer of a 18x or NULL     */
	LEG_ANSWERED,	/**< 2xx, already ACKed: status, phrase, offer       */
	LEG_REJECTED,	/**< final refusal, or none: status, phrase, cause,
			     retry_after, contacts                           */
	/* inbound */
	LEG_ACKED,	/**< ACK to our 2xx; offer if it carried one         */
	/* established */
	LEG_OFFER,	/**< re-INVITE or UPDATE: offer, or NULL if it has
			     none; to be answered by leg_accept/leg_refuse   */
	LEG_OFFER_ACKED,/**< ACK to our answer of an offerless re-INVITE, with
			     the peer's answer, or NULL if it sent none; also
			     its answer to a refresh of the leg's own        */
	LEG_OFFER_DONE,	/**< answer to leg_offer(): status, offer            */
	LEG_REFER_SENT,	/**< a leg_refer() that had to wait, or was answered
			     491, goes out now                               */
	LEG_REFER_DONE,	/**< answer to leg_refer(): status, no_sub           */
	LEG_NOTIFY,	/**< of our REFER: status of the sipfrag, or 0 if it
			     cannot be read; terminated, text = reason       */
	LEG_DIGIT,	/**< text: one of 0-9 * # A-D                        */
	LEG_TEXT,	/**< MESSAGE: text, len                              */
	LEG_ENDED,	/**< the dialog is over: cause. NOTIFY and REFER_DONE
			     may still follow until leg_end()                */
	LEG_REQUEST,	/**< INFO or MESSAGE, while leg_pass() is on: id,
			     method, mime, text, len; to be answered by
			     leg_reply()                                     */
	LEG_REQUEST_DONE,/**< answer to leg_request(): id, status, cause     */
};

/** Why a leg was rejected without a status, or ended. */
enum leg_cause {
	LEG_CAUSE_NONE,		/**< the peer's own status says it all      */
	LEG_CAUSE_BYE,		/**< the peer sent BYE                      */
	LEG_CAUSE_CANCEL,	/**< the peer cancelled its INVITE          */
	LEG_CAUSE_NO_ACK,	/**< no ACK in 64*T1; BYE has been sent     */
	LEG_CAUSE_DEAD,		/**< 481 or 408 to a request in the dialog  */
	LEG_CAUSE_UNREACHABLE,	/**< ICMP error, refused connection, or no
				     address: a name that leads nowhere     */
	LEG_CAUSE_TIMEOUT,	/**< no final answer in 64*T1               */
	LEG_CAUSE_BAD_ANSWER,	/**< 2xx without usable SDP; BYE was sent   */
	LEG_CAUSE_UNAUTHORIZED,	/**< a challenge that cannot be met         */
	LEG_CAUSE_EXPIRED,	/**< the session was not refreshed; BYE was sent */
};

struct leg_event {
	enum leg_event_type type;
	int status;		/**< SIP status, 0 if none came             */
	const char *phrase;	/**< reason phrase as sent, never NULL      */
	enum leg_cause cause;
	struct offer *offer;
	const char *text;
	size_t len;
	bool terminated;	/**< LEG_NOTIFY: Subscription-State         */
	bool no_sub;		/**< LEG_REFER_DONE: Refer-Sub: false       */
	int retry_after;	/**< LEG_REJECTED: seconds, 0 if none       */
	const char *const *contacts;	/**< LEG_REJECTED with 3xx: URIs to
				     call instead, best first             */
	unsigned contact_count;
	unsigned id;		/**< LEG_REQUEST and its answer             */
	const char *method;	/**< LEG_REQUEST: "INFO" or "MESSAGE"       */
	const char *mime;	/**< LEG_REQUEST: Content-Type, or NULL     */
	const char *source;	/**< LEG_ANSWERED: numeric address that it came
				     from, or NULL                          */
};

typedef void (leg_h)(struct leg *leg, const struct leg_event *ev, void *arg);

/** Common head of every implementation's leg. */
struct leg {
	const struct leg_ops *ops;
	leg_h *h;		/**< listener, NULL once leg_end() was called */
	void *arg;
};

struct header {
	char *name;		/**< as written                           */
	char *value;
};

/** An inbound INVITE outside a dialog; borrowed while admit/invite run. */
struct leg_invite {
	const char *call_id;		/**< SIP Call-ID                  */
	const char *request_user;	/**< Request-URI's user, "" if none */
	const char *to_user;
	const char *from_user;		/**< "" if none                   */
	const char *from_display;	/**< without quotes, "" if none   */
	const char *from_uri;
	const char *asserted_user;	/**< P-Asserted-Identity's, whoever
					     sent it; NULL or "": none    */
	const char *asserted_display;
	bool privacy;			/**< Privacy asks to hide it      */
	const struct sockaddr *source;	/**< where the datagram came from */
	int max_forwards;		/**< 70 if the header is missing  */
	bool allow_known;		/**< an Allow header was there    */
	bool allow_refer;		/**< and it lists REFER           */
	const struct header *headers;	/**< every header, in order; name
					     and value as written         */
	unsigned header_count;
	struct offer *offer;		/**< NULL: no SDP                 */
};

/** For digest challenges (RFC 3261 22); the leg keeps a copy. */
struct credentials {
	const char *username;
	const char *password;
};

/** An INVITE to send. All borrowed for the call. */
struct leg_dial {
	const char *uri;		/**< Request-URI and To, valid SIP
					     URI; a name is looked up while
					     the leg is there already     */
	const char *from_user;		/**< "" for none                  */
	const char *from_display;	/**< "" for none; quoted by the leg */
	const char *from_host;		/**< NULL: our advertised address */
	const char *privacy;		/**< value of Privacy, or NULL    */
	const char *asserted_user;	/**< P-Asserted-Identity; NULL: none */
	const char *asserted_display;	/**< NULL for none                */
	const char *diverted_user;	/**< Diversion; NULL: none        */
	const struct credentials *credentials;	/**< for the peer's
					     challenges; NULL: none       */
	const struct header *headers;	/**< custom, already checked      */
	unsigned header_count;
	int max_forwards;
	struct offer *offer;
	const char *proxy;		/**< URI of an outbound proxy: goes
					     there, in a Route; or NULL   */
	const char *transport;		/**< "udp", "tcp" or NULL, if neither
					     `uri` nor `proxy` says it    */
	const char *advertise;		/**< as leg_advertise(), or NULL  */
};

/** A REFER to send on an established leg. All borrowed. */
struct leg_refer {
	const char *uri;		/**< Refer-To URI without headers */
	const struct header *headers;	/**< to append as URI headers, most
					     important first; what exceeds
					     1 kB is left out and logged  */
	unsigned header_count;
};

/** An INFO or MESSAGE to send on an established leg. All borrowed. */
struct leg_message {
	unsigned id;			/**< comes back with the answer   */
	const char *method;		/**< "INFO" or "MESSAGE"          */
	const char *mime;		/**< Content-Type, or NULL        */
	const char *text;
	size_t len;
};

/** Requests of a peer that may wait for leg_reply() on one leg. */
#define LEG_REQUESTS_MAX 8

/** Why we end a leg: RFC 3326 Reason, in CANCEL and BYE. */
struct leg_reason {
	int cause;		/**< protocol SIP                        */
	const char *text;
};

struct leg_ops {
	int (*ring)(struct leg *leg, int status);
	int (*answer)(struct leg *leg, struct offer *offer);
	int (*reject)(struct leg *leg, int status, const char *phrase,
		      int retry_after);
	int (*offer)(struct leg *leg, struct offer *offer);
	int (*accept)(struct leg *leg, struct offer *offer);
	int (*refuse)(struct leg *leg, int status);
	int (*refer)(struct leg *leg, const struct leg_refer *refer);
	bool (*withdraw_offer)(struct leg *leg);
	void (*withdraw_refer)(struct leg *leg);
	void (*end)(struct leg *leg, const struct leg_reason *reason);
	int (*credentials)(struct leg *leg, const struct credentials *cr);
	void (*pass)(struct leg *leg, bool on);
	int (*request)(struct leg *leg, const struct leg_message *m);
	int (*reply)(struct leg *leg, unsigned id, int status);
	/** May be NULL: then there is nothing to advertise. */
	void (*advertise)(struct leg *leg, const char *address);
};

/** What the engine implements for inbound calls. */
struct signalling_handlers {
	/**
	 * Asked before any state is made for an INVITE. 0: come in; else the
	 * status of a stateless refusal, with `*retry_after` seconds if set.
	 */
	int (*admit)(void *arg, const struct leg_invite *inv,
		     int *retry_after);

	/**
	 * A new inbound leg; 100 is sent if it is not answered within 200 ms.
	 * The owner sets its listener with leg_listen() and answers, rings,
	 * rejects or ends it, now or later.
	 */
	void (*invite)(void *arg, struct leg *leg,
		       const struct leg_invite *inv);

	/** Whether an OPTIONS gets 503 instead of 200. */
	bool (*draining)(void *arg);
};

/** A signalling side: creates outbound legs. */
struct signalling_ops {
	/** 0 and a new leg with its listener set, or a negative UV_E*:
	 *  UV_EAGAIN if too many that were dialled have not been heard of. */
	int (*dial)(struct signalling *s, const struct leg_dial *d,
		    leg_h *h, void *arg, struct leg **legp);
	/** Legs and transactions alive, settled ones included. */
	void (*count)(struct signalling *s, size_t *legs,
		      size_t *transactions);
};

struct signalling {
	const struct signalling_ops *ops;
	const struct signalling_handlers *h;
	void *arg;
};

void leg_listen(struct leg *leg, leg_h *h, void *arg);

/** LEG_OFFER_DONE: it is no 2xx with a description. */
bool leg_refuses(const struct leg_event *ev);

/** LEG_OFFER_DONE: it says that the dialog is over (RFC 3261 12.2.1.2). */
bool leg_is_dead(const struct leg_event *ev);

/** Inbound, unanswered: provisional answer without SDP (180 or 183). */
int leg_ring(struct leg *leg, int status);

/**
 * Inbound, unanswered: 200 with SDP. `offer` answers the INVITE's, or is an
 * offer if the INVITE had none. LEG_ACKED follows, or LEG_ENDED (NO_ACK).
 */
int leg_answer(struct leg *leg, struct offer *offer);

/**
 * Inbound, unanswered: final refusal; phrase NULL = the standard one;
 * retry_after 0 = none. No event follows; leg_end() is still the owner's.
 */
int leg_reject(struct leg *leg, int status, const char *phrase,
	       int retry_after);

/**
 * Established: re-INVITE with `offer`; answered by LEG_OFFER_DONE. The leg
 * waits for the ACK of an INVITE under way and retries 491 by itself (RFC 3261
 * 14.1, three times). UV_EBUSY: one of ours is pending already.
 */
int leg_offer(struct leg *leg, struct offer *offer);

/** Answers a LEG_OFFER; the offer of an offerless one if it was NULL. */
int leg_accept(struct leg *leg, struct offer *offer);

/** Refuses a LEG_OFFER with `status`; the session stays as it was. */
int leg_refuse(struct leg *leg, int status);

/**
 * Established: REFER (RFC 3515); answered by LEG_REFER_DONE and, unless that
 * refuses it, LEG_NOTIFY. It waits for a re-INVITE of ours and for the ACK;
 * 491 is retried like a re-INVITE's. Referred-By is the dialog's local URI.
 */
int leg_refer(struct leg *leg, const struct leg_refer *refer);

/**
 * Takes back a leg_offer() that waits for its turn: true, and it is never
 * sent nor answered. False: it is under way, LEG_OFFER_DONE comes; or there
 * is none.
 */
bool leg_withdraw_offer(struct leg *leg);

/**
 * Takes back a leg_refer() that is not answered: it is not sent any more, and
 * LEG_REFER_DONE does not come. If it is on the wire, LEG_NOTIFY still may.
 */
void leg_withdraw_refer(struct leg *leg);

/**
 * Inbound: what answers the peer's challenges (RFC 3261 22) to requests in the
 * dialog; copied. Each nonce is answered once; a challenge that cannot be met
 * is the request's answer, with LEG_CAUSE_UNAUTHORIZED. 0, or UV_ENOMEM.
 */
int leg_credentials(struct leg *leg, const struct credentials *cr);

/**
 * Whether INFO and MESSAGE are reported as LEG_REQUEST, whatever they carry,
 * and no longer understood here (the keys of an INFO are still told as
 * LEG_DIGIT before). Off, which it is at first, answers those that wait, and
 * the answers to leg_request() are of no interest any more.
 */
void leg_pass(struct leg *leg, bool on);

/** Established: INFO or MESSAGE; answered by LEG_REQUEST_DONE. */
int leg_request(struct leg *leg, const struct leg_message *m);

/** Answers a LEG_REQUEST. UV_ENOTCONN: it waits no longer. */
int leg_reply(struct leg *leg, unsigned id, int status);

/**
 * Says what we are called on this leg's side, in Contact and our own SDP; NULL:
 * as the node is everywhere. Before the first answer; inbound legs only, for
 * others see struct leg_dial.
 */
void leg_advertise(struct leg *leg, const char *address);

/** Gives the leg up, in any state; see above. NULL is allowed for both. */
void leg_end(struct leg *leg, const struct leg_reason *reason);

#endif
