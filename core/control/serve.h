/**
 * @file serve.h  Clients that serve: requests to them, and their answers
 */
#ifndef TANDEM_CONTROL_SERVE_H
#define TANDEM_CONTROL_SERVE_H

#include "peer.h"
#include "request.h"

/** Method service.register. */
int serve_register(struct request *r);

/** A response has come: the whole message at `data` that `s` has walked. */
void serve_response(struct peer *p, const struct skim *s, const char *data);

/** The client leaves: its services end, and what waits for them fails. */
void serve_leave(struct peer *p);

#endif
