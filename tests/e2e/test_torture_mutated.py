"""Torture messages damaged at random, and messages out of all proportion: T6.

The seed is fixed, so that a failure can be had again; E2E_SEED and
E2E_MUTATIONS ask for others and for more.
"""

import os
import random
import socket

import pytest

from harness.cases import BOT, connect, gone, ping, until
from harness.message import Message
from harness.mutate import NUMBERS, mutate
from harness.rpc import RpcError
from harness.torture import names, torture
from harness.waits import token

SEED = int(os.environ.get("E2E_SEED", "4475"))
MUTATIONS = int(os.environ.get("E2E_MUTATIONS", "3000"))
GROWTH = 24 << 20       # of RSS


@pytest.fixture(scope="module")
def pcap():
    """Not for tshark: an answer repeats what the request's headers say."""
    return None


@pytest.fixture
def target(world):
    cust, agent, node = world.trio(bots={"support": BOT}, config={
        "default_bot": "support", "sip": {"accept": "any"}})
    cust.auto(lambda m: bool(m.status and "-ping" not in (m.call_id or "")
                             and cust.deaf))
    cust.auto_reply("BYE")
    cust.deaf = False
    yield cust, node
    cust.deaf = False
    if node.process.poll() is None:
        empty(node)
        cust.drop_all()


def empty(node):
    for c in node.call("call.list")["calls"]:
        try:
            node.call("call.hangup", call=c["call"])
        except RpcError as e:
            assert e.code == "gone", e
    until(lambda: not node.live_calls(), "calls are left", 15)


def alive(cust, node):
    """An OPTIONS is answered, whatever came before."""
    r = cust.request("OPTIONS", node, call_id=token("o") + "-ping")
    cust.answer_to(r, 200)


# -- mutations ----------------------------------------------------------------

# What may stand in a dialog: its requests are mutated too.
def in_dialog(c):
    yield c.build("INVITE", c.peer.sdp(version=3), ctype="application/sdp")
    yield c.build("INFO", "Signal=5\r\n", ctype="application/dtmf-relay")
    yield c.build("MESSAGE", "hello", ctype="text/plain")
    yield c.build("NOTIFY", "SIP/2.0 200 OK\r\n", ctype="message/sipfrag",
                  headers=[("Event", "refer"),
                           ("Subscription-State", "terminated")])
    yield c.build("UPDATE", headers=[("Session-Expires",
                                      "90;refresher=uac")])
    yield c.build("ACK", cseq=c.invite.cseq[0])
    yield c.build("REFER", headers=[("Refer-To", "<sip:a@b?Replaces=x>")])
    yield c.build("PRACK", headers=[("RAck", "1 1 INVITE")])


def test_T6_mutations(target):
    """Damaged at random, in a dialog and outside."""
    cust, node = target
    r = random.Random(SEED)
    seeds = [torture(n, cust, node) for n in names()]
    c = connect(cust, node)
    cust.deaf = True
    before = None
    for n in range(MUTATIONS):
        # A BYE by chance, or a CSeq far ahead: then a new dialog.
        if n % 100 == 0:
            if before is None and n >= MUTATIONS // 3:
                empty(node)
                before = node.rss()
            cust.deaf = False
            empty(node)
            cust.drop_all()
            c = connect(cust, node)
            cust.deaf = True
            here = [m.bytes() for m in in_dialog(c)]
        data = mutate(r, r.choice(r.choice((seeds, here))), seeds)
        cust.send(data, node.sip)
        if n % 10 == 9:
            alive(cust, node)
        assert node.process.poll() is None, "seed %d, message %d: %r" % (
            SEED, n, data)
    alive(cust, node)
    cust.deaf = False
    empty(node)
    # Transactions of the flood are kept for a while, and are bounded.
    grown = node.rss() - before
    print("RSS grew by %d kB" % (grown >> 10))
    if not node.sanitized():
        assert grown < GROWTH


# -- out of proportion --------------------------------------------------------

def invite_with(cust, node, more=b"", body=b"", ctype=None, **kw):
    m = cust.build("INVITE", "sip:100@%s:%d" % node.sip, node, **kw)
    m.headers.append(("Content-Length", str(len(body))))
    if ctype:
        m.headers.append(("Content-Type", ctype))
    head = m.bytes()[:-2]
    return head + more + b"\r\n" + body


