/* Opening hours and time zones; the C library's own are the judge. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "core/hours.h"
#include "core/tz.h"
#include "core/tz_rule.h"

/* ---- zones ---- */

static const char *const zones[] = {
	"Europe/Berlin", "Europe/London", "Europe/Dublin", "America/New_York",
	"America/Sao_Paulo", "Australia/Lord_Howe", "Asia/Kathmandu",
	"Asia/Tehran", "Pacific/Apia", "Africa/Casablanca", "UTC",
	"America/St_Johns", "Asia/Jerusalem", "America/Nuuk", "Africa/Cairo",
	"Pacific/Chatham", "America/Santiago", "Antarctica/Troll", "CET",
};

/* Every few hours of 140 years, as localtime() has it. */
static void zones_are_as_the_library_has_them(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof(zones) / sizeof(*zones); i++) {
		struct tz *z = tz_get(zones[i]);

		assert_non_null(z);
		setenv("TZ", zones[i], 1);
		tzset();
		for (int64_t t = -1000000000; t < 3500000000; t += 35137) {
			const time_t at = (time_t)t;
			struct tm tm;

			localtime_r(&at, &tm);
			if (tz_offset(z, t) != tm.tm_gmtoff)
				fail_msg("%s at %lld: %d, not %ld", zones[i],
					 (long long)t, tz_offset(z, t),
					 tm.tm_gmtoff);
		}
		tz_put(z);
	}
	unsetenv("TZ");
}

/* The rule at the end of a file alone, beside the file's own entries. */
static void rules(void **state)
{
	static const struct { const char *rule, *zone; } both[] = {
		{ "CET-1CEST,M3.5.0,M10.5.0/3", "Europe/Berlin" },
		{ "EST5EDT,M3.2.0,M11.1.0", "America/New_York" },
		{ "<+1030>-10:30<+11>-11,M10.1.0,M4.1.0",
		  "Australia/Lord_Howe" },
		{ "IST-1GMT0,M10.5.0,M3.5.0/1", "Europe/Dublin" },
		{ "<+1245>-12:45<+1345>,M9.5.0/2:45,M4.1.0/3:45",
		  "Pacific/Chatham" },
		{ "IST-2IDT,M3.4.4/26,M10.5.0", "Asia/Jerusalem" },
		{ "<-02>2<-01>,M3.5.0/-1,M10.5.0/0", "America/Nuuk" },
	};
	static const char *const bad[] = {
		"", "A1", "CET", "CET-1CEST", "CET-1CEST,M3.5.0",
		"CET-1CEST,M13.5.0,M10.5.0", "CET-1CEST,M3.6.0,M10.5.0",
		"CET-1CEST,M3.0.0,M10.5.0", "CET-1CEST,J0,J300",
		"CET-1CEST,M3.5.0,M10.5.0x", "<CET-1", "CET200",
		"CET-1CEST,M3.5.0/200,M10.5.0", "<>1",
	};
	struct tz_rule r;

	(void)state;
	for (size_t i = 0; i < sizeof(both) / sizeof(*both); i++) {
		struct tz *z = tz_get(both[i].zone);

		assert_int_equal(tz_rule_parse(&r, both[i].rule), 0);
		/* 2025 to 2036 */
		for (int64_t t = 1735689600; t < 2098000000; t += 1789)
			if (tz_rule_offset(&r, t) != tz_offset(z, t))
				fail_msg("%s at %lld", both[i].rule,
					 (long long)t);
		tz_put(z);
	}
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		if (!tz_rule_parse(&r, bad[i]))
			fail_msg("%s is taken", bad[i]);
	/* J60 is 1 March in every year, 59 is 29 February in leap years */
	assert_int_equal(tz_rule_parse(&r, "AAA0BBB,J60/0,300"), 0);
	assert_int_equal(tz_rule_offset(&r, 1709251199), 0);
	assert_int_equal(tz_rule_offset(&r, 1709251200), 3600);
	assert_int_equal(tz_rule_parse(&r, "AAA0BBB,59/0,300"), 0);
	assert_int_equal(tz_rule_offset(&r, 1709164799), 0);
	assert_int_equal(tz_rule_offset(&r, 1709164800), 3600);
}

