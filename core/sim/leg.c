#include "sim_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

static struct sim_leg *of(struct leg *leg)
{
	return (struct sim_leg *)leg;
}

/* A plain G.711 description with a body, as a peer would send it. */
static struct offer *plain(const char *addr, uint16_t port,
			   enum media_dir dir)
{
	static const char body[] = "v=0\r\n";
	struct offer *o = offer_new(1);

	if (!o)
		abort();
	snprintf(o->addr, sizeof(o->addr), "%s", addr);
	o->port = port;
	o->dir = dir;
	o->codecs[0] = (struct codec) {
		.pt = 0, .channels = 1, .rate = 8000, .name = "PCMU",
	};
	o->len = sizeof(body) - 1;
	o->body = malloc(sizeof(body));
	if (!o->body)
		abort();
	memcpy(o->body, body, sizeof(body));
	return o;
}

/* What the peer says now: a new version if it is another than before. */
static struct offer *say(struct sim_leg *l, uint16_t port, enum media_dir dir)
{
	struct offer *o = plain(l->inbound ? "127.0.0.1" : "127.0.0.2", port,
				dir);

	if (port != l->said_port || dir != l->said_dir)
		l->version++;
	l->said_port = port;
	l->said_dir = dir;
	o->origin = (uint64_t)l->id << 32 | l->version;
	o->rest = (uint64_t)port << 8 | dir;
	return o;
}

struct offer *sim_sdp(struct sim_leg *l, enum media_dir dir)
{
	return say(l, (uint16_t)(10000 + 2 * l->id), dir);
}

static struct offer *elsewhere(struct sim_leg *l, enum media_dir dir)
{
	return say(l, (uint16_t)(11000 + 2 * l->id), dir);
}

static enum media_dir answer_dir(const struct sim_leg *l)
{
	const enum media_dir d = l->to_peer ? l->to_peer->dir : DIR_SENDRECV;

	return (enum media_dir)((d & 1) << 1 | (d & 2) >> 1);
}

static void keep(struct sim_leg *l, struct offer *o)
{
	offer_ref(o);
	offer_unref(l->to_peer);
	l->to_peer = o;
}

static void tell(struct sim_leg *l, const struct leg_event *ev)
{
	struct leg_event copy = *ev;

	if (l->ended || !l->leg.h)
		return;
	if (!copy.phrase)
		copy.phrase = "";
	l->leg.h(&l->leg, &copy, l->leg.arg);
}

static int watched(struct sim_leg *l, enum sim_verb verb)
{
	if (l->sim->watch)
		l->sim->watch(l, verb, l->sim->watch_arg);
	return 0;
}

/* verbs */

static int v_ring(struct leg *leg, int status)
{
	of(leg)->rung = status;
	return watched(of(leg), SIM_DID_RING);
}

static int v_answer(struct leg *leg, struct offer *offer)
{
	struct sim_leg *l = of(leg);

	if (l->state != SIM_INCOMING)
		return UV_EINVAL;
	l->state = SIM_ANSWERED;
	keep(l, offer);
	return watched(l, SIM_DID_ANSWER);
}

static int v_reject(struct leg *leg, int status, const char *phrase,
		    int retry_after)
{
	struct sim_leg *l = of(leg);

	(void)phrase;
	(void)retry_after;
	if (l->state != SIM_INCOMING)
		return UV_EINVAL;
	l->rejected = status;
	l->state = SIM_OVER;
	return watched(l, SIM_DID_REJECT);
}

static int v_offer(struct leg *leg, struct offer *offer)
{
	struct sim_leg *l = of(leg);

	if (l->offering)
		return UV_EBUSY;
	if (l->state == SIM_OVER)
		return UV_ENOTCONN;
	l->offering = true;
	keep(l, offer);
	return watched(l, SIM_DID_OFFER);
}

static int v_accept(struct leg *leg, struct offer *offer)
{
	struct sim_leg *l = of(leg);

	l->offered = false;
	l->answer_due = l->asking;
	l->asking = false;
	keep(l, offer);
	return watched(l, SIM_DID_ACCEPT);
}

static int v_refuse(struct leg *leg, int status)
{
	of(leg)->offered = of(leg)->asking = false;
	of(leg)->refused = status;
	return watched(of(leg), SIM_DID_REFUSE);
}

static char *join_headers(const struct header *h, unsigned n)
{
	size_t size = 1;
	char *text;

	for (unsigned i = 0; i < n; i++)
		size += strlen(h[i].name) + strlen(h[i].value) + 3;
	text = calloc(1, size);
	if (!text)
		abort();
	for (unsigned i = 0; i < n; i++) {
		strcat(text, h[i].name);
		strcat(text, ": ");
		strcat(text, h[i].value);
		strcat(text, "\n");
	}
	return text;
}

