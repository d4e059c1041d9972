"""A bad bot harms one call: its own."""

import re
import time

import pytest

from harness.cases import (connect, gone, hung_up, latencies, refuse)
from harness.node import tandem

BAD = r"""
return bot {
  name = "bad",
  states = {
    Start = { q = "$regex</start>", a "Hi!" },
    Loop = { ["q!"] = "loop", function(call)
      while true do end
    end },
    Pcall = { ["q!"] = "pcall", function(call)
      while true do pcall(function() while true do end end) end
    end },
    Memory = { ["q!"] = "memory", function(call)
      local t = {}
      for i = 1, 1e9 do t[i] = ("x"):rep(1000) .. i end
    end },
    Rep = { ["q!"] = "rep", function(call)
      local s = ("x"):rep(1e9)
    end },
    Find = { ["q!"] = "find", function(call)
      local s = ("a"):rep(400)
      s:find(".-.-.-.-b")
    end },
    Gsub = { ["q!"] = "gsub", function(call)
      local s = ("a"):rep(4000)
      s:gsub(".*.*.*b", "")
    end },
    Error = { ["q!"] = "error", function(call)
      local nothing
      return nothing.field
    end },
    Undefined = { ["q!"] = "undefined", function(call)
      return undefinedGlobal
    end },
    Global = { ["q!"] = "global", function(call)
      leaked = 1
    end },
    Deep = { ["q!"] = "deep", function(call)
      local function f() return 1 + f() end
      f()
    end },
    Hoard = { ["q!"] = "hoard", function(call)
      local t = {}
      for i = 1, 1e9 do t[i] = { i } end
    end },
    Session = { ["q!"] = "session", function(call)
      for i = 1, 3000 do call.session["key" .. i] = "some text of a length" end
    end },
    Cycle = { ["q!"] = "cycle", function(call)
      local t = {}
      t.t = t
      call.session.cycle = t
    end },
    Coroutine = { ["q!"] = "coroutine", function(call)
      coroutine.wrap(function() call:sleep(1) end)()
    end },
    Unused = { ["q!"] = "unused", function(call)
      enter "/Start"
    end },
    Value = { ["q!"] = "value", function(call)
      return 42
    end },
    Enter = { ["q!"] = "enter", enter "/Enter" },
    Reply = { ["q!"] = "reply", function(call)
      table.insert(call.response.replies, { type = "dance" })
    end },
    Audio = { ["q!"] = "audio", function(call)
      table.insert(call.response.replies, { type = "audio", file = "x.wav" })
    end },
    Listen = { ["q!"] = "listen", function(call)
      call:listen { q = "(yes" }
    end },
    Sort = { ["q!"] = "sort", function(call)
      local t = {}
      for i = 1, 20000 do t[i] = i % 7 end
      for i = 1, 1000 do table.sort(t, function(a, b) return a > b end) end
    end },
  },
}
"""
BUDGET = "handler_instructions"
TRIES = [
    ("loop", BUDGET), ("pcall", BUDGET), ("memory", "handler_"),
    ("rep", "handler_"), ("find", BUDGET), ("gsub", BUDGET),
    ("sort", BUDGET), ("hoard", "handler_memory"), ("deep", ""),
    ("error", "nothing"), ("undefined", "undefinedGlobal"),
    ("global", "leaked"), ("session", "65536 bytes"), ("cycle", "cycle"),
    ("coroutine", "cannot wait here"), ("unused", "not used"),
    ("value", "number"), ("enter", "32"), ("reply", "dance"),
    ("audio", "x.wav"), ("listen", "listen: q"),
]

GOOD = """
return bot {
  name = "good",
  states = {
    Start = { q = "$regex</start>", a "Hi!" },
    Ping = { ["q!"] = "ping", a "pong" },
  },
}
"""


@pytest.mark.parametrize("word,names", TRIES, ids=[t[0] for t in TRIES])
def test_one_line_scriptError_and_the_call_ends(world, word, names):
    cust, agent, node = world.trio(
        bots={"bad": BAD, "good": GOOD},
        config={"channels": {"good": {"trunk": "office", "number": "200",
                                      "bot": "good"}}})
    other = connect(cust, node, "200")
    c = connect(cust, node, "100")
    waits = []

    def pong(n):
        start = time.monotonic()
        other.message("ping")
        node.wait_for("bot.say", call=other.id, text="pong", count=n)
        waits.append(time.monotonic() - start)

    for n in range(1, 6):
        pong(n)
    print("before:", latencies(waits))
    waits.clear()
    c.message(word)
    for n in range(6, 16):
        pong(n)
    print("meanwhile:", latencies(waits))
    e = node.wait_for("bot.error", call=c.id, timeout=20)
    assert e["state"] == "/" + word.capitalize()
    assert re.search(r"bad\.lua:\d+: ", e["message"]), e["message"]
    assert names in e["message"], e["message"]
    assert "\n" not in e["message"]
    print(e["message"])
    # Unhandled: the fallback prompt, and the end of that call alone.
    node.wait_for("bot.say", call=c.id,
                  text="Sorry, I did not understand you.")
    hung_up(c)
    gone(node, c, "bot")
    node.wait_line(e["message"])
    pong(16)
    rows = node.lines(e["message"].split(": ", 1)[-1])
    assert len(rows) == 1 and c.id in rows[0], rows
    other.bye()
    gone(node, other, "customer")
    assert len(node.rpc.find("bot.error")) == 1


