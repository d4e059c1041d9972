/**
 * @file event.h  The event stream: one table of types and fields
 *
 * Everything the engine reports goes through here once; msgpack, JSON, the
 * CDR and the documents are made from the same table. An event lives on its
 * emitter's stack and is borrowed by listeners, who encode what they keep.
 */
#ifndef TANDEM_EVENT_H
#define TANDEM_EVENT_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct loop;
struct event_bus;

enum event_type {
	EV_CALL_STARTED,
	EV_CALL_ANSWERED,
	EV_CALL_ENDED,
	EV_TRANSFER_STARTED,
	EV_TRANSFER_PROGRESS,
	EV_TRANSFER_ENDED,
	EV_BOT_STATE,
	EV_BOT_SAY,
	EV_BOT_ERROR,
	EV_BOT_LIMIT,
	EV_DTMF,
	EV_SPEECH,
	EV_RECORDING_STARTED,
	EV_RECORDING_ENDED,
	EV_RECORDING_ERROR,
	EV_TRUNK_UP,
	EV_TRUNK_DOWN,
	EV_NODE_DRAINING,
	EV_OVERLOAD,
	EV_SUBSCRIBER_DROPPED,
	EVENT_TYPES
};

struct event_row {
	const char *name;		/**< "call.started"                  */
	const char *const *fields;	/**< NULL-terminated names           */
	bool built;			/**< false: not raised in this version */
	const char *doc;
};

extern const struct event_row event_table[EVENT_TYPES];

/** Row of `name`, or -1. */
int event_find(const char *name);

enum field_kind {
	FIELD_STRING,	/**< v.s, len bytes                              */
	FIELD_INT,	/**< v.i                                         */
	FIELD_BOOL,	/**< v.i                                         */
	FIELD_SIP,	/**< {code = v.i, phrase = s}                    */
	FIELD_JSON,	/**< v.json, borrowed                            */
};

struct field {
	const char *name;
	enum field_kind kind;
	int64_t i;
	const char *s;
	size_t len;
	json_t *json;
};

#define EVENT_FIELDS_MAX 24

/** An event; ids are NULL where they do not apply. */
struct event {
	enum event_type type;
	uint64_t seq;			/**< set by event_emit()             */
	uint64_t time;			/**< ms since the epoch, likewise    */
	const char *call;
	const char *leg;
	const char *transfer;
	const char *attempt;
	unsigned count;
	struct field fields[EVENT_FIELDS_MAX];
};

/** Adds a field; an absent value (NULL) adds nothing. */
void event_string(struct event *ev, const char *name, const char *s);
void event_bytes(struct event *ev, const char *name, const char *s,
		 size_t len);
void event_int(struct event *ev, const char *name, int64_t i);
void event_bool(struct event *ev, const char *name, bool b);
void event_sip(struct event *ev, const char *name, int code,
	       const char *phrase);
void event_json_field(struct event *ev, const char *name, json_t *json);

typedef void (event_h)(const struct event *ev, void *arg);

/** A bus; `node` and `boot` stand in every event. Copies both. */
struct event_bus *event_bus_new(struct loop *loop, const char *node,
				const char *boot);
void event_bus_free(struct event_bus *bus);
const char *event_bus_node(const struct event_bus *bus);
const char *event_bus_boot(const struct event_bus *bus);

/** Number of the last event, 0 before the first. */
uint64_t event_bus_seq(const struct event_bus *bus);

/** Adds a listener; it may not emit from inside itself. */
int event_listen(struct event_bus *bus, event_h *h, void *arg);
void event_unlisten(struct event_bus *bus, event_h *h, void *arg);

/** Numbers the event and gives it to every listener, in order. */
void event_emit(struct event_bus *bus, struct event *ev);

/** The fields alone as a JSON object (the CDR line of call.ended). */
json_t *event_fields_json(const struct event *ev);

#endif
