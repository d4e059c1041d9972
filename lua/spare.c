/*
 * A further Lua state of a bot, made ready on a thread before the last one is
 * full, so that the call which needs it does not wait for it to be loaded, and
 * with it all others.
 *
 * While it is loaded it belongs to a bot of its own, which has a copy of the
 * sources as they were read: nothing of the bot that calls run in is touched.
 */
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/log.h"
#include "core/work/work.h"
#include "shard.h"

/* So many sessions before the last state is full. Loading takes some ten
 * milliseconds, and a node is made for a thousand calls a second. */
#define SPARE_AT 100

struct spare {
	struct work work;
	struct bot *bot;	/**< whose it will be; NULL: gone meanwhile  */
	struct bot *part;	/**< whose it is while it is loaded          */
	struct problems p;
};

static int copy_sources(struct bot *to, const struct bot *from)
{
	struct source **end = &to->sources;

	for (const struct source *s = from->sources; s; s = s->next) {
		struct source *c = calloc(1, sizeof(*c));

		if (!c)
			return UV_ENOMEM;
		*end = c;
		end = &c->next;
		c->module = s->module ? strdup(s->module) : NULL;
		c->path = strdup(s->path);
		c->text = malloc(s->len + 1);
		c->len = s->len;
		if (!c->path || !c->text || (s->module && !c->module))
			return UV_ENOMEM;
		memcpy(c->text, s->text, s->len + 1);
	}
	return 0;
}

static void on_run(struct work *w)
{
	struct spare *s = (struct spare *)w;

	s->part->shards = shard_open(s->part, &s->p);
}

/* The state is the bot's now, and keeps the sources it was made from, and what
 * it has learnt of them. */
static void adopt(struct bot *bot, struct bot *part)
{
	struct shard *sh = part->shards, **end = &bot->shards;

	part->shards = NULL;
	sh->bot = bot;
	sh->sources = part->sources;
	part->sources = NULL;
	sh->classifier = part->classifier;
	part->classifier = NULL;
	bot->bytes += part->bytes;
	/* the last one: those before it are filled first */
	while (*end)
		end = &(*end)->next;
	*end = sh;
}

static void on_done(struct work *w, int status)
{
	struct spare *s = (struct spare *)w;
	struct bot *bot = s->bot;
	char text[512];

	if (!bot)
		return;
	bot->spare = NULL;
	if (status || bot->sc->closing || bot->gone)
		return;
	if (s->part->shards)
		adopt(bot, s->part);
	else if (s->p.count)
		log_error("%s", problem_text(&s->p, 0, text, sizeof(text)));
}

static void on_release(struct work *w)
{
	struct spare *s = (struct spare *)w;

	if (s->part)
		bot_free(s->part);
	problems_free(&s->p);
	free(s);
}

static size_t places(const struct bot *bot)
{
	size_t n = 0;

	for (const struct shard *sh = bot->shards; sh; sh = sh->next)
		n += SHARD_SESSIONS - sh->session_count;
	return n;
}

void spare_want(struct bot *bot)
{
	struct spare *s;

	if (bot->spare || bot->sc->coverage || places(bot) >= SPARE_AT ||
	    bot->bytes + bot->shards->baseline > bot->limits.bot_memory)
		return;
	s = calloc(1, sizeof(*s));
	if (!s)
		return;
	s->work = (struct work){
		.run = on_run, .done = on_done, .release = on_release,
	};
	s->part = bot_new(bot->sc, bot->name, bot->path);
	if (!s->part || copy_sources(s->part, bot) ||
	    load_submit(bot->sc, &s->work)) {
		on_release(&s->work);
		return;
	}
	s->bot = bot;
	bot->spare = s;
}

void spare_forget(struct bot *bot)
{
	if (bot->spare)
		bot->spare->bot = NULL;
	bot->spare = NULL;
}
