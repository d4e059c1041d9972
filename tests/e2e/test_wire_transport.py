"""Requests out of place, and abuse: cases T4, T8 and T10."""

import os
import re

import pytest

from harness.cases import (BOT, connect, ended, gone, hung_up, ping, switch,
                           until)
from harness.message import Message
from harness.rpc import RpcError
from harness.waits import token


@pytest.fixture
def three(world):
    cust, agent, node = world.trio(bots={"support": BOT})
    yield cust, agent, node
    if node.process.poll() is None:
        ping(cust, node)


# -- T4 -----------------------------------------------------------------------

@pytest.mark.parametrize("tagged", [True, False])
def test_T4_in_dialog_methods_without_a_dialog(three, tagged):
    cust, agent, node = three
    for method in ("MESSAGE", "INFO", "NOTIFY", "UPDATE", "BYE"):
        headers = [("Event", "refer"), ("Subscription-State", "active")] \
            if method == "NOTIFY" else []
        to = "<sip:%s:%d>" % node.sip + (";tag=nobody" if tagged else "")
        r = cust.request(method, node, to=to, headers=headers)
        cust.answer_to(r, 481)
    if tagged:
        r = cust.request("INVITE", node, to=to, body=cust.sdp())
        m = cust.answer_to(r, 481)
        cust.request("ACK", node, to=m.get("to"), call_id=r.call_id,
                     via=r.get("via"), frm=r.get("from"))


def test_T4_requests_of_an_ended_call(three):
    cust, agent, node = three
    c = connect(cust, node)
    c.bye()
    gone(node, c, "customer")
    node.quiet()
    for method in ("MESSAGE", "INFO", "NOTIFY", "UPDATE", "BYE"):
        r = c.request(method)
        c.expect(481, to=r)


def test_T4_unknown_ack_is_dropped(three):
    cust, agent, node = three
    for to in ("<sip:a@b>;tag=x", "<sip:a@b>"):
        cust.request("ACK", node, to=to)
    cust.silence(0.3)


@pytest.mark.parametrize("method", ["REGISTER", "SUBSCRIBE", "PUBLISH",
                                    "REFER"])
def test_T4_not_ours_to_serve(three, method):
    cust, agent, node = three
    r = cust.request(method, node, headers=[
        ("Event", "x"), ("Refer-To", "<sip:a@127.0.0.1>")])
    m = cust.answer_to(r, 405)
    allow = {x.strip() for x in m.get("allow").split(",")}
    assert {"INVITE", "ACK", "BYE", "CANCEL", "OPTIONS"} <= allow
    assert method not in allow


def test_T4_unknown_method(three):
    cust, agent, node = three
    cust.answer_to(cust.request("DANCE", node), 501)


def test_T4_max_forwards_0(three):
    cust, agent, node = three
    c = cust.invite(node, max_forwards=0)
    c.expect(483)
    r = cust.request("OPTIONS", node, max_forwards=0)
    cust.answer_to(r, 200)


@pytest.mark.parametrize("damage", [
    lambda t: re.sub(r"CSeq: [^\r]*", "CSeq: INVITE", t),
    lambda t: re.sub(r"CSeq: [^\r]*", "CSeq: 1 BYE", t),
    lambda t: re.sub(r"CSeq: [^\r]*\r\n", "", t),
    lambda t: re.sub(r"From: [^\r]*\r\n", "", t),
    lambda t: re.sub(r"\r\nTo: [^\r]*\r\n", "\r\n", t),
    lambda t: re.sub(r"Call-ID: [^\r]*\r\n", "", t),
    lambda t: re.sub(r"Content-Length: [^\r]*", "Content-Length: 9999", t),
    lambda t: re.sub(r"Contact: [^\r]*", "Contact: <<<", t),
    lambda t: re.sub(r"Contact: [^\r]*\r\n", "", t),
    lambda t: t.replace("SIP/2.0\r\n", "SIP/3.0\r\n", 1),
])
def test_T4_broken_mandatory_headers(three, damage):
    cust, agent, node = three
    m = cust.build("INVITE", "sip:100@%s:%d" % node.sip, node,
                   body=cust.sdp())
    data = damage(m.bytes().decode())
    assert data != m.bytes().decode()
    cust.send(data.encode(), node.sip)
    # Answered with an error, or dropped; never taken as a call.
    cust.silence(0.3, lambda x: x.status and 180 <= x.status < 300)
    assert not node.rpc.find("call.started")
    for x in list(cust.inbox):
        assert x.status in (400, 481, 501, 505, 100), x
        print("answered", x)
    cust.drop_all()


