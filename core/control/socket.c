#include "socket.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <uv.h>

#define MODE 0660

static int address(struct sockaddr_un *un, const char *path)
{
	const size_t len = strlen(path);

	if (!len)
		return UV_EINVAL;
	/* The kernel would take a cut path without a word. */
	if (len >= sizeof(un->sun_path))
		return UV_ENAMETOOLONG;
	memset(un, 0, sizeof(*un));
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, len);
	return 0;
}

static int last_error(void)
{
	return uv_translate_sys_error(errno);
}

static int new_socket(void)
{
	const int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	return fd < 0 ? last_error() : fd;
}

int socket_connect(const char *path)
{
	struct sockaddr_un un;
	int err = address(&un, path);
	int fd;

	if (err)
		return err;
	fd = new_socket();
	if (fd < 0)
		return fd;
	/* A full backlog is EAGAIN at once instead of a wait without end. */
	fcntl(fd, F_SETFL, O_NONBLOCK);
	if (connect(fd, (struct sockaddr *)&un, sizeof(un)) != 0) {
		err = last_error();
		close(fd);
		return err;
	}
	return fd;
}

/* Removes a socket file that nobody answers on. */
static int remove_stale(const char *path)
{
	struct stat st;
	int fd;

	if (lstat(path, &st) != 0)
		return errno == ENOENT ? 0 : last_error();
	if (!S_ISSOCK(st.st_mode))
		return UV_EEXIST;

	fd = socket_connect(path);
	if (fd >= 0)
		close(fd);
	if (fd >= 0 || fd == UV_EAGAIN)
		return UV_EADDRINUSE;
	if (fd != UV_ECONNREFUSED)
		return fd;
	return unlink(path) != 0 && errno != ENOENT ? last_error() : 0;
}

int socket_bind(struct socket_file *f, const char *path)
{
	struct sockaddr_un un;
	struct stat st;
	bool bound = false;
	int fd, err;

	err = address(&un, path);
	if (!err)
		err = remove_stale(path);
	if (err)
		return err;

	fd = new_socket();
	if (fd < 0)
		return fd;

	/*
	 * Linux gives the file the socket's mode less the umask, so it is
	 * never wider than MODE; chmod() then gives back what the umask took.
	 * Nobody can connect before listen().
	 */
	if (fchmod(fd, MODE) != 0)
		goto fail;
	if (bind(fd, (struct sockaddr *)&un, sizeof(un)) != 0)
		goto fail;
	bound = true;
	if (chmod(path, MODE) != 0 || lstat(path, &st) != 0)
		goto fail;

	f->path = strdup(path);
	if (!f->path) {
		errno = ENOMEM;
		goto fail;
	}
	f->dev = st.st_dev;
	f->ino = st.st_ino;
	return fd;
fail:
	err = last_error();
	if (bound)
		unlink(path);
	close(fd);
	return err;
}

void socket_remove(struct socket_file *f)
{
	struct stat st;

	if (f->path && lstat(f->path, &st) == 0 && st.st_dev == f->dev &&
	    st.st_ino == f->ino)
		unlink(f->path);
	free(f->path);
	f->path = NULL;
}
