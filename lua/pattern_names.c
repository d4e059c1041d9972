/**
 * @file pattern_names.c  The patterns that a bot gives names to
 */
#include "pattern_names.h"

#include <ctype.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core/problem.h"
#include "pattern_tree.h"

enum color { WHITE, GREY, BLACK };

struct name {
	char *name;
	struct pattern_tree tree;
	enum color color;
	bool wrong;
	char *problem;
};

struct pattern_names {
	struct name *list;		/**< in the order added          */
	const char **words;		/**< the names, NULL-terminated  */
	int *sorted;			/**< numbers, by name            */
	int count, room;
};

struct pattern_names *pattern_names_new(void)
{
	return calloc(1, sizeof(struct pattern_names));
}

void pattern_names_free(struct pattern_names *names)
{
	if (!names)
		return;
	for (int i = 0; i < names->count; i++) {
		free(names->list[i].name);
		free(names->list[i].problem);
		pattern_tree_close(&names->list[i].tree);
	}
	free(names->list);
	free(names->words);
	free(names->sorted);
	free(names);
}

static int compare(const char *a, const char *b, size_t len)
{
	const int d = strncmp(a, b, len);

	return d ? d : a[len] != '\0';
}

/* Place in the sorted numbers where `name` is, or belongs. */
static int place(const struct pattern_names *names, const char *name,
		 size_t len, bool *there)
{
	int low = 0, high = names->count;

	*there = false;
	while (low < high) {
		const int mid = (low + high) / 2;
		const int d = compare(names->list[names->sorted[mid]].name,
				      name, len);

		if (!d) {
			*there = true;
			return mid;
		}
		if (d > 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static bool grow(struct pattern_names *names)
{
	const int room = names->room ? names->room * 2 : 8;
	struct name *list;
	const char **words;
	int *sorted;

	if (names->count < names->room)
		return true;
	list = realloc(names->list, (size_t)room * sizeof(*list));
	if (list)
		names->list = list;
	words = realloc(names->words, ((size_t)room + 1) * sizeof(*words));
	if (words)
		names->words = words;
	sorted = realloc(names->sorted, (size_t)room * sizeof(*sorted));
	if (sorted)
		names->sorted = sorted;
	if (!list || !words || !sorted)
		return false;
	names->room = room;
	return true;
}

static bool good_name(const char *s)
{
	if (!isalpha((unsigned char)*s) && *s != '_')
		return false;
	while (isalnum((unsigned char)*s) || *s == '_')
		s++;
	return !*s;
}

/* Why there may be no such name, or NULL. */
static const char *refusal(const char *name)
{
	if (*name == '$' && good_name(name + 1))
		return "is written without the `$` here";
	if (!good_name(name))
		return "is no name for a pattern: letters, digits and `_`";
	/* What stands beside the names in call.parseTree. */
	if (!strcmp(name, "text") || !strcmp(name, "also") ||
	    !strcmp(name, "regex"))
		return "is no name for a pattern: it has another meaning";
	return NULL;
}

int pattern_names_add(struct pattern_names *names, const char *name,
		      const char *source, char *err, size_t size)
{
	const char *no = refusal(name);
	struct name *n;
	bool there;
	int at;

	if (no) {
		snprintf(err, size, "'%s' %s", name, no);
		return -1;
	}
	if (names->count == PATTERN_NAMES_MAX) {
		snprintf(err, size, "more than %d patterns with a name",
			 PATTERN_NAMES_MAX);
		return -1;
	}
	at = place(names, name, strlen(name), &there);
	if (there) {
		snprintf(err, size, "'%s' is there twice", name);
		return -1;
	}
	if (!grow(names)) {
		snprintf(err, size, "out of memory");
		return -1;
	}
	n = &names->list[names->count];
	*n = (struct name){ .name = strdup(name) };
	if (!n->name) {
		snprintf(err, size, "out of memory");
		return -1;
	}
	memmove(&names->sorted[at + 1], &names->sorted[at],
		(size_t)(names->count - at) * sizeof(*names->sorted));
	names->sorted[at] = names->count;
	names->words[names->count++] = n->name;
	names->words[names->count] = NULL;

	if (pattern_tree_open(&n->tree, source, err, size)) {
		if (!n->tree.regex)
			return 0;
		/* It stands in the source, which is not ours to keep. */
		n->tree.regex = NULL;
		snprintf(err, size, "a `$regex` is a pattern of its own and "
			 "cannot be given a name");
	}
	n->wrong = true;
	return -1;
}

int pattern_names_find(const struct pattern_names *names, const char *name,
		       size_t len)
{
	bool there;
	int at;

	if (!names)
		return -1;
	at = place(names, name, len, &there);
	return there ? names->sorted[at] : -1;
}

const char *pattern_names_get(const struct pattern_names *names, int i)
{
	return names->list[i].name;
}

const struct pattern_tree *pattern_names_tree(
	const struct pattern_names *names, int i)
{
	return names->list[i].wrong ? NULL : &names->list[i].tree;
}

const char *pattern_names_nearest(const struct pattern_names *names,
				  const char *name, size_t len)
{
	char word[64];

	if (!names || !names->count || len >= sizeof(word))
		return NULL;
	memcpy(word, name, len);
	word[len] = '\0';
	return nearest_word(word, names->words);
}

/* Says what is wrong with `n`, to be told when it is asked about. */
static void wrong(struct name *n, const char *fmt, ...)
	__attribute__((format(printf, 2, 3)));

static void wrong(struct name *n, const char *fmt, ...)
{
	char text[256];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	n->problem = strdup(text);
}

/* Follows what `n` uses; it is wrong if one of these is. */
static void follow(struct pattern_names *names, struct name *n, int depth)
{
	n->color = GREY;
	for (int k = 0; k < n->tree.count && !n->wrong; k++) {
		const struct tree_node *t = &n->tree.nodes[k];
		const char *word = n->tree.text + t->text, *near;
		struct name *to;
		int i;

		if (t->kind != TREE_NAME)
			continue;
		n->wrong = true;
		i = pattern_names_find(names, word, t->len);
		if (i < 0) {
			near = pattern_names_nearest(names, word, t->len);
			wrong(n, "there is no pattern `$%.*s` (at byte %zu)"
			      "%s%s%s", (int)t->len, word, t->at,
			      near ? "; did you mean `$" : "",
			      near ? near : "", near ? "`?" : "");
			break;
		}
		to = &names->list[i];
		if (to == n)
			wrong(n, "it uses itself (at byte %zu)", t->at);
		else if (to->color == GREY)
			wrong(n, "it uses itself, by way of `$%s` (at byte "
			      "%zu)", to->name, t->at);
		else if (depth == TREE_DEPTH_MAX)
			wrong(n, "patterns are nested too deep at `$%s`",
			      to->name);
		else if (to->color == WHITE && !to->wrong)
			follow(names, to, depth + 1);
		if (!n->problem)
			n->wrong = to->wrong;
	}
	n->color = BLACK;
}

int pattern_names_check(struct pattern_names *names, const char *name,
			char *err, size_t size)
{
	const int i = pattern_names_find(names, name, strlen(name));
	struct name *n;

	if (size)
		err[0] = '\0';
	if (i < 0)
		return -1;
	n = &names->list[i];
	if (n->color == WHITE && !n->wrong)
		follow(names, n, 0);
	if (n->problem)
		snprintf(err, size, "%s", n->problem);
	return n->wrong ? -1 : 0;
}
