"""The called side gone mad: answers and requests of an agent, damaged, and
those of a customer who was asked to REFER. Case T6, the other way round.
"""

import os
import random
import time

import pytest

from harness.cases import BOT, connect, ping, until
from harness.message import Message
from harness.mutate import mutate
from harness.rpc import RpcError

SEED = int(os.environ.get("E2E_SEED", "4475"))
ROUNDS = int(os.environ.get("E2E_ROUNDS", "60"))     # for each method
EACH = 25


@pytest.fixture(scope="module")
def pcap():
    """Not for tshark: damaged headers come back in answers and requests."""
    return None


def answer(peer, request, status, tag="a1", headers=(), body="",
           ctype="application/sdp", method=None):
    """An answer's bytes, with all that a callee may put into it."""
    h = [("Via", v) for v in request.all("via")]
    h += [("Record-Route", v) for v in request.all("record-route")]
    h += [("From", request.get("from")),
          ("To", request.get("to") + (";tag=" + tag if tag and ";tag=" not in
                                      request.get("to") else "")),
          ("Call-ID", request.call_id),
          ("CSeq", "%d %s" % (request.cseq[0], method or request.cseq[1])),
          ("Contact", "<sip:a@%s:%d;x=y>" % (peer.ip, peer.port))]
    h += list(headers)
    if body:
        h.append(("Content-Type", ctype))
    return Message("SIP/2.0 %d Whatever" % status, h, body).bytes()


def answers(peer, m):
    sdp = peer.sdp()
    digest = ('Digest realm="r", nonce="n", algorithm=MD5, qop="auth,'
              'auth-int", opaque="o", stale=%s')
    yield answer(peer, m, 100, tag=None)
    yield answer(peer, m, 180)
    yield answer(peer, m, 183, body=sdp, headers=[
        ("Require", "100rel"), ("RSeq", "1")])
    yield answer(peer, m, 200, body=sdp, headers=[
        ("Record-Route", "<sip:p1@127.0.0.9;lr>, <sip:p2@127.0.0.8;lr>"),
        ("Session-Expires", "1800;refresher=uas"), ("Require", "timer"),
        ("Allow", "INVITE, ACK, BYE, UPDATE")])
    yield answer(peer, m, 200, tag="other", body=sdp)
    yield answer(peer, m, 200, method="CANCEL")
    yield answer(peer, m, 302, headers=[
        ("Contact", "<sip:b@127.0.0.9>;q=0.5, <tel:+1>, <sip:c@h>")])
    yield answer(peer, m, 401, headers=[("WWW-Authenticate",
                                         digest % "false")])
    yield answer(peer, m, 407, headers=[("Proxy-Authenticate",
                                         digest % "true")])
    yield answer(peer, m, 422, headers=[("Min-SE", "7200")])
    yield answer(peer, m, 491)
    yield answer(peer, m, 503, headers=[("Retry-After", "1 (x);duration=1")])
    yield answer(peer, m, 603, headers=[("Warning", '399 h "x"')])


def requests_of(d):
    sdp = d.peer.sdp(version=2)
    yield d.build("INVITE", sdp)
    yield d.build("BYE", headers=[("Reason", "SIP;cause=200")])
    yield d.build("UPDATE", sdp)
    yield d.build("INFO", "Signal=1\r\n", ctype="application/dtmf-relay")
    yield d.build("NOTIFY", "SIP/2.0 200 OK\r\n", ctype="message/sipfrag",
                  headers=[("Event", "refer;id=3"), (
                      "Subscription-State", "terminated;reason=x")])
    yield d.build("PRACK", headers=[("RAck", "1 1 INVITE")])


def end_all(node):
    for c in node.call("call.list")["calls"]:
        try:
            node.call("call.hangup", call=c["call"])
        except RpcError as e:
            assert e.code == "gone", e
    until(lambda: not node.live_calls(), "calls are left", 15)


def invited(agent, node, c, n):
    """This round's INVITE; None while the trunk rests after a 503."""
    def mine(m):
        return m.method == "INVITE" and m.get("x-round") == str(n)

    def over():
        return node.rpc.find("transfer.ended", call=c.id)
    until(lambda: over() or any(map(mine, list(agent.inbox))), "no INVITE")
    if not over():
        return agent.wait(mine, "INVITE")
    assert over()[0]["reason"] == "unreachable", over()
    time.sleep(0.3)
    return None


@pytest.mark.parametrize("method", ["bridge", "refer"])
def test_T6_mutated_answers(world, method):
    # With a password, so that challenges lead to something.
    cust, agent, node = world.trio(bots={"support": BOT}, config={
        "trunks": {"office": {"username": "u", "password": "p"}}}, timers={
        "t1x64": "1500ms", "join": "2s", "refer_response": "1s",
        "refer_outcome": "1s", "refer_bye": "100ms"})
    r = random.Random(SEED)
    mad = agent if method == "bridge" else cust
    for p in (cust, agent):
        p.auto_reply("BYE")
        p.auto_reply("CANCEL")
    for n in range(ROUNDS):
        c = connect(cust, node)
        node.call("call.switch", call=c.id, phoneNumber="1",
                  method=method, continueCall=True, timeout=5,
                  headers={"X-Round": str(n)})
        if method == "bridge":
            # An INVITE of an earlier round may have come again, with
            # credentials.
            first = invited(agent, node, c, n)
            if not first:
                continue
            d = agent.dialog(first)
        else:
            d, first = c, c.expect("REFER")
        good = list(answers(mad, first))
        seeds = good + [m.bytes() for m in requests_of(d)]
        if n % 2:       # answered first, and then mad
            if method == "bridge":
                d.reply(200, sdp=True)
                d.expect("ACK")
                m = c.expect("INVITE")
                seeds += list(answers(cust, m))
                mad.send(good[1], node.sip)
            else:
                c.reply(202, to=first)
        for _ in range(EACH):
            mad.send(mutate(r, r.choice(seeds), seeds), node.sip)
            assert node.process.poll() is None, "seed %d, round %d" % (SEED,
                                                                       n)
        # What came of it is anybody's guess, but for this: it ends, once.
        mad.send(r.choice(good), node.sip)
        e = node.rpc.find("transfer.ended", call=c.id)
        assert len(e) <= 1, e
        if n % 5 == 4:
            end_all(node)
            for p in (cust, agent):
                p.drop_all()
            ping(cust, node)
    end_all(node)
    for p in (cust, agent):
        p.drop_all()
    ping(cust, node)
