"""Session timers, UPDATE, PRACK and Require: cases O9 to O11, I8, I9."""

import time

import pytest

from harness.cases import (BOT, bring_back, cancelled, connect, ended, gone,
                           hung_up, join, ping, switch)
from harness.message import Sdp

ALLOW = ("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE")
TIMER = ("Supported", "timer, replaces")


def expires(seconds, refresher=None):
    return ("Session-Expires", "%d%s" % (
        seconds, ";refresher=" + refresher if refresher else ""))


def says(m):
    """(seconds, refresher) of a message."""
    value, _, rest = (m.get("session-expires") or "0").partition(";")
    return int(value), rest.strip().replace("refresher=", "") or None


@pytest.fixture
def trio(world):
    """`session_expires` of 2 s, and with it a Min-SE of 2."""
    def start(seconds=2, timers=None, **kw):
        return world.trio(bots={"support": BOT}, timers={
            "session_expires": seconds, "join": "1500ms",
            **(timers or {})}, **kw)
    yield start
    if world.nodes and world.nodes[-1].process.poll() is None:
        ping(world.peers[0], world.nodes[-1])


def call(cust, node, *headers):
    """A call; the 200 to its INVITE is c.answer."""
    return connect(cust, node, headers=list(headers))


def alive(c):
    c.message("ping")


# -- who refreshes ------------------------------------------------------------

def test_O10_a_peer_without_timers_is_refreshed_by_re_invite(trio):
    cust, agent, node = trio()
    c = call(cust, node)
    first = Sdp(c.answer.body)
    assert says(c.answer) == (2, "uas")
    assert "timer" in c.answer.get("supported")
    assert "timer" not in (c.answer.get("require") or "")
    for _ in range(2):
        r = c.expect("INVITE", timeout=3)
        # What we have sent last, byte for byte.
        assert r.body == c.peer.received("INVITE")[0].body == first.raw.encode()
        assert says(r) == (2, "uac") and r.get("min-se") == "2"
        c.reply(200, sdp=True)
        c.expect("ACK")
    alive(c)
    c.bye()
    gone(node, c, "customer")


def test_O10_by_update_where_it_is_allowed(trio):
    cust, agent, node = trio()
    c = call(cust, node, ALLOW)
    for _ in range(2):
        r = c.expect("UPDATE", timeout=3)
        assert not r.body and r.contact
        assert says(r) == (2, "uac")
        c.reply(200)
    alive(c)
    c.bye()
    gone(node, c, "customer")


@pytest.mark.parametrize("code", [405, 501])
def test_O10_an_allow_that_lies(trio, code):
    cust, agent, node = trio()
    c = call(cust, node, ALLOW)
    c.expect("UPDATE", timeout=3)
    c.reply(code)
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    c.bye()
    gone(node, c, "customer")


def test_O10_the_peer_asked_and_refreshes(trio):
    """By UPDATE, then by re-INVITE, and then not any more."""
    cust, agent, node = trio()
    c = call(cust, node, TIMER, expires(3600))
    assert says(c.answer) == (2, "uac")
    assert "timer" in c.answer.get("require")
    time.sleep(0.9)
    c.request("UPDATE", headers=[TIMER, expires(2, "uac")])
    assert says(c.expect(200)) == (2, "uac")
    time.sleep(0.9)
    c.request("INVITE", cust.sdp(), headers=[TIMER, expires(2, "uac")])
    assert says(c.expect(200)) == (2, "uac")
    c.ack()
    cust.silence(0.9)
    alive(c)
    b = hung_up(c, timeout=3)
    assert "408" in b.get("reason")
    gone(node, c)


def test_O10_the_peer_wants_us_to_refresh(trio):
    cust, agent, node = trio()
    c = call(cust, node, TIMER, ALLOW, expires(90, "uas"))
    assert says(c.answer) == (2, "uas")
    c.expect("UPDATE", timeout=3)
    c.reply(200, headers=[expires(2, "uac")])
    c.expect("UPDATE", timeout=3)
    # It takes over.
    c.reply(200, headers=[expires(2, "uas")])
    hung_up(c, timeout=3)
    gone(node, c)


