#include "json_text.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#define FLAGS (JSON_COMPACT | JSON_ENCODE_ANY | JSON_REAL_PRECISION(17))

/* Bytes to code points (`wide`), or those back to bytes. */
static char *turn(const char *s, size_t len, bool wide, size_t *out)
{
	char *to = malloc(2 * len + 1);
	size_t n = 0;

	for (size_t i = 0; to && i < len; i++) {
		const unsigned char c = (unsigned char)s[i];

		if (wide && c >= 0x80) {
			to[n++] = (char)(0xc0 | c >> 6);
			to[n++] = (char)(0x80 | (c & 0x3f));
		} else if (!wide && c >= 0x80 && i + 1 < len) {
			to[n++] = (char)(c << 6 | (s[++i] & 0x3f));
		} else {
			to[n++] = (char)c;
		}
	}
	if (to)
		to[n] = '\0';
	*out = n;
	return to;
}

static json_t *recode(const json_t *v, bool wide)
{
	json_t *to, *item;
	const char *key;
	size_t i, n;
	char *s;

	switch (json_typeof(v)) {
	case JSON_STRING:
		s = turn(json_string_value(v), json_string_length(v), wide,
			 &n);
		to = s ? json_stringn_nocheck(s, n) : NULL;
		free(s);
		return to;
	case JSON_ARRAY:
		to = json_array();
		json_array_foreach(v, i, item)
			if (json_array_append_new(to, recode(item, wide)))
				goto fail;
		return to;
	case JSON_OBJECT:
		to = json_object();
		json_object_foreach((json_t *)v, key, item) {
			int rc;

			s = turn(key, strlen(key), wide, &n);
			rc = !s || json_object_set_new_nocheck(to, s,
						recode(item, wide));
			free(s);
			if (rc)
				goto fail;
		}
		return to;
	default:
		return json_incref((json_t *)v);
	}
fail:
	json_decref(to);
	return NULL;
}

char *json_text(const json_t *v)
{
	char *text = json_dumps(v, FLAGS), *marked = NULL;
	json_t *wide;

	if (text)
		return text;
	wide = recode(v, true);
	text = wide ? json_dumps(wide, FLAGS) : NULL;
	json_decref(wide);
	if (text && (marked = malloc(strlen(text) + 2))) {
		marked[0] = 'b';
		strcpy(marked + 1, text);
	}
	free(text);
	return marked;
}

json_t *json_of_text(const char *text)
{
	const bool wide = *text == 'b';
	json_t *v = json_loads(text + wide, JSON_DECODE_ANY | JSON_ALLOW_NUL,
			       NULL);
	json_t *bytes;

	if (!wide || !v)
		return v;
	bytes = recode(v, false);
	json_decref(v);
	return bytes;
}
