"""
Descriptions between a customer and the bot, and REFER amid them: cases O4 to
O8, R13, R14, R17 and I9.
"""

import time

import pytest

from harness.cases import (BOT, bring_back, connect, ended, gone, hung_up,
                           join, ping, switch)
from harness.message import Sdp


@pytest.fixture
def call(world):
    def start(mode="rtp", timers=None, **kw):
        cust, agent, node = world.trio(
            bots={"support": BOT}, config={"media": {"mode": mode}},
            timers={"refer_bye": "300ms", **(timers or {})})
        return cust, agent, node, connect(cust, node, **kw)
    yield start
    if world.nodes and world.nodes[-1].process.poll() is None:
        ping(world.peers[0], world.nodes[-1])


def again(dialog, **kw):
    """A re-INVITE of the customer's; our answer."""
    r = dialog.reinvite(dialog.peer.sdp(**kw))
    m = dialog.expect(200, to=r)
    dialog.ack()
    return Sdp(m.body)


def alive(node, c):
    count = node.said(c.id).count("pong") + 1
    c.message("ping")
    node.wait_for("bot.say", call=c.id, text="pong", count=count)


# -- hold ---------------------------------------------------------------------

@pytest.mark.parametrize("hold,heard", [
    ({"direction": "sendonly"}, "recvonly"),
    ({"direction": "inactive"}, "inactive"),
    ({"direction": "recvonly"}, "sendonly"),
    ({"c": "0.0.0.0"}, "recvonly"),
    ({"c": "0.0.0.0", "direction": "sendonly"}, "recvonly"),
    ({"c": "0.0.0.0", "direction": "inactive"}, "inactive"),
], ids=lambda v: "_".join(v.values()) if isinstance(v, dict) else v)
def test_O6_hold_and_resume_towards_the_bot(call, hold, heard):
    cust, agent, node, c = call()
    first = Sdp(c.answer.body)
    held = again(c, version=2, **hold)
    assert held.direction == heard and held.address == node.ip
    # The node's own media is not held itself.
    assert held.port == first.port and held.version == first.version + 1
    back = again(c, version=3, direction=None)
    assert back.direction == "sendrecv" and back.port == first.port
    assert back.version == held.version + 1
    alive(node, c)
    c.bye()
    gone(node, c, "customer")


def test_O6_port_0_towards_the_bot(call):
    cust, agent, node, c = call()
    first = Sdp(c.answer.body)
    assert again(c, version=2, port=0).port == 0
    assert again(c, version=3).port == first.port
    c.bye()
    gone(node, c, "customer")


@pytest.mark.parametrize("hold", ["sendonly", "inactive", "recvonly"])
def test_O6_mode_none_is_inactive_whatever_is_offered(call, hold):
    cust, agent, node, c = call("none")
    assert again(c, version=2, direction=hold).direction == "inactive"
    assert again(c, version=3).direction == "inactive"
    c.bye()
    gone(node, c, "customer")


def test_O13_a_refresh_towards_the_bot_is_no_change(call):
    cust, agent, node, c = call()
    first = c.answer.body
    for n in range(3):
        r = c.reinvite(cust.sdp())
        assert c.expect(200, to=r).body == first
        c.ack()
    c.bye()
    gone(node, c, "customer")


# -- without an offer ---------------------------------------------------------

@pytest.mark.parametrize("mode,wants", [("rtp", "sendrecv"),
                                        ("none", "inactive")])
def test_O5_an_offerless_re_invite_while_held(call, mode, wants):
    cust, agent, node, c = call(mode)
    again(c, version=2, direction="sendonly")
    r = c.reinvite(sdp="")
    offer = Sdp(c.expect(200, to=r).body)
    assert offer.direction == wants
    c.ack(cust.sdp(version=3, direction=wants))
    alive(node, c)
    c.bye()
    gone(node, c, "customer")


@pytest.mark.parametrize("mode", ["rtp", "none"])
def test_O4_the_ack_to_a_re_invite_has_no_answer(call, mode):
    cust, agent, node, c = call(mode)
    r = c.reinvite(sdp="")
    c.expect(200, to=r)
    c.ack()
    assert "488" in hung_up(c).get("reason")
    gone(node, c, "node")


def test_O4_the_same_with_a_transfer_under_way(call):
    cust, agent, node, c = call()
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(180)
    r = c.reinvite(sdp="")
    c.expect(200, to=r)
    c.ack()
    hung_up(c)
    a.expect("CANCEL")
    a.reply(200)
    a.reply(487, to=a.invite)
    a.expect("ACK")
    ended(node, c, "FAIL", False, "cancelled", logged=False)
    gone(node, c, "node")


