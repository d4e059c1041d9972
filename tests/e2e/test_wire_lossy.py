"""Calls with hand-overs through a relay that loses and swaps: case T1.

5 % of the datagrams are lost and 5 % come late, on both legs and both ways.
E2E_LOSSY_CALLS asks for more calls than the few of the ordinary run:

    E2E_LOSSY_CALLS=2000 pytest tests/e2e/test_wire_lossy.py
"""

import collections
import os
import queue
import threading
import time

from harness.cases import BOT, ended, gone, switch, track
from harness.relay import Relay

CALLS = int(os.environ.get("E2E_LOSSY_CALLS", "60"))
AT_ONCE = int(os.environ.get("E2E_LOSSY_AT_ONCE", "30"))
LONG = 40       # of one exchange: 64*T1 and more
TIMERS = {"t1": "500ms", "t1x64": "32s", "refer_response": "35s",
          "refer_outcome": "60s", "refer_final": "60s", "refer_bye": "200ms",
          "join": "40s", "first_response": "35s"}


class Lossy:
    """One call of many at the same time, told apart by a header."""

    def __init__(self, node, cust, agent, relay, number):
        self.node, self.agent, self.number = node, agent, number
        c = self.c = cust.invite(relay.front("cust"))
        c.expect(200, LONG)
        c.ack()
        track(node, c)
        node.wait_for("call.answered", timeout=LONG, call=c.id)

    def switch(self, **kw):
        switch(self.node, self.c, headers={"X-Number": str(self.number)},
               **kw)

    def incoming(self):
        m = self.agent.wait(
            lambda m: m.method == "INVITE" and not m.tag("to") and
            m.get("x-number") == str(self.number), "an INVITE", LONG)
        return self.agent.dialog(m)

    def take(self, d, method, status=200, **kw):
        m = d.expect(method, LONG)
        d.reply(status, to=m, **kw)
        return m

    def reinvited(self):
        self.take(self.c, "INVITE", sdp=True)
        self.c.expect("ACK", LONG)

    def request(self, d, method, *args, **kw):
        m = d.request(method, *args, **kw)
        d.expect(200, LONG, to=m)

    def notify(self, text):
        m = self.c.notify(text, status=None)
        self.c.expect(200, LONG, to=m)

    def ended(self, *what, **kw):
        return ended(self.node, self.c, *what, timeout=LONG, logged=False,
                     **kw)

    def gone(self, *by):
        return gone(self.node, self.c, *by, timeout=LONG)


def bridge_and_back(x):
    x.switch(method="bridge", continueCall=True)
    a = x.incoming()
    a.reply(180)
    a.reply(200, sdp=True)
    a.expect("ACK", LONG)
    x.reinvited()
    x.node.wait_for("transfer.progress", timeout=LONG, call=x.c.id,
                    phase="joined")
    x.request(a, "BYE")
    x.reinvited()
    x.ended("SUCCESS", False, "answered", method="bridge")
    x.request(x.c, "MESSAGE", "ping", ctype="text/plain")
    x.request(x.c, "BYE")
    x.gone("customer")


def bridge_and_customer_leaves(x):
    x.switch(method="bridge", continueCall=True)
    a = x.incoming()
    a.reply(200, sdp=True)
    a.expect("ACK", LONG)
    x.reinvited()
    x.node.wait_for("transfer.progress", timeout=LONG, call=x.c.id,
                    phase="joined")
    x.request(x.c, "BYE")
    x.take(a, "BYE")
    x.ended("SUCCESS", True, "answered", ended_by="customer")
    x.gone("customer")


def refer(x):
    x.switch(method="refer")
    x.take(x.c, "REFER", 202)
    x.notify("SIP/2.0 100 Trying\r\n")
    x.notify("SIP/2.0 200 OK\r\n")
    x.ended("SUCCESS", False, "answered", method="refer")
    x.take(x.c, "BYE")
    x.gone()


