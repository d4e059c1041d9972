"""Malformed hand-overs: refused whole, with one precise line."""

import pytest

from harness.cases import (NUMBER, connect, gone, ping, refuse)
from harness.lua import lua

# A switch that is wrong in one way, and what the message must name.
BAD = [
    ("no_target", {"timeout": "30"}, "phoneNumber"),
    ("number_empty", {"phoneNumber": ""}, "phoneNumber"),
    ("number_letters", {"phoneNumber": "call me"}, "phoneNumber"),
    ("number_long", {"phoneNumber": "1" * 65}, "phoneNumber"),
    ("number_table", {"phoneNumber": {"a": 1}}, "phoneNumber"),
    ("number_boolean", {"phoneNumber": True}, "phoneNumber"),
    ("number_float", {"phoneNumber": 1.5}, "phoneNumber"),
    ("number_crlf", {"phoneNumber": "123\r\nX: y"}, "phoneNumber"),
    ("uri_number", {"sipUri": 7}, "sipUri"),
    ("uri_empty", {"sipUri": ""}, "sipUri"),
    ("uri_scheme", {"sipUri": "http://example.com"}, "sipUri"),
    ("uri_method", {"sipUri": "sip:a@127.0.0.1;method=BYE"}, "method"),
    ("uri_header_crlf", {"sipUri": "sip:a@127.0.0.1?X-A=b%0D%0AVia:c"},
     "X-A"),
    ("uri_crlf", {"sipUri": "sip:a@127.0.0.1\r\nX: y"}, "sipUri"),
    ("timeout_negative", {"phoneNumber": "1", "timeout": -1}, "timeout"),
    ("timeout_negative_text", {"phoneNumber": "1", "timeout": "-5"},
     "timeout"),
    ("timeout_zero", {"phoneNumber": "1", "timeout": 0}, "timeout"),
    ("timeout_word", {"phoneNumber": "1", "timeout": "soon"}, "timeout"),
    ("timeout_boolean", {"phoneNumber": "1", "timeout": True}, "timeout"),
    ("timeout_table", {"phoneNumber": "1", "timeout": {"s": 1}}, "timeout"),
    ("headers_text", {"phoneNumber": "1", "headers": "X: y"}, "headers"),
    ("header_value_table", {"phoneNumber": "1", "headers": {"X-A": {"b": 1}}},
     "X-A"),
    ("header_value_crlf", {"phoneNumber": "1",
                           "headers": {"X-A": "b\r\nX-B: c"}}, "X-A"),
    ("header_value_lf", {"phoneNumber": "1", "headers": {"X-A": "b\nc"}},
     "X-A"),
    ("header_value_nul", {"phoneNumber": "1", "headers": {"X-A": "b\0c"}},
     "X-A"),
    ("header_name_crlf", {"phoneNumber": "1",
                          "headers": {"X\r\nX-B": "c"}}, "header"),
    ("header_name_space", {"phoneNumber": "1", "headers": {"X A": "c"}},
     "header"),
    ("header_name_empty", {"phoneNumber": "1", "headers": {"": "c"}},
     "header"),
    ("method_unknown", {"phoneNumber": "1", "method": "teleport"},
     "method"),
    ("method_number", {"phoneNumber": "1", "method": 5}, "method"),
    ("channel_number", {"phoneNumber": "1", "transferChannel": 5},
     "transferChannel"),
    ("continue_text", {"phoneNumber": "1", "continueCall": "yes"},
     "continueCall"),
    ("recording_text", {"phoneNumber": "1", "continueRecording": 1},
     "continueRecording"),
    ("unknown_field", {"phoneNumber": "1", "phonenumber": "2"},
     "phonenumber"),
    ("destinations_text", {"destinations": "1"}, "destinations"),
    ("destinations_empty", {"destinations": []}, "destinations"),
    ("destinations_wrong", {"destinations": ["1", {"phoneNumber": True}]},
     "destinations[2].phoneNumber"),
    ("destinations_many", {"destinations": [str(i) for i in range(11)]},
     "at most 10"),
    ("destinations_refer", {"destinations": ["1", "2"], "method": "refer"},
     "several destinations"),
    ("not_yet_music", {"phoneNumber": "1", "music": "song.wav"}, "music"),
    ("strategy_unknown", {"phoneNumber": "1", "strategy": "any"},
     "strategy"),
]

BOT = """
return bot {
  name = "support",
  states = {
    Start = { q = "$regex</start>", a "Hi!" },
    Ping = { ["q!"] = "ping", a "pong" },
    Error = { event = "scriptError", a "Oh." },
    Over = { event = "transfer", a "Over." },
%s
  },
}
"""
STATE = """    %s = { ["q!"] = "%s", a "never sent", function(call)
      local r = %s
      r.type = "switch"
      table.insert(call.response.replies, r)
    end },"""


def words(name):
    """What the customer types to reach the state."""
    return "try " + name.replace("_", " ")


