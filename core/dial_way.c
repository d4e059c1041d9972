#include "dial_way.h"

#include "config.h"
#include "leg.h"
#include "uri.h"

void dial_way(const struct trunk *t, const char *uri, struct leg_dial *d)
{
	struct uri u;

	if (!t || uri_parse(&u, uri))
		return;
	d->proxy = t->proxy;
	d->advertise = *t->advertise ? t->advertise : NULL;
	if (!uri_has_param(&u, "transport"))
		d->transport = t->transport;
}
