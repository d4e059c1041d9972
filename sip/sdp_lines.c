#include "sdp_lines.h"

#include <string.h>
#include <strings.h>

bool sdp_next_line(const char **p, const char *end, const char **line,
		   size_t *len)
{
	const char *nl;

	if (*p >= end)
		return false;

	*line = *p;
	nl = memchr(*p, '\n', (size_t)(end - *p));
	*len = (size_t)((nl ? nl : end) - *p);
	*p = nl ? nl + 1 : end;
	while (*len && (*line)[*len - 1] == '\r')
		--*len;
	return true;
}

bool sdp_is_direction(const char *line, size_t len)
{
	return len == 10 && (!strncasecmp(line, "a=sendrecv", len) ||
			     !strncasecmp(line, "a=sendonly", len) ||
			     !strncasecmp(line, "a=recvonly", len) ||
			     !strncasecmp(line, "a=inactive", len));
}

const char *sdp_word(const char *line, size_t len, unsigned n,
		     size_t *word_len)
{
	const char *p = line, *end = line + len;

	for (;;) {
		const char *start;

		while (p < end && *p == ' ')
			p++;
		start = p;
		while (p < end && *p != ' ')
			p++;
		if (start == p)
			return NULL;
		if (!n--) {
			*word_len = (size_t)(p - start);
			return start;
		}
	}
}

static bool is(const char *w, size_t len, const char *text)
{
	return w && strlen(text) == len && !strncasecmp(w, text, len);
}

static enum sdp_rank rank_of(const char *line, size_t len)
{
	size_t n = 0;
	const char *w = sdp_word(line, len, 0, &n);
	bool refused, secure = false;

	if (!is(w, n, "m=audio"))
		return SDP_OTHER;
	w = sdp_word(line, len, 1, &n);
	refused = !w || *w == '0';
	w = sdp_word(line, len, 2, &n);
	if (is(w, n, "RTP/AVP") || is(w, n, "RTP/AVPF"))
		return refused ? SDP_REFUSED : SDP_PLAIN;
	for (size_t i = 0; w && i + 4 <= n; i++)
		secure = secure || !memcmp(w + i, "SAVP", 4);
	if (!secure)
		return SDP_OTHER;
	return refused ? SDP_REFUSED : SDP_SECURE;
}

unsigned sdp_find_audio(const char *body, size_t len, unsigned *count,
			enum sdp_rank *rank)
{
	const char *p = body, *line;
	enum sdp_rank best = SDP_OTHER, r;
	unsigned at = 0;
	size_t n;

	*count = 0;
	while (sdp_next_line(&p, body + len, &line, &n)) {
		if (n < 2 || memcmp(line, "m=", 2))
			continue;
		r = rank_of(line, n);
		if (r > best) {
			best = r;
			at = *count;
		}
		++*count;
	}
	if (rank)
		*rank = best;
	return at;
}
