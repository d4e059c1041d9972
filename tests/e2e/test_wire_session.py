"""Session timers and the target of a dialog: cases O9, O10 and I8."""

import time

import pytest

from harness.cases import (BOT, bring_back, cancelled, connect, ended, gone,
                           hung_up, ping, switch)
from harness.message import Sdp

S = 3           # refreshed at 1.5 s, over at 2 s
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
    """`session_expires` of 3 s, and with it a Min-SE of 3."""
    def start(seconds=S, timers=None, **kw):
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
    assert says(c.answer) == (S, "uas")
    assert "timer" in c.answer.get("supported")
    assert "timer" not in (c.answer.get("require") or "")
    for _ in range(2):
        r = c.expect("INVITE", timeout=4)
        # What we have sent last, byte for byte.
        assert r.body == c.peer.received("INVITE")[0].body == first.raw.encode()
        assert says(r) == (S, "uac") and r.get("min-se") == str(S)
        c.reply(200, sdp=True)
        c.expect("ACK")
    alive(c)
    c.bye()
    gone(node, c, "customer")


def test_O10_by_update_where_it_is_allowed(trio):
    cust, agent, node = trio()
    c = call(cust, node, ALLOW)
    for _ in range(2):
        r = c.expect("UPDATE", timeout=4)
        assert not r.body and r.contact
        assert says(r) == (S, "uac")
        c.reply(200)
    alive(c)
    c.bye()
    gone(node, c, "customer")


@pytest.mark.parametrize("code", [405, 501])
def test_O10_an_allow_that_lies(trio, code):
    cust, agent, node = trio()
    c = call(cust, node, ALLOW)
    c.expect("UPDATE", timeout=4)
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
    assert says(c.answer) == (S, "uac")
    assert "timer" in c.answer.get("require")
    time.sleep(1.4)
    c.request("UPDATE", headers=[TIMER, expires(S, "uac")])
    assert says(c.expect(200)) == (S, "uac")
    time.sleep(1.4)
    c.request("INVITE", cust.sdp(), headers=[TIMER, expires(S, "uac")])
    assert says(c.expect(200)) == (S, "uac")
    c.ack()
    cust.silence(1.4)
    alive(c)
    b = hung_up(c, timeout=4)
    assert "408" in b.get("reason")
    gone(node, c)


def test_O10_the_peer_wants_us_to_refresh(trio):
    cust, agent, node = trio()
    c = call(cust, node, TIMER, ALLOW, expires(90, "uas"))
    assert says(c.answer) == (S, "uas")
    c.expect("UPDATE", timeout=4)
    c.reply(200, headers=[expires(S, "uac")])
    c.expect("UPDATE", timeout=4)
    # It takes over.
    c.reply(200, headers=[expires(S, "uas")])
    hung_up(c, timeout=4)
    gone(node, c)


def test_O10_added_in_mid_call(trio):
    cust, agent, node = trio()
    c = call(cust, node)
    c.request("INVITE", cust.sdp(), headers=[TIMER, expires(S, "uac")])
    m = c.expect(200)
    assert says(m) == (S, "uac") and "timer" in m.get("require")
    c.ack()
    # Its own from now on: we are silent until it fails to.
    cust.silence(1.7)
    hung_up(c, timeout=4)
    gone(node, c)


def test_O10_both_legs_in_a_talk(trio):
    cust, agent, node = trio()
    c = call(cust, node, ALLOW)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    assert says(a.invite) == (S, None) and a.invite.get("min-se") == str(S)
    assert "timer" in a.invite.get("supported")
    a.reply(200, sdp=True, headers=[TIMER, ALLOW, ("Require", "timer"),
                                    expires(S, "uac")])
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True, headers=[ALLOW])
    c.expect("ACK")
    for d in (c, a):
        r = d.expect("UPDATE", timeout=4)
        assert says(r) == (S, "uac"), r
        d.reply(200, headers=[TIMER, expires(S, "uac")])
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
                                    expires(S, "uas")])
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    cust.auto_reply("UPDATE")
    hung_up(a, timeout=4)
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
    c.expect("UPDATE" if headers else "INVITE", timeout=4)
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
    c.expect("UPDATE" if headers else "INVITE", timeout=4)
    hung_up(c, timeout=4)
    gone(node, c, "customer")


@pytest.mark.parametrize("who", ["customer", "agent"])
def test_O9_a_refresh_in_a_talk_finds_a_dead_dialog(trio, who):
    cust, agent, node = trio()
    c = call(cust, node, *([ALLOW] if who == "customer" else
                           [TIMER, expires(120, "uac")]))
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=True, headers=[TIMER, expires(
        S, "uas" if who == "customer" else "uac")])
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True, headers=[] if who == "customer" else
            [TIMER, expires(S, "uas")])
    c.expect("ACK")
    d = c if who == "customer" else a
    d.expect("UPDATE" if who == "customer" else "INVITE", timeout=4)
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
    cust, agent, node = trio()
    c = call(cust, node, ALLOW)
    c.expect("UPDATE", timeout=4)
    c.reply(422, headers=[("Min-SE", "6")])
    r = c.expect("UPDATE")
    assert says(r) == (6, "uac") and r.get("min-se") == "6"
    c.reply(200, headers=[expires(6, "uac")])
    cust.silence(2.2)
    assert says(c.expect("UPDATE")) == (6, "uac")
    c.reply(200)
    c.bye()
    gone(node, c, "customer")


# -- a refresh and what else happens ------------------------------------------

def test_O10_a_switch_during_our_refresh_waits_for_it(trio):
    """The join's re-INVITE goes out when the refresh is answered."""
    cust, agent, node = trio()
    c = call(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(180)
    r = c.expect("INVITE", timeout=4)   # the refresh
    a.reply(200, sdp=True, headers=[TIMER, expires(S, "uas")])
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
    cust, agent, node = trio()
    c = call(cust, node)
    r = c.expect("INVITE", timeout=4)
    theirs = c.reinvite(sdp=cust.sdp())
    c.expect(491, to=theirs)
    c.reply(200, to=r, sdp=True)
    c.expect("ACK")
    alive(c)
    c.bye()
    gone(node, c, "customer")


def test_O10_the_answer_to_a_refresh_says_something_new(trio):
    """He has moved: the agent is told."""
    cust, agent, node = trio()
    c = call(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=True, headers=[TIMER, expires(120, "uas")])
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    c.expect("INVITE", timeout=4)
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
