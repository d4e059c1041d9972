"""TCP: cases T2, T3, T5 (size) and I13 (refused)."""

import socket
import time

import pytest

from harness.cases import (BOT, bring_back, connect, ended, gone, hung_up,
                           join, ping, refuse, switch, until)
from harness.message import Message
from harness.rpc import RpcError
from harness.tcp import way

PAD = ("X-Pad", "p" * 1400)


@pytest.fixture
def duo(world):
    """Customer and agent on TCP."""
    cust = world.peer("cust", tcp=True)
    agent = world.peer("agent", tcp=True)
    node = world.node(cust, agent, bots={"support": BOT}, tcp=True)
    return cust, agent, node


def test_call_and_bridge_by_tcp(duo):
    cust, agent, node = duo
    c = connect(cust, node)
    assert ";transport=tcp" in c.target
    switch(node, c, method="bridge", continueCall=True)
    a = join(c, agent)
    assert a.invite.by == "tcp" and way(a.invite) == "tcp"
    assert ";transport=tcp" in a.invite.contact
    # Its parameters are the trunk's affair, not the number's.
    assert "transport" not in a.invite.uri
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")
    # One connection each way was enough.
    assert agent.accepted == 1 and cust.accepted == 0


def test_refer_by_tcp(duo):
    cust, agent, node = duo
    c = connect(cust, node)
    switch(node, c, method="refer")
    r = c.expect("REFER")
    assert r.by == "tcp"
    c.reply(202)
    c.notify()
    ended(node, c, "SUCCESS", False, "answered", logged=False)
    hung_up(c)


def test_options_by_tcp(duo):
    cust, agent, node = duo
    ping(cust, node)
    ping(agent, node)


@pytest.mark.parametrize("param", [";transport=tcp", ""])
def test_T2_connection_closed_between_requests(duo, param):
    """The next request dials the Contact, though it may not say by what."""
    cust, agent, node = duo
    c = connect(cust, node, contact="<sip:cust@%s:%d%s>" % (
        cust.ip, cust.port, param))
    switch(node, c, method="bridge", continueCall=True)
    a = join(c, agent)
    cust.hang_up()
    agent.hang_up()
    time.sleep(0.2)
    a.node = node.sip       # no connection of the node's is left
    a.bye()
    r = bring_back(c)
    assert r.by == "tcp" and cust.accepted == 1
    ended(node, c, "SUCCESS", False, "answered")
    node.call("call.hangup", call=c.id)
    assert hung_up(c).by == "tcp"
    gone(node, c, "control")
    assert cust.accepted == 1


def test_T2_a_new_connection_of_the_peer_is_used(duo):
    cust, agent, node = duo
    c = connect(cust, node)
    cust.hang_up(listen=False)      # cannot be dialled any more
    time.sleep(0.1)
    c.message("ping")               # on a second connection
    node.call("call.hangup", call=c.id)
    assert hung_up(c).by == "tcp"
    gone(node, c, "control")


def test_T2_closed_while_the_agent_rings(duo):
    """Answers may come on another connection (RFC 3261 18.2.2)."""
    cust, agent, node = duo
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(180)
    node.wait_for("transfer.progress", call=c.id, phase="ringing")
    agent.hang_up()
    time.sleep(0.2)
    agent.reply(a.invite, 200, to=a.local, body=agent.sdp(), addr=node.sip)
    a.node = node.sip
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered", logged=False)


def test_T2_answer_to_a_connection_that_is_gone(duo):
    """The 200 is sent to the port that the Via names."""
    cust, agent, node = duo
    c = cust.invite(node)
    cust.hang_up()
    c.expect(200)
    c.ack()
    node.wait_for("call.answered")
    c.bye()
    node.wait_for("call.ended")


def test_T2_gone_for_good(duo):
    """Neither connection nor anybody who listens: the call ends."""
    cust, agent, node = duo
    c = connect(cust, node)
    cust.hang_up(listen=False)
    time.sleep(0.1)
    node.call("call.hangup", call=c.id)
    gone(node, c, "control")
    node.quiet()


def test_I13_connection_refused(duo):
    cust, agent, node = duo
    agent.deaf()
    c = connect(cust, node)
    start = time.monotonic()
    switch(node, c, method="bridge", continueCall=True)
    ended(node, c, "FAIL", False, "unreachable")
    assert time.monotonic() - start < 2
    c.bye()


def test_I13_refused_is_no_end_of_others(world):
    """sipUri names the transport; the next hand-over goes by UDP."""
    cust, agent = world.peer("cust"), world.peer("agent")
    node = world.node(cust, agent, bots={"support": BOT}, tcp=True)
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True,
           sipUri="sip:x@%s:%d;transport=tcp" % (agent.ip, agent.port))
    ended(node, c, "FAIL", False, "unreachable", number="x")
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    assert way(a.invite) == "udp"
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy", count=2, logged=False)
    c.bye()


# -- T5: the transport that a Contact names ---------------------------------

