#include "resolve.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/loop.h"
#include "records.h"

/* All in all; an attempt has `first_response` (5 s) for name and answer. */
#define LOOKUP_MS 4000
#define LOOKUPS_MAX 1024

/* Servers of one name that are looked at. */
#define SERVERS_MAX 4

enum lookup_state {
	L_SERVICE,		/* SRV is asked for                     */
	L_ADDRESS,		/* the addresses of `server` are        */
};

struct server {
	char name[NAME_SIZE];
	uint16_t port;
};

struct lookup {
	struct resolver *r;
	struct lookup *next, **prev;
	enum lookup_state state;
	char host[NAME_SIZE];
	enum transport by;
	uint64_t started;
	struct server server[SERVERS_MAX];
	size_t servers;
	struct timer timer;
	resolve_h *h;
	void *arg;
};

struct resolver {
	struct loop *loop;
	struct resolver_options o;
	struct records *records;
	struct lookup *lookups;
	size_t count;
	bool changed;
	struct task task;
};

static void unlink_lookup(struct lookup *l)
{
	timer_stop(&l->timer);
	*l->prev = l->next;
	if (l->next)
		l->next->prev = l->prev;
	l->r->count--;
	l->r->changed = true;
}

void resolve_cancel(struct lookup *l)
{
	if (!l)
		return;
	unlink_lookup(l);
	free(l);
}

static void finish(struct lookup *l, const struct route *list, size_t count)
{
	unlink_lookup(l);
	l->h(l->arg, list, count);
	free(l);
}

/*
 * The next server by RFC 2782: of the lowest priority, by weight among those.
 * Takes it from the list.
 */
static struct srv take(struct loop *loop, struct srv *list, size_t *count)
{
	size_t best = 0;
	uint64_t sum = 0, point;
	struct srv s;

	for (size_t i = 1; i < *count; i++)
		if (list[i].priority < list[best].priority)
			best = i;
	for (size_t i = 0; i < *count; i++)
		if (list[i].priority == list[best].priority)
			sum += list[i].weight;
	if (sum) {
		point = loop_random(loop) % sum;
		for (size_t i = 0; i < *count; i++) {
			if (list[i].priority != list[best].priority)
				continue;
			if (point < list[i].weight) {
				best = i;
				break;
			}
			point -= list[i].weight;
		}
	}
	s = list[best];
	memmove(list + best, list + best + 1,
		(*count - best - 1) * sizeof(*list));
	--*count;
	return s;
}

/* `rec` has some. */
static void use(struct lookup *l, const struct record *rec)
{
	struct srv list[VALUES_MAX];
	size_t count = rec->count;

	memcpy(list, rec->v.srv, count * sizeof(*list));
	while (count && l->servers < SERVERS_MAX) {
		const struct srv s = take(l->r->loop, list, &count);

		strcpy(l->server[l->servers].name, s.target);
		l->server[l->servers++].port = s.port;
	}
}

static const struct record *service(struct lookup *l, const char *proto)
{
	char name[NAME_SIZE + 16];

	snprintf(name, sizeof(name), "_sip._%s.%s", proto, l->host);
	return records_get(l->r->records, RECORD_SRV, name, l->started);
}

/* RFC 3263 4.1 without NAPTR: a service is there if its SRV is. UDP comes
 * first, as with addresses. False: not known yet. */
static bool find_servers(struct lookup *l)
{
	const bool may_tcp = l->r->o.tcp && l->by != BY_UDP;
	const struct record *rec;
	bool tcp = false, known = true;

	/* Both are asked at once; each call may forget the record before. */
	if (may_tcp) {
		rec = service(l, "tcp");
		known = !rec || !rec->asking;
		tcp = rec && rec->count;
	}
	if (l->by != BY_TCP) {
		rec = service(l, "udp");
		if (rec && rec->asking)
			known = false;
		else if (known && rec && rec->count) {
			use(l, rec);
			/* A name that has no TCP is never tried by it. */
			if (l->by == BY_ANY && !tcp)
				l->by = BY_UDP;
			return true;
		}
	}
	if (!known)
		return false;
	if (tcp) {
		rec = service(l, "tcp");
		if (rec && !rec->asking)
			use(l, rec);
		l->by = BY_TCP;
	}
	if (!l->servers) {
		strcpy(l->server[0].name, l->host);
		l->server[0].port = 5060;
		l->servers = 1;
	}
	return true;
}

