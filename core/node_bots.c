#include "node_bots.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "bot.h"
#include "config.h"
#include "log.h"
#include "loop.h"
#include "lua/scripting.h"
#include "node_setup.h"
#include "problem.h"

/* Told with the config's key, since the bot itself has no line to name. */
static int readable(const struct setup *s, const struct bot_file *file,
		    struct problems *p)
{
	const int fd = open(file->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	char key[128];
	struct stat st;
	int err = 0;

	if (fd < 0 || fstat(fd, &st))
		err = uv_translate_sys_error(errno);
	else if (!S_ISREG(st.st_mode))
		err = S_ISDIR(st.st_mode) ? UV_EISDIR : UV_EINVAL;
	if (fd >= 0)
		close(fd);
	if (err) {
		snprintf(key, sizeof(key), "bots.%s", file->name);
		setup_problem(s, p, key, "%s: %s", file->path,
			      uv_strerror(err));
	}
	return err;
}

static struct bot_version *version_new(struct bot_slot *slot,
				       struct bot *bot)
{
	struct bot_version *v = calloc(1, sizeof(*v));

	if (v) {
		v->slot = slot;
		v->bot = bot;
		v->loaded = loop_wall(slot->bots->loop);
	}
	return v;
}

/* A version of `slot`, not yet in its list; NULL with the problems in `p`. */
static struct bot_version *load(struct bot_slot *slot, struct problems *p)
{
	const struct bots *b = slot->bots;
	const size_t errors = p->errors;
	struct bot_version *v;
	struct bot *bot;

	if (readable(b->setup, slot->file, p))
		return NULL;
	bot = b->scripting->ops->load(b->scripting, slot->file->name,
				      slot->file->path, p);
	v = bot ? version_new(slot, bot) : NULL;
	if (v)
		return v;
	if (bot)
		b->scripting->ops->unload(bot);
	if (p->errors == errors)
		setup_problem(b->setup, p, "bots", "%s: out of memory",
			      slot->file->name);
	return NULL;
}

static void add(struct bot_slot *slot, struct bot_version *v)
{
	v->number = ++slot->last;
	v->next = slot->versions;
	slot->versions = v;
}

static int prepare(struct bots *b, struct loop *loop, const struct setup *s,
		   struct problems *p)
{
	const struct config *c = s->config;

	*b = (struct bots){ .config = c, .setup = s, .loop = loop };
	b->scripting = lua_scripting_open(loop, &c->limits);
	b->list = calloc(c->bot_count + 1, sizeof(*b->list));
	if (!b->scripting || !b->list) {
		setup_problem(s, p, "bots", "out of memory");
		return UV_EINVAL;
	}
	for (size_t i = 0; i < c->bot_count; i++) {
		b->list[i].bots = b;
		b->list[i].file = &c->bots[i];
	}
	return 0;
}

int bots_check(struct bots *b, struct loop *loop, const struct setup *s,
	       struct problems *p)
{
	const struct config *c = s->config;
	const size_t before = p->errors;

	if (prepare(b, loop, s, p))
		return UV_EINVAL;
	for (size_t i = 0; i < c->bot_count; i++)
		if (!readable(s, &c->bots[i], p))
			b->scripting->ops->check(b->scripting,
						 c->bots[i].name,
						 c->bots[i].path, c, p);
	return p->errors > before ? UV_EINVAL : 0;
}

int bots_open(struct bots *b, struct loop *loop, const struct setup *s,
	      struct problems *p)
{
	const struct config *c = s->config;
	const size_t before = p->errors;

	if (prepare(b, loop, s, p))
		return UV_EINVAL;
	for (size_t i = 0; i < c->bot_count; i++) {
		struct bot_version *v;

		v = load(&b->list[i], p);
		if (v)
			add(&b->list[i], v);
	}
	return p->errors > before ? UV_EINVAL : 0;
}

void bots_close(struct bots *b)
{
	for (size_t i = 0; b->list && i < b->config->bot_count; i++) {
		struct bot_version *v;

		while ((v = b->list[i].versions)) {
			b->list[i].versions = v->next;
			b->scripting->ops->unload(v->bot);
			free(v);
		}
	}
	if (b->scripting)
		b->scripting->ops->close(b->scripting);
	free(b->list);
	*b = (struct bots){ 0 };
}

struct bot_slot *bots_slot(const struct bots *b, const char *name)
{
	for (size_t i = 0; i < b->config->bot_count; i++)
		if (!strcmp(b->config->bots[i].name, name))
			return &b->list[i];
	return NULL;
}

struct bot *bots_find(const struct bots *b, const char *name)
{
	const struct bot_slot *slot = bots_slot(b, name);

