/*
 * The customer, and what all peers have in common: answers to what the engine
 * asks. A misbehaving one is told by `struct play_odd` what to do instead.
 */
#include <string.h>
#include <uv.h>

#include "play_i.h"

#define NETWORK 20	/* ms until a peer answers */

static const struct play_odd *odd(const struct peer *who)
{
	static const struct play_odd none;

	return who->p->o.odd ? who->p->o.odd : &none;
}

static void ack(struct peer *who, int n)
{
	(void)n;
	sim_ack(who->leg);
}

static void leave(struct peer *who, int n)
{
	(void)n;
	if (who->leg->state == SIM_OVER)
		return;
	play_tell(who->p, NOTE_PEER, "%s%s hangs up", who->customer
		  ? "customer" : "agent ", who->customer ? "" : who->name);
	sim_bye(who->leg);
}

static void answer_offer(struct peer *who, int n)
{
	switch (n) {
	case 0: sim_offer_done(who->leg, 200); break;
	case 1: sim_offer_differs(who->leg); break;
	case 2: sim_offer_holds(who->leg); break;
	default:
		play_tell(who->p, NOTE_PEER, "%s answers a re-INVITE with %d",
			  who->customer ? "customer" : "agent", n);
		sim_offer_done(who->leg, n);
		break;
	}
}

static void answer_request(struct peer *who, int n)
{
	sim_request_done(who->leg, n);
}

static void ack_offer(struct peer *who, int n)
{
	sim_offer_ack(who->leg, (enum sim_answer)n);
}

static void reinvite(struct peer *who, int n)
{
	play_tell(who->p, NOTE_PEER, "%s re-INVITEs", who->customer
		  ? "customer" : "agent");
	if (n < 0)
		sim_reinvite_empty(who->leg);
	else
		sim_reinvite(who->leg, (enum media_dir)n);
}

static void requests(struct peer *who, int n)
{
	(void)n;
	sim_request(who->leg, "INFO", "text/x", "info");
	sim_request(who->leg, "MESSAGE", "text/plain", "zzz");
}

static void die(struct peer *who, int n)
{
	(void)n;
	sim_refreshed(who->leg, 481, SIM_NO_ANSWER);
}

static void expire(struct peer *who, int n)
{
	(void)n;
	sim_expire(who->leg);
}

/* What peer `who` (1 customer, 2 agent) does by himself once he is up. */
static void extras(struct peer *who, int mine)
{
	const struct play_odd *o = odd(who);

	if (o->reinvite == mine)
		peer_later(who, 500, reinvite, o->dir);
	if (o->reinvite == mine && o->twice)
		peer_later(who, 700, reinvite, o->dir);
	if (o->requests == mine)
		peer_later(who, 400, requests, 0);
	if (o->dies == mine)
		peer_later(who, 900, die, 0);
	if (o->expires == mine)
		peer_later(who, 1200, expire, 0);
}

void agent_answered(struct peer *who)
{
	extras(who, 2);
	if (odd(who)->leaves && who->p->customer && who->p->customer->leg)
		peer_later(who->p->customer, (uint64_t)odd(who)->leaves,
			   leave, 0);
	if (who->p->customer && who->p->customer->leg)
		extras(who->p->customer, 1);
}

static void offered(struct peer *who)
{
	const struct play_odd *o = odd(who);
	const int how = who->customer ? o->customer_offer : o->agent_offer;

	if (how >= 0)
		peer_later(who, o->late ? (uint64_t)o->late : NETWORK,
			   answer_offer, how);
}

