"""A thousand calls held at once, then released: nothing stays."""

import os
import time

from harness.cases import BOT, until


CALLS = 1000


def test_hold_1000_and_release(world, monkeypatch):
    # A sanitizer's quarantine would look like memory never given back.
    monkeypatch.setenv("ASAN_OPTIONS", ":".join(filter(None, [
        os.environ.get("ASAN_OPTIONS"), "quarantine_size_mb=4"])))
    ip = world.peer("tester").ip
    node = world.node(bots={"support": BOT}, timers={"t1x64": "1500ms"},
                      config={"trunks": {"office": {
                          "uri": "sip:%s:9" % ip, "match": [ip]}},
                          "log": {"level": "warn"}})

    def hold(round):
        cust = world.sipp("customer_hold.xml", node.sip, calls=CALLS,
                          rate=250, limit=CALLS, ip=ip)
        until(lambda: node.live_calls() == CALLS, "not all are up", 30)
        node.wait_for("call.answered", count=CALLS * round, timeout=20)
        stats = node.stats()
        rss = node.rss()
        assert stats["legs"] == CALLS
        bots = stats["bots"]["support"]
        assert bots["sessions"] == CALLS and bots["coroutines"] == 0
        start = time.monotonic()
        for c in node.call("call.list")["calls"]:
            node.call("call.hangup", call=c["call"])
        row = cust.wait()
        assert int(row["SuccessfulCall(C)"]) == CALLS, row
        node.wait_for("call.ended", count=CALLS * round, timeout=20)
        print("released in %.1f s" % (time.monotonic() - start))
        node.quiet(timeout=20)
        return rss

    first = node.rss()
    held = hold(1)
    after = node.rss()
    again = hold(2)
    end = node.rss()
    mb = 1 << 20
    print("RSS before %.1f, held %.1f, released %.1f, held again %.1f, "
          "released %.1f MB; %.1f kB a held call" % (
              first / mb, held / mb, after / mb, again / mb, end / mb,
              (held - first) / CALLS / 1024))
    stats = node.stats()
    assert stats["timers"] <= 2, stats
    assert stats["media_ports"] == 0
    # What the first round leaves is caches; the second adds nothing.
    assert end < after + 8 * mb
    assert end < first + 64 * mb
    assert len(node.cdrs(2 * CALLS)) == 2 * CALLS
