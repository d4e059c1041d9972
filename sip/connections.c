/*
 * Three more functions of sofia's that are ours (see guard.c for how, and why).
 * Its transport layer takes every connection that comes, for ever; and when
 * one breaks under a send it tells all transactions on it, from within: a
 * leg's verb would so call other legs' listeners.
 */
#define _GNU_SOURCE	/* RTLD_NEXT */

#include "connections.h"

#include <dlfcn.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uv.h>

#include <sofia-sip/tport_tag.h>

#include "core/log.h"
#include "core/loop.h"
#include "sip.h"

/* Of all peers, unless descriptors are short, and of one address. */
#define CONNECTIONS_MAX 4096
#define CONNECTIONS_OF_ONE 256

/* Breaks that wait for the end of a turn; one more is told at once. */
#define BREAKS_MAX 64

typedef struct tport_primary tport_primary_t;
typedef tport_t *(alloc_h)(tport_primary_t *, int, int, char const **);
typedef void (zap_h)(tport_t *);
typedef void (report_h)(tport_t *, int, su_sockaddr_t const *);

/* sofia exports them, but in no public header. */
tport_t *tport_alloc_secondary(tport_primary_t *pri, int fd, int accepted,
			       char const **reason);
void tport_zap_secondary(tport_t *self);
void tport_error_report(tport_t *self, int error,
			su_sockaddr_t const *addr);

/** A connection that a peer has opened. */
struct accepted {
	const tport_t *tp;
	su_sockaddr_t from;
};

static struct {
	struct loop *loop;
	struct sip_counters *counters;
	alloc_h *alloc;
	zap_h *zap;
	report_h *report;
	struct accepted *list;
	size_t room, held, most;
	bool sending, broke;
	struct task task;
	size_t count;
	struct {
		tport_t *tp;
		int error;
	} breaks[BREAKS_MAX];
} all;

static void *find(const char *name, void *handle)
{
	return dlsym(handle, name);
}

/* Copied as bytes: C does not convert object to function pointers. */
#define FIND(to, name, handle) do { \
	void *p_ = find(name, handle); \
	memcpy(&(to), &p_, sizeof(p_)); \
} while (0)

static size_t most(void)
{
	struct rlimit limit;

	/* Calls with media need descriptors more than strangers do. */
	if (getrlimit(RLIMIT_NOFILE, &limit) ||
	    limit.rlim_cur / 4 >= CONNECTIONS_MAX)
		return CONNECTIONS_MAX;
	return limit.rlim_cur / 4;
}

int connections_open(struct loop *loop, struct sip_counters *counters)
{
	alloc_h *alloc;
	zap_h *zap;
	report_h *report;

	memset(&all, 0, sizeof(all));
	all.loop = loop;
	all.counters = counters;
	all.most = most();
	FIND(all.alloc, "tport_alloc_secondary", RTLD_NEXT);
	FIND(all.zap, "tport_zap_secondary", RTLD_NEXT);
	FIND(all.report, "tport_error_report", RTLD_NEXT);
	FIND(alloc, "tport_alloc_secondary", RTLD_DEFAULT);
	FIND(zap, "tport_zap_secondary", RTLD_DEFAULT);
	FIND(report, "tport_error_report", RTLD_DEFAULT);
	return all.alloc && all.zap && all.report &&
		alloc == tport_alloc_secondary && zap == tport_zap_secondary &&
		report == tport_error_report ? 0 : UV_ENOSYS;
}

static void tell(void *arg)
{
	const size_t n = all.count;

	(void)arg;
	for (size_t i = 0; i < n; i++) {
		tport_t *tp = all.breaks[i].tp;

		all.report(tp, all.breaks[i].error, NULL);
		tport_unref(tp);
	}
	/* None is added meanwhile: nothing is being sent. */
	memmove(all.breaks, all.breaks + n,
		(all.count - n) * sizeof(*all.breaks));
	all.count -= n;
}

