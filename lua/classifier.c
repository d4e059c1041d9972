/**
 * @file classifier.c  Which intent a query most probably has
 *
 * A phrase is the set of its words, pairs of neighbouring words, and runs of
 * three and four characters of its words, so that other forms of a word are
 * like it. Each such feature weighs the more, the fewer intents have it: what
 * all have, as "please", says nothing. A query's score for an intent is a mean
 * of its cosine with the intent's nearest phrase and with the sum of all its
 * phrases. What no phrase has weighs most of all, and counts in the query's
 * length: so the scores of a query that is about something else are low.
 */
#include "classifier.h"

#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "fold.h"
#include "pattern.h"

#define WORD 1.0f		/* weights of the kinds of features */
#define PAIR 0.5f
#define RUN 0.4f
#define RUN_SHORT 3		/* characters */
#define RUN_LONG 4
#define PHRASE_SHARE 0.4f	/* of the nearest phrase, in the score */
#define UNKNOWN 0.5f		/* as if half an intent had it */
#define STEPS 40		/* what a feature costs */
#define QUERY_KEPT 4096		/* features that memory is kept for */

struct feature {
	uint64_t hash;
	float weight;
	uint32_t phrase;	/**< while they are learnt               */
};

struct features {
	struct feature *list;
	size_t count, room;
};

/* A feature's weight in a phrase, or in the sum of an intent's phrases. */
struct posting {
	uint32_t of;
	float weight;
};

/* Of a known feature; its postings end where those of the next begin. */
struct known {
	uint64_t hash;
	float idf;
	uint32_t phrases, intents;
};

struct classifier {
	char **names;
	size_t intents;
	uint32_t *intent_of;	/**< by phrase                           */
	size_t phrases;
	struct features learnt;
	struct known *known;	/**< sorted by hash; one more at the end */
	size_t known_count;
	struct posting *in_phrases, *in_intents;
	struct features query;
	float *phrase_scores, *scores, *nearest;
	float unknown;		/**< weight of what no phrase has        */
};

/* ---- features ---- */

static uint64_t hash(uint64_t h, const void *data, size_t len)
{
	const unsigned char *s = data;

	while (len--)
		h = (h ^ *s++) * 1099511628211u;
	return h;
}

static bool add_feature(struct features *f, uint64_t h, float weight)
{
	if (f->count == f->room) {
		const size_t room = f->room ? f->room * 2 : 256;
		struct feature *list = realloc(f->list,
					       room * sizeof(*list));

		if (!list)
			return false;
		f->list = list;
		f->room = room;
	}
	f->list[f->count++] = (struct feature){ h, weight, 0 };
	return true;
}

/* Runs of `n` characters, of which a word has one more at each end. */
static bool add_runs(struct features *f, const char *s, size_t len, size_t n)
{
	uint32_t window[RUN_LONG] = {0}, c;
	size_t have = 1, at = 0;

	window[n - 1] = ' ';
	do {
		c = ' ';
		if (at < len)
			at += char_read(s + at, len - at, &c);
		else
			at++;
		memmove(window, window + 1, (n - 1) * sizeof(c));
		window[n - 1] = c;
		if (++have >= n &&
		    !add_feature(f, hash(n, window, n * sizeof(c)), RUN))
			return false;
	} while (at <= len);
	return true;
}

static bool extract(const struct utterance *u, struct features *f)
{
	static const uint64_t word_kind = 14695981039346656037u, pair_kind = 7;
	const size_t n = utterance_words(u);
	uint64_t before = word_kind, h;

	for (size_t i = 0; i <= n; i++) {
		size_t len = 0;
		const char *w = i < n ? utterance_word(u, i, &len) : "";

		h = hash(word_kind, w, len);
		if (!add_feature(f, hash(hash(pair_kind, &before,
					      sizeof(before)), &h, sizeof(h)),
				 PAIR))
			return false;
		before = h;
		if (i < n && (!add_feature(f, h, WORD) ||
			      !add_runs(f, w, len, RUN_SHORT) ||
			      !add_runs(f, w, len, RUN_LONG)))
			return false;
	}
	return true;
}

static int by_hash(const void *a, const void *b)
{
	const struct feature *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->phrase < y->phrase ? -1 : x->phrase > y->phrase;
}

/* Sorts, and keeps each only once. */
static void make_set(struct features *f)
{
	size_t n = 0;

	if (f->count)
		qsort(f->list, f->count, sizeof(*f->list), by_hash);
	for (size_t i = 0; i < f->count; i++)
		if (!n || by_hash(&f->list[n - 1], &f->list[i]))
			f->list[n++] = f->list[i];
	f->count = n;
}

