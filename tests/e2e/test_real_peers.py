"""Kamailio in front of the node, baresip as agent's and customer's phone."""

import pytest

from harness.cases import (BOT, NUMBER, bring_back, connect, ended, gone,
                           hung_up, join, ping, switch, until)
from harness.pcap import Pcap, complaints, count
from harness.real import Baresip, Kamailio

AGENT = "agent"


@pytest.fixture
def real(world, tmp_path):
    """Starts programs; they end with the test."""
    made = []

    def make(kind, *args, **kw):
        made.append(kind(tmp_path, *args, **kw))
        return made[-1]
    yield make
    for p in made:
        p.stop()
        if isinstance(p, Baresip):
            rows = p.received()
            assert len(rows) > 2, p.log()
            for data, src, dst in rows:
                world.pcap.add(data, src, dst)


def node_for(world, match, uri):
    return world.node(None, None, bots={"support": BOT}, timers={
        "refer_bye": "500ms"}, config={
        "trunks": {"office": {"uri": uri, "match": match}}})


# -- baresip ------------------------------------------------------------------

@pytest.mark.parametrize("who", ["agent", "customer"])
def test_baresip_is_the_agent(world, real, who):
    cust = world.peer("cust")
    phone = real(Baresip, AGENT)
    node = node_for(world, [cust.ip], phone.uri)
    c = connect(cust, node)
    switch(node, c, sipUri="%s@%s:%d" % (AGENT, phone.ip, phone.port),
           method="bridge", continueCall=True)
    phone.wait("CALL_ESTABLISHED")
    r = c.expect("INVITE")
    assert phone.ip in r.text()         # his media goes there directly
    c.reply(200, sdp=True)
    c.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    if who == "agent":
        phone.command("hangup")
        bring_back(c)
        ended(node, c, "SUCCESS", False, "answered", number=AGENT,
              method="bridge", ended_by="agent")
        c.message("ping")
        c.bye()
    else:
        c.bye()
        ended(node, c, "SUCCESS", True, "answered", number=AGENT,
              method="bridge", ended_by="customer")
    gone(node, c, "customer")
    phone.wait("CALL_CLOSED")


def test_baresip_rings_and_is_given_up(world, real):
    """Our CANCEL, his 487, our ACK."""
    cust = world.peer("cust")
    phone = real(Baresip, AGENT, answer="manual")
    node = node_for(world, [cust.ip], phone.uri)
    c = connect(cust, node)
    switch(node, c, sipUri="%s@%s:%d" % (AGENT, phone.ip, phone.port),
           method="bridge", continueCall=True, timeout=1)
    phone.wait("CALL_INCOMING")
    ended(node, c, "FAIL", False, "no_answer", number=AGENT)
    phone.wait("CALL_CLOSED")
    c.bye()
    gone(node, c, "customer")


def call_by(phone, node, at):
    phone.command("dial", "sip:100@%s:%d" % at)
    phone.wait("CALL_ESTABLISHED")
    return node.wait_for("call.answered")["call"]


class Call:
    def __init__(self, id):
        self.id = id


@pytest.mark.parametrize("answer", [True, False])
def test_baresip_is_the_customer_and_follows_a_refer(world, real, answer):
    agent = world.peer("agent")
    phone = real(Baresip, "cust")
    node = node_for(world, [phone.ip], agent.uri)
    c = Call(call_by(phone, node, node.sip))
    switch(node, c, method="refer", continueCall=not answer)
    # He calls the agent himself; its answer comes to us as NOTIFY.
    a = agent.incoming()
    assert NUMBER in a.invite.uri
    if answer:
        a.reply(180)
        a.reply(200, sdp=True)
        a.expect("ACK")
        ended(node, c, "SUCCESS", False, "answered", method="refer")
        phone.command("hangupall")
        phone.command("hangup")
        a.expect("BYE")
        a.reply(200)
    else:
        a.reply(486, to=a.invite)
        a.expect("ACK")
        e = node.wait_for("transfer.ended", call=c.id)
        # baresip's sipfrag says what it makes of the refusal.
        assert (e["status"], e["hangup"]) == ("FAIL", False), e
        phone.command("hangup")
    gone(node, c)


def test_two_phones_of_baresip(world, real):
    """And the customer's phone takes the joining re-INVITEs."""
    cust, agent = real(Baresip, "cust"), real(Baresip, AGENT)
    node = node_for(world, [cust.ip], agent.uri)
    c = Call(call_by(cust, node, node.sip))
    for n in (1, 2):
        switch(node, c, sipUri="%s@%s:%d" % (AGENT, agent.ip, agent.port),
               method="bridge", continueCall=True)
        agent.wait("CALL_ESTABLISHED", n)
        until(lambda: len(node.rpc.find("transfer.progress", call=c.id,
                                        phase="joined")) == n, "not joined")
        agent.command("hangup")
        ended(node, c, "SUCCESS", False, "answered", count=n, number=AGENT,
              method="bridge", ended_by="agent")
    cust.command("hangup")
    gone(node, c, "customer")
    node.stats()


