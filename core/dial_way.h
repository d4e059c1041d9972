/**
 * @file dial_way.h  How an INVITE leaves: proxy, transport, our address
 */
#ifndef TANDEM_DIAL_WAY_H
#define TANDEM_DIAL_WAY_H

struct leg_dial;
struct trunk;

/**
 * Fills in what a trunk lends to a call to a URI of its own host (contract
 * 5.1); all borrowed from the config. NULL lends nothing.
 */
void dial_way(const struct trunk *t, const char *uri, struct leg_dial *d);

#endif
