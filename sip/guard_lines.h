/**
 * @file guard_lines.h  No message has more header lines than can be parsed
 *                      quickly
 */
#ifndef TANDEM_SIP_GUARD_LINES_H
#define TANDEM_SIP_GUARD_LINES_H

/** Header lines of one message, and commas in them; with more it is dropped
 *  and counted. */
#define LINES_MAX 1000

/** 0, or UV_ENOSYS: the library would not call our function. */
int guard_lines_open(void);

#endif
