#include "unpack.h"

#include <math.h>
#include <string.h>
#include <uv.h>

#include "core/utf8.h"

static int refuse(const char **why, const char *text)
{
	*why = text;
	return UV_EINVAL;
}

static int unpack_number(json_t **jp, double d, const char **why)
{
	/* 2^63 itself is no int64 any more */
	static const double limit = 9223372036854775808.0;

	if (!isfinite(d))
		return refuse(why, "NaN and infinity are not allowed");

	if (d == floor(d) && d >= -limit && d < limit)
		*jp = json_integer((json_int_t)d);
	else
		*jp = json_real(d);
	return *jp ? 0 : UV_ENOMEM;
}

static int unpack_array(json_t **jp, const msgpack_object_array *a,
			const char **why)
{
	json_t *list = json_array();

	if (!list)
		return UV_ENOMEM;
	for (uint32_t i = 0; i < a->size; i++) {
		json_t *v;
		int err = unpack_json(&v, &a->ptr[i], why);

		if (!err && json_array_append_new(list, v) != 0)
			err = UV_ENOMEM;
		if (err) {
			json_decref(list);
			return err;
		}
	}
	*jp = list;
	return 0;
}

static int unpack_pair(json_t *map, const msgpack_object_kv *kv,
		       const char **why)
{
	const char *key;
	size_t len;
	json_t *v;
	int err;

	if (kv->key.type != MSGPACK_OBJECT_STR)
		return refuse(why, "a map's keys must be strings");
	key = str_bytes(&kv->key.via.str);
	len = kv->key.via.str.size;
	if (!utf8_valid(key, len))
		return refuse(why, "a key is not UTF-8");
	if (memchr(key, '\0', len))
		return refuse(why, "a key contains NUL");
	if (json_object_getn(map, key, len))
		return refuse(why, "a key stands twice in one map");

	err = unpack_json(&v, &kv->val, why);
	if (err)
		return err;
	return json_object_setn_new_nocheck(map, key, len, v) ?
		UV_ENOMEM : 0;
}

static int unpack_map(json_t **jp, const msgpack_object_map *m,
		      const char **why)
{
	json_t *map = json_object();

	if (!map)
		return UV_ENOMEM;
	for (uint32_t i = 0; i < m->size; i++) {
		const int err = unpack_pair(map, &m->ptr[i], why);

		if (err) {
			json_decref(map);
			return err;
		}
	}
	*jp = map;
	return 0;
}

int unpack_json(json_t **jp, const msgpack_object *o, const char **why)
{
	*jp = NULL;
	switch (o->type) {
	case MSGPACK_OBJECT_NIL:
		*jp = json_null();
		return 0;
	case MSGPACK_OBJECT_BOOLEAN:
		*jp = json_boolean(o->via.boolean);
		return 0;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		if (o->via.u64 > INT64_MAX)
			return refuse(why, "an integer is above 2^63-1");
		*jp = json_integer((json_int_t)o->via.u64);
		return *jp ? 0 : UV_ENOMEM;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		*jp = json_integer(o->via.i64);
		return *jp ? 0 : UV_ENOMEM;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		return unpack_number(jp, o->via.f64, why);
	case MSGPACK_OBJECT_STR:
		if (!utf8_valid(str_bytes(&o->via.str), o->via.str.size))
			return refuse(why, "a string is not UTF-8");
		*jp = json_stringn_nocheck(str_bytes(&o->via.str),
					   o->via.str.size);
		return *jp ? 0 : UV_ENOMEM;
	case MSGPACK_OBJECT_ARRAY:
		return unpack_array(jp, &o->via.array, why);
	case MSGPACK_OBJECT_MAP:
		return unpack_map(jp, &o->via.map, why);
	case MSGPACK_OBJECT_BIN:
		return refuse(why, "bin is not used here: send a string");
	case MSGPACK_OBJECT_EXT:
		return refuse(why, "extension types are not used here");
	}
	return refuse(why, "unknown type");
}
