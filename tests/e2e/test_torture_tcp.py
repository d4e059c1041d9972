"""The torture messages as a stream: whole, damaged, cut, one behind another.

Case T6 over TCP. Connections that say nothing sensible cost a connection and
nothing else; the node answers an OPTIONS by UDP meanwhile.
"""

import os
import random
import socket
import time

import pytest

from harness.cases import BOT, connect, gone, ping, until
from harness.mutate import mutate
from harness.rpc import RpcError
from harness.torture import names, torture

SEED = int(os.environ.get("E2E_SEED", "4475"))
MUTATIONS = int(os.environ.get("E2E_MUTATIONS", "1000"))


@pytest.fixture(scope="module")
def pcap():
    """Not for tshark: an answer repeats what the request's headers say."""
    return None


@pytest.fixture
def target(world):
    cust, agent, node = world.trio(tcp=True, bots={"support": BOT}, config={
        "default_bot": "support", "sip": {"accept": "any"}})
    cust.auto_reply("BYE")
    yield cust, node
    if node.process.poll() is None:
        end_all(node)
        ping(cust, node)
        cust.drop_all()


def end_all(node):
    for c in node.call("call.list")["calls"]:
        try:
            node.call("call.hangup", call=c["call"])
        except RpcError as e:
            assert e.code == "gone", e
    until(lambda: not node.live_calls(), "calls are left", 15)


class Stream:
    """A connection that may be closed on us at any time."""

    def __init__(self, node):
        self.sock = socket.create_connection(node.sip, 5)
        self.sock.settimeout(0.05)

    def send(self, data):
        """False: the node has closed it, or does not read."""
        try:
            self.sock.sendall(data)
            return True
        except OSError:
            return False

    def read(self):
        data = b""
        try:
            while True:
                more = self.sock.recv(65536)
                if not more:
                    return data
                data += more
        except OSError:
            return data

    def close(self):
        self.sock.close()


def by_tcp(data):
    return data.replace(b"SIP/2.0/UDP", b"SIP/2.0/TCP")


@pytest.mark.parametrize("pieces", [1, 7, 0])
def test_T6_rfc_4475_by_tcp(target, pieces):
    """Whole, in pieces, and byte by byte (of some)."""
    cust, node = target
    for name in names() if pieces else names()[::12]:
        data = by_tcp(torture(name, cust, node))
        s = Stream(node)
        step = len(data) // pieces + 1 if pieces else 1
        for at in range(0, len(data), step):
            if not s.send(data[at:at + step]):
                break
            if pieces > 1:
                time.sleep(0.001)
        s.close()
        ping(cust, node)


def test_T6_mutations_by_tcp(target):
    """Many on one connection: where one ends is anybody's guess."""
    cust, node = target
    r = random.Random(SEED)
    seeds = [by_tcp(torture(n, cust, node)) for n in names()]
    s = Stream(node)
    made = 1
    for n in range(MUTATIONS):
        if not s.send(mutate(r, r.choice(seeds), seeds)) or \
                r.random() < 0.05:
            s.close()
            s = Stream(node)
            made += 1
        if n % 50 == 49:
            s.read()
            ping(cust, node)
        if n % 250 == 249:
            end_all(node)
    s.close()
    print(made, "connections")
    ping(cust, node)


@pytest.mark.parametrize("what", ["A", "crlf", "headers", "length", "zero",
                                  "random"])
def test_T6_a_stream_without_end(target, what):
    """Megabytes that never make a message: bounded, and nobody else waits."""
    cust, node = target
    start = (b"OPTIONS sip:a@b SIP/2.0\r\nVia: SIP/2.0/TCP h;branch=z9hG4bKx"
             b"\r\n")
    first, again = {
        "A": (b"", b"A" * 65536), "crlf": (b"", b"\r\n" * 32768),
        "headers": (start, b"X-A: b\r\n" * 8192),
        "length": (start + b"Content-Length: 4294967295\r\n\r\n",
                   b"x" * 65536),
        "zero": (b"", b"\0" * 65536),
        "random": (b"", random.Random(SEED).randbytes(65536)),
    }[what]
    c = connect(cust, node)
    before = node.rss()
    s = Stream(node)
    s.send(first)
    worst = sent = 0
    for _ in range(160):            # 10 MB, unless it is cut off before
        if not s.send(again):
            break
        sent += len(again)
        begun = time.monotonic()
        ping(cust, node)
        worst = max(worst, time.monotonic() - begun)
    print("%s: %d kB taken, OPTIONS at worst %.0f ms, RSS %+d kB" % (
        what, sent >> 10, worst * 1e3, (node.rss() - before) >> 10))
    c.message("ping")
    node.wait_for("bot.say", call=c.id, text="pong")
    if not node.sanitized():
        assert node.rss() - before < 4 << 20
    assert worst < 1
    s.close()
    c.bye()
    gone(node, c, "customer")
