"""Bots reloaded while calls are up; log and CDR file opened anew."""

import os
import signal
import time

import msgpack

from harness.cases import connect, gone, hung_up, until
from harness.rpc import Rpc, RpcError


def bot(version, extra=""):
    """A bot whose answers tell its version."""
    return """
local calls = 0
return bot {
  name = "support",
  states = {
    Start = { q = "$regex</start>", a "Hello from %(n)s" },
    Which = { ["q!"] = "which", a "I am %(n)s" },
    Wait = { ["q!"] = "wait", function(call)
      call:sleep(0.5)
      call:say "Waited in %(n)s"
    end },
    Bye = { ["q!"] = "bye", a "Bye from %(n)s", hangup() },
    %(extra)s
  },
}
""" % {"n": version, "extra": extra}


BAD = bot("bad", "Lost = { ['q!'] = 'lost', enter '/Strat' },")


def three(world, **bots):
    """A node of its own: what the test before has loaded is not there."""
    cust, agent = world.peer("cust"), world.peer("agent")
    return cust, agent, world.node(cust, agent, bots=bots or {
        "support": bot("one")})


def write(node, source, name="support"):
    (node.folder / (name + ".lua")).write_text(source)


def versions(node, name="support"):
    bots = {b["name"]: b for b in node.call("bot.list")["bots"]}
    return bots[name]["versions"]


def calls(node):
    return {v["version"]: v["calls"] for v in versions(node)}


def test_new_calls_get_the_new_version(world):
    cust, agent, node = three(world)
    v, = versions(node)
    assert v["version"] == 1 and v["current"] and v["calls"] == 0, v
    assert v["file"].endswith("/support.lua"), v
    assert abs(v["loaded"] / 1000 - time.time()) < 60, v
    assert v["states"] == 1 and v["bytes"] > 0, v

    first = connect(cust, node)
    node.wait_for("bot.say", call=first.id, text="Hello from one")
    first.message("wait")
    write(node, bot("two"))
    assert node.call("bot.reload", bot="support") == {"version": 2}
    node.wait_line("version 2 takes the new calls")
    assert [(v["version"], v["current"], v["calls"])
            for v in versions(node)] == [(2, True, 0), (1, False, 1)]

    second = connect(cust, node)
    node.wait_for("bot.say", call=second.id, text="Hello from two")
    assert calls(node) == {2: 1, 1: 1}
    for c, n in ((first, "one"), (second, "two")):
        c.message("which")
        node.wait_for("bot.say", call=c.id, text="I am " + n)
    # also a handler that waited across the reload
    assert "Waited in one" in node.said(first.id)

    for c, n in ((first, "one"), (second, "two")):
        c.message("bye")
        hung_up(c)
        gone(node, c, "bot")
        node.wait_for("bot.say", call=c.id, text="Bye from " + n)
    until(lambda: calls(node) == {2: 0}, "version 1 is not freed")
    assert node.stats()["bots"]["support"]["versions"] == 1


def test_bad_bot_is_refused(world):
    cust, agent, node = three(world)
    c = connect(cust, node)
    write(node, BAD)
    text = node.rpc.refused("bot.reload", "invalid", bot="support")
    line = 1 + BAD[:BAD.index("Lost")].count("\n")
    assert "support.lua:%d: /Lost: there is no state '/Strat'; did you " \
        "mean '/Start'?" % line in text, text
    node.wait_line("there is no state '/Strat'")
    node.wait_line("version 1 stays")
    assert calls(node) == {1: 1}

    # a file that is gone, and one that is no Lua
    (node.folder / "support.lua").unlink()
    text = node.rpc.refused("bot.reload", "invalid", bot="support")
    assert "support.lua: No such file" in text, text
    write(node, "return bot { states = { A = { a 'x' a 'y' } } }")
    text = node.rpc.refused("bot.reload", "invalid", bot="support")
    assert "support.lua:1:" in text and "missing comma" in text, text

    d = connect(cust, node)
    node.wait_for("bot.say", call=d.id, text="Hello from one")
    for x in (c, d):
        x.bye()
        gone(node, x)
    assert calls(node) == {1: 0}


def test_many_errors_are_told_in_one_line(world):
    cust, agent, node = three(world)
    write(node, "return bot { states = { %s } }" % "".join(
        "S%d = { enter '/Nowhere%d' },\n" % (i, i) for i in range(90)))
    text = node.rpc.refused("bot.reload", "invalid", bot="support")
    assert "/S0" in text and text.endswith("more in the log"), text
    node.wait_line("there is no state", count=90)


def test_wrong_requests(world):
    cust, agent, node = three(world)
    assert "suport" in node.rpc.refused("bot.reload", "not_found",
                                        bot="suport")
    node.rpc.refused("bot.reload", "invalid")
    node.rpc.refused("bot.list", "invalid", bot="support")
    assert calls(node) == {1: 0}