def test_O10_added_in_mid_call(trio):
    cust, agent, node = trio(3)
    c = call(cust, node)
    c.request("INVITE", cust.sdp(), headers=[TIMER, expires(3, "uac")])
    m = c.expect(200)
    assert says(m) == (3, "uac") and "timer" in m.get("require")
    c.ack()
    # Its own from now on: we are silent until it fails to.
    cust.silence(1.7)
    hung_up(c, timeout=3)
    gone(node, c)


def test_O10_both_legs_in_a_talk(trio):
    cust, agent, node = trio()
    c = call(cust, node, ALLOW)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    assert says(a.invite) == (2, None) and a.invite.get("min-se") == "2"
    assert "timer" in a.invite.get("supported")
    a.reply(200, sdp=True, headers=[TIMER, ALLOW, ("Require", "timer"),
                                    expires(2, "uac")])
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True, headers=[ALLOW])
    c.expect("ACK")
    for d in (c, a):
        r = d.expect("UPDATE", timeout=3)
        assert says(r) == (2, "uac"), r
        d.reply(200, headers=[TIMER, expires(2, "uac")])
    # Nothing of it crosses.
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


def test_O10_the_agent_is_to_refresh_and_dies(trio):
    cust, agent, node = trio()
    c = call(cust, node, ALLOW)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=True, headers=[TIMER, ("Require", "timer"),
                                    expires(2, "uas")])
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    cust.auto_reply("UPDATE")
    hung_up(a, timeout=3)
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


# -- dead peers ---------------------------------------------------------------

@pytest.mark.parametrize("headers", [(), (ALLOW,)], ids=["invite", "update"])
@pytest.mark.parametrize("code", [408, 481])
def test_O9_a_refresh_is_answered_by(trio, code, headers):
    cust, agent, node = trio()
    c = call(cust, node, *headers)
    c.expect("UPDATE" if headers else "INVITE", timeout=3)
    c.reply(code)
    if not headers:
        c.expect("ACK")
    if code == 408:
        hung_up(c)
    gone(node, c, "customer")


@pytest.mark.parametrize("headers", [(), (ALLOW,)], ids=["invite", "update"])
def test_O10_a_refresh_is_never_answered(trio, headers):
    cust, agent, node = trio()
    c = call(cust, node, *headers)
    c.expect("UPDATE" if headers else "INVITE", timeout=3)
    hung_up(c, timeout=3)
    gone(node, c, "customer")


@pytest.mark.parametrize("who", ["customer", "agent"])
def test_O9_a_refresh_in_a_talk_finds_a_dead_dialog(trio, who):
    cust, agent, node = trio()
    c = call(cust, node, *([ALLOW] if who == "customer" else
                           [TIMER, expires(120, "uac")]))
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=True, headers=[TIMER, expires(
        2, "uas" if who == "customer" else "uac")])
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True, headers=[] if who == "customer" else
            [TIMER, expires(2, "uas")])
    c.expect("ACK")
    d = c if who == "customer" else a
    d.expect("UPDATE" if who == "customer" else "INVITE", timeout=3)
    d.reply(481)
    if who == "customer":
        hung_up(a)
        ended(node, c, "SUCCESS", True, "answered")
    else:
        a.expect("ACK")
        bring_back(c)
        ended(node, c, "SUCCESS", False, "answered")
        c.bye()
    gone(node, c, "customer")


def test_O10_a_refresh_refused_otherwise_is_tried_again(trio):
    cust, agent, node = trio(6)
    c = call(cust, node, ALLOW)
    c.expect("UPDATE", timeout=5)
    c.reply(500)
    c.expect("UPDATE", timeout=5)
    c.reply(200)
    c.bye()
    gone(node, c, "customer")


# -- Min-SE and 422 -----------------------------------------------------------

