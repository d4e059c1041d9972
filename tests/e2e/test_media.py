"""Descriptions: what the node says of media, and what it passes on."""

import pytest

from harness.cases import (BOT, bring_back, connect, ended, gone, hung_up,
                           ping, switch, track)
from harness.message import Sdp


def rtp(world, ports=(30000, 30039), **config):
    over = {"media": {"mode": "rtp", "ports": list(ports)}}
    for k, v in config.items():
        over.setdefault(k, {}).update(v)
    return world.trio(bots={"support": BOT}, config=over)


def test_mode_none_answers_inactive(world):
    cust, agent, node = world.trio(bots={"support": BOT})
    c = cust.invite(node, sdp=cust.sdp(payloads=(9, 0, 8, 101)))
    s = Sdp(c.expect(200).body)
    c.ack()
    assert (s.port, s.direction) == (9, "inactive")
    assert s.payloads == [9, 0, 8, 101]     # the offered codecs
    c.bye()


def test_mode_rtp_answers_with_a_port_of_the_range(world):
    cust, agent, node = rtp(world)
    seen = set()
    calls = []
    for _ in range(5):
        c = cust.invite(node, sdp=cust.sdp(payloads=(8, 0, 96)))
        s = Sdp(c.expect(200).body)
        c.ack()
        assert s.address == node.ip
        assert 30000 <= s.port <= 30039 and s.port % 2 == 0
        assert s.direction == "sendrecv"
        # Ours in our order, telephone-event as numbered there.
        assert s.payloads == [0, 8, 96]
        seen.add(s.port)
        calls.append(c)
    assert len(seen) == 5
    assert node.stats()["media_ports"] == 5
    for c in calls:
        c.bye()


def test_mode_rtp_advertises_another_address(world):
    cust, agent, node = rtp(world, media={"mode": "rtp",
                                          "ports": [30000, 30039],
                                          "advertise": "198.51.100.7"})
    c = cust.invite(node)
    s = Sdp(c.expect(200).body)
    c.ack()
    assert s.address == "198.51.100.7"
    c.bye()


def test_no_codec_in_common_is_488(world):
    cust, agent, node = rtp(world)
    c = cust.invite(node, sdp=cust.sdp(payloads=(9, 97)))
    c.expect(488)
    assert node.stats()["media_ports"] == 0
    ping(cust, node)


def test_savp_is_488(world):
    cust, agent, node = rtp(world)
    c = cust.invite(node, sdp=cust.sdp().replace("RTP/AVP", "RTP/SAVP"))
    c.expect(488)


def test_more_calls_than_ports_get_503(world):
    cust, agent, node = rtp(world, ports=(30100, 30107))   # two calls
    calls = [connect(cust, node), connect(cust, node)]
    third = cust.invite(node)
    third.expect(503)
    for c in calls:
        c.bye()
        gone(node, c)
    again = connect(cust, node)
    again.bye()


@pytest.mark.parametrize("mode", ["none", "rtp"])
def test_direct_join_passes_each_side_on(world, mode):
    """o= is ours, c= and m= are the other side's."""
    cust, agent, node = world.trio(bots={"support": BOT}, config={
        "media": {"mode": mode}})
    c = cust.invite(node, sdp=cust.sdp(port=40002, session="111",
                                       extra=["a=ice-ufrag:abcd",
                                              "a=ssrc:1 cname:x",
                                              "a=ptime:20"]))
    first = Sdp(c.expect(200).body)
    c.ack()
    track(node, c)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    offer = Sdp(a.invite.body)
    assert (offer.address, offer.port) == (cust.ip, 40002)
    assert offer.o[1] != "111" and offer.o[0] != "cust"
    assert "ice-ufrag" not in offer.raw and "ssrc" not in offer.raw
    assert offer.payloads == [0, 8, 101]
    a.reply(200, sdp=agent.sdp(port=41002, payloads=(0, 101)))
    a.expect("ACK")
    join = Sdp(c.expect("INVITE").body)
    assert (join.address, join.port) == (agent.ip, 41002)
    assert join.o[:2] == first.o[:2] and join.version > first.version
    assert join.payloads[0] == 0
    c.reply(200, sdp=cust.sdp(port=40002, session="111", version=2))
    c.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    agent.silence(0.2)      # nothing differs: no re-INVITE to the agent
    a.bye()
    back = Sdp(bring_back(c).body)
    assert back.o[:2] == first.o[:2] and back.version > join.version
    assert (back.address, back.port) == (first.address, first.port)
    ended(node, c, "SUCCESS", False, "answered")
    c.bye()


