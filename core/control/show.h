/**
 * @file show.h  Any MessagePack value as JSON text for a terminal
 */
#ifndef TANDEM_CONTROL_SHOW_H
#define TANDEM_CONTROL_SHOW_H

#include <msgpack.h>
#include <stdbool.h>

#include "pack.h"

/**
 * Writes `o` as JSON, on one line or indented. Everything can be shown: what
 * is not UTF-8 or would drive the terminal is escaped, integers keep all their
 * digits, NaN is null, bin is a string, ext a string that says so.
 */
void show_json(struct packed *to, const msgpack_object *o, bool indented);

/** Writes text with what is not printable escaped, without quotes. */
void show_text(struct packed *to, const char *s, size_t len);

void show_raw(struct packed *to, const char *s, size_t len);

#endif
