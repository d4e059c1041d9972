"""
Peers that challenge: cases R9, I8 (of it 401 and 407) and O17.

Every answer is computed again here. Between the tests the node answers an
OPTIONS and nothing is left in it.
"""

import time

import pytest

from harness.cases import (BOT, bring_back, cancelled, connect, ended, gone,
                           hung_up, join, ping, refuse, switch)
from harness.digest import Digest, fields
from harness.message import uri_of
from harness.waits import token

ACCOUNT = {"username": "4930123", "password": "s3cret"}
QUICK = {"refer_outcome": "400ms", "refer_bye": "400ms", "t1x64": "2500ms"}


@pytest.fixture
def call(world):
    """A call that is with the bot, over a trunk with an account."""
    def start(timers=None, account=ACCOUNT, **kw):
        cust, agent, node = world.trio(
            bots={"support": BOT}, timers={**QUICK, **(timers or {})},
            config={"trunks": {"office": dict(account)}}, **kw)
        return cust, agent, node, connect(cust, node)
    yield start
    if world.nodes and world.nodes[-1].process.poll() is None:
        ping(world.peers[0], world.nodes[-1])


def dialled(node, c, agent, **kw):
    """The agent's first INVITE, as yet without credentials."""
    switch(node, c, method="bridge", continueCall=True, **kw)
    a = agent.incoming()
    assert not a.invite.get("Authorization")
    assert not a.invite.get("Proxy-Authorization")
    return a


def again(a, agent, digest=None):
    """The INVITE that follows a challenge, in the same dialog."""
    first = a.invite
    i = agent.wait(lambda m: m.method == "INVITE" and not m.tag("to") and
                   m.call_id == first.call_id, "an INVITE again")
    assert i.cseq[0] == first.cseq[0] + 1
    assert i.branch != first.branch
    assert i.uri == first.uri and i.body == first.body
    for name in ("From", "To", "Contact", "Max-Forwards", "Allow",
                 "Content-Type", "X-Customer", "callReason"):
        assert i.all(name) == first.all(name), name
    assert len(i.all("Via")) == 1
    a.invite = a.last = i
    if digest:
        digest.check(i)
    return i


def answer(a, c):
    """From the agent's 200 to two parties who talk; the agent's ACK."""
    a.reply(200, sdp=True)
    ack = a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    return ack


def over(node, c, a):
    """The agent hangs up, the customer comes back and hangs up as well."""
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()
    gone(node, c, "customer")


# -- INVITE ---------------------------------------------------------------

@pytest.mark.parametrize("proxy", [False, True])
@pytest.mark.parametrize("qop", ["auth", "auth,auth-int", "auth-int", None])
@pytest.mark.parametrize("algorithm", ["MD5", None, "MD5-sess"])
def test_I8_challenged_invite(call, proxy, qop, algorithm):
    if algorithm == "MD5-sess" and not qop:
        pytest.skip("its key is made of a cnonce")
    cust, agent, node, c = call()
    d = Digest(proxy=proxy, qop=qop, algorithm=algorithm, opaque="5ccc069c")
    a = dialled(node, c, agent, headers={"callReason": "support"})
    a.reply(100)
    d.challenge(a)
    i = again(a, agent, d)
    if qop == "auth,auth-int":
        assert fields(d.answers(i)[0])["qop"] == "auth"
    a.reply(180)
    ack = answer(a, c)
    # RFC 3261 22.1: the same, word for word
    assert d.answers(ack) == d.answers(i)
    e = node.wait_for("transfer.progress", call=c.id, phase="ringing")
    assert e["sip"]["code"] == 180
    over(node, c, a)


@pytest.mark.parametrize("realm,nonce", [
    ("", "x"), ("a, b=c; d", "=+/,;%n"), ("Grüße", "a b"),
    ("Digest realm=x", "nonce=y"), ("r" * 1000, "n" * 1000)])
