/**
 * @file hosts.h  Lists of hosts that may be asked
 *
 * An entry is a name ("api.example.com"), all names below one
 * ("*.example.com"), an address or a network ("10.0.0.0/8"). Who controls a
 * name controls what it leads to, so a name in the list may lead to public
 * addresses alone; one of a private network has to be in the list itself.
 */
#ifndef TANDEM_HOSTS_H
#define TANDEM_HOSTS_H

#include <stdbool.h>
#include <stddef.h>

struct sockaddr;

/** Whether an entry is one. */
bool hosts_entry_ok(const char *entry);

struct hosts {
	const char *const *list;
	size_t count;
};

/** Whether a name is in the list (no address is). */
bool hosts_have_name(const struct hosts *h, const char *name);
bool hosts_have_address(const struct hosts *h, const struct sockaddr *sa);
/** Whether any address is in it: then a name may lead there. */
bool hosts_have_addresses(const struct hosts *h);
/** Whether an address is one of the internet at large. */
bool address_is_public(const struct sockaddr *sa);

#endif