void connections_close(void)
{
	if (!all.loop)
		return;

	task_cancel(all.loop, &all.task);
	tell(NULL);
	free(all.list);
	all.list = NULL;
	all.held = all.room = 0;
	all.loop = NULL;
	all.counters = NULL;
}

void connections_send_begin(void)
{
	all.sending = true;
	all.broke = false;
}

bool connections_send_end(void)
{
	all.sending = false;
	return all.broke;
}

void tport_error_report(tport_t *self, int error, su_sockaddr_t const *addr)
{
	if (!all.sending || !all.loop || !self ||
	    !tport_is_secondary(self) || all.count == BREAKS_MAX) {
		all.report(self, error, addr);
		return;
	}
	all.broke = true;
	all.breaks[all.count].tp = tport_ref(self);
	all.breaks[all.count++].error = error;
	task_post(all.loop, &all.task, tell, NULL);
}

static bool same_address(const su_sockaddr_t *a, const su_sockaddr_t *b)
{
	if (a->su_family != b->su_family)
		return false;
	if (a->su_family == AF_INET6)
		return !memcmp(&a->su_sin6.sin6_addr, &b->su_sin6.sin6_addr,
			       sizeof(a->su_sin6.sin6_addr));
	return a->su_sin.sin_addr.s_addr == b->su_sin.sin_addr.s_addr;
}

static bool too_many(const su_sockaddr_t *from)
{
	size_t alike = 0;

	for (size_t i = 0; i < all.held; i++)
		if (same_address(&all.list[i].from, from))
			alike++;
	return all.held >= all.most || alike >= CONNECTIONS_OF_ONE;
}

static bool grow(void)
{
	const size_t room = all.room ? all.room * 2 : 64;
	struct accepted *list = realloc(all.list, room * sizeof(*list));

	if (!list)
		return false;
	all.list = list;
	all.room = room;
	return true;
}

/* Whether a connection that came in may stay; where it is from. */
static bool welcome(int fd, su_sockaddr_t *from)
{
	socklen_t len = sizeof(*from);

	memset(from, 0, sizeof(*from));
	return !getpeername(fd, &from->su_sa, &len) && !too_many(from) &&
		(all.held < all.room || grow());
}

/*
 * A peer that takes nothing of what was sent for so long is as good as gone:
 * the kernel then resets the connection, also when its window is shut (case
 * T3; see TCP_USER_TIMEOUT in tcp(7)).
 */
static void bound(int fd)
{
	const unsigned ms = CONNECTION_TIMEOUT_MS;
	const int room = CONNECTION_ROOM / 2;	/* which the kernel doubles */

	/* sofia takes what has arrived for one message until it has read it:
	 * more at once than a message may have gets 413 and the end. */
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
	setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &ms, sizeof(ms));
}

tport_t *tport_alloc_secondary(tport_primary_t *pri, int fd, int accepted,
			       char const **reason)
{
	su_sockaddr_t from;
	tport_t *tp;

	if (accepted && !welcome(fd, &from)) {
		if (all.counters)
			all.counters->connections_refused++;
		/* As the library does in case of an error. */
		close(fd);
		*reason = "too many connections";
		return NULL;
	}
	bound(fd);
	tp = all.alloc(pri, fd, accepted, reason);
	if (!tp || !accepted)
		return tp;

	all.list[all.held].tp = tp;
	all.list[all.held++].from = from;
	/* sofia starts a connection's idle timer with its first message: one
	 * that never says anything would stay for ever. */
	tport_set_params(tp, TPTAG_IDLE(CONNECTION_IDLE_MS), TAG_END());
	return tp;
}

void tport_zap_secondary(tport_t *self)
{
	for (size_t i = 0; self && i < all.held; i++) {
		if (all.list[i].tp != self)
			continue;
		all.list[i] = all.list[--all.held];
		break;
	}
	all.zap(self);
}
