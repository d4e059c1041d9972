/**
 * @file config.h  The configuration of a node
 *
 * One table of keys (name, type, default, range, whether this version has it)
 * checks a plain tree and fills the structs below. Where the tree comes from
 * is the scripting side's business (a Lua file), so is the line of a key.
 */
#ifndef TANDEM_CONFIG_H
#define TANDEM_CONFIG_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "bot.h"
#include "log.h"
#include "problem.h"
#include "timers.h"
#include "trunk.h"

struct sockaddr;

enum media_mode { MEDIA_NONE, MEDIA_RTP };
enum refer_policy { REFER_AUTO, REFER_NEVER, REFER_ALWAYS };
enum media_policy { MEDIA_AUTO, MEDIA_NODE, MEDIA_DIRECT };
enum caller_id { CALLER_AUTO, CALLER_CUSTOMER, CALLER_TRUNK };

/** An address or network: an IPv4 or IPv6 prefix. */
struct prefix {
	int family;		/**< AF_INET or AF_INET6 */
	unsigned char addr[16];
	unsigned bits;
};

struct listen {
	char transport[4];	/**< "udp" or "tcp"            */
	char host[46];		/**< numeric address           */
	uint16_t port;		/**< 0: any free one           */
};

struct trunk {
	char *name;
	char *uri;		/**< as written                */
	char host[64];		/**< of uri                    */
	bool numeric;		/**< host is no name           */
	uint16_t port;		/**< of uri; unnamed: 5060, 0 if host is a
				     name                      */
	const char *transport;	/**< of uri: "udp", "tcp", or NULL */
	char *proxy;		/**< URI of its outbound proxy, or NULL */
	char advertise[46];	/**< what we are called there, or "" */
	struct prefix *match;
	size_t match_count;
	enum refer_policy refer;
	enum media_policy media;
	enum caller_id caller_id;
	char **headers;		/**< names passed on besides X-* */
	size_t header_count;
	struct trunk_state state;
	char *username;		/**< NULL: answers no challenge   */
	char *password;
	char *from;		/**< our number there, the username
				     unless set; or NULL          */
	bool asserted_identity;
	bool diversion;
};

struct channel {
	char *id;
	char *number;		/**< compared with the called number; may end
				     in `*`; NULL: any                       */
	const struct trunk *trunk;	/**< NULL: any                       */
	char *bot;
	unsigned lines;		/**< 0: no limit                             */
	unsigned calls;		/**< of it now; kept by the engine           */
};

struct bot_file {
	char *name;
	char *path;		/**< resolved from the config's folder       */
};

struct config {
	char *file;		/**< NULL: embedded defaults                 */
	char *folder;		/**< relative paths start here               */
	struct listen *listen;
	size_t listen_count;
	char advertise[46];	/**< sip.advertise, or ""                    */
	struct prefix *proxies;	/**< whose word on the trunk is taken        */
	size_t proxy_count;
	bool accept_any;	/**< sip.accept = "any"                      */
	enum media_mode media_mode;
	char media_address[46];
	char media_advertise[46];	/**< else sip.advertise; "":
					     media_address           */
	uint16_t port_min, port_max;
	char **codecs;		/**< names, in order of preference           */
	size_t codec_count;
	struct trunk *trunks;	/**< in order by name                        */
	size_t trunk_count;
	struct channel *channels;	/**< in order by id                  */
	size_t channel_count;
	struct bot_file *bots;
	size_t bot_count;
	char *default_bot;	/**< NULL: calls nothing takes get 404       */
	uint64_t timers[TIMERS];	/**< ms                              */
	uint64_t calls;		/**< limits.calls; 0: what ports and
				     descriptors allow (resolved at start)   */
	uint64_t cps;
	uint64_t call_duration;	/**< ms                                      */
	struct bot_limits limits;
	char **http_hosts;	/**< limits.http_hosts, see hosts.h          */
	size_t http_host_count;
	char **control;		/**< paths of Unix sockets                   */
	size_t control_count;
	char *store_file;	/**< NULL: in memory                         */
	char *cdr_file;		/**< NULL: none                              */
	struct log_options log;	/**< log.file owned                          */
};

/** Line of a key's path such as "trunks.office.uri", or 0. */
typedef int (config_line_h)(void *arg, const char *path);

/**
 * Checks `tree` and fills a config. NULL if there are errors; they are in `p`
 * with `file` and the key's path, together with those that reading the file has
 * added before. `tree` NULL: the embedded defaults.
 */
struct config *config_parse(json_t *tree, const char *file,
			    config_line_h *line, void *arg,
			    struct problems *p);
void config_free(struct config *c);

/** A path from the config: absolute, or from its folder. Caller frees. */
char *config_path(const struct config *c, const char *path);

const struct trunk *config_trunk(const struct config *c, const char *name);
struct channel *config_channel(struct config *c, const char *id);

/** Trunk whose match takes this source, first by name, or NULL. */
const struct trunk *config_trunk_by_source(const struct config *c,
					   const struct sockaddr *source);

/** Whether a call's source is one of sip.proxies. */
bool config_is_proxy(const struct config *c, const struct sockaddr *source);

/**
 * Trunk with this host, and this port unless `port` is 0 (a URI that names
 * none), or NULL.
 */
const struct trunk *config_trunk_by_host(const struct config *c,
					 const char *host, uint16_t port);

/** Channel for a call to `user` over `trunk` (may be NULL), or NULL. */
struct channel *config_channel_for(struct config *c,
				   const struct trunk *trunk,
				   const char *user);

/**
 * Parses a duration: a number of seconds, or "500ms", "30", "30s", "5m", "4h",
 * "5 seconds". 0 and ms, or UV_EINVAL.
 */
int duration_parse(const json_t *v, uint64_t *ms);

/** Parses a size: bytes, or a string with K, M or G (1024). */
int size_parse(const json_t *v, uint64_t *bytes);

/** Compares numbers as the contract does: `+`, separators and URI parameters
 * are ignored; `pattern` may end in `*`. */
bool number_matches(const char *pattern, const char *user);

#endif
