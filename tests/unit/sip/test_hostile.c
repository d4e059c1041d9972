/* What strangers send: each is answered or dropped, and nothing is left. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "core/offer.h"
#include "live.h"

static int setup(void **state)
{
	live_setup(state);
	p.lenient = true;	/* calls of earlier rounds end meanwhile */
	return 0;
}

static void fresh_call(void)
{
	static unsigned n;

	snprintf(p.call_id, sizeof(p.call_id), "hostile-%u", ++n);
	p.to_tag[0] = '\0';
}

/* Vias that cannot be answered, or that ask for an answer elsewhere. */
static const char *const vias[] = {
	"SIP/2.0/UDP 127.0.0.1:0;branch=z9hG4bK-%u",
	"SIP/2.0/UDP 127.0.0.1:0;rport;branch=z9hG4bK-%u",
	"SIP/2.0/UDP 127.0.0.1:9;maddr=127.255.255.255;branch=z9hG4bK-%u",
	"SIP/2.0/UDP 127.0.0.1:9;maddr=255.255.255.255;branch=z9hG4bK-%u",
	"SIP/2.0/UDP 127.0.0.1:9;maddr=no.such.name;branch=z9hG4bK-%u",
	"SIP/2.0/UDP 127.0.0.1:99999;branch=z9hG4bK-%u",
	"SIP/2.0/UDP 127.0.0.1:x;branch=z9hG4bK-%u",
	"SIP/2.0/UDP [::1]:9;branch=z9hG4bK-%u",
	"SIP/2.0/UDP no.such.name:9;branch=z9hG4bK-%u",
	"SIP/2.0/TCP 127.0.0.1:9;branch=z9hG4bK-%u",
};

#define VIAS (sizeof(vias) / sizeof(vias[0]))

static const char *via(size_t i)
{
	static char buf[256];
	static unsigned n;

/* The formats are the table's above, one %u each. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
	snprintf(buf, sizeof(buf), vias[i], ++n);
#pragma GCC diagnostic pop
	return buf;
}

static void drop_leg(void)
{
	if (s.leg)
		leg_end(s.leg, NULL);
	s.leg = NULL;
	s.read = s.count = 0;
}

static void T10_invite_and_its_ack(void **state)
{
	(void)state;
	for (size_t i = 0; i < VIAS; i++) {
		const char *v = via(i);

		fresh_call();
		peer_request_via(&p, "INVITE", v, 7, PEER_SDP);
		peer_sync(&p);
		peer_request_via(&p, "ACK", v, 7, NULL);
		peer_sync(&p);
		drop_leg();
	}
}

static void T10_reinvite_and_its_ack(void **state)
{
	struct sip_counters c;

	(void)state;
	for (size_t i = 0; i < VIAS; i++) {
		const char *v = via(i);
		const unsigned cseq = p.cseq + 10;

		fresh_call();
		peer_call(&p);
		peer_request_via(&p, "INVITE", v, cseq, PEER_SDP);
		peer_sync(&p);
		peer_request_via(&p, "ACK", v, cseq, NULL);
		peer_sync(&p);
		p.cseq = cseq;
		s.quiet = true;
		peer_request(&p, "BYE", NULL, NULL);
		peer_expect(&p, "SIP/2.0 200", "BYE");
		s.quiet = false;
		drop_leg();
	}
	sip_counters(s.sig, &c);
	assert_true(c.unsendable > 0);
}

static void T10_merged_invite_and_its_ack(void **state)
{
	(void)state;
	for (size_t i = 0; i < VIAS; i++) {
		const char *v = via(i);

		fresh_call();
		peer_request(&p, "INVITE", NULL, PEER_SDP);
		peer_expect(&p, "SIP/2.0 200", "INVITE");
		peer_request_via(&p, "INVITE", v, p.cseq, PEER_SDP);
		peer_sync(&p);
		peer_request_via(&p, "ACK", v, p.cseq, NULL);
		peer_sync(&p);
		drop_leg();
	}
}

static void other_requests_with_such_vias(void **state)
{
	static const char *const method[] = {
		"OPTIONS", "MESSAGE", "CANCEL", "PRACK", "REGISTER", "FOO",
	};

	(void)state;
	for (size_t i = 0; i < VIAS; i++)
		for (size_t k = 0; k < sizeof(method) / sizeof(method[0]);
		     k++)
			peer_request_via(&p, method[k], via(i), 0, NULL);
	peer_sync(&p);
}

static void short_branches(void **state)
{
	static const char *const branch[] = {
		"z", "z9hG4b", "abcdef", "z9hG4bK", "z9hG4bK1",
	};
	char buf[256];

	(void)state;
	for (size_t i = 0; i < sizeof(branch) / sizeof(branch[0]); i++) {
		fresh_call();
		snprintf(buf, sizeof(buf),
			 "SIP/2.0/UDP 127.0.0.1:%u;branch=%s",
			 (unsigned)p.port, branch[i]);
		/* Kept by nta, or merged, and then compared with. */
		peer_request_via(&p, "INVITE", buf, 7, PEER_SDP);
		peer_expect(&p, i < 3 ? "SIP/2.0 400" :
			    "SIP/2.0 200", "INVITE");
		snprintf(buf, sizeof(buf),
			 "SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKother",
			 (unsigned)p.port);
		peer_request_via(&p, "INVITE", buf, 7, PEER_SDP);
		peer_request_via(&p, "CANCEL", buf, 7, NULL);
		peer_request_via(&p, "ACK", buf, 7, NULL);
		peer_sync(&p);
		drop_leg();
	}
}

