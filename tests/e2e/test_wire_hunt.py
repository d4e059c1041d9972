"""Several destinations, redirections, resting trunks, transfer.cancel."""

import re
import time

import pytest

from harness.cases import (BOT, bring_back, cancelled, connect, ended, gone,
                           hung_up, refuse)
from harness.rpc import RpcError

NUMBERS = ["1001", "1002", "1003"]


@pytest.fixture
def three(world):
    return world.trio(bots={"support": BOT})


def hunt(node, c, **fields):
    fields.setdefault("destinations", NUMBERS)
    fields.setdefault("continueCall", True)
    return node.call("call.switch", call=c.id, **fields)["transfer"]


def number(d):
    return re.match(r"sip:([^@]+)@", d.invite.uri).group(1)


def reasons(e):
    return [(a["number"], a["reason"]) for a in e["attempts"]]


def test_hunt_the_second_answers(three):
    cust, agent, node = three
    c = connect(cust, node)
    hunt(node, c, timeout=20)
    started = node.wait_for("transfer.started", call=c.id)
    assert started["destinations"] == NUMBERS
    assert started["method"] == "bridge"
    a = agent.incoming()
    assert number(a) == "1001"
    a.reply(180)
    agent.silence(0.2, lambda m: m.method == "INVITE")
    refuse(a, 486)
    b = agent.incoming()
    assert number(b) == "1002"
    assert b.invite.call_id != a.invite.call_id
    b.reply(200, sdp=True)
    b.expect("ACK")
    bring_back(c)
    joined = node.wait_for("transfer.progress", call=c.id, phase="joined")
    assert joined["number"] == "1002"
    ids = {e["attempt"] for e in node.rpc.find("transfer.progress",
                                               call=c.id)}
    assert len(ids) == 2
    b.bye()
    bring_back(c)
    e = ended(node, c, "SUCCESS", False, "answered", number="1002")
    assert reasons(e) == [("1001", "busy"), ("1002", "answered")]
    assert e["attempts"][0]["sip"] == {"code": 486, "phrase": "Busy Here"}
    c.bye()
    gone(node, c)


def test_hunt_nobody_and_each_his_time(three):
    """A timeout of one's own, an address nobody has, a refusal."""
    cust, agent, node = three
    c = connect(cust, node)
    hunt(node, c, timeout=30, destinations=[
        {"phoneNumber": "1001", "timeout": "300ms"},
        "sip:x@%s:9" % agent.ip, {"sipUri": "1003@%s:%d" % (agent.ip,
                                                            agent.port)}])
    a = agent.incoming()
    a.reply(180)
    cancelled(a)
    b = agent.incoming()
    node.past_invites += 1      # the one that nobody saw
    assert number(b) == "1003"
    refuse(b, 603)
    e = ended(node, c, "FAIL", False, "declined", number="1003")
    assert reasons(e) == [("1001", "no_answer"), ("x", "unreachable"),
                          ("1003", "declined")]
    c.message("ping")
    c.bye()
    gone(node, c)


def test_all_ring_and_the_losers_are_told(three):
    cust, agent, node = three
    c = connect(cust, node)
    hunt(node, c, strategy="all")
    agents = {number(a): a for a in (agent.incoming() for _ in NUMBERS)}
    assert sorted(agents) == NUMBERS
    for a in agents.values():
        a.reply(180)
    win = agents.pop("1002")
    win.reply(200, sdp=True)
    win.expect("ACK")
    c.expect("INVITE")
    # They ring on until the customer's leg has taken the join.
    agent.silence(0.3, lambda m: m.method == "CANCEL")
    c.reply(200, sdp=True)
    c.expect("ACK")
    for a in agents.values():
        cancel = cancelled(a)
        assert cancel.get("reason") == (
            'SIP;cause=200;text="Call completed elsewhere"')
    win.bye()
    bring_back(c)
    e = ended(node, c, "SUCCESS", False, "answered", number="1002")
    assert sorted(reasons(e)) == [("1001", "cancelled"),
                                  ("1002", "answered"),
                                  ("1003", "cancelled")]
    c.bye()
    gone(node, c)


def test_all_two_answers_cross(three):
    cust, agent, node = three
    c = connect(cust, node)
    hunt(node, c, strategy="all", destinations=NUMBERS[:2])
    a, b = agent.incoming(), agent.incoming()
    a.reply(200, sdp=True)
    b.reply(200, sdp=True)
    a.expect("ACK")
    b.expect("ACK")
    loser = hung_up(b)
    assert "cause=200" in loser.get("reason")
    bring_back(c)
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered", number=number(a))
    c.bye()
    gone(node, c)


def test_I10_answers_and_is_gone_the_next_one(three):
    cust, agent, node = three
    c = connect(cust, node)
    hunt(node, c)
    a = agent.incoming()
    a.reply(200, sdp=True)
    a.expect("ACK")
    c.expect("INVITE")
    a.bye()
    c.reply(200, sdp=True)
    c.expect("ACK")
    b = agent.incoming()
    assert number(b) == "1002"
    b.reply(180)
    bring_back(c)               # home while the second rings
    b.reply(200, sdp=True)
    b.expect("ACK")
    bring_back(c)               # and to the second
    c.bye()
    hung_up(b)
    e = ended(node, c, "SUCCESS", True, "answered", number="1002")
    assert reasons(e) == [("1001", "agent_gone"), ("1002", "answered")]
    gone(node, c, "customer")


