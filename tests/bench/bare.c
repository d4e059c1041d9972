/**
 * @file bare.c  The least a SIP server on this stack can cost
 *
 * sofia-sip's nta on a libuv loop by the same recipe as the engine's, and
 * nothing above it: answers every INVITE with 200 and SDP, and BYE with 200.
 * What the engine needs beyond this is the engine's own cost.
 *
 *	bare HOST PORT [T1X64_MS]
 */
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <uv.h>

struct call;
struct bare;
#define SU_ROOT_MAGIC_T struct bare
#define NTA_AGENT_MAGIC_T struct bare
#define NTA_LEG_MAGIC_T struct call
#define NTA_INCOMING_MAGIC_T struct call
#include <sofia-sip/nta.h>
#include <sofia-sip/nta_stateless.h>
#include <sofia-sip/nta_tag.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_status.h>
#include <sofia-sip/su_time.h>
#include <sofia-sip/su_wait.h>
#include <sofia-sip/tport_tag.h>

struct bare {
	uv_loop_t loop;
	uv_poll_t poll;
	uv_prepare_t prepare;
	uv_timer_t timer;
	uv_signal_t sigterm;
	int fd;
	su_root_t *root;
	nta_agent_t *agent;
	struct call *ended;	/**< freed when nta is not on the stack */
	char contact[64];
	char sdp[256];
};

struct call {
	struct bare *bare;
	struct call *next;
	nta_leg_t *leg;
	nta_incoming_t *irq;
	int over;
};

/* sofia's clock hook; a step of the wall clock must not move SIP timers. */
extern void (*_su_time)(su_time_t *tv);

static void monotonic(su_time_t *tv)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	tv->tv_sec = (unsigned long)ts.tv_sec;
	tv->tv_usec = (unsigned long)ts.tv_nsec / 1000;
}

static void call_end(struct call *c)
{
	if (c->over)
		return;
	c->over = 1;
	c->next = c->bare->ended;
	c->bare->ended = c;
}

static void sweep(struct bare *b)
{
	while (b->ended) {
		struct call *c = b->ended;

		b->ended = c->next;
		if (c->irq)
			nta_incoming_destroy(c->irq);
		nta_leg_destroy(c->leg);
		free(c);
	}
}

static int on_request(struct call *c, nta_leg_t *leg, nta_incoming_t *irq,
		      const sip_t *sip)
{
	(void)leg;
	(void)irq;

	if (!sip || !sip->sip_request)
		return 0;
	switch (sip->sip_request->rq_method) {
	case sip_method_bye:
		call_end(c);
		return 200;
	case sip_method_ack:
		return 0;
	default:
		return sip->sip_to->a_tag ? 405 : 481;
	}
}

static int on_ack(struct call *c, nta_incoming_t *irq, const sip_t *sip)
{
	c->irq = NULL;
	if (!sip || sip->sip_request->rq_method != sip_method_ack)
		call_end(c);
	nta_incoming_destroy(irq);
	return 0;
}

static int on_message(struct bare *b, nta_agent_t *agent, msg_t *msg,
		      sip_t *sip)
{
	const sip_method_t method = sip->sip_request ?
		sip->sip_request->rq_method : sip_method_ack;
	struct call *c;

	if (method == sip_method_ack) {
		msg_destroy(msg);
		return 0;
	}
	if (method != sip_method_invite || sip->sip_to->a_tag) {
		nta_msg_treply(agent, msg, 481, NULL, TAG_END());
		return 0;
	}

	c = calloc(1, sizeof(*c));
	if (!c) {
		nta_msg_treply(agent, msg, 503, NULL, TAG_END());
		return 0;
	}
	c->bare = b;
	c->leg = nta_leg_tcreate(agent, on_request, c,
				 SIPTAG_CALL_ID(sip->sip_call_id),
				 SIPTAG_FROM(sip->sip_to),
				 SIPTAG_TO(sip->sip_from),
				 NTATAG_REMOTE_CSEQ(sip->sip_cseq->cs_seq),
				 TAG_END());
	if (!c->leg) {
		free(c);
		nta_msg_treply(agent, msg, 503, NULL, TAG_END());
		return 0;
	}
	nta_leg_tag(c->leg, NULL);
	nta_leg_server_route(c->leg, sip->sip_record_route, sip->sip_contact);
	c->irq = nta_incoming_create(agent, NULL, msg, sip, TAG_END());
	if (!c->irq) {
		call_end(c);
		return 0;
	}
	nta_incoming_tag(c->irq, nta_leg_get_tag(c->leg));
	nta_incoming_bind(c->irq, on_ack, c);
	nta_incoming_treply(c->irq, SIP_200_OK,
			    SIPTAG_CONTACT_STR(b->contact),
			    SIPTAG_CONTENT_TYPE_STR("application/sdp"),
			    SIPTAG_PAYLOAD_STR(b->sdp), TAG_END());
	return 0;
}