def test_O10_less_than_90_seconds_is_422(trio):
    cust, agent, node = trio("30m")
    c = cust.invite(node, headers=[TIMER, expires(60)])
    assert c.expect(422).get("min-se") == "90"
    # Who does not know 422 is not sent one.
    c = call(cust, node, expires(60))
    assert says(c.answer) == (90, "uas")
    for method in ("UPDATE", "INVITE"):
        c.request(method, cust.sdp() if method == "INVITE" else "",
                  headers=[TIMER, expires(89)])
        assert c.expect(422).get("min-se") == "90"
    c.request("UPDATE", headers=[TIMER, expires(90)])
    assert says(c.expect(200)) == (90, "uac")
    alive(c)
    c.bye()
    gone(node, c, "customer")


def test_O10_the_interval_is_ours_at_most_and_the_peers_at_least(trio):
    cust, agent, node = trio("30m")
    for asked, least, given in ((None, None, 1800), (3600, None, 1800),
                                (3600, 2400, 2400), (600, None, 600),
                                (None, 5000, 5000), (4000000000, None, 1800)):
        h = [TIMER]
        h += [expires(asked)] if asked else []
        h += [("Min-SE", str(least))] if least else []
        c = call(cust, node, *h)
        assert says(c.answer)[0] == given
        c.bye()
        gone(node, c, "customer")


