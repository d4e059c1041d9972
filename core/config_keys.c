#include "config_keys.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_value.h"

#define PATH_MAX_BYTES 512
#define NAME_MAX_BYTES 128

#define SECOND UINT64_C(1000)
#define DAY (86400 * SECOND)
#define K UINT64_C(1024)
#define M (K * K)
#define G (M * K)

const struct config_key config_keys[] = {
{ "sip", KEY_TABLE, true, .doc = "signalling" },
{ "sip.listen", KEY_LIST, true,
	"[\"udp:127.0.0.1:5060\", \"tcp:127.0.0.1:5060\"]",
	.doc = "sockets, \"udp:ADDRESS:PORT\" or \"tcp:ADDRESS:PORT\"" },
{ "sip.advertise", KEY_STRING, true,
	.doc = "address for Contact, Via and SDP behind NAT" },
{ "sip.accept", KEY_WORD, true, "\"trunks\"", .words = "trunks|any",
	.doc = "whose calls are taken; others get 403" },
{ "sip.proxies", KEY_LIST, true, "[]",
	.doc = "balancers that name the trunk in X-Tandem-Trunk" },
{ "sip.tls", KEY_ANY, false, .doc = "certificate and key for tls" },

{ "media", KEY_TABLE, true, .doc = "the node's own end of audio" },
{ "media.mode", KEY_WORD, true, "\"rtp\"", .words = "none|rtp",
	.doc = "none: signalling only" },
{ "media.address", KEY_STRING, true, "\"127.0.0.1\"",
	.doc = "bound for RTP" },
{ "media.advertise", KEY_STRING, true,
	.doc = "in SDP, if it differs from the address" },
{ "media.ports", KEY_RANGE, true, "[16384, 32767]", 1, 65535,
	.doc = "first and last, four for a call" },
{ "media.codecs", KEY_LIST, true, "[\"PCMU\", \"PCMA\"]",
	.doc = "in order of preference" },
{ "media.threads", KEY_COUNT, false, "1", 1, 64,
	.doc = "that carry RTP" },

{ "trunks", KEY_MAP, true, .doc = "SIP peers by name" },
{ "trunks.*", KEY_TABLE, true, .doc = "a carrier or PBX" },
{ "trunks.*.uri", KEY_STRING, true,
	.doc = "\"sip:HOST:PORT\", where calls over it go" },
{ "trunks.*.proxy", KEY_STRING, true,
	.doc = "outbound proxy, \"sip:HOST:PORT;lr\"" },
{ "trunks.*.register", KEY_BOOL, false, "false",
	.doc = "whether to register there" },
{ "trunks.*.username", KEY_STRING, true, .doc = "for its challenges" },
{ "trunks.*.password", KEY_STRING, true, .doc = "for its challenges" },
{ "trunks.*.from", KEY_NUMBER, true,
	.doc = "our number there; nil: the username" },
{ "trunks.*.caller_id", KEY_WORD, true, "\"auto\"",
	.words = "auto|customer|trunk",
	.doc = "whose number the agent's phone shows" },
{ "trunks.*.asserted_identity", KEY_BOOL, true, "false",
	.doc = "P-Asserted-Identity is sent and believed" },
{ "trunks.*.diversion", KEY_BOOL, true, "false",
	.doc = "Diversion is sent with the called number" },
{ "trunks.*.match", KEY_LIST, true,
	.doc = "source addresses of its calls; else the uri's and proxy's" },
{ "trunks.*.advertise", KEY_STRING, true,
	.doc = "instead of sip's and media's" },
{ "trunks.*.refer", KEY_WORD, true, "\"auto\"",
	.words = "auto|never|always", .doc = "whether it can take a REFER" },
{ "trunks.*.media", KEY_WORD, true, "\"auto\"",
	.words = "auto|node|direct", .doc = "where audio goes" },
{ "trunks.*.headers", KEY_LIST, true, "[]",
	.doc = "passed on to the agent besides X-*" },
{ "trunks.*.numbers", KEY_ANY, false, .doc = "number plan of this trunk" },
{ "trunks.*.options_every", KEY_DURATION, false, .doc = "keep-alive" },
{ "trunks.*.max_calls", KEY_COUNT, false, .doc = "at a time" },
{ "trunks.*.max_cps", KEY_COUNT, false, .doc = "calls a second" },

{ "numbers", KEY_ANY, false, .doc = "number plan, to E.164" },
{ "lists", KEY_ANY, false, .doc = "number lists" },
{ "routes", KEY_ANY, false, .doc = "calls without a channel" },
{ "outbound", KEY_ANY, false, .doc = "trunks by number" },

{ "channels", KEY_MAP, true, .doc = "bots by trunk and number, by id" },
{ "channels.*", KEY_TABLE, true, .doc = "a bot on a trunk and number" },
{ "channels.*.trunk", KEY_STRING, true, .doc = "a trunk's name; nil: any" },
{ "channels.*.number", KEY_NUMBER, true,
	.doc = "called number, may end in *; nil: any" },
{ "channels.*.bot", KEY_STRING, true, .doc = "nil: default_bot" },
{ "channels.*.record", KEY_BOOL, false, "false",
	.doc = "whether calls are recorded" },
{ "channels.*.lines", KEY_COUNT, true, NULL, 1, 1000000,
	.doc = "most calls at a time" },

{ "bots", KEY_MAP, true, .doc = "bot files by name" },
{ "bots.*", KEY_STRING, true, .doc = "path of a bot file" },
{ "default_bot", KEY_STRING, true,
	.doc = "takes calls that nothing else takes; nil: 404" },
{ "timers", KEY_MAP, true, .doc = "by name, see `tandem timers`" },

{ "limits", KEY_TABLE, true, .doc = "of the node and of bots" },
{ "limits.calls", KEY_COUNT, true, NULL, 1, 1000000,
	.doc = "nil: what ports and descriptors allow" },
{ "limits.cps", KEY_COUNT, true, "1000", 1, 1000000,
	.doc = "new calls a second" },
{ "limits.call_duration", KEY_DURATION, true, "\"4h\"", SECOND, 365 * DAY,
	.doc = "of one call" },
{ "limits.handler_instructions", KEY_COUNT, true, "1000000", 1000,
	1000000000000, .doc = "of a handler from wait to wait" },
{ "limits.handler_memory", KEY_SIZE, true, "\"4M\"", 64 * K, 64 * G,
	.doc = "that a handler may gain" },
{ "limits.session_bytes", KEY_SIZE, true, "\"64K\"", K, G,
	.doc = "of call.session and its like" },
{ "limits.bot_memory", KEY_SIZE, true, "\"64M\"", M, 1024 * G,
	.doc = "of a bot version" },
{ "limits.http_hosts", KEY_LIST, TANDEM_WITH_HTTP, "[]",
	.doc = "hosts that call:http may ask: names, \"*.NAME\", networks" },

{ "record", KEY_ANY, false, .doc = "recordings" },
{ "speech", KEY_ANY, false, .doc = "speech providers" },

{ "control", KEY_TABLE, true, .doc = "the control protocol" },
{ "control.listen", KEY_LIST, true, "[\"unix:tandem.sock\"]",
	.doc = "sockets, \"unix:PATH\"" },
{ "control.token", KEY_STRING, false, .doc = "for TCP clients" },
{ "http", KEY_ANY, false, .doc = "metrics and console" },
{ "store", KEY_TABLE, true, .doc = "what is kept of callers" },
{ "store.file", KEY_STRING, true, "\"tandem.db\"",
	.doc = "call.client's SQLite file; \"\": in memory" },
{ "cdr", KEY_TABLE, true, .doc = "call detail records" },
{ "cdr.file", KEY_STRING, true, "\"cdr.jsonl\"",
	.doc = "a JSON line per call; \"\": none" },
{ "log", KEY_TABLE, true, .doc = "the log" },
{ "log.level", KEY_WORD, true, "\"info\"",
	.words = "debug|info|warn|error", .doc = "least level written" },
{ "log.format", KEY_WORD, true, "\"text\"", .words = "text|json",
	.doc = "of a line" },
{ "log.file", KEY_STRING, true, .doc = "nil: stderr" },
};

