#include "show.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "core/utf8.h"

struct shower {
	struct packed *to;
	bool indented;
};

void show_raw(struct packed *to, const char *s, size_t len)
{
	msgpack_packer pk;

	packed_writer(&pk, to);
	pk.callback(pk.data, s, len);
}

static void put(struct packed *to, const char *s)
{
	show_raw(to, s, strlen(s));
}

static void escape(struct packed *to, const char *s, size_t len, bool quoted)
{
	while (len) {
		const unsigned char c = (unsigned char)*s;
		size_t n = utf8_char(s, len);
		char esc[8];

		if (n == 0) {
			put(to, "\\ufffd");
			n = 1;
		}
		else if (quoted && (c == '"' || c == '\\')) {
			put(to, c == '"' ? "\\\"" : "\\\\");
		}
		else if (c == '\n') {
			put(to, "\\n");
		}
		else if (c < 0x20 || c == 0x7f) {
			snprintf(esc, sizeof(esc), "\\u%04x", c);
			put(to, esc);
		}
		else if (n == 2 && c == 0xc2 && (unsigned char)s[1] < 0xa0) {
			/* C1 controls drive terminals as C0 ones do */
			snprintf(esc, sizeof(esc), "\\u%04x",
				 (unsigned char)s[1]);
			put(to, esc);
		}
		else {
			show_raw(to, s, n);
		}
		s += n;
		len -= n;
	}
}

void show_text(struct packed *to, const char *s, size_t len)
{
	escape(to, s, len, false);
}

static void put_string(struct packed *to, const char *s, size_t len)
{
	put(to, "\"");
	escape(to, s, len, true);
	put(to, "\"");
}

static void put_number(struct packed *to, double d)
{
	char buf[40];

	if (!isfinite(d)) {
		put(to, "null");
		return;
	}
	snprintf(buf, sizeof(buf), "%.17g", d);
	put(to, buf);
	if (!strpbrk(buf, ".e"))
		put(to, ".0");
}

static void new_line(const struct shower *s, unsigned depth)
{
	if (!s->indented)
		return;
	put(s->to, "\n");
	while (depth--)
		put(s->to, "  ");
}

static void show(const struct shower *s, const msgpack_object *o,
		 unsigned depth);

/* JSON's keys are strings: another key becomes its own text. */
static void show_key(const struct shower *s, const msgpack_object *key)
{
	struct packed text = { 0 };
	const struct shower inner = { .to = &text };

	if (key->type == MSGPACK_OBJECT_STR) {
		put_string(s->to, key->via.str.ptr, key->via.str.size);
		return;
	}
	show(&inner, key, 0);
	put_string(s->to, text.data, text.len);
	packed_free(&text);
}

static void show_list(const struct shower *s, const msgpack_object *o,
		      unsigned depth)
{
	const bool map = o->type == MSGPACK_OBJECT_MAP;
	const uint32_t n = map ? o->via.map.size : o->via.array.size;

	put(s->to, map ? "{" : "[");
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			put(s->to, s->indented ? "," : ", ");
		new_line(s, depth + 1);
		if (map) {
			show_key(s, &o->via.map.ptr[i].key);
			put(s->to, ": ");
			show(s, &o->via.map.ptr[i].val, depth + 1);
		}
		else {
			show(s, &o->via.array.ptr[i], depth + 1);
		}
	}
	if (n)
		new_line(s, depth);
	put(s->to, map ? "}" : "]");
}

static void show(const struct shower *s, const msgpack_object *o,
		 unsigned depth)
{
	char buf[64];

	switch (o->type) {
	case MSGPACK_OBJECT_NIL:
		put(s->to, "null");
		break;
	case MSGPACK_OBJECT_BOOLEAN:
		put(s->to, o->via.boolean ? "true" : "false");
		break;
	case MSGPACK_OBJECT_POSITIVE_INTEGER:
		snprintf(buf, sizeof(buf), "%" PRIu64, o->via.u64);
		put(s->to, buf);
		break;
	case MSGPACK_OBJECT_NEGATIVE_INTEGER:
		snprintf(buf, sizeof(buf), "%" PRId64, o->via.i64);
		put(s->to, buf);
		break;
	case MSGPACK_OBJECT_FLOAT32:
	case MSGPACK_OBJECT_FLOAT64:
		put_number(s->to, o->via.f64);
		break;
	case MSGPACK_OBJECT_STR:
		put_string(s->to, o->via.str.ptr, o->via.str.size);
		break;
	case MSGPACK_OBJECT_BIN:
		put_string(s->to, o->via.bin.ptr, o->via.bin.size);
		break;
	case MSGPACK_OBJECT_EXT:
		snprintf(buf, sizeof(buf), "\"ext %d, %" PRIu32 " bytes\"",
			 o->via.ext.type, o->via.ext.size);
		put(s->to, buf);
		break;
	case MSGPACK_OBJECT_ARRAY:
	case MSGPACK_OBJECT_MAP:
		show_list(s, o, depth);
		break;
	}
}

void show_json(struct packed *to, const msgpack_object *o, bool indented)
{
	const struct shower s = { to, indented };

	show(&s, o, 0);
}
