/**
 * @file meter.c  What a handler uses up: instructions and memory
 *
 * Lua's count hook sees instructions of Lua code alone. Library functions
 * charge by size or by steps, and the allocator charges what it hands out, so
 * that concatenation and growing tables count too. Some single instructions
 * can be made to last (comparing two long strings, a `next` over emptied
 * slots): the hook therefore also looks at the thread's CPU time, at a rate
 * no ordinary instruction comes near. What one instruction can walk over is
 * one block of memory at most, so the larger the largest block there is, the
 * oftener it looks; and a string has a largest size.
 *
 * Once the budget is spent it stays spent: the hook then fires on every
 * instruction, and what catches errors (pcall, coroutines) passes this one on.
 */
#include <lauxlib.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "coverage_i.h"
#include "meter.h"
#include "session.h"
#include "shard.h"

#define STEP 1000		/* instructions from look to look, at most */
#define STEP_LEAST 16
#define BLOCK_SMALL 32768	/* bytes; twice that halves the step */
#define BYTES_PER_INSTRUCTION 128
#define NS_PER_INSTRUCTION 100	/* what time costs at least, */
#define NS_PER_ORDINARY 4	/* and what it is worth to others */
#define NOTED_NS 1000000	/* less time than this is not noted */
#define STRING_MAX (1024 * 1024 + 64)	/* with its head */

const char meter_full[] =
	"out of memory: handler_memory or bot_memory is used up";

static uint64_t thread_ns(void)
{
	struct timespec ts;

	if (clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts))
		return 0;
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
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

/* Why there may be no such block, or NULL. */
static const char *refusal(const struct shard *sh, struct meter *m,
			   const void *ptr, size_t osize, size_t nsize)
{
	const size_t more = nsize - (ptr ? osize : 0);

	if (!ptr && osize == LUA_TSTRING && nsize > STRING_MAX)
		return "out of memory: a string of more than 1 MB";
	if (m && stack_guard_refuses(&sh->stacks, ptr, osize,
					  nsize))
		return "stack overflow: calls are nested too deep";
	/* Live calls go on when the bot's memory is full, but not without
	 * end. */
	if (sh->bot->bytes + more > 2 * sh->bot->limits.bot_memory ||
	    (m && too_many(sh, m, more)))
		return meter_full;
	return NULL;
}

static void hook(lua_State *L, lua_Debug *ar);

/* Lines are looked at only where somebody asks which are reached. */
static int mask(lua_State *L)
{
	return cover_of(shard_of(L)) ? LUA_MASKCOUNT | LUA_MASKLINE
		: LUA_MASKCOUNT;
}

/* How often to look, by the largest block that there is. */
static void look_as_needed(struct shard *sh)
{
	int n = LARGE_CLASSES;

	while (n && !sh->large[n - 1])
		n--;
	sh->step = n < 8 && STEP >> n > STEP_LEAST ? STEP >> n : STEP_LEAST;
	if (sh->running)
		meter_thread(sh->running);
}

/* A block of `size` bytes has come, or gone. */
static void count_large(struct shard *sh, size_t size, bool come)
{
	int n = 0;

	for (size_t s = size; s > 2 * BLOCK_SMALL && n < LARGE_CLASSES - 1;
	     s /= 2)
		n++;
	if (come ? !sh->large[n]++ : !--sh->large[n])
		look_as_needed(sh);
}

void *meter_alloc(void *arg, void *ptr, size_t osize, size_t nsize)
{
	struct shard *sh = arg;
	struct meter *m = sh->meter;
	const bool had = ptr;
	const size_t old = had ? osize : 0;
	const char *no;
	void *p;

	if (!nsize) {
		stack_guard_note(&sh->stacks, ptr, osize, 0);
		if (old > BLOCK_SMALL)
			count_large(sh, old, false);
		free(ptr);
		sh->bytes -= old;
		sh->bot->bytes -= old;
		if (m && (m->net -= (int64_t)old) < 0)
			m->net = 0;	/* somebody else's garbage */
		return NULL;
	}

	if (nsize > old) {
		no = refusal(sh, m, ptr, osize, nsize);
		if (no && m) {
			m->refused = no;
			if (sh->running)
				place(sh->running, m->where, sizeof(m->where));
		}
		if (no)
			return NULL;
		if (m) {
			m->left -= (int64_t)(nsize / BYTES_PER_INSTRUCTION);
			m->taken += (int64_t)(nsize / BYTES_PER_INSTRUCTION);
		}
	}

	p = realloc(ptr, nsize);
	if (!p)
		return NULL;
	stack_guard_note(&sh->stacks, had, osize, nsize);
	if (nsize > BLOCK_SMALL)
		count_large(sh, nsize, true);
	if (old > BLOCK_SMALL)
		count_large(sh, old, false);
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
		snprintf(buf, size, "%s%s%s", m->where, colon, m->refused ?
			 m->refused : "out of memory");
	else
		snprintf(buf, size, "%s%shandler_instructions: the budget of "
			 "%lld instructions is spent", m->where, colon,
			 (long long)m->limit);
	return buf;
}

static int spend(lua_State *L, struct meter *m)
{
	char text[256];

	if (!m->spent)
		place(L, m->where, sizeof(m->where));
	m->spent = true;
	lua_sethook(L, hook, mask(L), 1);
	lua_pushstring(L, meter_text(m, text, sizeof(text)));
	return lua_error(L);
}

