#include "sip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <sofia-sip/nta_tport.h>
#include <sofia-sip/su_tagarg.h>
#include <sofia-sip/tport.h>

#include "admit.h"
#include "agent.h"
#include "core/log.h"
#include "dialog.h"
#include "drive.h"
#include "fields.h"
#include "guard.h"
#include "logs.h"

/* Timers T2 and T4 of RFC 3261 17 (table 4). */
#define T2_MS 4000
#define T4_MS 5000

/* Bytes reserved with each message: fewer, larger allocations. */
#define PRELOAD 2048

static void count(struct signalling *port, size_t *legs,
		  size_t *transactions)
{
	const struct sip *s = (const struct sip *)port;
	usize_t in = 0, out = 0;

	nta_agent_get_stats(s->agent, NTATAG_S_IRQ_HASH_USED_REF(in),
			    NTATAG_S_ORQ_HASH_USED_REF(out), TAG_END());
	*legs = s->leg_count;
	*transactions = in + out;
}

static const struct signalling_ops ops = {
	.dial = invite_out,
	.count = count,
};

const struct local *sip_local_for(const struct sip *s, const char *host)
{
	const bool six = *host == '[';
	const bool loopback = !strncmp(host, "127.", 4) ||
		!strcmp(host, "[::1]");
	const struct local *family = NULL;

	if (s->local_count == 1)
		return s->local;
	for (size_t i = 0; i < s->local_count; i++) {
		const struct local *l = &s->local[i];

		if ((l->family == AF_INET6) != six)
			continue;
		if (l->loopback == loopback)
			return l;
		if (!family)
			family = l;
	}
	return family ? family : s->local;
}

const struct local *sip_local_of(const struct sip *s, msg_t *msg)
{
	const tport_t *tp;
	const char *ident;

	if (s->local_count == 1)
		return s->local;

	tp = tport_delivered_by(nta_agent_tports(s->agent), msg);
	ident = tp ? tport_name(tp)->tpn_ident : NULL;
	for (size_t i = 0; ident && i < s->local_count; i++)
		if (!strcmp(s->local[i].ident, ident))
			return &s->local[i];
	return s->local;
}

/* listening */

static int parse_listen(struct local *l, const struct sip_listen *from,
			size_t i)
{
	unsigned char buf[16];
	struct in_addr in;

	if (strcmp(from->transport, "udp") ||
	    strlen(from->host) >= sizeof(l->addr))
		return UV_EINVAL;

	snprintf(l->ident, sizeof(l->ident), "%u", (unsigned)i & 0xffff);
	strcpy(l->addr, from->host);
	l->port = from->port;
	if (inet_pton(AF_INET, from->host, &in) == 1) {
		l->family = AF_INET;
		l->loopback = ntohl(in.s_addr) >> 24 == 127;
		snprintf(l->host, sizeof(l->host), "%s", from->host);
	} else if (inet_pton(AF_INET6, from->host, buf) == 1) {
		l->family = AF_INET6;
		l->loopback = !strcmp(from->host, "::1");
		snprintf(l->host, sizeof(l->host), "[%.45s]", from->host);
	} else {
		return UV_EINVAL;
	}
	return 0;
}

