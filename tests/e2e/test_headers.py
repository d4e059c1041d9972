"""What the agent's phone shows and which headers reach it (5.4, 5.5)."""

import pytest

from harness.cases import (BOT, NUMBER, connect, ended, gone, ping, refuse,
                           switch)
from harness.message import uri_of


def over(c, node, a, reason="busy", code=486, **kw):
    refuse(a, code)
    ended(node, c, "FAIL", False, reason, **kw)
    c.bye()
    gone(node, c, "customer")


def test_custom_headers_pass_on_and_the_switch_overrides(world):
    cust, agent, node = world.trio(bots={"support": BOT}, config={
        "trunks": {"office": {"headers": ["User-to-User", "x-listed"]}}})
    c = connect(cust, node, headers=[
        ("X-Customer", "4711"), ("x-lower", "kept as written"),
        ("X-Both", "customer's"), ("User-to-User", "56a3;encoding=hex"),
        ("Priority", "urgent"), ("Subject", "not listed"),
        ("X-Long", "y" * 300), ("X-Utf8", "Grüße"), ("X-Twice", "1"),
        ("X-Twice", "2")])
    switch(node, c, method="bridge", continueCall=True, headers={
        "X-Both": "switch's", "callReason": "support", "X-Int": 7})
    a = agent.incoming()
    i = a.invite
    assert i.get("X-Customer") == "4711"
    assert i.all("X-Both") == ["switch's"]
    assert i.get("callReason") == "support"
    assert i.written("callReason") == "callReason"
    assert i.written("x-lower") == "x-lower"
    assert i.get("X-Int") == "7"
    assert i.get("User-to-User") == "56a3;encoding=hex"
    assert i.get("X-Long") == "y" * 300
    assert i.get("X-Utf8") == "Grüße"
    assert ", ".join(i.all("X-Twice")).replace(" ", "") == "1,2"
    assert i.get("Priority") is None and i.get("Subject") is None
    over(c, node, a)


def test_customers_number_and_name_in_from(world):
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node, frm="+4915112345", display="Erika Muster")
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    frm = a.invite.get("from")
    assert uri_of(frm).startswith("sip:+4915112345@%s" % node.ip), frm
    assert "Erika Muster" in frm
    assert a.invite.get("privacy") is None
    assert a.invite.call_id != c.call_id
    assert a.invite.contact.endswith("@%s:%d" % node.sip) or \
        a.invite.contact == "sip:%s:%d" % node.sip or \
        ("%s:%d" % node.sip) in a.invite.contact
    over(c, node, a)


@pytest.mark.parametrize("display", ["Anonymous", None])
def test_anonymous_stays_anonymous(world, display):
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node, frm="anonymous", display=display)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    frm = a.invite.get("from")
    assert "sip:anonymous@anonymous.invalid" in frm, frm
    assert "Anonymous" in frm
    assert a.invite.get("privacy") == "id"
    over(c, node, a)


def test_bytes_that_are_no_utf8(world):
    """They reach nobody who reads UTF-8: the stream and the CDR are valid."""
    cust, agent, node = world.trio(bots={"support": BOT})
    m = cust.build("INVITE", "sip:100@%s:%d" % node.sip, node,
                   body=cust.sdp(), call_id="odd-XX-id",
                   frm='"Dis\u00e9XX" <sip:numXXber@%s>;tag=1' % cust.ip,
                   headers=[("X-Odd", "aXXb")])
    cust.auto_reply("BYE")
    cust.send(m.bytes().replace(b"XX", b"\xff\xbe"), node.sip)
    s = node.wait_for("call.started")
    assert s["sip_call_id"] == "odd-\ufffd\ufffd-id", s
    for c in node.call("call.list")["calls"]:
        node.call("call.hangup", call=c["call"])
    node.wait_for("call.ended")
    assert node.cdrs()[0]["sip_call_id"] == "odd-\ufffd\ufffd-id"
    cust.drop_all()


