/**
 * @file service.h  Services: programs that answer what bots ask
 *
 * A client of the control protocol offers a service under a name; bots ask it
 * by name and method. A name is one client's at a time. What it has been asked
 * and not answered is bounded, and fails at once when it leaves.
 */
#ifndef TANDEM_SERVICE_H
#define TANDEM_SERVICE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "reach.h"

#define SERVICE_NAME_MAX 64
#define SERVICE_METHODS_MAX 64
#define SERVICE_REASON_MAX 200
#define SERVICE_WAITING_MAX 256		/* requests not yet answered */

struct loop;
struct service;
struct services;

/** How requests get to who serves. */
struct service_port {
	/** Sends one; 0, or UV_ENOBUFS: he does not read. */
	int (*send)(void *arg, uint32_t id, const char *method,
		    json_t *params);
	void *arg;
};

struct service_stats {
	size_t services;
	size_t waiting;
	uint64_t requests;
	uint64_t failed;
	uint64_t unasked;	/**< answers nobody waited for (any more)    */
};

struct services *services_new(struct loop *loop);
/** Nobody serves or waits any more. */
void services_free(struct services *all);
void services_stats(const struct services *all, struct service_stats *s);

/**
 * Offers a service; names are copied. 0; UV_EEXIST: somebody else offers it;
 * UV_EINVAL: a name is wrong; UV_E2BIG: too many; UV_ENOMEM. Whoever offers it
 * himself already gets `*sp` with the new methods.
 */
int service_offer(struct services *all, const char *name,
		  const char *const *methods, size_t count,
		  const struct service_port *port, struct service **sp);
/** Who serves leaves: what waits for him fails with "gone". */
void service_leave(struct service *s);

/** The answer to request `id`: a result, or a reason of at least a word. */
void service_answer(struct service *s, uint32_t id, const json_t *result,
		    const char *reason);
/** Whether this request of his waits. */
int service_has(const struct service *s, uint32_t id);

/**
 * Asks. Reasons: timeout, gone, and what the service says. 0, or UV_ENOENT (no
 * such service or method: "not_found"), UV_ENOBUFS ("limit"), UV_ENOMEM.
 */
int services_ask(struct services *all, const char *name, const char *method,
		 json_t *params, uint64_t ms, errand_h *h, void *arg,
		 struct errand **ep);

#endif
