/*
 * What stands between the engine and the bot: it passes everything on, and
 * knows which session is the call's, so that a test can ask what it keeps.
 */
#include <stdio.h>
#include <stdlib.h>

#include "play_i.h"

static int on_act(void *arg, struct action *a, struct action_error *err)
{
	struct play *p = arg;

	return p->real->act(p->real_arg, a, err);
}

static void on_idle(void *arg)
{
	struct play *p = arg;

	p->real->idle(p->real_arg);
}

static void keep(struct play *p)
{
	json_decref(p->data);
	p->data = p->session && p->session->ops->inspect
		? p->session->ops->inspect(p->session) : NULL;
}

static void on_drained(void *arg)
{
	struct play *p = arg;

	keep(p);
	p->session = NULL;
	p->real->drained(p->real_arg);
}

static void on_state(void *arg, const char *path)
{
	struct play *p = arg;

	p->real->state(p->real_arg, path);
}

static void on_error(void *arg, const struct bot_error *e)
{
	struct play *p = arg;

	p->real->error(p->real_arg, e);
}

static const struct session_handlers handlers = {
	.act = on_act, .idle = on_idle, .drained = on_drained,
	.state = on_state, .error = on_error,
};

static int shim_open(struct bot *bot, const struct bot_call *call,
		     const struct session_handlers *h, void *arg,
		     struct session **sp)
{
	struct play *p = (struct play *)bot;
	int rc;

	p->real = h;
	p->real_arg = arg;
	snprintf(p->state, sizeof(p->state), "/");
	rc = p->scripting->ops->open(p->bot, call, &handlers, p, sp);
	p->session = rc ? NULL : *sp;
	return rc;
}

/* The engine opens sessions and nothing else. */
const struct bot_ops play_bot_ops = { .open = shim_open };

json_t *play_data(struct play *p)
{
	if (p->session && play_calls(p))
		keep(p);
	return json_incref(p->data);
}
