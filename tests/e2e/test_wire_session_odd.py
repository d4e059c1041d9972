"""What nobody should send: odd session timers, floods of refreshes, of INFO
and of PRACK. Cases O10, O11, O16 and R17 once more."""

import pytest

from harness.cases import (BOT, bring_back, connect, ended, gone, hung_up,
                           join, ping, switch)
from harness.message import Sdp

ALLOW = ("Allow", "INVITE, ACK, BYE, CANCEL, UPDATE")
TIMER = ("Supported", "timer")


@pytest.fixture
def trio(world):
    def start(timers=None, **kw):
        return world.trio(bots={"support": BOT}, timers={
            "join": "1500ms", **(timers or {})}, **kw)
    yield start
    if world.nodes and world.nodes[-1].process.poll() is None:
        ping(world.peers[0], world.nodes[-1])


ODD = ["0", "1", "89", "-1", "junk", "", "90;refresher=", "90;refresher=both",
       "90;refresher=uac;refresher=uas", "90;refresher=UAS", "4294967295",
       "4294967296", "99999999999999999999", "90, 91", "1800;" + "x" * 3000]


@pytest.mark.parametrize("value", ODD, ids=range(len(ODD)))
def test_O10_odd_session_expires_of_a_customer(trio, value):
    cust, agent, node = trio()
    c = cust.invite(node, headers=[TIMER, ALLOW, ("Session-Expires", value)])
    m = c.expect((200, 400, 422))
    if m.status != 200:
        assert m.status == 400 or m.get("min-se") == "90"
        return
    seconds = int(m.get("session-expires").split(";")[0])
    assert 90 <= seconds <= 1800
    c.ack()
    cust.silence(0.05)      # neither a refresh nor a BYE
    c.bye()


# Those that are no header at all make an answer that is none (RFC 3261 8.1.3).
@pytest.mark.parametrize("value", [v for v in ODD if v not in (
    "-1", "junk", "", "90, 91", "90;refresher=")])
def test_O10_odd_session_expires_of_an_agent(trio, value):
    cust, agent, node = trio()
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=True, headers=[("Session-Expires", value)])
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True, headers=[("Session-Expires", value)])
    c.expect("ACK")
    agent.silence(0.05)
    cust.silence(0)
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


def test_O10_a_flood_of_refreshes(trio):
    cust, agent, node = trio()
    c = connect(cust, node, headers=[TIMER])
    before = node.rss()
    for n in range(300):
        r = c.request("UPDATE", headers=[
            TIMER, ("Session-Expires", "%d;refresher=ua%s" % (
                90 + n, "cs"[n % 2]))])
        assert int(c.expect(200, to=r).get("session-expires").split(";")[0]
                   ) == 90 + n
    assert node.rss() - before < 16 << 20
    c.bye()
    gone(node, c, "customer")


def test_O16_a_flood_of_info_that_nobody_answers(trio):
    cust, agent, node = trio({"t1x64": "1500ms"})
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = join(c, agent)
    sent = [c.request("INFO", "x" * 1000, ctype="text/x")
            for _ in range(100)]
    for r in sent[8:]:
        c.expect(500, to=r)
    for r in sent[:8]:
        c.expect(504, to=r)
    assert agent.arrivals("INFO") >= 8
    assert len(agent.received("INFO")) == 8
    agent.drop_all()
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


@pytest.mark.parametrize("rack", ["1 1 INVITE", "junk", "1 1", None])
def test_O11_prack_of_nothing(trio, rack):
    cust, agent, node = trio()
    c = connect(cust, node)
    p = c.request("PRACK", headers=[("RAck", rack)] if rack else [])
    c.expect((400, 481), to=p)
    c.bye()
    gone(node, c, "customer")


def test_O11_more_forks_than_anybody_needs(trio):
    """Each 18x that requires it is acknowledged, of four forks."""
    cust, agent, node = trio()
    c = connect(cust, node)
    switch(node, c, method="bridge")
    a = agent.incoming()
    agent.auto_reply("PRACK")
    for n in range(20):
        a.fork("f%d" % n).reply(180, to=a.invite, headers=[
            ("Require", "100rel"), ("RSeq", "1")])
    a.reply(486, to=a.invite)
    a.expect("ACK")
    ended(node, c, "FAIL", False, "busy")
    hung_up(c)
    assert len(agent.received("PRACK")) == 4


def test_R17_without_media_ours_is_inactive(trio):
    cust, agent, node = trio({"unhold": "3s"})
    c = connect(cust, node)
    switch(node, c, method="refer", continueCall=True)
    c.expect("REFER")
    c.reply(202)
    r = c.reinvite(cust.sdp(version=2, direction="sendonly"))
    c.expect(200, to=r)
    c.ack()
    c.notify("SIP/2.0 486 Busy Here\r\n")
    r = c.expect("INVITE")
    assert Sdp(r.body).direction == "inactive"
    assert "Over." not in node.said(c.id)
    c.reply(200, sdp=cust.sdp(version=3, direction="inactive"))
    c.expect("ACK")
    node.wait_for("bot.say", call=c.id, text="Over.", timeout=1)
    c.bye()
    gone(node, c, "customer")
