/**
 * @file scripting.c  The bot port in Lua: programs, their sources and shards
 */
#include <errno.h>
#include <fcntl.h>
#include <lauxlib.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "core/log.h"
#include "core/store/store.h"
#include "core/timers.h"
#include "classifier.h"
#include "scripting.h"
#include "session.h"
#include "shard.h"

#define SOURCE_MAX (4 * 1024 * 1024)
#define COLLECT_EVERY 1000	/* ms between forced collections */
#define GARBAGE_MAX (64 * 1024)	/* kept by a shard without sessions */

/* ---- sources ---- */

/* Reads a file that is text to Lua; NULL and a message in `err`. */
static struct source *read_source(const char *path, char *err, size_t size)
{
	struct source *src = calloc(1, sizeof(*src));
	/* not to wait for the writer of a pipe */
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (!src || fd < 0 || fstat(fd, &st)) {
		snprintf(err, size, "%s", strerror(errno));
		goto fail;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(err, size, "not a file");
		goto fail;
	}
	if (st.st_size > SOURCE_MAX) {
		snprintf(err, size, "larger than %d bytes", SOURCE_MAX);
		goto fail;
	}
	src->path = strdup(path);
	src->text = malloc((size_t)st.st_size + 1);
	if (!src->path || !src->text) {
		snprintf(err, size, "no memory");
		goto fail;
	}
	while (src->len < (size_t)st.st_size) {
		ssize_t n = read(fd, src->text + src->len,
				 (size_t)st.st_size - src->len);

		if (n < 0) {
			snprintf(err, size, "%s", strerror(errno));
			goto fail;
		}
		if (!n)
			break;
		src->len += (size_t)n;
	}
	src->text[src->len] = '\0';
	close(fd);
	return src;
fail:
	if (fd >= 0)
		close(fd);
	if (src) {
		free(src->path);
		free(src->text);
	}
	free(src);
	return NULL;
}

/* Path of module x.y beside the bot; false: no such name or place. */
static bool module_path(const struct bot *bot, const char *module,
			char *path, size_t size)
{
	const char *slash = strrchr(bot->path, '/');
	int n = slash ? (int)(slash - bot->path) + 1 : 0;
	size_t len = strlen(module);
	char real[PATH_MAX], home[PATH_MAX], dir[PATH_MAX];

	if (!len || module[0] == '.' || module[len - 1] == '.' ||
	    strstr(module, ".."))
		return false;
	for (size_t i = 0; i < len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
			    "WXYZ0123456789_-.", module[i]))
			return false;
	if ((size_t)snprintf(path, size, "%.*s%s.lua", n, bot->path, module)
	    >= size)
		return false;
	for (size_t i = (size_t)n; i < (size_t)n + len; i++)
		if (path[i] == '.')
			path[i] = '/';

	/* No link may lead out of the bot's folder. */
	snprintf(dir, sizeof(dir), "%.*s", n, bot->path);
	if (!realpath(n ? dir : ".", home))
		return false;
	if (!realpath(path, real))
		return true;		/* reading it will say why */
	len = strlen(home);
	return !strncmp(real, home, len) &&
		(real[len] == '/' || home[len - 1] == '/');
}

struct source *bot_source(struct bot *bot, const char *module, bool read,
			  char *err, size_t size)
{
	char path[PATH_MAX], why[128];
	struct source *src;

	for (src = bot->sources; src; src = src->next)
		if (src->module && !strcmp(src->module, module))
			return src;
	if (!read || !module_path(bot, module, path, sizeof(path))) {
		snprintf(err, size, "'%s' is no module beside the bot",
			 module);
		return NULL;
	}
	src = read_source(path, why, sizeof(why));
	if (!src) {
		snprintf(err, size, "%s: %s", path, why);
		return NULL;
	}
	src->module = strdup(module);
	if (!src->module) {
		free(src->path);
		free(src->text);
		free(src);
		snprintf(err, size, "no memory");
		return NULL;
	}
	src->next = bot->sources->next;		/* the bot itself is first */
	bot->sources->next = src;
	return src;
}

