#include "config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "config_fill.h"
#include "config_keys.h"
#include "config_value.h"

#define SIP_PORT 5060

/*
 * Without a file: one trunk on this machine, the bot that comes with Tandem.
 * What the rows of the table give by default is not repeated here.
 */
static const char embedded[] =
"{"
"  \"trunks\": { \"office\": {"
"    \"uri\": \"sip:127.0.0.1:5070\", \"match\": [\"127.0.0.1\"],"
"    \"headers\": [\"User-to-User\"] } },"
"  \"channels\": {"
"    \"237-test-237-VDQ-28334674\": { \"trunk\": \"office\","
"      \"number\": \"100\", \"bot\": \"support\", \"lines\": 30 },"
"    \"desk\": { \"trunk\": \"office\", \"number\": \"101\","
"      \"bot\": \"support\" } },"
"  \"bots\": { \"support\": \"bots/support.lua\" },"
"  \"default_bot\": \"support\""
"}";

/* In the order of the file; a tree's keys come in any. */
static void sort_problems(struct problems *p, size_t from)
{
	for (size_t i = from; i < p->count; i++) {
		const struct problem pr = p->list[i];
		size_t k = i;

		for (; k > from && p->list[k - 1].line > pr.line; k--)
			p->list[k] = p->list[k - 1];
		p->list[k] = pr;
	}
}

struct config *config_parse(json_t *tree, const char *file,
			    config_line_h *line, void *arg,
			    struct problems *p)
{
	const struct config_check ck = {
		.file = file ? file : "embedded defaults",
		.line = line, .arg = arg, .p = p,
	};
	const size_t count = p->count;
	struct config *c = calloc(1, sizeof(*c));
	bool filled = false;

	tree = tree ? json_incref(tree) : json_loads(embedded, 0, NULL);
	if (c && tree) {
		config_check_tree(&ck, tree);
		filled = config_fill(c, &ck, tree, file);
	}
	json_decref(tree);
	if (!filled && !p->errors)
		problem_add(p, ck.file, 0, "out of memory");
	sort_problems(p, count);
	if (p->errors) {
		config_free(c);
		return NULL;
	}
	return c;
}

static void free_strings(char **list, size_t count)
{
	for (size_t i = 0; list && i < count; i++)
		free(list[i]);
	free(list);
}

void config_free(struct config *c)
{
	if (!c)
		return;

	for (size_t i = 0; i < c->trunk_count; i++) {
		struct trunk *t = &c->trunks[i];

		free(t->name);
		free(t->uri);
		free(t->proxy);
		free(t->match);
		free(t->username);
		free(t->password);
		free(t->from);
		free_strings(t->headers, t->header_count);
	}
	for (size_t i = 0; i < c->channel_count; i++) {
		free(c->channels[i].id);
		free(c->channels[i].number);
		free(c->channels[i].bot);
	}
	for (size_t i = 0; i < c->bot_count; i++) {
		free(c->bots[i].name);
		free(c->bots[i].path);
	}
	free(c->trunks);
	free(c->channels);
	free(c->bots);
	free(c->listen);
	free(c->proxies);
	free_strings(c->codecs, c->codec_count);
	free_strings(c->control, c->control_count);
	free_strings(c->http_hosts, c->http_host_count);
	free(c->default_bot);
	free(c->store_file);
	free(c->cdr_file);
	free((char *)c->log.file);
	free(c->file);
	free(c->folder);
	free(c);
}

char *config_path(const struct config *c, const char *path)
{
	size_t n;
	char *full;

	if (*path == '/' || !strcmp(c->folder, "."))
		return strdup(path);

	n = strlen(c->folder) + strlen(path) + 2;
	full = malloc(n);
	if (full)
		snprintf(full, n, "%s%s%s", c->folder,
			 c->folder[strlen(c->folder) - 1] == '/' ? "" : "/",
			 path);
	return full;
}

const struct trunk *config_trunk(const struct config *c, const char *name)
{
	size_t low = 0, high = c->trunk_count;

	while (low < high) {
		const size_t mid = (low + high) / 2;
		const int d = strcmp(name, c->trunks[mid].name);

		if (!d)
			return &c->trunks[mid];
		if (d < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

struct channel *config_channel(struct config *c, const char *id)
{
	size_t low = 0, high = c->channel_count;

	while (low < high) {
		const size_t mid = (low + high) / 2;
		const int d = strcmp(id, c->channels[mid].id);

		if (!d)
			return &c->channels[mid];
		if (d < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return NULL;
}

const struct trunk *config_trunk_by_source(const struct config *c,
					   const struct sockaddr *source)
{
	for (size_t i = 0; source && i < c->trunk_count; i++)
		for (size_t k = 0; k < c->trunks[i].match_count; k++)
			if (prefix_has(&c->trunks[i].match[k], source))
				return &c->trunks[i];
	return NULL;
}

bool config_is_proxy(const struct config *c, const struct sockaddr *source)
{
	for (size_t i = 0; source && i < c->proxy_count; i++)
		if (prefix_has(&c->proxies[i], source))
			return true;
	return false;
}

/* ::1 and 0:0::1 are one host; so are names that differ in case only. */
static bool same_host(const char *a, const char *b)
{
	struct prefix x, y;

	if (prefix_parse(a, &x))
		return !strcasecmp(a, b);
	if (prefix_parse(b, &y))
		return false;
	return x.family == y.family &&
	       !memcmp(x.addr, y.addr, sizeof(x.addr));
}

static uint16_t port_of(const struct trunk *t)
{
	return t->port ? t->port : SIP_PORT;
}

const struct trunk *config_trunk_by_host(const struct config *c,
					 const char *host, uint16_t port)
{
	const size_t n = strlen(host);
	char plain[64];

	if (n > 2 && n < sizeof(plain) && host[0] == '[') {
		memcpy(plain, host + 1, n - 2);
		plain[n - 2] = '\0';
		host = plain;
	}
	for (size_t i = 0; i < c->trunk_count; i++)
		if (same_host(c->trunks[i].host, host) &&
		    (!port || port == port_of(&c->trunks[i])))
			return &c->trunks[i];
	return NULL;
}

/* The more a number says the better: all of it, a long start, a short one,
 * nothing. */
static size_t weight(const struct channel *ch)
{
	size_t n;

	if (!ch->number)
		return 0;
	n = strlen(ch->number);
	return ch->number[n - 1] == '*' ? n : SIZE_MAX;
}

struct channel *config_channel_for(struct config *c,
				   const struct trunk *trunk,
				   const char *user)
{
	struct channel *best = NULL;

	for (size_t i = 0; i < c->channel_count; i++) {
		struct channel *ch = &c->channels[i];

		if (ch->trunk && ch->trunk != trunk)
			continue;
		if (ch->number && !number_matches(ch->number, user))
			continue;
		if (!best || weight(ch) > weight(best) ||
		    (weight(ch) == weight(best) && ch->trunk && !best->trunk))
			best = ch;
	}
	return best;
}
