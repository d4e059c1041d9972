#include "method_bot.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uv.h>

#include "core/problem.h"
#include "peer.h"
#include "request.h"

/* One line for people: as many of the errors as it takes. */
static void errors_line(const struct problems *p, char *buf, size_t size)
{
	char text[1024];
	size_t n = 0, told = 0, len;

	*buf = '\0';
	for (size_t i = 0; i < p->count; i++) {
		if (p->list[i].warning)
			continue;
		problem_text(p, i, text, sizeof(text));
		len = strlen(text);
		/* room for what tells of the rest */
		if (told && n + len + 32 > size)
			break;
		n += (size_t)snprintf(buf + n, size - n, "%s%s",
				      told ? "; " : "", text);
		if (n >= size)
			return;
		told++;
	}
	if (told < p->errors)
		snprintf(buf + n, size - n, "; %zu more in the log",
			 p->errors - told);
}

/* {version, warnings}: both left out where there are none. */
static json_t *result_of(const struct problems *p, unsigned version)
{
	json_t *result = json_object(), *warnings;
	char text[1024];

	if (version)
		json_object_set_new(result, "version",
				    json_integer(version));
	if (p->count == p->errors)
		return result;
	warnings = json_array();
	for (size_t i = 0; i < p->count; i++)
		if (p->list[i].warning)
			json_array_append_new(warnings, json_string(
				problem_text(p, i, text, sizeof(text))));
	json_object_set_new(result, "warnings", warnings);
	return result;
}

int method_bot_list(struct request *r)
{
	const struct control_options *o = &r->c->o;
	json_t *bots = o->bots ? o->bots(o->arg) : NULL;

	if (!bots)
		return request_fail_uv(r, o->bots ? UV_ENOMEM : UV_ENOENT,
				       NULL);
	pack_json(&r->pk, bots);
	json_decref(bots);
	return 0;
}

/* The answer comes with control_reloaded(): to those who wait for `bot`. */
static int later(struct request *r, const char *bot)
{
	free(r->peer->waits_for);
	r->peer->waits_for = strdup(bot);
	if (!r->peer->waits_for)
		return request_fail_uv(r, UV_ENOMEM, NULL);
	r->later = true;
	return 0;
}

int method_bot_reload(struct request *r)
{
	const struct control_options *o = &r->c->o;
	const char *name = json_string_value(json_object_get(r->params,
							     "bot"));

	if (!o->reload_bot || o->reload_bot(o->arg, name) == UV_ENOENT)
		return request_fail(r, "not_found", "there is no bot %.100s",
				    name);
	return later(r, name);
}

int method_node_reload(struct request *r)
{
	if (!r->c->o.reload)
		return request_fail(r, "not_found",
				    "not available on this node");
	r->c->o.reload(r->c->o.arg);
	return later(r, "");
}

void control_reloaded(struct control *c, const char *bot, unsigned version,
		      const struct problems *p)
{
	char text[sizeof(((struct request *)0)->message)];
	json_t *result = result_of(p, version);

	errors_line(p, text, sizeof(text));
	for (struct peer *peer = c->peers; peer; peer = peer->next)
		if (peer->waits && !strcmp(peer->waits_for, bot ? bot : ""))
			request_answer(peer, p->errors ? "invalid" : NULL,
				       text, result);
	json_decref(result);
}
