#include "offer.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct offer *offer_new(unsigned count)
{
	struct offer *o = calloc(1, sizeof(*o));

	if (!o)
		return NULL;

	o->refs = 1;
	o->count = count;
	o->dir = DIR_SENDRECV;
	if (count) {
		o->codecs = calloc(count, sizeof(*o->codecs));
		if (!o->codecs) {
			free(o);
			return NULL;
		}
	}
	return o;
}

struct offer *offer_ref(struct offer *o)
{
	if (o)
		o->refs++;
	return o;
}

void offer_unref(struct offer *o)
{
	if (!o || --o->refs)
		return;

	for (unsigned i = 0; i < o->count; i++)
		free(o->codecs[i].fmtp);
	free(o->codecs);
	free(o->body);
	free(o);
}

void offer_set(struct offer **to, struct offer *o)
{
	offer_ref(o);
	offer_unref(*to);
	*to = o;
}

enum media_dir dir_mirror(enum media_dir d)
{
	return (enum media_dir)((d & 1) << 1 | (d & 2) >> 1);
}

static bool copy_codecs(struct offer *to, const struct offer *from)
{
	for (unsigned i = 0; i < from->count; i++) {
		to->codecs[i] = from->codecs[i];
		to->codecs[i].fmtp = NULL;
	}
	for (unsigned i = 0; i < from->count; i++) {
		if (!from->codecs[i].fmtp)
			continue;
		to->codecs[i].fmtp = strdup(from->codecs[i].fmtp);
		if (!to->codecs[i].fmtp)
			return false;
	}
	return true;
}

static bool copy_body(struct offer *to, const struct offer *from)
{
	if (!from->body)
		return true;
	to->body = malloc(from->len + 1);
	if (!to->body)
		return false;
	memcpy(to->body, from->body, from->len);
	to->body[from->len] = '\0';
	to->len = from->len;
	return true;
}

struct offer *offer_with_dir(struct offer *o, enum media_dir dir)
{
	struct offer *n;

	if (o->dir == dir)
		return offer_ref(o);

	n = offer_new(o->count);
	if (!n)
		return offer_ref(o);
	memcpy(n->addr, o->addr, sizeof(n->addr));
	n->port = o->port;
	n->dir = dir;
	n->secure = o->secure;
	n->origin = o->origin;
	n->rest = o->rest;
	if (copy_codecs(n, o) && copy_body(n, o))
		return n;
	offer_unref(n);
	return offer_ref(o);
}

struct offer *offer_wish(struct offer *answer, const struct offer *offered,
			 const struct offer *before)
{
	unsigned unsaid = offered ?
		DIR_SENDRECV & ~(unsigned)dir_mirror(offered->dir) : 0;

	if (before)
		unsaid &= before->dir;
	return offer_with_dir(answer, (enum media_dir)(answer->dir | unsaid));
}

bool offer_same(const struct offer *a, const struct offer *b)
{
	if (!a || !b)
		return false;
	if (a->origin && b->origin)
		return a->origin == b->origin ||
			(a->rest == b->rest && a->dir == b->dir);
	return a->len == b->len && a->body && b->body && a->dir == b->dir &&
		a->port == b->port && !memcmp(a->body, b->body, a->len);
}

bool codec_is(const struct codec *a, const struct codec *b)
{
	return a->rate == b->rate && a->channels == b->channels &&
		!strcasecmp(a->name, b->name);
}

const struct codec *offer_find(const struct offer *o, const struct codec *c)
{
	for (unsigned i = 0; i < o->count; i++)
		if (codec_is(&o->codecs[i], c))
			return &o->codecs[i];
	return NULL;
}

bool codec_is_auxiliary(const struct codec *c)
{
	return !strcasecmp(c->name, "telephone-event") ||
		!strcasecmp(c->name, "CN");
}

struct offer *offer_common(const struct offer *a, const struct offer *b)
{
	struct offer *o = offer_new(a->count);
	bool audio = false;

	if (!o)
		return NULL;

	o->count = 0;
	memcpy(o->addr, a->addr, sizeof(o->addr));
	o->port = a->port;
	o->dir = a->dir;
	for (unsigned i = 0; i < a->count; i++) {
		const struct codec *c = &a->codecs[i];
		struct codec *to = &o->codecs[o->count];

		if (!offer_find(b, c))
			continue;
		*to = *c;
		to->fmtp = c->fmtp ? strdup(c->fmtp) : NULL;
		o->count++;
		audio |= !codec_is_auxiliary(c);
	}
	if (audio)
		return o;
	offer_unref(o);
	return NULL;
}

static bool same_fmtp(const struct codec *a, const struct codec *b)
{
	return !strcmp(a->fmtp ? a->fmtp : "", b->fmtp ? b->fmtp : "");
}

bool offer_differs(const struct offer *answer, const struct offer *offered,
		   const struct offer *chosen)
{
	return answer->dir != offered->dir ||
		offer_moves(answer, offered, chosen);
}

bool offer_moves(const struct offer *answer, const struct offer *offered,
		 const struct offer *chosen)
{
	if (strcmp(answer->addr, offered->addr) ||
	    answer->port != offered->port)
		return true;

	for (unsigned i = 0; i < chosen->count; i++) {
		const struct codec *a = offer_find(answer, &chosen->codecs[i]);
		const struct codec *b = offer_find(offered,
						   &chosen->codecs[i]);

		if (a && b && (a->pt != b->pt || !same_fmtp(a, b)))
			return true;
	}
	return false;
}
