/**
 * @file sdp_lines.h  Lines and sections of a session description
 */
#ifndef TANDEM_SIP_SDP_LINES_H
#define TANDEM_SIP_SDP_LINES_H

#include <stdbool.h>
#include <stddef.h>

/** How good an m= line is for us; the first of the best is taken. */
enum sdp_rank {
	SDP_OTHER,	/**< not audio over RTP                     */
	SDP_REFUSED,	/**< audio, but with port 0                 */
	SDP_SECURE,	/**< needs SRTP; taken so that it can be told */
	SDP_PLAIN,
};

/**
 * Next line from `*p`, without its end: CRLF, LF, or nothing at the end of the
 * body. False if there is none.
 */
bool sdp_next_line(const char **p, const char *end, const char **line,
		   size_t *len);

/** Word `n` (from 0) of a line, or NULL. */
const char *sdp_word(const char *line, size_t len, unsigned n,
		     size_t *word_len);

/** Whether it is a=sendrecv, sendonly, recvonly or inactive. */
bool sdp_is_direction(const char *line, size_t len);

/** Place (from 0) of the section we take part in, of `*count`; `rank` may be
 * NULL. */
unsigned sdp_find_audio(const char *body, size_t len, unsigned *count,
			enum sdp_rank *rank);

#endif
