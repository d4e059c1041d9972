/* All requests: curl's multi interface, driven by our loop. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/log.h"
#include "fetch_i.h"

#define CONNECTIONS_KEPT 32L

/* A socket of curl's on the loop. */
struct watch {
	uv_poll_t poll;
	struct fetcher *f;
	curl_socket_t fd;
};

/* ---- how a request ends ---- */

static void unlink_fetch(struct fetch *q)
{
	timer_stop(&q->deadline);
	curl_multi_remove_handle(q->f->multi, q->easy);
	*q->prev = q->next;
	if (q->next)
		q->next->prev = q->prev;
	q->f->stats.under_way--;
}

static void finish(struct fetch *q, json_t *result, const char *reason)
{
	errand_h *h = q->h;
	void *arg = q->arg;

	if (!result)
		q->f->stats.failed++;
	unlink_fetch(q);
	fetch_free(q);
	h(result, reason, arg);
	json_decref(result);
}

static const char *reason_of(const struct fetch *q, CURLcode rc)
{
	if (q->broken)
		return q->broken;
	switch (rc) {
	case CURLE_OPERATION_TIMEDOUT:
		return "timeout";
	case CURLE_COULDNT_CONNECT:
		return q->refused ? "not_allowed" : "unreachable";
	case CURLE_COULDNT_RESOLVE_HOST:
		return "unreachable";
	case CURLE_SSL_CONNECT_ERROR:
	case CURLE_PEER_FAILED_VERIFICATION:
	case CURLE_SSL_CERTPROBLEM:
	case CURLE_SSL_CIPHER:
	case CURLE_SSL_CACERT_BADFILE:
	case CURLE_SSL_ISSUER_ERROR:
	case CURLE_SSL_INVALIDCERTSTATUS:
		return "tls";
	case CURLE_OUT_OF_MEMORY:
		return "limit";
	default:
		return "invalid";	/* not HTTP, or it ended in between */
	}
}

static void fail(struct fetch *q, const char *reason, const char *text)
{
	/* The host alone: the rest of a URL may be secret. */
	log_warn("http %s %.200s: %s: %s", q->method, q->host, reason, text);
	finish(q, NULL, reason);
}

/* true: it goes on elsewhere. */
static bool redirected(struct fetch *q)
{
	char *url = NULL, err[300];
	long status = 0;
	int rc;

	curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &status);
	curl_easy_getinfo(q->easy, CURLINFO_REDIRECT_URL, &url);
	if (!url || (status != 301 && status != 302 && status != 303 &&
		     status != 307 && status != 308))
		return false;
	if (++q->redirects > FETCH_REDIRECTS_MAX) {
		fail(q, "redirects", "too many redirects");
		return true;
	}
	/* The text is the handle's, which is about to be set up anew. */
	url = strdup(url);
	curl_multi_remove_handle(q->f->multi, q->easy);
	rc = url ? fetch_redirect(q, status, url, err, sizeof(err))
		 : UV_ENOMEM;
	free(url);
	if (!rc && curl_multi_add_handle(q->f->multi, q->easy))
		rc = UV_ENOMEM;
	if (rc == UV_EACCES)
		fail(q, "not_allowed", err);
	else if (rc)
		fail(q, rc == UV_EINVAL ? "invalid" : "limit",
		     "a redirect that cannot be followed");
	return true;
}

static void done(struct fetch *q, CURLcode rc)
{
	json_t *result;

	if (rc) {
		fail(q, reason_of(q, rc), *q->error ? q->error
		     : curl_easy_strerror(rc));
		return;
	}
	if (redirected(q))
		return;
	result = fetch_result(q);
	finish(q, result, result ? NULL : "limit");
}

static void look(struct fetcher *f)
{
	CURLMsg *m;
	int left;

	while ((m = curl_multi_info_read(f->multi, &left))) {
		struct fetch *q = NULL;
		const CURLcode rc = m->data.result;

		if (m->msg != CURLMSG_DONE)
			continue;
		curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &q);
		done(q, rc);
	}
}

static void on_deadline(void *arg)
{
	struct fetch *q = arg;

	fail(q, "timeout", "no answer in time");
}

static void cancel(struct errand *e)
{
	struct fetch *q = (struct fetch *)e;

	unlink_fetch(q);
	fetch_free(q);
}

/* ---- curl on the loop ---- */

static void act(struct fetcher *f, curl_socket_t fd, int what)
{
	int running;

	curl_multi_socket_action(f->multi, fd, what, &running);
	look(f);
}

