"""A real node: its config, its process, and what must hold when it ends."""

import json
import os
import re
import signal
import subprocess
import time
from pathlib import Path

from . import net
from .lua import lua, merge
from .rpc import Rpc

ROOT = Path(__file__).resolve().parents[3]
TANDEM = os.environ.get("TANDEM") or str(ROOT / "build" / "tandem")
SANITIZER = re.compile(r"AddressSanitizer|LeakSanitizer|ThreadSanitizer|"
                       r"runtime error:|MemorySanitizer")
CHANNEL = "237-test-237-VDQ-28334674"


def tandem(*args, cwd=None, timeout=20, env=None):
    """Runs a command of the executable to its end."""
    p = subprocess.run([TANDEM, *map(str, args)], cwd=cwd, timeout=timeout,
                       stdin=subprocess.DEVNULL, capture_output=True,
                       text=True, errors="replace",
                       env={**os.environ, **(env or {})})
    assert not SANITIZER.search(p.stderr), p.stderr
    return p


class Node:
    """
    A node of one trunk "office": customers call from `customer`, agents
    answer at `agent`. `config` is laid over the base config, `bots` maps a
    name to Lua source or to a path.
    """

    def __init__(self, folder, customer=None, agent=None, bots=None,
                 config=None, timers=None, start=True, ip=None, tcp=False,
                 env=None):
        self.folder = Path(folder)
        self.ip = ip or net.address()
        self.port = net.free_port(self.ip)
        self.sip = (self.ip, self.port)
        self.process = None
        self.rpc = None
        self.checked = False
        self.log_from = self.cdr_from = 0
        self.peers = []         # of this test; see dialled()
        self.past_invites = 0   # seen by those of earlier tests
        self.bots = {}
        for name, source in (bots or {"support": ROOT / "bots" /
                                      "support.lua"}).items():
            if isinstance(source, Path):
                self.bots[name] = str(source)
            else:
                path = self.folder / (name + ".lua")
                path.write_text(source)
                self.bots[name] = path.name
        self.env = env or {}
        self.timers = {"t1x64": "1500ms", "refer_bye": "1s"}
        self.timers.update(timers or {})
        match = [p.ip for p in (customer, agent) if p] or ["127.0.0.0/8"]
        target = agent or customer
        uri = (target.uri if target else "sip:%s:%d" % (self.ip, 9))
        first = "support" if "support" in self.bots else next(
            iter(self.bots))
        base = {
            "sip": {"listen": [by + ":%s:%d" % self.sip for by in
                               (("udp", "tcp") if tcp else ("udp",))]},
            "media": {"mode": "none", "address": self.ip},
            "trunks": {"office": {"uri": uri, "match": match}},
            "channels": {CHANNEL: {"trunk": "office", "number": "100",
                                   "bot": first}},
            "bots": self.bots,
            "timers": self.timers,
            "control": {"listen": ["unix:tandem.sock"]},
            "cdr": {"file": "cdr.jsonl"},
        }
        self.config = merge(base, config or {})
        self.file = self.folder / "tandem.lua"
        self._write()
        self.socket = self.folder / "tandem.sock"
        if start:
            self.start()

    def _write(self):
        self.file.write_text("return " + lua(self.config) + "\n")

    def set(self, key, value):
        """Changes the config of a node that does not run yet."""
        self.config[key] = value
        self._write()

    def start(self, timeout=15):
        self.stderr = open(self.folder / "stderr", "wb")
        self.stdout = open(self.folder / "stdout", "wb")
        self.process = subprocess.Popen(
            [TANDEM, "-c", str(self.file)], cwd=self.folder,
            stdin=subprocess.DEVNULL, stdout=self.stdout,
            stderr=self.stderr, env={**os.environ, **self.env})
        end = time.monotonic() + timeout
        while self.rpc is None:
            if self.process.poll() is not None:
                raise AssertionError("the node did not start, status %d:\n%s"
                                     % (self.process.returncode, self.log()))
            assert time.monotonic() < end, "not ready:\n" + self.log()
            try:
                self.rpc = Rpc(self.socket)
            except OSError:
                time.sleep(0.02)
        self.call("events.subscribe")

    # -- what it says -----------------------------------------------------

    def mark(self):
        """A new test begins: what was said before is not its business."""
        self.rpc.clear()
        self.log_from = self._size("stderr")
        self.cdr_from = self._size("cdr.jsonl")

    def _size(self, name):
        path = self.folder / name
        return path.stat().st_size if path.exists() else 0

    def _text(self, name, start):
        path = self.folder / name
        if not path.exists():
            return ""
        return path.read_bytes()[start:].decode("utf-8", "replace")

    def log(self):
        return self._text("stderr", self.log_from)

    def lines(self, text):
        """Log lines that contain text."""
        return [l for l in self.log().splitlines() if text in l]

    def wait_line(self, text, timeout=5, count=1):
        end = time.monotonic() + timeout
        while True:
            found = self.lines(text)
            if len(found) >= count:
                return found[count - 1]
            assert time.monotonic() < end, "no line with %r in:\n%s" % (
                text, self.log()[-3000:])
            time.sleep(0.02)

    def out(self):
        return (self.folder / "stdout").read_text(errors="replace")

    def cdrs(self, count=1, timeout=5):
        """CDR lines, once there are so many."""
        end = time.monotonic() + timeout
        while True:
            rows = self._text("cdr.jsonl", self.cdr_from).splitlines()
            if len(rows) >= count:
                assert len(rows) == count, rows
                return [json.loads(r) for r in rows]
            assert time.monotonic() < end, "CDRs: %s" % rows
            time.sleep(0.02)

    def call(self, method, /, **params):
        return self.rpc.call(method, **params)

    def wait_for(self, type, **kw):
        return self.rpc.wait_for(type, **kw)

    def said(self, call=None):
        """Texts the bots have said."""
        kw = {"call": call} if call else {}
        return [e["text"] for e in self.rpc.find("bot.say", **kw)
                if "text" in e]

    def live(self):
        """Id of the only live call."""
        calls = self.call("call.list")["calls"]
        assert len(calls) == 1, calls
        return calls[0]["call"]

    def live_calls(self):
        return self.stats()["calls"]

    def stats(self):
        return self.call("node.stats")

    def rss(self):
        """Resident memory in bytes."""
        text = Path("/proc/%d/status" % self.process.pid).read_text()
        return int(re.search(r"VmRSS:\s+(\d+)", text).group(1)) * 1024

    def cpu(self):
        """Seconds of CPU that the process has used."""
        text = Path("/proc/%d/stat" % self.process.pid).read_text()
        fields = text.rsplit(")", 1)[1].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def sanitized(self):
        """Built with a sanitizer, which keeps what is freed for a while."""
        maps = Path("/proc/%d/maps" % self.process.pid).read_text()
        return "libasan" in maps or "libtsan" in maps

    # -- how it ends ------------------------------------------------------

    def quiet(self, timeout=12, dialled=None, deep=True):
        """
        Waits until nothing is left: call, leg, port, session, and if `deep`
        transaction. Of these, those of INVITEs that the node itself has sent
        (`dialled` of them) are kept for the 32 s of RFC 3261's timer D,
        whatever t1x64 is; others for T4, 5 s.
        """
        if dialled is None:
            dialled = self.dialled() if deep else 1 << 30
        end = time.monotonic() + timeout
        while True:
            s = self.stats()
            left = {"calls": s["calls"], "legs": s["legs"],
                    "transactions": max(0, s["transactions"] - dialled),
                    "ports": s["media_ports"],
                    "sessions": sum(b["sessions"] + b["coroutines"]
                                    for b in s["bots"].values())}
            if not any(left.values()):
                return s
            assert time.monotonic() < end, "left behind: %s" % left
            time.sleep(0.05)

    def dialled(self):
        """INVITEs of the node's own that its peers have seen."""
        return self.past_invites + sum(
            len(p.received("INVITE")) for p in self.peers)

    def check_events(self):
        """Numbers without gaps; what starts ends exactly once."""
        with self.rpc.cond:
            events = list(self.rpc.events)
        numbers = [e["seq"] for e in events]
        assert numbers == list(range(numbers[0], numbers[0] + len(numbers))
                               if numbers else []), numbers
        for start, end, key in (
                ("call.started", "call.ended", "call"),
                ("transfer.started", "transfer.ended", "transfer")):
            begun = [e[key] for e in events if e["type"] == start]
            over = [e[key] for e in events if e["type"] == end]
            assert sorted(begun) == sorted(over), (
                "%s %s, %s %s" % (start, begun, end, over))

    def rest(self):
        """A test is over: no call is left; the process may go on."""
        end = time.monotonic() + 12
        while self.live_calls():
            assert time.monotonic() < end, self.call("call.list")
            time.sleep(0.02)
        self.check_events()
        # What is written behind belongs to this test, not to the next.
        if self.config.get("cdr"):
            self.cdrs(len(self.rpc.find("call.ended")))
        time.sleep(0.02)

    def finish(self, deep=True):
        """Everything is over: asserts it, and ends the process."""
        if self.process is None or self.checked:
            return
        self.checked = True
        if self.process.poll() is None:
            self.quiet(deep=deep)
            self.check_events()
            assert self.stop() == 0, "exit status %s:\n%s" % (
                self.process.returncode, self.log()[-2000:])
        else:
            raise AssertionError("the node died, status %s:\n%s" % (
                self.process.returncode, self.log()[-4000:]))

    def stop(self, timeout=15):
        """SIGTERM; returns the exit status."""
        self.process.send_signal(signal.SIGTERM)
        return self.wait_exit(timeout)

    def wait_exit(self, timeout=15):
        self.checked = True
        try:
            status = self.process.wait(timeout)
        except subprocess.TimeoutExpired:
            raise AssertionError("does not end:\n" + self.log()[-3000:])
        assert not SANITIZER.search(self.log()), self.log()
        return status

    def kill(self):
        if self.process and self.process.poll() is None:
            self.process.kill()
            self.process.wait(10)
        if self.rpc:
            self.rpc.close()
            self.rpc = None
        if self.process:
            self.stderr.close()
            self.stdout.close()
