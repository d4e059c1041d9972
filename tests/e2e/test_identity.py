"""What the agent's phone shows, in full (contract 5.4)."""

import re

import pytest

from harness.cases import BOT, connect, ended, gone, ping, refuse, switch
from harness.message import uri_of

ACCOUNT = {"username": "4930123", "password": "s3cret"}
NOBODY = '"Anonymous" <sip:anonymous@anonymous.invalid>'


@pytest.fixture
def dial(world):
    """
    A customer calls, and the agent is dialled: its INVITE. `pbx` are keys of
    the agent's trunk, which is the customer's as well.
    """
    calls = []

    def start(pbx=None, user="100", fields=None, **kw):
        cust, agent, node = world.trio(
            bots={"support": BOT}, config={"trunks": {"office": pbx or {}}})
        c = connect(cust, node, user, **kw)
        switch(node, c, method="bridge", continueCall=True,
               **(fields or {}))
        a = agent.incoming()
        calls.append((node, c, a))
        return node, c, a.invite
    yield start
    for node, c, a in calls:
        refuse(a, 486)
        ended(node, c, "FAIL", False, "busy")
        c.bye()
        gone(node, c, "customer")
        ping(c.peer, node)


def is_nobody(i):
    frm = i.get("From")
    assert frm.startswith(NOBODY + ";tag="), frm
    assert i.all("Privacy") == ["id"]


def said(i):
    """All that the INVITE says of who calls."""
    return " ".join(v.split(";tag=")[0] for n, v in i.headers if n not in (
        "Via", "To", "Call-ID", "CSeq", "Contact", "Content-Length"))


def shown(i, number, name=None):
    """From has this number at our address, and this name."""
    frm = i.get("From")
    host = re.search(r"@([0-9.]+)", i.contact or "") or \
        re.search(r"sip:([0-9.]+)", i.contact)
    assert uri_of(frm) == "sip:%s@%s" % (number, host.group(1)), frm
    assert frm.startswith('"%s" <' % name if name else "<"), frm
    assert i.get("Privacy") is None


# -- From -----------------------------------------------------------------

@pytest.mark.parametrize("pbx", [{}, {"caller_id": "customer", **ACCOUNT},
                                 {"username": "4930123"},
                                 {"from": "4930199"}])
def test_customers_own_number(dial, pbx):
    """No password and no registration, or said so."""
    node, c, i = dial(pbx, frm="+491511", display="Erika")
    shown(i, "+491511", "Erika")
    assert i.get("P-Asserted-Identity") is None
    assert i.get("Diversion") is None


@pytest.mark.parametrize("pbx,number", [
    (ACCOUNT, "4930123"),
    ({**ACCOUNT, "from": "+4930199"}, "+4930199"),
    ({**ACCOUNT, "from": 4930199}, "4930199"),
    ({"username": "u17@carrier.example", "password": "p"}, "u17"),
    ({"from": "+4930199", "caller_id": "trunk"}, "+4930199"),
    ({"username": "u17", "caller_id": "trunk"}, "u17")])
def test_trunks_own_number(dial, pbx, number):
    node, c, i = dial(pbx, frm="+491511", display="Erika")
    shown(i, number)
    assert "491511" not in said(i) and "Erika" not in said(i)
    assert node.wait_for("call.started", call=c.id)["from"] == "+491511"


# -- P-Asserted-Identity and Diversion ------------------------------------

def test_asserted_and_diverted(dial):
    node, c, i = dial({**ACCOUNT, "asserted_identity": True,
                       "diversion": True}, frm="+491511", display="Erika")
    shown(i, "4930123")
    pai = i.all("P-Asserted-Identity")
    assert pai == ['"Erika" <sip:+491511@%s>' % node.ip]
    # RFC 5806 4
    assert i.all("Diversion") == [
        "<sip:100@%s>;reason=unconditional;counter=1" % node.ip]
    assert i.get("Privacy") is None


def test_asserted_beside_the_customers_own(dial):
    node, c, i = dial({"asserted_identity": True}, frm="+491511")
    shown(i, "+491511")
    assert i.all("P-Asserted-Identity") == ["<sip:+491511@%s>" % node.ip]
    assert i.get("Diversion") is None