const size_t config_key_count = sizeof(config_keys) / sizeof(*config_keys);

static const char not_available[] = "not available in this version";

bool is_nil(const json_t *v)
{
	return !v || json_is_null(v);
}

void config_problem(const struct config_check *ck, const char *path,
		    const char *fmt, ...)
{
	char text[512];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	problem_add(ck->p, ck->file, ck->line ? ck->line(ck->arg, path) : 0,
		    "%s: %s", path, text);
}

/* The row of `key` in the table that row `parent` describes ("": the top). */
static const struct config_key *find_row(const char *parent, const char *key)
{
	const size_t n = strlen(parent);

	for (size_t i = 0; i < config_key_count; i++) {
		const char *path = config_keys[i].path;

		if (n && (strncmp(path, parent, n) || path[n] != '.'))
			continue;
		path += n ? n + 1 : 0;
		if (!strcmp(path, "*") ||
		    (!strcmp(path, key) && !strchr(key, '.')))
			return &config_keys[i];
	}
	return NULL;
}

static void unknown_key(const struct config_check *ck, const char *parent,
			const char *path, const char *key)
{
	const char *words[64];
	const char *near;
	const size_t n = strlen(parent);
	size_t count = 0;

	for (size_t i = 0; i < config_key_count && count < 63; i++) {
		const char *p = config_keys[i].path;

		if (n && (strncmp(p, parent, n) || p[n] != '.'))
			continue;
		p += n ? n + 1 : 0;
		if (!strchr(p, '.'))
			words[count++] = p;
	}
	words[count] = NULL;
	near = nearest_word(key, words);
	problem_add(ck->p, ck->file, ck->line ? ck->line(ck->arg, path) : 0,
		    near ? "unknown key '%s', did you mean '%s'?"
			 : "unknown key '%s'", path, near);
}

