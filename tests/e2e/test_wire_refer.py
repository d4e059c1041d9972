"""REFER and its subscription, as peers really do it: cases R1 to R18.

The hand-over is asked for by `call.switch`; the bot logs what became of it.
After every case the node answers an OPTIONS and nothing is left in it.
"""

import pytest

from harness.cases import (BOT, cancelled, connect, ended, gone,
                           hung_up, ping, switch)

QUICK = {"refer_outcome": "400ms", "refer_response": "600ms",
         "refer_final": "300ms", "refer_bye": "400ms"}


@pytest.fixture
def call(world):
    """Customer, agent, node, and a call that is with the bot."""
    def start(timers=None, **kw):
        cust, agent, node = world.trio(bots={"support": BOT}, timers={
            **QUICK, **(timers or {})}, **kw)
        return cust, agent, node, connect(cust, node)
    yield start
    if world.nodes and world.nodes[-1].process.poll() is None:
        ping(world.peers[0], world.nodes[-1])


def accepted(c, status=202, **kw):
    r = c.expect("REFER")
    c.reply(status, **kw)
    return r


TRYING = "SIP/2.0 100 Trying\r\n"
RINGING = "SIP/2.0 180 Ringing\r\n"
OK = "SIP/2.0 200 OK\r\n"


@pytest.mark.parametrize("status", [200, 202, 204])
def test_R1_any_2xx_means_accepted(call, status):
    cust, agent, node, c = call()
    switch(node, c)
    accepted(c, status)
    c.notify(TRYING)
    c.notify(OK)
    c.bye()
    ended(node, c, "SUCCESS", False, "answered", method="refer")
    gone(node, c)


@pytest.mark.parametrize("early", [[TRYING], [TRYING, OK]])
def test_R2_notify_before_the_2xx(call, early):
    cust, agent, node, c = call()
    switch(node, c)
    r = c.expect("REFER")
    for text in early:
        c.notify(text)
    c.reply(202, to=r)
    if OK not in early:
        c.notify(OK)
    c.bye()
    ended(node, c, "SUCCESS", False, "answered", method="refer")
    gone(node, c)


@pytest.mark.parametrize("code", [486, 503])
def test_R2_refused_after_a_notify_is_no_fallback(call, code):
    """Whatever that peer means, an agent may be ringing already."""
    cust, agent, node, c = call()
    switch(node, c)
    r = c.expect("REFER")
    c.notify(TRYING)
    c.reply(code, to=r)
    ended(node, c, "FAIL", False, "refer_rejected", method="refer")
    hung_up(c)
    gone(node, c)
    assert not agent.received("INVITE")


def test_R3_auto_accepted_and_never_notified_becomes_a_bridge(call):
    cust, agent, node, c = call()
    switch(node, c)
    accepted(c)
    a = agent.incoming()
    node.wait_for("transfer.progress", call=c.id, phase="fallback")
    a.reply(180)
    a.reply(200, sdp=True)
    a.expect("ACK")
    c.expect("INVITE")
    c.reply(200, sdp=True)
    c.expect("ACK")
    a.bye()
    hung_up(c)              # continueCall false: released
    ended(node, c, "SUCCESS", False, "answered", method="bridge")
    gone(node, c)


def test_R3_refer_accepted_and_never_notified(call):
    cust, agent, node, c = call()
    switch(node, c, method="refer")
    accepted(c)
    ended(node, c, "FAIL", False, "no_outcome", method="refer")
    hung_up(c)
    gone(node, c)
    assert not agent.received("INVITE")


@pytest.mark.parametrize("method", ["auto", "refer"])
def test_R3_notified_and_then_silence_is_no_answer(call, method):
    cust, agent, node, c = call()
    switch(node, c, method=method, timeout="1")
    accepted(c)
    c.notify(RINGING)
    # Later ones do not start the wait again.
    cust.silence(0.7)
    c.notify(RINGING)
    e = ended(node, c, "FAIL", False, "no_answer", timeout=1.2)
    assert e["method"] == "refer"
    hung_up(c)
    gone(node, c)
    assert not agent.received("INVITE")


