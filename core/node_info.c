#include "node_i.h"

#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>
#include <uv.h>

#include "config.h"
#include "engine.h"
#include "event.h"
#include "fetch/fetch.h"
#include "log.h"
#include "service.h"
#include "sink.h"
#include "store/store.h"
#include "sip/sip.h"

static json_t *listens(const struct node *n)
{
	const struct config *c = n->config;
	json_t *list = json_array();

	for (size_t i = 0; i < c->listen_count; i++) {
		const struct listen *l = &c->listen[i];

		json_array_append_new(list, json_sprintf("%s:%s:%d",
			l->transport, l->host,
			(int)sip_port(n->signalling, i)));
	}
	return list;
}

static json_t *bot_names(const struct node *n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n->config->bot_count; i++)
		json_array_append_new(list,
				      json_string(n->config->bots[i].name));
	return list;
}

json_t *node_info(void *arg)
{
	const struct node *n = arg;
	json_t *info = json_pack("{s:s, s:s, s:s, s:I, s:i, s:o, s:o}",
		"node", n->name, "boot", n->boot, "version", TANDEM_VERSION,
		"started", (json_int_t)n->started, "pid", (int)getpid(),
		"sip", listens(n), "bots", bot_names(n));

	/* An absent value is an absent key. */
	if (info && n->config->file)
		json_object_set_new(info, "config",
				    json_string(n->config->file));
	return info;
}

static json_t *bot_stats(const struct node *n)
{
	json_t *all = json_object();

	for (size_t i = 0; i < n->config->bot_count; i++)
		json_object_set_new(all, n->config->bots[i].name,
				    bot_stats_json(&n->bots.list[i]));
	return all;
}

/* What came in and led to no call, by what became of it. */
static json_t *sip_stats(const struct node *n)
{
	struct sip_counters c = { 0 };

	sip_counters(n->signalling, &c);
	return json_pack("{s:I, s:I, s:I, s:I, s:I, s:I}",
		"requests", (json_int_t)c.requests,
		"responses", (json_int_t)c.responses,
		"dropped", (json_int_t)c.dropped,
		"refused", (json_int_t)c.refused,
		"unsendable", (json_int_t)c.unsendable,
		"connections_refused", (json_int_t)c.connections_refused);
}

static json_t *kept_stats(const struct node *n)
{
	struct store_stats s;

	store_stats(n->store, &s);
	return json_pack("{s:I, s:I, s:I, s:I, s:b}",
		"callers", (json_int_t)s.callers,
		"unsaved", (json_int_t)s.unsaved,
		"lost", (json_int_t)s.lost,
		"unread", (json_int_t)s.unread, "failing", (int)s.failing);
}

static json_t *http_stats(const struct node *n)
{
	struct fetch_stats s = { 0 };

	if (n->fetcher)
		fetcher_stats(n->fetcher, &s);
	return json_pack("{s:I, s:I, s:I}",
		"under_way", (json_int_t)s.under_way,
		"requests", (json_int_t)s.requests,
		"failed", (json_int_t)s.failed);
}

static json_t *service_stats(const struct node *n)
{
	struct service_stats s;

	services_stats(n->services, &s);
	return json_pack("{s:I, s:I, s:I, s:I, s:I}",
		"services", (json_int_t)s.services,
		"waiting", (json_int_t)s.waiting,
		"requests", (json_int_t)s.requests,
		"failed", (json_int_t)s.failed,
		"unasked", (json_int_t)s.unasked);
}

/* Beside the engine's gauges and counters, and control's. */
json_t *node_stats(void *arg)
{
	const struct node *n = arg;
	size_t rss = 0;
	json_t *stats;

	uv_resident_set_memory(&rss);
	stats = json_pack("{s:I, s:I, s:I, s:o, s:o, s:o, s:o, s:o}",
		"uptime", (json_int_t)(loop_wall(n->loop) - n->started),
		"rss", (json_int_t)rss, "log_lost", (json_int_t)log_lost(),
		"sip", sip_stats(n), "bots", bot_stats(n),
		"store", kept_stats(n), "http", http_stats(n),
		"services", service_stats(n));
	if (stats && n->cdr && sink_error(n->cdr))
		json_object_set_new(stats, "cdr_error",
			json_string(uv_strerror(sink_error(n->cdr))));
	return stats;
}

json_t *node_bots(void *arg)
{
	const struct node *n = arg;

	return bots_json(&n->bots);
}
