/*
 * Hand-overs as the source writes them: `switch { }`, a reply of that type,
 * call:transfer { } and TransferCallToOperator { }.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "check.h"
#include "core/action.h"
#include "core/config.h"
#include "match.h"
#include "program.h"
#include "scan.h"
#include "shard.h"
#include "source_table.h"

/* Refer-To carries at most this much of headers (contract 5.2). */
#define REFER_BYTES 1024

/* An Ethernet frame's UDP packet has 1,472 bytes; an INVITE of ours with SDP
 * takes up to 900 of them. */
#define PACKET_BYTES 550

enum form { NONE, REPLY, TRANSFER, OPERATOR };

static enum form form_of(const struct check *c, const struct source_table *t)
{
	if (source_value_is(source_value(t, "type"), "switch") ||
	    source_table_of(c->tables, t, "switch", false))
		return REPLY;
	if (source_table_of(c->tables, t, "transfer", true))
		return TRANSFER;
	if (source_table_of(c->tables, t, "TransferCallToOperator", false))
		return OPERATOR;
	return NONE;
}

/* A field that is there or is not, by its name. */
static void check_field(const struct check *c, const struct source_value *v)
{
	const char *words[32], *near;
	size_t n = 0;

	if (!v->key || !strcmp(v->key, "type"))
		return;
	for (size_t i = 0; i < action_field_count && n < 31; i++) {
		if (action_fields[i].action != ACT_SWITCH)
			continue;
		if (!strcmp(action_fields[i].name, v->key)) {
			if (!action_fields[i].built)
				check_tell(c, false, v->line, "switch: '%s' "
					   "is not available in this version",
					   v->key);
			return;
		}
		words[n++] = action_fields[i].name;
	}
	words[n] = NULL;
	near = nearest_word(v->key, words);
	check_tell(c, false, v->line, "switch: unknown field '%s'%s%s%s",
		   v->key, near ? "; did you mean '" : "", near ? near : "",
		   near ? "'?" : "");
}

static void check_timeout(const struct check *c,
			  const struct source_value *v)
{
	const uint64_t most = c->config->timers[TIMER_TRANSFER];
	json_t *value = NULL;
	uint64_t ms;

	if (v && v->kind == VALUE_NUMBER)
		value = json_real(v->number);
	else if (v && v->kind == VALUE_TEXT)
		value = json_string(v->text);
	if (value && !duration_parse(value, &ms) && ms > most)
		check_tell(c, true, v->line, "timeout of %llu s is longer "
			   "than a whole transfer may take: it is cut to "
			   "timer 'transfer', %llu s",
			   (unsigned long long)ms / 1000,
			   (unsigned long long)most / 1000);
	json_decref(value);
}

static void check_destinations(const struct check *c,
			       const struct source_value *v)
{
	if (!v || v->kind != VALUE_TABLE)
		return;
	for (size_t i = 0; i < v->table->count; i++)
		if (v->table->values[i].kind == VALUE_TABLE)
			check_timeout(c, source_value(
				v->table->values[i].table, "timeout"));
}

static void check_channel(const struct check *c,
			  const struct source_value *v)
{
	const struct config *config = c->config;
	const char **words, *near;
	size_t i;

	if (!v || v->kind != VALUE_TEXT)
		return;
	words = calloc(config->channel_count + 1, sizeof(*words));
	if (!words)
		return;
	for (i = 0; i < config->channel_count; i++) {
		words[i] = config->channels[i].id;
		if (!strcmp(words[i], v->text))
			break;
	}
	if (i == config->channel_count) {
		near = nearest_word(v->text, words);
		check_tell(c, true, v->line, "transferChannel: the config has "
			   "no channel '%.100s'%s%s%s; the call's own trunk "
			   "is taken", v->text,
			   near ? ", did you mean '" : "", near ? near : "",
			   near ? "'?" : "");
	}
	free(words);
}

/* Bytes that this header takes in a URI (RFC 3261 25.1, hvalue). */
static size_t escaped(const char *s, size_t len)
{
	size_t n = 0;

	for (size_t i = 0; i < len; i++)
		n += strchr("[]/?:+$-_.!~*'()", s[i]) ||
			(s[i] >= '0' && s[i] <= '9') ||
			((s[i] | 32) >= 'a' && (s[i] | 32) <= 'z') ? 1 : 3;
	return n;
}

static bool is_true(const struct source_value *v)
{
	return v && v->kind == VALUE_BOOLEAN && v->on;
}

