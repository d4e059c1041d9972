"""The bot of the contract's section 4, over real SIP, to each of its ends."""

import re

import pytest

from harness.cases import (ENVELOPE, NUMBER, bring_back, cancelled,
                           check_details, connect, ended, gone, hung_up,
                           join, line, refuse)
from harness.message import Sdp, uri_of
from harness.node import CHANNEL, ROOT

BRIDGE = ROOT / "bots" / "support.lua"
REFER = ROOT / "bots" / "support_refer.lua"

WAITING = {"Transferring you to the agent. Please stay on the line.",
           "Putting you through to an agent. Please stay on the line."}
THANKS = "Thank you for contacting us. Please rate our service."
BUSY = "All our agents are currently busy. We will reach out to you later."

CDR = {"call", "from", "to", "channel", "trunk", "sip_call_id", "started",
       "answered", "ended", "states", "ended_by", "transfers"}


def asked(cust, node):
    """A customer who has asked for an agent."""
    c = connect(cust, node)
    node.wait_for("bot.say", call=c.id, text="Hi! How can I help?")
    c.message("Transfer me to an agent!")
    node.wait_for("transfer.started", call=c.id)
    assert node.said(c.id)[1] in WAITING
    return c


def cdr(node, c, ended_by, states):
    """The one CDR, in the file and as an event alike."""
    e = gone(node, c, ended_by)
    row = node.cdrs()[0]
    assert set(row) == CDR, row
    assert row == {k: v for k, v in e.items()
                   if k not in ENVELOPE or k == "call"}
    assert row["from"] == "4915112345678" and row["to"] == "100"
    assert row["channel"] == CHANNEL and row["trunk"] == "office"
    assert row["sip_call_id"] == c.call_id
    assert row["started"] <= row["answered"] <= row["ended"]
    assert row["started"] > 1.5e12
    assert row["states"] == states, row
    assert len(row["transfers"]) == 1
    t = row["transfers"][0]
    check_details(t, set(t) - {"transfer"})
    event = node.wait_for("transfer.ended", call=c.id)
    for key in ("status", "hangup", "number", "reason", "method"):
        assert t[key] == event[key], (t, event)
    return row


def one_line(node, status, hangup):
    """log(status) has printed exactly this, once."""
    node.wait_line(line(status, hangup))
    found = re.findall(r'\{"status".*?\}', node.log())
    assert found == [line(status, hangup)], found


def back_with(node, c, text):
    """The bot has the customer again, in TransferEvent."""
    node.wait_for("bot.state", call=c.id, state="/TransferEvent")
    node.wait_for("bot.say", call=c.id, text=text)


STATES = ["/Start", "/TransferToAgent", "/TransferEvent"]


# -- as it stands: bridge, the customer comes back ----------------------------

def test_bridge_agent_hangs_up_customer_comes_back(world):
    cust, agent, node = world.trio(bots={"support": BRIDGE})
    c = asked(cust, node)
    a = agent.incoming()
    i = a.invite
    assert uri_of(i.get("to")) == i.uri
    assert i.uri == "sip:%s@%s:%d" % (NUMBER, agent.ip, agent.port)
    assert i.get("callReason") == "support"
    assert i.get("crmClientId") == "none"
    assert "sip:4915112345678@" in i.get("from")
    offer = Sdp(i.body)
    assert offer.port == 40000 and offer.address == cust.ip
    a.reply(180)
    a.reply(200, sdp=agent.sdp(port=41000))
    a.expect("ACK")
    r = c.expect("INVITE")
    assert (Sdp(r.body).port, Sdp(r.body).address) == (41000, agent.ip)
    c.reply(200, sdp=True)
    c.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    a.bye()
    back = bring_back(c)
    assert Sdp(back.body).direction == "inactive"
    back_with(node, c, THANKS)
    e = ended(node, c, "SUCCESS", False, "answered", method="bridge",
              ended_by="agent")
    assert len(e["attempts"]) == 1
    assert e["attempts"][0]["number"] == NUMBER
    assert e["attempts"][0]["sip"] == {"code": 200, "phrase": "OK"}
    c.message("thank you", status=200)
    c.bye()
    row = cdr(node, c, "customer", STATES)
    assert row["transfers"][0]["attempts"] == e["attempts"]
    one_line(node, "SUCCESS", False)
    phases = [p["phase"] for p in
              node.rpc.find("transfer.progress", call=c.id)]
    assert phases == ["dialing", "ringing", "answered", "joined"], phases


@pytest.mark.parametrize("code,reason", [(486, "busy"), (603, "declined")])
def test_bridge_agent_refuses(world, code, reason):
    cust, agent, node = world.trio(bots={"support": BRIDGE})
    c = asked(cust, node)
    a = agent.incoming()
    a.reply(180)
    refuse(a, code)
    back_with(node, c, BUSY)
    e = ended(node, c, "FAIL", False, reason, method="bridge")
    assert e["sip"]["code"] == code
    assert e["attempts"][0]["reason"] == reason
    c.bye()
    cdr(node, c, "customer", STATES)
    one_line(node, "FAIL", False)


@pytest.mark.parametrize("timeout", ['"1"', "1"])
def test_bridge_nobody_answers(world, timeout):
    source = BRIDGE.read_text().replace('"30"', timeout)
    assert "timeout = %s" % timeout in source
    cust, agent, node = world.trio(bots={"support": source})
    c = asked(cust, node)
    a = agent.incoming()
    a.reply(180)
    cancelled(a)
    back_with(node, c, BUSY)
    e = ended(node, c, "FAIL", False, "no_answer")
    assert 900 <= e["ring_ms"] <= 3000, e
    c.bye()
    cdr(node, c, "customer", STATES)
    one_line(node, "FAIL", False)


