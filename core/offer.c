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
