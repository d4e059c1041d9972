/*
 * Reload while calls are up: SIGHUP, node.reload, bot.reload.
 *
 * The log and the CDR file are opened anew at once. Bots come one after the
 * other, with a pause of the same length behind each, so that a thousand of
 * them do not hold up a call. The config is read and checked, but what it says
 * takes effect at the next start: a change is told, not carried out.
 */
#include "node_i.h"

#include <stdio.h>
#include <stdlib.h>
#include <uv.h>

#include "config.h"
#include "control/control.h"
#include "log.h"
#include "node.h"
#include "node_setup.h"
#include "sink.h"

/* Where an operator looks for them. */
static void log_problems(const struct problems *p, size_t from)
{
	char text[1024];

	for (size_t i = from; i < p->count; i++)
		log_line(p->list[i].warning ? LOG_WARN : LOG_ERROR, NULL,
			 "reload: %s", problem_text(p, i, text, sizeof(text)));
}

static void reopen(struct node *n, struct problems *p)
{
	int err = log_reopen();

	if (err)
		setup_problem(n->setup, p, "log.file", "%s: %s; the log goes "
			      "on in the file it has", n->config->log.file,
			      uv_strerror(err));
	err = sink_reopen(n->cdr);
	if (err)
		setup_problem(n->setup, p, "cdr.file", "%s: %s; CDRs go on in "
			      "the file they have", n->config->cdr_file,
			      uv_strerror(err));
}

static void check_config(struct node *n, struct problems *p)
{
	struct setup s;

	if (!n->config->file)
		return;
	if (!setup_read(&s, n->config->file, p) &&
	    !json_equal(s.tree, n->setup->tree))
		problem_warn(p, n->config->file, 0, "has changed: what is new "
			     "in the config takes effect when the node is "
			     "restarted; bots and files are reloaded now");
	setup_free(&s);
}

int node_reload_bot(void *arg, const char *name, unsigned *version,
		    struct problems *p)
{
	struct node *n = arg;
	struct bot_slot *slot = bots_slot(&n->bots, name);
	const size_t from = p->count;
	int err;

	if (!slot)
		return UV_ENOENT;
	err = bot_reload(slot, p);
	log_problems(p, from);
	if (err)
		log_error("bot %s: refused, version %u stays", name,
			  slot->last);
	*version = slot->last;
	return err;
}

static void finish(struct node *n)
{
	struct reload *r = &n->reload;

	if (r->problems.errors)
		log_error("reload: done, with %zu errors: what they refuse "
			  "stays as it was", r->problems.errors);
	else
		log_info("reload: done");
	r->running = false;
	if (n->control)
		control_reloaded(n->control, &r->problems);
	problems_free(&r->problems);
	r->problems = (struct problems){ 0 };
}

/* A new round forgets what the one before has found: it finds it again. */
static void begin(struct node *n)
{
	struct reload *r = &n->reload;

	problems_free(&r->problems);
	r->problems = (struct problems){ 0 };
	r->next = 0;
	reopen(n, &r->problems);
	check_config(n, &r->problems);
	log_problems(&r->problems, 0);
	timer_start(&r->step, 0);
}

static void step(void *arg)
{
	struct node *n = arg;
	struct reload *r = &n->reload;
	const uint64_t started = uv_hrtime();
	const char *name;
	unsigned version;

	if (r->next == n->config->bot_count) {
		if (!r->again) {
			finish(n);
			return;
		}
		r->again = false;
		begin(n);
		return;
	}
	name = n->config->bots[r->next++].name;
	node_reload_bot(n, name, &version, &r->problems);
	timer_start(&r->step, 1 + (uv_hrtime() - started) / 1000000);
}

void node_reload(struct node *n)
{
	struct reload *r = &n->reload;

	if (r->running) {
		/* What it has passed already may have changed since. */
		r->again = true;
		return;
	}
	r->running = true;
	timer_init(&r->step, n->loop, step, n);
	begin(n);
}

void node_reload_stop(struct node *n)
{
	if (n->reload.running)
		timer_stop(&n->reload.step);
	problems_free(&n->reload.problems);
}
