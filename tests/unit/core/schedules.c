#include "schedules.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define STEPS_MAX 256
#define CHILD_SECONDS 20	/* one schedule that does not end has failed */

/** What the child tells, even if it dies. */
struct shared {
	uint64_t seed;
	uint64_t count;
};

uint64_t schedule_start(uint64_t seed)
{
	return seed * UINT64_C(0x9e3779b97f4a7c15) + 1;
}

uint64_t schedule_roll(uint64_t *s, uint64_t n)
{
	/* a plain LCG: the schedule of a seed never changes */
	*s = *s * UINT64_C(6364136223846793005) +
		UINT64_C(1442695040888963407);
	return (*s >> 33) % n;
}

static uint64_t number(const char *name, uint64_t otherwise)
{
	const char *text = getenv(name);

	return text ? strtoull(text, NULL, 10) : otherwise;
}

static void play(const struct property *p, uint64_t seed,
		 const bool *left_out, bool trace)
{
	if (p->begin)
		p->begin();
	p->play(seed, left_out, trace);
	if (p->end)
		p->end();
}

/* Whether it fails, in a child that is quiet unless it is to trace. */
static bool fails(const struct property *p, uint64_t seed,
		  const bool *left_out, bool trace)
{
	int status = 0;
	pid_t pid;

	fflush(NULL);
	pid = fork();
	if (pid < 0) {
		perror("fork");
		exit(2);
	}
	if (!pid) {
		const int null = trace ? -1 : open("/dev/null", O_WRONLY);

		if (null >= 0) {
			dup2(null, 1);
			dup2(null, 2);
		}
		alarm(CHILD_SECONDS);
		play(p, seed, left_out, trace);
		exit(0);
	}
	waitpid(pid, &status, 0);
	return status != 0;
}

int property_shorten(const struct property *p, uint64_t seed, bool *left_out)
{
	int left = 0;

	memset(left_out, 0, p->steps * sizeof(*left_out));
	if (!fails(p, seed, left_out, false))
		return -1;
	/* Halves, quarters, ... and at last single steps, again and again
	 * while that leaves out any. */
	for (unsigned size = p->steps; size; ) {
		bool any = false;

		for (unsigned i = 0; i < p->steps; i += size) {
			bool tried[STEPS_MAX];
			bool differs = false;

			memcpy(tried, left_out, p->steps * sizeof(*tried));
			for (unsigned k = i; k < i + size && k < p->steps;
			     k++) {
				differs = differs || !tried[k];
				tried[k] = true;
			}
			if (!differs || !fails(p, seed, tried, false))
				continue;
			memcpy(left_out, tried, p->steps * sizeof(*tried));
			any = true;
		}
		if (size == 1 && any)
			continue;
		size /= 2;
	}
	for (unsigned i = 0; i < p->steps; i++)
		left += !left_out[i];
	return left;
}

static void report(const struct property *p, uint64_t seed)
{
	bool left_out[STEPS_MAX];
	const int left = property_shorten(p, seed, left_out);
	const char *comma = "";

	if (left < 0) {
		fprintf(stderr, "%s: schedule %llu fails only after those "
			"before it\n", p->name, (unsigned long long)seed);
		return;
	}
	fprintf(stderr, "%s: schedule %llu fails; the shortest that does:\n",
		p->name, (unsigned long long)seed);
	fails(p, seed, left_out, true);
	fprintf(stderr, "again by TANDEM_SEED=%llu TANDEM_STEPS=",
		(unsigned long long)seed);
	for (unsigned i = 0; i < p->steps; i++) {
		if (left_out[i])
			continue;
		fprintf(stderr, "%s%u", comma, i);
		comma = ",";
	}
	fprintf(stderr, "\n");
}

static int one(const struct property *p, uint64_t seed)
{
	const char *steps = getenv("TANDEM_STEPS");
	bool left_out[STEPS_MAX] = { false };

	if (steps)
		memset(left_out, true, sizeof(left_out));
	while (steps && *steps) {
		char *end;
		const unsigned long n = strtoul(steps, &end, 10);

		if (end == steps || n >= p->steps)
			break;
		left_out[n] = false;
		steps = *end == ',' ? end + 1 : end;
	}
	play(p, seed, left_out, true);
	printf("schedule %llu holds\n", (unsigned long long)seed);
	return 0;
}

int property_run(const struct property *p, uint64_t n)
{
	static const bool none[STEPS_MAX];
	struct shared *s;
	int status = 0;
	pid_t pid;

	if (p->steps > STEPS_MAX)
		return 2;
	if (getenv("TANDEM_SEED"))
		return one(p, number("TANDEM_SEED", 1));
	n = number("TANDEM_SCHEDULES", n);
	s = mmap(NULL, sizeof(*s), PROT_READ | PROT_WRITE,
		 MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (s == MAP_FAILED)
		return 2;

	fflush(NULL);
	pid = fork();
	if (pid < 0)
		return 2;
	if (!pid) {
		if (p->begin)
			p->begin();
		for (s->seed = 1; s->seed <= n; s->seed++) {
			alarm(CHILD_SECONDS);
			s->count += p->play(s->seed, none, false);
		}
		if (p->end)
			p->end();
		exit(0);
	}
	waitpid(pid, &status, 0);
	if (status) {
		report(p, s->seed);
		return 1;
	}
	printf("%s: %llu schedules, %llu transfers\n", p->name,
	       (unsigned long long)n, (unsigned long long)s->count);
	/* Schedules in which nothing happens would show nothing. */
	return n >= 1000 && s->count <= n / 4;
}
