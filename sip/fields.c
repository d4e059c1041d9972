#include "fields.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_extra.h>
#include <sofia-sip/sip_header.h>

#define HEADERS_MAX 256

struct scratch {
	struct header header[HEADERS_MAX];
	size_t len;
	char text[65536];
};

struct scratch *scratch_new(void)
{
	return malloc(sizeof(struct scratch));
}

void scratch_free(struct scratch *sc)
{
	free(sc);
}

static char *keep(struct scratch *sc, const char *s, size_t len)
{
	char *p = sc->text + sc->len;

	if (len >= sizeof(sc->text) - sc->len)
		return NULL;

	memcpy(p, s, len);
	p[len] = '\0';
	sc->len += len + 1;
	return p;
}

/* A header may be folded over lines (RFC 3261 7.3.1), which means a blank; and
 * other control characters mean nothing good. */
static const char *flat(struct scratch *sc, const char *s)
{
	const char *p = s;
	char *copy;

	while (*p && (unsigned char)*p >= ' ')
		p++;
	if (!*p)
		return s;

	copy = keep(sc, s, strlen(s));
	if (!copy)
		return "";
	for (char *c = copy; *c; c++)
		if ((unsigned char)*c < ' ')
			*c = ' ';
	return copy;
}

/* sofia's display names still have their quotes. */
static const char *unquoted(struct scratch *sc, const char *s)
{
	char *p, *to;

	if (!s || !*s)
		return "";
	if (*s != '"')
		return flat(sc, s);

	p = to = keep(sc, s + 1, strlen(s + 1));
	if (!p)
		return "";
	for (const char *from = p; *from && *from != '"'; from++) {
		if (*from == '\\' && from[1])
			from++;
		*to++ = *from;
	}
	*to = '\0';
	return flat(sc, p);
}

static const char *uri(struct scratch *sc, const url_t *url)
{
	char *p = sc->text + sc->len;
	const size_t room = sizeof(sc->text) - sc->len;
	const issize_t n = url_e(p, (isize_t)room, url);

	if (n < 0 || (size_t)n >= room)
		return "";
	sc->len += (size_t)n + 1;
	return p;
}

/* Of the dialog, the hop or the body: nothing that could be passed on. */
static bool is_plumbing(const sip_header_t *h)
{
	const msg_hclass_t *c = h->sh_class;

	return c == sip_request_class || c == sip_via_class ||
		c == sip_route_class || c == sip_record_route_class ||
		c == sip_from_class || c == sip_to_class ||
		c == sip_call_id_class || c == sip_cseq_class ||
		c == sip_contact_class || c == sip_max_forwards_class ||
		c == sip_content_length_class ||
		c == sip_content_type_class || c == sip_separator_class ||
		c == sip_payload_class || c == sip_error_class;
}

static bool take(struct scratch *sc, const sip_header_t *h,
		 struct header *to)
{
	const msg_hclass_t *c = h->sh_class;
	char *p = sc->text + sc->len;
	const size_t room = sizeof(sc->text) - sc->len;
	issize_t n;

	if (c == sip_unknown_class) {
		to->name = (char *)h->sh_unknown->un_name;
		to->value = (char *)flat(sc, h->sh_unknown->un_value ?
					 h->sh_unknown->un_value : "");
		return to->name != NULL;
	}
	/* A header the parser knows: its name is the class's, its value is
	 * written anew. */
	n = msg_header_field_e(p, (isize_t)room, (const msg_header_t *)h, 0);
	if (n < 0 || (size_t)n + 1 >= room)
		return false;
	p[n] = '\0';
	sc->len += (size_t)n + 1;
	to->name = (char *)c->hc_name;
	to->value = (char *)flat(sc, p);
	return true;
}

static unsigned take_all(struct scratch *sc, const sip_t *sip)
{
	const sip_header_t *h = (const sip_header_t *)sip->sip_request;
	unsigned n = 0;

	for (; h && n < HEADERS_MAX;
	     h = (const sip_header_t *)h->sh_succ)
		if (!is_plumbing(h) && take(sc, h, &sc->header[n]))
			n++;
	return n;
}

static bool lists(const sip_allow_t *allow, const char *method)
{
	for (; allow; allow = (const sip_allow_t *)allow->k_next)
		for (size_t i = 0; allow->k_items && allow->k_items[i]; i++)
			if (!strcasecmp(allow->k_items[i], method))
				return true;
	return false;
}

