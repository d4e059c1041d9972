/**
 * @file tz_rule.h  POSIX rules of summer time: "CET-1CEST,M3.5.0,M10.5.0/3"
 *
 * A TZif file ends with one, for the time after its last entry.
 */
#ifndef TANDEM_TZ_RULE_H
#define TANDEM_TZ_RULE_H

#include <stdbool.h>
#include <stdint.h>

/** When one of the two changes is. */
struct tz_change {
	char kind;		/**< 'M', 'J', or 'N': days from 0           */
	int month, week, day;
	int32_t time;		/**< seconds from local midnight             */
};

struct tz_rule {
	int32_t standard, summer;	/**< seconds east of UTC             */
	bool has_summer;
	struct tz_change start, end;
};

/** 0, or -1: it is none. */
int tz_rule_parse(struct tz_rule *r, const char *text);
int32_t tz_rule_offset(const struct tz_rule *r, int64_t t);

/** Days since the epoch of a date; `month` from 1. */
int64_t days_of(int64_t year, int month, int day);
/** Year of a day since the epoch. */
int64_t year_of(int64_t days);

#endif
