/**
 * @file request.h  One request: read, carried out and answered
 */
#ifndef TANDEM_CONTROL_REQUEST_H
#define TANDEM_CONTROL_REQUEST_H

#include <jansson.h>
#include <msgpack.h>
#include <stdbool.h>

#include "control_i.h"

struct peer;

struct request {
	struct control *c;
	struct peer *peer;
	const char *method;
	json_t *params;		/**< an object, empty if there were none     */
	msgpack_packer pk;	/**< writes the result                       */
	const char *code;	/**< error code, or NULL                     */
	char message[1000];
	bool replay;		/**< after the answer, events after since    */
	uint64_t since;
	bool later;		/**< the handler's answer comes later        */
};

/** Refuses the request; returns -1 for the handler to return. */
int request_fail(struct request *r, const char *code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/** The same for a negative UV_E*; `text` may be NULL or "". */
int request_fail_uv(struct request *r, int err, const char *text);

/** Carries out the whole message at `data` that `s` has walked. */
void request_run(struct peer *p, const struct skim *s, const char *data);

/**
 * Answers the request that `p` waits for, which its handler has put off with
 * `later`; the client's further requests come after it. NULL: no error.
 */
void request_answer(struct peer *p, const char *code, const char *message,
		    const json_t *result);

/** Answers a message that broke a limit, if its id is known. */
void request_refuse(struct peer *p, const struct skim *s, int err);

#endif
