"""Odd but legal: names, contacts, routes, bodies that real peers send."""

import re

import pytest

from harness.cases import (BOT, connect, ended, gone, hung_up, join, ping,
                           refuse, switch, track)
from harness.message import Sdp, uri_of


@pytest.fixture
def three(world):
    cust, agent, node = world.trio(bots={"support": BOT})
    yield cust, agent, node
    if node.process.poll() is None:
        ping(cust, node)


FROMS = [
    ('"Ann \\"the\\" Boss, <x>" <sip:ann@example.com>', "ann", "ann"),
    ("Plain Words <sip:+4915@example.com;user=phone>", "+4915", "+4915"),
    ("<tel:+49-151-1234>", "+49-151-1234", None),
    ("<sip:example.com>", "", None),
    ("<sip:a%20b@example.com>", None, "a%20b"),
    ("sip:bare@example.com", "bare", "bare"),
    ('"Grüße 你好" <sip:u@example.com>', "u", "u"),
    ("<sip:u@[2001:db8::1]:5060>", "u", "u"),
    ("<sip:%s@example.com>" % ("9" * 300), "9" * 300, None),
    ('"" <sip:empty@example.com>', "empty", "empty"),
    ("<sips:safe@example.com>", "safe", "safe"),
]


@pytest.mark.parametrize("value,number,user", FROMS,
                         ids=[str(n) for n in range(len(FROMS))])
def test_every_kind_of_from(three, value, number, user):
    """It is answered, and what the agent gets can be read again."""
    cust, agent, node = three
    c = cust.invite(node, send=False)
    m = c.invite
    m.headers = [(n, value + ";tag=" + c.tag if n == "From" else v)
                 for n, v in m.headers]
    c.local = m.get("from")
    c.send(m)
    c.expect(200)
    c.ack()
    track(node, c)
    s = node.wait_for("call.started", call=c.id)
    if number is not None:
        assert s["from"] == number
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    frm = a.invite.get("from")
    assert re.fullmatch(r'("([^"\\]|\\.)*"\s*|[\w .!%*+`\'~-]*)'
                        r'<sips?:[^<>" ]+>;tag=\S+', frm), frm
    if user is not None:
        assert uri_of(frm).startswith("sip:%s@%s" % (user, node.ip)), frm
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy")
    c.bye()
    gone(node, c, "customer")


@pytest.mark.parametrize("contact", [
    "<sip:cust@phone.invalid>", "<sip:cust@phone.invalid:5099;ob>",
    "<sip:cust@192.0.2.1:9>", '"Me" <sip:cust@phone.invalid>;expires=60',
])
def test_contact_that_leads_nowhere(three, contact):
    """We answer to where it came from; the name is never looked up."""
    cust, agent, node = three
    c = cust.invite(node, contact=contact)
    c.expect(200)
    c.ack()
    track(node, c)
    if "192.0.2.1" in contact:
        # An address may be tried; the call ends all the same.
        c.bye()
        gone(node, c, "customer")
        return
    node.call("call.hangup", call=c.id)
    bye = hung_up(c)
    assert bye.uri == uri_of(contact)
    gone(node, c, "control")


def test_record_route_of_two_hops(three):
    cust, agent, node = three
    proxy = "<sip:%s:%d;lr>" % (cust.ip, cust.port)
    far = "<sip:192.0.2.7;lr;x=y>"
    c = cust.invite(node, headers=[("Record-Route", proxy),
                                   ("Record-Route", far)],
                    contact="<sip:cust@192.0.2.9:5070>")
    answer = c.expect(200)
    assert [r.replace(" ", "") for v in answer.all("record-route")
            for r in v.split(",")] == [proxy, far]
    c.ack()
    track(node, c)
    node.call("call.hangup", call=c.id)
    bye = hung_up(c)
    assert bye.uri == "sip:cust@192.0.2.9:5070"
    assert [r.replace(" ", "") for v in bye.all("route")
            for r in v.split(",")] == [proxy, far]
    gone(node, c, "control")


def test_target_moves_by_re_invite(three, world):
    cust, agent, node = three
    other = world.peer("other")
    c = connect(cust, node)
    c.request("INVITE", cust.sdp(version=2), contact="<sip:moved@%s:%d>" %
              (other.ip, other.port))
    c.expect(200)
    c.ack()
    node.call("call.hangup", call=c.id)
    bye = other.expect("BYE")
    assert bye.uri == "sip:moved@%s:%d" % (other.ip, other.port)
    other.reply(bye, 200)
    gone(node, c, "control")