PAI = [
    ('"Max \\"M\\" Muster" <sip:+491522@carrier.example;user=phone>',
     "+491522", '"Max \\"M\\" Muster"'),
    ("<tel:+49-15(22)>", "+491522", None),
    ("tel:+49.1522;phone-context=x", "+491522", None),
    ("sip:+491522@h", "+491522", None),
    ("<sip:alice@h>, <tel:+491522>", "+491522", None),
    ('<tel:+491522>, "Max" <sip:alice@h>', "+491522", None),
    ('"Max" <sip:alice@h>, <tel:+491522>', "+491522", '"Max"'),
    ("Max <sips:alice@[::1]:5061>", "alice", '"Max"'),
]


@pytest.mark.parametrize("pai,number,name", PAI)
def test_asserted_identity_is_believed(dial, pai, number, name):
    """For the bot, the stream and the agent alike."""
    node, c, i = dial({"asserted_identity": True}, frm="4711",
                      headers=[("P-Asserted-Identity", pai)])
    assert node.wait_for("call.started", call=c.id)["from"] == number
    assert node.call("call.get", call=c.id)["from"] == number
    shown(i, number, name[1:-1] if name else None)
    assert i.all("P-Asserted-Identity") == [
        "%s<sip:%s@%s>" % (name + " " if name else "", number, node.ip)]


def test_asserted_number_with_froms_name(dial):
    node, c, i = dial({"asserted_identity": True}, frm="4711",
                      display="Erika", headers=[
                          ("P-Asserted-Identity", "<sip:alice@h>"),
                          ("P-Asserted-Identity", "<tel:+491522>")])
    shown(i, "+491522", "Erika")


def test_asserted_identity_of_others_is_not(dial):
    node, c, i = dial({}, frm="4711", headers=[
        ("P-Asserted-Identity", '"Max" <tel:+491522>')])
    shown(i, "4711")
    assert i.get("P-Asserted-Identity") is None
    assert node.wait_for("call.started", call=c.id)["from"] == "4711"


# -- anonymous ------------------------------------------------------------

HIDDEN = [
    ({"frm": "anonymous"}, None),
    ({"frm": "Anonymous", "display": "Erika"}, None),
    ({"frm": "4711", "headers": [("Privacy", "id")]}, "4711"),
    ({"frm": "4711", "headers": [("Privacy", "user;critical")]}, "4711"),
    ({"frm": "4711", "headers": [("Privacy", "header; ID")]}, "4711"),
    ({"frm": "anonymous", "display": "Erika", "headers": [
        ("P-Asserted-Identity", '"Max" <tel:+491522>'),
        ("Privacy", "id")]}, "+491522"),
    ({"frm": "anonymous", "headers": [
        ("P-Asserted-Identity", "<tel:+491522>")]}, "+491522"),
]


@pytest.mark.parametrize("kw,number", HIDDEN)
@pytest.mark.parametrize("asserted", [False, True])
@pytest.mark.parametrize("account", [{}, ACCOUNT])
def test_anonymous_stays_anonymous(dial, kw, number, asserted, account):
    """The number in P-Asserted-Identity alone, and no name anywhere."""
    node, c, i = dial({**account, "asserted_identity": asserted}, **kw)
    is_nobody(i)
    pai = i.all("P-Asserted-Identity")
    assert pai == (["<sip:%s@%s>" % (number, node.ip)]
                   if asserted and number else [])
    assert "Erika" not in said(i) and "Max" not in said(i)
    assert not node.wait_for("call.started", call=c.id).get("from")
    if not asserted and number:
        assert number not in said(i)


@pytest.mark.parametrize("value", ["none", "critical", "session", "", ";;"])
def test_privacy_that_is_not_about_the_caller(dial, value):
    node, c, i = dial({}, frm="4711", headers=[("Privacy", value)])
    shown(i, "4711")


def test_anonymous_number_is_for_the_trunk_alone(world):
    """RFC 3325 7: not for a host that is outside the trust domain."""
    cust, agent, node = world.trio(
        bots={"support": BOT},
        config={"trunks": {"office": {"asserted_identity": True}}})
    stranger = world.peer("stranger")
    for headers, want in (([("Privacy", "id")], []), ([], ["4711"])):
        c = connect(cust, node, frm="4711", headers=headers)
        switch(node, c, sipUri="eve@%s:%d" % (stranger.ip, stranger.port),
               method="bridge", continueCall=True)
        a = stranger.incoming()
        assert [re.search(r"sip:(\w+)@", v).group(1) for v in
                a.invite.all("P-Asserted-Identity")] == want
        refuse(a, 486)
        ended(node, c, "FAIL", False, "busy", number="eve")
        c.bye()
        gone(node, c, "customer")