/* Whether `word` of `len` bytes is one of `words`; `*built` is without `!`. */
static bool has_word(const char *words, const char *word, bool *built)
{
	const size_t len = strlen(word);

	for (const char *w = words; w; w = strchr(w, '|')) {
		if (*w == '|')
			w++;
		*built = *w != '!';
		if (!*built)
			w++;
		if (strcspn(w, "|") == len && !strncmp(w, word, len))
			return true;
	}
	return false;
}

/* "a", "b" or "c", of those that are built: they stand first. */
static const char *list_words(const char *words, char *buf, size_t size)
{
	size_t n = 0;

	buf[0] = '\0';
	for (const char *w = words; *w && *w != '!' && n < size;) {
		const int len = (int)strcspn(w, "|");
		const char *next = w + len + (w[len] != '\0');
		const bool last = !*next || *next == '!';

		n += (size_t)snprintf(buf + n, size - n, "%s\"%.*s\"",
				      !n ? "" : last ? " or " : ", ", len, w);
		w = next;
	}
	return buf;
}

static void check_word(const struct config_check *ck,
		       const struct config_key *row, const char *path,
		       json_t *v)
{
	char buf[200];
	bool built = true;

	if (!json_is_string(v) ||
	    !has_word(row->words, json_string_value(v), &built))
		config_problem(ck, path, "must be %s",
			       list_words(row->words, buf, sizeof(buf)));
	else if (!built)
		config_problem(ck, path, "\"%s\" is %s", json_string_value(v),
			       not_available);
}

static void check_string(const struct config_check *ck, const char *path,
			 json_t *v)
{
	if (!json_is_string(v))
		config_problem(ck, path, "must be a string");
	else if (strlen(json_string_value(v)) != json_string_length(v))
		config_problem(ck, path, "contains a NUL");
}

static void check_list(const struct config_check *ck, const char *path,
		       json_t *v)
{
	char item[PATH_MAX_BYTES + 32];

	/* Lua's {} may have become either. */
	if (json_is_object(v) && !json_object_size(v))
		return;
	if (!json_is_array(v)) {
		config_problem(ck, path, "must be a list of strings");
		return;
	}
	for (size_t i = 0; i < json_array_size(v); i++) {
		snprintf(item, sizeof(item), "%s[%zu]", path, i + 1);
		check_string(ck, item, json_array_get(v, i));
	}
}

static void check_range(const struct config_check *ck,
			const struct config_key *row, const char *path,
			json_t *v)
{
	uint64_t n[2];

	if (json_array_size(v) != 2 || whole_parse(json_array_get(v, 0), &n[0]) ||
	    whole_parse(json_array_get(v, 1), &n[1]))
		config_problem(ck, path, "must be { first, last }");
	else if (n[0] < row->min || n[1] > row->max || n[0] > n[1])
		config_problem(ck, path, "must lie between %" PRIu64 " and %"
			       PRIu64 ", the first not above the last",
			       row->min, row->max);
}

static void check_duration(const struct config_check *ck,
			   const struct config_key *row, const char *path,
			   json_t *v)
{
	uint64_t ms;

	if (duration_parse(v, &ms))
		config_problem(ck, path, "must be a duration, such as 30, "
			       "\"30s\", \"500ms\" or \"5m\"");
	else if (ms < row->min || ms > row->max)
		config_problem(ck, path, "must be from %g to %g seconds",
			       (double)row->min / 1000,
			       (double)row->max / 1000);
}

static void check_whole(const struct config_check *ck,
			const struct config_key *row, const char *path,
			json_t *v)
{
	uint64_t n;

	if (row->type == KEY_SIZE ? size_parse(v, &n) : whole_parse(v, &n))
		config_problem(ck, path, row->type == KEY_SIZE
			       ? "must be a size, such as 65536, \"64K\" or "
				 "\"4M\"" : "must be a whole number");
	else if (n < row->min || n > row->max)
		config_problem(ck, path, "must be from %" PRIu64 " to %" PRIu64,
			       row->min, row->max);
}

static void check_number(const struct config_check *ck, const char *path,
			 json_t *v)
{
	uint64_t n;

	if (json_is_string(v))
		check_string(ck, path, v);
	else if (whole_parse(v, &n))
		config_problem(ck, path, "must be a number or a string");
}

