#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/log.h"
#include "json_text.h"
#include "store_i.h"

#define UNSAVED_MAX 10000
#define READS_MAX 20000

const char *store_name(const struct store *st)
{
	return st->path ? st->path : "call.client in memory";
}

/* ---- callers ---- */

static uint32_t hash_of(const char *bot, const char *number)
{
	uint32_t h = 2166136261u;

	for (; *bot; bot++)
		h = (h ^ (unsigned char)*bot) * 16777619u;
	h = (h ^ '\n') * 16777619u;
	for (; *number; number++)
		h = (h ^ (unsigned char)*number) * 16777619u;
	return h;
}

static struct client *find(struct store *st, const char *bot,
			   const char *number, uint32_t hash)
{
	struct client *c = st->buckets[hash % BUCKETS];

	for (; c; c = c->chain)
		if (c->hash == hash && !strcmp(c->key, bot) &&
		    !strcmp(c->key + c->number, number))
			return c;
	return NULL;
}

static struct client *add(struct store *st, const char *bot,
			  const char *number, uint32_t hash)
{
	const size_t nb = strlen(bot) + 1, nn = strlen(number) + 1;
	struct client *c = calloc(1, sizeof(*c) + nb + nn);

	if (!c)
		return NULL;
	c->st = st;
	c->hash = hash;
	c->number = nb;
	memcpy(c->key, bot, nb);
	memcpy(c->key + nb, number, nn);
	c->data = json_object();
	if (!c->data) {
		free(c);
		return NULL;
	}
	c->chain = st->buckets[hash % BUCKETS];
	st->buckets[hash % BUCKETS] = c;
	st->callers++;
	return c;
}

void client_unsaved(struct client *c)
{
	struct store *st = c->st;

	if (c->prev)
		return;
	c->next = NULL;
	c->prev = st->last;
	*st->last = c;
	st->last = &c->next;
	st->unsaved++;
}

void client_saved(struct client *c)
{
	struct store *st = c->st;

	if (!c->prev)
		return;
	*c->prev = c->next;
	if (c->next)
		c->next->prev = c->prev;
	else
		st->last = c->prev;
	c->prev = NULL;
	st->unsaved--;
}

/* Frees it unless somebody has or needs it. */
void client_let_go(struct client *c)
{
	struct client **at = &c->st->buckets[c->hash % BUCKETS];

	if (c->uses || c->reading || c->writing || c->changed)
		return;
	client_saved(c);
	while (*at != c)
		at = &(*at)->chain;
	*at = c->chain;
	c->st->callers--;
	json_decref(c->data);
	free(c);
}

/* ---- reading ---- */

struct reading {
	struct work w;
	struct store *st;
	struct client *c;
	json_t *data;			/* what the thread has found */
	size_t bytes;
	int rc;
	bool too_much;
	char err[LINE];
};

size_t client_bytes_of(const json_t *v)
{
	size_t n = 0, i;
	const char *key;
	json_t *item;

	switch (json_typeof(v)) {
	case JSON_STRING:
		return json_string_length(v);
	case JSON_ARRAY:
		json_array_foreach(v, i, item)
			n += VALUE_BYTES + client_bytes_of(item);
		return TABLE_BYTES + n;
	case JSON_OBJECT:
		json_object_foreach((json_t *)v, key, item)
			n += VALUE_BYTES + strlen(key) + client_bytes_of(item);
		return TABLE_BYTES + n;
	default:
		return 0;
	}
}

static int on_row(const char *key, const char *value, void *arg)
{
	struct reading *r = arg;
	json_t *v = json_of_text(value);
	size_t n;

	/* What somebody else has put there need not be ours. */
	if (!v || json_is_null(v)) {
		json_decref(v);
		return 0;
	}
	n = VALUE_BYTES + strlen(key) + client_bytes_of(v);
	if (r->bytes + n > r->st->client_bytes) {
		r->too_much = true;
		json_decref(v);
		return 0;
	}
	r->bytes += n;
	return json_object_set_new_nocheck(r->data, key, v);
}

static void read_run(struct work *w)
{
	struct reading *r = (struct reading *)w;

	r->bytes = TABLE_BYTES;
	r->data = json_object();
	r->rc = r->data ? db_read(r->st->db, r->c->key, r->c->key +
				  r->c->number, on_row, r, r->err,
				  sizeof(r->err)) : UV_ENOMEM;
}

static void wake_all(struct client *c)
{
	c->ready = true;
	while (c->waiting) {
		struct client_use *u = c->waiting;

		c->waiting = u->next;
		u->next = NULL;
		u->ready(u->arg);
	}
}

/* A line for the first call that misses its data, not for each. */
static void tell_unread(struct store *st, const char *why)
{
	st->unread++;
	if (!st->slow)
		log_error("%s: call.client cannot be read: %s; calls go on "
			  "with an empty one, what they set is kept",
			  store_name(st), why);
	st->slow = true;
}

static void read_done(struct work *w, int status)
{
	struct reading *r = (struct reading *)w;
	struct store *st = r->st;

	if (status == UV_ETIMEDOUT)
		tell_unread(st, "not within timer client");
	else if (status)
		tell_unread(st, "the node ends");
	else if (r->rc)
		tell_unread(st, *r->err ? r->err : uv_strerror(r->rc));
	else if (st->slow) {
		log_info("%s: call.client can be read again", store_name(st));
		st->slow = false;
	}
	if (status)
		wake_all(r->c);		/* the data may come later */
}