def test_warnings_of_a_reload(world):
    cust, agent, node = three(world)
    write(node, bot("two", "Near = { event = 'hangupp', a 'x' },"))
    got = node.call("bot.reload", bot="support")
    assert got["version"] == 2, got
    if "warnings" in got:           # what is warned of is check's affair
        assert all(": warning: " in w for w in got["warnings"]), got


def test_sighup(world):
    cust, agent, node = three(
        world, support=bot("one"), other=bot("o1"))
    c = connect(cust, node)
    write(node, bot("two"))
    write(node, BAD, "other")
    node.process.send_signal(signal.SIGHUP)
    node.wait_line("reload: done, with 1 errors")
    node.wait_line("other.lua:")
    assert calls(node) == {2: 0, 1: 1}
    other, = versions(node, "other")
    assert other["version"] == 1
    d = connect(cust, node)
    node.wait_for("bot.say", call=d.id, text="Hello from two")
    for x in (c, d):
        x.bye()
        gone(node, x)
    assert not node.lines("has changed")


def test_node_reload(world):
    cust, agent, node = three(
        world, support=bot("one"), other=bot("o1"))
    assert node.call("node.reload") == {}
    assert calls(node) == {2: 0}
    write(node, BAD, "other")
    # What is asked behind it is answered behind it.
    a = node.rpc.send("node.reload")
    b = node.rpc.send("bot.list")
    again = node.rpc.send("node.reload")
    try:
        node.rpc.answer(a)
        assert False, "accepted"
    except Exception as e:
        assert e.code == "invalid" and "other.lua" in e.message, e
    bots = {x["name"]: x["versions"] for x in node.rpc.answer(b)["bots"]}
    assert bots["support"][0]["version"] == 3, bots
    assert [v["version"] for v in bots["other"]] == [2], bots
    try:
        node.rpc.answer(again)
        assert False, "accepted"
    except Exception as e:
        assert e.code == "invalid", e
    ping = node.call("node.info")
    assert ping["calls"] == 0


def test_who_asks_and_leaves(world):
    cust, agent, node = three(world)
    clients = [Rpc(node.socket) for _ in range(20)]
    for i, r in enumerate(clients):
        r.send("node.reload")
        if i % 2:
            r.sock.sendall(msgpack.packb([2, "node.reload", []]))
            r.send("node.info")
        if i < 10:
            r.close()
    for r in clients[10:]:
        assert r.answer(1) == {}
        r.close()
    until(lambda: node.stats()["control"]["clients"] == 1, "clients left")
    assert node.call("node.reload") == {}
    assert calls(node) == {versions(node)[0]["version"]: 0}


def test_loading_holds_up_nobody(world):
    """A bot that computes for a fifth of a second when it is loaded."""
    cust, agent, node = three(world)
    c = connect(cust, node)
    slow = ("local t = {}\nfor i = 1, 1e5 do "
            "t[i % 100] = ('x'):rep(100) .. i end\n")
    write(node, slow + bot("two"))
    number = node.rpc.send("bot.reload", {"bot": "support"})
    other = Rpc(node.socket)
    worst = rounds = 0
    start = time.monotonic()
    while number not in node.rpc.answers:
        before = time.monotonic()
        other.call("node.info")
        worst = max(worst, time.monotonic() - before)
        rounds += 1
    took = time.monotonic() - start
    other.close()
    assert node.rpc.answer(number) == {"version": 2}
    print("loaded in %.0f ms, a client waited %.1f ms at most, %d answers" % (
        took * 1e3, worst * 1e3, rounds))
    assert rounds > 5 and (took < 0.05 or worst < took / 2), (took, worst)
    c.message("which")
    node.wait_for("bot.say", call=c.id, text="I am one")
    c.bye()
    gone(node, c)


def test_asked_for_again_while_it_is_loaded(world):
    cust, agent, node = three(world)
    slow = "for i = 1, 1e6 do end\n"
    write(node, slow + bot("two"))
    first = Rpc(node.socket)
    a = first.send("bot.reload", {"bot": "support"})
    until(lambda: node.call("node.info") and True, "an answer")
    write(node, slow + BAD)
    b = node.rpc.send("bot.reload", {"bot": "support"})
    try:
        node.rpc.answer(b)
        assert False, "accepted"
    except RpcError as e:
        assert e.code == "invalid" and "/Strat" in e.message, e
    try:
        first.answer(a)
    except RpcError:
        pass                    # it may have met the file half written
    first.close()
    assert node.call("node.info")["calls"] == 0


def test_ended_while_a_bot_is_loaded(world):
    cust, agent, node = three(world)
    write(node, "for i = 1, 2e6 do end\n" + bot("two"))
    node.rpc.send("bot.reload", {"bot": "support"})
    node.rpc.send("node.reload")
    assert node.stop() == 0