def refer_refused_then_bridge(x):
    x.switch()
    x.take(x.c, "REFER", 603)
    a = x.incoming()
    a.reply(200, sdp=True)
    a.expect("ACK", LONG)
    x.reinvited()
    x.node.wait_for("transfer.progress", timeout=LONG, call=x.c.id,
                    phase="joined")
    x.request(a, "BYE")
    x.take(x.c, "BYE")
    x.ended("SUCCESS", False, "answered", method="bridge")
    x.gone()


def refer_fails(x):
    x.switch(method="refer", continueCall=True)
    x.take(x.c, "REFER", 202)
    x.notify("SIP/2.0 486 Busy Here\r\n")
    x.ended("FAIL", False, "busy", method="refer")
    x.request(x.c, "BYE")
    x.gone("customer")


def agent_busy(x):
    x.switch(method="bridge", continueCall=True)
    a = x.incoming()
    a.reply(486, to=a.invite)
    a.expect("ACK", LONG)
    x.ended("FAIL", False, "busy")
    x.request(x.c, "BYE")
    x.gone("customer")


def agent_rings_on(x):
    x.switch(method="bridge", timeout=2, continueCall=True)
    a = x.incoming()
    a.reply(180)
    x.ended("FAIL", False, "no_answer")
    # If the INVITE's every 1xx was lost, the CANCEL waits for the next.
    a.reply(180)
    x.take(a, "CANCEL")
    a.reply(487, to=a.invite)
    a.expect("ACK", LONG)
    x.request(x.c, "BYE")
    x.gone("customer")


def customer_leaves_while_it_rings(x):
    x.switch(method="bridge", continueCall=True)
    a = x.incoming()
    a.reply(180)
    x.request(x.c, "BYE")
    x.ended("FAIL", True, "caller_gone")
    a.reply(180)
    x.take(a, "CANCEL")
    a.reply(487, to=a.invite)
    a.expect("ACK", LONG)
    x.gone("customer")


LADDERS = [bridge_and_back, refer, bridge_and_customer_leaves, refer_fails,
           refer_refused_then_bridge, agent_busy, agent_rings_on,
           customer_leaves_while_it_rings]


def test_T1_five_percent_lost_and_swapped(world):
    cust = world.peer("cust", retransmit=True)
    agent = world.peer("agent", retransmit=True)
    node = world.node(None, None, bots={"support": BOT}, timers=TIMERS,
                      start_later=True)
    relay = Relay({"cust": ((cust.ip, cust.port), node.sip),
                   "agent": ((agent.ip, agent.port), node.sip)}, seed=4711)
    # All goes through the relay, also what is sent to a Contact.
    cust.at, agent.at = relay.back("cust"), relay.back("agent")
    try:
        node.set("trunks", {"office": {
            "uri": "sip:%s:%d" % relay.back("agent"),
            "match": [relay.back("cust")[0]]}})
        node.start()
        run(node, cust, agent, relay)
    finally:
        relay.close()


def run(node, cust, agent, relay):
    todo = queue.SimpleQueue()
    wrong, done = [], collections.Counter()

    def worker():
        while not wrong:
            try:
                n = todo.get_nowait()
            except queue.Empty:
                return
            ladder = LADDERS[n % len(LADDERS)]
            try:
                ladder(Lossy(node, cust, agent, relay, n))
                done[ladder.__name__] += 1
            except AssertionError as e:
                wrong.append("call %d, %s: %s" % (n, ladder.__name__, e))

    for n in range(CALLS):
        todo.put(n)
    begun = time.monotonic()
    threads = [threading.Thread(target=worker, daemon=True)
               for _ in range(min(AT_ONCE, CALLS))]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    counts = relay.counts()
    print("%d calls in %.0f s, %s; %s" % (
        sum(done.values()), time.monotonic() - begun, counts, dict(done)))
    assert not wrong, "\n".join(wrong[:5])
    assert sum(done.values()) == CALLS

    # The relay was on every way, and lost what it should.
    for p in (cust, agent):
        assert all(m.src != node.sip for d, m in p.seen if d == "<")
    share = counts["lost"] / (counts["lost"] + counts["passed"])
    assert 0.02 < share < 0.08, counts
    # Copies of old answers still come; then nothing is left at all.
    node.quiet(timeout=60, dialled=0)
    for p in (cust, agent):
        p.drop_all()