static void on_timer(uv_timer_t *t)
{
	(void)t;	/* waking up is enough: the prepare callback steps */
}

static void on_readable(uv_poll_t *p, int status, int events)
{
	(void)p;
	(void)status;
	(void)events;
}

static void on_prepare(uv_prepare_t *p)
{
	struct bare *b = p->data;
	su_duration_t wait = 0;

	for (int i = 0; i < 16; i++) {
		struct pollfd pfd = { .fd = b->fd, .events = POLLIN };

		/* 0 also means "a timer within 1 ms": no reason to spin */
		if (i && poll(&pfd, 1, 0) <= 0)
			break;
		wait = su_root_step(b->root, 0);
		if (wait)
			break;
	}
	sweep(b);
	if (wait == SU_WAIT_FOREVER) {
		uv_timer_stop(&b->timer);
		return;
	}
	uv_update_time(&b->loop);
	uv_timer_start(&b->timer, on_timer, (uint64_t)wait + 1, 0);
}

static void on_sigterm(uv_signal_t *s, int signum)
{
	(void)signum;
	uv_stop(s->loop);
}

/* The descriptor of sofia's epoll is the lowest free one when it is made. */
static int root_open(struct bare *b)
{
	char path[64], link[64] = "";
	int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

	close(fd);
	su_port_prefer(su_epoll_port_create, su_epoll_clone_start);
	b->root = su_root_create(b);
	if (!b->root)
		return -1;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	if (readlink(path, link, sizeof(link) - 1) < 0 ||
	    strcmp(link, "anon_inode:[eventpoll]") ||
	    strcmp(su_root_name(b->root), "epoll"))
		return -1;
	b->fd = fd;
	su_root_threading(b->root, 0);
	su_root_set_max_defer(b->root, 1000);
	return 0;
}

int main(int argc, char **argv)
{
	static struct bare b;
	const char *host = argc > 1 ? argv[1] : "127.0.0.1";
	const char *port = argc > 2 ? argv[2] : "5060";
	const unsigned t1x64 = argc > 3 ? (unsigned)atoi(argv[3]) : 32000;
	char url[96];

	_su_time = monotonic;
	su_init();
	snprintf(url, sizeof(url), "sip:%s:%s;transport=udp", host, port);
	snprintf(b.contact, sizeof(b.contact), "<sip:%s:%s>", host, port);
	snprintf(b.sdp, sizeof(b.sdp),
		 "v=0\r\no=- 1 1 IN IP4 %s\r\ns=-\r\nc=IN IP4 %s\r\nt=0 0\r\n"
		 "m=audio 9 RTP/AVP 0 8\r\na=rtpmap:0 PCMU/8000\r\n"
		 "a=rtpmap:8 PCMA/8000\r\na=inactive\r\n", host, host);
	if (root_open(&b)) {
		fputs("bare: sofia-sip does not use epoll here\n", stderr);
		return 1;
	}
	b.agent = nta_agent_create(b.root, (url_string_t *)url, on_message,
				   &b, NTATAG_UA(1), NTATAG_MERGE_482(1),
				   NTATAG_UDP_MTU(65535),
				   NTATAG_MAXSIZE(65536),
				   NTATAG_SERVER_RPORT(1),
				   NTATAG_CLIENT_RPORT(1),
				   NTATAG_USE_NAPTR(0), NTATAG_USE_SRV(0),
				   NTATAG_SIP_T1X64(t1x64),
				   TPTAG_UDP_RMEM(4000000),
				   TPTAG_UDP_WMEM(4000000),
				   TPTAG_QUEUESIZE(999), TAG_END());
	if (!b.agent) {
		fprintf(stderr, "bare: cannot listen on %s\n", url);
		return 1;
	}

	uv_loop_init(&b.loop);
	uv_poll_init(&b.loop, &b.poll, b.fd);
	uv_poll_start(&b.poll, UV_READABLE, on_readable);
	uv_timer_init(&b.loop, &b.timer);
	uv_prepare_init(&b.loop, &b.prepare);
	b.prepare.data = &b;
	uv_prepare_start(&b.prepare, on_prepare);
	uv_signal_init(&b.loop, &b.sigterm);
	uv_signal_start(&b.sigterm, on_sigterm, SIGTERM);
	uv_run(&b.loop, UV_RUN_DEFAULT);

	/* The process ends here; what is held goes with it. */
	return 0;
}
