/*
 * What calls change is written behind them: a batch at a time, tried again
 * until it is written, and given up only where too much would wait.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/log.h"
#include "json_text.h"
#include "store_i.h"

#define BATCH_MAX 256		/* callers in one transaction */
#define RETRY_MS 1000

struct writing {
	struct work w;
	struct store *st;
	struct client *clients[BATCH_MAX];
	size_t client_count;
	struct db_change *list;
	size_t count, room;
	uint64_t now;
	int rc;
	char err[LINE];
};

static void flush(void *arg);

static void flush_later(struct store *st)
{
	if (!st->closing)
		task_post(st->loop, &st->flush, flush, st);
}

static void writing_free(struct writing *b)
{
	for (size_t i = 0; i < b->count; i++) {
		free((char *)b->list[i].key);
		free((char *)b->list[i].value);
	}
	free(b->list);
	free(b);
}

/* Texts are made here: JSON values belong to the loop's thread. */
static int add_changes(struct writing *b, struct client *c)
{
	const size_t n = json_object_size(c->changed);
	const char *key;
	json_t *v;

	if (b->count + n > b->room) {
		const size_t room = b->count + n + 64;
		struct db_change *list = realloc(b->list,
						 room * sizeof(*list));

		if (!list)
			return UV_ENOMEM;
		b->list = list;
		b->room = room;
	}
	json_object_foreach(c->changed, key, v) {
		struct db_change *d = &b->list[b->count++];

		*d = (struct db_change){ .bot = c->key,
			.number = c->key + c->number, .key = strdup(key) };
		if (!json_is_null(v))
			d->value = json_text(v);
		if (!d->key || (!json_is_null(v) && !d->value))
			return UV_ENOMEM;
	}
	return 0;
}

static void write_run(struct work *w)
{
	struct writing *b = (struct writing *)w;

	b->rc = db_write(b->st->db, b->list, b->count, b->now, b->err,
			 sizeof(b->err));
}

/* What was not written is to be written still, under what came after it. */
static void take_back(struct client *c)
{
	const char *key;
	json_t *v;

	if (!c->changed) {
		c->changed = c->writing;
	} else {
		json_object_foreach(c->writing, key, v)
			if (!json_object_get(c->changed, key))
				json_object_set_nocheck(c->changed, key, v);
		json_decref(c->writing);
	}
	c->writing = NULL;
}

static void tell_written(struct store *st, const struct writing *b, int rc)
{
	if (rc) {
		if (!st->failing)
			log_error("%s: call.client cannot be written: %s; it "
				  "is kept in memory and tried again",
				  store_name(st),
				  *b->err ? b->err : uv_strerror(rc));
		st->failing = true;
		return;
	}
	if (*b->err)
		log_error("%s: %s", store_name(st), b->err);
	if (st->failing)
		log_info("%s: call.client is written again", store_name(st));
	st->failing = false;
}

static void give_up(struct client *c)
{
	c->st->lost++;
	json_decref(c->changed);
	c->changed = NULL;
	client_saved(c);
}

static void write_done(struct work *w, int status)
{
	struct writing *b = (struct writing *)w;

	if (status)
		snprintf(b->err, sizeof(b->err), "the node ends");
	tell_written(b->st, b, status ? status : b->rc);
	if (status)
		b->rc = status;
}

static void write_release(struct work *w)
{
	struct writing *b = (struct writing *)w;
	struct store *st = b->st;

	st->writes--;
	for (size_t i = 0; i < b->client_count; i++) {
		struct client *c = b->clients[i];

		if (b->rc) {
			take_back(c);
			client_unsaved(c);
		} else {
			json_decref(c->writing);
			c->writing = NULL;
			if (!c->changed)
				client_saved(c);
		}
		client_let_go(c);
	}
	if (st->failing && !st->closing)
		timer_start(&st->retry, RETRY_MS);
	else if (st->first)
		flush_later(st);
	writing_free(b);
}