def test_I8_odd_realms_and_nonces(call, realm, nonce):
    """They come back as they are."""
    cust, agent, node, c = call()
    d = Digest(realm=realm, opaque=nonce)
    a = dialled(node, c, agent)
    d.challenge(a, nonce=nonce)
    again(a, agent, d)
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy")
    c.bye()


def test_I8_a_proxy_and_then_the_callee(call):
    """Each is a realm of its own; both answers go with what follows."""
    cust, agent, node, c = call()
    p = Digest(proxy=True, realm="proxy")
    d = Digest(realm="desk")
    a = dialled(node, c, agent)
    p.challenge(a)
    again(a, agent, p)
    d.challenge(a)
    i = again(a, agent, d)
    p.check(i)
    ack = answer(a, c)
    assert p.answers(ack) == p.answers(i) and d.answers(ack) == d.answers(i)
    over(node, c, a)


def test_I8_both_kinds_in_one_answer(call):
    """RFC 3261 16.7: a forking proxy gathers what its branches ask for."""
    cust, agent, node, c = call()
    ds = [Digest(proxy=True, realm="one"), Digest(proxy=True, realm="two"),
          Digest(realm="three")]
    a = dialled(node, c, agent)
    a.reply(401, headers=[d.header() for d in ds])
    a.expect("ACK")
    i = again(a, agent)
    for d in ds:
        d.check(i)
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy")
    c.bye()


def test_I8_stale_nonce_once_more(call):
    cust, agent, node, c = call()
    d = Digest()
    a = dialled(node, c, agent)
    d.challenge(a)
    again(a, agent, d)
    d.challenge(a, stale=True)
    assert fields(d.answers(again(a, agent, d))[0])["nc"] == "00000001"
    answer(a, c)
    over(node, c, a)


@pytest.mark.parametrize("how", ["same", "new", "stale", "stale_same"])
def test_I8_endless_challenges(call, how):
    """Wrong password, or a peer that goes on for ever: unauthorized."""
    cust, agent, node, c = call()
    d = Digest()
    a = dialled(node, c, agent)
    d.challenge(a, nonce=token("n"))
    again(a, agent, d)
    if how == "stale":
        d.challenge(a, stale=True)
        again(a, agent, d)
    d.challenge(a, nonce=d.nonce if "same" in how else None,
                stale="stale" in how)
    ended(node, c, "FAIL", False, "unauthorized", number="16123456789")
    e = node.wait_for("transfer.ended", call=c.id)
    assert e["sip"]["code"] == 401 and len(e["attempts"]) == 1
    assert e["attempts"][0]["reason"] == "unauthorized"
    agent.silence(0.2)
    c.bye()


BAD = [
    ("no challenge at all", []),
    ("Basic would tell the password",
     [("WWW-Authenticate", 'Basic realm="x"')]),
    ("SHA-256 alone", [("WWW-Authenticate", 'Digest realm="x", nonce="n", '
                        'algorithm=SHA-256, qop="auth"')]),
    ("unknown qop", [("WWW-Authenticate",
                      'Digest realm="x", nonce="n", qop="never"')]),
    ("no realm", [("WWW-Authenticate", 'Digest nonce="n"')]),
    ("no nonce", [("WWW-Authenticate", 'Digest realm="x"')]),
    ("no parameters", [("WWW-Authenticate", "Digest")]),
    ("what could not be repeated", [("WWW-Authenticate",
     'Digest realm="a\\"b", nonce="n"')]),
    ("unquoted", [("WWW-Authenticate", "Digest realm=x, nonce=n")]),
    ("huge", [("WWW-Authenticate",
               'Digest realm="x", nonce="%s"' % ("n" * 9000))]),
    ("garbage", [("WWW-Authenticate", '"\\\x01\xff,,,=;;')]),
    ("many", [("WWW-Authenticate", 'Digest realm="%d", algorithm=MD7' % i)
              for i in range(200)]),
]


