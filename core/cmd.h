/**
 * @file cmd.h  The commands of `tandem`
 *
 * Each takes what follows its name on the command line and returns the exit
 * status: 0, 1 for what it was asked to do and could not, 2 for a command line
 * that makes no sense.
 */
#ifndef TANDEM_CMD_H
#define TANDEM_CMD_H

struct problems;

/** Runs a node until it is told to end. `file` NULL: embedded defaults. */
int cmd_run(const char *file);

/** Checks a config and the bots it names. */
int cmd_check(const char *file);

/** Talks to a bot in the terminal; likewise. */
int cmd_chat(int argc, char **argv);

/** Runs tests of bots; what follows `test` on the command line. */
int cmd_test(int argc, char **argv);

int cmd_version(void);
int cmd_timers(void);

/** Prints every problem to stderr, one a line. */
void print_problems(const struct problems *p);

/** A duration as the config would have it ("500ms", "32s", "5m"). */
const char *print_duration(unsigned long long ms, char *buf,
			   unsigned long size);

#endif
