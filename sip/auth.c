#include "auth.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uv.h>

#include <sofia-sip/auth_client.h>
#include <sofia-sip/msg_header.h>
#include <sofia-sip/sip_header.h>
#include <sofia-sip/su_tagarg.h>

#include "dialog.h"

/* Realms that one leg answers: those of the peer and of proxies before it. */
#define REALMS_MAX 4

/* Bytes of a realm, nonce or opaque; an answer repeats them. */
#define VALUE_MAX 1024

/* Requests of one leg that can be under way at a time, and some more. */
#define ASKED_MAX 8

/** Who has challenged us, by its latest challenge. */
struct realm {
	msg_hclass_t *answer;	/**< Authorization or Proxy-Authorization  */
	su_home_t *home;	/**< of all below                          */
	auth_client_t *client;
	char *name;		/**< as written, with its quotes           */
	char *nonce;		/**< likewise                              */
	uint32_t since;		/**< CSeq of the first request with it     */
};

/** A request that was sent again: which realms were answered in it. */
struct asked {
	uint32_t cseq;
	unsigned answered;	/**< a bit for each realm                  */
	unsigned stale;		/**< and once more, since it was stale     */
};

struct auth {
	char *username;
	char *password;
	struct realm realm[REALMS_MAX];
	unsigned realms;
	struct asked asked[ASKED_MAX];
	unsigned asked_next;
};

int auth_set(struct auth **ap, const struct credentials *cr)
{
	struct auth *a = calloc(1, sizeof(*a));

	if (!a)
		return UV_ENOMEM;
	a->username = strdup(cr->username);
	a->password = strdup(cr->password);
	if (!a->username || !a->password) {
		auth_free(a);
		return UV_ENOMEM;
	}
	auth_free(*ap);
	*ap = a;
	return 0;
}

void auth_free(struct auth *a)
{
	if (!a)
		return;

	for (unsigned i = 0; i < a->realms; i++)
		su_home_unref(a->realm[i].home);
	free(a->username);
	free(a->password);
	free(a);
}

/* challenges */

struct challenge {
	const char *realm, *nonce, *opaque;	/**< as written            */
	const char *algorithm;			/**< "MD5", "MD5-sess"     */
	const char *qop;			/**< NULL: none            */
	bool stale;
};

/* A value that can be repeated as it is. The digest client takes escapes away
 * and does not put them back. */
static bool can_repeat(const char *value)
{
	const size_t len = value ? strlen(value) : 0;

	return len >= 2 && len <= VALUE_MAX && *value == '"' &&
		value[len - 1] == '"' && !strchr(value, '\\') &&
		memchr(value + 1, '"', len - 1) == value + len - 1;
}

/* Whether `value`, quoted or not, is this word. */
static bool is_word(const char *value, const char *word)
{
	const size_t len = strlen(word);

	if (value && *value == '"')
		return !strncasecmp(value + 1, word, len) &&
			!strcmp(value + 1 + len, "\"");
	return value && !strcasecmp(value, word);
}

/* Whether `list`, such as "auth,auth-int", has this word. */
static bool has_word(const char *list, const char *word)
{
	static const char between[] = "\", \t";
	const size_t len = strlen(word);

	for (; *list; list += strcspn(list, between)) {
		list += strspn(list, between);
		if (strcspn(list, between) == len &&
		    !strncasecmp(list, word, len))
			return true;
	}
	return false;
}

static const char *param(const msg_auth_t *au, const char *name)
{
	return msg_header_find_param(au->au_common, name);
}

/* False: it cannot be met. */
static bool read_challenge(const msg_auth_t *au, struct challenge *ch)
{
	const char *algorithm = param(au, "algorithm=");
	const char *qop = param(au, "qop=");

	if (!au->au_scheme || strcasecmp(au->au_scheme, "Digest"))
		return false;

	ch->realm = param(au, "realm=");
	ch->nonce = param(au, "nonce=");
	ch->opaque = param(au, "opaque=");
	ch->stale = is_word(param(au, "stale="), "true");
	ch->algorithm = !algorithm || is_word(algorithm, "MD5") ? "MD5" :
		is_word(algorithm, "MD5-sess") ? "MD5-sess" : NULL;
	/* The body of a request may change on its way: auth-int is for those
	 * who insist. */
	ch->qop = !qop ? NULL : has_word(qop, "auth") ? "auth" :
		has_word(qop, "auth-int") ? "auth-int" : NULL;
	return ch->algorithm && can_repeat(ch->realm) &&
		can_repeat(ch->nonce) &&
		(!ch->opaque || can_repeat(ch->opaque)) &&
		(!qop || ch->qop) &&
		/* RFC 2617 3.2.2.2: the session's key is made of a cnonce */
		(ch->qop || !strcmp(ch->algorithm, "MD5"));
}

