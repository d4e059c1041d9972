/*
 * The addresses we listen on, which of them a message leaves by, and what each
 * is called outside.
 */
#include "agent.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include <sofia-sip/msg_addr.h>
#include <sofia-sip/nta_tport.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/tport.h>
#include <sofia-sip/tport_tag.h>

#include "admit.h"
#include "connections.h"

/* Timers T2 and T4 of RFC 3261 17 (table 4). */
#define T2_MS 4000
#define T4_MS 5000

/* Bytes reserved with each message: fewer, larger allocations. */
#define PRELOAD 2048

/* RFC 3261 18.1.1: larger requests go by TCP, where there is TCP. */
#define MTU 1300

const struct local *sip_local_for(const struct sip *s, const char *host,
				  enum transport by)
{
	const bool six = *host == '[';
	const bool loopback = !strncmp(host, "127.", 4) ||
		!strcmp(host, "[::1]");
	const bool tcp = by == BY_TCP;
	const struct local *family = NULL, *any = NULL;

	for (size_t i = 0; i < s->local_count; i++) {
		const struct local *l = &s->local[i];

		if (l->tcp != tcp)
			continue;
		if (!any)
			any = l;
		if ((l->family == AF_INET6) != six)
			continue;
		if (l->loopback == loopback)
			return l;
		if (!family)
			family = l;
	}
	return family ? family : any;
}

const struct local *sip_local_of(const struct sip *s, msg_t *msg)
{
	const bool tcp = msg_addrinfo(msg)->ai_socktype == SOCK_STREAM;
	const tport_t *tp;
	const char *ident;

	if (s->local_count == 1)
		return s->local;

	tp = tport_delivered_by(nta_agent_tports(s->agent), msg);
	ident = tp ? tport_name(tp)->tpn_ident : NULL;
	for (size_t i = 0; ident && i < s->local_count; i++)
		if (s->local[i].tcp == tcp &&
		    !strcmp(s->local[i].ident, ident))
			return &s->local[i];
	return s->local;
}

static int make_contact(struct sip *s, struct local *l)
{
	char contact[128];

	snprintf(contact, sizeof(contact), "<sip:%s:%u%s>", l->host,
		 (unsigned)l->port, l->tcp ? ";transport=tcp" : "");
	l->contact = sip_contact_make(s->home, contact);
	return l->contact ? 0 : UV_ENOMEM;
}

/* What it is called outside. */
static void name(struct local *l, const char *addr)
{
	snprintf(l->addr, sizeof(l->addr), "%s", addr);
	snprintf(l->host, sizeof(l->host), strchr(addr, ':') ? "[%.45s]"
							     : "%.45s", addr);
}

const struct local *sip_local_as(struct sip *s, const struct local *l,
				 const char *advertise)
{
	struct local *v;

	if (l->base)
		l = l->base;
	if (!advertise || !*advertise || !strcmp(advertise, l->addr))
		return l;
	for (v = s->views; v; v = v->next)
		if (v->base == l && !strcmp(v->addr, advertise))
			return v;

	v = malloc(sizeof(*v));
	if (!v)
		return NULL;
	*v = *l;
	v->base = l;
	name(v, advertise);
	if (make_contact(s, v)) {
		free(v);
		return NULL;
	}
	v->next = s->views;
	s->views = v;
	return v;
}

bool sip_is_connected(const struct sip *s, const struct local *l,
		      const struct route *r)
{
	const tp_name_t name = {
		.tpn_proto = "tcp", .tpn_canon = r->host,
		.tpn_host = r->host, .tpn_port = r->port,
		.tpn_ident = l->tcp ? l->ident : NULL,
	};
	const tport_t *tp = tport_by_name(nta_agent_tports(s->agent), &name);

	return tp && tport_is_secondary(tp) && tport_is_clear_to_send(tp);
}

/* listening */

/* UDP and TCP of one address go by one name, see struct local. */
static void name_transport(struct sip *s, struct local *l, size_t i)
{
	snprintf(l->ident, sizeof(l->ident), "%u", (unsigned)i & 0xffff);
	for (size_t k = 0; k < i; k++) {
		const struct local *o = &s->local[k];
		bool taken = false;

		if (o->tcp == l->tcp || strcmp(o->bound, l->bound))
			continue;
		for (size_t n = 0; n < i; n++)
			taken = taken || (s->local[n].tcp == l->tcp &&
				!strcmp(s->local[n].ident, o->ident));
		if (!taken) {
			strcpy(l->ident, o->ident);
			break;
		}
	}
}

static int parse_listen(struct sip *s, struct local *l,
			const struct sip_listen *from, size_t i)
{
	unsigned char buf[16];
	struct in_addr in;

	l->tcp = !strcmp(from->transport, "tcp");
	if ((!l->tcp && strcmp(from->transport, "udp")) ||
	    strlen(from->host) >= sizeof(l->bound))
		return UV_EINVAL;

	strcpy(l->bound, from->host);
	l->port = from->port;
	if (inet_pton(AF_INET, from->host, &in) == 1) {
		l->family = AF_INET;
		l->loopback = ntohl(in.s_addr) >> 24 == 127;
	} else if (inet_pton(AF_INET6, from->host, buf) == 1) {
		l->family = AF_INET6;
		l->loopback = !strcmp(from->host, "::1");
	} else {
		return UV_EINVAL;
	}
	name(l, from->host);
	/* One address cannot be called by a name of the other family. */
	if (*s->advertise &&
	    (l->family == AF_INET6) == !!strchr(s->advertise, ':'))
		name(l, s->advertise);
	name_transport(s, l, i);
	return 0;
}

