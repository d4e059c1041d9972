/* Bot files of any content, as the loader reads them beside Lua itself. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lua/literals.h"
#include "lua/scan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Every table below `t` can be walked, and found again by key and place. */
static unsigned walk(const struct scan_table *t, unsigned depth)
{
	unsigned n = 0;

	if (!t || depth > 50)
		return 0;
	for (size_t i = 0; i < t->count && n < 10000; i++) {
		const struct scan_entry *e = &t->entries[i];

		if (e->key && !scan_key(t, e->key))
			abort();
		if (e->index && scan_item(t, e->index) != e)
			abort();
		n += 1 + walk(e->table, depth + 1);
	}
	return n;
}

/* Texts with templates are where they are said to be, one after the other. */
static void literals(const char *text, size_t size)
{
	struct literals l = { 0 };
	size_t at = 0;

	literals_find(&l, text, size);
	for (size_t i = 0; i < l.count; i++) {
		if (l.list[i].at < at || l.list[i].len > size ||
		    l.list[i].at > size - l.list[i].len)
			abort();
		at = l.list[i].at + l.list[i].len;
	}
	literals_free(&l);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct problems p = { 0 };
	struct scan *s;

	memcpy(text, data, size);
	text[size] = '\0';
	s = scan_open("bot.lua", text, size, &p);
	if (s)
		walk(scan_root(s), 0);
	scan_close(s);
	problems_free(&p);
	literals(text, size);
	free(text);
	return 0;
}
