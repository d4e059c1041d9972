/**
 * @file cmd_chat.h  Parts of `tandem chat`
 */
#ifndef TANDEM_CMD_CHAT_H
#define TANDEM_CMD_CHAT_H

#include <stdbool.h>

/** Lines typed or piped in. On a terminal they can be edited, and called back,
 * where libedit was there when we were built. */
struct lines;

struct lines *lines_open(void (*h)(const char *line, void *arg), void *arg);
void lines_close(struct lines *l);

/** Whether somebody types: stdin and stdout are a terminal. */
bool lines_typed(const struct lines *l);

/** Waits up to `ms` (-1: for ever) and gives what came to the handler. False:
 * there is no more. */
bool lines_wait(struct lines *l, int ms);

/** Before and after something is printed while a line is being edited. */
void lines_hide(struct lines *l);
void lines_show(struct lines *l);

#endif
