"""Real peers: Kamailio as a proxy in front of the node, baresip as a phone.

Both are Debian's. One that is not installed fails the test that wants it.
"""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from pathlib import Path

from . import net

KAMAILIO = Path(__file__).resolve().parents[1] / "kamailio" / "proxy.cfg"


def program(name, package):
    for folder in (None, "/usr/sbin:/usr/bin"):
        path = shutil.which(name, path=folder)
        if path:
            return path
    raise AssertionError("%s is not installed (Debian: %s)" % (name,
                                                               package))


class Program:
    """A process with a log, in a session of its own."""

    def __init__(self, folder, name, args):
        self.name = name
        self.path = Path(folder) / (name + ".log")
        self.out = open(self.path, "wb")
        self.process = subprocess.Popen(
            args, stdin=subprocess.DEVNULL, stdout=self.out,
            stderr=subprocess.STDOUT, cwd=folder, start_new_session=True)

    def log(self):
        return self.path.read_text(errors="replace")[-3000:]

    def stop(self):
        for how in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, how)
            except ProcessLookupError:
                pass
            try:
                self.process.wait(5)
                break
            except subprocess.TimeoutExpired:
                continue
        self.out.close()


class Kamailio(Program):
    """`sip` is where it listens; all goes to the node and back."""

    def __init__(self, folder, node):
        ip = net.address()
        self.sip = (ip, net.free_port(ip))
        run = Path(folder) / "kamailio"
        run.mkdir()
        (run / "proxy.cfg").write_text(KAMAILIO.read_text().replace(
            "KAM_SIP", "udp:%s:%d" % self.sip).replace(
            "KAM_NODE", "%s:%d" % node))
        super().__init__(folder, "kamailio", [
            program("kamailio", "kamailio"), "-f", str(run / "proxy.cfg"),
            "-DD", "-E", "-m", "32", "-M", "4", "-Y", str(run),
            "-w", str(run), "-P", str(run / "pid")])

    @property
    def uri(self):
        return "sip:%s:%d" % self.sip

    def ready(self, peer, timeout=15):
        """Waits until an OPTIONS comes back from the node behind it."""
        end = time.monotonic() + timeout
        while True:
            assert self.process.poll() is None, self.log()
            r = peer.request("OPTIONS", self)
            try:
                m = peer.answer_to(r, timeout=0.5)
            except AssertionError:
                assert time.monotonic() < end, "Kamailio: " + self.log()
                continue
            assert m.status == 200, self.log()
            return self


# How baresip -s writes a message that it got or sent.
TRACE = re.compile(rb"\x1b\[36;1m#\nUDP (\S+:\d+) -> (\S+:\d+)\n(.*?)"
                   rb"\x1b\[;m\n", re.S)

CONFIG = """\
sip_listen %(ip)s:%(port)d
net_interface %(ip)s
module_path /usr/lib/baresip/modules
module g711.so
module aubridge.so
module_tmp account.so
module_app menu.so
module_app ctrl_tcp.so
ctrl_tcp_listen %(ip)s:%(control)d
audio_source aubridge,a
audio_player aubridge,a
audio_alert aubridge,b
rtp_ports 41000-49000
"""


class Baresip(Program):
    """A phone, driven by its own control connection (JSON netstrings)."""

    def __init__(self, folder, name, answer="auto", proxy=None):
        self.ip = net.address()
        self.port = net.free_port(self.ip)
        control = net.free_port(self.ip, socket.SOCK_STREAM)
        home = Path(folder) / name
        home.mkdir()
        (home / "config").write_text(CONFIG % {
            "ip": self.ip, "port": self.port, "control": control})
        (home / "accounts").write_text(
            "<sip:%s@%s:%d>;regint=0;answermode=%s;audio_codecs=PCMU%s\n" % (
                name, self.ip, self.port, answer,
                ";outbound=\"%s;lr\"" % proxy if proxy else ""))
        (home / "contacts").write_text("")
        super().__init__(folder, name, [program("baresip", "baresip-core"),
                                        "-s", "-f", str(home)])
        self.events = []
        self.cond = threading.Condition()
        self.control = self._connect((self.ip, control))
        threading.Thread(target=self._run, daemon=True).start()

    @property
    def uri(self):
        return "sip:%s:%d" % (self.ip, self.port)

    def _connect(self, where, timeout=15):
        end = time.monotonic() + timeout
        while True:
            assert self.process.poll() is None, self.log()
            try:
                return socket.create_connection(where, 5)
            except OSError:
                assert time.monotonic() < end, "baresip: " + self.log()
                time.sleep(0.05)

    def _run(self):
        data = b""
        self.control.settimeout(None)
        while True:
            try:
                more = self.control.recv(65536)
            except OSError:
                return
            if not more:
                return
            data += more
            while b":" in data:
                size, _, rest = data.partition(b":")
                if len(rest) < int(size) + 1:
                    break
                with self.cond:
                    self.events.append(json.loads(rest[:int(size)]))
                    self.cond.notify_all()
                data = rest[int(size) + 1:]

    def command(self, name, params=""):
        text = json.dumps({"command": name, "params": params, "token": "t"})
        self.control.sendall(b"%d:%s," % (len(text), text.encode()))

    def wait(self, type, count=1, timeout=10):
        """The count-th event of this type."""
        end = time.monotonic() + timeout
        with self.cond:
            while True:
                found = [e for e in self.events if e.get("type") == type]
                if len(found) >= count:
                    return found[count - 1]
                left = end - time.monotonic()
                assert left > 0, "%s: no %s: %s\n%s" % (
                    self.name, type, self.events, self.log())
                self.cond.wait(left)

    def received(self):
        """[(datagram, from, to)] of its trace: what came in."""
        rows = []
        for m in TRACE.finditer(self.path.read_bytes()):
            src, dst = ((a.decode(), int(p)) for a, p in
                        (m[1].split(b":"), m[2].split(b":")))
            if dst == (self.ip, self.port):
                rows.append((m[3], src, dst))
        return rows

    def stop(self):
        self.control.close()
        super().stop()
