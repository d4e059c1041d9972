/**
 * @file meter.c  What a handler uses up: instructions and memory
 *
 * Lua's count hook sees instructions of Lua code alone. Library functions
 * charge by size or by steps, and the allocator charges what it hands out, so
 * that concatenation and growing tables count too. Some single instructions
 * can be made to last (comparing two long strings, a `next` over emptied
 * slots): the hook therefore also looks at the thread's CPU time, at a rate
 * no ordinary instruction comes near.
 *
 * Once the budget is spent it stays spent: the hook then fires on every
 * instruction, and what catches errors (pcall, coroutines) passes this one on.
 */
#include <lauxlib.h>
#include <stdlib.h>
#include <stdio.h>
#include <time.h>

#include "meter.h"
#include "shard.h"

#define STEP 1000		/* instructions from hook to hook */
#define BYTES_PER_INSTRUCTION 128
#define INSTRUCTIONS_PER_US 2

static uint64_t thread_us(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * 1000000u + (uint64_t)ts.tv_nsec / 1000u;
}

/* Where the script is: nearest Lua function of `L`. Allocates nothing. */
static void place(lua_State *L, char *buf, size_t size)
{
	lua_Debug ar;

	buf[0] = '\0';
	for (int i = 0; i < 16 && lua_getstack(L, i, &ar); i++) {
		if (!lua_getinfo(L, "Sl", &ar) || ar.currentline <= 0)
			continue;
		snprintf(buf, size, "%s:%d", ar.short_src, ar.currentline);
		return;
	}
}

/* Whether `more` bytes are too many for who runs. His garbage may have been
 * collected on another's account, so that `net` only grows: he cannot hold
 * more than all handlers of the shard together. */
static bool too_many(const struct shard *sh, struct meter *m, size_t more)
{
	const int64_t held = (int64_t)sh->bytes - (int64_t)sh->baseline;

	if (m->net + (int64_t)more <= m->memory)
		return false;
	if (m->net > held)
		m->net = held > 0 ? held : 0;
	return m->net + (int64_t)more > m->memory;
}

void *meter_alloc(void *arg, void *ptr, size_t osize, size_t nsize)
{
	struct shard *sh = arg;
	struct meter *m = sh->meter;
	size_t old = ptr ? osize : 0;
	void *p;

	if (!nsize) {
		free(ptr);
		sh->bytes -= old;
		sh->bot->bytes -= old;
		if (m && (m->net -= (int64_t)old) < 0)
			m->net = 0;	/* somebody else's garbage */
		return NULL;
	}

	if (nsize > old) {
		size_t more = nsize - old;

		/* Live calls go on when the bot's memory is full, but not
		 * without end. */
		if (sh->bot->bytes + more > 2 * sh->bot->limits.bot_memory ||
		    (m && too_many(sh, m, more))) {
			if (m && sh->running)
				place(sh->running, m->where, sizeof(m->where));
			return NULL;
		}
		if (m)
			m->left -= (int64_t)(nsize / BYTES_PER_INSTRUCTION);
	}

	p = realloc(ptr, nsize);
	if (!p)
		return NULL;
	sh->bytes += nsize - old;
	sh->bot->bytes += nsize - old;
	if (m && (m->net += (int64_t)nsize - (int64_t)old) < 0)
		m->net = 0;
	return p;
}

const char *meter_text(const struct meter *m, char *buf, size_t size)
{
	const char *colon = *m->where ? ": " : "";

	if (m->no_memory)
		snprintf(buf, size, "%s%sout of memory: handler_memory or "
			 "bot_memory is used up", m->where, colon);
	else
		snprintf(buf, size, "%s%shandler_instructions: the budget of "
			 "%lld instructions is spent", m->where, colon,
			 (long long)m->limit);
	return buf;
}

static int spent(lua_State *L, struct meter *m)
{
	char text[256];

	if (!m->spent)
		place(L, m->where, sizeof(m->where));
	m->spent = true;
	lua_pushstring(L, meter_text(m, text, sizeof(text)));
	return lua_error(L);
}

static void hook(lua_State *L, lua_Debug *ar)
{
	struct meter *m = shard_of(L)->meter;
	uint64_t now;

	(void)ar;
	if (!m)
		return;
	if (!m->spent) {
		m->left -= STEP;
		now = thread_us();
		if (m->cpu && now > m->cpu) {
			uint64_t us = (now - m->cpu) * INSTRUCTIONS_PER_US;

			if (us > STEP)
				m->left -= (int64_t)(us - STEP);
		}
		m->cpu = now;
	}
	if (m->left < 0 || m->spent) {
		lua_sethook(L, hook, LUA_MASKCOUNT, 1);
		spent(L, m);
	}
}

void meter_start(struct meter *m, uint64_t instructions, uint64_t memory)
{
	*m = (struct meter){
		.limit = (int64_t)instructions, .memory = (int64_t)memory,
	};
}

void meter_resume(struct meter *m, lua_State *L)
{
	m->left = m->limit;
	m->cpu = 0;
	lua_sethook(L, hook, LUA_MASKCOUNT, STEP);
}

void meter_charge(lua_State *L, uint64_t n)
{
	struct meter *m = shard_of(L)->meter;

	if (!m)
		return;
	if (n > INT64_MAX / 2)
		n = INT64_MAX / 2;
	m->left -= (int64_t)n;
	if (m->left < 0 || m->spent) {
		m->left = -1;
		lua_sethook(L, hook, LUA_MASKCOUNT, 1);
		spent(L, m);
	}
}

int64_t meter_left(lua_State *L)
{
	const struct meter *m = shard_of(L)->meter;

	return m ? m->left : INT64_MAX / 8;
}

void meter_rethrow(lua_State *L, int status)
{
	struct meter *m = shard_of(L)->meter;

	if (!m)
		return;
	if (status == LUA_ERRMEM && !m->spent)
		m->spent = m->no_memory = true;
	if (m->spent)
		lua_error(L);
}
