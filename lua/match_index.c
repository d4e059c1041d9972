/**
 * @file match_index.c  Which of a bot's patterns a query can match at all
 *
 * Postings are by a word's hash alone: two words with the same hash cost a
 * comparison in vain, no more.
 */
#include "match_index.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "pattern.h"
#include "program.h"

struct posting {
	uint32_t hash;
	uint32_t entry;
};

struct postings {
	struct posting *list;	/**< sorted by hash, then by entry       */
	size_t count, room;
};

struct match_index {
	struct match_entry *entries;
	size_t count;
	struct postings words, stems;
	unsigned *lengths;	/**< those that stems have, ascending    */
	size_t length_count;
	uint32_t *always;	/**< entries that need no word           */
	size_t always_count;
	struct match_entry *intents;
	size_t intent_count;
	uint64_t *hit;		/**< a bit for each entry                */
	const struct match_entry **found;
};

static int by_hash(const void *a, const void *b)
{
	const struct posting *x = a, *y = b;

	if (x->hash != y->hash)
		return x->hash < y->hash ? -1 : 1;
	return x->entry < y->entry ? -1 : x->entry > y->entry;
}

static bool post(struct postings *p, uint32_t hash, uint32_t entry)
{
	if (p->count == p->room) {
		const size_t room = p->room ? p->room * 2 : 64;
		struct posting *list = realloc(p->list,
					       room * sizeof(*list));

		if (!list)
			return false;
		p->list = list;
		p->room = room;
	}
	p->list[p->count++] = (struct posting){ hash, entry };
	return true;
}

static void sort(struct postings *p)
{
	if (p->count)
		qsort(p->list, p->count, sizeof(*p->list), by_hash);
}

/* First posting of `hash`, or its place. */
static size_t first(const struct postings *p, uint32_t hash)
{
	size_t low = 0, high = p->count;

	while (low < high) {
		const size_t mid = low + (high - low) / 2;

		if (p->list[mid].hash < hash)
			low = mid + 1;
		else
			high = mid;
	}
	return low;
}

/* How many patterns have `hash`. */
static size_t frequency(const struct postings *p, uint32_t hash)
{
	return first(p, hash + 1) - first(p, hash) +
		(hash == UINT32_MAX ? p->count : 0);
}

/* Every word of every pattern: how rare each is. */
static bool count_words(struct match_index *ix, struct postings *all)
{
	for (size_t i = 0; i < ix->count; i++) {
		size_t n;
		const struct pattern_key *k =
			pattern_keys(ix->entries[i].trigger->pattern, &n);

		while (n--)
			if (!post(all, k[n].hash, (uint32_t)i))
				return false;
	}
	sort(all);
	return true;
}

static bool add_length(struct match_index *ix, unsigned len)
{
	unsigned *more;
	size_t i = 0;

	while (i < ix->length_count && ix->lengths[i] < len)
		i++;
	if (i < ix->length_count && ix->lengths[i] == len)
		return true;
	more = realloc(ix->lengths, (ix->length_count + 1) * sizeof(*more));
	if (!more)
		return false;
	ix->lengths = more;
	memmove(more + i + 1, more + i,
		(ix->length_count - i) * sizeof(*more));
	more[i] = len;
	ix->length_count++;
	return true;
}

/* Stands entry `i` under the words of the set that selects best. */
static bool add(struct match_index *ix, const struct postings *all, size_t i)
{
	size_t n, best = 0, best_n = 0, best_sum = 0, sum, k;
	const struct pattern_key *keys =
		pattern_keys(ix->entries[i].trigger->pattern, &n);

	if (!n) {
		ix->always[ix->always_count++] = (uint32_t)i;
		return true;
	}
	for (size_t from = 0; from < n; from = k) {
		sum = 0;
		for (k = from; k < n && keys[k].set == keys[from].set; k++)
			sum += frequency(all, keys[k].hash);
		if (!best_n || sum < best_sum) {
			best = from;
			best_n = k - from;
			best_sum = sum;
		}
	}
	for (k = best; k < best + best_n; k++)
		if (!post(keys[k].stem ? &ix->stems : &ix->words,
			  keys[k].hash, (uint32_t)i) ||
		    (keys[k].stem && !add_length(ix, keys[k].len)))
			return false;
	return true;
}

