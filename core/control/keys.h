/**
 * @file keys.h  Keys of requests, so that a repeat is harmless
 *
 * A client whose connection broke does not know whether its request was
 * carried out. Repeated with the same key within ten minutes it gets the
 * first answer and nothing happens again. Refused requests are not kept: they
 * did nothing, and the repeat may succeed.
 */
#ifndef TANDEM_CONTROL_KEYS_H
#define TANDEM_CONTROL_KEYS_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#define KEYS_MAX 65536
#define KEYS_MS (10 * 60 * 1000)
#define KEY_LEN_MAX 128

struct keys {
	json_t *table;		/**< key -> [time, what for, answer], oldest
				     first                                   */
};

int keys_init(struct keys *k);
void keys_free(struct keys *k);

/**
 * Looks for `key`. 1: `*answer` is the first one's (borrowed); 0: the key is
 * new and there is room; UV_EEXIST: it was used for something other than
 * `what`; UV_ENOBUFS: KEYS_MAX keys are remembered. `now` in ms.
 */
int keys_find(struct keys *k, uint64_t now, const char *key, const char *what,
	      const char **answer);

/** Remembers `answer` under a new key. */
int keys_add(struct keys *k, uint64_t now, const char *key, const char *what,
	     const char *answer);

#endif
