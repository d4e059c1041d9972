/* Without libcurl. */
#include "fetch.h"

#include <stdio.h>
#include <uv.h>

int fetcher_open(struct fetcher **fp, struct loop *loop,
		 const char *const *hosts, size_t count)
{
	(void)loop;
	(void)hosts;
	(void)count;
	*fp = NULL;
	return UV_ENOTSUP;
}

void fetcher_close(struct fetcher *f)
{
	(void)f;
}

void fetcher_stats(const struct fetcher *f, struct fetch_stats *s)
{
	(void)f;
	*s = (struct fetch_stats){ 0 };
}

int fetcher_ask(struct fetcher *f, const struct fetch_request *r, errand_h *h,
		void *arg, struct errand **ep, char *err, size_t size)
{
	(void)f;
	(void)r;
	(void)h;
	(void)arg;
	(void)ep;
	snprintf(err, size, "this Tandem was built without libcurl");
	return UV_ENOTSUP;
}
