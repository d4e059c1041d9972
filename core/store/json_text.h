/**
 * @file json_text.h  Plain values as text, and back without a loss
 *
 * JSON is UTF-8, a bot's strings are bytes. Where a value has others, each of
 * its bytes becomes the code point of that number, and the text begins with
 * a `b`, as no JSON does.
 */
#ifndef TANDEM_STORE_JSON_TEXT_H
#define TANDEM_STORE_JSON_TEXT_H

#include <jansson.h>

/** Text of a value (free it), or NULL: no memory. */
char *json_text(const json_t *v);
/** The value of a text, or NULL: it is none, or no memory. */
json_t *json_of_text(const char *text);

#endif
