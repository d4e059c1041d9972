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
#include <stddef.h>
#include <stdint.h>

struct fetch_request;
struct store;

/** `result` is borrowed, or NULL with one word why in `reason`. */
typedef void (errand_h)(const json_t *result, const char *reason, void *arg);

struct errand {
	/** Takes it back: nothing is heard of it any more. */
	void (*cancel)(struct errand *e);
};

/** Asks an HTTP server, as fetcher_ask(); first what is `http_arg`. */
typedef int (http_ask)(void *http, const struct fetch_request *r, errand_h *h,
		       void *arg, struct errand **ep, char *err, size_t size);
/** Asks a service, as services_ask(); first what is `request_arg`. */
typedef int (service_ask)(void *services, const char *name, const char *method,
			  json_t *params, uint64_t ms, errand_h *h, void *arg,
			  struct errand **ep);

struct reach {
	struct store *store;		/**< NULL: in memory, for the bots alone */
	http_ask *http;			/**< call:http                       */
	void *http_arg;
	const char *no_http;		/**< why a node cannot at all, or NULL */
	service_ask *request;		/**< call:request                    */
	void *request_arg;
	uint64_t client_ms;		/**< timer `client`                  */
	uint64_t http_ms;		/**< timer `http`                    */
	uint64_t request_ms;		/**< timer `request`                 */
};

#endif
