#include "hours.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include "problem.h"
#include "tz.h"

#define SPANS_MAX 64
#define TEXT_MAX 512
#define DAY 1440		/* minutes */
#define ALL_DAYS 0x7f

/* Open from minute `from` of each of these days (bit 0: Monday) on, for
 * `length` minutes. */
struct span {
	unsigned days;
	int from, length;
};

struct hours {
	struct tz *zone;
	size_t count;
	struct span spans[SPANS_MAX];
};

static const char *const day_names[] = {
	"mon", "tue", "wed", "thu", "fri", "sat", "sun",
	"monday", "tuesday", "wednesday", "thursday", "friday", "saturday",
	"sunday", NULL,
};

struct reader {
	struct hours *h;
	unsigned days;		/* said, times to follow                 */
	bool timed;		/* times have followed                   */
	char day[32];		/* the last word of days, for messages   */
	char zone[72];		/* "" = none                             */
	char *err;
	size_t size;
};

static int wrong(struct reader *r, const char *what, const char *word)
{
	snprintf(r->err, r->size, "'%.60s' %s", word, what);
	return UV_EINVAL;
}

static int find_day(const char *word, size_t n)
{
	for (int i = 0; day_names[i]; i++)
		if (strlen(day_names[i]) == n &&
		    !strncasecmp(day_names[i], word, n))
			return i % 7;
	return -1;
}

/* "mon" or "fri-mon"; 0 and its days, or -1: it is none of that. */
static int read_days(const char *word, unsigned *days)
{
	const char *dash = strchr(word, '-');
	const size_t n = dash ? (size_t)(dash - word) : strlen(word);
	const int first = find_day(word, n);
	const int last = dash ? find_day(dash + 1, strlen(dash + 1)) : first;

	if (first < 0 || last < 0)
		return -1;
	for (int d = first;; d = (d + 1) % 7) {
		*days |= 1u << d;
		if (d == last)
			return 0;
	}
}

/* "9:30", "09:30", "9" or "24:00" in minutes; NULL: none of that. */
static const char *read_clock(const char *p, int *minutes)
{
	int h = 0, m = 0, n = 0;

	for (; isdigit((unsigned char)*p) && n < 2; n++)
		h = 10 * h + (*p++ - '0');
	if (!n)
		return NULL;
	if (*p == ':') {
		if (!isdigit((unsigned char)p[1]) ||
		    !isdigit((unsigned char)p[2]))
			return NULL;
		m = 10 * (p[1] - '0') + (p[2] - '0');
		p += 3;
	}
	*minutes = 60 * h + m;
	return m < 60 && *minutes <= DAY ? p : NULL;
}

static int read_times(struct reader *r, const char *word)
{
	struct hours *h = r->h;
	int from, to;
	const char *p = read_clock(word, &from);

	if (p && *p == '-')
		p = read_clock(p + 1, &to);
	else
		p = NULL;
	if (!p || *p || from == DAY)
		return wrong(r, "is no span of time, such as 10:00-18:00",
			     word);
	if (from == to)
		return wrong(r, "is empty; a whole day is 00:00-24:00", word);
	if (h->count == SPANS_MAX)
		return wrong(r, "is too much: there are 64 spans already",
			     word);
	h->spans[h->count++] = (struct span){
		.days = r->days, .from = from,
		.length = to > from ? to - from : to + DAY - from,
	};
	r->timed = true;
	return 0;
}

