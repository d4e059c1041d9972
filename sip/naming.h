/**
 * @file naming.h  Legs whose next hop is a name
 *
 * An INVITE waits for the addresses and tries one after the other (RFC 3263
 * 4.3). Nothing waits within a dialog, least of all an ACK: until the name in
 * its Contact or Route is known, and if it leads nowhere, requests go to where
 * the peer last sent from.
 */
#ifndef TANDEM_SIP_NAMING_H
#define TANDEM_SIP_NAMING_H

#include <stdbool.h>

#include <sofia-sip/url.h>

struct leg_dial;
struct route;
struct sip_leg;

struct naming;		/**< of an INVITE that waits or may try again */
struct hop;		/**< of a dialog                              */

/**
 * Dials `hop` once it is known: invite_out_start() with each address in turn
 * while naming_next() is asked, or LEG_REJECTED. Keeps a copy of `d`.
 */
int naming_dial(struct sip_leg *l, const struct leg_dial *d, const url_t *hop,
		int by);

/** The INVITE has failed: whether one to the next address is on its way. */
bool naming_next(struct sip_leg *l);

/** There is no address, or none that can be sent to: tells LEG_REJECTED. */
void naming_unreachable(struct sip_leg *l);

/** Where the name in `hop` led: true and `r`; else it is looked up. */
bool naming_hop(struct sip_leg *l, const url_t *hop, struct route *r);

/** Begins to look up a name in the Contact or Route, before it is needed. */
void naming_begin(struct sip_leg *l);

/** Frees both. */
void naming_free(struct sip_leg *l);

#endif
