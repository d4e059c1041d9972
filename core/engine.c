#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "engine_i.h"

static const char *const ender_names[] = {
	[BY_NOBODY] = NULL, [BY_CUSTOMER] = "customer",
	[BY_AGENT] = "agent", [BY_BOT] = "bot", [BY_CONTROL] = "control",
	[BY_NODE] = "node",
};

const char *ender_name(enum ender by)
{
	return ender_names[by];
}

uint64_t engine_timer(const struct engine *e, enum timer_id id)
{
	return e->config->timers[id];
}

/* the table of calls: its keys are their numbers, which end their ids */

void engine_add(struct engine *e, struct call *c)
{
	struct call **b;

	c->number = ++e->next_id;
	b = &e->bucket[c->number & (CALL_BUCKETS - 1)];
	c->hash = *b;
	*b = c;
	c->prev = e->last;
	if (e->last)
		e->last->next = c;
	else
		e->first = c;
	e->last = c;
	e->calls++;
	e->count.calls++;
}

void engine_remove(struct engine *e, struct call *c)
{
	struct call **p = &e->bucket[c->number & (CALL_BUCKETS - 1)];

	while (*p != c)
		p = &(*p)->hash;
	*p = c->hash;
	if (c->prev)
		c->prev->next = c->next;
	else
		e->first = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		e->last = c->prev;
	e->calls--;
}

/* The number in an id of this boot, or 0. */
static uint64_t number_of(const struct engine *e, const char *id)
{
	const char *boot = event_bus_boot(e->bus);
	const size_t len = strlen(boot);
	unsigned long long n;
	char *end;

	if (strncmp(id, boot, len) || id[len] != '-' || id[len + 1] < '1' ||
	    id[len + 1] > '9')
		return 0;
	n = strtoull(id + len + 1, &end, 10);
	return *end ? 0 : n;
}

struct call *engine_call(struct engine *e, const char *id)
{
	const uint64_t n = number_of(e, id);
	struct call *c;

	if (!n)
		return NULL;
	for (c = e->bucket[n & (CALL_BUCKETS - 1)]; c; c = c->hash)
		if (c->number == n)
			return c;
	return NULL;
}

bool engine_call_is_gone(const struct engine *e, const char *id)
{
	const uint64_t n = number_of(e, id);

	return n && n <= e->next_id && !engine_call((struct engine *)e, id);
}

void engine_each(struct engine *e, void (*h)(struct call *c, void *arg),
		 void *arg)
{
	struct call *c, *next;

	/* A call is freed at the end of the turn, so `next` stays valid. */
	for (c = e->first; c; c = next) {
		next = c->next;
		h(c, arg);
	}
}

size_t engine_calls(const struct engine *e)
{
	return e->calls;
}

const struct engine_counters *engine_counters(const struct engine *e)
{
	return &e->count;
}

json_t *engine_stats(struct engine *e)
{
	const struct engine_counters *n = &e->count;
	size_t legs = 0, transactions = 0;

	if (e->signalling)
		e->signalling->ops->count(e->signalling, &legs,
					  &transactions);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, s:I, "
			 "s:I, s:I, s:b}",
			 "calls", (json_int_t)e->calls,
			 "legs", (json_int_t)legs,
			 "transactions", (json_int_t)transactions,
			 "timers", (json_int_t)loop_timers(e->loop),
			 "media_ports", (json_int_t)media_in_use(e->media),
			 "calls_total", (json_int_t)n->calls,
			 "calls_refused", (json_int_t)n->refused,
			 "calls_answered", (json_int_t)n->answered,
			 "transfers_total", (json_int_t)n->transfers,
			 "transfers_succeeded",
			 (json_int_t)n->transfers_succeeded,
			 "script_errors", (json_int_t)n->script_errors,
			 "cdr_lost", (json_int_t)n->cdr_lost,
			 "draining", e->draining);
}

/* admission */

struct entry {
	const struct trunk *trunk;
	struct channel *channel;
	const char *name;
	struct bot *bot;
};

/* Tells that calls are refused; once a second is enough to know it. */
static void overload(struct engine *e, enum event_type type, const char *bot,
		     const char *reason)
{
	const uint64_t now = loop_now(e->loop);
	struct event ev = { .type = type };

	if (e->overload_at && now - e->overload_at < 1000)
		return;
	e->overload_at = now ? now : 1;
	event_string(&ev, "bot", bot);
	event_emit(e->bus, &ev);
	log_warn("new calls are refused: %s", reason);
}

void engine_overload(struct engine *e, const char *reason)
{
	overload(e, EV_OVERLOAD, NULL, reason);
}

static bool take_token(struct engine *e)
{
	const uint64_t now = loop_now(e->loop), cps = e->config->cps;
	const uint64_t most = cps * 1000;

	if (!cps)
		return true;
	e->tokens += (now - e->tokens_at) * cps;
	e->tokens_at = now;
	if (e->tokens > most)
		e->tokens = most;
	if (e->tokens < 1000)
		return false;
	e->tokens -= 1000;
	return true;
}

/*
 * Behind a balancer all calls come from one address: it says whose they are.
 * From anybody else the header means nothing.
 */
