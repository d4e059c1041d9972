#include "side.h"

#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

#include "core/offer.h"

/* A test that hangs fails after so long; nothing else is timed. */
#define PATIENCE_MS 20000

/* The loop may block just after what a test waits for: it looks often. */
#define LOOK_MS 5

struct patience {
	uv_timer_t timer;
	unsigned looks;
	bool late;
};

static void on_look(uv_timer_t *t)
{
	struct patience *p = t->data;

	p->late = ++p->looks > PATIENCE_MS / LOOK_MS;
}

static void patience_start(struct side *s, struct patience *p)
{
	p->looks = 0;
	p->late = false;
	uv_timer_init(&s->uv, &p->timer);
	p->timer.data = p;
	uv_timer_start(&p->timer, on_look, LOOK_MS, LOOK_MS);
}

static void patience_stop(struct side *s, struct patience *p)
{
	uv_close((uv_handle_t *)&p->timer, NULL);
	uv_run(&s->uv, UV_RUN_NOWAIT);
}

/* the engine's side */

struct offer *side_offer(uint16_t port)
{
	struct offer *o = offer_new(1);

	assert_non_null(o);
	strcpy(o->addr, "127.0.0.1");
	o->port = port;
	o->codecs[0] = (struct codec){ .channels = 1, .rate = 8000,
		.name = "PCMU" };
	return o;
}

static void on_leg(struct leg *leg, const struct leg_event *ev, void *arg)
{
	struct side *s = arg;
	struct noted *n = &s->ev[s->count];
	struct offer *o;

	assert_ptr_equal(leg, s->leg);
	assert_true(s->count < EVENTS_MAX);
	assert_non_null(ev->phrase);
	s->count++;
	*n = (struct noted){
		.type = ev->type, .status = ev->status, .cause = ev->cause,
		.offer = ev->offer != NULL, .terminated = ev->terminated,
		.no_sub = ev->no_sub, .retry_after = ev->retry_after,
	};
	if (ev->text)
		snprintf(n->text, sizeof(n->text), "%.*s", (int)ev->len,
			 ev->text);
	if (ev->offer)
		s->remote_port = ev->offer->port;
	if (ev->type == LEG_OFFER && !s->quiet) {
		o = side_offer(9);
		assert_int_equal(leg_accept(leg, o), 0);
		offer_unref(o);
	}
}

static int on_admit(void *arg, const struct leg_invite *inv,
		    int *retry_after)
{
	struct side *s = arg;

	(void)inv;
	if (s->refuse == 503)
		*retry_after = 7;
	return s->refuse;
}

static void on_invite(void *arg, struct leg *leg,
		      const struct leg_invite *inv)
{
	struct side *s = arg;
	struct offer *o;

	snprintf(s->display, sizeof(s->display), "%s", inv->from_display);
	for (unsigned i = 0; i < inv->header_count; i++)
		if (!strcmp(inv->headers[i].name, "X-Fold"))
			snprintf(s->fold, sizeof(s->fold), "%s",
				 inv->headers[i].value);
	s->forwards = inv->max_forwards;
	s->allow_refer = inv->allow_known && inv->allow_refer;
	s->leg = leg;
	leg_listen(leg, on_leg, s);
	if (s->quiet)
		return;
	o = side_offer(9);
	assert_int_equal(leg_answer(leg, o), 0);
	offer_unref(o);
}

static bool on_draining(void *arg)
{
	(void)arg;
	return false;
}

static const struct signalling_handlers handlers = {
	.admit = on_admit, .invite = on_invite, .draining = on_draining,
};

void side_open(struct side *s, uint64_t t1x64)
{
	const struct sip_listen listen = { "udp", "127.0.0.1", 0 };
	const struct sip_options o = {
		.listen = &listen, .listen_count = 1, .t1_ms = 500,
		.t1x64_ms = t1x64, .h = &handlers, .arg = s,
	};
	int failed;

	memset(s, 0, sizeof(*s));
	assert_int_equal(uv_loop_init(&s->uv), 0);
	s->loop = loop_new(&s->uv);
	assert_non_null(s->loop);
	assert_int_equal(sip_open(&s->sig, s->loop, &o, &failed), 0);
	assert_true(sip_port(s->sig, 0) > 0);
}

static size_t legs(struct side *s)
{
	size_t n, transactions;

	s->sig->ops->count(s->sig, &n, &transactions);
	return n;
}

void side_settled(struct side *s)
{
	struct patience p;

	patience_start(s, &p);
	while (legs(s) && !p.late)
		uv_run(&s->uv, UV_RUN_ONCE);
	patience_stop(s, &p);
	if (p.late)
		fail_msg("%zu legs are left", legs(s));
}

void side_close(struct side *s)
{
	side_no_event(s);
	if (s->leg)
		leg_end(s->leg, NULL);
	s->leg = NULL;
	/* Whoever wants to see a leg settle does so before. */
	sip_close(s->sig, 0);
	assert_int_equal(loop_timers(s->loop), 0);
	loop_free(s->loop);
	uv_run(&s->uv, UV_RUN_DEFAULT);
	assert_int_equal(uv_loop_close(&s->uv), 0);
}

