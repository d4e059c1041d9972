/* Preloaded: names below slow.test take three seconds to be looked up. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <netdb.h>
#include <string.h>
#include <unistd.h>

int getaddrinfo(const char *node, const char *service,
		const struct addrinfo *hints, struct addrinfo **res)
{
	static int (*next)(const char *, const char *,
			   const struct addrinfo *, struct addrinfo **);

	if (!next)
		next = dlsym(RTLD_NEXT, "getaddrinfo");
	if (node && strstr(node, "slow.test")) {
		sleep(3);
		return EAI_NONAME;
	}
	return next(node, service, hints, res);
}