static int read_word(struct reader *r, const char *word)
{
	unsigned days = 0;
	const char *near, *half;
	char day[32];
	size_t n;

	if (*r->zone)
		return wrong(r, "is no day; the time zone comes last",
			     r->zone);
	if (isdigit((unsigned char)*word))
		return read_times(r, word);
	if (!read_days(word, &days)) {
		/* after times it is the next days' turn */
		r->days = r->timed || r->days == ALL_DAYS + 1u ? days
			: r->days | days;
		r->timed = false;
		snprintf(r->day, sizeof(r->day), "%.31s", word);
		return 0;
	}
	if (strchr(word, '/') || !strcmp(word, "UTC")) {
		snprintf(r->zone, sizeof(r->zone), "%.71s", word);
		return 0;
	}
	/* of "mno-fri" it is the one that is no day */
	half = word + strcspn(word, "-");
	n = (size_t)(half - word);
	half = *half && find_day(word, n) >= 0 ? half + 1 : word;
	snprintf(day, sizeof(day), "%.*s", (int)strcspn(half, "-"), half);
	near = nearest_word(day, day_names);
	if (near) {
		char text[64];

		snprintf(text, sizeof(text), "is no day, did you mean '%s'?",
			 near);
		return wrong(r, text, day);
	}
	return wrong(r, "is neither days (mon-fri), nor times (10:00-18:00), "
		     "nor a time zone (Europe/Berlin)", word);
}

/* A comma is as good as a space, but not two of them. */
static int read_text(struct reader *r, const char *text)
{
	char copy[TEXT_MAX + 1], *p = copy;
	bool comma = true;
	int rc = 0;

	if (strlen(text) > TEXT_MAX)
		return wrong(r, "... is longer than 512 bytes", text);
	strcpy(copy, text);
	while (!rc && *p) {
		char *word = p;
		char end;

		if (*p == ' ' || *p == '\t') {
			p++;
			continue;
		}
		if (*p == ',') {
			if (comma)
				return wrong(r, "has a comma too many", text);
			comma = true;
			p++;
			continue;
		}
		p += strcspn(p, " \t,");
		end = *p;
		*p = '\0';
		rc = read_word(r, word);
		*p = end;
		comma = false;
	}
	if (rc)
		return rc;
	if (!r->h->count && !*r->day)
		return wrong(r, "has no times, such as mon-fri 10:00-18:00",
			     text);
	if (comma)
		return wrong(r, "has a comma too many", text);
	if (*r->day && !r->timed)
		return wrong(r, "has no times; a whole day is 00:00-24:00",
			     r->day);
	return 0;
}

int hours_parse(struct hours **hp, const char *text, const char *zone,
		char *err, size_t size)
{
	struct hours *h = calloc(1, sizeof(*h));
	/* every day, until days are said */
	struct reader r = {
		.h = h, .days = ALL_DAYS + 1u, .err = err, .size = size,
	};
	int rc;

	if (!h) {
		snprintf(err, size, "out of memory");
		return UV_ENOMEM;
	}
	rc = read_text(&r, text);
	if (!rc && *r.zone && zone && strcmp(r.zone, zone))
		rc = wrong(&r, "is a second time zone", r.zone);
	if (!rc) {
		if (!zone && *r.zone)
			zone = r.zone;
		h->zone = tz_get(zone);
		if (!h->zone)
			rc = wrong(&r, "is no time zone of this machine's "
				   "tzdata", zone ? zone : "localtime");
	}
	if (rc) {
		hours_free(h);
		return rc;
	}
	for (size_t i = 0; i < h->count; i++)
		if (h->spans[i].days == ALL_DAYS + 1u)
			h->spans[i].days = ALL_DAYS;
	*hp = h;
	return 0;
}

bool hours_open(const struct hours *h, uint64_t wall)
{
	const int64_t t = (int64_t)(wall / 1000);
	const int64_t minutes = (t + tz_offset(h->zone, t)) / 60;
	const int64_t days = minutes / DAY;
	const int minute = (int)(minutes % DAY);
	const int today = (int)((days + 3) % 7);	/* 1 Jan 1970: Thursday */
	const int before = (today + 6) % 7;

	for (size_t i = 0; i < h->count; i++) {
		const struct span *s = &h->spans[i];

		if (s->days >> today & 1 && minute >= s->from &&
		    minute < s->from + s->length)
			return true;
		/* still yesterday's */
		if (s->days >> before & 1 &&
		    minute + DAY < s->from + s->length)
			return true;
	}
	return false;
}

void hours_free(struct hours *h)
{
	if (!h)
		return;
	tz_put(h->zone);
	free(h);
}
