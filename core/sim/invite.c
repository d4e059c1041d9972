#include "sim_i.h"

#include <netinet/in.h>
#include <uv.h>

void sim_watch(struct sim *s, sim_watch_h *h, void *arg)
{
	s->watch = h;
	s->watch_arg = arg;
}

struct sim_leg *sim_invite_as(struct sim *s, struct leg_invite *inv,
			      const char *source, int *status)
{
	struct sim_leg *l = sim_add(s, true);
	struct sockaddr_in sin;
	int retry_after = 0;

	uv_ip4_addr(source, 5060, &sin);
	inv->source = (const struct sockaddr *)&sin;
	inv->offer = sim_sdp(l, DIR_SENDRECV);
	*status = s->s.h->admit(s->s.arg, inv, &retry_after);
	if (*status)
		leg_end(&l->leg, NULL);
	else
		s->s.h->invite(s->s.arg, &l->leg, inv);
	offer_unref(inv->offer);
	inv->offer = NULL;
	inv->source = NULL;
	return *status ? NULL : l;
}

struct sim_leg *sim_invite(struct sim *s, const char *from, const char *to,
			   const char *source, int *status)
{
	struct leg_invite inv = {
		.call_id = "sim-call", .request_user = to, .to_user = to,
		.from_user = from, .from_display = "",
		.from_uri = "sip:customer@127.0.0.1", .max_forwards = 70,
	};

	return sim_invite_as(s, &inv, source, status);
}
