"""re-INVITE, offer and answer: cases O1, O2, O14, O15 and O18."""

import pytest

from harness.cases import (BOT, bring_back, connect, ended, gone, hung_up,
                           ping, switch, track)
from harness.message import Sdp


@pytest.fixture
def bridge(world):
    """A bridge whose agent has just answered."""
    def start(timers=None, continueCall=True, **kw):
        cust, agent, node = world.trio(bots={"support": BOT},
                                       timers=timers, **kw)
        c = connect(cust, node)
        switch(node, c, method="bridge", continueCall=continueCall)
        a = agent.incoming()
        a.reply(180)
        a.reply(200, sdp=agent.sdp(port=41000))
        a.expect("ACK")
        return cust, agent, node, c, a
    yield start
    if world.nodes and world.nodes[-1].process.poll() is None:
        ping(world.peers[0], world.nodes[-1])


def answered(d):
    r = d.expect("INVITE")
    d.reply(200, sdp=True)
    d.expect("ACK")
    return r


def glare(d):
    """491 to a re-INVITE; what came, with its time."""
    r = d.expect("INVITE")
    d.reply(491)
    d.expect("ACK")
    return r


def test_O1_491_to_the_joining_re_invite(bridge):
    cust, agent, node, c, a = bridge()
    first = glare(c)
    again = answered(c)
    # The customer owns the Call-ID: 0 to 2 s, some leave for a slow machine.
    assert again.time - first.time < 3.5
    assert again.cseq[0] > first.cseq[0] and again.branch != first.branch
    assert Sdp(again.body).version == Sdp(first.body).version or \
        Sdp(again.body).lines[2:] == Sdp(first.body).lines[2:]
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")


def test_O1_491_three_times_and_once_more(bridge):
    cust, agent, node, c, a = bridge({"join": "20s"})
    for _ in range(4):
        glare(c)
    ended(node, c, "FAIL", False, "join_failed", timeout=3)
    hung_up(a)
    c.message("ping")
    c.bye()
    gone(node, c, "customer")


def test_O1_491_by_the_agent_who_does_not_own_the_call_id(bridge):
    """The second re-INVITE, needed since the customer's answer differs."""
    cust, agent, node, c, a = bridge()
    c.expect("INVITE")
    c.reply(200, sdp=cust.sdp(port=47000))
    c.expect("ACK")
    first = glare(a)
    assert Sdp(first.body).port == 47000
    again = a.expect("INVITE", timeout=8)
    assert 2.0 <= again.time - first.time
    a.reply(200, sdp=agent.sdp(port=41000, version=2))
    a.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")


def test_O2_a_re_invite_crosses_ours(bridge):
    cust, agent, node, c, a = bridge()
    ours = c.expect("INVITE")
    theirs = c.reinvite()
    c.expect(491, to=theirs)
    c.reply(200, to=ours, sdp=True)
    c.expect("ACK")
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")


# -- O14: the way back --------------------------------------------------------

@pytest.mark.parametrize("code", [488, 500, 503])
def test_O14_customer_refuses_the_way_back(bridge, code):
    cust, agent, node, c, a = bridge()
    answered(c)
    a.bye()
    c.expect("INVITE")
    c.reply(code)
    c.expect("ACK")
    hung_up(c)
    ended(node, c, "SUCCESS", False, "answered")
    gone(node, c)


def test_O14_customer_is_silent_on_the_way_back(bridge):
    cust, agent, node, c, a = bridge({"join": "700ms"})
    answered(c)
    a.bye()
    c.expect("INVITE")
    hung_up(c)
    ended(node, c, "SUCCESS", False, "answered")
    gone(node, c)


def test_O14_491_on_the_way_back_is_retried(bridge):
    cust, agent, node, c, a = bridge()
    answered(c)
    a.bye()
    glare(c)
    answered(c)
    ended(node, c, "SUCCESS", False, "answered")
    node.wait_for("bot.say", call=c.id, text="Over.")
    c.message("ping")
    node.wait_for("bot.say", call=c.id, text="pong")
    c.bye()
    gone(node, c, "customer")