static void T10_answer_to_a_cancel_never_sent(void **state)
{
	static char fake[65536];
	char *cseq;

	(void)state;
	side_dial(&s, &p);
	peer_expect(&p, "INVITE ", NULL);
	memcpy(fake, p.in, sizeof(fake));
	leg_end(s.leg, NULL);
	s.leg = NULL;
	cseq = strstr(fake, "INVITE\r\nContact");
	assert_non_null(cseq);
	memcpy(cseq, "CANCEL", 6);
	peer_answer(&p, fake, "200 OK", "a", NULL, NULL);
	peer_sync(&p);
	peer_answer(&p, p.in, "100 Trying", NULL, NULL, NULL);
	peer_answer(&p, fake, "200 OK", "a", NULL, NULL);
	peer_sync(&p);
	memcpy(cseq, "INVITE", 6);
	peer_answer(&p, fake, "200 OK", "a", NULL, PEER_SDP);
	peer_expect(&p, "ACK ", NULL);
	peer_expect(&p, "BYE ", NULL);
	peer_answer(&p, p.in, "200 OK", NULL, NULL, NULL);
	side_settled(&s);
}

static void T10_stray_responses(void **state)
{
	static const char *const status[] = {
		"100 Trying", "183 x", "200 OK", "487 x", "699 x",
	};
	static const char *const method[] = {
		"INVITE", "CANCEL", "BYE", "ACK", "FOO",
	};
	char msg[1024];
	struct sip_counters c;

	(void)state;
	for (size_t i = 0; i < 25; i++) {
		const int n = snprintf(msg, sizeof(msg), "SIP/2.0 %s\r\n"
			"Via: SIP/2.0/UDP 127.0.0.1:1;branch=z9hG4bKx\r\n"
			"Via: SIP/2.0/UDP 192.0.2.1\r\n"
			"From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>;tag=2\r\n"
			"Call-ID: stray\r\nCSeq: 1 %s\r\n"
			"Contact: <sip:no.such.name>\r\n"
			"Content-Length: 0\r\n\r\n", status[i % 5],
			method[i / 5]);

		peer_send(&p, msg, (size_t)n);
	}
	peer_sync(&p);
	sip_counters(s.sig, &c);
	assert_true(c.responses > 0);
}

