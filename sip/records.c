#include "records.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include <ares.h>
#include <ares_dns.h>

#include "core/log.h"
#include "core/loop.h"

/* Names kept, and questions under way; both bound what strangers can ask. */
#define RECORDS_MAX 256
#define ASKING_MAX 64

/* A server that is silent: once more after 1.2 s, given up after 3.6 s. */
#define TRY_MS 1200
#define TRIES 2

/* Nothing there is kept for 5 s, a failure of the DNS itself for 1 s; what is
 * there never longer than an hour. */
#define NOTHING_MS 5000
#define FAILURE_MS 1000
#define TTL_MAX 3600

/* resolv.conf may change while the node runs. */
#define CHANNEL_MS 60000

#define DNS_IN 1
#define DNS_SRV 33

struct socket {
	uv_poll_t poll;
	ares_socket_t fd;
	struct records *records;
	struct socket *next;
};

struct question {
	struct records *records;
	struct record *record;
};

struct records {
	struct loop *loop;
	int family;
	void (*h)(void *arg);
	void *arg;
	ares_channel channel;
	bool open, closing;
	uint64_t opened;
	struct socket *sockets;
	struct timer timer;
	struct record *list[RECORDS_MAX];
	size_t count, asking;
};

/* c-ares on the loop */

static void on_close(uv_handle_t *h)
{
	free(h->data);
}

static void drop(struct socket **sp)
{
	struct socket *s = *sp;

	*sp = s->next;
	uv_poll_stop(&s->poll);
	s->poll.data = s;
	uv_close((uv_handle_t *)&s->poll, on_close);
}

static void rearm(struct records *r)
{
	struct timeval tv, *left = NULL;

	if (r->open && r->asking)
		left = ares_timeout(r->channel, NULL, &tv);
	if (left)
		timer_start(&r->timer, (uint64_t)left->tv_sec * 1000 +
			    (uint64_t)left->tv_usec / 1000 + 1);
	else
		timer_stop(&r->timer);
}

static void on_poll(uv_poll_t *h, int status, int events)
{
	struct socket *s = h->data;
	struct records *r = s->records;
	const ares_socket_t fd = s->fd;

	/* An error is found by reading. */
	ares_process_fd(r->channel,
			status || (events & UV_READABLE) ? fd : ARES_SOCKET_BAD,
			events & UV_WRITABLE ? fd : ARES_SOCKET_BAD);
	rearm(r);
}

static void on_timer(void *arg)
{
	struct records *r = arg;

	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	rearm(r);
}

static void on_socket(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct records *r = arg;
	struct socket **sp = &r->sockets, *s;

	while (*sp && (*sp)->fd != fd)
		sp = &(*sp)->next;
	if (!readable && !writable) {
		if (*sp)
			drop(sp);
		return;
	}
	if (!*sp) {
		s = calloc(1, sizeof(*s));
		if (!s || uv_poll_init(loop_uv(r->loop), &s->poll, fd)) {
			free(s);
			return;		/* it will run into its timeout */
		}
		s->fd = fd;
		s->records = r;
		s->poll.data = s;
		*sp = s;
	}
	uv_poll_start(&(*sp)->poll, (readable ? UV_READABLE : 0) |
		      (writable ? UV_WRITABLE : 0), on_poll);
}

static void close_channel(struct records *r)
{
	if (r->open)
		ares_destroy(r->channel);
	r->open = false;
	while (r->sockets)
		drop(&r->sockets);
}

static int open_channel(struct records *r)
{
	const char *servers = getenv("TANDEM_DNS");
	struct ares_options o = {
		.timeout = TRY_MS, .tries = TRIES,
		.sock_state_cb = on_socket, .sock_state_cb_data = r,
	};
	int err;

	if (r->open && (r->asking || loop_now(r->loop) - r->opened <
			CHANNEL_MS))
		return 0;
	close_channel(r);
	if (ares_init_options(&r->channel, &o, ARES_OPT_TIMEOUTMS |
			      ARES_OPT_TRIES | ARES_OPT_SOCK_STATE_CB))
		return UV_ENOMEM;
	r->open = true;
	r->opened = loop_now(r->loop);
	if (servers && *servers) {
		err = ares_set_servers_ports_csv(r->channel, servers);
		if (err)
			log_warn("TANDEM_DNS \"%s\": %s; resolv.conf's servers "
				 "are asked", servers, ares_strerror(err));
	}
	return 0;
}

/* answers */

static void done(struct question *q, uint64_t ms)
{
	struct records *r = q->records;
	struct record *rec = q->record;

	free(q);
	r->asking--;
	rec->asking = false;
	rec->done = loop_now(r->loop);
	rec->expires = rec->done + ms;
	if (!r->closing)
		r->h(r->arg);
}

static uint64_t without(int status)
{
	return status == ARES_ENOTFOUND || status == ARES_ENODATA
		? NOTHING_MS : FAILURE_MS;
}

/* The least time to live of an answer's records, in seconds; c-ares does not
 * tell that of SRV records. */
static unsigned least_ttl(const unsigned char *buf, int len)
{
	const unsigned char *p = buf + 12, *end = buf + len;
	unsigned ttl = TTL_MAX, n;
	char *name;
	long used;

	if (len < 12)
		return 0;
	for (n = DNS_HEADER_QDCOUNT(buf) + DNS_HEADER_ANCOUNT(buf); n; n--) {
		const bool question = n > DNS_HEADER_ANCOUNT(buf);

		if (ares_expand_name(p, buf, len, &name, &used))
			return 0;
		ares_free_string(name);
		p += used;
		if (end - p < (question ? 4 : 10))
			return 0;
		if (question) {
			p += 4;
			continue;
		}
		if (DNS_RR_TTL(p) < ttl)
			ttl = DNS_RR_TTL(p);
		used = 10 + DNS_RR_LEN(p);
		if (end - p < used)
			return 0;
		p += used;
	}
	return ttl;
}

