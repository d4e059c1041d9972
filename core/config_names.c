#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "action.h"
#include "config_fill.h"
#include "config_keys.h"
#include "config_value.h"

/* trunks */

static void fill_headers(struct fill *f, struct trunk *t, json_t *table,
			 const char *at)
{
	json_t *list = json_object_get(table, "headers");
	const size_t n = json_array_size(list);
	char path[PATH_SIZE];

	t->headers = fill_room(f, n, sizeof(*t->headers));
	for (size_t i = 0; t->headers && i < n; i++) {
		const char *s = json_string_value(json_array_get(list, i));

		if (!s)
			continue;
		snprintf(path, sizeof(path), "%s.headers[%zu]", at, i + 1);
		if (!header_is_valid(s, "", 0)) {
			config_problem(f->ck, path, "\"%s\" is no header name",
				       s);
			continue;
		}
		if (header_is_protected(s)) {
			config_problem(f->ck, path, "\"%s\" is a protected "
				       "header", s);
			continue;
		}
		t->headers[t->header_count] = fill_copy(f, s);
		if (t->headers[t->header_count])
			t->header_count++;
	}
}

static void fill_trunk(struct fill *f, struct trunk *t, json_t *table)
{
	static const char *const refer[] = { "auto", "never", "always", NULL };
	static const char *const media[] = { "auto", "node", "direct", NULL };
	char at[PATH_SIZE - 64], path[PATH_SIZE];

	snprintf(at, sizeof(at), "trunks.%s", t->name);
	fill_way(f, t, table, at);
	fill_headers(f, t, table, at);
	t->refer = (enum refer_policy)
		fill_word(f, table, "trunks.*.refer", refer);
	t->media = (enum media_policy)
		fill_word(f, table, "trunks.*.media", media);
	fill_identity(f, t, table, at);
	if (f->c->media_mode == MEDIA_NONE && t->media == MEDIA_NODE) {
		snprintf(path, sizeof(path), "%s.media", at);
		config_problem(f->ck, path, "\"node\" needs media.mode "
			       "\"rtp\"");
	}
}

static void fill_trunks(struct fill *f, json_t *trunks)
{
	struct config *c = f->c;
	size_t n;
	const char **keys = fill_keys(f, trunks, &n);

	c->trunks = fill_room(f, n, sizeof(*c->trunks));
	for (size_t i = 0; keys && c->trunks && i < n; i++) {
		struct trunk *t = &c->trunks[c->trunk_count];
		json_t *table;

		t->name = fill_copy(f, keys[i]);
		if (!t->name)
			break;
		c->trunk_count++;
		table = json_object_get(trunks, keys[i]);
		if (json_is_object(table) || is_empty(table))
			fill_trunk(f, t, table);
	}
	free(keys);
}

/* bots and channels */

static void dangling(struct fill *f, const char *path, const char *what,
		     const char *name, json_t *table)
{
	size_t n;
	const char **keys = fill_keys(f, table, &n);
	const char **words = keys ? fill_room(f, n + 1, sizeof(*words)) : NULL;
	const char *near = NULL;

	if (words) {
		memcpy(words, keys, n * sizeof(*words));
		near = nearest_word(name, words);
	}
	config_problem(f->ck, path, near ? "no %s is named \"%s\", did you "
		       "mean \"%s\"?" : "no %s is named \"%s\"", what, name,
		       near);
	free(words);
	free(keys);
}

static void fill_bots(struct fill *f, json_t *bots)
{
	struct config *c = f->c;
	size_t n;
	const char **keys = fill_keys(f, bots, &n);
	char path[PATH_SIZE];

	c->bots = fill_room(f, n, sizeof(*c->bots));
	for (size_t i = 0; keys && c->bots && i < n; i++) {
		const char *s = json_string_value(json_object_get(bots,
								  keys[i]));
		struct bot_file *b = &c->bots[c->bot_count];

		if (!s)
			continue;
		if (!*s) {
			snprintf(path, sizeof(path), "bots.%s", keys[i]);
			config_problem(f->ck, path, "must be a path");
			continue;
		}
		b->name = fill_copy(f, keys[i]);
		b->path = config_path(c, s);
		c->bot_count++;
		if (!b->path)
			f->no_memory = true;
	}
	free(keys);
}

