/**
 * @file uri.h  The parts of a SIP URI that routing decides by
 *
 * Splits and checks `sip:user@host:port;parameters?headers` (RFC 3261 19.1).
 * Nothing is unescaped: the parts are written out again as they came.
 */
#ifndef TANDEM_URI_H
#define TANDEM_URI_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define URI_MAX 512

struct uri {
	char user[128];		/**< "" if none                              */
	char host[64];		/**< name or address, IPv6 without brackets  */
	bool numeric;		/**< host is an IPv4 or IPv6 address         */
	uint16_t port;		/**< 0: not named                            */
	char params[128];	/**< from the first `;` on, or ""            */
	char headers[256];	/**< after `?`, or ""                        */
};

/**
 * Parses a `sip:` URI, or `user@host` without scheme. NULL, or what is wrong
 * with it as a phrase ("has no host").
 */
const char *uri_parse(struct uri *u, const char *text);

/** Writes `sip:user@host:port` (parts that are there); `buf` is URI_MAX. */
const char *uri_print(const struct uri *u, bool params, char *buf);

/** Whether the parameters have one of this name. */
bool uri_has_param(const struct uri *u, const char *name);

/** The same, and its value into `buf` ("" if it has none). */
bool uri_param(const struct uri *u, const char *name, char *buf, size_t size);

/**
 * Writes a phone number as the wire has it: without separators. `buf` takes
 * at least strlen(number) + 1 bytes. Returns `buf`.
 */
char *number_on_wire(const char *number, char *buf);

#endif
