#include "logs.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include <sofia-sip/su_log.h>

#include "core/log.h"

/* Each module of sofia has a log of its own, and stderr as its default. */
extern su_log_t nta_log[], tport_log[], sresolv_log[], stun_log[], nea_log[],
	soa_log[], iptsec_log[], su_log_default[], su_log_global[];

/* What strangers send makes sofia log: more than this a second is noise. */
#define LINES_MAX 5

static void write_line(void *stream, char const *fmt, va_list ap)
{
	static time_t second;
	static unsigned lines, left_out;
	struct timespec now;
	char buf[512];
	size_t n;

	clock_gettime(CLOCK_MONOTONIC, &now);
	if (now.tv_sec != second) {
		second = now.tv_sec;
		lines = 0;
		if (left_out)
			log_info("sofia-sip: %u more lines left out",
				 left_out);
		left_out = 0;
	}
	if (++lines > LINES_MAX) {
		left_out++;
		return;
	}

	vsnprintf(buf, sizeof(buf), fmt, ap);
	for (n = strlen(buf); n && (unsigned char)buf[n - 1] <= ' '; n--)
		buf[n - 1] = '\0';
	for (char *p = buf; *p; p++)
		if ((unsigned char)*p < ' ' || (unsigned char)*p >= 127)
			*p = '?';
	if (n)
		log_info("%s: %s", (const char *)stream, buf);
}

void logs_open(void)
{
	static const struct {
		su_log_t *log;
		const char *name;
	} modules[] = {
		{ su_log_global, "su" }, { su_log_default, "su" },
		{ nta_log, "nta" }, { tport_log, "tport" },
		{ sresolv_log, "sresolv" }, { stun_log, "stun" },
		{ nea_log, "nea" }, { soa_log, "soa" },
		{ iptsec_log, "iptsec" },
	};

	for (size_t i = 0; i < sizeof(modules) / sizeof(modules[0]); i++) {
		su_log_redirect(modules[i].log, write_line,
				(void *)(uintptr_t)modules[i].name);
		su_log_set_level(modules[i].log, 1);
	}
}
