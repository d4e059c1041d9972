/**
 * @file regex_program.h  What regex_parse.c makes and regex.c runs
 */
#ifndef TANDEM_REGEX_PROGRAM_H
#define TANDEM_REGEX_PROGRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REGEX_PROGRAM_MAX 2000

enum regex_op {
	RE_CHAR,	/**< the character x                         */
	RE_ANY,		/**< any but a line feed                     */
	RE_CLASS,	/**< one of class x                          */
	RE_SPLIT,	/**< goes on at x and at y                   */
	RE_JUMP,	/**< goes on at x                            */
	RE_BEGIN,	/**< `^`                                     */
	RE_END,		/**< `$`                                     */
	RE_BOUND,	/**< `\b`                                    */
	RE_NOT_BOUND,	/**< `\B`                                    */
	RE_MATCH,
};

struct regex_instr {
	enum regex_op op;
	uint32_t x, y;
};

struct char_range {
	uint32_t first, last;
};

/** A set of characters: its ranges are sorted and do not touch. */
struct char_class {
	struct char_range *ranges;
	size_t count;
	uint64_t ascii[2];	/**< the same below 128, as bits */
};

/** Adds a range; all of these: false is no memory. */
bool class_add(struct char_class *c, uint32_t first, uint32_t last);

/** Adds what \d, \w, \s or, in capitals, their opposites stand for. */
bool class_add_set(struct char_class *c, char letter);

/** Sorts, joins and, if asked, inverts the ranges. */
bool class_finish(struct char_class *c, bool no_case, bool invert);

struct regex {
	struct regex_instr *prog;
	size_t count;
	struct char_class *classes;
	size_t class_count;
	bool no_case;		/**< ASCII letters of either case            */
	/* for regex_match() */
	uint32_t *stack, *now, *next;
	size_t *mark;
	size_t *generation;
};

#endif
