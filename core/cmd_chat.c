/*
 * `tandem chat`: somebody at a terminal is the customer, and says what agents
 * do. The clock follows the real one while he types, stands still while he is
 * asked something, and jumps with /wait; where lines are piped in it moves by
 * them alone, so that a script gives the same each time.
 */
#include <ctype.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "cmd.h"
#include "cmd_chat.h"
#include "config.h"
#include "leg.h"
#include "log.h"
#include "loop.h"
#include "lua/scripting.h"
#include "play/play.h"
#include "problem.h"

#define USAGE 2
#define LINE_MS 100		/* that a piped line takes */
#define TURN_MS 200		/* a terminal is looked at as often */

struct chat {
	const char *bot;
	struct play *play;
	struct lines *lines;
	bool colours;
	bool asking;		/* what the agent does */
	bool over;		/* the customer has been told */
	bool quit;
	char agent[128];
};

static volatile sig_atomic_t interrupted;

static void on_interrupt(int signum)
{
	(void)signum;
	interrupted = 1;
}

/* ---- what is shown ---- */

enum ink { PLAIN, BOT, DIM, LOUD, BAD };

static void show(struct chat *c, enum ink ink, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static void show(struct chat *c, enum ink ink, const char *fmt, ...)
{
	static const char *const codes[] = {
		[PLAIN] = "", [BOT] = "\033[1;36m", [DIM] = "\033[2m",
		[LOUD] = "\033[33m", [BAD] = "\033[31m",
	};
	char buf[8192];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	lines_hide(c->lines);
	if (c->colours)
		fputs(codes[ink], stdout);
	/* Nothing a bot says may steer the terminal. */
	for (const char *s = buf; *s; s++)
		putchar((unsigned char)*s < 0x20 || *s == 0x7f ? ' ' : *s);
	puts(c->colours && ink ? "\033[0m" : "");
	lines_show(c->lines);
}

static void on_note(const struct note *n, void *arg)
{
	struct chat *c = arg;
	char at[32];

	snprintf(at, sizeof(at), "%6" PRIu64 ".%01u s", n->at / 1000,
		 (unsigned)(n->at % 1000) / 100);
	switch (n->kind) {
	case NOTE_SAID:
		show(c, BOT, "bot: %s", n->text);
		break;
	case NOTE_PLAYED:
		show(c, BOT, "bot plays: %s", n->text);
		break;
	case NOTE_STATE:
		show(c, DIM, "%s  state %s", at, n->text);
		break;
	case NOTE_ERROR:
		show(c, BAD, "%s  scriptError: %s", at, n->text);
		break;
	case NOTE_LOG:
		show(c, DIM, "%s  log: %s", at, n->text);
		break;
	case NOTE_TRANSFER:
		show(c, LOUD, "%s  %s", at, n->text);
		break;
	default:
		show(c, DIM, "%s  %s", at, n->text);
		break;
	}
}

static void ask(struct chat *c)
{
	show(c, LOUD, "What does %s do? answers [AFTER [TALKS]], busy, "
	     "declines, rings, silent, unreachable, or a status (Enter: "
	     "answers)", c->agent);
}

/* Told inside of the engine: the question comes when it has ended its turn. */
static void on_agent(struct play *p, const struct play_dial *d, void *arg)
{
	struct chat *c = arg;

	(void)p;
	c->asking = true;
	snprintf(c->agent, sizeof(c->agent), "%s", d->number);
	for (const char *h = d->headers; *h; ) {
		const size_t n = strcspn(h, "\n");

		show(c, DIM, "        with %.*s", (int)n, h);
		h += n + (h[n] == '\n');
	}
}

/* ---- a play, and a call of it ---- */

static struct play *load(struct chat *c)
{
	const struct play_options o = {
		.scripting = lua_scripting_open, .reach = lua_scripting_reach,
		.bot = c->bot,
		.seed = uv_hrtime(), .agent = on_agent, .h = on_note,
		.arg = c,
	};
	struct problems problems = { 0 };
	struct play *p = NULL;
	char line[1024];

	if (play_open(&p, &o, &problems) && !problems.count)
		fprintf(stderr, "tandem: %s: out of memory\n", c->bot);
	for (size_t i = 0; i < problems.count; i++)
		fprintf(stderr, "%s\n", problem_text(&problems, i, line,
						     sizeof(line)));
	problems_free(&problems);
	return p;
}

static void move(struct chat *c, uint64_t ms)
{
	const uint64_t until = play_now(c->play) + ms;

	while (!c->asking && play_step(c->play, until))
		;
	if (!c->asking && play_now(c->play) < until)
		play_wait(c->play, until - play_now(c->play));
}

static void begin(struct chat *c, const char *from, const char *to)
{
	const struct play_caller who = {
		.from = strcmp(from, "anonymous") ? from : "", .to = to,
	};

	c->over = false;
	play_call(c->play, &who);
}

/* ---- commands ---- */

static void say_agent(struct chat *c, const char *line);

/* The next word of `*s`, in `buf`; false: there is none. */
static bool word(const char **s, char *buf, size_t size)
{
	size_t n = 0;

	while (isspace((unsigned char)**s))
		++*s;
	for (; **s && !isspace((unsigned char)**s); ++*s)
		if (n + 1 < size)
			buf[n++] = **s;
	buf[n] = '\0';
	return n > 0;
}

static bool duration(const char *s, uint64_t *ms)
{
	json_t *v = json_string(s);
	const int rc = v ? duration_parse(v, ms) : UV_EINVAL;

	json_decref(v);
	return !rc;
}

static void do_wait(struct chat *c, const char *rest)
{
	uint64_t ms;

	while (*rest == ' ')
		rest++;
	if (!duration(*rest ? rest : "1s", &ms) ||
	    ms > UINT64_C(24) * 3600 * 1000) {
		show(c, BAD, "/wait 30s: a duration of at most a day");
		return;
	}
	move(c, ms);
}

static void do_dtmf(struct chat *c, const char *rest)
{
	while (*rest == ' ')
		rest++;
	if (!*rest || rest[strspn(rest, "0123456789*#ABCD")]) {
		show(c, BAD, "/dtmf 12#: keys are 0 to 9, *, # and A to D");
		return;
	}
	for (; *rest; rest++) {
		play_digit(c->play, *rest);
		move(c, LINE_MS);
	}
}

static void do_event(struct chat *c, const char *rest)
{
	json_error_t wrong;
	json_t *data = NULL;
	char name[256];

	if (!word(&rest, name, sizeof(name))) {
		show(c, BAD, "/event NAME {json}");
		return;
	}
	while (*rest == ' ')
		rest++;
	if (*rest && !(data = json_loads(rest, JSON_DECODE_ANY, &wrong))) {
		show(c, BAD, "no JSON: %s", wrong.text);
		return;
	}
	if (play_event(c->play, name, data))
		show(c, BAD, "there is no call");
	json_decref(data);
}

static void do_call(struct chat *c, const char *rest)
{
	char from[128], to[128];

	if (play_calls(c->play)) {
		show(c, BAD, "a call is there already: /hangup");
		return;
	}
	if (!word(&rest, from, sizeof(from)))
		snprintf(from, sizeof(from), "+4930123456");
	if (!word(&rest, to, sizeof(to)))
		snprintf(to, sizeof(to), "100");
	begin(c, from, to);
}

static void do_hangup(struct chat *c, const char *rest)
{
	(void)rest;
	if (!play_customer(c->play)) {
		show(c, BAD, "there is no call");
		return;
	}
	play_hangs_up(c->play, 0);
	move(c, LINE_MS);
}

static void do_reload(struct chat *c, const char *rest)
{
	struct play *p = load(c);

	(void)rest;
	if (!p) {
		show(c, BAD, "the bot has mistakes: the one before stays");
		return;
	}
	play_close(c->play);
	c->play = p;
	c->asking = false;
	play_divert(p);
	show(c, DIM, "%s is loaded, and called anew", c->bot);
	begin(c, "+4930123456", "100");
}

static void do_data(struct chat *c, const char *rest)
{
	json_t *v = play_data(c->play);
	char *s = v ? json_dumps(v, JSON_COMPACT | JSON_SORT_KEYS) : NULL;

	(void)rest;
	show(c, PLAIN, "%s", s ? s : "nothing is kept");
	free(s);
	json_decref(v);
}

static void do_timers(struct chat *c, const char *rest)
{
	const uint64_t next = loop_next(play_loop(c->play));

	(void)rest;
	if (next == UINT64_MAX)
		show(c, PLAIN, "no timer runs");
	else
		show(c, PLAIN, "%zu timers run, the next for %" PRIu64 ".%03u "
		     "s more", loop_timers(play_loop(c->play)), next / 1000,
		     (unsigned)(next % 1000));
}

static void do_state(struct chat *c, const char *rest)
{
	(void)rest;
	show(c, PLAIN, "%s", play_state(c->play));
}

static void do_quit(struct chat *c, const char *rest)
{
	(void)rest;
	c->quit = true;
}

static void do_help(struct chat *c, const char *rest);

static const struct command {
	const char *name;
	void (*h)(struct chat *c, const char *rest);
	const char *help;
} commands[] = {
	{ "/agent", say_agent, "what the agent who is called does, or the "
	  "next one: /agent busy" },
	{ "/call", do_call, "calls again, when the call is over: "
	  "/call [FROM [TO]]" },
	{ "/data", do_data, "what the bot keeps: call.session, call.client" },
	{ "/dtmf", do_dtmf, "presses keys: /dtmf 12#" },
	{ "/event", do_event, "raises an event: /event paid {\"sum\": 5}" },
	{ "/hangup", do_hangup, "the customer hangs up" },
	{ "/help", do_help, "this" },
	{ "/quit", do_quit, "leaves; so does the end of the input" },
	{ "/reload", do_reload, "loads the bot again, and calls it" },
	{ "/state", do_state, "the bot's current state" },
	{ "/timers", do_timers, "when the next timer fires" },
	{ "/wait", do_wait, "lets time pass: /wait 30s" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static void do_help(struct chat *c, const char *rest)
{
	(void)rest;
	show(c, PLAIN, "What you type is what the customer says; //x says /x.");
	for (size_t i = 0; i < COMMANDS; i++)
		show(c, PLAIN, "  %-8s %s", commands[i].name,
		     commands[i].help);
}

static void command(struct chat *c, const char *line)
{
	const char *words[COMMANDS + 1], *rest = line, *near;
	char name[64];

	word(&rest, name, sizeof(name));
	for (size_t i = 0; i < COMMANDS; i++) {
		words[i] = commands[i].name;
		if (strcmp(name, words[i]))
			continue;
		/* Whoever does something else leaves it at the default. */
		if (commands[i].h != do_help && commands[i].h != do_state &&
		    commands[i].h != do_data && commands[i].h != do_timers)
			c->asking = false;
		commands[i].h(c, rest);
		return;
	}
	words[COMMANDS] = NULL;
	near = nearest_word(name, words);
	show(c, BAD, "there is no command %s%s%s (/help)", name,
	     near ? "; did you mean " : "", near ? near : "");
}

/* ---- lines ---- */

static void say_agent(struct chat *c, const char *line)
{
	static const struct { const char *name; enum agent_does does; } all[] = {
		{ "answers", AGENT_ANSWERS }, { "busy", AGENT_BUSY },
		{ "declines", AGENT_DECLINES }, { "rings", AGENT_RINGS },
		{ "silent", AGENT_SILENT }, { "unreachable", AGENT_UNREACHABLE },
		{ "hangs_up", AGENT_ACTS },
	};
	struct agent_plan plan = {
		.does = AGENT_ACTS, .after_ms = 100, .talks_ms = AGENT_TALKS,
	};
	char name[32], after[32], talks[32];
	bool known = false;

	if (!word(&line, name, sizeof(name)))
		snprintf(name, sizeof(name), "answers");
	for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
		if (strcmp(name, all[i].name))
			continue;
		plan.does = all[i].does;
		known = true;
	}
	if (!known && atoi(name) >= 300 && atoi(name) < 700) {
		plan.does = AGENT_REFUSES;
		plan.status = atoi(name);
		known = true;
	}
	if (plan.does == AGENT_ANSWERS)
		plan.after_ms = AGENT_AFTER;
	if (word(&line, after, sizeof(after)))
		known = known && duration(after, &plan.after_ms);
	if (word(&line, talks, sizeof(talks)))
		known = known && duration(talks, &plan.talks_ms);
	if (!known) {
		c->asking = true;
		ask(c);
		return;
	}
	c->asking = false;
	if (plan.does != AGENT_ACTS)
		play_agent(c->play, &plan);
	else if (!play_agent_hangs_up(c->play, 0))
		show(c, BAD, "no agent talks");
}

static void on_line(const char *line, void *arg)
{
	struct chat *c = arg;
	const char *text = line;

	if (c->quit)
		return;
	while (isspace((unsigned char)*text))
		text++;
	if (text[0] == '/' && text[1] != '/') {
		command(c, text);
	} else if (c->asking) {
		say_agent(c, text);
	} else if (*text) {
		if (!play_customer(c->play))
			show(c, BAD, "there is no call: /call begins another");
		else
			play_says(c->play, text[0] == '/' ? text + 1 : text);
	}
	if (!lines_typed(c->lines))
		move(c, LINE_MS);
}

/* ---- the command ---- */

static void run(struct chat *c)
{
	uint64_t before = uv_hrtime();
	bool asked = false, more = true;

	while (more && !c->quit && !interrupted) {
		const uint64_t now = uv_hrtime();

		if (lines_typed(c->lines) && !c->asking)
			move(c, (now - before) / 1000000);
		if (c->asking || (now - before) >= 1000000)
			before = now;
		if (c->asking && !asked)
			ask(c);
		asked = c->asking;
		if (!play_calls(c->play) && !c->over) {
			c->over = true;
			show(c, DIM, "the call is over: /call begins another, "
			     "/quit leaves");
		}
		more = lines_wait(c->lines, lines_typed(c->lines) ? TURN_MS
				  : -1);
	}
}

int cmd_chat(int argc, char **argv)
{
	struct chat c = { .over = true };

	if (argc && (!strcmp(argv[0], "--help") || !strcmp(argv[0], "-h"))) {
		puts("usage: tandem chat BOT\n\n"
		     "You are the customer of the bot in this file. What you "
		     "type is what he says;\nthese are commands:\n");
		for (size_t i = 0; i < COMMANDS; i++)
			printf("  %-8s %s\n", commands[i].name,
			       commands[i].help);
		return 0;
	}
	if (argc != 1 || argv[0][0] == '-') {
		fputs("tandem: 'tandem chat BOT' talks to a bot's file, such "
		      "as bots/support.lua\n", stderr);
		return USAGE;
	}
	c.bot = argv[0];
	c.lines = lines_open(on_line, &c);
	if (!c.lines)
		return 1;
	c.colours = lines_typed(c.lines) && !getenv("NO_COLOR");
	c.play = load(&c);
	if (!c.play) {
		lines_close(c.lines);
		return 1;
	}
	signal(SIGINT, on_interrupt);
	show(&c, DIM, "%s answers; you are the customer (/help)", c.bot);
	begin(&c, "+4930123456", "100");
	if (!lines_typed(c.lines))
		move(&c, LINE_MS);
	run(&c);
	play_close(c.play);
	lines_close(c.lines);
	return 0;
}