static void days(void **state)
{
	(void)state;
	for (int64_t d = -800000; d < 800000; d++) {
		const int64_t y = year_of(d);

		assert_true(days_of(y, 1, 1) <= d);
		assert_true(days_of(y, 12, 31) >= d);
	}
	assert_int_equal(days_of(1970, 1, 1), 0);
	assert_int_equal(days_of(2000, 3, 1) - days_of(2000, 2, 28), 2);
	assert_int_equal(days_of(1900, 3, 1) - days_of(1900, 2, 28), 1);
}

static char *slurp(const char *path, size_t *size)
{
	FILE *f = fopen(path, "r");
	char *data = malloc(65536);

	assert_non_null(f);
	*size = fread(data, 1, 65536, f);
	fclose(f);
	return data;
}

/* Every cut and many a wrong byte: no zone, or some zone, never a crash. */
static void files_that_are_broken(void **state)
{
	size_t size;
	char *data = slurp("/usr/share/zoneinfo/Europe/Berlin", &size);
	unsigned seed = 1, taken = 0;
	struct tz *z;

	(void)state;
	for (size_t n = 0; n < size; n++) {
		char *part = malloc(n ? n : 1);

		memcpy(part, data, n);
		z = tz_parse(part, n);
		assert_null(z);
		free(part);
	}
	for (int i = 0; i < 20000; i++) {
		char *copy = malloc(size);

		memcpy(copy, data, size);
		for (int k = 0; k < 3; k++)
			copy[rand_r(&seed) % size] = (char)rand_r(&seed);
		z = tz_parse(copy, size);
		taken += z != NULL;
		if (z)
			tz_offset(z, rand_r(&seed));
		tz_put(z);
		free(copy);
	}
	assert_true(taken > 0);
	free(data);
	assert_null(tz_get("No/Such"));
	assert_null(tz_get("../../../etc/localtime"));
	assert_null(tz_get("/etc/localtime"));
	assert_null(tz_get("Europe"));
	assert_null(tz_get("zone.tab"));
	assert_null(tz_get("tzdata.zi"));
	assert_null(tz_get(""));
}

/* ---- hours ---- */

static struct hours *hours;

static void parse(const char *text, const char *zone)
{
	char err[200];

	hours_free(hours);
	hours = NULL;
	if (hours_parse(&hours, text, zone, err, sizeof(err)))
		fail_msg("%s: %s", text, err);
}

/* "2026-03-29 01:59:59" of UTC. */
static bool at(const char *utc)
{
	int y, mo, d, h, mi, s = 0;

	assert_true(sscanf(utc, "%d-%d-%d %d:%d:%d", &y, &mo, &d, &h, &mi, &s)
		    >= 5);
	return hours_open(hours, (uint64_t)(days_of(y, mo, d) * 86400 +
					    h * 3600 + mi * 60 + s) * 1000);
}

static void office_hours(void **state)
{
	(void)state;
	/* 2026-06-01 is a Monday; Berlin is two hours ahead of UTC. */
	parse("mon-fri 10:00-18:00", "Europe/Berlin");
	assert_false(at("2026-06-01 07:59:59"));
	assert_true(at("2026-06-01 08:00"));
	assert_true(at("2026-06-05 15:59:59"));
	assert_false(at("2026-06-05 16:00"));
	assert_false(at("2026-06-06 10:00"));
	assert_false(at("2026-06-07 10:00"));
	/* in winter it is one */
	assert_false(at("2026-01-05 08:59"));
	assert_true(at("2026-01-05 09:00"));
	hours_free(hours);
	hours = NULL;
}

