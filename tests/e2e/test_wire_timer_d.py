"""The last that is kept of a call, RFC 3261's timer D, is given back too."""

from harness.cases import (BOT, bring_back, connect, ended, gone, refuse,
                           switch)


def test_no_transaction_is_left_after_timer_d(world):
    cust, agent, node = world.trio(bots={"support": BOT})
    for answered in (True, False):
        c = connect(cust, node)
        switch(node, c, method="bridge", continueCall=True)
        a = agent.incoming()
        if answered:
            a.reply(200, sdp=True)
            a.expect("ACK")
            bring_back(c)
            a.bye()
            bring_back(c)
            ended(node, c, "SUCCESS", False, "answered")
        else:
            refuse(a, 486)
            ended(node, c, "FAIL", False, "busy")
        c.bye()
        gone(node, c, "customer")
    node.quiet()
    node.quiet(timeout=36, dialled=0)
