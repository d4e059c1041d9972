/**
 * @file sim.h  Simulated signalling: legs without a wire, on any clock
 *
 * Implements leg.h so that the engine cannot tell. The owner of the
 * simulation plays the peers: it injects what a peer does and sees what the
 * engine asked of each leg. Injected events reach the engine at once; what
 * the engine does in return is recorded in the leg's last_* fields.
 */
#ifndef TANDEM_SIM_H
#define TANDEM_SIM_H

#include <stdbool.h>
#include <stddef.h>

#include "core/leg.h"
#include "core/loop.h"

struct sim;

enum sim_state {
	SIM_INCOMING,	/**< INVITE came in, not answered                */
	SIM_ANSWERED,	/**< answered by the engine, ACK to come         */
	SIM_CALLING,	/**< the engine's INVITE, not answered           */
	SIM_UP,		/**< established                                 */
	SIM_OVER,	/**< ended by the peer, refused or rejected      */
};

/** One leg as its peer sees it. Fields are the simulation's to read. */
struct sim_leg {
	struct leg leg;		/**< head, as leg.h wants it             */
	struct sim *sim;
	struct sim_leg *next;
	struct task sweep;
	enum sim_state state;
	bool inbound;
	bool ended;		/**< leg_end() was called                */
	int rejected;		/**< status of leg_reject(), or 0        */
	int rung;		/**< status of leg_ring(), or 0          */
	bool offering;		/**< a re-INVITE of the engine's is open */
	bool busy;		/**< what the engine asks for waits      */
	bool offered;		/**< a re-INVITE of the peer's is open   */
	bool asking;		/**< and has no SDP                      */
	bool answer_due;	/**< it was accepted: sim_offer_ack()    */
	bool referring;		/**< REFER sent, not answered            */
	bool referred;		/**< REFER sent: NOTIFY may come         */
	struct offer *to_peer;	/**< last SDP the engine sent            */
	char uri[512];		/**< dialled, or Refer-To                */
	char *headers;		/**< "Name: value\n" of dial or REFER    */
	char from[128];		/**< From user of a dial                 */
	char asserted[128];	/**< and P-Asserted-Identity's           */
	char diverted[128];	/**< and Diversion's                     */
	char username[64];	/**< of its credentials, "" = none       */
	int refused;		/**< status of leg_refuse()              */
	int id;			/**< 1, 2, ... in order of creation      */
	uint16_t said_port;	/**< of its last SDP                     */
	enum media_dir said_dir;
	unsigned version;	/**< of its o=                           */
	bool passing;		/**< leg_pass() is on                    */
	unsigned asked;		/**< requests of the peer's so far       */
	unsigned waiting;	/**< and how many wait for leg_reply()   */
	int replied;		/**< status of the last leg_reply()      */
	unsigned requests;	/**< of the engine's, not answered yet   */
	unsigned request_id;	/**< of the last of them                 */
	char request[128];	/**< "METHOD mime text" of it            */
};

/** What the engine asked of a leg. */
enum sim_verb {
	SIM_DID_DIAL, SIM_DID_RING, SIM_DID_ANSWER, SIM_DID_REJECT,
	SIM_DID_OFFER, SIM_DID_ACCEPT, SIM_DID_REFUSE, SIM_DID_REFER,
	SIM_DID_REQUEST, SIM_DID_END,
};

typedef void (sim_watch_h)(struct sim_leg *l, enum sim_verb verb, void *arg);

struct sim *sim_new(struct loop *loop);

/**
 * Tells `h` of each verb, from inside it: it may look at the leg, and plan
 * for later what its peer does then, but do nothing of that at once.
 */
void sim_watch(struct sim *s, sim_watch_h *h, void *arg);

/** Every leg must have been ended. */
void sim_free(struct sim *s);

/** What to give the engine; set h and arg as a real one would have them. */
struct signalling *sim_signalling(struct sim *s,
				  const struct signalling_handlers *h,
				  void *arg);

/** Refuses every dial with this UV_E* from now on; 0: no more. */
void sim_fail_dials(struct sim *s, int rc);

/** Legs the engine has not ended yet; 0 is what a test wants to see. */
size_t sim_legs(const struct sim *s);

/** Whether the engine still has this leg; it may be freed already. */
bool sim_has(const struct sim *s, const struct sim_leg *l);

/** The n-th leg the engine dialled (from 0) that is still there, or NULL. */
struct sim_leg *sim_dialled(struct sim *s, unsigned n);

/** Reason (RFC 3326) given with the last leg_end(), 0 if none was. */
int sim_last_reason(const struct sim *s);

/**
 * A customer calls. NULL and `*status` if refused without state. The INVITE's
 * offer is a plain sendrecv G.711 at `addr`:`port` (addr NULL: no SDP).
 */
struct sim_leg *sim_invite(struct sim *s, const char *from, const char *to,
			   const char *source, int *status);

/** The same with an INVITE of the caller's own making, but for its SDP. */
struct sim_leg *sim_invite_as(struct sim *s, struct leg_invite *inv,
			      const char *source, int *status);

/* What peers do; each is ignored where the leg cannot have it. */
void sim_ack(struct sim_leg *l);
void sim_progress(struct sim_leg *l, int status);
void sim_answer(struct sim_leg *l);
void sim_reject(struct sim_leg *l, int status);
/** 302 to `contact`. */
void sim_redirect(struct sim_leg *l, const char *contact);
/** 503, with Retry-After unless that is 0. */
void sim_unavailable(struct sim_leg *l, int retry_after);
void sim_unreachable(struct sim_leg *l);
void sim_bye(struct sim_leg *l);
void sim_offer_done(struct sim_leg *l, int status);	/* to a re-INVITE */
void sim_offer_differs(struct sim_leg *l);	/* 200 with another port */
void sim_offer_holds(struct sim_leg *l);	/* 200 with sendonly */
void sim_reinvite(struct sim_leg *l, enum media_dir dir);
void sim_reinvite_empty(struct sim_leg *l);		/* without SDP */
/** Its ACK: `answer` of these, else none. */
enum sim_answer { SIM_NO_ANSWER, SIM_SAME_ANSWER, SIM_OTHER_PORT };
void sim_offer_ack(struct sim_leg *l, enum sim_answer answer);
void sim_refer_sent(struct sim_leg *l);	/* one that had to wait */
void sim_refer_done(struct sim_leg *l, int status, bool no_sub);
void sim_notify(struct sim_leg *l, int status, bool terminated);
void sim_text(struct sim_leg *l, const char *text);
void sim_digit(struct sim_leg *l, char digit);
/** INFO or MESSAGE; without leg_pass() only what the leg itself knows. */
void sim_request(struct sim_leg *l, const char *method, const char *mime,
		 const char *text);
/** To the engine's last one. */
void sim_request_done(struct sim_leg *l, int status);
/** A refresh of the leg's own: 481 or 408 ends it, else what the peer says. */
void sim_refreshed(struct sim_leg *l, int status, enum sim_answer answer);
/** The session timer has run out. */
void sim_expire(struct sim_leg *l);

#endif