/* ---- learning ---- */

struct classifier *classifier_new(void)
{
	return calloc(1, sizeof(struct classifier));
}

void classifier_free(struct classifier *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->intents; i++)
		free(c->names[i]);
	free(c->names);
	free(c->intent_of);
	free(c->learnt.list);
	free(c->known);
	free(c->in_phrases);
	free(c->in_intents);
	free(c->query.list);
	free(c->phrase_scores);
	free(c->scores);
	free(c->nearest);
	free(c);
}

int classifier_find(const struct classifier *c, const char *intent)
{
	for (size_t i = c ? c->intents : 0; i-- > 0;)
		if (!strcmp(c->names[i], intent))
			return (int)i;
	return -1;
}

size_t classifier_count(const struct classifier *c)
{
	return c->intents;
}

/* Number of an intent, made if it is new; -1: no memory. */
static int intent_number(struct classifier *c, const char *intent)
{
	const int known = classifier_find(c, intent);
	char **more;

	if (known >= 0)
		return known;
	more = realloc(c->names, (c->intents + 1) * sizeof(*more));
	if (!more)
		return -1;
	c->names = more;
	c->names[c->intents] = strdup(intent);
	return c->names[c->intents] ? (int)c->intents++ : -1;
}

int classifier_add(struct classifier *c, const char *intent,
		   const char *phrase, size_t len)
{
	struct utterance *u = utterance_new(phrase, len);
	const size_t first = c->learnt.count;
	uint32_t *more;
	int rc = -2, n;

	if (!u)
		return -2;
	if (!utterance_words(u)) {
		rc = -1;
		goto out;
	}
	n = intent_number(c, intent);
	more = realloc(c->intent_of, (c->phrases + 1) * sizeof(*more));
	if (more)
		c->intent_of = more;
	if (n < 0 || !more || !extract(u, &c->learnt))
		goto out;
	for (size_t i = first; i < c->learnt.count; i++)
		c->learnt.list[i].phrase = (uint32_t)c->phrases;
	c->intent_of[c->phrases++] = (uint32_t)n;
	rc = 0;
out:
	utterance_free(u);
	return rc;
}

/* Numbers the features, and weighs each by how many intents have it. */
static bool weigh(struct classifier *c)
{
	const struct feature *f = c->learnt.list;
	const size_t n = c->learnt.count;
	const float all = (float)c->intents + 1;
	/* of each intent, the last feature it was seen to have */
	size_t *seen = calloc(c->intents + 1, sizeof(*seen));

	c->known = calloc(n + 1, sizeof(*c->known));
	if (!c->known || !seen) {
		free(seen);
		return false;
	}
	for (size_t i = 0, k; i < n; i = k) {
		size_t intents = 0;

		for (k = i; k < n && f[k].hash == f[i].hash; k++) {
			size_t *last = &seen[c->intent_of[f[k].phrase]];

			intents += *last != i + 1;
			*last = i + 1;
		}
		c->known[c->known_count++] = (struct known){
			.hash = f[i].hash, .phrases = (uint32_t)i,
			.idf = logf(all / (float)intents),
		};
	}
	c->known[c->known_count].phrases = (uint32_t)n;
	c->unknown = logf(all / UNKNOWN);
	free(seen);
	return true;
}

/* Weights of the features in phrases, each of these of length 1. */
static bool phrase_vectors(struct classifier *c)
{
	const struct feature *f = c->learnt.list;
	float *square = calloc(c->phrases + 1, sizeof(*square));

	c->in_phrases = calloc(c->learnt.count + 1, sizeof(*c->in_phrases));
	if (!square || !c->in_phrases) {
		free(square);
		return false;
	}
	for (int pass = 0; pass < 2; pass++) {
		for (size_t k = 0; k < c->known_count; k++) {
			const struct known *w = &c->known[k];

			for (uint32_t i = w->phrases; i < w[1].phrases; i++) {
				const uint32_t of = f[i].phrase;
				const float x = f[i].weight * w->idf;

				if (!pass)
					square[of] += x * x;
				else
					c->in_phrases[i] = (struct posting){
						of, x / sqrtf(square[of]) };
			}
		}
	}
	free(square);
	return true;
}