const struct noted *side_event(struct side *s, enum leg_event_type type)
{
	const struct noted *n = &s->ev[s->read];
	struct patience p;

	patience_start(s, &p);
	while (s->read == s->count && !p.late)
		uv_run(&s->uv, UV_RUN_ONCE);
	patience_stop(s, &p);
	if (s->read == s->count)
		fail_msg("event %d did not come", (int)type);
	if (n->type != type)
		fail_msg("event %d came instead of %d", (int)n->type,
			 (int)type);
	s->read++;
	return n;
}

void side_no_event(struct side *s)
{
	if (s->read < s->count)
		fail_msg("unexpected event %d", (int)s->ev[s->read].type);
}

void side_dial(struct side *s, struct peer *p)
{
	const struct header header = { (char *)"X-Call-REASON",
		(char *)"a b" };
	struct offer *o = side_offer(9);
	char uri[64];
	const struct leg_dial d = {
		.uri = uri, .from_user = "100", .from_display = "",
		.headers = &header, .header_count = 1, .max_forwards = 69,
		.offer = o,
	};

	snprintf(uri, sizeof(uri), "sip:200@127.0.0.1:%u",
		 (unsigned)p->port);
	assert_int_equal(s->sig->ops->dial(s->sig, &d, on_leg, s, &s->leg),
			 0);
	offer_unref(o);
}

/* the peer's side */

void peer_open(struct peer *p, struct side *s)
{
	static unsigned calls;
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);

	memset(p, 0, sizeof(*p));
	p->side = s;
	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	p->fd = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	assert_true(p->fd >= 0);
	assert_int_equal(bind(p->fd, (struct sockaddr *)&a, len), 0);
	assert_int_equal(getsockname(p->fd, (struct sockaddr *)&a, &len), 0);
	p->port = ntohs(a.sin_port);
	snprintf(p->call_id, sizeof(p->call_id), "call-%u-%d", ++calls,
		 (int)getpid());
	snprintf(p->from_tag, sizeof(p->from_tag), "tag%u", calls);
	p->cseq = 1;
}

void peer_close(struct peer *p)
{
	close(p->fd);
}

void peer_send(struct peer *p, const char *text, size_t len)
{
	struct sockaddr_in to = { .sin_family = AF_INET };

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	to.sin_port = htons(sip_port(p->side->sig, 0));
	assert_int_equal(sendto(p->fd, text, len, 0, (struct sockaddr *)&to,
				sizeof(to)), len);
}

static void send_request(struct peer *p, const char *method, const char *via,
			 unsigned cseq, const char *more, const char *body)
{
	static char msg[65536];
	const bool sdp = body && !strncmp(body, "v=0", 3);
	int n;

	n = snprintf(msg, sizeof(msg),
		     "%s sip:bot@127.0.0.1:%u SIP/2.0\r\n"
		     "Via: %s\r\n"
		     "From: <sip:peer@127.0.0.1>;tag=%s\r\n"
		     "To: <sip:bot@127.0.0.1>%s%s\r\n"
		     "Call-ID: %s\r\nCSeq: %u %s\r\n"
		     "Contact: <sip:peer@127.0.0.1:%u>\r\n"
		     "Max-Forwards: 70\r\n%s%sContent-Length: %zu\r\n\r\n%s",
		     method, (unsigned)sip_port(p->side->sig, 0), via,
		     p->from_tag, p->to_tag[0] ? ";tag=" : "", p->to_tag,
		     p->call_id, cseq, method, (unsigned)p->port,
		     more ? more : "",
		     sdp ? "Content-Type: application/sdp\r\n" : "",
		     body ? strlen(body) : 0, body ? body : "");
	assert_true(n > 0 && (size_t)n < sizeof(msg));
	peer_send(p, msg, (size_t)n);
}

void peer_request(struct peer *p, const char *method, const char *more,
		  const char *body)
{
	char via[256];

	snprintf(p->branch, sizeof(p->branch), "z9hG4bK-%s-%u", p->call_id,
		 ++p->made);
	snprintf(via, sizeof(via), "SIP/2.0/UDP 127.0.0.1:%u;branch=%s",
		 (unsigned)p->port, p->branch);
	send_request(p, method, via, ++p->cseq, more, body);
}

void peer_request_via(struct peer *p, const char *method, const char *via,
		      unsigned cseq, const char *body)
{
	send_request(p, method, via, cseq ? cseq : ++p->cseq, NULL, body);
}

static void take_tag(struct peer *p, const char *header)
{
	char to[256];
	const char *tag;

	peer_header(p->in, header, to, sizeof(to));
	tag = strstr(to, "tag=");
	assert_non_null(tag);
	snprintf(p->to_tag, sizeof(p->to_tag), "%.*s",
		 (int)strcspn(tag + 4, ";"), tag + 4);
}

