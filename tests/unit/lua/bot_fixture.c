/* Fake engine for the tests of bots: see bot_fixture.h. */
#include "bot_fixture.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

#include "core/log.h"
#include "lua/scripting.h"

struct bot_limits limits = {
	.handler_instructions = 1000000, .handler_memory = 4 << 20,
	.session_bytes = 64 << 10, .bot_memory = 64 << 20,
};

static struct caller *listening;	/* whose log lines are written */
static char extra_name[64], extra_source[4096];

static void hear(struct caller *c, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void hear(struct caller *c, const char *fmt, ...)
{
	size_t n = strlen(c->heard);
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(c->heard + n, sizeof(c->heard) - n, fmt, ap);
	va_end(ap);
	n = strlen(c->heard);
	snprintf(c->heard + n, sizeof(c->heard) - n, "\n");
}

void __wrap_log_line(enum log_level level, const char *call, const char *fmt,
		     ...) __attribute__((format(printf, 3, 4)));

void __wrap_log_line(enum log_level level, const char *call, const char *fmt,
		     ...)
{
	char text[8192];
	va_list ap;

	(void)call;
	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	assert_null(strchr(text, '\n'));
	if (listening && (listening->log_lines || level == LOG_INFO))
		hear(listening, "log %s", text);
}

static int h_act(void *arg, struct action *a, struct action_error *err)
{
	struct caller *c = arg;
	int rc = a->type == ACT_SAY || a->type == ACT_PLAY ||
		a->type == ACT_MARK ? c->say_result : c->act_result;
	const char *number;

	if (rc) {
		snprintf(err->text, sizeof(err->text), "act failed");
		action_free(a);
		return rc;
	}
	switch (a->type) {
	case ACT_SAY:
		hear(c, "say %s", a->text);
		c->ticket = a->ticket;
		if (a->ticket && !c->quiet)
			c->s->ops->said(c->s, a->ticket, false);
		break;
	case ACT_PLAY:
		hear(c, "play %s", a->text);
		c->ticket = a->ticket;
		if (a->ticket && !c->quiet)
			c->s->ops->said(c->s, a->ticket, false);
		break;
	case ACT_MARK:
		c->ticket = a->ticket;
		if (!c->quiet)
			c->s->ops->said(c->s, a->ticket, false);
		break;
	case ACT_SWITCH:
		number = a->sw->targets[0].number;
		if (!number)
			number = a->sw->targets[0].uri;
		hear(c, "switch %s%s", number,
		     a->sw->continue_call ? " continue" : "");
		action_free(c->sw);
		c->sw = a;
		return 0;
	case ACT_HANGUP:
		hear(c, "hangup%s%s", a->text ? " " : "",
		     a->text ? a->text : "");
		break;
	case ACT_ANSWER:
		hear(c, "answer");
		break;
	case ACT_REJECT:
		hear(c, "reject %d", a->status);
		break;
	default:
		fail();
	}
	action_free(a);
	return 0;
}

static void h_idle(void *arg)
{
	struct caller *c = arg;

	if (c->idle_lines)
		hear(c, "idle");
}

static void h_drained(void *arg)
{
	hear(arg, "drained");
}

static void h_state(void *arg, const char *path)
{
	hear(arg, "state %s", path);
}

static void h_error(void *arg, const struct bot_error *e)
{
	struct caller *c = arg;
	const char *slash = strrchr(e->message, '/');
	const char *bot = strstr(e->message, "bot.lua:");

	(void)slash;
	c->errors++;
	snprintf(c->trace, sizeof(c->trace), "%s", e->traceback);
	snprintf(c->message, sizeof(c->message), "%s", e->message);
	hear(c, "error %s in %s", bot ? bot : e->message, e->state);
}

static const struct session_handlers handlers = {
	.act = h_act, .idle = h_idle, .drained = h_drained,
	.state = h_state, .error = h_error,
};

static void write_file(const char *folder, const char *name,
		       const char *source)
{
	char path[256];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	assert_non_null(f);
	fputs(source, f);
	fclose(f);
}

static void desk_load(struct desk *d, const char *source)
{
	char path[128];

	memset(d, 0, sizeof(*d));
	strcpy(d->folder, "/tmp/bot-XXXXXX");
	assert_non_null(mkdtemp(d->folder));
	write_file(d->folder, "bot.lua", source);
	if (*extra_name)
		write_file(d->folder, extra_name, extra_source);
	d->loop = loop_new_virtual(1700000000000u, 1);
	d->sc = lua_scripting_open(d->loop, &limits);
	assert_non_null(d->sc);
	snprintf(path, sizeof(path), "%s/bot.lua", d->folder);
	d->bot = d->sc->ops->load(d->sc, "bot", path, &d->problems);
	unlink(path);
	if (*extra_name) {
		snprintf(path, sizeof(path), "%s/%s", d->folder, extra_name);
		unlink(path);
		*extra_name = '\0';
	}
	rmdir(d->folder);
}

void desk_file(const char *name, const char *source)
{
	snprintf(extra_name, sizeof(extra_name), "%s", name);
	snprintf(extra_source, sizeof(extra_source), "%s", source);
}

void desk_open(struct desk *d, const char *source)
{
	char text[512];

	desk_load(d, source);
	for (size_t i = 0; !d->bot && i < d->problems.count; i++)
		print_error("%s\n", problem_text(&d->problems, i, text,
						 sizeof(text)));
	assert_non_null(d->bot);
}

void desk_close(struct desk *d)
{
	struct bot_stats st;

	if (d->bot) {
		loop_turn(d->loop);
		d->sc->ops->stats(d->bot, &st);
		assert_int_equal(st.sessions, 0);
		assert_int_equal(st.coroutines, 0);
		assert_int_equal(loop_timers(d->loop), 0);
		d->sc->ops->unload(d->bot);
	}
	d->sc->ops->close(d->sc);
	loop_free(d->loop);
	problems_free(&d->problems);
	listening = NULL;
}

const char *refusal(const char *source)
{
	static char all[8192];
	char text[512];
	struct desk d;
	size_t n = 0;

	desk_load(&d, source);
	all[0] = '\0';
	for (size_t i = 0; i < d.problems.count; i++) {
		const char *line = problem_text(&d.problems, i, text,
						sizeof(text));

		if (!strncmp(line, d.folder, strlen(d.folder)))
			line += strlen(d.folder) + 1;
		n += (size_t)snprintf(all + n, sizeof(all) - n, "%s\n", line);
	}
	if (d.bot)
		n += (size_t)snprintf(all + n, sizeof(all) - n, "loaded\n");
	desk_close(&d);
	return all;
}

void call_in(struct desk *d, struct caller *c, const char *from)
{
	static struct header headers[] = {
		{ (char *)"X-Id", (char *)"7" },
		{ (char *)"Via", (char *)"a" }, { (char *)"Via", (char *)"b" },
	};

	memset(c, 0, sizeof(*c));
	c->d = d;
	c->call = (struct bot_call){
		.id = "c1", .from = from, .to = "100", .trunk = "office",
		.channel = "desk", .headers = headers, .header_count = 3,
	};
	listening = c;
	assert_int_equal(d->sc->ops->open(d->bot, &c->call, &handlers, c,
					  &c->s), 0);
}

void turn(struct caller *c)
{
	loop_turn(c->d->loop);
}

void start(struct caller *c)
{
	c->s->ops->query(c->s, QUERY_START, "/start", 6);
	turn(c);
}

void say(struct caller *c, const char *text)
{
	c->s->ops->query(c->s, QUERY_TEXT, text, strlen(text));
	turn(c);
}

void raise_event(struct caller *c, const char *name)
{
	c->s->ops->event(c->s, name, NULL);
	turn(c);
}

void outcome(struct caller *c, bool success, bool hangup, const char *number)
{
	json_t *details = json_pack("{s:s,s:i}", "reason",
				    success ? "answered" : "busy",
				    "ring_ms", 10);
	struct transfer_outcome o = {
		.success = success, .hangup = hangup, .number = number,
		.details = details,
	};

	c->s->ops->outcome(c->s, &o);
	json_decref(details);
}

void said(struct caller *c, bool interrupted)
{
	c->s->ops->said(c->s, c->ticket, interrupted);
	turn(c);
}

void leave(struct caller *c, const char *last)
{
	c->s->ops->gone(c->s, last);
}

void hang(struct caller *c)
{
	c->s->ops->close(c->s);
	memset(&c->call, 0xff, sizeof(c->call));	/* must not be read */
	turn(c);
	action_free(c->sw);
	c->sw = NULL;
}

void expect_at(struct caller *c, const char *text, const char *file, int line)
{
	char want[32768];

	snprintf(want, sizeof(want), "%s%s", text, *text ? "\n" : "");
	if (strcmp(c->heard, want))
		print_error("%s:%d: heard:\n%s", file, line, c->heard);
	_assert_string_equal(c->heard, want, file, line);
	c->heard[0] = '\0';
}

void expect_part_at(struct caller *c, const char *text, const char *file,
		    int line)
{
	if (!strstr(c->heard, text)) {
		print_error("%s:%d: no \"%s\" in:\n%s", file, line, text,
			    c->heard);
		_fail(file, line);
	}
	c->heard[0] = '\0';
}

void check_bot(const char *source, const char *heard)
{
	struct desk d;
	struct caller c;

	desk_open(&d, source);
	call_in(&d, &c, "49301");
	start(&c);
	if (!*c.heard)
		loop_advance(d.loop, TURNS_MS);
	expect(&c, heard);
	hang(&c);
	desk_close(&d);
}

void check_script(const char *body, const char *heard)
{
	char source[8192];

	snprintf(source, sizeof(source), "return bot { function(call)\n%s\n"
		 "end }", body);
	check_bot(source, heard);
}