def test_I10_all_the_first_is_gone_the_others_rang_on(three):
    cust, agent, node = three
    c = connect(cust, node)
    hunt(node, c, strategy="all", destinations=NUMBERS[:2])
    a, b = agent.incoming(), agent.incoming()
    b.reply(180)
    a.reply(200, sdp=True)
    a.expect("ACK")
    c.expect("INVITE")
    a.bye()
    b.reply(200, sdp=True)
    b.expect("ACK")
    c.reply(200, sdp=True)
    c.expect("ACK")
    bring_back(c)
    b.bye()
    bring_back(c)
    e = ended(node, c, "SUCCESS", False, "answered", number=number(b))
    assert reasons(e) == [(number(a), "agent_gone"),
                          (number(b), "answered")]
    c.bye()
    gone(node, c)


@pytest.mark.parametrize("strategy", ["hunt", "all"])
def test_I12_customer_leaves_while_they_ring(three, strategy):
    cust, agent, node = three
    c = connect(cust, node)
    hunt(node, c, strategy=strategy, destinations=NUMBERS[:2])
    agents = [agent.incoming()]
    if strategy == "all":
        agents.append(agent.incoming())
    for a in agents:
        a.reply(180)
    c.bye()
    for a in agents:
        cancelled(a)
    e = ended(node, c, "FAIL", True, "caller_gone",
              number=number(agents[-1]) if strategy == "hunt" else "1002")
    assert {r for _, r in reasons(e)} == {"caller_gone"}
    gone(node, c, "customer")


def test_I7_redirected_within_the_trunk(three):
    cust, agent, node = three
    c = connect(cust, node)
    hunt(node, c, destinations=["1001"])
    a = agent.incoming()
    place = "%s:%d" % (agent.ip, agent.port)
    refuse(a, 302, contact=False, headers=[
        ("Contact", "<sip:bad@203.0.113.7>;q=0.9"),
        ("Contact", "<sip:late@%s>;q=0.2, <sip:2001@%s>;q=0.7" % (place,
                                                                  place))])
    b = agent.incoming()
    assert number(b) == "2001"
    assert b.invite.get("diversion") == (
        "<sip:1001@%s>;reason=unconditional" % place)
    refuse(b, 486)
    e = ended(node, c, "FAIL", False, "busy", number="1001")
    assert len(e["attempts"]) == 1
    c.bye()
    gone(node, c)


def test_I7_elsewhere_is_rejected(three):
    cust, agent, node = three
    c = connect(cust, node)
    hunt(node, c, destinations=["1001"])
    a = agent.incoming()
    refuse(a, 302, contact="<sip:1900@%s:%d>" % (cust.ip, cust.port))
    e = ended(node, c, "FAIL", False, "rejected", number="1001")
    assert e["sip"]["code"] == 302
    c.bye()
    gone(node, c)


def test_I8_retry_after_rests_the_trunk(three):
    cust, agent, node = three
    c = connect(cust, node)
    hunt(node, c, destinations=["1001"])
    refuse(agent.incoming(), 503, headers=[("Retry-After", "1")])
    ended(node, c, "FAIL", False, "unreachable", number="1001")
    hunt(node, c, destinations=["1001"])
    ended(node, c, "FAIL", False, "unreachable", number="1001", count=2)
    agent.silence(0.1)
    time.sleep(1.1)
    hunt(node, c, destinations=["1001"])
    refuse(agent.incoming(), 486)
    ended(node, c, "FAIL", False, "busy", number="1001", count=3)
    c.bye()
    gone(node, c)


def test_cancel_while_it_rings_and_while_they_talk(three):
    cust, agent, node = three
    c = connect(cust, node)
    with pytest.raises(RpcError, match="conflict"):
        node.call("transfer.cancel", call=c.id)
    hunt(node, c, destinations=["1001"])
    a = agent.incoming()
    a.reply(180)
    node.wait_for("transfer.progress", call=c.id, phase="ringing")
    assert node.call("transfer.cancel", call=c.id) == {}
    cancelled(a)
    ended(node, c, "FAIL", False, "cancelled", number="1001",
          ended_by="control")
    hunt(node, c, destinations=["1002"])
    b = agent.incoming()
    b.reply(200, sdp=True)
    b.expect("ACK")
    bring_back(c)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    node.call("transfer.cancel", call=c.id)
    hung_up(b)
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered", number="1002", count=2,
          logged=False, ended_by="control")
    c.message("ping")
    c.bye()
    gone(node, c)


def test_headers_of_the_uri(three):
    """They obey the rules of section 5.5; the switch's own come first."""
    cust, agent, node = three
    c = connect(cust, node)
    node.call("call.switch", call=c.id, method="bridge", continueCall=True,
              headers={"X-A": "switch"},
              sipUri="1001@%s:%d?X-A=uri&X-B=b%%20c&Via=evil&Subject=s" % (
                  agent.ip, agent.port))
    a = agent.incoming()
    assert a.invite.uri == "sip:1001@%s:%d" % (agent.ip, agent.port)
    assert a.invite.all("x-a") == ["switch"]
    assert a.invite.get("x-b") == "b c"
    assert a.invite.get("subject") == "s"
    assert "evil" not in "".join(a.invite.all("via"))
    node.wait_line("header Via")
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy", number="1001")
    c.bye()
    gone(node, c)