@pytest.mark.parametrize("what,headers", BAD, ids=[b[0] for b in BAD])
def test_I8_challenge_that_cannot_be_met(call, what, headers):
    cust, agent, node, c = call()
    a = dialled(node, c, agent)
    refuse(a, 401, headers=headers)
    ended(node, c, "FAIL", False, "unauthorized")
    agent.silence(0.1)
    c.bye()


def test_I8_realms_are_bounded(call):
    """Four of many are answered, with one request."""
    cust, agent, node, c = call()
    ds = [Digest(realm="realm%d" % i) for i in range(30)]
    a = dialled(node, c, agent)
    refuse(a, 401, headers=[d.header() for d in ds])
    i = again(a, agent)
    assert len(i.all("Authorization")) == 4
    for d in ds[:4]:
        d.check(i)
    refuse(a, 401, headers=[d.header() for d in ds[10:]])
    ended(node, c, "FAIL", False, "unauthorized")
    c.bye()


def test_I8_the_first_of_a_realm_that_can_be_met(call):
    """RFC 8760 2.4: SHA-256 first, MD5 for the others, one realm."""
    cust, agent, node, c = call()
    d = Digest()
    a = dialled(node, c, agent)
    refuse(a, 401, headers=[
        ("WWW-Authenticate", 'Digest realm="carrier.example", nonce="x", '
         'algorithm=SHA-256, qop="auth"'),
        ("WWW-Authenticate", 'Basic realm="carrier.example"'), d.header()])
    again(a, agent, d)
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy")
    c.bye()


def test_I8_without_an_account(call):
    cust, agent, node, c = call(account={})
    a = dialled(node, c, agent)
    Digest().challenge(a)
    ended(node, c, "FAIL", False, "unauthorized")
    agent.silence(0.1)
    c.bye()


def test_I8_customer_leaves_during_the_challenge(call):
    """The CANCEL waits for the second INVITE's first answer."""
    cust, agent, node, c = call()
    d = Digest()
    a = dialled(node, c, agent)
    a.reply(100)
    d.challenge(a)
    again(a, agent, d)
    c.bye()
    ended(node, c, "FAIL", True, "caller_gone")
    agent.silence(0.2)
    a.reply(100)
    cancelled(a)
    gone(node, c)


def test_I8_cancelled_before_the_challenge(call):
    """Its 401 is the end: nothing is sent again."""
    cust, agent, node, c = call()
    a = dialled(node, c, agent)
    a.reply(180)
    c.bye()
    ended(node, c, "FAIL", True, "caller_gone")
    a.expect("CANCEL")
    a.reply(200)
    Digest().challenge(a, a.invite)
    agent.silence(0.3)
    gone(node, c)


def test_I8_late_200_after_the_challenge(call):
    """It crosses our CANCEL: ACK with its credentials, and BYE."""
    cust, agent, node, c = call()
    d = Digest()
    a = dialled(node, c, agent)
    d.challenge(a)
    i = again(a, agent, d)
    a.reply(180)
    c.bye()
    ended(node, c, "FAIL", True, "caller_gone")
    a.expect("CANCEL")
    a.reply(200)
    a.reply(200, sdp=True, to=i)
    assert d.answers(a.expect("ACK")) == d.answers(i)
    d.check(a.expect("BYE"))
    a.reply(200)
    gone(node, c)


@pytest.mark.parametrize("said", [None, 180])
def test_I8_timers_go_on_over_the_challenge(call, said):
    """Nothing, or ringing, after the second INVITE: the first one's time."""
    cust, agent, node, c = call({"first_response": "600ms"})
    d = Digest()
    a = dialled(node, c, agent, timeout="0.9")
    began = time.monotonic()
    time.sleep(0.4)
    d.challenge(a)
    again(a, agent, d)
    if said:
        a.reply(said)
    ended(node, c, "FAIL", False, "no_answer" if said else "unreachable")
    assert time.monotonic() - began < 1.5
    if said:
        cancelled(a)
    else:
        # It lives on: its late answer is settled.
        a.reply(100)
        cancelled(a)
    c.bye()


