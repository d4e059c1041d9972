/*
 * Reload while calls are up: SIGHUP, node.reload, bot.reload.
 *
 * The log and the CDR file are opened anew at once. Bots come one after the
 * other, each loaded on a thread, so that neither a large one nor a thousand
 * of them hold up a call. The config is read and checked, but what it says
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

/* Starts the next bot that is wanted; false: there is none. */
static bool next(struct node *n)
{
	for (size_t i = 0; i < n->config->bot_count; i++) {
		struct bot_slot *slot = &n->bots.list[i];
		struct problems p = { 0 };
		int err;

		if (!slot->wanted)
			continue;
		slot->wanted = false;
		err = bot_reload(slot);
		if (!err) {
			n->reload.loading = true;
			return true;
		}
		setup_problem(n->setup, &p, "bots", "%s: %s",
			      slot->file->name, uv_strerror(err));
		node_reloaded(n, slot, err, &p);
		problems_free(&p);
	}
	return false;
}

static void finish(struct node *n)
{
	struct reload *r = &n->reload;

	r->running = false;
	if (!r->all)
		return;
	r->all = false;
	if (r->problems.errors)
		log_error("reload: done, with %zu errors: what they refuse "
			  "stays as it was", r->problems.errors);
	else
		log_info("reload: done");
	if (n->control)
		control_reloaded(n->control, NULL, 0, &r->problems);
	problems_free(&r->problems);
	r->problems = (struct problems){ 0 };
}

static void step(void *arg)
{
	struct node *n = arg;

	if (!n->reload.loading && !next(n))
		finish(n);
}

static void run(struct node *n)
{
	struct reload *r = &n->reload;

	if (r->running)
		return;
	r->running = true;
	timer_init(&r->step, n->loop, step, n);
	timer_start(&r->step, 0);
}

void node_reloaded(void *arg, struct bot_slot *slot, int err,
		   struct problems *p)
{
	struct node *n = arg;
	struct reload *r = &n->reload;

	r->loading = false;
	if (r->closed)
		return;
	log_problems(p, 0);
	if (err)
		log_error("bot %s: refused, version %u stays",
			  slot->file->name, slot->last);
	/* Whoever asked meanwhile means the file as it is then. */
	if (!slot->wanted && n->control)
		control_reloaded(n->control, slot->file->name, slot->last, p);
	for (size_t i = 0; r->all && !slot->wanted && i < p->count; i++)
		(p->list[i].warning ? problem_warn : problem_add)(
			&r->problems, p->list[i].file, p->list[i].line, "%s",
			p->list[i].text);
	timer_start(&r->step, 0);
}

int node_reload_bot(void *arg, const char *name)
{
	struct node *n = arg;
	struct bot_slot *slot = bots_slot(&n->bots, name);

	if (!slot)
		return UV_ENOENT;
	slot->wanted = true;
	run(n);
	return 0;
}

/* Once more from the beginning, if it is under way: what it has passed may
 * have changed since. It finds again what it has found. */
void node_reload(struct node *n)
{
	struct reload *r = &n->reload;

	if (r->closed)
		return;
	problems_free(&r->problems);
	r->problems = (struct problems){ 0 };
	r->all = true;
	reopen(n, &r->problems);
	check_config(n, &r->problems);
	log_problems(&r->problems, 0);
	for (size_t i = 0; i < n->config->bot_count; i++)
		n->bots.list[i].wanted = true;
	run(n);
}

void node_reload_stop(struct node *n)
{
	n->reload.closed = true;
	if (n->reload.running)
		timer_stop(&n->reload.step);
	problems_free(&n->reload.problems);
	n->reload.problems = (struct problems){ 0 };
}