#define TRANSPORT_TAGS(l) \
	TPTAG_IDENT((l)->ident), TPTAG_UDP_RMEM(4000000), \
	TPTAG_UDP_WMEM(4000000), \
	TPTAG_QUEUESIZE((l)->tcp ? CONNECTION_QUEUE : 999), \
	TPTAG_TIMEOUT(CONNECTION_TIMEOUT_MS), \
	TPTAG_IDLE(CONNECTION_IDLE_MS), \
	TPTAG_SDWN_ERROR(0)	/* answers may come on another one */

/* Tags go by value into both calls, so the choice is made in one place. */
static int add_transport(struct sip *s, struct local *l,
			 const struct sip_options *o)
{
	const bool other = strcmp(l->addr, l->bound);
	char url[192], port[8] = "*";
	int err;

	if (l->port)
		snprintf(port, sizeof(port), "%u", (unsigned)l->port);
	/* With maddr sofia binds to that, and calls it by the host. */
	snprintf(url, sizeof(url), "sip:%s:%s;transport=%s%s%s", l->host, port,
		 l->tcp ? "tcp" : "udp", other ? ";maddr=" : "",
		 other ? l->bound : "");

	errno = 0;
	if (s->agent) {
		err = nta_agent_add_tport(s->agent, (url_string_t *)url,
					  TRANSPORT_TAGS(l), TAG_END());
	} else {
		s->agent = nta_agent_create(
			s->root, (url_string_t *)url, admit_message,
			(nta_agent_magic_t *)s, NTATAG_UA(1),
			NTATAG_MERGE_482(1),
			NTATAG_UDP_MTU(s->tcp ? MTU : 65535),
			NTATAG_MAXSIZE(3 * CONNECTION_ROOM), NTATAG_SERVER_RPORT(1),
			NTATAG_CLIENT_RPORT(1), NTATAG_USE_NAPTR(0),
			NTATAG_USE_SRV(0), NTATAG_SIP_T1(o->t1_ms),
			NTATAG_SIP_T1X64(o->t1x64_ms), NTATAG_SIP_T2(T2_MS),
			NTATAG_SIP_T4(T4_MS), NTATAG_PRELOAD(PRELOAD),
			TPTAG_STUN_SERVER(0), TRANSPORT_TAGS(l), TAG_END());
		err = s->agent ? 0 : -1;
	}
	if (err < 0)
		return errno ? -errno : UV_EIO;
	return 0;
}

/* sofia sets SO_REUSEADDR, with which Linux lets two processes share a UDP
 * port: whether somebody has it is found out by a socket without. For TCP it
 * only passes over connections that linger, and sofia loses the error. */
static int is_free(const struct local *l)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	const struct sockaddr *sa = (const struct sockaddr *)&in;
	socklen_t len = sizeof(in);
	const int one = 1;
	int fd, err = 0;

	if (!l->port)
		return 0;
	if (l->family == AF_INET6) {
		inet_pton(AF_INET6, l->bound, &in6.sin6_addr);
		in6.sin6_port = htons(l->port);
		sa = (const struct sockaddr *)&in6;
		len = sizeof(in6);
	} else {
		inet_pton(AF_INET, l->bound, &in.sin_addr);
		in.sin_port = htons(l->port);
	}
	fd = socket(l->family, (l->tcp ? SOCK_STREAM : SOCK_DGRAM) |
		    SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (l->tcp)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, sa, len))
		err = -errno;
	close(fd);
	return err;
}

static bool is_wildcard(const char *addr)
{
	return !strcmp(addr, "0.0.0.0") || !strcmp(addr, "::");
}

/* What was bound: the port if any would do, the address of a wildcard. */
static int learn(struct sip *s, struct local *l)
{
	const tport_t *tp = tport_primaries(nta_agent_tports(s->agent));

	for (; tp; tp = tport_next(tp)) {
		const tp_name_t *n = tport_name(tp);

		if (!n->tpn_ident || strcmp(n->tpn_ident, l->ident) ||
		    tport_is_tcp(tp) != l->tcp)
			continue;
		l->port = (uint16_t)strtoul(n->tpn_port, NULL, 10);
		if (is_wildcard(l->addr) &&
		    strlen(n->tpn_canon) < sizeof(l->addr))
			name(l, n->tpn_canon);
		break;
	}
	return tp && l->port ? make_contact(s, l) : UV_EIO;
}

int sip_listen_all(struct sip *s, const struct sip_options *o, int *failed)
{
	int err;

	snprintf(s->advertise, sizeof(s->advertise), "%s",
		 o->advertise ? o->advertise : "");
	s->local = calloc(o->listen_count, sizeof(*s->local));
	if (!s->local)
		return UV_ENOMEM;

	for (size_t i = 0; i < o->listen_count; i++)
		if (!strcmp(o->listen[i].transport, "tcp"))
			s->tcp = true;
	for (size_t i = 0; i < o->listen_count; i++) {
		struct local *l = &s->local[i];

		*failed = (int)i;
		err = parse_listen(s, l, &o->listen[i], i);
		if (!err)
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

void sip_listen_free(struct sip *s)
{
	struct local *v;

	while ((v = s->views)) {
		s->views = v->next;
		free(v);
	}
	free(s->local);
}
