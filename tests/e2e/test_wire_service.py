"""call:request: services over the control protocol, good and bad ones."""

import re
import subprocess
import sys
import time

import msgpack

from harness.cases import connect, gone, until
from harness.node import ROOT
from harness.service import Service

BOT = """
local function show(v)
  if type(v) ~= "table" then return tostring(v) end
  local names = {}
  for k in pairs(v) do names[#names + 1] = k end
  table.sort(names)
  for i, k in ipairs(names) do names[i] = k .. "=" .. show(v[k]) end
  return "{" .. table.concat(names, " ") .. "}"
end

return bot {
  name = "support",
  states = {
    Start = { q = "$regex</start>", a "Hi!" },
    Ping = { ["q!"] = "ping", a "pong" },
    Ask = { ["event!"] = "ask", noContext = true, function(call)
      local d = call.request.data
      local result, reason = call:request(d.service, d.method, d.params)
      log("asked: " .. show(result) .. " " .. tostring(reason))
      return show(result) .. " " .. tostring(reason)
    end },
    Gone = { event = "hangup", function(call) log "hung up" end },
    Bad = { ["event!"] = "scriptError", noContext = true, function(call)
      return "error " .. call.request.data.message:match "%d+: (.+)"
    end },
  },
}
"""

TIMERS = {"request": "400ms"}


def begin(world):
    cust, agent, node = world.trio(bots={"support": BOT}, timers=TIMERS)
    return node, connect(cust, node)


def ask(node, c, service="crm", method="find", params=None, wait=True):
    data = {"service": service, "method": method}
    if params is not None:
        data["params"] = params
    n = len(node.said(c.id))
    node.call("call.event", call=c.id, name="ask", data=data)
    if not wait:
        return None
    node.rpc.wait_for("bot.say", call=c.id, count=n + 1)
    return node.said(c.id)[n]


def end(node, c):
    c.bye()
    gone(node, c)


def stats(node):
    return node.call("node.stats")["services"]


def test_asked_and_answered(world):
    node, c = begin(world)

    def answer(method, params=None):
        if method == "find":
            return {"name": "Ann", "number": params["number"], "vip": True,
                    "list": [1, 2.5, "x"]}
        if method == "nothing":
            return None
        if method == "text":
            return "plain \u20ac"
        raise Service.Refused({"code": "invalid", "message": "no\nway"})

    s = Service(node.socket, "crm", ["find", "nothing", "text", "fail"],
                answer)
    assert s.error is None
    assert ask(node, c, params={"number": "4930"}) == (
        "{list={1=1 2=2.5 3=x} name=Ann number=4930 vip=true} nil")
    assert ask(node, c, method="nothing") == "nil nil"
    assert ask(node, c, method="text") == "plain \u20ac nil"
    assert ask(node, c, method="fail") == "nil no way"
    assert [(m, p) for _, m, p in s.asked] == [
        ("find", [{"number": "4930"}]), ("nothing", []), ("text", []),
        ("fail", [])]
    numbers = [n for n, _, _ in s.asked]
    assert len(set(numbers)) == 4
    assert ask(node, c, method="other") == "nil not_found"
    assert ask(node, c, service="erp") == "nil not_found"
    assert ask(node, c, params=[1, 2]) == (
        "error call:request: params: named fields are needed, not a list")
    s.close()
    until(lambda: stats(node)["services"] == 0, "services")
    assert ask(node, c) == "nil not_found"
    end(node, c)


def test_slow_and_gone(world):
    node, c = begin(world)
    s = Service(node.socket, "crm", ["find"], lambda *a: Service.HOLD)
    begun = time.monotonic()
    assert ask(node, c) == "nil timeout"
    assert 0.35 < time.monotonic() - begun < 2
    # The late answer is nobody's, and harms nobody.
    s.send([1, s.asked[0][0], None, "late"])
    until(lambda: stats(node)["unasked"] == 1, "unasked")
    ask(node, c, wait=False)
    until(lambda: len(s.asked) == 2, "asked")
    begun = time.monotonic()
    s.close()
    node.wait_for("bot.say", call=c.id, text="nil gone", timeout=2)
    assert time.monotonic() - begun < 0.3
    assert stats(node)["waiting"] == 0
    end(node, c)


def test_half_closed_is_gone(world):
    node, c = begin(world)
    s = Service(node.socket, "crm", ["find"], lambda *a: Service.HOLD)
    ask(node, c, wait=False)
    until(lambda: s.asked, "asked")
    s.sock.shutdown(1)
    node.wait_for("bot.say", call=c.id, text="nil gone", timeout=2)
    s.close()
    end(node, c)


