#include "service.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "loop.h"
#include "log.h"

#define SERVICES_MAX 256

struct asked {
	struct errand errand;		/* first */
	struct service *s;
	struct asked *next, **prev;
	uint32_t id;
	errand_h *h;
	void *arg;
	struct timer deadline;
};

struct service {
	struct services *all;
	struct service *next, **prev;
	struct service_port port;
	char *name;
	char **methods;
	size_t method_count;
	struct asked *first;		/* newest first */
	size_t waiting;
};

struct services {
	struct loop *loop;
	struct service *first;
	uint32_t last_id;
	struct service_stats stats;
};

struct services *services_new(struct loop *loop)
{
	struct services *all = calloc(1, sizeof(*all));

	if (all)
		all->loop = loop;
	return all;
}

void services_free(struct services *all)
{
	if (!all)
		return;
	while (all->first)
		service_leave(all->first);
	free(all);
}

void services_stats(const struct services *all, struct service_stats *s)
{
	*s = all->stats;
}

static struct service *find(struct services *all, const char *name)
{
	struct service *s = all->first;

	while (s && strcmp(s->name, name))
		s = s->next;
	return s;
}

static bool name_ok(const char *name)
{
	const size_t n = strlen(name);

	for (const char *c = name; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return false;
	return n && n <= SERVICE_NAME_MAX;
}

static void free_names(char **list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		free(list[i]);
	free(list);
}

static void service_free(struct service *s)
{
	free_names(s->methods, s->method_count);
	free(s->name);
	free(s);
}

static int set_methods(struct service *s, const char *const *methods,
		       size_t count)
{
	char **list = calloc(count, sizeof(*list));

	for (size_t i = 0; list && i < count; i++) {
		list[i] = strdup(methods[i]);
		if (!list[i]) {
			free_names(list, count);
			list = NULL;
		}
	}
	if (!list)
		return UV_ENOMEM;
	free_names(s->methods, s->method_count);
	s->methods = list;
	s->method_count = count;
	return 0;
}

int service_offer(struct services *all, const char *name,
		  const char *const *methods, size_t count,
		  const struct service_port *port, struct service **sp)
{
	struct service *s = find(all, name);
	bool ok = name_ok(name) && count && count <= SERVICE_METHODS_MAX;

	for (size_t i = 0; ok && i < count; i++)
		ok = name_ok(methods[i]);
	if (!ok)
		return UV_EINVAL;
	if (s && s->port.arg != port->arg)
		return UV_EEXIST;
	if (s) {
		*sp = s;
		return set_methods(s, methods, count);
	}
	if (all->stats.services >= SERVICES_MAX)
		return UV_E2BIG;
	s = calloc(1, sizeof(*s));
	if (!s)
		return UV_ENOMEM;
	s->all = all;
	s->port = *port;
	s->name = strdup(name);
	if (!s->name || set_methods(s, methods, count)) {
		service_free(s);
		return UV_ENOMEM;
	}
	s->next = all->first;
	if (s->next)
		s->next->prev = &s->next;
	s->prev = &all->first;
	all->first = s;
	all->stats.services++;
	*sp = s;
	return 0;
}

/* ---- requests ---- */

static void asked_free(struct asked *a)
{
	struct service *s = a->s;

	timer_stop(&a->deadline);
	*a->prev = a->next;
	if (a->next)
		a->next->prev = a->prev;
	s->waiting--;
	s->all->stats.waiting--;
	free(a);
}

static void tell(struct asked *a, const json_t *result, const char *reason)
{
	errand_h *h = a->h;
	void *arg = a->arg;

	if (!result)
		a->s->all->stats.failed++;
	asked_free(a);
	h(result, reason, arg);
}

static void on_deadline(void *arg)
{
	struct asked *a = arg;

	log_warn("service %s: no answer in time", a->s->name);
	tell(a, NULL, "timeout");
}

static void cancel(struct errand *e)
{
	asked_free((struct asked *)e);
}

static struct asked *find_asked(const struct service *s, uint32_t id)
{
	struct asked *a = s->first;

	while (a && a->id != id)
		a = a->next;
	return a;
}

int service_has(const struct service *s, uint32_t id)
{
	return find_asked(s, id) != NULL;
}

void service_answer(struct service *s, uint32_t id, const json_t *result,
		    const char *reason)
{
	struct asked *a = find_asked(s, id);

	if (a)
		tell(a, result, reason);
	else
		s->all->stats.unasked++;
}

void service_leave(struct service *s)
{
	struct services *all = s->all;

	/* Not to be found any more, should one of those told ask again. */
	*s->prev = s->next;
	if (s->next)
		s->next->prev = s->prev;
	all->stats.services--;
	if (s->first)
		log_warn("service %s: gone, with %zu requests not answered",
			 s->name, s->waiting);
	while (s->first)
		tell(s->first, NULL, "gone");
	service_free(s);
}

int services_ask(struct services *all, const char *name, const char *method,
		 json_t *params, uint64_t ms, errand_h *h, void *arg,
		 struct errand **ep)
{
	struct service *s = find(all, name);
	struct asked *a;
	size_t i = 0;
	int rc;

	while (s && i < s->method_count && strcmp(s->methods[i], method))
		i++;
	if (!s || i == s->method_count)
		return UV_ENOENT;
	if (s->waiting >= SERVICE_WAITING_MAX)
		return UV_ENOBUFS;
	a = calloc(1, sizeof(*a));
	if (!a)
		return UV_ENOMEM;
	a->errand.cancel = cancel;
	a->s = s;
	a->id = ++all->last_id;
	a->h = h;
	a->arg = arg;
	rc = s->port.send(s->port.arg, a->id, method, params);
	if (rc) {
		free(a);
		return rc;
	}
	timer_init(&a->deadline, all->loop, on_deadline, a);
	timer_start(&a->deadline, ms);
	a->next = s->first;
	if (a->next)
		a->next->prev = &a->next;
	a->prev = &s->first;
	s->first = a;
	s->waiting++;
	all->stats.waiting++;
	all->stats.requests++;
	*ep = &a->errand;
	return 0;
}