def test_bridge_customer_hangs_up_while_it_rings(world):
    cust, agent, node = world.trio(bots={"support": BRIDGE})
    c = asked(cust, node)
    a = agent.incoming()
    a.reply(180)
    node.wait_for("transfer.progress", call=c.id, phase="ringing")
    c.bye()
    cancelled(a)
    ended(node, c, "FAIL", True, "caller_gone", ended_by="customer")
    cdr(node, c, "customer", STATES)
    one_line(node, "FAIL", True)


def test_bridge_customer_hangs_up_while_they_talk(world):
    cust, agent, node = world.trio(bots={"support": BRIDGE})
    c = asked(cust, node)
    a = join(c, agent)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered", ended_by="customer")
    cdr(node, c, "customer", STATES)
    one_line(node, "SUCCESS", True)


def test_bridge_over_sipp(world):
    """The same ladder, twenty times, with SIPp on both sides."""
    agent = world.sipp("agent.xml", calls=20)
    cust_ip = world.peer("tester").ip
    node = world.node(bots={"support": BRIDGE}, config={"trunks": {
        "office": {"uri": agent.uri, "match": [cust_ip, agent.ip]}}})
    cust = world.sipp("customer_bridge.xml", node.sip, calls=20, rate=20,
                      ip=cust_ip)
    stats = cust.wait()
    agent.wait()
    assert int(stats["SuccessfulCall(C)"]) == 20, stats
    node.wait_for("call.ended", count=20)
    outcomes = [(e["status"], e["hangup"], e["reason"])
                for e in node.rpc.find("transfer.ended")]
    assert outcomes == [("SUCCESS", False, "answered")] * 20
    node.wait_line(line("SUCCESS", False), count=20)
    assert len(node.rpc.find("bot.say", text=THANKS)) == 20
    assert len(node.cdrs(20)) == 20
    node.past_invites = 20 * 3      # dialled, joined, brought back


# -- its REFER form -----------------------------------------------------------

def referred(c):
    """The REFER, accepted."""
    r = c.expect("REFER")
    c.reply(202)
    return r


def test_refer_notify_100_and_200(world):
    cust, agent, node = world.trio(bots={"support": REFER})
    c = asked(cust, node)
    r = referred(c)
    target = uri_of(r.get("refer-to"))
    assert target.startswith("sip:%s@%s:%d?" % (NUMBER, agent.ip,
                                                 agent.port)), target
    assert set(target.split("?")[1].split("&")) == {
        "callReason=support", "crmClientId=none"}
    assert r.get("referred-by")
    assert r.tag("to") == c.tag
    c.notify("SIP/2.0 100 Trying\r\n")
    c.notify("SIP/2.0 200 OK\r\n")
    c.bye()
    e = ended(node, c, "SUCCESS", False, "answered", method="refer")
    assert e["sip"]["code"] == 200
    cdr(node, c, "customer", STATES)
    one_line(node, "SUCCESS", False)
    assert THANKS not in node.said(c.id)    # he cannot hear it any more
    assert not agent.received("INVITE")


@pytest.mark.parametrize("code,reason", [(486, "busy"), (603, "declined")])
def test_refer_agent_refuses(world, code, reason):
    cust, agent, node = world.trio(bots={"support": REFER})
    c = asked(cust, node)
    referred(c)
    c.notify("SIP/2.0 100 Trying\r\n")
    c.notify("SIP/2.0 %d Whatever\r\n" % code)
    e = ended(node, c, "FAIL", False, reason, method="refer")
    assert e["sip"]["code"] == code
    back_with(node, c, BUSY)
    hung_up(c)          # said, and nothing more was asked for
    cdr(node, c, "bot", STATES)
    one_line(node, "FAIL", False)
    assert not agent.received("INVITE")


@pytest.mark.parametrize("timeout", ['"1"', "1"])
def test_refer_nobody_answers(world, timeout):
    source = REFER.read_text().replace('"30"', timeout)
    cust, agent, node = world.trio(bots={"support": source},
                                   timers={"refer_final": "300ms"})
    c = asked(cust, node)
    referred(c)
    c.notify("SIP/2.0 180 Ringing\r\n")
    ended(node, c, "FAIL", False, "no_answer", method="refer")
    back_with(node, c, BUSY)
    hung_up(c)
    gone(node, c)
    one_line(node, "FAIL", False)


def test_refer_customer_hangs_up_while_it_rings(world):
    cust, agent, node = world.trio(bots={"support": REFER}, timers={
        "refer_quick": "100ms", "refer_grace": "200ms"})
    c = asked(cust, node)
    referred(c)
    c.notify("SIP/2.0 180 Ringing\r\n")
    cust.silence(0.3)
    c.bye()
    ended(node, c, "FAIL", True, "caller_gone", ended_by="customer")
    cdr(node, c, "customer", STATES)
    one_line(node, "FAIL", True)


def test_refer_over_sipp(world):
    cust_ip = world.peer("tester").ip
    node = world.node(bots={"support": REFER}, config={"trunks": {
        "office": {"uri": "sip:%s:5060" % cust_ip, "match": [cust_ip]}}})
    cust = world.sipp("customer_refer.xml", node.sip, calls=20, rate=20,
                      ip=cust_ip)
    stats = cust.wait()
    assert int(stats["SuccessfulCall(C)"]) == 20, stats
    node.wait_for("call.ended", count=20)
    outcomes = [(e["status"], e["hangup"], e["reason"])
                for e in node.rpc.find("transfer.ended")]
    assert outcomes == [("SUCCESS", False, "answered")] * 20
    node.wait_line(line("SUCCESS", False), count=20)
