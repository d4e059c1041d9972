"""
Two who talk, and what one of them asks of the other: cases O5 to O7, O9, O12,
O13, O16 and I11.
"""

import re
import time

import pytest

from harness.cases import (BOT, bring_back, connect, ended, gone, hung_up,
                           join, ping, switch)
from harness.message import Sdp


@pytest.fixture
def talk(world):
    """A customer and an agent, joined by a bridge that brings him back."""
    def start(timers=None, **kw):
        cust, agent, node = world.trio(bots={"support": BOT}, timers={
            "join": "1500ms", **(timers or {})}, **kw)
        c = connect(cust, node)
        switch(node, c, continueCall=True)
        a = join(c, agent)
        node.wait_for("transfer.progress", call=c.id, phase="joined")
        return c, a, node
    yield start
    if world.nodes and world.nodes[-1].process.poll() is None:
        ping(world.peers[0], world.nodes[-1])


both = pytest.mark.parametrize("who", ["customer", "agent"])


def sides(c, a, who):
    return (c, a) if who == "customer" else (a, c)


def change(d, other, heard="sendrecv", **kw):
    """A change that is carried to the other; (what it got, the answer)."""
    r = d.reinvite(d.peer.sdp(**kw))
    carried = other.expect("INVITE")
    other.reply(200, sdp=other.peer.sdp(direction=heard))
    other.expect("ACK")
    m = d.expect(200, to=r)
    d.ack()
    return Sdp(carried.body), Sdp(m.body)


def leave(node, c, a):
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


# -- hold in all its forms ----------------------------------------------------

HOLDS = [({"direction": "sendonly"}, "recvonly"),
         ({"direction": "inactive"}, "inactive"),
         ({"c": "0.0.0.0"}, "recvonly"),
         ({"port": 0}, "inactive")]


@both
@pytest.mark.parametrize("hold,heard", HOLDS, ids=[
    "sendonly", "inactive", "zero_address", "port_0"])
def test_O6_hold_and_resume_in_a_talk(talk, who, hold, heard):
    c, a, node = talk()
    d, other = sides(c, a, who)
    got, answer = change(d, other, heard, version=2, **hold)
    for key, value in hold.items():
        if key == "c":
            assert got.address == "0.0.0.0"
        else:
            assert getattr(got, key) == value
    assert answer.direction == heard
    # No direction attribute at all means sendrecv.
    got, answer = change(d, other, version=3, direction=None)
    assert (got.direction, answer.direction) == ("sendrecv", "sendrecv")
    assert (got.port, got.address) == (40000, d.peer.ip)
    leave(node, c, a)


@both
def test_O6_the_held_one_is_not_disturbed_by_a_refresh(talk, who):
    c, a, node = talk()
    d, other = sides(c, a, who)
    change(d, other, "recvonly", version=2, direction="sendonly")
    for _ in range(2):
        d.reinvite(d.peer.sdp(version=2, direction="sendonly"))
        assert Sdp(d.expect(200).body).direction == "recvonly"
        d.ack()
    # The held one repeats what it has answered.
    other.reinvite(other.peer.sdp(direction="recvonly"))
    assert Sdp(other.expect(200).body).direction == "sendonly"
    other.ack()
    other.peer.silence(0.1)
    d.peer.silence(0)
    leave(node, c, a)


def test_O6_both_hold_and_resume_one_after_the_other(talk):
    c, a, node = talk()
    change(c, a, "recvonly", version=2, direction="sendonly")
    got, answer = change(a, c, "inactive", version=2, direction="sendonly")
    assert (got.direction, answer.direction) == ("sendonly", "inactive")
    # The customer resumes: the agent still holds.
    got, answer = change(c, a, "sendonly", version=3)
    assert (got.direction, answer.direction) == ("sendrecv", "sendonly")
    got, answer = change(a, c, version=3)
    assert (got.direction, answer.direction) == ("sendrecv", "sendrecv")
    leave(node, c, a)


@both
def test_O5_an_offerless_re_invite_while_held(talk, who):
    """Our offer says what the other party wishes; the answer resumes."""
    c, a, node = talk()
    d, other = sides(c, a, who)
    change(d, other, "recvonly", version=2, direction="sendonly")
    r = d.reinvite(sdp="")
    offer = Sdp(d.expect(200, to=r).body)
    assert (offer.direction, offer.address) == ("sendrecv", other.peer.ip)
    d.ack(d.peer.sdp(version=3))
    got = other.expect("INVITE")
    assert Sdp(got.body).direction == "sendrecv"
    other.reply(200, sdp=True)
    other.expect("ACK")
    # And one more, which goes on holding: nothing is carried.
    r = d.reinvite(sdp="")
    d.expect(200, to=r)
    d.ack(d.peer.sdp(version=3))
    other.peer.silence(0.1)
    leave(node, c, a)