static void on_timer(void *arg)
{
	act(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int on_timeout(CURLM *multi, long ms, void *arg)
{
	struct fetcher *f = arg;

	(void)multi;
	if (ms < 0)
		timer_stop(&f->timer);
	else
		timer_start(&f->timer, (uint64_t)ms);
	return 0;
}

static void on_poll(uv_poll_t *poll, int status, int events)
{
	const struct watch *w = poll->data;
	int what = 0;

	if (status < 0)
		what = CURL_CSELECT_ERR;
	if (events & UV_READABLE)
		what |= CURL_CSELECT_IN;
	if (events & UV_WRITABLE)
		what |= CURL_CSELECT_OUT;
	act(w->f, w->fd, what);
}

static void on_closed(uv_handle_t *h)
{
	free(h->data);
}

static struct watch *watch_new(struct fetcher *f, curl_socket_t fd)
{
	struct watch *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->f = f;
	w->fd = fd;
	if (uv_poll_init(loop_uv(f->loop), &w->poll, fd)) {
		free(w);
		return NULL;
	}
	w->poll.data = w;
	curl_multi_assign(f->multi, fd, w);
	return w;
}

static int on_socket_wish(CURL *easy, curl_socket_t fd, int what, void *arg,
			  void *mine)
{
	struct fetcher *f = arg;
	struct watch *w = mine;
	int events = 0;

	(void)easy;
	if (what == CURL_POLL_REMOVE) {
		if (w) {
			curl_multi_assign(f->multi, fd, NULL);
			uv_close((uv_handle_t *)&w->poll, on_closed);
		}
		return 0;
	}
	if (!w && !(w = watch_new(f, fd)))
		return 0;		/* its deadline ends it */
	if (what & CURL_POLL_IN)
		events |= UV_READABLE;
	if (what & CURL_POLL_OUT)
		events |= UV_WRITABLE;
	uv_poll_start(&w->poll, events, on_poll);
	return 0;
}

/* ---- asking ---- */

int fetcher_ask(struct fetcher *f, const struct fetch_request *r, errand_h *h,
		void *arg, struct errand **ep, char *err, size_t size)
{
	struct fetch *q;
	int rc;

	if (!f->hosts.count) {
		snprintf(err, size, "no host may be asked: limits.http_hosts "
			 "is empty");
		return UV_EPERM;
	}
	if (f->stats.under_way >= FETCH_AT_A_TIME) {
		snprintf(err, size, "%d requests are under way",
			 FETCH_AT_A_TIME);
		return UV_EAGAIN;
	}
	q = calloc(1, sizeof(*q));
	if (!q) {
		snprintf(err, size, "out of memory");
		return UV_ENOMEM;
	}
	q->f = f;
	q->errand.cancel = cancel;
	q->h = h;
	q->arg = arg;
	rc = fetch_fill(q, r, err, size);
	if (!rc && curl_multi_add_handle(f->multi, q->easy))
		rc = UV_ENOMEM;
	if (rc) {
		fetch_free(q);
		return rc;
	}
	timer_init(&q->deadline, f->loop, on_deadline, q);
	timer_start(&q->deadline, r->ms);
	q->next = f->first;
	if (q->next)
		q->next->prev = &q->next;
	q->prev = &f->first;
	f->first = q;
	f->stats.under_way++;
	f->stats.requests++;
	*ep = &q->errand;
	return 0;
}

int fetcher_open(struct fetcher **fp, struct loop *loop,
		 const char *const *hosts, size_t count)
{
	struct fetcher *f = calloc(1, sizeof(*f));

	*fp = NULL;
	if (!f)
		return UV_ENOMEM;
	if (curl_global_init(CURL_GLOBAL_DEFAULT)) {
		free(f);
		return UV_ENOMEM;
	}
	f->loop = loop;
	f->hosts = (struct hosts){ hosts, count };
	timer_init(&f->timer, loop, on_timer, f);
	f->multi = curl_multi_init();
	if (!f->multi) {
		curl_global_cleanup();
		free(f);
		return UV_ENOMEM;
	}
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wish);
	curl_multi_setopt(f->multi, CURLMOPT_SOCKETDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERFUNCTION, on_timeout);
	curl_multi_setopt(f->multi, CURLMOPT_TIMERDATA, f);
	curl_multi_setopt(f->multi, CURLMOPT_MAXCONNECTS, CONNECTIONS_KEPT);
	curl_multi_setopt(f->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS,
			  (long)FETCH_AT_A_TIME);
	*fp = f;
	return 0;
}

void fetcher_close(struct fetcher *f)
{
	if (!f)
		return;
	while (f->first)
		cancel(&f->first->errand);
	curl_multi_cleanup(f->multi);
	timer_stop(&f->timer);
	curl_global_cleanup();
	free(f);
}

void fetcher_stats(const struct fetcher *f, struct fetch_stats *s)
{
	*s = f->stats;
}