def test_I8_challenge_repeated_on_the_wire(call):
    """UDP: a copy of the 401 gets its ACK again, and no second INVITE."""
    cust, agent, node, c = call()
    d = Digest()
    a = dialled(node, c, agent)
    first = a.invite
    h = d.header()
    a.reply(401, headers=[h])
    a.expect("ACK")
    again(a, agent, d)
    a.reply(401, headers=[h], to=first)
    agent.silence(0.2)
    assert agent.arrivals("ACK", a.call_id) == 2
    answer(a, c)
    over(node, c, a)


# -- whose credentials ----------------------------------------------------

def test_I8_no_answer_to_a_stranger(world):
    """A URI that is dialled elsewhere has no credentials of ours."""
    cust, agent, node = world.trio(bots={"support": BOT}, timers=QUICK,
                                   config={"trunks": {"office": ACCOUNT}})
    stranger = world.peer("stranger")
    c = connect(cust, node)
    switch(node, c, sipUri="eve@%s:%d" % (stranger.ip, stranger.port),
           method="bridge", continueCall=True)
    a = stranger.incoming()
    Digest().challenge(a)
    ended(node, c, "FAIL", False, "unauthorized", number="eve")
    stranger.silence(0.2)
    c.bye()
    gone(node, c)


def test_I8_the_trunk_of_the_uris_host(world):
    """Its account, whatever trunk the customer came over."""
    cust, agent, node = world.trio(bots={"support": BOT}, timers=QUICK)
    pbx = world.peer("pbx")
    node = world.node(cust, agent, bots={"support": BOT}, timers=QUICK,
                      config={"trunks": {
                          "office": dict(ACCOUNT, username="wrong"),
                          "pbx": dict(ACCOUNT, uri=pbx.uri,
                                      match=["127.99.99.99"])}})
    c = connect(cust, node)
    switch(node, c, sipUri="desk@%s:%d" % (pbx.ip, pbx.port),
           method="bridge", continueCall=True)
    a = pbx.incoming()
    assert uri_of(a.invite.get("From")).startswith("sip:4930123@")
    d = Digest()
    d.challenge(a)
    again(a, pbx, d)
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy", number="desk")
    c.bye()
    gone(node, c)


# -- REFER ----------------------------------------------------------------

TRYING = "SIP/2.0 100 Trying\r\n"
OK = "SIP/2.0 200 OK\r\n"


@pytest.mark.parametrize("proxy", [False, True])
def test_R9_challenged_refer(call, proxy):
    """The id of its subscription is the CSeq that was accepted."""
    cust, agent, node, c = call()
    d = Digest(proxy=proxy)
    switch(node, c)
    first = c.expect("REFER")
    d.challenge(c)
    r = c.expect("REFER")
    d.check(r)
    assert r.cseq[0] == first.cseq[0] + 1
    assert r.branch != first.branch
    for name in ("Refer-To", "Referred-By", "From", "To", "Contact"):
        assert r.all(name) == first.all(name), name
    assert uri_of(r.get("Referred-By")) == uri_of(r.get("From"))
    c.reply(202)
    c.notify(TRYING, event="refer;id=%d" % r.cseq[0])
    c.notify(OK, event="refer;id=%d" % r.cseq[0])
    c.bye()
    ended(node, c, "SUCCESS", False, "answered", method="refer")
    gone(node, c)


def test_R9_stale_nonce(call):
    cust, agent, node, c = call()
    d = Digest()
    switch(node, c)
    c.expect("REFER")
    d.challenge(c)
    d.check(c.expect("REFER"))
    d.challenge(c, stale=True)
    d.check(c.expect("REFER"))
    c.reply(202)
    c.notify(OK)
    c.bye()
    ended(node, c, "SUCCESS", False, "answered")
    gone(node, c)


