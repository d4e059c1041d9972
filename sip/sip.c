#include "sip.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <uv.h>

#include <sofia-sip/su_tagarg.h>

#include "agent.h"
#include "connections.h"
#include "core/log.h"
#include "dialog.h"
#include "drive.h"
#include "fields.h"
#include "guard.h"
#include "logs.h"
#include "resolve.h"

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

static int open_resolver(struct sip *s)
{
	struct resolver_options o = { .tcp = s->tcp };

	for (size_t i = 0; i < s->local_count; i++) {
		o.v4 = o.v4 || s->local[i].family == AF_INET;
		o.v6 = o.v6 || s->local[i].family == AF_INET6;
	}
	return resolver_open(&s->resolver, s->loop, &o);
}

static void destroy(struct sip *s)
{
	resolver_close(s->resolver);
	guard_open(NULL);
	connections_close();
	if (s->agent)
		nta_agent_destroy(s->agent);
	if (s->drive)
		drive_close(s->drive);
	su_home_unref(s->home);
	scratch_free(s->scratch);
	sip_listen_free(s);
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
	/* Three of them are tried before an attempt is given up. */
	s->silence_ms = (o->first_response_ms ? o->first_response_ms : 5000) /
		3;
	s->session_expires_s = o->session_expires_ms ?
		(uint32_t)((o->session_expires_ms + 999) / 1000) : 1800;
	err = o->listen_count && loop_uv(loop) ? 0 : UV_EINVAL;
	if (!err)
		err = guard_open(&s->n);
	if (!err)
		err = connections_open(loop, &s->n);
	if (!err)
		err = drive_open(&s->drive, loop);
	if (err)
		goto out;

	s->root = drive_root(s->drive);
	logs_open();
	err = make_headers(s);
	if (!err)
		err = sip_listen_all(s, o, failed);
	if (!err)
		err = open_resolver(s);
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
