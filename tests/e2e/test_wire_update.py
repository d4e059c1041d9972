"""UPDATE, PRACK and Require: cases O2, O11 and O12."""

import pytest

from harness.cases import (BOT, cancelled, connect, ended, gone, hung_up,
                           join, ping, switch)
from harness.message import Sdp

TIMER = ("Supported", "timer, replaces")


def expires(seconds, refresher=None):
    return ("Session-Expires", "%d%s" % (
        seconds, ";refresher=" + refresher if refresher else ""))


@pytest.fixture
def trio(world):
    def start(timers=None, **kw):
        return world.trio(bots={"support": BOT}, timers={
            "join": "1500ms", **(timers or {})}, **kw)
    yield start
    if world.nodes and world.nodes[-1].process.poll() is None:
        ping(world.peers[0], world.nodes[-1])


def call(cust, node, *headers):
    """A call; the 200 to its INVITE is c.answer."""
    return connect(cust, node, headers=list(headers))


# -- UPDATE -------------------------------------------------------------------

def test_O11_update_with_sdp_towards_the_bot(trio):
    cust, agent, node = trio(config={"media": {"mode": "rtp"}})
    c = call(cust, node)
    for version, said, heard in ((2, "sendonly", "recvonly"),
                                 (3, "inactive", "inactive"),
                                 (4, None, "sendrecv")):
        c.request("UPDATE", cust.sdp(version=version, direction=said))
        m = c.expect(200)
        assert Sdp(m.body).direction == heard
    c.bye()
    gone(node, c, "customer")


