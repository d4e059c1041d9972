/**
 * @file require.h  What a peer may require of us
 */
#ifndef TANDEM_SIP_REQUIRE_H
#define TANDEM_SIP_REQUIRE_H

#include <stddef.h>

#include <sofia-sip/sip.h>

/**
 * What in Require we lack, as a list (RFC 3261 8.2.2.3) in `buf`; NULL if
 * nothing. Of thousands of names the first few will do.
 */
const char *require_lacks(const sip_t *request, char *buf, size_t size);

#endif
