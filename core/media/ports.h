/**
 * @file ports.h  Pairs of UDP ports, RTP even and RTCP the odd one above
 *
 * (RFC 3550 clause 11.) A pair just given back is the last to be taken again,
 * so that late packets of one call do not reach another.
 */
#ifndef TANDEM_MEDIA_PORTS_H
#define TANDEM_MEDIA_PORTS_H

#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

struct port_pairs {
	struct sockaddr_storage addr;	/**< what is bound               */
	uint16_t first;			/**< even                        */
	size_t count;			/**< pairs in the range          */
	size_t used;
	size_t next;			/**< where to look first         */
	uint64_t *taken;		/**< a bit per pair              */
};

struct port_pair {
	uint16_t port;			/**< of RTP                      */
	size_t index;
	int fd[2];			/**< RTP, RTCP                   */
};

/** Pairs between two ports. */
size_t ports_count(uint16_t min, uint16_t max);

/** UV_EINVAL: no numeric address, or no pair in the range. */
int ports_open(struct port_pairs *pp, const char *address, uint16_t min,
	       uint16_t max);
void ports_close(struct port_pairs *pp);

/** Binds a pair; UV_EADDRNOTAVAIL: none left. */
int ports_take(struct port_pairs *pp, struct port_pair *pair);
void ports_give(struct port_pairs *pp, struct port_pair *pair);

#endif
