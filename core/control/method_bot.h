/**
 * @file method_bot.h  node.reload, bot.list and bot.reload
 */
#ifndef TANDEM_CONTROL_METHOD_BOT_H
#define TANDEM_CONTROL_METHOD_BOT_H

struct request;

int method_node_reload(struct request *r);
int method_bot_list(struct request *r);
int method_bot_reload(struct request *r);

#endif
