/**
 * @file node.h  One node: engine, SIP, scripting and control put together
 *
 * The composition root: it alone knows who implements the engine's ports. It
 * runs on a loop of its caller's and takes no signals and prints nothing.
 * One node per process, since sofia-sip's hooks are global.
 */
#ifndef TANDEM_NODE_H
#define TANDEM_NODE_H

#include <stddef.h>
#include <stdint.h>

struct node;
struct problems;
struct setup;
struct uv_loop_s;

struct node_options {
	struct uv_loop_s *uv;		/**< the caller's, and run by him   */
	struct setup *setup;		/**< borrowed; outlives the node    */
	/**
	 * The last call is over after node_drain() or node_stop(): now
	 * uv_stop() and, outside of uv_run(), node_close().
	 */
	void (*ended)(void *arg);
	void *arg;
};

/**
 * Opens everything the config names, or nothing: 0, or a negative UV_E* with
 * one problem for each thing that could not be had.
 */
int node_open(struct node **np, const struct node_options *o,
	      struct problems *p);

/** No new calls; live ones may end until timer `drain`, then ended(). */
void node_drain(struct node *n);

/** Hangs up every call (BYE or CANCEL on every leg), then ended(). */
void node_stop(struct node *n);

/**
 * Loads every bot again and opens the log and the CDR file anew; returns at
 * once, and what is found wrong on the way is logged. A bad bot is refused,
 * and its running version stays. A changed config is checked, and logged.
 */
void node_reload(struct node *n);

/**
 * Ends what is left and frees the node. Runs the loop, for 2 s at most, until
 * the far ends have confirmed; the caller runs it once more before he closes
 * it. NULL is allowed.
 */
void node_close(struct node *n);

const char *node_name(const struct node *n);
const char *node_boot(const struct node *n);

/** Calls that are up now. */
size_t node_calls(const struct node *n);

/** Port of the i-th entry of sip.listen, as bound. */
uint16_t node_sip_port(const struct node *n, size_t i);

#endif