def test_O4_an_offerless_re_invite_is_lost_with_its_ack(call):
    """RFC 3261 14.2: no ACK ends the session."""
    cust, agent, node, c = call(timers={"t1x64": "700ms"})
    r = c.reinvite(sdp="")
    c.expect(200, to=r)
    hung_up(c)
    gone(node, c, "customer")


# -- hold before the join -----------------------------------------------------

def test_O5_a_customer_on_hold_is_joined_unheld(call):
    """The agent is offered what he said; he is offered what the agent
    wishes, and when he resumes the agent is told."""
    cust, agent, node, c = call()
    again(c, version=2, direction="sendonly")
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    assert Sdp(a.invite.body).direction == "sendonly"
    a.reply(200, sdp=agent.sdp(direction="recvonly"))
    a.expect("ACK")
    r = c.expect("INVITE")
    assert Sdp(r.body).direction == "sendrecv"
    c.reply(200, sdp=cust.sdp(version=3))
    c.expect("ACK")
    r = a.expect("INVITE")
    assert Sdp(r.body).direction == "sendrecv"
    a.reply(200, sdp=agent.sdp(version=2))
    a.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


def test_O5_a_customer_who_stays_on_hold_is_joined_all_the_same(call):
    cust, agent, node, c = call()
    again(c, version=2, direction="sendonly")
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=agent.sdp(direction="recvonly"))
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=cust.sdp(version=2, direction="sendonly"))
    c.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


# -- O8 -----------------------------------------------------------------------

ODD = [
    ("no_last_crlf", lambda p: p.sdp(version=2).rstrip("\r\n")),
    ("bare_lf", lambda p: p.sdp(version=2).replace("\r\n", "\n")),
    ("video_too", lambda p: p.sdp(version=2, extra=(
        "a=sendrecv", "m=video 5000 RTP/AVP 97", "a=rtpmap:97 H264/90000"),
        direction=None)),
    ("image_too", lambda p: p.sdp(version=2) +
     "m=image 0 udptl t38\r\n"),
]


@pytest.mark.parametrize("make", [o[1] for o in ODD], ids=[o[0] for o in ODD])
def test_O8_odd_re_invites_are_answered(call, make):
    cust, agent, node, c = call()
    first = Sdp(c.answer.body)
    r = c.request("INVITE", make(cust))
    m = Sdp(c.expect(200, to=r).body)
    c.ack()
    assert m.port == first.port
    sections = [l for l in m.lines if l.startswith("m=")]
    assert all(l.split()[1] == "0" for l in sections[1:])
    alive(node, c)
    c.bye()
    gone(node, c, "customer")


# -- REFER --------------------------------------------------------------------

def accept(c):
    c.expect("REFER")
    c.reply(202)


def hold(c):
    assert again(c, version=2, direction="sendonly").direction == "recvonly"


def said_at(node, c, text):
    node.wait_for("bot.say", call=c.id, text=text)
    return time.monotonic()


def refused(node, c):
    """Held after the REFER was accepted, then 486; our re-INVITE."""
    switch(node, c, method="refer", continueCall=True)
    accept(c)
    hold(c)
    c.notify("SIP/2.0 486 Busy Here\r\n")
    r = c.expect("INVITE")
    assert Sdp(r.body).direction == "sendrecv"
    assert not node.rpc.find("bot.say", call=c.id, text="Over.")
    return r


def test_R17_held_and_then_let_go(call):
    cust, agent, node, c = call()
    refused(node, c)
    time.sleep(0.15)
    assert not node.rpc.find("bot.say", call=c.id, text="Over.")
    c.reply(200, sdp=cust.sdp(version=3))
    c.expect("ACK")
    node.wait_for("bot.say", call=c.id, text="Over.", timeout=1)
    ended(node, c, "FAIL", False, "busy", method="refer")
    alive(node, c)
    c.bye()
    gone(node, c, "customer")


@pytest.mark.parametrize("answer", ["sendonly", "488", "silence"])
def test_R17_still_held(call, answer):
    """Speech waits for timer unhold, then goes on."""
    cust, agent, node, c = call(timers={"unhold": "600ms"})
    r = refused(node, c)
    begun = time.monotonic()
    if answer == "sendonly":
        c.reply(200, sdp=cust.sdp(version=3, direction="sendonly"))
    elif answer == "488":
        c.reply(488)
    if answer != "silence":
        c.expect("ACK")
    assert said_at(node, c, "Over.") - begun > 0.4
    node.wait_line("timer unhold")
    if answer == "silence":
        c.reply(200, to=r, sdp=cust.sdp(version=3))
        c.expect("ACK")
    alive(node, c)
    c.bye()
    gone(node, c, "customer")


