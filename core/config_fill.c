#include "config_fill.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "config_keys.h"
#include "config_value.h"
#include "hosts.h"

#define CALL_PORTS 4		/* two legs, RTP and RTCP */
#define SIP_PORT 5060

bool is_empty(const json_t *v)
{
	return (json_is_array(v) && !json_array_size(v)) ||
	       (json_is_object(v) && !json_object_size(v));
}

char *fill_copy(struct fill *f, const char *s)
{
	char *out = strdup(s);

	if (!out)
		f->no_memory = true;
	return out;
}

void *fill_room(struct fill *f, size_t count, size_t size)
{
	void *p = calloc(count ? count : 1, size);

	if (!p)
		f->no_memory = true;
	return p;
}

char *fill_string(struct fill *f, json_t *table, const char *row)
{
	json_t *v = config_value(table, row, &f->no_memory);
	char *s = json_is_string(v) ? fill_copy(f, json_string_value(v)) : NULL;

	json_decref(v);
	return s;
}

void fill_text(struct fill *f, json_t *table, const char *row, char *buf,
	       size_t size)
{
	json_t *v = config_value(table, row, &f->no_memory);
	const char *s = json_is_string(v) ? json_string_value(v) : "";

	/* what is cut off must not look right */
	if (strlen(s) >= size)
		snprintf(buf, size, "%.*s...", (int)size - 4, s);
	else
		strcpy(buf, s);
	json_decref(v);
}

int fill_word(struct fill *f, json_t *table, const char *row,
	      const char *const *words)
{
	char buf[32];

	fill_text(f, table, row, buf, sizeof(buf));
	for (int i = 0; words[i]; i++)
		if (!strcmp(words[i], buf))
			return i;
	return 0;
}

uint64_t fill_whole(struct fill *f, json_t *table, const char *row)
{
	json_t *v = config_value(table, row, &f->no_memory);
	uint64_t n = 0;

	if (size_parse(v, &n))
		n = 0;
	json_decref(v);
	return n;
}

uint64_t fill_duration(struct fill *f, json_t *table, const char *row)
{
	json_t *v = config_value(table, row, &f->no_memory);
	uint64_t ms = 0;

	if (!v || duration_parse(v, &ms))
		ms = 0;
	json_decref(v);
	return ms;
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

const char **fill_keys(struct fill *f, json_t *table, size_t *count)
{
	const char **keys = fill_room(f, json_object_size(table), sizeof(*keys));
	const char *key;
	json_t *v;

	*count = 0;
	if (!keys)
		return NULL;
	json_object_foreach(table, key, v)
		keys[(*count)++] = key;
	if (*count)
		qsort(keys, *count, sizeof(*keys), by_name);
	return keys;
}

/* sip */

static void add_listen(struct fill *f, const char *path, const char *text)
{
	struct config *c = f->c;
	struct listen *l = &c->listen[c->listen_count];
	const char *wrong;
	int port;

	if (!strncmp(text, "tls:", 4)) {
		config_problem(f->ck, path, "tls: not available in this "
			       "version");
		return;
	}
	if (strncmp(text, "udp:", 4) && strncmp(text, "tcp:", 4)) {
		config_problem(f->ck, path, "must be \"udp:ADDRESS:PORT\" "
			       "or \"tcp:ADDRESS:PORT\"");
		return;
	}
	wrong = address_parse(text + 4, l->host, &port);
	if (wrong) {
		config_problem(f->ck, path, "\"%s\" %s", text, wrong);
		return;
	}
	if (is_wildcard(l->host)) {
		config_problem(f->ck, path, "an address of this machine must "
			       "be named (sip.advertise may be another)");
		return;
	}
	snprintf(l->transport, sizeof(l->transport), "%.3s", text);
	l->port = port < 0 ? SIP_PORT : (uint16_t)port;
	for (size_t i = 0; l->port && i < c->listen_count; i++) {
		if (strcmp(c->listen[i].host, l->host) ||
		    strcmp(c->listen[i].transport, l->transport) ||
		    c->listen[i].port != l->port)
			continue;
		config_problem(f->ck, path, "\"%s\" is there twice", text);
		return;
	}
	c->listen_count++;
}

static void fill_sip(struct fill *f, json_t *sip)
{
	static const char *const accept[] = { "trunks", "any", NULL };
	json_t *list = config_value(sip, "sip.listen", &f->no_memory);
	char path[64];

	fill_address(f, "sip.advertise", json_object_get(sip, "advertise"),
		     f->c->advertise);
	fill_proxies(f, sip);
	f->c->accept_any = fill_word(f, sip, "sip.accept", accept) == 1;
	f->c->listen = fill_room(f, json_array_size(list), sizeof(*f->c->listen));
	for (size_t i = 0; f->c->listen && i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		snprintf(path, sizeof(path), "sip.listen[%zu]", i + 1);
		if (s)
			add_listen(f, path, s);
	}
	if (is_empty(list))
		config_problem(f->ck, "sip.listen", "nothing to listen on");
	json_decref(list);
}

/* media */

static void fill_codecs(struct fill *f, json_t *media)
{
	static const char *const known[] = { "PCMU", "PCMA", NULL };
	struct config *c = f->c;
	json_t *list = config_value(media, "media.codecs", &f->no_memory);
	char path[64];

	c->codecs = fill_room(f, json_array_size(list), sizeof(*c->codecs));
	for (size_t i = 0; c->codecs && i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));
		const char *name = NULL;

		if (!s)
			continue;
		snprintf(path, sizeof(path), "media.codecs[%zu]", i + 1);
		for (int k = 0; known[k]; k++)
			if (!strcasecmp(known[k], s))
				name = known[k];
		if (!name) {
			config_problem(f->ck, path, "codec \"%s\" is not "
				       "available in this version (PCMU and "
				       "PCMA are)", s);
			continue;
		}
		for (size_t k = 0; name && k < c->codec_count; k++) {
			if (strcmp(c->codecs[k], name))
				continue;
			config_problem(f->ck, path, "\"%s\" is there twice",
				       s);
			name = NULL;
		}
		if (name)
			c->codecs[c->codec_count] = fill_copy(f, name);
		if (name && c->codecs[c->codec_count])
			c->codec_count++;
	}
	if (is_empty(list))
		config_problem(f->ck, "media.codecs", "must name a codec");
	json_decref(list);
}

