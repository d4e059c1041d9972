"""What a bot can do on purpose; a second call is served all the while."""

import socket
import time

import msgpack
import pytest

from harness.cases import connect, gone, hung_up, latencies
from harness.node import tandem

TOP = r"""
local cos = {}
for i = 1, 15000 do
  cos[i] = coroutine.create(function()
    local x <close> = setmetatable({}, { __close = function()
      if cos[i + 1] then coroutine.close(cos[i + 1]) end
    end })
    coroutine.yield()
  end)
  coroutine.resume(cos[i])
end
local function closer(f) return setmetatable({}, { __close = f }) end
local function forever() while true do end end
local function emptied()
  local e = {}
  for i = 1, 60000 do e[i .. ""] = true end
  for k in pairs(e) do e[k] = nil end
  return e
end
"""

BUDGET = "handler_instructions"
SORRY = "Sorry, I did not understand you."

# word, what the handler does, what the error names (None: it goes on)
ABUSES = [
    ("closing", "coroutine.close(cos[1]) error 'closed'", "closed"),
    ("hookless", """
        local co = coroutine.create(function()
          local y <close> = closer(forever)
          forever()
        end)
        local x <close> = closer(function() coroutine.close(co) end)
        coroutine.resume(co)""", BUDGET),
    ("cyclic", """
        local t = setmetatable({}, {})
        getmetatable(t).__call = t
        t()""", "stack overflow"),
    ("recursion", """
        local function f() return 1 + f() end
        pcall(f)""", "stack overflow"),
    ("numbers", """
        local s = ("0"):rep(1000000)
        while true do tonumber(s) end""", BUDGET),
    ("arithmetic", """
        local s = ("0"):rep(1000000)
        while true do local x = s + 0 end""", BUDGET),
    ("compare", """
        local a, b = ("0"):rep(1000000), ("0"):rep(1000000)
        while true do local x = a <= b end""", BUDGET),
    ("long", "local s = ('x'):rep(1900000)", "1 MB"),
    ("sorting", """
        local s, t = ("0"):rep(1000000), {}
        for i = 1, 3000 do t[i] = s end
        table.sort(t, function(a, b) return a < b end)""", BUDGET),
    ("emptied", "local e = emptied() while true do next(e) end", BUDGET),
    ("walking", """
        local e, t = emptied(), {}
        for i = 1, 1000 do t[i] = e end
        while true do log(t) end""", BUDGET),
    ("loading", """
        local src, t, k = ("a=1 "):rep(8000), {}, ("x"):rep(1000)
        for i = 1, 35 do t[i] = k:rep(100) end
        for i = 1, 1000 do
          local f = load(src)
          if not f then break end
          t[#t + 1] = f
        end
        call:say "goes on" """, "handler_"),
    ("texts", """
        local s, t = ("x"):rep(65000), {}
        for i = 1, 1000 do t[i] = { type = "text", text = s } end
        call.response.replies = t""", BUDGET),
    ("saying", "while true do call:say 'x' end", None),
    ("working", "while true do for i = 1, 900000 do end call:say 'x' end",
     None),
    ("sleeping", """
        while true do for i = 1, 900000 do end call:sleep(0) end""", None),
    ("converting", """
        local s = ("0"):rep(1000000)
        while true do
          for i = 1, 90 do local x = s + 0 end
          call:say "x"
        end""", None),
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


def bad_bot():
    states = ["""
    S%s = { ["q!"] = "%s", function(call)
        %s
    end },""" % (word, word, body) for word, body, _ in ABUSES]
    return TOP + """
return bot {
  name = "bad",
  states = {
    Start = { q = "$regex</start>", a "Hi!" },%s
  },
}
""" % "".join(states)


def setting(world):
    return world.trio(
        bots={"bad": bad_bot(), "good": GOOD},
        config={"limits": {"bot_memory": "128M"},
                "timers": {"after_hangup": "1s"},
                "channels": {"good": {"trunk": "office", "number": "200",
                                      "bot": "good"}}})


class Second:
    """A call of another bot; `ping()` says how long it waits."""

    def __init__(self, cust, node):
        self.node = node
        self.call = connect(cust, node, "200")
        self.count = 0

    def ping(self):
        start = time.monotonic()
        self.count += 1
        self.call.message("ping")
        self.node.wait_for("bot.say", call=self.call.id, text="pong",
                           count=self.count)
        self.node.call("node.info")
        return time.monotonic() - start

    def bye(self):
        self.call.bye()
        gone(self.node, self.call, "customer")


@pytest.mark.parametrize("word,names", [(a[0], a[2]) for a in ABUSES],
                         ids=[a[0] for a in ABUSES])
def test_it_harms_its_own_call(world, word, names):
    cust, agent, node = setting(world)
    other = Second(cust, node)
    before = [other.ping() for _ in range(5)]
    c = connect(cust, node, "100")
    c.message(word)
    waits = []
    for _ in range(15):
        waits.append(other.ping())
        time.sleep(0 if names else 0.03)
    print("%-12s before: %s; meanwhile: %s" % (
        word, latencies(before), latencies(waits)))
    assert max(waits) < 1
    if names:
        e = node.wait_for("bot.error", call=c.id, timeout=20)
        assert names in e["message"], e["message"]
        assert e["state"] == "/S" + word
        assert "goes on" not in node.said(c.id)
        node.wait_for("bot.say", call=c.id, text=SORRY)
        hung_up(c)
        gone(node, c, "bot")
    else:
        assert not node.rpc.find("bot.error")
        c.bye()
        gone(node, c, "customer")
    other.bye()


def test_many_at_once(world):
    """Twenty calls that work hard for ever; one that does not."""
    cust, agent, node = setting(world)
    other = Second(cust, node)
    calls = [connect(cust, node, "100") for _ in range(20)]
    for c in calls:
        c.message("working")
    other.ping()                    # they have begun
    waits = []
    for _ in range(30):
        waits.append(other.ping())
        time.sleep(0.03)
    print("20 calls at work: %s" % latencies(waits))
    assert max(waits) < 1
    for c in calls:
        c.bye()
        gone(node, c, "customer")
    other.bye()


def test_it_is_refused_or_loaded_in_time(world, tmp_path):
    """At the top of a file: `tandem check` comes to an end and says why."""
    (tmp_path / "tandem.lua").write_text(
        'return { bots = { bad = "bad.lua" }, default_bot = "bad",'
        ' channels = {}, control = { listen = {} } }')
    for word, body, names in ABUSES:
        if "call" in body.replace("__call", ""):
            continue
        (tmp_path / "bad.lua").write_text(
            TOP + "do " + body + " end\nreturn bot { 'x' }")
        start = time.monotonic()
        p = tandem("check", "-c", "tandem.lua", cwd=tmp_path)
        took = time.monotonic() - start
        text = (p.stdout + p.stderr).strip()
        print("%-12s %.2f s: %s" % (word, took, text[-100:]))
        # at load there are more instructions: some come to an end
        assert p.returncode in (0, 1) and "bad.lua" in text, p
        assert p.returncode == 1 or word == "sorting", p
        assert took < 10


def test_a_flood_of_replays(world):
    """A client that asks for all events again and again, and reads none."""
    cust, agent, node = setting(world)
    other = Second(cust, node)
    for _ in range(300):
        node.call("call.event", call=other.call.id, name="nothing")
    c = connect(cust, node, "100")
    c.message("saying")
    boot = node.call("node.info")["boot"]
    time.sleep(1)
    c.bye()
    gone(node, c, "customer")
    before = node.rss()
    with socket.socket(socket.AF_UNIX) as s:
        s.connect(str(node.socket))
        s.setblocking(False)
        seq = node.call("call.list")["seq"]
        data = b"".join(msgpack.packb([0, i, "events.subscribe", [
            {"since": {"boot": boot, "seq": max(seq - 8000, 0)}}]])
            for i in range(3000))
        sent, end = 0, time.monotonic() + 3
        while sent < len(data) and time.monotonic() < end:
            try:
                sent += s.send(data[sent:sent + 65536])
            except BlockingIOError:
                time.sleep(0.01)
        waits = [other.ping() for _ in range(10)]
        grown = node.rss() - before
        print("%d bytes sent, grown by %.1f MB, %s" % (
            sent, grown / 1e6, latencies(waits)))
        assert grown < 40e6
        assert max(waits) < 1
    other.bye()