def test_R17_the_peer_lets_go_by_itself(call):
    cust, agent, node, c = call(timers={"unhold": "3s"})
    refused(node, c)
    c.reply(200, sdp=cust.sdp(version=3, direction="sendonly"))
    c.expect("ACK")
    again(c, version=4)
    node.wait_for("bot.say", call=c.id, text="Over.", timeout=1)
    c.bye()
    gone(node, c, "customer")


def test_R17_the_customer_leaves_while_held(call):
    cust, agent, node, c = call()
    r = refused(node, c)
    c.bye()
    c.reply(487, to=r)
    c.expect("ACK")
    gone(node, c, "customer")
    ended(node, c, "FAIL", False, "busy", method="refer")


def test_R17_without_continueCall_the_call_ends_after_what_is_said(call):
    cust, agent, node, c = call()
    switch(node, c, method="refer")
    accept(c)
    hold(c)
    c.notify("SIP/2.0 486 Busy Here\r\n")
    c.expect("INVITE")
    cust.silence(0.1)
    c.reply(200, sdp=cust.sdp(version=3))
    c.expect("ACK")
    hung_up(c)
    node.wait_for("bot.say", call=c.id, text="Over.")
    gone(node, c, "bot")


def test_R17_one_who_is_not_held_is_not_asked(call):
    cust, agent, node, c = call()
    switch(node, c, method="refer", continueCall=True)
    accept(c)
    hold(c)
    again(c, version=3)
    c.notify("SIP/2.0 486 Busy Here\r\n")
    node.wait_for("bot.say", call=c.id, text="Over.", timeout=1)
    cust.silence(0.1)
    c.bye()
    gone(node, c, "customer")


def test_R17_a_further_bridge_is_joined(call):
    """What was to be said between is said when he has let go."""
    cust, agent, node, c = call()
    refused(node, c)
    switch(node, c, method="bridge", continueCall=True)
    c.reply(200, sdp=cust.sdp(version=3))
    c.expect("ACK")
    a = join(c, agent)
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered", count=2, logged=False)
    c.bye()
    gone(node, c, "customer")


def test_R13_refer_waits_for_our_re_invite(call):
    """A refresh of ours is pending when the bot asks for the hand-over."""
    cust, agent, node, c = call(timers={"session_expires": "2s"})
    r = c.expect("INVITE", timeout=3)
    switch(node, c, method="refer", continueCall=True)
    cust.silence(0.15)
    c.reply(200, to=r, sdp=True)
    c.expect("ACK")
    accept(c)
    c.notify("SIP/2.0 486 Busy Here\r\n")
    ended(node, c, "FAIL", False, "busy")
    c.bye()
    gone(node, c, "customer")


def test_R13_refer_waits_for_the_peers_re_invite(call):
    cust, agent, node, c = call()
    r = c.reinvite(cust.sdp(version=2, direction="sendonly"))
    c.expect(200, to=r)     # and its ACK is still to come
    switch(node, c, method="refer", continueCall=True)
    cust.silence(0.15)
    c.ack()
    accept(c)
    c.notify("SIP/2.0 486 Busy Here\r\n")
    c.expect("INVITE")
    c.reply(200, sdp=cust.sdp(version=3))
    c.expect("ACK")
    ended(node, c, "FAIL", False, "busy")
    c.bye()
    gone(node, c, "customer")


def test_R14_holds_while_our_refer_is_not_answered(call):
    cust, agent, node, c = call()
    switch(node, c, method="refer", continueCall=True)
    refer = c.expect("REFER")
    hold(c)
    mine = c.request("REFER", headers=[("Refer-To", "<sip:a@127.0.0.1>")])
    c.expect(603, to=mine)
    c.reply(202, to=refer)
    c.notify("SIP/2.0 200 OK\r\n")
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c)


# -- I9 -----------------------------------------------------------------------

def test_I9_the_answer_is_in_the_183_alone(call):
    cust, agent, node, c = call()
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(183, sdp=agent.sdp(port=41000))
    a.reply(183, to=a.invite, sdp=agent.sdp(port=41002, version=2))
    a.reply(200, to=a.invite)
    a.expect("ACK")
    r = c.expect("INVITE")
    assert Sdp(r.body).port == 41002
    c.reply(200, sdp=True)
    c.expect("ACK")
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")
