/* INVITEs through sofia-sip's parser to what the engine is told of them. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sofia-sip/msg.h>
#include <sofia-sip/sip.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/sip_parser.h>

#include "sip/fields.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct scratch *scratch;
	struct leg_invite inv;
	const sip_t *sip;
	msg_t *msg;

	if (!scratch)
		scratch = scratch_new();
	if (!scratch || !size)
		return 0;

	msg = msg_make(sip_default_mclass(), 0, data, (issize_t)size);
	sip = msg ? sip_object(msg) : NULL;
	/* nta lets no request through that lacks one of these. */
	if (sip && sip->sip_request && sip->sip_from && sip->sip_to &&
	    sip->sip_call_id && sip->sip_cseq && sip->sip_via) {
		fields_of_invite(scratch, sip, NULL, NULL, &inv);
		if (strpbrk(inv.asserted_user, "\r\n") ||
		    strpbrk(inv.asserted_display, "\r\n"))
			abort();
		for (unsigned i = 0; i < inv.header_count; i++)
			if (!inv.headers[i].name ||
			    strpbrk(inv.headers[i].value, "\r\n"))
				abort();
	}
	msg_destroy(msg);
	return 0;
}