static const struct trunk *trunk_of(const struct engine *e,
				    const struct leg_invite *inv)
{
	const char *name = NULL;

	if (!config_is_proxy(e->config, inv->source))
		return config_trunk_by_source(e->config, inv->source);
	for (unsigned i = 0; i < inv->header_count; i++) {
		if (strcasecmp(inv->headers[i].name, "X-Tandem-Trunk"))
			continue;
		if (name)
			return NULL;	/* one of them is the caller's own */
		name = inv->headers[i].value;
	}
	return name ? config_trunk(e->config, name) : NULL;
}

/* Who takes the call: 0, or the status that refuses it. */
static int find_entry(struct engine *e, const struct leg_invite *inv,
		      struct entry *en)
{
	en->trunk = trunk_of(e, inv);
	if (!en->trunk && (!e->config->accept_any ||
			   config_is_proxy(e->config, inv->source)))
		return 403;
	en->channel = config_channel_for(e->config, en->trunk,
					 inv->request_user);
	en->name = en->channel ? en->channel->bot : e->config->default_bot;
	en->bot = en->name ? e->bot(e->arg, en->name) : NULL;
	return en->bot ? 0 : 404;
}

static int refuse(struct engine *e, int status)
{
	e->count.refused++;
	return status;
}

static int on_admit(void *arg, const struct leg_invite *inv, int *retry_after)
{
	struct engine *e = arg;
	struct entry en;
	int status = find_entry(e, inv, &en);

	if (status)
		return refuse(e, status);
	if (inv->offer && (inv->offer->secure || !inv->offer->port))
		return refuse(e, 488);
	if (e->draining || e->closing) {
		*retry_after = 5;
		return refuse(e, 503);
	}
	if (en.channel && en.channel->lines &&
	    en.channel->calls >= en.channel->lines)
		return refuse(e, 486);
	if ((e->config->calls && e->calls >= e->config->calls) ||
	    !take_token(e)) {
		*retry_after = 5;
		overload(e, EV_OVERLOAD, NULL,
			 e->config->calls && e->calls >= e->config->calls
			 ? "limits.calls is reached"
			 : "limits.cps is reached");
		return refuse(e, 503);
	}
	return 0;
}

static void on_invite(void *arg, struct leg *leg,
		      const struct leg_invite *inv)
{
	struct engine *e = arg;
	struct entry en;
	struct call *c;
	int status = find_entry(e, inv, &en);
	int rc = status ? UV_EINVAL
			: call_new(&c, e, leg, inv, en.trunk, en.channel,
				   en.bot);

	if (!rc)
		return;

	if (rc == UV_ENOMEM)
		overload(e, EV_BOT_LIMIT, en.name, "limits.bot_memory is "
			 "reached");
	log_warn("a call from %s cannot be taken: %s", inv->from_uri,
		 uv_strerror(rc));
	leg_reject(leg, status ? status : 503, NULL, status ? 0 : 5);
	leg_end(leg, NULL);
	e->count.refused++;
}

static bool on_draining(void *arg)
{
	const struct engine *e = arg;

	return e->draining;
}

const struct signalling_handlers engine_signalling = {
	.admit = on_admit,
	.invite = on_invite,
	.draining = on_draining,
};

/* life */

static void hang_up(struct call *c, void *arg)
{
	const enum ender *by = arg;

	call_hangup(c, *by, NULL);
}

void engine_hangup_all(struct engine *e, enum ender by)
{
	engine_each(e, hang_up, &by);
}

static void on_drain(void *arg)
{
	log_warn("timer drain: the calls that are left are hung up");
	engine_hangup_all(arg, BY_NODE);
}

void engine_drain(struct engine *e)
{
	struct event ev = { .type = EV_NODE_DRAINING };

	if (e->draining)
		return;
	e->draining = true;
	event_emit(e->bus, &ev);
	timer_start(&e->drain, engine_timer(e, TIMER_DRAIN));
}

bool engine_draining(const struct engine *e)
{
	return e->draining;
}

void engine_set_signalling(struct engine *e, struct signalling *s)
{
	e->signalling = s;
}

int engine_open(struct engine **ep, const struct engine_options *o)
{
	struct engine *e = calloc(1, sizeof(*e));

	if (!e)
		return UV_ENOMEM;

	e->loop = o->loop;
	e->config = o->config;
	e->bus = o->bus;
	e->media = o->media;
	e->signalling = o->signalling;
	e->bot = o->bot;
	e->arg = o->arg;
	e->bot_ops = o->bot_ops;
	e->cdr = o->cdr;
	e->tokens = o->config->cps * 1000;
	e->tokens_at = loop_now(o->loop);
	timer_init(&e->drain, e->loop, on_drain, e);
	*ep = e;
	return 0;
}

void engine_close(struct engine *e)
{
	if (!e)
		return;

	e->closing = true;
	timer_stop(&e->drain);
	engine_hangup_all(e, BY_NODE);
	/* Bots are not waited for: their last events run in this turn, and
	 * whatever still waits then is ended. */
	loop_turn(e->loop);
	while (e->first)
		call_end_now(e->first);
	loop_turn(e->loop);
	free(e);
}
