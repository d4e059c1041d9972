/**
 * @file unpack.h  From MessagePack, skimmed before, to plain JSON values
 */
#ifndef TANDEM_CONTROL_UNPACK_H
#define TANDEM_CONTROL_UNPACK_H

#include <jansson.h>
#include <msgpack.h>

/** The bytes of a string; msgpack-c has NULL for none. */
static inline const char *str_bytes(const msgpack_object_str *s)
{
	return s->size ? s->ptr : "";
}

/**
 * Makes a JSON value of `o`. Refused, with what is wrong in `*why`: ext and
 * bin, strings that are not UTF-8, keys that are no strings or stand twice,
 * integers above 2^63-1, NaN and infinity. A float with an integral value
 * becomes an integer. 0, UV_EINVAL or UV_ENOMEM.
 *
 * Recursion is as deep as the message, which skim.h has bounded.
 */
int unpack_json(json_t **jp, const msgpack_object *o, const char **why);

#endif
