/*
 * The command line: which command, and what is wrong with it.
 */
#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "cmd.h"
#include "control/control.h"
#include "problem.h"

#define USAGE 2

static const char help[] =
"usage: tandem [-c FILE]              run a node (without FILE: on the\n"
"                                     embedded defaults, for trying out)\n"
"       tandem check [-c FILE]        check the config and every bot it names\n"
"       tandem ctl [-s SOCKET] METHOD [JSON]\n"
"                                     one request to a running node\n"
"       tandem ctl [-s SOCKET] events follow its event stream\n"
"       tandem chat BOT               talk to a bot in the terminal\n"
"       tandem test [--filter TEXT] [--coverage] [--hostile [--seeds N]]\n"
"                   PATH...           run tests of bots (NAME_test.lua);\n"
"                                     hostile: with peers that misbehave\n"
"       tandem timers                 every named timer and its default\n"
"       tandem --version | --help\n"
"\n"
"A node ends on SIGTERM or SIGINT: it takes no new calls and leaves when the\n"
"last one is over; a second signal hangs up at once.\n";

static const char *const words[] = {
	"check", "ctl", "timers", "chat", "test", "route",
	"-c", "--version", "--help", NULL
};

static int usage(const char *what, const char *word)
{
	const char *near = nearest_word(word, words);

	fprintf(stderr, "tandem: unknown %s '%s'", what, word);
	if (near)
		fprintf(stderr, "; did you mean '%s'?", near);
	fputs("\ntandem: try 'tandem --help'\n", stderr);
	return USAGE;
}

/* The options of `tandem` and `tandem check`: -c FILE, or nothing; `*asked`
 * for help, which is printed. */
static int config_option(int argc, char **argv, const char **file, bool *asked)
{
	static const char *const options[] = { "-c", "--help", NULL };

	*file = NULL;
	*asked = false;
	for (int i = 0; i < argc; i++) {
		const char *near = nearest_word(argv[i], options);

		if (!strcmp(argv[i], "-c")) {
			if (i + 1 == argc) {
				fputs("tandem: -c needs a file\n", stderr);
				return USAGE;
			}
			*file = argv[++i];
			continue;
		}
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h")) {
			fputs(help, stdout);
			*asked = true;
			return 0;
		}
		if (argv[i][0] == '-')
			fprintf(stderr, "tandem: unknown option '%s'",
				argv[i]);
		else
			fprintf(stderr, "tandem: '%s' is not expected here",
				argv[i]);
		if (near)
			fprintf(stderr, "; did you mean '%s'?", near);
		fputs("\ntandem: try 'tandem --help'\n", stderr);
		return USAGE;
	}
	return 0;
}

static int no_arguments(int argc, char **argv)
{
	if (!argc)
		return 0;
	fprintf(stderr, "tandem: '%s' is not expected here\n"
		"tandem: try 'tandem --help'\n", argv[0]);
	return USAGE;
}

static int timers(int argc, char **argv)
{
	return no_arguments(argc, argv) ? USAGE : cmd_timers();
}

static int version(int argc, char **argv)
{
	return no_arguments(argc, argv) ? USAGE : cmd_version();
}

static int check(int argc, char **argv)
{
	const char *file;
	bool asked;

	if (config_option(argc, argv, &file, &asked))
		return USAGE;
	return asked ? 0 : cmd_check(file);
}

static int print_help(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	fputs(help, stdout);
	return 0;
}

static const struct command {
	const char *name;
	int (*run)(int argc, char **argv);	/* NULL: not built yet */
} commands[] = {
	{ "--help", print_help },
	{ "--version", version },
	{ "-h", print_help },
	{ "chat", cmd_chat },
	{ "check", check },
	{ "ctl", control_client },
	{ "help", print_help },
	{ "route", NULL },
	{ "test", cmd_test },
	{ "timers", timers },
};

/* Whoever starts us may have closed the standard streams: the next socket
 * would take their numbers, and be written to as if it were one of them. */
static bool open_streams(void)
{
	int fd;

	do
		fd = open("/dev/null", O_RDWR);
	while (fd >= 0 && fd <= STDERR_FILENO);
	return fd > STDERR_FILENO && !close(fd);
}

int main(int argc, char **argv)
{
	const char *file;
	bool asked;

	if (!open_streams())
		return 1;

	/* A reader who leaves is an error of write(), not the end of us. */
	signal(SIGPIPE, SIG_IGN);

	for (size_t i = 0; argc > 1 && i < sizeof(commands) /
	     sizeof(commands[0]); i++) {
		if (strcmp(argv[1], commands[i].name))
			continue;
		if (commands[i].run)
			return commands[i].run(argc - 2, argv + 2);
		fprintf(stderr, "tandem: %s is not available in this version\n",
			argv[1]);
		return USAGE;
	}
	if (argc > 1 && strcmp(argv[1], "-c"))
		return usage(argv[1][0] == '-' ? "option" : "command", argv[1]);
	if (config_option(argc - 1, argv + 1, &file, &asked))
		return USAGE;
	return asked ? 0 : cmd_run(file);
}
