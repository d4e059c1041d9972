/**
 * @file store_i.h  Inside the store: shared by store.c and store_write.c
 */
#ifndef TANDEM_STORE_I_H
#define TANDEM_STORE_I_H

#include "core/loop.h"
#include "core/work/work.h"
#include "db.h"
#include "store.h"

#define BUCKETS 4096
#define LINE 256

/* As plain data is counted where a bot's tables are checked. */
#define TABLE_BYTES 40
#define VALUE_BYTES 16

struct client {
	struct store *st;
	struct client *chain;		/* same bucket                       */
	struct client *next, **prev;	/* unsaved, in the order they became so */
	uint32_t hash;
	unsigned uses;
	bool ready;			/* read, or given up                 */
	bool reading;			/* a thread has it                   */
	json_t *data;
	json_t *changed;		/* not yet written; null: taken away */
	json_t *writing;		/* under way                         */
	struct client_use *waiting;
	size_t number;			/* where it begins in key            */
	char key[];			/* "bot\0number"                     */
};

struct store {
	struct loop *loop;
	struct db *db;
	struct work_pool *pool;
	char *path;
	uint64_t read_ms;
	size_t client_bytes, unsaved_max;
	struct client *buckets[BUCKETS];
	size_t callers, unsaved;
	struct client *first, **last;	/* unsaved */
	unsigned writes, reads;		/* jobs under way */
	struct task flush;
	struct timer retry;
	bool closing, failing;
	bool slow;			/* reads failed, and it was told */
	uint64_t lost, unread;
	uint64_t lost_told;
};

/* store.c */
const char *store_name(const struct store *st);
/** Puts a caller among the unsaved, or takes him out. */
void client_unsaved(struct client *c);
void client_saved(struct client *c);
/** Frees him unless somebody has or needs him. */
void client_let_go(struct client *c);
size_t client_bytes_of(const json_t *v);

/* store_write.c */
/** Gives the thread a batch of what is unsaved; false: nothing was. */
bool store_write_batch(struct store *st);
void store_on_retry(void *arg);

#endif
