"""The control protocol, as an integrator uses it."""

import json
import os
import socket
import subprocess
import time

import msgpack
import pytest

from harness.cases import (BOT, NUMBER, connect, ended, gone, hung_up,
                           refuse, switch, until)
from harness.node import CHANNEL, TANDEM, tandem
from harness.rpc import Rpc

EVENTS = BOT.replace("  },\n}\n", """    Told = {
      ["event!"] = "crm",
      function(call) call:say("told " .. call.request.data.text) end,
    },
  },
}
""")


@pytest.fixture
def three(world):
    return world.trio(bots={"support": EVENTS})


def test_node_info_and_stats(three):
    cust, agent, node = three
    info = node.call("node.info")
    assert info["version"] and info["node"] and info["boot"]
    assert info["pid"] == node.process.pid
    stats = node.call("node.stats")
    assert stats["legs"] == 0 and stats["rss"] > 1 << 20
    c = connect(cust, node)
    stats = node.call("node.stats")
    assert stats["legs"] == 1
    assert stats["bots"]["support"]["sessions"] == 1
    c.bye()
    gone(node, c)


def test_call_list_and_get(three):
    cust, agent, node = three
    assert node.call("call.list")["calls"] == []
    c = connect(cust, node)
    d = connect(cust, node)
    result = node.call("call.list")
    assert set(result) == {"calls", "boot", "seq"}
    assert [x["call"] for x in result["calls"]] == [c.id, d.id]
    assert result["boot"] == node.call("node.info")["boot"]
    assert result["seq"] >= max(e["seq"] for e in
                                node.rpc.find("call.answered"))
    one = node.call("call.get", call=c.id)
    assert one["call"] == c.id
    assert one["from"] == "4915112345678" and one["to"] == "100"
    assert one["channel"] == CHANNEL and one["trunk"] == "office"
    for x in (c, d):
        x.bye()
        gone(node, x)
    assert node.call("call.list")["calls"] == []


def test_events_of_a_call(three):
    """Each with its fields; numbers without a gap."""
    cust, agent, node = three
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(180)
    refuse(a, 486)
    node.wait_for("bot.say", text="Over.")
    c.bye()
    gone(node, c)
    events = node.rpc.events
    for e in events:
        assert e["v"] == 1 and e["node"] and e["boot"]
        assert abs(e["time"] / 1000 - time.time()) < 60
        assert None not in e.values()
    assert [e["seq"] for e in events] == list(
        range(events[0]["seq"], events[0]["seq"] + len(events)))
    kinds = [e["type"] for e in events]
    for first, then in (("call.started", "call.answered"),
                        ("call.answered", "transfer.started"),
                        ("transfer.started", "transfer.progress"),
                        ("transfer.progress", "transfer.ended"),
                        ("transfer.ended", "call.ended")):
        assert kinds.index(first) < kinds.index(then), kinds
    s = node.rpc.find("call.started")[0]
    assert {k: s[k] for k in ("from", "to", "channel", "trunk",
                              "sip_call_id")} == {
        "from": "4915112345678", "to": "100", "channel": CHANNEL,
        "trunk": "office", "sip_call_id": c.call_id}
    t = node.rpc.find("transfer.started")[0]
    assert t["method"] == "bridge" and t["destinations"] == [NUMBER]
    assert isinstance(t["transfer"], str) and isinstance(t["call"], str)
    for p in node.rpc.find("transfer.progress"):
        assert p["transfer"] == t["transfer"]
        assert p["number"] == NUMBER
        assert p.get("sip") is None or set(p["sip"]) == {"code", "phrase"}


def test_switch_conflict_and_key(three):
    cust, agent, node = three
    c = connect(cust, node)
    fields = {"call": c.id, "phoneNumber": NUMBER, "method": "bridge",
              "continueCall": True}
    first = node.call("call.switch", key="k1", **fields)
    assert set(first) == {"transfer"}
    again = node.call("call.switch", key="k1", **fields)
    assert again == first
    node.rpc.refused("call.switch", "conflict", key="k2", **fields)
    node.rpc.refused("call.switch", "conflict", **fields)
    a = agent.incoming()
    a.reply(180)
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy", transfer=first["transfer"])
    # Still harmless once it is over.
    assert node.call("call.switch", key="k1", **fields) == first
    agent.silence(0.2)
    assert len(node.rpc.find("transfer.started")) == 1
    c.bye()
    gone(node, c)


def test_event_into_the_bot(three):
    cust, agent, node = three
    c = connect(cust, node)
    assert node.call("call.event", call=c.id, name="crm",
                     data={"text": "hello {{ 1 + 1 }}"}) == {}
    # Text made at run time is never expanded.
    node.wait_for("bot.say", call=c.id, text="told hello {{ 1 + 1 }}")
    assert node.call("call.event", call=c.id, name="nobody.listens") == {}
    node.rpc.refused("call.event", "invalid", call=c.id)
    node.rpc.refused("call.event", "invalid", call=c.id, name=5)
    c.message("ping")
    node.wait_for("bot.say", call=c.id, text="pong")
    c.bye()
    gone(node, c)


