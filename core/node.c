/*
 *            customer, agents       bot authors        integrators
 *                  |                     |                  |
 *   signalling (sip/)  <-->  engine  <-->  bots (lua/)   control
 *                              |     \                    |
 *                            media    event bus ----------+--> CDR
 *
 * Everything is opened in the order in which it is needed and closed in the
 * opposite one; what takes calls comes last, so that none arrives at half a
 * node.
 */
#include "node.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "config.h"
#include "control/control.h"
#include "engine.h"
#include "event.h"
#include "fetch/fetch.h"
#include "log.h"
#include "lua/scripting.h"
#include "media/media.h"
#include "node_i.h"
#include "node_setup.h"
#include "problem.h"
#include "reach.h"
#include "service.h"
#include "sink.h"
#include "sip/sip.h"
#include "store/store.h"

#define POLL_MS 20		/* how often a draining node looks around */
#define STOP_MS 1000		/* for bots to hear of the end           */
#define SETTLE_MS 2000		/* for the far ends to confirm BYE       */
#define CDR_RING (1u << 20)	/* bytes; some 1,500 calls               */
#define FLUSH_MS 2000		/* for the CDR's and the store's last   */

/* Short, random, and readable over a telephone: base32 of 40 bits. */
static int make_boot(char *boot, size_t size)
{
	static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
	unsigned char random[8];
	const int err = uv_random(NULL, NULL, random, sizeof(random), 0, NULL);
	size_t i;

	if (err)
		return err;
	for (i = 0; i < sizeof(random) && i + 1 < size; i++)
		boot[i] = digits[random[i] & 31];
	boot[i] = '\0';
	return 0;
}

static int open_log(struct node *n, struct problems *p)
{
	struct log_options o = n->config->log;
	char *path = NULL;
	int err;

	if (o.file) {
		path = config_path(n->config, o.file);
		if (!path)
			return UV_ENOMEM;
		o.file = path;
	}
	err = log_open(&o);
	if (err)
		setup_problem(n->setup, p, o.file ? "log.file" : "log", "%s: %s",
			      o.file ? o.file : "stderr", uv_strerror(err));
	free(path);
	return err;
}

static int open_cdr(struct node *n, struct problems *p)
{
	char *path;
	int err;

	if (!n->config->cdr_file)
		return 0;
	path = config_path(n->config, n->config->cdr_file);
	if (!path)
		return UV_ENOMEM;
	err = sink_open(&n->cdr, path, CDR_RING);
	if (err)
		setup_problem(n->setup, p, "cdr.file", "%s: %s", path,
			      uv_strerror(err));
	free(path);
	return err;
}

static int open_media(struct node *n, struct problems *p)
{
	const struct config *c = n->config;
	const int err = media_open(&n->media, &(struct media_options){
		.rtp = c->media_mode == MEDIA_RTP,
		.uv = loop_uv(n->loop),
		.address = c->media_address,
		.advertise = c->media_advertise,
		.port_min = c->port_min,
		.port_max = c->port_max,
		.codecs = (const char *const *)c->codecs,
		.codec_count = c->codec_count,
	});

	if (err)
		setup_problem(n->setup, p, "media.address", "%s: %s",
			      c->media_address, uv_strerror(err));
	return err;
}

static int open_store(struct node *n, struct problems *p)
{
	const struct config *c = n->config;
	char *path = NULL;
	char text[256];
	int err;

	if (c->store_file) {
		path = config_path(c, c->store_file);
		if (!path)
			return UV_ENOMEM;
	}
	err = store_open(&n->store, &(struct store_options){
		.loop = n->loop, .path = path,
		.read_ms = c->timers[TIMER_CLIENT],
		.client_bytes = c->limits.session_bytes,
	}, text, sizeof(text));
	if (err)
		setup_problem(n->setup, p, "store.file", "%s: %s",
			      path ? path : "in memory", text);
	free(path);
	return err;
}

static int ask_http(void *fetcher, const struct fetch_request *r, errand_h *h,
		    void *arg, struct errand **ep, char *err, size_t size)
{
	return fetcher_ask(fetcher, r, h, arg, ep, err, size);
}

static int ask_service(void *services, const char *name, const char *method,
		       json_t *params, uint64_t ms, errand_h *h, void *arg,
		       struct errand **ep)
{
	return services_ask(services, name, method, params, ms, h, arg, ep);
}