def test_I14_max_forwards_goes_down_and_a_loop_ends(world):
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node, max_forwards=30)
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    assert a.invite.get("max-forwards") == "29"
    over(c, node, a)
    c = connect(cust, node, max_forwards=10)
    switch(node, c, method="bridge", continueCall=True)
    ended(node, c, "FAIL", False, "rejected", logged=False)
    c.bye()
    gone(node, c)
    assert len(agent.received("INVITE")) == 1


def test_separators_are_dropped_on_the_wire(world):
    cust, agent, node = world.trio(bots={"support": BOT})
    number = "+49 (30) 555-12.34"
    c = connect(cust, node)
    switch(node, c, number=number, method="bridge", continueCall=True)
    a = agent.incoming()
    assert a.invite.uri == "sip:+49305551234@%s:%d" % (agent.ip, agent.port)
    over(c, node, a, number=number)


@pytest.mark.parametrize("number,user", [
    (16123456789, "16123456789"), ("*72#", "*72%23"), ("00", "00")])
def test_numbers(world, number, user):
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node)
    switch(node, c, number=number, method="bridge", continueCall=True)
    a = agent.incoming()
    got = a.invite.uri.split(":")[1].split("@")[0]
    assert got.replace("#", "%23") == user, a.invite.uri
    over(c, node, a, number=str(number))


@pytest.fixture
def two_trunks(world):
    cust, desk, far = (world.peer(n) for n in ("cust", "desk", "far"))
    node = world.node(cust, desk, bots={"support": BOT}, config={
        "trunks": {"far": {"uri": far.uri, "match": [far.ip],
                           "headers": ["X-Far"]}},
        "channels": {"far": {"trunk": "far", "number": "300",
                             "bot": "support"}}})
    return cust, desk, far, node


def test_transferChannel_takes_its_trunk(two_trunks):
    cust, desk, far, node = two_trunks
    c = connect(cust, node)
    # auto: another trunk than the customer's means a bridge.
    switch(node, c, transferChannel="far")
    a = far.incoming()
    assert a.invite.uri == "sip:%s@%s:%d" % (NUMBER, far.ip, far.port)
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy", method="bridge")
    c.expect("BYE")
    c.reply(200)
    gone(node, c)


def test_unknown_transferChannel_warns_and_means_the_default(two_trunks):
    cust, desk, far, node = two_trunks
    c = connect(cust, node)
    switch(node, c, transferChannel="no-such-channel", method="bridge",
           continueCall=True)
    a = desk.incoming()
    node.wait_line("no-such-channel")
    assert len(node.lines("no-such-channel")) == 1
    over(c, node, a)


def test_call_that_comes_over_the_other_trunk(two_trunks):
    cust, desk, far, node = two_trunks
    c = connect(far, node, "300")
    s = node.wait_for("call.started", call=c.id)
    assert (s["trunk"], s["channel"]) == ("far", "far")
    switch(node, c, method="bridge", continueCall=True)
    a = far.incoming()
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy")
    c.bye()
    gone(node, c)


@pytest.mark.parametrize("scheme", ["", "sip:"])
def test_sipUri_of_a_trunk(two_trunks, scheme):
    cust, desk, far, node = two_trunks
    c = connect(cust, node)
    switch(node, c, sipUri="%sann@%s:%d" % (scheme, far.ip, far.port))
    a = far.incoming()
    assert a.invite.uri == "sip:ann@%s:%d" % (far.ip, far.port)
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy", method="bridge", number="ann")
    c.expect("BYE")
    c.reply(200)
    gone(node, c)


def test_sipUri_wins_over_phoneNumber_and_may_be_anybody(two_trunks, world):
    cust, desk, far, node = two_trunks
    direct = world.peer("direct")
    c = connect(cust, node)
    node.call("call.switch", call=c.id, phoneNumber="1", method="bridge",
              continueCall=True,
              sipUri="sip:bob@%s:%d;x=y" % (direct.ip, direct.port))
    a = direct.incoming()
    assert a.invite.uri == "sip:bob@%s:%d;x=y" % (direct.ip, direct.port)
    over(c, node, a, number="bob")


def test_nobody_listens_there(two_trunks):
    cust, desk, far, node = two_trunks
    c = connect(cust, node)
    switch(node, c, number=None, sipUri="sip:x@%s:9" % desk.ip,
           method="bridge", continueCall=True)
    node.past_invites += 1      # nobody has seen it
    ended(node, c, "FAIL", False, "unreachable", number="x", timeout=7)
    c.message("ping")
    c.bye()
    gone(node, c)


