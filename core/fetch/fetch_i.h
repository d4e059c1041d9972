/**
 * @file fetch_i.h  Inside the HTTP client: one request, and all of them
 */
#ifndef TANDEM_FETCH_I_H
#define TANDEM_FETCH_I_H

#include <curl/curl.h>
#include <uv.h>

#include "core/hosts.h"
#include "core/loop.h"
#include "fetch.h"

struct fetcher {
	struct loop *loop;
	struct hosts hosts;
	CURLM *multi;
	struct timer timer;	/**< when curl wants to be called            */
	struct fetch *first;
	struct fetch_stats stats;
};

/** One request; freed when it has been told, or taken back. */
struct fetch {
	struct errand errand;	/**< first                                   */
	struct fetcher *f;
	struct fetch *next, **prev;
	CURL *easy;
	CURLU *url;
	struct curl_slist *headers;
	errand_h *h;
	void *arg;
	struct timer deadline;
	char *method, *body;
	size_t body_len;
	char *host;		/**< of the URL now asked                    */
	bool named;		/**< it is a name in the list                */
	bool refused;		/**< an address it leads to is not           */
	unsigned redirects;
	char *answer;		/**< its body so far                         */
	size_t answer_len, answer_cap;
	json_t *answer_headers;
	size_t header_bytes;
	const char *broken;	/**< why we ended the transfer, or NULL      */
	char error[CURL_ERROR_SIZE];
};

/* fetch_request.c */

/** Makes the request; 0 or UV_EINVAL, UV_ENOMEM with a line. */
int fetch_fill(struct fetch *q, const struct fetch_request *r, char *err,
	       size_t size);
/** Sets the URL and sees whether it may be asked: 0, UV_EINVAL, UV_EACCES. */
int fetch_aim(struct fetch *q, const char *url, char *err, size_t size);
/** After a redirect with this status: what is asked there. */
int fetch_redirect(struct fetch *q, long status, const char *url, char *err,
		   size_t size);
/** What has come, as the errand's result; NULL: no memory. */
json_t *fetch_result(struct fetch *q);
void fetch_free(struct fetch *q);

#endif