static void check_address(struct fill *f, const char *path, const char *addr,
			  bool wildcard)
{
	if (!*addr)
		return;		/* nil, or told to be no string */
	if (!is_address(addr))
		config_problem(f->ck, path, "\"%s\" is no numeric address",
			       addr);
	else if (!wildcard && is_wildcard(addr))
		config_problem(f->ck, path, "\"%s\" is no address that a peer "
			       "could send to%s", addr,
			       !strcmp(path, "media.address")
			       ? ": media.advertise must name one" : "");
}

static void fill_media(struct fill *f, json_t *media)
{
	static const char *const mode[] = { "none", "rtp", NULL };
	struct config *c = f->c;
	json_t *ports = config_value(media, "media.ports", &f->no_memory);
	uint64_t n[2];

	c->media_mode = fill_word(f, media, "media.mode", mode) == 1
		? MEDIA_RTP : MEDIA_NONE;
	fill_text(f, media, "media.address", c->media_address,
		 sizeof(c->media_address));
	fill_text(f, media, "media.advertise", c->media_advertise,
		 sizeof(c->media_advertise));
	if (!*c->media_advertise)
		strcpy(c->media_advertise, c->advertise);
	check_address(f, "media.address", c->media_address,
		      *c->media_advertise);
	check_address(f, "media.advertise", c->media_advertise, false);
	if (!whole_parse(json_array_get(ports, 0), &n[0]) &&
	    !whole_parse(json_array_get(ports, 1), &n[1]) && n[0] &&
	    n[0] <= n[1] && n[1] <= UINT16_MAX) {
		c->port_min = (uint16_t)n[0];
		c->port_max = (uint16_t)n[1];
	}
	json_decref(ports);
	fill_codecs(f, media);
}

/* the rest */

static void fill_timers(struct fill *f, json_t *timers)
{
	uint64_t *ms = f->c->timers;
	const char *key;
	json_t *v;

	timers_default(ms);
	json_object_foreach(timers, key, v) {
		const int id = timer_find(key);
		uint64_t n;

		if (id >= 0 && !is_nil(v) && !duration_parse(v, &n))
			ms[id] = n;
	}
	if (ms[TIMER_T1X64] < ms[TIMER_T1])
		config_problem(f->ck, "timers.t1x64", "must not be below t1");
}

static void fill_hosts(struct fill *f, json_t *limits)
{
	json_t *list = config_value(limits, "limits.http_hosts",
				    &f->no_memory);
	struct config *c = f->c;
	char path[64];

	c->http_hosts = fill_room(f, json_array_size(list) + 1,
				  sizeof(*c->http_hosts));
	for (size_t i = 0; c->http_hosts && i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		snprintf(path, sizeof(path), "limits.http_hosts[%zu]", i + 1);
		if (!s)
			continue;
		if (!hosts_entry_ok(s))
			config_problem(f->ck, path, "\"%s\" must be a host's "
				       "name, \"*.NAME\", an address or a "
				       "network; without scheme and port", s);
		c->http_hosts[c->http_host_count] = fill_copy(f, s);
		if (c->http_hosts[c->http_host_count])
			c->http_host_count++;
	}
	json_decref(list);
}