static void spans_and_lists(void **state)
{
	static const char *const same[] = {
		"mon-fri 9:00-12:00, 13-17, sat 10:00-14:00",
		"Mon-Fri 09:00-12:00 13:00-17:00 SAT 10-14",
		"mon,tue,wed,thu,fri 09:00-12:00,13:00-17:00,saturday 10-14",
	};

	(void)state;
	for (size_t i = 0; i < 3; i++) {
		parse(same[i], "UTC");
		assert_true(at("2026-06-01 09:00"));
		assert_false(at("2026-06-01 12:00"));
		assert_true(at("2026-06-03 13:00"));
		assert_false(at("2026-06-03 17:00"));
		assert_true(at("2026-06-06 13:59"));
		assert_false(at("2026-06-06 09:59"));
		assert_false(at("2026-06-07 11:00"));
	}
	parse("10:00-18:00", "UTC");		/* every day */
	assert_true(at("2026-06-07 11:00"));
	parse("fri-mon 00:00-24:00", "UTC");
	assert_true(at("2026-06-05 00:00"));
	assert_true(at("2026-06-01 23:59:59"));
	assert_false(at("2026-06-02 00:00"));
	assert_false(at("2026-06-04 23:59:59"));
	parse("mon-fri 09:00-18:00 Europe/Berlin", NULL);
	assert_true(at("2026-06-01 07:00"));
	assert_false(at("2026-06-01 16:00"));
	parse("mon 09:00-18:00 UTC", NULL);
	assert_true(at("2026-06-01 17:00"));
	hours_free(hours);
	hours = NULL;
}

static void over_midnight(void **state)
{
	(void)state;
	parse("fri 22:00-06:00", "UTC");
	assert_false(at("2026-06-05 05:00"));	/* Friday morning */
	assert_true(at("2026-06-05 22:00"));
	assert_true(at("2026-06-06 05:59:59"));
	assert_false(at("2026-06-06 06:00"));
	assert_false(at("2026-06-06 22:00"));
	parse("sun 20:00-02:00", "UTC");	/* into the next week */
	assert_true(at("2026-06-08 01:00"));
	assert_false(at("2026-06-07 01:00"));
	hours_free(hours);
	hours = NULL;
}

/* On 29 March 2026 Berlin's clocks go from 2 to 3, on 25 October back. */
static void summer_time(void **state)
{
	(void)state;
	parse("sun 01:30-03:30", "Europe/Berlin");
	assert_false(at("2026-03-29 00:29:59"));
	assert_true(at("2026-03-29 00:30"));
	assert_true(at("2026-03-29 01:00"));	/* it is 3 now */
	assert_false(at("2026-03-29 01:30"));
	assert_true(at("2026-10-24 23:30"));
	assert_true(at("2026-10-25 00:30"));	/* half past two */
	assert_true(at("2026-10-25 01:30"));	/* half past two again */
	assert_true(at("2026-10-25 02:29:59"));
	assert_false(at("2026-10-25 02:30"));
	/* what is in the hour that is left out is not at all */
	parse("sun 02:00-03:00", "Europe/Berlin");
	for (int h = 0; h < 24; h++) {
		char utc[32];

		snprintf(utc, sizeof(utc), "2026-03-29 %02d:30", h);
		assert_false(at(utc));
	}
	/* far beyond the file's own entries */
	parse("mon-fri 10:00-18:00", "Europe/Berlin");
	assert_true(at("2060-07-01 08:00"));
	assert_false(at("2060-07-01 07:59"));
	assert_false(at("2060-01-02 08:59"));
	assert_true(at("2060-01-02 09:00"));
	hours_free(hours);
	hours = NULL;
}

