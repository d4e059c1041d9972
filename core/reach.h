/**
 * @file reach.h  What a bot reaches outside its call
 *
 * Given to the scripting side by the composition root. Where one is missing
 * (NULL) bots hear what they would of a network that is down.
 *
 * An errand is something asked of the world outside. Who has asked hears of it
 * once, on the loop and never from within the asking; or has taken it back
 * before. Each has a deadline of its own.
 */
#ifndef TANDEM_REACH_H
#define TANDEM_REACH_H

#include <jansson.h>
#include <stdint.h>

struct fetch_request;
struct fetcher;
struct services;
struct store;

/** `result` is borrowed, or NULL with one word why in `reason`. */
typedef void (errand_h)(const json_t *result, const char *reason, void *arg);

struct errand {
	/** Takes it back: nothing is heard of it any more. */
	void (*cancel)(struct errand *e);
};

struct reach {
	struct store *store;		/**< NULL: in memory, for the bots alone */
	struct fetcher *fetcher;	/**< call:http                       */
	const char *no_http;		/**< why a node cannot at all, or NULL */
	struct services *services;	/**< call:request                    */
	/* Asked instead of these two, as fetcher_ask() and services_ask() are,
	 * where a bot is only tried out; NULL: nobody. */
	int (*http)(void *outside, const struct fetch_request *r, errand_h *h,
		    void *arg, struct errand **ep);
	int (*request)(void *outside, const char *service, const char *method,
		       json_t *params, uint64_t ms, errand_h *h, void *arg,
		       struct errand **ep);
	void *outside;
	uint64_t client_ms;		/**< timer `client`                  */
	uint64_t http_ms;		/**< timer `http`                    */
	uint64_t request_ms;		/**< timer `request`                 */
};

#endif