/* Looks at the clock: what took longer than it was charged for costs more. */
static void look(struct meter *m)
{
	const uint64_t now = thread_ns();
	int64_t cost;

	if (now > m->cpu) {
		m->ns += now - m->cpu;
		cost = (int64_t)((now - m->cpu) / NS_PER_INSTRUCTION);
		if (cost > m->taken)
			m->left -= cost - m->taken;
	}
	m->cpu = now;
	m->taken = 0;
	m->ticks = 0;
}

/* What the stretch has used so far, in ordinary instructions. */
static uint64_t used(const struct meter *m)
{
	const uint64_t n = m->left < m->limit ? (uint64_t)(m->limit - m->left)
		: 0;
	const uint64_t worth = m->ns < NOTED_NS ? 0 : m->ns / NS_PER_ORDINARY;

	return n > worth ? n : worth;
}

/* The handler goes on in a later turn, right here. From the hook nothing can
 * be yielded, and nothing may follow. */
static void leave_turn(lua_State *L, struct shard *sh)
{
	sh->run->turned = true;
	lua_yield(L, 0);
}

static void hook(lua_State *L, lua_Debug *ar)
{
	struct shard *sh = shard_of(L);
	struct meter *m = sh->meter;
	const int n = lua_gethookcount(L);

	if (ar->event == LUA_HOOKLINE) {
		cover_line(L, ar);
		return;
	}
	if (!m)
		return;
	if (!m->spent) {
		m->left -= n;
		m->taken += n;
		look(m);
	}
	if (m->left < 0 || m->spent)
		spend(L, m);
	if (n != sh->step)
		lua_sethook(L, hook, mask(L), sh->step);
	/* A thread that is being closed has nobody who would go on with it. */
	if (sh->run && used(m) >= m->turn + METER_TURN && !sh->closing &&
	    lua_isyieldable(L))
		leave_turn(L, sh);
}

void meter_start(struct meter *m, uint64_t instructions, uint64_t memory)
{
	*m = (struct meter){
		.limit = (int64_t)instructions, .memory = (int64_t)memory,
	};
}

void meter_resume(struct meter *m, lua_State *L)
{
	struct shard *sh = shard_of(L);

	m->left = m->limit;
	m->taken = 0;
	m->ticks = 0;
	m->ns = 0;
	m->noted = m->turn = 0;
	m->cpu = thread_ns();
	if (!sh->step)
		look_as_needed(sh);
	lua_sethook(L, hook, mask(L), sh->step);
}

void meter_keep_turn(struct meter *m)
{
	m->turn = used(m);
}

void meter_go_on(struct meter *m, lua_State *L)
{
	meter_keep_turn(m);
	m->cpu = thread_ns();
	lua_sethook(L, hook, mask(L), shard_of(L)->step);
}

uint64_t meter_pause(struct meter *m)
{
	const uint64_t before = m->noted;

	look(m);
	m->noted = used(m);
	return m->noted > before ? m->noted - before : 0;
}

void meter_thread(lua_State *L)
{
	const struct shard *sh = shard_of(L);

	if (sh->meter && !sh->meter->spent &&
	    lua_gethookcount(L) != sh->step)
		lua_sethook(L, hook, mask(L), sh->step);
}

bool meter_killed(lua_State *co)
{
	return lua_status(co) > LUA_YIELD && lua_gethookcount(co) == 1;
}

/* One more charge; now and then the clock is looked at. */
static void tick(const struct shard *sh, struct meter *m)
{
	if (++m->ticks >= sh->step)
		look(m);
}

void meter_take(lua_State *L, uint64_t n)
{
	const struct shard *sh = shard_of(L);
	struct meter *m = sh->meter;

	if (!m)
		return;
	if (n > INT64_MAX / 4)
		n = INT64_MAX / 4;
	m->left -= (int64_t)n;
	m->taken += (int64_t)n;
	tick(sh, m);
}

void meter_charge(lua_State *L, uint64_t n)
{
	struct meter *m = shard_of(L)->meter;

	meter_take(L, n);
	if (!m)
		return;
	if (m->left < 0 || m->spent) {
		m->left = -1;
		spend(L, m);
	}
}

void meter_tick(lua_State *L)
{
	meter_charge(L, 0);
}

bool meter_goes_on(lua_State *L)
{
	const struct shard *sh = shard_of(L);
	struct meter *m = sh->meter;

	if (!m)
		return true;
	tick(sh, m);
	return m->left >= 0 && !m->spent;
}

int64_t meter_left(lua_State *L)
{
	const struct meter *m = shard_of(L)->meter;

	return m ? m->left : INT64_MAX / 8;
}

/* An auxiliary buffer that cannot grow raises an error like any other. */
static bool is_no_memory(lua_State *L, int status)
{
	return status == LUA_ERRMEM ||
		(lua_type(L, -1) == LUA_TSTRING &&
		 !strcmp(lua_tostring(L, -1), "not enough memory"));
}

void meter_rethrow(lua_State *L, int status)
{
	struct meter *m = shard_of(L)->meter;

	if (!m)
		return;
	if (!m->spent && is_no_memory(L, status))
		m->spent = m->no_memory = true;
	if (!m->spent)
		return;
	/* What is closed on the way out runs on nothing. */
	lua_sethook(L, hook, mask(L), 1);
	lua_error(L);
}