/* What this version does not have may still be said to be off. */
static bool is_default(const struct config_key *row, json_t *v)
{
	json_t *def;
	bool same;

	if (json_is_object(v) || json_is_array(v))
		return !json_object_size(v) && !json_array_size(v);
	if (!row->def)
		return false;
	def = json_loads(row->def, JSON_DECODE_ANY, NULL);
	same = json_equal(def, v) ||
	       (json_is_number(def) && json_is_number(v) &&
		json_number_value(def) >= json_number_value(v) &&
		json_number_value(def) <= json_number_value(v));
	json_decref(def);
	return same;
}

static void check_table(const struct config_check *ck, const char *parent,
			const char *at, json_t *table);

static void check_timers(const struct config_check *ck, json_t *v)
{
	const char *words[TIMERS + 1];
	char path[PATH_MAX_BYTES];
	const char *key;
	json_t *value;

	for (int i = 0; i < TIMERS; i++)
		words[i] = timer_table[i].name;
	words[TIMERS] = NULL;
	json_object_foreach(v, key, value) {
		const struct config_key row = { .min = 1, .max = DAY };
		const int id = timer_find(key);
		uint64_t ms;

		snprintf(path, sizeof(path), "timers.%s", key);
		if (id < 0) {
			const char *near = nearest_word(key, words);

			config_problem(ck, path, near
				       ? "no timer has this name, did you "
					 "mean '%s'?"
				       : "no timer has this name", near);
		} else if (is_nil(value)) {
			continue;
		} else if (!timer_table[id].built &&
			   (duration_parse(value, &ms) ||
			    ms != timer_table[id].ms)) {
			config_problem(ck, path, "%s", not_available);
		} else {
			check_duration(ck, &row, path, value);
		}
	}
}

static bool name_ok(const char *name)
{
	const size_t n = strlen(name);

	for (const char *c = name; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return n && n <= NAME_MAX_BYTES;
}

static void check_value(const struct config_check *ck,
			const struct config_key *row, const char *path,
			json_t *v)
{
	const bool empty = json_is_array(v) && !json_array_size(v);

	if (is_nil(v))
		return;
	if (!row->built) {
		if (!is_default(row, v))
			config_problem(ck, path, "%s", not_available);
		return;
	}
	switch (row->type) {
	case KEY_TABLE:
	case KEY_MAP:
		if (!json_is_object(v) && !empty)
			config_problem(ck, path, "must be a table with names "
				       "as keys");
		else if (!strcmp(row->path, "timers"))
			check_timers(ck, v);
		else
			check_table(ck, row->path, path, v);
		break;
	case KEY_LIST:
		check_list(ck, path, v);
		break;
	case KEY_STRING:
		check_string(ck, path, v);
		break;
	case KEY_NUMBER:
		check_number(ck, path, v);
		break;
	case KEY_WORD:
		check_word(ck, row, path, v);
		break;
	case KEY_BOOL:
		if (!json_is_boolean(v))
			config_problem(ck, path, "must be true or false");
		break;
	case KEY_COUNT:
	case KEY_SIZE:
		check_whole(ck, row, path, v);
		break;
	case KEY_DURATION:
		check_duration(ck, row, path, v);
		break;
	case KEY_RANGE:
		check_range(ck, row, path, v);
		break;
	case KEY_ANY:
		break;
	}
}

static void check_table(const struct config_check *ck, const char *parent,
			const char *at, json_t *table)
{
	char path[PATH_MAX_BYTES];
	const char *key;
	json_t *v;

	json_object_foreach(table, key, v) {
		const struct config_key *row = find_row(parent, key);

		snprintf(path, sizeof(path), "%s%s%s", at, *at ? "." : "", key);
		if (!row)
			unknown_key(ck, parent, path, key);
		else if (strchr(row->path, '*') && !name_ok(key))
			config_problem(ck, path, "a name has 1 to %d "
				       "characters, none of them a control "
				       "character", NAME_MAX_BYTES);
		else
			check_value(ck, row, path, v);
	}
}

void config_check_tree(const struct config_check *ck, json_t *tree)
{
	if (json_is_object(tree) ||
	    (json_is_array(tree) && !json_array_size(tree)))
		check_table(ck, "", "", tree);
	else
		problem_add(ck->p, ck->file, 0,
			    "the config must be a table with names as keys");
}

json_t *config_value(json_t *table, const char *row, bool *no_memory)
{
	const char *dot = strrchr(row, '.');
	json_t *v = json_object_get(table, dot ? dot + 1 : row);

	if (!is_nil(v))
		return json_incref(v);
	for (size_t i = 0; i < config_key_count; i++) {
		if (strcmp(config_keys[i].path, row) || !config_keys[i].def)
			continue;
		v = json_loads(config_keys[i].def, JSON_DECODE_ANY, NULL);
		if (!v)
			*no_memory = true;
		return v;
	}
	return NULL;
}
