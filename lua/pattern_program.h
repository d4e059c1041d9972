/**
 * @file pattern_program.h  What pattern_compile.c makes and pattern.c runs
 *
 * A pattern is an automaton over words. Nothing in it repeats but `*`, which
 * is one state that stays; so every edge without a word leads forward, and
 * one pass over the states in their order follows all of them.
 */
#ifndef TANDEM_PATTERN_PROGRAM_H
#define TANDEM_PATTERN_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum pattern_op {
	OP_WORD,	/**< the word x, then the next state             */
	OP_STEM,	/**< a word that begins with x, then the next    */
	OP_ANY,		/**< `*`: any word and stay, or the next state   */
	OP_SPLIT,	/**< the next state or x                         */
	OP_JUMP,	/**< x                                           */
	OP_OPEN,	/**< here begins what the name x matches         */
	OP_CLOSE,	/**< and ends                                    */
	OP_DONE,
};

struct pattern_state {
	enum pattern_op op;
	int x;
};

struct pattern_word {
	uint32_t hash;
	uint32_t len;
	const char *text;	/**< folded                              */
};

struct pattern {
	struct regex *regex;	/**< then nothing below is used          */
	struct pattern_state *states;
	int count;
	struct pattern_word *words;
	char *text;		/**< of all words                        */
	const struct pattern_names *names;
	bool named;		/**< there are OP_OPEN                   */
	struct pattern_key *keys;
	size_t key_count;
	unsigned key_sets;
};

#endif
