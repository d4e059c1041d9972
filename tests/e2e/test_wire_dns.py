"""Names: cases I13 (no DNS) and T5 (a Contact or route with a name)."""

import time

import pytest

from harness.cases import (BOT, bring_back, connect, ended, gone, hung_up,
                           join, ping, refuse, switch, until)
from harness.dns import Dns
from harness.tcp import way


@pytest.fixture
def dns(world):
    d = Dns({})
    yield d
    d.close()


def office(world, dns, uri, tcp=False, agents=1, **kw):
    """A customer, agents, and a node whose trunk is a name."""
    cust = world.peer("cust")
    agents = [world.peer("agent%d" % i, tcp=tcp) for i in range(agents)]
    node = world.node(cust, agents[0], bots={"support": BOT}, tcp=True,
                      env=dns.env, config={"trunks": {"office": {
                          "uri": uri}}}, **kw)
    return cust, agents, node


def dial(node, cust, **fields):
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True, **fields)
    return c


def busy(node, c, a, count=1):
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy", count=count)


def test_name_with_port(world, dns):
    """A alone is asked; the name stays in the Request-URI and To."""
    cust, (agent,), node = office(world, dns, "sip:PBX.test:5999")
    dns.zone["pbx.test"] = [("A", agent.ip)]
    c = dial(node, cust, sipUri="sip:x@pbx.TEST:%d" % agent.port)
    a = agent.incoming()
    assert a.invite.uri == "sip:x@pbx.TEST:%d" % agent.port
    assert "pbx.TEST" in a.invite.get("to")
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy", number="x")
    assert {k for _, k in dns.asked} == {"A"}
    c.bye()


def test_name_without_port_by_srv(world, dns):
    cust, (agent,), node = office(world, dns, "sip:pbx.test")
    dns.zone["_sip._udp.pbx.test"] = [("SRV", 0, 0, agent.port, "a.test")]
    dns.zone["a.test"] = [("A", agent.ip)]
    c = dial(node, cust)
    a = agent.incoming()
    assert a.invite.uri.endswith("@pbx.test") and way(a.invite) == "udp"
    busy(node, c, a)
    # What was said is kept.
    asked = len(dns.asked)
    switch(node, c, method="bridge", continueCall=True)
    busy(node, c, agent.incoming(), count=2)
    assert len(dns.asked) == asked
    c.bye()


def test_srv_of_tcp(world, dns):
    cust, (agent,), node = office(world, dns, "sip:pbx.test", tcp=True)
    dns.zone["_sip._tcp.pbx.test"] = [("SRV", 0, 0, agent.port, "a.test")]
    dns.zone["a.test"] = [("A", agent.ip)]
    c = dial(node, cust)
    a = agent.incoming()
    assert a.invite.by == "tcp" and way(a.invite) == "tcp"
    busy(node, c, a)
    c.bye()


def test_transport_decides_which_srv(world, dns):
    cust, (agent,), node = office(world, dns, "sip:pbx.test;transport=tcp",
                                  tcp=True)
    dns.zone["_sip._udp.pbx.test"] = [("SRV", 0, 0, 9, "b.test")]
    dns.zone["_sip._tcp.pbx.test"] = [("SRV", 0, 0, agent.port, "a.test")]
    dns.zone["a.test"] = [("A", agent.ip)]
    c = dial(node, cust)
    a = agent.incoming()
    assert a.invite.by == "tcp"
    busy(node, c, a)
    assert not dns.count("_sip._udp.pbx.test", "SRV")
    c.bye()


def test_srv_priorities_next_when_refused(world, dns):
    """The first cannot be reached (ICMP), the second answers."""
    cust, (first, second), node = office(world, dns, "sip:pbx.test",
                                         agents=2)
    dns.zone["_sip._udp.pbx.test"] = [
        ("SRV", 20, 0, second.port, "b.test"),
        ("SRV", 10, 0, first.port, "a.test")]
    dns.zone["a.test"] = [("A", first.ip)]
    dns.zone["b.test"] = [("A", second.ip)]
    c = dial(node, cust)
    busy(node, c, first.incoming())
    second.silence(0.1)
    first.close()
    switch(node, c, method="bridge", continueCall=True)
    a = second.incoming()
    busy(node, c, a, count=2)
    c.bye()


