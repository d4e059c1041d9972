"""The way there: routes (case T5), proxies, balancers, NAT."""

import pytest

from harness.cases import (BOT, connect, ended, gone, hung_up, refuse, switch)
from harness.message import Sdp


@pytest.fixture
def four(world):
    """Customer, agent, a proxy before each, and a node."""
    cust, agent = world.peer("cust"), world.peer("agent")
    near, far = world.peer("near"), world.peer("far")
    node = world.node(cust, agent, bots={"support": BOT})
    return cust, agent, near, far, node


def routes(*hops):
    return ["<sip:%s:%d%s>" % (p.ip, p.port, lr) for p, lr in hops]


# -- T5: Record-Route ---------------------------------------------------------

def test_T5_two_hops_to_the_customer(four):
    """Requests of ours go to the nearest hop, with both in Route."""
    cust, agent, near, far, node = four
    path = routes((near, ";lr"), (far, ";lr"))
    c = connect(cust, node, headers=[("Record-Route", h) for h in path])
    switch(node, c, method="refer")
    r = near.expect("REFER")
    assert r.all("route") == path
    assert r.uri == c.invite.contact
    near.reply(r, 202)
    node.call("call.hangup", call=c.id)
    bye = near.expect("BYE")
    assert bye.all("route") == path and bye.uri == c.invite.contact
    near.reply(bye, 200)
    gone(node, c)


def test_T5_two_hops_to_the_agent(four):
    """The other way round, from the 2xx; the ACK goes there too."""
    cust, agent, near, far, node = four
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    path = routes((far, ";lr"), (near, ";lr"))
    agent.reply(a.invite, 200, to=a.local, body=agent.sdp(),
                headers=[("Record-Route", ", ".join(path))])
    ack = near.expect("ACK")
    wanted = ", ".join(reversed(path))
    assert ", ".join(ack.all("route")).replace(",<", ", <") == wanted
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    c.bye()
    bye = near.expect("BYE")
    assert ", ".join(bye.all("route")).replace(",<", ", <") == wanted
    near.reply(bye, 200)
    ended(node, c, "SUCCESS", True, "answered", logged=False)


def test_T5_strict_route(four):
    """RFC 3261 12.2.1.1: the strict router's URI becomes the Request-URI."""
    cust, agent, near, far, node = four
    c = connect(cust, node, headers=[
        ("Record-Route", h) for h in routes((near, ""), (far, ";lr"))])
    node.call("call.hangup", call=c.id)
    bye = near.expect("BYE")
    assert bye.uri == "sip:%s:%d" % (near.ip, near.port)
    assert [h.split(":")[1] for h in ", ".join(bye.all("route")).split(",")
            ][0] == far.ip
    assert c.invite.contact in ", ".join(bye.all("route"))
    near.reply(bye, 200)
    gone(node, c)


@pytest.mark.parametrize("where", ["contact", "route"])
def test_T5_maddr(four, where):
    cust, agent, near, far, node = four
    uri = "sip:x@127.0.0.99:%d;maddr=%s" % (near.port, near.ip)
    if where == "contact":
        c = connect(cust, node, contact="<%s>" % uri)
    else:
        c = connect(cust, node, headers=[("Record-Route", "<%s;lr>" % uri)])
    node.call("call.hangup", call=c.id)
    bye = near.expect("BYE")
    near.reply(bye, 200)
    gone(node, c)


@pytest.mark.parametrize("uri", ["tel:+49123", "http://x/", "urn:a:b",
                                 "mailto:a@b"])
def test_T5_foreign_scheme_in_a_route(four, uri):
    """Nobody to send to by it: to where the peer's messages come from."""
    cust, agent, near, far, node = four
    c = cust.invite(node, headers=[("Record-Route", "<%s>" % uri)])
    m = c.expect((200, 400))
    if m.status == 400:
        return
    c.routes = []
    c.ack()
    started = node.wait_for("call.answered", timeout=3)
    node.call("call.hangup", call=started["call"])
    hung_up(c)


# -- outbound proxy -----------------------------------------------------------

def test_outbound_proxy(world):
    """The INVITE goes there with a Route; Request-URI and To do not."""
    cust, agent, proxy = (world.peer(n) for n in ("cust", "agent", "proxy"))
    route = "sip:%s:%d;lr" % (proxy.ip, proxy.port)
    node = world.node(cust, agent, bots={"support": BOT}, config={
        "trunks": {"office": {"proxy": route}}})
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True)
    a = proxy.incoming()
    assert a.invite.get("route") == "<%s>" % route
    assert a.invite.uri.endswith("@%s:%d" % (agent.ip, agent.port))
    a.reply(180)
    # It did not record its route: the agent is reached directly.
    proxy.reply(a.invite, 200, to=a.local, body=agent.sdp(),
                contact="<sip:agent@%s:%d>" % (agent.ip, agent.port))
    ack = agent.expect("ACK")
    assert not ack.all("route")
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    c.bye()
    bye = agent.expect("BYE")
    assert not bye.all("route")
    agent.reply(bye, 200)
    ended(node, c, "SUCCESS", True, "answered", logged=False)


