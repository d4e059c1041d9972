/* Session descriptions: what is read, and what is written. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/offer.h"
#include "sip/sdp.h"

#define HEAD "v=0\r\no=peer 7 3 IN IP4 192.0.2.1\r\ns=call\r\n"
#define C4 "c=IN IP4 192.0.2.1\r\n"
#define T "t=0 0\r\n"

/* From memory of the exact size, so that the sanitizer sees an over-read. */
static int read_exactly(struct offer **op, const char *body)
{
	const size_t len = strlen(body);
	char *copy = malloc(len ? len : 1);
	int err;

	assert_non_null(copy);
	memcpy(copy, body, len);
	err = sdp_read(op, copy, len);
	free(copy);
	return err;
}

static struct offer *read_ok(const char *body)
{
	struct offer *o = NULL;

	assert_int_equal(read_exactly(&o, body), 0);
	assert_non_null(o);
	assert_string_equal(o->body, body);
	return o;
}

static void assert_bad(const char *body)
{
	struct offer *o = NULL;

	assert_true(read_exactly(&o, body) < 0);
	assert_null(o);
}

static char *write_ok(struct sdp_dialog *d, const struct offer *o)
{
	size_t len;
	char *s = sdp_write(d, o, "198.51.100.7", &len);

	assert_non_null(s);
	assert_int_equal(strlen(s), len);
	return s;
}

static void assert_has(const char *s, const char *part)
{
	if (!strstr(s, part))
		fail_msg("no \"%s\" in:\n%s", part, s);
}

static void assert_lacks(const char *s, const char *part)
{
	if (strstr(s, part))
		fail_msg("\"%s\" in:\n%s", part, s);
}

static void reads_the_audio(void **state)
{
	struct offer *o = read_ok(HEAD C4 T
		"m=audio 4000 RTP/AVP 8 0 101\r\n"
		"a=rtpmap:101 telephone-event/8000\r\n"
		"a=fmtp:101 0-16\r\n"
		"a=sendonly\r\n");

	(void)state;
	assert_string_equal(o->addr, "192.0.2.1");
	assert_int_equal(o->port, 4000);
	assert_int_equal(o->dir, DIR_SENDONLY);
	assert_false(o->secure);
	assert_int_equal(o->count, 3);
	assert_string_equal(o->codecs[0].name, "PCMA");
	assert_int_equal(o->codecs[0].pt, 8);
	assert_int_equal(o->codecs[0].rate, 8000);
	assert_int_equal(o->codecs[0].channels, 1);
	assert_string_equal(o->codecs[2].name, "telephone-event");
	assert_int_equal(o->codecs[2].pt, 101);
	assert_string_equal(o->codecs[2].fmtp, "0-16");
	offer_unref(o);
}

static void reads_dynamic_numbers(void **state)
{
	struct offer *o = read_ok(HEAD C4 T
		"m=audio 4000 RTP/AVP 96 97 98 77\r\n"
		"a=rtpmap:96 opus/48000/2\r\na=fmtp:96 useinbandfec=1\r\n"
		"a=rtpmap:97 speex/16000\r\n"
		"a=rtpmap:98 telephone-event/48000\r\n");

	(void)state;
	/* 77 is explained by nothing. */
	assert_int_equal(o->count, 3);
	assert_string_equal(o->codecs[0].name, "opus");
	assert_int_equal(o->codecs[0].channels, 2);
	assert_int_equal(o->codecs[0].rate, 48000);
	assert_string_equal(o->codecs[0].fmtp, "useinbandfec=1");
	assert_int_equal(o->codecs[2].pt, 98);
	offer_unref(o);
}

static void O8_last_line_without_crlf(void **state)
{
	struct offer *o = read_ok("v=0\no=- 1 1 IN IP4 192.0.2.1\ns=-\n"
		"c=IN IP4 192.0.2.9\nt=0 0\nm=audio 4002 RTP/AVP 0");

	(void)state;
	assert_string_equal(o->addr, "192.0.2.9");
	assert_int_equal(o->port, 4002);
	assert_int_equal(o->count, 1);
	offer_unref(o);
}