def test_I8_422_to_our_invite(trio):
    cust, agent, node = trio("30m")
    c = call(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    first = a.invite
    assert says(first) == (1800, None) and first.get("min-se") == "90"
    a.reply(422, headers=[("Min-SE", "3600")])
    a.expect("ACK")
    again = a.expect("INVITE")
    assert says(again) == (3600, None) and again.get("min-se") == "3600"
    assert again.cseq[0] == first.cseq[0] + 1 and again.body == first.body
    assert again.get("from") == first.get("from")
    assert again.branch != first.branch and len(again.all("via")) == 1
    a.reply(180, to=again)
    a.reply(200, to=again, sdp=True)
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(422, headers=[("Min-SE", "2000")])
    c.expect("ACK")
    r = c.expect("INVITE")
    assert says(r) == (2000, "uac") and r.get("min-se") == "2000"
    c.reply(200, sdp=True)
    c.expect("ACK")
    a.bye()
    assert says(bring_back(c))[0] >= 1800
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


@pytest.mark.parametrize("least", [None, "90", "4000000000"])
def test_I8_422_that_says_nothing_new(trio, least):
    cust, agent, node = trio("30m")
    c = call(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(422, headers=[("Min-SE", least)] if least else [])
    a.expect("ACK")
    ended(node, c, "FAIL", False, "rejected")
    assert len(agent.received("INVITE")) == 1
    c.bye()
    gone(node, c, "customer")


def test_I8_422_for_ever(trio):
    cust, agent, node = trio("30m")
    c = call(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    for n in range(4):
        a.reply(422, to=a.invite, headers=[("Min-SE", str(2000 + n))])
        a.expect("ACK")
        if n < 3:
            a.expect("INVITE")
    ended(node, c, "FAIL", False, "rejected")
    c.bye()
    gone(node, c, "customer")


def test_I8_422_and_then_the_customer_leaves(trio):
    cust, agent, node = trio("30m")
    c = call(cust, node)
    switch(node, c, method="bridge")
    a = agent.incoming()
    a.reply(422, headers=[("Min-SE", "3600")])
    a.expect("ACK")
    a.expect("INVITE")
    a.reply(180)
    c.bye()
    cancelled(a)
    ended(node, c, "FAIL", True, "caller_gone")
    gone(node, c, "customer")


def test_O10_422_to_our_refresh(trio):
    cust, agent, node = trio(2)
    c = call(cust, node, ALLOW)
    c.expect("UPDATE", timeout=3)
    c.reply(422, headers=[("Min-SE", "4")])
    r = c.expect("UPDATE")
    assert says(r) == (4, "uac") and r.get("min-se") == "4"
    c.reply(200, headers=[expires(4, "uac")])
    cust.silence(1.5)
    assert says(c.expect("UPDATE")) == (4, "uac")
    c.reply(200)
    c.bye()
    gone(node, c, "customer")


# -- a refresh and what else happens ------------------------------------------

def test_O10_a_switch_during_our_refresh_waits_for_it(trio):
    """The join's re-INVITE goes out when the refresh is answered."""
    cust, agent, node = trio(2)
    c = call(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(180)
    r = c.expect("INVITE", timeout=3)   # the refresh
    a.reply(200, sdp=True, headers=[TIMER, expires(2, "uas")])
    a.expect("ACK")
    cust.silence(0.2)
    c.reply(200, to=r, sdp=True)
    c.expect("ACK")
    j = c.expect("INVITE")
    assert Sdp(j.body).address == agent.ip
    c.reply(200, sdp=True)
    c.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")


def test_O10_refreshes_cross(trio):
    cust, agent, node = trio(2)
    c = call(cust, node)
    r = c.expect("INVITE", timeout=3)
    theirs = c.reinvite(sdp=cust.sdp())
    c.expect(491, to=theirs)
    c.reply(200, to=r, sdp=True)
    c.expect("ACK")
    alive(c)
    c.bye()
    gone(node, c, "customer")


def test_O10_the_answer_to_a_refresh_says_something_new(trio):
    """He has moved: the agent is told."""
    cust, agent, node = trio(2)
    c = call(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=True, headers=[TIMER, expires(120, "uas")])
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    c.expect("INVITE", timeout=3)
    c.reply(200, sdp=cust.sdp(port=40066, version=2))
    c.expect("ACK")
    r = a.expect("INVITE")
    assert Sdp(r.body).port == 40066
    a.reply(200, sdp=True, headers=[TIMER, expires(120, "uas")])
    a.expect("ACK")
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")


# -- target refresh -----------------------------------------------------------

def test_O10_a_new_contact_is_used_from_then_on(trio, world):
    cust, agent, node = trio("30m")
    c = call(cust, node)
    moved = world.peer("moved", cust.ip)
    new = "<sip:cust@%s:%d>" % (moved.ip, moved.port)
    m = cust.build("UPDATE", c.target, None, call_id=c.call_id, frm=c.local,
                   to=c.remote, cseq=c.next_cseq(), contact=new)
    c.send(m)
    c.expect(200, to=m)
    c.peer = moved
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=True)
    a.expect("ACK")
    r = c.expect("INVITE")
    assert r.uri == new[1:-1]
    # Back again, by the 200 to our re-INVITE.
    moved.reply(r, 200, to=c.local, body=moved.sdp(), contact="<%s>"
                % "sip:cust@%s:%d" % (cust.ip, cust.port))
    c.peer = cust
    c.expect("ACK")
    # And not by a re-INVITE that was refused.
    m = cust.build("INVITE", c.target, None, call_id=c.call_id, frm=c.local,
                   to=c.remote, cseq=c.next_cseq(), contact=new,
                   body=cust.sdp(port=40022, version=2))
    c.send(m)
    a.expect("INVITE")
    a.reply(488)
    a.expect("ACK")
    c.expect(488, to=m)
    a.bye()
    assert bring_back(c).uri == "sip:cust@%s:%d" % (cust.ip, cust.port)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


# -- UPDATE -------------------------------------------------------------------

def test_O11_update_with_sdp_towards_the_bot(trio):
    cust, agent, node = trio("30m", config={"media": {"mode": "rtp"}})
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
    cust, agent, node = trio("30m")
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
    cust, agent, node = trio("30m", {"join": "500ms"})
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
    cust, agent, node = trio("30m")
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
    cust, agent, node = trio("30m")
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
    cust, agent, node = trio("30m")
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
    cust, agent, node = trio("30m")
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
    cust, agent, node = trio("30m")
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
    cust, agent, node = trio("30m")
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
    cust, agent, node = trio("30m")
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
    cust, agent, node = trio("30m")
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
