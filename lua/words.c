#include "words.h"

#define R "tandem.Reaction"
#define R_LIST "(string|" R "|function)[]"
#define TRIGGER "string|string[]"
#define EVENT "tandem.Event|tandem.Event[]"
#define STATE_KEYS(class) \
	{ class, "q", NULL, TRIGGER, "pattern of what the customer says; reached by levels" }, \
	{ class, "q!", NULL, TRIGGER, "the same, reached from everywhere" }, \
	{ class, "intent", NULL, TRIGGER, "what the customer means; reached by levels" }, \
	{ class, "intent!", NULL, TRIGGER, "the same, reached from everywhere" }, \
	{ class, "event", NULL, EVENT, "what has happened; reached by levels" }, \
	{ class, "event!", NULL, EVENT, "the same, reached from everywhere" }, \
	{ class, "states", NULL, "table<string, tandem.State>", "nested states by name" }, \
	{ class, "noContext", NULL, "boolean", "answers without becoming the current state" }, \
	{ class, "modal", NULL, "boolean", "while it is current, queries reach only it and its children" }

const struct word words[] = {
	/* what a bot file is written in */
	{ NULL, "bot", "bot: tandem.Bot", "tandem.Bot", "the bot: what its file returns" },
	{ NULL, "a", "text: string", R, "says it" },
	{ NULL, "audio", "file: string", R, "plays a file beside the bot" },
	{ NULL, "random", "list: " R_LIST, R, "one of them, not the last one again" },
	{ NULL, "switch", "fields: tandem.Switch", R, "hands the customer over" },
	{ NULL, "when", "condition: fun(call: tandem.Call): any", "tandem.When",
		"when(f) { ... }:elsewhen(f) { ... }:otherwise { ... }" },
	{ NULL, "enter", "path: string", R, "goes to a state and runs it now" },
	{ NULL, "go", "path: string", R, "the next request is matched from there" },
	{ NULL, "dtmf", "options: { max?: integer, timeout?: number }", R, "takes keys; timeout in milliseconds" },
	{ NULL, "timeout", "options: { interval: string|number, state: string }", R,
		"goes to a state when the customer says nothing for so long" },
	{ NULL, "hangup", "", R, "ends the call once what was said is over" },
	{ NULL, "TransferCallToOperator", "options: tandem.Operator", R,
		"hands the customer over and goes to a state by how it ended" },
	{ NULL, "open", "hours: string, zone?: string", "(fun(call?: tandem.Call): boolean)|boolean",
		"working hours as a condition: when(open(\"mon-fri 10:00-18:00\", \"Europe/Berlin\")); in a handler, whether it is open now" },
	{ NULL, "log", "value: any", NULL, "writes a log line; a table as JSON" },

	STATE_KEYS("tandem.State"),

	STATE_KEYS("tandem.Bot"),
	{ "tandem.Bot", "name", NULL, "string", "of the bot" },
	{ "tandem.Bot", "fallback", NULL, "string", "said when nothing matches or a handler fails" },
	{ "tandem.Bot", "intents", NULL, "table<string, string[]>", "phrases of each intent" },
	{ "tandem.Bot", "patterns", NULL, "table<string, string>", "named patterns: $Name" },

	{ "tandem.When", "elsewhen", "condition: fun(call: tandem.Call): any", "tandem.When", "a further condition, its body follows" },
	{ "tandem.When", "otherwise", "body: " R_LIST, R, "what runs when no condition holds" },

	{ "tandem.Operator", "phoneNumber", NULL, "string|integer", "number to call" },
	{ "tandem.Operator", "timeout", NULL, "string|number", "seconds the agent may ring" },
	{ "tandem.Operator", "thenState", NULL, "string", "after the talk" },
	{ "tandem.Operator", "timeoutState", NULL, "string", "nobody answered; else errorState" },
	{ "tandem.Operator", "errorState", NULL, "string", "it failed; else /" },

	/* the call object */
	{ "tandem.Call", "request", NULL, "tandem.Request", "what is handled now" },
	{ "tandem.Call", "response", NULL, "tandem.Response", "what is answered" },
	{ "tandem.Call", "session", NULL, "table", "kept for this call; plain data" },
	{ "tandem.Call", "client", NULL, "table", "kept for the caller's number, over calls; plain data" },
	{ "tandem.Call", "temp", NULL, "table", "for this request; plain data" },
	{ "tandem.Call", "parseTree", NULL, "table", "what the pattern found" },
	{ "tandem.Call", "context", NULL, "string", "path of the current state" },
	{ "tandem.Call", "dialer", NULL, "tandem.Dialer", "what telephony knows of the call" },
	{ "tandem.Call", "say", "text: string", "true?, \"interrupted\"?", "says it and waits until it is over" },
	{ "tandem.Call", "play", "file: string", "true?, \"interrupted\"?", "plays it and waits until it is over" },
	{ "tandem.Call", "listen", "options?: tandem.Listen", "tandem.Heard?, \"silence\"|\"noMatch\"|\"unavailable\"|nil, string?",
		"waits for what the customer says or keys" },
	{ "tandem.Call", "transfer", "fields: tandem.Switch", "tandem.Status, tandem.Details",
		"hands the customer over and waits for how it ends" },
	{ "tandem.Call", "sleep", "time: string|number", "true", "waits; seconds, or \"500ms\", \"5s\", \"2m\"" },
	{ "tandem.Call", "http", "request: tandem.Http", "tandem.HttpAnswer?, string?", "asks a server and waits for its answer" },
	{ "tandem.Call", "request", "service: string, method: string, params?: table", "any, string?",
		"asks a service of the control protocol and waits for its result" },
	{ "tandem.Call", "answer", "", "true?, \"gone\"?", "answers a call that rings" },
	{ "tandem.Call", "reject", "status: integer", "true?, \"gone\"?", "refuses a call that rings, by a SIP status" },
	{ "tandem.Call", "react", "reaction: string|" R "|" R_LIST, NULL, "runs it now, midway" },

	{ "tandem.Request", "query", NULL, "string?", "what was said, typed or keyed" },
	{ "tandem.Request", "event", NULL, "tandem.Event?", "or what happened" },
	{ "tandem.Request", "data", NULL, "table", "of the event" },
	{ "tandem.Request", "channel", NULL, "string?", "id of the call's channel" },
	{ "tandem.Request", "headers", NULL, "table<string, string>", "custom headers of the customer's INVITE" },
	{ "tandem.Request", "from", NULL, "string", "the caller's number; \"\": anonymous" },
	{ "tandem.Request", "to", NULL, "string", "the number that was called" },

	{ "tandem.Response", "replies", NULL, "tandem.Reply[]", "in order; a switch must be the last" },

	{ "tandem.Reply", "type", NULL, "\"text\"|\"audio\"|\"switch\"|\"dtmf\"|\"timeout\"|\"hangup\"", "what it is" },
	{ "tandem.Reply", "text", NULL, "string", "text: what to say" },
	{ "tandem.Reply", "file", NULL, "string", "audio: beside the bot" },
	{ "tandem.Reply", "audioUrl", NULL, "string", "audio: where to fetch it" },
	{ "tandem.Reply", "max", NULL, "integer", "dtmf: most keys" },
	{ "tandem.Reply", "interval", NULL, "string|number", "timeout: how long" },
	{ "tandem.Reply", "state", NULL, "string", "timeout: where to go" },

	{ "tandem.Dialer", "getCaller", "", "string", "the caller's number; \"\": anonymous" },
	{ "tandem.Dialer", "getTrunk", "", "string?", "name of the call's trunk" },
	{ "tandem.Dialer", "getPayload", "", "table", "what the call was made with" },
	{ "tandem.Dialer", "getSipHeaders", "", "table<string, string>", "custom headers of the customer's INVITE" },
	{ "tandem.Dialer", "getTransferStatus", "", "tandem.Status?", "how the last transfer ended; nil: there was none" },
	{ "tandem.Dialer", "getTransferDetails", "", "tandem.Details?", "the same with all that is known" },
	{ "tandem.Dialer", "getCallRecordingPath", "", "string?", "file of the recording" },
	{ "tandem.Dialer", "setNoInputTimeout", "ms: integer", NULL, "how long the customer may say nothing" },
	{ "tandem.Dialer", "setCallResult", "result: string, payload?: table", NULL, "what came of the call, for its record" },
	{ "tandem.Dialer", "bargeIn", "options: table", NULL, "whether the customer may interrupt" },
	{ "tandem.Dialer", "hangUp", "text?: string", NULL, "says the text and ends the call" },

	{ "tandem.Status", "status", NULL, "\"SUCCESS\"|\"FAIL\"", "whether an agent was reached" },
	{ "tandem.Status", "hangup", NULL, "boolean", "the customer ended the conversation" },
	{ "tandem.Status", "number", NULL, "string", "that answered, or was tried last" },

	{ "tandem.Details", "status", NULL, "\"SUCCESS\"|\"FAIL\"", "whether an agent was reached" },
	{ "tandem.Details", "hangup", NULL, "boolean", "the customer ended the conversation" },
	{ "tandem.Details", "number", NULL, "string", "that answered, or was tried last" },
	{ "tandem.Details", "method", NULL, "\"refer\"|\"bridge\"", "how it was carried out" },
	{ "tandem.Details", "reason", NULL, "string", "answered, busy, declined, no_answer, unreachable, ..." },
	{ "tandem.Details", "sip", NULL, "{ code: integer, phrase: string }?", "the last SIP answer" },
	{ "tandem.Details", "attempts", NULL, "{ number: string, reason: string, sip?: table, ring_ms?: integer }[]", "one for each agent" },
	{ "tandem.Details", "ring_ms", NULL, "integer?", "how long it rang" },
	{ "tandem.Details", "talk_ms", NULL, "integer?", "how long they talked" },
	{ "tandem.Details", "ended_by", NULL, "\"customer\"|\"agent\"|\"bot\"|\"control\"|\"node\"|nil", "who ended it" },
	{ "tandem.Details", "recording", NULL, "string?", "file of the recording" },

	{ "tandem.Listen", "q", NULL, "string|table<string, string>", "patterns to listen for; else what the state reaches" },
	{ "tandem.Listen", "dtmf", NULL, "integer", "most keys" },
	{ "tandem.Listen", "timeout", NULL, "string|number", "how long" },

	{ "tandem.Heard", "text", NULL, "string", "what was said" },
	{ "tandem.Heard", "digits", NULL, "string?", "what was keyed" },
	{ "tandem.Heard", "name", NULL, "string?", "of the pattern" },
	{ "tandem.Heard", "parseTree", NULL, "table", "what the pattern found" },

	{ "tandem.Http", "method", NULL, "string", "GET, or POST with a body, unless set" },
	{ "tandem.Http", "url", NULL, "string", "of an allowed host" },
	{ "tandem.Http", "headers", NULL, "table<string, string>", "of the request" },
	{ "tandem.Http", "body", NULL, "string|table", "of the request; a table as JSON" },
	{ "tandem.Http", "timeout", NULL, "string|number", "for all of it" },

	{ "tandem.HttpAnswer", "status", NULL, "integer", "of HTTP" },
	{ "tandem.HttpAnswer", "headers", NULL, "table<string, string>", "of the answer" },
	{ "tandem.HttpAnswer", "body", NULL, "string", "of the answer" },
	{ "tandem.HttpAnswer", "json", NULL, "any", "the body, where it is JSON" },
	{ NULL, NULL, NULL, NULL, NULL },
};

const struct word test_words[] = {
	{ NULL, "test", "name: string, body: function", NULL, "a test of the bot" },
	{ NULL, "customer", NULL, "table", "calls, says, dials, hangs_up" },
	{ NULL, "agent", NULL, "table", "answers, is busy, declines, rings, hangs_up" },
	{ NULL, "expect", NULL, "table", "what must happen next" },
	{ NULL, "event", "name: string, data?: table", NULL, "an event over the control protocol" },
	{ NULL, "wait", "time: string|number", NULL, "lets time pass" },
	{ NULL, "http", NULL, "table", "what call:http gets: answers, fails" },
	{ NULL, "service", "name: string", "table", "what call:request gets: answers, fails" },
	{ NULL, NULL, NULL, NULL, NULL },
};
