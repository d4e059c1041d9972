"""
What peers do beside the main ladders: cases R10, R13, R14, O9, O12, O13, I7
to I9, and several hand-overs in one call.
"""

import pytest

from harness.cases import (BOT, bring_back, cancelled, connect, ended, gone,
                           hung_up, join, ping, refuse, switch)
from harness.message import Sdp


@pytest.fixture
def call(world):
    def start(timers=None, **kw):
        cust, agent, node = world.trio(bots={"support": BOT}, timers={
            "refer_bye": "300ms", **(timers or {})}, **kw)
        return cust, agent, node, connect(cust, node)
    yield start
    if world.nodes and world.nodes[-1].process.poll() is None:
        ping(world.peers[0], world.nodes[-1])


@pytest.fixture
def talk(call):
    """A customer and an agent who talk."""
    def start(**kw):
        cust, agent, node, c = call(**kw)
        switch(node, c, method="bridge", continueCall=True)
        a = join(c, agent)
        node.wait_for("transfer.progress", call=c.id, phase="joined")
        return cust, agent, node, c, a
    return start


# -- REFER --------------------------------------------------------------------

ODD = [
    ("no_crlf", "SIP/2.0 200 OK", {}),
    ("no_phrase", "SIP/2.0 200", {}),
    ("lower_case", "sip/2.0 200 ok\r\n", {}),
    ("leading_crlf", "\r\nSIP/2.0 200 OK\r\n", {}),
    ("a_whole_message", "SIP/2.0 200 OK\r\nTo: <sip:a@b>\r\n\r\n", {}),
    ("no_content_type", "SIP/2.0 200 OK\r\n", {"ctype": False}),
    ("wrong_content_type", "SIP/2.0 200 OK\r\n", {"ctype": "text/plain"}),
    ("no_state", "SIP/2.0 200 OK\r\n", {"state": ""}),
    ("active", "SIP/2.0 200 OK\r\n", {"state": "active"}),
    ("wrong_id", "SIP/2.0 200 OK\r\n", {"event": "refer;id=77"}),
    ("upper_case_event", "SIP/2.0 200 OK\r\n", {"event": "REFER"}),
]


@pytest.mark.parametrize("text,kw", [o[1:] for o in ODD],
                         ids=[o[0] for o in ODD])
def test_R10_odd_notifies_are_understood(call, text, kw):
    cust, agent, node, c = call()
    switch(node, c)
    c.expect("REFER")
    c.reply(202)
    c.notify(text, **kw)
    ended(node, c, "SUCCESS", False, "answered", method="refer")
    c.bye()
    gone(node, c)


@pytest.mark.parametrize("text", ["", "hello", "SIP/2.0 abc", "SIP/2.0 999 X",
                                  "SIP/2.0 20", "200 OK"])
def test_R10_unreadable_is_progress(call, text):
    cust, agent, node, c = call()
    switch(node, c)
    c.expect("REFER")
    c.reply(202)
    c.notify(text, state="active")
    cust.silence(0.1)
    assert not node.rpc.find("transfer.ended", call=c.id)
    c.notify("SIP/2.0 486 Busy Here\r\n")
    ended(node, c, "FAIL", False, "busy", method="refer")
    hung_up(c)
    gone(node, c)


def test_R10_id_of_an_earlier_refer_is_ignored(call):
    cust, agent, node, c = call()
    switch(node, c, method="refer", continueCall=True)
    first = c.expect("REFER")
    c.reply(202)
    c.notify("SIP/2.0 486 Busy Here\r\n")
    ended(node, c, "FAIL", False, "busy")
    switch(node, c, method="refer", continueCall=True)
    c.expect("REFER")
    c.reply(202)
    c.notify("SIP/2.0 200 OK\r\n", event="refer;id=%d" % first.cseq[0])
    cust.silence(0.2)
    assert len(node.rpc.find("transfer.ended", call=c.id)) == 1
    c.notify("SIP/2.0 603 Decline\r\n")
    ended(node, c, "FAIL", False, "declined", count=2, logged=False)
    c.bye()
    gone(node, c)


def test_R10_notify_of_another_package_and_without_a_refer(call):
    cust, agent, node, c = call()
    c.notify(status=None)
    c.expect(481)
    switch(node, c, method="refer", continueCall=True)
    c.expect("REFER")
    c.reply(202)
    c.notify(event="presence", status=489)
    c.notify("SIP/2.0 486 Busy\r\n")
    ended(node, c, "FAIL", False, "busy")
    c.bye()
    gone(node, c)


@pytest.mark.parametrize("times", [1, 3, 4])
def test_R13_491_to_refer_is_retried(call, times):
    cust, agent, node, c = call({"refer_response": "20s"})
    switch(node, c, method="refer", continueCall=True)
    for _ in range(times):
        c.expect("REFER")
        c.reply(491)
    if times < 4:
        c.expect("REFER")
        c.reply(202)
        c.notify("SIP/2.0 486 Busy\r\n")
        ended(node, c, "FAIL", False, "busy")
    else:
        ended(node, c, "FAIL", False, "refer_rejected")
    c.bye()
    gone(node, c)