@pytest.mark.parametrize("mode", ["none", "rtp"])
def test_O14_the_offer_back_uses_what_was_first_agreed(world, mode):
    cust, agent, node = world.trio(bots={"support": BOT},
                                   config={"media": {"mode": mode}})
    c = cust.invite(node, sdp=cust.sdp(payloads=(8, 0, 96)))
    first = Sdp(c.expect(200).body)
    c.ack()
    track(node, c)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    # The agent numbers telephone-event as offered, and takes one codec.
    a.reply(200, sdp=agent.sdp(payloads=(8, 96)))
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=cust.sdp(payloads=(8, 0, 96)))
    c.expect("ACK")
    a.bye()
    r = c.expect("INVITE")
    back = Sdp(r.body)
    c.reply(200, sdp=cust.sdp(payloads=(8, 0, 96), version=2))
    c.expect("ACK")
    assert set(back.payloads) == set(first.payloads), (first.raw, back.raw)
    assert "96 telephone-event" in back.raw
    assert (back.port, back.direction) == (first.port, first.direction)
    # One owner for the dialog's whole life, its version rising (O7).
    join_offer = Sdp(c.peer.received("INVITE")[0].body)
    assert first.o[:2] == join_offer.o[:2] == back.o[:2]
    assert first.version < join_offer.version < back.version
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


# -- O15: somebody leaves during the join -------------------------------------

@pytest.mark.parametrize("late", [487, 200])
def test_O15_customer_leaves_during_the_join(bridge, late):
    cust, agent, node, c, a = bridge()
    r = c.expect("INVITE")
    c.bye()             # answered at once, the re-INVITE still open
    c.reply(late, to=r, sdp=cust.sdp() if late == 200 else "")
    c.expect("ACK")
    hung_up(a)
    ended(node, c, "FAIL", True, "caller_gone")
    gone(node, c, "customer")
    assert not cust.received("CANCEL")


def test_O15_agent_leaves_during_the_join(bridge):
    cust, agent, node, c, a = bridge()
    r = c.expect("INVITE")
    a.bye()
    cust.silence(0.2)   # finished, never cancelled
    c.reply(200, to=r, sdp=True)
    c.expect("ACK")
    bring_back(c)       # he had the agent's address: back to the node's
    ended(node, c, "FAIL", False, "agent_gone")
    c.message("ping")
    c.bye()
    gone(node, c, "customer")


def test_O15_customer_never_answers_the_join(bridge):
    cust, agent, node, c, a = bridge({"join": "600ms"})
    c.expect("INVITE")
    hung_up(a)
    ended(node, c, "FAIL", False, "join_failed")
    assert not cust.received("CANCEL")
    # Whether he is given up or brought back, his BYE is answered.
    cust.auto_reply("BYE")
    node.rpc.find("call.ended", call=c.id) or c.bye((200, 481))
    gone(node, c)
    cust.drop_all()


# -- O18: before the customer's ACK -------------------------------------------

@pytest.fixture
def unacked(world):
    cust, agent, node = world.trio(bots={"support": BOT},
                                   timers={"t1x64": "1200ms"})
    c = cust.invite(node)
    c.expect(200)
    track(node, c)
    assert not node.rpc.find("call.answered")
    yield cust, agent, node, c
    if node.process.poll() is None:
        ping(cust, node)


def test_O18_refer_waits_for_the_ack(unacked):
    cust, agent, node, c = unacked
    switch(node, c, method="refer")
    cust.silence(0.3, lambda m: m.method)
    c.ack()
    c.expect("REFER")
    c.reply(202)
    c.notify()
    c.bye()
    ended(node, c, "SUCCESS", False, "answered")


def test_O18_bridge_waits_for_the_ack(unacked):
    cust, agent, node, c = unacked
    switch(node, c, method="bridge")
    cust.silence(0.3, lambda m: m.method)
    c.ack()
    a = agent.incoming()
    a.reply(200, sdp=True)
    a.expect("ACK")
    answered(c)
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")


def test_O18_bye_waits_for_the_ack(unacked):
    cust, agent, node, c = unacked
    node.call("call.hangup", call=c.id)
    cust.silence(0.3, lambda m: m.method)
    c.ack()
    hung_up(c)
    gone(node, c, "control")


def test_O18_no_ack_and_a_refer_pending(unacked):
    cust, agent, node, c = unacked
    switch(node, c, method="refer")
    hung_up(c)
    ended(node, c, "FAIL", True, "caller_gone", logged=False)
    gone(node, c)
    assert not cust.received("REFER")


def test_O18_no_ack_and_a_bridge_pending(unacked):
    cust, agent, node, c = unacked
    switch(node, c, method="bridge")
    hung_up(c)
    ended(node, c, "FAIL", True, "caller_gone", logged=False)
    gone(node, c)
    assert not cust.received("INVITE")
    agent.silence(0.2)


def test_O18_no_ack_at_all(unacked):
    cust, agent, node, c = unacked
    hung_up(c)
    gone(node, c)
    assert cust.copies_of(c.answer) >= 1    # the 200 was repeated
