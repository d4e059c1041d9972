/*
 * The library walks a list from its head for each header that it appends: a
 * datagram of some ten thousand stops the loop for more than a tenth of a
 * second, and what a connection may send before its first message is complete
 * for a whole one. So its parser is called through a function of ours that
 * looks at their number first. A message with too many is marked as broken: by
 * UDP it is dropped and counted, by TCP its connection is closed as well.
 */
#define _GNU_SOURCE	/* RTLD_NEXT */

#include "guard_lines.h"

#include <dlfcn.h>
#include <stdbool.h>
#include <stddef.h>
#include <string.h>
#include <uv.h>

#include <sofia-sip/msg.h>
#include <sofia-sip/msg_buffer.h>
#include <sofia-sip/msg_header.h>

typedef int (extract_h)(msg_t *);

static extract_h *real_extract;

static bool find_real(void)
{
	void *p = dlsym(RTLD_NEXT, "msg_extract");

	memcpy(&real_extract, &p, sizeof(p));
	return real_extract != NULL;
}

int guard_lines_open(void)
{
	void *p = dlsym(RTLD_DEFAULT, "msg_extract");
	extract_h *found;

	memcpy(&found, &p, sizeof(p));
	return find_real() && found == msg_extract ? 0 : UV_ENOSYS;
}

/* Headers that were parsed when less of the message had come. */
static unsigned parsed(const msg_t *msg)
{
	msg_header_t *const *head = msg_chain_head(msg);
	unsigned n = 0;

	for (const msg_header_t *h = head ? *head : NULL; h && n <= LINES_MAX;
	     h = h->sh_succ)
		n++;
	return n;
}

/* Whether the headers that are still to be parsed, and what stands in lists,
 * are more than `room`. */
static bool too_many(const char *p, size_t len, unsigned room, bool first)
{
	const char *end = p + len, *nl;

	/* Each takes two bytes at least: nearly every message ends here. */
	if (len / 2 <= room)
		return false;

	/* Blank lines may stand before a message (RFC 3261 7.5). */
	while (first && p < end && (*p == '\r' || *p == '\n'))
		p++;
	for (; p < end; p = nl + 1) {
		nl = memchr(p, '\n', (size_t)(end - p));
		if (nl && (nl == p || (nl == p + 1 && *p == '\r')))
			return false;	/* the body begins */
		if (!nl)
			nl = end - 1;
		if (!room--)
			return true;
		while ((p = memchr(p, ',', (size_t)(nl - p)))) {
			if (!room--)
				return true;
			p++;
		}
	}
	return false;
}

int msg_extract(msg_t *msg)
{
	unsigned n;

	if (!real_extract && !find_real())
		return -1;
	if (!msg || !msg_buf_committed(msg) ||
	    msg_get_flags(msg, MSG_FLG_BODY | MSG_FLG_COMPLETE))
		return real_extract(msg);

	n = parsed(msg);
	if (n <= LINES_MAX && !too_many(msg_buf_committed_data(msg),
					msg_buf_committed(msg),
					LINES_MAX - n, !n))
		return real_extract(msg);

	msg_mark_as_complete(msg, MSG_FLG_ERROR);
	return -1;
}