@pytest.mark.parametrize("come,go", [("udp", "tcp"), ("tcp", "udp")])
def test_T5_transport_of_a_contact(duo, come, go):
    cust, agent, node = duo
    cust.by = come
    c = connect(cust, node, contact="<sip:cust@%s:%d;transport=%s>" % (
        cust.ip, cust.port, go))
    node.call("call.hangup", call=c.id)
    bye = hung_up(c)
    assert way(bye) == go
    gone(node, c, "control")


def test_T5_transport_of_a_route(duo, world):
    cust, agent, node = duo
    proxy = world.peer("proxy", tcp=True)
    cust.by = "udp"
    c = connect(cust, node, headers=[
        ("Record-Route", "<%s;lr>" % proxy.uri)])
    node.call("call.hangup", call=c.id)
    bye = proxy.expect("BYE")
    assert bye.by == way(bye) == "tcp"
    proxy.reply(bye, 200)
    gone(node, c, "control")


# -- T5: size -----------------------------------------------------------------

def big(world, uri=None, **kw):
    cust = world.peer("cust")
    agent = world.peer("agent", **kw)
    node = world.node(cust, agent, bots={"support": BOT}, tcp=True, config={
        "trunks": {"office": {"uri": uri and uri % (agent.ip, agent.port)
                              or "sip:%s:%d" % (agent.ip, agent.port)}}})
    c = connect(cust, node, headers=[PAD])
    switch(node, c, method="bridge", continueCall=True)
    return cust, agent, node, c


def test_T5_above_1300_bytes_by_tcp(world):
    cust, agent, node, c = big(world, tcp=True)
    a = agent.incoming()
    assert a.invite.by == "tcp" and way(a.invite) == "tcp"
    a.reply(180)
    a.reply(486)
    a.expect("ACK")
    ended(node, c, "FAIL", False, "busy")
    c.bye()


@pytest.mark.parametrize("kw", [{}, {"tcp": True, "listen": False}])
def test_T5_above_1300_bytes_refused_by_tcp_goes_by_udp(world, kw):
    cust, agent, node, c = big(world, **kw)
    a = agent.incoming()
    assert a.invite.by == "udp" and way(a.invite) == "udp"
    a.reply(486)
    a.expect("ACK")
    ended(node, c, "FAIL", False, "busy")
    c.bye()


def test_T5_above_1300_bytes_stays_on_udp_if_the_trunk_says_so(world):
    cust, agent, node, c = big(world, "sip:%s:%d;transport=udp", tcp=True)
    a = agent.incoming()
    assert a.invite.by == "udp" and way(a.invite) == "udp"
    assert agent.accepted == 0
    agent.by = "udp"
    a.reply(486)
    a.expect("ACK")
    ended(node, c, "FAIL", False, "busy")
    c.bye()


# -- T3 and abuse -------------------------------------------------------------

def test_T3_a_peer_that_does_not_read(world):
    """What waits for it is bounded; others are served at once."""
    cust = world.peer("cust")
    slow = world.peer("slow", tcp=True)
    node = world.node(cust, cust, bots={"support": BOT}, tcp=True, config={
        "trunks": {"slow": {"uri": slow.uri}}})
    s = socket.socket()
    s.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    s.bind((slow.ip, 0))
    s.connect(node.sip)
    s.settimeout(0.3)
    before = node.rss()
    ping(cust, node)
    sent = 0
    end = time.monotonic() + 8
    while time.monotonic() < end and sent < 20000:
        m = slow.build("OPTIONS", "sip:%s:%d" % node.sip, node)
        m.headers.append(("Record-Route", "<sip:%s;lr>" % ("r" * 3000)))
        try:
            s.sendall(m.bytes())
        except OSError:
            break
        sent += 1
    assert sent > 100
    start = time.monotonic()
    for _ in range(10):
        ping(cust, node)
    assert time.monotonic() - start < 1
    if not node.sanitized():
        assert node.rss() - before < 24 << 20, (sent, node.rss() - before)
    s.close()
    ping(cust, node)


def test_a_burst_is_no_large_message(duo):
    """Hundreds of requests at once on one connection are all answered."""
    cust, agent, node = duo
    s = cust.connect(node.sip)
    asked = [cust.build("OPTIONS", "sip:%s:%d" % node.sip, node,
                        headers=[("Subject", "s" * 400)])
             for _ in range(600)]
    s.sendall(b"".join(m.bytes() for m in asked))
    for m in asked:
        cust.answer_to(m, 200)


