"""Where two things meet: a hunt and the node's media, a refresh and a join."""

import time

import pytest

from harness.cases import (BOT, bring_back, connect, ended, gone, hung_up,
                           join, refuse, switch, track)
from harness.dns import Dns
from harness.message import Sdp
from harness.rtp import Rtp

PORTS = [30300, 30359]
NODE = {"office": {"media": "node"}}


@pytest.fixture
def rtp(world):
    """Parties with sockets for their audio, on a node in mode rtp."""
    made = []

    def start(trunks=None, **kw):
        config = {"media": {"mode": "rtp", "ports": PORTS}}
        if trunks:
            config["trunks"] = trunks
        cust, agent, node = world.trio(bots={"support": BOT}, config=config,
                                       **kw)
        for p in (cust, agent):
            p.audio = Rtp(p.ip)
            made.append(p.audio)
        return cust, agent, node
    yield start
    for a in made:
        a.close()


def place(m):
    s = Sdp(m.body)
    return s.address, s.port


def call(cust, node, **kw):
    c = cust.invite(node, sdp=cust.sdp(port=cust.audio.port, **kw))
    c.home = place(c.expect(200))
    c.ack()
    track(node, c)
    node.wait_for("call.answered", call=c.id)
    return c


def ring(node, c, agent, *numbers, **fields):
    """The agents who ring now, by number."""
    node.call("call.switch", call=c.id, destinations=list(numbers),
              continueCall=True, **fields)
    count = len(numbers) if fields.get("strategy") == "all" else 1
    return {a.invite.uri[4:8]: a
            for a in (agent.incoming() for _ in range(count))}


def answers(a, agent, **kw):
    a.home = place(a.invite)
    a.reply(200, sdp=agent.sdp(port=agent.audio.port, **kw))
    a.expect("ACK")


def talk(cust, c, agent, a, pt=0):
    x = cust.audio.send(c.home, pt)
    agent.audio.expect(x)
    x = agent.audio.send(a.home, pt)
    cust.audio.expect(x)


# -- several agents and the node's media --------------------------------------

def test_I10_home_and_the_node_at_once(rtp):
    """
    The first agent is gone, the customer's way home is open, and the second
    one has to be asked for the node's ports: no talk before he has taken them.
    """
    cust, agent, node = rtp()
    c = call(cust, node)
    a = ring(node, c, agent, "1001", "1002")["1001"]
    a.reply(200, sdp=agent.sdp())
    a.expect("ACK")
    c.expect("INVITE")
    a.bye()
    c.reply(200, sdp=cust.sdp(port=cust.audio.port, version=2))
    c.expect("ACK")
    home = c.expect("INVITE")
    b = agent.incoming()
    b.reply(200, sdp=agent.sdp(port=agent.audio.port, c="10.9.9.9"))
    b.expect("ACK")
    asked = b.expect("INVITE")
    b.home = place(asked)
    c.reply(200, sdp=cust.sdp(port=cust.audio.port, version=3), to=home)
    c.expect("ACK")
    time.sleep(0.1)
    assert not node.rpc.find("transfer.progress", call=c.id, phase="joined")
    b.reply(200, sdp=agent.sdp(port=agent.audio.port, version=2), to=asked)
    b.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    talk(cust, c, agent, b)
    b.bye()
    ended(node, c, "SUCCESS", False, "answered", number="1002")
    c.bye()
    gone(node, c)


def test_I10_others_ring_on_while_the_agent_is_asked_again(rtp):
    """Nobody is cancelled before the customer's leg has taken anything."""
    cust, agent, node = rtp()
    c = call(cust, node, c="10.1.2.3")
    first = ring(node, c, agent, "1001", "1002", strategy="all")
    a, b = first["1001"], first["1002"]
    b.reply(180)
    a.reply(200, sdp=agent.sdp(payloads=(8,)))
    a.expect("ACK")
    r = c.expect("INVITE")      # he has to change his codec
    agent.silence(0.2, lambda m: m.method == "CANCEL")
    a.bye()
    c.reply(200, sdp=cust.sdp(port=cust.audio.port, payloads=(8,)), to=r)
    c.expect("ACK")
    answers(b, agent)
    while True:     # home, or to the second one's codecs
        try:
            c.expect("INVITE", timeout=0.5)
        except AssertionError:
            break
        c.reply(200, sdp=cust.sdp(port=cust.audio.port, version=4))
        c.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    talk(cust, c, agent, b)
    b.bye()
    ended(node, c, "SUCCESS", False, "answered", number="1002")
    c.bye()
    gone(node, c)


def test_I10_a_loser_fails_while_the_winner_joins(world):
    """The one that answered is whom the outcome names."""
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node)
    both = ring(node, c, agent, "1001", "1002", strategy="all")
    a, b = both["1001"], both["1002"]
    a.reply(200, sdp=True)
    a.expect("ACK")
    c.expect("INVITE")
    refuse(b, 486)
    time.sleep(0.1)
    c.reply(200, sdp=True)
    c.expect("ACK")
    e = node.wait_for("transfer.progress", call=c.id, phase="joined")
    assert e["number"] == "1001"
    a.bye()
    bring_back(c)
    ended(node, c, "SUCCESS", False, "answered", number="1001")
    c.bye()
    gone(node, c)


