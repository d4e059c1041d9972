/* Opening hours as somebody writes them, and files of time zones. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "core/hours.h"
#include "core/tz.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct hours *h = NULL;
	struct tz *z;
	char err[200];
	char *text;

	if (size > 4 && !memcmp(data, "TZif", 4)) {
		z = tz_parse(data, size);
		for (int64_t t = -4000000000; z && t < 8000000000;
		     t += 100000003)
			tz_offset(z, t);
		tz_put(z);
		return 0;
	}
	text = malloc(size + 1);
	memcpy(text, data, size);
	text[size] = '\0';
	if (!hours_parse(&h, text, NULL, err, sizeof(err)))
		for (uint64_t t = 0; t < 2000000000; t += 40000009)
			hours_open(h, t * 1000);
	hours_free(h);
	free(text);
	return 0;
}
