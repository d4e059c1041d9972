#include "pack.h"

#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/utf8.h"

#define JSON_DEPTH_MAX 64
#define KEEP_BYTES (1024 * 1024)

#define PACK_KEY(pk, literal) \
	pack_ascii(pk, literal, sizeof(literal) - 1)

/* Names of our own need no look at their bytes. */
static void pack_ascii(msgpack_packer *pk, const char *s, size_t len)
{
	msgpack_pack_str(pk, len);
	msgpack_pack_str_body(pk, s, len);
}

static int packed_write(void *arg, const char *p, size_t len)
{
	struct packed *b = arg;

	if (b->failed)
		return -1;
	if (len > b->cap - b->len) {
		size_t cap = b->cap ? b->cap : 1024;
		char *data;

		while (cap - b->len < len)
			cap *= 2;
		data = realloc(b->data, cap);
		if (!data) {
			b->failed = true;
			return -1;
		}
		b->data = data;
		b->cap = cap;
	}
	memcpy(b->data + b->len, p, len);
	b->len += len;
	return 0;
}

void packed_writer(msgpack_packer *pk, struct packed *b)
{
	msgpack_packer_init(pk, b, packed_write);
}

void packed_reset(struct packed *b)
{
	if (b->cap > KEEP_BYTES)
		packed_free(b);
	b->len = 0;
	b->failed = false;
}

void packed_free(struct packed *b)
{
	free(b->data);
	memset(b, 0, sizeof(*b));
}

#define REPLACEMENT "\xef\xbf\xbd"	/* U+FFFD */

/*
 * A string of MessagePack is UTF-8, and strict readers fail on any other: a
 * caller's odd From must not cost the subscribers their connection. A byte
 * that is not UTF-8 becomes U+FFFD, as in the CDR.
 */
static void pack_mended(msgpack_packer *pk, const char *s, size_t len)
{
	size_t mended = 0, i, n;

	for (i = 0; i < len; i += n ? n : 1) {
		n = utf8_char(s + i, len - i);
		mended += n ? n : sizeof(REPLACEMENT) - 1;
	}
	msgpack_pack_str(pk, mended);
	for (i = 0; i < len; i += n ? n : 1) {
		n = utf8_char(s + i, len - i);
		if (n)
			msgpack_pack_str_body(pk, s + i, n);
		else
			msgpack_pack_str_body(pk, REPLACEMENT,
					      sizeof(REPLACEMENT) - 1);
	}
}

void pack_bytes(msgpack_packer *pk, const char *s, size_t len)
{
	if (!utf8_valid(s, len)) {
		pack_mended(pk, s, len);
		return;
	}
	msgpack_pack_str(pk, len);
	msgpack_pack_str_body(pk, s, len);
}

void pack_text(msgpack_packer *pk, const char *s)
{
	pack_bytes(pk, s, strlen(s));
}

static void pack_nested(msgpack_packer *pk, const json_t *json, unsigned depth)
{
	json_t *v;
	const char *key;
	size_t key_len, i;

	if (depth >= JSON_DEPTH_MAX) {
		msgpack_pack_nil(pk);
		return;
	}

	switch (json_typeof(json)) {
	case JSON_OBJECT:
		msgpack_pack_map(pk, json_object_size(json));
		json_object_keylen_foreach((json_t *)json, key, key_len, v) {
			pack_bytes(pk, key, key_len);
			pack_nested(pk, v, depth + 1);
		}
		break;
	case JSON_ARRAY:
		msgpack_pack_array(pk, json_array_size(json));
		json_array_foreach((json_t *)json, i, v)
			pack_nested(pk, v, depth + 1);
		break;
	case JSON_STRING:
		pack_bytes(pk, json_string_value(json),
			   json_string_length(json));
		break;
	case JSON_INTEGER:
		msgpack_pack_int64(pk, json_integer_value(json));
		break;
	case JSON_REAL:
		msgpack_pack_double(pk, json_real_value(json));
		break;
	case JSON_TRUE:
		msgpack_pack_true(pk);
		break;
	case JSON_FALSE:
		msgpack_pack_false(pk);
		break;
	case JSON_NULL:
		msgpack_pack_nil(pk);
		break;
	}
}