static void fill_limits(struct fill *f, json_t *limits)
{
	struct config *c = f->c;
	uint64_t ports = 0;

	c->calls = fill_whole(f, limits, "limits.calls");
	c->cps = fill_whole(f, limits, "limits.cps");
	c->call_duration =
		fill_duration(f, limits, "limits.call_duration");
	c->limits.handler_instructions =
		fill_whole(f, limits, "limits.handler_instructions");
	c->limits.handler_memory =
		fill_whole(f, limits, "limits.handler_memory");
	c->limits.session_bytes =
		fill_whole(f, limits, "limits.session_bytes");
	c->limits.bot_memory = fill_whole(f, limits, "limits.bot_memory");
	fill_hosts(f, limits);

	if (c->media_mode != MEDIA_RTP || !c->port_min)
		return;
	/* whole pairs, RTP on the even port */
	if (c->port_max > ((c->port_min + 1u) & ~1u))
		ports = (c->port_max - ((c->port_min + 1u) & ~1u) + 1u) & ~1u;
	if (ports < CALL_PORTS)
		config_problem(f->ck, "media.ports", "a call needs %d ports, "
			       "in pairs from an even one on", CALL_PORTS);
	else if (c->calls > ports / CALL_PORTS)
		config_problem(f->ck, "limits.calls", "%" PRIu64 " calls need "
			       "%" PRIu64 " ports, media.ports has %" PRIu64,
			       c->calls, c->calls * CALL_PORTS, ports);
}

static void add_control(struct fill *f, const char *path, const char *s)
{
	struct config *c = f->c;
	char *full;

	if (!strncmp(s, "tcp:", 4)) {
		config_problem(f->ck, path, "tcp: not available in this "
			       "version");
		return;
	}
	if (strncmp(s, "unix:", 5) || !s[5]) {
		config_problem(f->ck, path, "must be \"unix:PATH\"");
		return;
	}
	s += 5;
	for (size_t i = 0; i < c->control_count; i++) {
		if (strcmp(c->control[i], s))
			continue;
		config_problem(f->ck, path, "\"%s\" is there twice", s);
		return;
	}
	full = config_path(c, s);
	if (!full) {
		f->no_memory = true;
		return;
	}
	if (strlen(full) >= sizeof(((struct sockaddr_un *)0)->sun_path))
		config_problem(f->ck, path, "\"%s\" is longer than the path "
			       "of a socket may be", full);
	free(full);
	c->control[c->control_count] = fill_copy(f, s);
	if (c->control[c->control_count])
		c->control_count++;
}

static void fill_control(struct fill *f, json_t *control)
{
	json_t *list = config_value(control, "control.listen", &f->no_memory);
	char path[64];

	f->c->control = fill_room(f, json_array_size(list),
			     sizeof(*f->c->control));
	for (size_t i = 0; f->c->control && i < json_array_size(list); i++) {
		const char *s = json_string_value(json_array_get(list, i));

		snprintf(path, sizeof(path), "control.listen[%zu]", i + 1);
		if (s)
			add_control(f, path, s);
	}
	json_decref(list);
}

/* A file that may be "" for none. */
static char *fill_file(struct fill *f, json_t *table, const char *row)
{
	char *file = fill_string(f, table, row);

	if (file && !*file) {
		free(file);
		file = NULL;
	}
	return file;
}

static void fill_files(struct fill *f, json_t *cdr, json_t *log)
{
	static const char *const levels[] = {
		"debug", "info", "warn", "error", NULL,
	};
	static const char *const formats[] = { "text", "json", NULL };
	struct config *c = f->c;

	c->cdr_file = fill_file(f, cdr, "cdr.file");
	c->log.level = (enum log_level)fill_word(f, log, "log.level", levels);
	c->log.json = fill_word(f, log, "log.format", formats) == 1;
	c->log.file = fill_string(f, log, "log.file");
	if (c->log.file && !*c->log.file)
		config_problem(f->ck, "log.file", "must be a path");
}

static char *folder_of(struct fill *f, const char *file)
{
	const char *slash = file ? strrchr(file, '/') : NULL;
	size_t n = slash ? (size_t)(slash - file) : 0;
	char *folder;

	if (!slash)
		return fill_copy(f, ".");
	if (!n)
		n = 1;		/* the root */
	folder = fill_room(f, n + 1, 1);
	if (folder)
		memcpy(folder, file, n);
	return folder;
}

bool config_fill(struct config *c, const struct config_check *ck,
		 json_t *tree, const char *file)
{
	struct fill f = { .c = c, .ck = ck };

	if (file)
		c->file = fill_copy(&f, file);
	c->folder = folder_of(&f, file);
	if (f.no_memory)
		return false;

	fill_sip(&f, json_object_get(tree, "sip"));
	fill_media(&f, json_object_get(tree, "media"));
	fill_names(&f, tree);
	fill_timers(&f, json_object_get(tree, "timers"));
	fill_limits(&f, json_object_get(tree, "limits"));
	fill_control(&f, json_object_get(tree, "control"));
	c->store_file = fill_file(&f, json_object_get(tree, "store"),
				  "store.file");
	fill_files(&f, json_object_get(tree, "cdr"),
		   json_object_get(tree, "log"));
	return !f.no_memory;
}
