"""What comes after a long silence is timed from when it came."""

import time

import pytest

from harness.cases import (BOT, bring_back, connect, ended, gone, hung_up,
                           switch, track)

IDLE = 2.5      # longer than t1x64 and each wait below


@pytest.fixture
def idle(world):
    """A node on which nothing happens for a while, t1x64 being 1.5 s."""
    cust, agent, node = world.trio(bots={"support": BOT})
    time.sleep(IDLE)
    return cust, agent, node


def test_O18_a_slow_ack_on_an_idle_node(idle):
    cust, agent, node = idle
    c = cust.invite(node)
    c.expect(200)
    time.sleep(0.6)
    c.ack()
    track(node, c)
    node.wait_for("call.answered", call=c.id)
    c.silence(1.2, lambda m: m.method == "BYE")
    c.bye()
    gone(node, c, "customer")


def test_R4_a_late_bye_is_late(idle):
    """More than 2 s after the 2xx, with a NOTIFY in between."""
    cust, agent, node = idle
    c = connect(cust, node)
    switch(node, c, method="refer")
    c.expect("REFER")
    c.reply(202)
    c.notify("SIP/2.0 100 Trying\r\n")
    time.sleep(IDLE)
    c.bye()
    ended(node, c, "FAIL", True, "caller_gone")
    gone(node, c, "customer")


def test_how_long_they_rang_and_talked(idle):
    cust, agent, node = idle
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(180)
    time.sleep(1)
    a.reply(200, sdp=True)
    a.expect("ACK")
    bring_back(c)
    time.sleep(1)
    a.bye()
    bring_back(c)
    e = ended(node, c, "SUCCESS", False, "answered")
    assert 900 < e["ring_ms"] < 3000, e
    assert 900 < e["talk_ms"] < 3000, e
    c.bye()
    gone(node, c)


def test_R13_given_up_it_is_not_sent_later(world):
    """Our re-INVITE is not answered, so REFER waits; then it is too late."""
    cust, agent, node = world.trio(bots={"support": BOT},
                                   timers={"refer_response": "500ms"})
    c = connect(cust, node)
    c.reinvite()
    c.expect(200)               # its ACK is still to come
    switch(node, c, method="refer", continueCall=True)
    ended(node, c, "FAIL", False, "refer_rejected")
    c.ack()
    c.silence(0.5, lambda m: m.method == "REFER")
    # A further one is carried out.
    switch(node, c, method="refer", continueCall=True)
    c.expect("REFER")
    c.reply(403)
    ended(node, c, "FAIL", False, "refer_rejected", count=2)
    c.bye()
    gone(node, c)


def test_R12_no_answer_and_then_another_refer(world):
    cust, agent, node = world.trio(bots={"support": BOT},
                                   timers={"refer_response": "500ms"})
    c = connect(cust, node)
    switch(node, c, method="refer", continueCall=True)
    c.expect("REFER")
    ended(node, c, "FAIL", False, "refer_rejected")
    switch(node, c, method="refer", continueCall=True)
    second = c.expect("REFER")
    c.reply(202, to=second)
    c.notify("SIP/2.0 200 OK\r\n")
    ended(node, c, "SUCCESS", False, "answered", count=2, logged=False)
    hung_up(c)
    gone(node, c)