@pytest.mark.parametrize("how", ["same", "new", "none"])
def test_R9_refused_challenge_ends_refer(call, how):
    cust, agent, node, c = call(account={} if how == "none" else ACCOUNT)
    d = Digest()
    switch(node, c, method="refer", continueCall=False)
    c.expect("REFER")
    d.challenge(c)
    if how != "none":
        d.check(c.expect("REFER"))
        d.challenge(c, nonce=d.nonce if how == "same" else None)
    ended(node, c, "FAIL", False, "unauthorized", method="refer")
    hung_up(c)
    gone(node, c)


def test_R9_auto_falls_back_to_a_bridge(call):
    cust, agent, node, c = call()
    d = Digest()
    switch(node, c)
    c.expect("REFER")
    d.challenge(c)
    d.check(c.expect("REFER"))
    d.challenge(c)
    a = agent.incoming()
    refuse(a, 486)
    e = ended(node, c, "FAIL", False, "busy", method="bridge")
    assert e["method"] == "bridge"
    hung_up(c)
    gone(node, c)


def test_R9_notify_of_an_earlier_refer(call):
    """An id that was accepted once is another's; any other is this one's."""
    cust, agent, node, c = call()
    d = Digest()
    switch(node, c, method="refer", continueCall=True)
    c.expect("REFER")
    d.challenge(c)
    old = c.expect("REFER")
    d.check(old)
    c.reply(202)
    c.notify("SIP/2.0 486 Busy Here\r\n",
             event="refer;id=%d" % old.cseq[0])
    ended(node, c, "FAIL", False, "busy", method="refer")
    switch(node, c, method="refer", continueCall=True)
    refused = c.expect("REFER")
    d.check(refused)            # what it knows goes along
    d.challenge(c, stale=True)
    r = c.expect("REFER")
    d.check(r)
    c.reply(202)
    c.notify(OK, event="refer;id=%d" % old.cseq[0])
    c.notify(TRYING, event="refer;id=%d" % refused.cseq[0])
    c.notify("SIP/2.0 603 Decline\r\n", event="refer;id=%d" % r.cseq[0])
    ended(node, c, "FAIL", False, "declined", count=2)
    c.bye()
    gone(node, c)


def test_R9_bye_during_the_challenge(call):
    cust, agent, node, c = call()
    d = Digest()
    switch(node, c)
    c.expect("REFER")
    d.challenge(c)
    d.check(c.expect("REFER"))
    c.bye()
    c.reply(481, to=c.peer.received("REFER")[-1])
    ended(node, c, "FAIL", True, "caller_gone")
    gone(node, c)


# -- the rest of a dialog -------------------------------------------------

def test_O17_challenged_re_invites(call):
    """To the customer for the join, and for the way back; their ACKs too."""
    cust, agent, node, c = call()
    d = Digest(proxy=True)
    a = dialled(node, c, agent)
    a.reply(200, sdp=True)
    a.expect("ACK")
    r = c.expect("INVITE")
    assert not d.answers(r)
    d.challenge(c)
    again_ = c.expect("INVITE")
    d.check(again_)
    assert again_.body == r.body and again_.cseq[0] == r.cseq[0] + 1
    assert again_.tag("to") == r.tag("to")
    c.reply(200, sdp=True)
    assert d.answers(c.expect("ACK")) == d.answers(again_)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    a.bye()
    back = c.expect("INVITE")
    assert d.check(back)["nc"] == "00000002"
    c.reply(200, sdp=True)
    assert d.answers(c.expect("ACK")) == d.answers(back)
    ended(node, c, "SUCCESS", False, "answered")
    node.call("call.hangup", call=c.id)
    d.check(c.expect("BYE"))
    c.reply(200)
    gone(node, c)


def test_O17_join_that_cannot_be_authorised(call):
    cust, agent, node, c = call(account={})
    a = dialled(node, c, agent)
    a.reply(200, sdp=True)
    a.expect("ACK")
    c.expect("INVITE")
    Digest().challenge(c)
    hung_up(a)
    ended(node, c, "FAIL", False, "join_failed")
    c.bye()
    gone(node, c)


