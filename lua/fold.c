#include "fold.h"

#include <stdbool.h>

size_t char_read(const char *s, size_t len, uint32_t *c)
{
	const unsigned char *b = (const unsigned char *)s;
	static const uint32_t least[] = { 0, 0, 0x80, 0x800, 0x10000 };
	size_t n;
	uint32_t cp;

	*c = b[0];
	if (b[0] < 0x80)
		return 1;

	n = b[0] >= 0xf0 ? 4 : b[0] >= 0xe0 ? 3 : 2;
	*c = CHAR_BYTE + b[0];
	if (b[0] < 0xc2 || b[0] > 0xf4 || n > len)
		return 1;
	cp = b[0] & (0x7fu >> n);
	for (size_t i = 1; i < n; i++) {
		if ((b[i] & 0xc0) != 0x80)
			return 1;
		cp = cp << 6 | (b[i] & 0x3f);
	}
	/* overlong forms, surrogates (RFC 3629 clause 3) */
	if (cp < least[n] || cp > 0x10ffff || (cp >= 0xd800 && cp < 0xe000))
		return 1;
	*c = cp;
	return n;
}

size_t char_write(char *out, uint32_t c)
{
	if (c >= CHAR_BYTE)
		c -= CHAR_BYTE;
	else if (c >= 0x10000) {
		out[0] = (char)(0xf0 | c >> 18);
		out[1] = (char)(0x80 | (c >> 12 & 0x3f));
		out[2] = (char)(0x80 | (c >> 6 & 0x3f));
		out[3] = (char)(0x80 | (c & 0x3f));
		return 4;
	} else if (c >= 0x800) {
		out[0] = (char)(0xe0 | c >> 12);
		out[1] = (char)(0x80 | (c >> 6 & 0x3f));
		out[2] = (char)(0x80 | (c & 0x3f));
		return 3;
	} else if (c >= 0x80) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	out[0] = (char)c;
	return 1;
}

/* How capitals of a block become small letters. */
enum casing {
	BY,	/**< add the number          */
	EVEN,	/**< an even code, add one   */
	ODD,	/**< an odd code, add one    */
	TO,	/**< the number itself       */
};

static const struct {
	uint32_t first, last;
	enum casing casing;
	uint32_t n;
} casings[] = {
	{ 0x00c0, 0x00d6, BY, 32 },
	{ 0x00d8, 0x00de, BY, 32 },
	{ 0x0100, 0x012f, EVEN, 0 },
	{ 0x0130, 0x0130, TO, 'i' },
	{ 0x0132, 0x0137, EVEN, 0 },
	{ 0x0139, 0x0148, ODD, 0 },
	{ 0x014a, 0x0177, EVEN, 0 },
	{ 0x0178, 0x0178, TO, 0xff },
	{ 0x0179, 0x017e, ODD, 0 },
	{ 0x017f, 0x017f, TO, 's' },
	{ 0x01cd, 0x01dc, ODD, 0 },
	{ 0x01de, 0x01ef, EVEN, 0 },
	{ 0x01f8, 0x021f, EVEN, 0 },
	{ 0x0222, 0x0233, EVEN, 0 },
	{ 0x0246, 0x024f, EVEN, 0 },
	{ 0x0386, 0x0386, TO, 0x3ac },
	{ 0x0388, 0x038a, BY, 37 },
	{ 0x038c, 0x038c, TO, 0x3cc },
	{ 0x038e, 0x038f, BY, 63 },
	{ 0x0391, 0x03a1, BY, 32 },
	{ 0x03a3, 0x03ab, BY, 32 },
	{ 0x03c2, 0x03c2, TO, 0x3c3 },	/* final sigma */
	{ 0x0400, 0x040f, BY, 80 },
	{ 0x0410, 0x042f, BY, 32 },
	{ 0x0460, 0x0481, EVEN, 0 },
	{ 0x048a, 0x04bf, EVEN, 0 },
	{ 0x04c0, 0x04c0, TO, 0x4cf },
	{ 0x04c1, 0x04ce, ODD, 0 },
	{ 0x04d0, 0x052f, EVEN, 0 },
	{ 0x1e00, 0x1e95, EVEN, 0 },
	{ 0x1e9e, 0x1e9e, TO, 0xdf },
	{ 0x1ea0, 0x1eff, EVEN, 0 },
	{ 0xff21, 0xff3a, BY, 32 },
};