def test_next_address_on_503_but_not_on_486(world, dns):
    cust, (first, second), node = office(world, dns, "sip:pbx.test",
                                         agents=2)
    dns.zone["_sip._udp.pbx.test"] = [
        ("SRV", 10, 0, first.port, "a.test"),
        ("SRV", 20, 0, second.port, "b.test")]
    dns.zone["a.test"] = [("A", first.ip)]
    dns.zone["b.test"] = [("A", second.ip)]
    c = dial(node, cust)
    one = first.incoming()
    refuse(one, 503)
    two = second.incoming()
    assert two.invite.call_id == one.invite.call_id
    assert two.invite.branch != one.invite.branch
    busy(node, c, two)
    c.bye()


def test_I13_all_addresses_fail(world, dns):
    cust, (agent,), node = office(world, dns, "sip:pbx.test:5999")
    dns.zone["pbx.test"] = [("A", "127.1.2.%d" % i) for i in range(3, 6)]
    c = dial(node, cust)
    ended(node, c, "FAIL", False, "unreachable")
    c.bye()


@pytest.mark.parametrize("what", ["nx", "servfail", "silent", "garbage"])
@pytest.mark.parametrize("uri", ["sip:pbx.test:5999", "sip:pbx.test"])
def test_I13_no_dns(world, dns, uri, what):
    cust, (agent,), node = office(world, dns, uri)
    for name in ("pbx.test", "_sip._udp.pbx.test", "_sip._tcp.pbx.test"):
        dns.zone[name] = what
    c = connect(cust, node)
    start = time.monotonic()
    switch(node, c, method="bridge", continueCall=True)
    ping(cust, node)                # nothing waits for it
    assert time.monotonic() - start < 0.5
    ended(node, c, "FAIL", False, "unreachable")
    assert time.monotonic() - start < 5.5
    c.bye()
    gone(node, c, "customer")


def test_srv_silent_and_then_the_address(world, dns):
    cust, (agent,), node = office(world, dns, "sip:pbx.test")
    dns.zone["_sip._udp.pbx.test"] = "servfail"
    dns.zone["_sip._tcp.pbx.test"] = "servfail"
    dns.zone["pbx.test"] = [("A", agent.ip)]
    other = world.peer("other", ip=agent.ip, port=5060)
    c = dial(node, cust)
    busy(node, c, other.incoming())
    c.bye()


def test_cname_and_ttl_0(world, dns):
    cust, (agent,), node = office(world, dns, "sip:pbx.test:5999")
    dns.zone["x.test"] = [("CNAME", "y.test", 0)]
    dns.zone["y.test"] = [("CNAME", "z.test", 0)]
    dns.zone["z.test"] = [("A", agent.ip, 0)]
    c = connect(cust, node)
    for i in range(2):
        time.sleep(0.05)
        switch(node, c, method="bridge", continueCall=True,
               sipUri="sip:x@x.test:%d" % agent.port)
        refuse(agent.incoming(), 486)
        ended(node, c, "FAIL", False, "busy", count=i + 1, number="x",
              logged=False)
    assert dns.count("x.test") == 2
    c.bye()


def test_ttl_is_kept_to(world, dns):
    cust, (first, second), node = office(world, dns, "sip:pbx.test:5999",
                                         agents=2)
    other = world.peer("other", ip=second.ip, port=first.port)
    dns.zone["x.test"] = [("A", first.ip, 1)]
    c = connect(cust, node)
    uri = "sip:x@x.test:%d" % first.port
    switch(node, c, method="bridge", continueCall=True, sipUri=uri)
    refuse(first.incoming(), 486)
    dns.zone["x.test"] = [("A", second.ip, 1)]
    time.sleep(1.1)
    switch(node, c, method="bridge", continueCall=True, sipUri=uri)
    refuse(other.incoming(), 486)
    ended(node, c, "FAIL", False, "busy", count=2, number="x", logged=False)
    c.bye()


@pytest.mark.parametrize("by", ["customer", "hangup"])
def test_leg_is_ended_while_it_is_looked_up(world, dns, by):
    cust, (agent,), node = office(world, dns, "sip:pbx.test:5999")
    dns.zone["pbx.test"] = "silent"
    c = dial(node, cust)
    until(lambda: dns.asked, "not asked")
    if by == "customer":
        c.bye()
        ended(node, c, "FAIL", True, "caller_gone", logged=False)
    else:
        node.call("call.hangup", call=c.id)
        hung_up(c)
        ended(node, c, "FAIL", False, "cancelled", logged=False)
    gone(node, c)
    assert node.stats()["legs"] == 0


