/* One request: what is asked of whom, and what has come of it. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fetch_i.h"

#define HEADERS_MAX 64

/* ---- what has come ---- */

static size_t stop(struct fetch *q, const char *why)
{
	q->broken = why;
	return 0;			/* ends the transfer */
}

static size_t on_body(char *p, size_t size, size_t n, void *arg)
{
	struct fetch *q = arg;

	(void)size;
	if (q->answer_len + n > FETCH_ANSWER_MAX)
		return stop(q, "too_large");
	if (q->answer_len + n > q->answer_cap) {
		size_t cap = q->answer_cap ? q->answer_cap : 4096;
		char *more;

		while (cap < q->answer_len + n)
			cap *= 2;
		more = realloc(q->answer, cap);
		if (!more)
			return stop(q, "limit");
		q->answer = more;
		q->answer_cap = cap;
	}
	memcpy(q->answer + q->answer_len, p, n);
	q->answer_len += n;
	return n;
}

/* "Name: value" to name, value; several of a name become one list. */
static void keep_header(struct fetch *q, const char *p, size_t n)
{
	const char *colon = memchr(p, ':', n);
	size_t len = colon ? (size_t)(colon - p) : 0, m;
	const json_t *old;
	json_t *v;
	char name[128];

	if (!len || len >= sizeof(name))
		return;
	for (size_t i = 0; i < len; i++)
		name[i] = (char)tolower((unsigned char)p[i]);
	name[len] = '\0';
	p += len + 1;
	m = n - len - 1;
	while (m && (*p == ' ' || *p == '\t')) {
		p++;
		m--;
	}
	while (m && strchr("\r\n \t", p[m - 1]))
		m--;
	old = json_object_get(q->answer_headers, name);
	if (old)
		v = json_sprintf("%s, %.*s", json_string_value(old), (int)m,
				 p);
	else
		v = json_stringn_nocheck(p, m);
	if (v)
		json_object_set_new_nocheck(q->answer_headers, name, v);
}

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct fetch *q = arg;

	(void)size;
	q->header_bytes += n;
	if (q->header_bytes > FETCH_HEADERS_MAX)
		return stop(q, "too_large");
	/* A status line begins an answer; those before it were provisional. */
	if (n > 5 && !strncmp(p, "HTTP/", 5))
		json_object_clear(q->answer_headers);
	else
		keep_header(q, p, n);
	return n;
}

static bool is_json(const struct fetch *q)
{
	const char *type = json_string_value(json_object_get(
		q->answer_headers, "content-type"));

	return type && (strstr(type, "/json") || strstr(type, "+json"));
}

json_t *fetch_result(struct fetch *q)
{
	long status = 0;
	json_t *all, *v;

	curl_easy_getinfo(q->easy, CURLINFO_RESPONSE_CODE, &status);
	all = json_pack("{s:i, s:O}", "status", (int)status, "headers",
			q->answer_headers);
	v = json_stringn_nocheck(q->answer ? q->answer : "", q->answer_len);
	if (!all || !v || json_object_set_new(all, "body", v)) {
		json_decref(all);
		return NULL;
	}
	if (q->answer_len && q->answer_len <= FETCH_JSON_MAX && is_json(q)) {
		v = json_loadb(q->answer, q->answer_len, JSON_DECODE_ANY |
			       JSON_ALLOW_NUL, NULL);
		if (v)
			json_object_set_new(all, "json", v);
	}
	return all;
}

/* ---- whom it is asked of ---- */

/* Here it shows where a name leads: a redirect, or who answers for the name,
 * must not lead to where the list does not. */
static curl_socket_t on_socket(void *arg, curlsocktype what,
			       struct curl_sockaddr *a)
{
	struct fetch *q = arg;
	const struct hosts *h = &q->f->hosts;

