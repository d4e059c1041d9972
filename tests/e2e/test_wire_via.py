"""Media through the node's ports: case O3, and T9 and O8 as they concern it."""

import pytest

from harness.cases import (BOT, bring_back, connect, ended, gone, hung_up,
                           ping, switch, track)
from harness.message import Sdp
from harness.rtp import Rtp

PORTS = [30200, 30239]


@pytest.fixture
def parties(world):
    """Two with sockets for their audio, on a node in mode rtp."""
    made = []

    def start(ports=PORTS, **config):
        config.setdefault("media", {"mode": "rtp", "ports": list(ports)})
        cust, agent, node = world.trio(bots={"support": BOT}, config=config,
                                       timers={"join": "1500ms"})
        for p in (cust, agent):
            p.audio = Rtp(p.ip)
            made.append(p.audio)
        return cust, agent, node
    yield start
    for a in made:
        a.close()
    if world.nodes and world.nodes[-1].process.poll() is None:
        ping(world.peers[0], world.nodes[-1])


def sdp(p, **kw):
    return p.sdp(port=p.audio.port, **kw)


def place(m):
    s = Sdp(m.body)
    return s.address, s.port


def call(cust, node, **kw):
    """A call, and where its audio goes."""
    c = cust.invite(node, sdp=sdp(cust, **kw))
    c.home = place(c.expect(200))
    c.ack()
    track(node, c)
    node.wait_for("call.answered", call=c.id)
    return c


def through_the_node(node, c, agent, **kw):
    """The agent is offered the node's ports and answers; nobody re-INVITEs."""
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.home = place(a.invite)
    assert a.home[0] == node.ip and PORTS[0] <= a.home[1] <= PORTS[1]
    assert a.home != c.home
    a.reply(200, sdp=sdp(agent, **kw))
    a.expect("ACK")
    return a


def talk(cust, c, agent, a, there=0, back=0):
    """Both hear each other, from where they were told."""
    x = cust.audio.send(c.home, there)
    assert agent.audio.expect(x, back) == a.home
    x = agent.audio.send(a.home, back)
    assert cust.audio.expect(x, there) == c.home


def over(node, c, a):
    """The agent leaves; the customer is at home already."""
    a.bye()
    c.silence(0.2, lambda m: m.method == "INVITE")
    ended(node, c, "SUCCESS", False, "answered")
    c.message("ping")
    c.bye()
    gone(node, c, "customer")
    assert node.stats()["media_ports"] == 0


NODE = {"trunks": {"office": {"media": "node"}}}


def test_O3_a_trunk_that_says_node(parties):
    cust, agent, node = parties(**NODE)
    c = call(cust, node)
    a = through_the_node(node, c, agent)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    c.silence(0.2, lambda m: m.method == "INVITE")
    talk(cust, c, agent, a)
    assert node.stats()["media_ports"] == 2
    report = cust.audio.report(c.home)
    assert agent.audio.rtcp.recv(100) == report
    over(node, c, a)


def test_O3_a_customer_behind_a_nat(parties):
    """His address is no one's to send to: the port he sends from is learnt."""
    cust, agent, node = parties()
    c = call(cust, node, c="10.1.2.3")
    a = through_the_node(node, c, agent)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    talk(cust, c, agent, a)
    over(node, c, a)


def test_O8_telephone_event_keeps_its_number_per_leg(parties):
    cust, agent, node = parties(**NODE)
    c = call(cust, node, payloads=(0, 8, 96))
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.home = place(a.invite)
    assert Sdp(a.invite.body).payloads == [0, 8, 96]
    a.reply(200, sdp=sdp(agent, payloads=(0, 8, 101)))
    a.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    x = cust.audio.send(c.home, 96)
    agent.audio.expect(x, 101)
    over(node, c, a)


def test_O3_the_joining_re_invite_is_refused(parties):
    """Then the agent is asked to send to the node, and that is enough."""
    cust, agent, node = parties()
    c = call(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    assert place(a.invite) == (cust.ip, cust.audio.port)    # directly
    a.reply(200, sdp=sdp(agent))
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(488)
    c.expect("ACK")
    a.home = place(a.expect("INVITE"))
    assert a.home[0] == node.ip
    a.reply(200, sdp=sdp(agent))
    a.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    talk(cust, c, agent, a)
    over(node, c, a)


@pytest.mark.parametrize("how", [488, "silence"])
def test_O3_and_the_node_is_refused_too(parties, how):
    """The transfer fails, the customer keeps the bot."""
    cust, agent, node = parties()
    c = call(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=sdp(agent))
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(488)
    c.expect("ACK")
    r = a.expect("INVITE")
    if how == 488:
        a.reply(488)
        a.expect("ACK")
    hung_up(a)
    ended(node, c, "FAIL", False, "join_failed")
    if how != 488:
        a.reply(487, to=r)
        a.expect("ACK")
    c.silence(0.1, lambda m: m.method == "INVITE")
    c.message("ping")
    c.bye()
    gone(node, c)


def test_O3_a_second_difference(parties):
    """Two who answer something else each time meet at the node."""
    cust, agent, node = parties()
    c = call(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=sdp(agent))
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=cust.sdp(port=50002, version=2))
    c.expect("ACK")
    assert Sdp(a.expect("INVITE").body).port == 50002
    a.reply(200, sdp=agent.sdp(port=50004, version=2))
    a.expect("ACK")
    a.home = place(a.expect("INVITE"))
    assert a.home[0] == node.ip
    a.reply(200, sdp=sdp(agent, version=3))
    a.expect("ACK")
    home = c.expect("INVITE")
    assert place(home) == c.home
    c.reply(200, sdp=sdp(cust, version=3))
    c.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    talk(cust, c, agent, a)
    over(node, c, a)