def test_T5_contact_with_a_name(world, dns):
    """The ACK does not wait; what follows goes to where the name leads."""
    cust, (agent, moved), node = office(world, dns, "sip:127.0.0.1:5999",
                                        agents=2)
    dns.zone["desk.test"] = [("A", moved.ip)]
    c = connect(cust, node)
    switch(node, c, method="bridge", continueCall=True,
           sipUri="sip:x@%s:%d" % (agent.ip, agent.port))
    a = agent.incoming()
    a.reply(180)
    contact = "<sip:agent@desk.test:%d>" % moved.port
    agent.reply(a.invite, 200, to=a.local, body=agent.sdp(), contact=contact)
    a.expect("ACK")                 # to where the 200 came from
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    until(lambda: dns.count("desk.test"), "not asked")
    time.sleep(0.2)
    node.call("call.hangup", call=c.id)
    hung_up(c)
    bye = moved.expect("BYE")
    assert bye.uri == "sip:agent@desk.test:%d" % moved.port
    moved.reply(bye, 200)
    ended(node, c, "SUCCESS", False, "answered", number="x", logged=False)


def test_T5_contact_with_a_name_that_leads_nowhere(world, dns):
    cust, (agent,), node = office(world, dns, "sip:127.0.0.1:5999")
    c = connect(cust, node, contact="<sip:cust@nowhere.test>")
    switch(node, c, method="refer")
    c.expect("REFER")               # to where its last message came from
    c.reply(202)
    c.notify()
    ended(node, c, "SUCCESS", False, "answered", logged=False)
    hung_up(c)


def test_T5_record_route_with_a_name(world, dns):
    cust, (proxy,), node = office(world, dns, "sip:127.0.0.1:5999")
    dns.zone["edge.test"] = [("A", proxy.ip)]
    c = connect(cust, node, headers=[
        ("Record-Route", "<sip:edge.test:%d;lr>" % proxy.port)])
    until(lambda: dns.count("edge.test"), "not asked")
    time.sleep(0.2)
    node.call("call.hangup", call=c.id)
    bye = proxy.expect("BYE")
    assert bye.get("route") == "<sip:edge.test:%d;lr>" % proxy.port
    proxy.reply(bye, 200)
    gone(node, c, "control")


def test_many_names_are_bounded(world, dns):
    """Contacts that nobody answers for: calls go on, memory stays."""
    cust, (agent,), node = office(world, dns, "sip:127.0.0.1:5999")
    cust.auto_reply("BYE")
    for i in range(400):
        for name in ("n%d.test", "_sip._udp.n%d.test", "_sip._tcp.n%d.test"):
            dns.zone[name % i] = "silent"
    start = time.monotonic()
    for i in range(400):
        c = cust.invite(node, contact="<sip:c@n%d.test>" % i)
        c.expect(200)
        c.ack()
        c.bye()
    ping(cust, node)
    spans = 1 + (time.monotonic() - start) // 3.6
    assert len({n for n, _ in dns.asked}) <= 64 * spans


def test_name_with_an_account(world, dns):
    """Who calls, and the account, are not lost while the name is looked up."""
    cust, agent = world.peer("cust"), world.peer("agent")
    node = world.node(cust, agent, bots={"support": BOT}, env=dns.env, config={
        "trunks": {"office": {
            "uri": "sip:pbx.test", "username": "me", "password": "secret",
            "from": "4930", "asserted_identity": True, "diversion": True}}})
    dns.zone["_sip._udp.pbx.test"] = [("SRV", 0, 0, agent.port, "a.test")]
    dns.zone["a.test"] = [("A", agent.ip)]
    c = dial(node, cust)
    a = agent.incoming()
    assert "4930@" in a.invite.get("from")
    assert "4915112345678@" in a.invite.get("p-asserted-identity")
    assert "100@" in a.invite.get("diversion")
    first = a.invite
    a.reply(401, headers=[("WWW-Authenticate",
                           'Digest realm="r", nonce="n1"')])
    a.expect("ACK")
    a = agent.incoming()
    assert a.invite.call_id == first.call_id
    assert 'username="me"' in a.invite.get("authorization")
    busy(node, c, a)
    c.bye()