def test_R14_re_invite_during_our_refer(call):
    cust, agent, node, c = call()
    switch(node, c)
    c.expect("REFER")
    c.reply(202)
    c.reinvite(sdp=cust.sdp(direction="sendonly", version=2))
    c.expect(200)
    c.ack()
    c.notify("SIP/2.0 100 Trying\r\n")
    c.notify("SIP/2.0 200 OK\r\n")
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c)


def test_R14_inbound_refer_and_replaces(call):
    cust, agent, node, c = call()
    ok = cust.options(node)
    assert "REFER" not in (ok.get("allow") or "")
    assert "replaces" not in (ok.get("supported") or "")
    r = c.request("REFER", headers=[("Refer-To", "<sip:a@127.0.0.1>")])
    c.expect(603, to=r)
    other = cust.invite(node, headers=[
        ("Replaces", "%s;to-tag=%s;from-tag=%s" % (c.call_id, "x", c.tag))])
    other.expect(481)
    c.message("ping")
    c.bye()
    gone(node, c)
    assert len(node.rpc.find("call.started")) == 1


def test_unknown_extension_is_420(call):
    cust, agent, node, c = call()
    other = cust.invite(node, headers=[("Require", "flying-pigs")])
    m = other.expect(420)
    assert "flying-pigs" in m.get("unsupported")
    c.bye()
    gone(node, c)


# -- the agent ----------------------------------------------------------------

@pytest.mark.parametrize("code,reason", [
    (302, "rejected"), (400, "rejected"), (401, "unauthorized"),
    (404, "rejected"), (407, "unauthorized"), (408, "no_answer"),
    (480, "no_answer"), (486, "busy"), (488, "rejected"),
    (500, "rejected"), (502, "unreachable"), (503, "unreachable"),
    (504, "unreachable"), (600, "busy"), (603, "declined"),
    (604, "rejected"), (699, "rejected"),
])
def test_I8_every_refusal_has_its_reason(call, code, reason):
    cust, agent, node, c = call()
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    refuse(a, code, phrase="Odd words", headers=[
        ("Contact", "<sip:other@%s:9>" % agent.ip)] if code == 302 else (),
        contact=False)
    e = ended(node, c, "FAIL", False, reason)
    assert e["sip"] == {"code": code, "phrase": "Odd words"}, e
    assert e["attempts"] == [{"number": e["number"], "reason": reason,
                              "sip": e["sip"], "ring_ms": 0}]
    c.bye()
    gone(node, c)
    assert len(agent.received("INVITE")) == 1   # nothing followed


def test_I9_the_sdp_of_the_200_counts(call):
    cust, agent, node, c = call()
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(183, sdp=agent.sdp(port=41000))
    a.reply(200, sdp=agent.sdp(port=42000))
    a.expect("ACK")
    r = c.expect("INVITE")
    assert Sdp(r.body).port == 42000
    c.reply(200, sdp=True)
    c.expect("ACK")
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")


def test_agent_refuses_all_media(call):
    cust, agent, node, c = call()
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=agent.sdp(port=0))
    a.expect("ACK")
    hung_up(a)
    e = node.wait_for("transfer.ended", call=c.id)
    assert e["status"] == "FAIL" and not e["hangup"], e
    c.message("ping")
    c.bye()
    gone(node, c)


# -- while they talk ----------------------------------------------------------

@pytest.mark.parametrize("who", ["customer", "agent"])
def test_O12_hold_and_resume_are_carried_to_the_other(talk, who):
    cust, agent, node, c, a = talk()
    one, other = (c, a) if who == "customer" else (a, c)
    for version, (said, heard) in enumerate((
            ("sendonly", "recvonly"), ("sendrecv", "sendrecv")), 2):
        r = one.reinvite(sdp=one.peer.sdp(direction=said, version=version,
                                          port=43000))
        carried = other.expect("INVITE")
        assert (Sdp(carried.body).port, Sdp(carried.body).direction) == (
            43000, said)
        other.reply(200, sdp=other.peer.sdp(direction=heard,
                                            version=version))
        other.expect("ACK")
        m = one.expect(200, to=r)
        assert Sdp(m.body).direction == heard
        one.ack()
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")


def test_O12_the_others_refusal_comes_back(talk):
    cust, agent, node, c, a = talk()
    r = c.reinvite(sdp=cust.sdp(port=43000, version=2))
    a.expect("INVITE")
    a.reply(488)
    a.expect("ACK")
    c.expect(488, to=r)
    # And everything is as it was.
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c)


