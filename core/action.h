/**
 * @file action.h  The one door for everything that is asked of a call
 *
 * A bot's reply, a verb of the call object, a route and a control client all
 * become a `struct action`. One table (action_fields) says which fields an
 * action has; action_parse() validates a plain map by it and nothing else
 * does. The executor is the call: call_act().
 */
#ifndef TANDEM_ACTION_H
#define TANDEM_ACTION_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "leg.h"

#define ACTION_TEXT_MAX 65536	/**< bytes of one text to say */

enum action_type {
	ACT_SAY,		/**< type "text": text                       */
	ACT_SWITCH,		/**< hand the customer over                  */
	ACT_HANGUP,		/**< release the customer; text said before  */
	ACT_ANSWER,		/**< answer a call that rings                */
	ACT_REJECT,		/**< refuse a call that rings: status        */
	ACT_PLAY,		/**< type "audio": text, path                */
	ACT_DTMF,		/**< collect keys: max, ms; the session's    */
	ACT_TIMEOUT,		/**< who stays silent for ms: state; also    */
	ACT_MARK,		/**< nothing, only its ticket comes back     */
	ACTIONS
};

enum switch_method { METHOD_AUTO, METHOD_REFER, METHOD_BRIDGE };

/** One destination of a switch: a number, or a URI with its "sip:". */
struct switch_target {
	char *number;		/**< phoneNumber as given, or NULL           */
	char *uri;		/**< without headers, or NULL; wins          */
	uint64_t timeout_ms;	/**< 0: the switch's                         */
	struct header *headers;	/**< that stood in the URI                   */
	unsigned header_count;
};

/** phoneNumber or sipUri, and 10 more. */
#define SWITCH_TARGETS_MAX 11

/** A validated switch (contract 5.1). Strings are owned. */
struct switch_request {
	struct switch_target *targets;	/**< at least one, in order          */
	unsigned target_count;
	bool all;		/**< strategy: ring them together            */
	char *channel;		/**< transferChannel, or NULL                */
	uint64_t timeout_ms;	/**< 0: timer `agent`                        */
	bool continue_call;
	bool keep_failed;	/**< as continue_call, after a failure only  */
	bool continue_recording;
	enum switch_method method;
	struct header *headers;	/**< custom, in the order given              */
	unsigned header_count;
};

struct action {
	enum action_type type;
	char *text;		/**< SAY; PLAY: file or URL as it was named;
				     TIMEOUT: state's path. Owned, `len` bytes
				     and a NUL                               */
	size_t len;
	char *path;		/**< PLAY: where the file is, NULL: a URL;
				     the asker's to fill in; owned           */
	unsigned max;		/**< DTMF: keys                              */
	uint64_t ms;		/**< DTMF: from key to key; TIMEOUT          */
	int status;		/**< REJECT                                  */
	struct switch_request *sw;	/**< SWITCH; owned                   */
	uint64_t ticket;	/**< chosen by the asker, comes back when a
				     SAY or PLAY is over, or all before a MARK;
				     0: nobody waits                         */
};

/** Says what a refused action did wrong: one line, field first. */
struct action_error {
	char text[256];
};

/** One field of one action, for validation and for the documents. */
struct action_field {
	enum action_type action;
	const char *name;
	const char *type;	/**< "string", "integer|string", ...         */
	bool built;		/**< false: refused with "not available yet" */
	const char *doc;
};

extern const struct action_field action_fields[];
extern const size_t action_field_count;

#define ACTION_DTMF_MAX 64		/**< keys of one dtmf                */
#define ACTION_DTMF_DEFAULT 5000	/**< its timeout, in ms              */

/** Name of a reply's type ("text", "switch", "hangup"), or NULL. */
const char *action_name(enum action_type type);

/**
 * Makes an action of a reply: a map with key `type` and the action's fields.
 * 0, or UV_EINVAL with one precise message. On success free with
 * action_free(). Protected headers are left out with one log line that names
 * `call`.
 */
int action_parse(struct action **ap, json_t *reply, const char *call,
		 struct action_error *err);

/** The same for a switch whose fields stand inline, without `type`. */
int action_parse_switch(struct action **ap, json_t *fields, const char *call,
			struct action_error *err);

/** The same for a reply of `type` whose fields stand inline. */
int action_parse_as(struct action **ap, enum action_type type, json_t *fields,
		    struct action_error *err);

/** A SAY of `len` bytes of `text`. */
struct action *action_say(const char *text, size_t len, uint64_t ticket);
struct action *action_new(enum action_type type);
void action_free(struct action *a);		/**< NULL is allowed */
void switch_free(struct switch_request *sw);	/**< NULL is allowed */

/** What status.number calls this destination (contract 5.3). */
void switch_target_name(const struct switch_target *to, char *buf,
			size_t size);

/** Whether a header of this name must not be set by a switch (5.5). */
bool header_is_protected(const char *name);

/** Whether `name` is a token and `value` has no CR, LF or NUL. */
bool header_is_valid(const char *name, const char *value, size_t len);

#endif
