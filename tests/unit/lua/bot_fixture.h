/**
 * @file bot_fixture.h  A bot on a fake engine with a virtual clock
 *
 * What the session asks for is written down, one line each: "say Hi.",
 * "switch 100", "hangup", "answer", "reject 486", "state /X", "error ...",
 * "log ...", "idle", "drained". expect() compares and forgets them.
 */
#ifndef BOT_FIXTURE_H
#define BOT_FIXTURE_H

#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdbool.h>

#include "core/bot.h"
#include "core/loop.h"

/** In so long the largest of budgets is used up, a turn at a time. */
#define TURNS_MS 2000

struct desk {
	struct loop *loop;
	struct scripting *sc;
	struct bot *bot;
	struct problems problems;
	char folder[64];
};

struct caller {
	struct desk *d;
	struct bot_call call;
	struct session *s;
	char heard[32768];
	bool quiet;		/**< say: said() comes only by said()     */
	bool idle_lines;	/**< write "idle" too                     */
	bool log_lines;		/**< write the log's lines too            */
	int act_result;		/**< of the next act that is no say       */
	int say_result;
	uint64_t ticket;	/**< of the last say that is waited for   */
	struct action *sw;	/**< last switch                          */
	unsigned errors;
	char message[1024];	/**< of the last error                    */
	char trace[4096];
};

extern struct bot_limits limits;	/**< for the next desk           */

/** Loads `source` as bot.lua; fails the test if it is refused. */
void desk_open(struct desk *d, const char *source);
/** Loads and returns the problems as text, one a line; frees all. */
const char *refusal(const char *source);
/** Writes a further file beside the bot, before desk_open(). */
void desk_file(const char *name, const char *source);
void desk_close(struct desk *d);

void call_in(struct desk *d, struct caller *c, const char *from);
/** Starts the bot as the engine does after the ACK. */
void start(struct caller *c);
void say(struct caller *c, const char *text);
void raise_event(struct caller *c, const char *name);
void outcome(struct caller *c, bool success, bool hangup, const char *number);
void said(struct caller *c, bool interrupted);
void leave(struct caller *c, const char *last);
/** Closes the session and lets the turn end. */
void hang(struct caller *c);
void turn(struct caller *c);

#define expect(c, text) expect_at(c, text, __FILE__, __LINE__)
void expect_at(struct caller *c, const char *text, const char *file, int line);
/** Whether a line so far contains this; forgets all lines. */
#define expect_part(c, text) expect_part_at(c, text, __FILE__, __LINE__)
void expect_part_at(struct caller *c, const char *text, const char *file,
		    int line);

/** Runs `source`, a bot, on /start, and compares what is heard. */
void check_bot(const char *source, const char *heard);
/** Body of a function(call) run on /start. */
void check_script(const char *body, const char *heard);

#endif