def test_T4_no_such_number(world):
    cust, agent, node = world.trio(bots={"support": BOT})
    c = cust.invite(node, "999")
    c.expect(404)
    ping(cust, node)


def test_T8_from_an_address_of_no_trunk(three, world):
    cust, agent, node = three
    stranger = world.peer("stranger")
    c = stranger.invite(node)
    c.expect(403)
    assert not node.rpc.find("call.started")
    open_to_all = world.node(cust, agent, bots={"support": BOT}, config={
        "sip": {"accept": "any"}, "default_bot": "support"})
    c = connect(stranger, open_to_all)
    c.bye()
    gone(open_to_all, c, "customer")


@pytest.mark.parametrize("method,user", [("OPTIONS", "x"),
                                         ("INVITE", "999")])
def test_T4_copies_get_the_same_answer(three, method, user):
    """Also where no state is kept: the To tag is no other (RFC 3261 8.2.7)."""
    cust, agent, node = three
    m = cust.build(method, "sip:%s@%s:%d" % (user, *node.sip), node,
                   body=cust.sdp() if method == "INVITE" else "")
    for _ in range(3):
        cust.send(m, node.sip)
    first = cust.answer_to(m)
    until(lambda: cust.copies_of(first) == 2, "not three alike")
    if method == "INVITE":
        cust.send(ack_for(m, first.get("to")), node.sip)


def test_message_of_another_type_gets_415(three):
    cust, agent, node = three
    c = connect(cust, node)
    r = c.request("MESSAGE", "<b>hi</b>", ctype="text/html")
    c.expect(415, to=r)
    c.bye()


# -- T10 ----------------------------------------------------------------------

def bad_vias(peer):
    """Top Vias that cannot be answered; loopback addresses only."""
    for extra in ("", ";rport"):
        yield peer.via(port=0, extra=extra)
        yield peer.via(extra=";maddr=127.0.0.1" + extra)
        yield peer.via(extra=";maddr=127.255.255.255" + extra)
        yield peer.via(extra=";maddr=not-an-address" + extra)
        yield peer.via(port=0, extra=";maddr=127.0.0.1" + extra)
    yield peer.via(port=99999, extra="")
    yield peer.via(host="256.1.1.1", extra="")


def ack_for(request, to=None):
    return Message("ACK %s SIP/2.0" % request.uri,
                   [("Via", request.get("via")), ("Max-Forwards", "70"),
                    ("From", request.get("from")),
                    ("To", to or request.get("to")),
                    ("Call-ID", request.call_id),
                    ("CSeq", "%d ACK" % request.cseq[0])])


def no_calls(node):
    """Those that were answered after all are hung up; all end."""
    for c in node.call("call.list")["calls"]:
        try:
            node.call("call.hangup", call=c["call"])
        except RpcError as e:
            assert e.code == "gone", e
    until(lambda: node.live_calls() == 0, "calls are left", 8)


@pytest.mark.parametrize("number", ["100", "999"])
def test_T10_unanswerable_via_on_an_invite_then_its_ack(three, number):
    cust, agent, node = three
    cust.auto_reply("BYE")
    for via in bad_vias(cust):
        c = cust.invite(node, number, via=via)
        cust.send(ack_for(c.invite), node.sip)
        cust.send(ack_for(c.invite, c.invite.get("to") + ";tag=z"), node.sip)
        ping(cust, node)
    no_calls(node)
    cust.drop_all()


def test_T10_unanswerable_via_on_a_re_invite_then_its_ack(three):
    cust, agent, node = three
    cust.auto_reply("BYE")
    for via in bad_vias(cust):
        c = connect(cust, node)
        r = c.reinvite(via=via)
        cust.send(ack_for(r), node.sip)
        ping(cust, node)
        c.bye((200, 481))
        gone(node, c)
    cust.drop_all()