uint32_t char_lower(uint32_t c)
{
	if (c < 0x80)
		return c >= 'A' && c <= 'Z' ? c + 32 : c;

	for (size_t i = 0; i < sizeof(casings) / sizeof(*casings); i++) {
		if (c < casings[i].first)
			break;
		if (c > casings[i].last)
			continue;
		switch (casings[i].casing) {
		case BY:
			return c + casings[i].n;
		case EVEN:
			return c % 2 ? c : c + 1;
		case ODD:
			return c % 2 ? c + 1 : c;
		case TO:
			return casings[i].n;
		}
	}
	return c;
}

enum kind {
	WORD,
	APOSTROPHE,	/**< nothing inside a word, else a mark */
	NOTHING,	/**< soft hyphen, joiners, variations   */
	MARK,
};

static const struct {
	uint32_t first, last;
	enum kind kind;
} kinds[] = {
	{ 0x00, 0x26, MARK },
	{ 0x27, 0x27, APOSTROPHE },
	{ 0x28, 0x2f, MARK },
	{ 0x3a, 0x40, MARK },
	{ 0x5b, 0x60, MARK },
	{ 0x7b, 0xa9, MARK },
	{ 0xab, 0xac, MARK },
	{ 0xad, 0xad, NOTHING },
	{ 0xae, 0xb4, MARK },
	{ 0xb6, 0xb9, MARK },
	{ 0xbb, 0xbf, MARK },
	{ 0xd7, 0xd7, MARK },
	{ 0xf7, 0xf7, MARK },
	{ 0x02bc, 0x02bc, APOSTROPHE },
	{ 0x2000, 0x200a, MARK },
	{ 0x200b, 0x200d, NOTHING },
	{ 0x200e, 0x2018, MARK },
	{ 0x2019, 0x2019, APOSTROPHE },
	{ 0x201a, 0x205f, MARK },
	{ 0x2060, 0x2064, NOTHING },
	{ 0x2065, 0x206f, MARK },
	{ 0x20a0, 0x20cf, MARK },
	{ 0x2190, 0x2bff, MARK },
	{ 0x2e00, 0x2e7f, MARK },
	{ 0x3000, 0x3004, MARK },
	{ 0x3008, 0x3020, MARK },
	{ 0x3030, 0x3030, MARK },
	{ 0xfe00, 0xfe0f, NOTHING },
	{ 0xfe10, 0xfe6f, MARK },
	{ 0xfeff, 0xfeff, NOTHING },
	{ 0xff01, 0xff0f, MARK },
	{ 0xff1a, 0xff20, MARK },
	{ 0xff3b, 0xff40, MARK },
	{ 0xff5b, 0xff65, MARK },
	{ 0x1f000, 0x1faff, MARK },
};

static enum kind kind_of(uint32_t c)
{
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++) {
		if (c < kinds[i].first)
			break;
		if (c <= kinds[i].last)
			return kinds[i].kind;
	}
	return WORD;
}

static bool word_at(const char *s, size_t len, size_t at)
{
	uint32_t c;

	if (at >= len)
		return false;
	char_read(s + at, len - at, &c);
	return kind_of(c) == WORD;
}

size_t word_read(const char *s, size_t len, size_t *at, char *out,
		 struct word_place *place)
{
	size_t n = 0, i;

	for (i = *at; i < len;) {
		uint32_t c;
		const size_t size = char_read(s + i, len - i, &c);
		const enum kind kind = kind_of(c);

		if (kind == WORD) {
			if (!n)
				place->at = i;
			n += char_write(out + n, char_lower(c));
			place->len = i + size - place->at;
		} else if (kind == MARK ||
			   (kind == APOSTROPHE && !word_at(s, len, i + size))) {
			if (n)
				break;
		}
		i += size;
	}
	*at = i;
	return n;
}