/* Tags go by value into both calls, so the choice is made in one place. */
static int add_transport(struct sip *s, struct local *l,
			 const struct sip_options *o)
{
	char url[96];
	int err;

	if (l->port)
		snprintf(url, sizeof(url), "sip:%s:%u;transport=udp", l->host,
			 (unsigned)l->port);
	else
		snprintf(url, sizeof(url), "sip:%s:*;transport=udp", l->host);

	errno = 0;
	if (s->agent) {
		err = nta_agent_add_tport(s->agent, (url_string_t *)url,
					  TPTAG_IDENT(l->ident),
					  TPTAG_UDP_RMEM(4000000),
					  TPTAG_UDP_WMEM(4000000),
					  TPTAG_QUEUESIZE(999), TAG_END());
	} else {
		s->agent = nta_agent_create(
			s->root, (url_string_t *)url, admit_message,
			(nta_agent_magic_t *)s, NTATAG_UA(1),
			NTATAG_MERGE_482(1), NTATAG_UDP_MTU(65535),
			NTATAG_MAXSIZE(65536), NTATAG_SERVER_RPORT(1),
			NTATAG_CLIENT_RPORT(1), NTATAG_USE_NAPTR(0),
			NTATAG_USE_SRV(0), NTATAG_SIP_T1(o->t1_ms),
			NTATAG_SIP_T1X64(o->t1x64_ms), NTATAG_SIP_T2(T2_MS),
			NTATAG_SIP_T4(T4_MS), NTATAG_PRELOAD(PRELOAD),
			TPTAG_STUN_SERVER(0),
			TPTAG_IDENT(l->ident),
			TPTAG_UDP_RMEM(4000000), TPTAG_UDP_WMEM(4000000),
			TPTAG_QUEUESIZE(999), TAG_END());
		err = s->agent ? 0 : -1;
	}
	if (err < 0)
		return errno ? -errno : UV_EIO;
	return 0;
}

/* sofia sets SO_REUSEADDR, with which Linux lets two processes share a UDP
 * port: whether somebody has it is found out by a socket without. */
static int is_free(const struct local *l)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	const struct sockaddr *sa = (const struct sockaddr *)&in;
	socklen_t len = sizeof(in);
	int fd, err = 0;

	if (l->family == AF_INET6) {
		inet_pton(AF_INET6, l->addr, &in6.sin6_addr);
		in6.sin6_port = htons(l->port);
		sa = (const struct sockaddr *)&in6;
		len = sizeof(in6);
	} else {
		inet_pton(AF_INET, l->addr, &in.sin_addr);
		in.sin_port = htons(l->port);
	}
	fd = socket(l->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (bind(fd, sa, len))
		err = -errno;
	close(fd);
	return err;
}

/* What was bound: the port if any would do, the address of a wildcard. */
static int learn(struct sip *s, struct local *l)
{
	const tport_t *tp = tport_primaries(nta_agent_tports(s->agent));
	char contact[96];

	for (; tp; tp = tport_next(tp)) {
		const tp_name_t *name = tport_name(tp);

		if (!name->tpn_ident || strcmp(name->tpn_ident, l->ident))
			continue;
		l->port = (uint16_t)strtoul(name->tpn_port, NULL, 10);
		if (strcmp(l->addr, "0.0.0.0") && strcmp(l->addr, "::"))
			break;
		if (strlen(name->tpn_canon) < sizeof(l->addr)) {
			snprintf(l->addr, sizeof(l->addr), "%s",
				 name->tpn_canon);
			snprintf(l->host, sizeof(l->host), "%s",
				 name->tpn_canon);
		}
		break;
	}
	if (!tp || !l->port)
		return UV_EIO;

	snprintf(contact, sizeof(contact), "<sip:%s:%u>", l->host,
		 (unsigned)l->port);
	l->contact = sip_contact_make(s->home, contact);
	return l->contact ? 0 : UV_ENOMEM;
}

static int listen_all(struct sip *s, const struct sip_options *o,
		      int *failed)
{
	int err;

	s->local = calloc(o->listen_count, sizeof(*s->local));
	if (!s->local)
		return UV_ENOMEM;

	for (size_t i = 0; i < o->listen_count; i++) {
		struct local *l = &s->local[i];

		*failed = (int)i;
		err = parse_listen(l, &o->listen[i], i);
		if (!err && l->port)
			err = is_free(l);
		if (!err)
			err = add_transport(s, l, o);
		if (!err)
			err = learn(s, l);
		if (err)
			return err;
		s->local_count++;
	}
	*failed = -1;
	return 0;
}

/* open and close */