def test_hangup(three):
    cust, agent, node = three
    c = connect(cust, node)
    assert node.call("call.hangup", call=c.id, reason="enough") == {}
    hung_up(c)
    e = gone(node, c, "control")
    assert e["call"] == c.id


def test_hangup_while_it_rings_and_while_they_talk(three):
    cust, agent, node = three
    c = connect(cust, node)
    switch(node, c, method="bridge")
    a = agent.incoming()
    a.reply(180)
    agent.silence(0.1)
    node.call("call.hangup", call=c.id)
    a.expect("CANCEL")
    a.reply(200)
    refuse(a, 487)
    hung_up(c)
    ended(node, c, "FAIL", False, "cancelled", ended_by="control")
    gone(node, c, "control")

    c = connect(cust, node)
    switch(node, c, method="bridge")
    a = agent.incoming()
    a.reply(200, sdp=True)
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    node.call("call.hangup", call=c.id)
    hung_up(a)
    hung_up(c)
    ended(node, c, "SUCCESS", False, "answered", ended_by="control")
    gone(node, c, "control")


def test_unknown_and_gone(three):
    cust, agent, node = three
    c = connect(cust, node)
    c.bye()
    gone(node, c)
    for method in ("call.get", "call.hangup", "call.switch", "call.event"):
        fields = {"call.switch": {"phoneNumber": "1"},
                  "call.event": {"name": "x"}}.get(method, {})
        node.rpc.refused(method, "gone", call=c.id, **fields)
        node.rpc.refused(method, "not_found", call="no-such-call", **fields)
        node.rpc.refused(method, "invalid", call=5, **fields)
        node.rpc.refused(method, "invalid", **fields)
    node.rpc.refused("call.dance", "not_found", call=c.id)
    node.rpc.refused("", "not_found")
    node.rpc.refused("call.get", "invalid", call=c.id, colour="red")


def test_params_of_the_wrong_shape(three):
    cust, agent, node = three
    rpc = Rpc(node.socket)
    for params in ([5], [[1]], [{}, {}], ["x"]):
        try:
            rpc.answer(rpc.send("call.list", *params))
        except Exception as e:
            assert getattr(e, "code", None) == "invalid", e
        else:
            raise AssertionError(params)
    assert rpc.call("node.info")
    rpc.close()


def test_subscribe_by_type_and_call(three):
    cust, agent, node = three
    c = connect(cust, node)
    one, two, three_ = (Rpc(node.socket) for _ in range(3))
    one.call("events.subscribe", types=["bot.say"])
    two.call("events.subscribe", call=c.id)
    d = connect(cust, node)
    d.message("ping")
    c.message("ping")
    two.wait_for("bot.say", call=c.id, text="pong")
    one.wait_for("bot.say", call=d.id, text="pong")
    one.wait_for("bot.say", call=c.id, text="pong")
    assert {e["type"] for e in one.events} == {"bot.say"}
    assert {e["call"] for e in two.events} == {c.id}
    assert not three_.events
    assert one.call("events.unsubscribe") == {}
    before = len(one.events)
    c.message("ping")
    two.wait_for("bot.say", text="pong", count=2)
    one.call("node.info")
    assert len(one.events) == before
    one.refused("events.subscribe", "invalid", types=["no.such"])
    one.refused("events.subscribe", "invalid", types="bot.say")
    for x in (c, d):
        x.bye()
        gone(node, x)
    for r in (one, two, three_):
        r.close()


def test_since_replays_and_says_gap(three):
    cust, agent, node = three
    c = connect(cust, node)
    c.bye()
    gone(node, c)
    seen = list(node.rpc.events)
    boot = seen[0]["boot"]
    late = Rpc(node.socket)
    answer = late.call("events.subscribe",
                       since={"boot": boot, "seq": seen[1]["seq"]})
    assert not answer.get("gap"), answer
    late.wait_for("call.ended")
    assert [e["seq"] for e in late.events] == [
        e["seq"] for e in seen if e["seq"] > seen[1]["seq"]]
    assert late.events == [e for e in seen if e["seq"] > seen[1]["seq"]]
    late.close()
    for since in ({"boot": "another", "seq": 1},
                  {"boot": boot, "seq": 10 ** 9}):
        other = Rpc(node.socket)
        answer = other.call("events.subscribe", since=since)
        assert answer.get("gap"), (since, answer)
        other.close()