def test_O4_an_ack_without_an_answer_in_a_talk(talk):
    """The customer's ends the call, with a reason."""
    c, a, node = talk()
    r = c.reinvite(sdp="")
    c.expect(200, to=r)
    c.ack()
    assert "488" in hung_up(c).get("reason")
    hung_up(a)
    ended(node, c, "SUCCESS", False, "answered")
    gone(node, c, "node")


def test_O4_the_agents_ack_without_an_answer(talk):
    c, a, node = talk()
    r = a.reinvite(sdp="")
    a.expect(200, to=r)
    a.ack()
    hung_up(a)
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


# -- o= -----------------------------------------------------------------------

@both
def test_O7_our_version_rises_by_one_per_change(talk, who):
    c, a, node = talk()
    d, other = sides(c, a, who)
    last = Sdp(other.invite.body)
    for n in range(2, 5):
        got, _ = change(d, other, version=n, port=40000 + 2 * n)
        assert got.o[:2] == last.o[:2] and got.o[3:] == last.o[3:]
        assert got.version == last.version + 1
        assert "owner" not in got.raw and got.session != "777"
        last = got
    # A refresh is no change, on neither leg.
    other.reinvite(sdp=other.peer.sdp())
    m = other.expect(200)
    other.ack()
    assert m.body == got.raw.encode()
    leave(node, c, a)


@both
def test_O7_the_same_version_is_the_same_session(talk, who):
    """Whatever else of the text has changed."""
    c, a, node = talk()
    d, other = sides(c, a, who)
    d.reinvite(d.peer.sdp(extra=("a=ptime:20",)))
    assert Sdp(d.expect(200).body).address == other.peer.ip
    d.ack()
    other.peer.silence(0.15)
    leave(node, c, a)


OWN = ("a=ice-ufrag:x", "a=ice-pwd:yyyyyyyyyyyyyyyyyyyyyy",
       "a=candidate:1 1 UDP 1 127.0.0.1 9 typ host", "a=ssrc:1 cname:x",
       "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:xxxx", "a=mid:0",
       "a=ptime:20")


@both
def test_O7_what_is_of_one_session_does_not_cross(talk, who):
    c, a, node = talk()
    d, other = sides(c, a, who)
    got, _ = change(d, other, version=2, port=40010, extra=OWN)
    assert "a=ptime:20" in got.raw
    for word in ("ice", "candidate", "ssrc", "crypto", "mid"):
        assert "a=" + word not in got.raw
    leave(node, c, a)


# -- the answer comes back ----------------------------------------------------

@both
@pytest.mark.parametrize("code,back", [(488, 488), (415, 415), (606, 606),
                                       (500, 500), (302, 500), (407, 500)])
def test_O12_the_code_that_comes_back(talk, who, code, back):
    c, a, node = talk()
    d, other = sides(c, a, who)
    r = d.reinvite(d.peer.sdp(version=2, port=40044))
    other.expect("INVITE")
    other.reply(code)
    other.expect("ACK")
    d.expect(back, to=r)
    d.peer.silence(0)
    leave(node, c, a)


@both
def test_O12_100_at_once_and_500_when_nobody_answers(talk, who):
    c, a, node = talk({"join": "400ms"})
    d, other = sides(c, a, who)
    r = d.reinvite(d.peer.sdp(version=2, port=40044))
    sent = time.monotonic()
    assert d.expect(100, to=r).time - sent < 0.15
    carried = other.expect("INVITE")
    other.reply(100)
    assert d.expect(500, to=r).get("retry-after")
    # Late: noted, and what the peer asks again is answered here.
    other.reply(200, to=carried, sdp=other.peer.sdp(version=2, port=40055))
    other.expect("ACK")
    other.peer.silence(0.1)
    r = d.reinvite(d.peer.sdp(version=2, port=40044))
    assert Sdp(d.expect(200, to=r).body).port == 40055
    d.ack()
    other.peer.silence(0.1)
    leave(node, c, a)


@both
def test_O9_180_and_183_to_a_carried_change_are_nothing(talk, who):
    c, a, node = talk()
    d, other = sides(c, a, who)
    r = d.reinvite(d.peer.sdp(version=2, port=40044))
    carried = other.expect("INVITE")
    other.reply(180, to=carried)
    other.reply(183, to=carried, sdp=other.peer.sdp(port=40099))
    d.peer.silence(0.1, lambda m: (m.status or 0) > 100)
    other.reply(200, to=carried, sdp=True)
    other.expect("ACK")
    assert Sdp(d.expect(200, to=r).body).port == 40000
    d.ack()
    leave(node, c, a)


