/**
 * @file log.h  Log lines, written by a thread of their own
 *
 * A line goes into a bounded ring; when whoever reads it has stopped, lines
 * are lost and counted, and calls go on. One log per process. Before
 * log_open() lines go straight to stderr.
 */
#ifndef TANDEM_LOG_H
#define TANDEM_LOG_H

#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

struct log_options {
	enum log_level level;
	bool json;		/**< one JSON object a line            */
	const char *file;	/**< NULL: stderr                      */
};

/** Opens the log and starts its writer. 0, or a negative UV_E*. */
int log_open(const struct log_options *o);

/** Opens the log's file anew, as sink_reopen(). */
int log_reopen(void);

/** Writes what is in the ring (waits at most 1 s), and ends the writer. */
void log_close(void);

void log_level_set(enum log_level level);
enum log_level log_level(void);

/** 0 and the level of "debug", "info", "warn" or "error", else UV_EINVAL. */
int log_level_parse(const char *name, enum log_level *level);

/** Lines lost since the start, because the reader had stopped. */
uint64_t log_lost(void);

typedef void (log_divert_h)(enum log_level level, const char *call,
			    const char *text, void *arg);

/**
 * Gives every line to `h` instead, without its time and level; NULL: no more.
 * Only for programs with a single thread that logs.
 */
void log_divert(log_divert_h *h, void *arg);

/** Writes a line; `call` is a call's id or NULL. Safe from every thread. */
void log_line(enum log_level level, const char *call, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

#define log_debug(...) log_line(LOG_DEBUG, NULL, __VA_ARGS__)
#define log_info(...) log_line(LOG_INFO, NULL, __VA_ARGS__)
#define log_warn(...) log_line(LOG_WARN, NULL, __VA_ARGS__)
#define log_error(...) log_line(LOG_ERROR, NULL, __VA_ARGS__)

#endif