static int v_refer(struct leg *leg, const struct leg_refer *r)
{
	struct sim_leg *l = of(leg);

	if (l->state == SIM_OVER)
		return UV_ENOTCONN;
	l->referring = l->referred = true;
	snprintf(l->uri, sizeof(l->uri), "%s", r->uri);
	free(l->headers);
	l->headers = join_headers(r->headers, r->header_count);
	return watched(l, SIM_DID_REFER);
}

static bool v_withdraw_offer(struct leg *leg)
{
	struct sim_leg *l = of(leg);

	if (!l->offering || !l->busy)
		return false;
	l->offering = false;
	return true;
}

static void v_withdraw_refer(struct leg *leg)
{
	of(leg)->referring = false;
}

static void destroy(void *arg)
{
	struct sim_leg *l = arg;

	offer_unref(l->to_peer);
	free(l->headers);
	free(l);
}

static void v_end(struct leg *leg, const struct leg_reason *reason)
{
	struct sim_leg *l = of(leg), **p = &l->sim->legs;

	l->sim->last_reason = reason ? reason->cause : 0;
	if (l->ended)
		abort();	/* the rule of leg.h: exactly once */
	watched(l, SIM_DID_END);
	l->ended = true;
	while (*p != l)
		p = &(*p)->next;
	*p = l->next;
	loop_sweep(l->sim->loop, &l->sweep, destroy, l);
}

static int v_credentials(struct leg *leg, const struct credentials *cr)
{
	snprintf(of(leg)->username, sizeof(of(leg)->username), "%s",
		 cr->username);
	return 0;
}

static void v_pass(struct leg *leg, bool on)
{
	struct sim_leg *l = of(leg);

	l->passing = on;
	if (on)
		return;
	if (l->waiting)
		l->replied = 480;
	l->waiting = l->requests = 0;
}

static int v_request(struct leg *leg, const struct leg_message *m)
{
	struct sim_leg *l = of(leg);

	if (l->state != SIM_UP)
		return UV_ENOTCONN;
	l->requests++;
	l->request_id = m->id;
	snprintf(l->request, sizeof(l->request), "%s %s %.*s", m->method,
		 m->mime ? m->mime : "-", (int)m->len, m->text ? m->text : "");
	return watched(l, SIM_DID_REQUEST);
}

static int v_reply(struct leg *leg, unsigned id, int status)
{
	struct sim_leg *l = of(leg);

	if (!l->waiting || !id || id > l->asked)
		return UV_ENOTCONN;
	l->waiting--;
	l->replied = status;
	return 0;
}

static const struct leg_ops ops = {
	.ring = v_ring, .answer = v_answer, .reject = v_reject,
	.offer = v_offer, .accept = v_accept, .refuse = v_refuse,
	.refer = v_refer, .withdraw_offer = v_withdraw_offer,
	.withdraw_refer = v_withdraw_refer, .end = v_end,
	.credentials = v_credentials, .pass = v_pass, .request = v_request,
	.reply = v_reply,
};

struct sim_leg *sim_add(struct sim *s, bool inbound)
{
	struct sim_leg *l = calloc(1, sizeof(*l));

	if (!l)
		abort();
	l->leg.ops = &ops;
	l->sim = s;
	l->inbound = inbound;
	l->state = inbound ? SIM_INCOMING : SIM_CALLING;
	l->id = ++s->next_id;
	l->next = s->legs;
	s->legs = l;
	return l;
}

static int s_dial(struct signalling *sg, const struct leg_dial *d, leg_h *h,
		  void *arg, struct leg **legp)
{
	struct sim *s = (struct sim *)sg;
	struct sim_leg *l;

	if (s->fail)
		return s->fail;
	l = sim_add(s, false);
	snprintf(l->uri, sizeof(l->uri), "%s", d->uri);
	snprintf(l->from, sizeof(l->from), "%s", d->from_user);
	snprintf(l->asserted, sizeof(l->asserted), "%s",
		 d->asserted_user ? d->asserted_user : "");
	snprintf(l->diverted, sizeof(l->diverted), "%s",
		 d->diverted_user ? d->diverted_user : "");
	if (d->credentials)
		v_credentials(&l->leg, d->credentials);
	l->headers = join_headers(d->headers, d->header_count);
	keep(l, d->offer);
	leg_listen(&l->leg, h, arg);
	*legp = &l->leg;
	return watched(l, SIM_DID_DIAL);
}

static void s_count(struct signalling *sg, size_t *legs, size_t *transactions)
{
	*legs = sim_legs((struct sim *)sg);
	*transactions = 0;
}

static const struct signalling_ops signalling_ops = {
	.dial = s_dial,
	.count = s_count,
};

