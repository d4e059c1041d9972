"""INVITE to the agent, CANCEL and forking: cases I1 to I6 and I12."""

import pytest

from harness.cases import (BOT, cancelled, connect, ended, gone, hung_up,
                           ping, switch, track, until)


@pytest.fixture
def call(world):
    def start(timers=None, **kw):
        cust, agent, node = world.trio(bots={"support": BOT},
                                       timers=timers, **kw)
        c = connect(cust, node)
        switch(node, c, method="bridge", timeout=1, continueCall=True)
        return cust, agent, node, c, agent.incoming()
    yield start
    if world.nodes and world.nodes[-1].process.poll() is None:
        ping(world.peers[0], world.nodes[-1])


def leave(node, c):
    c.bye()
    gone(node, c, "customer")


@pytest.mark.parametrize("routed", [False, True])
def test_I1_200_crosses_our_cancel(call, routed):
    cust, agent, node, c, a = call()
    # An agent behind a proxy that stays in the path.
    routes = [("Record-Route", "<sip:%s:%d;lr;x=1>" %
               (agent.ip, agent.port))] if routed else []
    a.reply(180, headers=routes)
    a.expect("CANCEL")
    a.reply(200, sdp=True, to=a.invite, headers=routes)
    a.reply(200, to=a.last)
    ack = a.expect("ACK")
    bye = hung_up(a)
    for m in (ack, bye):
        assert [r.replace(" ", "") for r in m.all("route")] == (
            ["<sip:%s:%d;lr;x=1>" % (agent.ip, agent.port)] if routed
            else []), m.headers
        assert m.uri == "sip:agent@%s:%d" % (agent.ip, agent.port)
    ended(node, c, "FAIL", False, "no_answer")
    assert not c.peer.received("INVITE")
    leave(node, c)


def test_I2_cancel_waits_for_a_provisional(call):
    cust, agent, node, c, a = call({"first_response": "10s"})
    # The agent timer fires; the outcome is told, nothing is cancelled yet.
    ended(node, c, "FAIL", False, "no_answer", timeout=3)
    assert not agent.received("CANCEL")
    a.reply(180)
    cancelled(a)
    leave(node, c)


def test_I2_a_200_comes_instead_of_the_provisional(call):
    cust, agent, node, c, a = call({"first_response": "10s"})
    ended(node, c, "FAIL", False, "no_answer", timeout=3)
    a.reply(200, sdp=True)
    a.expect("ACK")
    hung_up(a)
    assert not agent.received("CANCEL")
    leave(node, c)


def test_I3_no_487_after_the_cancel(call):
    cust, agent, node, c, a = call()
    a.reply(180)
    a.expect("CANCEL")
    a.reply(200)
    ended(node, c, "FAIL", False, "no_answer")
    leave(node, c)
    node.quiet(timeout=6)


def test_I3_late_200_long_after_the_cancel(call):
    cust, agent, node, c, a = call()
    a.reply(180)
    a.expect("CANCEL")
    a.reply(200)
    ended(node, c, "FAIL", False, "no_answer")
    leave(node, c)
    agent.silence(0.8)
    a.reply(200, to=a.invite, sdp=True)
    a.expect("ACK")
    hung_up(a)


def test_I4_two_answers_with_different_tags(call):
    cust, agent, node, c, a = call()
    b = a.fork("other")
    a.reply(180)
    b.reply(180)
    a.reply(200, sdp=True)
    a.expect("ACK")
    b.reply(200, sdp=agent.sdp(port=42000))
    b.expect("ACK")
    hung_up(b)
    r = c.expect("INVITE")
    assert b"m=audio 40000 " in r.body
    c.reply(200, sdp=True)
    c.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    agent.silence(0.2)
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")


def test_I4_180_with_one_tag_and_200_with_another(call):
    cust, agent, node, c, a = call()
    a.reply(180)
    b = a.fork("other")
    b.reply(200, sdp=True)
    b.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    c.bye()
    bye = hung_up(b)
    assert bye.tag("to") == "other"
    ended(node, c, "SUCCESS", True, "answered")


def test_I5_each_copy_of_the_200_is_acked(call):
    cust, agent, node, c, a = call()
    a.reply(180)
    answer = a.reply(200, sdp=True)
    a.expect("ACK")
    for n in (2, 3):
        agent.send(answer, node.sip)
        until(lambda: agent.arrivals("ACK", a.call_id) >= n,
              "no ACK to copy %d" % n)
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")
    # Also after the end, while a late copy may still be under way.
    agent.send(answer, node.sip)
    until(lambda: agent.arrivals("ACK", a.call_id) >= 4, "no ACK at the end")
    agent.drop_all()


@pytest.mark.parametrize("status", [100, 180, 183])
def test_I6_rings_for_ever(call, status):
    cust, agent, node, c, a = call()
    a.reply(status)
    if status == 183:
        for _ in range(3):
            agent.silence(0.2)
            a.reply(183, sdp=True)
    cancelled(a)
    ended(node, c, "FAIL", False, "no_answer")
    leave(node, c)


