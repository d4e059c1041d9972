/**
 * @file client.c  What a bot keeps of its callers: call.client
 *
 * In memory, for a bounded number of callers: the one not asked for longest is
 * forgotten first. Of two calls of one caller the last writer of a key wins.
 */
#include <stdlib.h>
#include <string.h>

#include "client.h"
#include "shard.h"

#define BUCKETS 4096

struct client {
	struct client *chain;		/* same bucket                 */
	struct client *newer, *older;
	json_t *data;
	uint32_t hash;
	char key[];			/* "bot\nnumber"               */
};

struct client_store {
	struct client *buckets[BUCKETS];
	struct client *newest, *oldest;
	size_t count, max;
};

struct client_store *client_store_new(size_t callers)
{
	struct client_store *st = calloc(1, sizeof(*st));

	if (st)
		st->max = callers;
	return st;
}

static void unlink_age(struct client_store *st, struct client *c)
{
	*(c->newer ? &c->newer->older : &st->newest) = c->older;
	*(c->older ? &c->older->newer : &st->oldest) = c->newer;
}

static void link_newest(struct client_store *st, struct client *c)
{
	c->newer = NULL;
	c->older = st->newest;
	*(st->newest ? &st->newest->newer : &st->oldest) = c;
	st->newest = c;
}

static void forget(struct client_store *st, struct client *c)
{
	struct client **p = &st->buckets[c->hash % BUCKETS];

	while (*p != c)
		p = &(*p)->chain;
	*p = c->chain;
	unlink_age(st, c);
	st->count--;
	json_decref(c->data);
	free(c);
}

void client_store_free(struct client_store *st)
{
	if (!st)
		return;
	while (st->oldest)
		forget(st, st->oldest);
	free(st);
}

static uint32_t hash(const char *bot, const char *number)
{
	uint32_t h = 2166136261u;

	for (; *bot; bot++)
		h = (h ^ (unsigned char)*bot) * 16777619u;
	for (; *number; number++)
		h = (h ^ (unsigned char)*number) * 16777619u;
	return h;
}

static bool is_key(const char *key, const char *bot, const char *number)
{
	size_t n = strlen(bot);

	return !strncmp(key, bot, n) && key[n] == '\n' &&
		!strcmp(key + n + 1, number);
}

static struct client *find(struct client_store *st, const char *bot,
			   const char *number)
{
	uint32_t h = hash(bot, number);
	struct client *c;

	for (c = st->buckets[h % BUCKETS]; c; c = c->chain)
		if (c->hash == h && is_key(c->key, bot, number))
			break;
	if (c) {
		unlink_age(st, c);
		link_newest(st, c);
	}
	return c;
}

static struct client *add(struct client_store *st, const char *bot,
			  const char *number)
{
	size_t nb = strlen(bot), nn = strlen(number);
	struct client *c = malloc(sizeof(*c) + nb + nn + 2);

	if (!c)
		return NULL;
	*c = (struct client){ .hash = hash(bot, number) };
	memcpy(c->key, bot, nb);
	c->key[nb] = '\n';
	memcpy(c->key + nb + 1, number, nn + 1);
	c->data = json_object();
	if (!c->data) {
		free(c);
		return NULL;
	}
	c->chain = st->buckets[c->hash % BUCKETS];
	st->buckets[c->hash % BUCKETS] = c;
	link_newest(st, c);
	st->count++;
	while (st->count > st->max)
		forget(st, st->oldest);
	return c;
}

json_t *client_get(struct client_store *st, const char *bot,
		   const char *number)
{
	struct client *c = find(st, bot, number);

	/* A copy: what a call has read must not change under it. */
	return c ? json_copy(c->data) : NULL;
}

void client_merge(struct client_store *st, const char *bot,
		  const char *number, const json_t *was, const json_t *is)
{
	struct client *c = NULL;
	const char *key;
	json_t *v;

	json_object_foreach((json_t *)is, key, v) {
		json_t *before = json_object_get(was, key);

		if (before && json_equal(before, v))
			continue;
		if (!c && !(c = find(st, bot, number)) &&
		    !(c = add(st, bot, number)))
			return;
		json_object_set_nocheck(c->data, key, v);
	}
	json_object_foreach((json_t *)was, key, v) {
		if (json_object_get(is, key))
			continue;
		if (!c && !(c = find(st, bot, number)))
			return;
		json_object_del(c->data, key);
	}
	if (c && !json_object_size(c->data))
		forget(st, c);
}
