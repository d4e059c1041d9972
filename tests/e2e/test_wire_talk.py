"""Changes of the session while the parties talk: cases O4, O7, O12, O13."""

import pytest

from harness.cases import (BOT, bring_back, connect, ended, gone, hung_up,
                           join, ping, switch)
from harness.message import Sdp


@pytest.fixture
def talk(world):
    """Customer and agent, joined by a bridge that brings the customer back."""
    def start(timers=None, **kw):
        cust, agent, node = world.trio(bots={"support": BOT}, timers={
            "join": "1500ms", **(timers or {})}, **kw)
        c = connect(cust, node)
        switch(node, c, continueCall=True)
        return c, join(c, agent), node
    yield start
    if world.nodes and world.nodes[-1].process.poll() is None:
        ping(world.peers[0], world.nodes[-1])


def over(node, c):
    ended(node, c, "SUCCESS", False, "answered", method="bridge")
    c.bye()
    gone(node, c, "customer")


def refresh(d, version=1):
    """A re-INVITE whose description is the one it has sent last."""
    d.reinvite(d.peer.sdp(version=version))
    answer = d.expect(200)
    d.ack()
    return Sdp(answer.body)


def test_O13_a_refresh_is_answered_here(talk):
    c, a, node = talk()
    assert refresh(c).address == a.peer.ip
    assert refresh(a).address == c.peer.ip
    a.silence(0.2)
    c.silence(0)
    a.bye()
    bring_back(c)
    over(node, c)


def test_O4_offerless_re_invites_of_both_in_turn(talk):
    """Each is offered the other's description, as often as it asks."""
    c, a, node = talk()
    for _ in range(2):
        for d, other in ((c, a), (a, c)):
            d.reinvite(sdp="")
            offer = Sdp(d.expect(200).body)
            assert offer.address == other.peer.ip
            d.ack(d.peer.sdp())
    a.silence(0.2)
    c.silence(0)
    assert refresh(c).address == a.peer.ip
    assert refresh(a).address == c.peer.ip
    a.bye()
    bring_back(c)
    over(node, c)


@pytest.mark.parametrize("who", ["customer", "agent"])
def test_O4_an_offerless_re_invite_that_changes_the_port(talk, who):
    """The ACK's answer is new: it is carried to the other party, and what
    comes after finds both descriptions known."""
    c, a, node = talk()
    d, other = (c, a) if who == "customer" else (a, c)
    d.reinvite(sdp="")
    assert Sdp(d.expect(200).body).address == other.peer.ip
    d.ack(d.peer.sdp(version=2, port=40044))
    r = other.expect("INVITE")
    assert (Sdp(r.body).address, Sdp(r.body).port) == (d.peer.ip, 40044)
    other.reply(200, sdp=True)
    other.expect("ACK")
    # Whoever refreshes now is told what the other has said last.
    assert refresh(other).port == 40044
    d.reinvite(d.peer.sdp(version=2, port=40044))
    assert Sdp(d.expect(200).body).port == 40000
    d.ack()
    other.reinvite(sdp="")
    assert Sdp(other.expect(200).body).port == 40044
    other.ack(other.peer.sdp())
    a.bye()
    bring_back(c)
    over(node, c)


@pytest.mark.parametrize("who", ["customer", "agent"])
def test_O12_hold_and_resume_are_carried_over(talk, who):
    c, a, node = talk()
    d, other = (c, a) if who == "customer" else (a, c)
    for version, mine, theirs in ((2, "sendonly", "recvonly"),
                                  (3, "sendrecv", "sendrecv")):
        d.reinvite(d.peer.sdp(version=version, direction=mine))
        r = other.expect("INVITE")
        assert Sdp(r.body).direction == mine
        other.reply(200, sdp=other.peer.sdp(direction=theirs))
        other.expect("ACK")
        assert Sdp(d.expect(200).body).direction == theirs
        d.ack()
    a.bye()
    bring_back(c)
    over(node, c)


def test_O12_refused_by_the_other_party(talk):
    c, a, node = talk()
    c.reinvite(c.peer.sdp(version=2, port=40044))
    a.expect("INVITE")
    a.reply(488)
    a.expect("ACK")
    c.expect(488)
    assert refresh(a).port == 40000
    a.bye()
    bring_back(c)
    over(node, c)


def test_O12_agent_leaves_while_his_change_is_carried_over(talk):
    """He held the customer and hangs up before the customer has answered:
    the way back waits for that answer and is gone then."""
    c, a, node = talk()
    a.reinvite(a.peer.sdp(version=2, direction="sendonly"))
    hold = c.expect("INVITE")
    held = a.last_sent
    a.bye()
    a.expect(487, to=held)
    c.reply(200, sdp=c.peer.sdp(direction="recvonly"), to=hold)
    c.expect("ACK")
    bring_back(c)
    over(node, c)


def test_O12_agent_leaves_while_the_customers_change_is_carried_over(talk):
    c, a, node = talk()
    c.reinvite(c.peer.sdp(version=2, port=40044))
    change = c.last_sent
    a.expect("INVITE")
    a.bye()
    c.expect((487, 500), to=change)
    bring_back(c)
    a.reply(487, to=a.invite)
    a.expect("ACK")
    over(node, c)


def test_O12_agent_leaves_and_the_customer_never_answers(talk):
    c, a, node = talk()
    a.reinvite(a.peer.sdp(version=2, direction="sendonly"))
    held = a.last_sent
    c.expect("INVITE")
    a.bye()
    a.expect(487, to=held)
    ended(node, c, "SUCCESS", False, "answered", method="bridge")
    hung_up(c)
    gone(node, c, "node")


def test_O13_a_refresh_after_a_join_in_two_steps(world):
    """The customer's answer differed, so the agent was asked again."""
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node)
    switch(node, c, continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=True)
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=cust.sdp(version=2, port=40044))
    c.expect("ACK")
    assert Sdp(a.expect("INVITE").body).port == 40044
    a.reply(200, sdp=agent.sdp(version=2))
    a.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    assert refresh(a, 2).port == 40044
    c.silence(0.2)
    a.bye()
    bring_back(c)
    over(node, c)


def test_O13_a_refresh_of_what_an_ack_has_said(talk):
    c, a, node = talk()
    for d in (c, a):
        d.reinvite(sdp="")
        d.expect(200)
        d.ack(d.peer.sdp(version=2))    # the same, but for o=
        refresh(d, 2)
    a.silence(0.2)
    c.silence(0)
    a.bye()
    bring_back(c)
    over(node, c)


@pytest.mark.parametrize("answer", ["", "port 0", "garbage"])
def test_O3_customers_200_to_the_join_has_no_audio(world, answer):
    """He has taken the agent's description: he is offered ours again."""
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node)
    switch(node, c, continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=True)
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=cust.sdp(port=0) if answer == "port 0" else answer)
    c.expect("ACK")
    hung_up(a)
    assert Sdp(bring_back(c).body).address == node.ip
    ended(node, c, "FAIL", False, "join_failed", method="bridge")
    c.message("ping")
    c.bye()
    gone(node, c, "customer")
