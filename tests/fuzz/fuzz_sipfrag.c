/*
 * libFuzzer: the body of a NOTIFY. Whatever it is, the code is one of SIP's
 * or none, the phrase is clean text that fits, and a status line that is well
 * formed is always found.
 */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sip/text.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int read_it(const char *body, size_t len)
{
	char all[256], few[4];
	int status = text_sipfrag(body, len, all, sizeof(all));

	if (status && (status < 100 || status > 699))
		abort();
	if (!status && *all)
		abort();
	for (const char *p = all; *p; p++)
		if ((unsigned char)*p < ' ')
			abort();
	if (text_sipfrag(body, len, few, sizeof(few)) != status ||
	    strncmp(all, few, sizeof(few) - 1))
		abort();
	return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int status;
	char *body;

	read_it((const char *)data, size);
	if (size < 2)
		return 0;

	/* Its own bytes as the reason phrase of a good status line. */
	status = 100 + (data[0] << 8 | data[1]) % 600;
	body = malloc(size + 12);
	if (!body)
		return 0;
	snprintf(body, size + 12, "SIP/2.0 %d ", status);
	memcpy(body + 12, data + 2, size - 2);
	if (read_it(body, size + 10) != status)
		abort();
	free(body);
	return 0;
}
