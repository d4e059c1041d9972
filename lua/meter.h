/**
 * @file meter.h  What who runs may still use up: instructions and memory
 */
#ifndef TANDEM_LUA_METER_H
#define TANDEM_LUA_METER_H

#include <lua.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/** What a handler, or the loading of a file, may still use up. */
struct meter {
	int64_t left;		/**< instructions                        */
	int64_t limit;		/**< of them, from wait to wait          */
	int64_t net;		/**< bytes allocated less freed          */
	int64_t memory;		/**< bytes it may have so                */
	uint64_t cpu;		/**< ns of this thread at the last look  */
	uint64_t ns;		/**< of them, from wait to wait          */
	int64_t taken;		/**< instructions since the last look    */
	int ticks;		/**< charges since the last look         */
	uint64_t noted;		/**< of what is used, told by a pause    */
	uint64_t turn;		/**< used when this turn began           */
	bool spent;		/**< stays set: nothing may go on        */
	bool no_memory;		/**< it was the memory                   */
	const char *refused;	/**< what the allocator said no to       */
	char where[96];		/**< "file:line" where it ran out        */
};

/** What is `refused` where there is no room at all. */
extern const char meter_full[];

/** The shard's allocator: lua_Alloc with a struct shard. */
void *meter_alloc(void *arg, void *ptr, size_t osize, size_t nsize);
void meter_start(struct meter *m, uint64_t instructions, uint64_t memory);

/** A new stretch from wait to wait on thread `L`. */
void meter_resume(struct meter *m, lua_State *L);

/** The same stretch goes on, after a turn that was left to others. */
void meter_go_on(struct meter *m, lua_State *L);

/** Others cannot have a turn now: this one begins anew. */
void meter_keep_turn(struct meter *m);

/** The stretch is over, or others have their turn: what it has used up since
 * it was resumed or went on, in ordinary instructions. */
uint64_t meter_pause(struct meter *m);

/** What a stretch may use before others have a turn, in ordinary instructions:
 * two milliseconds. */
#define METER_TURN 500000

/** Before thread `L` runs inside of another: counts as finely as now needed. */
void meter_thread(lua_State *L);

/** Whether `co` has died of a spent budget: its <close> variables stay open,
 * since the hook might never fire again there. */
bool meter_killed(lua_State *co);

/** Takes `n` instructions; raises when they are spent. */
void meter_charge(lua_State *L, uint64_t n);

/** The same without raising: the next charge or instruction does. */
void meter_take(lua_State *L, uint64_t n);

/** Once for each round of a loop in C that can run other code, charged before
 * as a whole: raises when the budget is spent. */
void meter_tick(lua_State *L);

/** A tick in code that must not raise: false when nothing is left. */
bool meter_goes_on(lua_State *L);

/** Instructions left for C code that counts by itself. */
int64_t meter_left(lua_State *L);

/** What it says when it is spent; returns `buf`. */
const char *meter_text(const struct meter *m, char *buf, size_t size);

/**
 * After a protected call that failed with the error on top of the stack:
 * raises it again if the budget or the memory is spent, else returns.
 */
void meter_rethrow(lua_State *L, int status);

#endif
