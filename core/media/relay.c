#include "relay.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

/* Packets taken from one socket before others have their turn. */
#define BURST 32

/* The largest packet of G.711 is far smaller; what is larger is cut by the
 * kernel, and is then malformed or nobody's loss. */
#define PACKET_MAX 2048

/* For the bursts of one peer (the kernel doubles it). */
#define RECEIVE_BUFFER 65536
#define IDLE_BUFFER 2048
#define DRAIN_MAX 1024

enum { RTP, RTCP, KINDS };

struct peer {
	struct relay *r;
	struct relay_side side;
	struct sockaddr_storage said[KINDS];	/* where it said it is    */
	struct sockaddr_storage addr[KINDS];	/* where it is            */
	socklen_t addr_len;
	struct sockaddr_storage source;		/* of its signalling      */
	bool learnt;		/* its port is certain                    */
	uv_poll_t poll[KINDS];
};

struct relay {
	struct peer peer[2];
	unsigned handles;	/* that are not closed yet                */
	struct relay_count n;
};

/* addresses */

static void set_port(struct sockaddr_storage *ss, uint16_t port)
{
	if (ss->ss_family == AF_INET)
		((struct sockaddr_in *)ss)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)ss)->sin6_port = htons(port);
}

static uint16_t port_of(const struct sockaddr_storage *ss)
{
	return ntohs(ss->ss_family == AF_INET
		     ? ((const struct sockaddr_in *)ss)->sin_port
		     : ((const struct sockaddr_in6 *)ss)->sin6_port);
}

static bool parse(struct sockaddr_storage *ss, const char *addr,
		  uint16_t port, socklen_t *len)
{
	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, addr,
		      &((struct sockaddr_in *)ss)->sin_addr) == 1) {
		ss->ss_family = AF_INET;
		*len = sizeof(struct sockaddr_in);
	} else if (inet_pton(AF_INET6, addr,
			     &((struct sockaddr_in6 *)ss)->sin6_addr) == 1) {
		ss->ss_family = AF_INET6;
		*len = sizeof(struct sockaddr_in6);
	} else {
		return false;
	}
	set_port(ss, port);
	return true;
}

static bool same_host(const struct sockaddr_storage *a,
		      const struct sockaddr_storage *b)
{
	if (a->ss_family != b->ss_family)
		return false;
	if (a->ss_family == AF_INET)
		return ((const struct sockaddr_in *)a)->sin_addr.s_addr ==
			((const struct sockaddr_in *)b)->sin_addr.s_addr;
	return a->ss_family == AF_INET6 &&
		!memcmp(&((const struct sockaddr_in6 *)a)->sin6_addr,
			&((const struct sockaddr_in6 *)b)->sin6_addr, 16);
}

static bool same_place(const struct sockaddr_storage *a,
		       const struct sockaddr_storage *b)
{
	return same_host(a, b) && port_of(a) == port_of(b);
}

static void take_side(struct peer *p, const struct relay_side *side)
{
	socklen_t len;

	p->side = *side;
	p->learnt = false;
	if (!parse(&p->addr[RTP], side->addr, side->port, &p->addr_len))
		p->side.hears = p->side.speaks = false;
	p->addr[RTCP] = p->addr[RTP];
	if (p->addr[RTP].ss_family && side->port < UINT16_MAX)
		set_port(&p->addr[RTCP], (uint16_t)(side->port + 1));
	memcpy(p->said, p->addr, sizeof(p->said));
	if (!parse(&p->source, side->source, 0, &len))
		memset(&p->source, 0, sizeof(p->source));
}

/* Case T9: the described source, or one that is learnt once. */
static bool is_from(struct peer *p, int kind,
		    const struct sockaddr_storage *from)
{
	const uint16_t port = port_of(from);

	/* From where it said is right in any case: who was learnt before may
	 * have been another agent who has rung at the same ports. */
	if (same_place(from, &p->said[kind])) {
		if (kind == RTP) {
			p->learnt = true;
			memcpy(p->addr, p->said, sizeof(p->addr));
		}
		return true;
	}
	if (same_place(from, &p->addr[kind]))
		return true;
	if (p->learnt || kind != RTP ||
	    (!same_host(from, &p->addr[RTP]) &&
	     !same_host(from, &p->source)))
		return false;
	p->learnt = true;
	p->addr[RTP] = p->addr[RTCP] = *from;
	if (port < UINT16_MAX)
		set_port(&p->addr[RTCP], (uint16_t)(port + 1));
	return true;
}

/* packets */

/* RFC 3550 5.1 and 5.3.1: the header and all it announces are there. */
static bool is_rtp(const unsigned char *b, size_t len)
{
	size_t need = 12;

	if (len < need || b[0] >> 6 != 2)
		return false;
	need += (size_t)(b[0] & 0x0f) * 4;
	if (b[0] & 0x10) {
		if (len < need + 4)
			return false;
		need += 4 + (size_t)(b[need + 2] << 8 | b[need + 3]) * 4;
	}
	if (b[0] & 0x20)
		return len > need && b[len - 1] && b[len - 1] <= len - need;
	return len >= need;
}

/* RFC 3550 6.1, A.2: a compound packet begins with a report. */
static bool is_rtcp(const unsigned char *b, size_t len)
{
	return len >= 8 && b[0] >> 6 == 2 && !(b[0] & 0x20) &&
		(b[1] == 200 || b[1] == 201) &&
		(size_t)(b[2] << 8 | b[3]) * 4 + 4 <= len;
}