def test_O12_the_other_hangs_up_meanwhile(talk):
    cust, agent, node, c, a = talk()
    r = c.reinvite(sdp=cust.sdp(port=43000, version=2))
    carried = a.expect("INVITE")
    a.bye()
    a.reply(487, to=carried)
    a.expect("ACK")
    c.expect((481, 487, 491, 500), to=r)
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c)


def test_O13_an_unchanged_refresh_is_answered_here(talk):
    cust, agent, node, c, a = talk()
    last = c.invite
    c.request("INVITE", cust.sdp())
    m = c.expect(200)
    c.ack()
    assert Sdp(m.body).port == Sdp(last.body).port
    agent.silence(0.3)
    a.request("INVITE", agent.sdp())
    a.expect(200)
    a.ack()
    cust.silence(0.3)
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")


def test_O9_a_dead_agent_dialog_is_found_on_its_bye(talk):
    """481 to the BYE that ends the talk changes nothing."""
    cust, agent, node, c, a = talk()
    c.bye()
    a.expect("BYE")
    a.reply(481)
    ended(node, c, "SUCCESS", True, "answered")
    gone(node, c)


# -- several in one call ------------------------------------------------------

def test_hand_over_again_and_again(call):
    cust, agent, node, c = call()
    for n in range(1, 4):
        switch(node, c, method="bridge", continueCall=True)
        a = join(c, agent)
        a.bye()
        bring_back(c)
        ended(node, c, "SUCCESS", False, "answered", count=2 * n - 1,
              logged=False)
        switch(node, c, method="bridge", continueCall=True, timeout=1)
        a = agent.incoming()
        refuse(a, 486)
        node.wait_for("bot.say", call=c.id, text="Over.", count=2 * n)
    c.message("ping")
    c.bye()
    e = gone(node, c)
    assert [t["reason"] for t in e["transfers"]] == ["answered", "busy"] * 3


TRIES = """
return bot {
  name = "support",
  states = {
    Start = { q = "$regex</start>", a "Hi!" },
    Hunt = { ["q!"] = "hunt", function(call)
      for try = 1, 3 do
        local status, details = call:transfer {
          phoneNumber = "100" .. try, timeout = 1 }
        log("try " .. try .. " " .. status.status .. " " .. details.reason)
        if status.status == "SUCCESS" then
          return { "Welcome back.", hangup() }
        end
        call:say("Not " .. try .. ".")
      end
      return { "Nobody.", hangup() }
    end },
    Wrong = { event = "transfer", a "not to be heard" },
    Further = { ["q!"] = "further", switch { phoneNumber = "1",
      method = "bridge" } },
  },
}
"""


def test_a_bot_that_waits_for_each_transfer(world):
    cust, agent, node = world.trio(bots={"support": TRIES})
    c = connect(cust, node)
    c.message("hunt")
    a = agent.incoming()
    refuse(a, 486)
    node.wait_line("try 1 FAIL busy")
    a = agent.incoming()
    a.reply(180)
    cancelled(a)
    node.wait_line("try 2 FAIL no_answer")
    a = join(c, agent)
    assert a.invite.uri.startswith("sip:1003@")
    a.bye()
    bring_back(c)
    node.wait_line("try 3 SUCCESS answered")
    hung_up(c)
    gone(node, c, "bot")
    assert node.said(c.id) == ["Hi!", "Not 1.", "Not 2.", "Welcome back."]


def test_the_customer_leaves_a_bot_that_waits(world):
    cust, agent, node = world.trio(bots={"support": TRIES})
    c = connect(cust, node)
    c.message("hunt")
    a = agent.incoming()
    a.reply(180)
    agent.silence(0.1)
    c.bye()
    cancelled(a)
    node.wait_line("try 1 FAIL caller_gone")
    e = gone(node, c, "customer")
    assert len(e["transfers"]) == 1
    agent.silence(0.3)


FURTHER = """
return bot {
  name = "support",
  states = {
    Start = { q = "$regex</start>", a "Hi!" },
    Go = { ["q!"] = "go", switch { phoneNumber = "1", method = "bridge" } },
    Over = { event = "transfer", function(call)
      if not call.session.second then
        call.session.second = true
        return { "Trying another.", switch { phoneNumber = "2",
          method = "bridge" } }
      end
      call:say "Sorry."
    end },
  },
}
"""


def test_without_continueCall_a_further_switch_is_carried_out(world):
    cust, agent, node = world.trio(bots={"support": FURTHER})
    c = connect(cust, node)
    c.message("go")
    refuse(agent.incoming(), 486)
    node.wait_for("bot.say", call=c.id, text="Trying another.")
    refuse(agent.incoming(), 603)
    node.wait_for("bot.say", call=c.id, text="Sorry.")
    hung_up(c)
    e = gone(node, c, "bot")
    assert [t["reason"] for t in e["transfers"]] == ["busy", "declined"]