def sent(cust, node, data):
    cust.deaf = True
    assert len(data) <= 65507, len(data)
    cust.send(data, node.sip)
    alive(cust, node)


@pytest.mark.parametrize("fill", ["random", "zero", "A", "crlf", "via",
                                  "method", "uri"])
def test_T6_64_kib(target, fill):
    cust, node = target
    start = b"INVITE sip:100@%s:%d SIP/2.0\r\n" % (node.ip.encode(),
                                                   node.port)
    data = {
        "random": random.Random(SEED).randbytes(65507), "zero": b"\0" * 65507,
        "A": b"A" * 65507, "crlf": b"\r\n" * 32000,
        "via": start + b"Via: " + b"SIP/2.0/UDP 127.0.0.1," * 2900,
        "method": b"A" * 60000 + start[6:] + b"\r\n",
        "uri": b"INVITE sip:" + b"a" * 65000 + b" SIP/2.0\r\n\r\n",
    }[fill]
    sent(cust, node, data)


@pytest.mark.parametrize("line", [b"A: b\r\n", b"X-A:\r\n", b"i: x\r\n",
                                  b"m: *\r\n", b"k: a\r\n", b" c\r\n",
                                  b":\r\n"])
def test_T6_ten_thousand_headers(target, line):
    cust, node = target
    count = min(10000, 64000 // len(line))
    sent(cust, node, invite_with(cust, node, line * count))


@pytest.mark.parametrize("header", [b"Record-Route", b"Route", b"Contact",
                                    b"Require", b"Accept", b"Allow",
                                    b"P-Asserted-Identity", b"Diversion"])
def test_T6_lists_without_end(target, header):
    cust, node = target
    entry = {b"Require": b"a,", b"Allow": b"A,", b"Accept": b"a/b,"}.get(
        header, b"<sip:127.0.0.9;lr>,")
    value = entry * (60000 // len(entry))
    sent(cust, node, invite_with(cust, node,
                                 header + b": " + value[:-1] + b"\r\n"))


@pytest.mark.parametrize("header, entry", [
    (b"X-A", None), (b"Call-Info", b"<a:b>,"), (b"Via", b"SIP/2.0/UDP a,"),
    (b"Record-Route", b"<sip:a;lr>,")])
def test_T6_no_datagram_costs_much(target, header, entry):
    """The stack's lists are walked from the head: thousands are not taken."""
    cust, node = target
    if entry:
        more = header + b": " + (entry * (60000 // len(entry)))[:-1] + b"\r\n"
    else:
        more = b"A:\r\n" * 15000
    data = invite_with(cust, node, more)
    counted = node.stats()["sip"]["dropped"]
    spent = node.cpu()
    for _ in range(20):
        sent(cust, node, data)
    spent = node.cpu() - spent
    print("%s: %.0f ms each" % (header.decode(), spent * 50))
    assert spent < 0.5
    assert node.stats()["sip"]["dropped"] == counted + 20


@pytest.mark.parametrize("closed", [True, False])
def test_T6_multipart_within_multipart(target, closed):
    cust, node = target
    depth = 700
    body = b"v=0\r\n"
    for n in range(depth):
        b = b"b%d" % n
        body = (b"--" + b + b"\r\nContent-Type: multipart/mixed;boundary=b%d"
                b"\r\n\r\n" % (n - 1) + body)
        if closed:
            body += b"\r\n--" + b + b"--\r\n"
    sent(cust, node, invite_with(
        cust, node, body=body,
        ctype="multipart/mixed;boundary=b%d" % (depth - 1)))
    # And a thousand parts side by side, the description in the last.
    body = b"--x\r\nContent-Type: a/b\r\n\r\n\r\n" * 1000 + \
        b"--x\r\nContent-Type: application/sdp\r\n\r\n" + \
        cust.sdp().encode() + b"\r\n--x--\r\n"
    sent(cust, node, invite_with(cust, node, body=body,
                                 ctype="multipart/mixed;boundary=x"))


SCHEMES = ["tel:+49301", "http://127.0.0.1/", "mailto:a@b", "urn:service:sos",
           "sips:a@127.0.0.9", "im:a@b", "pres:a@b", "data:,x", "*", "sip:",
           "sip:@", "sip:a@", "sip:%00@b", "//x", "x" * 500 + ":y", "sip:a@[::1",
           "sip:a@127.0.0.1:0", "sip:a@127.0.0.1:70000", "sip:a@h;maddr=",
           "sip:a@h;transport=tcp", "sip:a@h;transport=ws;maddr=127.0.0.1"]


@pytest.mark.parametrize("header", ["Contact", "Record-Route"])
def test_T6_foreign_schemes(target, header):
    """In Contact and Record-Route, outside a dialog and within one."""
    cust, node = target
    cust.deaf = True
    for uri in SCHEMES:
        for form in ("<%s>", "%s", "<%s>;lr", "\"x\" <%s;lr>"):
            value = form % uri
            h = [("Record-Route", value)] if header == "Record-Route" else []
            kw = {"contact": value} if header == "Contact" else {}
            c = cust.invite(node, headers=h, **kw)
            c.ack()
            # A re-INVITE changes the target, if it may.
            c.request("INVITE", cust.sdp(version=2), headers=h,
                      ctype="application/sdp", **kw)
            c.request("MESSAGE", "x", ctype="text/plain")
        alive(cust, node)


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE", "CANCEL", "ACK"])
def test_T6_via_branches_of_every_length(target, method):
    cust, node = target
    cust.deaf = True
    for cookie in ("z9hG4bK", "Z9HG4BK", "abcdefg"):
        for n in range(41):
            branch = (cookie + "x" * 40)[:n]
            for extra in (";rport;branch=%s", ";branch=%s", ";branch=\"%s\"",
                          ";branch=%s;branch=" + branch):
                via = "SIP/2.0/UDP %s:%d" % (cust.ip, cust.port) + \
                    extra % branch
                m = cust.request(method, node, via=via,
                                 uri="sip:100@%s:%d" % node.sip)
                cust.send(Message(m.start.replace(method, "ACK"), [
                    (k, v.replace(method, "ACK")) for k, v in m.headers]),
                    node.sip)
        alive(cust, node)
        cust.deaf = False
        empty(node)
        cust.deaf = True


@pytest.mark.parametrize("header", ["Content-Length", "CSeq", "Max-Forwards",
                                    "Expires", "Session-Expires", "Min-SE",
                                    "RAck", "Timestamp"])
def test_T6_numbers_out_of_range(target, header):
    cust, node = target
    c = connect(cust, node)
    cust.deaf = True
    for value in NUMBERS:
        for method in ("INVITE", "OPTIONS", "MESSAGE"):
            value_ = value.decode() + (" " + method if header == "CSeq"
                                       else "")
            for m in (cust.build(method, "sip:100@%s:%d" % node.sip, node,
                                 body="x" * 10, ctype="text/plain"),
                      c.build(method, "x" * 10, ctype="text/plain")):
                m.headers = [h for h in m.headers if h[0] != header]
                m.headers.append((header, value_))
                cust.send(m, node.sip)
        alive(cust, node)


@pytest.mark.parametrize("where", ["From", "To", "Contact", "Call-ID",
                                   "X-Custom", "Subject", "Via"])
def test_T6_nul_bytes(target, where):
    cust, node = target
    cust.deaf = True
    for place in range(12):
        m = cust.build("INVITE", "sip:100@%s:%d" % node.sip, node,
                       body=cust.sdp(), headers=[("X-Custom", "value"),
                                                 ("Subject", "value")])
        data = m.bytes()
        at = data.index(where.encode() + b":") + len(where) + place
        cust.send(data[:at] + b"\0" + data[at:], node.sip)
        cust.send(data[:at] + b"\0" + data[at + 1:], node.sip)
        alive(cust, node)


def test_T6_icmp_errors(target, world):
    """Answers, 2xx copies and BYEs towards a port that nobody has any more."""
    cust, node = target
    for _ in range(40):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as s:
            s.bind((cust.ip, 0))
            port = s.getsockname()[1]
            for method in ("INVITE", "OPTIONS", "DANCE", "BYE"):
                m = cust.build(
                    method, "sip:100@%s:%d" % node.sip, node,
                    body=cust.sdp() if method == "INVITE" else "",
                    via=cust.via(port=port),
                    contact="<sip:gone@%s:%d>" % (cust.ip, port))
                s.sendto(m.bytes(), node.sip)
        alive(cust, node)
    # Calls that nobody will acknowledge end by themselves (64*T1).
    until(lambda: not node.live_calls(), "calls are left", 15)
    alive(cust, node)
    c = connect(cust, node)
    c.bye()
    gone(node, c, "customer")
