/**
 * @file sink.h  A file that lines are appended to, off the main loop
 *
 * Whole lines enter a bounded ring and a thread writes them in order, so a
 * slow or full disk, or a pipe that nobody reads, never holds up a call.
 */
#ifndef TANDEM_SINK_H
#define TANDEM_SINK_H

#include <stddef.h>
#include <stdint.h>

struct sink;

/**
 * Opens `path` for appending (NULL: stderr) with a ring of `size` bytes.
 * 0, or a negative UV_E*; free with sink_close().
 */
int sink_open(struct sink **sp, const char *path, size_t size);

/** Appends a line (newline included); 0, or UV_ENOBUFS: full, and counted. */
int sink_put(struct sink *s, const char *line, size_t len);

/**
 * Opens the path anew, for one who has renamed the file: the writer goes over
 * to it with its next lines. 0, also for NULL and stderr, or a negative UV_E*:
 * then it stays with the file it has.
 */
int sink_reopen(struct sink *s);

/** Lines refused because the ring was full, or lost to a write error. */
uint64_t sink_lost(const struct sink *s);

/** Last write error as a negative UV_E*, or 0 if the last write went well. */
int sink_error(const struct sink *s);

/** Writes out what is left, for at most `ms`, and frees the sink. */
void sink_close(struct sink *s, unsigned ms);

#endif