@pytest.mark.parametrize("who", ["customer", "agent"])
def test_O12_update_with_sdp_is_carried_to_the_other(trio, who):
    cust, agent, node = trio()
    c = call(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = join(c, agent)
    d, other = (c, a) if who == "customer" else (a, c)
    d.request("UPDATE", d.peer.sdp(version=2, port=40044))
    sent = d.last_sent
    r = other.expect("INVITE")
    assert Sdp(r.body).port == 40044
    # A second one before the first is answered.
    second = d.request("UPDATE", d.peer.sdp(version=3, port=40046))
    assert 0 <= int(d.expect(500, to=second).get("retry-after")) <= 10
    other.reply(200, sdp=other.peer.sdp(port=40055, version=2))
    other.expect("ACK")
    assert Sdp(d.expect(200, to=sent).body).port == 40055
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")


def test_O12_update_that_the_other_party_does_not_answer(trio):
    cust, agent, node = trio({"join": "500ms"})
    c = call(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = join(c, agent)
    c.request("UPDATE", cust.sdp(version=2, port=40044))
    sent = c.last_sent
    r = a.expect("INVITE")
    a.reply(100)
    assert c.expect(500, to=sent).get("retry-after")
    # The answer comes after all; tried again, it is answered here.
    a.reply(200, to=r, sdp=agent.sdp(port=40055, version=2))
    a.expect("ACK")
    agent.silence(0.1)
    c.request("UPDATE", cust.sdp(version=2, port=40044))
    assert Sdp(c.expect(200).body).port == 40055
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")


RINGS = """
return bot { name = "support",
  states = {
    Ring = { event = "ringing", function(call)
      call:sleep(0.3) call:answer() end },
    Start = { q = "$regex</start>", a "Hi!" },
    Ping = { ["q!"] = "ping", a "pong" },
  } }
"""


def test_O11_update_before_the_answer(world):
    """Its offer crosses the INVITE's, which is not answered yet."""
    cust, agent, node = world.trio(bots={"support": RINGS})
    c = cust.invite(node)
    c.expect((180, 183))
    invite = c.last_sent
    early = c.request("UPDATE", cust.sdp(version=2))
    assert c.expect(500, to=early).get("retry-after")
    bare = c.request("UPDATE")
    c.expect(200, to=bare)
    c.expect(200, to=invite)
    c.ack()
    node.wait_for("bot.say", text="Hi!")
    c.bye()


def test_O11_an_agents_update_before_its_answer(trio):
    cust, agent, node = trio()
    c = call(cust, node)
    switch(node, c, method="bridge")
    a = agent.incoming()
    a.reply(180)
    early = a.request("UPDATE", agent.sdp(version=2))
    a.expect(491, to=early)
    a.reply(183, to=a.invite, sdp=True)
    early = a.request("UPDATE", agent.sdp(version=2))
    assert a.expect(500, to=early).get("retry-after")
    bare = a.request("UPDATE")
    a.expect(200, to=bare)
    a.reply(486, to=a.invite)
    a.expect("ACK")
    ended(node, c, "FAIL", False, "busy")
    hung_up(c)


def test_O2_update_and_re_invite_cross(trio):
    cust, agent, node = trio()
    c = call(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=True)
    a.expect("ACK")
    r = c.expect("INVITE")
    u = c.request("UPDATE", cust.sdp(version=2, port=40044))
    c.expect(491, to=u)
    c.reply(200, to=r, sdp=True)
    c.expect("ACK")
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")


# -- 100rel -------------------------------------------------------------------

def test_O11_a_customer_who_requires_100rel(world):
    cust, agent, node = world.trio(bots={"support": RINGS})
    c = cust.invite(node, headers=[("Require", "100rel")])
    m = c.expect((180, 183))
    invite = c.last_sent
    assert "100rel" in m.get("require")
    wrong = c.request("PRACK", headers=[
        ("RAck", "%d %d INVITE" % (int(m.get("rseq")) + 7, invite.cseq[0]))])
    c.expect(481, to=wrong)
    ok = c.request("PRACK", headers=[
        ("RAck", "%s %d INVITE" % (m.get("rseq"), invite.cseq[0]))])
    c.expect(200, to=ok)
    c.expect(200, to=invite)
    c.ack()
    node.wait_for("bot.say", text="Hi!")
    c.bye()


def test_O11_one_who_requires_100rel_and_never_sends_prack(world):
    cust, agent, node = world.trio(bots={"support": RINGS},
                                   timers={"t1x64": "800ms"})
    c = cust.invite(node, headers=[("Require", "100rel")])
    c.expect((180, 183))
    m = cust.wait(lambda m: m.status and m.status >= 200, "a final answer")
    if m.status < 300:
        c.answer, c.remote = m, m.get("to")
        c.ack()
        c.bye()
    else:
        c._ack_refusal(c.invite, m)
    ping(cust, node)


def test_O11_one_who_supports_100rel_is_not_bothered(world):
    cust, agent, node = world.trio(bots={"support": RINGS})
    c = cust.invite(node, headers=[("Supported", "100rel")])
    m = c.expect((180, 183))
    assert not m.get("rseq") and not m.get("require")
    c.expect(200, to=c.invite)
    c.ack()
    node.wait_for("bot.say", text="Hi!")
    c.bye()


def rel(n):
    return [("Require", "100rel"), ("RSeq", str(n))]


@pytest.mark.parametrize("routed", [False, True])
def test_O11_an_agent_who_requires_100rel(trio, routed):
    cust, agent, node = trio()
    c = call(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    routes = [("Record-Route", "<%s;lr>" % agent.uri),
              ("Record-Route", "<sip:127.9.9.9;lr>")] if routed else []
    if routed:
        routes.reverse()
    a.reply(183, sdp=True, headers=rel(77) + routes)
    p = a.expect("PRACK")
    assert p.get("rack") == "77 %d INVITE" % a.invite.cseq[0]
    assert p.tag("to") == a.tag and not p.body
    assert p.uri == "sip:agent@%s:%d" % (agent.ip, agent.port)
    if routed:
        assert p.all("route") == ["<%s;lr>" % agent.uri,
                                  "<sip:127.9.9.9;lr>"] or \
            p.get("route").replace(" ", "") == \
            "<%s;lr>,<sip:127.9.9.9;lr>" % agent.uri
    a.reply(200, to=p)
    # A copy is not acknowledged anew, one out of turn not at all.
    a.reply(183, to=a.invite, sdp=True, headers=rel(77) + routes)
    a.reply(180, to=a.invite, headers=rel(79) + routes)
    agent.silence(0.2)
    a.reply(180, to=a.invite, headers=rel(78) + routes)
    p = a.expect("PRACK")
    assert p.get("rack") == "78 %d INVITE" % a.invite.cseq[0]
    a.reply(200, to=p)
    a.reply(200, to=a.invite, headers=routes[:0])   # the 183 had the answer
    ack = a.expect("ACK")
    assert ack.cseq[0] == a.invite.cseq[0]
    r = c.expect("INVITE")
    assert Sdp(r.body).address == agent.ip
    c.reply(200, sdp=True)
    c.expect("ACK")
    c.bye()
    b = hung_up(a)
    assert b.cseq[0] > p.cseq[0]
    ended(node, c, "SUCCESS", True, "answered")


def test_O11_reliable_answers_of_two_forks(trio):
    cust, agent, node = trio()
    c = call(cust, node)
    switch(node, c, method="bridge")
    a = agent.incoming()
    b = a.fork("other")
    for d, n in ((a, 5), (b, 9), (a, 6)):
        d.reply(180, to=a.invite, headers=rel(n))
        p = d.expect("PRACK")
        assert p.get("rack").split()[0] == str(n)
        d.reply(200, to=p)
    a.reply(486, to=a.invite)
    a.expect("ACK")
    ended(node, c, "FAIL", False, "busy")
    hung_up(c)


@pytest.mark.parametrize("headers", [
    [("Require", "100rel")], [("RSeq", "5")],
    [("Require", "100rel"), ("RSeq", "0")],
    [("Require", "100rel"), ("RSeq", "junk")],
    [("Require", "100rel"), ("RSeq", "99999999999")]])
def test_O11_half_reliable_answers(trio, headers):
    cust, agent, node = trio()
    c = call(cust, node)
    switch(node, c, method="bridge")
    a = agent.incoming()
    a.reply(180, headers=headers)
    agent.silence(0.1)
    a.reply(486, to=a.invite)
    a.expect("ACK")
    ended(node, c, "FAIL", False, "busy")
    hung_up(c)


def test_O11_cancel_after_a_reliable_answer(trio):
    cust, agent, node = trio()
    c = call(cust, node)
    switch(node, c, method="bridge")
    a = agent.incoming()
    a.reply(180, headers=rel(1))
    p = a.expect("PRACK")
    c.bye()
    cancel = a.expect("CANCEL")
    assert cancel.cseq[0] == a.invite.cseq[0]
    a.reply(200)
    a.reply(200, to=p)
    a.reply(487, to=a.invite)
    a.expect("ACK")
    ended(node, c, "FAIL", True, "caller_gone")


def test_O11_a_re_invite_answered_reliably(trio):
    cust, agent, node = trio()
    c = call(cust, node)
    switch(node, c, method="bridge")
    a = agent.incoming()
    a.reply(200, sdp=True)
    a.expect("ACK")
    r = c.expect("INVITE")
    c.reply(183, to=r, headers=rel(3))
    p = c.expect("PRACK")
    assert p.get("rack") == "3 %d INVITE" % r.cseq[0]
    c.reply(200, to=p)
    c.reply(200, to=r, sdp=True)
    assert c.expect("ACK").cseq[0] == r.cseq[0]
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")


# -- Require ------------------------------------------------------------------

@pytest.mark.parametrize("method", ["INVITE", "UPDATE"])
def test_O11_420_in_a_dialog_only_for_what_we_lack(trio, method):
    cust, agent, node = trio()
    c = call(cust, node, ("Require", "timer"), TIMER, expires(1800))
    body = cust.sdp(version=2)
    c.request(method, body, headers=[("Require", "timer, flying-pigs")])
    assert c.expect(420).get("unsupported") == "flying-pigs"
    c.request(method, body, headers=[("Require", "timer"), TIMER])
    c.expect(200)
    if method == "INVITE":
        c.ack()
    c.bye()
    gone(node, c, "customer")
