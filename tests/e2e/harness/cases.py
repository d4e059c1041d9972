"""Ladders and checks that many tests share."""

import json
import time

NUMBER = "16123456789"

# Answers, says what it hears of transfers, and nothing else: the hand-over
# is asked for over the control protocol.
BOT = """
return bot {
  name = "support",
  states = {
    Start = { q = "$regex</start>", a "Hi!" },
    Ping = { ["q!"] = "ping", a "pong" },
    Over = {
      event = "transfer",
      function(call) log(call.dialer.getTransferStatus()) end,
      a "Over.",
    },
  },
}
"""

DETAILS = {"method", "reason", "sip", "attempts", "ring_ms", "talk_ms",
           "ended_by", "recording"}
ENVELOPE = {"v", "node", "boot", "seq", "time", "type", "call", "leg",
            "transfer", "attempt"}
REASONS = {"answered", "busy", "declined", "no_answer", "unreachable",
           "rejected", "refer_rejected", "no_outcome", "unauthorized",
           "caller_gone", "agent_gone", "join_failed", "cancelled",
           "overload"}


def ping(peer, node):
    """The node serves: an OPTIONS gets 200."""
    peer.options(node)


def track(node, c):
    """Notes the call's id on the dialog."""
    c.id = node.wait_for("call.started", sip_call_id=c.call_id)["call"]
    return c


def connect(cust, node, user="100", **kw):
    """A call that the bot has answered."""
    c = cust.invite(node, user, **kw)
    c.expect(200)
    c.ack()
    track(node, c)
    node.wait_for("call.answered", call=c.id)
    return c


def switch(node, c, number=NUMBER, **fields):
    """Asks for a hand-over by the control protocol; its id."""
    if number is not None and "sipUri" not in fields:
        fields["phoneNumber"] = number
    return node.call("call.switch", call=c.id, **fields)["transfer"]


def join(c, agent, answer=200):
    """From the agent's INVITE to two parties who talk."""
    a = agent.incoming()
    a.reply(180)
    a.reply(200, sdp=True)
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    return a


def bring_back(c):
    """The re-INVITE that ends a talk with continueCall."""
    r = c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    return r


def refuse(a, status, **kw):
    """The agent's final refusal, and its ACK."""
    a.reply(status, to=a.invite, **kw)
    a.expect("ACK")


def cancelled(a, timeout=6):
    """The agent's side of a CANCEL."""
    cancel = a.expect("CANCEL", timeout)
    a.reply(200)
    refuse(a, 487)
    return cancel


def hung_up(d, timeout=6):
    """The node says BYE."""
    bye = d.expect("BYE", timeout)
    d.reply(200)
    return bye


def line(status, hangup, number=NUMBER):
    """What log(status) prints."""
    return '{"status":"%s","hangup":%s,"number":"%s"}' % (
        status, "true" if hangup else "false", number)


def ended(node, c, status, hangup, reason, timeout=8, count=1,
          logged=True, number=NUMBER, **fields):
    """The one outcome of a transfer, in the stream, the log and the bot."""
    e = node.wait_for("transfer.ended", timeout=timeout, call=c.id,
                      count=count)
    assert (e["status"], e["hangup"], e["reason"]) == (
        status, hangup, reason), e
    assert e["number"] == number, e
    for key, value in fields.items():
        assert e.get(key) == value, e
    check_details(e, set(e) - ENVELOPE)
    if logged:
        node.wait_line(line(status, hangup, number), count=count)
    return e


def check_details(e, keys):
    assert {"status", "hangup", "number"} <= keys, keys
    assert keys <= DETAILS | {"status", "hangup", "number"}, keys
    assert e["method"] in ("refer", "bridge"), e
    assert e["reason"] in REASONS, e
    assert e["status"] in ("SUCCESS", "FAIL"), e
    assert e.get("ended_by") in (None, "customer", "agent", "bot", "control",
                                 "node"), e
    for a in e["attempts"]:
        assert set(a) <= {"number", "reason", "sip", "ring_ms"}, a
        assert a["reason"] in REASONS, a
    for s in [e.get("sip")] + [a.get("sip") for a in e["attempts"]]:
        assert s is None or set(s) == {"code", "phrase"}, s


def gone(node, c, ended_by=None, timeout=8):
    """The call's end."""
    e = node.wait_for("call.ended", timeout=timeout, call=c.id)
    if ended_by:
        assert e["ended_by"] == ended_by, e
    return e


def latencies(rows):
    """Median and worst of a list of seconds, in ms, for the reader."""
    rows = sorted(rows)
    return "n %d, median %.1f ms, worst %.1f ms" % (
        len(rows), rows[len(rows) // 2] * 1e3, rows[-1] * 1e3)


def until(test, what, timeout=5):
    end = time.monotonic() + timeout
    while not test():
        assert time.monotonic() < end, what
        time.sleep(0.02)


def show(value):
    return json.dumps(value, indent=1, sort_keys=True)