static void T10_late_copy_of_an_invite(void **state)
{
	char v[256];
	unsigned cseq;

	(void)state;
	peer_call(&p);
	cseq = p.cseq;
	snprintf(v, sizeof(v), "SIP/2.0/UDP 127.0.0.1:%u;branch=%s",
		 (unsigned)p.port, p.branch);
	p.to_tag[0] = '\0';
	peer_request_via(&p, "INVITE", v, cseq, PEER_SDP);
	peer_expect(&p, "SIP/2.0 200", "INVITE");
	snprintf(v, sizeof(v), "SIP/2.0/UDP 127.0.0.1:%u;branch=z9hG4bKcopy",
		 (unsigned)p.port);
	peer_request_via(&p, "INVITE", v, cseq, PEER_SDP);
	peer_expect(&p, "SIP/2.0 482", "INVITE");
	peer_request_via(&p, "ACK", v, cseq, NULL);
	drop_leg();
	peer_expect(&p, "BYE ", NULL);
}

static void T4_outside_a_dialog(void **state)
{
	static const struct {
		const char *method, *answer;
		bool tag;
	} row[] = {
		{ "OPTIONS", "SIP/2.0 200", false },
		{ "MESSAGE", "SIP/2.0 481", false },
		{ "INFO", "SIP/2.0 481", true },
		{ "NOTIFY", "SIP/2.0 481", false },
		{ "UPDATE", "SIP/2.0 481", true },
		{ "BYE", "SIP/2.0 481", true },
		{ "INVITE", "SIP/2.0 481", true },
		{ "PRACK", "SIP/2.0 481", true },
		{ "CANCEL", "SIP/2.0 481", false },
		{ "REFER", "SIP/2.0 481", true },
		{ "REFER", "SIP/2.0 405", false },
		{ "REGISTER", "SIP/2.0 405", false },
		{ "SUBSCRIBE", "SIP/2.0 405", false },
		{ "PUBLISH", "SIP/2.0 405", false },
		{ "FOO", "SIP/2.0 501", false },
	};
	char value[256];

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++) {
		fresh_call();
		if (row[i].tag)
			strcpy(p.to_tag, "unknown");
		peer_request(&p, row[i].method, NULL, NULL);
		peer_expect(&p, row[i].answer, row[i].method);
		if (strstr(row[i].answer, "405"))
			assert_non_null(strstr(peer_header(p.in, "Allow",
							   value, 256),
					       "INVITE"));
	}
	side_no_event(&s);
	assert_null(s.leg);
}

static void refused(const char *more, const char *body, const char *status)
{
	fresh_call();
	peer_request(&p, "INVITE", more, body);
	peer_expect(&p, status, "INVITE");
	peer_ack(&p, NULL);
	assert_null(s.leg);
}

static void T4_invites_that_make_no_call(void **state)
{
	char value[64];

	(void)state;
	refused("Require: 100rel, foo\r\n", PEER_SDP, "SIP/2.0 420");
	assert_string_equal(peer_header(p.in, "Unsupported", value, 64),
			    "foo");
	refused("Replaces: x;to-tag=1;from-tag=2\r\n", PEER_SDP,
		"SIP/2.0 481");
	refused("Content-Type: text/plain\r\n", "hello", "SIP/2.0 415");
	refused("Content-Type: application/sdp\r\n", "hello", "SIP/2.0 400");
	refused("Content-Encoding: gzip\r\n", PEER_SDP, "SIP/2.0 415");
	refused("Contact: <sip:two@127.0.0.1>\r\n", PEER_SDP, "SIP/2.0 400");
	s.refuse = 503;
	refused(NULL, PEER_SDP, "SIP/2.0 503");
	assert_string_equal(peer_header(p.in, "Retry-After", value, 64), "7");
	s.refuse = 404;
	refused(NULL, PEER_SDP, "SIP/2.0 404 Not Found");
}

