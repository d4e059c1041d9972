/**
 * @file contacts.h  Whom a 3xx says to call instead
 */
#ifndef TANDEM_SIP_CONTACTS_H
#define TANDEM_SIP_CONTACTS_H

#include <sofia-sip/sip.h>

/** More than these are not looked at. */
#define CONTACTS_MAX 8
#define CONTACT_BYTES 512

struct contacts {
	const char *uri[CONTACTS_MAX];	/**< best first                   */
	unsigned count;
	char text[CONTACTS_MAX][CONTACT_BYTES];
};

/** URIs of the Contact headers by their q (RFC 3261 20.10, 8.1.3.4). */
void contacts_read(struct contacts *cs, const sip_t *sip);

#endif
