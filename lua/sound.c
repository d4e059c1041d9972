#include "sound.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <uv.h>

#include "shard.h"

bool sound_is_url(const char *name)
{
	return !strncasecmp(name, "http://", 7) ||
		!strncasecmp(name, "https://", 8);
}

json_t *sound_fields(json_t *name)
{
	const char *field = sound_is_url(json_string_value(name)) ? "audioUrl"
							   : "file";

	return json_pack("{s:s,s:o}", "type", "audio", field, name);
}

int sound_find(const struct bot *bot, struct action *a,
	       struct action_error *err)
{
	const char *slash = strrchr(bot->path, '/');
	const int n = slash ? (int)(slash - bot->path) + 1 : 0;
	char path[PATH_MAX];
	struct stat st;

	if (sound_is_url(a->text))
		return 0;
	if ((size_t)snprintf(path, sizeof(path), "%.*s%s",
			     *a->text == '/' ? 0 : n, bot->path, a->text)
	    >= sizeof(path)) {
		snprintf(err->text, sizeof(err->text), "audio: the file's "
			 "name is too long");
		return UV_ENOENT;
	}
	if (stat(path, &st)) {
		snprintf(err->text, sizeof(err->text), "audio: '%.150s': %s",
			 a->text, strerror(errno));
		return UV_ENOENT;
	}
	if (!S_ISREG(st.st_mode)) {
		snprintf(err->text, sizeof(err->text), "audio: '%.150s' is "
			 "not a file", a->text);
		return UV_ENOENT;
	}
	a->path = strdup(path);
	if (!a->path) {
		snprintf(err->text, sizeof(err->text), "audio: no memory");
		return UV_ENOMEM;
	}
	return 0;
}