def test_wrong_answers(world):
    node, c = begin(world)
    box = []
    s = Service(node.socket, "crm", ["find"], lambda *a: box.pop(0)(s))

    def raw(*message, extra=b""):
        box.append(lambda s: msgpack.packb(
            [1, s.asked[-1][0], *message]) + extra)

    raw(None, b"\xff\xfe")                      # bin
    assert ask(node, c) == "nil invalid"
    raw(None, {1: 2})                           # a key that is no string
    assert ask(node, c) == "nil invalid"
    raw(7, None)
    assert ask(node, c) == "nil error"
    raw({"code": "limit"}, None)
    assert ask(node, c) == "nil limit"
    raw("x" * 1000, None)
    assert ask(node, c) == "nil " + "x" * 199
    raw("both", "result")
    assert ask(node, c) == "nil both"
    # Another id, a doubled answer, a response to nothing.
    box.append(lambda s: msgpack.packb([1, 4000000000, None, 1]) +
               2 * msgpack.packb([1, s.asked[-1][0], None, "good"]))
    assert ask(node, c) == "good nil"
    # Not the protocol: closed, and so it is gone.
    box.append(lambda s: b"\xc1 what")
    assert ask(node, c) == "nil gone"
    s.close()
    end(node, c)


def test_a_name_is_one_clients(world):
    node, c = begin(world)
    a = Service(node.socket, "crm", ["find"], lambda *x: "a")
    b = Service(node.socket, "crm", ["find"], lambda *x: "b", register=False)
    assert a.error is None
    assert b.register("crm", ["find"]) == "conflict"
    for name, methods in (("a b", ["x"]), ("crm2", []), ("crm2", [""]),
                          ("x" * 65, ["x"]), ("crm2", ["a\nb"])):
        assert b.register(name, methods) == "invalid", (name, methods)
    assert b.register("crm2", ["x"] * 65) == "limit"
    for i in range(8):
        assert b.register("more%d" % i, ["x"]) is None
    assert b.register("more8", ["x"]) == "limit"
    # Again by the same client: its methods are now these.
    assert b.register("more1", ["y"]) is None
    assert stats(node)["services"] == 9
    assert ask(node, c) == "a nil"
    a.close()
    until(lambda: stats(node)["services"] == 8, "services")
    assert b.register("crm", ["find"]) == "limit"
    b.close()
    until(lambda: stats(node)["services"] == 0, "services")
    b = Service(node.socket, "crm", ["find"], lambda *x: "b")
    assert ask(node, c) == "b nil"
    b.close()
    end(node, c)


def test_who_does_not_read_is_asked_nothing_more(world):
    cust, agent, node = world.trio(bots={"support": BOT}, timers=TIMERS)
    s = Service(node.socket, "crm", ["find"], None, register=False)
    assert s.register("crm", ["find"]) is None
    calls = [connect(cust, node) for _ in range(20)]
    big = {"text": "x" * 60000}
    for round in range(3):
        for c in calls:
            ask(node, c, params=big, wait=False)
    for c in calls:
        node.wait_for("bot.say", call=c.id, count=3)
    said = [t for c in calls for t in node.said(c.id)]
    assert set(said) == {"Hi!", "nil timeout", "nil limit"}, set(said)
    assert said.count("nil limit") > 10
    node.call("node.info")
    s.close()
    for c in calls:
        end(node, c)


def test_who_leaves_hears_the_answer(world):
    node, c = begin(world)
    s = Service(node.socket, "crm", ["find"],
                lambda *a: time.sleep(0.2) or "done")
    ask(node, c, wait=False)
    until(lambda: s.asked, "asked")
    c.bye()
    gone(node, c)
    node.wait_line("hung up")
    log = node.log()
    assert log.index("asked: done nil") < log.index("hung up")
    s.close()


def test_the_example_of_the_protocol_runs(world):
    text = (ROOT / "core" / "control" / "PROTOCOL.md").read_text()
    text = text[text.index("## 6. Services"):]
    code = re.search(r"```python\n(.*?)```", text, re.S).group(1)
    bot = re.search(r"```lua\n(.*?)```", text, re.S).group(1)
    cust, agent, node = world.trio(bots={"support": bot})
    p = subprocess.Popen([sys.executable, "-c", code], cwd=node.folder)
    try:
        until(lambda: stats(node)["services"] == 1, "services")
        c = connect(cust, node, frm="16125550100")
        node.wait_for("bot.say", call=c.id, text="Hello Ann.")
        end(node, c)
        c = connect(cust, node, frm="1")
        node.wait_for("bot.say", call=c.id, text="Hello.")
        node.wait_line("no such customer")
        end(node, c)
    finally:
        p.kill()
        p.wait()