# -- the customer leaves, at every moment -------------------------------------

def left(node, c):
    ended(node, c, "FAIL", True, "caller_gone", ended_by="customer")
    gone(node, c, "customer")


@pytest.mark.parametrize("moment", ["silent", "trying", "ringing", "early"])
def test_I12_customer_hangs_up_before_the_answer(call, moment):
    cust, agent, node, c, a = call()
    status = {"silent": None, "trying": 100, "ringing": 180,
              "early": 183}[moment]
    if status:
        a.reply(status, sdp=agent.sdp() if status == 183 else "")
        agent.silence(0.1)
    c.bye()
    left(node, c)
    if not status:
        assert not agent.received("CANCEL")
        a.reply(180)
    cancelled(a)


def test_I12_customer_hangs_up_while_the_cancel_is_crossed_by_a_200(call):
    cust, agent, node, c, a = call()
    a.reply(180)
    c.bye()
    a.expect("CANCEL")
    a.reply(200, to=a.invite, sdp=True)
    a.reply(200, to=a.last)
    a.expect("ACK")
    hung_up(a)
    left(node, c)


def test_I12_customer_hangs_up_during_the_join(call):
    cust, agent, node, c, a = call()
    a.reply(200, sdp=True)
    a.expect("ACK")
    r = c.expect("INVITE")
    c.bye()
    c.reply(487, to=r)
    c.expect("ACK")
    hung_up(a)
    left(node, c)


def test_I12_both_hang_up_at_once_after_the_join(call):
    cust, agent, node, c, a = call()
    a.reply(180)
    a.reply(200, sdp=True)
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    x = c.bye(None)
    y = a.bye(None)
    c.expect((200, 481), to=x)
    a.expect((200, 481), to=y)
    e = node.wait_for("transfer.ended", call=c.id)
    assert (e["status"], e["reason"]) == ("SUCCESS", "answered")
    gone(node, c)
    cust.silence(0.2, lambda m: m.method == "INVITE")
    for p, d in ((cust, c), (agent, a)):
        for m in list(p.inbox):
            if m.method == "BYE":
                p.reply(m, 481)
    agent.drop_all()
    cust.drop_all()


RINGS = """
return bot {
  name = "support",
  states = {
    Start = { q = "$regex</start>", a "Hi!" },
    Ringing = { event = "ringing", function(call)
      log("rings")
      %s
    end },
    Gone = { event = "hangup", function(call) log("hangup seen") end },
  },
}
"""


def ringing(world, verdict):
    cust, agent, node = world.trio(bots={"support": RINGS % verdict})
    c = cust.invite(node)
    track(node, c)
    node.wait_line("rings")
    return cust, node, c


def test_I12_customer_cancels_while_the_bot_lets_it_ring(world):
    cust, node, c = ringing(world, "call:sleep(3)")
    c.expect(180)
    c.cancel()
    c.expect(200)
    c.expect(487, to=c.invite)
    gone(node, c, "customer")
    node.wait_line("hangup seen")
    assert not node.rpc.find("call.answered")
    ping(cust, node)


def test_ringing_is_answered_after_a_while(world):
    cust, node, c = ringing(world, "call:sleep(0.3)")
    c.expect(180)
    c.expect(200, to=c.invite)
    c.ack()
    node.wait_for("bot.say", call=c.id, text="Hi!")
    c.bye()
    gone(node, c, "customer")


def test_ringing_is_answered_by_the_bot(world):
    cust, node, c = ringing(world, "call:answer()")
    c.expect(200)
    c.ack()
    node.wait_for("bot.say", call=c.id, text="Hi!")
    c.bye()
    gone(node, c, "customer")


def test_ringing_is_refused_by_the_bot(world):
    cust, node, c = ringing(world, "call:reject(486)")
    c.expect(486)
    gone(node, c, "bot")
    assert not node.rpc.find("call.answered")


def test_ringing_for_too_long(world):
    cust, agent, node = world.trio(
        bots={"support": RINGS % "call:sleep(30)"},
        timers={"ringing": "400ms", "after_hangup": "300ms"})
    c = cust.invite(node)
    c.expect(480)
    track(node, c)
    gone(node, c)


def test_ringing_a_switch_is_not_there_yet(world):
    cust, agent, node = world.trio(bots={"support": RINGS %
        "call.response.replies = {{ type = 'switch', phoneNumber = '1' }}"})
    c = cust.invite(node)
    track(node, c)
    e = node.wait_for("bot.error", call=c.id)
    assert "not available in this version" in e["message"], e
    m = c.expect((200, 480, 500, 503, 603))
    if m.status == 200:
        c.ack()
        hung_up(c)
    gone(node, c)
    assert not agent.received("INVITE")