def test_ctl_request_and_errors(three):
    cust, agent, node = three
    c = connect(cust, node)
    p = tandem("ctl", "-s", node.socket, "call.list")
    assert p.returncode == 0, p
    assert [x["call"] for x in json.loads(p.stdout)["calls"]] == [c.id]
    p = tandem("ctl", "-s", node.socket, "call.get",
               json.dumps({"call": c.id}))
    assert p.returncode == 0 and json.loads(p.stdout)["call"] == c.id
    # The socket of the working directory is the default.
    p = tandem("ctl", "node.info", cwd=node.folder)
    assert p.returncode == 0 and json.loads(p.stdout)["boot"], p
    p = tandem("ctl", "-s", node.socket, "call.get", '{"call": "x"}')
    assert p.returncode == 1 and "not_found" in p.stdout + p.stderr, p
    p = tandem("ctl", "-s", node.socket, "call.get", '{"call": ')
    assert p.returncode != 0 and p.stderr, p
    p = tandem("ctl", "-s", node.folder / "nothing", "node.info")
    assert p.returncode == 1 and p.stderr, p
    p = tandem("ctl")
    assert p.returncode != 0 and p.stderr, p
    c.bye()
    gone(node, c)


def test_ctl_follows_events(three):
    cust, agent, node = three
    p = subprocess.Popen([TANDEM, "ctl", "-s", str(node.socket), "events"],
                         stdout=subprocess.PIPE, text=True)
    try:
        time.sleep(0.5)
        c = connect(cust, node)
        c.bye()
        gone(node, c)
        kinds = []
        while "call.ended" not in kinds:
            row = p.stdout.readline()
            assert row, kinds
            kinds.append(json.loads(row)["type"])
        assert kinds[0] == "call.started" and "call.answered" in kinds
    finally:
        p.kill()
        p.wait(10)
        p.stdout.close()


def test_a_subscriber_who_never_reads_is_dropped(three):
    cust, agent, node = three
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.connect(str(node.socket))
    s.sendall(msgpack.packb([0, 1, "events.subscribe", []]))
    c = connect(cust, node)
    text = "x" * 30000
    for n in range(400):
        node.call("call.event", call=c.id, name="crm",
                  data={"text": text})
        if n % 20 == 19:
            node.wait_for("bot.say", call=c.id, count=n + 2, timeout=20)
            if node.rpc.find("subscriber.dropped"):
                break
    e = node.wait_for("subscriber.dropped")
    assert e["reason"], e
    # Others have lost nothing, and the call is as well as ever.
    c.message("ping")
    node.wait_for("bot.say", call=c.id, text="pong")
    c.bye()
    gone(node, c)
    s.settimeout(5)
    total = 0
    while True:
        try:
            data = s.recv(1 << 16)
        except ConnectionResetError:
            break
        if not data:
            break
        total += len(data)
    print("it was sent", total, "bytes")
    s.close()


@pytest.mark.parametrize("data", [
    b"\xc1", b"\xff" * 5000, os.urandom(4096), b"\x91" * 100000,
    b"\xdd\xff\xff\xff\xff", b"\xdb\xff\xff\xff\xff" + b"a" * 100,
    b"\xdf\xff\xff\xff\xff", msgpack.packb({"a": 1}),
    msgpack.packb([0, 1]), msgpack.packb([7, 1, "node.info", []]),
    msgpack.packb([0, "one", "node.info", []]),
    msgpack.packb([0, 1, 5, []]), msgpack.packb([0, 1, "node.info", {}]),
    msgpack.packb([2, "node.info", []]),
    msgpack.packb([1, 1, None, None]),
    b"GET / HTTP/1.1\r\n\r\n",
    msgpack.packb([0, 1, "x" * 1000000, []]),
], ids=lambda d: d[:6].hex())
def test_hostile_bytes_cost_only_their_sender(three, data):
    cust, agent, node = three
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(str(node.socket))
    try:
        s.sendall(data)
    except (BrokenPipeError, ConnectionResetError):
        pass
    s.settimeout(0.3)
    try:
        s.recv(4096)
    except (socket.timeout, ConnectionResetError):
        pass
    s.close()
    assert node.call("node.info")


def test_requests_in_one_packet_and_byte_by_byte(three):
    cust, agent, node = three
    s = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    s.connect(str(node.socket))
    s.settimeout(5)
    s.sendall(b"".join(msgpack.packb([0, n, "call.list", []])
                       for n in range(50)))
    for b in msgpack.packb([0, 50, "node.info", [{}]]):
        s.sendall(bytes([b]))
        time.sleep(0.001)
    unpacker, got = msgpack.Unpacker(raw=False), []
    while len(got) < 51:
        unpacker.feed(s.recv(65536))
        got += [m[1] for m in unpacker]
    assert got == list(range(51))
    s.close()


def test_a_reader_who_leaves_is_forgotten(three):
    cust, agent, node = three
    for _ in range(30):
        r = Rpc(node.socket)
        r.call("events.subscribe")
        r.close()
    c = connect(cust, node)
    c.bye()
    gone(node, c)
    fds = "/proc/%d/fd" % node.process.pid
    until(lambda: len(os.listdir(fds)) < 40, "descriptors are left")
