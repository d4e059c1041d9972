#include "ports.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <uv.h>

/* Other programs may sit in our range: so many of theirs are passed over in
 * one go, and the next call goes on from there. */
#define TRIES 64

/* Nobody reads these sockets: the kernel doubles this, and drops the rest. */
#define RECEIVE_BUFFER 2048

#define BITS 64

size_t ports_count(uint16_t min, uint16_t max)
{
	const unsigned first = (min + 1u) & ~1u;

	return max > first ? (max - first + 1u) / 2 : 0;
}

static bool parse_address(struct sockaddr_storage *ss, const char *address)
{
	struct sockaddr_in *v4 = (struct sockaddr_in *)ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ss;

	memset(ss, 0, sizeof(*ss));
	if (inet_pton(AF_INET, address, &v4->sin_addr) == 1)
		ss->ss_family = AF_INET;
	else if (inet_pton(AF_INET6, address, &v6->sin6_addr) == 1)
		ss->ss_family = AF_INET6;
	else
		return false;
	return true;
}

void ports_close(struct port_pairs *pp)
{
	free(pp->taken);
	memset(pp, 0, sizeof(*pp));
}

static int bind_port(const struct port_pairs *pp, uint16_t port, int *fdp)
{
	struct sockaddr_storage ss = pp->addr;
	const int size = RECEIVE_BUFFER;
	socklen_t len;
	int fd;

	fd = socket(ss.ss_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return uv_translate_sys_error(errno);

	if (ss.ss_family == AF_INET) {
		((struct sockaddr_in *)&ss)->sin_port = htons(port);
		len = sizeof(struct sockaddr_in);
	} else {
		((struct sockaddr_in6 *)&ss)->sin6_port = htons(port);
		len = sizeof(struct sockaddr_in6);
	}
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	if (bind(fd, (struct sockaddr *)&ss, len)) {
		const int err = uv_translate_sys_error(errno);

		close(fd);
		return err;
	}
	*fdp = fd;
	return 0;
}

int ports_open(struct port_pairs *pp, const char *address, uint16_t min,
	       uint16_t max)
{
	int err, fd;

	memset(pp, 0, sizeof(*pp));
	pp->first = (uint16_t)((min + 1u) & ~1u);
	pp->count = ports_count(min, max);
	if (!pp->count || !min || !parse_address(&pp->addr, address))
		return UV_EINVAL;

	/* Whether the address is this machine's shows now, not in a call. */
	err = bind_port(pp, 0, &fd);
	if (err)
		return err;
	close(fd);

	pp->taken = calloc((pp->count + BITS - 1) / BITS, sizeof(uint64_t));
	return pp->taken ? 0 : UV_ENOMEM;
}

static int bind_pair(const struct port_pairs *pp, struct port_pair *pair)
{
	int err = bind_port(pp, pair->port, &pair->fd[0]);

	if (err)
		return err;
	err = bind_port(pp, (uint16_t)(pair->port + 1), &pair->fd[1]);
	if (err)
		close(pair->fd[0]);
	return err;
}

/* First free pair at or behind `from`, all the way round. One is free. */
static size_t find_free(const struct port_pairs *pp, size_t from)
{
	for (size_t i = from;;) {
		if (i >= pp->count)
			i = 0;
		if (i % BITS == 0 && pp->taken[i / BITS] == UINT64_MAX)
			i += BITS;
		else if (pp->taken[i / BITS] >> (i % BITS) & 1)
			i++;
		else
			return i;
	}
}

int ports_take(struct port_pairs *pp, struct port_pair *pair)
{
	size_t tries = pp->count - pp->used;

	if (tries > TRIES)
		tries = TRIES;
	while (tries--) {
		const size_t i = find_free(pp, pp->next);
		int err;

		pp->next = i + 1;
		pair->index = i;
		pair->port = (uint16_t)(pp->first + 2 * i);
		err = bind_pair(pp, pair);
		if (err == UV_EADDRINUSE)
			continue;
		if (err)
			return err;
		pp->taken[i / BITS] |= UINT64_C(1) << (i % BITS);
		pp->used++;
		return 0;
	}
	return UV_EADDRNOTAVAIL;
}

void ports_give(struct port_pairs *pp, struct port_pair *pair)
{
	close(pair->fd[0]);
	close(pair->fd[1]);
	pp->taken[pair->index / BITS] &= ~(UINT64_C(1) << (pair->index % BITS));
	pp->used--;
}