void pack_json(msgpack_packer *pk, const json_t *json)
{
	if (json)
		pack_nested(pk, json, 0);
	else
		msgpack_pack_nil(pk);
}

/* Keys of every event: v, node, boot, seq, time, type. */
#define HEAD_KEYS 6

int event_head_init(struct event_head *h, const struct event_bus *bus)
{
	msgpack_packer pk;

	memset(h, 0, sizeof(*h));
	packed_writer(&pk, &h->node);
	PACK_KEY(&pk, "v");
	msgpack_pack_int(&pk, 1);
	PACK_KEY(&pk, "node");
	pack_text(&pk, event_bus_node(bus));
	PACK_KEY(&pk, "boot");
	pack_text(&pk, event_bus_boot(bus));
	return h->node.failed ? UV_ENOMEM : 0;
}

void event_head_free(struct event_head *h)
{
	packed_free(&h->node);
}

static void pack_field(msgpack_packer *pk, const struct field *f)
{
	pack_ascii(pk, f->name, strlen(f->name));
	switch (f->kind) {
	case FIELD_STRING:
		pack_bytes(pk, f->s, f->len);
		break;
	case FIELD_INT:
		msgpack_pack_int64(pk, f->i);
		break;
	case FIELD_BOOL:
		if (f->i)
			msgpack_pack_true(pk);
		else
			msgpack_pack_false(pk);
		break;
	case FIELD_SIP:
		msgpack_pack_map(pk, 2);
		PACK_KEY(pk, "code");
		msgpack_pack_int64(pk, f->i);
		PACK_KEY(pk, "phrase");
		pack_bytes(pk, f->s, f->len);
		break;
	case FIELD_JSON:
		pack_json(pk, f->json);
		break;
	}
}

/* The CDR repeats the call's id, which the event's map already has. */
static bool repeats_id(const struct event *ev, const struct field *f)
{
	return ev->call && !strcmp(f->name, "call");
}

void pack_event(struct packed *b, const struct event_head *h,
		const struct event *ev, size_t *call, size_t *call_len)
{
	size_t keys = HEAD_KEYS + ev->count;
	msgpack_packer pk;

	keys += !!ev->call + !!ev->leg + !!ev->transfer + !!ev->attempt;
	for (unsigned i = 0; i < ev->count; i++)
		keys -= repeats_id(ev, &ev->fields[i]);

	packed_writer(&pk, b);
	msgpack_pack_array(&pk, 3);
	msgpack_pack_int(&pk, 2);
	PACK_KEY(&pk, "event");
	msgpack_pack_array(&pk, 1);
	msgpack_pack_map(&pk, keys);
	packed_write(b, h->node.data, h->node.len);
	PACK_KEY(&pk, "seq");
	msgpack_pack_uint64(&pk, ev->seq);
	PACK_KEY(&pk, "time");
	msgpack_pack_uint64(&pk, ev->time);
	PACK_KEY(&pk, "type");
	pack_text(&pk, event_table[ev->type].name);

	*call = 0;
	*call_len = 0;
	if (ev->call) {
		PACK_KEY(&pk, "call");
		*call_len = strlen(ev->call);
		msgpack_pack_str(&pk, *call_len);
		*call = b->len;
		msgpack_pack_str_body(&pk, ev->call, *call_len);
	}
	if (ev->leg) {
		PACK_KEY(&pk, "leg");
		pack_text(&pk, ev->leg);
	}
	if (ev->transfer) {
		PACK_KEY(&pk, "transfer");
		pack_text(&pk, ev->transfer);
	}
	if (ev->attempt) {
		PACK_KEY(&pk, "attempt");
		pack_text(&pk, ev->attempt);
	}
	for (unsigned i = 0; i < ev->count; i++)
		if (!repeats_id(ev, &ev->fields[i]))
			pack_field(&pk, &ev->fields[i]);
}