struct sim *sim_new(struct loop *loop)
{
	struct sim *s = calloc(1, sizeof(*s));

	if (!s)
		return NULL;
	s->loop = loop;
	s->s.ops = &signalling_ops;
	return s;
}

void sim_free(struct sim *s)
{
	if (s && s->legs)
		abort();	/* somebody forgot leg_end() */
	free(s);
}

struct signalling *sim_signalling(struct sim *s,
				  const struct signalling_handlers *h,
				  void *arg)
{
	s->s.h = h;
	s->s.arg = arg;
	return &s->s;
}

void sim_fail_dials(struct sim *s, int rc)
{
	s->fail = rc;
}

int sim_last_reason(const struct sim *s)
{
	return s->last_reason;
}

size_t sim_legs(const struct sim *s)
{
	size_t n = 0;

	for (const struct sim_leg *l = s->legs; l; l = l->next)
		n++;
	return n;
}

bool sim_has(const struct sim *s, const struct sim_leg *l)
{
	for (const struct sim_leg *i = s->legs; i; i = i->next)
		if (i == l)
			return true;
	return false;
}

struct sim_leg *sim_dialled(struct sim *s, unsigned n)
{
	struct sim_leg *found = NULL;
	unsigned outbound = 0;

	for (struct sim_leg *l = s->legs; l; l = l->next)
		outbound += !l->inbound;
	/* newest first: the n-th oldest is the (outbound - 1 - n)-th */
	for (struct sim_leg *l = s->legs; l; l = l->next) {
		if (l->inbound)
			continue;
		if (--outbound == n)
			found = l;
	}
	return found;
}

/* what peers do */

void sim_ack(struct sim_leg *l)
{
	if (l->state != SIM_ANSWERED)
		return;
	l->state = SIM_UP;
	tell(l, &(struct leg_event) { .type = LEG_ACKED });
}

void sim_progress(struct sim_leg *l, int status)
{
	if (l->state == SIM_CALLING)
		tell(l, &(struct leg_event) {
			.type = LEG_PROGRESS, .status = status });
}

void sim_answer(struct sim_leg *l)
{
	struct offer *o;

	if (l->state != SIM_CALLING)
		return;
	l->state = SIM_UP;
	o = sim_sdp(l, answer_dir(l));
	tell(l, &(struct leg_event) {
		.type = LEG_ANSWERED, .status = 200, .offer = o });
	offer_unref(o);
}

void sim_reject(struct sim_leg *l, int status)
{
	if (l->state != SIM_CALLING)
		return;
	l->state = SIM_OVER;
	tell(l, &(struct leg_event) {
		.type = LEG_REJECTED, .status = status });
}

void sim_redirect(struct sim_leg *l, const char *contact)
{
	if (l->state != SIM_CALLING)
		return;
	l->state = SIM_OVER;
	tell(l, &(struct leg_event) {
		.type = LEG_REJECTED, .status = 302,
		.contacts = &contact, .contact_count = 1 });
}

void sim_unavailable(struct sim_leg *l, int retry_after)
{
	if (l->state != SIM_CALLING)
		return;
	l->state = SIM_OVER;
	tell(l, &(struct leg_event) {
		.type = LEG_REJECTED, .status = 503,
		.retry_after = retry_after });
}

void sim_unreachable(struct sim_leg *l)
{
	if (l->state != SIM_CALLING)
		return;
	l->state = SIM_OVER;
	tell(l, &(struct leg_event) {
		.type = LEG_REJECTED, .cause = LEG_CAUSE_UNREACHABLE });
}

void sim_bye(struct sim_leg *l)
{
	enum leg_cause cause = LEG_CAUSE_BYE;

	if (l->state == SIM_OVER || l->state == SIM_CALLING)
		return;
	if (l->state == SIM_INCOMING)
		cause = LEG_CAUSE_CANCEL;
	l->state = SIM_OVER;
	tell(l, &(struct leg_event) { .type = LEG_ENDED, .cause = cause });
}

static void offer_done(struct sim_leg *l, int status, struct offer *o)
{
	if (!l->offering) {
		offer_unref(o);
		return;
	}
	l->offering = false;
	tell(l, &(struct leg_event) {
		.type = LEG_OFFER_DONE, .status = status, .offer = o });
	offer_unref(o);
	if ((status == 481 || status == 408) && l->state != SIM_OVER) {
		l->state = SIM_OVER;
		tell(l, &(struct leg_event) {
			.type = LEG_ENDED, .cause = LEG_CAUSE_DEAD });
	}
}

void sim_offer_done(struct sim_leg *l, int status)
{
	offer_done(l, status, status >= 200 && status < 300
		   ? sim_sdp(l, answer_dir(l)) : NULL);
}

