"""What bounds a node and a call: lines, calls, rates, durations, timers."""

import pytest

from harness.cases import (BOT, connect, ended, gone, hung_up, join, ping,
                           refuse, switch, until)
from harness.node import CHANNEL


def limited(world, limits=None, timers=None, **config):
    return world.trio(bots={"support": BOT}, timers=timers, config={
        **({"limits": limits} if limits else {}), **config})


def test_limits_calls(world):
    """503 with Retry-After and an event; a call that ends makes room."""
    cust, agent, node = limited(world, {"calls": 2})
    calls = [connect(cust, node), connect(cust, node)]
    third = cust.invite(node)
    m = third.expect(503)
    assert int(m.get("retry-after")) > 0
    node.wait_for("overload")
    calls[0].message("ping")
    node.wait_for("bot.say", call=calls[0].id, text="pong")
    calls[0].bye()
    gone(node, calls[0])
    again = connect(cust, node)
    for c in (again, calls[1]):
        c.bye()
        gone(node, c)


def test_limits_cps_sheds_and_serves_who_is_there(world):
    cust, agent, node = limited(world, {"cps": 5})
    c = connect(cust, node)
    flood = [cust.invite(node) for _ in range(60)]
    refused = taken = 0
    for d in flood:
        if d.expect((200, 503)).status == 200:
            d.ack()
            taken += 1
        else:
            assert int(d.answer.get("retry-after")) > 0
            refused += 1
    print("taken", taken, "refused", refused)
    assert refused > 20 and taken <= 20
    c.message("ping")
    node.wait_for("bot.say", call=c.id, text="pong")
    cust.auto_reply("BYE")
    for x in node.call("call.list")["calls"]:
        node.call("call.hangup", call=x["call"])
    until(lambda: not node.live_calls(), "calls are left")
    ping(cust, node)


def test_lines_of_a_channel(world):
    cust, agent, node = limited(world, channels={CHANNEL: {"lines": 1}})
    c = connect(cust, node)
    second = cust.invite(node)
    second.expect((486, 503))
    c.bye()
    gone(node, c)
    again = connect(cust, node)
    again.bye()
    gone(node, again)


def test_call_duration_while_the_bot_has_him(world):
    cust, agent, node = limited(world, {"call_duration": "1s"})
    c = connect(cust, node)
    hung_up(c)
    gone(node, c, "node")


@pytest.mark.parametrize("talking", [False, True])
def test_call_duration_during_a_transfer(world, talking):
    cust, agent, node = limited(world, {"call_duration": "1s"})
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    if talking:
        a = join(c, agent)
        hung_up(a)
        hung_up(c)
        ended(node, c, "SUCCESS", False, "answered", ended_by="node")
    else:
        a = agent.incoming()
        a.reply(180)
        a.expect("CANCEL")
        a.reply(200)
        refuse(a, 487)
        hung_up(c)
        ended(node, c, "FAIL", False, "cancelled", ended_by="node")
    gone(node, c, "node")


def test_timer_transfer_bounds_the_agents_timeout(world):
    cust, agent, node = limited(world, timers={"transfer": "600ms"})
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True, timeout=60)
    a = agent.incoming()
    a.reply(180)
    a.expect("CANCEL", timeout=3)
    a.reply(200)
    refuse(a, 487)
    ended(node, c, "FAIL", False, "no_answer")
    c.bye()
    gone(node, c)


def test_I13_nothing_at_all_within_first_response(world):
    """Unreachable; the transaction lives on, a late 200 is taken care of."""
    cust, agent, node = limited(world, timers={"first_response": "400ms",
                                               "t1x64": "3s"})
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    e = ended(node, c, "FAIL", False, "unreachable", timeout=3)
    assert "sip" not in e
    a.reply(200, sdp=True)
    a.expect("ACK")
    hung_up(a)
    c.bye()
    gone(node, c)


LINGERS = """
return bot {
  name = "support",
  states = {
    Start = { q = "$regex</start>", function(call)
      call.client.calls = (call.client.calls or 0) + 1
      call:say("call " .. call.client.calls)
    end },
    Bye = { event = "hangup", function(call)
      log("first " .. call.context)
      call:say "nobody hears it"
      call:sleep(30)
      log("never")
    end },
  },
}
"""


def test_after_hangup_ends_a_bot_that_does_not(world):
    cust, agent, node = world.trio(bots={"support": LINGERS},
                                   timers={"after_hangup": "500ms"})
    c = connect(cust, node, frm="4711")
    node.wait_for("bot.say", call=c.id, text="call 1")
    c.bye()
    gone(node, c, "customer", timeout=4)
    node.wait_line("first ")
    assert not node.lines("never")
    assert node.said(c.id) == ["call 1"]


def test_call_client_is_kept_by_number(world):
    cust, agent, node = world.trio(bots={"support": LINGERS},
                                   timers={"after_hangup": "100ms"})
    for frm, n in (("1000", 1), ("1000", 2), ("2000", 1), ("1000", 3),
                   ("anonymous", 1), ("anonymous", 1)):
        c = connect(cust, node, frm=frm)
        node.wait_for("bot.say", call=c.id, text="call %d" % n)
        c.bye()
        gone(node, c)