/* The same of the sums of the phrases of each intent. */
static bool intent_vectors(struct classifier *c)
{
	float *sum = calloc(c->intents + 1, sizeof(*sum));
	float *square = calloc(c->intents + 1, sizeof(*square));
	uint32_t n = 0;
	bool ok = false;

	c->in_intents = calloc(c->learnt.count + 1, sizeof(*c->in_intents));
	if (!sum || !square || !c->in_intents)
		goto out;
	for (size_t k = 0; k < c->known_count; k++) {
		struct known *w = &c->known[k];

		w->intents = n;
		for (uint32_t i = w->phrases; i < w[1].phrases; i++)
			sum[c->intent_of[c->in_phrases[i].of]] +=
				c->in_phrases[i].weight;
		for (uint32_t i = w->phrases; i < w[1].phrases; i++) {
			const uint32_t of = c->intent_of[c->in_phrases[i].of];

			if (sum[of] <= 0)
				continue;
			c->in_intents[n++] = (struct posting){ of, sum[of] };
			square[of] += sum[of] * sum[of];
			sum[of] = 0;
		}
	}
	c->known[c->known_count].intents = n;
	for (uint32_t i = 0; i < n; i++)
		c->in_intents[i].weight /= sqrtf(square[c->in_intents[i].of]);
	ok = true;
out:
	free(sum);
	free(square);
	return ok;
}

int classifier_train(struct classifier *c)
{
	make_set(&c->learnt);
	c->scores = calloc(c->intents + 1, sizeof(*c->scores));
	c->phrase_scores = calloc(c->phrases + 1, sizeof(*c->phrase_scores));
	c->nearest = calloc(c->intents + 1, sizeof(*c->nearest));
	if (!c->scores || !c->phrase_scores || !c->nearest || !weigh(c) ||
	    !phrase_vectors(c) || !intent_vectors(c))
		return -2;
	free(c->learnt.list);
	c->learnt = (struct features){0};
	return 0;
}

/* ---- scoring ---- */

static const struct known *find(const struct classifier *c, uint64_t h)
{
	size_t low = 0, high = c->known_count;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (c->known[mid].hash < h)
			low = mid + 1;
		else
			high = mid;
	}
	return low < c->known_count && c->known[low].hash == h ?
		&c->known[low] : NULL;
}

/* Adds up what the query has in common with phrases and intents, and returns
 * the query's length; below zero: the budget is spent. */
static float compare(struct classifier *c, struct utterance *u)
{
	float square = 0;

	for (size_t i = 0; i < c->query.count; i++) {
		const struct feature *f = &c->query.list[i];
		const struct known *w = find(c, f->hash);
		const float x = f->weight * (w ? w->idf : c->unknown);

		square += x * x;
		if (!w)
			continue;
		for (uint32_t k = w->phrases; k < w[1].phrases; k++)
			c->phrase_scores[c->in_phrases[k].of] +=
				x * c->in_phrases[k].weight;
		for (uint32_t k = w->intents; k < w[1].intents; k++)
			c->scores[c->in_intents[k].of] +=
				x * c->in_intents[k].weight;
		if (!utterance_take(u, w[1].phrases - w->phrases))
			return -1;
	}
	return sqrtf(square);
}

/* Takes what the features of `u` will cost. */
static bool afford(const struct classifier *c, struct utterance *u)
{
	size_t n = 1, len;

	for (size_t i = 0; i < utterance_words(u); i++) {
		utterance_word(u, i, &len);
		n += 2 * len + 2;
	}
	return utterance_take(u, n * STEPS + c->phrases / 4);
}

const float *classifier_score(struct classifier *c, struct utterance *u)
{
	float length;

	if (c->query.room > QUERY_KEPT) {
		free(c->query.list);
		c->query = (struct features){0};
	}
	c->query.count = 0;
	if (!c->intents || !afford(c, u) || !extract(u, &c->query))
		return NULL;
	make_set(&c->query);
	memset(c->phrase_scores, 0, c->phrases * sizeof(*c->phrase_scores));
	memset(c->scores, 0, c->intents * sizeof(*c->scores));
	length = compare(c, u);
	if (length < 0)
		return NULL;
	if (length <= 0)
		length = 1;		/* nothing has any weight */

	for (size_t i = 0; i < c->intents; i++)
		c->scores[i] *= (1 - PHRASE_SHARE) / length;
	for (size_t i = 0; i < c->phrases; i++) {
		const uint32_t of = c->intent_of[i];
		const float s = c->phrase_scores[i] * PHRASE_SHARE / length;

		c->nearest[of] = s > c->nearest[of] ? s : c->nearest[of];
	}
	for (size_t i = 0; i < c->intents; i++) {
		c->scores[i] += c->nearest[i];
		c->nearest[i] = 0;
	}
	return c->scores;
}