def test_T10_unanswerable_via_on_a_merged_invite_then_its_ack(three):
    cust, agent, node = three
    cust.auto_reply("BYE")
    for via in bad_vias(cust):
        c = connect(cust, node)
        merged = Message.parse(c.invite.bytes())
        merged.headers[0] = ("Via", via)
        cust.send(merged, node.sip)
        cust.send(ack_for(merged), node.sip)
        cust.send(ack_for(merged, c.remote), node.sip)
        ping(cust, node)
        c.bye()
        gone(node, c, "customer")
    cust.drop_all()


def test_T10_merged_invite_is_refused(three):
    cust, agent, node = three
    c = connect(cust, node)
    merged = Message.parse(c.invite.bytes())
    merged.headers[0] = ("Via", cust.via())
    cust.send(merged, node.sip)
    m = cust.wait(lambda m: m.branch == merged.branch and m.status >= 200,
                  "482")
    assert m.status == 482
    cust.send(ack_for(merged, m.get("to")), node.sip)
    c.bye()
    gone(node, c, "customer")


def test_T10_200_to_a_cancel_that_was_never_sent(world):
    cust, agent, node = world.trio(bots={"support": BOT},
                                   timers={"t1x64": "4s"})
    c = connect(cust, node)
    switch(node, c, method="bridge", timeout=1, continueCall=True)
    a = agent.incoming()
    fake = Message.parse(a.invite.bytes())
    fake.src = a.invite.src
    fake.headers = [(n, "%d CANCEL" % a.invite.cseq[0] if n == "CSeq" else v)
                    for n, v in fake.headers]
    fake.data = b"fake"
    agent.reply(fake, 200, to=a.local)
    # Also while the node itself would like to cancel.
    ended(node, c, "FAIL", False, "no_answer")
    agent.reply(fake, 200, to=a.local, phrase="Again")
    ping(cust, node)
    a.reply(180)
    agent.reply(fake, 200, to=a.local, phrase="And again")
    a.expect("CANCEL")
    a.reply(200)
    a.reply(487, to=a.invite)
    a.expect("ACK")
    c.bye()
    gone(node, c, "customer")


def test_T10_ack_after_the_timer(three):
    cust, agent, node = three
    c = cust.invite(node)
    c.expect(200)
    hung_up(c)                  # 64*T1 without an ACK
    cust.silence(0.7)
    c.ack()
    cust.silence(0.3)
    node.wait_for("call.ended", sip_call_id=c.call_id)


def test_T10_late_copy_of_an_invite(three):
    cust, agent, node = three
    c = connect(cust, node)
    # Its transaction has died, the call lives.
    until(lambda: node.stats()["transactions"] == 0, "not dead", 9)
    cust.send(c.invite.bytes(), node.sip)
    m = cust.wait(lambda m: m.status and m.cseq[1] == "INVITE" and
                  m.status >= 200, "482")
    assert m.status == 482
    cust.send(ack_for(c.invite, m.get("to")), node.sip)
    c.message("ping")
    c.bye()
    gone(node, c, "customer")
    node.quiet()
    # Nobody remembers it now: whatever it becomes, it ends by itself.
    cust.auto_reply("BYE")
    cust.send(c.invite.bytes(), node.sip)
    until(lambda: any(m.status and m.status >= 200 for m in cust.inbox),
          "no answer")
    cust.silence(0.2, lambda m: m.method)
    no_calls(node)
    cust.drop_all()


def test_T10_stray_responses(three):
    cust, agent, node = three
    c = connect(cust, node)
    for status in (100, 180, 200, 302, 401, 487, 503, 699):
        for method in ("INVITE", "BYE", "CANCEL", "OPTIONS", "ACK", "DANCE"):
            for via in ("SIP/2.0/UDP %s:%d;branch=z9hG4bK-stray" % node.sip,
                        "SIP/2.0/UDP 127.0.0.9:0;branch=x", None):
                h = [("Via", via)] if via else []
                cust.send(Message("SIP/2.0 %d Stray" % status, h + [
                    ("From", c.remote), ("To", c.local),
                    ("Call-ID", c.call_id), ("CSeq", "7 " + method)]),
                    node.sip)
    ping(cust, node)
    c.message("ping")
    c.bye()
    gone(node, c, "customer")
    cust.drop_all()     # a stray 2xx to an INVITE may well be ACKed


