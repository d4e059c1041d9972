"""RTP from strangers, and what is none: case T9, as far as ports exist."""

import os
import socket
import struct

from harness import net
from harness.cases import BOT, connect, gone, ping
from harness.message import Sdp


def rtp(seq, ssrc=1, payload=0, body=b"\xff" * 160, first=0x80):
    return struct.pack("!BBHII", first, payload, seq & 0xffff, seq * 160,
                       ssrc) + body


def test_T9_a_port_that_everybody_writes_to(world):
    cust, agent, node = world.trio(bots={"support": BOT}, config={
        "media": {"mode": "rtp", "ports": [30000, 30039]}})
    c = connect(cust, node)
    there = (node.ip, Sdp(c.answer.body).port)
    garbage = [b"", b"\x80", b"\0" * 11, os.urandom(1400), b"\xff" * 65000,
               rtp(1, first=0x9f), rtp(1, first=0xb0), rtp(1, first=0x40),
               rtp(2, payload=127), rtp(3, body=b""), rtp(60000), rtp(5),
               # a key that was never pressed, a BYE and a report of RTCP
               rtp(6, payload=101, body=b"\x05\x8a\x03\x20"),
               struct.pack("!BBHI", 0x81, 203, 1, 1),
               struct.pack("!BBHI", 0x9f, 200, 0xffff, 1)]
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as stranger, \
            socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as own:
        stranger.bind((net.address(), 0))
        stranger.settimeout(0.2)
        own.bind((cust.ip, 40000))
        for n in range(20):
            for data in garbage:
                for s in (stranger, own):
                    for port in (there[1], there[1] + 1):
                        s.sendto(data, (node.ip, port))
            for ssrc in (7, 8):         # another source every time
                own.sendto(rtp(n * 1000, ssrc=ssrc), there)
        ping(cust, node)
        try:
            data, _ = stranger.recvfrom(2000)
            raise AssertionError("a stranger got %r" % data[:20])
        except socket.timeout:
            pass
    assert not node.rpc.find("dtmf")
    c.message("ping")
    node.wait_for("bot.say", call=c.id, text="pong")
    c.bye()
    gone(node, c, "customer")
    assert node.stats()["media_ports"] == 0
