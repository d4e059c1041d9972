/* Who calls, and as whom an agent is called: the contract's 5.4. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "core/identity.h"
#include "world.h"

static void who_calls(void **state)
{
	static const struct trunk plain, trusted = {
		.asserted_identity = true,
	};
	static const struct {
		const char *user, *display, *uri, *asserted, *name;
		bool privacy;
		const struct trunk *trunk;
		const char *number, *shown;
		bool anonymous;
	} row[] = {
		{ "1", "A", "sip:1@h", "2", "B", false, &trusted,
			"2", "B", false },
		{ "1", "A", "sip:1@h", "2", "", false, &trusted,
			"2", "A", false },
		{ "1", "A", "sip:1@h", "2", "B", false, &plain,
			"1", "A", false },
		{ "1", "A", "sip:1@h", "2", "B", false, NULL,
			"1", "A", false },
		{ "1", "A", "sip:1@h", "", "B", false, &trusted,
			"1", "A", false },
		{ "1", "A", "sip:1@h", NULL, NULL, true, NULL, "1", "", true },
		{ "1", "A", "sip:1@h", "2", "B", true, &trusted,
			"2", "", true },
		{ "ANONYMOUS", "A", "sip:ANONYMOUS@h", "2", "B", false,
			&trusted, "2", "", true },
		{ "anonymous", "A", "sip:anonymous@h", "2", "B", false,
			&plain, "", "", true },
		{ "1", "A", "sip:1@Anonymous.Invalid", NULL, NULL, false,
			NULL, "", "", true },
		{ "", "", "sip:h", NULL, NULL, false, NULL, "", "", false },
		{ "1", "", "not a uri", NULL, NULL, false, NULL,
			"1", "", false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		const struct leg_invite inv = {
			.from_user = row[i].user,
			.from_display = row[i].display,
			.from_uri = row[i].uri,
			.asserted_user = row[i].asserted,
			.asserted_display = row[i].name,
			.privacy = row[i].privacy,
		};
		struct identity id;

		identity_of_invite(&inv, row[i].trunk, &id);
		assert_string_equal(id.number, row[i].number);
		assert_string_equal(id.display, row[i].shown);
		assert_int_equal(id.anonymous, row[i].anonymous);
	}
}

static char user[] = "u", password[] = "p", own[] = "9";

static void as_whom(void **state)
{
	/* its own: account; says so; and not */
	static const struct trunk account = {
		.host = "10.0.0.1", .port = 5060, .username = user,
		.password = password, .from = own,
	}, says = {
		.host = "10.0.0.1", .port = 5060, .from = own,
		.caller_id = CALLER_TRUNK, .asserted_identity = true,
		.diversion = true,
	}, customer = {
		.host = "10.0.0.1", .port = 5060, .username = user,
		.password = password, .from = own,
		.caller_id = CALLER_CUSTOMER,
	}, open = {
		.host = "10.0.0.1", .port = 5060, .username = user,
		.from = own, .asserted_identity = true,
	};
	static const char home[] = "sip:7@10.0.0.1", away[] = "sip:7@10.0.0.2",
		port[] = "sip:7@10.0.0.1:5061";
	static const struct {
		const struct trunk *trunk;
		const char *uri;
		bool anonymous;
		const char *from, *asserted;
		bool diverted, credentials;
	} row[] = {
		{ NULL, home, false, "1", NULL, false, false },
		{ NULL, home, true, "anonymous", NULL, false, false },
		{ &account, home, false, "9", NULL, false, true },
		{ &account, away, false, "9", NULL, false, false },
		{ &account, port, false, "9", NULL, false, false },
		{ &account, home, true, "anonymous", NULL, false, true },
		{ &says, home, false, "9", "1", true, false },
		{ &says, home, true, "anonymous", "1", true, false },
		{ &says, away, true, "anonymous", NULL, true, false },
		{ &says, away, false, "9", "1", true, false },
		{ &customer, home, false, "1", NULL, false, true },
		{ &open, home, false, "1", "1", false, false },
	};

	(void)state;
	for (size_t i = 0; i < sizeof(row) / sizeof(*row); i++) {
		const bool hidden = row[i].anonymous;
		const struct identity id = {
			.number = "1", .display = hidden ? "" : "A",
			.anonymous = hidden,
		};
		struct leg_dial d = { .uri = row[i].uri };
		struct credentials cr;
		const bool shown = !strcmp(row[i].from, "1");

		identity_dial(&id, row[i].trunk, "100", &d, &cr);
		assert_string_equal(d.from_user, row[i].from);
		assert_string_equal(d.from_display, hidden ? "Anonymous" :
				    shown ? "A" : "");
		if (hidden) {
			assert_string_equal(d.from_host, "anonymous.invalid");
			assert_string_equal(d.privacy, "id");
		} else {
			assert_null(d.from_host);
			assert_null(d.privacy);
		}
		if (row[i].asserted) {
			assert_string_equal(d.asserted_user, row[i].asserted);
			assert_string_equal(d.asserted_display,
					    hidden ? "" : "A");
		} else {
			assert_null(d.asserted_user);
		}
		assert_int_equal(d.diverted_user != NULL, row[i].diverted);
		assert_int_equal(d.credentials != NULL, row[i].credentials);
	}
}

static void an_unknown_number_is_not_asserted(void **state)
{
	static const struct trunk t = {
		.host = "10.0.0.1", .asserted_identity = true,
		.diversion = true,
	};
	const struct identity id = { .number = "", .display = "" };
	struct leg_dial d = { .uri = "sip:7@10.0.0.1" };
	struct credentials cr;

	(void)state;
	identity_dial(&id, &t, "", &d, &cr);
	assert_string_equal(d.from_user, "");
	assert_null(d.asserted_user);
	assert_null(d.diverted_user);
}

static void give_account(void)
{
	w.trunks[0].username = user;
	w.trunks[0].password = password;
	w.trunks[0].from = own;
	w.trunks[0].diversion = true;
	w.trunks[0].asserted_identity = true;
}

static void account_of_the_trunk_that_carries(void **state)
{
	const struct switch_fields keep = { .keep = true };
	struct sim_leg *agent;

	(void)state;
	give_account();
	world_call(&w, true);
	assert_string_equal(w.customer->username, "u");
	assert_int_equal(world_switch(&w, &keep), 0);
	agent = world_agent(&w);
	assert_string_equal(agent->username, "u");
	assert_string_equal(agent->from, "9");
	assert_string_equal(agent->asserted, "4930123");
	assert_string_equal(agent->diverted, "200");
	sim_reject(agent, 401);
	world_expect(&w, false, false, "unauthorized");
}

static void no_account_for_a_stranger(void **state)
{
	const struct switch_fields away = {
		.keep = true, .uri = "16123456789@127.0.0.9:5070",
	};
	struct sim_leg *agent;

	(void)state;
	give_account();
	world_call(&w, true);
	assert_int_equal(world_switch(&w, &away), 0);
	agent = world_agent(&w);
	assert_string_equal(agent->username, "");
	assert_string_equal(agent->from, "9");
	sim_reject(agent, 486);
	world_expect(&w, false, false, "busy");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(who_calls),
		cmocka_unit_test(as_whom),
		cmocka_unit_test(an_unknown_number_is_not_asserted),
		CASE(account_of_the_trunk_that_carries),
		CASE(no_account_for_a_stranger),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