def test_T9_a_loser_who_still_sends_is_not_heard(rtp):
    """Behind one address, at the ports that all of them were offered."""
    cust, agent, node = rtp(trunks=NODE)
    loser = Rtp(agent.ip)
    c = call(cust, node)
    both = ring(node, c, agent, "1001", "1002", strategy="all")
    a, b = both["1001"], both["1002"]
    b.reply(183, sdp=agent.sdp(port=loser.port))
    answers(a, agent)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    b.expect("CANCEL")
    b.reply(200)
    refuse(b, 487)
    loser.send(a.home)          # the first of all, from the same address
    time.sleep(0.05)
    x = agent.audio.send(a.home)
    while cust.audio.rtp.recv(2048)[12:] != x:
        pass
    loser.send(a.home)
    cust.audio.silence(0.1)
    talk(cust, c, agent, a)
    loser.close()
    a.bye()
    ended(node, c, "SUCCESS", False, "answered", number="1001")
    c.bye()
    gone(node, c)


def test_several_who_ring_get_the_nodes_ports(rtp):
    """Not the customer's, to which they would all send."""
    cust, agent, node = rtp()
    c = call(cust, node)
    both = ring(node, c, agent, "1001", "1002", strategy="all")
    assert {place(a.invite)[0] for a in both.values()} == {node.ip}
    for a in both.values():
        refuse(a, 486)
    ended(node, c, "FAIL", False, "busy", number=max(both))
    c.bye()
    gone(node, c)


def test_what_was_said_to_the_bot_is_not_sent_to_an_agent(rtp):
    cust, agent, node = rtp(trunks=NODE)
    c = call(cust, node)
    for n in (1, 2):
        for _ in range(300):
            cust.audio.send(c.home)
        a = ring(node, c, agent, "1001")["1001"]
        answers(a, agent)
        node.wait_for("transfer.progress", call=c.id, phase="joined",
                      count=n)
        agent.audio.silence(0.1)
        talk(cust, c, agent, a)
        a.bye()
        node.wait_for("transfer.ended", call=c.id, count=n)
    c.bye()
    gone(node, c)


# -- codecs that become fewer -------------------------------------------------

def test_O3_an_agent_is_offered_what_the_customer_has_now(rtp):
    cust, agent, node = rtp(trunks=NODE)
    c = call(cust, node)
    c.reinvite(sdp=cust.sdp(port=cust.audio.port, payloads=(0, 101),
                            version=2))
    c.expect(200)
    c.ack()
    a = ring(node, c, agent, "1001")["1001"]
    assert Sdp(a.invite.body).payloads == [0, 101]
    answers(a, agent, payloads=(0, 101))
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    c.silence(0.1, lambda m: m.method == "INVITE")
    talk(cust, c, agent, a)
    # One who settles on one codec during the talk: the other is asked to.
    a.reinvite(sdp=agent.sdp(port=agent.audio.port, payloads=(0,),
                             version=2))
    a.expect(200)
    a.ack()
    talk(cust, c, agent, a)
    a.bye()
    ended(node, c, "SUCCESS", False, "answered", number="1001")
    c.bye()
    gone(node, c)


def test_O3_a_codec_is_given_up_during_the_talk(rtp):
    cust, agent, node = rtp(trunks=NODE)
    c = call(cust, node)
    a = ring(node, c, agent, "1001")["1001"]
    answers(a, agent)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    a.reinvite(sdp=agent.sdp(port=agent.audio.port, payloads=(8, 101),
                             version=2))
    assert Sdp(a.expect(200).body).payloads == [8, 101]
    a.ack()
    assert Sdp(c.expect("INVITE").body).payloads == [8, 101]
    c.reply(200, sdp=cust.sdp(port=cust.audio.port, payloads=(8, 101),
                              version=2))
    c.expect("ACK")
    talk(cust, c, agent, a, 8)
    # And a hold after that is no reason to refuse anything.
    c.reinvite(sdp=cust.sdp(port=cust.audio.port, payloads=(8, 101),
                            direction="sendonly", version=3))
    c.expect(200)
    c.ack()
    a.silence(0.1, lambda m: m.method == "INVITE")
    # Resumed without a description: our offer does not mirror the hold.
    c.reinvite(sdp=None)
    assert Sdp(c.expect(200).body).direction == "sendrecv"
    c.ack(cust.sdp(port=cust.audio.port, payloads=(8, 101), version=4))
    talk(cust, c, agent, a, 8)
    a.bye()
    ended(node, c, "SUCCESS", False, "answered", number="1001")
    c.bye()
    gone(node, c)