def test_error_while_a_transfer_runs(world):
    source = """
return bot {
  name = "support",
  states = {
    Start = { q = "$regex</start>", a "Hi!" },
    Go = { ["q!"] = "go", switch { phoneNumber = "1", continueCall = true } },
    Error = { ["q!"] = "error", function(call) error("boom") end },
    Caught = { event = "scriptError", function(call)
      log("caught " .. call.request.data.message)
    end },
    Over = { event = "transfer", a "Over." },
  },
}
"""
    cust, agent, node = world.trio(bots={"support": source})
    c = connect(cust, node)
    c.message("go")
    a = agent.incoming()
    a.reply(180)
    c.message("error")
    e = node.wait_for("bot.error", call=c.id)
    assert "boom" in e["message"] and e["state"] == "/Error"
    node.wait_line("caught ")
    a.reply(200, sdp=True)
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    a.bye()
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    e = node.wait_for("transfer.ended", call=c.id)
    assert (e["status"], e["reason"]) == ("SUCCESS", "answered")
    node.wait_for("bot.say", call=c.id, text="Over.")
    c.bye()
    gone(node, c, "customer")


def test_unhandled_error_while_a_transfer_runs(world):
    """It ends the call; the transfer ends with it, and the agent's leg."""
    source = """
return bot {
  name = "support",
  states = {
    Start = { q = "$regex</start>", a "Hi!" },
    Go = { ["q!"] = "go", switch { phoneNumber = "1", continueCall = true } },
    Error = { ["q!"] = "error", function(call) error("boom") end },
  },
}
"""
    cust, agent, node = world.trio(bots={"support": source})
    c = connect(cust, node)
    c.message("go")
    a = agent.incoming()
    a.reply(180)
    c.message("error")
    node.wait_for("bot.error", call=c.id)
    a.expect("CANCEL")
    a.reply(200)
    refuse(a, 487)
    hung_up(c)
    e = node.wait_for("transfer.ended", call=c.id)
    assert (e["status"], e["hangup"], e["reason"]) == (
        "FAIL", False, "cancelled"), e
    gone(node, c, "bot")


def test_error_in_the_transfer_event(world):
    source = """
return bot {
  name = "support",
  states = {
    Start = { q = "$regex</start>", a "Hi!" },
    Go = { ["q!"] = "go", switch { phoneNumber = "1", continueCall = true } },
    Over = { event = "transfer", function(call) error("boom") end },
    Caught = { event = "scriptError", function(call) error("again") end },
  },
}
"""
    cust, agent, node = world.trio(bots={"support": source})
    c = connect(cust, node)
    c.message("go")
    a = agent.incoming()
    refuse(a, 486)
    hung_up(c)
    gone(node, c, "bot")
    # Told, but not raised a third time.
    assert [e["state"] for e in node.rpc.find("bot.error")] == [
        "/Over", "/Caught"]


GREEDY = """
return bot {
  name = "support",
  states = {
    Start = { q = "$regex</start>", a "Hi!" },
    Keep = { ["q!"] = "keep", function(call)
      for i = 1, 10 do
        call.session["k" .. i] = ("x"):rep(5000) .. i
      end
      call:say "kept"
    end },
    Ping = { ["q!"] = "ping", a "pong" },
  },
}
"""


def test_a_bot_at_its_memory_gets_no_new_calls(world):
    """503 and bot.limit; its live calls go on, other bots are served."""
    cust, agent, node = world.trio(
        bots={"bad": GREEDY, "good": GOOD},
        config={"limits": {"bot_memory": "1M"}, "channels": {
            "good": {"trunk": "office", "number": "200", "bot": "good"}}})
    calls = []
    for _ in range(60):
        c = cust.invite(node, "100")
        if c.expect((200, 503)).status == 503:
            break
        c.ack()
        c.id = node.wait_for("call.started", sip_call_id=c.call_id)["call"]
        c.message("keep")
        node.wait_for("bot.say", call=c.id, text="kept")
        calls.append(c)
    else:
        raise AssertionError("60 calls of 50 kB were taken")
    print(len(calls), "calls were taken")
    assert len(calls) > 3
    assert node.wait_for("bot.limit")["bot"] == "bad"
    calls[0].message("ping")
    node.wait_for("bot.say", call=calls[0].id, text="pong")
    other = connect(cust, node, "200")
    other.bye()
    for c in calls:
        c.bye()
        gone(node, c, "customer")
    again = connect(cust, node, "100")
    again.bye()


SYNTAX = """
return bot {
  name = "support",
  states = {
    Start = { q = "$regex</start>" a "Hi!" },
  },
}
"""


def test_syntax_error_never_starts(world, tmp_path):
    (tmp_path / "broken.lua").write_text(SYNTAX)
    (tmp_path / "tandem.lua").write_text(
        'return { bots = { support = "broken.lua" }, channels = {},'
        ' default_bot = "support", control = { listen = {} } }')
    for args in (["-c", "tandem.lua"], ["check", "-c", "tandem.lua"]):
        p = tandem(*args, cwd=tmp_path)
        assert p.returncode == 1, p
        text = (p.stdout + p.stderr).strip().splitlines()
        rows = [l for l in text if re.match(r"\S*broken\.lua:5: ", l)]
        assert len(rows) == 1, text
        print(rows[0])