/* What bots reach outside their calls. */
static int open_reach(struct node *n, struct problems *p)
{
	const struct config *c = n->config;
	const uint64_t *timers = c->timers;
	int err = open_store(n, p);

	if (err)
		return err;
	n->services = services_new(n->loop);
	if (!n->services)
		return UV_ENOMEM;
	err = fetcher_open(&n->fetcher, n->loop,
			   (const char *const *)c->http_hosts,
			   c->http_host_count);
	if (err && err != UV_ENOTSUP)
		return err;

	lua_scripting_reach(n->bots.scripting, &(struct reach){
		.store = n->store,
		.http = ask_http,
		.http_arg = n->fetcher,
		.no_http = err ? "this Tandem was built without libcurl"
			: NULL,
		.request = ask_service,
		.request_arg = n->services,
		.client_ms = timers[TIMER_CLIENT],
		.http_ms = timers[TIMER_HTTP],
		.request_ms = timers[TIMER_REQUEST],
	});
	return 0;
}

static struct bot *find_bot(void *arg, const char *name)
{
	const struct node *n = arg;

	return bots_find(&n->bots, name);
}

static int open_engine(struct node *n)
{
	return engine_open(&n->engine, &(struct engine_options){
		.loop = n->loop,
		.config = n->config,
		.bus = n->bus,
		.media = n->media,
		.bot = find_bot,
		.arg = n,
		.bot_ops = n->bots.scripting->ops,
		.cdr = n->cdr,
	});
}

static int open_sip(struct node *n, struct problems *p)
{
	const struct config *c = n->config;
	struct sip_listen *listen = calloc(c->listen_count + 1,
					   sizeof(*listen));
	int failed = -1;
	int err;

	if (!listen)
		return UV_ENOMEM;
	for (size_t i = 0; i < c->listen_count; i++)
		listen[i] = (struct sip_listen){
			.transport = c->listen[i].transport,
			.host = c->listen[i].host,
			.port = c->listen[i].port,
		};
	err = sip_open(&n->signalling, n->loop, &(struct sip_options){
		.listen = listen,
		.listen_count = c->listen_count,
		.advertise = c->advertise,
		.t1_ms = c->timers[TIMER_T1],
		.t1x64_ms = c->timers[TIMER_T1X64],
		.first_response_ms = c->timers[TIMER_FIRST_RESPONSE],
		.session_expires_ms = c->timers[TIMER_SESSION_EXPIRES],
		.h = &engine_signalling,
		.arg = n->engine,
	}, &failed);
	if (err && failed >= 0 && (size_t)failed < c->listen_count) {
		const struct listen *l = &c->listen[failed];
		const char *v6 = strchr(l->host, ':');

		setup_problem(n->setup, p, "sip.listen", "%s:%s%s%s:%u: %s",
			      l->transport, v6 ? "[" : "", l->host,
			      v6 ? "]" : "", l->port, uv_strerror(err));
	} else if (err) {
		setup_problem(n->setup, p, "sip", "%s", uv_strerror(err));
	}
	free(listen);
	if (!err)
		engine_set_signalling(n->engine, n->signalling);
	return err;
}

static void control_drain(void *arg)
{
	const struct node *n = arg;

	/* Over the protocol a node drains and stays: node.undrain exists. */
	engine_drain(n->engine);
}

static void control_reload(void *arg)
{
	node_reload(arg);
}

static int open_control(struct node *n, struct problems *p)
{
	const struct config *c = n->config;
	char **paths = calloc(c->control_count + 1, sizeof(*paths));
	int failed = -1;
	int err = UV_ENOMEM;

	if (!paths)
		return err;
	for (size_t i = 0; i < c->control_count; i++) {
		paths[i] = config_path(c, c->control[i]);
		if (!paths[i])
			goto out;
	}
	err = control_open(&n->control, &(struct control_options){
		.uv = n->uv,
		.engine = n->engine,
		.bus = n->bus,
		.services = n->services,
		.paths = (const char *const *)paths,
		.path_count = c->control_count,
		.info = node_info,
		.stats = node_stats,
		.drain = control_drain,
		.reload = control_reload,
		.bots = node_bots,
		.reload_bot = node_reload_bot,
		.arg = n,
	}, &failed);
	if (err && failed >= 0 && (size_t)failed < c->control_count)
		setup_problem(n->setup, p, "control.listen", "unix:%s: %s",
			      paths[failed], uv_strerror(err));
	else if (err)
		setup_problem(n->setup, p, "control", "%s", uv_strerror(err));
out:
	for (size_t i = 0; i < c->control_count; i++)
		free(paths[i]);
	free(paths);
	return err;
}

