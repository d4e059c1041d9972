/**
 * @file drive.h  libuv drives sofia-sip's event loop
 */
#ifndef TANDEM_SIP_DRIVE_H
#define TANDEM_SIP_DRIVE_H

#include <sofia-sip/su.h>
#include <sofia-sip/su_wait.h>

struct drive;
struct loop;

/**
 * Initialises sofia (with a monotonic clock) and its event loop, driven by
 * the uv loop below `loop`; each step of sofia's ends with a turn of `loop`.
 * 0, or a negative UV_E*.
 */
int drive_open(struct drive **dp, struct loop *loop);
su_root_t *drive_root(struct drive *d);

/** Runs what sofia has to do now. */
void drive_step(struct drive *d);

/** Destroys sofia's loop; the uv handles close in the loop's next turns. */
void drive_close(struct drive *d);

#endif
