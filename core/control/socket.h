/**
 * @file socket.h  A listening Unix socket and its file
 */
#ifndef TANDEM_CONTROL_SOCKET_H
#define TANDEM_CONTROL_SOCKET_H

#include <sys/types.h>

/** The file of a socket, to remove it only while it is still ours. */
struct socket_file {
	char *path;
	dev_t dev;
	ino_t ino;
};

/**
 * Binds a socket to `path`, mode 0660 from its first moment; the caller
 * listens. A socket file on which nobody answers is replaced. The descriptor,
 * or a negative UV_E*: UV_EADDRINUSE somebody answers, UV_EEXIST it is not a
 * socket, UV_ENAMETOOLONG.
 */
int socket_bind(struct socket_file *f, const char *path);

/** Removes the file, if it is still the one that socket_bind() made. */
void socket_remove(struct socket_file *f);

/** Connects to `path`: the descriptor, or a negative UV_E*. */
int socket_connect(const char *path);

#endif
