/**
 * @file fetch.h  HTTP requests of bots, by libcurl on our loop
 *
 * Bounded in every way: the hosts that may be asked, the time, the sizes, the
 * redirects, the requests at a time. No proxy of the environment, no cookies,
 * no other protocol. Names are looked up by threads of libcurl's.
 */
#ifndef TANDEM_FETCH_H
#define TANDEM_FETCH_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/reach.h"

#define FETCH_URL_MAX 8192
#define FETCH_BODY_MAX (256 * 1024)		/* of a request  */
#define FETCH_ANSWER_MAX (1024 * 1024)		/* of a response */
#define FETCH_HEADERS_MAX (64 * 1024)		/* of either     */
#define FETCH_JSON_MAX (64 * 1024)		/* read as JSON  */
#define FETCH_REDIRECTS_MAX 5
#define FETCH_MS_MAX 30000
#define FETCH_AT_A_TIME 256			/* of a node     */
#define FETCH_DESCRIPTORS (2 * FETCH_AT_A_TIME)	/* it may take   */

struct fetcher;
struct loop;

/** All copied. */
struct fetch_request {
	const char *method;	/**< "GET" and so on                         */
	const char *url;
	json_t *headers;	/**< name to string, or NULL                 */
	const char *body;	/**< NULL: none                              */
	size_t len;
	uint64_t ms;		/**< for all of it                           */
};

struct fetch_stats {
	size_t under_way;
	uint64_t requests;
	uint64_t failed;
};

/** Before threads are started. `hosts` (limits.http_hosts) is borrowed. 0, or
 * a negative UV_E*; UV_ENOTSUP: not built. */
int fetcher_open(struct fetcher **fp, struct loop *loop,
		 const char *const *hosts, size_t count);
/** No request is under way any more. */
void fetcher_close(struct fetcher *f);
void fetcher_stats(const struct fetcher *f, struct fetch_stats *s);

/**
 * Asks. The result is {status, headers, body}, header names in lower case, and
 * `json` where the answer is JSON of at most FETCH_JSON_MAX. Reasons: timeout,
 * unreachable, tls, too_large, redirects, not_allowed, invalid, limit. 0, or
 * a negative UV_E* with one line in `err`: UV_EINVAL, something in the request
 * is wrong; UV_EPERM, no host at all may be asked.
 */
int fetcher_ask(struct fetcher *f, const struct fetch_request *r, errand_h *h,
		void *arg, struct errand **ep, char *err, size_t size);

#endif
