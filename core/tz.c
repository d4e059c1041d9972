#include "tz.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tz_rule.h"

#define FOLDER "/usr/share/zoneinfo/"
#define LOCAL "/etc/localtime"
#define FILE_MAX (256 * 1024)
#define HEAD 44

struct tz {
	struct tz *next;
	char *name;		/* NULL: the machine's own, or of no file */
	unsigned refs;
	bool listed;
	size_t count;		/* of the times below */
	int64_t *at;		/* from when on */
	int32_t *offset;	/* seconds east of UTC from then */
	int32_t first;		/* before all of them */
	struct tz_rule rule;
	bool has_rule;		/* after all of them */
};

/* Zones in use; bots are loaded on a thread of their own. What is in a zone
 * does not change, so that only the list and the counts need the lock. */
static struct tz *zones;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* ---- TZif, RFC 8536 ---- */

struct counts { uint32_t isut, isstd, leap, time, type, name; };

static uint32_t be32(const unsigned char *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 |
		(uint32_t)p[2] << 8 | p[3];
}

static int64_t be64(const unsigned char *p)
{
	return (int64_t)((uint64_t)be32(p) << 32 | be32(p + 4));
}

static bool read_head(const unsigned char *p, size_t size, struct counts *c)
{
	if (size < HEAD || memcmp(p, "TZif", 4))
		return false;
	c->isut = be32(p + 20);
	c->isstd = be32(p + 24);
	c->leap = be32(p + 28);
	c->time = be32(p + 32);
	c->type = be32(p + 36);
	c->name = be32(p + 40);
	/* So that no sum below runs over. */
	return c->isut < FILE_MAX && c->isstd < FILE_MAX &&
		c->leap < FILE_MAX && c->time < FILE_MAX &&
		c->type < FILE_MAX && c->name < FILE_MAX && c->type;
}

static size_t body_size(const struct counts *c, size_t time_size)
{
	return (size_t)c->time * time_size + c->time + (size_t)c->type * 6 +
		c->name + (size_t)c->leap * (time_size + 4) + c->isstd +
		c->isut;
}

static bool read_times(struct tz *z, const unsigned char *p,
		       const struct counts *c, size_t width)
{
	const unsigned char *index = p + c->time * width;
	const unsigned char *types = index + c->time;

	z->at = calloc(c->time + 1, sizeof(*z->at));
	z->offset = calloc(c->time + 1, sizeof(*z->offset));
	if (!z->at || !z->offset)
		return false;
	for (uint32_t i = 0; i < c->time; i++) {
		if (index[i] >= c->type)
			return false;
		z->at[i] = width == 8 ? be64(p + 8 * i)
			: (int32_t)be32(p + 4 * i);
		if (i && z->at[i] <= z->at[i - 1])
			return false;
		z->offset[i] = (int32_t)be32(types + 6 * index[i]);
	}
	z->count = c->time;
	z->first = (int32_t)be32(types);
	/* A rule that is none would shift every office by hours. */
	for (uint32_t i = 0; i < c->type; i++) {
		const int32_t o = (int32_t)be32(types + 6 * i);

		if (o < -26 * 3600 || o > 26 * 3600)
			return false;
	}
	return true;
}

/* "\nRULE\n" at the end. */
static bool read_footer(struct tz *z, const char *p, size_t size)
{
	const char *end = size > 1 ? memchr(p + 1, '\n', size - 1) : NULL;
	char rule[128];
	size_t n;

	if (!end || *p != '\n')
		return false;
	n = (size_t)(end - p) - 1;
	if (!n)
		return true;
	if (n >= sizeof(rule))
		return false;
	memcpy(rule, p + 1, n);
	rule[n] = '\0';
	z->has_rule = !tz_rule_parse(&z->rule, rule);
	return z->has_rule;
}

static void tz_free(struct tz *z)
{
	free(z->name);
	free(z->at);
	free(z->offset);
	free(z);
}