# -- hostile --------------------------------------------------------------

# RFC 3261 25.1, as far as From goes: quoted-string of UTF-8, or none; a
# sip: URI with or without user; a tag.
NAME_ADDR = re.compile(
    r'(?:"(?:[^"\\\x00-\x1f\x7f]|\\[\x20-\x7e])*" )?'
    r'<sip:(?:(?:[\w.!~*\'()&=+$,;?/-]|%[0-9A-Fa-f]{2})+@)?[0-9a-z.]+>'
    r'(?:;tag=[^;]+|;reason=unconditional;counter=1)?', re.ASCII)

NAMES = ['x', 'a\\"b', 'back\\\\slash', 'Grüße 日本', 'y' * 10000,
         '%n%s%x', '<sip:evil@x>', 'tab\there', '\\\x01', ';tag=1']
USERS = ["", "+49%22<", "%0d%0aX-Evil:%201", "a" * 10000, "ü", "%00",
         "x;y=z", "a%", "-._~", "%41%0A"]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
@pytest.mark.parametrize("asserted", [False, True])
def test_hostile_names(dial, name, asserted):
    value = '"%s" <sip:4711@h>' % name
    node, c, i = dial(
        {"asserted_identity": asserted, "diversion": True}, frm="4711",
        display=None if asserted else name,
        headers=[("P-Asserted-Identity", value)] if asserted else ())
    valid(i)
    assert "4711@" in i.get("From")


@pytest.mark.parametrize("user", USERS, ids=range(len(USERS)))
@pytest.mark.parametrize("where", ["From", "P-Asserted-Identity"])
def test_hostile_users(world, user, where):
    cust, agent, node = world.trio(
        bots={"support": BOT}, config={"trunks": {"office": {
            "asserted_identity": True, "diversion": True}}})
    frm, headers = "4711", ()
    if where == "From":
        frm = user
    else:
        headers = [(where, "<sip:%s@h>" % user)]
    c = cust.invite(node, frm=frm, headers=headers)
    if c.expect((200, 400)).status == 400:
        return
    c.ack()
    c.id = node.wait_for("call.started", sip_call_id=c.call_id)["call"]
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    valid(a.invite)
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy")
    c.bye()
    gone(node, c, "customer")


@pytest.mark.parametrize("pai", [
    "garbage", "<", '"', "<sip:>", ", , ,", "<tel:>", "<mailto:a@b>", "*",
    '"open <sip:a@b>', "sip:a@b," * 900, "<tel:%s>" % ("1" * 9000),
    "\x01\x02", "<tel:()-.>"], ids=range(13))
def test_hostile_identities(dial, pai):
    """What cannot be read asserts nothing."""
    node, c, i = dial({"asserted_identity": True}, frm="4711",
                      headers=[("P-Asserted-Identity", pai)])
    valid(i)


@pytest.mark.parametrize("pai", [
    "<tel:alice>", "<tel:+49\r\n 1>", "<tel:1%0d>", "<tel:1,2>", "<sip:@h>",
    "<sip:h>", "<https://1@h>"])
def test_what_is_no_number(dial, pai):
    """From's is taken then."""
    node, c, i = dial({"asserted_identity": True}, frm="4711",
                      headers=[("P-Asserted-Identity", pai)])
    shown(i, "4711")
    assert node.wait_for("call.started", call=c.id)["from"] == "4711"


def valid(i):
    for name in ("From", "P-Asserted-Identity", "Diversion"):
        for value in i.all(name):
            assert NAME_ADDR.fullmatch(value), value
    assert len(i.all("From")) == 1 and i.tag("from")
    assert i.get("X-Evil") is None
    assert len(i.bytes()) < 8000


def test_wrong_keys_are_told_without_the_secret(world):
    node = world.node
    with pytest.raises(AssertionError) as e:
        node(config={"trunks": {"office": {
            "password": "sw0rdfish", "username": 'a"b',
            "from": "sip:x@y"}}})
    text = str(e.value)
    assert "trunks.office.from: must be a number" in text, text
    assert "trunks.office.username: must have neither" in text, text
    assert "sw0rdfish" not in text
    world.nodes.clear()
