/** A control server on a loop, and clients that talk to it bytewise. */
#ifndef FIXTURE_H
#define FIXTURE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <jansson.h>
#include <stdbool.h>
#include <uv.h>

#include "core/control/control.h"
#include "core/event.h"
#include "core/loop.h"
#include "fake_engine.h"

extern uv_loop_t uv;
extern struct loop *loop;
extern struct event_bus *bus;
extern struct control *control;
extern char socket_path[64];
extern bool drained;
extern bool serving;	/**< the server's own code runs */

struct client {
	int fd;
	char *buf;
	size_t len;
	bool eof;
};

/** cmocka setup and teardown; the latter checks that nothing is left. */
int server_start(void **state);
int server_stop(void **state);

/** Opens a server with other limits instead of the fixture's. */
void server_restart(size_t queue_bytes, size_t ring_events);

/** Runs the loop until nothing more happens at once. */
void pump(void);

void client_open(struct client *c);
void client_close(struct client *c);

/** Writes all bytes while the server runs. */
void client_send(struct client *c, const void *p, size_t len);

/** The next message as JSON (a str that is not UTF-8 as null), or NULL when
 * the server has closed. */
json_t *client_receive(struct client *c);

/** Whether the server has closed, after reading all it sent. */
bool client_closed(struct client *c);

/** Sends request `id`; `params` is JSON text of a map, or NULL. */
void client_request(struct client *c, unsigned id, const char *method,
		    const char *params);

/** Sends a request, and returns its result; fails if it is an error. */
json_t *client_ask(struct client *c, const char *method, const char *params);

/** Sends a request which must fail with this code; the text must contain
 * `part`. */
void client_fails(struct client *c, const char *method, const char *params,
		  const char *code, const char *part);

void emit(enum event_type type, const char *call);

#endif