static int make_headers(struct sip *s)
{
	s->home = su_home_new(sizeof(*s->home));
	s->scratch = scratch_new();
	if (!s->home || !s->scratch)
		return UV_ENOMEM;

	s->allow = sip_unknown_make(s->home,
				    "Allow: INVITE, ACK, CANCEL, BYE, "
				    "OPTIONS, INFO, MESSAGE, NOTIFY, "
				    "UPDATE, PRACK");
	s->supported = sip_unknown_make(s->home, "Supported: timer");
	s->require_timer = sip_unknown_make(s->home, "Require: timer");
	s->type_sdp = sip_content_type_make(s->home, "application/sdp");
	return s->allow && s->supported && s->require_timer && s->type_sdp
		? 0 : UV_ENOMEM;
}

static void destroy(struct sip *s)
{
	guard_open(NULL);
	if (s->agent)
		nta_agent_destroy(s->agent);
	if (s->drive)
		drive_close(s->drive);
	su_home_unref(s->home);
	scratch_free(s->scratch);
	free(s->local);
	free(s);
}

int sip_open(struct signalling **sp, struct loop *loop,
	     const struct sip_options *o, int *failed)
{
	struct sip *s = calloc(1, sizeof(*s));
	int err;

	*failed = -1;
	if (!s)
		return UV_ENOMEM;

	s->port.ops = &ops;
	s->port.h = o->h;
	s->port.arg = o->arg;
	s->loop = loop;
	s->t1x64 = o->t1x64_ms;
	/* The header counts in whole seconds. */
	s->session_expires_s = o->session_expires_ms ?
		(uint32_t)((o->session_expires_ms + 999) / 1000) : 1800;
	err = o->listen_count && loop_uv(loop) ? 0 : UV_EINVAL;
	if (!err)
		err = guard_open(&s->n);
	if (!err)
		err = drive_open(&s->drive, loop);
	if (err)
		goto out;

	s->root = drive_root(s->drive);
	logs_open();
	err = make_headers(s);
	if (!err)
		err = listen_all(s, o, failed);
	if (!err)
		*sp = &s->port;
out:
	if (err)
		destroy(s);
	return err;
}

uint16_t sip_port(const struct signalling *port, size_t i)
{
	const struct sip *s = (const struct sip *)port;

	return i < s->local_count ? s->local[i].port : 0;
}

void sip_counters(const struct signalling *port, struct sip_counters *c)
{
	const struct sip *s = (const struct sip *)port;
	usize_t bad = 0;

	*c = s->n;
	/* What sofia could not parse never came to us. */
	nta_agent_get_stats(s->agent, NTATAG_S_BAD_MESSAGE_REF(bad),
			    TAG_END());
	c->dropped += bad;
}

/* A leg may go in the very step before the loop blocks: looking every so
 * often costs less than knowing when. */
#define LOOK_MS 10

static void on_look(uv_timer_t *t)
{
	++*(unsigned *)t->data;
}

static void settle(struct sip *s, unsigned ms)
{
	uv_loop_t *uv = loop_uv(s->loop);
	unsigned looks = 0;
	uv_timer_t timer;

	uv_timer_init(uv, &timer);
	timer.data = &looks;
	uv_timer_start(&timer, on_look, LOOK_MS, LOOK_MS);
	while ((s->leg_count || s->byes) && looks < ms / LOOK_MS)
		uv_run(uv, UV_RUN_ONCE);
	uv_close((uv_handle_t *)&timer, NULL);
	uv_run(uv, UV_RUN_NOWAIT);
}

void sip_close(struct signalling *port, unsigned ms)
{
	struct sip *s = (struct sip *)port;
	uv_loop_t *uv;

	if (!s)
		return;

	uv = loop_uv(s->loop);
	s->closing = true;
	for (struct sip_leg *l = s->legs, *next; l; l = next) {
		next = l->next;
		leg_end(&l->leg, NULL);
	}
	settle(s, ms);
	if (s->leg_count)
		log_warn("sip: %zu legs had not settled after %u ms",
			 s->leg_count, ms);
	loop_turn(s->loop);
	while (s->legs)
		dialog_undo(s->legs);
	destroy(s);
	uv_run(uv, UV_RUN_NOWAIT);
}