static struct realm *find_realm(struct auth *a, msg_hclass_t *answer,
				const char *name)
{
	for (unsigned i = 0; i < a->realms; i++)
		if (a->realm[i].answer == answer &&
		    !strcmp(a->realm[i].name, name))
			return &a->realm[i];
	return NULL;
}

/* A digest client anew for each nonce: its count of uses begins at 1. */
static bool set_realm(const struct auth *a, struct realm *r,
		      msg_hclass_t *answer, const struct challenge *ch)
{
	su_home_t *home = su_home_new(sizeof(*home));
	struct realm n = { .answer = answer, .home = home };
	sip_www_authenticate_t *au;

	if (!home)
		return false;

	au = sip_www_authenticate_format(home,
		"Digest realm=%s, nonce=%s, algorithm=%s%s%s%s%s",
		ch->realm, ch->nonce, ch->algorithm,
		ch->qop ? ", qop=" : "", ch->qop ? ch->qop : "",
		ch->opaque ? ", opaque=" : "",
		ch->opaque ? ch->opaque : "");
	n.name = su_strdup(home, ch->realm);
	n.nonce = su_strdup(home, ch->nonce);
	if (!au || !n.name || !n.nonce ||
	    auc_challenge(&n.client, home, au, answer) < 0 ||
	    auc_all_credentials(&n.client, NULL, NULL, a->username,
				a->password) <= 0) {
		su_home_unref(home);
		return false;
	}
	su_home_unref(r->home);
	*r = n;
	return true;
}

/* Whether this challenge to request `as` may be answered; see auth.h. */
static bool may_answer(const struct auth *a, const struct realm *r,
		       const struct challenge *ch, const struct asked *as)
{
	const unsigned bit = r ? 1u << (r - a->realm) : 0;

	if (!r)
		return a->realms < REALMS_MAX;
	/* It has had our answer to this nonce, and does not like it. */
	if (!strcmp(r->nonce, ch->nonce) && r->since && as->cseq >= r->since)
		return false;
	if (!(as->answered & bit))
		return true;
	return ch->stale && !(as->stale & bit);
}

static bool take_one(struct auth *a, msg_hclass_t *answer,
		     const struct challenge *ch, struct asked *as)
{
	struct realm *r = find_realm(a, answer, ch->realm);
	unsigned bit;

	if (!may_answer(a, r, ch, as))
		return false;
	if (!r)
		r = &a->realm[a->realms];
	bit = 1u << (r - a->realm);
	/* Another request may have brought this nonce already. */
	if ((!r->nonce || strcmp(r->nonce, ch->nonce)) &&
	    !set_realm(a, r, answer, ch))
		return false;
	if (r == &a->realm[a->realms])
		a->realms++;
	if (as->answered & bit)
		as->stale |= bit;
	as->answered |= bit;
	return true;
}

static bool take(struct auth *a, const msg_auth_t *list, msg_hclass_t *answer,
		 struct asked *as)
{
	struct challenge ch, other;
	bool taken = false;

	for (const msg_auth_t *au = list; au; au = au->au_next) {
		const msg_auth_t *p = list;

		if (!read_challenge(au, &ch))
			continue;
		/* The first for its realm counts. */
		while (p != au && !(read_challenge(p, &other) &&
				    !strcmp(other.realm, ch.realm)))
			p = p->au_next;
		if (p == au && take_one(a, answer, &ch, as))
			taken = true;
	}
	return taken;
}

/* requests */

static struct asked asked_of(const struct auth *a, uint32_t cseq)
{
	for (unsigned i = 0; i < ASKED_MAX; i++)
		if (a->asked[i].cseq == cseq)
			return a->asked[i];
	return (struct asked){ .cseq = cseq };
}

/* That request is now this one; the oldest of too many is forgotten. */
static void asked_again(struct auth *a, const struct asked *as, uint32_t cseq)
{
	unsigned i = 0;

	while (i < ASKED_MAX && a->asked[i].cseq != as->cseq)
		i++;
	if (i == ASKED_MAX)
		i = a->asked_next++ % ASKED_MAX;
	a->asked[i] = *as;
	a->asked[i].cseq = cseq;
}

