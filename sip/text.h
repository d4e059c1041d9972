/**
 * @file text.h  Texts of SIP headers that strangers' words go into
 */
#ifndef TANDEM_SIP_TEXT_H
#define TANDEM_SIP_TEXT_H

#include <stdbool.h>
#include <stddef.h>

struct header;

/** CR or LF in it; NULL has none. */
bool text_has_break(const char *s);

/** Has nothing that could end a URI in a header: blanks, <, >, quotes. */
bool text_is_uri(const char *s);

/** A header name (RFC 3261 25.1: token). */
bool text_is_token(const char *s);

/**
 * From's value: `"Display" <sip:user@host>`, quoted and escaped. 0, or
 * UV_EINVAL: a line break, or more than `size` holds.
 */
int text_from(char *buf, size_t size, const char *display, const char *user,
	      const char *host);

/**
 * The same, of a name and number that strangers chose: what cannot be sent, or
 * does not fit, is left out, the display name first. UV_EINVAL: no `host`.
 */
int text_identity(char *buf, size_t size, const char *display,
		  const char *user, const char *host);

/** Bytes that a Refer-To may take, its headers included. */
#define REFER_TO_MAX 1024

/**
 * Refer-To's value, `<uri?name=value&...>`, in `buf` of REFER_TO_MAX + 1.
 * What in the URI could end it is escaped. Headers that no longer fit are left
 * out, and `*left` counts them. 0, or UV_EINVAL: a line break, no URI, a URI
 * that does not fit, or one that is neither sip:, sips: nor tel:.
 */
int text_refer_to(char *buf, const char *uri, const struct header *headers,
		  unsigned count, unsigned *left);

/**
 * Status code of a message/sipfrag body, however carelessly written; 0 if
 * there is none to be found. `phrase` takes what of its reason fits.
 */
int text_sipfrag(const char *body, size_t len, char *phrase, size_t size);

/**
 * The key of an INFO: one of 0-9 * # A-D, or '\0'. `relay` tells the body of
 * application/dtmf-relay ("Signal=5") from that of application/dtmf ("5").
 */
char text_digit(const char *body, size_t len, bool relay);

#endif