	if (what != CURLSOCKTYPE_IPCXN ||
	    !(hosts_have_address(h, &a->addr) ||
	      (q->named && address_is_public(&a->addr)))) {
		q->refused = true;
		return CURL_SOCKET_BAD;
	}
	return socket(a->family, a->socktype | SOCK_CLOEXEC, a->protocol);
}

/* The host without brackets; whether it is an address of the list. */
static bool is_listed_address(const struct hosts *h, char *host)
{
	struct sockaddr_in in = { .sin_family = AF_INET };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };
	const size_t n = strlen(host);

	if (n > 2 && host[0] == '[') {
		char plain[64] = "";

		if (n - 2 < sizeof(plain))
			memcpy(plain, host + 1, n - 2);
		return inet_pton(AF_INET6, plain, &in6.sin6_addr) == 1 &&
			hosts_have_address(h, (struct sockaddr *)&in6);
	}
	return inet_pton(AF_INET, host, &in.sin_addr) == 1 &&
		hosts_have_address(h, (struct sockaddr *)&in);
}

static bool is_address_text(const char *host)
{
	struct in_addr in;

	return host[0] == '[' || inet_pton(AF_INET, host, &in) == 1;
}

int fetch_aim(struct fetch *q, const char *url, char *err, size_t size)
{
	const struct hosts *h = &q->f->hosts;
	char *scheme = NULL, *host = NULL;
	bool ok = false;

	snprintf(err, size, "url: not an http or https URL");
	if (strlen(url) > FETCH_URL_MAX) {
		snprintf(err, size, "url: longer than %d bytes", FETCH_URL_MAX);
		return UV_EINVAL;
	}
	for (const char *c = url; *c; c++)
		if ((unsigned char)*c <= ' ' || *c == 0x7f)
			return UV_EINVAL;
	/* One parser decides whom it is for, and asks. */
	if (!curl_url_set(q->url, CURLUPART_URL, url, 0) &&
	    !curl_url_get(q->url, CURLUPART_SCHEME, &scheme, 0) &&
	    !curl_url_get(q->url, CURLUPART_HOST, &host, 0))
		ok = !strcasecmp(scheme, "http") ||
			!strcasecmp(scheme, "https");
	curl_free(scheme);
	if (!ok) {
		curl_free(host);
		return UV_EINVAL;
	}
	curl_url_set(q->url, CURLUPART_FRAGMENT, NULL, 0);
	curl_free(q->host);
	q->host = host;
	q->named = hosts_have_name(h, host);
	q->refused = false;
	if (is_address_text(host))
		ok = is_listed_address(h, host);
	else
		ok = q->named || hosts_have_addresses(h);
	if (ok)
		return 0;
	snprintf(err, size, "%.200s is not in limits.http_hosts", host);
	return UV_EACCES;
}

/* ---- what is asked ---- */

static bool is_token(const char *s)
{
	if (!*s)
		return false;
	for (; *s; s++)
		if (!isalnum((unsigned char)*s) &&
		    !strchr("!#$%&'*+-.^_`|~", *s))
			return false;
	return true;
}

static int add_line(struct fetch *q, const char *line)
{
	struct curl_slist *more = curl_slist_append(q->headers, line);

	if (!more)
		return UV_ENOMEM;
	q->headers = more;
	return 0;
}

static int add_header(struct fetch *q, const char *name, const char *value,
		      size_t len, char *err, size_t size)
{
	static const char *const ours[] = {
		"Host", "Content-Length", "Transfer-Encoding", "Connection",
		"Expect", "Upgrade", "TE", "Trailer", "Keep-Alive",
		"Proxy-Authorization", "Proxy-Connection",
	};
	size_t n = strlen(name) + len + 4;
	char *line;
	int rc;

	if (!is_token(name)) {
		snprintf(err, size, "headers: '%.60s' is no header's name",
			 name);
		return UV_EINVAL;
	}
	for (size_t i = 0; i < sizeof(ours) / sizeof(*ours); i++) {
		if (strcasecmp(ours[i], name))
			continue;
		snprintf(err, size, "headers: %s is set by the node", name);
		return UV_EINVAL;
	}
	for (size_t i = 0; i < len; i++) {
		if ((unsigned char)value[i] >= ' ' || value[i] == '\t')
			continue;
		snprintf(err, size, "headers: %s has a control character",
			 name);
		return UV_EINVAL;
	}
	line = malloc(n);
	if (!line)
		return UV_ENOMEM;
	/* Of curl's two ways this one sends an empty value. */
	if (len)
		snprintf(line, n, "%s: %s", name, value);
	else
		snprintf(line, n, "%s;", name);
	rc = add_line(q, line);
	free(line);
	return rc;
}

