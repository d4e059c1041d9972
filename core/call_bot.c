/* What a call's session in its bot asks for and reports. */
#include "engine_i.h"

static int on_act(void *arg, struct action *a, struct action_error *err)
{
	return call_act(arg, BY_BOT, a, err, NULL);
}

static void on_settle(void *arg)
{
	call_output_run(arg);
}

static void on_idle(void *arg)
{
	struct call *c = arg;

	c->session_idle = true;
	if (c->state < CALL_LEAVING)
		task_post(c->e->loop, &c->out_task, on_settle, c);
}

static void on_drained(void *arg)
{
	struct call *c = arg;

	c->drained = true;
	call_check_over(c);
}

static void on_state(void *arg, const char *path)
{
	struct call *c = arg;
	struct event ev;

	if (json_array_size(c->states) < CALL_STATES_MAX)
		json_array_append_new(c->states, json_string(path));
	call_event_init(c, &ev, EV_BOT_STATE);
	event_string(&ev, "state", path);
	event_emit(c->e->bus, &ev);
}

static void on_error(void *arg, const struct bot_error *e)
{
	struct call *c = arg;
	struct event ev;

	c->e->count.script_errors++;
	call_event_init(c, &ev, EV_BOT_ERROR);
	event_string(&ev, "message", e->message);
	event_string(&ev, "traceback", e->traceback);
	event_string(&ev, "state", e->state);
	event_emit(c->e->bus, &ev);
}

const struct session_handlers call_session_handlers = {
	.act = on_act,
	.idle = on_idle,
	.drained = on_drained,
	.state = on_state,
	.error = on_error,
};
