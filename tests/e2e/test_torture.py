"""RFC 4475's torture messages, each in its own file: case T6.

After each the node answers an OPTIONS, and what it answered is what the RFC
asks for.
"""

import re

import pytest

from harness.cases import BOT, ping, until
from harness.message import Message
from harness.rpc import RpcError
from harness.torture import names, torture

# What each must get: one of these codes; 0: nothing may be answered (stray
# responses), or it may be dropped. An INVITE that gets 200 becomes a call.
EXPECTED = {
    "3.1.1.1-wsinv": {481},             # its To has a tag
    "3.1.1.1-wsinv-untagged": {200},
    "3.1.1.2-intmeth": {501, 0},        # ` in a method: not parsed
    "3.1.1.2-intmeth-name": {501, 400}, # NUL in a name, as an escape
    "3.1.1.2-intmeth-plain": {501},     # all the rest of it
    "3.1.1.3-esc01": {200},
    "3.1.1.4-escnull": {405},
    "3.1.1.5-esc02": {501},             # no REGISTER in disguise
    "3.1.1.6-lwsdisp": {200},
    "3.1.1.7-longreq": {200},
    "3.1.1.8-dblreq": {405},            # once: the rest is no message
    "3.1.1.9-semiuri": {200},
    "3.1.1.10-transports": {200},
    "3.1.1.11-mpart01": {481},
    "3.1.1.12-unreason": {0},
    "3.1.1.13-noreason": {0},
    "3.1.2.1-badinv01": {400, 0},       # the Via tells nowhere to answer
    "3.1.2.1-badinv01-contact": {400},
    "3.1.2.2-clerr": {400},
    "3.1.2.3-ncl": {400},
    "3.1.2.4-scalar02": {400},
    "3.1.2.4-scalar02-invite": {400},
    "3.1.2.5-scalarlg": {0},
    "3.1.2.6-quotbal": {400},
    "3.1.2.7-ltgtruri": {400},
    "3.1.2.8-lwsruri": {400, 0},        # "lr SIP/2.0" is no version
    "3.1.2.9-lwsstart": {400, 200},     # the RFC allows liberality
    "3.1.2.10-trws": {400, 200},
    "3.1.2.11-escruri": {400, 200},
    "3.1.2.12-baddate": {400, 200},
    "3.1.2.13-regbadct": {400, 405},
    "3.1.2.14-badaspec": {400, 200},
    "3.1.2.15-baddn": {400, 200},
    "3.1.2.16-badvers": {505},
    "3.1.2.17-mismatch01": {400},
    "3.1.2.18-mismatch02": {400, 501},
    "3.1.2.19-bigcode": {0},
    "3.2.1-badbranch": {200},
    "3.3.1-insuf": {400},
    "3.3.2-unkscm": {416},
    "3.3.2-unkscm-invite": {416},
    "3.3.3-novelsc": {416},
    "3.3.4-unksm2": {400, 405},
    "3.3.4-unksm2-invite": {400},
    "3.3.5-bext01": {420},
    "3.3.5-bext01-invite": {420},
    "3.3.6-invut": {415},
    "3.3.7-regaut01": {405},
    "3.3.8-multi01": {400},
    "3.3.9-mcl01": {400},
    "3.3.10-bcast": {0},
    "3.3.11-zeromf": {200},
    "3.3.12-cparam01": {405},
    "3.3.13-cparam02": {405},
    "3.3.14-regescrt": {405},
    "3.3.15-sdp01": {406},
    "3.4.1-inv2543": {400},             # no Contact: nobody to talk to
}


@pytest.fixture
def target(world):
    cust, agent, node = world.trio(bots={"support": BOT}, config={
        "default_bot": "support", "sip": {"accept": "any"}})
    cust.auto_reply("BYE")
    yield cust, node
    if node.process.poll() is None:
        for c in node.call("call.list")["calls"]:
            try:
                node.call("call.hangup", call=c["call"])
            except RpcError as e:
                assert e.code == "gone", e
        until(lambda: not node.live_calls(), "calls are left", 8)
        cust.drop_all()


def test_T6_every_message_of_rfc_4475_is_here():
    assert set(names()) == set(EXPECTED)
    sections = {n.split("-")[0] for n in names()}
    wanted = {"3.1.1.%d" % n for n in range(1, 14)}
    wanted |= {"3.1.2.%d" % n for n in range(1, 20)}
    wanted |= {"3.2.1", "3.4.1"} | {"3.3.%d" % n for n in range(1, 16)}
    assert sections == wanted, sections ^ wanted


def answers(peer, before):
    """Final answers that came since, but for those to OPTIONS of ours."""
    with peer.cond:
        return [m for d, m in peer.seen[before:]
                if d == "<" and m.status and m.status >= 200]


@pytest.mark.parametrize("name", names())
def test_T6_rfc_4475(target, name):
    cust, node = target
    data = torture(name, cust, node)
    before = len(cust.seen)
    counted = node.stats()["sip"]
    cust.send(data, node.sip)
    wanted = EXPECTED[name]

    ping(cust, node)            # the first answer to this is behind ours
    got = [m for m in answers(cust, before)
           if m.cseq[1] != "OPTIONS" or "torture" in (m.call_id or "")]
    if 200 in wanted and b"INVITE" in data[:8] and not got:
        until(lambda: answers(cust, before), "no answer")
        got = answers(cust, before)
    assert len({m.status for m in got}) <= 1, [str(m) for m in got]
    code = got[0].status if got else 0
    print(name, code)
    assert code in wanted, "%s got %s, RFC 4475 wants %s" % (
        name, [str(m) for m in got] or "nothing", sorted(wanted))
    now = node.stats()["sip"]
    assert code or any(now[k] > counted[k] for k in ("dropped", "responses"))
    if code in (420, 405, 415, 406):
        header = {420: "unsupported", 405: "allow", 415: "accept",
                  406: "accept"}[code]
        assert got[0].get(header), got[0].bytes()
    if code == 420:
        both = got[0].get("unsupported")
        assert "nothingSupportsThis" in both and \
            "nothingSupportsThisEither" in both, both
    if code >= 300 and data.startswith(b"INVITE"):
        # The ACK of a refusal, for those who keep state of it.
        m = Message.parse(data)
        top = re.search(rb"(?mi)^(?:via|v)\s*:.*?(?=\r\n\S)", data, re.S)
        if top:
            cust.send(b"ACK sip:x SIP/2.0\r\n" + top[0] + (
                "\r\nFrom: %s\r\nTo: %s\r\nCall-ID: %s\r\nCSeq: 1 ACK"
                "\r\n\r\n" % (m.get("from"), got[0].get("to"),
                              m.call_id)).encode(), node.sip)
    ping(cust, node)
