"""A NOTIFY that does not say how its subscription is: case R11."""

import pytest

from harness.cases import BOT, connect, ended, gone, hung_up, switch


@pytest.mark.parametrize("final, status, reason", [
    ("SIP/2.0 200 OK\r\n", "SUCCESS", "answered"),
    ("SIP/2.0 486 Busy Here\r\n", "FAIL", "busy")])
def test_R11_no_subscription_state_is_active(world, final, status, reason):
    cust, agent, node = world.trio(bots={"support": BOT},
                                   timers={"refer_bye": "300ms"})
    c = connect(cust, node)
    switch(node, c, method="refer")
    c.expect("REFER")
    c.reply(202)
    for text in ("SIP/2.0 100 Trying\r\n", "SIP/2.0 180 Ringing\r\n", ""):
        c.notify(text, state="")
        cust.silence(0.05)
        assert not node.rpc.find("transfer.ended", call=c.id), text
    c.notify(final, state="")
    ended(node, c, status, False, reason, method="refer")
    hung_up(c)
    gone(node, c)
