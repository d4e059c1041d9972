"""Fixtures: `world` makes nodes and peers and checks what they leave."""

import os
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parent))

from harness import net                         # noqa: E402
from harness.ladder import Ladder               # noqa: E402
from harness.node import TANDEM, Node           # noqa: E402
from harness.pcap import Pcap, complaints       # noqa: E402
from harness.peer import Peer                   # noqa: E402
from harness.sipp import Sipp                   # noqa: E402
from harness.tcp import TcpPeer                 # noqa: E402


STRICT = os.environ.get("E2E_STRICT")


class World:
    """
    The nodes and peers of one test. `peer()` and `node()` make them; when
    the test has passed, every peer must have taken all that came, and every
    node must be empty and end with status 0.

    A trio's node goes on to the next test of the file that wants the same
    one; that it is empty and ends well is then asserted at the file's end
    (set E2E_STRICT=1 to have it asserted after each test).
    """

    def __init__(self, folder, pool, pcap=None):
        self.folder = folder
        self.pool = pool
        self.pcap = pcap
        self.ladder = Ladder()
        self.peers = []
        self.nodes = []
        self.runs = []
        self.shared = {}        # node -> (key, customer, agent)

    def peer(self, name, ip=None, tcp=False, **kw):
        p = (TcpPeer if tcp else Peer)(name, ip or net.address(),
                                       self.ladder, **kw)
        p.pcap = None if tcp else self.pcap
        self.peers.append(p)
        return p

    def node(self, customer=None, agent=None, start_later=False, **kw):
        folder = self.folder / ("node%d" % len(self.nodes))
        folder.mkdir()
        n = Node(folder, customer, agent, start=False, **kw)
        n.peers = self.peers
        self.nodes.append(n)
        if not start_later:
            n.start()
        return n

    def trio(self, retransmit=False, **kw):
        """A customer, an agent and a node between them."""
        key = repr(sorted(kw.items()))
        if key not in self.pool:
            cust = self.peer("cust", retransmit=retransmit)
            agent = self.peer("agent", retransmit=retransmit)
            node = self.node(cust, agent, **kw)
        else:
            node, places = self.pool.pop(key)
            self.nodes.append(node)
            cust, agent = (
                self.peer(name, ip, port=port, past=past,
                          retransmit=retransmit)
                for name, (ip, port, past) in zip(("cust", "agent"),
                                                  places))
            cust.pcap = agent.pcap = self.pcap
            node.mark()
            node.peers = self.peers
        self.shared[node] = (key, cust, agent)
        return cust, agent, node

    def sipp(self, scenario, target=None, **kw):
        s = Sipp(self.folder, scenario, target, **kw)
        self.runs.append(s)
        return s

    def finish(self):
        for n in self.nodes:
            alive = n.process and n.process.poll() is None
            if n in self.shared and alive and not n.checked and not STRICT:
                n.rest()
            else:
                n.finish(deep=bool(STRICT))
        for p in self.peers:
            assert not p.leftovers(), "%s was not asked about %s" % (
                p.name, p.leftovers())
        for n, (key, *peers) in self.shared.items():
            if not n.checked and key not in self.pool:
                self.nodes.remove(n)
                n.past_invites, n.peers = n.dialled(), []
                self.pool[key] = (n, [(p.ip, p.port, p.call_ids())
                                      for p in peers])

    def kill(self):
        for s in self.runs:
            s.kill()
        for n in self.nodes:
            n.kill()
        for p in self.peers:
            p.close()


@pytest.fixture(scope="module")
def pool():
    """Nodes that wait for the next test; at the end they must be empty."""
    nodes = {}
    yield nodes
    try:
        for node, _ in nodes.values():
            node.log_from = 0
            node.finish()
    finally:
        for node, _ in nodes.values():
            node.kill()


@pytest.fixture(scope="module")
def pcap(tmp_path_factory):
    """All that the nodes of a file sent to its peers, read by tshark."""
    capture = Pcap()
    yield capture
    if not capture.rows:
        return
    path = tmp_path_factory.mktemp("pcap") / "node.pcap"
    capture.write(path)
    lines = complaints(path)
    assert not lines, "tshark on %s:\n%s" % (path, "\n".join(lines[:20]))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    outcome = yield
    report = outcome.get_result()
    if report.when == "call":
        item.failed = report.failed
    if report.failed and hasattr(item, "world"):
        w = item.world
        report.sections.append(("ladder", str(w.ladder)))
        for n in w.nodes:
            report.sections.append(("node log", n.log()[-6000:]))


@pytest.fixture(autouse=True)
def built():
    if not Path(TANDEM).exists():
        pytest.fail("%s is not built" % TANDEM)


@pytest.fixture
def world(tmp_path, request, pool, pcap):
    w = World(tmp_path, pool, pcap)
    request.node.world = w
    try:
        yield w
        if not getattr(request.node, "failed", False):
            w.finish()
    finally:
        w.kill()
