#include "bot_events.h"

#include <stddef.h>

const struct bot_event bot_events[] = {
	{ "transfer", "a transfer has ended: call.dialer.getTransferStatus()" },
	{ "hangup", "the customer has left; the last event of the call" },
	{ "botHangup", "the bot has hung up; the last event of the call" },
	{ "ringing", "a call has come in and is not answered yet" },
	{ "noMatch", "nothing matches what the customer said or typed" },
	{ "speechNotRecognized", "the customer said nothing in time" },
	{ "noDtmfAnswerEvent", "no key was pressed in time" },
	{ "bargeInIntent", "the customer interrupts what is said" },
	{ "onCallNotConnected", "a call out was busy or not answered" },
	{ "onCallNotConnectedTechnical", "a call out failed" },
	{ "scriptError", "a handler has failed; message, traceback and state "
		"in call.request.data" },
	{ NULL, NULL },
};