@pytest.mark.parametrize("code", [408, 481])
def test_O9_a_dead_agent_is_found_by_a_change(talk, code):
    c, a, node = talk()
    r = c.reinvite(c.peer.sdp(version=2, port=40044))
    a.expect("INVITE")
    a.reply(code)
    a.expect("ACK")
    if code == 408:
        hung_up(a)
    c.expect(487, to=r)
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered", ended_by="agent")
    c.message("ping")
    c.bye()
    gone(node, c, "customer")


@pytest.mark.parametrize("code", [408, 481])
def test_O9_a_dead_customer_is_found_by_a_change(talk, code):
    c, a, node = talk()
    r = a.reinvite(a.peer.sdp(version=2, port=40044))
    c.expect("INVITE")
    c.reply(code)
    c.expect("ACK")
    if code == 408:
        hung_up(c)
    a.expect(487, to=r)
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered", ended_by="customer")
    gone(node, c, "customer")


@both
def test_O1_glare_of_a_carried_change(talk, who):
    """491 is retried by the leg; the one who asked waits."""
    c, a, node = talk({"join": "8s"})
    d, other = sides(c, a, who)
    r = d.reinvite(d.peer.sdp(version=2, port=40044))
    first = other.expect("INVITE")
    other.reply(491)
    other.expect("ACK")
    again = other.expect("INVITE", timeout=5)
    wait = again.time - first.time
    # The customer owns its Call-ID, we own the agent's.
    assert (2.0 if other is a else 0) <= wait < (4.6 if other is a else 2.6)
    other.reply(200, sdp=True)
    other.expect("ACK")
    d.expect(200, to=r)
    d.ack()
    leave(node, c, a)


def test_O2_both_change_at_once(talk):
    c, a, node = talk()
    mine = c.reinvite(c.peer.sdp(version=2, port=40044))
    theirs = a.reinvite(a.peer.sdp(version=2, port=40066))
    a.expect(491, to=theirs)
    carried = a.expect("INVITE")
    a.reply(200, to=carried, sdp=True)
    a.expect("ACK")
    assert Sdp(c.expect(200, to=mine).body).port == 40000
    c.ack()
    got, _ = change(a, c, version=2, port=40066)
    assert got.port == 40066
    leave(node, c, a)


# -- INFO and MESSAGE ---------------------------------------------------------

BODIES = [("INFO", "application/dtmf-relay", "Signal=5\r\nDuration=100\r\n"),
          ("INFO", "application/media_control+xml", "<vc_primitive/>"),
          ("INFO", "application/vnd.x;a=b", "what\tever\r\n\r\nmore"),
          ("MESSAGE", "text/plain", "hello"),
          ("MESSAGE", "text/html;charset=utf-8", "<b>\u00e4</b>")]


@both
@pytest.mark.parametrize("method,mime,body", BODIES,
                         ids=[re.sub(r"\W", "_", b[1]) for b in BODIES])
@pytest.mark.parametrize("code", [200, 415])
def test_O16_passed_on_with_body_and_type(talk, who, method, mime, body,
                                          code):
    c, a, node = talk()
    d, other = sides(c, a, who)
    r = d.request(method, body, ctype=mime)
    m = other.expect(method)
    assert m.body == body.encode() and m.call_id == other.call_id
    assert m.get("content-type").replace(" ", "") == mime
    d.peer.silence(0.05)
    other.reply(code)
    d.expect(code, to=r)
    if who == "customer" and "dtmf" in mime:
        node.wait_for("dtmf", call=c.id, digits="5")
    assert not node.said(c.id)[1:]      # the bot has heard nothing
    leave(node, c, a)


def test_O16_several_at_once_and_an_empty_one(talk):
    c, a, node = talk()
    out = [c.request("INFO") for _ in range(8)]
    got = []
    for _ in out:
        got.append(a.expect("INFO"))
        assert not got[-1].body
    # More than anybody needs.
    more = c.request("INFO")
    assert c.expect(500, to=more).get("retry-after")
    for n, m in reversed(list(enumerate(got))):
        a.reply(200 + n, to=m)
    for n, r in enumerate(out):
        c.expect(200 + n, to=r)
    leave(node, c, a)