@pytest.mark.parametrize("trying", [False, True])
def test_R4_bye_at_once_after_the_2xx(call, trying):
    cust, agent, node, c = call({"refer_grace": "300ms"})
    switch(node, c)
    accepted(c)
    if trying:
        c.notify(TRYING)
    c.bye()
    ended(node, c, "SUCCESS", False, "no_outcome", method="refer")
    gone(node, c)
    assert not agent.received("INVITE")


def test_R4_late_bye_without_any_notify(call):
    cust, agent, node, c = call({"refer_quick": "100ms",
                                 "refer_grace": "300ms",
                                 "refer_outcome": "5s"})
    switch(node, c)
    accepted(c)
    cust.silence(0.4)
    c.bye()
    ended(node, c, "SUCCESS", False, "no_outcome", method="refer")
    gone(node, c)


def test_R4_late_bye_after_notify_100(call):
    cust, agent, node, c = call({"refer_quick": "100ms",
                                 "refer_grace": "300ms",
                                 "refer_final": "5s"})
    switch(node, c)
    accepted(c)
    c.notify(TRYING)
    cust.silence(0.4)
    c.bye()
    ended(node, c, "FAIL", True, "caller_gone", ended_by="customer")
    gone(node, c, "customer")
    assert not agent.received("INVITE")


def test_R4_final_notify_within_the_grace_decides(call):
    cust, agent, node, c = call({"refer_quick": "100ms"})
    switch(node, c)
    accepted(c)
    c.notify(TRYING)
    cust.silence(0.3)
    c.bye()
    c.notify("SIP/2.0 486 Busy Here\r\n")
    ended(node, c, "FAIL", False, "busy")
    gone(node, c)


def test_R5_refer_sub_false(call):
    cust, agent, node, c = call()
    switch(node, c)
    accepted(c, headers=[("Refer-Sub", "false")])
    ended(node, c, "SUCCESS", False, "no_outcome", method="refer")
    hung_up(c)              # he did not within refer_bye
    gone(node, c)


@pytest.mark.parametrize("text,state,ctype", [
    (TRYING, "terminated;reason=noresource", "message/sipfrag"),
    ("", "terminated;reason=timeout", None),
    ("", "terminated;reason=noresource", None),
    ("", "Terminated ; reason = giveup", None),
])
def test_R6_terminated_without_an_outcome(call, text, state, ctype):
    cust, agent, node, c = call()
    switch(node, c)
    accepted(c)
    c.notify(text, state=state, ctype=ctype)
    ended(node, c, "FAIL", False, "no_outcome", method="refer")
    node.wait_for("bot.say", call=c.id, text="Over.")
    hung_up(c)
    gone(node, c, "bot")
    assert not agent.received("INVITE")


def test_R7_terminated_ends_the_subscription_not_the_call(call):
    cust, agent, node, c = call()
    switch(node, c, method="refer", continueCall=True)
    accepted(c)
    c.notify("SIP/2.0 486 Busy Here\r\n", state="terminated")
    ended(node, c, "FAIL", False, "busy")
    c.message("ping")
    node.wait_for("bot.say", call=c.id, text="pong")
    # The dialog takes another REFER.
    switch(node, c, method="refer", continueCall=True)
    accepted(c)
    c.notify("SIP/2.0 603 Decline\r\n")
    ended(node, c, "FAIL", False, "declined", count=2, logged=False)
    c.bye()
    gone(node, c, "customer")


def test_R8_bye_crosses_the_final_notify(call):
    cust, agent, node, c = call()
    switch(node, c)
    accepted(c)
    c.notify(TRYING)
    b = c.bye(None)
    n = c.notify(OK, status=None)
    c.expect(200, to=b)
    c.expect(200, to=n)
    ended(node, c, "SUCCESS", False, "answered")
    gone(node, c)


