#include "node_bots.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uv.h>

#include "bot.h"
#include "config.h"
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

int bots_open(struct bots *b, struct loop *loop, const struct setup *s,
	      struct problems *p)
{
	const struct config *c = s->config;
	const size_t before = p->errors;

	*b = (struct bots){ .config = c };
	b->scripting = lua_scripting_open(loop, &c->limits);
	b->list = calloc(c->bot_count + 1, sizeof(*b->list));
	if (!b->scripting || !b->list) {
		setup_problem(s, p, "bots", "out of memory");
		return UV_EINVAL;
	}
	for (size_t i = 0; i < c->bot_count; i++) {
		const struct bot_file *file = &c->bots[i];
		const size_t errors = p->errors;

		if (readable(s, file, p))
			continue;
		b->list[i] = b->scripting->ops->load(b->scripting, file->name,
						     file->path, p);
		if (!b->list[i] && p->errors == errors)
			setup_problem(s, p, "bots", "%s: out of memory",
				      file->name);
	}
	return p->errors > before ? UV_EINVAL : 0;
}

void bots_close(struct bots *b)
{
	for (size_t i = 0; b->list && i < b->config->bot_count; i++)
		if (b->list[i])
			b->scripting->ops->unload(b->list[i]);
	if (b->scripting)
		b->scripting->ops->close(b->scripting);
	free(b->list);
	*b = (struct bots){ 0 };
}

struct bot *bots_find(const struct bots *b, const char *name)
{
	for (size_t i = 0; i < b->config->bot_count; i++)
		if (!strcmp(b->config->bots[i].name, name))
			return b->list[i];
	return NULL;
}