/* ---- programs ---- */

void sources_free(struct source *src)
{
	while (src) {
		struct source *next = src->next;

		literals_free(&src->literals);
		free(src->module);
		free(src->path);
		free(src->text);
		free(src);
		src = next;
	}
}

void bot_free(struct bot *bot)
{
	spare_forget(bot);
	while (bot->shards) {
		struct shard *sh = bot->shards;

		bot->shards = sh->next;
		shard_close(sh);
	}
	sources_free(bot->sources);
	classifier_free(bot->classifier);
	free(bot->name);
	free(bot->path);
	free(bot);
}

/* Reading what is kept of a caller costs each call something, which one whose
 * bot never asks need not pay. */
static bool names_client(const struct bot *bot)
{
	for (const struct source *s = bot->sources; s; s = s->next)
		if (strstr(s->text, "client"))
			return true;
	return false;
}

struct bot *bot_new(struct lua_scripting *sc, const char *name,
		    const char *path)
{
	struct bot *bot = calloc(1, sizeof(*bot));

	if (!bot)
		return NULL;
	bot->sc = sc;
	bot->limits = sc->limits;
	bot->born = loop_now(sc->loop);
	bot->chance = loop_random(sc->loop);
	bot->name = strdup(name);
	bot->path = strdup(path);
	if (bot->name && bot->path)
		return bot;
	bot_free(bot);
	return NULL;
}

int bot_fill(struct bot *bot, struct problems *p)
{
	char err[128];

	bot->sources = read_source(bot->path, err, sizeof(err));
	if (!bot->sources) {
		problem_add(p, bot->path, 0, "%s", err);
		return UV_EINVAL;
	}
	bot->shards = shard_open(bot, p);
	if (!bot->shards)
		return UV_EINVAL;
	bot->uses_client = names_client(bot);
	return 0;
}

void bot_link(struct bot *bot)
{
	bot->next = bot->sc->bots;
	bot->sc->bots = bot;
}

/* `check`: the config under which it is checked, or NULL. */
static struct bot *load(struct scripting *base, const char *name,
			const char *path, const struct config *check,
			struct problems *p)
{
	struct bot *bot = bot_new((struct lua_scripting *)base, name, path);

	if (!bot) {
		problem_add(p, path, 0, "no memory");
		return NULL;
	}
	bot->check = check;
	if (bot_fill(bot, p)) {
		bot_free(bot);
		return NULL;
	}
	bot_link(bot);
	return bot;
}

static struct bot *op_load(struct scripting *base, const char *name,
			   const char *path, struct problems *p)
{
	return load(base, name, path, NULL, p);
}

static void op_unload(struct bot *bot);

static void op_check(struct scripting *base, const char *name,
		     const char *path, const struct config *config,
		     struct problems *p)
{
	struct bot *bot = load(base, name, path, config, p);

	if (bot)
		op_unload(bot);
}

/* A shard with room for one more session, or NULL. */
static struct shard *room(struct bot *bot)
{
	struct problems p = {0};
	struct shard *sh;
	char text[512];

	for (sh = bot->shards; sh; sh = sh->next)
		if (sh->session_count < SHARD_SESSIONS)
			return sh;
	sh = shard_open(bot, &p);
	if (!sh && p.count)
		log_error("%s", problem_text(&p, 0, text, sizeof(text)));
	problems_free(&p);
	if (sh) {
		sh->next = bot->shards;
		bot->shards = sh;
	}
	return sh;
}

/* Whether the bot's memory is used up, garbage apart. */
static bool is_full(struct bot *bot)
{
	const uint64_t now = loop_now(bot->sc->loop);

	if (bot->bytes < bot->limits.bot_memory)
		return false;
	if (bot->collected && now - bot->collected < COLLECT_EVERY)
		return true;
	bot->collected = now ? now : 1;
	for (struct shard *sh = bot->shards; sh; sh = sh->next)
		lua_gc(sh->L, LUA_GCCOLLECT);
	return bot->bytes >= bot->limits.bot_memory;
}

