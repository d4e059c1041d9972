/**
 * @file bot_events.h  Events that the engine raises in a bot: one table
 */
#ifndef TANDEM_LUA_BOT_EVENTS_H
#define TANDEM_LUA_BOT_EVENTS_H

struct bot_event {
	const char *name;
	const char *doc;	/**< one line: when it is raised             */
};

/** Ends with a name that is NULL. */
extern const struct bot_event bot_events[];

#endif