/* Gives the thread what is unsaved, a batch of it; false: nothing was. */
bool store_write_batch(struct store *st)
{
	struct writing *b = calloc(1, sizeof(*b));
	int rc = b ? 0 : UV_ENOMEM;

	for (struct client *c = st->first; !rc && c &&
	     b->client_count < BATCH_MAX; c = c->next) {
		if (c->writing || !c->changed)
			continue;
		rc = add_changes(b, c);
		b->clients[b->client_count++] = c;
	}
	if (!rc && !b->client_count) {
		writing_free(b);
		return false;
	}
	if (!rc) {
		b->w = (struct work){ .run = write_run, .done = write_done,
			.release = write_release, .lane = st };
		b->st = st;
		b->now = loop_wall(st->loop);
		rc = work_submit(st->pool, &b->w, 0);
	}
	if (rc) {
		if (b)
			writing_free(b);
		timer_start(&st->retry, RETRY_MS);
		return false;
	}
	st->writes++;
	for (size_t i = 0; i < b->client_count; i++) {
		struct client *c = b->clients[i];

		c->writing = c->changed;
		c->changed = NULL;
	}
	return true;
}

static void flush(void *arg)
{
	struct store *st = arg;

	/* One at a time: what comes meanwhile goes together. */
	if (!st->writes && !timer_running(&st->retry))
		store_write_batch(st);
}

void store_on_retry(void *arg)
{
	flush(arg);
}

/* The oldest of too many is given up. */
static void bound(struct store *st)
{
	struct client *c = st->first;

	while (st->unsaved > st->unsaved_max && c) {
		struct client *next = c->next;

		if (!c->writing) {
			give_up(c);
			client_let_go(c);
		}
		c = next;
	}
	if (st->lost > st->lost_told) {
		/* in doubling steps, not a line for each */
		log_error("%s: changes of %llu callers are lost: the file "
			  "cannot be written, and more than %zu callers wait",
			  store_name(st), (unsigned long long)st->lost,
			  st->unsaved_max);
		st->lost_told = 2 * st->lost;
	}
}

static bool put(struct client *c, const char *key, json_t *v)
{
	if (!c->changed && !(c->changed = json_object()))
		return false;
	if (json_object_set_nocheck(c->changed, key, v))
		return false;
	if (json_is_null(v))
		json_object_del(c->data, key);
	else
		json_object_set_nocheck(c->data, key, v);
	return true;
}

void client_write(struct client_use *u, const json_t *was, const json_t *is)
{
	struct client *c = u->client;
	struct store *st = c->st;
	size_t bytes = client_bytes_of(c->data);
	json_t *none = json_null();
	const char *key;
	bool fine = true;
	json_t *v;

	json_object_foreach((json_t *)was, key, v) {
		if (json_object_get(is, key))
			continue;
		fine = put(c, key, none) && fine;
	}
	json_object_foreach((json_t *)is, key, v) {
		const json_t *before = json_object_get(was, key);
		const json_t *old = json_object_get(c->data, key);
		const size_t gain = VALUE_BYTES + strlen(key) + client_bytes_of(v);

		if (before && json_equal(before, v))
			continue;
		if (old)
			bytes -= VALUE_BYTES + strlen(key) + client_bytes_of(old);
		bytes += gain;
		/* Two calls of one caller may each have room, and not both. */
		if (bytes > st->client_bytes) {
			bytes -= gain;
			log_warn("%s: key %.100s of a caller of bot %s is not "
				 "kept: with it there would be more than "
				 "limits.session_bytes", store_name(st), key,
				 c->key);
			if (old)
				fine = put(c, key, none) && fine;
			continue;
		}
		fine = put(c, key, v) && fine;
	}
	if (!fine)
		log_error("%s: out of memory: not all of a caller's data is "
			  "kept", store_name(st));
	if (!c->changed)
		return;
	client_unsaved(c);
	if (st->unsaved > st->unsaved_max)
		bound(st);
	flush_later(st);
}