VIDEO = ("m=video 50000 RTP/AVP 96\r\na=rtpmap:96 H264/90000\r\n")
BODIES = [
    ("no_crlf_at_the_end", lambda s: s.rstrip()),
    ("lf_only", lambda s: s.replace("\r\n", "\n")),
    ("media_level_c", lambda s: re.sub(
        r"(c=[^\r]*\r\n)(t=[^\r]*\r\n)(m=[^\r]*\r\n)", r"\2\3\1", s)),
    ("video_after", lambda s: s + VIDEO),
    ("video_before", lambda s: s.replace("m=audio", VIDEO + "m=audio")),
    ("two_audios", lambda s: s + "m=audio 40002 RTP/AVP 0\r\n"),
    ("static_without_rtpmap", lambda s: re.sub(r"a=rtpmap:[08] [^\r]*\r\n",
                                               "", s)),
    ("unknown_codecs", lambda s: s.replace(
        "0 8 101", "0 8 101 120 121").replace(
        "a=sendrecv", "a=rtpmap:120 AMR-WB/16000\r\na=sendrecv")),
    ("bandwidth_and_more", lambda s: s.replace(
        "t=0 0", "b=AS:64\r\nt=0 0\r\nr=7d 1h 0 25h\r\na=group:BUNDLE 0")),
    ("session_direction", lambda s: s.replace("a=sendrecv\r\n", "").replace(
        "t=0 0\r\n", "t=0 0\r\na=sendrecv\r\n")),
    ("no_direction", lambda s: s.replace("a=sendrecv\r\n", "")),
    ("avpf_attributes", lambda s: s + "a=rtcp-fb:* nack\r\na=mid:0\r\n"),
]


@pytest.mark.parametrize("mode", ["none", "rtp"])
@pytest.mark.parametrize("change", [b[1] for b in BODIES],
                         ids=[b[0] for b in BODIES])
def test_bodies(world, mode, change):
    """Answered section by section; one that is not ours has port 0 (O8)."""
    cust, agent, node = world.trio(bots={"support": BOT},
                                   config={"media": {"mode": mode}})
    body = change(cust.sdp())
    c = cust.invite(node, sdp=body)
    m = c.expect(200)
    c.ack()
    track(node, c)
    ours = [l for l in m.text().split("\r\n") if l.startswith("m=")]
    theirs = [l for l in re.split("\r?\n", body) if l.startswith("m=")]
    assert [l.split()[0] for l in ours] == [l.split()[0] for l in theirs]
    used = [l for l in ours if l.split()[1] != "0"]
    assert len(used) == 1 and used[0].startswith("m=audio"), ours
    assert m.text().endswith("\r\n")
    # And it can be passed on.
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    passed = a.invite.text()
    assert "m=audio 40000 RTP/AVP 0 8" in passed, passed
    assert passed.count("o=") == 1 and "\n\n" not in passed
    assert Sdp(a.invite.body).address == cust.ip
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy")
    c.bye()
    gone(node, c, "customer")


@pytest.mark.parametrize("ctype,body", [
    ("application/sdp", "not sdp at all"),
    ("application/sdp", "v=0\r\n"),
    ("application/sdp", "v=0\r\no=a 1 1 IN IP4 1.2.3.4\r\ns=-\r\nt=0 0\r\n"),
    ("text/plain", "hello"),
    ("application/sdp", "\0" * 500),
])
def test_bodies_that_offer_nothing(three, ctype, body):
    cust, agent, node = three
    c = cust.invite(node, send=False, sdp=None)
    c.invite.body = body.encode()
    c.invite.headers.append(("Content-Type", ctype))
    c.send(c.invite)
    m = c.expect((400, 415, 488))
    print(ctype, repr(body[:20]), "->", m)
    assert not node.rpc.find("call.started")


def test_two_calls_with_one_call_id(three):
    """Told apart by their From tags."""
    cust, agent, node = three
    c = cust.invite(node, call_id="same", tag="one")
    c.expect(200)
    c.ack()
    d = cust.invite(node, call_id="same", tag="two")
    d.expect(200)
    d.ack()
    node.wait_for("call.answered", count=2)
    ids = [e["call"] for e in node.rpc.find("call.started")]
    d.message("ping")
    node.wait_for("bot.say", call=ids[1], text="pong")
    c.bye()
    d.bye()
    node.wait_for("call.ended", count=2)


def test_an_agent_at_the_customers_own_address(world):
    """A PBX that is both: its two legs are told apart by their dialogs."""
    cust = world.peer("pbx")
    node = world.node(cust, bots={"support": BOT})
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = join(c, cust)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    a.bye()
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


def test_a_call_to_ourselves_ends(world):
    """An agent's number that comes back to the bot, again and again."""
    cust = world.peer("cust")
    source = BOT.replace('a "Hi!"', 'a "Hi!", switch { phoneNumber = "100",'
                         ' method = "bridge", continueCall = true }')
    node = world.node(bots={"support": source}, config={"trunks": {
        "office": {"match": ["127.0.0.0/8"]}}})
    text = node.file.read_text().replace(node.config["trunks"]["office"]
                                         ["uri"], "sip:%s:%d" % node.sip)
    node.stop()
    node.checked = False
    node.rpc.close()
    node.rpc = None
    node.file.write_text(text)
    node.start()
    c = cust.invite(node, max_forwards=20)
    cust.auto_reply("BYE")
    c.expect(200)
    c.ack()
    for _ in range(30):
        if not node.rpc.find("transfer.ended", reason="rejected"):
            cust.silence(0.1, lambda m: m.method == "NOTHING")
    assert node.rpc.find("transfer.ended", reason="rejected")
    started = len(node.rpc.find("call.started"))
    assert started <= 12, started
    cust.drop_all()
    for x in node.call("call.list")["calls"]:
        try:
            node.call("call.hangup", call=x["call"])
        except Exception as e:
            assert getattr(e, "code", "") == "gone", e
    node.past_invites = 1000
    node.quiet(timeout=20)
    cust.drop_all()