def test_changed_config_is_told(world):
    cust, agent, node = three(world)
    text = node.file.read_text()
    try:
        node.file.write_text(text.replace("bots", "bost", 1))
        m = node.rpc.refused("node.reload", "invalid")
        assert "tandem.lua" in m and "bost" in m, m
        node.file.write_text("return {")
        m = node.rpc.refused("node.reload", "invalid")
        assert "tandem.lua:1:" in m, m
        node.file.write_text(text.replace("1500ms", "1600ms", 1))
        got = node.call("node.reload")
        assert len(got["warnings"]) == 1, got
        assert "restarted" in got["warnings"][0], got
        node.wait_line("takes effect when the node is restarted")
        # written otherwise, and yet the same
        node.file.write_text("-- a comment\n" + text)
        assert node.call("node.reload") == {}
    finally:
        node.file.write_text(text)
    c = connect(cust, node)
    node.wait_for("bot.say", call=c.id, text="Hello from one")
    c.bye()
    gone(node, c)


def test_log_and_cdr_are_opened_anew(world):
    cust = world.peer("cust")
    node = world.node(cust, cust, bots={"support": bot("one")},
                      config={"log": {"file": "node.log"}})

    def call():
        c = connect(cust, node)
        c.bye()
        gone(node, c)
        return c.id

    def has(name, text):
        path = node.folder / name
        return path.exists() and text in path.read_text()

    first = call()
    until(lambda: has("cdr.jsonl", first), "the first CDR")
    os.rename(node.folder / "node.log", node.folder / "node.log.1")
    os.rename(node.folder / "cdr.jsonl", node.folder / "cdr.jsonl.1")
    node.process.send_signal(signal.SIGHUP)
    until(lambda: has("node.log", "reload: done"), "no new log")
    second = call()
    until(lambda: has("cdr.jsonl", second), "no CDR in the new file")
    assert first not in (node.folder / "cdr.jsonl").read_text()
    assert has("cdr.jsonl.1", first) and not has("cdr.jsonl.1", second)
    assert has("node.log.1", "SIGHUP") or has("node.log", "SIGHUP")

    # Where it cannot be had, the one there is stays.
    os.remove(node.folder / "cdr.jsonl")
    os.mkdir(node.folder / "cdr.jsonl")
    m = node.rpc.refused("node.reload", "invalid")
    assert "cdr.file" in m and "go on in the file they have" in m, m
    os.rmdir(node.folder / "cdr.jsonl")
    assert node.call("node.reload") == {}
    third = call()
    until(lambda: has("cdr.jsonl", third), "no CDR after that")
    node.cdr_from = 0


CALLS = 200
RELOADS = 50


def test_fifty_reloads_under_two_hundred_calls(world, monkeypatch):
    monkeypatch.setenv("ASAN_OPTIONS", ":".join(filter(None, [
        os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=4"])))
    cust, agent, node = three(world, support=bot(0))
    # Of one call and more, up to four of each version.
    pairs = []
    worst = 0
    for n in range(RELOADS + 1):
        if n:
            write(node, bot(n))
            start = time.monotonic()
            assert node.call("bot.reload", bot="support") == {
                "version": n + 1}
            worst = max(worst, time.monotonic() - start)
        while len(pairs) < CALLS * (n + 1) / (RELOADS + 1):
            pairs.append((connect(cust, node), n))
    assert len(pairs) == CALLS and node.live_calls() == CALLS
    got = calls(node)
    assert len(got) == RELOADS + 1 and sum(got.values()) == CALLS, got
    held = node.stats()["bots"]["support"]
    assert held["sessions"] == CALLS

    for c, n in pairs:
        c.message("which")
    for c, n in pairs:
        node.wait_for("bot.say", call=c.id, text="I am %d" % n)
        assert node.said(c.id) == ["Hello from %d" % n, "I am %d" % n]
    # The old ones first, then in the middle, so that versions end in turn.
    for c, n in pairs[:CALLS // 2] + pairs[:CALLS // 2 - 1:-1]:
        c.bye()
    for c, n in pairs:
        gone(node, c, "customer")
    until(lambda: calls(node) == {RELOADS + 1: 0}, "versions are left")
    left = node.stats()["bots"]["support"]
    print("reload answered in at most %.1f ms; %d bytes in %d versions, "
          "%d in the last" % (worst * 1e3, held["bytes"],
                              held["versions"], left["bytes"]))
    assert left["versions"] == 1 and left["states"] == 1, left
    assert left["bytes"] < held["bytes"] / 20, (left, held)


def test_memory_comes_back(world, monkeypatch):
    monkeypatch.setenv("ASAN_OPTIONS", ":".join(filter(None, [
        os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=4"])))
    cust, agent, node = three(world)
    c = connect(cust, node)
    for _ in range(30):
        node.call("bot.reload", bot="support")
    first = node.rss()
    for _ in range(300):
        node.call("bot.reload", bot="support")
    assert node.rss() < first + (4 << 20), (first, node.rss())
    assert calls(node) == {331: 0, 1: 1}
    c.message("which")
    node.wait_for("bot.say", call=c.id, text="I am one")
    c.bye()
    gone(node, c)
    until(lambda: calls(node) == {331: 0}, "version 1 is left")
