#include "fake_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

struct engine fake;

void fake_reset(void)
{
	for (int i = 0; i < FAKE_CALLS; i++)
		free(fake.calls[i].data);
	memset(&fake, 0, sizeof(fake));
	for (int i = 0; i < FAKE_CALLS; i++) {
		snprintf(fake.calls[i].id, sizeof(fake.calls[i].id), "c%d", i);
		fake.calls[i].live = i > 0;
	}
}

size_t engine_calls(const struct engine *e)
{
	size_t n = 0;

	for (int i = 0; i < FAKE_CALLS; i++)
		n += e->calls[i].live;
	return n;
}

bool engine_draining(const struct engine *e)
{
	(void)e;
	return false;
}

json_t *engine_stats(struct engine *e)
{
	return json_pack("{s:I}", "calls", (json_int_t)engine_calls(e));
}

struct call *engine_call(struct engine *e, const char *id)
{
	for (int i = 0; i < FAKE_CALLS; i++)
		if (e->calls[i].live && !strcmp(e->calls[i].id, id))
			return &e->calls[i];
	return NULL;
}

bool engine_call_is_gone(const struct engine *e, const char *id)
{
	for (int i = 0; i < FAKE_CALLS; i++)
		if (!strcmp(e->calls[i].id, id))
			return !e->calls[i].live;
	return false;
}

void engine_each(struct engine *e, void (*h)(struct call *c, void *arg),
		 void *arg)
{
	for (int i = 0; i < FAKE_CALLS; i++)
		if (e->calls[i].live)
			h(&e->calls[i], arg);
}

const char *call_id(const struct call *c)
{
	return c->id;
}

json_t *call_describe(const struct call *c)
{
	static char big[FAKE_BIG];

	if (!fake.big)
		return json_pack("{s:s, s:s}", "call", c->id, "from", "a");
	memset(big, 'x', fake.big);
	return json_pack("{s:s, s:s%}", "call", c->id, "from", big, fake.big);
}

int call_act(struct call *c, enum ender by, struct action *a,
	     struct action_error *err, const char **transfer)
{
	if (by != BY_CONTROL || a->type != ACT_SWITCH)
		abort();
	if (c->busy) {
		snprintf(err->text, sizeof(err->text),
			 "a transfer is under way");
		action_free(a);
		return UV_EBUSY;
	}
	c->switches++;
	snprintf(c->number, sizeof(c->number), "%s",
		 a->sw->targets[0].number ? a->sw->targets[0].number : "");
	c->timeout_ms = a->sw->timeout_ms;
	snprintf(fake.transfer, sizeof(fake.transfer), "%s-t%d", c->id,
		 c->switches);
	*transfer = fake.transfer;
	action_free(a);
	return 0;
}

int call_event(struct call *c, const char *name, json_t *data)
{
	snprintf(c->event, sizeof(c->event), "%s", name);
	free(c->data);
	c->data = data ? json_dumps(data, JSON_ENCODE_ANY | JSON_COMPACT) :
		NULL;
	return 0;
}

int call_cancel(struct call *c, enum ender by)
{
	if (by != BY_CONTROL)
		abort();
	if (!c->busy)
		return UV_ESRCH;
	c->busy = false;
	return 0;
}

void call_hangup(struct call *c, enum ender by, const char *reason)
{
	if (by != BY_CONTROL)
		abort();
	snprintf(c->reason, sizeof(c->reason), "%s", reason ? reason : "");
	c->hangups++;
	c->live = false;
}
