/* Lines for `tandem chat`: edited on a terminal, else as they come. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cmd_chat.h"

#ifdef TANDEM_LIBEDIT
#include <editline/readline.h>
#endif

#define PROMPT "> "
#define LINE_BYTES 65536

struct lines {
	void (*h)(const char *line, void *arg);
	void *arg;
	bool typed;
	bool editing;		/* libedit has the terminal */
	bool over;
	bool fresh;		/* nothing of the next line is typed */
	char *ready;		/* a line that has been edited */
	char buf[LINE_BYTES];
	size_t len;
};

#ifdef TANDEM_LIBEDIT
static struct lines *edited;

/* libedit knows no argument for its handler. */
static void on_edited(char *line)
{
	if (!line) {
		edited->over = true;
		rl_callback_handler_remove();
		edited->editing = false;
		return;
	}
	if (*line)
		add_history(line);
	/* Given away when libedit is done with it. */
	free(edited->ready);
	edited->ready = line;
}

static void read_edited(struct lines *l)
{
	char *line;

	l->fresh = false;
	rl_callback_read_char();
	line = l->ready;
	l->ready = NULL;
	if (!line)
		return;
	/* libedit lets go of the terminal after each line, and shows that one
	 * until the next begins. */
	rl_callback_handler_install(PROMPT, on_edited);
	l->fresh = true;
	l->h(line, l->arg);
	free(line);
}

static void edit(struct lines *l)
{
	edited = l;
	l->editing = true;
	rl_readline_name = "tandem";
	using_history();
	stifle_history(1000);
	rl_callback_handler_install(PROMPT, on_edited);
}
#endif

struct lines *lines_open(void (*h)(const char *line, void *arg), void *arg)
{
	struct lines *l = calloc(1, sizeof(*l));

	if (!l)
		return NULL;
	l->h = h;
	l->arg = arg;
	l->typed = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
	if (!l->typed)
		return l;
#ifdef TANDEM_LIBEDIT
	edit(l);
#endif
	return l;
}

void lines_close(struct lines *l)
{
	if (!l)
		return;
#ifdef TANDEM_LIBEDIT
	if (l->editing)
		rl_callback_handler_remove();
#endif
	if (l->typed)
		putchar('\n');
	free(l);
}

bool lines_typed(const struct lines *l)
{
	return l->typed;
}

void lines_hide(struct lines *l)
{
	if (l->typed)
		fputs("\r\033[K", stdout);
}

void lines_show(struct lines *l)
{
	if (!l->typed) {
		fflush(stdout);		/* somebody may wait for it */
		return;
	}
#ifdef TANDEM_LIBEDIT
	if (l->editing && !l->fresh) {
		fflush(stdout);
		rl_forced_update_display();
		return;
	}
#endif
	fputs(PROMPT, stdout);
	fflush(stdout);
}

/* Gives the first line of the buffer away; false: there is none. */
static bool take_line(struct lines *l, bool last)
{
	char *end = memchr(l->buf, '\n', l->len);
	char line[LINE_BYTES];
	size_t n = end ? (size_t)(end - l->buf) : l->len;
	const size_t used = n + (end != NULL);

	if (!end && !last && l->len < sizeof(l->buf) - 1)
		return false;
	if (!used)
		return false;
	memcpy(line, l->buf, n);
	while (n && line[n - 1] == '\r')
		n--;
	line[n] = '\0';
	l->len -= used;
	memmove(l->buf, l->buf + used, l->len);
	l->h(line, l->arg);
	return true;
}

static bool read_more(struct lines *l)
{
	ssize_t n;

	do
		n = read(STDIN_FILENO, l->buf + l->len,
			 sizeof(l->buf) - 1 - l->len);
	while (n < 0 && errno == EINTR);
	if (n <= 0)
		return false;
	l->len += (size_t)n;
	return true;
}

bool lines_wait(struct lines *l, int ms)
{
	struct pollfd pfd = { .fd = STDIN_FILENO, .events = POLLIN };

	/* One at a time: what it does comes before the next. */
	if (take_line(l, false))
		return true;
	if (l->over)
		return take_line(l, true);
	if (poll(&pfd, 1, ms) <= 0)
		return true;
#ifdef TANDEM_LIBEDIT
	if (l->editing) {
		read_edited(l);
		return !l->over;
	}
#endif
	l->over = !read_more(l);
	return true;
}