static int add_headers(struct fetch *q, json_t *headers, char *err,
		       size_t size)
{
	bool type = false;
	size_t bytes = 0;
	const char *name;
	json_t *v;
	int rc = 0;

	if (json_object_size(headers) > HEADERS_MAX) {
		snprintf(err, size, "headers: more than %d", HEADERS_MAX);
		return UV_EINVAL;
	}
	json_object_foreach(headers, name, v) {
		if (!json_is_string(v)) {
			snprintf(err, size, "headers: %.60s is no text", name);
			return UV_EINVAL;
		}
		bytes += strlen(name) + json_string_length(v);
		if (bytes > FETCH_HEADERS_MAX) {
			snprintf(err, size, "headers: more than %d bytes",
				 FETCH_HEADERS_MAX);
			return UV_EINVAL;
		}
		type |= !strcasecmp(name, "Content-Type");
		rc = add_header(q, name, json_string_value(v),
				json_string_length(v), err, size);
		if (rc)
			return rc;
	}
	/* Curl's own: no waiting for a 100, no type that nobody has named. */
	rc = add_line(q, "Expect:");
	if (!rc && !type)
		rc = add_line(q, "Content-Type:");
	return rc;
}

static int set_method(struct fetch *q, const char *method, char *err,
		      size_t size)
{
	static const char *const known[] = {
		"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS",
	};

	for (size_t i = 0; i < sizeof(known) / sizeof(*known); i++) {
		if (strcmp(known[i], method))
			continue;
		free(q->method);
		q->method = strdup(method);
		return q->method ? 0 : UV_ENOMEM;
	}
	snprintf(err, size, "method: GET, HEAD, POST, PUT, PATCH, DELETE or "
		 "OPTIONS");
	return UV_EINVAL;
}

/* Everything but the URL, which redirects change. */
static int configure(struct fetch *q)
{
	CURL *c = q->easy;
	const bool head = !strcmp(q->method, "HEAD");
	CURLcode rc = CURLE_OK;

#define SET(option, value) \
	do { \
		if (!rc) \
			rc = curl_easy_setopt(c, option, value); \
	} while (0)
	curl_easy_reset(c);
	SET(CURLOPT_CURLU, q->url);
	SET(CURLOPT_PRIVATE, q);
	SET(CURLOPT_NOSIGNAL, 1L);
	SET(CURLOPT_QUICK_EXIT, 1L);	/* waits for no thread of a look-up */
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_PROXY, "");
	SET(CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	SET(CURLOPT_USERAGENT, "tandem/" TANDEM_VERSION);
	SET(CURLOPT_BUFFERSIZE, 16384L);
	SET(CURLOPT_HTTPHEADER, q->headers);
	SET(CURLOPT_OPENSOCKETFUNCTION, on_socket);
	SET(CURLOPT_OPENSOCKETDATA, q);
	SET(CURLOPT_WRITEFUNCTION, on_body);
	SET(CURLOPT_WRITEDATA, q);
	SET(CURLOPT_HEADERFUNCTION, on_header);
	SET(CURLOPT_HEADERDATA, q);
	SET(CURLOPT_ERRORBUFFER, q->error);
	if (head) {
		SET(CURLOPT_NOBODY, 1L);
	} else if (q->body) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDS, q->body);
		SET(CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)q->body_len);
	} else if (!strcmp(q->method, "POST") || !strcmp(q->method, "PUT") ||
		   !strcmp(q->method, "PATCH")) {
		SET(CURLOPT_POST, 1L);
		SET(CURLOPT_POSTFIELDSIZE, 0L);
	}
	if (!head)
		SET(CURLOPT_CUSTOMREQUEST, q->method);