/* Whether it may be carried out by REFER, by what is written down. */
static bool may_refer(const struct source_table *t, enum form form)
{
	const struct source_value *method = source_value(t, "method");
	const struct source_value *stays = source_value(t, "continueCall");

	if (method && method->kind == VALUE_TEXT &&
	    strcmp(method->text, "auto"))
		return !strcmp(method->text, "refer");
	if (form == OPERATOR || source_value(t, "destinations") ||
	    is_true(source_value(t, "continueRecording")))
		return false;
	if (form == TRANSFER)
		return stays && stays->kind == VALUE_BOOLEAN && !stays->on;
	return !is_true(stays);
}

/* Over TCP alone no packet has an end. */
static bool over_udp(const struct config *config)
{
	for (size_t i = 0; i < config->trunk_count; i++)
		if (!config->trunks[i].transport ||
		    strcmp(config->trunks[i].transport, "tcp"))
			return true;
	return !config->trunk_count;
}

static void check_headers(const struct check *c, const struct source_table *t,
			  enum form form)
{
	const struct source_value *h = source_value(t, "headers");
	size_t plain = 0, uri = 0;

	if (!h || h->kind != VALUE_TABLE)
		return;
	for (size_t i = 0; i < h->table->count; i++) {
		const struct source_value *v = &h->table->values[i];
		const char *text = v->kind == VALUE_TEXT ? v->text : "";
		const size_t len = v->kind == VALUE_TEXT ? v->len : 0;

		if (!v->key)
			continue;
		if (header_is_protected(v->key)) {
			check_tell(c, true, v->line, "header '%s' cannot be "
				   "set by a bot: it is left out", v->key);
			continue;
		}
		if (!header_is_valid(v->key, text, len)) {
			check_tell(c, false, v->line, "header '%.100s': not "
				   "a name and value that SIP can carry",
				   v->key);
			continue;
		}
		plain += strlen(v->key) + 2 + len + 2;
		uri += strlen(v->key) + 1 + escaped(text, len) + 1;
	}
	if (may_refer(t, form) && uri > REFER_BYTES)
		check_tell(c, true, h->line, "headers take %zu bytes of a "
			   "Refer-To, which has room for %d: the rest is left "
			   "out", uri, REFER_BYTES);
	else if (plain > PACKET_BYTES && over_udp(c->config))
		check_tell(c, true, h->line, "headers take %zu bytes: the "
			   "INVITE to the agent outgrows a UDP packet of 1472 "
			   "bytes", plain);
}

/* Whether the state may be another one by the time it ends. */
static bool moves_on(const struct check *c, const struct state *st)
{
	static const char *const words[] = { "enter", "go", "react" };
	const struct source_tables *s = c->tables;

	if (st->no_context)
		return true;
	for (size_t i = 0; s->tok[i].type != TOKEN_END; i++) {
		const struct token *t = &s->tok[i];

		if (t->type != TOKEN_NAME || t->line < st->scan->line ||
		    t->line > st->scan->last)
			continue;
		for (size_t k = 0; k < sizeof(words) / sizeof(*words); k++)
			if (token_is(s->source, t, words[k]))
				return true;
	}
	return false;
}

/* Whether somebody hears how it ended. */
static void check_receiver(const struct check *c,
			   const struct source_value *v)
{
	const struct state *receiver = NULL, *st;

	for (size_t i = 0; i < c->prog->count && !receiver; i++) {
		st = c->prog->all[i];
		for (size_t k = 0; k < st->trigger_count; k++)
			if (st->triggers[k].kind == TRIGGER_EVENT &&
			    !strcmp(st->triggers[k].text, "transfer"))
				receiver = st;
	}
	if (!receiver) {
		check_tell(c, true, v->line, "continueCall brings the "
			   "customer back, but no state handles the event "
			   "'transfer'");
		return;
	}
	st = check_state_at(c, c->src->path, v->line);
	if (st && !moves_on(c, st) && !match_event(c->prog, st, "transfer"))
		check_tell(c, true, v->line, "continueCall brings the "
			   "customer back, but '%s', which handles the event "
			   "'transfer', does not hear it from here: event! "
			   "does", receiver->path);
}

static void check_one(const struct check *c, const struct source_table *t)
{
	const enum form form = form_of(c, t);
	const struct source_value *stays;

	if (form == NONE)
		return;
	for (size_t i = 0; form != OPERATOR && i < t->count; i++)
		check_field(c, &t->values[i]);
	check_timeout(c, source_value(t, "timeout"));
	check_destinations(c, source_value(t, "destinations"));
	check_channel(c, source_value(t, "transferChannel"));
	check_headers(c, t, form);
	stays = source_value(t, "continueCall");
	if (form == REPLY && is_true(stays))
		check_receiver(c, stays);
}

void check_switches(struct check *c)
{
	for (const struct source_table *t = c->tables->first; t; t = t->next)
		check_one(c, t);
}
