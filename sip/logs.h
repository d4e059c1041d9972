/**
 * @file logs.h  sofia-sip's own log lines go to ours, a few per second
 */
#ifndef TANDEM_SIP_LOGS_H
#define TANDEM_SIP_LOGS_H

void logs_open(void);

#endif
