#include "node_setup.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "config.h"
#include "fetch/fetch.h"
#include "lua/scripting.h"
#include "media/media.h"
#include "problem.h"

/*
 * Without a config file the bot is bots/support.lua of the working directory;
 * an installed tandem that is started elsewhere has one beside it.
 */
static int default_bots(struct config *c)
{
	for (size_t i = 0; i < c->bot_count; i++) {
		struct bot_file *b = &c->bots[i];
		const char *slash = strrchr(b->path, '/');
		const char *name = slash ? slash + 1 : b->path;
		char path[sizeof(TANDEM_DATADIR) + 256];
		int n;

		if (!access(b->path, R_OK))
			continue;
		n = snprintf(path, sizeof(path), "%s/bots/%s", TANDEM_DATADIR,
			     name);
		if (n < 0 || (size_t)n >= sizeof(path) || access(path, R_OK))
			continue;

		char *copy = strdup(path);
		if (!copy)
			return UV_ENOMEM;
		free(b->path);
		b->path = copy;
	}
	return 0;
}

int setup_read(struct setup *s, const char *file, struct problems *p)
{
	*s = (struct setup){ 0 };
	if (file) {
		s->tree = lua_config_read(file, &s->lines, p);
		if (!s->tree)
			goto out;
	}
	s->config = config_parse(s->tree, file, config_lines_find, s->lines, p);
	if (s->config && !file && default_bots(s->config)) {
		config_free(s->config);
		s->config = NULL;
	}
out:
	if (s->config)
		return 0;
	if (!p->errors)
		problem_add(p, file ? file : "embedded defaults", 0,
			    "out of memory");
	return UV_EINVAL;
}

void setup_free(struct setup *s)
{
	config_free(s->config);
	config_lines_free(s->lines);
	json_decref(s->tree);
	*s = (struct setup){ 0 };
}

void setup_problem(const struct setup *s, struct problems *p, const char *key,
		   const char *fmt, ...)
{
	const char *file = s->config->file;
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	problem_add(p, file ? file : "embedded defaults",
		    s->lines ? config_lines_find(s->lines, key) : 0, "%s: %s",
		    key, text);
}

uint64_t descriptors_raise(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit))
		return 1024;	/* what every system grants */
	if (limit.rlim_cur != limit.rlim_max) {
		const rlim_t soft = limit.rlim_cur;

		limit.rlim_cur = limit.rlim_max;
		if (setrlimit(RLIMIT_NOFILE, &limit))
			limit.rlim_cur = soft;
	}
	return limit.rlim_cur == RLIM_INFINITY ? UINT32_MAX : limit.rlim_cur;
}

int capacity_compute(struct capacity *cap, uint64_t wanted)
{
	const uint64_t kept = RESERVED_DESCRIPTORS + cap->reserved;

	cap->descriptors = cap->limit > kept ?
		(cap->limit - kept) / CALL_PORTS : 0;
	cap->calls = wanted;
	if (!cap->media)
		return 0;

	const uint64_t most = cap->ports < cap->descriptors ?
		cap->ports : cap->descriptors;

	if (!wanted)
		cap->calls = most;
	return most && wanted <= most ? 0 : UV_EINVAL;
}

int setup_capacity(struct setup *s, struct capacity *cap, struct problems *p)
{
	struct config *c = s->config;
	const uint64_t wanted = c->calls;
	const struct media_options media = {
		.rtp = c->media_mode == MEDIA_RTP,
		.address = c->media_address,
		.port_min = c->port_min,
		.port_max = c->port_max,
	};

	*cap = (struct capacity){
		.media = media.rtp,
		.ports = media.rtp ? media_capacity(&media) : 0,
		.limit = descriptors_raise(),
		.reserved = c->http_host_count ? FETCH_DESCRIPTORS : 0,
	};
	if (!capacity_compute(cap, wanted)) {
		c->calls = cap->calls;
		return 0;
	}

	/* One line for each that is short, for both may have to be raised. */
	const uint64_t need = wanted ? wanted : 1;

	if (need > cap->ports)
		setup_problem(s, p, wanted ? "limits.calls" : "media.ports",
			      "%" PRIu64 " call%s with media need%s %" PRIu64
			      " ports, media.ports has %u (%" PRIu64
			      " calls)", need, need == 1 ? "" : "s",
			      need == 1 ? "s" : "", need * CALL_PORTS,
			      c->port_max - c->port_min + 1u, cap->ports);
	if (need > cap->descriptors)
		setup_problem(s, p, "limits.calls",
			      "%" PRIu64 " call%s with media need%s %" PRIu64
			      " descriptors and %" PRIu64 " for the node, the "
			      "limit is "
			      "%" PRIu64 " (ulimit -Hn)", need,
			      need == 1 ? "" : "s", need == 1 ? "s" : "",
			      need * CALL_PORTS,
			      RESERVED_DESCRIPTORS + cap->reserved,
			      cap->limit);
	return UV_EINVAL;
}
