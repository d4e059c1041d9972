/*
 * Loading a bot beside the calls. A large one takes ten milliseconds, one that
 * computes when it is loaded may take seconds: on the main thread each call
 * would wait so long. Till it is done nobody else knows the bot, so that a
 * thread may have it for itself.
 */
#include <stdlib.h>
#include <uv.h>

#include "core/work/work.h"
#include "shard.h"

#define QUEUE 64
#define CLOSE_MS 30000	/* longer than the budget of loading lasts */

struct later {
	struct work work;
	struct bot *bot;
	bool fine;
	struct problems p;
	bot_loaded_h *done;
	void *arg;
};

static void on_run(struct work *w)
{
	struct later *l = (struct later *)w;

	l->fine = !bot_fill(l->bot, &l->p);
}

static void on_done(struct work *w, int status)
{
	struct later *l = (struct later *)w;
	struct bot *bot = NULL;

	if (status || l->bot->sc->closing)
		return;
	if (l->fine) {
		bot = l->bot;
		l->bot = NULL;
		bot_link(bot);
	}
	l->done(l->arg, bot, &l->p);
}

static void on_release(struct work *w)
{
	struct later *l = (struct later *)w;

	if (l->bot)
		bot_free(l->bot);
	problems_free(&l->p);
	free(l);
}

int load_submit(struct lua_scripting *sc, struct work *w)
{
	int err = 0;

	if (!sc->loader)
		err = work_open(&sc->loader, &(struct work_options){
			.name = "bots", .loop = sc->loop, .threads = 1,
			.queue = QUEUE,
		});
	return err ? err : work_submit(sc->loader, w, 0);
}

int load_later(struct scripting *base, const char *name, const char *path,
	       bot_loaded_h *done, void *arg)
{
	struct lua_scripting *sc = (struct lua_scripting *)base;
	struct later *l = calloc(1, sizeof(*l));
	int err;

	if (!l)
		return UV_ENOMEM;
	l->work = (struct work){
		.run = on_run, .done = on_done, .release = on_release,
	};
	l->done = done;
	l->arg = arg;
	l->bot = bot_new(sc, name, path);
	err = l->bot ? load_submit(sc, &l->work) : UV_ENOMEM;
	if (err)
		on_release(&l->work);
	return err;
}

void load_close(struct lua_scripting *sc)
{
	sc->closing = true;
	if (sc->loader)
		work_close(sc->loader, CLOSE_MS);
	sc->loader = NULL;
}
