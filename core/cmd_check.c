/*
 * `tandem check`: everything that can be known without opening a socket.
 */
#include <inttypes.h>
#include <stdio.h>

#include "cmd.h"
#include "config.h"
#include "log.h"
#include "loop.h"
#include "node_bots.h"
#include "node_setup.h"
#include "problem.h"

void print_problems(const struct problems *p)
{
	char line[1024];

	for (size_t i = 0; i < p->count; i++)
		fprintf(stderr, "%s\n",
			problem_text(p, i, line, sizeof(line)));
}

static void summary(const struct setup *s, const struct capacity *cap)
{
	const struct config *c = s->config;

	printf("%s: ok\n", c->file ? c->file : "embedded defaults");
	for (size_t i = 0; i < c->bot_count; i++)
		printf("bot %s: %s\n", c->bots[i].name, c->bots[i].path);
	if (cap->media)
		printf("calls: %" PRIu64 ", with %" PRIu64 " ports of "
		       "media.ports (serve %" PRIu64 ") and %" PRIu64
		       " descriptors (serve %" PRIu64 ")\n", cap->calls,
		       cap->calls * CALL_PORTS, cap->ports,
		       cap->calls * CALL_PORTS + RESERVED_DESCRIPTORS +
		       cap->reserved,
		       cap->descriptors);
	else if (cap->calls)
		printf("calls: %" PRIu64 ", without ports (media.mode none)\n",
		       cap->calls);
	else
		puts("calls: no limit, without ports (media.mode none)");
}

int cmd_check(const char *file)
{
	struct problems problems = { 0 };
	struct capacity capacity;
	struct setup setup;
	struct bots bots = { 0 };
	struct loop *loop = loop_new_virtual(0, 1);

	if (!loop) {
		fputs("tandem: out of memory\n", stderr);
		return 1;
	}
	/* What a node would log while it loads is told as problems here. */
	log_level_set(LOG_ERROR);
	if (!setup_read(&setup, file, &problems)) {
		setup_capacity(&setup, &capacity, &problems);
		bots_check(&bots, loop, &setup, &problems);
	}
	print_problems(&problems);

	const int status = problems.errors ? 1 : 0;

	if (!status)
		summary(&setup, &capacity);
	bots_close(&bots);
	setup_free(&setup);
	loop_free(loop);
	problems_free(&problems);
	return status;
}
