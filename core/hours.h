/**
 * @file hours.h  Opening hours: "mon-fri 10:00-18:00, sat 10:00-14:00"
 *
 * Days, then times, as often as needed: days are names (of three letters, or
 * whole) and spans of them, times are spans of HH:MM up to 24:00. A span that
 * ends before it begins goes on past midnight, and belongs to the day on which
 * it begins. Times without days are for every day. The zone is the last word,
 * or given apart; the hours are those of its clocks, summer time and all.
 */
#ifndef TANDEM_HOURS_H
#define TANDEM_HOURS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct hours;

/**
 * Reads `text`; `zone` NULL: it is in the text, else the machine's. 0, or
 * UV_EINVAL, UV_ENOMEM with one line in `err`.
 */
int hours_parse(struct hours **hp, const char *text, const char *zone,
		char *err, size_t size);
/** Whether it is open at `wall`, ms since the epoch. */
bool hours_open(const struct hours *h, uint64_t wall);
void hours_free(struct hours *h);

#endif
