#include <jansson.h>
#include <stdio.h>
#include <uv.h>

#include "cmd.h"
#include "timers.h"

int cmd_version(void)
{
	printf("tandem %s\n", TANDEM_VERSION);
	printf("libuv %s, Lua %s, sofia-sip %s, msgpack-c %s, jansson %s\n",
	       uv_version_string(), VERSION_LUA, VERSION_SOFIA,
	       VERSION_MSGPACK, JANSSON_VERSION);
	puts("in:  signalling (UDP, TCP), Lua bots, control protocol");
	puts(*VERSION_LIBEDIT ? "     line editing (libedit " VERSION_LIBEDIT ")"
	     : "out: line editing (libedit)");
	puts(TANDEM_WITH_HTTP ? "     call:http (libcurl)"
	     : "     without call:http: built without libcurl");
	puts("out: TLS, voice, recording, speech, http.listen");
	return 0;
}

const char *print_duration(unsigned long long ms, char *buf,
			   unsigned long size)
{
	if (ms % 1000)
		snprintf(buf, size, "%llums", ms);
	else if (ms >= 3600000 && !(ms % 3600000))
		snprintf(buf, size, "%lluh", ms / 3600000);
	else if (ms >= 120000 && !(ms % 60000))
		snprintf(buf, size, "%llum", ms / 60000);
	else
		snprintf(buf, size, "%llus", ms / 1000);
	return buf;
}

int cmd_timers(void)
{
	for (int i = 0; i < TIMERS; i++) {
		const struct timer_row *t = &timer_table[i];
		char text[32];

		printf("%-16s %6s  %s%s\n", t->name,
		       print_duration(t->ms, text, sizeof(text)), t->guards,
		       t->built ? "" : " (not in this version)");
	}
	return 0;
}
