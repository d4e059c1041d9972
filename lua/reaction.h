/**
 * @file reaction.h  Reactions and lists of them, as the bot file makes them
 */
#ifndef TANDEM_LUA_REACTION_H
#define TANDEM_LUA_REACTION_H

#include <jansson.h>
#include <lua.h>
#include <stdbool.h>

#include "core/problem.h"

struct program;
struct run;
struct scan_table;
struct source;
struct state;

enum reaction_kind {
	R_SAY, R_RANDOM, R_SWITCH, R_WHEN, R_ENTER, R_GO, R_HANGUP, R_BOT,
	R_REPLY,		/**< audio, dtmf, timeout                */
	R_OPERATOR,		/**< TransferCallToOperator              */
	R_TEMPLATE,		/**< a text with expressions, compiled   */
	R_WRONG,		/**< built from wrong arguments          */
};

struct reaction {
	enum reaction_kind kind;
	bool used;
	bool complete;		/**< when: a body follows each condition  */
	bool ended;		/**< when: otherwise has been said        */
	bool frozen;		/**< checked, must not change any more    */
	int line;
	unsigned id;		/**< random: its number in the program, or 0 */
	const struct source *source;
	json_t *fields;		/**< of a reply, with its type           */
};

/** Opens the words of a bot file into the table on top of the stack. */
void reaction_open(lua_State *L);
/** The reaction at `idx`, or NULL. */
struct reaction *reaction_at(lua_State *L, int idx);

/** Makes a reaction of the compiled template on top of the stack. */
struct reaction *reaction_of_template(lua_State *L);

/** Where list_freeze() finds itself. */
struct list_place {
	struct problems *p;	/**< NULL: in a handler, raise           */
	struct program *program;
	const struct state *state;
	const char *file;
	const struct scan_table *scan;	/**< the list in the source, or NULL */
	int line;
	unsigned depth;
	bool choice;		/**< one of the list's items runs, not all */
	const char *silent;	/**< what nothing is said after any more,
				     NULL: nothing of that kind yet      */
};

/** Checks the list at `idx` (`keys`: other keys are its owner's) and pushes a
 * private copy, which nobody can change any more. Raises in a handler. */
void list_freeze(lua_State *L, int idx, struct list_place *at, bool keys);
/** Checks one item at `idx` and pushes its private form. */
void list_freeze_item(lua_State *L, int idx, struct list_place *at);
/** Forgets what was built in this handler so far and used: it may go on for
 * hours. */
void reaction_prune(lua_State *L, struct run *run);
/** Whether every reaction built in this handler was used; raises if not. */
void reaction_check_used(lua_State *L, struct run *run);

#endif