def test_outbound_proxy_is_cancelled_too(world):
    cust, agent, proxy = (world.peer(n) for n in ("cust", "agent", "proxy"))
    route = "sip:%s:%d;lr" % (proxy.ip, proxy.port)
    node = world.node(cust, agent, bots={"support": BOT}, config={
        "trunks": {"office": {"proxy": route}}})
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True, timeout=1)
    a = proxy.incoming()
    a.reply(180)
    cancel = a.expect("CANCEL")
    assert cancel.get("route") == "<%s>" % route
    a.reply(200)
    refuse(a, 487)
    ended(node, c, "FAIL", False, "no_answer")
    c.bye()


# -- balancer -----------------------------------------------------------------

@pytest.fixture
def behind(world):
    lb, agent = world.peer("lb"), world.peer("agent")
    node = world.node(None, agent, bots={"support": BOT}, config={
        "sip": {"proxies": [lb.ip]},
        "trunks": {"office": {"match": [agent.ip]},
                   "other": {"uri": "sip:127.0.0.1:9",
                             "headers": ["Subject"]}}})
    return lb, agent, node


def test_balancer_names_the_trunk(behind):
    lb, agent, node = behind
    c = connect(lb, node, headers=[("X-Tandem-Trunk", "office"),
                                   ("X-Seen", "1")])
    assert node.wait_for("call.started")["trunk"] == "office"
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    assert a.invite.get("x-seen") == "1"
    assert a.invite.get("x-tandem-trunk") is None
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy")
    c.bye()


@pytest.mark.parametrize("headers", [
    [], [("X-Tandem-Trunk", "nobody")], [("X-Tandem-Trunk", "")],
    [("X-Tandem-Trunk", "office"), ("X-Tandem-Trunk", "other")]])
def test_balancer_that_names_none(behind, headers):
    lb, agent, node = behind
    lb.invite(node, headers=headers).expect(403)


def test_nobody_else_names_a_trunk(behind, world):
    lb, agent, node = behind
    stranger = world.peer("stranger")
    stranger.invite(node, headers=[("X-Tandem-Trunk", "office")]).expect(403)
    c = connect(agent, node, headers=[("X-Tandem-Trunk", "other")])
    assert node.wait_for("call.started")["trunk"] == "office"
    c.bye()


def test_balancer_header_cannot_be_set_by_a_switch(behind):
    lb, agent, node = behind
    c = connect(lb, node, headers=[("X-Tandem-Trunk", "office")])
    switch(node, c, method="bridge", continueCall=True,
           headers={"X-Tandem-Trunk": "other", "X-Mine": "1"})
    a = agent.incoming()
    assert a.invite.get("x-tandem-trunk") is None
    assert a.invite.get("x-mine") == "1"
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy")
    c.bye()


# -- advertise ----------------------------------------------------------------

def names(m):
    """The addresses that a message of the node's calls it by."""
    s = Sdp(m.body)
    return m.contact.split(":")[1], s.address, s.o[5]


def test_advertise_everywhere(world):
    cust, agent = world.peer("cust"), world.peer("agent")
    node = world.node(cust, agent, bots={"support": BOT}, tcp=True, config={
        "sip": {"advertise": "192.0.2.7"}, "media": {"mode": "rtp"}})
    c = connect(cust, node)
    assert names(c.answer) == ("192.0.2.7",) * 3
    c.target = "sip:%s:%d" % node.sip
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    contact, _, origin = names(a.invite)
    assert contact == origin == "192.0.2.7"
    assert a.invite.get("via").startswith("SIP/2.0/UDP 192.0.2.7")
    assert "@192.0.2.7>" in a.invite.get("from")
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy")
    c.bye()


def test_advertise_of_a_trunk(world):
    """Each trunk sees the address that it is told, in calls both ways."""
    cust, agent = world.peer("cust"), world.peer("agent")
    node = world.node(cust, agent, bots={"support": BOT}, config={
        "media": {"mode": "rtp"},
        "trunks": {"office": {"match": [cust.ip], "advertise": "192.0.2.1"},
                   "desk": {"uri": agent.uri, "advertise": "192.0.2.2"}}})
    c = connect(cust, node)
    assert names(c.answer) == ("192.0.2.1",) * 3
    c.target = "sip:%s:%d" % node.sip
    switch(node, c, method="bridge", continueCall=True,
           sipUri="sip:x@%s:%d" % (agent.ip, agent.port))
    a = agent.incoming()
    # Before "office" in the order of names, at the same host and port.
    contact, _, origin = names(a.invite)
    assert contact == origin == "192.0.2.2"
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy", number="x", logged=False)
    c.bye()