static void O8_address_in_the_section_only(void **state)
{
	struct offer *o = read_ok(HEAD T
		"m=audio 4000 RTP/AVP 0\r\nc=IN IP6 2001:db8::5\r\n");
	struct sdp_dialog d = { 0 };
	char *s;

	(void)state;
	assert_string_equal(o->addr, "2001:db8::5");
	s = write_ok(&d, o);
	assert_has(s, "c=IN IP6 2001:db8::5\r\n");
	assert_has(s, "o=- ");
	assert_has(s, " 1 IN IP4 198.51.100.7\r\n");
	free(s);
	offer_unref(o);
}

static void O8_several_sections(void **state)
{
	struct offer *o = read_ok(HEAD C4 T
		"m=video 5000 RTP/AVP 31\r\na=rtpmap:31 H261/90000\r\n"
		"m=audio 0 RTP/AVP 0\r\n"
		"m=audio 4000 RTP/SAVP 0\r\n"
		"m=audio 4010 RTP/AVP 8\r\na=recvonly\r\n"
		"m=image 6000 udptl t38\r\n");
	struct offer *own = offer_new(1);
	struct sdp_dialog d = { 0 };
	char *s;

	(void)state;
	/* The first plain one that is not refused. */
	assert_int_equal(o->port, 4010);
	assert_int_equal(o->dir, DIR_RECVONLY);
	assert_false(o->secure);

	own->codecs[0] = (struct codec){ .pt = 8, .channels = 1,
		.rate = 8000, .name = "PCMA" };
	own->port = 9;
	own->dir = DIR_INACTIVE;
	assert_int_equal(sdp_dialog_shape(&d, o), 0);
	s = write_ok(&d, own);
	/* Each section is answered, in order (RFC 3264 6). */
	assert_has(s, "m=video 0 RTP/AVP 31\r\n"
		   "m=audio 0 RTP/AVP 0\r\n"
		   "m=audio 0 RTP/SAVP 0\r\n"
		   "m=audio 9 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n"
		   "a=inactive\r\n"
		   "m=image 0 udptl t38\r\n");
	assert_has(s, "c=IN IP4 198.51.100.7\r\n");
	free(s);

	/* What we offer later in this dialog has them all, too. */
	own->port = 11;
	s = write_ok(&d, own);
	assert_has(s, "m=video 0 RTP/AVP 31\r\n");
	assert_has(s, "m=image 0 udptl t38\r\n");
	assert_has(s, " 2 IN IP4 198.51.100.7\r\n");
	free(s);
	sdp_dialog_free(&d);
	offer_unref(own);
	offer_unref(o);
}

static void O6_forms_of_hold(void **state)
{
	static const struct {
		const char *c, *port, *attr, *session;
		enum media_dir dir;
	} row[] = {
		{ "192.0.2.1", "4000", "", "", DIR_SENDRECV },
		{ "192.0.2.1", "4000", "a=sendrecv\r\n", "", DIR_SENDRECV },
		{ "192.0.2.1", "4000", "a=sendonly\r\n", "", DIR_SENDONLY },
		{ "192.0.2.1", "4000", "a=recvonly\r\n", "", DIR_RECVONLY },
		{ "192.0.2.1", "4000", "a=inactive\r\n", "", DIR_INACTIVE },
		{ "192.0.2.1", "4000", "", "a=inactive\r\n", DIR_INACTIVE },
		{ "192.0.2.1", "4000", "a=sendrecv\r\n", "a=inactive\r\n",
		  DIR_SENDRECV },
		{ "0.0.0.0", "4000", "", "", DIR_SENDONLY },
		{ "0.0.0.0", "4000", "a=recvonly\r\n", "", DIR_INACTIVE },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		char body[512];
		struct offer *o;

		snprintf(body, sizeof(body), HEAD "c=IN IP4 %s\r\n" T "%s"
			 "m=audio %s RTP/AVP 0\r\n%s", row[i].c,
			 row[i].session, row[i].port, row[i].attr);
		o = read_ok(body);
		if (o->dir != row[i].dir)
			fail_msg("row %zu: %d", i, (int)o->dir);
		offer_unref(o);
	}
}