static void on_srv(void *arg, int status, int timeouts, unsigned char *buf,
		   int len)
{
	struct question *q = arg;
	struct record *rec = q->record;
	struct ares_srv_reply *list = NULL, *a;

	(void)timeouts;
	if (!status)
		status = ares_parse_srv_reply(buf, len, &list);
	if (status) {
		done(q, without(status));
		return;
	}
	for (a = list; a && rec->count < VALUES_MAX; a = a->next) {
		struct srv *s = &rec->v.srv[rec->count];

		/* A single dot: decidedly not there (RFC 2782). */
		if (!*a->host || !strcmp(a->host, ".") ||
		    strlen(a->host) >= NAME_SIZE || !a->port)
			continue;
		s->priority = a->priority;
		s->weight = a->weight;
		s->port = a->port;
		strcpy(s->target, a->host);
		rec->count++;
	}
	ares_free_data(list);
	done(q, least_ttl(buf, len) * UINT64_C(1000));
}

static void add_address(struct record *rec, const struct sockaddr *sa)
{
	struct address *a = &rec->v.address[rec->count];

	if (rec->count == VALUES_MAX)
		return;
	a->family = sa->sa_family;
	if (sa->sa_family == AF_INET)
		memcpy(a->bytes, &((const struct sockaddr_in *)sa)->sin_addr,
		       4);
	else if (sa->sa_family == AF_INET6)
		memcpy(a->bytes, &((const struct sockaddr_in6 *)sa)->sin6_addr,
		       16);
	else
		return;
	rec->count++;
}

static void on_address(void *arg, int status, int timeouts,
		       struct ares_addrinfo *info)
{
	struct question *q = arg;
	int ttl = TTL_MAX;

	(void)timeouts;
	if (status || !info) {
		done(q, without(status));
		return;
	}
	for (struct ares_addrinfo_node *n = info->nodes; n; n = n->ai_next) {
		add_address(q->record, n->ai_addr);
		if (n->ai_ttl < ttl)
			ttl = n->ai_ttl;
	}
	for (struct ares_addrinfo_cname *c = info->cnames; c; c = c->next)
		if (c->ttl < ttl)
			ttl = c->ttl;
	ares_freeaddrinfo(info);
	done(q, q->record->count ? (ttl > 0 ? (uint64_t)ttl * 1000 : 0)
				 : NOTHING_MS);
}

static int ask(struct records *r, struct record *rec)
{
	const struct ares_addrinfo_hints hints = {
		.ai_family = r->family, .ai_flags = ARES_AI_NOSORT,
		.ai_socktype = SOCK_STREAM,
	};
	struct question *q;

	if (r->asking >= ASKING_MAX)
		return UV_EAGAIN;
	if (open_channel(r))
		return UV_ENOMEM;
	q = malloc(sizeof(*q));
	if (!q)
		return UV_ENOMEM;

	*q = (struct question){ r, rec };
	rec->asking = true;
	rec->count = 0;
	r->asking++;
	if (rec->kind == RECORD_SRV)
		ares_query(r->channel, rec->name, DNS_IN, DNS_SRV, on_srv, q);
	else
		ares_getaddrinfo(r->channel, rec->name, NULL, &hints,
				 on_address, q);
	rearm(r);
	return 0;
}

/* what is kept */

static struct record *find(struct records *r, enum record_kind kind,
			   const char *name)
{
	for (size_t i = 0; i < r->count; i++)
		if (r->list[i]->kind == kind &&
		    !strcasecmp(r->list[i]->name, name))
			return r->list[i];
	return NULL;
}

/* A new one, in the place of the one that ends first if there is no room. */
static struct record *make(struct records *r, enum record_kind kind,
			   const char *name)
{
	struct record *rec = NULL;

	if (r->count < RECORDS_MAX) {
		rec = malloc(sizeof(*rec));
		if (!rec)
			return NULL;
		r->list[r->count++] = rec;
	} else {
		for (size_t i = 0; i < r->count; i++)
			if (!r->list[i]->asking &&
			    (!rec || r->list[i]->expires < rec->expires))
				rec = r->list[i];
		if (!rec)
			return NULL;
	}
	*rec = (struct record){ .kind = kind };
	strcpy(rec->name, name);
	return rec;
}

const struct record *records_get(struct records *r, enum record_kind kind,
				 const char *name, uint64_t since)
{
	struct record *rec;

	if (strlen(name) >= NAME_SIZE)
		return NULL;
	rec = find(r, kind, name);
	if (rec && (rec->asking || loop_now(r->loop) < rec->expires ||
		    rec->done >= since))
		return rec;
	if (!rec)
		rec = make(r, kind, name);
	return rec && !ask(r, rec) ? rec : NULL;
}

int records_open(struct records **rp, struct loop *loop, int family,
		 void (*h)(void *arg), void *arg)
{
	struct records *r = calloc(1, sizeof(*r));

	if (!r)
		return UV_ENOMEM;
	r->loop = loop;
	r->family = family;
	r->h = h;
	r->arg = arg;
	timer_init(&r->timer, loop, on_timer, r);
	*rp = r;
	return 0;
}

void records_close(struct records *r)
{
	if (!r)
		return;

	r->closing = true;
	timer_stop(&r->timer);
	close_channel(r);
	for (size_t i = 0; i < r->count; i++)
		free(r->list[i]);
	free(r);
}