struct tz *tz_parse(const void *data, unsigned long size)
{
	const unsigned char *p = data;
	struct tz *z = calloc(1, sizeof(*z));
	struct counts c;
	size_t skip;
	bool ok;

	if (!z)
		return NULL;
	z->refs = 1;
	ok = read_head(p, size, &c) && body_size(&c, 4) <= size - HEAD;
	if (ok && p[4] >= '2') {
		/* The first half is for readers of 32 bits. */
		skip = HEAD + body_size(&c, 4);
		p += skip;
		size -= skip;
		ok = read_head(p, size, &c) &&
			body_size(&c, 8) <= size - HEAD &&
			read_times(z, p + HEAD, &c, 8);
		skip = ok ? HEAD + body_size(&c, 8) : 0;
		ok = ok && read_footer(z, (const char *)p + skip, size - skip);
	} else if (ok) {
		ok = read_times(z, p + HEAD, &c, 4);
	}
	if (ok)
		return z;
	tz_free(z);
	return NULL;
}

int32_t tz_offset(const struct tz *z, int64_t t)
{
	size_t low = 0, high = z->count;

	if (!z->count || t < z->at[0])
		return z->count || !z->has_rule ? z->first
			: tz_rule_offset(&z->rule, t);
	if (t >= z->at[z->count - 1])
		return z->has_rule ? tz_rule_offset(&z->rule, t)
			: z->offset[z->count - 1];
	/* the last one that is not after t */
	while (high - low > 1) {
		const size_t mid = (low + high) / 2;

		if (z->at[mid] <= t)
			low = mid;
		else
			high = mid;
	}
	return z->offset[low];
}

/* ---- files ---- */

static bool name_ok(const char *name)
{
	const size_t n = strlen(name);

	if (!n || n > 64 || *name == '/' || *name == '.' || strstr(name, ".."))
		return false;
	for (const char *c = name; *c; c++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUV"
			    "WXYZ0123456789_+-/", *c))
			return false;
	return true;
}

static struct tz *read_file(const char *path)
{
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct tz *z = NULL;
	struct stat st;
	char *data;
	ssize_t n;

	if (fd < 0)
		return NULL;
	if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_size > 0 &&
	    st.st_size <= FILE_MAX && (data = malloc((size_t)st.st_size))) {
		n = read(fd, data, (size_t)st.st_size);
		if (n > 0)
			z = tz_parse(data, (unsigned long)n);
		free(data);
	}
	close(fd);
	return z;
}

static bool same(const char *a, const char *b)
{
	return a && b ? !strcmp(a, b) : a == b;
}

static struct tz *get(const char *name)
{
	char path[sizeof(FOLDER) + 64];
	struct tz *z;

	for (z = zones; z; z = z->next) {
		if (!same(z->name, name))
			continue;
		z->refs++;
		return z;
	}
	if (name && !name_ok(name))
		return NULL;
	if (name)
		snprintf(path, sizeof(path), FOLDER "%s", name);
	z = read_file(name ? path : LOCAL);
	/* UTC there is without any file. */
	if (!z && (!name || !strcmp(name, "UTC"))) {
		z = calloc(1, sizeof(*z));
		if (z)
			z->refs = 1;
	}
	if (!z)
		return NULL;
	if (name && !(z->name = strdup(name))) {
		tz_free(z);
		return NULL;
	}
	z->listed = true;
	z->next = zones;
	zones = z;
	return z;
}

struct tz *tz_get(const char *name)
{
	struct tz *z;

	pthread_mutex_lock(&lock);
	z = get(name);
	pthread_mutex_unlock(&lock);
	return z;
}

void tz_put(struct tz *z)
{
	struct tz **at = &zones;
	bool over;

	if (!z)
		return;
	pthread_mutex_lock(&lock);
	over = !--z->refs;
	while (over && z->listed && *at != z)
		at = &(*at)->next;
	if (over && z->listed)
		*at = z->next;
	pthread_mutex_unlock(&lock);
	if (over)
		tz_free(z);
}