def test_O3_two_who_never_agree_are_asked_once_each(rtp):
    """And not without end."""
    cust, agent, node = rtp(trunks=NODE)
    c = call(cust, node)
    a = ring(node, c, agent, "1001")["1001"]
    answers(a, agent, payloads=(8,))
    c.expect("INVITE")
    c.reply(200, sdp=cust.sdp(port=cust.audio.port, payloads=(0,),
                              version=2))
    c.expect("ACK")
    for _ in range(5):
        try:
            m = a.expect(("INVITE", "BYE")[0], timeout=0.4)
        except AssertionError:
            break
        a.reply(200, sdp=agent.sdp(payloads=(8,)), to=m)
        a.expect("ACK")
    hung_up(a)
    ended(node, c, "FAIL", False, "join_failed", number="1001")
    assert len(cust.received("INVITE")) <= 2
    assert len(agent.received("INVITE")) <= 2
    c.bye()
    gone(node, c)


# -- a refresh of ours and a join ---------------------------------------------

@pytest.mark.parametrize("code", [491, 200])
def test_O10_a_join_behind_a_refresh_is_taken_back(world, code):
    """The refresh is not, and the agent who is gone is not offered."""
    cust, agent, node = world.trio(bots={"support": BOT}, timers={
        "session_expires": 6 if code == 200 else 14, "join": "4s"})
    c = connect(cust, node)
    r = c.expect("INVITE", timeout=8)
    if code == 491:
        c.reply(491)
        c.expect("ACK")
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=agent.sdp(port=41000))
    a.expect("ACK")
    node.call("transfer.cancel", call=c.id)
    hung_up(a)
    ended(node, c, "FAIL", False, "cancelled")
    if code == 200:
        c.reply(200, sdp=True, to=r)
        c.expect("ACK")
        c.silence(0.3, lambda m: m.method == "INVITE")
    elif c.peer.arrivals("INVITE") == 1:
        m = c.expect("INVITE", timeout=3)
        assert Sdp(m.body).port != 41000
        c.reply(200, sdp=True)
        c.expect("ACK")
    c.peer.drop_all()
    c.message("ping")
    c.bye()
    gone(node, c)


# -- who is called, and who ended it ------------------------------------------

def test_I7_maddr_leads_elsewhere(world):
    """The trunk's host and port, but another address: not its redirection,
    and no answer to that one's challenge."""
    cust, agent, node = world.trio(bots={"support": BOT}, config={
        "trunks": {"office": {"username": "u", "password": "p",
                              "from": "u"}}})
    evil = world.peer("evil", port=agent.port)
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    refuse(a, 302, contact="<sip:19005551234@%s:%d;maddr=%s>" % (
        agent.ip, agent.port, evil.ip))
    ended(node, c, "FAIL", False, "rejected")
    switch(node, c, method="bridge", continueCall=True,
           sipUri="sip:1@%s:%d;maddr=%s" % (agent.ip, agent.port, evil.ip))
    e = evil.incoming()
    refuse(e, 407, headers=[("Proxy-Authenticate",
                             'Digest realm="x", nonce="abc"')])
    ended(node, c, "FAIL", False, "unauthorized", number="1", count=2,
          logged=False)
    evil.silence(0.1)
    c.bye()
    gone(node, c)


def test_I13_an_address_that_says_nothing_is_passed_over(world):
    dns = Dns({})
    cust, dead = world.peer("cust"), world.peer("dead")
    live = world.peer("live", port=dead.port)
    node = world.node(cust, live, bots={"support": BOT}, env=dns.env, config={
        "trunks": {"office": {"uri": "sip:pbx.test:%d" % live.port}}},
        timers={"first_response": "1500ms"})
    dns.zone["pbx.test"] = [("A", dead.ip), ("A", live.ip)]
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = live.incoming()
    a.reply(180)
    late = dead.incoming()
    dead.drop_all()
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy")
    late.reply(200, sdp=True)   # it is ACKed, and BYEd
    late.expect("ACK")
    hung_up(late)
    dead.drop_all()
    c.bye()
    gone(node, c)
    node.past_invites += 4
    dns.close()


def test_O10_a_new_port_under_the_same_name(world):
    dns = Dns({})
    cust, agent = world.peer("cust"), world.peer("agent")
    moved = world.peer("moved", ip=cust.ip)
    node = world.node(cust, agent, bots={"support": BOT}, env=dns.env)
    dns.zone["phone.test"] = [("A", cust.ip)]
    c = cust.invite(node, contact="<sip:c@phone.test:%d>" % cust.port)
    c.expect(200)
    c.ack()
    track(node, c)
    time.sleep(0.2)
    c.reinvite(contact="<sip:c@phone.test:%d>" % moved.port)
    c.expect(200)
    c.ack()
    time.sleep(0.2)
    node.call("call.hangup", call=c.id)
    bye = moved.expect("BYE")
    moved.reply(bye, 200)
    gone(node, c, "control")
    dns.close()


def test_who_ended_a_call_whose_transfer_was_cancelled(world):
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node)
    switch(node, c, method="bridge")
    a = join(c, agent)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    node.call("transfer.cancel", call=c.id)
    hung_up(a)
    hung_up(c)
    ended(node, c, "SUCCESS", False, "answered", ended_by="control",
          logged=False)
    gone(node, c, "control")