void auth_add(struct sip_leg *l, msg_t *msg, sip_t *sip)
{
	struct auth *a = l->auth;

	for (unsigned i = 0; a && i < a->realms; i++) {
		struct realm *r = &a->realm[i];
		msg_header_t *h = NULL;

		if (auc_authorization_headers(&r->client, msg_home(msg),
					      sip->sip_request->rq_method_name,
					      sip->sip_request->rq_url,
					      sip->sip_payload, &h) <= 0 || !h)
			continue;
		msg_header_insert(msg, (msg_pub_t *)sip, h);
		if (!r->since)
			r->since = sip->sip_cseq->cs_seq;
	}
}

static nta_outgoing_t *send_msg(struct sip_leg *l, msg_t *msg,
				struct route *route, nta_response_f *cb,
				nta_outgoing_magic_t *magic)
{
	nta_outgoing_t *orq = nta_outgoing_mcreate(l->sip->agent, cb, magic,
						   route_url(route), msg,
						   NTATAG_PASS_100(1),
						   DIALOG_TAGS(l), TAG_END());

	if (!orq)
		msg_destroy(msg);
	return orq;
}

nta_outgoing_t *auth_again(struct sip_leg *l, nta_outgoing_t *orq,
			   const sip_t *sip, nta_response_f *cb,
			   nta_outgoing_magic_t *magic)
{
	struct auth *a = l->auth;
	struct route route = l->last;
	nta_outgoing_t *next;
	struct asked as;
	uint32_t cseq;
	bool www, proxy;
	msg_t *old, *msg;

	if (!a || !sip || nta_sip_is_internal(sip) ||
	    (sip->sip_status->st_status != 401 &&
	     sip->sip_status->st_status != 407))
		return NULL;

	/* RFC 3261 16.7, 7: a forking proxy may have gathered both kinds. */
	as = asked_of(a, nta_outgoing_cseq(orq));
	www = take(a, sip->sip_www_authenticate, sip_authorization_class, &as);
	proxy = take(a, sip->sip_proxy_authenticate,
		     sip_proxy_authorization_class, &as);
	if (!www && !proxy)
		return NULL;

	old = nta_outgoing_getrequest(orq);
	if (!old)
		return NULL;
	if (sip_object(old)->sip_to->a_tag)
		dialog_route(l, &route);
	msg = again_copy(l, sip_object(old), NULL);
	msg_destroy(old);
	if (!msg)
		return NULL;
	cseq = sip_object(msg)->sip_cseq->cs_seq;
	next = send_msg(l, msg, &route, cb, magic);
	if (!next)
		return NULL;
	asked_again(a, &as, cseq);
	nta_outgoing_destroy(orq);
	return next;
}

nta_outgoing_t *auth_send(struct sip_leg *l, nta_response_f *cb,
			  nta_outgoing_magic_t *magic, struct route *route,
			  sip_method_t method, const char *name,
			  tag_type_t tag, tag_value_t value, ...)
{
	nta_outgoing_t *orq = NULL;
	const tagi_t *tags;
	msg_t *msg;
	sip_t *sip;
	ta_list ta;

	ta_start(ta, tag, value);
	if (!l->auth || !l->auth->realms) {
		orq = nta_outgoing_tcreate(l->dialog, cb, magic,
					   route_url(route), method, name, NULL,
					   ta_tags(ta));
		goto out;
	}

	msg = nta_msg_create(l->sip->agent, 0);
	sip = sip_object(msg);
	tags = ta_args(ta);
	if (!msg)
		goto out;
	if (sip_add_tagis(msg, sip, &tags) < 0 ||
	    nta_msg_request_complete(msg, l->dialog, method, name,
				     NULL) < 0) {
		msg_destroy(msg);
		goto out;
	}
	auth_add(l, msg, sip);
	orq = send_msg(l, msg, route, cb, magic);
out:
	ta_end(ta);
	return orq;
}

static int on_bye(nta_outgoing_magic_t *magic, nta_outgoing_t *orq,
		  sip_t const *sip)
{
	struct sip_leg *l = (struct sip_leg *)magic;
	nta_outgoing_t *next;

	if (l->bye != orq || (sip && sip->sip_status->st_status < 200))
		return 0;

	next = auth_again(l, orq, sip, on_bye, magic);
	l->bye = next;
	if (next)
		return 0;
	l->sip->byes--;
	nta_outgoing_destroy(orq);
	dialog_go_on(l);
	return 0;
}

void auth_bye(struct sip_leg *l, struct route *route, const char *reason)
{
	if (l->bye)
		return;

	l->bye = auth_send(l, on_bye, (nta_outgoing_magic_t *)l, route,
			   SIP_METHOD_BYE,
			   TAG_IF(reason, SIPTAG_REASON_STR(reason)),
			   DIALOG_TAGS(l), TAG_END());
	if (l->bye)
		l->sip->byes++;
}
