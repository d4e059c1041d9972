#include "keys.h"

#include <string.h>
#include <uv.h>

int keys_init(struct keys *k)
{
	k->table = json_object();
	return k->table ? 0 : UV_ENOMEM;
}

void keys_free(struct keys *k)
{
	json_decref(k->table);
	k->table = NULL;
}

/* An object keeps its keys in the order they were added: oldest first. */
static void expire(struct keys *k, uint64_t now)
{
	void *it;

	while ((it = json_object_iter(k->table))) {
		const json_t *entry = json_object_iter_value(it);
		const uint64_t at = (uint64_t)json_integer_value(
			json_array_get(entry, 0));

		if (now - at < KEYS_MS)
			return;
		json_object_del(k->table, json_object_iter_key(it));
	}
}

int keys_find(struct keys *k, uint64_t now, const char *key, const char *what,
	      const char **answer)
{
	const json_t *entry;

	expire(k, now);
	entry = json_object_get(k->table, key);
	if (!entry)
		return json_object_size(k->table) < KEYS_MAX ? 0 : UV_ENOBUFS;
	if (strcmp(json_string_value(json_array_get(entry, 1)), what))
		return UV_EEXIST;
	*answer = json_string_value(json_array_get(entry, 2));
	return 1;
}

int keys_add(struct keys *k, uint64_t now, const char *key, const char *what,
	     const char *answer)
{
	json_t *entry = json_pack("[I, s, s]", (json_int_t)now, what, answer);

	return json_object_set_new_nocheck(k->table, key, entry) ?
		UV_ENOMEM : 0;
}
