/*
 * What a bot asks outside of its call: HTTP servers and services, played by
 * answers that the owner of the play has given before.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/fetch/fetch.h"
#include "core/reach.h"
#include "play_i.h"

#define USUAL_MS 50	/* until an answer comes, unless said */

/* An answer for whoever asks so; the last that fits counts. */
struct reply {
	struct reply *next;
	bool http;
	char *name, *method;	/* URL or service; "": any method */
	json_t *result;		/* NULL: it fails with `reason` */
	char reason[64];
	uint64_t after_ms;
};

/* Somebody waits. */
struct asked {
	struct errand e;		/* head: what the asker holds */
	struct asked *next;
	struct play *p;
	struct timer timer;
	errand_h *h;
	void *arg;
	json_t *result;
	char reason[64];
};

static void asked_free(struct asked *a)
{
	struct asked **link = &a->p->waiting;

	while (*link != a)
		link = &(*link)->next;
	*link = a->next;
	timer_stop(&a->timer);
	json_decref(a->result);
	free(a);
}

static void cancel(struct errand *e)
{
	asked_free((struct asked *)e);
}

static void on_answer(void *arg)
{
	struct asked *a = arg;
	struct play *p = a->p;
	errand_h *h = a->h;
	void *harg = a->arg;
	json_t *result = json_incref(a->result);
	char reason[64];

	snprintf(reason, sizeof(reason), "%s", a->reason);
	asked_free(a);
	if (result)
		play_tell(p, NOTE_PEER, "the answer comes");
	else
		play_tell(p, NOTE_PEER, "no answer: %s", reason);
	h(result, result ? NULL : reason, harg);
	json_decref(result);
}

static bool fits(const char *pattern, const char *name)
{
	const size_t n = strlen(pattern);

	if (n && pattern[n - 1] == '*')
		return !strncmp(pattern, name, n - 1);
	return !strcmp(pattern, name);
}

static const struct reply *find(const struct play *p, bool http,
				const char *name, const char *method)
{
	for (const struct reply *r = p->replies; r; r = r->next)
		if (r->http == http && fits(r->name, name) &&
		    (!*r->method || !strcmp(r->method, method)))
			return r;
	return NULL;
}

static int wait_for(struct play *p, const struct reply *r, uint64_t ms,
		    errand_h *h, void *arg, struct errand **ep)
{
	const int odd = p->o.odd ? p->o.odd->outside : 0;
	struct asked *a = calloc(1, sizeof(*a));
	uint64_t after = r ? r->after_ms : USUAL_MS;

	if (!a)
		return UV_ENOMEM;
	a->e.cancel = cancel;
	a->p = p;
	a->h = h;
	a->arg = arg;
	if (r && r->result && odd <= 0)
		a->result = json_incref(r->result);
	snprintf(a->reason, sizeof(a->reason), "%s", !r || odd == 1 ?
		 "unreachable" : r->reason);
	if (odd == 2 || after > ms) {
		after = ms;
		json_decref(a->result);
		a->result = NULL;
		snprintf(a->reason, sizeof(a->reason), "timeout");
	}
	a->next = p->waiting;
	p->waiting = a;
	timer_init(&a->timer, p->loop, on_answer, a);
	timer_start(&a->timer, after);
	*ep = &a->e;
	return 0;
}

static void keep(struct play *p, bool http, const char *name,
		 const char *method, json_t *data)
{
	struct play_ask *all = realloc(p->asks, (p->ask_count + 1) *
				       sizeof(*all));
	char *text = json_dumps(data, JSON_COMPACT | JSON_ENCODE_ANY);

	if (!all)
		abort();
	p->asks = all;
	all[p->ask_count++] = (struct play_ask){
		.http = http, .name = strdup(name), .method = strdup(method),
		.data = json_incref(data),
	};
	play_tell(p, NOTE_PEER, "the bot asks %s%s%s %s", http ? method : name,
		  http ? " " : ".", http ? name : method, text ? text : "");
	free(text);
}

/* What the body of a request says, as JSON if it is. */
static json_t *body_of(const struct fetch_request *r)
{
	json_t *v = r->body ? json_loadb(r->body, r->len, 0, NULL) : NULL;

	if (!v && r->body)
		v = json_stringn(r->body, r->len);
	return v ? v : json_object();
}

static int http(void *arg, const struct fetch_request *r, errand_h *h,
		void *harg, struct errand **ep, char *err, size_t size)
{
	struct play *p = arg;
	json_t *body = body_of(r);

	(void)err;
	(void)size;
	keep(p, true, r->url, r->method, body);
	json_decref(body);
	return wait_for(p, find(p, true, r->url, r->method), r->ms, h, harg,
			ep);
}

static int request(void *arg, const char *service, const char *method,
		   json_t *params, uint64_t ms, errand_h *h, void *harg,
		   struct errand **ep)
{
	struct play *p = arg;
	const struct reply *r = find(p, false, service, method);
	json_t *data = params ? json_incref(params) : json_object();

	keep(p, false, service, method, data);
	json_decref(data);
	return r ? wait_for(p, r, ms, h, harg, ep) : UV_ENOENT;
}

void outside_open(struct play *p, struct reach *r)
{
	r->http = http;
	r->request = request;
	r->http_arg = r->request_arg = p;
}

void outside_close(struct play *p)
{
	while (p->waiting)
		asked_free(p->waiting);
	while (p->replies) {
		struct reply *r = p->replies;

		p->replies = r->next;
		free(r->name);
		free(r->method);
		json_decref(r->result);
		free(r);
	}
	for (size_t i = 0; i < p->ask_count; i++) {
		free(p->asks[i].name);
		free(p->asks[i].method);
		json_decref(p->asks[i].data);
	}
	free(p->asks);
}

void play_reply(struct play *p, const struct play_reply *from)
{
	struct reply *r = calloc(1, sizeof(*r));

	if (!r)
		abort();
	r->http = from->http;
	r->name = strdup(from->name);
	r->method = strdup(from->method ? from->method : "");
	r->result = json_incref(from->result);
	r->after_ms = from->after_ms;
	snprintf(r->reason, sizeof(r->reason), "%s",
		 from->reason ? from->reason : "unreachable");
	r->next = p->replies;
	p->replies = r;
}

size_t play_asks(const struct play *p)
{
	return p->ask_count;
}

struct play_ask *play_ask(struct play *p, size_t i)
{
	return i < p->ask_count ? &p->asks[i] : NULL;
}
