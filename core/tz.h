/**
 * @file tz.h  Time zones of the system's tzdata
 *
 * Read from /usr/share/zoneinfo (TZif, RFC 8536), once for each zone, so that
 * the process's own TZ stays what it is and many zones can be asked at once.
 */
#ifndef TANDEM_TZ_H
#define TANDEM_TZ_H

#include <stdbool.h>
#include <stdint.h>

struct tz;

/**
 * Zone "Europe/Berlin"; NULL: the machine's (/etc/localtime, else UTC). NULL
 * if there is no such zone. Shared and counted: tz_put() gives it back. From
 * any thread.
 */
struct tz *tz_get(const char *name);
void tz_put(struct tz *z);

/** Seconds east of UTC at `t`, seconds since the epoch. */
int32_t tz_offset(const struct tz *z, int64_t t);

/** A zone from the bytes of a TZif file; NULL: it is none. */
struct tz *tz_parse(const void *data, unsigned long size);

#endif