#undef SET
	return rc ? UV_ENOMEM : 0;
}

int fetch_fill(struct fetch *q, const struct fetch_request *r, char *err,
	       size_t size)
{
	int rc;

	snprintf(err, size, "out of memory");
	q->easy = curl_easy_init();
	q->url = curl_url();
	q->answer_headers = json_object();
	if (!q->easy || !q->url || !q->answer_headers)
		return UV_ENOMEM;
	rc = set_method(q, r->method, err, size);
	if (!rc && r->body && r->len > FETCH_BODY_MAX) {
		snprintf(err, size, "body: more than %d bytes",
			 FETCH_BODY_MAX);
		rc = UV_EINVAL;
	}
	if (!rc && r->body) {
		q->body = malloc(r->len + 1);
		if (!q->body)
			return UV_ENOMEM;
		memcpy(q->body, r->body, r->len);
		q->body_len = r->len;
	}
	if (!rc)
		rc = add_headers(q, r->headers, err, size);
	if (!rc)
		rc = fetch_aim(q, r->url, err, size);
	return rc ? rc : configure(q);
}

/* Secrets are for whom the bot has named alone. */
static int drop_secrets(struct fetch *q)
{
	static const char *const secret[] = { "Authorization", "Cookie" };
	struct curl_slist *all = q->headers;
	int rc = 0;

	q->headers = NULL;
	for (struct curl_slist *h = all; !rc && h; h = h->next) {
		bool drop = false;

		for (size_t i = 0; i < 2; i++) {
			const size_t n = strlen(secret[i]);

			drop |= !strncasecmp(h->data, secret[i], n) &&
				(h->data[n] == ':' || h->data[n] == ';');
		}
		if (!drop)
			rc = add_line(q, h->data);
	}
	curl_slist_free_all(all);
	return rc;
}

/* Scheme, host and port of where it is asked now. */
static void origin(struct fetch *q, char *buf, size_t size)
{
	char *scheme = NULL, *port = NULL;

	curl_url_get(q->url, CURLUPART_SCHEME, &scheme, 0);
	curl_url_get(q->url, CURLUPART_PORT, &port, CURLU_DEFAULT_PORT);
	snprintf(buf, size, "%s://%s:%s", scheme ? scheme : "", q->host,
		 port ? port : "");
	curl_free(scheme);
	curl_free(port);
}

int fetch_redirect(struct fetch *q, long status, const char *url, char *err,
		   size_t size)
{
	char was[512], is[512];
	int rc;

	origin(q, was, sizeof(was));
	rc = fetch_aim(q, url, err, size);
	if (rc)
		return rc;
	origin(q, is, sizeof(is));
	if (strcasecmp(was, is))
		rc = drop_secrets(q);
	/* RFC 9110 15.4: 303 is looked at; so, as browsers do, are 301 and
	 * 302 after a POST. */
	if (!rc && strcmp(q->method, "HEAD") &&
	    (status == 303 || (status < 303 && !strcmp(q->method, "POST")))) {
		rc = set_method(q, "GET", err, size);
		free(q->body);
		q->body = NULL;
		q->body_len = 0;
	}
	q->answer_len = 0;
	q->header_bytes = 0;
	json_object_clear(q->answer_headers);
	return rc ? rc : configure(q);
}

void fetch_free(struct fetch *q)
{
	if (q->easy)
		curl_easy_cleanup(q->easy);
	if (q->url)
		curl_url_cleanup(q->url);
	curl_slist_free_all(q->headers);
	curl_free(q->host);
	free(q->method);
	free(q->body);
	free(q->answer);
	json_decref(q->answer_headers);
	free(q);
}
