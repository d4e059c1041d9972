#include "request.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core/utf8.h"
#include "method.h"
#include "peer.h"
#include "serve.h"
#include "unpack.h"

#define METHOD_LEN_MAX 64

int request_fail(struct request *r, const char *code, const char *fmt, ...)
{
	va_list ap;
	size_t len = 0;

	r->code = code;
	va_start(ap, fmt);
	vsnprintf(r->message, sizeof(r->message), fmt, ap);
	va_end(ap);

	/* What was cut or quoted must not end in half a character. */
	while (r->message[len]) {
		const size_t left = strlen(r->message + len);
		const size_t n = utf8_char(r->message + len, left);

		if (!n)
			r->message[len] = left > 3 ? '?' : '\0';
		len += n;
	}
	return -1;
}

int request_fail_uv(struct request *r, int err, const char *text)
{
	static const struct {
		int err;
		const char *code;
	} codes[] = {
		{ UV_EINVAL, "invalid" },
		{ UV_ENOTSUP, "invalid" },
		{ UV_ENOENT, "not_found" },
		{ UV_EBUSY, "conflict" },
		{ UV_EEXIST, "conflict" },
		{ UV_EALREADY, "conflict" },
		{ UV_ENOTCONN, "gone" },
		{ UV_EACCES, "unauthorized" },
		{ UV_EPERM, "unauthorized" },
		{ UV_ENOBUFS, "limit" },
		{ UV_EAGAIN, "limit" },
		{ UV_E2BIG, "limit" },
		{ UV_ETIMEDOUT, "timeout" },
	};
	const char *code = "internal";

	for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++)
		if (codes[i].err == err)
			code = codes[i].code;
	return request_fail(r, code, "%s",
			    text && *text ? text : uv_strerror(err));
}

static void answer_begin(struct request *r, const struct skim *s)
{
	struct packed *b = &r->c->scratch;

	packed_reset(b);
	packed_writer(&r->pk, b);
	msgpack_pack_array(&r->pk, 4);
	msgpack_pack_int(&r->pk, RPC_RESPONSE);
	msgpack_pack_uint32(&r->pk, s->id);
}

static void answer_error(struct request *r, const struct skim *s)
{
	r->c->count.errors++;
	answer_begin(r, s);
	msgpack_pack_map(&r->pk, 2);
	pack_text(&r->pk, "code");
	pack_text(&r->pk, r->code);
	pack_text(&r->pk, "message");
	pack_text(&r->pk, r->message);
	msgpack_pack_nil(&r->pk);
}

static void send_answer(struct request *r)
{
	struct frame *f = frame_new(&r->c->scratch);

	if (!f) {
		/* A client left without its answer would wait for good. */
		peer_close(r->peer);
		return;
	}
	peer_send(r->peer, f, false);
	frame_unref(f);
}

/* The message as plain values; its frame was checked by the skimmer. */
static int read_message(struct request *r, const struct skim *s,
			const msgpack_object *o, char *method)
{
	const msgpack_object *v =
		&o->via.array.ptr[s->kind == RPC_REQUEST ? 2 : 1];
	const msgpack_object *params = v + 1;
	const char *why = NULL;
	const char *name;
	size_t len;
	int err;

	if (v->type != MSGPACK_OBJECT_STR)
		return request_fail(r, "invalid", "the method must be a "
				    "string");
	name = str_bytes(&v->via.str);
	len = v->via.str.size;
	if (!utf8_valid(name, len) || memchr(name, '\0', len))
		return request_fail(r, "invalid", "the method must be a "
				    "string of UTF-8 without NUL");
	if (len > METHOD_LEN_MAX)
		return request_fail(r, "not_found", "unknown method");
	memcpy(method, name, len);
	method[len] = '\0';
	r->method = method;

	if (params->type != MSGPACK_OBJECT_ARRAY)
		return request_fail(r, "invalid", "params must be an array");
	if (params->via.array.size == 0) {
		r->params = json_object();
		return r->params ? 0 : request_fail_uv(r, UV_ENOMEM, NULL);
	}
	v = params->via.array.ptr;
	if (params->via.array.size > 1 || v->type != MSGPACK_OBJECT_MAP)
		return request_fail(r, "invalid",
				    "params must hold at most one map");

	err = unpack_json(&r->params, v, &why);
	return err ? request_fail_uv(r, err, why) : 0;
}

static int carry_out(struct request *r, const struct skim *s,
		     const char *data)
{
	char method[METHOD_LEN_MAX + 1];
	msgpack_unpacked message;
	size_t off = 0;
	int err;

	if (r->c->answer_bytes > ANSWERS_MAX)
		return request_fail(r, "limit", "too many answers wait for "
				    "clients that do not read them");

	msgpack_unpacked_init(&message);
	switch (msgpack_unpack_next(&message, data, s->pos, &off)) {
	case MSGPACK_UNPACK_SUCCESS:
	case MSGPACK_UNPACK_EXTRA_BYTES:
		err = read_message(r, s, &message.data, method);
		break;
	case MSGPACK_UNPACK_NOMEM_ERROR:
		err = request_fail_uv(r, UV_ENOMEM, NULL);
		break;
	default:
		err = request_fail(r, "invalid", "not MessagePack");
		break;
	}
	if (!err)
		err = method_run(r);
	msgpack_unpacked_destroy(&message);
	return err;
}

void request_run(struct peer *p, const struct skim *s, const char *data)
{
	struct request r = { .c = p->c, .peer = p };
	int err;

	if (s->kind == RPC_RESPONSE) {
		serve_response(p, s, data);
		return;
	}

	p->c->count.requests++;
	answer_begin(&r, s);
	msgpack_pack_nil(&r.pk);
	err = carry_out(&r, s, data);
	if (!err && p->c->scratch.failed)
		err = request_fail_uv(&r, UV_ENOMEM, NULL);
	if (err)
		answer_error(&r, s);
	if (r.later && !err) {
		p->waits = true;
		p->asked = *s;
	} else if (s->kind == RPC_REQUEST) {
		send_answer(&r);
	}
	if (!err && r.replay)
		peer_replay(p, r.since);
	json_decref(r.params);
}

void request_answer(struct peer *p, const char *code, const char *message,
		    const json_t *result)
{
	struct request r = { .c = p->c, .peer = p };

	p->waits = false;
	if (code) {
		request_fail(&r, code, "%s", message);
		answer_error(&r, &p->asked);
	} else {
		answer_begin(&r, &p->asked);
		msgpack_pack_nil(&r.pk);
		pack_json(&r.pk, result);
		if (r.c->scratch.failed) {
			request_fail_uv(&r, UV_ENOMEM, NULL);
			answer_error(&r, &p->asked);
		}
	}
	if (p->asked.kind == RPC_REQUEST)
		send_answer(&r);
	/* what came in behind it */
	peer_wake(p);
}

void request_refuse(struct peer *p, const struct skim *s, int err)
{
	struct request r = { .c = p->c, .peer = p };

	if (!s->has_id || s->kind != RPC_REQUEST)
		return;
	request_fail(&r, err == UV_E2BIG ? "limit" : "invalid", "%s", s->why);
	answer_error(&r, s);
	send_answer(&r);
}
