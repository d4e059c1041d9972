"""Signals: SIGTERM drains, a second one ends at once, SIGHUP."""

import os
import signal

import pytest

from harness.cases import (BOT, connect, ended, gone, hung_up, ping, refuse,
                           switch, until)


@pytest.fixture
def three(world):
    return world.trio(bots={"support": BOT})


@pytest.mark.parametrize("sig", [signal.SIGTERM, signal.SIGINT])
def test_without_calls_it_ends_at_once(three, sig):
    cust, agent, node = three
    ping(cust, node)
    node.process.send_signal(sig)
    assert node.wait_exit(5) == 0
    assert not node.socket.exists()
    cust.request("OPTIONS", node)
    cust.silence(0.3)


def test_with_a_live_call(three):
    """It may end; new ones and OPTIONS get 503 meanwhile."""
    cust, agent, node = three
    c = connect(cust, node)
    node.process.send_signal(signal.SIGTERM)
    node.wait_for("node.draining")
    new = cust.invite(node)
    refusal = new.expect(503)
    assert int(refusal.get("retry-after")) > 0
    r = cust.request("OPTIONS", node)
    assert cust.answer_to(r, 503)
    # The call is served as ever, a transfer included.
    c.message("ping")
    node.wait_for("bot.say", text="pong")
    switch(node, c, method="bridge", continueCall=True)
    a = agent.incoming()
    a.reply(180)
    refuse(a, 486)
    ended(node, c, "FAIL", False, "busy")
    assert node.process.poll() is None
    c.bye()
    assert node.wait_exit(8) == 0
    assert len(node.cdrs()) == 1


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
def test_second_signal_ends_every_leg(three, second):
    cust, agent, node = three
    idle = connect(cust, node)
    rings = connect(cust, node)
    switch(node, rings, method="bridge")
    a = agent.incoming()
    a.reply(180)
    talks = connect(cust, node)
    switch(node, talks, method="bridge")
    b = agent.incoming()
    b.reply(200, sdp=True)
    b.expect("ACK")
    talks.expect("INVITE")
    talks.reply(200, sdp=True)
    talks.expect("ACK")
    node.wait_for("transfer.progress", call=talks.id, phase="joined")
    node.process.send_signal(signal.SIGTERM)
    node.wait_for("node.draining")
    node.process.send_signal(second)
    for d in (idle, rings, talks, b):
        hung_up(d)
    a.expect("CANCEL")
    a.reply(200)
    refuse(a, 487)
    assert node.wait_exit(10) == 0
    rows = {r["call"]: r for r in node.cdrs(3)}
    assert {r["ended_by"] for r in rows.values()} == {"node"}
    t = rows[rings.id]["transfers"][0]
    assert (t["status"], t["reason"]) == ("FAIL", "cancelled")
    t = rows[talks.id]["transfers"][0]
    assert (t["status"], t["hangup"]) == ("SUCCESS", False)


def test_timer_drain_ends_what_is_left(world):
    cust, agent, node = world.trio(bots={"support": BOT},
                                   timers={"drain": "500ms"})
    c = connect(cust, node)
    node.process.send_signal(signal.SIGTERM)
    hung_up(c)
    assert node.wait_exit(8) == 0
    assert node.cdrs()[0]["ended_by"] == "node"


def test_second_signal_with_peers_who_do_not_answer(three):
    cust, agent, node = three
    c = connect(cust, node)
    node.process.send_signal(signal.SIGTERM)
    node.wait_for("node.draining")
    node.process.send_signal(signal.SIGTERM)
    c.expect("BYE")
    assert node.wait_exit(10) == 0
    assert len(node.cdrs()) == 1


def test_sighup_ends_nothing(three):
    cust, agent, node = three
    c = connect(cust, node)
    node.process.send_signal(signal.SIGHUP)
    node.wait_line("reload: done")
    assert len(node.lines("SIGHUP")) == 1
    c.message("ping")
    node.wait_for("bot.say", text="pong")
    c.bye()
    gone(node, c)


def test_nobody_reads_what_it_prints(world):
    """A closed stdout or stderr is no reason to die."""
    import subprocess
    from harness.node import TANDEM
    cust, agent, node = world.trio(bots={"support": BOT})
    node.stop()
    p = subprocess.Popen([TANDEM, "-c", str(node.file)], cwd=node.folder,
                         stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        while p.stdout.readline().strip() != b"ready":
            assert p.poll() is None
        p.stdout.close()
        p.stderr.close()
        for _ in range(20):
            cust.invite(node, "999").expect(404)
        ping(cust, node)
        p.send_signal(signal.SIGHUP)
        ping(cust, node)
        p.send_signal(signal.SIGTERM)
        assert p.wait(8) == 0
    finally:
        if p.poll() is None:
            p.kill()
            p.wait(10)


@pytest.mark.parametrize("closed", ["0<&-", "1>&-", "2>&-",
                                    "0<&- 1>&- 2>&-"])
def test_standard_streams_that_are_closed(world, closed):
    """No socket of the node's may take their numbers."""
    import subprocess
    from harness.node import TANDEM
    cust, agent, node = world.trio(bots={"support": BOT})
    node.stop()
    p = subprocess.Popen(["sh", "-c", 'exec "$0" "$@" ' + closed, TANDEM,
                          "-c", str(node.file)], cwd=node.folder)
    try:
        until(node.socket.exists, "the node is not up")
        cust.invite(node, "999").expect(404)
        streams = [os.readlink("/proc/%d/fd/%d" % (p.pid, fd))
                   for fd in range(3)]
        assert not any(s.startswith(("socket:", "anon_inode:"))
                       for s in streams), streams
        p.send_signal(signal.SIGTERM)
        assert p.wait(8) == 0
    finally:
        if p.poll() is None:
            p.kill()
            p.wait(10)