static bool rewrite(struct relay *r, const struct peer *from,
		    unsigned char *b, size_t len, int kind)
{
	uint8_t to;

	if (kind == RTCP ? !is_rtcp(b, len) : !is_rtp(b, len)) {
		r->n.malformed++;
		return false;
	}
	if (kind == RTCP)
		return true;
	to = from->side.map[b[1] & 0x7f];
	if (to == RELAY_NONE) {
		r->n.unknown++;
		return false;
	}
	b[1] = (unsigned char)((b[1] & 0x80) | to);
	return true;
}

static void pass(struct peer *from, int kind, unsigned char *b, size_t len,
		 const struct sockaddr_storage *source)
{
	struct relay *r = from->r;
	struct peer *to = &r->peer[from == r->peer];
	const int fd = kind == RTP ? to->side.rtp : to->side.rtcp;

	if (!rewrite(r, from, b, len, kind))
		return;
	if (!is_from(from, kind, source)) {
		r->n.strange++;
		return;
	}
	/* RTCP goes on while a stream is held (RFC 3264 5.1). */
	if (kind == RTP && (!from->side.speaks || !to->side.hears))
		return;
	if (!to->addr[kind].ss_family || !to->side.port)
		return;
	/* A full socket loses the packet, as any wire may. */
	if (sendto(fd, b, len, MSG_DONTWAIT,
		   (const struct sockaddr *)&to->addr[kind],
		   to->addr_len) >= 0)
		r->n.passed++;
}

static void receive(struct peer *p, int kind)
{
	const int fd = kind == RTP ? p->side.rtp : p->side.rtcp;
	struct sockaddr_storage from;
	unsigned char b[PACKET_MAX];

	for (int i = 0; i < BURST; i++) {
		socklen_t size = sizeof(from);
		const ssize_t n = recvfrom(fd, b, sizeof(b), MSG_DONTWAIT,
					   (struct sockaddr *)&from, &size);

		if (n < 0)
			return;
		pass(p, kind, b, (size_t)n, &from);
	}
}

static void on_rtp(uv_poll_t *h, int status, int events)
{
	(void)status;
	(void)events;
	receive(h->data, RTP);
}

static void on_rtcp(uv_poll_t *h, int status, int events)
{
	(void)status;
	(void)events;
	receive(h->data, RTCP);
}

/* life */

static void on_closed(uv_handle_t *h)
{
	struct peer *p = h->data;

	if (!--p->r->handles)
		free(p->r);
}

/* What came before is of an earlier session, and more than the buffer holds
 * there cannot be. */
static void drain(int fd)
{
	unsigned char b[PACKET_MAX];

	for (int i = 0; i < DRAIN_MAX; i++)
		if (recv(fd, b, sizeof(b), MSG_DONTWAIT) < 0)
			return;
}

static void set_buffer(int fd, int size)
{
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
}

static int watch(struct peer *p, struct uv_loop_s *uv, int kind)
{
	const int fd = kind == RTP ? p->side.rtp : p->side.rtcp;
	int err = uv_poll_init(uv, &p->poll[kind], fd);

	if (err)
		return err;
	p->poll[kind].data = p;
	p->r->handles++;
	set_buffer(fd, RECEIVE_BUFFER);
	return uv_poll_start(&p->poll[kind], UV_READABLE,
			     kind == RTP ? on_rtp : on_rtcp);
}

int relay_open(struct relay **rp, struct uv_loop_s *uv,
	       const struct relay_side side[2])
{
	struct relay *r = calloc(1, sizeof(*r));
	int err = 0;

	if (!r)
		return UV_ENOMEM;

	for (unsigned i = 0; i < 2; i++) {
		r->peer[i].r = r;
		take_side(&r->peer[i], &side[i]);
		drain(side[i].rtp);
		drain(side[i].rtcp);
	}
	for (unsigned i = 0; i < 2 && !err; i++) {
		err = watch(&r->peer[i], uv, RTP);
		if (!err)
			err = watch(&r->peer[i], uv, RTCP);
	}
	if (err) {
		relay_close(r);
		return err;
	}
	*rp = r;
	return 0;
}

void relay_change(struct relay *r, unsigned side, const struct relay_side *to)
{
	struct peer *p = &r->peer[side];

	/* The same place said again is no reason to learn it anew. */
	if (!strcmp(p->side.addr, to->addr) && p->side.port == to->port) {
		p->side.hears = to->hears;
		p->side.speaks = to->speaks;
		memcpy(p->side.map, to->map, sizeof(p->side.map));
		return;
	}
	take_side(p, to);
}

void relay_count(const struct relay *r, struct relay_count *n)
{
	*n = r->n;
}

void relay_close(struct relay *r)
{
	const unsigned handles = r ? r->handles : 0;
	unsigned n = 0;

	if (!r)
		return;
	if (!handles) {
		free(r);
		return;
	}
	/* In the order in which they were made. */
	for (unsigned i = 0; i < 2; i++) {
		for (int kind = RTP; kind < KINDS && n < handles; kind++) {
			uv_poll_t *h = &r->peer[i].poll[kind];

			n++;
			uv_poll_stop(h);
			/* Nobody reads it now: it need not keep much. */
			set_buffer(kind == RTP ? r->peer[i].side.rtp
				   : r->peer[i].side.rtcp, IDLE_BUFFER);
			uv_close((uv_handle_t *)h, on_closed);
		}
	}
}
