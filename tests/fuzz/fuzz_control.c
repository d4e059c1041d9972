/*
 * libFuzzer: bytes of a control client. What the skimmer lets through is
 * unpacked and made JSON, packed again and shown; nothing may crash, and the
 * skimmer must find the same end however the bytes were cut.
 */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "core/control/pack.h"
#include "core/control/show.h"
#include "core/control/skim.h"
#include "core/control/unpack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct skim_limits limits = { 65536, 4096, 16 };

static void convert(const msgpack_object *o)
{
	struct packed b = { 0 };
	const char *why = NULL;
	msgpack_packer pk;
	json_t *json;

	show_json(&b, o, true);
	packed_reset(&b);
	if (unpack_json(&json, o, &why) == 0) {
		packed_writer(&pk, &b);
		pack_json(&pk, json);
		json_decref(json);
	}
	else if (!why) {
		abort();
	}
	packed_free(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *p = (const char *)data;
	struct skim whole, cut;
	msgpack_unpacked m;
	size_t off = 0;
	int r, again = 0;

	skim_init(&whole, &limits);
	r = skim_step(&whole, p, size);
	skim_init(&cut, &limits);
	for (size_t n = 0; n <= size && again == 0; n++)
		again = skim_step(&cut, p, n);
	if (again != r || (r == 1 && cut.pos != whole.pos))
		abort();
	if (r != 1)
		return 0;

	msgpack_unpacked_init(&m);
	r = msgpack_unpack_next(&m, p, whole.pos, &off);
	if (r != MSGPACK_UNPACK_SUCCESS && r != MSGPACK_UNPACK_EXTRA_BYTES)
		abort();
	if (off != whole.pos)
		abort();
	convert(&m.data);
	msgpack_unpacked_destroy(&m);
	return 0;
}
