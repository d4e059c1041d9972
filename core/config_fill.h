/**
 * @file config_fill.h  From a checked tree to struct config
 *
 * What has the wrong type is passed over here: config_check_tree() told of it.
 * What is wrong between keys is added: names that lead nowhere, more calls
 * than ports.
 */
#ifndef TANDEM_CONFIG_FILL_H
#define TANDEM_CONFIG_FILL_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct config;
struct config_check;
struct trunk;

struct trunk;

struct fill {
	struct config *c;
	const struct config_check *ck;
	bool no_memory;
};

/** Room for a key's path. */
#define PATH_SIZE 512

/** Fills `c` from the tree. False: no memory. */
bool config_fill(struct config *c, const struct config_check *ck,
		 json_t *tree, const char *file);

/** Trunks, bots and channels: what the operator names. */
void fill_names(struct fill *f, json_t *tree);

/* Memory that `no_memory` tells of when there is none. */
char *fill_copy(struct fill *f, const char *s);
void *fill_room(struct fill *f, size_t count, size_t size);

/* Values of a table by their row in the table of keys, or its default. */

/** A copy; NULL: nil, or no string. */
char *fill_string(struct fill *f, json_t *table, const char *row);
/** Into a buffer, "" if there is none. */
void fill_text(struct fill *f, json_t *table, const char *row, char *buf,
	       size_t size);
/** Place among `words`, or 0. */
int fill_word(struct fill *f, json_t *table, const char *row,
	      const char *const *words);
/** A whole number or a size; 0: nil. */
uint64_t fill_whole(struct fill *f, json_t *table, const char *row);
/** In ms; 0: nil. */
uint64_t fill_duration(struct fill *f, json_t *table, const char *row);
/** Keys of a table in byte order; the caller frees the list. */
const char **fill_keys(struct fill *f, json_t *table, size_t *count);

/** A trunk's identity and credentials; `at` is "trunks.NAME". */
void fill_identity(struct fill *f, struct trunk *t, json_t *table,
		   const char *at);

/** An empty table of Lua is an empty list as well. */
bool is_empty(const json_t *v);

/* config_way.c */

/** Of one trunk, whose table is at the path `at`. */
void fill_way(struct fill *f, struct trunk *t, json_t *table, const char *at);

/** sip.proxies. */
void fill_proxies(struct fill *f, json_t *sip);

/** An address that peers can send to; left as it is if `v` is nil. */
void fill_address(struct fill *f, const char *path, json_t *v, char addr[46]);

#endif