	return slot && slot->versions ? slot->versions->bot : NULL;
}

/* ---- versions ---- */

/* The last call of an old version is over: it is freed now. */
static void on_gone(void *arg)
{
	struct bot_version *v = arg, **pp = &v->slot->versions;

	log_debug("bot %s: version %u has no calls any more and is freed",
		  v->slot->file->name, v->number);
	while (*pp != v)
		pp = &(*pp)->next;
	*pp = v->next;
	free(v);
}

/* `v`, just loaded, takes the new calls. */
static void take_over(struct bot_slot *slot, struct bot_version *v)
{
	const struct bot_ops *ops = slot->bots->scripting->ops;
	const uint64_t us = (uv_hrtime() - slot->since) / 1000;
	struct bot_version *old = slot->versions;
	struct bot_stats st = { 0 };

	add(slot, v);
	if (old)
		ops->stats(old->bot, &st);
	log_info("bot %s: version %u takes the new calls; loaded in %" PRIu64
		 ".%" PRIu64 " ms, %zu calls stay with the one before",
		 slot->file->name, v->number, us / 1000, us / 100 % 10,
		 st.sessions);
	if (old)
		ops->retire(old->bot, on_gone, old);
}

static void on_loaded(void *arg, struct bot *bot, struct problems *p)
{
	struct bot_slot *slot = arg;
	struct bots *b = slot->bots;
	struct bot_version *v = bot ? version_new(slot, bot) : NULL;

	if (v)
		take_over(slot, v);
	else if (bot)
		b->scripting->ops->unload(bot);
	slot->since = 0;
	if (!v && !p->errors)
		setup_problem(b->setup, p, "bots", "%s: out of memory",
			      slot->file->name);
	b->reloaded(b->arg, slot, v ? 0 : UV_EINVAL, p);
}

int bot_reload(struct bot_slot *slot)
{
	struct scripting *sc = slot->bots->scripting;
	int err;

	slot->since = uv_hrtime();
	err = sc->ops->load_later(sc, slot->file->name, slot->file->path,
				  on_loaded, slot);
	if (err)
		slot->since = 0;
	return err;
}

json_t *bot_stats_json(const struct bot_slot *slot)
{
	struct bot_stats sum = { 0 };
	json_int_t versions = 0;

	for (const struct bot_version *v = slot->versions; v; v = v->next) {
		struct bot_stats st = { 0 };

		slot->bots->scripting->ops->stats(v->bot, &st);
		sum.sessions += st.sessions;
		sum.states += st.states;
		sum.coroutines += st.coroutines;
		sum.bytes += st.bytes;
		versions++;
	}
	return json_pack("{s:I, s:I, s:I, s:I, s:I}",
		"versions", versions,
		"sessions", (json_int_t)sum.sessions,
		"states", (json_int_t)sum.states,
		"coroutines", (json_int_t)sum.coroutines,
		"bytes", (json_int_t)sum.bytes);
}

static json_t *version_json(const struct bot_version *v)
{
	const struct bot_slot *slot = v->slot;
	struct bot_stats st = { 0 };

	slot->bots->scripting->ops->stats(v->bot, &st);
	return json_pack("{s:i, s:s, s:I, s:b, s:I, s:I, s:I}",
		"version", (int)v->number,
		"file", slot->file->path,
		"loaded", (json_int_t)v->loaded,
		"current", v == slot->versions,
		"calls", (json_int_t)st.sessions,
		"states", (json_int_t)st.states,
		"bytes", (json_int_t)st.bytes);
}

json_t *bots_json(const struct bots *b)
{
	json_t *bots = json_array();

	for (size_t i = 0; i < b->config->bot_count; i++) {
		const struct bot_slot *slot = &b->list[i];
		json_t *versions = json_array();

		for (const struct bot_version *v = slot->versions; v;
		     v = v->next)
			json_array_append_new(versions, version_json(v));
		json_array_append_new(bots, json_pack("{s:s, s:o}",
			"name", slot->file->name, "versions", versions));
	}
	return json_pack("{s:o}", "bots", bots);
}