static void add(struct route *r, const struct address *a, uint16_t port,
		enum transport by)
{
	char text[46];

	inet_ntop(a->family, a->bytes, text, sizeof(text));
	snprintf(r->host, sizeof(r->host),
		 a->family == AF_INET6 ? "[%s]" : "%s", text);
	snprintf(r->port, sizeof(r->port), "%u", (unsigned)port);
	r->by = by;
}

static void find_addresses(struct lookup *l)
{
	struct route list[TARGETS_MAX];
	size_t count = 0;
	bool known = true;

	for (size_t i = 0; i < l->servers; i++) {
		const struct record *rec = records_get(l->r->records,
			RECORD_ADDRESS, l->server[i].name, l->started);

		if (rec && rec->asking)
			known = false;
		for (size_t k = 0; rec && !rec->asking && k < rec->count &&
		     count < TARGETS_MAX; k++)
			add(&list[count++], &rec->v.address[k],
			    l->server[i].port, l->by);
	}
	if (known)
		finish(l, list, count);
}

static void step(struct lookup *l)
{
	if (l->state == L_SERVICE && find_servers(l))
		l->state = L_ADDRESS;
	if (l->state == L_ADDRESS)
		find_addresses(l);
}

static void step_all(void *arg)
{
	struct resolver *r = arg;
	struct lookup *l = r->lookups;

	/* A handler may begin and cancel others: then all over again, which is
	 * soon done for those that still wait. */
	while (l) {
		r->changed = false;
		step(l);
		l = r->changed ? r->lookups : l->next;
	}
}

static void on_answer(void *arg)
{
	struct resolver *r = arg;

	task_post(r->loop, &r->task, step_all, r);
}

static void on_timer(void *arg)
{
	finish(arg, NULL, 0);
}

struct lookup *resolve(struct resolver *r, const char *host, uint16_t port,
		       enum transport by, resolve_h *h, void *arg)
{
	struct lookup *l;

	/* 16 more bytes are needed in front of it. */
	if (!r || strlen(host) >= NAME_SIZE - 16 || r->count >= LOOKUPS_MAX)
		return NULL;
	l = calloc(1, sizeof(*l));
	if (!l)
		return NULL;

	l->r = r;
	l->state = port ? L_ADDRESS : L_SERVICE;
	strcpy(l->host, host);
	if (port) {
		strcpy(l->server[0].name, host);
		l->server[0].port = port;
		l->servers = 1;
	}
	l->by = by;
	l->started = loop_now(r->loop);
	l->h = h;
	l->arg = arg;
	timer_init(&l->timer, r->loop, on_timer, l);
	timer_start(&l->timer, LOOKUP_MS);
	l->next = r->lookups;
	if (l->next)
		l->next->prev = &l->next;
	l->prev = &r->lookups;
	r->lookups = l;
	r->count++;
	on_answer(r);		/* what it needs may be known */
	return l;
}

int resolver_open(struct resolver **rp, struct loop *loop,
		  const struct resolver_options *o)
{
	struct resolver *r = calloc(1, sizeof(*r));
	int err;

	if (!r)
		return UV_ENOMEM;
	r->loop = loop;
	r->o = *o;
	err = records_open(&r->records, loop, o->v4 && o->v6 ? AF_UNSPEC :
			   o->v6 ? AF_INET6 : AF_INET, on_answer, r);
	if (err) {
		free(r);
		return err;
	}
	*rp = r;
	return 0;
}

void resolver_close(struct resolver *r)
{
	if (!r)
		return;
	while (r->lookups)
		resolve_cancel(r->lookups);
	task_cancel(r->loop, &r->task);
	records_close(r->records);
	free(r);
}
