/**
 * @file method.h  The methods of the control protocol: one table
 */
#ifndef TANDEM_CONTROL_METHOD_H
#define TANDEM_CONTROL_METHOD_H

#include <stdbool.h>
#include <stddef.h>

#include "request.h"

enum param_type {
	PARAM_STRING,		/**< not empty, without NUL                  */
	PARAM_LIST,		/**< of strings                              */
	PARAM_MAP,
	PARAM_ANY,
};

struct param {
	const char *name;
	enum param_type type;
	bool required;
};

#define PARAMS_MAX 4

struct method {
	const char *name;
	/** Writes the result to r->pk, or fails. NULL: not in this version. */
	int (*h)(struct request *r);
	struct param params[PARAMS_MAX];
	bool fields;		/**< takes an action's fields besides        */
};

extern const struct method method_table[];
extern const size_t method_count;

/** Checks r->method and r->params by the table, then carries it out. */
int method_run(struct request *r);

#endif