def test_refer_to_is_valid_and_escaped(world):
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node, headers=[("X-From-Customer", "a=b&c")])
    switch(node, c, number="+49 30/5".replace("/", "-"), method="refer",
           continueCall=True,
           headers={"X-Odd": "a?b&c=d <e>;\"f\" 100%", "X-B": "2"})
    r = c.expect("REFER")
    value = r.get("refer-to")
    uri = uri_of(value)
    head, _, query = uri.partition("?")
    assert head == "sip:+49305@%s:%d" % (agent.ip, agent.port)
    from urllib.parse import unquote
    got = {k: unquote(v) for k, v in (p.split("=") for p in
                                      query.split("&"))}
    assert got["X-Odd"] == "a?b&c=d <e>;\"f\" 100%"
    assert got["X-B"] == "2"
    assert got["X-From-Customer"] == "a=b&c"
    # The switch's own come first.
    assert query.index("X-B") < query.index("X-From-Customer")
    assert not any(ch in uri for ch in '<>" ')
    assert uri_of(r.get("referred-by")).startswith("sip:")
    c.reply(202)
    c.notify("SIP/2.0 486 Busy\r\n")
    ended(node, c, "FAIL", False, "busy", number="+49 30-5")
    c.bye()


def test_refer_to_headers_are_bounded(world):
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node)
    switch(node, c, method="refer", continueCall=True, headers={
        "X-A": "a" * 400, "X-B": "b" * 400, "X-C": "c" * 400,
        "X-D": "d" * 400})
    r = c.expect("REFER")
    uri = uri_of(r.get("refer-to"))
    assert len(uri.partition("?")[2]) <= 1024
    assert "a" * 400 in uri or "b" * 400 in uri
    node.wait_line("left out")
    c.reply(603)
    ended(node, c, "FAIL", False, "refer_rejected")
    c.bye()


@pytest.mark.parametrize("allow,method", [
    (None, "REFER"), ("INVITE, ACK, BYE, CANCEL, REFER", "REFER"),
    ("INVITE, ACK, BYE, CANCEL", "INVITE"),
])
def test_auto_by_the_customers_allow(world, allow, method):
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node, allow=allow)
    switch(node, c)
    if method == "REFER":
        c.expect("REFER")
        c.reply(202)
        c.notify()
    else:
        a = agent.incoming()
        refuse(a, 486)
        c.expect("BYE")
        c.reply(200)
        gone(node, c)
        return
    c.bye()
    gone(node, c)


@pytest.mark.parametrize("policy,allow,method", [
    ("never", None, "INVITE"),
    ("always", "INVITE, ACK, BYE", "REFER"),
])
def test_auto_by_the_trunks_refer(world, policy, allow, method):
    cust, agent, node = world.trio(bots={"support": BOT}, config={
        "trunks": {"office": {"refer": policy}}})
    c = connect(cust, node, allow=allow)
    switch(node, c)
    if method == "INVITE":
        refuse(agent.incoming(), 486)
        c.expect("BYE")
        c.reply(200)
    else:
        c.expect("REFER")
        c.reply(202)
        c.notify()
        c.bye()
    gone(node, c)


@pytest.mark.parametrize("fields", [{"continueCall": True},
                                    {"continueRecording": True}])
def test_auto_bridges_for_continue(world, fields):
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node)
    switch(node, c, **fields)
    refuse(agent.incoming(), 486)
    if "continueCall" in fields:
        c.bye()
    else:
        c.expect("BYE")
        c.reply(200)
    gone(node, c)


def test_dtmf_by_info(world):
    cust, agent, node = world.trio(bots={"support": BOT})
    c = connect(cust, node)
    r = c.request("INFO", "Signal=5\r\nDuration=160\r\n",
                  ctype="application/dtmf-relay")
    c.expect(200, to=r)
    e = node.wait_for("dtmf", call=c.id)
    assert e["digits"] == "5"
    c.bye()
    ping(cust, node)
