#include "log.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>
#include <uv.h>

#include "sink.h"
#include "utf8.h"

#define LINE_MAX_BYTES 8192
#define RING_BYTES (1024 * 1024)
#define CLOSE_MS 1000

static const char *const names[] = {
	[LOG_DEBUG] = "debug",
	[LOG_INFO] = "info",
	[LOG_WARN] = "warn",
	[LOG_ERROR] = "error",
};

/* One log per process, so that every part can write a line. */
static struct {
	_Atomic(struct sink *) sink;
	atomic_int level;
	atomic_bool json;
	_Atomic uint64_t told;	/**< lost lines that a line has told of */
} the_log = { .level = LOG_INFO };

/** A line being put together; what does not fit is cut. */
struct line {
	char buf[LINE_MAX_BYTES];
	size_t len;
	size_t max;		/**< room is kept for what ends the line */
	bool cut;
};

static void add(struct line *l, const char *s, size_t len)
{
	if (l->cut || len > l->max - l->len) {
		l->cut = true;
		return;
	}
	memcpy(l->buf + l->len, s, len);
	l->len += len;
}

static void add_text(struct line *l, const char *s)
{
	add(l, s, strlen(s));
}

/* One call is one line: control bytes and broken UTF-8 are spelled out. */
static void add_escaped(struct line *l, const char *s, size_t len, bool json)
{
	while (len && !l->cut) {
		const unsigned char c = (unsigned char)*s;
		size_t n = utf8_char(s, len);
		char esc[8];

		if (c == '\n' || c == '\r' || c == '\t') {
			add_text(l, c == '\n' ? "\\n" : c == '\r' ? "\\r" :
				 "\\t");
		}
		else if (n == 0 && json) {
			add_text(l, "\\ufffd");
			n = 1;
		}
		else if (n == 0 || c < 0x20 || c == 0x7f) {
			snprintf(esc, sizeof(esc), json ? "\\u%04x" :
				 "\\x%02x", c);
			add_text(l, esc);
			n = 1;
		}
		else if (json && (c == '"' || c == '\\')) {
			esc[0] = '\\';
			esc[1] = (char)c;
			add(l, esc, 2);
		}
		else if (n == 2 && c == 0xc2 &&
			 (unsigned char)s[1] < 0xa0 && !json) {
			/* C1 controls drive terminals as C0 ones do */
			snprintf(esc, sizeof(esc), "\\x%02x",
				 (unsigned char)s[1]);
			add_text(l, esc);
		}
		else {
			add(l, s, n);
		}
		s += n;
		len -= n;
	}
}

static void add_time(struct line *l)
{
	static _Thread_local time_t second = -1;
	static _Thread_local char date[32];
	struct timespec now;
	char ms[8];

	clock_gettime(CLOCK_REALTIME, &now);
	if (now.tv_sec != second) {
		struct tm tm;

		gmtime_r(&now.tv_sec, &tm);
		strftime(date, sizeof(date), "%Y-%m-%dT%H:%M:%S", &tm);
		second = now.tv_sec;
	}
	snprintf(ms, sizeof(ms), ".%03uZ",
		 (unsigned)(now.tv_nsec / 1000000) % 1000);
	add_text(l, date);
	add_text(l, ms);
}

static void compose(struct line *l, bool json, enum log_level level,
		    const char *call, const char *msg, size_t len, bool cut)
{
	static const char tail[] = "...\"}\n";

	l->len = 0;
	l->cut = false;
	l->max = sizeof(l->buf) - sizeof(tail);

	if (json) {
		add_text(l, "{\"time\":\"");
		add_time(l);
		add_text(l, "\",\"level\":\"");
		add_text(l, names[level]);
		if (call) {
			add_text(l, "\",\"call\":\"");
			add_escaped(l, call, strlen(call), true);
		}
		add_text(l, "\",\"msg\":\"");
	}
	else {
		add_time(l);
		add_text(l, " ");
		add_text(l, names[level]);
		add_text(l, &"      "[strlen(names[level])]);
		if (call) {
			add_text(l, "[");
			add_escaped(l, call, strlen(call), false);
			add_text(l, "] ");
		}
	}
	add_escaped(l, msg, len, json);

	cut = cut || l->cut;
	l->cut = false;
	l->max = sizeof(l->buf);
	if (cut)
		add_text(l, "...");
	add_text(l, json ? "\"}\n" : "\n");
}

