/**
 * @file config_value.h  What values of a config mean: addresses, whole numbers
 */
#ifndef TANDEM_CONFIG_VALUE_H
#define TANDEM_CONFIG_VALUE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

struct prefix;
struct sockaddr;

/** A whole number of at least 0, also as a float; 0 or UV_EINVAL. */
int whole_parse(const json_t *v, uint64_t *n);

/** "10.0.0.0/8", or a single address. 0 or UV_EINVAL. */
int prefix_parse(const char *text, struct prefix *p);

/** Whether the source lies in it; IPv4 may come mapped into IPv6. */
bool prefix_has(const struct prefix *p, const struct sockaddr *source);

/** Whether `text` is a numeric address, IPv6 without brackets. */
bool is_address(const char *text);

/** Whether it stands for every address of the machine. */
bool is_wildcard(const char *text);

/**
 * Splits "127.0.0.1:5060" or "[::1]:5060" (port -1 if none is named). NULL,
 * or what is wrong with it.
 */
const char *address_parse(const char *text, char host[46], int *port);

#endif
