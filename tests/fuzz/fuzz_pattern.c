/*
 * Patterns as a hurried author writes them, and what a customer may say: the
 * first line is the pattern, `Name=pattern` lines follow, then an empty line
 * and the utterance.
 */
#include <jansson.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lua/pattern.h"
#include "lua/pattern_names.h"

#define BUDGET 200000

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The next line, ended; NULL: none. */
static char *line(char **at)
{
	char *s = *at, *end;

	if (!s)
		return NULL;
	end = strchr(s, '\n');
	*at = end ? end + 1 : NULL;
	if (end)
		*end = '\0';
	return s;
}

static struct pattern_names *definitions(char **at)
{
	struct pattern_names *names = pattern_names_new();
	char *list[64], *s, *equals, err[200];
	int n = 0;

	while ((s = line(at)) && *s) {
		equals = strchr(s, '=');
		if (!equals || n == 64)
			continue;
		*equals = '\0';
		if (!pattern_names_add(names, s, equals + 1, err, sizeof(err)))
			list[n++] = s;
	}
	while (n--)
		pattern_names_check(names, list[n], err, sizeof(err));
	return names;
}

static bool has(const struct utterance *u, const struct pattern_key *k)
{
	for (size_t i = 0; i < utterance_words(u); i++) {
		size_t len;
		const char *w = utterance_word(u, i, &len);

		if ((k->stem ? len >= k->len : len == k->len) &&
		    pattern_hash(0, w, k->len) == k->hash)
			return true;
	}
	return false;
}

/* What matched has the words that the index looks for. */
static void check_keys(const struct pattern *p, const struct utterance *u)
{
	size_t n, i, k;
	const struct pattern_key *keys = pattern_keys(p, &n);

	for (i = 0; i < n; i = k) {
		bool found = false;

		for (k = i; k < n && keys[k].set == keys[i].set; k++)
			found = found || has(u, &keys[k]);
		if (!found)
			abort();
	}
}

static void match(const struct pattern *p, struct utterance *u)
{
	struct match m, again;
	json_t *tree;

	utterance_budget(u, BUDGET);
	if (pattern_match(p, u, &m)) {
		check_keys(p, u);
		if (!pattern_match(p, u, &again) && !utterance_spent(u))
			abort();
		tree = pattern_tree(p, u);
		json_decref(tree);
	}
	/* A step may go over by one word's states, no more. */
	if (utterance_used(u) > BUDGET + 2 * PATTERN_STATES_MAX)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct pattern_names *names;
	struct utterance *u;
	struct pattern *p;
	char *text = malloc(size + 1), *at = text, *source, err[200];

	memcpy(text, data, size);
	text[size] = '\0';
	source = line(&at);
	names = definitions(&at);
	p = pattern_compile_with(names, source, err, sizeof(err));
	/* The rest may have NULs. */
	u = at ? utterance_new((const char *)data + (at - text),
			       size - (size_t)(at - text))
		: utterance_new("", 0);
	if (p)
		match(p, u);
	utterance_free(u);
	pattern_free(p);
	pattern_names_free(names);
	free(text);
	return 0;
}