/* Before the log is open: to stderr, as far as it takes it at once. */
static void write_direct(const char *p, size_t len)
{
	while (len) {
		const ssize_t n = write(STDERR_FILENO, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return;
		p += n;
		len -= (size_t)n;
	}
}

/* When lines got lost and there is room again, the log says how many. */
static void tell_lost(struct sink *s, struct line *l, bool json)
{
	const uint64_t lost = sink_lost(s);
	uint64_t told = atomic_load(&the_log.told);
	char msg[64];
	int n;

	if (lost == told ||
	    !atomic_compare_exchange_strong(&the_log.told, &told, lost))
		return;

	n = snprintf(msg, sizeof(msg), "%llu log lines were lost here",
		     (unsigned long long)(lost - told));
	compose(l, json, LOG_WARN, NULL, msg, (size_t)n, false);
	if (sink_put(s, l->buf, l->len) != 0)
		atomic_store(&the_log.told, told);
}

/* Set while nothing else runs: by commands that show lines in their own way. */
static struct {
	log_divert_h *h;
	void *arg;
} diverted;

void log_divert(log_divert_h *h, void *arg)
{
	diverted.h = h;
	diverted.arg = arg;
}

void log_line(enum log_level level, const char *call, const char *fmt, ...)
{
	struct sink *s = atomic_load(&the_log.sink);
	const bool json = atomic_load(&the_log.json);
	char msg[LINE_MAX_BYTES];
	struct line l;
	bool cut = false;
	va_list ap;
	size_t len;
	int n;

	if ((int)level < atomic_load(&the_log.level))
		return;

	va_start(ap, fmt);
	n = vsnprintf(msg, sizeof(msg), fmt, ap);
	va_end(ap);
	if (n < 0)
		return;

	len = (size_t)n;
	if (len >= sizeof(msg)) {
		len = sizeof(msg) - 1;
		cut = true;
		/* not in the middle of a character */
		for (int i = 0; i < 3 && (msg[len] & 0xc0) == 0x80; i++)
			len--;
	}
	while (len && (msg[len - 1] == '\n' || msg[len - 1] == '\r'))
		len--;

	if (diverted.h) {
		msg[len] = '\0';
		diverted.h(level, call, msg, diverted.arg);
		return;
	}
	compose(&l, json, level, call, msg, len, cut);
	if (!s) {
		write_direct(l.buf, l.len);
		return;
	}
	if (sink_put(s, l.buf, l.len) == 0)
		tell_lost(s, &l, json);
}

int log_open(const struct log_options *o)
{
	struct sink *s;
	int err;

	if (atomic_load(&the_log.sink))
		return UV_EALREADY;

	err = sink_open(&s, o->file, RING_BYTES);
	if (err)
		return err;

	atomic_store(&the_log.level, o->level);
	atomic_store(&the_log.json, o->json);
	atomic_store(&the_log.told, 0);
	atomic_store(&the_log.sink, s);
	return 0;
}

int log_reopen(void)
{
	return sink_reopen(atomic_load(&the_log.sink));
}

void log_close(void)
{
	sink_close(atomic_exchange(&the_log.sink, NULL), CLOSE_MS);
	atomic_store(&the_log.json, false);
}

void log_level_set(enum log_level level)
{
	atomic_store(&the_log.level, level);
}

enum log_level log_level(void)
{
	return (enum log_level)atomic_load(&the_log.level);
}

int log_level_parse(const char *name, enum log_level *level)
{
	for (int i = LOG_DEBUG; i <= LOG_ERROR; i++) {
		if (!strcmp(name, names[i])) {
			*level = (enum log_level)i;
			return 0;
		}
	}
	return UV_EINVAL;
}

uint64_t log_lost(void)
{
	const struct sink *s = atomic_load(&the_log.sink);

	return s ? sink_lost(s) : 0;
}
