/* What `tandem check` reads of a source, and the texts of a pattern. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lua/pattern_samples.h"
#include "lua/source_table.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct source_tables t;
	struct samples s;
	char *text = malloc(size + 1);

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = '\0';
	if (source_tables_read(&t, text, size)) {
		for (const struct source_table *i = t.first; i; i = i->next) {
			source_value(i, "type");
			source_table_of(&t, i, "switch", false);
		}
		for (size_t i = 0; t.tok[i].type != TOKEN_END; i++)
			source_argument(&t, i);
	}
	source_tables_free(&t);
	if (samples_of(&s, text)) {
		if (!s.count || s.count > SAMPLES_MAX)
			abort();
		samples_free(&s);
	}
	free(text);
	return 0;
}
