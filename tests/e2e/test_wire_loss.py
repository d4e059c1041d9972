"""Duplicated, reordered and lost datagrams: case T1."""

import pytest

from harness.cases import (BOT, bring_back, connect, ended, gone, hung_up,
                           ping, switch)


def bridge(cust, agent, node):
    """The whole hand-over by a bridge; what must come of it."""
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(180)
    a.reply(200, sdp=True)
    a.expect("ACK", timeout=10)
    bring_back(c)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered", logged=False,
          method="bridge")
    c.message("ping")
    c.bye()
    gone(node, c, "customer")


def refer(cust, agent, node):
    """And by REFER."""
    c = connect(cust, node)
    switch(node, c, method="refer")
    c.expect("REFER")
    c.reply(202)
    c.notify("SIP/2.0 100 Trying\r\n")
    c.notify("SIP/2.0 200 OK\r\n")
    ended(node, c, "SUCCESS", False, "answered", logged=False,
          method="refer")
    hung_up(c)
    gone(node, c)


def cancel(cust, agent, node):
    """And one that nobody answers."""
    c = connect(cust, node)
    switch(node, c, method="bridge", timeout=1, continueCall=True)
    a = agent.incoming()
    a.reply(180)
    a.expect("CANCEL")
    a.reply(200)
    a.reply(487, to=a.invite)
    a.expect("ACK")
    ended(node, c, "FAIL", False, "no_answer", logged=False)
    c.bye()
    gone(node, c, "customer")


def hung(cust, agent, node):
    """And one that `call.hangup` ends while they talk."""
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=True)
    a.expect("ACK")
    bring_back(c)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    node.call("call.hangup", call=c.id)
    c.expect("BYE")
    c.reply(200)
    a.expect("BYE")
    a.reply(200)
    ended(node, c, "SUCCESS", False, "answered", logged=False,
          ended_by="control")
    gone(node, c, "control")


LADDERS = [bridge, refer, cancel, hung]


@pytest.fixture
def lossy(world):
    """Peers that send again what is not answered, and a quick node."""
    cust, agent, node = world.trio(retransmit=True, bots={
        "support": BOT}, timers={"t1": "200ms", "t1x64": "3s",
                                 "refer_bye": "100ms"})
    yield cust, agent, node
    cust.twice = cust.swap = False
    if node.process.poll() is None:
        ping(cust, node)


@pytest.mark.parametrize("ladder", LADDERS)
@pytest.mark.parametrize("swap", [False, True])
def test_T1_every_datagram_twice_and_pairs_swapped(lossy, ladder, swap):
    cust, agent, node = lossy
    for p in (cust, agent):
        p.twice, p.swap = True, swap
    for _ in range(3):
        ladder(cust, agent, node)


def says(*words):
    """A rule: the message's summary has these words."""
    def rule(m):
        return all(w in str(m) for w in words)
    rule.__name__ = " ".join(words)
    return rule


# (ladder, peer, lost on its way to the peer, what)
LOSSES = [
    (bridge, "cust", False, says("INVITE (")),
    (bridge, "cust", True, says("200 OK", "INVITE")),
    (bridge, "cust", False, says("ACK (")),
    (bridge, "agent", True, says("INVITE (")),
    (bridge, "agent", False, says("180")),
    (bridge, "agent", False, says("200 OK", "INVITE")),
    (bridge, "agent", True, says("ACK (")),
    (bridge, "cust", True, says("INVITE (")),
    (bridge, "cust", False, says("200 OK", "INVITE")),
    (bridge, "cust", True, says("ACK (")),
    (bridge, "agent", False, says("BYE (")),
    (bridge, "agent", True, says("200 OK", "BYE")),
    (bridge, "cust", False, says("MESSAGE (")),
    (bridge, "cust", True, says("200 OK", "MESSAGE")),
    (bridge, "cust", False, says("BYE (")),
    (bridge, "cust", True, says("200 OK", "BYE")),
    (refer, "cust", True, says("REFER (")),
    (refer, "cust", False, says("202")),
    (refer, "cust", False, says("NOTIFY (")),
    (refer, "cust", True, says("200 OK", "NOTIFY")),
    (refer, "cust", True, says("BYE (")),
    (refer, "cust", False, says("200 OK", "BYE")),
    (cancel, "agent", True, says("CANCEL (")),
    (cancel, "agent", False, says("200 OK", "CANCEL")),
    (cancel, "agent", False, says("487")),
    (cancel, "agent", True, says("ACK (")),
    (hung, "cust", True, says("BYE (")),
    (hung, "agent", True, says("BYE (")),
    (hung, "agent", False, says("200 OK", "BYE")),
]


@pytest.mark.parametrize("ladder", LADDERS)
def test_T1_any_single_message_lost(lossy, ladder):
    cust, agent, node = lossy
    peers = {"cust": cust, "agent": agent}
    for each, who, incoming, rule in LOSSES:
        if each is not ladder:
            continue
        print("lost:", who, "in" if incoming else "out", rule.__name__)
        peers[who].lose(rule, incoming)
        ladder(cust, agent, node)
        assert not peers[who].lose_in and not peers[who].lose_out, (
            "never lost: " + rule.__name__)
