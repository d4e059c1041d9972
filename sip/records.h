/**
 * @file records.h  What the DNS said, and the asking for it by c-ares
 */
#ifndef TANDEM_SIP_RECORDS_H
#define TANDEM_SIP_RECORDS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct records;

#define NAME_SIZE 256
#define VALUES_MAX 16

enum record_kind {
	RECORD_SRV,
	RECORD_ADDRESS,		/**< A and AAAA together */
};

struct srv {
	uint16_t priority, weight, port;
	char target[NAME_SIZE];
};

struct address {
	int family;
	unsigned char bytes[16];
};

struct record {
	enum record_kind kind;
	char name[NAME_SIZE];
	bool asking;		/**< the answer is not there yet            */
	uint64_t done, expires;	/**< ms of loop_now()                       */
	size_t count;		/**< 0: there is none                       */
	union {
		struct srv srv[VALUES_MAX];
		struct address address[VALUES_MAX];
	} v;
};

/** `family` of addresses: AF_INET, AF_INET6 or AF_UNSPEC for both; `h` is
 * called whenever an answer has come, from within c-ares. */
int records_open(struct records **rp, struct loop *loop, int family,
		 void (*h)(void *arg), void *arg);
void records_close(struct records *r);

/**
 * What is known of `name`, asked for if it was not known at `since` or later
 * and is not to be kept any more. Valid until the next call. NULL: too much is
 * asked already, or no memory.
 */
const struct record *records_get(struct records *r, enum record_kind kind,
				 const char *name, uint64_t since);

#endif