static bool build(struct match_index *ix, const struct program *prog)
{
	struct postings all = {0};
	bool ok = false;
	size_t n = 0;

	for (size_t i = 0; i < prog->count; i++)
		n += prog->all[i]->trigger_count;
	ix->entries = calloc(n + 1, sizeof(*ix->entries));
	ix->intents = calloc(n + 1, sizeof(*ix->intents));
	ix->always = calloc(n + 1, sizeof(*ix->always));
	ix->hit = calloc(n / 64 + 1, sizeof(*ix->hit));
	ix->found = calloc(n + 1, sizeof(*ix->found));
	if (!ix->entries || !ix->intents || !ix->always || !ix->hit ||
	    !ix->found)
		return false;
	for (size_t i = 0; i < prog->count; i++) {
		struct state *st = prog->all[i];

		for (size_t k = 0; k < st->trigger_count; k++) {
			const struct trigger *t = &st->triggers[k];
			const struct match_entry e = { st, t };

			if (t->pattern)
				ix->entries[ix->count++] = e;
			else if (t->kind == TRIGGER_INTENT && t->intent >= 0)
				ix->intents[ix->intent_count++] = e;
		}
	}
	if (!count_words(ix, &all))
		goto out;
	for (size_t i = 0; i < ix->count; i++)
		if (!add(ix, &all, i))
			goto out;
	sort(&ix->words);
	sort(&ix->stems);
	ok = true;
out:
	free(all.list);
	return ok;
}

struct match_index *match_index_new(const struct program *prog)
{
	struct match_index *ix = calloc(1, sizeof(*ix));

	if (ix && build(ix, prog))
		return ix;
	match_index_free(ix);
	return NULL;
}

void match_index_free(struct match_index *ix)
{
	if (!ix)
		return;
	free(ix->entries);
	free(ix->intents);
	free(ix->words.list);
	free(ix->stems.list);
	free(ix->lengths);
	free(ix->always);
	free(ix->hit);
	free(ix->found);
	free(ix);
}

const struct match_entry *match_index_intents(const struct match_index *ix,
					      size_t *n)
{
	*n = ix->intent_count;
	return ix->intents;
}

static size_t hit(struct match_index *ix, const struct postings *p,
		  uint32_t hash)
{
	size_t i = first(p, hash), n = 0;

	for (; i < p->count && p->list[i].hash == hash; i++, n++)
		ix->hit[p->list[i].entry / 64] |=
			(uint64_t)1 << (p->list[i].entry % 64);
	return n;
}

/* One word of the query; false: the budget is spent. */
static bool look_up(struct match_index *ix, struct utterance *u, size_t i)
{
	size_t len, at = 0, n = 8;
	const char *word = utterance_word(u, i, &len);
	uint32_t hash = 0;

	for (size_t k = 0; k < ix->length_count && ix->lengths[k] <= len;
	     k++) {
		hash = pattern_hash(hash, word + at, ix->lengths[k] - at);
		at = ix->lengths[k];
		n += 4 + hit(ix, &ix->stems, hash);
	}
	hash = pattern_hash(hash, word + at, len - at);
	n += hit(ix, &ix->words, hash);
	return utterance_take(u, n);
}

const struct match_entry *const *match_index_find(struct match_index *ix,
						  struct utterance *u,
						  size_t *n)
{
	const size_t blocks = ix->count / 64 + 1;
	size_t count = utterance_words(u);

	*n = 0;
	memset(ix->hit, 0, blocks * sizeof(*ix->hit));
	for (size_t i = 0; i < ix->always_count; i++)
		ix->hit[ix->always[i] / 64] |=
			(uint64_t)1 << (ix->always[i] % 64);
	for (size_t i = 0; i < count; i++)
		if (!look_up(ix, u, i))
			return ix->found;
	for (size_t k = 0; k < blocks; k++)
		for (uint64_t b = ix->hit[k]; b; b &= b - 1)
			ix->found[(*n)++] = &ix->entries[k * 64 + (size_t)
						__builtin_ctzll(b)];
	utterance_take(u, blocks / 8 + *n);
	return ix->found;
}