def test_R8_bye_300_ms_after_the_202_then_the_final_notify(call):
    cust, agent, node, c = call()
    switch(node, c)
    accepted(c)
    cust.silence(0.2)
    c.bye()
    cust.silence(0.3)
    c.notify("SIP/2.0 503 Service Unavailable\r\n")
    ended(node, c, "FAIL", False, "unreachable")
    gone(node, c)
    assert not agent.received("INVITE")


CODES = [400, 403, 405, 420, 486, 501, 503, 603]


@pytest.mark.parametrize("code", CODES)
def test_R12_refused_refer_ends_refer_rejected(call, code):
    cust, agent, node, c = call()
    switch(node, c, method="refer", continueCall=True)
    c.expect("REFER")
    c.reply(code)
    e = ended(node, c, "FAIL", False, "refer_rejected", timeout=1)
    assert e["sip"]["code"] == code
    c.message("ping")
    c.bye()
    gone(node, c)
    assert not agent.received("INVITE")


def test_R12_auto_bridges_at_once_after_each_refusal(world):
    cust, agent, node = world.trio(bots={"support": BOT}, timers=QUICK)
    for code in CODES:
        c = connect(cust, node)
        switch(node, c)
        c.expect("REFER")
        c.reply(code)
        a = agent.incoming(timeout=1)
        a.reply(486)
        a.expect("ACK")
        ended(node, c, "FAIL", False, "busy", method="bridge",
              logged=False)
        hung_up(c)
        gone(node, c)
    ping(cust, node)


@pytest.mark.parametrize("answer", [None, 408])
@pytest.mark.parametrize("method", ["auto", "refer"])
def test_R12_no_answer_or_408_to_refer(call, answer, method):
    cust, agent, node, c = call()
    switch(node, c, method=method)
    c.expect("REFER")
    if answer:
        c.reply(answer)
    if method == "refer":
        ended(node, c, "FAIL", False, "refer_rejected")
        hung_up(c)
    else:
        a = agent.incoming()
        a.reply(603)
        a.expect("ACK")
        ended(node, c, "FAIL", False, "declined", method="bridge")
        hung_up(c)
    gone(node, c)


@pytest.mark.parametrize("method", ["auto", "refer"])
def test_R12_481_means_the_customer_is_gone(call, method):
    cust, agent, node, c = call()
    switch(node, c, method=method)
    c.expect("REFER")
    c.reply(481)
    ended(node, c, "FAIL", True, "caller_gone")
    gone(node, c)
    cust.auto_reply("BYE", 481)
    assert not agent.received("INVITE")
    cust.silence(0.3, lambda m: m.method not in (None, "BYE"))
    cust.drop_all()


def test_R16_late_notify_2xx_while_the_fallback_rings(call):
    cust, agent, node, c = call()
    switch(node, c)
    accepted(c)
    a = agent.incoming()
    a.reply(180)
    c.notify(OK)
    cancelled(a)
    ended(node, c, "SUCCESS", False, "answered", method="refer")
    c.bye()
    gone(node, c)


def test_R16_late_notify_2xx_after_the_agent_answered(call):
    cust, agent, node, c = call()
    switch(node, c)
    accepted(c)
    a = agent.incoming()
    a.reply(180)
    a.reply(200, sdp=True)
    a.expect("ACK")
    c.expect("INVITE")
    c.notify(OK)
    c.reply(200, to=c.invite, sdp=True)
    c.expect("ACK")
    node.wait_for("transfer.progress", call=c.id, phase="joined")
    agent.silence(0.3)
    a.bye()
    hung_up(c)
    ended(node, c, "SUCCESS", False, "answered", method="bridge",
          ended_by="agent")
    gone(node, c)


@pytest.mark.parametrize("answer", [200, 481, 408])
def test_R18_final_notify_and_no_bye(call, answer):
    cust, agent, node, c = call()
    switch(node, c)
    accepted(c)
    c.notify(OK)
    ended(node, c, "SUCCESS", False, "answered")
    c.expect("BYE", timeout=3)
    c.reply(answer)
    gone(node, c)
    assert node.rpc.find("bot.say", text="Over.") == []