def test_many_connections(world):
    """One address holds so many and no more; others are served."""
    cust = world.peer("cust", tcp=True)
    agent = world.peer("agent", tcp=True)
    stranger = world.peer("stranger")
    node = world.node(cust, agent, bots={"support": BOT}, tcp=True)
    socks = []
    for i in range(1000):
        s = socket.socket()
        s.bind((stranger.ip, 0))
        s.settimeout(2)
        try:
            s.connect(node.sip)
        except OSError:
            pass
        socks.append(s)
    until(lambda: node.stats()["sip"]["connections_refused"] >= 1000 - 256,
          "not refused")
    assert node.stats()["sip"]["connections_refused"] == 1000 - 256
    c = connect(cust, node)
    c.bye()
    gone(node, c, "customer")
    for s in socks:
        s.close()
    # And the places are free again.
    time.sleep(0.3)
    s = socket.socket()
    s.bind((stranger.ip, 0))
    s.connect(node.sip)
    m = stranger.build("OPTIONS", "sip:%s:%d" % node.sip, node)
    s.sendall(m.bytes().replace(b"/UDP", b"/TCP"))
    s.settimeout(3)
    assert s.recv(4096).startswith(b"SIP/2.0 200")
    s.close()


GARBAGE = [
    b"\0" * 5000, b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\r\n" * 2000,
    b"INVITE " + b"a" * 70000, b"SIP/2.0 200 OK\r\n\r\n",
    b"INVITE sip:100@x SIP/2.0\r\nContent-Length: 99999999\r\n\r\n",
    b"OPTIONS sip:x SIP/2.0\r\nContent-Length: -1\r\n\r\n",
    b"OPTIONS sip:x SIP/2.0\r\n" + b"A: b\r\n" * 11000 + b"\r\n",
]


def test_garbage_and_halves(duo):
    cust, agent, node = duo
    c = connect(cust, node)
    whole = cust.build("INVITE", "sip:100@%s:%d" % node.sip, node,
                       body=cust.sdp()).bytes()
    held = []
    for data in GARBAGE + [whole[:n] for n in range(1, len(whole), 7)]:
        s = socket.socket()
        s.bind((cust.ip, 0))
        s.connect(node.sip)
        try:
            s.sendall(data)
        except OSError:
            pass
        held.append(s)
        ping(agent, node)
    for s in held[::2]:
        s.close()
    c.message("ping")
    for s in held[1::2]:
        s.close()
    c.bye()
    gone(node, c, "customer")
    # Cut off after the last header, or within the body: no call.
    assert len(node.rpc.find("call.started")) == 1
    cust.silence(0.3, lambda m: m.status is None or m.status < 300)
    cust.drop_all()


def test_one_byte_at_a_time(duo):
    cust, agent, node = duo
    m = cust.build("OPTIONS", "sip:%s:%d" % node.sip, node)
    s = cust.connect(node.sip)
    for byte in m.bytes():
        s.sendall(bytes([byte]))
    cust.answer_to(m, 200)


def test_via_of_udp_on_a_connection(duo):
    """Such a request is dropped; nothing is sent where its Via says."""
    cust, agent, node = duo
    m = cust.build("OPTIONS", "sip:%s:%d" % node.sip, node,
                   via="SIP/2.0/UDP %s:%d;branch=z9hG4bK-u" % (
                       agent.ip, agent.port))
    cust.send(m, node.sip)
    agent.silence(0.3)
    cust.silence(0.1)
    ping(cust, node)


def ack_of(m):
    return Message("ACK %s SIP/2.0" % m.uri, [
        ("Via", m.get("via")), ("Max-Forwards", "70"),
        ("From", m.get("from")), ("To", m.get("to")),
        ("Call-ID", m.call_id), ("CSeq", "%d ACK" % m.cseq[0])])


@pytest.mark.parametrize("number", ["100", "999"])
def test_T10_unanswerable_via_on_a_connection_that_closes(duo, number):
    """Nothing to answer to, then the ACK: the process lives."""
    cust, agent, node = duo
    cust.auto_reply("BYE")
    for port, extra in ((0, ""), (0, ";rport"), (9, ""), (99999, ""),
                        (cust.port, ";maddr=" + agent.ip),
                        (cust.port, ";received=" + agent.ip)):
        for first in (True, False):
            c = cust.invite(node, number, via=cust.via(port=port,
                                                       extra=extra))
            if first:
                cust.hang_up()
            cust.send(ack_of(c.invite), node.sip)
            cust.hang_up()
            ping(agent, node)
    for call in node.call("call.list")["calls"]:
        try:
            node.call("call.hangup", call=call["call"])
        except RpcError as e:
            assert e.code == "gone", e
    until(lambda: node.live_calls() == 0, "calls are left", 8)
    agent.silence(0.1)      # and nothing was sent where a Via says
    cust.drop_all()


def test_flood_of_connections_with_calls(duo):
    """Each brings an INVITE and is gone before its answer."""
    cust, agent, node = duo
    cust.auto_reply("BYE")
    cust.auto(lambda m: m.status is not None and m.cseq[1] == "INVITE")
    for i in range(300):
        cust.invite(node)
        cust.hang_up()
    c = connect(agent, node)
    c.bye()
    gone(node, c, "customer")
    for call in node.call("call.list")["calls"]:
        try:
            node.call("call.hangup", call=call["call"])
        except RpcError as e:
            assert e.code == "gone", e
    until(lambda: node.live_calls() == 0, "calls are left", 8)
    cust.drop_all()
