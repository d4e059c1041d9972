#include "serve.h"

#include <stdio.h>
#include <string.h>

#include "core/log.h"
#include "core/service.h"
#include "core/utf8.h"
#include "unpack.h"

/* ---- to the client ---- */

static int send_request(void *arg, uint32_t id, const char *method,
			json_t *params)
{
	struct peer *p = arg;
	struct packed b = { 0 };
	msgpack_packer pk;
	struct frame *f;

	if (p->closing || p->eof)
		return UV_ENOTCONN;
	/* It does not read what it was asked before. */
	if (p->answer_bytes > ANSWERS_MARK || p->c->answer_bytes > ANSWERS_MAX)
		return UV_ENOBUFS;
	packed_writer(&pk, &b);
	msgpack_pack_array(&pk, 4);
	msgpack_pack_int(&pk, RPC_REQUEST);
	msgpack_pack_uint32(&pk, id);
	pack_text(&pk, method);
	msgpack_pack_array(&pk, params ? 1 : 0);
	if (params)
		pack_json(&pk, params);
	f = b.failed ? NULL : frame_new(&b);
	packed_free(&b);
	if (!f)
		return UV_ENOMEM;
	/* Should it be closed now its services must stay: one is asking. */
	p->asking = true;
	peer_send(p, f, false);
	p->asking = false;
	frame_unref(f);
	return p->closing ? UV_ENOTCONN : 0;
}

void serve_leave(struct peer *p)
{
	if (p->asking)
		return;			/* comes again when it is closed */
	while (p->service_count)
		service_leave(p->services[--p->service_count]);
}

/* ---- service.register ---- */

int serve_register(struct request *r)
{
	struct services *all = r->c->o.services;
	const char *name = json_string_value(json_object_get(r->params,
							     "name"));
	const json_t *list = json_object_get(r->params, "methods");
	const char *methods[SERVICE_METHODS_MAX + 1];
	struct peer *p = r->peer;
	const struct service_port port = { send_request, p };
	struct service *s = NULL;
	const json_t *v;
	size_t i;
	int rc;

	if (!all)
		return request_fail(r, "not_found",
				    "not available on this node");
	if (json_array_size(list) > SERVICE_METHODS_MAX)
		return request_fail(r, "limit", "methods: more than %d",
				    SERVICE_METHODS_MAX);
	json_array_foreach(list, i, v) {
		methods[i] = json_string_value(v);
		if (strlen(methods[i]) != json_string_length(v))
			return request_fail(r, "invalid",
					    "methods: contains NUL");
	}
	rc = service_offer(all, name, methods, json_array_size(list), &port,
			   &s);
	if (rc == UV_EINVAL)
		return request_fail(r, "invalid", "name, methods: names of 1 "
				    "to %d characters without spaces, and at "
				    "least one method", SERVICE_NAME_MAX);
	if (rc == UV_EEXIST)
		return request_fail(r, "conflict", "another client serves "
				    "%.100s", name);
	if (rc == UV_E2BIG)
		return request_fail(r, "limit", "too many services");
	if (rc)
		return request_fail_uv(r, rc, NULL);
	for (i = 0; i < p->service_count && p->services[i] != s; i++)
		;
	if (i == PEER_SERVICES) {
		service_leave(s);
		return request_fail(r, "limit", "a client serves %d services "
				    "at most", PEER_SERVICES);
	}
	if (i == p->service_count)
		p->services[p->service_count++] = s;
	msgpack_pack_map(&r->pk, 0);
	return 0;
}

/* ---- from the client ---- */

/* What it says went wrong, in a line: its text, its map's message or code. */
static void reason_of(const json_t *error, char *buf, size_t size)
{
	const char *text = json_string_value(error);
	size_t n = 0, k;

	if (!text)
		text = json_string_value(json_object_get(error, "message"));
	if (!text)
		text = json_string_value(json_object_get(error, "code"));
	if (!text || !*text)
		text = "error";
	/* whole characters, none of them a control character */
	while (text[n] && (k = utf8_char(text + n, strlen(text + n))) &&
	       n + k < size) {
		memcpy(buf + n, text + n, k);
		if ((unsigned char)buf[n] < ' ' || buf[n] == 0x7f)
			buf[n] = ' ';
		n += k;
	}
	buf[n] = '\0';
}

static void answer(struct service *sv, uint32_t id, const msgpack_object *o)
{
	const msgpack_object *v = o->via.array.ptr;
	char reason[SERVICE_REASON_MAX];
	json_t *error = NULL, *result = NULL;
	const char *why = NULL;
	int rc;

	rc = unpack_json(&error, &v[2], &why);
	if (!rc && json_is_null(error))
		rc = unpack_json(&result, &v[3], &why);
	if (rc) {
		log_warn("a service's answer is refused: %s",
			 why ? why : uv_strerror(rc));
		service_answer(sv, id, NULL, "invalid");
	} else if (!json_is_null(error)) {
		reason_of(error, reason, sizeof(reason));
		service_answer(sv, id, NULL, reason);
	} else {
		service_answer(sv, id, result, NULL);
	}
	if (!rc)
		json_decref(error);
	json_decref(result);
}

void serve_response(struct peer *p, const struct skim *s, const char *data)
{
	struct service *sv = NULL;
	msgpack_unpacked message;
	size_t off = 0;

	for (size_t i = 0; i < p->service_count && !sv; i++)
		if (service_has(p->services[i], s->id))
			sv = p->services[i];
	if (!sv) {
		/* Too late, or never asked: nobody waits. */
		if (p->service_count)
			service_answer(p->services[0], s->id, NULL, NULL);
		return;
	}
	msgpack_unpacked_init(&message);
	switch (msgpack_unpack_next(&message, data, s->pos, &off)) {
	case MSGPACK_UNPACK_SUCCESS:
	case MSGPACK_UNPACK_EXTRA_BYTES:
		answer(sv, s->id, &message.data);
		break;
	default:
		service_answer(sv, s->id, NULL, "invalid");
		break;
	}
	msgpack_unpacked_destroy(&message);
}
