/* Writes lua/types/tandem.lua and bots/.luacheckrc: tandem_types DIRECTORY */
#include <stdio.h>

#include "lua/words.h"

static int write_file(const char *folder, const char *name,
		      void (*writer)(FILE *f))
{
	char path[4096];
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", folder, name);
	f = fopen(path, "w");
	if (!f) {
		perror(path);
		return 1;
	}
	writer(f);
	if (fclose(f)) {
		perror(path);
		return 1;
	}
	return 0;
}

int main(int argc, char **argv)
{
	const char *root = argc > 1 ? argv[1] : ".";

	return write_file(root, "lua/types/tandem.lua", words_types) ||
		write_file(root, "bots/.luacheckrc", words_luacheck);
}
