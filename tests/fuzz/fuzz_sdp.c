/* Session descriptions, sipfrags and keys as a stranger sends them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/offer.h"
#include "sip/sdp.h"
#include "sip/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What we write of it must read as the same audio. */
static void write_and_read(struct sdp_dialog *d, const struct offer *o)
{
	struct offer *again = NULL;
	size_t len;
	char *s = sdp_write(d, o, "192.0.2.1", &len);

	if (s && o->port && !sdp_read(&again, s, len) &&
	    (again->port != o->port || strcmp(again->addr, o->addr)))
		abort();
	offer_unref(again);
	free(s);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *body = (const char *)data, *part;
	struct sdp_dialog d = { 0 };
	struct offer *o = NULL;
	char phrase[8];
	size_t len;

	text_sipfrag(body, size, phrase, sizeof(phrase));
	text_digit(body, size, true);
	text_digit(body, size, false);
	sdp_find("multipart/mixed", "x", body, size, &part, &len);
	if (sdp_read(&o, body, size))
		return 0;

	if (!sdp_dialog_shape(&d, o))
		write_and_read(&d, o);
	sdp_dialog_free(&d);
	offer_unref(o);
	return 0;
}
