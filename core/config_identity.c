/*
 * A trunk's keys for digest and for what the agent's phone shows (contract
 * 5.4): username, password, from, caller_id, asserted_identity, diversion.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config_fill.h"
#include "config_keys.h"
#include "config_value.h"

#define SECRET_MAX 128
#define NUMBER_MAX 64

/* Goes between quotes in a digest answer, or into From. */
static bool is_plain(const char *s)
{
	for (; *s; s++)
		if ((unsigned char)*s < ' ' || *s == 0x7f || *s == '"' ||
		    *s == '\\')
			return false;
	return true;
}

/* What is wrong with it is told without it: a log is read by many. */
static char *fill_secret(struct fill *f, json_t *table, const char *row,
			 const char *at, bool plain)
{
	char *s = fill_string(f, table, row);
	const char *wrong = NULL;
	char path[PATH_SIZE];

	if (!s)
		return NULL;
	if (!*s)
		wrong = "must not be empty";
	else if (strlen(s) > SECRET_MAX)
		wrong = "is longer than 128 characters";
	else if (plain && !is_plain(s))
		wrong = "must have neither quotes, backslashes nor control "
			"characters";
	if (!wrong)
		return s;
	snprintf(path, sizeof(path), "%s.%s", at, strrchr(row, '.') + 1);
	config_problem(f->ck, path, "%s", wrong);
	free(s);
	return NULL;
}

/* Our number: of KEY_NUMBER, a number or a name without host. */
static void fill_from(struct fill *f, struct trunk *t, json_t *table,
		      const char *at)
{
	json_t *v = json_object_get(table, "from");
	const char *s = json_string_value(v);
	char path[PATH_SIZE], digits[32];
	uint64_t n;

	if (!s && !is_nil(v) && !whole_parse(v, &n)) {
		snprintf(digits, sizeof(digits), "%" PRIu64, n);
		s = digits;
	}
	if (!s)
		return;
	snprintf(path, sizeof(path), "%s.from", at);
	if (!*s || strlen(s) > NUMBER_MAX || !is_plain(s) ||
	    strpbrk(s, "@<>: "))
		config_problem(f->ck, path, "must be a number or a user's "
			       "name, without scheme and host");
	else
		t->from = fill_copy(f, s);
}

static bool fill_flag(struct fill *f, json_t *table, const char *row)
{
	json_t *v = config_value(table, row, &f->no_memory);
	const bool on = json_is_true(v);

	json_decref(v);
	return on;
}

/* Contract 5.4. */
void fill_identity(struct fill *f, struct trunk *t, json_t *table,
			  const char *at)
{
	static const char *const caller[] = { "auto", "customer", "trunk",
		NULL };
	char path[PATH_SIZE];

	t->username = fill_secret(f, table, "trunks.*.username", at, true);
	t->password = fill_secret(f, table, "trunks.*.password", at, false);
	fill_from(f, t, table, at);
	t->caller_id = (enum caller_id)
		fill_word(f, table, "trunks.*.caller_id", caller);
	t->asserted_identity =
		fill_flag(f, table, "trunks.*.asserted_identity");
	t->diversion = fill_flag(f, table, "trunks.*.diversion");

	/* Of user@realm the user: From has a host of its own. */
	if (t->username && !t->from) {
		t->from = fill_copy(f, t->username);
		if (t->from && *t->from != '@')
			t->from[strcspn(t->from, "@")] = '\0';
	}

	if (t->password && is_nil(json_object_get(table, "username"))) {
		snprintf(path, sizeof(path), "%s.password", at);
		config_problem(f->ck, path, "needs a username");
	}
	if (t->caller_id == CALLER_TRUNK &&
	    is_nil(json_object_get(table, "username")) &&
	    is_nil(json_object_get(table, "from"))) {
		snprintf(path, sizeof(path), "%s.caller_id", at);
		config_problem(f->ck, path, "\"trunk\" needs from or "
			       "username");
	}
}