def test_a_customer_whose_answer_differs(world):
    """One re-INVITE to the agent; the shorter list alone is none."""
    cust, agent, node = world.trio(bots={"support": BOT})
    for port, differs in ((40000, False), (40010, True)):
        c = connect(cust, node)
        switch(node, c, method="bridge")
        a = agent.incoming()
        a.reply(200, sdp=agent.sdp(payloads=(0,)))
        a.expect("ACK")
        c.expect("INVITE")
        c.reply(200, sdp=cust.sdp(port=port, payloads=(0,)))
        c.expect("ACK")
        if differs:
            r = a.expect("INVITE")
            assert Sdp(r.body).port == port
            assert Sdp(r.body).version == Sdp(a.peer.received(
                "INVITE")[-2].body).version + 1
            a.reply(200, sdp=agent.sdp(payloads=(0,), version=2))
            a.expect("ACK")
        node.wait_for("transfer.progress", call=c.id, phase="joined")
        agent.silence(0.2)
        c.bye()
        hung_up(a)
        ended(node, c, "SUCCESS", True, "answered", logged=False)


def by_the_node(node, c, a):
    """One re-INVITE to the agent; the customer is not asked at all."""
    s = Sdp(a.expect("INVITE").body)
    assert s.address == node.ip
    a.reply(200, sdp=True)
    a.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    a.bye()
    ended(node, c, "SUCCESS", False, "answered")
    node.wait_for("bot.say", call=c.id, text="Over.")
    assert not c.peer.received("INVITE")
    c.message("ping")
    c.bye()


def test_public_and_private_mixed_is_not_direct(world):
    """The agent is asked to send to the node instead."""
    cust, agent, node = rtp(world)
    c = cust.invite(node, sdp=cust.sdp(c="198.51.100.20"))
    c.expect(200)
    c.ack()
    track(node, c)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=True)                  # a private address
    a.expect("ACK")
    by_the_node(node, c, a)


def test_agents_address_is_not_where_his_signalling_is(world):
    cust, agent, node = rtp(world)
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200, sdp=agent.sdp(c="10.1.2.3"))
    a.expect("ACK")
    by_the_node(node, c, a)


def test_trunks_that_say_direct_need_no_such_proof(world):
    cust, agent, node = rtp(world, trunks={"office": {"media": "direct"}})
    c = cust.invite(node, sdp=cust.sdp(c="198.51.100.20"))
    c.expect(200)
    c.ack()
    track(node, c)
    switch(node, c, method="bridge")
    a = agent.incoming()
    assert Sdp(a.invite.body).address == "198.51.100.20"
    a.reply(200, sdp=agent.sdp(c="10.1.2.3"))
    a.expect("ACK")
    assert Sdp(c.expect("INVITE").body).address == "10.1.2.3"
    c.reply(200, sdp=cust.sdp(c="198.51.100.20"))
    c.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    c.bye()
    hung_up(a)
    ended(node, c, "SUCCESS", True, "answered")


def test_invite_without_sdp(world):
    """Our offer in the 200, the answer in the ACK; none: the call ends."""
    cust, agent, node = rtp(world)
    c = cust.invite(node, sdp=None)
    s = Sdp(c.expect(200).body)
    assert 30000 <= s.port <= 30039
    c.ack(cust.sdp(payloads=(0,)))
    track(node, c)
    node.wait_for("call.answered", call=c.id)
    c.bye()
    gone(node, c, "customer")
    c = cust.invite(node, sdp=None)
    c.expect(200)
    c.ack()
    hung_up(c)
    track(node, c)
    gone(node, c)


def test_agents_200_without_sdp(world):
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(200)
    a.expect("ACK")
    hung_up(a)
    e = node.wait_for("transfer.ended", call=c.id)
    assert e["status"] == "FAIL" and e["reason"] in ("rejected",
                                                     "join_failed"), e
    c.message("ping")
    c.bye()


def test_hold_by_the_customer_is_answered(world):
    cust, agent, node = rtp(world)
    c = connect(cust, node)
    for version, (said, heard) in enumerate((
            ("sendonly", "recvonly"), ("inactive", "inactive"),
            ("recvonly", "sendonly"), (None, "sendrecv")), 2):
        c.reinvite(sdp=cust.sdp(direction=said, version=version))
        s = Sdp(c.expect(200).body)
        assert s.direction == heard, (said, s.raw)
        c.ack()
    c.message("ping")
    c.bye()
    gone(node, c, "customer")