def test_O3_the_agent_takes_one_codec_only(parties):
    """A codec must change: one re-INVITE to the customer, with our ports."""
    cust, agent, node = parties(**NODE)
    c = call(cust, node)
    a = through_the_node(node, c, agent, payloads=(8, 101))
    r = c.expect("INVITE")
    assert place(r) == c.home
    assert Sdp(r.body).payloads == [8, 101]
    c.reply(200, sdp=sdp(cust, payloads=(8, 101), version=2))
    c.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    talk(cust, c, agent, a, 8, 8)
    x = cust.audio.send(c.home, 0)
    agent.audio.silence()
    assert x
    over(node, c, a)


def test_O3_and_the_customer_will_not_have_it(parties):
    cust, agent, node = parties(**NODE)
    c = call(cust, node)
    a = through_the_node(node, c, agent, payloads=(8,))
    c.expect("INVITE")
    c.reply(488)
    c.expect("ACK")
    hung_up(a)
    ended(node, c, "FAIL", False, "join_failed")
    c.bye()
    gone(node, c)


def test_O6_hold_and_a_new_place_are_answered_here(parties):
    """The other one is not asked, and hears nothing meanwhile."""
    cust, agent, node = parties(**NODE)
    c = call(cust, node)
    a = through_the_node(node, c, agent)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    c.reinvite(sdp=sdp(cust, direction="sendonly", version=2))
    s = Sdp(c.expect(200).body)
    assert (s.address, s.port, s.direction) == (*c.home, "recvonly")
    c.ack()
    x = agent.audio.send(a.home)
    cust.audio.silence()
    a.silence(0.05, lambda m: m.method == "INVITE")
    c.reinvite(sdp=sdp(cust, direction=None, version=3))
    assert Sdp(c.expect(200).body).direction == "sendrecv"
    c.ack()
    talk(cust, c, agent, a)
    old, agent.audio = agent.audio, Rtp(agent.ip)
    a.reinvite(sdp=sdp(agent, version=2))
    a.expect(200)
    a.ack()
    talk(cust, c, agent, a)
    old.silence(0.05)
    old.close()
    # What the other one does not have is refused, and changes nothing.
    a.reinvite(sdp=sdp(agent, payloads=(9,), version=3))
    a.expect(488)
    talk(cust, c, agent, a)
    # Without a description: ours, and the answer in the ACK.
    c.reinvite(sdp=None)
    assert place(c.expect(200)) == c.home
    c.ack(sdp(cust, version=4))
    talk(cust, c, agent, a)
    agent.audio.close()
    assert x
    over(node, c, a)


def test_T9_a_third_address_is_not_heard(parties):
    cust, agent, node = parties(**NODE)
    c = call(cust, node)
    a = through_the_node(node, c, agent)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    talk(cust, c, agent, a)
    third = Rtp()
    third.send(c.home)
    third.rtp.sendto(b"\x80", c.home)
    third.rtp.sendto(b"x" * 1400, a.home)
    agent.audio.silence(0.1)
    talk(cust, c, agent, a)
    third.close()
    over(node, c, a)


def test_I12_customer_leaves_and_nothing_is_left(parties):
    cust, agent, node = parties(**NODE)
    c = call(cust, node)
    a = through_the_node(node, c, agent)
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")
    gone(node, c, "customer")
    assert node.stats()["media_ports"] == 0


def test_no_ports_left_for_the_agent(parties):
    cust, agent, node = parties(ports=[30240, 30243], **NODE)
    calls = [call(cust, node)]
    switch(node, calls[0], method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(486, to=a.invite)
    a.expect("ACK")
    ended(node, calls[0], "FAIL", False, "busy")
    assert node.stats()["media_ports"] == 1
    calls[0].bye()
    gone(node, calls[0])


def test_hunt_through_the_node(parties):
    """One pair of ports serves all who ring."""
    cust, agent, node = parties(**NODE)
    c = call(cust, node)
    node.call("call.switch", call=c.id, continueCall=True, strategy="all",
              destinations=["1001", "1002"])
    first, second = agent.incoming(), agent.incoming()
    second.home = place(second.invite)
    first.reply(486, to=first.invite)
    first.expect("ACK")
    second.reply(200, sdp=sdp(agent))
    second.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    talk(cust, c, agent, second)
    second.bye()
    ended(node, c, "SUCCESS", False, "answered",
          number=second.invite.uri[4:8])
    c.bye()
    gone(node, c)
