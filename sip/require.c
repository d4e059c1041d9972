#include "require.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* 100rel nta does by itself. */
static const char *const known[] = { "100rel", "timer" };

static bool is_known(const char *tag)
{
	for (size_t i = 0; i < sizeof(known) / sizeof(known[0]); i++)
		if (!strcasecmp(known[i], tag))
			return true;
	return false;
}

const char *require_lacks(const sip_t *request, char *buf, size_t size)
{
	size_t len = 0;

	for (const sip_require_t *r = request->sip_require; r;
	     r = (const sip_require_t *)r->k_next)
		for (size_t i = 0; r->k_items && r->k_items[i]; i++) {
			const char *name = r->k_items[i];

			if (is_known(name))
				continue;
			if (strlen(name) + 3 > size - len)
				return len ? buf : "too-long";
			len += (size_t)snprintf(buf + len, size - len, "%s%s",
						len ? ", " : "", name);
		}
	return len ? buf : NULL;
}
