#include "tz_rule.h"

#include <ctype.h>
#include <string.h>

#define DAY 86400

/* The calendar of RFC 3339's kind, by eras of 400 years of 146097 days that
 * begin in March, so that the odd day is a year's last. */
int64_t days_of(int64_t year, int month, int day)
{
	const int64_t y = month <= 2 ? year - 1 : year;
	const int64_t era = (y >= 0 ? y : y - 399) / 400;
	const int64_t of_era = y - era * 400;
	const int64_t of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) /
		5 + day - 1;

	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 +
		of_year - 719468;
}

int64_t year_of(int64_t days)
{
	/* A guess by the mean year is off by one at most. */
	int64_t year = 1970 + days * 400 / 146097;

	while (days_of(year, 1, 1) > days)
		year--;
	while (days_of(year + 1, 1, 1) <= days)
		year++;
	return year;
}

static bool is_leap(int64_t year)
{
	return (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;
}

/* ---- reading ---- */

static const char *read_name(const char *p)
{
	const char *from = p;

	if (*p == '<') {
		p = strchr(p, '>');
		return p && p > from + 1 ? p + 1 : NULL;
	}
	while (isalpha((unsigned char)*p))
		p++;
	return p - from >= 3 ? p : NULL;
}

static const char *read_number(const char *p, int max, int *n)
{
	if (!isdigit((unsigned char)*p))
		return NULL;
	for (*n = 0; isdigit((unsigned char)*p); p++) {
		*n = *n * 10 + (*p - '0');
		if (*n > max)
			return NULL;
	}
	return p;
}

/* [+-]hh[:mm[:ss]]; RFC 8536 3.3.1 has hours up to 167. */
static const char *read_time(const char *p, int32_t *t)
{
	int part[3] = { 0 }, sign = 1;

	if (*p == '+' || *p == '-')
		sign = *p++ == '-' ? -1 : 1;
	p = read_number(p, 167, &part[0]);
	for (int i = 1; p && i < 3 && *p == ':'; i++)
		p = read_number(p + 1, 59, &part[i]);
	*t = sign * (part[0] * 3600 + part[1] * 60 + part[2]);
	return p;
}

static const char *read_change(const char *p, struct tz_change *c)
{
	c->time = 2 * 3600;
	c->kind = 'N';
	if (*p == 'M') {
		c->kind = 'M';
		p = read_number(p + 1, 12, &c->month);
		if (p && *p == '.')
			p = read_number(p + 1, 5, &c->week);
		else
			p = NULL;
		if (p && *p == '.')
			p = read_number(p + 1, 6, &c->day);
		else
			p = NULL;
		if (!c->month || !c->week)
			return NULL;
	} else if (*p == 'J') {
		c->kind = 'J';
		p = read_number(p + 1, 365, &c->day);
		if (!c->day)
			return NULL;
	} else {
		p = read_number(p, 365, &c->day);
	}
	if (p && *p == '/')
		p = read_time(p + 1, &c->time);
	return p;
}

int tz_rule_parse(struct tz_rule *r, const char *text)
{
	const char *p = read_name(text);

	*r = (struct tz_rule){ 0 };
	if (p)
		p = read_time(p, &r->standard);
	if (!p)
		return -1;
	r->standard = -r->standard;	/* POSIX counts to the west */
	if (!*p)
		return 0;
	p = read_name(p);
	if (!p)
		return -1;
	r->has_summer = true;
	r->summer = r->standard + 3600;
	if (*p && *p != ',') {
		p = read_time(p, &r->summer);
		r->summer = -r->summer;
	}
	if (!p || *p != ',')
		return -1;
	p = read_change(p + 1, &r->start);
	if (!p || *p != ',')
		return -1;
	p = read_change(p + 1, &r->end);
	return p && !*p ? 0 : -1;
}

/* ---- asking ---- */

/* Local seconds since the epoch of a change in `year`. */
static int64_t change_at(const struct tz_change *c, int64_t year)
{
	static const char length[] = {
		31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31,
	};
	int64_t day;

	if (c->kind == 'M') {
		const int64_t first = days_of(year, c->month, 1);
		const int weekday = (int)(((first + 4) % 7 + 7) % 7);
		int n = (c->day - weekday + 7) % 7 + 7 * (c->week - 1);
		const int last = length[c->month - 1] +
			(c->month == 2 && is_leap(year));

		if (n >= last)		/* week 5 is the last one */
			n -= 7;
		day = first + n;
	} else {
		day = days_of(year, 1, 1) + c->day;
		/* J counts from 1, and 29 February never */
		if (c->kind == 'J')
			day += is_leap(year) && c->day >= 60 ? 0 : -1;
	}
	return day * DAY + c->time;
}

int32_t tz_rule_offset(const struct tz_rule *r, int64_t t)
{
	const int64_t local = t + r->standard;
	int64_t days = local / DAY, year, start, end;
	bool summer;

	if (!r->has_summer)
		return r->standard;
	if (local % DAY < 0)
		days--;
	year = year_of(days);
	start = change_at(&r->start, year) - r->standard;
	end = change_at(&r->end, year) - r->summer;
	if (start < end)
		summer = t >= start && t < end;
	else
		summer = t >= start || t < end;
	return summer ? r->summer : r->standard;
}