static void port_0_is_no_audio(void **state)
{
	struct offer *o = read_ok(HEAD T "m=audio 0 RTP/AVP 0\r\n");

	(void)state;
	assert_int_equal(o->port, 0);
	offer_unref(o);
	o = read_ok(HEAD C4 T "m=video 4000 RTP/AVP 31\r\n");
	assert_int_equal(o->port, 0);
	assert_int_equal(o->count, 0);
	offer_unref(o);
	o = read_ok(HEAD C4 T);
	assert_int_equal(o->port, 0);
	offer_unref(o);
}

static void savp_alone_is_secure(void **state)
{
	struct offer *o = read_ok(HEAD C4 T "m=audio 4000 RTP/SAVP 0\r\n"
		"a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x\r\n");

	(void)state;
	assert_true(o->secure);
	offer_unref(o);
	o = read_ok(HEAD C4 T "m=audio 4000 UDP/TLS/RTP/SAVPF 111\r\n"
		    "a=rtpmap:111 opus/48000/2\r\n");
	assert_true(o->secure);
	offer_unref(o);
}

static void refuses_what_is_no_sdp(void **state)
{
	(void)state;
	assert_bad("");
	assert_bad("hello");
	assert_bad(HEAD T "m=audio 4000 RTP/AVP 0\r\n");
	assert_bad(HEAD "c=IN IP4 pbx.example.com\r\n" T
		   "m=audio 4000 RTP/AVP 0\r\n");
	assert_bad(HEAD C4 T "m=audio 70000 RTP/AVP 0\r\n");
	assert_bad("v=0\r\nm=audio");
}

static void survives_hostile_bodies(void **state)
{
	static const char *const body[] = {
		/* This one had sofia's parser allocate for ever. */
		HEAD C4 T "m=video 1 udp \xff\xff o\r\nm=audio 1 RTP/Audi"
			"\xff\xff\xff o 4\r\n",
		HEAD C4 T "m=audio 1 RTP/AVP 8\r 0\n",
		HEAD C4 T "m=audio 1 RTP/AVP \xff 0\r\na=rtpmap:\xff",
		"v=", "v=0", "m=audio", "m=audio 1 RTP/AVP",
		HEAD C4 T "m=audio 1 RTP/AVP 999999999999\r\n",
		HEAD C4 T "m=audio 1 RTP/AVP -1 256 abc\r\n",
		HEAD C4 T "m=audio 1/99999 RTP/AVP 0\r\n",
		HEAD C4 T "m=audio 1 RTP/AVP 96\r\na=rtpmap:96\r\n",
		HEAD C4 T "m=audio 1 RTP/AVP 96\r\na=rtpmap:96 /\r\n",
		HEAD C4 T "m=audio 1 RTP/AVP 96\r\n"
			"a=rtpmap:96 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/1\r\n",
		HEAD C4 T "m=audio 1 RTP/AVP 96\r\n"
			"a=rtpmap:96 x/99999999999999999999/9999999999\r\n",
		"v=0\r\no=\r\ns=\r\nc=\r\nt=\r\nm=\r\na=\r\n",
		"v=0\r\no=- 1 1 IN IP4 1.1.1.1\r\ns=-\r\nc=IN IP4 "
			"999.999.999.999\r\nt=0 0\r\nm=audio 1 RTP/AVP 0\r\n",
	};

	(void)state;
	for (size_t i = 0; i < sizeof(body) / sizeof(body[0]); i++) {
		struct offer *o = NULL;
		struct sdp_dialog d = { 0 };
		size_t len;

		if (read_exactly(&o, body[i]))
			continue;
		sdp_dialog_shape(&d, o);
		free(sdp_write(&d, o, "198.51.100.7", &len));
		sdp_dialog_free(&d);
		offer_unref(o);
	}
}