@both
def test_O16_nobody_answers(talk, who):
    c, a, node = talk({"t1x64": "700ms"})
    d, other = sides(c, a, who)
    r = d.request("INFO", "x", ctype="text/x")
    other.expect("INFO")
    d.expect(504, to=r)
    r = d.request("INFO", "x", ctype="text/x")
    other.expect("INFO")
    other.reply(408)
    d.expect(504, to=r)
    leave(node, c, a)


def test_O16_481_means_that_the_agent_is_gone(talk):
    c, a, node = talk()
    r = c.request("INFO", "x", ctype="text/x")
    a.expect("INFO")
    a.reply(481)
    c.expect((480, 500), to=r)
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


def test_O16_the_other_leaves_with_one_unanswered(talk):
    c, a, node = talk()
    r = c.request("MESSAGE", "ping", ctype="text/plain")
    m = a.expect("MESSAGE")
    a.bye()
    a.reply(200, to=m)
    c.expect(480, to=r)
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


def test_O16_before_and_after_they_go_to_the_bot(talk):
    c, a, node = talk()
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.message("ping")
    node.wait_for("bot.say", call=c.id, text="pong")
    r = c.request("MESSAGE", "<x/>", ctype="text/html")
    c.expect(415, to=r)
    c.bye()
    gone(node, c, "customer")
    a.peer.silence(0)


def test_O16_an_encoded_body_is_not_passed_on(talk):
    c, a, node = talk()
    r = c.request("INFO", "x", ctype="text/x",
                  headers=[("Content-Encoding", "rot13")])
    c.expect(415, to=r)
    a.peer.silence(0.05)
    leave(node, c, a)


# -- BYE ----------------------------------------------------------------------

def test_I11_both_hang_up_at_once(talk):
    c, a, node = talk()
    mine = c.request("BYE")
    theirs = a.request("BYE")
    c.expect(200, to=mine)
    a.expect((200, 481), to=theirs)
    a.peer.auto_reply("BYE")
    ended(node, c, "SUCCESS", True, "answered")
    gone(node, c, "customer")
    a.peer.drop_all()


@both
def test_I11_bye_during_a_change_of_ones_own(talk, who):
    c, a, node = talk()
    d, other = sides(c, a, who)
    r = d.reinvite(d.peer.sdp(version=2, port=40044))
    carried = other.expect("INVITE")
    b = d.request("BYE")
    d.expect(200, to=b)
    d.expect(487, to=r)
    if who == "customer":
        hung_up(a)
        a.reply(487, to=carried)
        a.expect("ACK")
        ended(node, c, "SUCCESS", True, "answered")
        gone(node, c, "customer")
        return
    c.reply(200, to=carried, sdp=True)
    c.expect("ACK")
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


@both
def test_I11_bye_during_the_others_change(talk, who):
    """The one who is asked leaves, with the question unanswered."""
    c, a, node = talk()
    d, other = sides(c, a, who)
    r = other.reinvite(other.peer.sdp(version=2, port=40044))
    carried = d.expect("INVITE")
    d.bye()
    d.reply(487, to=carried)
    d.expect("ACK")
    other.expect(487, to=r)
    if who == "customer":
        hung_up(a)
        ended(node, c, "SUCCESS", True, "answered")
    else:
        bring_back(c)
        ended(node, c, "SUCCESS", False, "answered")
        c.bye()
    gone(node, c, "customer")


# -- what cannot cross --------------------------------------------------------

@both
def test_O12_keys_do_not_cross(talk, who):
    """SRTP is not ours to hand on: 488, and the talk goes on."""
    c, a, node = talk()
    d, other = sides(c, a, who)
    r = d.reinvite(d.peer.sdp(version=2, extra=[
        "a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:x"]).replace(
            "RTP/AVP", "RTP/SAVP"))
    d.expect(488, to=r)
    other.silence(0.1)
    change(d, other, direction="sendonly", version=3, heard="recvonly")
    leave(node, c, a)


@both
def test_O12_a_change_that_is_cancelled(talk, who):
    """The other one, who has taken it by then, is asked to take it back."""
    c, a, node = talk()
    d, other = sides(c, a, who)
    r = d.reinvite(d.peer.sdp(direction="sendonly", version=2))
    m = other.expect("INVITE")
    assert Sdp(m.body).direction == "sendonly"
    d.cancel()
    d.expect(200)
    d.expect(487, to=r)
    other.reply(200, sdp=other.peer.sdp(direction="recvonly"), to=m)
    other.expect("ACK")
    back = other.expect("INVITE")
    assert Sdp(back.body).direction == "sendrecv"
    other.reply(200, sdp=True)
    other.expect("ACK")
    change(d, other, direction="sendonly", version=3, heard="recvonly")
    leave(node, c, a)
