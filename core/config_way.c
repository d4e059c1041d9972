/*
 * Where a trunk is: its uri, its outbound proxy, what we are called there, and
 * the addresses its calls come from.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config_fill.h"
#include "config_keys.h"
#include "config_value.h"
#include "uri.h"

#define SIP_PORT 5060

/* "udp" or "tcp", NULL if none is named; what else is named is a problem. */
static const char *transport(struct fill *f, const struct uri *u,
			     const char *path)
{
	char by[16];

	if (!uri_param(u, "transport", by, sizeof(by)))
		return NULL;
	if (!strcasecmp(by, "udp"))
		return "udp";
	if (strcasecmp(by, "tcp")) {
		config_problem(f->ck, path, "transport \"%s\" is not available "
			       "in this version", by);
		return NULL;
	}
	for (size_t i = 0; i < f->c->listen_count; i++)
		if (!strcmp(f->c->listen[i].transport, "tcp"))
			return "tcp";
	config_problem(f->ck, path, "transport \"tcp\" needs a \"tcp:\" entry "
		       "in sip.listen");
	return NULL;
}

/* Whether `u` has parameters besides those listed. */
static bool has_others(const struct uri *u, const char *const *known)
{
	for (const char *p = u->params; *p == ';'; p += strcspn(p, ";")) {
		const size_t n = strcspn(++p, ";=");
		bool found = false;

		for (size_t i = 0; known[i]; i++)
			found = found || (strlen(known[i]) == n &&
					  !strncasecmp(known[i], p, n));
		if (!found)
			return true;
	}
	return false;
}

/* What uri and proxy have in common: true if it is in order so far. */
static bool parse(struct fill *f, const char *text, const char *path,
		  struct uri *u)
{
	const char *wrong = uri_parse(u, text);

	if (wrong)
		config_problem(f->ck, path, "\"%s\" %s", text, wrong);
	else if (strncasecmp(text, "sip:", 4))
		config_problem(f->ck, path, "\"%s\" must begin with \"sip:\"",
			       text);
	else if (is_wildcard(u->host))
		config_problem(f->ck, path, "\"%s\" is no address to call",
			       u->host);
	else
		return true;
	return false;
}

static void fill_uri(struct fill *f, struct trunk *t, json_t *table,
		     const char *at)
{
	static const char *const known[] = { "transport", NULL };
	json_t *v = json_object_get(table, "uri");
	const char *text = json_string_value(v);
	char path[PATH_SIZE];
	struct uri u;

	snprintf(path, sizeof(path), "%s.uri", at);
	if (is_nil(v))
		config_problem(f->ck, path, "is missing");
	if (!text || !parse(f, text, path, &u))
		return;

	if (*u.user || *u.headers) {
		config_problem(f->ck, path, "\"%s\" must be \"sip:HOST:PORT\"",
			       text);
		return;
	}
	if (has_others(&u, known)) {
		config_problem(f->ck, path, "\"%s\" is not available in this "
			       "version", u.params);
		return;
	}
	t->uri = fill_copy(f, text);
	snprintf(t->host, sizeof(t->host), "%s", u.host);
	t->numeric = u.numeric;
	/* A name without a port has one in the DNS (RFC 3263 4.2). */
	t->port = u.port || !u.numeric ? u.port : SIP_PORT;
	t->transport = transport(f, &u, path);
}

/* Its host is returned in `u`; "" if there is none. */
static void fill_proxy(struct fill *f, struct trunk *t, json_t *table,
		       const char *at, struct uri *u)
{
	static const char *const known[] = { "lr", "transport", NULL };
	const char *text = json_string_value(json_object_get(table, "proxy"));
	char path[PATH_SIZE];

	memset(u, 0, sizeof(*u));
	snprintf(path, sizeof(path), "%s.proxy", at);
	if (!text || !parse(f, text, path, u))
		return;
	/* RFC 3261 16.12: without it the proxy would be a strict router, to
	 * which the Request-URI has to be given up. */
	if (!uri_has_param(u, "lr"))
		config_problem(f->ck, path, "\"%s\" must have \";lr\"", text);
	else if (*u->headers || has_others(u, known))
		config_problem(f->ck, path, "\"%s\" must be \"sip:HOST:PORT;"
			       "lr\"", text);
	else
		t->proxy = fill_copy(f, text);
	transport(f, u, path);
}

static void fill_match(struct fill *f, struct trunk *t, json_t *table,
		       const char *at, const struct uri *proxy)
{
	json_t *list = json_object_get(table, "match");
	const size_t n = json_array_size(list);
	char path[PATH_SIZE];

	t->match = fill_room(f, n + 2, sizeof(*t->match));
	if (!t->match)
		return;
	snprintf(path, sizeof(path), "%s.match", at);
	if (is_nil(list)) {
		if (*t->host && !prefix_parse(t->host, t->match))
			t->match_count++;
		if (*proxy->host && !prefix_parse(proxy->host, t->match +
						  t->match_count))
			t->match_count++;
		/* A name may have other addresses by the next call, and whose
		 * calls are taken must not hang on the DNS. */
		if (*t->host && !t->match_count)
			config_problem(f->ck, path, "is needed where the uri's "
				       "host is a name: list the addresses "
				       "that its calls come from, {} if there "
				       "are none");
	}
	for (size_t i = 0; i < n; i++) {
		const char *s = json_string_value(json_array_get(list, i));

		if (!s)
			continue;
		snprintf(path, sizeof(path), "%s.match[%zu]", at, i + 1);
		if (prefix_parse(s, &t->match[t->match_count]))
			config_problem(f->ck, path, "\"%s\" must be an address "
				       "or a network such as \"10.0.0.0/8\"",
				       s);
		else
			t->match_count++;
	}
}

void fill_way(struct fill *f, struct trunk *t, json_t *table, const char *at)
{
	char path[PATH_SIZE];
	struct uri proxy;

	fill_uri(f, t, table, at);
	fill_proxy(f, t, table, at, &proxy);
	fill_match(f, t, table, at, &proxy);
	snprintf(path, sizeof(path), "%s.advertise", at);
	fill_address(f, path, json_object_get(table, "advertise"),
		     t->advertise);
}

void fill_address(struct fill *f, const char *path, json_t *v, char addr[46])
{
	const char *s = json_string_value(v);

	if (!s)
		return;		/* nil, or told to be no string */
	if (!is_address(s))
		config_problem(f->ck, path, "\"%s\" is no numeric address", s);
	else if (is_wildcard(s))
		config_problem(f->ck, path, "\"%s\" is no address that a peer "
			       "could send to", s);
	else
		snprintf(addr, 46, "%s", s);
}

void fill_proxies(struct fill *f, json_t *sip)
{
	json_t *list = json_object_get(sip, "proxies");
	const size_t n = json_array_size(list);
	struct config *c = f->c;
	char path[64];

	c->proxies = fill_room(f, n, sizeof(*c->proxies));
	for (size_t i = 0; c->proxies && i < n; i++) {
		const char *s = json_string_value(json_array_get(list, i));

		if (!s)
			continue;
		snprintf(path, sizeof(path), "sip.proxies[%zu]", i + 1);
		if (prefix_parse(s, &c->proxies[c->proxy_count]))
			config_problem(f->ck, path, "\"%s\" must be an address "
				       "or a network such as \"10.0.0.0/8\"",
				       s);
		else
			c->proxy_count++;
	}
}