void sim_offer_differs(struct sim_leg *l)
{
	offer_done(l, 200, elsewhere(l, answer_dir(l)));
}

void sim_offer_holds(struct sim_leg *l)
{
	offer_done(l, 200, sim_sdp(l, DIR_SENDONLY));
}

void sim_reinvite(struct sim_leg *l, enum media_dir dir)
{
	struct offer *o;

	/* A leg with a re-INVITE under way answers 491 by itself. */
	if (l->state != SIM_UP || l->offered || l->offering || l->answer_due)
		return;
	l->offered = true;
	o = sim_sdp(l, dir);
	tell(l, &(struct leg_event) { .type = LEG_OFFER, .offer = o });
	offer_unref(o);
}

void sim_reinvite_empty(struct sim_leg *l)
{
	if (l->state != SIM_UP || l->offered || l->offering || l->answer_due)
		return;
	l->offered = l->asking = true;
	tell(l, &(struct leg_event) { .type = LEG_OFFER });
}

void sim_offer_ack(struct sim_leg *l, enum sim_answer answer)
{
	struct offer *o;

	if (l->state != SIM_UP || !l->answer_due)
		return;
	l->answer_due = false;
	o = answer == SIM_NO_ANSWER ? NULL :
		answer == SIM_OTHER_PORT ? elsewhere(l, answer_dir(l))
					 : sim_sdp(l, answer_dir(l));
	tell(l, &(struct leg_event) { .type = LEG_OFFER_ACKED, .offer = o });
	offer_unref(o);
}

void sim_refer_sent(struct sim_leg *l)
{
	if (l->referring)
		tell(l, &(struct leg_event) { .type = LEG_REFER_SENT });
}

void sim_refer_done(struct sim_leg *l, int status, bool no_sub)
{
	if (!l->referring)
		return;
	l->referring = false;
	tell(l, &(struct leg_event) {
		.type = LEG_REFER_DONE, .status = status, .no_sub = no_sub });
	if (status == 481 && l->state != SIM_OVER) {
		l->state = SIM_OVER;
		tell(l, &(struct leg_event) {
			.type = LEG_ENDED, .cause = LEG_CAUSE_DEAD });
	}
}

void sim_notify(struct sim_leg *l, int status, bool terminated)
{
	if (l->referred)
		tell(l, &(struct leg_event) {
			.type = LEG_NOTIFY, .status = status,
			.terminated = terminated, .text = "" });
}

void sim_text(struct sim_leg *l, const char *text)
{
	if (l->state == SIM_UP)
		tell(l, &(struct leg_event) {
			.type = LEG_TEXT, .text = text,
			.len = strlen(text) });
}

void sim_digit(struct sim_leg *l, char digit)
{
	const char text[] = { digit, '\0' };

	if (l->state == SIM_UP)
		tell(l, &(struct leg_event) {
			.type = LEG_DIGIT, .text = text, .len = 1 });
}

void sim_request(struct sim_leg *l, const char *method, const char *mime,
		 const char *text)
{
	if (l->state != SIM_UP || l->waiting == LEG_REQUESTS_MAX)
		return;
	if (!l->passing) {
		if (!strcmp(method, "MESSAGE"))
			sim_text(l, text);
		return;
	}
	l->waiting++;
	tell(l, &(struct leg_event) {
		.type = LEG_REQUEST, .id = ++l->asked, .method = method,
		.mime = mime, .text = text, .len = strlen(text) });
}

void sim_request_done(struct sim_leg *l, int status)
{
	if (l->state != SIM_UP || !l->requests)
		return;
	l->requests--;
	tell(l, &(struct leg_event) {
		.type = LEG_REQUEST_DONE, .id = l->request_id,
		.status = status });
}

void sim_expire(struct sim_leg *l)
{
	if (l->state != SIM_UP)
		return;
	l->state = SIM_OVER;
	tell(l, &(struct leg_event) {
		.type = LEG_ENDED, .cause = LEG_CAUSE_EXPIRED });
}

void sim_refreshed(struct sim_leg *l, int status, enum sim_answer answer)
{
	struct offer *o;

	if (l->state != SIM_UP || l->offering || l->offered || l->answer_due)
		return;
	if (status == 481 || status == 408) {
		l->state = SIM_OVER;
		tell(l, &(struct leg_event) {
			.type = LEG_ENDED, .cause = LEG_CAUSE_DEAD });
		return;
	}
	if (answer == SIM_NO_ANSWER)
		return;		/* by UPDATE: nobody is told */
	o = answer == SIM_OTHER_PORT ? elsewhere(l, answer_dir(l))
				     : sim_sdp(l, answer_dir(l));
	tell(l, &(struct leg_event) { .type = LEG_OFFER_ACKED, .offer = o });
	offer_unref(o);
}
