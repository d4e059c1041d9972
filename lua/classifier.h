/**
 * @file classifier.h  Which intent a query most probably has
 *
 * Learnt from example phrases alone, when the bot is loaded; nothing else is
 * needed, and the same phrases give the same scores.
 */
#ifndef TANDEM_LUA_CLASSIFIER_H
#define TANDEM_LUA_CLASSIFIER_H

#include <stdbool.h>
#include <stddef.h>

struct classifier;
struct utterance;

/* From this score on a query is taken to have an intent; what has nothing to
 * do with any of them stays below in nine cases of ten. */
#define CLASSIFIER_ACCEPT 0.17f
/* Of the best score; what comes so near to it cannot be told from it. */
#define CLASSIFIER_NEAR 0.8f

struct classifier *classifier_new(void);
void classifier_free(struct classifier *c);

/** Adds a phrase of an intent: 0, -1 it has no words, -2 no memory. */
int classifier_add(struct classifier *c, const char *intent,
		   const char *phrase, size_t len);
/** After all have been added. 0, or -2: no memory. */
int classifier_train(struct classifier *c);

/** Number of an intent, or -1: it has no phrases. */
int classifier_find(const struct classifier *c, const char *intent);
size_t classifier_count(const struct classifier *c);

/**
 * Scores from 0 to 1, by number of the intent; good until the next call. What
 * it costs is taken from the utterance's budget. NULL: it is spent, there is
 * no intent, or no memory.
 */
const float *classifier_score(struct classifier *c, struct utterance *u);

#endif
