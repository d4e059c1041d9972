#include "skim.h"

#include <string.h>
#include <uv.h>

/** What the first byte of an element says. */
struct head {
	unsigned header;	/**< bytes of type and length or value       */
	uint64_t body;		/**< bytes that follow and hold no elements  */
	uint64_t count;		/**< elements that follow                    */
	bool nests;
	bool is_array;
	bool is_uint;
	uint64_t value;		/**< of an unsigned integer                  */
};

static uint64_t big_endian(const uint8_t *p, unsigned n)
{
	uint64_t v = 0;

	while (n--)
		v = v << 8 | *p++;
	return v;
}

/* Length of the header that begins with `c`, or 0 if there is no such type. */
static unsigned header_size(uint8_t c)
{
	/* from 0xc0: nil, never used, false, true, then by type */
	static const uint8_t size[32] = {
		1, 0, 1, 1, 2, 3, 5, 3, 4, 6, 5, 9, 2, 3, 5, 9,
		2, 3, 5, 9, 2, 2, 2, 2, 2, 2, 3, 5, 3, 5, 3, 5,
	};

	return c >= 0xc0 && c < 0xe0 ? size[c - 0xc0] : 1;
}

/* `p` holds the whole header. */
static void read_head(struct head *h, const uint8_t *p)
{
	const uint8_t c = p[0];

	h->header = header_size(c);
	if (c < 0x80) {				/* positive fixint */
		h->is_uint = true;
		h->value = c;
	}
	else if (c < 0x90) {			/* fixmap */
		h->nests = true;
		h->count = 2 * (uint64_t)(c & 0x0f);
	}
	else if (c < 0xa0) {			/* fixarray */
		h->nests = h->is_array = true;
		h->count = c & 0x0f;
	}
	else if (c < 0xc0) {			/* fixstr */
		h->body = c & 0x1f;
	}
	else if (c >= 0xc4 && c <= 0xc6) {	/* bin */
		h->body = big_endian(p + 1, h->header - 1);
	}
	else if (c >= 0xc7 && c <= 0xc9) {	/* ext: length, type */
		h->body = big_endian(p + 1, h->header - 2);
	}
	else if (c >= 0xcc && c <= 0xcf) {	/* uint */
		h->is_uint = true;
		h->value = big_endian(p + 1, h->header - 1);
	}
	else if (c >= 0xd4 && c <= 0xd8) {	/* fixext: 1, 2, 4, 8, 16 */
		h->body = UINT64_C(1) << (c - 0xd4);
	}
	else if (c >= 0xd9 && c <= 0xdb) {	/* str */
		h->body = big_endian(p + 1, h->header - 1);
	}
	else if (c >= 0xdc && c <= 0xdf) {	/* array, map */
		h->nests = true;
		h->is_array = c <= 0xdd;
		h->count = big_endian(p + 1, h->header - 1) *
			(h->is_array ? 1 : 2);
	}
}

static int refuse(struct skim *s, int err, const char *why)
{
	s->why = why;
	return err;
}

/*
 * The outermost array says what kind of message it is: [0, id, method,
 * params], [1, id, error, result] or [2, method, params].
 */
static int read_frame(struct skim *s, const struct head *h)
{
	if (s->depth == 0) {
		if (!h->is_array || (h->count != 3 && h->count != 4))
			return refuse(s, UV_EPROTO,
				      "not a MessagePack-RPC message");
		return 0;
	}
	if (s->elements == 1) {
		const uint32_t left = s->left[0];

		if (!h->is_uint || h->value > RPC_NOTIFICATION ||
		    (h->value == RPC_NOTIFICATION) != (left == 3))
			return refuse(s, UV_EPROTO,
				      "not a MessagePack-RPC message");
		s->kind = (enum rpc_kind)h->value;
	}
	else if (s->elements == 2 && s->kind != RPC_NOTIFICATION) {
		if (!h->is_uint || h->value > UINT32_MAX)
			return refuse(s, UV_EPROTO, "the message id is not "
				      "an integer from 0 to 4294967295");
		s->id = (uint32_t)h->value;
		s->has_id = true;
	}
	return 0;
}

static int enter(struct skim *s, const struct head *h)
{
	const struct skim_limits *l = s->limits;

	/* Each element takes a byte at least: what cannot fit is a lie. */
	if (h->count > l->elements - s->elements)
		return refuse(s, UV_E2BIG, "too many values in one message");
	if (h->count > l->bytes - s->pos)
		return refuse(s, UV_E2BIG, "the message is too long");
	if (s->depth >= l->depth)
		return refuse(s, UV_E2BIG, "nested too deep");

	s->left[s->depth++] = (uint32_t)h->count;
	return 0;
}

void skim_init(struct skim *s, const struct skim_limits *limits)
{
	memset(s, 0, sizeof(*s));
	s->limits = limits;
}

int skim_step(struct skim *s, const void *buf, size_t len)
{
	const uint8_t *p = buf;

	while (!s->complete) {
		struct head h = { 0 };
		unsigned size;
		int err;

		if (s->pos >= len)
			return 0;
		size = header_size(p[s->pos]);
		if (!size)
			return refuse(s, UV_EPROTO, "not MessagePack");
		if (size > len - s->pos)
			return 0;
		read_head(&h, p + s->pos);

		/* only the outer array's own elements are part of the frame */
		err = s->depth <= 1 ? read_frame(s, &h) : 0;
		if (err)
			return err;

		if (s->depth)
			s->left[s->depth - 1]--;
		if (s->elements >= s->limits->elements)
			return refuse(s, UV_E2BIG,
				      "too many values in one message");
		s->elements++;
		s->pos += size;
		if (s->pos > s->limits->bytes ||
		    h.body > s->limits->bytes - s->pos)
			return refuse(s, UV_E2BIG, "the message is too long");
		s->pos += (size_t)h.body;

		if (h.nests) {
			err = enter(s, &h);
			if (err)
				return err;
		}
		while (s->depth && !s->left[s->depth - 1])
			s->depth--;
		s->complete = !s->depth;
	}
	return s->pos <= len;
}