/* Where nobody gave a store it is in memory, and ends with the bots. */
static int own_store(struct lua_scripting *sc)
{
	char err[128];
	int rc;

	if (sc->reach.store)
		return 0;
	rc = store_open(&sc->own, &(struct store_options){
		.loop = sc->loop, .read_ms = sc->reach.client_ms,
		.client_bytes = sc->limits.session_bytes,
	}, err, sizeof(err));
	if (rc)
		log_error("call.client: %s", err);
	sc->reach.store = sc->own;
	return rc;
}

static int op_open(struct bot *bot, const struct bot_call *call,
		   const struct session_handlers *h, void *arg,
		   struct session **sp)
{
	struct shard *sh = is_full(bot) ? NULL : room(bot);

	if (sh && bot->uses_client && *call->from && own_store(bot->sc))
		return UV_ENOMEM;
	if (!sh || session_open(sh, call, h, arg, sp))
		return UV_ENOMEM;
	spare_want(bot);
	return 0;
}

static void on_gone(void *arg)
{
	struct bot *bot = arg;

	bot->gone(bot->gone_arg);
	op_unload(bot);
}

/* Not at once: who has closed a session is still inside the program. */
static void free_retired(struct bot *bot)
{
	if (bot->gone && !bot->sessions)
		task_post(bot->sc->loop, &bot->last, on_gone, bot);
}

static void op_retire(struct bot *bot, void (*gone)(void *arg), void *arg)
{
	bot->gone = gone;
	bot->gone_arg = arg;
	free_retired(bot);
}

void bot_session_ended(struct bot *bot, struct shard *sh)
{
	struct shard **p;
	size_t shards = 0;

	free_retired(bot);
	if (sh->session_count)
		return;
	for (struct shard *i = bot->shards; i; i = i->next)
		shards++;
	/* Kept while the others are nearly full, not to come and go. */
	if (shards > 1 && bot->sessions < (shards - 1) * SHARD_SESSIONS / 4 *
	    3) {
		for (p = &bot->shards; *p != sh; p = &(*p)->next)
			;
		*p = sh->next;
		shard_close(sh);
	} else if (sh->bytes > 2 * sh->baseline + GARBAGE_MAX) {
		lua_gc(sh->L, LUA_GCCOLLECT);
	}
}

static void op_stats(const struct bot *bot, struct bot_stats *st)
{
	*st = (struct bot_stats){
		.sessions = bot->sessions, .coroutines = bot->coroutines,
		.bytes = bot->bytes,
	};
	for (const struct shard *sh = bot->shards; sh; sh = sh->next)
		st->states++;
}

static void op_unload(struct bot *bot)
{
	struct bot **p = &bot->sc->bots;

	task_cancel(bot->sc->loop, &bot->last);
	while (*p != bot)
		p = &(*p)->next;
	*p = bot->next;
	bot_free(bot);
}

static void op_close(struct scripting *base)
{
	struct lua_scripting *sc = (struct lua_scripting *)base;

	load_close(sc);
	while (sc->bots)
		op_unload(sc->bots);
	store_close(sc->own, 0);
	free(sc);
}

static const struct bot_ops ops = {
	.load = op_load,
	.load_later = load_later,
	.check = op_check,
	.open = op_open,
	.stats = op_stats,
	.retire = op_retire,
	.unload = op_unload,
	.close = op_close,
};

struct scripting *lua_scripting_open(struct loop *loop,
				     const struct bot_limits *limits)
{
	struct lua_scripting *sc = calloc(1, sizeof(*sc));

	if (!sc)
		return NULL;
	sc->base.ops = &ops;
	sc->loop = loop;
	sc->limits = *limits;
	sc->reach.client_ms = timer_table[TIMER_CLIENT].ms;
	sc->reach.http_ms = timer_table[TIMER_HTTP].ms;
	sc->reach.request_ms = timer_table[TIMER_REQUEST].ms;
	return &sc->base;
}

void lua_scripting_reach(struct scripting *base, const struct reach *r)
{
	struct lua_scripting *sc = (struct lua_scripting *)base;

	sc->reach = *r;
}