def test_O17_challenged_bye(call):
    """On both legs, though both are over for the engine."""
    cust, agent, node, c = call()
    d, e = Digest(realm="customer's"), Digest(realm="agent's", proxy=True)
    a = dialled(node, c, agent)
    answer(a, c)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    node.call("call.hangup", call=c.id)
    for leg, digest in ((c, d), (a, e)):
        leg.expect("BYE")
        digest.challenge(leg)
        bye = leg.expect("BYE")
        digest.check(bye)
        leg.reply(200)
    ended(node, c, "SUCCESS", False, "answered")
    gone(node, c)


@pytest.mark.parametrize("how", ["again", "silent"])
def test_O17_bye_that_is_never_accepted(call, how):
    """It is over all the same, and nothing is left."""
    cust, agent, node, c = call(timers={"t1": "100ms"})
    d = Digest()
    node.call("call.hangup", call=c.id)
    c.expect("BYE")
    d.challenge(c)
    d.check(c.expect("BYE"))
    if how == "again":
        d.challenge(c)
        c.silence(0.2)
    gone(node, c)


def test_O17_credentials_of_the_invite_go_with_the_bye(call):
    """What the agent's side has asked for is in the first BYE already."""
    cust, agent, node, c = call()
    d = Digest()
    a = dialled(node, c, agent)
    d.challenge(a)
    again(a, agent, d)
    answer(a, c)
    c.bye()
    d.check(a.expect("BYE"))
    a.reply(200)
    ended(node, c, "SUCCESS", True, "answered")
    gone(node, c)


@pytest.mark.parametrize("method", ["INFO", "MESSAGE"])
def test_O17_challenged_info_and_message(call, method):
    """What is passed on is challenged by the other side alone."""
    cust, agent, node, c = call()
    d = Digest()
    a = dialled(node, c, agent)
    answer(a, c)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    r = c.request(method, "tell him", ctype="text/plain")
    a.expect(method)
    d.challenge(a)
    m = a.expect(method)
    d.check(m)
    assert m.body == b"tell him"
    a.reply(202)
    c.expect(202, to=r)
    over(node, c, a)


def test_O17_challenged_refresh(world):
    """UPDATE of the session timer."""
    cust, agent, node = world.trio(
        bots={"support": BOT}, timers={**QUICK, "session_expires": "3s"},
        config={"trunks": {"office": ACCOUNT}})
    d = Digest()
    c = connect(cust, node, allow="INVITE, ACK, CANCEL, BYE, UPDATE")
    c.expect("UPDATE", timeout=4)
    d.challenge(c)
    d.check(c.expect("UPDATE"))
    c.reply(200)
    c.bye()
    gone(node, c)


def test_I8_422_after_a_challenge(call):
    """The credentials go with the larger interval as well."""
    cust, agent, node, c = call()
    d = Digest()
    a = dialled(node, c, agent)
    d.challenge(a)
    first = again(a, agent, d)
    a.reply(422, to=first, headers=[("Min-SE", "3600")])
    a.expect("ACK")
    longer = again(a, agent, d)
    assert longer.get("min-se") == "3600"
    answer(a, c)
    over(node, c, a)


def test_T1_lost_and_repeated_messages(world):
    """Of a challenged call each message may be lost once."""
    cust, agent, node = world.trio(
        retransmit=True, bots={"support": BOT}, timers={"t1": "100ms"},
        config={"trunks": {"office": ACCOUNT}})
    c = connect(cust, node)
    d = Digest()
    for lost in ("401", "INVITE", "ACK"):
        if lost == "401":
            agent.lose(lambda m: m.status == 401)
        else:
            agent.lose(lambda m: m.method == lost and
                       bool(d.answers(m)) == (lost == "INVITE"),
                       incoming=True)
    a = dialled(node, c, agent)
    a.reply(401, headers=[d.header()])
    i = agent.wait(lambda m: m.method == "INVITE" and d.answers(m),
                   "an INVITE again")
    d.check(i)
    a.invite = a.last = i
    agent.drop_all()
    answer(a, c)
    over(node, c, a)