static void at_most_32_codecs(void **state)
{
	char body[4096] = HEAD C4 T "m=audio 4000 RTP/AVP";
	struct offer *o;

	(void)state;
	for (int i = 35; i < 96; i++)
		snprintf(body + strlen(body), 16, " %d", i);
	strcat(body, "\r\n");
	for (int i = 35; i < 96; i++)
		snprintf(body + strlen(body), 64, "a=rtpmap:%d c%d/8000\r\n",
			 i, i);
	o = read_ok(body);
	assert_int_equal(o->count, OFFER_CODECS_MAX);
	offer_unref(o);
}

static void O7_version_rises_by_one_per_change(void **state)
{
	struct offer *own = offer_new(1);
	struct sdp_dialog d = { 0 };
	char *a, *b, *c;

	(void)state;
	own->codecs[0] = (struct codec){ .pt = 101, .channels = 1,
		.rate = 8000, .name = "telephone-event",
		.fmtp = strdup("0-15") };
	strcpy(own->addr, "203.0.113.5");
	own->port = 16384;
	a = write_ok(&d, own);
	assert_has(a, "c=IN IP4 203.0.113.5\r\n");
	assert_has(a, "m=audio 16384 RTP/AVP 101\r\n"
		   "a=rtpmap:101 telephone-event/8000\r\n"
		   "a=fmtp:101 0-15\r\na=sendrecv\r\n");
	b = write_ok(&d, own);
	assert_string_equal(a, b);
	own->dir = DIR_SENDONLY;
	c = write_ok(&d, own);
	assert_has(c, " 2 IN IP4 ");
	assert_has(c, "a=sendonly\r\n");
	/* The session's id stays. */
	assert_memory_equal(a, c, strcspn(a + 9, " ") + 10);
	free(a);
	free(b);
	free(c);
	sdp_dialog_free(&d);
	offer_unref(own);
}

static void O7_foreign_body_crosses_without_its_own(void **state)
{
	struct offer *o = read_ok("v=0\r\no=alice 99 99 IN IP4 192.0.2.1\r\n"
		"s=secret\r\ni=info\r\n" C4 "b=AS:64\r\n" T
		"a=group:BUNDLE 0\r\na=ice-lite\r\na=inactive\r\n"
		"a=msid-semantic: WMS\r\na=tool:x\r\n"
		"m=audio 4000 RTP/AVP 0 101\r\nb=AS:64\r\n"
		"a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
		"a=candidate:1 1 UDP 1 192.0.2.1 4000 typ host\r\n"
		"a=ice-ufrag:u\r\na=ice-pwd:p\r\na=mid:0\r\n"
		"a=ssrc:1 cname:x\r\na=ssrc-group:FID 1 2\r\n"
		"a=crypto:1 X inline:y\r\na=sendrecv\r\n"
		"a=rtcp:4001\r\n"
		"m=video 5000 RTP/AVP 31\r\n");
	struct sdp_dialog d = { 0 };
	char *s = write_ok(&d, o);

	(void)state;
	assert_lacks(s, "alice");
	assert_lacks(s, "secret");
	assert_lacks(s, "i=");
	assert_lacks(s, "b=");
	assert_lacks(s, "group");
	assert_lacks(s, "ice-");
	assert_lacks(s, "candidate");
	assert_lacks(s, "ssrc");
	assert_lacks(s, "crypto");
	assert_lacks(s, "mid");
	assert_lacks(s, "video");
	assert_has(s, "s=-\r\nc=IN IP4 192.0.2.1\r\nt=0 0\r\n"
		   "a=tool:x\r\n"
		   "m=audio 4000 RTP/AVP 0 101\r\n"
		   "a=rtpmap:101 telephone-event/8000\r\na=ptime:20\r\n"
		   "a=rtcp:4001\r\na=sendrecv\r\n");
	free(s);
	/* The engine may want another direction than the body has: what the
	 * customer answered to an inactive offer is no wish. */
	o->dir = DIR_RECVONLY;
	s = write_ok(&d, o);
	assert_lacks(s, "sendrecv");
	assert_lacks(s, "inactive");
	assert_has(s, "a=recvonly\r\n");
	free(s);
	offer_unref(o);
}

