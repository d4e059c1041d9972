/* Which files `tandem test` is asked for: folders are walked, in order. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <uv.h>

#include <dirent.h>

#include "cmd_test.h"

#define DEPTH_MAX 16

static int add(struct paths *ps, const char *path)
{
	char **list = realloc(ps->list, (ps->count + 1) * sizeof(*list));

	if (!list)
		return UV_ENOMEM;
	ps->list = list;
	list[ps->count] = strdup(path);
	return list[ps->count++] ? 0 : UV_ENOMEM;
}

static bool is_test(const char *name)
{
	const size_t n = strlen(name);

	return n > 9 && !strcmp(name + n - 9, "_test.lua");
}

static int visible(const struct dirent *e)
{
	return e->d_name[0] != '.';
}

static int walk(struct paths *ps, const char *folder, unsigned depth)
{
	struct dirent **list;
	const int n = scandir(folder, &list, visible, alphasort);
	int rc = n < 0 ? uv_translate_sys_error(errno) : 0;
	char path[4096];
	struct stat st;

	for (int i = 0; i < n; i++) {
		const char *sep = folder[strlen(folder) - 1] == '/' ? "" : "/";
		const bool here = !strcmp(folder, ".");
		const int len = snprintf(path, sizeof(path), "%s%s%s",
					 here ? "" : folder, here ? "" : sep,
					 list[i]->d_name);

		if (!rc && len < (int)sizeof(path) && !lstat(path, &st)) {
			if (S_ISDIR(st.st_mode) && depth < DEPTH_MAX)
				rc = walk(ps, path, depth + 1);
			else if (!S_ISDIR(st.st_mode) &&
				 is_test(list[i]->d_name))
				rc = add(ps, path);
		}
		free(list[i]);
	}
	if (n >= 0)
		free(list);
	return rc;
}

int paths_add(struct paths *ps, const char *path)
{
	struct stat st;

	if (!*path)
		return UV_ENOENT;
	if (stat(path, &st))
		return uv_translate_sys_error(errno);
	return S_ISDIR(st.st_mode) ? walk(ps, path, 0) : add(ps, path);
}

void paths_free(struct paths *ps)
{
	for (size_t i = 0; i < ps->count; i++)
		free(ps->list[i]);
	free(ps->list);
}