/* Puts what was set meanwhile over what was read. */
static void take_data(struct client *c, json_t *data)
{
	const json_t *over[] = { c->writing, c->changed };
	const char *key;
	json_t *v;

	for (size_t i = 0; i < 2; i++) {
		json_object_foreach((json_t *)over[i], key, v) {
			if (json_is_null(v))
				json_object_del(data, key);
			else
				json_object_set_nocheck(data, key, v);
		}
	}
	json_decref(c->data);
	c->data = data;
}

static void read_release(struct work *w)
{
	struct reading *r = (struct reading *)w;
	struct client *c = r->c;

	c->reading = false;
	c->st->reads--;
	if (r->too_much)
		log_warn("%s: what is kept of a caller of bot %s is more than "
			 "limits.session_bytes; not all of it was read",
			 store_name(r->st), c->key);
	if (!r->rc && r->data)
		take_data(c, r->data);
	else
		json_decref(r->data);
	wake_all(c);
	client_let_go(c);
	free(r);
}

static void begin_reading(struct client *c)
{
	struct store *st = c->st;
	struct reading *r = calloc(1, sizeof(*r));

	if (r) {
		r->w = (struct work){ .run = read_run, .done = read_done,
			.release = read_release, .lane = st };
		r->st = st;
		r->c = c;
		c->reading = true;
		if (!work_submit(st->pool, &r->w, st->read_ms)) {
			st->reads++;
			return;
		}
		c->reading = false;
		free(r);
	}
	tell_unread(st, "too many calls begin at once");
	c->ready = true;
}

int client_open(struct store *st, const char *bot, const char *number,
		struct client_use *u)
{
	const uint32_t hash = hash_of(bot, number);
	struct client *c = find(st, bot, number, hash);
	const bool fresh = !c;

	if (!c && !(c = add(st, bot, number, hash)))
		return UV_ENOMEM;
	c->uses++;
	u->client = c;
	if (fresh)
		begin_reading(c);
	if (!c->ready) {
		u->next = c->waiting;
		c->waiting = u;
	}
	return 0;
}

bool client_is_ready(const struct client_use *u)
{
	return !u->client || u->client->ready;
}

const json_t *client_data(const struct client_use *u)
{
	return u->client->data;
}

void client_close(struct client_use *u)
{
	struct client *c = u->client;

	if (!c)
		return;
	for (struct client_use **at = &c->waiting; *at; at = &(*at)->next) {
		if (*at != u)
			continue;
		*at = u->next;
		break;
	}
	u->client = NULL;
	u->next = NULL;
	c->uses--;
	client_let_go(c);
}

/* ---- the store ---- */

int store_open(struct store **sp, const struct store_options *o, char *err,
	       size_t size)
{
	struct store *st = calloc(1, sizeof(*st));
	int rc = UV_ENOMEM;

	snprintf(err, size, "out of memory");
	if (!st)
		return rc;
	st->loop = o->loop;
	st->last = &st->first;
	st->read_ms = o->read_ms;
	st->client_bytes = o->client_bytes;
	st->unsaved_max = o->unsaved_max ? o->unsaved_max : UNSAVED_MAX;
	timer_init(&st->retry, st->loop, store_on_retry, st);
	if (o->path && !(st->path = strdup(o->path)))
		goto fail;
	rc = db_open(&st->db, o->path, err, size);
	if (rc)
		goto fail;
	if (*err)
		log_error("%s: %s", store_name(st), err);
	rc = work_open(&st->pool, &(struct work_options){
		.name = "store", .loop = st->loop, .threads = 1,
		.queue = READS_MAX,
	});
	if (rc) {
		snprintf(err, size, "%s", uv_strerror(rc));
		goto fail;
	}
	*sp = st;
	return 0;
fail:
	db_close(st->db);
	free(st->path);
	free(st);
	return rc;
}

static void drop_all(struct store *st)
{
	size_t left = 0;

	for (size_t i = 0; i < BUCKETS; i++) {
		struct client *c;

		while ((c = st->buckets[i])) {
			st->buckets[i] = c->chain;
			left += c->changed || c->writing;
			json_decref(c->data);
			json_decref(c->changed);
			json_decref(c->writing);
			free(c);
		}
	}
	if (left)
		log_error("%s: changes of %zu callers are lost: they could "
			  "not be written before the end", store_name(st), left);
}

void store_close(struct store *st, unsigned ms)
{
	struct work_pool *pool;

	if (!st)
		return;
	task_cancel(st->loop, &st->flush);
	timer_stop(&st->retry);
	while (store_write_batch(st))
		;
	st->closing = true;
	pool = st->pool;
	work_close(pool, ms);
	timer_stop(&st->retry);
	if (st->writes || st->reads) {
		/* A thread hangs in the disk: it may keep what it has. */
		log_error("%s: the disk hangs: what was to be written last "
			  "may be lost", store_name(st));
		return;
	}
	drop_all(st);
	db_close(st->db);
	free(st->path);
	free(st);
}

void store_stats(struct store *st, struct store_stats *s)
{
	*s = (struct store_stats){
		.callers = st->callers, .unsaved = st->unsaved,
		.lost = st->lost, .unread = st->unread,
		.failing = st->failing,
	};
}
