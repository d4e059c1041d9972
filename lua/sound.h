/**
 * @file sound.h  Sound files a bot plays, by names relative to its own file
 */
#ifndef TANDEM_LUA_SOUND_H
#define TANDEM_LUA_SOUND_H

#include <jansson.h>

#include "core/action.h"

struct bot;

/** Whether a name is the address of a sound on the web. */
bool sound_is_url(const char *name);

/** A reply that plays `name`, which it takes; NULL: no memory. */
json_t *sound_fields(json_t *name);

/** Finds the file of a PLAY: 0, or UV_ENOENT and one line. */
int sound_find(const struct bot *bot, struct action *a,
	       struct action_error *err);

#endif