# -- Kamailio -----------------------------------------------------------------

@pytest.fixture
def front(world, real):
    """(customer, agent, node, proxy): the customer's side goes through it."""
    cust, agent = world.peer("cust"), world.peer("agent")
    node = world.node(None, agent, bots={"support": BOT}, start_later=True)
    proxy = real(Kamailio, node.sip)
    node.set("trunks", {"office": {"uri": agent.uri,
                                   "match": [proxy.sip[0], cust.ip]}})
    node.start()
    proxy.ready(cust)
    yield cust, agent, node, proxy
    ping(cust, node)


def through(cust, node, proxy):
    c = connect_by(cust, node, proxy)
    assert any("lr" in r and proxy.sip[0] in r for r in c.routes), c.routes
    return c


def connect_by(cust, node, proxy):
    c = cust.invite(proxy)
    c.expect(200)
    c.ack()
    c.id = node.wait_for("call.started", sip_call_id=c.call_id)["call"]
    node.wait_for("call.answered", call=c.id)
    return c


def all_came_by(peer, proxy):
    assert all(m.src == proxy.sip for m in peer.received("REFER") +
               peer.received("BYE") + peer.received("INVITE"))


def test_T5_kamailio_bot_and_customers_bye(front):
    cust, agent, node, proxy = front
    c = through(cust, node, proxy)
    c.message("ping")
    node.wait_for("bot.say", call=c.id, text="pong")
    c.bye()
    gone(node, c, "customer")


def test_T5_kamailio_our_bye_goes_by_its_route(front):
    cust, agent, node, proxy = front
    c = through(cust, node, proxy)
    node.call("call.hangup", call=c.id)
    hung_up(c)
    gone(node, c, "control")
    all_came_by(cust, proxy)


def test_T5_kamailio_bridge_and_back(front):
    cust, agent, node, proxy = front
    c = through(cust, node, proxy)
    switch(node, c, method="bridge", continueCall=True)
    a = join(c, agent)
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered", method="bridge")
    c.message("ping")
    c.bye()
    gone(node, c, "customer")
    all_came_by(cust, proxy)


def test_T5_kamailio_refer(front):
    cust, agent, node, proxy = front
    c = through(cust, node, proxy)
    switch(node, c, method="refer")
    c.expect("REFER")
    c.reply(202)
    c.notify("SIP/2.0 100 Trying\r\n")
    c.notify("SIP/2.0 200 OK\r\n")
    ended(node, c, "SUCCESS", False, "answered", method="refer")
    hung_up(c)
    gone(node, c)
    all_came_by(cust, proxy)


def test_T5_kamailio_customer_cancels(front):
    """His CANCEL crosses the 200: ACK and BYE are his to send."""
    cust, agent, node, proxy = front
    c = cust.invite(proxy)
    m = c.expect((200, 487))
    if m.status == 200:
        c.ack()
        c.bye()
    until(lambda: not node.live_calls(), "a call is left")


def test_T5_kamailio_and_baresip_on_both_sides(front, real):
    cust, agent, node, proxy = front
    phone, desk = real(Baresip, "phone"), real(Baresip, AGENT)
    c = Call(call_by(phone, node, proxy.sip))
    switch(node, c, sipUri="%s@%s:%d" % (AGENT, desk.ip, desk.port),
           method="bridge", continueCall=True)
    desk.wait("CALL_ESTABLISHED")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    desk.command("hangup")
    ended(node, c, "SUCCESS", False, "answered", number=AGENT,
          method="bridge", ended_by="agent")
    phone.command("hangup")
    gone(node, c, "customer")


# -- what the phones get, under tshark's eyes ---------------------------------

@pytest.mark.parametrize("damage, complains", [
    (lambda m: m, False),
    (lambda m: m.replace(b"CSeq: 1", b"CSeq 1"), True),
    (lambda m: m.replace(b"a=rtpmap:0 PCMU/8000\r\n", b"rubbish\r\n"), True),
    (lambda m: m.replace(b"\r\nMax-Forwards: 70", b"\r\nMax-Forwards 70"), True),
])
def test_tshark_sees_what_is_wrong(world, tmp_path, damage, complains):
    peer = world.peer("x")
    m = peer.build("INVITE", "sip:100@127.0.0.1", None, body=peer.sdp())
    data = damage(m.bytes())
    assert complains == (data != m.bytes())
    capture = Pcap()
    capture.add(data, ("127.0.0.1", 5060), ("127.0.0.2", 5062))
    capture.write(tmp_path / "x.pcap")
    assert count(tmp_path / "x.pcap") == 1
    assert bool(complaints(tmp_path / "x.pcap")) == complains