/* RFC 3261 20.22: 0 to 255; 16.6 counts a missing one as 70. */
static int forwards(const sip_t *sip)
{
	if (!sip->sip_max_forwards)
		return 70;
	return sip->sip_max_forwards->mf_count > 255 ? 255 :
		(int)sip->sip_max_forwards->mf_count;
}

static const char *keep_text(struct scratch *sc, const char *s)
{
	s = keep(sc, s, strlen(s));
	return s ? s : "";
}

/* The number of a tel: URI (RFC 3966 3) without its separators, which are there
 * for readers alone; "" if it is none. */
static const char *number(struct scratch *sc, const char *tel)
{
	char *to = keep(sc, tel, strlen(tel));
	char *p = to;

	if (!p)
		return "";
	for (; *tel; tel++) {
		if (strchr("-.()", *tel))
			continue;
		if (!strchr("+0123456789*#ABCDEFabcdef", *tel))
			return "";
		*p++ = *tel;
	}
	*p = '\0';
	return to;
}

/* RFC 3325 9.1: one sip: and one tel: URI at most; the tel: one is a number
 * for sure. sofia does not know the header unless it is told to. */
static bool asserted(struct scratch *sc, const char *value,
		     struct leg_invite *inv)
{
	su_home_t *home = su_home_new(sizeof(*home));
	const sip_p_asserted_identity_t *p = home
		? sip_p_asserted_identity_make(home, value) : NULL;
	bool tel = false;

	for (; p && !tel; p = p->paid_next) {
		const url_t *url = p->paid_url;
		const char *user = url->url_user, *digits = "";

		if (url->url_type == url_tel && user)
			digits = number(sc, user);
		tel = *digits != '\0';
		if (tel)
			inv->asserted_user = digits;
		else if ((url->url_type == url_sip ||
			  url->url_type == url_sips) && user && *user &&
			 !*inv->asserted_user)
			inv->asserted_user = flat(sc, keep_text(sc, user));
		else
			continue;
		if (p->paid_display && *p->paid_display)
			inv->asserted_display = keep_text(sc,
							  p->paid_display);
	}
	su_home_unref(home);
	return tel;
}

/* RFC 3323 4.2, RFC 3325 9.3; "none", "critical", "session" and "history" are
 * not about who calls. */
static bool hides(const sip_privacy_t *privacy)
{
	const msg_param_t *v = privacy ? privacy->priv_values : NULL;

	for (; v && *v; v++)
		if (!strcasecmp(*v, "id") || !strcasecmp(*v, "user") ||
		    !strcasecmp(*v, "header"))
			return true;
	return false;
}

static void identities(struct scratch *sc, const sip_t *sip,
		       struct leg_invite *inv)
{
	inv->asserted_user = inv->asserted_display = "";
	inv->privacy = hides(sip->sip_privacy);
	for (const sip_unknown_t *u = sip->sip_unknown; u; u = u->un_next)
		if (u->un_name && u->un_value &&
		    !strcasecmp(u->un_name, "P-Asserted-Identity") &&
		    asserted(sc, u->un_value, inv))
			break;
	inv->asserted_display = unquoted(sc, inv->asserted_display);
}

static const char *or_empty(const char *s)
{
	return s ? s : "";
}

void fields_of_invite(struct scratch *sc, const sip_t *sip,
		      const struct sockaddr *source, struct offer *offer,
		      struct leg_invite *inv)
{
	sc->len = 0;
	*inv = (struct leg_invite){
		.call_id = sip->sip_call_id->i_id,
		.request_user = or_empty(sip->sip_request->rq_url->url_user),
		.to_user = or_empty(sip->sip_to->a_url->url_user),
		.from_user = or_empty(sip->sip_from->a_url->url_user),
		.from_display = unquoted(sc, sip->sip_from->a_display),
		.from_uri = uri(sc, sip->sip_from->a_url),
		.source = source,
		.max_forwards = forwards(sip),
		.allow_known = sip->sip_allow != NULL,
		.allow_refer = lists(sip->sip_allow, "REFER"),
		.headers = sc->header,
		.offer = offer,
	};
	identities(sc, sip, inv);
	inv->header_count = take_all(sc, sip);
}
