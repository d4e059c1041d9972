/* What a session keeps, for tests of bots and `tandem chat`. */
#include <lauxlib.h>

#include "inspect.h"
#include "plain.h"
#include "session.h"
#include "shard.h"

static json_t *kept_session(const struct session_lua *s)
{
	const struct plain_options o = {
		.bytes = s->shard->bot->limits.session_bytes, .text = true,
	};
	lua_State *L = s->shard->L;
	json_t *v = NULL;
	char err[256];

	if (s->data != LUA_NOREF && lua_checkstack(L, 4)) {
		lua_rawgeti(L, LUA_REGISTRYINDEX, s->data);
		v = plain_json(L, -1, &o, "call.session", err, sizeof(err));
		lua_pop(L, 1);
	}
	return v ? v : json_object();
}

static json_t *kept_client(const struct session_lua *s)
{
	json_t *v = s->kept.client ? json_copy((json_t *)client_data(&s->kept))
				   : json_incref(s->client);

	return v ? v : json_object();
}

json_t *session_inspect(struct session *base)
{
	const struct session_lua *s = (const struct session_lua *)base;

	return json_pack("{s:o, s:o}", "session", kept_session(s), "client",
			 kept_client(s));
}