static void T4_broken_messages(void **state)
{
	static const char *const start[] = {
		"INVITE sip:a@127.0.0.1 SIP/2.0\r\n",
		"INVITE tel:1 SIP/2.0\r\n",
		"INVITE http://a SIP/2.0\r\n",
		"INVITE a SIP/2.0\r\n",
		"INVITE sip:a@127.0.0.1 SIP/7.0\r\n",
		"INVITE\r\n", "SIP/2.0 200 OK\r\n", "SIP/2.0 999999 OK\r\n",
	};
	static const char *const rest[] = {
		"",
		"From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCSeq: 1 INVITE\r\n",
		"From: <sip:a@b>\r\nTo: <sip:b@b>\r\nCall-ID: x\r\n"
		"CSeq: 1 INVITE\r\nContact: <sip:a@127.0.0.1:9>\r\n",
		"From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: x\r\n"
		"CSeq: 1 BYE\r\nContact: <sip:a@127.0.0.1:9>\r\n",
		"From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: x\r\n"
		"CSeq: 99999999999 INVITE\r\nContact: <tel:1>\r\n",
		"From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: x\r\n"
		"CSeq: 1 INVITE\r\nContact: <tel:1>\r\n",
		"From: <<>>;tag=\r\nTo: \"\r\nCall-ID:\r\nCSeq: x\r\n"
		"Content-Length: -1\r\n",
		"From: <sip:a@b>;tag=1\r\nTo: <sip:b@b>\r\nCall-ID: y\r\n"
		"CSeq: 1 INVITE\r\nContact: *\r\nContent-Length: 5000\r\n",
	};
	char msg[2048];

	(void)state;
	for (size_t i = 0; i < sizeof(start) / sizeof(start[0]); i++) {
		for (size_t k = 0; k < sizeof(rest) / sizeof(rest[0]); k++) {
			const int n = snprintf(msg, sizeof(msg), "%s"
				"Via: SIP/2.0/UDP 127.0.0.1:%u;"
				"branch=z9hG4bK%zu-%zu\r\n%s\r\n", start[i],
				(unsigned)p.port, i, k, rest[k]);

			peer_send(&p, msg, (size_t)n);
			/* Without its last lines too. */
			peer_send(&p, msg, (size_t)n / 2);
		}
	}
	peer_sync(&p);
	assert_null(s.leg);
}

static void T6_huge_messages(void **state)
{
	static char msg[65000];
	size_t n;

	(void)state;
	memset(msg, 'A', sizeof(msg));
	peer_send(&p, msg, sizeof(msg));
	memset(msg, 0, sizeof(msg));
	peer_send(&p, msg, sizeof(msg));
	peer_send(&p, msg, 20);
	peer_send(&p, "", 0);
	peer_send(&p, "\r\n\r\n", 4);

	/* Ten thousand headers, and as many Vias in one. */
	n = (size_t)sprintf(msg, "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\n");
	while (n < sizeof(msg) - 10)
		n += (size_t)sprintf(msg + n, "X: y\r\n");
	peer_send(&p, msg, n);
	n = (size_t)sprintf(msg, "OPTIONS sip:a@127.0.0.1 SIP/2.0\r\n"
			    "v: SIP/2.0/UDP a;branch=z9hG4bKk");
	while (n < sizeof(msg) - 20)
		n += (size_t)sprintf(msg + n, ",SIP/2.0/UDP a");
	peer_send(&p, msg, n);
	peer_sync(&p);
}

#define LENIENT(f) cmocka_unit_test_setup_teardown(f, setup, live_teardown)

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		LENIENT(T10_invite_and_its_ack),
		LENIENT(T10_reinvite_and_its_ack),
		LENIENT(T10_merged_invite_and_its_ack),
		LENIENT(other_requests_with_such_vias),
		LENIENT(short_branches),
		LENIENT(T10_answer_to_a_cancel_never_sent),
		LENIENT(T10_stray_responses),
		LENIENT(T10_late_copy_of_an_invite),
		LENIENT(T4_outside_a_dialog),
		LENIENT(T4_invites_that_make_no_call),
		LENIENT(T4_broken_messages),
		LENIENT(T6_huge_messages),
	};

	if (argc > 1)
		cmocka_set_test_filter(argv[1]);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