def test_by_a_bot(world):
    """Each raises scriptError, with one line; nothing is half-made."""
    states = [STATE % ("S" + name, words(name), lua(fields))
              for name, fields, _ in BAD]
    cust, agent, node = world.trio(
        bots={"support": BOT % "\n".join(states)})
    c = connect(cust, node)
    for i, (name, fields, word) in enumerate(BAD):
        c.message(words(name))
        e = node.wait_for("bot.error", call=c.id, count=i + 1)
        assert e["state"] == "/S" + name, (name, e)
        assert word in e["message"], (name, e["message"])
        assert "\n" not in e["message"], (name, e)
        assert "support.lua:" in e["message"] + e.get("traceback", ""), (name, e)
        node.wait_for("bot.say", call=c.id, text="Oh.", count=i + 1)
        print("%-24s %s" % (name, e["message"]))
    assert "never sent" not in node.said(c.id)  # unsent replies are dropped
    c.message("ping")
    node.wait_for("bot.say", call=c.id, text="pong")
    assert not node.rpc.find("transfer.started")
    assert len(node.rpc.find("bot.error")) == len(BAD)
    for i, (name, _, _) in enumerate(BAD):
        e = node.rpc.find("bot.error")[i]
        node.wait_line(e["message"])
    c.bye()
    gone(node, c, "customer")
    assert not agent.received("INVITE") and not cust.received("REFER")


def test_over_control(world):
    """Error `invalid`, no scriptError, the bot hears nothing of it."""
    cust, agent, node = world.trio(bots={"support": BOT % ""})
    c = connect(cust, node)
    for name, fields, word in BAD:
        text = node.rpc.refused("call.switch", "invalid", call=c.id,
                                **fields)
        assert word in text, (name, text)
        print("%-24s %s" % (name, text))
    c.message("ping")
    node.wait_for("bot.say", call=c.id, text="pong")
    assert node.said(c.id) == ["Hi!", "pong"]
    assert not node.rpc.find("bot.error")
    assert not node.rpc.find("transfer.started")
    c.bye()
    gone(node, c, "customer")
    assert not agent.received("INVITE") and not cust.received("REFER")


@pytest.mark.parametrize("fields", [
    {"continueCall": True, "method": "refer", "transferChannel": "far"},
])
def test_refer_over_another_trunk_is_invalid(world, fields):
    cust, agent, node = world.trio(bots={"support": BOT % ""}, config={
        "trunks": {"far": {"uri": "sip:127.0.0.1:9", "match": ["127.9.9.9"]}},
        "channels": {"far": {"trunk": "far", "number": "1",
                             "bot": "support"}}})
    c = connect(cust, node)
    node.rpc.refused("call.switch", "invalid", call=c.id,
                     phoneNumber=NUMBER, **fields)
    assert not node.rpc.find("transfer.started")
    c.bye()
    gone(node, c)


def test_a_switch_must_be_the_last_reply(world):
    state = """    Twice = { ["q!"] = "twice", function(call)
      call.response.replies = {
        { type = "switch", phoneNumber = "1" },
        { type = "text", text = "after it" },
      }
    end },"""
    cust, agent, node = world.trio(bots={"support": BOT % state})
    c = connect(cust, node)
    c.message("twice")
    e = node.wait_for("bot.error", call=c.id)
    assert "last" in e["message"], e
    assert not node.rpc.find("transfer.started")
    c.bye()
    gone(node, c)


def test_a_second_switch_while_one_runs(world):
    state = """    Go = { ["q!"] = "go", function(call)
      call.response.replies = { { type = "switch", phoneNumber = "1",
        continueCall = true } }
    end },"""
    cust, agent, node = world.trio(bots={"support": BOT % state})
    c = connect(cust, node)
    c.message("go")
    a = agent.incoming()
    a.reply(180)
    node.rpc.refused("call.switch", "conflict", call=c.id, phoneNumber="2")
    assert not node.rpc.find("bot.error")
    c.message("go")
    e = node.wait_for("bot.error", call=c.id)
    assert "transfer" in e["message"], e
    refuse(a, 486)
    node.wait_for("bot.say", call=c.id, text="Over.")
    assert len(node.rpc.find("transfer.started")) == 1
    c.bye()
    gone(node, c)


PROTECTED = ["Via", "v", "From", "f", "To", "t", "Call-ID", "i", "CSeq",
             "Contact", "m", "Max-Forwards", "Max-Breadth", "Route",
             "Record-Route", "Refer-To", "r", "Referred-By", "b", "Replaces",
             "Content-Type", "c", "Content-Length", "l", "Content-Encoding",
             "MIME-Version", "Authorization", "WWW-Authenticate",
             "Proxy-Authorization", "Require", "Supported", "k", "Allow",
             "Allow-Events", "u", "Expires", "Session-Expires", "x",
             "Min-SE", "RSeq", "RAck", "Event", "o", "Subscription-State",
             "Privacy", "P-Asserted-Identity", "P-Preferred-Identity",
             "Diversion", "User-Agent", "user-agent", "CALL-ID"]


def test_protected_headers_are_left_out(world):
    """One log line for each, no scriptError, the transfer goes on."""
    headers = {name: "evil" for name in PROTECTED}
    headers["X-Good"] = "yes"
    state = """    Go = { ["q!"] = "go", function(call)
      call.response.replies = { { type = "switch", phoneNumber = "1",
        continueCall = true, headers = %s } }
    end },""" % lua(headers)
    cust, agent, node = world.trio(bots={"support": BOT % state})
    c = connect(cust, node)
    c.message("go")
    a = agent.incoming()
    assert a.invite.get("X-Good") == "yes"
    assert b"evil" not in a.invite.data
    node.wait_line("was left out", count=len(PROTECTED))
    for name in PROTECTED:
        rows = [l for l in node.log().splitlines()
                if "header" in l.lower() and
                any(w.strip("'\"`:,;.()") == name for w in l.split())]
        assert len(rows) == 1, (name, rows)
        assert c.id in rows[0]
    assert not node.rpc.find("bot.error")
    refuse(a, 486)
    node.wait_for("bot.say", call=c.id, text="Over.")
    c.bye()
    gone(node, c)
    ping(cust, node)