static void what_is_wrong(void **state)
{
	static const struct { const char *text, *zone, *says; } bad[] = {
		{ "", "UTC", "'' has no times, such as mon-fri 10:00-18:00" },
		{ " , ", "UTC", "' , ' has a comma too many" },
		{ "mon-fri", "UTC",
		  "'mon-fri' has no times; a whole day is 00:00-24:00" },
		{ "mon 9-10 sat", "UTC",
		  "'sat' has no times; a whole day is 00:00-24:00" },
		{ "mon 9-10,,sat 9-10", "UTC",
		  "'mon 9-10,,sat 9-10' has a comma too many" },
		{ "mon 9-10,", "UTC", "'mon 9-10,' has a comma too many" },
		{ "mno 9-10", "UTC", "'mno' is no day, did you mean 'mon'?" },
		{ "mon-fry 9-10", "UTC", "'fry' is no day, did you mean 'fri'?" },
		{ "mon 9", "UTC",
		  "'9' is no span of time, such as 10:00-18:00" },
		{ "mon 10:00-25:00", "UTC", "'10:00-25:00' is no span" },
		{ "mon 10:60-11:00", "UTC", "'10:60-11:00' is no span" },
		{ "mon 10:0-11:00", "UTC", "'10:0-11:00' is no span" },
		{ "mon 24:00-10:00", "UTC", "'24:00-10:00' is no span" },
		{ "mon 10:00-24:01", "UTC", "'10:00-24:01' is no span" },
		{ "mon 100:00-11:00", "UTC", "'100:00-11:00' is no span" },
		{ "mon 10-10", "UTC",
		  "'10-10' is empty; a whole day is 00:00-24:00" },
		{ "mon 9-10", "Europe/Belrin", "'Europe/Belrin' is no time "
		  "zone of this machine's tzdata" },
		{ "mon 9-10 Europe/Berlin", "UTC",
		  "'Europe/Berlin' is a second time zone" },
		{ "Europe/Berlin mon 9-10", NULL,
		  "'Europe/Berlin' is no day; the time zone comes last" },
		{ "mon 9-10", "../passwd", "'../passwd' is no time zone" },
		{ "what 9-10", "UTC", "'what' is neither days" },
	};
	char err[200], many[2048] = "";

	(void)state;
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		if (!hours_parse(&hours, bad[i].text, bad[i].zone, err,
				 sizeof(err)))
			fail_msg("%s is taken", bad[i].text);
		if (!strstr(err, bad[i].says))
			fail_msg("%s: %s", bad[i].text, err);
		hours = NULL;
	}
	for (int i = 0; i < 65; i++)
		strcat(many, "1-2 ");
	assert_int_not_equal(hours_parse(&hours, many, "UTC", err,
					 sizeof(err)), 0);
	for (int i = 0; i < 200; i++)
		strcat(many, "1-2 ");
	assert_int_not_equal(hours_parse(&hours, many, "UTC", err,
					 sizeof(err)), 0);
}

/* The process's own zone stays. */
static void tz_is_not_touched(void **state)
{
	(void)state;
	unsetenv("TZ");
	parse("mon 9-10", "Asia/Tokyo");
	at("2026-06-01 09:00");
	assert_null(getenv("TZ"));
	parse("mon 9-10", NULL);		/* the machine's */
	hours_free(hours);
	hours = NULL;
}

static void *ask_often(void *arg)
{
	struct hours *h;
	char err[200];

	for (int i = 0; i < 2000; i++) {
		if (hours_parse(&h, "mon-sun 00:00-24:00", i % 2 ?
				"Europe/Berlin" : "Asia/Tokyo", err,
				sizeof(err)) ||
		    !hours_open(h, 1700000000000u))
			return arg;
		hours_free(h);
	}
	return NULL;
}

/* Bots are loaded beside the calls. */
static void from_two_threads(void **state)
{
	pthread_t t;
	void *failed;
	int any;

	(void)state;
	assert_int_equal(pthread_create(&t, NULL, ask_often, &any), 0);
	assert_null(ask_often(&any));
	pthread_join(t, &failed);
	assert_null(failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(zones_are_as_the_library_has_them),
		cmocka_unit_test(rules),
		cmocka_unit_test(days),
		cmocka_unit_test(files_that_are_broken),
		cmocka_unit_test(office_hours),
		cmocka_unit_test(spans_and_lists),
		cmocka_unit_test(over_midnight),
		cmocka_unit_test(summer_time),
		cmocka_unit_test(what_is_wrong),
		cmocka_unit_test(tz_is_not_touched),
		cmocka_unit_test(from_two_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