void peer_ack(struct peer *p, const char *body)
{
	char via[256], cseq[32];
	const bool success = !strncmp(p->in, "SIP/2.0 2", 9);

	if (success)
		take_tag(p, "To");
	peer_header(p->in, "CSeq", cseq, sizeof(cseq));
	snprintf(via, sizeof(via), "SIP/2.0/UDP 127.0.0.1:%u;branch=%s%s",
		 (unsigned)p->port, p->branch, success ? "-ack" : "");
	send_request(p, "ACK", via, (unsigned)strtoul(cseq, NULL, 10), NULL,
		     body);
}

const char *peer_header(const char *msg, const char *name, char *buf,
			size_t size)
{
	const size_t len = strlen(name);
	const char *p = msg;

	buf[0] = '\0';
	while ((p = strstr(p, "\r\n")) && strncmp(p, "\r\n\r\n", 4)) {
		p += 2;
		if (strncasecmp(p, name, len) || p[len] != ':')
			continue;
		p += len + 1;
		p += strspn(p, " ");
		snprintf(buf, size, "%.*s", (int)strcspn(p, "\r"), p);
		break;
	}
	return buf;
}

void peer_answer(struct peer *p, const char *request, const char *status,
		 const char *tag, const char *more, const char *body)
{
	static char msg[65536];
	char via[512], from[512], to[512], call_id[256], cseq[64];
	int n;

	peer_header(request, "Via", via, sizeof(via));
	peer_header(request, "From", from, sizeof(from));
	peer_header(request, "To", to, sizeof(to));
	peer_header(request, "Call-ID", call_id, sizeof(call_id));
	peer_header(request, "CSeq", cseq, sizeof(cseq));
	n = snprintf(msg, sizeof(msg),
		     "SIP/2.0 %s\r\nVia: %s\r\nFrom: %s\r\nTo: %s%s%s\r\n"
		     "Call-ID: %s\r\nCSeq: %s\r\n"
		     "Contact: <sip:peer@127.0.0.1:%u>\r\n%s%s"
		     "Content-Length: %zu\r\n\r\n%s",
		     status, via, from, to,
		     tag && !strstr(to, "tag=") ? ";tag=" : "",
		     tag && !strstr(to, "tag=") ? tag : "", call_id, cseq,
		     (unsigned)p->port, more ? more : "",
		     body ? "Content-Type: application/sdp\r\n" : "",
		     body ? strlen(body) : 0, body ? body : "");
	assert_true(n > 0 && (size_t)n < sizeof(msg));
	peer_send(p, msg, (size_t)n);
}

static bool matches(const char *msg, const char *start, const char *method)
{
	char cseq[64];

	if (strncmp(msg, start, strlen(start)))
		return false;
	if (!method)
		return true;
	peer_header(msg, "CSeq", cseq, sizeof(cseq));
	return strstr(cseq, method) != NULL;
}

const char *peer_expect(struct peer *p, const char *start,
			const char *method)
{
	struct patience patience;
	bool found = false;
	ssize_t n;

	patience_start(p->side, &patience);
	while (!found && !patience.late) {
		/* Sofia's work and ours, then at most 1 ms of waiting. */
		uv_run(&p->side->uv, UV_RUN_NOWAIT);
		n = recv(p->fd, p->in, sizeof(p->in) - 1, 0);
		if (n < 0) {
			assert_true(errno == EAGAIN || errno == ECONNREFUSED);
			usleep(500);
			continue;
		}
		p->in[n] = '\0';
		found = matches(p->in, start, method);
		if (!found && !p->lenient &&
		    (!strncmp(p->in, "BYE ", 4) ||
		     !strncmp(p->in, "CANCEL ", 7)))
			fail_msg("%.6s came while waiting for %s", p->in,
				 start);
	}
	patience_stop(p->side, &patience);
	if (!found)
		fail_msg("no %s (%s) came", start, method ? method : "any");
	return p->in;
}

void peer_sync(struct peer *p)
{
	/* In no dialog, so that it leaves the call's sequence alone. */
	struct peer other = { .side = p->side, .fd = p->fd, .port = p->port };
	static unsigned n;

	snprintf(other.call_id, sizeof(other.call_id), "sync-%u", ++n);
	strcpy(other.from_tag, "sync");
	peer_request(&other, "OPTIONS", NULL, NULL);
	peer_expect(p, "SIP/2.0 ", "OPTIONS");
}

void peer_call(struct peer *p)
{
	peer_request(p, "INVITE", NULL, PEER_SDP);
	peer_expect(p, "SIP/2.0 200", "INVITE");
	peer_ack(p, NULL);
	side_event(p->side, LEG_ACKED);
}

void peer_take_tag(struct peer *p)
{
	take_tag(p, "To");
}

void peer_is_callee(struct peer *p, const char *invite, const char *tag)
{
	if (invite != p->in)
		snprintf(p->in, sizeof(p->in), "%s", invite);
	take_tag(p, "From");
	peer_header(p->in, "Call-ID", p->call_id, sizeof(p->call_id));
	snprintf(p->from_tag, sizeof(p->from_tag), "%s", tag);
}