void customer_asked(struct peer *who, enum sim_verb verb)
{
	const struct play_odd *o = odd(who);

	switch (verb) {
	case SIM_DID_RING:
		play_tell(who->p, NOTE_CALL, "the customer hears it ring");
		break;
	case SIM_DID_ANSWER:
		if (!o->no_ack)
			peer_later(who, NETWORK, ack, 0);
		break;
	case SIM_DID_REJECT:
		who->p->rejected = who->leg->rejected;
		play_tell(who->p, NOTE_CALL, "the call is refused with %d",
			  who->leg->rejected);
		break;
	case SIM_DID_OFFER:
		offered(who);
		break;
	case SIM_DID_ACCEPT:
		if (who->leg->answer_due && o->answer)
			peer_later(who, NETWORK, ack_offer, o->answer);
		else if (who->leg->answer_due)
			peer_later(who, NETWORK, ack_offer, SIM_SAME_ANSWER);
		break;
	case SIM_DID_REFER:
		agent_referred(who);
		if (o->leaves)
			peer_later(who, (uint64_t)o->leaves, leave, 0);
		extras(who, 1);
		break;
	case SIM_DID_REQUEST:
		if (!o->unanswered)
			peer_later(who, NETWORK, answer_request, 200);
		break;
	default:
		break;
	}
}

/* what the owner of the play has him do */

int play_call(struct play *p, const struct play_caller *c)
{
	static const struct header none = { NULL, NULL };
	const bool nobody = !*c->from;
	struct leg_invite inv = {
		.call_id = "sim-call", .request_user = c->to, .to_user = c->to,
		.from_user = nobody ? "anonymous" : c->from,
		.from_display = c->display ? c->display : "",
		.from_uri = nobody ? "sip:anonymous@anonymous.invalid"
				   : "sip:customer@127.0.0.1",
		.privacy = nobody, .max_forwards = 70,
		.allow_known = true, .allow_refer = !c->no_refer,
		.headers = c->header_count ? c->headers : &none,
		.header_count = c->header_count,
	};
	struct sim_leg *l;
	int status;

	p->rejected = 0;
	p->customer = NULL;
	play_tell(p, NOTE_CALL, "customer %s calls %s",
		  nobody ? "(anonymous)" : c->from, c->to);
	l = sim_invite_as(p->sim, &inv, "127.0.0.1", &status);
	if (!l) {
		play_tell(p, NOTE_CALL, "the call is refused with %d", status);
		p->rejected = status;
		return status;
	}
	if (!p->customer) {
		p->customer = peer_new(p, l);
		p->customer->customer = true;
	}
	loop_turn(p->loop);
	/* The ACK belongs to the call's beginning. */
	while (play_customer(p) && p->customer->leg->state == SIM_ANSWERED &&
	       play_step(p, play_now(p) + NETWORK))
		;
	return 0;
}

bool play_customer(const struct play *p)
{
	return p->customer && p->customer->leg &&
		p->customer->leg->state != SIM_OVER;
}

int play_rejected(const struct play *p)
{
	return p->rejected;
}

void play_says(struct play *p, const char *text)
{
	if (!play_customer(p))
		return;
	play_tell(p, NOTE_PEER, "customer says \"%s\"", text);
	/* While he talks to an agent it goes on to him. */
	sim_request(p->customer->leg, "MESSAGE", "text/plain", text);
	loop_turn(p->loop);
}

void play_digit(struct play *p, char digit)
{
	if (!play_customer(p))
		return;
	play_tell(p, NOTE_PEER, "customer presses %c", digit);
	sim_digit(p->customer->leg, digit);
	loop_turn(p->loop);
}

void play_hangs_up(struct play *p, uint64_t after_ms)
{
	if (!play_customer(p))
		return;
	if (after_ms) {
		peer_later(p->customer, after_ms, leave, 0);
		return;
	}
	leave(p->customer, 0);
	loop_turn(p->loop);
}

void customer_gives_up(struct play *p)
{
	if (play_customer(p))
		peer_later(p->customer, 0, leave, 0);
}

int play_event(struct play *p, const char *name, json_t *data)
{
	struct call *c = engine_call(p->engine, p->call);
	int rc = c ? call_event(c, name, data) : UV_ENOTCONN;

	loop_turn(p->loop);
	return rc;
}

void play_control_hangup(struct play *p)
{
	struct call *c = engine_call(p->engine, p->call);

	if (c)
		call_hangup(c, BY_CONTROL, NULL);
	loop_turn(p->loop);
}