static void over(struct node *n)
{
	timer_stop(&n->poll);
	n->state = NODE_OVER;
	n->ended(n->arg);
}

/*
 * A poll rather than a notification: a call leaves in many ways, and that the
 * node ends must not hang on any one of them having told us.
 */
static void look(void *arg)
{
	struct node *n = arg;

	if (!engine_calls(n->engine)) {
		over(n);
		return;
	}
	if (loop_now(n->loop) >= n->deadline) {
		if (n->state == NODE_STOP) {
			over(n);
			return;
		}
		node_stop(n);
	}
	timer_start(&n->poll, POLL_MS);
}

void node_drain(struct node *n)
{
	const uint64_t *timers = n->config->timers;

	if (n->state != NODE_RUN)
		return;
	n->state = NODE_DRAIN;
	/* The engine hangs up at `drain`; past this bound we do it for it. */
	n->deadline = loop_now(n->loop) + timers[TIMER_DRAIN] +
		timers[TIMER_AFTER_HANGUP] + STOP_MS;
	engine_drain(n->engine);
	timer_start(&n->poll, 0);
}

void node_stop(struct node *n)
{
	if (n->state >= NODE_STOP)
		return;
	n->state = NODE_STOP;
	n->deadline = loop_now(n->loop) + STOP_MS;
	engine_drain(n->engine);
	engine_hangup_all(n->engine, BY_NODE);
	timer_start(&n->poll, 0);
}

int node_open(struct node **np, const struct node_options *o,
	      struct problems *p)
{
	struct node *n = calloc(1, sizeof(*n));
	const size_t errors = p->errors;
	struct capacity capacity;
	size_t size;
	int err;

	*np = NULL;
	if (!n)
		return UV_ENOMEM;
	n->uv = o->uv;
	n->setup = o->setup;
	n->config = o->setup->config;
	n->ended = o->ended;
	n->arg = o->arg;
	size = sizeof(n->name);
	if (uv_os_gethostname(n->name, &size))
		snprintf(n->name, sizeof(n->name), "localhost");

	err = make_boot(n->boot, sizeof(n->boot));
	if (err)
		goto out;
	err = UV_ENOMEM;
	n->loop = loop_new(o->uv);
	if (!n->loop)
		goto out;
	n->started = loop_wall(n->loop);
	timer_init(&n->poll, n->loop, look, n);
	n->bus = event_bus_new(n->loop, n->name, n->boot);
	if (!n->bus)
		goto out;

	/* The two that cost nothing but reading are told together. */
	err = setup_capacity(n->setup, &capacity, p);
	if (bots_open(&n->bots, n->loop, n->setup, p))
		err = UV_EINVAL;
	n->bots.reloaded = node_reloaded;
	n->bots.arg = n;
	if (!err)
		err = open_log(n, p);
	if (!err)
		err = open_cdr(n, p);
	if (!err)
		err = open_reach(n, p);
	if (!err)
		err = open_media(n, p);
	if (!err)
		err = open_engine(n);
	if (!err)
		err = open_sip(n, p);
	if (!err)
		err = open_control(n, p);
out:
	if (!err) {
		log_info("node %s boot %s: up", n->name, n->boot);
		*np = n;
		return 0;
	}
	if (p->errors == errors)
		setup_problem(o->setup, p, "node", "%s", uv_strerror(err));
	node_close(n);
	return err;
}

void node_close(struct node *n)
{
	if (!n)
		return;
	node_reload_stop(n);
	if (n->control)
		control_close(n->control);
	if (n->engine)
		engine_close(n->engine);
	if (n->signalling)
		sip_close(n->signalling, SETTLE_MS);
	bots_close(&n->bots);
	fetcher_close(n->fetcher);
	services_free(n->services);
	store_close(n->store, FLUSH_MS);
	if (n->media)
		media_close(n->media);
	if (n->cdr)
		sink_close(n->cdr, FLUSH_MS);
	if (n->bus)
		event_bus_free(n->bus);
	if (n->loop) {
		timer_stop(&n->poll);
		loop_free(n->loop);
	}
	log_close();
	free(n);
}

const char *node_name(const struct node *n)
{
	return n->name;
}

const char *node_boot(const struct node *n)
{
	return n->boot;
}

size_t node_calls(const struct node *n)
{
	return engine_calls(n->engine);
}

uint16_t node_sip_port(const struct node *n, size_t i)
{
	return sip_port(n->signalling, i);
}
