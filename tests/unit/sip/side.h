/**
 * @file side.h  Two sides of a call in one process
 *
 * `struct side` is an engine's: it owns the signalling and notes what its legs
 * tell. `struct peer` is a stranger with a UDP socket who sends what a test
 * writes. Both live on one uv loop; nothing waits for time, only for messages.
 */
#ifndef TANDEM_TEST_SIDE_H
#define TANDEM_TEST_SIDE_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <uv.h>

#include "core/leg.h"
#include "core/loop.h"
#include "sip/sip.h"

#define EVENTS_MAX 64

struct noted {
	enum leg_event_type type;
	int status;
	enum leg_cause cause;
	char text[64];
	bool offer;
	bool terminated;
	bool no_sub;
	int retry_after;
};

struct side {
	uv_loop_t uv;
	struct loop *loop;
	struct signalling *sig;
	struct leg *leg;		/**< the last one, NULL once ended   */
	bool quiet;			/**< does not answer by itself       */
	int refuse;			/**< admit's verdict                 */
	struct noted ev[EVENTS_MAX];
	unsigned count;
	unsigned read;			/**< events that a test has seen     */
	uint16_t remote_port;		/**< of the SDP heard last           */
	char display[64];		/**< of the INVITE heard last        */
	char fold[64];			/**< its header X-Fold               */
	int forwards;
	bool allow_refer;
};

struct peer {
	struct side *side;
	int fd;
	uint16_t port;
	char call_id[64], from_tag[32], to_tag[64];
	unsigned cseq;
	unsigned made;			/**< branches                        */
	bool lenient;			/**< passes over BYE and CANCEL too  */
	char branch[128];		/**< of the request sent last        */
	char in[65536];			/**< message received last           */
};

#define PEER_SDP "v=0\r\no=p 1 1 IN IP4 127.0.0.1\r\ns=-\r\n" \
	"c=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 6000 RTP/AVP 0\r\n"

/** Timers: T1 as usual, 64*T1 as given. */
void side_open(struct side *s, uint64_t t1x64);

/** Ends what is left, closes, and fails if anything remains. */
void side_close(struct side *s);

/** Runs the loop until the next event of a leg is of this type. */
const struct noted *side_event(struct side *s, enum leg_event_type type);

/** Fails if an event came that was not waited for. */
void side_no_event(struct side *s);

/** A description of the node's own; offer_unref() it. */
struct offer *side_offer(uint16_t port);

/** Runs the loop until no leg is left. */
void side_settled(struct side *s);

/** Dials the peer. */
void side_dial(struct side *s, struct peer *p);

void peer_open(struct peer *p, struct side *s);
void peer_close(struct peer *p);

/** Sends a request in or out of the dialog; `more` are whole header lines. */
void peer_request(struct peer *p, const char *method, const char *more,
		  const char *body);

/** The same with a Via of the test's own, and a CSeq unless it is 0. */
void peer_request_via(struct peer *p, const char *method, const char *via,
		      unsigned cseq, const char *body);

/** ACK to the answer received last; for a 2xx in a transaction of its own. */
void peer_ack(struct peer *p, const char *body);

/** Answers the request in `request`; `tag` is our To tag for a new dialog. */
void peer_answer(struct peer *p, const char *request, const char *status,
		 const char *tag, const char *more, const char *body);

/** Sends bytes. */
void peer_send(struct peer *p, const char *text, size_t len);

/**
 * Runs the loop until a message comes whose first line begins so, and whose
 * CSeq names `method` (NULL: any). Others are passed over, except BYE and
 * CANCEL, which fail the test unless waited for or `lenient`. Returns `p->in`.
 */
const char *peer_expect(struct peer *p, const char *start,
			const char *method);

/** Value of a header of `msg` into `buf`; "" if it is not there. */
const char *peer_header(const char *msg, const char *name, char *buf,
			size_t size);

/** An OPTIONS and its answer: what was sent before it has arrived. */
void peer_sync(struct peer *p);

/** INVITE, 200, ACK. */
void peer_call(struct peer *p);

/** Takes the To tag of the answer received last for the dialog's. */
void peer_take_tag(struct peer *p);

/** Takes the part of the called one of `invite`, in requests from now on. */
void peer_is_callee(struct peer *p, const char *invite, const char *tag);

#endif