/* A `*` in front is the key, as in *21; at the end it is any text. */
static bool inner_star(const char *s)
{
	for (const char *c = s; *c; c++)
		if (*c == '*' && c != s && c[1])
			return true;
	return false;
}

static void fill_number(struct fill *f, struct channel *ch, json_t *v,
			const char *at)
{
	char path[PATH_SIZE], digits[32];
	const char *s = json_string_value(v);
	uint64_t n;

	if (is_nil(v))
		return;
	if (!s && !whole_parse(v, &n)) {
		snprintf(digits, sizeof(digits), "%" PRIu64, n);
		s = digits;
	}
	if (!s)
		return;
	snprintf(path, sizeof(path), "%s.number", at);
	if (!*s)
		config_problem(f->ck, path, "must not be empty");
	else if (*s == '@')
		config_problem(f->ck, path, "number lists are not available "
			       "in this version");
	else if (strlen(s) > 128)
		config_problem(f->ck, path, "is longer than 128 characters");
	else if (inner_star(s))
		config_problem(f->ck, path, "`*` for any rest stands at the "
			       "end only");
	else
		ch->number = fill_copy(f, s);
}

static void fill_channel(struct fill *f, struct channel *ch, json_t *table,
			 json_t *tree)
{
	struct config *c = f->c;
	json_t *bots = json_object_get(tree, "bots");
	json_t *trunks = json_object_get(tree, "trunks");
	char at[PATH_SIZE - 64], path[PATH_SIZE];
	char *trunk = fill_string(f, table, "channels.*.trunk");
	const char *bot = json_string_value(json_object_get(table, "bot"));

	snprintf(at, sizeof(at), "channels.%s", ch->id);
	snprintf(path, sizeof(path), "%s.trunk", at);
	if (trunk) {
		ch->trunk = config_trunk(c, trunk);
		if (!ch->trunk)
			dangling(f, path, "trunk", trunk, trunks);
	}
	free(trunk);

	snprintf(path, sizeof(path), "%s.bot", at);
	if (bot && !json_object_get(bots, bot))
		dangling(f, path, "bot", bot, bots);
	if (!bot && is_nil(json_object_get(table, "bot"))) {
		bot = c->default_bot;
		if (!bot)
			config_problem(f->ck, path, "is missing, and there is "
				       "no default_bot");
	}
	if (bot)
		ch->bot = fill_copy(f, bot);
	ch->lines = (unsigned)fill_whole(f, table, "channels.*.lines");
	fill_number(f, ch, json_object_get(table, "number"), at);
}

static void fill_channels(struct fill *f, json_t *channels, json_t *tree)
{
	struct config *c = f->c;
	size_t n;
	const char **keys = fill_keys(f, channels, &n);

	c->channels = fill_room(f, n, sizeof(*c->channels));
	for (size_t i = 0; keys && c->channels && i < n; i++) {
		struct channel *ch = &c->channels[c->channel_count];
		json_t *table = json_object_get(channels, keys[i]);

		if (!json_is_object(table) && !is_empty(table))
			continue;
		ch->id = fill_copy(f, keys[i]);
		if (!ch->id)
			break;
		c->channel_count++;
		fill_channel(f, ch, table, tree);
	}
	free(keys);
}

void fill_names(struct fill *f, json_t *tree)
{
	struct config *c = f->c;
	json_t *bots = json_object_get(tree, "bots");

	fill_trunks(f, json_object_get(tree, "trunks"));
	fill_bots(f, bots);
	c->default_bot = fill_string(f, tree, "default_bot");
	if (c->default_bot && !json_object_get(bots, c->default_bot))
		dangling(f, "default_bot", "bot", c->default_bot, bots);
	fill_channels(f, json_object_get(tree, "channels"), tree);
}
