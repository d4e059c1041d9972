/**
 * @file utf8.h  Where a valid UTF-8 character ends (RFC 3629)
 *
 * What arrives from SIP or a script is bytes; JSON must be UTF-8. Everyone who
 * writes JSON or a log line walks the bytes with this.
 */
#ifndef TANDEM_UTF8_H
#define TANDEM_UTF8_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

/**
 * Length (1 to 4) of the character at `s`, or 0 if the first of the `len`
 * bytes begins no valid one: overlong forms, surrogates and what lies above
 * U+10FFFF are invalid. `len` is at least 1.
 */
static inline size_t utf8_char(const char *s, size_t len)
{
	const unsigned char *p = (const unsigned char *)s;
	unsigned char low = 0x80, high = 0xbf;
	size_t n;

	if (p[0] < 0x80)
		return 1;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;

	n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	if (len < n)
		return 0;

	if (p[0] == 0xe0)
		low = 0xa0;
	else if (p[0] == 0xed)
		high = 0x9f;
	else if (p[0] == 0xf0)
		low = 0x90;
	else if (p[0] == 0xf4)
		high = 0x8f;

	if (p[1] < low || p[1] > high)
		return 0;
	for (size_t i = 2; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	return n;
}

static inline bool utf8_valid(const char *s, size_t len)
{
	uint64_t eight;

	/* Nearly all text is ASCII: eight characters at a time. */
	for (; len >= sizeof(eight); s += sizeof(eight), len -= sizeof(eight)) {
		memcpy(&eight, s, sizeof(eight));
		if (eight & UINT64_C(0x8080808080808080))
			break;
	}
	for (size_t n; len; s += n, len -= n) {
		n = utf8_char(s, len);
		if (!n)
			return false;
	}
	return true;
}

#endif