BRANCHES = ["", "a", "z9", "z9hG4b", "z9hG4bK", "z9hG4bKx"]


@pytest.mark.parametrize("method", ["OPTIONS", "INVITE", "BYE", "CANCEL",
                                    "ACK", "MESSAGE"])
def test_T10_short_via_branches(three, method):
    cust, agent, node = three
    cust.auto_reply("BYE")
    for branch in BRANCHES + [None]:
        via = "SIP/2.0/UDP %s:%d;rport" % (cust.ip, cust.port)
        if branch is not None:
            via += ";branch=" + branch
        for _ in range(2):
            cust.request(method, node, via=via, call_id=token("short"),
                         uri="sip:100@%s:%d" % node.sip,
                         body=cust.sdp() if method == "INVITE" else "")
            # The server transaction that exists now is looked up.
            cust.request("ACK", node, via=via, call_id=token("short"))
            cust.request("CANCEL", node, via=via, call_id=token("short"))
        ping(cust, node)
    no_calls(node)
    cust.drop_all()


def test_T10_garbage(three):
    cust, agent, node = three
    c = connect(cust, node)
    line = "INVITE sip:100@%s:%d SIP/2.0\r\n" % node.sip
    via = "Via: %s\r\n" % cust.via()
    full = cust.build("INVITE", "sip:100@%s:%d" % node.sip, node).bytes()
    datagrams = [
        os.urandom(65507), b"\0" * 65507, b"A" * 65507, b"\r\n" * 30000,
        b"INVITE " + b"A" * 65000, (line + via).encode() + b"A" * 65000,
        (line + via + "A: b\r\n" * 10000 + "\r\n").encode(),
        (line + via + "Via: " + "SIP/2.0/UDP 127.0.0.1," * 2000 +
         "\r\n\r\n").encode(),
        (line + "\r\n").encode(), b"SIP/2.0 200 OK\r\n\r\n",
        b"SIP/2.0\r\n\r\n", b" \r\n\r\n", b"\xff\xfe\r\n\r\n",
        full[:-2] + b"Route: " + b"<sip:127.0.0.1;lr>," * 3000 + b"\r\n\r\n",
        full[:-2] + b"X: " + b"(" * 60000 + b"\r\n\r\n",
        full[:-2] + b"Subject: \0\0\0\r\n\r\n",
    ] + [full[:n] for n in range(0, len(full), 7)]
    cust.auto_reply("BYE")
    for data in datagrams:
        cust.send(data, node.sip)
        ping(cust, node)
    c.message("ping")
    c.bye()
    no_calls(node)
    cust.drop_all()


def test_T10_route_parameters_that_only_begin_with_a_name(three):
    """`;lrx` at the end of a route: what is behind it is not read."""
    cust, agent, node = three
    cust.auto_reply("BYE")
    for n in range(16):
        for form in ("<sip:192.0.2.1;lr%s>", "<sip:192.0.2.1;lr;y=%s;lrx>",
                     "<sip:192.0.2.1;transport%s>", "<sip:192.0.2.1;=%s>"):
            for tail in ("", ";a=b", " , <sip:h;lr>"):
                cust.invite(node, headers=[
                    ("Record-Route", form % ("x" * n) + tail)],
                    contact="<sip:%s@127.0.0.1;maddr%s>" % ("c" * n, n))
        ping(cust, node)
    no_calls(node)
    cust.drop_all()


def test_T10_nothing_is_sent_where_a_via_says(three, world):
    """A Via is no order to send elsewhere: no reflection by maddr."""
    cust, agent, node = three
    victim = world.peer("victim")
    for method in ("OPTIONS", "INVITE", "BYE"):
        via = "SIP/2.0/UDP %s:%d;maddr=%s;branch=z9hG4bK-%s" % (
            cust.ip, victim.port, victim.ip, token("m"))
        cust.request(method, node, via=via)
    c = connect(cust, node)
    for method in ("MESSAGE", "INFO", "UPDATE", "INVITE", "DANCE", "BYE"):
        c.request(method, via="SIP/2.0/UDP %s:%d;maddr=%s;branch=z9hG4bK-%s"
                  % (cust.ip, victim.port, victim.ip, token("m")))
    cust.auto_reply("BYE")
    victim.silence(0.5)
    no_calls(node)
    cust.drop_all()