static void foreign_answer_takes_the_place_of_our_audio(void **state)
{
	struct offer *customer = read_ok(HEAD C4 T
		"m=video 5000 RTP/AVP 31\r\nm=audio 4000 RTP/AVP 0\r\n");
	struct offer *agent = read_ok("v=0\r\no=b 1 1 IN IP4 192.0.2.8\r\n"
		"s=-\r\nc=IN IP4 192.0.2.8\r\n" T
		"m=audio 4444 RTP/AVP 0\r\n");
	struct sdp_dialog d = { 0 };
	char *s;

	(void)state;
	assert_int_equal(sdp_dialog_shape(&d, customer), 0);
	s = write_ok(&d, agent);
	assert_has(s, "c=IN IP4 192.0.2.8\r\nt=0 0\r\n"
		   "m=video 0 RTP/AVP 31\r\nm=audio 4444 RTP/AVP 0\r\n");
	free(s);
	sdp_dialog_free(&d);
	offer_unref(customer);
	offer_unref(agent);
}

static void finds_sdp_in_multipart(void **state)
{
	static const char body[] = "preamble\r\n--x y\r\n"
		"Content-Type: text/plain\r\n\r\nhi\r\n--x y\r\n"
		"content-type:application/sdp\r\nX: 1\r\n\r\nv=0\r\n"
		"--x y--\r\n";
	const char *sdp;
	size_t len;

	(void)state;
	assert_int_equal(sdp_find("multipart/mixed", "\"x y\"", body,
				  strlen(body), &sdp, &len), 0);
	assert_int_equal(len, 5);
	assert_memory_equal(sdp, "v=0\r\n", 5);
	assert_int_equal(sdp_find("APPLICATION/SDP", NULL, "v=0", 3, &sdp,
				  &len), 0);
	assert_int_equal(sdp_find(NULL, NULL, "v=0\r\n", 5, &sdp, &len), 0);
	assert_true(sdp_find("text/plain", NULL, "v=0\r\n", 5, &sdp, &len));
	assert_true(sdp_find("multipart/mixed", NULL, body, strlen(body),
			     &sdp, &len));
	assert_true(sdp_find("multipart/mixed", "\"", body, strlen(body),
			     &sdp, &len));
	assert_true(sdp_find("multipart/mixed", "zz", body, strlen(body),
			     &sdp, &len));
	/* Cut off in the middle of a part. */
	assert_true(sdp_find("multipart/mixed", "x y", body, 70, &sdp, &len));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_the_audio),
		cmocka_unit_test(reads_dynamic_numbers),
		cmocka_unit_test(O8_last_line_without_crlf),
		cmocka_unit_test(O8_address_in_the_section_only),
		cmocka_unit_test(O8_several_sections),
		cmocka_unit_test(O6_forms_of_hold),
		cmocka_unit_test(port_0_is_no_audio),
		cmocka_unit_test(savp_alone_is_secure),
		cmocka_unit_test(refuses_what_is_no_sdp),
		cmocka_unit_test(survives_hostile_bodies),
		cmocka_unit_test(at_most_32_codecs),
		cmocka_unit_test(O7_version_rises_by_one_per_change),
		cmocka_unit_test(O7_foreign_body_crosses_without_its_own),
		cmocka_unit_test(foreign_answer_takes_the_place_of_our_audio),
		cmocka_unit_test(finds_sdp_in_multipart),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
