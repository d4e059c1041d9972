/*
 * `tandem`: a node under signals, and what it says on stdout when it is up.
 * Others read those lines (tests, the demo), so they are one fact each:
 *
 *	tandem 0.1.0 node HOST boot ID
 *	bot NAME FILE
 *	sip udp:127.0.0.1:5060
 *	sip tcp:127.0.0.1:5060
 *	control unix:tandem.sock
 *	ready
 */
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "cmd.h"
#include "config.h"
#include "log.h"
#include "node.h"
#include "node_setup.h"
#include "problem.h"

struct runner {
	uv_loop_t uv;
	uv_signal_t signals[3];
	struct setup setup;
	struct node *node;
	bool draining;
};

static void on_ended(void *arg)
{
	struct runner *r = arg;

	uv_stop(&r->uv);
}

static void on_end_signal(uv_signal_t *handle, int signum)
{
	struct runner *r = handle->data;
	const char *name = signum == SIGINT ? "SIGINT" : "SIGTERM";

	if (!r->node)
		return;		/* not up yet, or closing already */
	if (!r->draining) {
		r->draining = true;
		log_info("%s: draining, %zu calls are up; a second signal "
			 "ends them", name, node_calls(r->node));
		node_drain(r->node);
		return;
	}
	log_info("%s: hanging up %zu calls", name, node_calls(r->node));
	node_stop(r->node);
}

static void on_reload_signal(uv_signal_t *handle, int signum)
{
	struct runner *r = handle->data;

	(void)signum;
	if (!r->node)
		return;
	log_info("SIGHUP: reloading");
	node_reload(r->node);
}

static int catch_signals(struct runner *r)
{
	static const struct {
		int number;
		uv_signal_cb h;
	} table[] = {
		{ SIGINT, on_end_signal },
		{ SIGTERM, on_end_signal },
		{ SIGHUP, on_reload_signal },
	};

	for (size_t i = 0; i < 3; i++) {
		int err = uv_signal_init(&r->uv, &r->signals[i]);

		r->signals[i].data = r;
		if (!err)
			err = uv_signal_start(&r->signals[i], table[i].h,
					      table[i].number);
		if (err)
			return err;
	}
	return 0;
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	(void)arg;
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

/* A number of the node's that a softphone can dial as it is. */
static const char *number_to_call(const struct config *c)
{
	for (size_t i = 0; i < c->channel_count; i++) {
		const char *number = c->channels[i].number;

		if (number && !strchr(number, '*'))
			return number;
	}
	return c->default_bot;
}

static void announce(const struct runner *r)
{
	const struct config *c = r->setup.config;
	const char *number = number_to_call(c);

	printf("tandem %s node %s boot %s\n", TANDEM_VERSION,
	       node_name(r->node), node_boot(r->node));
	printf("config %s\n", c->file ? c->file : "embedded defaults");
	for (size_t i = 0; i < c->bot_count; i++)
		printf("bot %s %s\n", c->bots[i].name, c->bots[i].path);
	for (size_t i = 0; i < c->listen_count; i++) {
		const struct listen *l = &c->listen[i];
		const char *v6 = strchr(l->host, ':');

		printf("sip %s:%s%s%s:%u\n", l->transport, v6 ? "[" : "",
		       l->host, v6 ? "]" : "", node_sip_port(r->node, i));
	}
	for (size_t i = 0; i < c->control_count; i++) {
		char *path = config_path(c, c->control[i]);

		printf("control unix:%s\n", path ? path : c->control[i]);
		free(path);
	}
	if (number && c->listen_count)
		printf("call sip:%s@%s:%u\n", number, c->listen[0].host,
		       node_sip_port(r->node, 0));
	puts("ready");
	fflush(stdout);
}

int cmd_run(const char *file)
{
	struct problems problems = { 0 };
	struct runner r = { .draining = false };
	int err = uv_loop_init(&r.uv);

	if (err) {
		fprintf(stderr, "tandem: %s\n", uv_strerror(err));
		return 1;
	}
	err = setup_read(&r.setup, file, &problems);
	if (!err)
		err = catch_signals(&r);
	if (!err)
		err = node_open(&r.node, &(struct node_options){
			.uv = &r.uv,
			.setup = &r.setup,
			.ended = on_ended,
			.arg = &r,
		}, &problems);
	print_problems(&problems);
	if (!err) {
		announce(&r);
		uv_run(&r.uv, UV_RUN_DEFAULT);

		struct node *node = r.node;

		r.node = NULL;	/* closing runs the loop, signals included */
		node_close(node);
	} else if (!problems.errors) {
		fprintf(stderr, "tandem: %s\n", uv_strerror(err));
	}

	uv_walk(&r.uv, close_handle, NULL);
	uv_run(&r.uv, UV_RUN_DEFAULT);
	uv_loop_close(&r.uv);
	setup_free(&r.setup);
	problems_free(&problems);
	return err ? 1 : 0;
}
